//! JPEG: segments before the picture; EXIF is in `APP1`, plain text in `COM`.

use std::io::{Read, Seek};

use super::reader::{ByteReader, Scanned, Stop};
use super::{Metadata, decoded, exif};

pub(super) fn scan<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    source.skip(2)?;
    loop {
        let [mark] = source.array()?;
        if mark != 0xff {
            return Err(Stop::Damaged("a segment does not begin where it should"));
        }
        let mut kind = 0xff;
        while kind == 0xff {
            [kind] = source.array()?;
        }
        match kind {
            // Start of the compressed picture, or end of the file.
            0xda | 0xd9 => return Ok(()),
            // Markers without a length field.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let length = u64::from(u16::from_be_bytes(source.array()?));
        let length =
            length.checked_sub(2).ok_or(Stop::Damaged("a segment is shorter than its own length"))?;
        match kind {
            0xe1 | 0xfe => {
                let data = source.bytes(length)?.unwrap_or_default();
                match kind {
                    0xe1 if data.starts_with(exif::PREFIX) => exif::scan(&data, found),
                    0xfe => found.put_prefixed(&decoded(&data)),
                    _ => {}
                }
            }
            _ => source.skip(length)?,
        }
    }
}
