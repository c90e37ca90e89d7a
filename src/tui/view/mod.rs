//! From the model to cells: free functions; the panes draw themselves. Views know no store, no network, no clock.

mod footer;
mod header;
pub mod paint;

#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::command::Keymap;
use super::layout::{self, Regions, Tab};
use super::overlay;
use super::panes;
use super::terminal::Placement;
use super::theme::Theme;
use super::typing;
use crate::tui::model::{Model, SMALLEST};
use crate::tui::pane::Pane;

/// Draws the whole screen. Returns where the terminal's cursor belongs, when text is being typed.
pub fn view(model: &Model, keys: &Keymap, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let Some(regions) = layout::regions(model) else {
        too_small(model, theme, buffer);
        return None;
    };
    header::draw(model, theme, regions.header, buffer);
    if let Some(rule) = regions.rule {
        for y in rule.top()..rule.bottom() {
            buffer[(rule.x, y)].set_symbol("│").set_style(theme.quiet);
        }
    }
    for (pane, area) in &regions.panes {
        title(model, *pane, *area, &regions, theme, buffer);
    }
    let mut cursor = None;
    for (pane, _) in &regions.panes {
        let Some(body) = regions.body(*pane) else { continue };
        if let Some(at) = panes::draw(*pane, model, keys, theme, body, buffer) {
            cursor = Some(at);
        }
    }
    footer::draw(model, keys, theme, regions.footer, buffer);
    match &model.overlay {
        Some(overlay) => {
            let cursor = overlay::view::draw(model, overlay, keys, theme, buffer);
            match model.park_cursor {
                true => overlay::view::selected(overlay, buffer.area).or(cursor),
                false => cursor.filter(|_| !overlay.text().is_some_and(typing::has_selection)),
            }
        }
        None if model.park_cursor => cursor.or_else(|| selected(model, &regions, buffer)),
        None => cursor,
    }
}

/// The sign of what is selected, in the first column of its rows.
pub const SELECTED: &str = "▌";

/// Where what is selected in the focused pane begins; the pane's first cell, where nothing can be selected.
fn selected(model: &Model, regions: &Regions, buffer: &Buffer) -> Option<Position> {
    let body = regions.body(model.focus)?;
    bar(model.focus, body, buffer).or(Some(body.as_position()))
}

/// The first cell of the bar before what is selected in a pane, as it is drawn.
pub fn bar(pane: Pane, body: Rect, buffer: &Buffer) -> Option<Position> {
    let columns = match pane {
        Pane::Parameters | Pane::Runs | Pane::Server => 1,
        Pane::Gallery | Pane::Sheet => body.width,
        // Their texts may have such a sign, as a progress bar has, and nothing is selected there.
        Pane::Details | Pane::Log | Pane::Output | Pane::Compare => 0,
    };
    Rect { width: columns.min(body.width), ..body }.positions().find(|at| buffer[*at].symbol() == SELECTED)
}

/// The pictures that belong on the screen, and where, the most important first.
pub fn placements(model: &Model) -> Vec<Placement> {
    match model.focus {
        Pane::Compare => panes::compare::view::placements(model),
        Pane::Gallery => panes::gallery::view::placements(model),
        Pane::Sheet => panes::sheet::view::placements(model),
        Pane::Server => Vec::new(),
        Pane::Parameters | Pane::Runs | Pane::Details | Pane::Log | Pane::Output => {
            panes::output::view::placement(model).into_iter().collect()
        }
    }
}

/// A pane's title line: its name (or all names, when one pane is seen) and what it says of itself. A pane below
/// another is parted from it by this line.
fn title(model: &Model, pane: Pane, area: Rect, regions: &Regions, theme: &Theme, buffer: &mut Buffer) {
    let is_below = area.y > regions.header.bottom();
    if is_below {
        rule_across(area, regions, theme, buffer);
    }
    // On a rule, a blank stands at each side of a text.
    let blank = if is_below { " " } else { "" };
    let style_of = |pane| if pane == model.focus { theme.accent.patch(theme.selected) } else { theme.text };
    let mut x = area.x;
    for (number, Tab { pane, name, place }) in regions.tabs().into_iter().enumerate() {
        let name_at = paint::put(buffer, area, place.x, area.y, &format!("{} ", number + 1), theme.quiet);
        x = paint::put(buffer, area, name_at, area.y, name, style_of(pane)) + 1;
    }
    if !regions.tabs {
        x = paint::put(buffer, area, x, area.y, &format!("{blank}{}{blank}", pane.title()), style_of(pane))
            + 2;
    }
    // When only one pane is visible, the runs at work are shown beside the tabs.
    let free = area.right().saturating_sub(x);
    let live = if regions.tabs && pane != Pane::Runs { panes::runs::view::live(model, free) } else { None };
    let note = match pane {
        _ if live.is_some() => live.unwrap_or_default(),
        pane => panes::note(pane, model),
    };
    if !note.is_empty() {
        let free = Rect { x, width: area.right().saturating_sub(x), ..area };
        let fits = note.width() + 2 * blank.len() <= usize::from(free.width);
        let note = if fits { note } else { note.replace("   ", "  ") };
        paint::put_right(buffer, free, area.y, &format!("{blank}{note}{blank}"), theme.quiet);
    }
}

/// The line between two panes of a column, joined to the rule between the columns.
fn rule_across(area: Rect, regions: &Regions, theme: &Theme, buffer: &mut Buffer) {
    let Some(rule) = regions.rule else { return };
    let is_left = area.right() <= rule.x;
    let columns = if is_left { 0..rule.x } else { rule.x + 1..regions.header.right() };
    for x in columns {
        buffer[(x, area.y)].set_symbol("─").set_style(theme.quiet);
    }
    let joint = match (is_left, buffer[(rule.x, area.y)].symbol()) {
        (true, "├") | (false, "┤") => "┼",
        (true, _) => "┤",
        (false, _) => "├",
    };
    buffer[(rule.x, area.y)].set_symbol(joint).set_style(theme.quiet);
}

fn too_small(model: &Model, theme: &Theme, buffer: &mut Buffer) {
    let area = buffer.area;
    let lines = [
        "comfydeck".to_owned(),
        format!(
            "needs {}×{}, this is {}×{}",
            SMALLEST.width, SMALLEST.height, model.size.width, model.size.height
        ),
        "Runs go on. q quits".to_owned(),
    ];
    for (y, line) in (area.top()..area.bottom()).zip(lines) {
        paint::put(buffer, area, area.x, y, &line, theme.text);
    }
}
