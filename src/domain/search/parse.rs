//! Reads a search from what was typed.

use super::when::when;
use super::{Fact, Is, Search, SearchError, Term, Word};
use crate::domain::diagnostic::{did_you_mean, nearest};
use crate::domain::{Status, notebook};
/// A key of the search, with a value as an example.
pub struct Key {
    pub name: &'static str,
    pub example: &'static str,
    read: fn(&str) -> Result<Fact, String>,
}

/// Every key.
pub const KEYS: &[Key] = &[
    Key { name: "seed", example: "42", read: |text| list(text, seed).map(Fact::Seed) },
    Key { name: "status", example: "failed,lost", read: |text| list(text, status).map(Fact::Status) },
    Key { name: "preset", example: "cat", read: |text| list(text, name).map(Fact::Preset) },
    Key { name: "workflow", example: "wan", read: |text| list(text, name).map(Fact::Workflow) },
    Key { name: "profile", example: "prod", read: |text| list(text, name).map(Fact::Profile) },
    Key { name: "batch", example: "7", read: |text| list(text, number).map(Fact::Batch) },
    Key { name: "run", example: "12", read: |text| list(text, number).map(Fact::Run) },
    Key { name: "tag", example: "final", read: |text| list(text, notebook::tag).map(Fact::Tag) },
    Key { name: "after", example: "yesterday", read: |text| when(text).map(Fact::After) },
    Key { name: "before", example: "2026-11-01", read: |text| when(text).map(Fact::Before) },
    Key { name: "on", example: "monday", read: |text| when(text).map(Fact::On) },
    Key { name: "is", example: "starred", read: |text| list(text, is).map(Fact::Is) },
];

fn list<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').filter(|part| !part.is_empty()).map(read).collect()
}

fn seed(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    is_number.then(|| text.to_owned()).ok_or_else(|| format!("`{text}` is not a seed: digits, as in seed:42"))
}

fn number(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number: &i64| *number > 0);
    number.ok_or_else(|| format!("`{text}` is not a number, as in run:12"))
}

#[expect(clippy::unnecessary_wraps, reason = "as the other readers")]
fn name(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn status(text: &str) -> Result<Status, String> {
    let words = || Status::ALL.iter().map(|status| status.word());
    Status::from_word(text).ok_or_else(|| one_of("status", text, words().collect()))
}

fn is(text: &str) -> Result<Is, String> {
    let found = Is::ALL.into_iter().find(|is| is.word() == text);
    found.ok_or_else(|| one_of("is", text, Is::ALL.map(Is::word).to_vec()))
}

fn one_of(key: &str, text: &str, words: Vec<&'static str>) -> String {
    match nearest(text, words.iter().copied()) {
        Some(near) => format!("there is no {key}:{text}. Did you mean {key}:{near}?"),
        None => format!("there is no {key}:{text}: it is one of {}", words.join(", ")),
    }
}

/// A part of what was typed.
struct Token<'a> {
    without: bool,
    key: Option<&'a str>,
    value: String,
    quoted: bool,
    /// Nothing stands behind it.
    is_last: bool,
}

/// Splits at blanks outside of quotation marks. A quotation that is still being typed ends with the text.
fn tokens(typed: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = typed.trim_start();
    while !rest.is_empty() {
        let body = rest.strip_prefix('-').filter(|body| !body.starts_with(char::is_whitespace));
        let without = body.is_some_and(|body| !body.is_empty());
        let body = if without { body.unwrap_or(rest) } else { rest };
        let key = body.split_once(':').map(|(key, _)| key).filter(|key| is_key(key));
        let value = key.map_or(body, |key| &body[key.len() + 1..]);
        let (text, quoted, end) = match value.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"');
                let text = &quoted[..end.unwrap_or(quoted.len())];
                (text, true, &quoted[end.map_or(quoted.len(), |end| end + 1)..])
            }
            None => {
                let end = value.find(char::is_whitespace).unwrap_or(value.len());
                (&value[..end], false, &value[end..])
            }
        };
        let is_last = end.is_empty();
        tokens.push(Token { without, key, value: text.to_owned(), quoted, is_last });
        rest = end.trim_start();
    }
    tokens
}

/// Whether what stands before a colon is meant as a key, and is no part of a text such as `(hat:1.2)`.
fn is_key(text: &str) -> bool {
    text.len() >= 2 && text.chars().all(|c| c.is_ascii_alphabetic())
}

impl Search {
    /// Reads what was typed. `saved` finds the text of a saved search, which `@name` stands for.
    ///
    /// # Errors
    /// Names what cannot be read, with the nearest key or value.
    pub fn parse<'a>(
        typed: &str,
        saved: impl Fn(&str) -> Option<&'a str> + Copy,
    ) -> Result<Self, SearchError> {
        let mut search = Self::default();
        search.read(typed, saved, true)?;
        Ok(search)
    }

    fn read<'a>(
        &mut self,
        typed: &str,
        saved: impl Fn(&str) -> Option<&'a str> + Copy,
        takes_saved: bool,
    ) -> Result<(), SearchError> {
        for Token { without, key, value, quoted, is_last } in tokens(typed) {
            match key {
                None if value.starts_with('@') && !quoted && value.len() > 1 => {
                    // A saved search holds no other: none can hold itself.
                    let text = saved(&value[1..]).filter(|_| takes_saved && !without);
                    let text = text.ok_or_else(|| {
                        SearchError(format!("no search is saved as {value}. \"{value}\" finds the word"))
                    })?;
                    self.read(text, saved, false)?;
                }
                None => {
                    if value.chars().any(char::is_alphanumeric) {
                        let is_beginning = is_last && !quoted && !without;
                        self.words.push(Word { text: value, is_beginning, without });
                    }
                }
                Some(key) => self.terms.push(term(key, &value, without)?),
            }
        }
        Ok(())
    }
}

fn term(key: &str, value: &str, without: bool) -> Result<Term, SearchError> {
    let lower = key.to_lowercase();
    let Some(known) = KEYS.iter().find(|known| known.name == lower) else {
        let near = did_you_mean(&lower, KEYS.iter().map(|known| known.name));
        let keys: Vec<&str> = KEYS.iter().map(|known| known.name).collect();
        return Err(SearchError(if near.is_empty() {
            format!(
                "there is no key `{key}:`: the keys are {}. In quotation marks it is text",
                keys.join(", ")
            )
        } else {
            format!("there is no key `{key}:`{near}")
        }));
    };
    if value.chars().all(|c| c == ',') {
        return Err(SearchError(format!(
            "{}: needs a value, as in {}:{}",
            known.name, known.name, known.example
        )));
    }
    let fact = (known.read)(value).map_err(SearchError)?;
    Ok(Term { fact, without })
}
