//! The bottom line: the newest message, else the keys of the overlay or the pane, the least important left out first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::paint::{put, sign, without_right};
use crate::tui::command::keymap::{Keymap, Row};
use crate::tui::model::Model;
use crate::tui::overlay::{self, Overlay};
use crate::tui::theme::Theme;

/// Columns between two hints.
const GAP: usize = 3;
/// Up to this weight a hint comes and goes with the selected row: it stands last, so that none of the others moves.
const COMING: u8 = 9;
/// From this weight on a hint that works in every pane is always shown.
const ALWAYS: u8 = 90;

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
    let width = usize::from(inner.width);
    let hints = match &model.overlay {
        Some(overlay) => {
            let hints = overlay::hints::hints(overlay).into_iter();
            let mut hints: Vec<Hint> = hints.map(|(key, what)| (key.to_owned(), what)).collect();
            if matches!(overlay, Overlay::Explore(_)) {
                hints.insert(1, (keys.hint("run"), "run them"));
            }
            fitting(hints, width)
        }
        None => hints(model, keys, width),
    };
    for (key, what) in hints {
        let after = put(buffer, inner, x, area.y, &key, theme.key);
        let at = if key.is_empty() { x } else { after + 1 };
        x = put(buffer, inner, at, area.y, what, theme.quiet) + GAP as u16;
    }
}

/// A key and what it does.
type Hint = (String, &'static str);

/// The hints that fit: the pane's own keys first, and always how to run and to get help.
fn hints(model: &Model, keys: &Keymap, width: usize) -> Vec<Hint> {
    let is_shown = |row: &&Row| {
        row.place.weight > 0 && row.place.scope.is_here(model) && (row.command.when)(model).is_ok()
    };
    let mut rows: Vec<&Row> =
        keys.rows().iter().filter(is_shown).filter(|row| !row.keys.is_empty()).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.place.weight));
    let (own, others): (Vec<&Row>, Vec<&Row>) = rows.into_iter().partition(|row| row.place.scope.is_own());
    let (own, coming): (Vec<&Row>, Vec<&Row>) = own.into_iter().partition(|row| row.place.weight > COMING);
    let hint = |row: &&Row| (row.keys[0].to_string(), row.command.short);
    let (always, others): (Vec<&Row>, Vec<&Row>) =
        others.into_iter().partition(|row| row.place.weight >= ALWAYS);
    let kept: usize = always.iter().map(hint).map(|hint| columns(&hint) + GAP).sum();
    let mut hints = fitting(own.iter().map(hint).collect(), width.saturating_sub(kept));
    hints.extend(always.iter().map(hint));
    hints.extend(others.iter().chain(&coming).map(hint));
    fitting(hints, width)
}

/// Without those for which there is no room.
fn fitting(hints: Vec<Hint>, width: usize) -> Vec<Hint> {
    let mut used = 0;
    let fits = |hint: &Hint| {
        let columns = columns(hint);
        let fits = used + columns <= width;
        used += if fits { columns + GAP } else { 0 };
        fits
    };
    hints.into_iter().filter(fits).collect()
}

fn columns((key, what): &Hint) -> usize {
    what.width() + if key.is_empty() { 0 } else { key.width() + 1 }
}
