//! Disk space reserved for the history, so that a full disk does not lose the end of a run: events are
//! small, and logs stop first.

use std::fs::{self, File};
use std::io::Write as _;

use super::{Store, StoreError};
use crate::config::disk;
use crate::domain::run::UnixMs;
use crate::domain::{RunEvent, RunId, Status};

/// Size in bytes of the file that is deleted when the disk is full.
const RESERVE: usize = 1 << 20;

/// Free bytes below which logs drop lines.
pub(super) const LEFT_BY_LOGS: u64 = 4 << 20;

/// Free bytes below which a disk counts as full.
const FULL: u64 = 64 << 10;

/// Free bytes required before the reserve file is created.
const PLENTY: u64 = 64 << 20;

impl Store {
    /// Creates the reserve file when it is missing and the disk has room. Failing to do so is not an error.
    pub fn keep_reserve(&self) {
        let path = self.data.join("reserve");
        let has_room = disk::free(&self.data).is_some_and(|free| free > PLENTY);
        if path.exists() || !has_room {
            return;
        }
        // Filled with bytes: a sparse file reserves nothing.
        let made = File::create(&path).and_then(|mut file| file.write_all(&vec![b'.'; RESERVE]));
        if made.is_err() {
            let _ = fs::remove_file(&path);
        }
    }

    /// As [`Store::append`]; on a full disk, after deleting the reserve file.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn append_or_use_reserve(
        &self,
        id: RunId,
        now: UnixMs,
        events: &[RunEvent],
    ) -> Result<Status, StoreError> {
        match self.append(id, now, events) {
            Err(StoreError::DiskFull) if fs::remove_file(self.data.join("reserve")).is_ok() => {
                self.append(id, now, events)
            }
            appended => {
                if appended.is_ok() && events.iter().any(|event| matches!(event, RunEvent::Ended(_))) {
                    self.keep_reserve();
                }
                appended
            }
        }
    }

    /// A message when the disk is so full that the history cannot be written; `None` while there is room.
    pub fn disk_trouble(&self) -> Option<String> {
        let is_full = disk::free(&self.data).is_some_and(|free| free < FULL);
        is_full.then(|| {
            format!(
                "the disk of the history ({}) is full, so nothing more can be recorded. Free some space there; runs go on, so do not start them again",
                self.data.display()
            )
        })
    }
}
