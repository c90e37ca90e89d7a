//! Retries of a store that fails.

use std::time::Duration;

use crate::store::StoreError;

/// Number of retries before the runner gives up.
pub(super) const TRIES: usize = 60;

/// Pause before each retry.
pub(super) const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Whether a retry can help.
pub(super) fn may_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Locked
            | StoreError::DiskFull
            | StoreError::ReadOnly { .. }
            | StoreError::NoSharedMemory
            | StoreError::Disk(_)
            | StoreError::File { .. }
            | StoreError::Sql(_)
    )
}
