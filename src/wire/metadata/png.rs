//! PNG (ISO/IEC 15948): text in `tEXt`, `zTXt` and `iTXt` chunks; ComfyUI's animated PNGs have it in private
//! `comf` chunks, some programs in `eXIf`.

use std::io::{Read, Seek};

use super::reader::{ByteReader, Scanned};
use super::{MAX_TEXT, Metadata, decoded, exif};

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

pub(super) fn scan<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    source.skip(SIGNATURE.len() as u64)?;
    let mut room = 2 * MAX_TEXT;
    loop {
        let [a, b, c, d, kind @ ..] = source.array::<8>()?;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        match &kind {
            b"IEND" => return Ok(()),
            // ComfyUI writes its text before the pixels, so nothing is missed by stopping here.
            b"IDAT" if found.prompt.is_some() => return Ok(()),
            b"tEXt" | b"zTXt" | b"iTXt" | b"comf" | b"eXIf" => {
                if let Some(data) = source.bytes(length)? {
                    text(kind, &data, &mut room, found);
                }
            }
            _ => source.skip(length)?,
        }
        // The checksum is not needed: a corrupted text will not parse as JSON.
        source.skip(4)?;
    }
}

/// Reads the text of a chunk. A few kilobytes may inflate to gigabytes, so only texts of names that matter are
/// inflated, and to `room` bytes in total.
fn text(kind: [u8; 4], data: &[u8], room: &mut u64, found: &mut Metadata) {
    if kind == *b"eXIf" {
        return exif::scan(data, found);
    }
    let Some((keyword, rest)) = split(data) else { return };
    let keyword = decoded(keyword);
    match (&kind, rest) {
        (b"tEXt" | b"comf", text) => found.put(&keyword, &decoded(text)),
        (b"zTXt" | b"iTXt", _) if !found.wants(&keyword) => found.note(&keyword),
        (b"zTXt", [0, packed @ ..]) => match inflate(packed, room) {
            Some(text) => found.put(&keyword, &decoded(&text)),
            None => found.note(&keyword),
        },
        // Compression flag and method, then language and translated keyword, each ended by a zero byte.
        (b"iTXt", [flag, _, rest @ ..]) => {
            let Some(text) = split(rest).and_then(|(_, rest)| split(rest)).map(|(_, text)| text) else {
                return;
            };
            match if *flag == 0 { Some(text.to_vec()) } else { inflate(text, room) } {
                Some(text) => found.put(&keyword, &decoded(&text)),
                None => found.note(&keyword),
            }
        }
        _ => found.note(&keyword),
    }
}

/// Splits at the first zero byte.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let zero = memchr::memchr(0, bytes)?;
    Some((&bytes[..zero], &bytes[zero + 1..]))
}

/// Inflates a zlib stream; `None` if it is corrupt, or exceeds [`MAX_TEXT`] or the room left.
fn inflate(packed: &[u8], room: &mut u64) -> Option<Vec<u8>> {
    let most = MAX_TEXT.min(*room);
    let mut text = Vec::new();
    let read = flate2::read::ZlibDecoder::new(packed).take(most + 1).read_to_end(&mut text);
    *room -= (text.len() as u64).min(most);
    read.ok()?;
    (text.len() as u64 <= most).then_some(text)
}
