//! A text that is being typed: what a key does in a field, a prompt or a filter.
//!
//! Only keys that stand here or belong to a command reach the widget. It has many more of its own, and some surprise:
//! Ctrl+J, which is what a line break looks like in a paste that is not marked as one, deletes the line there.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_textarea::{CursorMove, TextArea};

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
        match self {
            Self::Undo => text.undo(),
            Self::Redo => text.redo(),
            Self::SelectAll => {
                text.select_all();
                false
            }
            Self::DeleteWord => text.delete_word(),
            Self::DeleteNextWord => text.delete_next_word(),
            Self::DeleteToStart => text.delete_line_by_head(),
            Self::DeleteToEnd => text.delete_line_by_end(),
            Self::Cut => text.cut(),
            Self::PasteBack => text.paste(),
        }
    }
}

/// A key that is no command: characters, and the keys that everybody knows. Returns whether the text changed.
pub fn typed(text: &mut TextArea<'static>, event: KeyEvent, multiline: bool) -> bool {
    let held = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
    if held.is_empty() {
        return plain(text, event, multiline);
    }
    let (ctrl, alt) = (held == KeyModifiers::CONTROL, held == KeyModifiers::ALT);
    let to = match event.code {
        KeyCode::Char('h') if ctrl => return text.delete_char(),
        KeyCode::Char('d') if ctrl => return text.delete_next_char(),
        KeyCode::Char('j') if ctrl && multiline => {
            text.insert_newline();
            return true;
        }
        KeyCode::Char('e') if ctrl => CursorMove::End,
        KeyCode::Char('b') if ctrl => CursorMove::Back,
        KeyCode::Char('f') if ctrl => CursorMove::Forward,
        KeyCode::Char('b') if alt => CursorMove::WordBack,
        KeyCode::Char('f') if alt => CursorMove::WordForward,
        KeyCode::Left => CursorMove::WordBack,
        KeyCode::Right => CursorMove::WordForward,
        KeyCode::Home if ctrl => CursorMove::Top,
        KeyCode::End if ctrl => CursorMove::Bottom,
        _ => return false,
    };
    if !event.modifiers.contains(KeyModifiers::SHIFT) {
        text.cancel_selection();
    } else if !text.is_selecting() {
        text.start_selection();
    }
    text.move_cursor(to);
    false
}

fn plain(text: &mut TextArea<'static>, event: KeyEvent, multiline: bool) -> bool {
    match event.code {
        KeyCode::Char(c) => {
            text.insert_char(c);
            true
        }
        KeyCode::Tab if multiline => text.insert_tab(),
        KeyCode::Backspace | KeyCode::Delete => text.input(event),
        KeyCode::Left | KeyCode::Right | KeyCode::Up | KeyCode::Down => text.input(event),
        KeyCode::Home | KeyCode::End | KeyCode::PageUp | KeyCode::PageDown => text.input(event),
        _ => false,
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
