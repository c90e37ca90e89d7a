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

/// Most columns.
const WIDEST: u16 = 100;

fn width(model: &Model) -> u16 {
    model.size.width.saturating_sub(4).min(WIDEST)
}

/// As high as its lines are, or as the screen.
fn place(model: &Model, lines: usize) -> Rect {
    let width = width(model);
    let highest = model.size.height.saturating_sub(2);
    let height = u16::try_from(lines.max(1)).map_or(highest, |lines| lines.saturating_add(2).min(highest));
    Rect { x: (model.size.width - width) / 2, y: 1, width, height }
}

fn lines(model: &Model) -> Vec<(Option<(i64, Tone)>, String)> {
    let width = usize::from(width(model).saturating_sub(6 + AGE)).max(8);
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
    let lines = lines(model);
    let area = place(model, lines.len());
    frame(buffer, area, "Messages", theme.quiet, theme.accent);
    let inner = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
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
