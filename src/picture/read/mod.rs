//! Decodes an output file: its picture, its text, or facts about it. Files come from servers and are not trusted.
//!
//! Limits: [`LARGEST_FILE`], [`LONGEST_SIDE`], [`MOST_MEMORY`], and a [`Watch`] with the caller's time limit, which
//! also cancels work whose result nobody needs any more. A panic in a decoder becomes an error.

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

/// Largest file that is decoded, in bytes.
pub const LARGEST_FILE: u64 = 256 << 20;
/// Longest side of a picture that is decoded, in pixels.
pub const LONGEST_SIDE: u32 = 16_384;
/// Most memory for decoding one picture, in bytes: 8,192 by 8,192 pixels of four bytes.
pub const MOST_MEMORY: u64 = 256 << 20;

#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// MIME type such as `image/png`, found by content, then by name.
    pub kind: &'static str,
    pub bytes: u64,
    pub content: Content,
}

/// Content of a file, as far as it can be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A picture, or one frame of a video.
    Picture(Still),
    /// The first lines of a text, scrubbed, and whether there are more.
    Text(Vec<String>, bool),
    /// Facts about a file that cannot be drawn, and the reason.
    Facts(Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Still {
    /// The pixels, scaled down if the file has many more than needed.
    pub pixels: Pixels,
    /// Width and height in the file, in pixels.
    pub size: (u32, u32),
    /// Further facts, such as the length of a video.
    pub facts: Vec<String>,
    /// Whether it is an animation, which [`frames`] can decode.
    pub moves: bool,
}

/// Decoded pixels, with or without transparency.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    Opaque(RgbImage),
    Transparent(RgbaImage),
}

impl Pixels {
    /// Width in pixels.
    pub fn width(&self) -> u32 {
        match self {
            Self::Opaque(image) => image.width(),
            Self::Transparent(image) => image.width(),
        }
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        match self {
            Self::Opaque(image) => image.height(),
            Self::Transparent(image) => image.height(),
        }
    }
}

/// Why a file could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file does not exist.
    #[error("the file is gone: {0}")]
    Gone(String),
    /// The file cannot be opened or read.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    #[error("the file is empty")]
    Empty,
    /// The file or picture exceeds a limit.
    #[error("{0}")]
    TooLarge(String),
    /// The file is damaged, truncated, or of another format than its content claims.
    #[error("the picture is broken: {0}")]
    Broken(String),
    /// The time limit has passed.
    #[error("the picture takes too long to decode, and was given up after {} s", .0.as_secs())]
    TooSlow(Duration),
    /// A newer request has replaced this one.
    #[error("something else is wanted by now")]
    Superseded,
}

/// A time limit, and cancellation by a newer request.
#[derive(Clone, Debug)]
pub struct Watch {
    until: Instant,
    limit: Duration,
    /// Number of the newest request, to be compared with `mine`.
    newest: Arc<AtomicU64>,
    mine: u64,
}

impl Watch {
    /// A watch with a time limit only.
    pub fn new(limit: Duration) -> Self {
        Self::of(limit, Arc::new(AtomicU64::new(0)), 0)
    }

    /// A watch that also cancels when `newest` is no longer `mine`.
    pub fn of(limit: Duration, newest: Arc<AtomicU64>, mine: u64) -> Self {
        Self { until: Instant::now() + limit, limit, newest, mine }
    }

    /// # Errors
    /// If the time has run out, or a newer request has been made.
    pub fn check(&self) -> Result<(), ReadError> {
        if self.newest.load(Ordering::Relaxed) != self.mine {
            return Err(ReadError::Superseded);
        }
        if Instant::now() >= self.until { Err(ReadError::TooSlow(self.limit)) } else { Ok(()) }
    }

    /// Time left until the limit.
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// A file whose reads fail once the watch says stop.
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

/// A file with its type and size.
struct OpenFile {
    file: File,
    bytes: u64,
    kind: &'static str,
}

fn open(path: &Path) -> Result<OpenFile, ReadError> {
    let read_error = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Gone(path.display().to_string()),
        _ => ReadError::Unreadable(error.to_string()),
    };
    // Checked before opening: opening a named pipe would block until somebody writes into it.
    let metadata = std::fs::metadata(path).map_err(read_error)?;
    if !metadata.is_file() {
        return Err(ReadError::Unreadable("it is not a regular file".to_owned()));
    }
    let mut file = File::open(path).map_err(read_error)?;
    let mut first = [0; 16];
    let mut known = 0;
    while known < first.len() {
        match file.read(&mut first[known..]).map_err(read_error)? {
            0 => break,
            n => known += n,
        }
    }
    if known == 0 {
        return Err(ReadError::Empty);
    }
    file.rewind().map_err(read_error)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(OpenFile { file, bytes: metadata.len(), kind: media::content_type(&name, &first[..known]) })
}

/// Decodes a file. Pictures much larger than `wanted` are scaled down to about that size.
///
/// # Errors
/// If the file cannot be read or decoded within the limits.
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

/// Reads a file without decoding pictures: text is read, of other files only type and size.
///
/// # Errors
/// If the file cannot be read.
pub fn look_at_text(path: &Path, watch: &Watch) -> Result<Seen, ReadError> {
    let opened = open(path)?;
    let (kind, bytes) = (opened.kind, opened.bytes);
    let is_text = kind.starts_with("text/") || kind == "application/json";
    let content = if is_text { text::read(opened.file, watch)? } else { Content::Facts(Vec::new()) };
    Ok(Seen { kind, bytes, content })
}

/// Runs a decoder; a panic becomes [`ReadError::Broken`].
fn guarded<T>(work: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(ReadError::Broken("the decoder failed on it".to_owned())))
}

/// A buffered reader that obeys the watch.
fn watched(file: File, watch: &Watch) -> impl BufRead + Seek {
    io::BufReader::with_capacity(64 << 10, Watched { file, watch: watch.clone() })
}
