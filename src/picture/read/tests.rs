//! Valid, broken and malicious files.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, ImageFormat, Rgb, Rgba};

use super::*;

/// A temporary folder with files.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect("written");
        path
    }
}

fn watch() -> Watch {
    Watch::new(Duration::from_secs(60))
}

fn seen(path: &Path) -> Result<Seen, ReadError> {
    look(path, (100, 100), &watch())
}

fn picture(path: &Path) -> Still {
    match seen(path) {
        Ok(Seen { content: Content::Picture(still), .. }) => still,
        other => panic!("{}: {other:?}", path.display()),
    }
}

fn gradient() -> RgbImage {
    RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, 99]))
}

fn packed(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(gradient()).write_to(&mut bytes, format).expect("packed");
    bytes.into_inner()
}

/// A GIF of `count` frames, each in one shade of grey.
fn film(count: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.set_repeat(Repeat::Infinite).expect("set");
    for n in 0..count {
        let grey = RgbaImage::from_pixel(20, 10, Rgba([n, n, n, 255]));
        let frame = image::Frame::from_parts(grey, 0, 0, Delay::from_numer_denom_ms(100, 1));
        encoder.encode_frame(frame).expect("packed");
    }
    drop(encoder);
    bytes
}

/// A PNG's chunk with its checksum.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = !0_u32;
    for byte in name.iter().chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    [&(data.len() as u32).to_be_bytes(), &name[..], data, &(!crc).to_be_bytes()].concat()
}

/// A PNG that says it has this size.
fn png_of_size(width: u32, height: u32) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let data = [0x78, 0x9c, 0x03, 0, 0, 0, 0, 1];
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &data), &chunk(b"IEND", &[])]
        .concat()
}

#[test]
fn pictures_of_every_format() {
    let folder = Folder::new();
    for (name, format) in [
        ("a.png", ImageFormat::Png),
        ("a.jpg", ImageFormat::Jpeg),
        ("a.webp", ImageFormat::WebP),
        ("a.gif", ImageFormat::Gif),
    ] {
        // The type is found by content, not by name.
        for name in [name, "a.bin"] {
            let still = picture(&folder.put(name, packed(format)));
            assert_eq!(still.size, (40, 30), "{name}");
            let Pixels::Opaque(image) = still.pixels else { panic!("{name} is transparent") };
            let off: u64 =
                image.as_raw().iter().zip(gradient().as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            assert!(off < 3600 * 6, "{name}: {off}");
        }
    }
}

#[test]
fn sixteen_bits_grey_and_transparency() {
    let folder = Folder::new();
    let put = |name: &str, image: DynamicImage| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).expect("packed");
        picture(&folder.put(name, bytes.into_inner())).pixels
    };
    let deep = DynamicImage::from(gradient()).into_rgb16();
    assert_eq!(put("deep.png", deep.into()), Pixels::Opaque(gradient()));
    let grey = put("grey.png", DynamicImage::from(gradient()).into_luma8().into());
    assert!(matches!(grey, Pixels::Opaque(_)));
    let clear = put("clear.png", RgbaImage::from_pixel(5, 5, Rgba([1, 2, 3, 100])).into());
    assert_eq!(clear, Pixels::Transparent(RgbaImage::from_pixel(5, 5, Rgba([1, 2, 3, 100]))));
    let full = put("full.png", RgbaImage::from_pixel(5, 5, Rgba([1, 2, 3, 255])).into());
    assert_eq!(full, Pixels::Opaque(RgbImage::from_pixel(5, 5, Rgb([1, 2, 3]))));
}

#[test]
fn large_pictures_are_made_smaller_and_keep_their_size_in_words() {
    let folder = Folder::new();
    let mut bytes = Cursor::new(Vec::new());
    let large = RgbImage::from_pixel(2000, 1000, Rgb([9, 8, 7]));
    DynamicImage::from(large).write_to(&mut bytes, ImageFormat::Png).expect("packed");
    let still = picture(&folder.put("large.png", bytes.into_inner()));
    assert_eq!(still.size, (2000, 1000));
    assert!((100..500).contains(&still.pixels.width()), "{}", still.pixels.width());
    assert_eq!(still.pixels.width(), 2 * still.pixels.height());
}

