//! `comfydeck diff A B`.

use clap_complete::ArgValueCandidates;

use super::console::Console;
use super::run_arg::RunArg;
use super::{Exit, Failure, complete, history, out};
use crate::domain::{graph_changes, param};
use crate::report::difference::TwoRuns;

/// Which runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The first run's number, or `last`
    #[arg(value_name = "A", add = ArgValueCandidates::new(complete::runs))]
    pub first: RunArg,
    /// The second run's number, or `last`
    #[arg(value_name = "B", default_value = "last", add = ArgValueCandidates::new(complete::runs))]
    pub second: RunArg,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Shows what differs between two runs: values, files, graph, time, outputs.
///
/// # Errors
/// When there is no such run, or stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (_, store) = history::open()?;
    let (first, second) = (args.first.find(&store)?, args.second.find(&store)?);
    let workflow = |run| history::workflow_of(&store, run);
    let (before, after) = (workflow(&first)?, workflow(&second)?);
    let graph = match (&before, &after) {
        (Some(before), Some(after)) if before.hash() != after.hash() => graph_changes::between(before, after),
        _ => Vec::new(),
    };
    let mut names = before.as_ref().map(param::names).unwrap_or_default();
    names.extend(after.as_ref().map(param::names).unwrap_or_default());
    let two = TwoRuns { first: &first, second: &second, graph, names };
    let text =
        if args.json { format!("{}\n", two.json()) } else { two.page(Console::stdout().has_colours()) };
    out::print(&text)?;
    Ok(Exit::Success)
}
