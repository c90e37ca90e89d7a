//! The arguments of `comfydeck run`.

use std::path::{Path, PathBuf};

use clap_complete::{ArgValueCandidates, ArgValueCompleter};

use crate::cli::batch_args::BatchArgs;
use crate::cli::complete;
use crate::cli::open::Open;
use crate::cli::pairs::Pair;
use crate::cli::run_output::OutputMode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A preset's name, or the path of one; the same as --preset
    #[arg(value_name = "PRESET", conflicts_with = "preset", add = ArgValueCandidates::new(complete::presets))]
    pub name: Option<String>,
    #[command(flatten)]
    pub open: Open,
    /// Set a parameter, by its key or alias: @FILE sends what is in a file, - what comes on standard input
    #[arg(long, value_name = "KEY=VALUE", value_parser = Pair::parse, allow_hyphen_values = true, add = ArgValueCompleter::new(complete::settings))]
    pub set: Vec<Pair>,
    /// Upload a file for a parameter
    #[arg(long, value_name = "KEY=PATH", value_parser = Pair::parse, add = ArgValueCompleter::new(complete::files))]
    pub file: Vec<Pair>,
    /// The seed, where the workflow has one
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<String>,
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Send the workflow along; it replaces the deployment's own
    #[arg(long)]
    pub send_workflow: bool,
    /// The same as --workflow FILE --send-workflow
    #[arg(long, value_name = "FILE", conflicts_with = "workflow")]
    pub override_workflow: Option<PathBuf>,
    /// Send what is left of a preset that is not understood whole, placeholders such as {{STEPS}} as written, and values
    /// that the server does not take
    #[arg(long)]
    pub lenient: bool,
    /// Send {a|b}, __wildcard__ and ${variable} as they are written
    #[arg(long)]
    pub no_expand: bool,
    /// Show what would be sent, secrets hidden, and send nothing
    #[arg(long, conflicts_with_all = ["detach", "logs"])]
    pub dry_run: bool,
    /// Do not ask the server for its log
    #[arg(long, conflicts_with = "logs")]
    pub no_logs: bool,
    #[command(flatten)]
    pub mode: OutputMode,
    /// Folder for the outputs, instead of the profile's or ~/comfydeck
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Run again each time the preset, the workflow, an @FILE or an uploaded file is saved; asked once
    #[arg(long, conflicts_with_all = ["batch", "count", "sweep", "dry_run", "detach"])]
    pub watch: bool,
    /// With --watch: at most N runs
    #[arg(long, value_name = "N", default_value_t = 20, requires = "watch", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub watch_runs: u32,
    /// Send nothing that a run which is done, or about to be, has sent
    #[arg(long, hide = true)]
    pub unless_same: bool,
}

impl Args {
    pub(super) fn preset(&self) -> Option<&str> {
        self.name.as_deref().or(self.open.preset.as_deref())
    }

    pub(super) fn workflow(&self) -> Option<&Path> {
        self.override_workflow.as_deref().or(self.open.workflow.as_deref())
    }

    pub(super) fn sends_workflow(&self) -> bool {
        self.send_workflow || self.override_workflow.is_some()
    }
}
