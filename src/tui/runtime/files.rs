//! Files of parameters: completion of their paths, and checks of size and type.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::domain::param::FileKind;
use crate::tui::panes::params::FileState;
use crate::tui::text;

/// Most bytes read from a file: a JPEG's size may come after long metadata.
const HEAD: u64 = 64 * 1024;
/// Most entries read from a folder.
const ENTRIES: usize = 5_000;

/// Paths with this prefix, sorted by name; folders end with `/`.
pub(super) fn complete(typed: &str, base: &Path) -> Vec<String> {
    let (folder, start) = typed.rsplit_once('/').map_or(("", typed), |(folder, start)| (folder, start));
    let shown = if typed.contains('/') { format!("{folder}/") } else { String::new() };
    let place = if shown.is_empty() { base.to_owned() } else { crate::config::dirs::expand(&shown, base) };
    let Ok(entries) = fs::read_dir(place) else { return Vec::new() };
    let mut found: Vec<String> = entries
        .take(ENTRIES)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            // Hidden files are only offered once the dot is typed; names with control characters never.
            let fits = name.starts_with(start) && (start.starts_with('.') || !name.starts_with('.'));
            if !fits || name.contains(char::is_control) {
                return None;
            }
            let slash = if entry.path().is_dir() { "/" } else { "" };
            Some(format!("{shown}{name}{slash}"))
        })
        .collect();
    found.sort();
    found
}

/// Checks whether a file exists, its size, and whether its first bytes fit the expected kind. Only a file that cannot
/// be sent at all is bad; whether an unusual format works is for the server to decide.
pub(super) fn check(path: &Path, expected: FileKind) -> FileState {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let (meta, head) = match look(path) {
        Ok(looked) => looked,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return FileState::Bad(format!("{name} is not there"));
        }
        Err(e) => return FileState::Bad(format!("{name} cannot be read: {e}")),
    };
    if !meta.is_file() {
        return FileState::Bad(format!("{name} is not a file"));
    }
    if meta.len() == 0 {
        return FileState::Bad(format!("{name} is empty"));
    }
    let (wanted, fits): (&str, &[Class]) = match expected {
        FileKind::Image | FileKind::Mask => ("image", &[Class::Image]),
        FileKind::Video => ("video", &[Class::Video, Class::Container, Class::Image]),
        FileKind::Audio => ("audio", &[Class::Audio, Class::Container]),
    };
    match kind_of(&head) {
        Some((class, format)) if !fits.contains(&class) => {
            FileState::Doubtful(format!("{format}, not {wanted}"))
        }
        Some((_, format)) => {
            let size = dimensions(&head).map_or_else(|| text::bytes(meta.len()), |(w, h)| format!("{w}×{h}"));
            FileState::Good(format!("{size} {format}"))
        }
        None => FileState::Good(text::bytes(meta.len())),
    }
}

/// Metadata of a path, and its first bytes if it is a file.
fn look(path: &Path) -> io::Result<(Metadata, Vec<u8>)> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() {
        return Ok((meta, Vec::new()));
    }
    // Should the file have been replaced by a named pipe meanwhile, opening it must not block.
    let no_waiting = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(no_waiting).open(path)?;
    let meta = file.metadata()?;
    let mut head = Vec::new();
    if meta.is_file() {
        file.take(HEAD).read_to_end(&mut head)?;
    }
    Ok((meta, head))
}

/// What a format contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Image,
    Audio,
    Video,
    /// Video, audio or both, which only decoding would tell.
    Container,
}

/// Class and format of a file by its first bytes.
fn kind_of(head: &[u8]) -> Option<(Class, &'static str)> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    let known: [(bool, (Class, &str)); 11] = [
        (at(0, b"\x89PNG\r\n\x1a\n"), (Class::Image, "PNG")),
        (at(0, b"\xff\xd8\xff"), (Class::Image, "JPEG")),
        (at(0, b"GIF8"), (Class::Image, "GIF")),
        (at(0, b"RIFF") && at(8, b"WEBP"), (Class::Image, "WebP")),
        (at(0, b"BM") && at(6, &[0, 0, 0, 0]), (Class::Image, "BMP")),
        (at(0, b"RIFF") && at(8, b"WAVE"), (Class::Audio, "WAV")),
        (at(0, b"RIFF") && at(8, b"AVI "), (Class::Video, "AVI")),
        (at(0, b"fLaC"), (Class::Audio, "FLAC")),
        (at(0, b"OggS"), (Class::Container, "Ogg")),
        (at(0, b"ID3") || at(0, b"\xff\xfb"), (Class::Audio, "MP3")),
        (at(0, b"\x1aE\xdf\xa3"), (Class::Container, "WebM")),
    ];
    let simple = known.into_iter().find(|(is, _)| *is).map(|(_, kind)| kind);
    simple.or_else(|| if at(4, b"ftyp") { Some(iso_kind(head.get(8..12)?)) } else { None })
}

/// Class and format of an ISO base media file, by its major brand.
fn iso_kind(brand: &[u8]) -> (Class, &'static str) {
    match brand {
        b"avif" | b"avis" => (Class::Image, "AVIF"),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
            (Class::Image, "HEIC")
        }
        b"M4A " | b"M4B " => (Class::Audio, "M4A"),
        b"qt  " => (Class::Container, "MOV"),
        _ => (Class::Container, "MP4"),
    }
}