#[test]
fn what_cannot_be_decoded_says_why() {
    let folder = Folder::new();
    let png = packed(ImageFormat::Png);
    let jpeg = packed(ImageFormat::Jpeg);
    let webp = packed(ImageFormat::WebP);
    let gif = packed(ImageFormat::Gif);
    let with = |bytes: &[u8], at: usize, change: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + change.len()].copy_from_slice(change);
        bytes
    };
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("cut.png", png[..png.len() / 2].to_vec()),
        ("head.png", png[..20].to_vec()),
        ("crc.png", with(&png, 29, &[1, 2, 3, 4])),
        ("zero.png", png_of_size(0, 0)),
        ("flat.png", png_of_size(10, 0)),
        ("lies.png", png_of_size(1000, 1000)),
        ("cut.jpg", jpeg[..40].to_vec()),
        ("rubbish.jpg", [&b"\xff\xd8\xff\xe0"[..], &[0x55; 500]].concat()),
        ("rubbish.webp", [&b"RIFF\xff\xff\xff\xffWEBPVP8 "[..], &[0x55; 500]].concat()),
        ("cut.webp", webp[..webp.len() / 2].to_vec()),
        ("cut.gif", gif[..30].to_vec()),
        ("rubbish.gif", [&b"GIF89a"[..], &[0xff; 300]].concat()),
    ];
    for (name, bytes) in &broken {
        let why = seen(&folder.put(name, bytes)).map(|seen| seen.content);
        assert!(matches!(why, Err(ReadError::Broken(_) | ReadError::TooLarge(_))), "{name}: {why:?}");
    }
    assert_eq!(seen(&folder.put("empty.png", b"")), Err(ReadError::Empty));
    assert!(matches!(seen(&folder.0.path().join("none.png")), Err(ReadError::Gone(_))));
    assert!(matches!(seen(folder.0.path()), Err(ReadError::Unreadable(_))));
    assert!(matches!(seen(Path::new("/dev/zero")), Err(ReadError::Unreadable(_))));
}

#[test]
fn what_is_too_large_is_never_begun() {
    let folder = Folder::new();
    let huge_gif = [
        &b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff"[..],
        b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;",
    ]
    .concat();
    for (name, bytes) in [
        ("wide.png", png_of_size(30_000, 10)),
        ("tall.png", png_of_size(10, 30_000)),
        ("most.png", png_of_size(u32::MAX / 2, u32::MAX / 2)),
        ("area.png", png_of_size(16_000, 16_000)),
        ("huge.gif", huge_gif),
    ] {
        let began = Instant::now();
        let why = seen(&folder.put(name, bytes));
        let Err(ReadError::TooLarge(reason)) = why else { panic!("{name}: {why:?}") };
        assert!(reason.contains("too"), "{reason}");
        assert!(began.elapsed() < Duration::from_secs(5), "{name}");
    }
    // A decompression bomb, 8,000 by 8,000 of one colour: it may be decoded, but must not take long.
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_luma8(8000, 8000).write_to(&mut bytes, ImageFormat::Png).expect("packed");
    let bomb = bytes.into_inner();
    assert!(bomb.len() < 400_000, "{}", bomb.len());
    assert_eq!(picture(&folder.put("bomb.png", bomb)).size, (8000, 8000));
}

