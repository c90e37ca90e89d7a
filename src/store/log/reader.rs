//! Reads logs of any length: any of ten million lines at once, in a few hundred kilobytes of memory.

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::super::StoreError;

/// Bytes read from the file at once.
const CHUNK: usize = 64 * 1024;

/// Distance between index marks in bytes, which is also the most that is read to show one line. A mark takes 16 bytes
/// per 64 KiB of log.
const MARK_EVERY: u64 = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The text without its line end, colours as SGR sequences; at most [`LogLine::MAX_BYTES`].
    pub text: String,
    /// A progress line that the next one may still replace.
    pub progress: bool,
    /// Whether `text` is only the beginning of the line.
    pub cut: bool,
}

impl LogLine {
    /// Bytes shown of one line; the file has the rest.
    pub const MAX_BYTES: usize = 64 * 1024;
}

/// Byte offset of a stored line, and the number of the shown line it belongs to.
#[derive(Clone, Copy, Debug)]
struct Mark {
    line: usize,
    offset: u64,
}

/// Reads a log while it grows: [`refresh`](Self::refresh) indexes what was appended, everything
/// else answers from the index.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: Option<File>,
    marks: Vec<Mark>,
    /// Number of shown lines that are complete.
    lines: usize,
    /// The last of them is a progress line, so that a progress line after it replaces it.
    last_is_progress: bool,
    /// Offset of the stored line whose end has not been read yet.
    open_line: u64,
    /// Offset up to which the file is indexed.
    read_to: u64,
}

