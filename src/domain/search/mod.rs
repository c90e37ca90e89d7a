//! What people type to find runs: `seed:42 status:failed tag:final after:yesterday "red hat" -blurry`.
//!
//! All of it must be true of a run; of values with commas one is enough, and `-` before a word or a key means "not".

mod parse;
mod typing;
mod when;

use std::fmt;

use super::batch::BatchId;
use super::{RunId, Status};

pub use parse::{KEYS, Key};
pub use typing::{Typing, typing, usual_values};
pub use when::{When, ago};

/// A search, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    pub words: Vec<Word>,
    pub terms: Vec<Term>,
}

/// A word or a phrase to be found in prompt, preset, workflow, values, error, tags or note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// It may go on: it is still being typed.
    pub is_beginning: bool,
    /// It must not be there.
    pub without: bool,
}

/// A fact that must, or must not, be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub fact: Fact,
    pub without: bool,
}

/// A fact about a run. Of several values one is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Seeds that were sent, in digits: they may exceed any integer type.
    Seed(Vec<String>),
    Status(Vec<Status>),
    Preset(Vec<String>),
    /// Parts of the name of the workflow's file.
    Workflow(Vec<String>),
    Profile(Vec<String>),
    Batch(Vec<BatchId>),
    Run(Vec<RunId>),
    Tag(Vec<String>),
    /// Queued then or later.
    After(When),
    /// Queued earlier.
    Before(When),
    /// Queued on that day.
    On(When),
    Is(Vec<Is>),
}

/// What people noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    Starred,
    Rejected,
    Tagged,
    Noted,
}

impl Is {
    pub const ALL: [Self; 4] = [Self::Starred, Self::Rejected, Self::Tagged, Self::Noted];

    pub fn word(self) -> &'static str {
        match self {
            Self::Starred => "starred",
            Self::Rejected => "rejected",
            Self::Tagged => "tagged",
            Self::Noted => "noted",
        }
    }
}

/// Why a search cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchError(String);

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SearchError {}

impl Search {
    /// A search for words only, none of them a key.
    pub fn words(text: &str) -> Self {
        let is_open = !text.ends_with(char::is_whitespace);
        let mut words: Vec<Word> = text
            .split_whitespace()
            .map(|text| Word { text: text.to_owned(), is_beginning: false, without: false })
            .collect();
        if let Some(last) = words.last_mut() {
            last.is_beginning = is_open;
        }
        Self { words, terms: Vec::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.terms.is_empty()
    }

    /// The same, of runs with this fact only.
    pub fn and(mut self, fact: Fact) -> Self {
        self.terms.push(Term { fact, without: false });
        self
    }

    /// Whether it says itself what of rejected runs is meant, or names runs.
    pub fn minds_rejected(&self) -> bool {
        self.terms.iter().any(|term| match &term.fact {
            Fact::Is(what) => what.contains(&Is::Rejected),
            Fact::Run(_) => !term.without,
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests;
