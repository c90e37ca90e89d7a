//! The log of one run, gathered from what its server sends: log messages, errors, events of unknown names. A thousand
//! messages become one event for the store.

use crate::domain::run::Progress;
use crate::wire::log::Lines;

/// Bytes of error texts that are kept.
const MAX_ERRORS: usize = 16 * 1024;

/// Gathers log lines and error texts.
#[derive(Debug, Default)]
pub(super) struct LogBuffer {
    lines: Lines,
    errors: String,
}

/// What was gathered since the last chunk.
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

    /// Adds an error's text. It is shown as log and kept: it is the reason of the run's failure when
    /// no result gives one.
    pub(super) fn error(&mut self, text: &str, chunk: &mut LogChunk) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.extend(text.chars().take(MAX_ERRORS));
            self.errors.push('\n');
        }
        self.log(text, chunk);
    }

    /// Adds an event of an unknown name, as a log line with that name before it.
    pub(super) fn other(&mut self, name: &str, text: &str, chunk: &mut LogChunk) {
        self.log(&format!("{name}: {text}"), chunk);
    }

    /// The error texts so far, one a line.
    pub(super) fn errors(&self) -> &str {
        &self.errors
    }
}