impl LogReader {
    pub(in super::super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            marks: vec![Mark { line: 0, offset: 0 }],
            lines: 0,
            last_is_progress: false,
            open_line: 0,
            read_to: 0,
        }
    }

    /// Indexes what was appended since the last call; returns whether there was anything. A missing
    /// file is an empty log.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refresh(&mut self) -> Result<bool, StoreError> {
        self.refresh_at_most(u64::MAX)
    }

    /// As [`refresh`](Self::refresh), but stops after about `bytes` bytes; call it again until it returns `false`.
    /// Keeps the screen responsive at the first look at a huge log.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refresh_at_most(&mut self, bytes: u64) -> Result<bool, StoreError> {
        self.take_in(bytes).map_err(StoreError::reading(&self.path))
    }

    /// Number of lines to show, as of the last refresh.
    pub fn line_count(&self) -> usize {
        self.lines + usize::from(self.open_line < self.read_to)
    }

    /// Number of lines, from the first, that later output cannot change: complete, and not a progress
    /// line that may be replaced.
    pub fn settled_count(&self) -> usize {
        self.lines - usize::from(self.last_is_progress)
    }

    /// Lines to show, counted from 0; those past the end are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn lines(&self, range: Range<usize>) -> Result<Vec<LogLine>, StoreError> {
        let mut found = Vec::new();
        let walked = self.walk(range, |_, line| {
            found.push(line.shown());
            ControlFlow::Continue(())
        });
        walked.map_err(StoreError::reading(&self.path))?;
        Ok(found)
    }

    /// The first line in the range that contains the text, ignoring case and colours. Uses bounded memory, so the
    /// range may be the whole log.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find(&self, text: &str, range: Range<usize>) -> Result<Option<usize>, StoreError> {
        let needle = Needle::new(text);
        let mut found = None;
        let walked = self.walk(range, |number, line| {
            if needle.is_in(&line.text) {
                found = Some(number);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        walked.map_err(StoreError::reading(&self.path))?;
        Ok(found)
    }

    /// Number of lines in the range that contain the text, as for [`find`](Self::find).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count(&self, text: &str, range: Range<usize>) -> Result<usize, StoreError> {
        let needle = Needle::new(text);
        let mut count = 0;
        let walked = self.walk(range, |_, line| {
            count += usize::from(needle.is_in(&line.text));
            ControlFlow::Continue(())
        });
        walked.map_err(StoreError::reading(&self.path))?;
        Ok(count)
    }

    /// The last line in the range that contains the text, as for [`find`](Self::find).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find_last(&self, text: &str, range: Range<usize>) -> Result<Option<usize>, StoreError> {
        let needle = Needle::new(text);
        let mut end = range.end.min(self.line_count());
        // From mark to mark backwards, reading each piece forwards.
        while end > range.start {
            let mark = self.marks[self.mark_before(end - 1)];
            let start = mark.line.max(range.start);
            let mut found = None;
            let walked = self.walk(start..end, |number, line| {
                if needle.is_in(&line.text) {
                    found = Some(number);
                }
                ControlFlow::Continue(())
            });
            walked.map_err(StoreError::reading(&self.path))?;
            if found.is_some() {
                return Ok(found);
            }
            end = start;
        }
        Ok(None)
    }

    fn take_in(&mut self, at_most: u64) -> io::Result<bool> {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            };
        }
        let Some(file) = self.file.take() else { return Ok(false) };
        let taken = self.take_in_from(&file, at_most);
        self.file = Some(file);
        taken
    }

    fn take_in_from(&mut self, file: &File, at_most: u64) -> io::Result<bool> {
        let stop = self.read_to.saturating_add(at_most);
        let before = self.read_to;
        let mut buffer = vec![0; CHUNK];
        while self.read_to < stop {
            let read = read_at(file, &mut buffer, self.read_to)?;
            if read == 0 {
                break;
            }
            for place in memchr::memchr2_iter(b'\n', b'\r', &buffer[..read]) {
                self.end_line(self.read_to + place as u64 + 1, buffer[place] == b'\r');
            }
            self.read_to += read as u64;
        }
        Ok(self.read_to > before)
    }

    /// Completes the stored line that ends before offset `next`.
    fn end_line(&mut self, next: u64, progress: bool) {
        let is_bare = next == self.open_line + 1;
        if is_bare && !progress && self.last_is_progress {
            // A bare line end: the progress line before it stays.
            self.last_is_progress = false;
            self.open_line = next;
            return;
        }
        if !(progress && self.last_is_progress) {
            self.lines += 1;
        }
        let far = self.marks.last().is_none_or(|mark| self.open_line - mark.offset >= MARK_EVERY);
        if far {
            self.marks.push(Mark { line: self.lines - 1, offset: self.open_line });
        }
        self.last_is_progress = progress;
        self.open_line = next;
    }

    /// The last mark from which a walk sees `line` whole. Among several marks within a run of progress lines the last
    /// one will do, since only the last of such lines is shown.
    fn mark_before(&self, line: usize) -> usize {
        self.marks.partition_point(|mark| mark.line <= line).saturating_sub(1)
    }

    /// Visits the shown lines of a range, in order.
    fn walk(
        &self,
        range: Range<usize>,
        mut visit: impl FnMut(usize, &RawLine) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let end = range.end.min(self.line_count());
        if range.start >= end {
            return Ok(());
        }
        let mark = self.marks[self.mark_before(range.start)];
        let mut stored = StoredLines::new(file, mark.offset, self.read_to);
        let mut number = mark.line;
        let mut line = RawLine::default();
        let mut next = RawLine::default();
        let mut more = stored.next(&mut line, number >= range.start)?;
        while more {
            let wanted = number + 1 >= range.start;
            more = stored.next(&mut next, wanted)?;
            if line.progress && next.is_bare {
                line.progress = false;
                more = stored.next(&mut next, wanted)?;
            }
            let replaced = more && line.progress && next.progress;
            if !replaced {
                if number >= range.start && visit(number, &line).is_break() {
                    return Ok(());
                }
                number += 1;
                if number >= end {
                    return Ok(());
                }
            }
            std::mem::swap(&mut line, &mut next);
        }
        Ok(())
    }
}

/// One line as stored, with its kind of line end.
#[derive(Default)]
struct RawLine {
    text: Vec<u8>,
    progress: bool,
    /// An empty line with a `\n`, which makes the progress line before it stay.
    is_bare: bool,
    cut: bool,
}

