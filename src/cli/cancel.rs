//! `comfydeck cancel RUN`: asks to cancel a run.

use clap_complete::ArgValueCandidates;

use super::complete;
use super::run_arg::RunArg;
use super::{Exit, Failure, history, out};
use crate::runner;
use crate::store::CancelAnswer;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's number, or `last`
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    pub run: RunArg,
    /// Stop waiting for a server that does not confirm an earlier cancel: the run ends here as lost
    #[arg(long)]
    pub let_go: bool,
}

/// Asks to cancel a run. A run that has ended stays as it is.
///
/// # Errors
/// When there is no such run, or the history cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    let run = args.run.find(&store)?;
    let id = run.id;
    if args.let_go {
        return if runner::let_go(&store, &dirs, id)? {
            out::note(format!("no longer waiting for run {id}; the server may still finish it"));
            Ok(Exit::Success)
        } else {
            Err(Failure::usage(format!("run {id} has not been cancelled, or has ended already")))
        };
    }
    match runner::cancel(&store, &dirs, id)? {
        CancelAnswer::Cancelled => out::note(format!("run {id} was still queued and is cancelled")),
        CancelAnswer::Asked if run.cancel_asked => out::note(format!(
            "run {id} was cancelled before and has not ended yet; `comfydeck cancel {id} --let-go` stops waiting for it"
        )),
        CancelAnswer::Asked => {
            out::note(format!("run {id} is being cancelled; `comfydeck show {id}` shows how it ended"));
        }
        CancelAnswer::Ended(status) => {
            return Err(Failure::usage(format!("run {id} has ended already: {}", status.word())));
        }
    }
    Ok(Exit::Success)
}
