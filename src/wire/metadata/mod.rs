//! The graph inside a picture, a video or a sound: what ComfyUI writes into the files it saves.
//!
//! `prompt` is the graph in API format, which is enough to run it again; `workflow` the graph of ComfyUI's own
//! editor. Only the bytes that may hold them are read: pixels and frames are skipped. The files come from anywhere,
//! so every length is checked against the file's, and every text against [`MAX_TEXT`].

mod exif;
mod heif;
mod id3;
mod jpeg;
mod mp4;
mod png;
mod reader;
mod vorbis;
mod webm;
mod webp;

use std::borrow::Cow;
use std::io::{self, Read, Seek};

use serde_json::Value;

use reader::{ByteReader, Stop};

/// Longest text that is read, in bytes: far above graphs with embedded pictures, which have a few megabytes.
pub const MAX_TEXT: u64 = 16 << 20;

/// Most entries of [`Metadata::others`].
const MAX_OTHERS: usize = 16;

/// Supported file formats, for messages.
pub const KINDS: &str = "PNG, WebP, JPEG, AVIF, MP4, MOV, WebM, FLAC, MP3 and Ogg";

/// Graphs and other metadata found in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The file's format, such as `PNG`.
    pub kind: &'static str,
    /// The graph in API format, JSON as in the file, except for [`Metadata::non_finite`].
    pub prompt: Option<String>,
    /// The graph of ComfyUI's editor, JSON likewise.
    pub workflow: Option<String>,
    /// Names of other texts, such as `parameters`, which other programs write.
    pub others: Vec<String>,
    /// Numbers (`NaN`, `Infinity`) that became null: Python writes them, JSON does not have them.
    pub non_finite: usize,
    /// Why the rest of the file could not be read.
    pub damage: Option<&'static str>,
}

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file of another format.
    #[error("ComfyUI's metadata is only read from {KINDS}")]
    UnknownKind,
    /// The file is truncated or inconsistent before a graph was found.
    #[error("this {kind} is damaged: {why}")]
    Damaged { kind: &'static str, why: &'static str },
}

/// Reads the graph out of a file. Pass a buffered reader: lengths are read a few bytes at a time.
///
/// # Errors
/// If the file cannot be read, is of another format, or is damaged before a graph was found.
pub fn read(from: impl Read + Seek) -> Result<Metadata, MetadataError> {
    let mut source = ByteReader::new(from)?;
    let head = source.head()?;
    let mut found = Metadata::default();
    let scanned = match head {
        head if head.starts_with(png::SIGNATURE) => {
            found.kind = "PNG";
            png::scan(&mut source, &mut found)
        }
        head if head.starts_with(b"RIFF") && head[8..] == *b"WEBP" => {
            found.kind = "WebP";
            webp::scan(&mut source, &mut found)
        }
        head if head.starts_with(b"\xff\xd8\xff") => {
            found.kind = "JPEG";
            jpeg::scan(&mut source, &mut found)
        }
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f' | b's'] => {
            found.kind = "AVIF";
            heif::scan(&mut source, &mut found)
        }
        head if head.starts_with(b"\x1a\x45\xdf\xa3") => {
            found.kind = "WebM";
            webm::scan(&mut source, &mut found)
        }
        head if head.starts_with(b"fLaC") => {
            found.kind = "FLAC";
            vorbis::scan_flac(&mut source, &mut found)
        }
        head if head.starts_with(b"OggS") => {
            found.kind = "Ogg";
            vorbis::scan_ogg(&mut source, &mut found)
        }
        head if head.starts_with(b"ID3") => {
            found.kind = "MP3";
            id3::scan(&mut source, &mut found)
        }
        head if head[4..8] == *b"ftyp" => {
            found.kind = if head[8..] == *b"qt  " { "MOV" } else { "MP4" };
            mp4::scan(&mut source, &mut found)
        }
        _ => return Err(MetadataError::UnknownKind),
    };
    match scanned {
        Ok(()) => Ok(found),
        Err(Stop::Io(error)) => Err(error.into()),
        Err(Stop::Damaged(why)) if found.prompt.is_some() || found.workflow.is_some() => {
            found.damage = Some(why);
            Ok(found)
        }
        Err(Stop::Damaged(why)) => Err(MetadataError::Damaged { kind: found.kind, why }),
    }
}