impl RawLine {
    fn shown(&self) -> LogLine {
        let mut text = &self.text[..];
        if self.cut {
            // Cut only between characters.
            let is_inside = |b: &u8| b & 0xC0 == 0x80;
            let inside = text.iter().rev().take(3).take_while(|b| is_inside(b)).count();
            text = &text[..text.len().saturating_sub(inside + 1)];
        }
        LogLine { text: String::from_utf8_lossy(text).into_owned(), progress: self.progress, cut: self.cut }
    }
}

/// Iterates over the stored lines from an offset.
struct StoredLines<'a> {
    file: &'a File,
    buffer: Vec<u8>,
    filled: Range<usize>,
    offset: u64,
    end: u64,
}

impl<'a> StoredLines<'a> {
    fn new(file: &'a File, offset: u64, end: u64) -> Self {
        Self { file, buffer: vec![0; CHUNK], filled: 0..0, offset, end }
    }

    /// Reads the next line; `false` at the end. Skips copying the text unless `wanted`.
    fn next(&mut self, line: &mut RawLine, wanted: bool) -> io::Result<bool> {
        line.text.clear();
        (line.cut, line.progress, line.is_bare) = (false, false, false);
        let mut any = false;
        loop {
            if self.filled.is_empty() && !self.fill()? {
                return Ok(any);
            }
            let begins = !std::mem::replace(&mut any, true);
            let bytes = &self.buffer[self.filled.clone()];
            let end = memchr::memchr2(b'\n', b'\r', bytes);
            let text = &bytes[..end.unwrap_or(bytes.len())];
            if wanted {
                let room = LogLine::MAX_BYTES - line.text.len();
                line.cut |= text.len() > room;
                line.text.extend_from_slice(&text[..text.len().min(room)]);
            }
            match end {
                Some(end) => {
                    line.progress = bytes[end] == b'\r';
                    line.is_bare = begins && end == 0 && !line.progress;
                    self.filled.start += end + 1;
                    return Ok(true);
                }
                None => self.filled.start = self.filled.end,
            }
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let most = usize::try_from(self.end - self.offset).map_or(CHUNK, |left| left.min(CHUNK));
        let read = read_at(self.file, &mut self.buffer[..most], self.offset)?;
        self.filled = 0..read;
        self.offset += read as u64;
        Ok(read > 0)
    }
}

fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A text to search for, ignoring case.
struct Needle {
    lower: String,
    /// Both cases of the first byte when the text is ASCII, for a fast first check.
    first: Option<(u8, u8)>,
}

impl Needle {
    fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        let first = lower.bytes().next().filter(|_| lower.is_ascii());
        Self { first: first.map(|b| (b, b.to_ascii_uppercase())), lower }
    }

    fn is_in(&self, line: &[u8]) -> bool {
        if memchr::memchr(0x1b, line).is_some() {
            self.is_in_plain(&without_colours(line))
        } else {
            self.is_in_plain(line)
        }
    }

    fn is_in_plain(&self, line: &[u8]) -> bool {
        let Some((lower, upper)) = self.first else {
            return String::from_utf8_lossy(line).to_lowercase().contains(&self.lower);
        };
        let needle = self.lower.as_bytes();
        memchr::memchr2_iter(lower, upper, line)
            .filter_map(|place| line.get(place..place + needle.len()))
            .any(|piece| piece.eq_ignore_ascii_case(needle))
    }
}

/// Removes SGR sequences (`ESC [ … m`), the only ones in scrubbed text.
fn without_colours(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(escape) = memchr::memchr(0x1b, rest) {
        plain.extend_from_slice(&rest[..escape]);
        let end = memchr::memchr(b'm', &rest[escape..]);
        rest = end.map_or(&[][..], |end| &rest[escape + end + 1..]);
    }
    plain.extend_from_slice(rest);
    plain
}
