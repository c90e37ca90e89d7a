//! Starts further runners for processes that wait for runs.

use super::{RunnerError, ensure};
use crate::config::Dirs;

/// Runners in a row that may end without any progress before waiting fails.
const MOST_IDLE: u32 = 3;

/// Starts a new runner when one ended before its runs did, unless runners keep ending at once.
#[derive(Debug, Default)]
pub struct Restarts {
    idle: u32,
}

impl Restarts {
    /// Resets the count: the runner that ended had made progress.
    pub fn run_moved(&mut self) {
        self.idle = 0;
    }

    /// Starts a runner unless one is running.
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
