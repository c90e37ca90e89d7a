//! The mouse, an extra: click to focus and select, click again to open, wheel to scroll.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::answers;
use crate::tui::command::Ctx;
use crate::tui::effect::Effects;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::Wheel;
use crate::tui::overlay;
use crate::tui::overlay::keys::Answer;
use crate::tui::pane::Pane;
use crate::tui::panes::{self, params};

pub(super) fn event(model: &mut Model, event: MouseEvent, ctx: &Ctx, effects: &mut Effects) {
    let wheel = match event.kind {
        MouseEventKind::ScrollUp => Some(Wheel::Up),
        MouseEventKind::ScrollDown => Some(Wheel::Down),
        _ => None,
    };
    let is_click = event.kind == MouseEventKind::Down(MouseButton::Left);
    let at = Position { x: event.column, y: event.row };
    if model.overlay.is_some() {
        let answer = match wheel {
            Some(wheel) => overlay::keys::turned(model, wheel, ctx.keys),
            None if is_click => overlay::keys::clicked(model, at, ctx.keys),
            None => Answer::Nothing,
        };
        return answers::hear(model, answer, ctx, effects);
    }
    let Some(regions) = layout::regions(model) else { return };
    let Some((pane, area)) = regions.panes.iter().copied().find(|(_, area)| area.contains(at)) else {
        return;
    };
    let is_title = at.y == area.y;
    if let Some(editing) = &model.params.editing {
        let is_in_field = pane == Pane::Parameters
            && !is_title
            && params::update::at_line(model, usize::from(at.y - area.y - 1)).as_ref() == Some(&editing.key);
        if is_click && is_in_field {
            params::editing::clicked(model, area, at);
        } else if is_click {
            // As it stands it is kept, unless it cannot be.
            params::commands::DONE_EDITING.perform(model, ctx, effects);
        }
        if model.params.editing.is_some() {
            return;
        }
    }
    if let Some(wheel) = wheel {
        panes::wheel(pane, model, wheel);
    } else if is_click && is_title {
        let tab = regions.tabs().into_iter().find(|tab| tab.place.contains(at));
        model.go_to(tab.map_or(pane, |tab| tab.pane));
    } else if is_click {
        let had_focus = model.focus == pane;
        model.go_to(pane);
        if let Some(command) = panes::clicked(pane, model, at, usize::from(at.y - area.y - 1), had_focus) {
            command.perform(model, ctx, effects);
        }
    }
}