#[test]
fn work_ends_when_it_is_time_or_nobody_waits() {
    let folder = Folder::new();
    let path = folder.put("a.png", packed(ImageFormat::Png));
    let late = Watch::new(Duration::ZERO);
    assert_eq!(look(&path, (10, 10), &late).map(|_| ()), Err(ReadError::TooSlow(Duration::ZERO)));
    let newest = Arc::new(AtomicU64::new(1));
    let mine = Watch::of(Duration::from_secs(9), newest.clone(), 1);
    assert!(look(&path, (10, 10), &mine).is_ok());
    newest.store(2, Ordering::Relaxed);
    assert_eq!(look(&path, (10, 10), &mine).map(|_| ()), Err(ReadError::Superseded));
}

#[test]
fn a_decoders_panic_is_a_broken_picture() {
    let why = guarded(|| -> Result<(), ReadError> { panic!("a decoder's trouble") });
    assert_eq!(why, Err(ReadError::Broken("the decoder failed on it".to_owned())));
}

#[test]
fn films_have_frames_but_not_too_many() {
    let folder = Folder::new();
    let path = folder.put("film.gif", film(7));
    assert!(picture(&path).moves);
    let all = frames(&path, (100, 100), &watch()).expect("frames");
    assert_eq!(all.len(), 7);
    assert!(all.iter().all(|frame| frame.stands == Duration::from_millis(100)));
    let grey = |frame: &Frame| match &frame.pixels {
        Pixels::Opaque(image) => image.get_pixel(3, 3).0[0],
        Pixels::Transparent(image) => image.get_pixel(3, 3).0[0],
    };
    assert_eq!(all.iter().map(grey).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 6]);
    let long = folder.put("long.gif", film(200));
    assert_eq!(frames(&long, (100, 100), &watch()).map(|frames| frames.len()), Ok(60));
    // Frames before the damage are shown.
    let bytes = film(7);
    let cut = folder.put("cut.gif", &bytes[..bytes.len() * 2 / 3]);
    let some = frames(&cut, (100, 100), &watch()).expect("some frames");
    assert!((1..7).contains(&some.len()), "{}", some.len());
    assert!(frames(&folder.put("a.png", packed(ImageFormat::Png)), (9, 9), &watch()).is_err());
}

#[test]
fn texts_are_shown_without_what_could_do_harm() {
    let folder = Folder::new();
    let text = |name: &str, bytes: &[u8]| match seen(&folder.put(name, bytes)) {
        Ok(Seen { content: Content::Text(lines, more), .. }) => (lines, more),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(
        text("a.txt", b"one\x1b]52;c;aGk=\x07\n\x1b[31mtwo\x1b[m\r\n\nend"),
        (vec!["one".to_owned(), "two".into(), String::new(), "end".into()], false)
    );
    let (lines, more) = text("long.json", "x\n".repeat(100_000).as_bytes());
    assert_eq!((lines.len(), more), (2000, true));
    let (lines, more) = text("wide.txt", "é".repeat(100_000).as_bytes());
    assert_eq!((lines.len(), lines[0].chars().count(), more), (1, 1000, true));
    assert_eq!(text("README", "naïve".as_bytes()).0, ["naïve"]);
    let unknown = seen(&folder.put("a.dat", b"\x01\x02\0\xff".repeat(9))).map(|seen| seen.content);
    assert!(matches!(unknown, Ok(Content::Facts(_))), "{unknown:?}");
}

/// Boxes of an MP4 file.
fn mp4_box(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes(), &name[..], content].concat()
}

fn mp4() -> Vec<u8> {
    let mut mvhd = vec![0; 100];
    mvhd[12..16].copy_from_slice(&1000_u32.to_be_bytes());
    mvhd[16..20].copy_from_slice(&5062_u32.to_be_bytes());
    let mut tkhd = vec![0; 84];
    tkhd[76..80].copy_from_slice(&(832_u32 << 16).to_be_bytes());
    tkhd[80..84].copy_from_slice(&(480_u32 << 16).to_be_bytes());
    let moov = [mp4_box(b"mvhd", &mvhd), mp4_box(b"trak", &mp4_box(b"tkhd", &tkhd))].concat();
    [mp4_box(b"ftyp", b"isom\0\0\0\0"), mp4_box(b"free", b""), mp4_box(b"moov", &moov)].concat()
}

