//! What differs between the draft and what was run, or between two runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::domain::compare::Difference;
use crate::tui::model::Model;
use crate::tui::panes::compare::view::{DiffSpan, DiffStyle, Line, differs, style};
use crate::tui::theme::Theme;
use crate::tui::view::paint::{frame, put, put_right};
use crate::tui::wrap::wrap;

/// Columns for the names of facts.
const LABEL: usize = 16;

/// Differences to be read, part by part.
#[derive(Debug, Default)]
pub struct Differences {
    pub title: String,
    pub parts: Vec<Part>,
    /// Lines scrolled off at the top.
    pub scroll: usize,
    /// The runs are still being read.
    pub loading: bool,
}

#[derive(Debug, Default)]
pub struct Part {
    pub heading: String,
    /// What is told before the values.
    pub facts: Vec<(String, String)>,
    pub difference: Difference,
    /// What is told after the values.
    pub more: Vec<(String, String)>,
}

fn place(model: &Model) -> Rect {
    let (width, height) = (model.size.width, model.size.height);
    let frame = Rect { x: 2, y: 1, width: width.saturating_sub(4), height: height.saturating_sub(2) };
    Rect { width: frame.width.min(110), x: frame.x + frame.width.saturating_sub(110) / 2, ..frame }
}

fn span(text: impl Into<String>, look: DiffStyle) -> DiffSpan {
    DiffSpan { text: text.into(), look }
}

fn lines(model: &Model, shown: &Differences) -> Vec<Line> {
    let width = usize::from(place(model).width.saturating_sub(4)).max(20);
    let mut lines = Vec::new();
    if shown.loading {
        lines.push(vec![span("Reading…", DiffStyle::Quiet)]);
    }
    for part in &shown.parts {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.push(vec![span(&part.heading, DiffStyle::Plain)]);
        facts(&part.facts, width, &mut lines);
        for differ in &part.difference.differ {
            differs(model, differ, width, &mut lines);
        }
        let same = part.difference.same;
        let told = match (part.difference.differ.len(), same) {
            (0, _) => "no value differs".to_owned(),
            (_, 1) => "1 more is the same".to_owned(),
            (_, same) => format!("{same} more are the same"),
        };
        lines.push(vec![span(told, DiffStyle::Quiet)]);
        facts(&part.more, width, &mut lines);
    }
    lines
}

fn facts(facts: &[(String, String)], width: usize, lines: &mut Vec<Line>) {
    for (label, text) in facts {
        let blank = " ".repeat(LABEL.saturating_sub(label.width()).max(1));
        let mut begin = format!("{label}{blank}");
        for line in wrap(text, width.saturating_sub(LABEL).max(8)) {
            lines.push(vec![
                span(std::mem::replace(&mut begin, " ".repeat(LABEL)), DiffStyle::Quiet),
                span(line, DiffStyle::Plain),
            ]);
        }
    }
}

/// The last line that can be on top.
pub fn end(model: &Model, shown: &Differences) -> usize {
    lines(model, shown).len().saturating_sub(usize::from(place(model).height.saturating_sub(2)))
}

pub fn draw(model: &Model, shown: &Differences, theme: &Theme, buffer: &mut Buffer) {
    let lines = lines(model, shown);
    let most = place(model);
    let area = Rect {
        height: most.height.min(u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2)),
        ..most
    };
    frame(buffer, area, &shown.title, theme.quiet, theme.accent);
    let inner = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width.saturating_sub(4),
        height: area.height.saturating_sub(2),
    };
    for (line, y) in lines.iter().skip(shown.scroll).zip(inner.top()..inner.bottom()) {
        let mut x = inner.x;
        for span in line {
            x = put(buffer, inner, x, y, &span.text, style(span.look, theme));
        }
    }
    let left = lines.len().saturating_sub(shown.scroll + usize::from(inner.height));
    if left > 0 {
        put_right(buffer, inner, area.bottom().saturating_sub(1), &format!(" {left} more ↓ "), theme.quiet);
    }
}
