//! The history, for subcommands that need it.

use super::{Exit, Failure, out};
use crate::config::Dirs;
use crate::runner::{self, RunnerError};
use crate::store::{Store, StoreError};

/// Opens the history. When runs are open, a runner is started unless one is there: it goes on with what is
/// queued and ends what an earlier runner left behind.
///
/// # Errors
/// When the history cannot be used.
pub fn open() -> Result<(Dirs, Store), Failure> {
    let dirs = super::dirs()?;
    let store = Store::open(&dirs)?;
    let counts = store.counts()?;
    if counts.queued + counts.in_flight > 0 {
        // What is asked for can be told without a runner.
        if let Err(error) = runner::ensure(&dirs) {
            out::note(format!("comfydeck: {error}"));
        }
    }
    Ok((dirs, store))
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::Usage, error)
    }
}

impl From<RunnerError> for Failure {
    fn from(error: RunnerError) -> Self {
        let exit = if matches!(error, RunnerError::EndsAtOnce { .. }) { Exit::Lost } else { Exit::Usage };
        Self::new(exit, error)
    }
}
