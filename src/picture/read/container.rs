//! Length and size of video and audio files, read from the headers of MP4, Matroska and WAV without decoding.

use std::io::{BufRead, Read, Seek, SeekFrom};

use super::{OpenFile, Watch, watched};

/// Most bytes that are searched for a header.
const FAR: u64 = 1 << 20;
/// Most boxes read from an MP4 file.
const BOXES: usize = 1_000;

/// Length and size in pixels, as far as the file has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct About {
    pub(super) seconds: Option<f64>,
    pub(super) pixels: Option<(u32, u32)>,
}

/// The facts as lines of text.
pub(super) fn facts(opened: OpenFile, watch: &Watch) -> Vec<String> {
    about(opened, watch).lines()
}

impl About {
    pub(super) fn lines(&self) -> Vec<String> {
        let length = self.seconds.map(|seconds| format!("{seconds:.1} s"));
        let size = self.pixels.map(|(width, height)| format!("{width}×{height}"));
        [size, length].into_iter().flatten().collect()
    }
}

pub(super) fn about(opened: OpenFile, watch: &Watch) -> About {
    let mut reader = watched(opened.file, watch);
    let found = match opened.kind {
        "video/mp4" | "video/quicktime" | "audio/mp4" => mp4(&mut reader, opened.bytes),
        "video/webm" | "video/x-matroska" => matroska(&mut reader),
        "audio/wav" => wav(&mut reader),
        _ => None,
    };
    found.map(About::plausible).unwrap_or_default()
}

impl About {
    /// Drops implausible values.
    fn plausible(self) -> Self {
        About {
            seconds: self.seconds.filter(|seconds| seconds.is_finite() && (0.0..1e7).contains(seconds)),
            pixels: self.pixels.filter(|(width, height)| *width > 0 && *height > 0),
        }
    }
}

fn four(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn eight(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// ISO 14496-12: `moov` contains `mvhd` (time scale and length) and for each track a `tkhd` (width and height).
fn mp4<R: BufRead + Seek>(reader: &mut R, end: u64) -> Option<About> {
    let mut at = 0;
    for _ in 0..BOXES {
        let (name, from, to) = next_box(reader, at, end)?;
        if &name == b"moov" {
            return moov(reader, from, to);
        }
        at = to;
    }
    None
}

/// A box's name, the offset of its content, and the offset of the next box.
fn next_box<R: BufRead + Seek>(reader: &mut R, at: u64, end: u64) -> Option<([u8; 4], u64, u64)> {
    if at.checked_add(8)? > end {
        return None;
    }
    reader.seek(SeekFrom::Start(at)).ok()?;
    let mut head = [0; 16];
    reader.read_exact(&mut head[..8]).ok()?;
    let name: [u8; 4] = head[4..8].try_into().ok()?;
    let (length, inner) = match four(&head, 0)? {
        0 => (end - at, 8),
        1 => {
            reader.read_exact(&mut head[8..]).ok()?;
            (eight(&head, 8)?, 16)
        }
        length => (length.into(), 8),
    };
    let next = at.checked_add(length).filter(|next| length >= inner && *next <= end)?;
    Some((name, at + inner, next))
}

fn moov<R: BufRead + Seek>(reader: &mut R, from: u64, end: u64) -> Option<About> {
    let mut about = About::default();
    let mut at = from;
    for _ in 0..BOXES {
        let Some((name, inner, next)) = next_box(reader, at, end) else { break };
        match &name {
            b"mvhd" => about.seconds = mvhd(&content(reader, inner, next)?),
            b"trak" => {
                if let Some((b"tkhd", from, to)) =
                    next_box(reader, inner, next).as_ref().map(|(name, from, to)| (name, *from, *to))
                {
                    let pixels = tkhd(&content(reader, from, to)?);
                    about.pixels =
                        about.pixels.or(pixels.filter(|(width, height)| *width > 0 && *height > 0));
                }
            }
            _ => {}
        }
        at = next;
    }
    Some(about)
}

fn content<R: BufRead + Seek>(reader: &mut R, from: u64, to: u64) -> Option<Vec<u8>> {
    reader.seek(SeekFrom::Start(from)).ok()?;
    let mut bytes = Vec::new();
    reader.take((to - from).min(256)).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn mvhd(bytes: &[u8]) -> Option<f64> {
    let (scale, length) = match bytes.first()? {
        1 => (four(bytes, 20)?, eight(bytes, 24)?),
        _ => (four(bytes, 12)?, u64::from(four(bytes, 16)?)),
    };
    (scale > 0).then(|| length as f64 / f64::from(scale))
}

/// Width and height are the last eight bytes, as 16.16 fixed point.
fn tkhd(bytes: &[u8]) -> Option<(u32, u32)> {
    let at = if *bytes.first()? == 1 { 88 } else { 76 };
    Some((four(bytes, at)? >> 16, four(bytes, at + 4)? >> 16))
}

/// RFC 9559. Searches the first bytes for element ids instead of parsing the tree: Duration and TimestampScale of
/// `Info`, PixelWidth and PixelHeight of the first track.
fn matroska<R: BufRead>(reader: &mut R) -> Option<About> {
    let mut bytes = Vec::new();
    reader.take(FAR.min(64 << 10)).read_to_end(&mut bytes).ok()?;
    let info = memchr::memmem::find(&bytes, b"\x15\x49\xa9\x66")?;
    let number = |from: usize, id: &[u8]| -> Option<&[u8]> {
        let at = from + memchr::memmem::find(bytes.get(from..)?, id)? + id.len();
        let length = usize::from(bytes.get(at)? & 0x7f);
        (length <= 8).then(|| bytes.get(at + 1..at + 1 + length))?
    };
    let whole = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    let scale = number(info, b"\x2a\xd7\xb1").map_or(1_000_000, whole);
    let length = number(info, b"\x44\x89").and_then(|bytes| match bytes.len() {
        4 => Some(f64::from(f32::from_be_bytes(bytes.try_into().ok()?))),
        8 => Some(f64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    });
    let tracks = memchr::memmem::find(&bytes, b"\x16\x54\xae\x6b");
    let video = tracks.and_then(|from| Some(from + memchr::memmem::find(bytes.get(from..)?, b"\xe0")?));
    let pixels = video.and_then(|from| {
        let side = |id: &[u8]| number(from, id).map(whole).and_then(|n| u32::try_from(n).ok());
        Some((side(b"\xb0")?, side(b"\xba")?))
    });
    Some(About { seconds: length.map(|length| length * scale as f64 / 1e9), pixels })
}

/// The length is the size of `data` divided by the byte rate in `fmt `.
fn wav<R: BufRead + Seek>(reader: &mut R) -> Option<About> {
    let mut rate = None;
    let mut at = 12;
    for _ in 0..BOXES {
        reader.seek(SeekFrom::Start(at)).ok()?;
        let mut head = [0; 8];
        reader.read_exact(&mut head).ok()?;
        let length = u32::from_le_bytes(head[4..].try_into().ok()?);
        match &head[..4] {
            b"fmt " => {
                let mut format = [0; 16];
                reader.read_exact(&mut format).ok()?;
                rate = Some(u32::from_le_bytes(format[8..12].try_into().ok()?)).filter(|rate| *rate > 0);
            }
            b"data" => {
                return Some(About {
                    seconds: rate.map(|rate| f64::from(length) / f64::from(rate)),
                    pixels: None,
                });
            }
            _ => {}
        }
        // Chunks are padded to even offsets.
        at = at.checked_add(8 + u64::from(length) + u64::from(length % 2))?;
    }
    None
}
