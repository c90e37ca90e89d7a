//! Bounds-checked reading and skipping in a file.

use std::io::{self, Read, Seek, SeekFrom};

use super::MAX_TEXT;

/// Most reads and skips in one file; a valid one of a gigabyte takes some hundred thousand.
const MAX_STEPS: u32 = 2_000_000;

#[derive(Debug)]
pub(super) enum Stop {
    Io(io::Error),
    Damaged(&'static str),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // The length was checked before, so the file has shrunk meanwhile.
            io::ErrorKind::UnexpectedEof => Self::Damaged(SHORT),
            _ => Self::Io(error),
        }
    }
}

pub(super) type Scanned<T> = Result<T, Stop>;

pub(super) const SHORT: &str = "it ends in the middle";

/// A file, its length and the current offset.
#[derive(Debug)]
pub(super) struct ByteReader<R> {
    from: R,
    at: u64,
    end: u64,
    steps: u32,
}

impl<R: Read + Seek> ByteReader<R> {
    pub(super) fn new(mut from: R) -> io::Result<Self> {
        let end = from.seek(SeekFrom::End(0))?;
        from.seek(SeekFrom::Start(0))?;
        Ok(Self { from, at: 0, end, steps: 0 })
    }

    /// The first bytes, padded with zeros if the file is shorter. Does not move the offset.
    pub(super) fn head(&mut self) -> io::Result<[u8; 12]> {
        let mut head = [0; 12];
        let length = self.end.min(12) as usize;
        self.from.read_exact(&mut head[..length])?;
        self.from.seek(SeekFrom::Start(0))?;
        Ok(head)
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    pub(super) fn left(&self) -> u64 {
        self.end - self.at
    }

    /// Reads the next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Scanned<[u8; N]> {
        self.need(N as u64)?;
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    /// Reads the next `length` bytes; skips them and returns `None` if they exceed [`MAX_TEXT`](super::MAX_TEXT).
    pub(super) fn bytes(&mut self, length: u64) -> Scanned<Option<Vec<u8>>> {
        self.need(length)?;
        if length > MAX_TEXT {
            self.skip(length)?;
            return Ok(None);
        }
        let mut bytes = vec![0; length as usize];
        self.from.read_exact(&mut bytes)?;
        self.at += length;
        Ok(Some(bytes))
    }

    pub(super) fn skip(&mut self, length: u64) -> Scanned<()> {
        self.need(length)?;
        let offset = i64::try_from(length).map_err(|_| Stop::Damaged(SHORT))?;
        self.from.seek_relative(offset)?;
        self.at += length;
        Ok(())
    }

    /// Goes to any offset.
    pub(super) fn go_to(&mut self, place: u64) -> Scanned<()> {
        if place > self.end {
            return Err(Stop::Damaged(SHORT));
        }
        self.from.seek(SeekFrom::Start(place))?;
        self.at = place;
        Ok(())
    }

    /// Skips to a later offset.
    pub(super) fn skip_to(&mut self, place: u64) -> Scanned<()> {
        self.skip(place.checked_sub(self.at).ok_or(Stop::Damaged("its parts overlap"))?)
    }

    fn need(&mut self, length: u64) -> Scanned<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(Stop::Damaged("it has too many parts"));
        }
        if length <= self.left() { Ok(()) } else { Err(Stop::Damaged(SHORT)) }
    }
}
