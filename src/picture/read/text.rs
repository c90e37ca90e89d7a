//! Text outputs: the first lines, scrubbed.

use std::fs::File;
use std::io::Read;

use super::{Content, ReadError, Watch, watched};
use crate::wire::ansi::scrub_plain;

/// Most bytes read from a text.
const MOST: usize = 64 << 10;
/// Most lines that are kept; [`COLUMNS`] are the most characters of each.
const LINES: usize = 2_000;
const COLUMNS: usize = 1_000;

pub(super) fn read(file: File, watch: &Watch) -> Result<Content, ReadError> {
    let (bytes, more) = first(file, watch)?;
    Ok(lines(&String::from_utf8_lossy(&bytes), more))
}

/// Reads a file as text if it is UTF-8 without zero bytes, else returns facts.
pub(super) fn read_if_text(file: File, watch: &Watch) -> Result<Content, ReadError> {
    let (bytes, more) = first(file, watch)?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => Some(text),
        // The limit may have cut the last character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    };
    match text.filter(|text| !text.contains('\0')) {
        Some(text) => Ok(lines(text, more)),
        None => Ok(Content::Facts(vec!["comfydeck can't show this type of file".to_owned()])),
    }
}

fn first(file: File, watch: &Watch) -> Result<(Vec<u8>, bool), ReadError> {
    let mut bytes = Vec::new();
    let read = watched(file, watch).take(MOST as u64 + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        watch.check()?;
        return Err(ReadError::Unreadable(error.to_string()));
    }
    let more = bytes.len() > MOST;
    bytes.truncate(MOST);
    Ok((bytes, more))
}

fn lines(text: &str, more: bool) -> Content {
    let mut all = text.lines();
    let line = |line: &str| scrub_plain(line).chars().take(COLUMNS).collect::<String>();
    let lines: Vec<String> = all.by_ref().take(LINES).map(line).collect();
    let more = more || all.next().is_some();
    Content::Text(lines, more)
}
