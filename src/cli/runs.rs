//! `comfydeck runs`.

use clap_complete::ArgValueCandidates;

use super::complete;
use super::console::Console;
use super::{Exit, Failure, history, out, words};
use crate::domain::Status;
use crate::report::{human, json};
use crate::store::{RunQuery, now};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Words in the prompt, preset, workflow, parameters or error
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub search: String,
    /// Only runs with this status: queued, running, done, failed, …
    #[arg(long, value_parser = words::status())]
    pub status: Option<Status>,
    /// Only runs of this preset
    #[arg(short = 'P', long, value_name = "NAME", add = ArgValueCandidates::new(complete::presets))]
    pub preset: Option<String>,
    /// List at most this many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// Lists runs, newest first.
///
/// # Errors
/// When the history cannot be read, or stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (_, store) = history::open()?;
    let query = RunQuery {
        text: args.search,
        status: args.status,
        preset: args.preset,
        before: None,
        limit: args.limit,
    };
    let runs = store.summaries(&query)?;
    if args.json {
        let lines: String = runs.iter().map(|run| format!("{}\n", json::summary(run))).collect();
        out::print(&lines)?;
    } else if runs.is_empty() {
        let none = if query == (RunQuery { limit: query.limit, ..RunQuery::default() }) {
            "no runs yet"
        } else {
            "no such runs"
        };
        out::note(none);
    } else {
        out::print(&human::list(&runs, now(), Console::stdout().width()))?;
    }
    Ok(Exit::Success)
}
