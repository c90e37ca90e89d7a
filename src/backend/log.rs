//! The log of one run, collected from log messages, errors and events of unknown names: a thousand messages become
//! one event for the store.

use crate::domain::run::Progress;
use crate::wire::log::Lines;

/// Most bytes of error texts that are kept.
const MAX_ERRORS: usize = 16 * 1024;

/// Collects log lines and error texts.
#[derive(Debug, Default)]
pub(super) struct LogBuffer {
    lines: Lines,
    errors: String,
}

/// Text collected since the last chunk.
#[derive(Debug, Default)]
pub(super) struct LogChunk {
    /// Scrubbed text, whole lines.
    pub log: String,
    /// The newest progress line.
    pub progress: Option<Progress>,
}

impl LogBuffer {
    /// Adds a log message.
    pub(super) fn log(&mut self, text: &str, chunk: &mut LogChunk) {
        chunk.progress = self.lines.push(text, &mut chunk.log).or(chunk.progress.take());
    }

    /// Adds an error's text. It is shown as log and kept as the reason of the failure in case no result gives one.
    pub(super) fn error(&mut self, text: &str, chunk: &mut LogChunk) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.extend(text.chars().take(MAX_ERRORS));
            self.errors.push('\n');
        }
        self.log(text, chunk);
    }

    /// Adds an event of an unknown name as a log line with that name.
    pub(super) fn other(&mut self, name: &str, text: &str, chunk: &mut LogChunk) {
        self.log(&format!("{name}: {text}"), chunk);
    }

    /// The error texts so far, one per line.
    pub(super) fn errors(&self) -> &str {
        &self.errors
    }
}
