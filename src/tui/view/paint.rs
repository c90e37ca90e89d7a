//! Writes text into cells, cut to its area.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::tui::completions::Completions;
use crate::tui::notice::Tone;
use crate::tui::text;
use crate::tui::theme::Theme;

/// Writes a text from `x` on, cut with `…` at the area's right edge. Returns the column after it.
pub fn put(buffer: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) -> u16 {
    let area = area.intersection(buffer.area);
    if y < area.top() || y >= area.bottom() || x >= area.right() {
        return x;
    }
    let width = usize::from(area.right() - x);
    buffer.set_stringn(x, y, text::cut(text, width), width, style).0
}

/// Writes a text at the area's right edge. Returns the column where it begins.
pub fn put_right(buffer: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) -> u16 {
    let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
    let x = area.right().saturating_sub(width).max(area.x);
    put(buffer, area, x, y, text, style);
    x
}

/// The area without its last columns.
pub fn without_right(area: Rect, columns: u16) -> Rect {
    Rect { width: area.width.saturating_sub(columns), ..area }
}

/// A bar of a width, filled to a share from 0 to 1: `━━━━━╸╌╌╌╌`.
pub fn bar(share: f64, width: usize) -> (String, String) {
    let halves = (share.clamp(0.0, 1.0) * width as f64 * 2.0) as usize;
    let (full, half) = (halves / 2, halves % 2);
    let done = format!("{}{}", "━".repeat(full), if half == 1 { "╸" } else { "" });
    (done, "╌".repeat(width.saturating_sub(full + half)))
}

/// Clears an area for an overlay and draws its frame.
pub fn frame(buffer: &mut Buffer, area: Rect, title: &str, quiet: Style, accent: Style) {
    let area = area.intersection(buffer.area);
    if area.width < 2 || area.height < 2 {
        return;
    }
    for y in area.top()..area.bottom() {
        // Half of a wide character beneath the edge would take the edge's place.
        if area.x > buffer.area.x && buffer[(area.x - 1, y)].symbol().width() > 1 {
            buffer[(area.x - 1, y)].set_symbol(" ");
        }
        for x in area.left()..area.right() {
            let cell = &mut buffer[(x, y)];
            cell.reset();
            let (left, right) = (x == area.left(), x == area.right() - 1);
            let symbol = match (y == area.top(), y == area.bottom() - 1) {
                (true, _) if left => "╭",
                (true, _) if right => "╮",
                (_, true) if left => "╰",
                (_, true) if right => "╯",
                (true, _) | (_, true) => "─",
                _ if left || right => "│",
                _ => continue,
            };
            cell.set_symbol(symbol).set_style(quiet);
        }
    }
    if !title.is_empty() && area.width > 6 {
        put(buffer, without_right(area, 2), area.x + 2, area.y, &format!(" {title} "), accent);
    }
}

/// Paths that a text may become, beneath its field.
pub fn completions(shown: &Completions, area: Rect, theme: &Theme, buffer: &mut Buffer) {
    let mut y = area.y;
    for at in shown.shown() {
        let is_chosen = shown.chosen == Some(at);
        let (sign, style) = if is_chosen { ("›", theme.selected) } else { (" ", theme.quiet) };
        put(buffer, area, area.x, y, &format!("{sign} {}", shown.paths[at]), style);
        y += 1;
    }
    if shown.more() > 0 {
        put(buffer, area, area.x, y, &format!("  {} more", shown.more()), theme.quiet);
    }
}

/// The sign before a message.
pub fn sign(tone: Tone, theme: &Theme) -> (&'static str, Style) {
    match tone {
        Tone::Good => ("✓", theme.good),
        Tone::Plain => ("·", theme.quiet),
        Tone::Bad => ("✗", theme.bad),
        Tone::Run(status) => (status.sign(), theme.status(status)),
    }
}

/// An area in the middle of the screen, of this size if it fits.
pub fn centred(screen: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(screen.width.saturating_sub(4));
    let height = height.min(screen.height.saturating_sub(2));
    Rect { x: (screen.width - width) / 2, y: (screen.height - height) / 3, width, height }
}

pub fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    }
}
