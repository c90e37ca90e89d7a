//! Draws the log with the server's colours.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::domain::Status;
use crate::tui::model::Model;
use crate::tui::panes::log::{LogPane, Matches};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::put;
use crate::tui::wrap::wrap;
use crate::wire::ansi::{self, Sgr};

/// The text of the title line.
pub fn note(model: &Model) -> String {
    let Some(run) = model.log.run else { return String::new() };
    let state = if model.log.paused { "paused" } else { "following" };
    match model.log.search.as_str() {
        "" => format!("run {run}   {state}   {}", text::thousands(model.log.total)),
        search => format!("/ {search}{}   run {run}   {state}", matches(&model.log)),
    }
}

/// The number of the current match, once counted.
fn matches(log: &LogPane) -> String {
    match log.matches {
        Some(Matches { count: 0, .. }) => "   not found".to_owned(),
        Some(Matches { line, at, count }) if log.found == Some(line) => {
            format!("   {} of {}", text::thousands(at), text::thousands(count))
        }
        Some(_) | None => String::new(),
    }
}

/// Rows of a line at a width.
pub fn row_count(log: &LogPane, line: &str, width: u16) -> usize {
    if log.cut { 1 } else { fold(cells(line), width).len() }
}

/// Columns of an unwrapped line.
pub fn columns(line: &str) -> usize {
    cells(line).iter().map(|cell| cell.columns).sum()
}

/// The row of a line where the search text begins.
pub fn row_found(log: &LogPane, line: &str, width: u16) -> usize {
    let Some(found) = found_in(line, &log.search).first().map(|found| found.start) else { return 0 };
    let mut cells = cells(line);
    cells.truncate(found + 1);
    if log.cut { 0 } else { fold(cells, width).len() - 1 }
}

/// The content of one cell.
struct LogCell<'a> {
    grapheme: &'a str,
    columns: usize,
    style: Style,
}

pub fn draw(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if model.log.lines.is_empty() {
        let lines = wrap(nothing(model), usize::from(area.width));
        for (line, y) in lines.into_iter().zip(area.top()..area.bottom()) {
            put(buffer, area, area.x, y, line, theme.quiet);
        }
        return;
    }
    if model.log.paused {
        from_top(model, theme, area, buffer);
    } else {
        from_bottom(model, theme, area, buffer);
    }
}

/// Why the pane is empty.
fn nothing(model: &Model) -> &'static str {
    match model.runs.list.selected().map(|run| run.status) {
        _ if model.log.run.is_none() => "The log of the selected run.",
        _ if !model.log.loaded => "Reading the log…",
        Some(Status::Queued) => "This run waits for others to end. Nothing has been sent yet.",
        Some(status) if status.is_end() => "This run has no log.",
        _ => "Nothing from the server yet. A cold start can take minutes.",
    }
}

/// Draws lines from the top position on.
fn from_top(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut y = area.y;
    let skipped = model.log.top.line.saturating_sub(model.log.first);
    for (number, line) in model.log.lines.iter().enumerate().skip(skipped) {
        let number = model.log.first + number;
        let above = if number == model.log.top.line { model.log.top.row } else { 0 };
        for row in wrapped(model, theme, number, line, area.width).into_iter().skip(above) {
            if y >= area.bottom() {
                return;
            }
            draw_row(&row, theme, Rect { y, height: 1, ..area }, buffer);
            y += 1;
        }
    }
}

/// Draws the last lines, the newest at the bottom.
fn from_bottom(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let height = usize::from(area.height);
    let mut rows = Vec::new();
    for (number, line) in model.log.lines.iter().enumerate().rev() {
        let wrapped = wrapped(model, theme, model.log.first + number, line, area.width);
        rows.extend(wrapped.into_iter().rev());
        if rows.len() >= height {
            break;
        }
    }
    rows.truncate(height);
    for (row, y) in rows.iter().rev().zip(area.top()..area.bottom()) {
        draw_row(row, theme, Rect { y, height: 1, ..area }, buffer);
    }
}

