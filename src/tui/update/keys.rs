//! Passes keys and pasted text to whatever handles them.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use super::{answers, run_key};
use crate::tui::command::{Command, Ctx};
use crate::tui::effect::Effects;
use crate::tui::key::Key;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::notice::{Lasts, Tone};
use crate::tui::overlay;
use crate::tui::panes::params::editing;

pub(super) fn pressed(model: &mut Model, event: KeyEvent, ctx: &Ctx, effects: &mut Effects) {
    let Some(key) = Key::of(&event) else { return };
    if event.code == KeyCode::Esc || model.notice.as_ref().is_some_and(|notice| notice.lasts != Lasts::Esc) {
        model.notice = model.next_notice.take();
    }
    if layout::regions(model).is_none() {
        return unseen(model, ctx.keys.in_pane(model.focus, key), ctx, effects);
    }
    let everywhere = ctx.keys.everywhere(key);
    if everywhere.is_none_or(|command| command.name != run_key::RUN.name) {
        run_key::another_key(model, effects);
    } else if event.kind == KeyEventKind::Repeat {
        return model.notify(Tone::Plain, run_key::HELD);
    }
    if model.overlay.is_some() {
        match everywhere {
            Some(command) => command.perform(model, ctx, effects),
            None => {
                let answer = overlay::keys::pressed(model, event, ctx.keys);
                answers::hear(model, answer, ctx, effects);
            }
        }
    } else if model.params.editing.is_some() {
        match ctx.keys.while_editing(key) {
            Some(command) => command.perform(model, ctx, effects),
            None => editing::pressed(model, event, effects),
        }
    } else if let Some(command) = ctx.keys.in_pane(model.focus, key) {
        command.perform(model, ctx, effects);
    }
}

/// On a screen that is too small to show anything, nothing is done that cannot be seen.
fn unseen(model: &mut Model, command: Option<&Command>, ctx: &Ctx, effects: &mut Effects) {
    match command.filter(|command| command.unseen) {
        Some(command) => command.perform(model, ctx, effects),
        None => model.notify(Tone::Plain, "Make the window larger first"),
    }
}

/// Pasted text goes into a text that is being edited and nowhere else: it never runs anything.
pub(super) fn pasted(model: &mut Model, text: &str, ctx: &Ctx, effects: &mut Effects) {
    if model.overlay.is_some() {
        let answer = overlay::keys::pasted(model, text);
        answers::hear(model, answer, ctx, effects);
    } else if model.params.editing.is_some() {
        editing::pasted(model, text, effects);
    } else {
        model.notify(
            Tone::Plain,
            "Pasted text goes into a field: press Enter on a parameter first, then paste",
        );
    }
}
