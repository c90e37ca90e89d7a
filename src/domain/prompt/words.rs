//! Steps through a text: one cluster, one word.
//!
//! Places count characters of one line, as a text field does.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::lex::{Kind, lex};

/// Where the cluster before a place begins: what a person sees as one character, such as a flag or a family.
pub fn cluster_before(line: &str, column: usize) -> usize {
    let at = byte(line, column);
    let mut cursor = GraphemeCursor::new(at, line.len(), true);
    // The whole text is given, so that nothing more can be asked for.
    let before = cursor.prev_boundary(line, 0).ok().flatten().unwrap_or(0);
    column - line[before..at].chars().count()
}

/// Where the cluster behind a place ends.
pub fn cluster_after(line: &str, column: usize) -> usize {
    let at = byte(line, column);
    let next = line[at..].graphemes(true).next().map_or(0, |cluster| cluster.chars().count());
    column + next
}

/// Where the word before a place begins; spaces and marks between are passed.
pub fn word_before(line: &str, column: usize) -> usize {
    let at = byte(line, column);
    let start = words(line).rfind(|word| word.start < at).map_or(0, |word| word.start);
    line[..start].chars().count()
}

/// Where the word behind a place ends; spaces and marks between are passed.
pub fn word_after(line: &str, column: usize) -> usize {
    let at = byte(line, column);
    let end = words(line).find(|word| word.end > at).map_or(line.len(), |word| word.end);
    line[..end].chars().count()
}

/// Bytes of each word of a line, in order; a tag is one.
fn words(line: &str) -> std::vec::IntoIter<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut in_word = false;
    for token in lex(line) {
        match words.last_mut().filter(|_| in_word && token.kind.is_word()) {
            Some(word) => word.end = token.range.end,
            None if token.kind.is_word() || token.kind == Kind::Tag => words.push(token.range),
            None => {}
        }
        in_word = token.kind.is_word();
    }
    words.into_iter()
}

fn byte(line: &str, column: usize) -> usize {
    line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}
