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
            // ComfyUI writes its text before the pixels.
            b"IDAT" if found.prompt.is_some() => return Ok(()),
            b"tEXt" | b"zTXt" | b"iTXt" | b"comf" | b"eXIf" => {
                if let Some(data) = source.bytes(length)? {
                    text(kind, &data, &mut room, found);
                }
            }
            _ => source.skip(length)?,
        }
        // The checksum: a text that came to harm is no JSON.
        source.skip(4)?;
    }
}

/// Takes the text of a chunk. What is packed is unpacked as long as there is `room` for it, and only under a name that
/// counts: a few kilobytes may hold gigabytes.
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
        // Compression flag and method, then language and translated keyword, each up to a zero.
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

/// What stands before the first zero, and behind it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let zero = memchr::memchr(0, bytes)?;
    Some((&bytes[..zero], &bytes[zero + 1..]))
}

/// Unpacks a zlib stream; `None` when it is broken, or grows beyond a text's size or the room that is left.
fn inflate(packed: &[u8], room: &mut u64) -> Option<Vec<u8>> {
    let most = MAX_TEXT.min(*room);
    let mut text = Vec::new();
    let read = flate2::read::ZlibDecoder::new(packed).take(most + 1).read_to_end(&mut text);
    *room -= (text.len() as u64).min(most);
    read.ok()?;
    (text.len() as u64 <= most).then_some(text)
}
