//! The only IO of the screen: the terminal, the store, files, `$EDITOR`, the clock.
//!
//! ```text
//!                 ┌── timers ── pace ──┐
//!  terminal ──►   │     event loop     │ ──► session ──► terminal
//!  store's watch ►│  update ─► effects │ ──► threads:  store reader, operations,
//!  replies ──►    └────────────────────┘               three workers for pictures
//! ```
//!
//! One loop hears everything through one channel. [`timers`] says what is due, [`pace`] when something may go out; what
//! is to be done, `update` decides. Questions to the store go to the [`store_reader`]'s thread, what changes something to
//! the [`operations`] thread, pictures to a [`worker`] each; their answers come back as messages.

mod clipboard;
mod compare;
mod editor;
mod encode_options;
mod event_loop;
mod files;
mod operations;
mod pace;
mod pictures;
mod saved_state;
mod start;
mod store_reader;
mod thumb_queue;
mod thumbs;
mod timers;
mod viewer;
mod worker;

use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};

use super::msg::Msg;
use super::terminal::{StartError, TermEvent};
use crate::config::{Config, Dirs};
use crate::store::{Store, StoreError};

#[derive(Debug)]
pub struct Options {
    pub dirs: Dirs,
    /// The parsed `config.toml`.
    pub config: Config,
    /// The profile that was asked for.
    pub profile: Option<String>,
    /// The address that was asked for.
    pub url: Option<String>,
    /// The workflow that was asked for; without it and without a preset, what was open last.
    pub workflow: Option<PathBuf>,
    /// The preset that was asked for.
    pub preset: Option<String>,
    /// This is the demo, and says so.
    pub demo: bool,
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

/// What wakes the loop.
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
        // Nobody listens any more once the loop has ended.
        let _ = self.0.send(wake);
    }

    #[cfg(test)]
    fn to_test() -> (Self, mpsc::Receiver<Wake>) {
        let (sender, inbox) = mpsc::channel();
        (Self(sender), inbox)
    }
}

/// Shows the dashboard until the person leaves it.
///
/// When a signal or a hang-up ends it, the terminal is restored and the process ends as that signal would
/// have ended it. Runs go on in any case.
///
/// # Errors
/// When there is no terminal, or the history cannot be opened.
pub fn run(options: Options) -> Result<(), TuiError> {
    let store = Store::open(&options.dirs)?;
    let (sender, inbox) = mpsc::channel();
    let mut event_loop = start::start(options, store, &Replies(sender))?;
    let end = event_loop.run(&inbox);
    event_loop.save_state();
    drop(event_loop);
    match end {
        Some(end) => end.exit(),
        None => Ok(()),
    }
}
