//! Looks at the files that go into a run, on a thread of its own, and tells when they are saved.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use super::Replies;
use crate::config::dirs::expand;
use crate::library::saves::{LOOK, Saves};
use crate::tui::msg::Msg;

/// A thread that looks at files. Dropped, it ends.
#[derive(Debug)]
pub(super) struct SaveWatcher(Sender<Vec<PathBuf>>);

impl SaveWatcher {
    /// Starts to look at these; what they are now is known.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(files: &[PathBuf], replies: Replies) -> std::io::Result<Self> {
        let (files_of, orders) = mpsc::channel::<Vec<PathBuf>>();
        let mut saves = Saves::new(&whole(files));
        let look = move || {
            loop {
                match orders.recv_timeout(LOOK) {
                    Ok(files) => saves.watch(&files),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                let saved = saves.look(Instant::now());
                if !saved.is_empty() {
                    replies.send(Msg::FilesSaved(saved));
                }
            }
        };
        thread::Builder::new().name("saves".to_owned()).spawn(look)?;
        Ok(Self(files_of))
    }

    /// Looks at these from now on.
    pub(super) fn watch(&self, files: &[PathBuf]) {
        // Fails only if the thread has panicked, which is reported on its own.
        let _ = self.0.send(whole(files));
    }
}

/// Paths as they are opened: from the working directory, with the home folder in place of `~`.
fn whole(files: &[PathBuf]) -> Vec<PathBuf> {
    let working = std::env::current_dir().unwrap_or_else(|_| Path::new("/").to_owned());
    files.iter().map(|path| expand(&path.to_string_lossy(), &working)).collect()
}