/// Width and height of a picture, from its header.
fn dimensions(head: &[u8]) -> Option<(u32, u32)> {
    let be32 = |at: usize| Some(u32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let le16 = |at: usize| Some(u32::from(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?)));
    match kind_of(head)?.1 {
        "PNG" => Some((be32(16)?, be32(20)?)),
        "GIF" => Some((le16(6)?, le16(8)?)),
        "JPEG" => jpeg_dimensions(head),
        _ => None,
    }
}

/// Walks a JPEG's segments to its frame header.
fn jpeg_dimensions(head: &[u8]) -> Option<(u32, u32)> {
    let be16 = |at: usize| Some(u16::from_be_bytes(head.get(at..at + 2)?.try_into().ok()?));
    let mut at = 2;
    loop {
        let marker = be16(at)?;
        let is_frame = matches!(marker, 0xffc0..=0xffcf) && !matches!(marker, 0xffc4 | 0xffc8 | 0xffcc);
        if is_frame {
            return Some((u32::from(be16(at + 7)?), u32::from(be16(at + 5)?)));
        }
        at += 2 + usize::from(be16(at + 2)?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_complete_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("inputs")).unwrap();
        for name in ["in.png", "other.png", ".hidden", "in\u{1b}[31m.png"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        assert_eq!(complete("in", folder.path()), ["in.png", "inputs/"]);
        assert_eq!(complete(".", folder.path()), [".hidden"]);
        assert_eq!(complete("./ot", folder.path()), ["./other.png"]);
        let whole = format!("{}/o", folder.path().display());
        assert_eq!(complete(&whole, Path::new("/")), [format!("{}/other.png", folder.path().display())]);
        assert_eq!(complete("nowhere/x", folder.path()), Vec::<String>::new());
    }

    #[test]
    fn files_are_what_they_claim_to_be_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let png = file("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x04\0\0\0\x02\0\x08\x06\0\0\0");
        let jpeg = file("a.jpg", b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x20\0\x40\x03");
        let wav = file("a.wav", b"RIFF\0\0\0\0WAVEfmt ");
        let good = |text: &str| FileState::Good(text.to_owned());
        let bad = |text: &str| FileState::Bad(text.to_owned());
        let doubtful = |text: &str| FileState::Doubtful(text.to_owned());
        assert_eq!(check(&png, FileKind::Image), good("1024×512 PNG"));
        assert_eq!(check(&jpeg, FileKind::Mask), good("64×32 JPEG"));
        assert_eq!(check(&wav, FileKind::Image), doubtful("WAV, not image"));
        assert_eq!(check(&wav, FileKind::Audio), good("16 B WAV"));
        assert_eq!(check(&file("x.bin", b"??"), FileKind::Image), good("2 B"));
        assert_eq!(check(&file("e.png", b""), FileKind::Image), bad("e.png is empty"));
        assert_eq!(check(&folder.path().join("no.png"), FileKind::Image), bad("no.png is not there"));
        assert_eq!(
            check(folder.path(), FileKind::Image).clone(),
            FileState::Bad(format!("{} is not a file", folder.path().file_name().unwrap().to_string_lossy()))
        );
    }

    #[test]
    fn a_format_that_holds_several_things_fits_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let shown = |head: &[u8], kind| {
            fs::write(&path, head).unwrap();
            match check(&path, kind) {
                FileState::Good(text) => format!("{text} ✓"),
                FileState::Doubtful(text) => format!("{text} ?"),
                FileState::Bad(text) => format!("{text} ✗"),
            }
        };
        for (head, image, video, audio) in [
            (&b"\0\0\0 ftypheic"[..], "12 B HEIC ✓", "12 B HEIC ✓", "HEIC, not audio ?"),
            (b"\0\0\0 ftypmif1", "12 B HEIC ✓", "12 B HEIC ✓", "HEIC, not audio ?"),
            (b"\0\0\0 ftypavif", "12 B AVIF ✓", "12 B AVIF ✓", "AVIF, not audio ?"),
            (b"\0\0\0 ftypmp42", "MP4, not image ?", "12 B MP4 ✓", "12 B MP4 ✓"),
            (b"\0\0\0 ftypisom", "MP4, not image ?", "12 B MP4 ✓", "12 B MP4 ✓"),
            (b"\0\0\0 ftypM4A ", "M4A, not image ?", "M4A, not video ?", "12 B M4A ✓"),
            (b"\x1aE\xdf\xa3", "WebM, not image ?", "4 B WebM ✓", "4 B WebM ✓"),
            (b"OggS", "Ogg, not image ?", "4 B Ogg ✓", "4 B Ogg ✓"),
        ] {
            assert_eq!(shown(head, FileKind::Image), image);
            assert_eq!(shown(head, FileKind::Video), video);
            assert_eq!(shown(head, FileKind::Audio), audio);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_is_no_file_and_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).unwrap();
        assert_eq!(check(&path, FileKind::Image), FileState::Bad("pipe is not a file".to_owned()));
    }
}
