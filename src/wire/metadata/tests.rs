use std::cell::Cell;
use std::io::{Cursor, SeekFrom, Write as _};
use std::rc::Rc;

use proptest::prelude::*;

use super::*;

const PNG: &[u8] = include_bytes!("samples/png_prompt_workflow_note.png");
const RGBA: &[u8] = include_bytes!("samples/png_rgba.png");
const WEBP: &[u8] = include_bytes!("samples/webp_exif.webp");
const MP4: &[u8] = include_bytes!("samples/mp4_tags.mp4");

/// Written by the programs that ComfyUI writes with: PyAV, and Pillow.
const OTHERS: [(&str, &[u8]); 5] = [
    ("WebM", include_bytes!("samples/webm_tags.webm")),
    ("FLAC", include_bytes!("samples/flac_tags.flac")),
    ("MP3", include_bytes!("samples/mp3_tags.mp3")),
    ("Ogg", include_bytes!("samples/opus_tags.opus")),
    ("AVIF", include_bytes!("samples/avif_exif.avif")),
];

fn metadata(bytes: &[u8]) -> Metadata {
    read(Cursor::new(bytes)).expect("metadata")
}

/// Class types of the graph's nodes.
fn classes(found: &Metadata) -> Vec<String> {
    let graph: Value = serde_json::from_str(found.prompt.as_deref().expect("a prompt")).expect("JSON");
    let nodes = graph.as_object().expect("nodes").values();
    nodes.map(|node| node["class_type"].as_str().expect("a class").to_owned()).collect()
}

