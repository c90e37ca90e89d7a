//! Moves through a text by grapheme clusters and words.
//!
//! Columns count characters of one line, as in a text field.

use std::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use super::lex::{Kind, lex};

/// Start of the grapheme cluster before a column: what people see as one character, such as a flag emoji.
pub fn cluster_before(line: &str, column: usize) -> usize {
    let at = byte(line, column);
    let mut cursor = GraphemeCursor::new(at, line.len(), true);
    // The whole text is passed in, so the cursor cannot ask for more.
    let before = cursor.prev_boundary(line, 0).ok().flatten().unwrap_or(0);
    column - line[before..at].chars().count()
}

/// End of the grapheme cluster after a column.
pub fn cluster_after(line: &str, column: usize) -> usize {
    let at = byte(line, column);
    let next = line[at..].graphemes(true).next().map_or(0, |cluster| cluster.chars().count());
    column + next
}

/// Start of the word before a column, skipping spaces and punctuation.
pub fn word_before(line: &str, column: usize) -> usize {
    let at = byte(line, column);
    let start = words(line).rfind(|word| word.start < at).map_or(0, |word| word.start);
    line[..start].chars().count()
}

/// End of the word after a column, skipping spaces and punctuation.
pub fn word_after(line: &str, column: usize) -> usize {
    let at = byte(line, column);
    let end = words(line).find(|word| word.end > at).map_or(line.len(), |word| word.end);
    line[..end].chars().count()
}

/// Byte ranges of the words of a line, in order; a tag is one word.
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
