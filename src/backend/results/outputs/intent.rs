//! Records an output before it is renamed into place, so that a process that dies in between does
//! not leave an unknown output.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::name_it;
use super::salvage::is_any_temp_name;
use crate::domain::run::{Output, RunId};
use crate::domain::workflow::hex;

/// A complete and synced output that is about to be renamed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Path of its temporary file.
    pub temp: PathBuf,
    pub device: u64,
    pub inode: u64,
    /// As it will be reported; its path is the first name to be tried.
    pub output: Output,
}

/// Stores intents where the next runner finds them.
pub trait Ledger: Debug + Send + Sync {
    /// Stores an intent; it is synced to disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    fn intend(&self, run: RunId, intent: &Intent) -> io::Result<()>;
}

impl Intent {
    /// Whether the file at a path is this output.
    pub fn is_at(&self, path: &Path) -> bool {
        let found = fs::symlink_metadata(path);
        found.is_ok_and(|found| {
            (found.dev(), found.ino(), found.len()) == (self.device, self.inode, self.output.size)
        }) && hash_of(path).is_ok_and(|hash| hash == self.output.sha256)
    }

    /// Finds the output: renamed already, or renamed now. `None` when it no longer exists.
    pub fn settle(&self) -> Option<Output> {
        let path = self.named().or_else(|| self.name())?;
        if path != self.temp && fs::symlink_metadata(&self.temp).is_ok_and(|found| found.ino() == self.inode)
        {
            // Its second hard link; failing to remove it does no harm.
            let _ = fs::remove_file(&self.temp);
        }
        Some(Output { path, ..self.output.clone() })
    }

    /// The final path where it is found.
    fn named(&self) -> Option<PathBuf> {
        if self.is_at(&self.output.path) {
            return Some(self.output.path.clone());
        }
        let entries = fs::read_dir(self.output.path.parent()?).ok()?.flatten();
        let mut named = entries.filter(|entry| {
            let name = entry.file_name();
            entry.ino() == self.inode && !name.to_str().is_some_and(is_any_temp_name)
        });
        named.find_map(|entry| Some(entry.path()).filter(|path| self.is_at(path)))
    }

    fn name(&self) -> Option<PathBuf> {
        if !self.is_at(&self.temp) {
            return None;
        }
        let (dir, name) = (self.output.path.parent()?, self.output.path.file_name()?);
        name_it(dir, &self.temp, &name.to_string_lossy()).ok()
    }
}

fn hash_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hash)?;
    Ok(hex(&hash.finalize()))
}
