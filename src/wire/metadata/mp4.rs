//! MP4 and MOV (ISO/IEC 14496-12): boxes within boxes. ffmpeg's `use_metadata_tags` writes into `moov/udta/meta`:
//! names in `keys`, texts in `ilst`. Without that option the comment is `©cmt`, also in `ilst`.

use std::io::{Read, Seek};

use super::reader::{ByteReader, Scanned, Stop};
use super::{Metadata, decoded};

/// Most names read from `keys`.
const MAX_KEYS: u32 = 256;
/// Longest name, in bytes.
const LONGEST_KEY: u64 = 1_024;

pub(super) fn scan<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    let end = source.end();
    Boxes { source, found, keys: Vec::new() }.children(end, 0)
}

struct Boxes<'a, R> {
    source: &'a mut ByteReader<R>,
    found: &'a mut Metadata,
    /// Names of `keys`; `ilst` refers to them by number, from 1.
    keys: Vec<String>,
}

impl<R: Read + Seek> Boxes<'_, R> {
    /// Reads the boxes up to an offset in the file.
    fn children(&mut self, end: u64, depth: usize) -> Scanned<()> {
        while end.saturating_sub(self.source.at()) >= 8 && !self.found.is_whole() {
            let start = self.source.at();
            let [a, b, c, d, kind @ ..] = self.source.array::<8>()?;
            let size = match u32::from_be_bytes([a, b, c, d]) {
                // Size 0: the box extends to the end of its parent.
                0 => end - start,
                1 => u64::from_be_bytes(self.source.array()?),
                size => u64::from(size),
            };
            let inner = self.source.at() - start;
            let stop = start.checked_add(size).filter(|stop| size >= inner && *stop <= end);
            let stop = stop.ok_or(Stop::Damaged("a part of it is longer than the part around it"))?;
            match &kind {
                b"moov" | b"udta" | b"ilst" if depth < 4 => {
                    self.one(kind, stop, depth)?;
                }
                b"meta" if depth < 4 => self.meta(stop, depth)?,
                b"keys" => self.keys(stop)?,
                // QuickTime's form: length, language, text.
                b"\xa9cmt" if stop - self.source.at() > 4 => {
                    self.source.skip(4)?;
                    let text = self.source.bytes(stop - self.source.at())?;
                    self.found.put("comment", &decoded(&text.unwrap_or_default()));
                }
                _ => {}
            }
            self.source.skip_to(stop)?;
        }
        Ok(())
    }

    fn one(&mut self, kind: [u8; 4], stop: u64, depth: usize) -> Scanned<()> {
        if kind == *b"ilst" { self.items(stop) } else { self.children(stop, depth + 1) }
    }

    /// `meta` begins with a version in MP4; in QuickTime it begins with its first box.
    fn meta(&mut self, stop: u64, depth: usize) -> Scanned<()> {
        if stop - self.source.at() < 4 {
            return Ok(());
        }
        let first = u32::from_be_bytes(self.source.array()?);
        if first != 0 {
            // This was the size of the first box, `hdlr`, which is skipped.
            let rest = u64::from(first).checked_sub(4).map(|rest| self.source.at() + rest);
            let next = rest.filter(|next| *next <= stop);
            self.source.skip_to(next.ok_or(Stop::Damaged("its metadata does not begin as it should"))?)?;
        }
        self.children(stop, depth + 1)
    }

    fn keys(&mut self, stop: u64) -> Scanned<()> {
        let [_, _, _, _, a, b, c, d] = self.source.array::<8>()?;
        let count = u32::from_be_bytes([a, b, c, d]).min(MAX_KEYS);
        for _ in 0..count {
            let size = u64::from(u32::from_be_bytes(self.source.array()?));
            let fits = size >= 8 && self.source.at() + size - 4 <= stop;
            if !fits {
                return Err(Stop::Damaged("a name in its metadata is longer than the list of names"));
            }
            self.source.skip(4)?;
            // Names are numbered by position, so one that is too long still takes its number.
            let name = if size - 8 <= LONGEST_KEY {
                self.source.bytes(size - 8)?.unwrap_or_default()
            } else {
                self.source.skip(size - 8)?;
                Vec::new()
            };
            self.keys.push(decoded(&name).into_owned());
        }
        Ok(())
    }

    /// Reads `ilst`: boxes named by a number in `keys` or by four letters, each with a `data` box inside.
    fn items(&mut self, end: u64) -> Scanned<()> {
        while end.saturating_sub(self.source.at()) >= 24 {
            let start = self.source.at();
            let [a, b, c, d, kind @ ..] = self.source.array::<8>()?;
            let stop = start + u64::from(u32::from_be_bytes([a, b, c, d]));
            let [_, _, _, _, inner @ ..] = self.source.array::<8>()?;
            if stop < start + 24 || stop > end {
                return Err(Stop::Damaged("a text in its metadata is longer than the list of texts"));
            }
            // Type and locale of the value.
            self.source.skip(8)?;
            let number = (u32::from_be_bytes(kind) as usize).checked_sub(1);
            let name = match number.and_then(|number| self.keys.get(number)) {
                Some(name) => name.clone(),
                None if kind == *b"\xa9cmt" => "comment".to_owned(),
                None => String::new(),
            };
            if inner == *b"data" && !name.is_empty() {
                let text = self.source.bytes(stop - self.source.at())?.unwrap_or_default();
                self.found.put(&name, &decoded(&text));
            }
            self.source.skip_to(stop)?;
        }
        Ok(())
    }
}
