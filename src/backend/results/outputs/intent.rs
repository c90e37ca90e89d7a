//! What is noted of an output before it has its name, so that a process which dies in between leaves no
//! output that nobody knows.

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

/// An output that is whole, on the disk, and about to get its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// Its file until then.
    pub temp: PathBuf,
    pub device: u64,
    pub inode: u64,
    /// As it will be told of; its path is the first that is tried.
    pub output: Output,
}

/// Where intentions are noted.
pub trait Ledger: Debug + Send + Sync {
    /// Notes one; it is on the disk when this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    fn intend(&self, run: RunId, intent: &Intent) -> io::Result<()>;
}

impl Intent {
    /// Whether the file at a path is the one that is meant.
    pub fn is_at(&self, path: &Path) -> bool {
        let found = fs::symlink_metadata(path);
        found.is_ok_and(|found| {
            (found.dev(), found.ino(), found.len()) == (self.device, self.inode, self.output.size)
        }) && hash_of(path).is_ok_and(|hash| hash == self.output.sha256)
    }

    /// What became of the output: it has its name, or gets it now. `None` when it is not there any more.
    pub fn settle(&self) -> Option<Output> {
        let path = self.named().or_else(|| self.name())?;
        if path != self.temp && fs::symlink_metadata(&self.temp).is_ok_and(|found| found.ino() == self.inode)
        {
            // The second of its names. That it stays when it cannot be removed does no harm.
            let _ = fs::remove_file(&self.temp);
        }
        Some(Output { path, ..self.output.clone() })
    }

    /// Where it lies under a name of its own.
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
