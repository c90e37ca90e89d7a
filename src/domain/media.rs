//! Detects file types by the first bytes and the name.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Image,
    Video,
    Audio,
    Mask,
}

/// MIME type of a file by its first bytes, else by its name, else `application/octet-stream`.
pub fn content_type(name: &str, first_bytes: &[u8]) -> &'static str {
    by_content(first_bytes).or_else(|| by_name(name)).unwrap_or("application/octet-stream")
}

/// MIME type by a file's first 16 bytes; `None` for an unknown format.
pub fn by_content(first_bytes: &[u8]) -> Option<&'static str> {
    let at = |place: usize, magic: &[u8]| first_bytes.get(place..).is_some_and(|b| b.starts_with(magic));
    let starts: [(&[u8], &str); 10] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
        (b"BM", "image/bmp"),
    ];
    if at(0, b"RIFF") {
        let kinds: [(&[u8], &str); 3] =
            [(b"WEBP", "image/webp"), (b"WAVE", "audio/wav"), (b"AVI ", "video/x-msvideo")];
        return kinds.into_iter().find(|(magic, _)| at(8, magic)).map(|(_, kind)| kind);
    }
    if at(4, b"ftyp") {
        let brands: [(&[u8], &str); 5] = [
            (b"avif", "image/avif"),
            (b"heic", "image/heic"),
            (b"qt  ", "video/quicktime"),
            (b"M4A ", "audio/mp4"),
            (b"", "video/mp4"),
        ];
        return brands.into_iter().find(|(magic, _)| at(8, magic)).map(|(_, kind)| kind);
    }
    starts.into_iter().find(|(magic, _)| at(0, magic)).map(|(_, kind)| kind)
}

/// MIME type by a file name's extension.
pub fn by_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    let kind = match extension.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "tif" | "tiff" => "image/tiff",
        "avif" => "image/avif",
        "heic" => "image/heic",
        "mp4" | "m4v" => "video/mp4",
        "mov" => "video/quicktime",
        "webm" => "video/webm",
        "mkv" => "video/x-matroska",
        "avi" => "video/x-msvideo",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "m4a" => "audio/mp4",
        "json" => "application/json",
        "txt" => "text/plain",
        _ => return None,
    };
    Some(kind)
}

/// File kind of a name on the server, such as `clipspace/x.png [input]`; `None` for anything
/// but pictures, videos and sounds.
pub fn kind_of_name(name: &str) -> Option<FileKind> {
    let name = name.trim();
    let name = &name[..name.len() - server_folder(name).map_or(0, str::len)];
    match by_name(name)?.split_once('/')?.0 {
        "image" => Some(FileKind::Image),
        "video" => Some(FileKind::Video),
        "audio" => Some(FileKind::Audio),
        _ => None,
    }
}

/// Whether it is a picture, a video or a sound, by its MIME type or its name.
pub fn is_seen_or_heard(content_type: &str, name: &str) -> bool {
    let by_name = by_name(name).unwrap_or_default();
    let kinds = ["image/", "video/", "audio/"];
    kinds.iter().any(|kind| content_type.starts_with(kind) || by_name.starts_with(kind))
}

/// The server folder in a name such as `x.png [input]`.
pub fn server_folder(name: &str) -> Option<&'static str> {
    [" [input]", " [output]", " [temp]"].into_iter().find(|folder| name.ends_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_goes_before_the_name() {
        let table: [(&str, &[u8], &str); 10] = [
            ("a.jpg", b"\x89PNG\r\n\x1a\n....", "image/png"),
            ("a.PNG", b"", "image/png"),
            ("a", b"RIFF\x04\0\0\0WEBPVP8 ", "image/webp"),
            ("a", b"RIFF\x04\0\0\0WAVEfmt ", "audio/wav"),
            ("a.dat", b"RIFF\x04\0\0\0????", "application/octet-stream"),
            ("a", b"\0\0\0\x20ftypisom", "video/mp4"),
            ("a", b"\0\0\0\x20ftypqt  ", "video/quicktime"),
            ("a.mkv", b"\x1a\x45\xdf\xa3", "video/x-matroska"),
            ("a.mp3", b"\0\0", "audio/mpeg"),
            ("png", b"", "application/octet-stream"),
        ];
        for (name, bytes, kind) in table {
            assert_eq!(content_type(name, bytes), kind, "{name} {bytes:?}");
        }
    }
}
