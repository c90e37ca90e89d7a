//! Logs of runs: one append-only file per run, of any length.
//!
//! The text is already scrubbed: whole lines, colours as SGR sequences. A line ends with `\n`, or with `\r` when it
//! is a progress line. Consecutive progress lines are shown as **one** line with the text of the last, as on a
//! terminal. A `\n` directly after a `\r` is not a line: it says that this progress line stays and the next one is a
//! new line. `wire::log` writes this format.

mod reader;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use super::reserve::LEFT_BY_LOGS;
use crate::config::disk;

pub use reader::{LogLine, LogReader};

/// Bytes buffered before they are written to the file.
const BUFFER: usize = 64 * 1024;

/// Appends to a log. Readers only see what was [flushed](Self::flush).
///
/// When the disk is nearly full the log drops lines to leave room for the history, and at its size limit it ends; a
/// line in the log says so.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
    length: u64,
    ceiling: u64,
    /// Bytes dropped since the last write, because the disk was nearly full.
    missing: u64,
    /// Whether the size limit was reached.
    is_over: bool,
    /// A message for the person, not yet taken.
    remark: Option<String>,
}

impl LogWriter {
    pub(super) fn open(path: PathBuf, ceiling: u64) -> Result<Self, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = File::options();
        let file =
            options.append(true).create(true).mode(0o600).open(&path).map_err(StoreError::writing(&path))?;
        let length = file.metadata().map_err(StoreError::reading(&path))?.len();
        let buffer = Vec::new();
        Ok(Self { path, file, buffer, length, ceiling, missing: 0, is_over: false, remark: None })
    }

    /// Appends whole lines, each with its `\n`, `\r` or `\r\n`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&mut self, text: &str) -> Result<(), StoreError> {
        if self.is_over {
            return Ok(());
        }
        self.buffer.extend_from_slice(text.as_bytes());
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes the buffer to the file, or drops it when the disk is nearly full.
    ///
    /// # Errors
    /// When writing fails for any other reason than a full disk.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut text = std::mem::take(&mut self.buffer);
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        if disk::free(folder).is_some_and(|free| free < LEFT_BY_LOGS) {
            self.leave_out(text.len());
            return Ok(());
        }
        if self.missing > 0 {
            let mark = format!("… {} bytes of the log are missing here: the disk was full\n", self.missing);
            text.splice(0..0, mark.into_bytes());
        }
        if self.length + text.len() as u64 > self.ceiling {
            let room = usize::try_from(self.ceiling.saturating_sub(self.length)).unwrap_or(usize::MAX);
            let whole =
                text[..room.min(text.len())].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            text.truncate(whole);
            let what =
                format!("the log ends here: it has reached `max_log` of [history] ({} bytes)", self.ceiling);
            text.extend_from_slice(format!("… {what}\n").as_bytes());
            self.remark = Some(format!("{what}; the run goes on"));
            self.is_over = true;
        }
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(written) => {
                    self.length += written as u64;
                    rest = &rest[written..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => match StoreError::writing(&self.path)(error) {
                    StoreError::DiskFull => {
                        let left = rest.len();
                        self.leave_out(left);
                        return Ok(());
                    }
                    error => return Err(error),
                },
            }
        }
        self.missing = 0;
        Ok(())
    }

    fn leave_out(&mut self, bytes: usize) {
        if self.missing == 0 {
            let text = "The disk of the history is nearly full, so log lines are dropped until there is room again; outputs and the end of the run are still recorded";
            self.remark = Some(text.to_owned());
        }
        self.missing += bytes as u64;
    }

    /// A message about dropped lines or the size limit, returned once.
    pub fn take_remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}
