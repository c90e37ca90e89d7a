//! MP3: an ID3 tag (versions 2.3 and 2.4) before the sound, with texts of one's own in `TXXX` frames.

use std::io::{Read, Seek};

use super::reader::{ByteReader, Scanned};
use super::{Metadata, decoded};

/// Bits of the tag's flags.
const UNSYNCHRONISED: u8 = 0x80;
const EXTENDED: u8 = 0x40;

pub(super) fn scan<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    let [_, _, _, version, _, flags, size @ ..] = source.array::<10>()?;
    let Some(tag) = source.bytes(seven_bits(size).into())? else { return Ok(()) };
    // Version 2.2 has shorter frames, and is older than ComfyUI by decades.
    if !matches!(version, 3 | 4) {
        return Ok(());
    }
    let tag = if version == 3 && flags & UNSYNCHRONISED != 0 { synchronised(&tag) } else { tag };
    let mut rest = tag.as_slice();
    if flags & EXTENDED != 0
        && let Some(size) = rest.first_chunk::<4>()
    {
        let length =
            if version == 4 { seven_bits(*size) } else { u32::from_be_bytes(*size).saturating_add(4) };
        rest = rest.get(length as usize..).unwrap_or_default();
    }
    while let Some((head, after)) = rest.split_first_chunk::<10>() {
        let [name @ .., a, b, c, d, _, frame_flags] = *head;
        let size = [a, b, c, d];
        let length = if version == 4 { seven_bits(size) } else { u32::from_be_bytes(size) };
        // Padding, or a frame that is longer than the tag.
        let Some((frame, after)) = after.split_at_checked(length as usize) else { return Ok(()) };
        if name[0] == 0 {
            return Ok(());
        }
        rest = after;
        if name == *b"TXXX" {
            let is_unsynchronised = version == 4 && frame_flags & 0x02 != 0;
            // A length of the data stands before it.
            let frame = if version == 4 && frame_flags & 0x01 != 0 {
                frame.get(4..).unwrap_or_default()
            } else {
                frame
            };
            let whole = if is_unsynchronised { synchronised(frame) } else { frame.to_vec() };
            own_text(&whole, found);
        }
    }
    Ok(())
}

/// A text with its name: the encoding, the name, a zero, the text.
fn own_text(frame: &[u8], found: &mut Metadata) {
    let Some((encoding, rest)) = frame.split_first() else { return };
    match encoding {
        1 | 2 => {
            let (units, _) = rest.as_chunks::<2>();
            let Some(end) = units.iter().position(|unit| *unit == [0, 0]) else { return };
            found.put(&utf16(&units[..end]), &utf16(&units[end + 1..]));
        }
        _ => {
            let Some(end) = rest.iter().position(|byte| *byte == 0) else { return };
            found.put(&decoded(&rest[..end]), &decoded(&rest[end + 1..]));
        }
    }
}

/// UTF-16 with a byte order mark, or big endian.
fn utf16(units: &[[u8; 2]]) -> String {
    let (is_little, units) = match units {
        [[0xff, 0xfe], rest @ ..] => (true, rest),
        [[0xfe, 0xff], rest @ ..] => (false, rest),
        units => (false, units),
    };
    let unit = |pair: &[u8; 2]| if is_little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
    char::decode_utf16(units.iter().map(unit)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// A number of which each byte has seven bits.
fn seven_bits(bytes: [u8; 4]) -> u32 {
    bytes.iter().fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f))
}

/// Takes out the zeros that were put behind each 255.
fn synchronised(bytes: &[u8]) -> Vec<u8> {
    let mut before = 0;
    bytes
        .iter()
        .copied()
        .filter(|byte| !(std::mem::replace(&mut before, *byte) == 0xff && *byte == 0))
        .collect()
}
