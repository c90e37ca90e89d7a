//! File names from servers: hints, never paths.

use std::path::PathBuf;

use unicode_width::UnicodeWidthChar as _;

use crate::domain::OutputName;
use crate::domain::naming::{Field, Segment};
use crate::wire::ansi;

/// Longest name of an output in bytes, without a number that makes it unique.
pub const MAX_NAME: usize = 120;
/// Longest extension in bytes, including its dot.
const MAX_EXTENSION: usize = 12;

/// A harmless file name from a server's name: no path, no control or invisible character, no leading dot, dash or
/// tilde, only plain blanks and none at either end, nothing that Windows reserves, at most [`MAX_NAME`] bytes. A
/// missing extension is taken from the content type.
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
    stem.truncate(bounded(&stem, extension).len());
    format!("{}{extension}", stem.trim_end())
}

/// Values of a template's fields; all but the run's number and the times are untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFields {
    /// Such as `2026-11-24`.
    pub date: String,
    /// Such as `09-30-05`.
    pub time: String,
    /// Name of the preset; may be empty.
    pub preset: String,
    pub workflow: String,
    /// Name of the profile; may be empty.
    pub profile: String,
    pub run: String,
    /// The first seed sent; may be empty.
    pub seed: String,
}

/// The folders and file name that a template gives an output, each as harmless as [`safe_name`]'s. Empty values
/// become `none`. A missing extension is added.
pub fn templated(
    template: &OutputName,
    fields: &NameFields,
    hint: &str,
    content_type: &str,
) -> (PathBuf, String) {
    let named = safe_name(hint, content_type);
    let (stem, extension) = split(&named);
    let fill = |segment: &Segment| match segment {
        Segment::Text(text) => text.clone(),
        Segment::Field(field) => {
            let value = match field {
                Field::Date => &fields.date,
                Field::Time => &fields.time,
                Field::Preset => &fields.preset,
                Field::Workflow => &fields.workflow,
                Field::Profile => &fields.profile,
                Field::Run => &fields.run,
                Field::Seed => &fields.seed,
                Field::Name => stem,
                Field::Extension => extension.trim_start_matches('.'),
            };
            if value.is_empty() && *field != Field::Extension { "none".to_owned() } else { part(value) }
        }
    };
    let mut filled = template.parts().iter().map(|segments| segments.iter().map(fill).collect::<String>());
    let name = filled.next_back().unwrap_or_default();
    let folders = filled.map(|folder| safe_name(&folder, "")).collect();
    let names_extension =
        template.parts().last().is_some_and(|segments| segments.contains(&Segment::Field(Field::Extension)));
    let name = if names_extension { name } else { format!("{}{extension}", bounded(&name, extension)) };
    (folders, safe_name(&name, content_type))
}

/// A value as part of a name, without any path.
fn part(value: &str) -> String {
    ansi::scrub_plain(value).chars().map(|c| if matches!(c, '/' | '\\') { '_' } else { c }).collect()
}

/// As much of a name as leaves room for its extension.
fn bounded<'a>(name: &'a str, extension: &str) -> &'a str {
    let mut room = (MAX_NAME - extension.len()).min(name.len());
    while !name.is_char_boundary(room) {
        room -= 1;
    }
    &name[..room]
}

/// Replaces a character of a name: all blanks become plain ones, characters that file systems reject become `_`, and
/// invisible ones are removed, except the joiners used by emoji and some scripts.
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

/// The name with a number: `a.png`, `a-2.png`, `a-3.png`.
pub fn numbered(name: &str, number: u32) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    format!("{stem}-{number}{extension}")
}

/// Stem and extension with its dot; the extension may be empty.
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

/// The usual extension for the types that ComfyUI makes.
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

    fn fields() -> NameFields {
        NameFields {
            date: "2026-11-24".to_owned(),
            time: "09-30-05".to_owned(),
            preset: "a/../cat".to_owned(),
            workflow: "wan".to_owned(),
            run: "42".to_owned(),
            ..NameFields::default()
        }
    }

    #[test]
    fn a_template_gives_folders_and_a_name() {
        let table = [
            ("{date}/{preset}/{run}-{seed}-{name}", "2026-11-24/a_.._cat", "42-none-ComfyUI_00001_.png"),
            ("{time} {workflow} of {profile}.{ext}", "", "09-30-05 wan of none.png"),
            ("{run}", "", "42.png"),
            ("{name}.kept", "", "ComfyUI_00001_.kept.png"),
            ("{ext}/{name}", "png", "ComfyUI_00001_.png"),
            ("...{run}/nul/-x", "42/_nul", "x.png"),
            ("a:b/{name}", "a_b", "ComfyUI_00001_.png"),
        ];
        for (template, folders, name) in table {
            let read = OutputName::parse(template).expect(template);
            let given = templated(&read, &fields(), "x/ComfyUI_00001_.png", "image/png");
            assert_eq!(given, (PathBuf::from(folders), name.to_owned()), "{template}");
        }
        let read = OutputName::parse("{workflow}-{name}").expect("a template");
        let long = NameFields { workflow: "é".repeat(200), ..fields() };
        let (_, name) = templated(&read, &long, "a.png", "");
        assert!(name.len() <= MAX_NAME && name.ends_with("é.png"), "{name}");
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
        fn no_value_leads_out_of_the_folder(value in any::<String>(), hint in any::<String>()) {
            let [preset, profile, seed, workflow] = std::array::from_fn(|_| value.clone());
            let fields = NameFields { preset, profile, seed, workflow, ..fields() };
            let read = OutputName::parse("{preset}/{profile}{seed}/x{workflow}/{name}").expect("a template");
            let (folders, name) = templated(&read, &fields, &hint, "");
            let is_plain = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
            prop_assert_eq!(folders.components().count(), 3);
            prop_assert!(folders.components().all(is_plain), "{:?}", folders);
            prop_assert_eq!(std::path::Path::new(&name).components().count(), 1);
        }

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
