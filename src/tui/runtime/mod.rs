//! The IO of the dashboard: terminal, store, files, `$EDITOR`, clock.
//!
//! ```text
//!                 ┌── timers ── pace ──┐
//!  terminal ──►   │     event loop     │ ──► session ──► terminal
//!  store's watch ►│  update ─► effects │ ──► threads:  store reader, operations,
//!  replies ──►    └────────────────────┘               servers, three workers for pictures
//! ```
//!
//! One loop receives everything through one channel. [`timers`] says what is due, [`pace`] when output may be sent;
//! `update` decides what to do. Queries of the store go to the [`store_reader`]'s thread, operations with side effects
//! to the [`operations`] thread, questions to servers to that of the [`servers`], pictures to a [`worker`] each; their
//! answers come back as messages.

mod clipboard;
mod compare;
mod editor;
mod encode_options;
mod event_loop;
mod files;
mod operations;
mod pace;
mod pictures;
mod pipe;
mod save_watcher;
mod saved_state;
mod servers;
mod start;
mod store_reader;
mod thumb_queue;
mod thumbs;
mod timers;
mod typed_values;
mod viewer;
mod worker;

use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::msg::Msg;
use super::notice::Tone;
use super::terminal::{StartError, TermEvent};
use crate::config::{Config, Dirs};
use crate::report::batch::interrupted;
use crate::store::{Store, StoreError, now};

#[derive(Debug)]
pub struct Options {
    pub dirs: Dirs,
    pub config: Config,
    /// Name of the profile from the command line.
    pub profile: Option<String>,
    /// Endpoint address from the command line.
    pub url: Option<String>,
    /// Workflow file from the command line; without it and a preset, the last one is opened.
    pub workflow: Option<PathBuf>,
    /// Name of the preset from the command line.
    pub preset: Option<String>,
    /// Whether this is `comfydeck demo`.
    pub demo: bool,
    /// Starts the demo's endpoint, before the dashboard is left for it; or says why it cannot.
    pub start_demo: fn() -> Result<(), String>,
}

/// Why the dashboard could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    #[error(transparent)]
    Terminal(#[from] StartError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread could not be started.
    #[error("the system refused to start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// An event that wakes the loop.
#[derive(Debug)]
enum Wake {
    Msg(Msg),
    Terminal(TermEvent),
    StoreChanged,
}

/// Sends messages to the loop from any thread.
#[derive(Clone, Debug)]
struct Replies(Sender<Wake>);

impl Replies {
    fn send(&self, msg: Msg) {
        self.wake(Wake::Msg(msg));
    }

    fn wake(&self, wake: Wake) {
        // Fails once the loop has ended; then nobody needs the message.
        let _ = self.0.send(wake);
    }

    #[cfg(test)]
    fn to_test() -> (Self, mpsc::Receiver<Wake>) {
        let (sender, inbox) = mpsc::channel();
        (Self(sender), inbox)
    }
}

/// What the person left behind, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Runs that go on.
    pub open: usize,
    /// The demo is to be opened.
    pub for_demo: bool,
}

/// Removes what is there of batches that were not queued whole. There may be thousands of runs, so it has a thread of its own.
fn remove_interrupted(dirs: Dirs, replies: Replies) {
    let remove = move || match Store::open(&dirs).and_then(|store| store.remove_interrupted(now())) {
        Ok(removed) => {
            if let Some(told) = interrupted(removed) {
                replies.send(Msg::Notice(Tone::Bad, told));
            }
        }
        Err(error) => tracing::warn!("what is there of a batch that was not queued whole stays: {error}"),
    };
    if let Err(error) = thread::Builder::new().name("interrupted".to_owned()).spawn(remove) {
        tracing::warn!("what is there of a batch that was not queued whole stays: {error}");
    }
}

/// Shows the dashboard until the user quits.
///
/// On a signal or a hang-up, the terminal is restored and the process ends as that signal would have ended it. Runs go
/// on in any case.
///
/// # Errors
/// If there is no terminal, or the history cannot be opened.
pub fn run(options: Options) -> Result<Left, TuiError> {
    let store = Store::open(&options.dirs)?;
    let (sender, inbox) = mpsc::channel();
    let replies = Replies(sender);
    if !store.is_read_only() && store.counts()?.held > 0 {
        remove_interrupted(options.dirs.clone(), replies.clone());
    }
    let mut event_loop = start::start(options, store, &replies)?;
    let end = event_loop.run(&inbox);
    event_loop.save_state();
    let left = Left { open: event_loop.model.runs.open.ids.len(), for_demo: event_loop.wants_demo };
    drop(event_loop);
    match end {
        Some(end) => end.exit(),
        None => Ok(left),
    }
}