#[test]
fn what_comfyui_saved_is_read() {
    let png = metadata(PNG);
    assert_eq!((png.kind, classes(&png)), ("PNG", vec!["EmptyImage".to_owned(), "SaveImage".to_owned()]));
    assert_eq!(png.workflow.as_deref(), Some(r#"{"id": "abc", "nodes": []}"#));
    assert_eq!(png.others, ["note"]);
    let rgba = metadata(RGBA);
    assert_eq!((classes(&rgba).len(), rgba.workflow), (4, None));
    let webp = metadata(WEBP);
    assert_eq!((webp.kind, classes(&webp).len()), ("WebP", 5));
    assert_eq!(
        webp.workflow.as_deref(),
        Some(r#"{"id": "probe", "nodes": [], "links": [], "version": 0.4}"#)
    );
    let mp4 = metadata(MP4);
    assert_eq!((mp4.kind, classes(&mp4).len()), ("MP4", 4));
    assert_eq!(mp4.workflow, webp.workflow);
    let others = OTHERS.map(|(kind, bytes)| {
        let found = metadata(bytes);
        assert_eq!((found.kind, classes(&found)), (kind, vec!["EmptyAudio".to_owned(), "Save".to_owned()]));
        assert_eq!(found.workflow, webp.workflow, "{kind}");
        found
    });
    for found in [png, webp, mp4].into_iter().chain(others) {
        assert_eq!((found.damage, found.non_finite), (None, 0));
    }
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).expect("short").to_be_bytes();
    [&length, kind.as_slice(), data, &[0; 4]].concat()
}

fn png_of(chunks: &[Vec<u8>]) -> Vec<u8> {
    [png::SIGNATURE, &chunk(b"IHDR", &[0; 13]), &chunks.concat(), &chunk(b"IEND", b"")].concat()
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).expect("packed");
    encoder.finish().expect("packed")
}

#[test]
fn every_text_chunk_of_a_png_is_read() {
    let text = br#"{"1":{"t":"\u732b"}}"#;
    let table = [
        chunk(b"tEXt", &[b"prompt\0".as_slice(), text].concat()),
        chunk(b"tEXt", &[b"Prompt\0".as_slice(), text].concat()),
        chunk(b"comf", &[b"prompt\0".as_slice(), text].concat()),
        chunk(b"zTXt", &[b"prompt\0\0".as_slice(), &packed(text)].concat()),
        chunk(b"iTXt", &[b"prompt\0\0\0en\0Prompt\0".as_slice(), text].concat()),
        chunk(b"iTXt", &[b"prompt\0\x01\0\0\0".as_slice(), &packed(text)].concat()),
        chunk(b"eXIf", &tiff(true, &[(0x0110, 2, [b"prompt:".as_slice(), text].concat())])),
    ];
    for chunk in table {
        let found = metadata(&png_of(std::slice::from_ref(&chunk)));
        assert_eq!(found.prompt.as_deref().map(str::as_bytes), Some(text.as_slice()), "{chunk:?}");
    }
    let found = metadata(&png_of(&[
        chunk(b"tEXt", b"prompt\0a cat, masterpiece"),
        chunk(b"tEXt", b"parameters\0Steps: 20\x1b[31m"),
        chunk(b"zTXt", b"x\0\0not packed"),
        chunk(b"IDAT", b"pixels"),
        chunk(b"tEXt", b"workflow\0{\"nodes\": []}"),
    ]));
    assert_eq!((found.prompt, found.workflow.as_deref()), (None, Some(r#"{"nodes": []}"#)));
    assert_eq!(found.others, ["prompt", "parameters", "x"]);
}

/// A TIFF with one directory, each field's text outside of it.
fn tiff(big_endian: bool, fields: &[(u16, u16, Vec<u8>)]) -> Vec<u8> {
    let two = |n: u16| if big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
    let four = |n: usize| {
        let n = u32::try_from(n).expect("small");
        if big_endian { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let mut out = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    out.extend(two(42));
    out.extend(four(8));
    out.extend(two(u16::try_from(fields.len()).expect("few")));
    let mut place = 8 + 2 + 12 * fields.len() + 4;
    for (tag, kind, text) in fields {
        out.extend([two(*tag), two(*kind)].concat());
        out.extend([four(text.len()), four(place)].concat());
        place += text.len();
    }
    out.extend([0; 4]);
    fields.iter().for_each(|(_, _, text)| out.extend(text));
    out
}

fn jpeg_of(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = b"\xff\xd8".to_vec();
    for (kind, data) in segments {
        out.extend([0xff, *kind]);
        out.extend(u16::try_from(data.len() + 2).expect("short").to_be_bytes());
        out.extend(data);
    }
    out.extend(b"\xff\xda\0\x02pixels");
    out
}

#[test]
fn exif_of_a_jpeg_is_read_in_both_byte_orders() {
    let exif = |tiff: Vec<u8>| (0xe1, [b"Exif\0\0".to_vec(), tiff].concat());
    let utf16: Vec<u8> = r#"{"prompt": "{\"1\": 1}"}"#.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let fields = [
        vec![
            (0x010f, 2, b"Workflow:{\"nodes\": []}\0".to_vec()),
            (0x0110, 2, b"prompt: {\"1\": 1}\0".to_vec()),
        ],
        vec![(0x010e, 2, b"prompt:{\"1\": 1}\0".to_vec())],
        vec![(0x9286, 7, [b"ASCII\0\0\0".to_vec(), b"{\"prompt\": {\"1\": 1}}".to_vec()].concat())],
        vec![(0x9286, 7, [b"UNICODE\0".to_vec(), utf16].concat())],
    ];
    for (big_endian, fields) in
        [true, false].into_iter().flat_map(|order| fields.iter().map(move |f| (order, f)))
    {
        let jpeg = jpeg_of(&[(0xe0, b"JFIF".to_vec()), exif(tiff(big_endian, fields))]);
        let found = metadata(&jpeg);
        let prompt: Value = serde_json::from_str(found.prompt.as_deref().expect("a prompt")).expect("JSON");
        assert_eq!((found.kind, prompt), ("JPEG", serde_json::json!({"1": 1})), "{fields:?}");
    }
    let found = metadata(&jpeg_of(&[(0xfe, b"workflow:{\"nodes\": []}".to_vec())]));
    assert_eq!(found.workflow.as_deref(), Some(r#"{"nodes": []}"#));
}

fn mp4_box(kind: &[u8; 4], inner: &[u8]) -> Vec<u8> {
    [&u32::try_from(inner.len() + 8).expect("short").to_be_bytes(), kind.as_slice(), inner].concat()
}

#[test]
fn a_comment_with_both_graphs_is_read() {
    // VideoHelperSuite writes an object that has the graphs as texts.
    let comment = r#"{"prompt": "{\"1\": {\"x\": NaN}}", "workflow": {"nodes": []}, "CreationTime": "now"}"#;
    let data = mp4_box(b"data", &[&[0, 0, 0, 1, 0, 0, 0, 0], comment.as_bytes()].concat());
    let ilst = mp4_box(b"ilst", &mp4_box(b"\xa9cmt", &data));
    let hdlr = mp4_box(b"hdlr", &[0; 20]);
    let head = mp4_box(b"ftyp", b"isom\0\0\0\0");
    for version in [&[0; 4][..], &[]] {
        let meta = mp4_box(b"meta", &[version, &hdlr, &ilst].concat());
        let moov = mp4_box(b"moov", &mp4_box(b"udta", &meta));
        let found = metadata(&[head.clone(), mp4_box(b"mdat", &[7; 99]), moov].concat());
        assert_eq!(found.prompt.as_deref(), Some(r#"{"1": {"x": null}}"#));
        assert_eq!(found.workflow.as_deref(), Some(r#"{"nodes":[]}"#));
        assert_eq!((found.non_finite, found.others), (1, vec!["CreationTime".to_owned()]));
    }
    let old = [b"\0\x10\0\0".as_slice(), comment.as_bytes()].concat();
    let moov = mp4_box(b"moov", &mp4_box(b"udta", &mp4_box(b"\xa9cmt", &old)));
    assert!(metadata(&[head, moov].concat()).prompt.is_some());
}

#[test]
fn numbers_that_json_does_not_have_become_null() {
    let table = [
        (r#"{"a": NaN, "b": [-Infinity, Infinity]}"#, r#"{"a": null, "b": [null, null]}"#, 3),
        (
            r#"{"NaN": "NaN \" Infinity \\", "b": -1, "c": NaN}"#,
            r#"{"NaN": "NaN \" Infinity \\", "b": -1, "c": null}"#,
            1,
        ),
        ("{}", "{}", 0),
        ("\"NaN", "\"NaN", 0),
        ("猫 NaN é", "猫 null é", 1),
    ];
    for (text, expected, count) in table {
        let (read, replaced) = finite(text);
        assert_eq!((read.as_ref(), replaced), (expected, count));
    }
}

#[test]
fn a_file_that_breaks_off_says_so_and_what_was_read_before_counts() {
    let error = |bytes: &[u8]| read(Cursor::new(bytes)).expect_err("damaged").to_string();
    assert_eq!(error(&PNG[..60]), "this PNG is damaged: it ends in the middle");
    assert_eq!(error(&WEBP[..300]), "this WebP is damaged: it ends in the middle");
    assert_eq!(
        error(&MP4[..MP4.len() - 700]),
        "this MP4 is damaged: a part of it is longer than the part around it"
    );
    assert!(error(b"").starts_with("ComfyUI's metadata is only read from"));
    assert!(error(b"\x89PNG\r\n\x1a").starts_with("ComfyUI's metadata is only read from"));
    let cut = metadata(&RGBA[..RGBA.len() - 30]);
    assert!(cut.prompt.is_some());
    let mut tail = png_of(&[chunk(b"tEXt", b"workflow\0{}")]);
    tail.truncate(tail.len() - 6);
    assert_eq!(metadata(&tail).damage, Some("it ends in the middle"));
}

#[test]
fn a_text_that_unpacks_without_end_is_left_aside() {
    let bomb = packed(&vec![b' '; MAX_TEXT as usize + 1]);
    assert!(bomb.len() < 100_000);
    let found = metadata(&png_of(&[chunk(b"zTXt", &[b"prompt\0\0".as_slice(), &bomb].concat())]));
    assert_eq!((found.prompt, found.others), (None, vec!["prompt".to_owned()]));
}

/// A huge file with few bytes that aren't zero.
struct Sparse {
    head: Vec<u8>,
    tail: Vec<u8>,
    hole: u64,
    at: u64,
    read: Rc<Cell<usize>>,
}

impl Read for Sparse {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let head = self.head.len() as u64;
        let (part, offset) = match self.at {
            at if at < head => (&self.head, at),
            at if at < head + self.hole => {
                let length = to.len().min((head + self.hole - at) as usize);
                to[..length].fill(0);
                self.at += length as u64;
                self.read.set(self.read.get() + length);
                return Ok(length);
            }
            at => (&self.tail, at - head - self.hole),
        };
        let rest = &part[(offset as usize).min(part.len())..];
        let length = to.len().min(rest.len());
        to[..length].copy_from_slice(&rest[..length]);
        self.at += length as u64;
        self.read.set(self.read.get() + length);
        Ok(length)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = (self.head.len() + self.tail.len()) as u64 + self.hole;
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => end.checked_add_signed(by).expect("in the file"),
            SeekFrom::Current(by) => self.at.checked_add_signed(by).expect("in the file"),
        };
        Ok(self.at)
    }
}

#[test]
fn frames_are_stepped_over() {
    // Boxes larger than 4 GiB have a 64-bit length after the name.
    let hole: u64 = 6 << 30;
    let moov = MP4.windows(4).position(|four| four == b"moov").expect("there") - 4;
    let mut head = MP4[..32].to_vec();
    head.extend(1_u32.to_be_bytes());
    head.extend(b"mdat");
    head.extend((hole + 16).to_be_bytes());
    let read_bytes = Rc::new(Cell::new(0));
    let sparse = Sparse { head, tail: MP4[moov..].to_vec(), hole, at: 0, read: read_bytes.clone() };
    let found = read(sparse).expect("metadata");
    assert_eq!(classes(&found).len(), 4);
    assert!(read_bytes.get() < 2_000, "{} bytes", read_bytes.get());
}

#[test]
fn an_mp3_tag_is_read_in_every_version() {
    let frame =
        |size: [u8; 4], flags: u8, data: &[u8]| [b"TXXX".as_slice(), &size, &[0, flags], data].concat();
    let tag = |version: u8, flags: u8, frames: &[u8]| {
        let size = [0, 0, (frames.len() >> 7) as u8, (frames.len() & 0x7f) as u8];
        [b"ID3".as_slice(), &[version, 0, flags], &size, frames, b"\xff\xfbsound"].concat()
    };
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let wide =
        [b"\x01\xff\xfe".as_slice(), &utf16("prompt"), &[0, 0, 0xff, 0xfe], &utf16("{\"1\":\"\u{732b}\"}")]
            .concat();
    let plain = "\x03prompt\0{\"1\":\"\u{732b}\"}".as_bytes();
    let length = |data: &[u8]| [0, 0, 0, u8::try_from(data.len()).expect("short")];
    let spread = |data: &[u8]| {
        data.iter().flat_map(|b| if *b == 0xff { vec![0xff, 0] } else { vec![*b] }).collect::<Vec<_>>()
    };
    let files = [
        tag(3, 0, &frame(length(&wide), 0, &wide)),
        tag(4, 0, &frame(length(plain), 0, plain)),
        tag(3, 0x80, &spread(&frame(length(&wide), 0, &wide))),
        tag(4, 0, &frame(length(&spread(&wide)), 2, &spread(&wide))),
        tag(4, 0, &frame(length(&[&[0; 4], plain].concat()), 1, &[&[0; 4], plain].concat())),
        tag(3, 0x40, &[&[0, 0, 0, 6][..], &[0; 6], &frame(length(plain), 0, plain)].concat()),
    ];
    for (number, file) in files.iter().enumerate() {
        assert_eq!(metadata(file).prompt.as_deref(), Some("{\"1\":\"\u{732b}\"}"), "{number}");
    }
    assert_eq!(metadata(&tag(2, 0, b"TXX")).prompt, None);
}

#[test]
fn a_webm_that_was_recorded_says_no_lengths_and_is_read_all_the_same() {
    let unknown = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let element =
        |id: &[u8], data: &[u8]| [id, &[0x40, u8::try_from(data.len()).expect("short")], data].concat();
    let simple = [element(&[0x45, 0xa3], b"WORKFLOW"), element(&[0x44, 0x87], b"{\"nodes\":[]}")].concat();
    let tags = element(&[0x12, 0x54, 0xc3, 0x67], &element(&[0x73, 0x73], &element(&[0x67, 0xc8], &simple)));
    let frames = [&[0x1f, 0x43, 0xb6, 0x75][..], &unknown, &element(&[0xa3], b"frame")].concat();
    let file = [
        &element(&[0x1a, 0x45, 0xdf, 0xa3], b"webm")[..],
        &[0x18, 0x53, 0x80, 0x67],
        &unknown,
        &frames,
        &tags,
    ]
    .concat();
    assert_eq!(metadata(&file).workflow.as_deref(), Some("{\"nodes\":[]}"));
}

proptest! {
    #[test]
    fn whatever_is_changed_in_a_file_nothing_falls_over(
        which in 0_usize..10,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let jpeg = jpeg_of(&[(0xe1, [b"Exif\0\0".to_vec(), tiff(false, &[(0x0110, 2, b"prompt:{}".to_vec())])].concat())]);
        let files = [PNG, RGBA, WEBP, MP4, &jpeg].into_iter().chain(OTHERS.map(|(_, bytes)| bytes));
        let mut bytes = files.collect::<Vec<_>>()[which].to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
            match read(Cursor::new(bytes)) {
            Ok(found) => prop_assert!(found.others.len() <= MAX_OTHERS),
            Err(error) => prop_assert!(!matches!(error, MetadataError::Io(_)), "{error}"),
        }
    }
}

#[test]
fn many_small_pieces_take_bounded_time() {
    // Texts of other names are not inflated, and those that are share one limit.
    let bomb = packed(&vec![b' '; MAX_TEXT as usize]);
    let ztxt = |name: &str| chunk(b"zTXt", &[name.as_bytes(), b"\0\0", &bomb].concat());
    let mut bombs = vec![ztxt("note"); 400];
    bombs.extend(vec![ztxt("prompt"); 400]);
    assert_eq!(metadata(&png_of(&bombs)).prompt, None);
    let empty = vec![chunk(b"aaaa", b""); 700_000];
    let error = read(Cursor::new(png_of(&empty))).expect_err("too many").to_string();
    assert_eq!(error, "this PNG is damaged: it has too many parts");
    let padding = [b"\xff\xd8".as_slice(), &[0xff; 3_000_000]].concat();
    read(Cursor::new(padding)).expect_err("too many");
}
