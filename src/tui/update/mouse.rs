//! The mouse, an extra: click to focus and select, click again to open, wheel to scroll.

use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::{compare, details, gallery, log, output, overlay, params, perform, runs};
use crate::domain::ParamKey;
use crate::tui::action::Action;
use crate::tui::ctx::Ctx;
use crate::tui::effect::Effects;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::overlay::Overlay;
use crate::tui::pane::Pane;
use crate::tui::panes::params::rows::{self, Row};

/// Lines that one notch of the wheel scrolls.
const NOTCH: usize = 3;

pub(super) fn event(model: &mut Model, event: MouseEvent, ctx: &Ctx, effects: &mut Effects) {
    let turned = match event.kind {
        MouseEventKind::ScrollUp => Some(Action::Up),
        MouseEventKind::ScrollDown => Some(Action::Down),
        _ => None,
    };
    let at = Position { x: event.column, y: event.row };
    let is_click = event.kind == MouseEventKind::Down(MouseButton::Left);
    if model.overlay.is_some() {
        match turned {
            Some(action) => wheel_in_overlay(model, action, ctx, effects),
            None if is_click => clicked_in_overlay(model, at, ctx, effects),
            None => {}
        }
        return;
    }
    let Some(regions) = layout::regions(model) else { return };
    let Some((pane, area)) = regions.panes.iter().copied().find(|(_, area)| area.contains(at)) else {
        return;
    };
    if let Some(editing) = &model.params.editing {
        let is_in_field = pane == Pane::Parameters
            && at.y > area.y
            && param_at(model, usize::from(at.y - area.y - 1)).as_ref() == Some(&editing.key);
        if is_click && !is_in_field {
            // As it stands it is kept, unless it cannot be.
            perform(model, Action::DoneEditing, ctx, effects);
        }
        if model.params.editing.is_some() {
            return;
        }
    }
    match (event.kind, turned) {
        (MouseEventKind::Down(MouseButton::Left), _) if at.y > area.y => {
            let had_focus = model.focus == pane;
            model.go_to(pane);
            if pane == Pane::Gallery {
                return gallery_clicked(model, at, ctx, effects);
            }
            clicked(model, pane, usize::from(at.y - area.y - 1), had_focus, ctx, effects);
        }
        (MouseEventKind::Down(MouseButton::Left), _) => {
            let tab = regions.tab_places().into_iter().find(|(_, area)| area.contains(at));
            model.go_to(tab.map_or(pane, |(tab, _)| tab));
        }
        (_, Some(action)) => wheel(model, pane, action),
        _ => {}
    }
}

/// `again`: the pane had the focus before, so a click on what is selected is the second one.
fn clicked(model: &mut Model, pane: Pane, line: usize, again: bool, ctx: &Ctx, effects: &mut Effects) {
    match pane {
        Pane::Parameters => {
            if let Some(key) = param_at(model, line) {
                let again = again && model.params.selected.as_ref() == Some(&key);
                model.params.selected = Some(key);
                if again {
                    perform(model, Action::Edit, ctx, effects);
                }
            }
        }
        Pane::Runs => {
            let index = model.runs.scroll + line;
            if again && model.runs.selected_index() == Some(index) {
                perform(model, Action::OpenDetails, ctx, effects);
            } else {
                runs::choose(model, index);
            }
        }
        Pane::Details | Pane::Log | Pane::Output | Pane::Gallery | Pane::Compare => {}
    }
}

/// The parameter in a line of its pane.
fn param_at(model: &Model, line: usize) -> Option<ParamKey> {
    let mut y = 0;
    let target = model.params.scroll + line;
    let row = rows::rows(model, params::width(model)).into_iter().find(|row| {
        y += row.height();
        target < y
    });
    match row? {
        Row::Param { index, .. } => model.draft.params().get(index).map(|param| param.key.clone()),
        Row::Heading(_) => None,
    }
}

