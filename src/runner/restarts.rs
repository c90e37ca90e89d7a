//! Starting the next runner, for those who wait for runs.

use super::{RunnerError, ensure};
use crate::config::Dirs;

/// Runners in a row that may end without having done anything for the runs that are waited for.
const MOST_IDLE: u32 = 3;

/// Starts a runner whenever one has ended before its runs have, unless they all end at once.
#[derive(Debug, Default)]
pub struct Restarts {
    idle: u32,
}

impl Restarts {
    /// Something was done for a run: the runner that ended was not idle.
    pub fn run_moved(&mut self) {
        self.idle = 0;
    }

    /// Starts the next runner, unless one is there.
    ///
    /// # Errors
    /// [`RunnerError::EndsAtOnce`], or as [`ensure`].
    pub fn next(&mut self, dirs: &Dirs) -> Result<(), RunnerError> {
        if self.idle == MOST_IDLE {
            return Err(RunnerError::EndsAtOnce { log: dirs.state.join("runner.log") });
        }
        self.idle += 1;
        ensure(dirs)
    }
}
