//! What a server says of a run besides its result: log, errors, events without a known name. Gathered: a thousand log lines
//! are one event to the store.

use crate::domain::run::Progress;
use crate::wire::log::Lines;

/// Bytes of errors' texts that are kept.
const MAX_ERRORS: usize = 16 * 1024;

/// Listens to the log of one run.
#[derive(Debug, Default)]
pub(super) struct Ear {
    lines: Lines,
    errors: String,
}

/// What was said since the last time.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Log text, scrubbed, whole lines.
    pub log: String,
    /// The newest progress line.
    pub progress: Option<Progress>,
}

impl Ear {
    /// A piece of the log.
    pub(super) fn log(&mut self, text: &str, said: &mut Said) {
        said.progress = self.lines.push(text, &mut said.log).or(said.progress.take());
    }

    /// An error, which is a piece of the log too, and kept as the reason should no better one come.
    pub(super) fn error(&mut self, text: &str, said: &mut Said) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.extend(text.chars().take(MAX_ERRORS));
            self.errors.push('\n');
        }
        self.log(text, said);
    }

    /// Something that is not known, under its name.
    pub(super) fn other(&mut self, name: &str, text: &str, said: &mut Said) {
        self.log(&format!("{name}: {text}"), said);
    }

    /// The errors so far, one below the other.
    pub(super) fn errors(&self) -> &str {
        &self.errors
    }
}
