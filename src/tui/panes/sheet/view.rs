//! The sheet: tiles along the axes of a batch, and beneath them what is known of the selected run.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::grid::SheetGrid;
use super::update::savings;
use super::{SheetPane, SheetRun};
use crate::domain::spend::cost;
use crate::domain::{RunSummary, Status};
use crate::report::batch as report;
use crate::tui::grid::INFO;
use crate::tui::model::Model;
use crate::tui::panes::gallery::tiles::{self, put_centred};
use crate::tui::terminal::Placement;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{bar, put, put_right, without_right};
use crate::tui::wrap::wrap;

/// What the title line says: which batch, how far it is, how long it will take.
pub fn note(model: &Model) -> String {
    let sheet = &model.sheet;
    let (Some(state), Some(id)) = (&sheet.state, sheet.batch) else { return String::new() };
    let run = sheet.runs.first();
    let usual = run.and_then(|run| model.usual.get(&run.run.workflow_hash)).copied();
    let at_once = model.open.profile.as_deref().map_or(1, |profile| profile.concurrency);
    let left = report::time_left(state, usual, at_once, model.now);
    let left = left.map(|ms| format!("  {} left", text::duration(ms))).unwrap_or_default();
    format!("batch {id}  {}{left}", report::state(state, model.now))
}

pub fn draw(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let sheet = &model.sheet;
    if sheet.state.is_none() {
        let told = if sheet.failed { "The history cannot be read." } else { "Reading the batch…" };
        put(buffer, area, area.x + 2, area.y, told, theme.quiet);
        return;
    }
    let Some(grid) = SheetGrid::of(model) else { return };
    heading(model, &grid, theme, Rect { height: 1, ..area }, buffer);
    for (at, place) in in_sight(model, &grid) {
        if grid.along_axes && at % grid.tiles.columns == 0 {
            label(sheet, place, theme, grid.label(at / grid.tiles.columns), buffer);
        }
        tile(model, place, theme, grid.tiles.place(at), grid.along_axes, buffer);
    }
    let info = Rect { y: area.bottom().saturating_sub(INFO), height: INFO, ..area };
    if let Some(run) = sheet.selected() {
        about(model, run, theme, info, buffer);
    }
}

/// Places in the batch of the runs that are seen, with their place on the page.
fn in_sight(model: &Model, grid: &SheetGrid) -> impl Iterator<Item = (usize, usize)> {
    let first = model.sheet.scroll * grid.tiles.columns;
    let count = model.sheet.count();
    (0..grid.tiles.page()).map(move |at| (at, first + at)).take_while(move |(_, place)| *place < count)
}

/// The pictures in the terminal's own pixels: the selected one first, then as they stand.
pub fn placements(model: &Model) -> Vec<Placement> {
    let Some(grid) = SheetGrid::of(model) else { return Vec::new() };
    let placed = in_sight(model, &grid).filter_map(|(at, place)| {
        let tile = model.sheet.at(place)?.output.as_ref()?;
        Some((place, tiles::placement(model, tile, grid.tiles.place(at))?))
    });
    let mut placed: Vec<(usize, Placement)> = placed.collect();
    placed.sort_by_key(|(place, _)| *place != model.sheet.selected);
    placed.into_iter().map(|(_, placement)| placement).collect()
}

/// The values of the first axis over the columns; without columns the axes.
fn heading(model: &Model, grid: &SheetGrid, theme: &Theme, line: Rect, buffer: &mut Buffer) {
    let sheet = &model.sheet;
    let Some(axis) = sheet.outline.axes.first().filter(|_| grid.along_axes) else {
        put(buffer, line, line.x, line.y, &report::axes(&sheet.outline), theme.quiet);
        return;
    };
    for column in 0..grid.tiles.columns.min(axis.values.len()) {
        let place = tiles::from_picture(model, None, grid.tiles.place(column));
        let here = Rect { x: place.x, width: place.width, ..line };
        put(buffer, here, here.x, line.y, &format!("{} {}", axis.name, axis.values[column]), theme.text);
    }
}

/// The values of the other axes beside a row.
fn label(sheet: &SheetPane, place: usize, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let others = sheet.outline.values(place).into_iter().skip(1);
    for ((name, value), row) in others.zip(0..area.height) {
        let y = area.y + 2 * row;
        put(buffer, without_right(area, 1), area.x, y, name, theme.quiet);
        put(
            buffer,
            without_right(area, 1),
            area.x,
            y + 1,
            &end(value, usize::from(area.width) - 1),
            theme.text,
        );
    }
}

/// The end of a long number, by which seeds are told apart; the beginning of a text.
fn end(value: &str, width: usize) -> String {
    let is_number = value.chars().all(|c| c.is_ascii_digit());
    match is_number && value.len() > width {
        true => format!("…{}", &value[value.len() + 1 - width..]),
        false => value.to_owned(),
    }
}

