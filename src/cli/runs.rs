//! `comfydeck runs`: lists runs, newest first.

use clap_complete::ArgValueCandidates;

use super::complete;
use super::console::Console;
use super::{Exit, Failure, dirs, history, out, words};
use crate::domain::batch::BatchId;
use crate::domain::{RunId, Status};
use crate::report::{human, json, text};
use crate::store::{Prunable, RunQuery, Store, now};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    pub action: Option<Action>,
    /// Words in the prompt, preset, workflow, parameters or error
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub search: String,
    /// Only runs with this status: queued, running, done, failed, …
    #[arg(long, value_parser = words::status())]
    pub status: Option<Status>,
    /// Only runs of this preset
    #[arg(short = 'P', long, value_name = "NAME", add = ArgValueCandidates::new(complete::presets))]
    pub preset: Option<String>,
    /// Only runs of this batch
    #[arg(long, value_name = "N")]
    pub batch: Option<BatchId>,
    /// List at most this many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// Remove old runs from the history, with their logs and inputs; outputs stay, and so do runs with a starred one
    Prune(PruneArgs),
}

#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// Runs that ended longer ago than this: 12h, 30d, 8w
    #[arg(long, value_name = "AGE", value_parser = age, default_value = "30d")]
    pub older: i64,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Reads an age as milliseconds.
fn age(text: &str) -> Result<i64, String> {
    let wrong = || "an age is a number with h, d or w: 12h, 30d, 8w".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let hours = match unit {
        'h' => 1,
        'd' => 24,
        'w' => 7 * 24,
        _ => return Err(wrong()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(hours * 3_600_000).filter(|age| *age >= 0).ok_or_else(wrong)
}

/// Removes old runs, after saying what that frees.
fn prune(args: &PruneArgs) -> Result<Exit, Failure> {
    let store = Store::open(&dirs()?)?;
    let before = now().saturating_sub(args.older);
    let found = store.prunable(before)?;
    if found.runs.is_empty() {
        out::note("no run is that old");
        return Ok(Exit::Success);
    }
    let what = |found: &Prunable| {
        let runs =
            if found.runs.len() == 1 { "1 run".to_owned() } else { format!("{} runs", found.runs.len()) };
        format!("{runs} with {} of logs and inputs", text::bytes(found.bytes))
    };
    let question = format!("Remove {} from the history? Outputs stay.", what(&found));
    if !args.yes && !out::is_agreed(&question)? {
        return Err(Failure::new(Exit::Cancelled, "nothing was removed"));
    }
    // Counted again: time has passed.
    out::note(format!("removed {}", what(&store.prune(before)?)));
    Ok(Exit::Success)
}

/// Lists runs, newest first.
///
/// # Errors
/// When the history cannot be read, or stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    if let Some(Action::Prune(args)) = &args.action {
        return prune(args);
    }
    let (_, store) = history::open()?;
    let query = RunQuery {
        text: args.search,
        status: args.status,
        preset: args.preset,
        batch: args.batch,
        limit: args.limit,
        ..RunQuery::default()
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
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        let briefs = store.briefs(&ids)?.into_iter().collect();
        out::print(&human::list(&runs, &briefs, &history::moment(), Console::stdout().paper()))?;
    }
    Ok(Exit::Success)
}
