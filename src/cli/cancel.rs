//! `comfydeck cancel RUN`.

use super::run_arg::RunArg;
use super::{Exit, Failure, history, out};
use crate::runner;
use crate::store::CancelAnswer;

/// Which run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's number, or `last`
    #[arg(value_name = "RUN")]
    pub run: RunArg,
    /// Wait no longer for a server that does not confirm an earlier cancel: the run ends here as lost
    #[arg(long)]
    pub let_go: bool,
}

/// Asks a run to end. One that has ended is left as it is.
///
/// # Errors
/// When there is no such run, or the history cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    let run = args.run.find(&store)?;
    let id = run.id;
    if args.let_go {
        return if runner::let_go(&store, &dirs, id)? {
            out::note(format!("run {id} is not waited for any longer; the server may go on with it"));
            Ok(Exit::Success)
        } else {
            Err(Failure::usage(format!("run {id} is none that was asked to end and has not ended")))
        };
    }
    match runner::cancel(&store, &dirs, id)? {
        CancelAnswer::Cancelled => out::note(format!("run {id} was still queued; it is cancelled")),
        CancelAnswer::Asked if run.cancel_asked => out::note(format!(
            "run {id} was asked to end before and has not ended yet; `comfydeck cancel {id} --let-go` waits no longer for it"
        )),
        CancelAnswer::Asked => {
            out::note(format!("run {id} was asked to end; `comfydeck show {id}` tells what became of it"));
        }
        CancelAnswer::Ended(status) => {
            return Err(Failure::usage(format!("run {id} has ended already: it is {}", status.word())));
        }
    }
    Ok(Exit::Success)
}
