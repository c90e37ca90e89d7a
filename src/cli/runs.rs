//! `comfydeck runs`: lists runs, newest first.

use clap_complete::ArgValueCandidates;

use super::complete;
use super::console::Console;
use super::{Exit, Failure, history, notebook, out, words};
use crate::domain::batch::BatchId;
use crate::domain::search::Fact;
use crate::domain::{RunId, Search, Status};
use crate::report::{human, json};
use crate::store::RunQuery;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    pub action: Option<notebook::Action>,
    /// Words in prompt, preset, workflow, values, error, tags or note, and keys:
    /// seed:42 status:failed tag:final after:yesterday "red hat" -blurry @saved
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
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
    /// List also what was rejected
    #[arg(long)]
    pub rejected: bool,
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
    if let Some(action) = &args.action {
        return notebook::main(action);
    }
    let (_, store) = history::open()?;
    let saved = store.searches()?;
    let saved = |name: &str| saved.get(name).map(String::as_str);
    let mut search = Search::parse(&args.search, saved).map_err(Failure::usage)?;
    let options = [
        args.status.map(|status| Fact::Status(vec![status])),
        args.preset.map(|preset| Fact::Preset(vec![preset])),
        args.batch.map(|batch| Fact::Batch(vec![batch])),
    ];
    for fact in options.into_iter().flatten() {
        search = search.and(fact);
    }
    let query = RunQuery { search, hides_rejected: !args.rejected, limit: args.limit, ..RunQuery::default() };
    let runs = store.summaries(&query)?;
    if args.json {
        let lines: String = runs.iter().map(|run| format!("{}\n", json::summary(run))).collect();
        out::print(&lines)?;
    } else if runs.is_empty() {
        let any =
            RunQuery { limit: query.limit, hides_rejected: query.hides_rejected, ..RunQuery::default() };
        let none = if query == any { "no runs yet" } else { "no such runs" };
        out::note(none);
    } else {
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        let briefs = store.briefs(&ids)?.into_iter().collect();
        out::print(&human::list(&runs, &briefs, &history::moment(), Console::stdout().paper()))?;
    }
    Ok(Exit::Success)
}