#[test]
fn containers_have_their_length_and_size() {
    let folder = Folder::new();
    let facts = |name: &str, bytes: &[u8]| {
        let opened = open(&folder.put(name, bytes)).expect("opened");
        container::facts(opened, &watch())
    };
    assert_eq!(facts("a.mp4", &mp4()), ["832×480", "5.1 s"]);
    let wav = [
        &b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data"[..],
        &352_800_u32.to_le_bytes(),
    ]
    .concat();
    assert_eq!(facts("a.wav", &wav), ["2.0 s"]);
    let webm = [
        &b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff\x15\x49\xa9\x66\x90\x2a\xd7\xb1\x83\x0f\x42\x40\x44\x89\x88"[..],
        &2500_f64.to_be_bytes(),
        b"\x16\x54\xae\x6b\x90\xae\x8e\xe0\x88\xb0\x82\x03\x40\xba\x82\x01\xe0",
    ]
    .concat();
    assert_eq!(facts("a.webm", &webm), ["832×480", "2.5 s"]);
    // Damaged and inconsistent headers yield no facts and no panic.
    let whole = mp4();
    for end in 0..whole.len() {
        facts("cut.mp4", &[&whole[..end], &[0; 20]].concat());
        let mut lie = whole.clone();
        lie[end] = 0xff;
        facts("lie.mp4", &lie);
    }
}

#[test]
fn a_video_without_a_frame_still_says_what_it_is() {
    let folder = Folder::new();
    // A file name that looks like an option of ffmpeg.
    let path = folder.put("-i.mp4", mp4());
    match seen(&path) {
        Ok(Seen { kind: "video/mp4", content: Content::Facts(facts), .. }) => {
            assert_eq!(facts[..2], ["832×480", "5.1 s"]);
            assert!(facts[2].contains("ffmpeg"), "{facts:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// A script in place of ffmpeg.
fn program(folder: &Folder, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.put("program", format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("set");
    path
}

#[test]
fn ffmpeg_gets_a_path_that_is_only_a_path_and_gives_a_frame() {
    let folder = Folder::new();
    folder.put("frame.png", packed(ImageFormat::Png));
    let video = folder.put("-i $(touch oh) .mp4", mp4());
    let place = folder.0.path().display().to_string();
    let tool = program(&folder, &format!("printf '%s\\n' \"$@\" > {place}/args; cat {place}/frame.png"));
    let frame = video::frame(&tool, &video, Some(5.0), (100, 100), &watch()).expect("a frame");
    assert_eq!(frame, packed(ImageFormat::Png));
    let args = fs::read_to_string(folder.0.path().join("args")).expect("arguments");
    let args: Vec<&str> = args.lines().collect();
    assert!(args.contains(&"-nostdin") && args.contains(&"0.50"), "{args:?}");
    assert!(args.contains(&format!("file:{}", video.display()).as_str()), "{args:?}");
}

#[test]
fn an_ffmpeg_that_hangs_or_fails_is_ended() {
    let folder = Folder::new();
    let video = folder.put("a.mp4", mp4());
    let run = |script: &str, watch: &Watch| {
        video::frame(&program(&folder, script), &video, None, (100, 100), watch)
    };
    let began = Instant::now();
    let why = run("exec tail -f /dev/null", &Watch::new(Duration::from_millis(100)));
    assert!(matches!(why, Err(ReadError::TooSlow(_))), "{why:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
    for script in ["exit 1", "exit 0", "printf abc; exit 3"] {
        assert!(matches!(run(script, &watch()), Err(ReadError::Broken(_))), "{script}");
    }
    let none = video::frame(Path::new("/nowhere/ffmpeg"), &video, None, (9, 9), &watch());
    assert!(none.is_err_and(|why| why.to_string().contains("install ffmpeg")));
}
