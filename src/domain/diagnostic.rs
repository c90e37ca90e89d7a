//! Messages about files that people write: file, line and key, what is wrong, and a likely correction.

use std::fmt;
use std::ops::Range;

/// A part of a file that could not be used as written. The rest of the file still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file's path, or a name for a built-in one.
    pub file: String,
    /// Line number from 1; `None` when the message is about the whole file.
    pub line: Option<usize>,
    /// The key at fault; empty when there is none.
    pub key: String,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
    /// Whether the intended meaning is unclear: a preset with such a message is not sent.
    pub unsure: bool,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Collects the messages about one file, converting byte positions to line numbers.
#[derive(Debug)]
pub struct Diagnostics<'a> {
    file: &'a str,
    text: &'a str,
    found: Vec<Diagnostic>,
}

impl<'a> Diagnostics<'a> {
    pub fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    /// Adds a message about a key at a range of bytes in the text.
    pub fn at(&mut self, place: Range<usize>, key: &str, message: impl Into<String>) {
        let line = line_of(self.text, place.start);
        self.push(Some(line), key, message.into(), true);
    }

    /// As [`Diagnostics::at`], for a part whose intended meaning is clear.
    pub fn remark(&mut self, place: Range<usize>, key: &str, message: impl Into<String>) {
        let line = line_of(self.text, place.start);
        self.push(Some(line), key, message.into(), false);
    }

    /// The line of a range of bytes in the text, from 1.
    pub fn line(&self, place: &Range<usize>) -> usize {
        line_of(self.text, place.start)
    }

    pub fn whole(&mut self, message: impl Into<String>) {
        self.push(None, "", message.into(), true);
    }

    /// The messages, sorted by line.
    pub fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|found| found.line);
        self.found
    }

    fn push(&mut self, line: Option<usize>, key: &str, message: String, unsure: bool) {
        self.found.push(Diagnostic {
            file: self.file.to_owned(),
            line,
            key: key.to_owned(),
            message,
            unsure,
        });
    }
}

/// Line number, from 1, of a byte of a text.
pub fn line_of(text: &str, byte: usize) -> usize {
    let before = &text.as_bytes()[..byte.min(text.len())];
    before.iter().filter(|b| **b == b'\n').count() + 1
}

/// The candidate most similar to a misspelt name, if one is similar enough.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let reach = (length / 3).clamp(1, 6);
    candidates
        .into_iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= reach)
        // This distance counts a swap of neighbours as one edit, like an insertion, a deletion or a replacement.
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= reach)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `. Did you mean …?` for the end of a message, or an empty text.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!(". Did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        let keys = ["6-inputs-text", "7-inputs-text", "3-inputs-seed"];
        let table = [
            ("6-inputs-txet", Some("6-inputs-text")),
            ("3-inputs-sed", Some("3-inputs-seed")),
            ("33-inputs-seed", Some("3-inputs-seed")),
            ("something else", None),
        ];
        for (name, near) in table {
            assert_eq!(nearest(name, keys), near, "{name}");
        }
        assert_eq!(did_you_mean("ulr", ["url"]), ". Did you mean `url`?");
        assert_eq!(did_you_mean("x", ["url"]), "");
    }

    #[test]
    fn a_message_names_file_and_line() {
        let mut found = Diagnostics::new("a.toml", "x = 1\ny = 2\n");
        found.at(6..7, "y", "`y` is not known");
        found.whole("it is empty");
        let shown: Vec<String> = found.finish().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a.toml: it is empty", "a.toml:2: `y` is not known"]);
    }
}