/// In a list, a click selects and a click on what is selected takes it.
fn clicked_in_overlay(model: &mut Model, at: Position, ctx: &Ctx, effects: &mut Effects) {
    let Some(Overlay::Picker(picker)) = &model.overlay else { return };
    let Some(index) = crate::tui::overlay::view::picker_item_at(model, picker, at) else { return };
    if picker.selected == index {
        overlay::pressed(model, KeyEvent::from(KeyCode::Enter), ctx, effects);
    } else if let Some(Overlay::Picker(picker)) = &mut model.overlay {
        picker.selected = index;
    }
}

/// A click selects a tile; on the selected one it opens it.
fn gallery_clicked(model: &mut Model, at: Position, ctx: &Ctx, effects: &mut Effects) {
    let Some(index) = gallery::index_at(model, at.x, at.y) else { return };
    if model.gallery.selected_index() == Some(index) {
        perform(model, Action::OpenOutput, ctx, effects);
    } else {
        gallery::choose(model, index);
    }
}

/// What lies over the panes hears the wheel as arrows.
fn wheel_in_overlay(model: &mut Model, action: Action, ctx: &Ctx, effects: &mut Effects) {
    let steps = match model.overlay {
        Some(Overlay::Help { .. } | Overlay::Messages { .. } | Overlay::Import(_)) => NOTCH,
        Some(Overlay::Picker(_)) => 1,
        Some(Overlay::Prompt(_) | Overlay::Confirm(_)) | None => 0,
    };
    let arrow = if action == Action::Up { KeyCode::Up } else { KeyCode::Down };
    for _ in 0..steps {
        overlay::pressed(model, KeyEvent::from(arrow), ctx, effects);
    }
}

/// Scrolls the pane under the pointer. The focus stays, and so does the selection as long as it is seen.
fn wheel(model: &mut Model, pane: Pane, action: Action) {
    match pane {
        Pane::Parameters => wheel_params(model, action),
        Pane::Runs => wheel_runs(model, action),
        Pane::Details => (0..NOTCH).for_each(|_| details::moved(model, action)),
        Pane::Output => (0..NOTCH).for_each(|_| output::moved(model, action)),
        Pane::Log => (0..NOTCH).for_each(|_| log::moved(model, action)),
        Pane::Gallery => gallery::wheel(model, action),
        Pane::Compare => compare::moved(model, action),
    }
}

fn scrolled(scroll: usize, action: Action, total: usize, height: usize) -> usize {
    let next = if action == Action::Up { scroll.saturating_sub(NOTCH) } else { scroll + NOTCH };
    next.min(total.saturating_sub(height))
}

fn wheel_runs(model: &mut Model, action: Action) {
    let height = layout::page(model, Pane::Runs);
    let scroll = scrolled(model.runs.scroll, action, model.runs.rows.len(), height);
    model.runs.scroll = scroll;
    if let Some(at) = model.runs.selected_index()
        && at.clamp(scroll, scroll + height - 1) != at
    {
        runs::choose(model, at.clamp(scroll, scroll + height - 1));
    }
}

fn wheel_params(model: &mut Model, action: Action) {
    let rows = rows::rows(model, params::width(model));
    let height = layout::page(model, Pane::Parameters);
    let scroll = scrolled(model.params.scroll, action, rows.iter().map(Row::height).sum(), height);
    model.params.scroll = scroll;
    // Places of the rows that are seen whole, with the heading above the first of a group.
    let (mut y, mut top) = (0, None);
    let mut seen = Vec::new();
    for row in &rows {
        let first = top.take().unwrap_or(y);
        y += row.height();
        match row {
            Row::Heading(_) => top = Some(first),
            Row::Param { index, .. } if first >= scroll && y <= scroll + height => {
                seen.push(&model.draft.params()[*index].key);
            }
            Row::Param { .. } => {}
        }
    }
    if model.params.selected.as_ref().is_some_and(|key| !seen.contains(&key)) {
        let nearest = if action == Action::Up { seen.last() } else { seen.first() };
        if let Some(key) = nearest {
            model.params.selected = Some((*key).clone());
        }
    }
}
