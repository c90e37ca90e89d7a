//! A text that is being typed: what a key does in a field, a prompt or a filter.
//!
//! Only keys that stand here or belong to a command reach the widget. It has many more of its own, and some surprise:
//! Ctrl+J, which is what a line break looks like in a paste that is not marked as one, deletes the line there.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_textarea::{CursorMove, Input, Key, TextArea};

use crate::domain::prompt::{cluster_after, cluster_before, word_after, word_before};

/// What a command does to a text that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextEdit {
    Undo,
    Redo,
    SelectAll,
    DeleteWord,
    DeleteNextWord,
    DeleteToStart,
    DeleteToEnd,
    Cut,
    PasteBack,
}

impl TextEdit {
    /// Returns whether the text changed.
    pub fn apply(self, text: &mut TextArea<'static>) -> bool {
        let changed = self.change(text);
        if changed {
            show_what_stands_before(text);
        }
        changed
    }

    fn change(self, text: &mut TextArea<'static>) -> bool {
        match self {
            Self::Undo => text.undo(),
            Self::Redo => text.redo(),
            Self::SelectAll => {
                text.select_all();
                false
            }
            Self::DeleteWord => delete(text, Step::WordBack),
            Self::DeleteNextWord => delete(text, Step::WordForward),
            Self::DeleteToStart => text.delete_line_by_head(),
            Self::DeleteToEnd => text.delete_line_by_end(),
            Self::Cut => text.cut(),
            Self::PasteBack => text.paste(),
        }
    }
}

/// A key that is no command: characters, and the keys that everybody knows. Returns whether the text changed.
pub fn typed(text: &mut TextArea<'static>, event: KeyEvent, multiline: bool) -> bool {
    let changed = pressed(text, event, multiline);
    if changed && !multiline {
        show_what_stands_before(text);
    }
    changed
}

/// Columns before the cursor that are seen after a change.
const SEEN_BEFORE: usize = 4;

/// The widget scrolls no further back than to the cursor: of a text that has become shorter nothing would be seen.
fn show_what_stands_before(text: &mut TextArea<'static>) {
    let (row, column) = (text.cursor().0, text.cursor().1);
    let hidden = text.scroll_offset().1;
    if hidden == 0 || text.screen_cursor().col > usize::from(hidden) + SEEN_BEFORE {
        return;
    }
    text.scroll((0, i16::try_from(hidden).map_or(i16::MIN, |hidden| -hidden)));
    if let (Ok(row), Ok(column)) = (row.try_into(), column.try_into()) {
        text.move_cursor(CursorMove::Jump(row, column));
    }
}

fn pressed(text: &mut TextArea<'static>, event: KeyEvent, multiline: bool) -> bool {
    let held = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
    if held.is_empty() {
        return plain(text, event, multiline);
    }
    let (ctrl, alt) = (held == KeyModifiers::CONTROL, held == KeyModifiers::ALT);
    let extends = event.modifiers.contains(KeyModifiers::SHIFT);
    let to = match event.code {
        KeyCode::Char('h') if ctrl => return delete(text, Step::Back),
        KeyCode::Char('d') if ctrl => return delete(text, Step::Forward),
        KeyCode::Char('j') if ctrl && multiline => {
            text.insert_newline();
            return true;
        }
        KeyCode::Char('e') if ctrl => Move::Widget(CursorMove::End),
        KeyCode::Char('b') if ctrl => Move::Step(Step::Back),
        KeyCode::Char('f') if ctrl => Move::Step(Step::Forward),
        KeyCode::Char('b') if alt => Move::Step(Step::WordBack),
        KeyCode::Char('f') if alt => Move::Step(Step::WordForward),
        KeyCode::Left => Move::Step(Step::WordBack),
        KeyCode::Right => Move::Step(Step::WordForward),
        KeyCode::Home if ctrl => Move::Widget(CursorMove::Top),
        KeyCode::End if ctrl => Move::Widget(CursorMove::Bottom),
        _ => return false,
    };
    go(text, to, extends);
    false
}

/// A way through a text that the widget does not know: by what a person sees as one character, and by
/// words of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Back,
    Forward,
    WordBack,
    WordForward,
}

enum Move {
    Step(Step),
    Widget(CursorMove),
}

/// Moves the cursor, and the end of the selection with it when it `extends`.
fn go(text: &mut TextArea<'static>, to: Move, extends: bool) {
    if !extends {
        text.cancel_selection();
    } else if !text.is_selecting() {
        text.start_selection();
    }
    match to {
        Move::Widget(to) => text.move_cursor(to),
        Move::Step(step) => {
            let (to, chars) = (step.direction(), step.chars(text));
            (0..chars).for_each(|_| text.move_cursor(to));
        }
    }
}

impl Step {
    fn direction(self) -> CursorMove {
        match self {
            Self::Back | Self::WordBack => CursorMove::Back,
            Self::Forward | Self::WordForward => CursorMove::Forward,
        }
    }

    /// Characters that it passes; the end of a line is one.
    fn chars(self, text: &TextArea<'_>) -> usize {
        let (row, column) = (text.cursor().0, text.cursor().1);
        let line = text.lines().get(row).map_or("", String::as_str);
        let passed = match self {
            Self::Back => column - cluster_before(line, column),
            Self::Forward => cluster_after(line, column) - column,
            Self::WordBack => column - word_before(line, column),
            Self::WordForward => word_after(line, column) - column,
        };
        passed.max(1)
    }
}

