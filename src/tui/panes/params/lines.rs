//! The lines of an open long text: wrapped as the list wraps them, so that opening a field moves nothing, and the caret's
//! way through them.

use std::ops::Range;

use tui_textarea::{CursorMove, TextArea};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::tui::typing;
use crate::tui::wrap::wrapped;

/// What a tab looks like.
pub const TAB: &str = "→";

/// One line of the field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    /// Number of the text's line that it is of.
    row: usize,
    /// Characters of that.
    chars: Range<usize>,
    text: String,
}

/// The lines of a text in a field of a width.
#[derive(Debug)]
pub struct FieldLines {
    lines: Vec<Line>,
    /// The caret: number of its line, and columns before it there.
    pub caret: (usize, usize),
}

impl FieldLines {
    pub fn of(text: &TextArea<'_>, width: usize) -> Self {
        let mut lines: Vec<Line> = Vec::new();
        for (row, line) in text.lines().iter().enumerate() {
            let line = line.replace('\t', TAB);
            // The blank at which a line breaks is of neither.
            let (mut rest, mut first) = (line.as_str(), 0);
            for part in wrapped(&line, width) {
                let skipped = part.as_ptr() as usize - rest.as_ptr() as usize;
                first += rest[..skipped].chars().count();
                let chars = first..first + part.chars().count();
                first = chars.end;
                rest = &rest[skipped + part.len()..];
                lines.push(Line { row, chars, text: part.to_owned() });
            }
        }
        let (row, column) = (text.cursor().0, text.cursor().1);
        let at = lines.iter().rposition(|line| line.row == row && line.chars.start <= column).unwrap_or(0);
        let before = lines.get(at).map_or(0, |line| line.columns_before(column));
        Self { lines, caret: (at, before) }
    }

    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// The lines from one on, with the columns of what is selected in them.
    pub fn seen(
        &self,
        top: usize,
        selection: Option<((usize, usize), (usize, usize))>,
    ) -> impl Iterator<Item = (&str, Range<usize>)> {
        let columns = move |line: &Line| {
            let Some((from, to)) = selection else { return 0..0 };
            let start = if from.0 < line.row { 0 } else { line.columns_before(from.1) };
            let end = if to.0 > line.row { line.text.width() } else { line.columns_before(to.1) };
            if from.0 > line.row || to.0 < line.row { 0..0 } else { start..end.max(start) }
        };
        self.lines.iter().skip(top).map(move |line| (line.text.as_str(), columns(line)))
    }

    /// The place in the text at a column of a line: its line and character.
    fn place(&self, line: usize, column: usize) -> Option<(usize, usize)> {
        let line = self.lines.get(line.min(self.lines.len().saturating_sub(1)))?;
        let (mut used, mut chars) = (0, line.chars.start);
        for grapheme in line.text.graphemes(true) {
            used += grapheme.width();
            if used > column {
                break;
            }
            chars += grapheme.chars().count();
        }
        Some((line.row, chars))
    }

    /// Moves the caret by so many lines, to the column that is nearest to `column`.
    pub fn go_by(&self, text: &mut TextArea<'static>, by: isize, column: usize, extends: bool) {
        let last = self.lines.len().saturating_sub(1);
        let line = self.caret.0.saturating_add_signed(by).min(last);
        if line == self.caret.0 {
            return;
        }
        if !extends {
            text.cancel_selection();
        } else if !text.is_selecting() {
            text.start_selection();
        }
        self.go_to(text, line, column);
    }

    /// Moves the caret to a column of a line, or as near as there is text.
    pub fn go_to(&self, text: &mut TextArea<'static>, line: usize, column: usize) {
        if let Some((row, column)) = self.place(line, column)
            && let (Ok(row), Ok(column)) = (row.try_into(), column.try_into())
        {
            text.move_cursor(CursorMove::Jump(row, column));
            typing::leave_cluster(text);
        }
    }
}

impl Line {
    /// Columns before a character of the text's line; all, where that is further on.
    fn columns_before(&self, char: usize) -> usize {
        let chars = char.saturating_sub(self.chars.start);
        let end = self.text.char_indices().nth(chars).map_or(self.text.len(), |(at, _)| at);
        self.text[..end].width()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::wrap::wrap;

    fn field(text: &str) -> TextArea<'static> {
        typing::line_editor(text)
    }

    fn shown(text: &str, width: usize) -> Vec<String> {
        FieldLines::of(&field(text), width).seen(0, None).map(|(line, _)| line.to_owned()).collect()
    }

    #[test]
    fn a_field_breaks_lines_where_the_list_does() {
        for text in [
            "a cat, (masterpiece:1.2), best quality, [fog|rain]",
            "猫の魔法使い reading (by:1.3) the window",
            "a_word_that_is_longer_than_the_line and more",
            "two  blanks   and a blank at the end ",
            "",
        ] {
            for width in 4..30 {
                assert_eq!(shown(text, width), wrap(text, width), "{text} at {width}");
            }
        }
        let lines = shown("a cat, (masterpiece:1.2), best", 20);
        assert_eq!(lines, ["a cat,", "(masterpiece:1.2),", "best"], "a weight stays whole");
        assert_eq!(shown("a\tb\nc", 9), ["a→b", "c"], "a tab is seen");
    }

    #[test]
    fn the_caret_goes_up_and_down_by_what_is_seen() {
        let mut text = field("one two three four\nfive");
        let lines = |text: &TextArea<'static>| FieldLines::of(text, 9);
        assert_eq!(shown("one two three four\nfive", 9), ["one two", "three", "four", "five"]);
        assert_eq!(lines(&text).caret, (3, 4));
        for (by, column, caret) in
            [(-1, 4, (2, 4)), (-1, 6, (1, 5)), (-1, 6, (0, 6)), (-1, 6, (0, 6)), (5, 1, (3, 1))]
        {
            lines(&text).go_by(&mut text, by, column, false);
            assert_eq!(lines(&text).caret, caret, "{by} {column}");
        }
        // A click beyond the end of a line, and beneath the last one.
        lines(&text).go_to(&mut text, 1, 99);
        assert_eq!((text.cursor().0, text.cursor().1), (0, 13));
        lines(&text).go_to(&mut text, 99, 2);
        assert_eq!((text.cursor().0, text.cursor().1), (1, 2));
        // In the blank where the line breaks it stands at the end of the upper one.
        text.move_cursor(CursorMove::Jump(0, 7));
        assert_eq!(lines(&text).caret, (0, 7));
        text.move_cursor(CursorMove::Jump(0, 8));
        assert_eq!(lines(&text).caret, (1, 0));
    }

    #[test]
    fn what_is_selected_is_told_line_by_line() {
        let mut text = field("one two three");
        text.move_cursor(CursorMove::Jump(0, 4));
        lines_down(&mut text);
        let lines = FieldLines::of(&text, 9);
        let seen: Vec<_> = lines.seen(0, text.selection_range()).map(|(_, columns)| columns).collect();
        assert_eq!(seen, [4..7, 0..4]);
    }

    fn lines_down(text: &mut TextArea<'static>) {
        FieldLines::of(text, 9).go_by(text, 1, 4, true);
    }
}
