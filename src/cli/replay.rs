//! `comfydeck replay RUN`.

use std::path::PathBuf;

use clap_complete::ArgValueCandidates;
use serde_json::json;

use super::follow::Interrupts;
use super::open::Destination;
use super::run_arg::RunArg;
use super::run_output::{self, OutputMode};
use super::{Exit, Failure, complete, history, out};
use crate::config::Config;
use crate::domain::{Run, RunId};
use crate::runner;
use crate::runner::replay::{self, Compared};
use crate::store::{Store, StoreError};
use crate::wire::ansi::scrub_plain;

/// Which run, where, and how to report it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's number, or `last`
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    pub run: RunArg,
    /// Where to run, instead of where it ran
    #[command(flatten)]
    pub place: Destination,
    /// Folder for the outputs, instead of that of the first run
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub mode: OutputMode,
}

/// Sends exactly what a run sent (values, seeds, files by content, its workflow where that travelled along), follows
/// it, and says whether the outputs are the same.
///
/// # Errors
/// When a file is not kept any more, or the new run does not end well.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    let first = args.run.find(&store)?;
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    out::warn(&config.warnings);
    let profile = replay::place_of(&config, &first, args.place.profile.as_deref(), args.place.url.as_deref())
        .map_err(Failure::usage)?;
    for doubt in replay::doubts(&store, &first, &profile) {
        out::note(format!("note: {doubt}"));
    }
    // From here on Ctrl+C is for the run.
    let interrupts = if args.mode.detach { None } else { Some(Interrupts::take()?) };
    let id = runner::enqueue_again(&store, &dirs, first.id, &profile, args.output.as_deref())?;
    runner::ensure(&dirs)
        .map_err(|error| Failure::new(Exit::Lost, format!("run {id} is queued, but not started: {error}")))?;
    let exit =
        run_output::queued_run(&dirs, &store, id, args.mode, interrupts).map_err(Failure::after_sending)?;
    if !args.mode.detach {
        compare(&store, &first, id, args.mode.json)?;
    }
    Ok(exit)
}

/// Says of each output of the first run whether the new one made the same.
fn compare(store: &Store, first: &Run, id: RunId, as_json: bool) -> Result<(), Failure> {
    let run = store.run(id)?.ok_or(StoreError::NoSuchRun(id))?;
    let compared = replay::compare(first, &run);
    if !as_json {
        replay::verdict(first, &compared).iter().for_each(|line| out::note(scrub_plain(line)));
        return Ok(());
    }
    let output = |output: &Compared| {
        json!({
            "name": output.name,
            "before": output.before.to_string_lossy(),
            "now": output.now.as_ref().map(|path| path.to_string_lossy()),
            "same": output.same,
            "how": output.how,
        })
    };
    let line = json!({
        "event": "compared",
        "run": id,
        "with": first.id,
        "same": compared.iter().all(|output| output.same),
        "outputs": compared.iter().map(output).collect::<Vec<_>>(),
    });
    out::print(&format!("{line}\n"))?;
    Ok(())
}
