//! Logs of runs: one append-only file each, of any length.
//!
//! The text is scrubbed already: whole lines, colours as SGR sequences. A line ends in `\n`, or in `\r` when
//! it is a progress line. Progress lines that follow one another are **one** shown line, whose text is the
//! last of them, as on a terminal. A `\n` right behind a `\r` is no line: it says that this progress line
//! stays, and that the next one is a line of its own. `wire::log` writes this.

mod reader;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use super::StoreError;

pub use reader::{LogLine, LogReader};

/// Bytes gathered before they are written without being asked.
const BUFFER: usize = 64 * 1024;

/// Writes on a log. What was not [flushed](Self::flush) is not seen by readers.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
}

impl LogWriter {
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = File::options();
        let file =
            options.append(true).create(true).mode(0o600).open(&path).map_err(StoreError::writing(&path))?;
        Ok(Self { path, file, buffer: Vec::new() })
    }

    /// Adds text: whole lines, each with its `\n`, `\r` or `\r\n`.
    ///
    /// # Errors
    /// When the file cannot be written. What could not be written is kept for the next flush.
    pub fn append(&mut self, text: &str) -> Result<(), StoreError> {
        self.buffer.extend_from_slice(text.as_bytes());
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        while !self.buffer.is_empty() {
            match self.file.write(&self.buffer) {
                Ok(written) => drop(self.buffer.drain(..written)),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::writing(&self.path)(error)),
            }
        }
        Ok(())
    }
}
