//! A small file for each output that is about to be renamed into place, until the history lists that output. When a
//! runner is killed in between, the files left over tell the next one which outputs were already renamed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Store;
use crate::backend::results::outputs::{Intent, Ledger};
use crate::config::dirs::private_dir;
use crate::domain::RunId;

/// Writes intent files, from any thread.
#[derive(Debug)]
struct Notes {
    folder: PathBuf,
}

impl Ledger for Notes {
    fn intend(&self, run: RunId, intent: &Intent) -> io::Result<()> {
        private_dir(&self.folder)?;
        let path = self.folder.join(name(run, intent.inode));
        let written = write(&path, &serde_json::to_vec(intent)?);
        if written.is_err() {
            // A half-written file is useless.
            let _ = fs::remove_file(&path);
        }
        written
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_data()
}

fn name(run: RunId, inode: u64) -> String {
    format!("{run}-{inode}.json")
}

fn run_of(name: &str) -> Option<RunId> {
    name.strip_suffix(".json")?.split_once('-')?.0.parse().ok()
}

impl Store {
    /// The ledger that records each output before it is renamed into place.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(Notes { folder: self.intents_folder() })
    }

    /// Outputs of a run that may have been renamed into place without the history listing them.
    pub fn intents(&self, run: RunId) -> Vec<Intent> {
        let texts = self.notes().into_iter().filter(|(of, _)| *of == run);
        texts.filter_map(|(_, path)| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
    }

    /// Removes the intent of an output that the history now lists.
    pub fn settle_intent(&self, run: RunId, output: &Path) {
        if let Ok(there) = fs::metadata(output) {
            remove(&self.intents_folder().join(name(run, there.ino())));
        }
    }

    /// Removes all intents of a run.
    pub fn forget_intents(&self, run: RunId) {
        self.notes().into_iter().filter(|(of, _)| *of == run).for_each(|(_, path)| remove(&path));
    }

    fn intents_folder(&self) -> PathBuf {
        self.data.join("intents")
    }

    fn notes(&self) -> Vec<(RunId, PathBuf)> {
        // A missing folder means no intents; an unreadable one shows when the runs themselves are read.
        let entries = fs::read_dir(self.intents_folder()).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((run_of(entry.file_name().to_str()?)?, entry.path()))).collect()
    }
}

fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!("{} stays behind: {error}", path.display());
        }
        _ => {}
    }
}
