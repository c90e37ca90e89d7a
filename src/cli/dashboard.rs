//! `comfydeck` without a subcommand: the dashboard.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{Exit, Failure};
use crate::config::{Config, Dirs};
use crate::tui::{self, TuiError};

/// What to open.
#[derive(Debug, Default, ClapArgs)]
pub struct Args {
    /// The preset to open; without it and without a workflow, what was open last
    #[arg(short = 'P', long, value_name = "NAME")]
    pub preset: Option<String>,
    /// The workflow_api.json to open
    #[arg(short, long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,
    /// The profile to run with
    #[arg(short, long, value_name = "NAME", conflicts_with = "url")]
    pub profile: Option<String>,
    /// The endpoint to run on; credentials come from VIEWCOMFY_CLIENT_ID and VIEWCOMFY_CLIENT_SECRET
    #[arg(short, long, value_name = "ADDRESS")]
    pub url: Option<String>,
}

/// Shows the dashboard until the person leaves it.
///
/// # Errors
/// When there is no terminal, or config or history cannot be used.
pub fn main(args: Args, dirs: Dirs) -> Result<Exit, Failure> {
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    let Args { preset, workflow, profile, url } = args;
    show(tui::Options { dirs, config, profile, url, workflow, preset, demo: false })
}

/// Shows a dashboard with these options.
///
/// # Errors
/// When there is no terminal, or the history cannot be used.
pub fn show(options: tui::Options) -> Result<Exit, Failure> {
    match tui::run(options) {
        Ok(()) => Ok(Exit::Success),
        Err(why @ TuiError::Terminal(_)) => Err(Failure::usage(why)),
        Err(why) => Err(Failure::new(Exit::Failed, why)),
    }
}
