//! What a file shows: its picture, its text, or what is known of it. The file came from a server and is not trusted.
//!
//! Bounds: [`LARGEST_FILE`], [`LONGEST_SIDE`], [`MOST_MEMORY`], and a time that the caller sets with a [`Watch`], by
//! which it also stops work that nobody waits for any more. A decoder that panics is an error like any other.

mod container;
mod frames;
mod still;
#[cfg(test)]
mod tests;
mod text;
mod video;

use std::fs::File;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use image::{RgbImage, RgbaImage};

use crate::domain::media;

pub use frames::{Frame, frames};

/// Files larger than this are not decoded.
pub const LARGEST_FILE: u64 = 256 << 20;
/// Pictures with a longer side are not decoded.
pub const LONGEST_SIDE: u32 = 16_384;
/// Memory that decoding one picture may take: 8,192 by 8,192 pixels of four bytes.
pub const MOST_MEMORY: u64 = 256 << 20;

/// What a file shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its type, by content and name, such as `image/png`.
    pub kind: &'static str,
    pub bytes: u64,
    /// What is in it.
    pub content: Content,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A picture, or a frame of a video.
    Picture(Still),
    /// The first lines of a text, scrubbed; whether there is more.
    Text(Vec<String>, bool),
    /// Nothing that can be drawn: what is known of it, and why there is no picture.
    Facts(Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Still {
    /// Pixels, perhaps fewer than the file has; see [`Still::size`].
    pub pixels: Pixels,
    /// The size that the file has.
    pub size: (u32, u32),
    /// What else there is to say, such as the length of a video.
    pub facts: Vec<String>,
    /// There are more frames that [`frames`] can read.
    pub moves: bool,
}

/// Pixels.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    Opaque(RgbImage),
    Transparent(RgbaImage),
}

impl Pixels {
    /// Pixels across.
    pub fn width(&self) -> u32 {
        match self {
            Self::Opaque(image) => image.width(),
            Self::Transparent(image) => image.width(),
        }
    }

    /// Pixels down.
    pub fn height(&self) -> u32 {
        match self {
            Self::Opaque(image) => image.height(),
            Self::Transparent(image) => image.height(),
        }
    }
}

/// Why a file shows nothing, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not there.
    #[error("the file is gone: {0}")]
    Gone(String),
    /// It is there and cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    #[error("the file is empty")]
    Empty,
    /// It would take too much memory.
    #[error("{0}")]
    TooLarge(String),
    /// It is not what it claims to be, or cut off.
    #[error("the picture is broken: {0}")]
    Broken(String),
    /// It took too long.
    #[error("the picture takes too long to decode, and was given up after {} s", .0.as_secs())]
    TooSlow(Duration),
    /// Somebody else's picture is wanted by now.
    #[error("something else is wanted by now")]
    Superseded,
}

/// Ends work that takes too long, or that nobody waits for.
#[derive(Clone, Debug)]
pub struct Watch {
    until: Instant,
    limit: Duration,
    /// The newest request, and the one that this is for.
    newest: Arc<AtomicU64>,
    mine: u64,
}

impl Watch {
    /// For a piece of work that may take so long.
    pub fn new(limit: Duration) -> Self {
        Self::of(limit, Arc::new(AtomicU64::new(0)), 0)
    }

    /// The same, which also ends when `newest` is no longer `mine`.
    pub fn of(limit: Duration, newest: Arc<AtomicU64>, mine: u64) -> Self {
        Self { until: Instant::now() + limit, limit, newest, mine }
    }

    /// # Errors
    /// When it is time to stop.
    pub fn check(&self) -> Result<(), ReadError> {
        if self.newest.load(Ordering::Relaxed) != self.mine {
            return Err(ReadError::Superseded);
        }
        if Instant::now() >= self.until { Err(ReadError::TooSlow(self.limit)) } else { Ok(()) }
    }

    /// Time that is left.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// A file that is read as long as the watch allows it.
struct Watched {
    file: File,
    watch: Watch,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.watch.check().map_err(io::Error::other)?;
        self.file.read(buffer)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// A file, opened to be looked at.
struct OpenFile {
    file: File,
    bytes: u64,
    kind: &'static str,
}

fn open(path: &Path) -> Result<OpenFile, ReadError> {
    let told = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Gone(path.display().to_string()),
        _ => ReadError::Unreadable(error.to_string()),
    };
    // Opening a pipe would wait for somebody to write into it.
    let metadata = std::fs::metadata(path).map_err(told)?;
    if !metadata.is_file() {
        return Err(ReadError::Unreadable("it is no ordinary file".to_owned()));
    }
    let mut file = File::open(path).map_err(told)?;
    let mut first = [0; 16];
    let mut known = 0;
    while known < first.len() {
        match file.read(&mut first[known..]).map_err(told)? {
            0 => break,
            n => known += n,
        }
    }
    if known == 0 {
        return Err(ReadError::Empty);
    }
    file.rewind().map_err(told)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(OpenFile { file, bytes: metadata.len(), kind: media::content_type(&name, &first[..known]) })
}

/// Looks at a file. Pixels come in about the size `wanted`, when the file has many more.
///
/// # Errors
/// A sentence that says why there is nothing to see.
pub fn look(path: &Path, wanted: (u32, u32), watch: &Watch) -> Result<Seen, ReadError> {
    let opened = open(path)?;
    let (kind, bytes) = (opened.kind, opened.bytes);
    let content = match kind.split('/').next().unwrap_or_default() {
        "image" => guarded(|| still::read(opened, wanted, watch))?,
        "video" => guarded(|| video::read(path, opened, wanted, watch))?,
        "audio" => Content::Facts(container::facts(opened, watch)),
        "text" => text::read(opened.file, watch)?,
        _ if kind == "application/json" => text::read(opened.file, watch)?,
        _ => text::read_if_text(opened.file, watch)?,
    };
    Ok(Seen { kind, bytes, content })
}

/// Looks at a file without decoding pictures: text is read, of others only their type and size.
///
/// # Errors
/// A sentence that says why there is nothing to see.
pub fn look_at_text(path: &Path, watch: &Watch) -> Result<Seen, ReadError> {
    let opened = open(path)?;
    let (kind, bytes) = (opened.kind, opened.bytes);
    let is_text = kind.starts_with("text/") || kind == "application/json";
    let content = if is_text { text::read(opened.file, watch)? } else { Content::Facts(Vec::new()) };
    Ok(Seen { kind, bytes, content })
}

/// Decodes, and takes a decoder's panic for a broken picture.
fn guarded<T>(work: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(ReadError::Broken("the decoder failed on it".to_owned())))
}

/// A reader for decoders.
fn watched(file: File, watch: &Watch) -> impl BufRead + Seek {
    io::BufReader::with_capacity(64 << 10, Watched { file, watch: watch.clone() })
}
