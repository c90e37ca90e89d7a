//! AVIF and HEIF: the boxes of MP4, with EXIF as an item of which `iinf` says that it is there and `iloc` where it is.

use std::io::{Read, Seek};

use super::reader::{ByteReader, Scanned, Stop};
use super::{MAX_TEXT, Metadata, exif};

/// Largest list of items, in bytes.
const MAX_META: u64 = 4 << 20;

pub(super) fn scan<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    let end = source.end();
    let mut place = None;
    while end - source.at() >= 8 && place.is_none() {
        let start = source.at();
        let [a, b, c, d, kind @ ..] = source.array::<8>()?;
        let size = match u32::from_be_bytes([a, b, c, d]) {
            0 => end - start,
            1 => u64::from_be_bytes(source.array()?),
            size => u64::from(size),
        };
        let stop = start.checked_add(size).filter(|stop| *stop >= source.at() && *stop <= end);
        let stop = stop.ok_or(Stop::Damaged("a part of it is longer than the part around it"))?;
        if kind == *b"meta" && stop - source.at() <= MAX_META {
            let meta = source.bytes(stop - source.at())?.unwrap_or_default();
            place = meta.get(4..).and_then(exif_place);
        }
        source.skip_to(stop)?;
    }
    let Some((at, length)) = place.filter(|(_, length)| *length <= MAX_TEXT) else { return Ok(()) };
    source.go_to(at)?;
    let item = source.bytes(length)?.unwrap_or_default();
    // The place of the TIFF header behind this number.
    let Some((skipped, tiff)) = item.split_first_chunk::<4>() else { return Ok(()) };
    if let Some(tiff) = tiff.get(u32::from_be_bytes(*skipped) as usize..) {
        exif::scan(tiff, found);
    }
    Ok(())
}

/// Where in the file the EXIF item is, and its length.
fn exif_place(meta: &[u8]) -> Option<(u64, u64)> {
    let item = Boxes(meta).find(|(kind, _)| kind == b"iinf").and_then(|(_, list)| exif_item(list))?;
    let (_, locations) = Boxes(meta).find(|(kind, _)| kind == b"iloc")?;
    location(locations, item)
}

/// The boxes one after the other, as far as they are whole.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (size, rest) = self.0.split_first_chunk::<4>()?;
        let size = u32::from_be_bytes(*size) as usize;
        let (inner, after) = rest.split_at_checked(size.checked_sub(4)?)?;
        self.0 = after;
        let (kind, content) = inner.split_first_chunk::<4>()?;
        Some((*kind, content))
    }
}

/// The number of the item that is EXIF.
fn exif_item(list: &[u8]) -> Option<u32> {
    let (version, list) = list.split_first()?;
    let entries = list.get(if *version == 0 { 5 } else { 7 }..)?;
    Boxes(entries).filter(|(kind, _)| kind == b"infe").find_map(|(_, entry)| {
        let mut fields = Fields(entry);
        let version = fields.number(1)?;
        fields.number(3)?;
        let item = match version {
            2 => fields.number(2)?,
            3 => fields.number(4)?,
            _ => return None,
        };
        fields.number(2)?;
        fields.0.starts_with(b"Exif").then_some(item as u32)
    })
}

/// The place of an item with a single piece.
fn location(list: &[u8], wanted: u32) -> Option<(u64, u64)> {
    let mut fields = Fields(list);
    let version = fields.number(1)?;
    fields.number(3)?;
    let (sizes, more) = (fields.number(1)?, fields.number(1)?);
    let (offset_size, length_size) = (sizes >> 4, sizes & 15);
    let (base_size, index_size) = (more >> 4, if version == 0 { 0 } else { more & 15 });
    let wide = if version < 2 { 2 } else { 4 };
    for _ in 0..fields.number(wide)? {
        let item = fields.number(wide)?;
        let method = if version == 0 { 0 } else { fields.number(2)? & 15 };
        fields.number(2)?;
        let base = fields.number(base_size)?;
        let pieces = fields.number(2)?;
        for _ in 0..pieces {
            fields.number(index_size)?;
            let (offset, length) = (fields.number(offset_size)?, fields.number(length_size)?);
            if item == u64::from(wanted) && method == 0 && pieces == 1 {
                return Some((base.checked_add(offset)?, length));
            }
        }
    }
    None
}

/// Numbers one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// A number of so many bytes, at most eight.
    fn number(&mut self, size: u64) -> Option<u64> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(size.min(9)).ok()?)?;
        self.0 = rest;
        (size <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}
