//! `comfydeck show RUN`: shows everything known about a run.

use clap_complete::ArgValueCandidates;

use super::complete;
use super::run_arg::RunArg;
use super::{Exit, Failure, history, out};
use crate::domain::{Run, Workflow, param};
use crate::report::{Names, human, json};
use crate::store::{Store, now};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's number, or `last`
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    pub run: RunArg,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Draw its outputs instead; in a pipe, print their paths
    #[arg(long, conflicts_with = "json")]
    pub preview: bool,
}

/// Shows a run.
///
/// # Errors
/// When there is no such run, or stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (_, store) = history::open()?;
    let run = args.run.find(&store)?;
    if args.preview {
        let files: Vec<_> = run.outputs.iter().map(|output| output.path.clone()).collect();
        if files.is_empty() {
            return Err(Failure::new(Exit::Failed, format!("run {} has no output to draw", run.id)));
        }
        return super::preview::draw(&files, None);
    }
    let names = names(&store, &run)?;
    let text = if args.json {
        let ran = run.result.as_ref().and_then(|result| result.prompt_sha256.as_deref());
        let prompt = ran.map(|hash| store.workflow(hash)).transpose()?.flatten();
        format!("{}\n", json::run(&run, &names, prompt.as_deref()))
    } else {
        human::details(&run, &names, now())
    };
    out::print(&text)?;
    Ok(Exit::Success)
}

/// Names of the run's parameters, from the workflow stored with it.
fn names(store: &Store, run: &Run) -> Result<Names, Failure> {
    let text = store.workflow(&run.request.workflow_hash)?;
    let workflow = text.and_then(|text| Workflow::parse(&text).ok());
    Ok(workflow.as_ref().map(param::names).unwrap_or_default())
}
