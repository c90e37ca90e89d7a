//! Commands for whatever text is typed: the field of a value, a filter, a name.

use super::answers;
use crate::tui::command::{Command, Ctx, Scope, at};
use crate::tui::effect::Effects;
use crate::tui::model::Model;
use crate::tui::overlay;
use crate::tui::panes::params::editing;
use crate::tui::typing::TextEdit;

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Typing, 50)],
        keys: &["alt+u", "ctrl+_"],
        short: "undo",
        long: "Undo the last change of the text",
        ..Command::new("text-undo", |model, ctx, effects| edit(model, TextEdit::Undo, ctx, effects))
    },
    Command {
        places: &[at(Scope::Typing, 0)],
        keys: &["alt+U"],
        short: "redo",
        long: "Redo the last undone change of the text",
        ..Command::new("text-redo", |model, ctx, effects| edit(model, TextEdit::Redo, ctx, effects))
    },
    Command {
        places: &[at(Scope::Typing, 0)],
        keys: &["ctrl+a"],
        short: "select all",
        long: "Select the whole text; typing replaces it",
        ..Command::new("select-all", |model, ctx, effects| edit(model, TextEdit::SelectAll, ctx, effects))
    },
    Command {
        places: &[at(Scope::Typing, 0)],
        keys: &["ctrl+w", "alt+backspace"],
        short: "delete word",
        long: "Delete the word before the cursor",
        ..Command::new("delete-word", |model, ctx, effects| edit(model, TextEdit::DeleteWord, ctx, effects))
    },
    Command {
        places: &[at(Scope::Typing, 0)],
        keys: &["alt+d", "alt+delete"],
        short: "delete next word",
        long: "Delete the word after the cursor",
        ..Command::new("delete-next-word", |model, ctx, effects| {
            edit(model, TextEdit::DeleteNextWord, ctx, effects);
        })
    },
    Command {
        places: &[at(Scope::Typing, 0)],
        keys: &["ctrl+u"],
        short: "clear",
        long: "Delete the line up to the cursor",
        ..Command::new("delete-to-start", |model, ctx, effects| {
            edit(model, TextEdit::DeleteToStart, ctx, effects);
        })
    },
    Command {
        places: &[at(Scope::Typing, 0)],
        keys: &["ctrl+k"],
        short: "delete to end",
        long: "Delete the rest of the line",
        ..Command::new("delete-to-end", |model, ctx, effects| {
            edit(model, TextEdit::DeleteToEnd, ctx, effects);
        })
    },
    Command {
        places: &[at(Scope::Typing, 0)],
        keys: &["ctrl+x"],
        short: "cut",
        long: "Cut the selection (Shift and arrows select)",
        ..Command::new("cut", |model, ctx, effects| edit(model, TextEdit::Cut, ctx, effects))
    },
    Command {
        places: &[at(Scope::Typing, 0)],
        keys: &["ctrl+y"],
        short: "paste back",
        long: "Paste what was cut or deleted by one of these keys",
        ..Command::new("paste-back", |model, ctx, effects| edit(model, TextEdit::PasteBack, ctx, effects))
    },
];

/// The overlay's text is meant as long as there is an overlay, else the field's.
fn edit(model: &mut Model, edit: TextEdit, ctx: &Ctx, effects: &mut Effects) {
    if model.overlay.is_some() {
        let answer = overlay::keys::edit(model, edit);
        answers::hear(model, answer, ctx, effects);
    } else {
        editing::edit(model, edit, effects);
    }
}