fn tile(model: &Model, place: usize, theme: &Theme, area: Rect, along_axes: bool, buffer: &mut Buffer) {
    let sheet = &model.sheet;
    let is_selected = sheet.selected == place;
    let output = sheet.at(place).and_then(|run| run.output.as_ref());
    let from_picture = tiles::from_picture(model, output, area);
    if is_selected {
        tiles::draw_bar(from_picture, theme, buffer);
    }
    let Some(run) = sheet.at(place) else {
        put_centred(buffer, area, area.y + area.height / 2, "…", theme.quiet);
        return;
    };
    let picture = Rect { height: area.height.saturating_sub(1), ..area };
    match &run.output {
        Some(tile) => tiles::draw_picture(model, tile, theme, area, buffer),
        None => standing(model, &run.run, theme, picture, buffer),
    }
    if run.is_rejected() {
        for position in picture.intersection(buffer.area).positions() {
            buffer[position].set_style(Style::default().add_modifier(Modifier::DIM));
        }
    }
    let line = Rect { y: area.bottom().saturating_sub(1), height: 1, ..from_picture };
    caption(model, run, is_selected, along_axes, theme, line, buffer);
}

/// Where a run without an output stands.
fn standing(model: &Model, run: &RunSummary, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let middle = area.y + area.height / 2;
    let word = match run.held {
        Some(_) => "held",
        None => run.status.word(),
    };
    let style = theme.status(run.status);
    put_centred(buffer, area, middle, &format!("{} {word}", run.status.sign()), style);
    let below = Rect { y: middle + 1, height: area.bottom().saturating_sub(middle + 1), ..area };
    match (run.status, &run.progress) {
        (Status::Running, Some(progress)) => {
            let told = format!(" {}/{}", progress.value, progress.max);
            let width = usize::from(area.width).saturating_sub(told.width()).min(12);
            let (done, open) = bar(progress.value as f64 / progress.max.max(1) as f64, width);
            let x = put(buffer, below, area.x, below.y, &done, theme.accent);
            let x = put(buffer, below, x, below.y, &open, theme.quiet);
            put(buffer, below, x, below.y, &told, theme.text);
        }
        (Status::Waiting | Status::Running | Status::Uploading | Status::Downloading, _) => {
            put_centred(buffer, below, below.y, &text::duration(run.elapsed_ms(model.now)), theme.quiet);
        }
        (Status::Failed | Status::Lost, _) => {
            let lines = wrap(&run.error, usize::from(area.width));
            for (line, y) in lines.into_iter().zip(below.top()..below.bottom()) {
                put(buffer, below, below.x, y, line, theme.quiet);
            }
        }
        (Status::Queued | Status::Done | Status::Cancelled, _) => {}
    }
}

/// Marks and the run's number; where no axis says it, the values.
fn caption(
    model: &Model,
    run: &SheetRun,
    is_selected: bool,
    along_axes: bool,
    theme: &Theme,
    line: Rect,
    buffer: &mut Buffer,
) {
    let style = if is_selected { theme.selected } else { theme.quiet };
    let card = run.output.as_ref().map(|tile| &tile.card);
    let mut x = line.x;
    if card.is_some_and(|card| model.gallery.marked.iter().any(|other| other.id == card.id)) {
        x = put(buffer, line, x, line.y, "◆ ", theme.accent);
    }
    if card.is_some_and(|card| card.starred) {
        x = put(buffer, line, x, line.y, "★ ", theme.accent);
    }
    if run.is_rejected() {
        x = put(buffer, line, x, line.y, "✗ ", theme.bad);
    }
    let room = usize::from(line.right().saturating_sub(x));
    let place = run.run.batch.map_or(0, |at| at.place);
    let told = match along_axes {
        true => run.run.id.to_string(),
        false => {
            let values = model.sheet.outline.values(place);
            // Each has its share, so that the last one is seen, too.
            let share = (room + 2) / values.len().max(1);
            let share = share.saturating_sub(2).max(4);
            values.into_iter().map(|(_, value)| end(value, share)).collect::<Vec<_>>().join(", ")
        }
    };
    put(buffer, line, x, line.y, &told, style);
}

/// Two lines about the selected run: its values, time and cost, and what keeping it saves; then its prompt.
fn about(model: &Model, run: &SheetRun, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let RunSummary { id, batch, status, prompt, cost_per_second, .. } = &run.run;
    let mut facts = vec![status.word().to_owned()];
    if run.run.started_at.is_some() {
        let ms = run.run.elapsed_ms(model.now);
        facts.push(text::duration(ms));
        facts.extend(cost_per_second.map(|rate| report::money(cost(ms, rate))));
    }
    let right = put_right(buffer, area, area.y, &facts.join("  "), theme.quiet);
    let line = without_right(area, area.right().saturating_sub(right) + 2);
    let x = put(buffer, line, line.x, line.y, &format!("run {id}  "), theme.selected);
    let values = report::values(&model.sheet.outline, batch.map_or(0, |at| at.place));
    put(buffer, line, x, line.y, &values, theme.text);
    let saves = savings(model).map(|saves| format!("K keeps this one and saves {saves}"));
    let line = Rect { y: area.y + 1, height: 1, ..area };
    let line = match saves {
        Some(saves) => {
            let right = put_right(buffer, line, line.y, &saves, theme.quiet);
            without_right(line, area.right().saturating_sub(right) + 2)
        }
        None => line,
    };
    put(buffer, line, line.x, line.y, prompt, theme.quiet);
}
