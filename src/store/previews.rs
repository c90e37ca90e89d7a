//! The newest preview picture of each run at work: a file that is removed when the run ends.

use std::path::PathBuf;

use super::{Store, StoreError};
use crate::config::dirs::private_dir;
use crate::config::files::replace_quickly;
use crate::domain::RunId;

impl Store {
    /// Path of the newest preview of a run at work, if it has one.
    pub fn preview_path(&self, run: RunId) -> PathBuf {
        self.data.join("previews").join(run.to_string())
    }

    /// Replaces a run's preview atomically. Not synced: a power cut may lose it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_preview(&self, run: RunId, picture: &[u8]) -> Result<(), StoreError> {
        let path = self.preview_path(run);
        private_dir(&self.data.join("previews"))
            .and_then(|()| replace_quickly(&path, picture))
            .map_err(StoreError::writing(&path))
    }

    /// Removes the preview of an ended run.
    pub fn drop_preview(&self, run: RunId) {
        match std::fs::remove_file(self.preview_path(run)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(run, "its preview stays behind: {error}");
            }
            _ => {}
        }
    }
}