impl Metadata {
    /// Stores a named text. The first of a name wins.
    fn put(&mut self, name: &str, text: &str) {
        let text = text.trim_matches(['\0', ' ', '\n', '\r', '\t']);
        let is_object = text.starts_with('{');
        let slot = match name.to_ascii_lowercase().as_str() {
            // Other programs write the prompt's words, not a graph, under this name.
            "prompt" if is_object => &mut self.prompt,
            "workflow" if is_object => &mut self.workflow,
            "comment" | "©cmt" | "usercomment" if is_object => return self.put_nested(text),
            _ => return self.note(name),
        };
        if slot.is_none() {
            let (text, replaced) = finite(text);
            self.non_finite += replaced;
            *slot = Some(text.into_owned());
        }
    }

    /// Stores a text that begins with its name, as in `prompt:{…}`.
    fn put_prefixed(&mut self, text: &str) {
        let text = text.trim_start();
        match text.split_once(':') {
            _ if text.starts_with('{') => self.put_nested(text),
            Some((name, text)) if name.len() <= 20 => self.put(name.trim(), text.trim_start()),
            _ => {}
        }
    }

    /// Stores the graphs of one object, which has them as objects or as texts.
    fn put_nested(&mut self, text: &str) {
        let (text, _) = finite(text.trim_end_matches('\0'));
        let Ok(Value::Object(object)) = serde_json::from_str(&text) else { return };
        for (name, value) in object {
            match value {
                Value::String(text) => self.put(&name, &text),
                Value::Object(_) => self.put(&name, &value.to_string()),
                _ => self.note(&name),
            }
        }
    }

    /// Whether a text of this name may be a graph that has not been found yet.
    fn wants(&self, name: &str) -> bool {
        match name.to_ascii_lowercase().as_str() {
            "prompt" => self.prompt.is_none(),
            "workflow" => self.workflow.is_none(),
            "comment" => !self.is_whole(),
            _ => false,
        }
    }

    fn note(&mut self, name: &str) {
        let name: String = super::ansi::scrub_plain(name).chars().take(40).collect();
        if self.others.len() < MAX_OTHERS && !name.is_empty() && !self.others.contains(&name) {
            self.others.push(name);
        }
    }

    /// Whether both graphs have been found.
    fn is_whole(&self) -> bool {
        self.prompt.is_some() && self.workflow.is_some()
    }
}

/// Makes Python's output valid JSON: `NaN`, `Infinity` and `-Infinity` outside of texts become null. Returns
/// how many there were.
pub fn finite(text: &str) -> (Cow<'_, str>, usize) {
    const WORDS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
    let (mut out, mut kept, mut count) = (String::new(), 0, 0);
    let (mut in_text, mut escaped, mut at) = (false, false, 0);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else if *byte == b'"' {
            in_text = true;
        } else if matches!(byte, b'N' | b'I' | b'-')
            && let Some(word) = WORDS.into_iter().find(|word| bytes[at..].starts_with(word.as_bytes()))
        {
            out.push_str(&text[kept..at]);
            out.push_str("null");
            at += word.len();
            (kept, count) = (at, count + 1);
            continue;
        }
        at += 1;
    }
    if count == 0 {
        return (Cow::Borrowed(text), 0);
    }
    out.push_str(&text[kept..]);
    (Cow::Owned(out), count)
}

/// Decodes UTF-8, else Latin-1: programs write UTF-8 even where a format prescribes Latin-1.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()),
    }
}

#[cfg(test)]
mod tests;
