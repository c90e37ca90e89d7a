//! The messages of this session in full, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{frame, put, put_right};
use crate::tui::wrap::wrap;

/// Width of the age, in columns.
const AGE: u16 = 5;

fn place(model: &Model) -> Rect {
    let (width, height) = (model.size.width, model.size.height);
    let frame = Rect { x: 2, y: 1, width: width.saturating_sub(4), height: height.saturating_sub(2) };
    Rect { width: frame.width.min(100), x: frame.x + frame.width.saturating_sub(100) / 2, ..frame }
}

fn lines(model: &Model) -> Vec<(Option<(i64, Tone)>, String)> {
    let width = usize::from(place(model).width.saturating_sub(6 + AGE)).max(8);
    let mut lines = Vec::new();
    for (at, notice) in model.messages.iter().rev() {
        let mut first = Some((model.now - at, notice.tone));
        for line in notice.text.split('\n').flat_map(|line| wrap(line, width)) {
            lines.push((first.take(), line.to_owned()));
        }
    }
    lines
}

/// Total number of lines at the screen's current width.
pub fn line_count(model: &Model) -> usize {
    lines(model).len()
}

pub fn draw(model: &Model, scroll: usize, theme: &Theme, buffer: &mut Buffer) {
    let area = place(model);
    frame(buffer, area, "Messages", theme.quiet, theme.accent);
    let inner = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
    let lines = lines(model);
    if lines.is_empty() {
        put(buffer, inner, inner.x, inner.y, "None so far.", theme.quiet);
    }
    for ((first, line), y) in lines.iter().skip(scroll).zip(inner.top()..inner.bottom()) {
        if let Some((age, tone)) = first {
            let (sign, style) = crate::tui::view::paint::sign(*tone, theme);
            put(buffer, inner, inner.x, y, sign, style);
            put_right(buffer, Rect { width: AGE + 1, ..inner }, y, &text::age(*age), theme.quiet);
        }
        put(buffer, inner, inner.x + AGE + 2, y, line, theme.text);
    }
    let seen = scroll + usize::from(inner.height);
    super::parts::more_below(buffer, area, lines.len().saturating_sub(seen), theme);
}