/// Deletes what a step passes, or what is selected. Returns whether the text changed.
fn delete(text: &mut TextArea<'static>, step: Step) -> bool {
    if text.is_selecting() {
        return text.delete_char();
    }
    match (step, step.chars(text)) {
        (Step::Back | Step::WordBack, 1) => text.delete_char(),
        (Step::Forward | Step::WordForward, 1) => text.delete_next_char(),
        (step, chars) => {
            // A word is cut, as in a shell; what a person sees as one character is deleted as any other.
            let kept = matches!(step, Step::Back | Step::Forward).then(|| text.yank_text());
            if step.direction() == CursorMove::Back {
                (0..chars).for_each(|_| text.move_cursor(CursorMove::Back));
            }
            let changed = text.delete_str(chars);
            if let Some(kept) = kept {
                text.set_yank_text(kept);
            }
            changed
        }
    }
}

/// Moves the cursor to a row and column of the widget, as near as there is text.
pub fn go_to(text: &mut TextArea<'static>, row: usize, column: usize) {
    let at = text.screen_to_data(row, column);
    if let (Ok(row), Ok(column)) = (at.0.try_into(), at.1.try_into()) {
        text.cancel_selection();
        text.move_cursor(CursorMove::Jump(row, column));
        leave_cluster(text);
    }
}

/// Whether something is selected: the cursor stands at an end of it, where a block would look like one character more.
pub fn has_selection(text: &TextArea<'_>) -> bool {
    text.selection_range().is_some_and(|(from, to)| from != to)
}

/// Rows and columns of the widget where a tab stands.
pub fn tabs(text: &TextArea<'static>) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    if !text.lines().iter().any(|line| line.contains('\t')) {
        return places;
    }
    let mut probe = text.clone();
    for (row, line) in text.lines().iter().enumerate() {
        for (column, _) in line.chars().enumerate().filter(|(_, c)| *c == '\t') {
            if let (Ok(row), Ok(column)) = (row.try_into(), column.try_into()) {
                probe.move_cursor(CursorMove::Jump(row, column));
                let at = probe.screen_cursor();
                places.push((at.row, at.col));
            }
        }
    }
    places
}

/// Out of the middle of what a person sees as one character, to its beginning.
pub fn leave_cluster(text: &mut TextArea<'static>) {
    let (row, column) = (text.cursor().0, text.cursor().1);
    let Some(line) = text.lines().get(row) else { return };
    let start = cluster_before(line, column);
    if cluster_after(line, start) > column {
        (start..column).for_each(|_| text.move_cursor(CursorMove::Back));
    }
}

fn plain(text: &mut TextArea<'static>, event: KeyEvent, multiline: bool) -> bool {
    match event.code {
        KeyCode::Char(c) => {
            text.insert_char(c);
            true
        }
        KeyCode::Tab if multiline => text.insert_tab(),
        KeyCode::Backspace => delete(text, Step::Back),
        KeyCode::Delete => delete(text, Step::Forward),
        KeyCode::Left | KeyCode::Right => {
            let step = if event.code == KeyCode::Left { Step::Back } else { Step::Forward };
            go(text, Move::Step(step), event.modifiers.contains(KeyModifiers::SHIFT));
            false
        }
        KeyCode::Up => up_or_down(text, Key::Up, event.modifiers),
        KeyCode::Down => up_or_down(text, Key::Down, event.modifiers),
        KeyCode::PageUp => up_or_down(text, Key::PageUp, event.modifiers),
        KeyCode::PageDown => up_or_down(text, Key::PageDown, event.modifiers),
        KeyCode::Home => text.input(input(Key::Home, event.modifiers)),
        KeyCode::End => text.input(input(Key::End, event.modifiers)),
        _ => false,
    }
}

fn up_or_down(text: &mut TextArea<'static>, key: Key, modifiers: KeyModifiers) -> bool {
    let changed = text.input(input(key, modifiers));
    leave_cluster(text);
    changed
}

fn input(key: Key, modifiers: KeyModifiers) -> Input {
    Input {
        key,
        ctrl: modifiers.contains(KeyModifiers::CONTROL),
        alt: modifiers.contains(KeyModifiers::ALT),
        shift: modifiers.contains(KeyModifiers::SHIFT),
    }
}

/// A one-line text area with a text in it and the cursor at the end.
pub fn line_editor(text: &str) -> TextArea<'static> {
    let mut area = TextArea::from(text.split('\n'));
    area.set_cursor_line_style(ratatui::style::Style::default());
    area.set_cursor_style(ratatui::style::Style::default());
    area.set_selection_style(ratatui::style::Style::new().add_modifier(ratatui::style::Modifier::REVERSED));
    area.move_cursor(tui_textarea::CursorMove::Bottom);
    area.move_cursor(tui_textarea::CursorMove::End);
    area
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::widgets::Widget;

    use super::*;

    fn seen(text: &TextArea<'static>) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 1));
        text.render(buffer.area, &mut buffer);
        buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn what_is_typed_over_a_long_text_is_seen_from_its_beginning() {
        let mut text = line_editor("a long text that no field has room for");
        seen(&text);
        text.select_all();
        for c in "a cat".chars() {
            typed(&mut text, KeyEvent::from(KeyCode::Char(c)), false);
            seen(&text);
        }
        assert_eq!(seen(&text), "a cat");
    }

    #[test]
    fn what_is_left_of_a_text_that_is_deleted_backwards_is_seen() {
        let mut text = line_editor("0123456789012345");
        seen(&text);
        for left in (1..16).rev() {
            typed(&mut text, KeyEvent::from(KeyCode::Backspace), false);
            assert!(seen(&text).len() >= left.min(SEEN_BEFORE), "{left} are left, seen is {}", seen(&text));
        }
        assert_eq!(seen(&text), "0");
        let mut text = line_editor("one two three four five");
        seen(&text);
        for _ in 0..3 {
            TextEdit::DeleteWord.apply(&mut text);
            seen(&text);
        }
        assert_eq!(seen(&text), "one two");
    }
}
