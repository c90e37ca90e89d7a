//! File names from a server: hints, never paths.

use unicode_width::UnicodeWidthChar as _;

use crate::wire::ansi;

/// Longest name of an output, in bytes; a number against clobbering comes on top.
pub const MAX_NAME: usize = 120;
/// Longest extension that is kept as one, in bytes, its dot included.
const MAX_EXTENSION: usize = 12;

/// A harmless file name from what a server says: no path, no control character, no leading dot, dash or tilde,
/// no blank at either end and none that looks like another, nothing that cannot be seen, nothing that
/// Windows reserves, at most [`MAX_NAME`] bytes. A missing extension comes from the content type.
pub fn safe_name(hint: &str, content_type: &str) -> String {
    let plain: String = ansi::scrub_plain(hint).chars().filter_map(plain).collect();
    let last = plain.rsplit(['/', '\\']).find(|part| !part.trim_matches(['.', ' ']).is_empty());
    let name = last.unwrap_or_default();
    let is_bad_start = |c: char| matches!(c, '.' | '-' | '~' | ' ') || c.width().unwrap_or(0) == 0;
    let name = name.trim_start_matches(is_bad_start).trim_end_matches(['.', ' ']);
    let name = if name.is_empty() { "output" } else { name };
    let (stem, extension) = split(name);
    let extension = if extension.is_empty() { extension_of(content_type) } else { extension };
    let mut stem = if is_reserved(stem) { format!("_{stem}") } else { stem.to_owned() };
    let mut room = (MAX_NAME - extension.len()).min(stem.len());
    while !stem.is_char_boundary(room) {
        room -= 1;
    }
    stem.truncate(room);
    format!("{}{extension}", stem.trim_end())
}

/// A character of a name: blanks of all kinds are one kind, what no file system takes is `_`, and what has no
/// shape of its own goes, but for the joiners that emoji and some scripts are written with.
fn plain(c: char) -> Option<char> {
    match c {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' => Some('_'),
        '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' => Some(c),
        '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => None,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => None,
        '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => None,
        c if c.is_whitespace() => Some(' '),
        c => Some(c),
    }
}

/// The name with a number in it that makes it another: `a.png`, `a-2.png`, `a-3.png`.
pub fn numbered(name: &str, number: u32) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    format!("{stem}-{number}{extension}")
}

/// Stem and extension with its dot; the extension is empty when what follows the last dot is none.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && is_extension(&name[dot..]) => name.split_at(dot),
        _ => (name, ""),
    }
}

fn is_extension(text: &str) -> bool {
    (2..=MAX_EXTENSION).contains(&text.len()) && text[1..].bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether Windows would open a device instead of a file.
fn is_reserved(stem: &str) -> bool {
    let device = stem.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered =
        |prefix| device.strip_prefix(prefix).is_some_and(|n: &str| matches!(n.as_bytes(), [b'0'..=b'9']));
    matches!(device.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// The usual extension of what ComfyUI makes.
fn extension_of(content_type: &str) -> &'static str {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "image/png" => ".png",
        "image/jpeg" | "image/jpg" => ".jpg",
        "image/webp" => ".webp",
        "image/gif" => ".gif",
        "image/avif" => ".avif",
        "image/tiff" => ".tiff",
        "image/svg+xml" => ".svg",
        "image/x-exr" => ".exr",
        "video/mp4" => ".mp4",
        "video/webm" => ".webm",
        "video/quicktime" => ".mov",
        "video/x-matroska" => ".mkv",
        "audio/mpeg" | "audio/mp3" => ".mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" => ".wav",
        "audio/flac" | "audio/x-flac" => ".flac",
        "audio/ogg" | "audio/opus" => ".ogg",
        "model/gltf-binary" => ".glb",
        "model/obj" => ".obj",
        "application/json" => ".json",
        "application/zip" => ".zip",
        "application/pdf" => ".pdf",
        "text/plain" => ".txt",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hint_becomes_a_harmless_name() {
        let table = [
            ("ComfyUI_00001_.png", "image/png", "ComfyUI_00001_.png"),
            ("猫 и кот.png", "", "猫 и кот.png"),
            ("../../etc/passwd", "", "passwd"),
            ("/etc/cron.d/x", "", "x"),
            ("C:\\Windows\\evil.exe", "", "evil.exe"),
            ("sub/dir/", "", "dir"),
            ("..", "image/png", "output.png"),
            ("", "video/mp4; codecs=x", "output.mp4"),
            ("", "", "output"),
            (".bashrc", "", "bashrc"),
            ("-rf", "", "rf"),
            ("~root.png", "", "root.png"),
            ("a\u{1b}[31m\u{0}b\n.png", "", "ab.png"),
            ("gpj\u{202e}.png", "", "gpj.png"),
            ("a:b*c?.png", "", "a_b_c_.png"),
            ("CON", "", "_CON"),
            ("nul.png", "", "_nul.png"),
            ("com1.tar.gz", "", "_com1.tar.gz"),
            ("console.png", "", "console.png"),
            ("trailing. . ", "", "trailing"),
            ("video", "video/webm", "video.webm"),
            ("v1.0 final cut", "image/png", "v1.0 final cut.png"),
            ("\u{2000}", "", "output"),
            ("\u{200b}\u{feff}.png", "", "png"),
            ("\u{301}\u{200d}", "image/png", "output.png"),
            ("a\u{a0}b\u{3000}.\u{2003}", "", "a b"),
            ("x\u{2028}y.png", "", "x y.png"),
            ("a\u{e0041}\u{3164}.png", "", "a.png"),
        ];
        for (hint, content_type, name) in table {
            assert_eq!(safe_name(hint, content_type), name, "{hint:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = safe_name(&format!("{}.png", "é".repeat(300)), "");
        assert!(name.len() <= MAX_NAME && name.ends_with("é.png"), "{name}");
    }

    #[test]
    fn numbers_stand_before_the_extension() {
        let table =
            [("a.png", 1, "a.png"), ("a.png", 2, "a-2.png"), ("a", 3, "a-3"), ("a.b c", 2, "a.b c-2")];
        for (name, number, expected) in table {
            assert_eq!(numbered(name, number), expected);
        }
    }

    proptest! {
        #[test]
        fn any_hint_is_harmless(hint in any::<String>(), content_type in "[a-z/]{0,12}") {
            let name = safe_name(&hint, &content_type);
            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME);
            prop_assert!(!name.starts_with(['.', '-', '~', ' ']));
            prop_assert_eq!(name.trim(), name.as_str());
            prop_assert!(!name.ends_with('.') && name.chars().any(|c| c.width() > Some(0)));
            prop_assert!(!name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ':')));
            prop_assert_eq!(std::path::Path::new(&name).components().count(), 1);
        }
    }
}
