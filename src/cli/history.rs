//! Opens the history for subcommands.

use super::{Exit, Failure, out};
use crate::config::Dirs;
use crate::runner::{self, RunnerError};
use crate::store::{Store, StoreError};

/// Opens the history. When there are open runs it starts a runner if needed, which continues the queue and settles
/// runs that an earlier runner left behind.
///
/// # Errors
/// When the history cannot be used.
pub fn open() -> Result<(Dirs, Store), Failure> {
    let dirs = super::dirs()?;
    let store = Store::open(&dirs)?;
    let counts = store.counts()?;
    if counts.queued + counts.in_flight > 0 {
        // The command can still show the history without a runner.
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