/// Wraps a line to the pane's width; one row when long lines are cut.
fn wrapped<'a>(
    model: &Model,
    theme: &Theme,
    number: usize,
    line: &'a str,
    width: u16,
) -> Vec<Vec<LogCell<'a>>> {
    let mut cells = cells(line);
    mark_found(model, theme, number, line, &mut cells);
    if model.log.cut {
        let mut skipped = 0;
        cells.retain(|cell| {
            let keep = skipped >= model.log.left;
            skipped += if keep { 0 } else { cell.columns };
            keep
        });
        return vec![cells];
    }
    fold(cells, width)
}

/// Splits cells into rows of a width; an empty line takes a row, too.
fn fold(cells: Vec<LogCell<'_>>, width: u16) -> Vec<Vec<LogCell<'_>>> {
    let width = usize::from(width).max(2);
    let mut rows = vec![Vec::new()];
    let mut used = 0;
    for cell in cells {
        if used + cell.columns > width {
            rows.push(Vec::new());
            used = 0;
        }
        used += cell.columns;
        if let Some(row) = rows.last_mut() {
            row.push(cell);
        }
    }
    rows
}

fn cells(line: &str) -> Vec<LogCell<'_>> {
    let mut cells = Vec::new();
    for (sgr, text) in ansi::spans(line) {
        let style = style(sgr);
        for grapheme in text.graphemes(true) {
            let (grapheme, columns) =
                if grapheme == "\t" { ("    ", 4) } else { (grapheme, grapheme.width()) };
            cells.push(LogCell { grapheme, columns, style });
        }
    }
    cells
}

/// Reverses all matches; those on the line of the current match get the accent colour.
fn mark_found(model: &Model, theme: &Theme, number: usize, line: &str, cells: &mut [LogCell<'_>]) {
    let is_current = model.log.found == Some(number);
    let style = if is_current { theme.accent.patch(theme.found) } else { theme.found };
    for found in found_in(line, &model.log.search) {
        for cell in cells.iter_mut().take(found.end).skip(found.start) {
            cell.style = cell.style.patch(style);
        }
    }
}

/// Ranges of a text in a line, ignoring case, counted in cells.
fn found_in(line: &str, wanted: &str) -> Vec<Range<usize>> {
    let wanted = wanted.to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let plain: String = ansi::spans(line).map(|(_, text)| text).collect();
    let plain = plain.to_lowercase();
    let starts: Vec<usize> = plain.grapheme_indices(true).map(|(at, _)| at).collect();
    let cell = |at: usize| starts.partition_point(|start| *start < at);
    plain.match_indices(&wanted).map(|(at, text)| cell(at)..cell(at + text.len())).collect()
}

fn draw_row(row: &[LogCell<'_>], theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut x = area.x;
    for cell in row {
        if usize::from(area.right().saturating_sub(x)) < cell.columns {
            break;
        }
        let mut style = cell.style;
        // On a ground of its own, the server knows what can be read.
        style.fg = style.fg.map(|colour| if style.bg.is_none() { theme.of_server(colour) } else { colour });
        x = buffer.set_stringn(x, area.y, cell.grapheme, cell.columns, style).0;
    }
}

fn style(sgr: Sgr) -> Style {
    let mut style = Style::new();
    style.fg = sgr.fg.map(colour);
    style.bg = sgr.bg.map(colour);
    for (on, modifier) in [
        (sgr.bold, Modifier::BOLD),
        (sgr.dim, Modifier::DIM),
        (sgr.italic, Modifier::ITALIC),
        (sgr.underline, Modifier::UNDERLINED),
        (sgr.reverse, Modifier::REVERSED),
    ] {
        if on {
            style = style.add_modifier(modifier);
        }
    }
    style
}

fn colour(colour: ansi::Color) -> Color {
    match colour {
        ansi::Color::Indexed(index) => Color::Indexed(index),
        ansi::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
    }
}
