//! WebM and Matroska: elements within elements, each with an id and a size of variable length. Tags are pairs of a name
//! and a text: ffmpeg writes the names in capitals.

use std::io::{Read, Seek};

use super::reader::{ByteReader, Scanned, Stop};
use super::{Metadata, decoded};

const SEGMENT: u32 = 0x1853_8067;
const TAGS: u32 = 0x1254_c367;
const TAG: u32 = 0x7373;
const SIMPLE_TAG: u32 = 0x67c8;
const TAG_NAME: u32 = 0x45a3;
const TAG_STRING: u32 = 0x4487;
/// Frames. A file that was written while it was recorded does not say how long they are.
const CLUSTER: u32 = 0x1f43_b675;

/// Most levels of elements; a tag is on the fourth.
const MOST_LEVELS: usize = 8;

pub(super) fn scan<R: Read + Seek>(source: &mut ByteReader<R>, found: &mut Metadata) -> Scanned<()> {
    let end = source.end();
    let mut tag = Tag::default();
    elements(source, found, end, 0, &mut tag)
}

/// A pair that is being read.
#[derive(Default)]
struct Tag {
    name: String,
    text: String,
}

fn elements<R: Read + Seek>(
    source: &mut ByteReader<R>,
    found: &mut Metadata,
    end: u64,
    level: usize,
    tag: &mut Tag,
) -> Scanned<()> {
    while source.at() < end && !found.is_whole() {
        let id = id(source)?;
        let size = size(source)?;
        let stop = match size {
            Some(size) => source.at().checked_add(size).filter(|stop| *stop <= end),
            // To the end of what is around it.
            None => Some(end),
        };
        let stop = stop.ok_or(Stop::Damaged("a part of it is longer than the part around it"))?;
        match id {
            SEGMENT | TAGS | TAG if level < MOST_LEVELS => elements(source, found, stop, level + 1, tag)?,
            // Its elements are read as if they stood beside it: of those none is a tag.
            CLUSTER if size.is_none() => continue,
            SIMPLE_TAG if level < MOST_LEVELS => {
                *tag = Tag::default();
                elements(source, found, stop, level + 1, tag)?;
                found.put(&tag.name, &tag.text);
            }
            TAG_NAME => tag.name = text(source, stop)?,
            TAG_STRING => tag.text = text(source, stop)?,
            _ => {}
        }
        if source.at() < stop {
            source.skip_to(stop)?;
        }
    }
    Ok(())
}

fn text<R: Read + Seek>(source: &mut ByteReader<R>, stop: u64) -> Scanned<String> {
    let bytes = source.bytes(stop - source.at())?.unwrap_or_default();
    Ok(decoded(&bytes).into_owned())
}

/// An id, of one to four bytes: as many as its first byte has zeros before the first one, and one.
fn id<R: Read + Seek>(source: &mut ByteReader<R>) -> Scanned<u32> {
    let [first] = source.array::<1>()?;
    let more = first.leading_zeros();
    if more > 3 {
        return Err(Stop::Damaged("a part of it does not begin as it should"));
    }
    let mut id = u32::from(first);
    for _ in 0..more {
        let [next] = source.array::<1>()?;
        id = id << 8 | u32::from(next);
    }
    Ok(id)
}

/// A size, of one to eight bytes; `None` when it is not known.
fn size<R: Read + Seek>(source: &mut ByteReader<R>) -> Scanned<Option<u64>> {
    let [first] = source.array::<1>()?;
    let more = first.leading_zeros();
    if more > 7 {
        return Err(Stop::Damaged("a part of it does not begin as it should"));
    }
    let mut size = u64::from(first) & (0x7f >> more);
    for _ in 0..more {
        let [next] = source.array::<1>()?;
        size = size << 8 | u64::from(next);
    }
    let unknown = (1 << (7 * (more + 1))) - 1;
    Ok((size != unknown).then_some(size))
}
