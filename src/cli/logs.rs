//! `comfydeck logs RUN`: prints a run's log.

use clap_complete::ArgValueCandidates;

use super::complete;
use super::follow::{Followed, Follower, Listener};
use super::run_arg::RunArg;
use super::run_output::LogOutput;
use super::{Exit, Failure, history, out};

/// Log lines per read.
const LINES: usize = 512;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's number, or `last`
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    pub run: RunArg,
    /// Keep printing until the run has ended
    #[arg(short, long)]
    pub follow: bool,
}

/// Prints a run's log.
///
/// # Errors
/// When there is no such run, its log cannot be read, or stdout cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    let run = args.run.find(&store)?;
    let mut to = LogOutput::new();
    if args.follow && !run.status.is_end() {
        let mut follower = Follower::new(&dirs, &store, run.id, None)?;
        if let Followed::Held(hold) = follower.follow(&mut to)? {
            out::note(format!("run {} is {}, so it has no log yet", run.id, hold.why()));
        }
        return Ok(Exit::Success);
    }
    let mut log = store.log(run.id);
    log.refresh()?;
    if log.line_count() == 0 {
        out::note(format!("run {} has no log: the server sent none, or its file was deleted", run.id));
    }
    for first in (0..log.line_count()).step_by(LINES) {
        to.log(&run, &log.lines(first..first + LINES)?);
        to.show(&run)?;
    }
    Ok(Exit::Success)
}
