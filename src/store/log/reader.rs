//! Reading a log of any length: any line of ten million at once, in a few hundred kilobytes.

use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::super::StoreError;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// A mark is set at the first line that begins so many bytes behind the last one: what must be read to show a
/// line somewhere in the file. 16 bytes of mark for each 64 KiB of log.
const MARK_EVERY: u64 = 64 * 1024;

/// One line, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The text without its end, colours as SGR sequences; at most [`LogLine::MAX_BYTES`].
    pub text: String,
    /// A progress line that nothing has said to stay: the next one may replace it.
    pub progress: bool,
    /// The line is longer than what is in `text`.
    pub cut: bool,
}

impl LogLine {
    /// Bytes of a line that are shown; the rest stays in the file.
    pub const MAX_BYTES: usize = 64 * 1024;
}

/// A place in the file where a stored line begins, and the number of the shown line that it belongs to.
#[derive(Clone, Copy, Debug)]
struct Mark {
    line: usize,
    offset: u64,
}

/// Reads a log while it grows: [`refresh`](Self::refresh) takes in what was added, the rest answers from
/// there.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: Option<File>,
    marks: Vec<Mark>,
    /// Shown lines that have their end.
    lines: usize,
    /// The last of them is a progress line, so a progress line behind it replaces it.
    last_is_progress: bool,
    /// Where the stored line begins whose end has not been seen.
    open_line: u64,
    /// How far the file has been read.
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

    /// Takes in what was added since the last time; returns whether that was anything. A log that is not
    /// there yet is empty.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refresh(&mut self) -> Result<bool, StoreError> {
        self.refresh_at_most(u64::MAX)
    }

    /// As [`refresh`](Self::refresh), but stops after some `bytes` more; call it again until it returns
    /// `false`. For the first look at a huge log without holding up a screen.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn refresh_at_most(&mut self, bytes: u64) -> Result<bool, StoreError> {
        self.take_in(bytes).map_err(StoreError::reading(&self.path))
    }

    /// How many lines there are to show, as of the last refresh.
    pub fn line_count(&self) -> usize {
        self.lines + usize::from(self.open_line < self.read_to)
    }

    /// How many of them, from the first, nothing that is written later can change: each has its end, and is no
    /// progress line that the next one may replace.
    pub fn settled_count(&self) -> usize {
        self.lines - usize::from(self.last_is_progress)
    }

    /// Lines to show, counted from 0; those beyond the end are left out.
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

    /// The first line of the range that holds a text, whatever the case; colours do not count. In bounded
    /// memory, so that a range may be the whole log.
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

    /// How many lines of the range hold a text; else as [`find`](Self::find).
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

    /// The last line of the range that holds a text; else as [`find`](Self::find).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find_last(&self, text: &str, range: Range<usize>) -> Result<Option<usize>, StoreError> {
        let needle = Needle::new(text);
        let mut end = range.end.min(self.line_count());
        // Mark by mark from the end, each piece forwards.
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

    /// The stored line that was open ends before `next`.
    fn end_line(&mut self, next: u64, progress: bool) {
        let is_bare = next == self.open_line + 1;
        if is_bare && !progress && self.last_is_progress {
            // The progress line before stays.
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

    /// The last mark from which a walk finds the line whole. Of several marks within a run of progress
    /// lines the last one will do, since only the last of such a run is shown.
    fn mark_before(&self, line: usize) -> usize {
        self.marks.partition_point(|mark| mark.line <= line).saturating_sub(1)
    }

    /// Visits the shown lines of a range in order.
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

/// A line as it is stored.
#[derive(Default)]
struct RawLine {
    text: Vec<u8>,
    progress: bool,
    /// A line end and nothing before it, which makes a progress line stay.
    is_bare: bool,
    cut: bool,
}

impl RawLine {
    fn shown(&self) -> LogLine {
        let mut text = &self.text[..];
        if self.cut {
            // Not in the middle of a character.
            let is_inside = |b: &u8| b & 0xC0 == 0x80;
            let inside = text.iter().rev().take(3).take_while(|b| is_inside(b)).count();
            text = &text[..text.len().saturating_sub(inside + 1)];
        }
        LogLine { text: String::from_utf8_lossy(text).into_owned(), progress: self.progress, cut: self.cut }
    }
}

/// The stored lines from some place on.
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

    /// Reads the next line; `false` at the end. Its text is left empty unless it is `wanted`.
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

/// A text to find, whatever the case.
struct Needle {
    lower: String,
    /// Both cases of its first byte, when it is all ASCII: what a quick look goes for.
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

/// A line without its SGR sequences (`ESC [ … m`), the only ones that scrubbed text has.
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
