//! Draws the server pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::rows::{self, Row};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::SELECTED;
use crate::tui::view::paint::{put, put_right};
use crate::tui::wrap::wrap;

/// Columns for the labels.
const LABEL: u16 = 10;

/// The text of the title line.
pub fn note(model: &Model) -> String {
    let pane = &model.server;
    match (&pane.error, pane.waiting) {
        (Some(_), false) => "does not answer".to_owned(),
        (_, true) => "asking…".to_owned(),
        (None, false) => String::new(),
    }
}

pub fn draw(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut area = area;
    if let Some(why) = &model.server.error {
        for line in wrap(why, usize::from(area.width)) {
            put(buffer, area, area.x, area.y, line, theme.bad);
            area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        }
    }
    let rows = rows::rows(model);
    if rows.is_empty() && model.server.error.is_none() {
        put(buffer, area, area.x, area.y, "Asking the server…", theme.quiet);
    }
    let selected = rows::selected(model).map(|(line, _)| line);
    for ((line, row), y) in rows.iter().enumerate().skip(model.server.scroll).zip(area.top()..area.bottom()) {
        let is_selected = selected == Some(line);
        if is_selected {
            put(buffer, area, area.x, y, SELECTED, theme.accent);
        }
        let style = if is_selected { theme.selected } else { theme.text };
        let x = area.x + 2;
        match row {
            Row::Blank => {}
            Row::Heading(text) => drop(put(buffer, area, x, y, text, theme.heading)),
            Row::Fact { label, text } => {
                put(buffer, area, x, y, label, theme.text);
                put(buffer, area, x + LABEL, y, text, theme.text);
            }
            Row::Prompt { id, is_running, nodes, run } => {
                let sign = if *is_running { "●" } else { "◦" };
                let whose = run.map_or_else(|| "not ours".to_owned(), |run| format!("run {run}"));
                let after = put(buffer, area, x, y, &format!("{sign} {whose:<10} {nodes} nodes"), style);
                let rest = Rect { x: after + 2, width: area.right().saturating_sub(after + 2), ..area };
                put_right(buffer, rest, y, &crate::wire::ansi::scrub_plain(id), theme.quiet);
            }
            Row::Folder { name, is_open } => {
                let sign = if *is_open { "▾" } else { "▸" };
                put(buffer, area, x, y, &format!("{sign} {name}"), style);
            }
            Row::Model(name) => drop(put(buffer, area, x + 4, y, name, theme.text)),
        }
    }
}
