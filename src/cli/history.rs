//! Opens the history for subcommands.

use jiff::tz::TimeZone;

use super::{Exit, Failure, out};
use crate::config::Dirs;
use crate::domain::{Run, Workflow};
use crate::report::batch::interrupted;
use crate::report::human::Moment;
use crate::runner::{self, RunnerError};
use crate::store::{Store, StoreError, now};

/// Opens the history. When there are open runs it starts a runner if needed, which continues the queue and settles
/// runs that an earlier runner left behind.
///
/// # Errors
/// When the history cannot be used.
pub fn open() -> Result<(Dirs, Store), Failure> {
    let dirs = super::dirs()?;
    let store = Store::open(&dirs)?;
    let counts = store.counts()?;
    if counts.held > 0 && !store.is_read_only() {
        let removed = store.remove_interrupted(now())?;
        if let Some(told) = interrupted(removed) {
            out::note(told);
        }
    }
    if counts.queued + counts.in_flight > 0 {
        // The command can still show the history without a runner.
        if let Err(error) = runner::ensure(&dirs) {
            out::note(format!("comfydeck: {error}"));
        }
    }
    Ok((dirs, store))
}

/// The workflow kept with a run, where it can be read.
///
/// # Errors
/// When the history cannot be read.
pub fn workflow_of(store: &Store, run: &Run) -> Result<Option<Workflow>, Failure> {
    let text = store.workflow(&run.request.workflow_hash)?;
    Ok(text.and_then(|text| Workflow::parse(&text).ok()))
}

/// Now, in the zone of this machine or of `TZ`.
pub fn moment() -> Moment {
    Moment { now: now(), zone: TimeZone::system() }
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
