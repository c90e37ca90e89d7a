//! The bottom line: the newest message, else the keys that matter here, the least important left out first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::paint::{put, sign};
use crate::tui::action::{Binding, Scope, enabled};
use crate::tui::key::Key;
use crate::tui::keymap::Keymap;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// Columns between two hints.
const GAP: usize = 3;

pub(super) fn draw(model: &Model, keys: &Keymap, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    if let Some(notice) = &model.notice {
        let (sign, style) = sign(notice.tone, theme);
        let x = put(buffer, inner, inner.x, area.y, sign, style) + 1;
        put(buffer, inner, x, area.y, &notice.text, theme.text);
        return;
    }
    let mut x = inner.x;
    for (row, key) in hints(model, keys, usize::from(inner.width)) {
        let after = put(buffer, inner, x, area.y, &key.to_string(), theme.key);
        x = put(buffer, inner, after + 1, area.y, row.short, theme.quiet) + GAP as u16;
    }
}

/// The hints that fit, most important first.
fn hints<'a>(model: &Model, keys: &'a Keymap, width: usize) -> Vec<(&'static Binding, &'a Key)> {
    let here = |scope: Scope| match scope {
        Scope::Everywhere => true,
        Scope::Editing => model.params.editing.is_some(),
        Scope::Panes => model.params.editing.is_none(),
        Scope::Pane(pane) => pane == model.focus && model.params.editing.is_none(),
    };
    let mut candidates: Vec<(&Binding, &Key)> = keys
        .rows()
        .filter(|(row, _)| row.priority > 0 && here(row.scope) && enabled(row.action, model).is_ok())
        .filter_map(|(row, keys)| keys.first().map(|key| (row, key)))
        .collect();
    candidates.sort_by_key(|(row, _)| std::cmp::Reverse(row.priority));
    let mut used = 0;
    candidates.retain(|(row, key)| {
        let columns = key.to_string().width() + 1 + row.short.width();
        let fits = used + columns <= width;
        used += if fits { columns + GAP } else { 0 };
        fits
    });
    candidates
}
