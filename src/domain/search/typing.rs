//! What is typed at the end of a search, to be completed.

use super::when::DAYS;
use super::{Is, KEYS};
use crate::domain::Status;
/// What is typed at the end of a search, to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typing<'a> {
    /// A word that may become a key.
    Key(&'a str),
    /// A value of a key, behind its last comma.
    Value(&'static str, &'a str),
    /// The name of a saved search.
    Saved(&'a str),
}

/// What may be completed at the end of a text, and the length in bytes of what stands before it.
pub fn typing(typed: &str) -> Option<(Typing<'_>, usize)> {
    let quotes = typed.matches('"').count();
    let blank = typed.char_indices().rev().find(|(_, c)| c.is_whitespace());
    let start = blank.map_or(0, |(at, c)| at + c.len_utf8());
    if quotes % 2 == 1 || start == typed.len() {
        return None;
    }
    let word = &typed[start..];
    let (sign, word) = word.strip_prefix('-').map_or((0, word), |word| (1, word));
    let start = start + sign;
    if let Some(name) = word.strip_prefix('@') {
        return Some((Typing::Saved(name), start + 1));
    }
    match word.split_once(':') {
        None => Some((Typing::Key(word), start)),
        Some((key, value)) => {
            let known = KEYS.iter().find(|known| known.name == key)?;
            let last = value.rfind(',').map_or(0, |at| at + 1);
            Some((Typing::Value(known.name, &value[last..]), start + key.len() + 1 + last))
        }
    }
}

/// Values of a key that are the same in every history.
pub fn usual_values(key: &str) -> Vec<&'static str> {
    match key {
        "status" => Status::ALL.iter().map(|status| status.word()).collect(),
        "is" => Is::ALL.map(Is::word).to_vec(),
        "after" | "before" | "on" => {
            ["today", "yesterday"].into_iter().chain(DAYS.iter().map(|(name, _)| *name)).collect()
        }
        _ => Vec::new(),
    }
}
