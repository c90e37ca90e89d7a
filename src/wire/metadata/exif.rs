//! EXIF: a TIFF (6.0) directory of numbered fields. ComfyUI puts `prompt:{…}` into Model (0x0110), `workflow:{…}`
//! into Make (0x010F) and what else there is downwards from there; others use UserComment (0x9286).

use super::{Metadata, decoded};

pub(super) const PREFIX: &[u8] = b"Exif\0\0";

/// Most fields read from one directory.
const MAX_FIELDS: u16 = 512;
const SUB_DIRECTORY: u16 = 0x8769;
const USER_COMMENT: u16 = 0x9286;

/// Reads the directories; fields that point outside of the data are skipped.
pub(super) fn scan(data: &[u8], found: &mut Metadata) {
    let data = data.strip_prefix(PREFIX).unwrap_or(data);
    let Some(mut tiff) = Tiff::new(data) else { return };
    let Some(first) = tiff.u32(4) else { return };
    if let Some(below) = tiff.directory(first, found) {
        tiff.directory(below, found);
    }
}

struct Tiff<'a> {
    data: &'a [u8],
    big_endian: bool,
    /// Bytes of text that may still be read: a hostile file has many fields that point to the same bytes.
    room: usize,
}

impl<'a> Tiff<'a> {
    fn new(data: &'a [u8]) -> Option<Self> {
        let big_endian = match data.get(..2)? {
            b"MM" => true,
            b"II" => false,
            _ => return None,
        };
        let tiff = Self { data, big_endian, room: 2 * data.len() };
        (tiff.u16(2)? == 42).then_some(tiff)
    }

    /// Reads the texts of a directory; returns the offset of the EXIF directory below it.
    fn directory(&mut self, at: u32, found: &mut Metadata) -> Option<u32> {
        let at = at as usize;
        let count = self.u16(at)?.min(MAX_FIELDS);
        let mut below = None;
        for index in 0..usize::from(count) {
            let field = at.checked_add(2 + 12 * index)?;
            let (tag, kind, length) = (self.u16(field)?, self.u16(field + 2)?, self.u32(field + 4)? as usize);
            let value = match length {
                0..=4 => field + 8,
                _ => self.u32(field + 8)? as usize,
            };
            match (tag, kind) {
                (SUB_DIRECTORY, 4) => below = self.u32(field + 8),
                // The types BYTE, ASCII and UNDEFINED.
                (_, 1 | 2 | 7) => {
                    if let Some(bytes) = value.checked_add(length).and_then(|end| self.data.get(value..end))
                        && let Some(room) = self.room.checked_sub(length)
                    {
                        self.room = room;
                        self.text(tag, bytes, found);
                    }
                }
                _ => {}
            }
        }
        below
    }

    fn text(&self, tag: u16, bytes: &[u8], found: &mut Metadata) {
        let text = match bytes {
            _ if tag != USER_COMMENT => decoded(bytes),
            // UserComment begins with the name of its character set, eight bytes long.
            [b'U', b'N', b'I', b'C', b'O', b'D', b'E', 0, text @ ..] => self.utf16(text).into(),
            [b'A', b'S', b'C', b'I', b'I', 0, 0, 0, text @ ..] | [0, 0, 0, 0, 0, 0, 0, 0, text @ ..] => {
                decoded(text)
            }
            _ => decoded(bytes),
        };
        found.put_prefixed(&text);
    }

    fn utf16(&self, bytes: &[u8]) -> String {
        // The standard asks for the file's byte order, but many programs always write big endian.
        let big_endian = match bytes {
            [0, c, ..] if *c != 0 => true,
            [c, 0, ..] if *c != 0 => false,
            _ => self.big_endian,
        };
        let (pairs, _) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| match big_endian {
            true => u16::from_be_bytes(*pair),
            false => u16::from_le_bytes(*pair),
        });
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.data.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.data.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}
