//! The bottom line: the newest message, else the keys that matter here, the least important left out first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::paint::{put, sign, without_right};
use crate::tui::command::Command;
use crate::tui::command::keymap::{Keymap, Row};
use crate::tui::key::Key;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// Columns between two hints.
const GAP: usize = 3;

pub(super) fn draw(model: &Model, keys: &Keymap, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    if let Some(notice) = &model.notice {
        let (sign, style) = sign(notice.tone, theme);
        let x = put(buffer, inner, inner.x, area.y, sign, style) + 1;
        let kept = if notice.advice.is_empty() { 0 } else { notice.advice.width() + GAP };
        let text = without_right(inner, kept.try_into().unwrap_or(inner.width));
        let x = put(buffer, text, x, area.y, &notice.text, theme.text);
        put(buffer, inner, x + GAP as u16, area.y, &notice.advice, theme.key);
        return;
    }
    let mut x = inner.x;
    for (row, key) in hints(model, keys, usize::from(inner.width)) {
        let after = put(buffer, inner, x, area.y, &key.to_string(), theme.key);
        x = put(buffer, inner, after + 1, area.y, row.short, theme.quiet) + GAP as u16;
    }
}

/// The hints that fit, most important first.
fn hints<'a>(model: &Model, keys: &'a Keymap, width: usize) -> Vec<(&'static Command, &'a Key)> {
    let is_shown = |row: &&Row| {
        row.place.weight > 0 && row.place.scope.is_here(model) && (row.command.when)(model).is_ok()
    };
    let shown = keys.rows().iter().filter(is_shown);
    let mut candidates: Vec<(&Row, &Key)> =
        shown.filter_map(|row| row.keys.first().map(|key| (row, key))).collect();
    candidates.sort_by_key(|(row, _)| std::cmp::Reverse(row.place.weight));
    let mut used = 0;
    candidates.retain(|(row, key)| {
        let columns = key.to_string().width() + 1 + row.command.short.width();
        let fits = used + columns <= width;
        used += if fits { columns + GAP } else { 0 };
        fits
    });
    candidates.into_iter().map(|(row, key)| (row.command, key)).collect()
}
