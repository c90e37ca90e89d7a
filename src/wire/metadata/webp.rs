//! WebP: a RIFF container; ComfyUI writes an `EXIF` chunk after the frames.

use std::io::{Read, Seek};

use super::reader::{ByteReader, Scanned};
use super::{Metadata, exif};

pub(super) fn scan<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    source.skip(12)?;
    while source.left() >= 8 {
        let [kind @ .., a, b, c, d] = source.array::<8>()?;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        match kind {
            [b'E', b'X', b'I', b'F'] => {
                if let Some(data) = source.bytes(length)? {
                    exif::scan(&data, found);
                }
                if found.is_whole() {
                    return Ok(());
                }
            }
            _ => source.skip(length)?,
        }
        // Chunks are padded to even offsets; the last one may lack its padding.
        if length % 2 == 1 && source.left() > 0 {
            source.skip(1)?;
        }
    }
    Ok(())
}
