//! What a person does with the queue as a whole.

use super::{RunnerError, ensure, finish};
use crate::config::{Dirs, handover};
use crate::domain::RunRequest;
use crate::store::{Store, now};

/// Cancels all that is queued: none of it is sent. Returns how many runs that are.
///
/// # Errors
/// When the history cannot be written.
pub fn cancel_queue(store: &Store, dirs: &Dirs) -> Result<usize, RunnerError> {
    let before = store.waiting_handovers()?;
    let cancelled = store.cancel_queue(now())?;
    // A runner that is there does the same; but perhaps none is.
    let still = store.waiting_handovers()?;
    for name in before.difference(&still) {
        let request = RunRequest { handover: Some(name.clone()), ..RunRequest::default() };
        handover::discard(dirs, &request)?;
    }
    finish::tell_of(dirs, &cancelled);
    Ok(cancelled.len())
}

/// Lets all go on that a person holds. Returns how many runs that are.
///
/// # Errors
/// When the history cannot be written, or the runner not started.
pub fn resume_queue(store: &Store, dirs: &Dirs) -> Result<usize, RunnerError> {
    let resumed = store.hold_queue(false)?;
    if resumed > 0 {
        ensure(dirs)?;
    }
    Ok(resumed)
}
