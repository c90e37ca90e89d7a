//! What several overlays are drawn of.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::Widget;
use tui_textarea::TextArea;

use crate::tui::theme::Theme;
use crate::tui::view::paint::{put, put_right, without_right};

/// A line of typed text. Returns where the cursor is.
pub(super) fn line(
    buffer: &mut Buffer,
    area: Rect,
    sign: &str,
    text: &TextArea<'_>,
    theme: &Theme,
) -> Position {
    let x = put(buffer, area, area.x, area.y, sign, theme.accent) + 1;
    let field = Rect { x, width: area.right().saturating_sub(x), height: 1, ..area };
    text.render(field, buffer);
    let left = text.scroll_offset().1;
    let column = u16::try_from(text.screen_cursor().col).unwrap_or(u16::MAX).saturating_sub(left);
    Position { x: (x + column).min(area.right().saturating_sub(1)), y: area.y }
}

/// At the bottom edge: how many lines there are below.
pub(super) fn more_below(buffer: &mut Buffer, area: Rect, more: usize, theme: &Theme) {
    if more > 0 {
        let edge = without_right(area, 2);
        put_right(buffer, edge, area.bottom().saturating_sub(1), &format!(" {more} more ↓ "), theme.quiet);
    }
}
