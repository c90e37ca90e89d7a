//! The preview of an import: which values of a graph from a file fit the open workflow.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::domain::{ParamKey, Setting, value};
use crate::tui::model::Model;
use crate::tui::overlay::Import;
use crate::tui::panes::params::setting_text;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{centred, frame, inside, put, put_right};
use crate::tui::wrap::wrap;

/// Width of the names at the left, in columns.
const NAME: u16 = 26;

/// Most columns of a value that are laid out: graphs may contain whole pictures.
const VALUE: usize = 200;

/// Most rows shown below one heading.
const ROWS: usize = 500;

enum Line {
    Plain(String),
    Heading(String),
    /// Name, value, and remark.
    Row(String, String, String),
}

fn place(model: &Model) -> Rect {
    let screen = Rect::new(0, 0, model.size.width, model.size.height);
    centred(screen, 100, screen.height)
}

/// Number of lines visible at once.
pub fn room(model: &Model) -> usize {
    usize::from(inside(place(model)).height)
}

/// Total number of lines at the screen's current width.
pub fn line_count(model: &Model, shown: &Import) -> usize {
    lines(model, shown).len()
}

pub fn draw(model: &Model, shown: &Import, theme: &Theme, buffer: &mut Buffer) {
    let lines = lines(model, shown);
    let most = place(model);
    let area = Rect { height: most.height.min(lines.len() as u16 + 2), ..most };
    let name = shown.imported.path.file_name().unwrap_or_default().to_string_lossy();
    frame(buffer, area, &format!("From {name}"), theme.quiet, theme.accent);
    let inner = inside(area);
    for (line, y) in lines.iter().skip(shown.scroll).zip(inner.top()..inner.bottom()) {
        match line {
            Line::Plain(text) => drop(put(buffer, inner, inner.x, y, text, theme.text)),
            Line::Heading(text) => drop(put(buffer, inner, inner.x, y, text, theme.heading)),
            Line::Row(name, value, note) => {
                row(buffer, Rect { y, height: 1, ..inner }, (name, value, note), theme)
            }
        }
    }
    let seen = usize::from(inner.height);
    let more = lines.len().saturating_sub(shown.scroll + seen);
    super::parts::more_below(buffer, area, more, theme);
}

fn row(buffer: &mut Buffer, area: Rect, (name, value, note): (&str, &str, &str), theme: &Theme) {
    let style: Style = theme.quiet;
    let left = Rect { width: area.width.min(NAME - 1), ..area };
    put(buffer, left, area.x, area.y, name, style);
    let right = Rect { x: area.x + NAME, width: area.width.saturating_sub(NAME), ..area };
    // Neither takes more than half, unless the other leaves it.
    let width = usize::from(right.width);
    let widest = (width / 2).max(width.saturating_sub(value.width() + 2));
    let note = text::cut(note, widest);
    let at = put_right(buffer, right, area.y, &note, style);
    let free = if note.is_empty() { right.width } else { at.saturating_sub(right.x + 2) };
    put(buffer, Rect { width: free, ..right }, right.x, area.y, value, theme.text);
}

fn lines(model: &Model, shown: &Import) -> Vec<Line> {
    let Import { imported, fit, .. } = shown;
    let width = usize::from(inside(place(model)).width).max(8);
    let mut lines = Vec::new();
    let nodes = imported.graph.nodes().len();
    let against = model.open.workflow_name();
    let against =
        if against.is_empty() { "no workflow is open".to_owned() } else { format!("held against {against}") };
    lines.push(Line::Plain(format!("{}, a graph of {nodes} nodes, {against}", imported.kind)));
    for note in &imported.notes {
        lines.extend(wrap(note, width).into_iter().map(|line| Line::Plain(line.to_owned())));
    }
    let name = |key: &ParamKey| match model.draft.param(key) {
        Some(param) => format!("{} · {}", model.draft.name(param), param.group),
        None => key.to_string(),
    };
    let mut section = |heading: &str, rows: Vec<Line>| {
        if !rows.is_empty() {
            lines.push(Line::Plain(String::new()));
            lines.push(Line::Heading(format!("{heading}  {}", rows.len())));
            let more = rows.len().saturating_sub(ROWS);
            lines.extend(rows.into_iter().take(ROWS));
            if more > 0 {
                lines.push(Line::Plain(format!("… and {more} more")));
            }
        }
    };
    let short = |setting: &Setting| match setting {
        Setting::Value(value) => text::cut(&value::text(value), VALUE),
        file @ Setting::File(_) => setting_text(file),
    };
    let row = |name, there: &serde_json::Value, note: &str| {
        Line::Row(name, text::cut(&value::text(there), VALUE), note.to_owned())
    };
    section(
        "Fits and differs",
        fit.differ.iter().map(|d| row(name(&d.key), &d.there, &format!("now {}", short(&d.now)))).collect(),
    );
    section("Is not taken", fit.refused.iter().map(|r| row(name(&r.key), &r.there, r.why)).collect());
    let unmatched = fit.unmatched.iter();
    section(
        "Has no parameter here",
        unmatched.map(|h| row(format!("{} · {}", h.key.input(), h.class_type), &h.there, h.why)).collect(),
    );
    section("Is the same", fit.same.iter().map(|(key, there)| row(name(key), there, "")).collect());
    let unnamed = fit.unnamed.iter().map(|key| {
        let now = model.draft.setting(key).as_ref().map(short).unwrap_or_default();
        Line::Row(name(key), now, "stays".to_owned())
    });
    section("Is not in the graph", unnamed.collect());
    lines
}
