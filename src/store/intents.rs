//! Outputs that are about to get their names: a small file each, from just before that until the history lists the output.
//! What is left of them tells the next runner what became of an output whose runner was killed in between.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Store;
use crate::backend::results::outputs::{Intent, Ledger};
use crate::config::dirs::private_dir;
use crate::domain::RunId;

/// Writes intentions down, from any thread.
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
            // Half a note says nothing.
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
    /// Where outputs are noted before they get their names.
    pub fn ledger(&self) -> Arc<dyn Ledger> {
        Arc::new(Notes { folder: self.intents_folder() })
    }

    /// Outputs of a run that were about to get their names and are not known to be in the history.
    pub fn intents(&self, run: RunId) -> Vec<Intent> {
        let texts = self.notes().into_iter().filter(|(of, _)| *of == run);
        texts.filter_map(|(_, path)| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
    }

    /// The history lists an output.
    pub fn settle_intent(&self, run: RunId, output: &Path) {
        if let Ok(there) = fs::metadata(output) {
            remove(&self.intents_folder().join(name(run, there.ino())));
        }
    }

    /// Nothing is left to be settled of a run.
    pub fn forget_intents(&self, run: RunId) {
        self.notes().into_iter().filter(|(of, _)| *of == run).for_each(|(_, path)| remove(&path));
    }

    fn intents_folder(&self) -> PathBuf {
        self.data.join("intents")
    }

    fn notes(&self) -> Vec<(RunId, PathBuf)> {
        // None were ever made, or the folder cannot be read, which the runs tell.
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
