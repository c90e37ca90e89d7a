//! What people noted of a run, in its row.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::domain::Notes;
use crate::tui::theme::Theme;
use crate::tui::view::paint::put;

/// Most columns of a note in a row.
const NOTE: u16 = 32;

/// What people noted of a run. Returns the column behind it.
pub fn noted(theme: &Theme, notes: &Notes, rest: Rect, buffer: &mut Buffer) -> u16 {
    let mut x = rest.x;
    if notes.rejected {
        x = put(buffer, rest, x, rest.y, "rejected", theme.patience) + 2;
    }
    if !notes.tags.is_empty() {
        x = put(buffer, rest, x, rest.y, &notes.hashtags(), theme.accent) + 2;
    }
    if !notes.text.is_empty() {
        let room = Rect { x, width: rest.right().saturating_sub(x).min(NOTE), ..rest };
        x = put(buffer, room, x, rest.y, &format!("“{}”", notes.text), theme.quiet) + 2;
    }
    x
}
