//! When a store that cannot be used is tried again.

use std::time::Duration;

use crate::store::StoreError;

/// How often before the runner gives up.
pub(super) const TRIES: usize = 60;

/// Pause before each try.
pub(super) const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Whether trying again later can help.
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
