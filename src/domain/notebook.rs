//! What people note of runs and of what these made: stars, tags, a note, and what they reject.

use std::collections::BTreeSet;

use super::{OutputId, RunId};

/// Characters of a tag.
const TAG_CHARS: usize = 40;
/// Characters of a note.
pub const NOTE_CHARS: usize = 2_000;

/// What people noted of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    pub tags: BTreeSet<String>,
    /// The note; empty without one.
    pub text: String,
    /// Nobody wants it: it is not listed unless asked for.
    pub rejected: bool,
}

impl Notes {
    /// The tags as people type them: `#final #hands`.
    pub fn hashtags(&self) -> String {
        self.tags.iter().map(|tag| format!("#{tag}")).collect::<Vec<_>>().join(" ")
    }
}

/// What people noted of a run and of its outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// One of its outputs has a star.
    pub starred: bool,
    pub notes: Notes,
}

/// What a remark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A run and all that it made.
    Run(RunId),
    Output(OutputId),
}

impl About {
    pub fn run(self) -> RunId {
        match self {
            Self::Run(run) => run,
            Self::Output(output) => output.run,
        }
    }
}

/// A change of what is noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A star, or none. Of a run its first output gets it, and all lose it.
    Star(About, bool),
    /// Rejected, or taken back. A run whose outputs are all rejected is rejected itself.
    Reject(About, bool),
    /// All tags of a run.
    Tags(RunId, BTreeSet<String>),
    /// The note of a run; empty removes it.
    Note(RunId, String),
}

impl Remark {
    /// The run that it is about.
    pub fn run(&self) -> RunId {
        match self {
            Self::Star(about, _) | Self::Reject(about, _) => about.run(),
            Self::Tags(run, _) | Self::Note(run, _) => *run,
        }
    }
}

/// What is noted of all runs of a batch at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchRemark {
    /// A star for each run that made something, or none where all have one.
    Star,
    /// All rejected, or none where all are.
    Reject,
    /// Tags to add, and to take away.
    Tags { added: BTreeSet<String>, removed: BTreeSet<String> },
    /// A note in place of this one; runs with another note keep it.
    Note { before: String, after: String },
}

impl BatchRemark {
    /// Tags of a batch as they were typed over those that were shown.
    pub fn tags(before: &BTreeSet<String>, typed: &BTreeSet<String>) -> Self {
        Self::Tags {
            added: typed.difference(before).cloned().collect(),
            removed: before.difference(typed).cloned().collect(),
        }
    }
}

/// Reads tags as people type them, parted by blanks or commas, with or without `#`; in lower case.
///
/// # Errors
/// What is wrong with one of them.
pub fn tags(typed: &str) -> Result<BTreeSet<String>, String> {
    typed.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).map(tag).collect()
}

/// Reads one tag.
///
/// # Errors
/// What is wrong with it.
pub fn tag(typed: &str) -> Result<String, String> {
    let tag = typed.strip_prefix('#').unwrap_or(typed).to_lowercase();
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | ',' | ':' | '#');
    if tag.is_empty() || tag.chars().any(is_bad) || tag.starts_with(['-', '+']) {
        return Err(format!("`{typed}` is not a tag: letters, digits, `-`, `_`, `.` or `/`, as in final"));
    }
    if tag.chars().count() > TAG_CHARS {
        return Err(format!("a tag has {TAG_CHARS} characters at most"));
    }
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_words_with_or_without_a_hash() {
        let read = |typed: &str| tags(typed).map(|tags| tags.into_iter().collect::<Vec<_>>().join(" "));
        for (typed, told) in [
            ("", ""),
            ("final", "final"),
            ("#Final, hands  final", "final hands"),
            ("v1.2/b 猫", "v1.2/b 猫"),
        ] {
            assert_eq!(read(typed).as_deref(), Ok(told), "{typed}");
        }
        let long = "a".repeat(41);
        for typed in ["a:b", "#", "\"a\"", "-a", "a\u{7}", long.as_str()] {
            assert!(read(typed).is_err(), "{typed}");
        }
    }
}
