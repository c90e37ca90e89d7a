//! Vorbis comments (`NAME=text`), in FLAC in a block of their own, in Ogg (Opus, Vorbis) in the second packet.

use std::io::{Read, Seek};

use super::reader::{ByteReader, SHORT, Scanned, Stop};
use super::{MAX_TEXT, Metadata, decoded};

/// Kind of FLAC's block with comments.
const COMMENTS: u8 = 4;
/// Most comments that are read.
const MAX_COMMENTS: u32 = 1_024;
/// What the packets with comments begin with.
const PACKETS: [&[u8]; 2] = [b"OpusTags", b"\x03vorbis"];

/// FLAC: blocks of metadata before the frames.
pub(super) fn scan_flac<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    source.skip(4)?;
    loop {
        let [kind, a, b, c] = source.array::<4>()?;
        let length = u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x7f == COMMENTS {
            if let Some(block) = source.bytes(length)? {
                comments(&block, found)?;
            }
        } else {
            source.skip(length)?;
        }
        if kind & 0x80 != 0 || found.is_whole() {
            return Ok(());
        }
    }
}

/// Ogg: packets in pieces of at most 255 bytes, of which a page has up to 255. A piece that is shorter ends its packet.
pub(super) fn scan_ogg<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    let mut packet = Vec::new();
    while source.left() > 0 {
        let head = source.array::<27>()?;
        if !head.starts_with(b"OggS") {
            return Err(Stop::Damaged("a page of it does not begin as it should"));
        }
        let mut sizes = Vec::with_capacity(usize::from(head[26]));
        for _ in 0..head[26] {
            let [size] = source.array::<1>()?;
            sizes.push(size);
        }
        for size in sizes {
            packet.extend(source.bytes(size.into())?.unwrap_or_default());
            if packet.len() as u64 > MAX_TEXT {
                return Ok(());
            }
            if size < 255 {
                let packet = std::mem::take(&mut packet);
                if let Some(rest) = PACKETS.iter().find_map(|start| packet.strip_prefix(*start)) {
                    return comments(rest, found);
                }
            }
        }
    }
    Ok(())
}

/// Reads the comments: the encoder's name, then a number of texts, each after its length.
fn comments(block: &[u8], found: &mut Metadata) -> Scanned<()> {
    let mut rest = block;
    text(&mut rest)?;
    let count = number(&mut rest)?.min(MAX_COMMENTS);
    for _ in 0..count {
        let comment = decoded(text(&mut rest)?);
        if let Some((name, text)) = comment.split_once('=') {
            found.put(name, text);
        }
    }
    Ok(())
}

fn number(rest: &mut &[u8]) -> Scanned<u32> {
    let (number, after) = rest.split_first_chunk::<4>().ok_or(Stop::Damaged(SHORT))?;
    *rest = after;
    Ok(u32::from_le_bytes(*number))
}

fn text<'a>(rest: &mut &'a [u8]) -> Scanned<&'a [u8]> {
    let length = number(rest)? as usize;
    let (text, after) = rest.split_at_checked(length).ok_or(Stop::Damaged(SHORT))?;
    *rest = after;
    Ok(text)
}
