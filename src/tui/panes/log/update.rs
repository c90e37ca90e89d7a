//! Updates the log pane: reading, scrolling, searching.

use std::ops::Range;

use super::view;
use crate::domain::RunId;
use crate::tui::effect::{Effect, Effects, Question};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::Motion;
use crate::tui::notice::Tone;
use crate::tui::pane::Pane;
use crate::tui::panes::log::{LogPane, LogPlace, Matches, SearchOrigin, Seeking};

/// Lines read beyond the visible ones, so that small scrolls need no reading.
const MARGIN: usize = 200;
/// Columns per key press when scrolling sideways.
const SIDE_STEP: usize = 16;

/// Reads the shown log again: its end, or the visible lines.
pub fn reload(model: &mut Model, effects: &mut Effects) {
    let Some(run) = model.log.run else { return };
    if model.fetching.log.want() {
        let (range, follow) = wanted(model);
        model.log.asked = Some((range.clone(), follow));
        effects.push(Effect::Ask(Question::Log { run, range, follow }));
    }
}

/// The lines to request, and whether these are the last ones.
fn wanted(model: &Model) -> (Range<usize>, bool) {
    let height = layout::page(model, Pane::Log);
    if model.log.paused {
        let top = model.log.top.line;
        (top.saturating_sub(MARGIN)..top + height + MARGIN, false)
    } else {
        (0..height + MARGIN, true)
    }
}

pub fn loaded(
    model: &mut Model,
    run: RunId,
    total: usize,
    first: usize,
    lines: Vec<String>,
    effects: &mut Effects,
) {
    let again = model.fetching.log.arrived();
    if model.log.run == Some(run) {
        (model.log.total, model.log.first, model.log.lines) = (total, first, lines);
        model.log.loaded = true;
    }
    if again || model.log.run != Some(run) {
        reload(model, effects);
    }
}

/// Starts or stops following the end.
pub fn follow(model: &mut Model, effects: &mut Effects) {
    if model.log.paused {
        model.log.paused = false;
        reload(model, effects);
    } else {
        model.log.paused = true;
        model.log.top = end_top(model);
    }
}

/// Wraps or cuts long lines.
pub fn wrap(model: &mut Model) {
    model.log.cut = !model.log.cut;
    model.log.left = 0;
}

/// Searches while typing, always from the position before.
pub fn typed(model: &mut Model, text: String, effects: &mut Effects) {
    if text == model.log.search {
        return;
    }
    let (first, _) = in_sight(model);
    let log = &mut model.log;
    let origin = log.origin.get_or_insert_with(|| SearchOrigin {
        first,
        top: log.top,
        paused: log.paused,
        search: log.search.clone(),
        found: log.found,
    });
    let from = origin.first;
    (log.search, log.found, log.matches) = (text, None, None);
    if log.search.is_empty() {
        return back_to_origin(model);
    }
    let Some(run) = log.run else { return };
    seek(model, run, Some(from), Seeking { backward: false, wrapped: false }, effects);
}

fn back_to_origin(model: &mut Model) {
    if let Some(origin) = &model.log.origin {
        (model.log.top, model.log.paused) = (origin.top, origin.paused);
    }
}

/// Restores the position before a cancelled search.
pub fn left(model: &mut Model) {
    back_to_origin(model);
    if let Some(origin) = model.log.origin.take() {
        (model.log.search, model.log.found) = (origin.search, origin.found);
        (model.log.seeking, model.log.matches) = (None, None);
        model.log.reveal = false;
    }
}

/// Accepts the search text. The current match stays; the same text again goes to the next match.
pub fn entered(model: &mut Model, text: &str, effects: &mut Effects) {
    let was_searched = model.log.origin.take().is_some() && model.log.search == text;
    if !was_searched && !text.is_empty() {
        model.log.search = text.to_owned();
        search(model, false, effects);
    }
}

/// Clears the search; `false` when there is none.
pub fn back(model: &mut Model) -> bool {
    let had = !model.log.search.is_empty();
    if had {
        model.log.search.clear();
        (model.log.found, model.log.matches) = (None, None);
    }
    had
}

/// Searches from the current match if it is visible, else from the visible lines.
pub fn search(model: &mut Model, backward: bool, effects: &mut Effects) {
    let Some(run) = model.log.run else { return };
    if model.log.search.is_empty() {
        return model.notify(Tone::Plain, "Press / to search the log");
    }
    let (first, last) = in_sight(model);
    let here = model.log.found.filter(|line| (first..=last).contains(line));
    let from = match (here, backward) {
        (Some(line), false) => Some(line + 1),
        (Some(line), true) => line.checked_sub(1),
        (None, false) => Some(first),
        (None, true) => Some(last),
    };
    seek(model, run, from, Seeking { backward, wrapped: false }, effects);
}

/// Searches from a line; `None` starts at the other end.
fn seek(model: &mut Model, run: RunId, from: Option<usize>, seeking: Seeking, effects: &mut Effects) {
    let backward = seeking.backward;
    let other_end = if backward { model.log.total } else { 0 };
    model.log.seeking = Some(Seeking { wrapped: seeking.wrapped || from.is_none(), ..seeking });
    let (text, from) = (model.log.search.clone(), from.unwrap_or(other_end));
    effects.push(Effect::Ask(Question::SearchLog { run, text, from, backward }));
}

pub fn found(model: &mut Model, run: RunId, text: &str, line: Option<usize>, effects: &mut Effects) {
    if model.log.run != Some(run) || model.log.search != text {
        return;
    }
    match (line, model.log.seeking.take()) {
        (Some(line), seeking) => {
            model.log.found = Some(line);
            model.log.paused = true;
            model.log.top = LogPlace { line, row: 0 };
            model.log.reveal = true;
            if let (Some(Seeking { backward, wrapped: true }), None) = (seeking, &model.log.origin) {
                let end = if backward { "end" } else { "beginning" };
                model.notify(Tone::Plain, format!("Searched on from the {end} of the log"));
            }
        }
        (None, Some(seeking)) if !seeking.wrapped => seek(model, run, None, seeking, effects),
        (None, _) => {
            model.log.matches = Some(Matches { line: 0, at: 0, count: 0 });
            if model.log.origin.is_some() {
                // The title says so, next to the search text.
                back_to_origin(model);
            } else {
                model.notify(Tone::Plain, format!("`{text}` is not in the log"));
            }
        }
    }
}

/// Takes in the counted matches.
pub fn counted(model: &mut Model, run: RunId, text: &str, matches: Matches) {
    if model.log.run == Some(run) && model.log.search == text {
        model.log.matches = Some(matches);
    }
}

/// Columns of the pane, or those it would have when hidden.
fn width(model: &Model) -> u16 {
    let seen = layout::regions(model).and_then(|regions| regions.body(Pane::Log));
    seen.map_or(model.size.width.saturating_sub(2), |area| area.width)
}

/// Rows of a line; 1 while it is not in memory.
fn rows(model: &Model, line: usize) -> usize {
    let text = line.checked_sub(model.log.first).and_then(|at| model.log.lines.get(at));
    text.map_or(1, |text| view::row_count(&model.log, text, width(model)))
}

/// The position some rows up.
fn up(model: &Model, from: LogPlace, mut count: usize) -> LogPlace {
    let mut place = from;
    while place.row < count {
        count -= place.row;
        let Some(line) = place.line.checked_sub(1) else { return LogPlace::default() };
        // The last row of the line before is one row up.
        place = LogPlace { line, row: rows(model, line) - 1 };
        count -= 1;
    }
    LogPlace { row: place.row - count, ..place }
}

/// The position some rows down, at most the last row.
fn down(model: &Model, from: LogPlace, mut count: usize) -> LogPlace {
    let mut place = from;
    loop {
        let last = rows(model, place.line) - 1;
        let below = last.saturating_sub(place.row);
        if count <= below {
            return LogPlace { row: place.row + count, ..place };
        }
        if place.line + 1 >= model.log.total {
            return LogPlace { row: last, ..place };
        }
        count -= below + 1;
        place = LogPlace { line: place.line + 1, row: 0 };
    }
}

/// The top position when the end is visible. While the end is not in memory it does not account for wrapped lines.
fn end_top(model: &Model) -> LogPlace {
    up(model, LogPlace { line: model.log.total, row: 0 }, layout::page(model, Pane::Log))
}

fn top(model: &Model) -> LogPlace {
    if model.log.paused { model.log.top } else { end_top(model) }
}

/// The first and last visible line.
fn in_sight(model: &Model) -> (usize, usize) {
    let top = top(model);
    (top.line, down(model, top, layout::page(model, Pane::Log) - 1).line)
}

pub fn moved(model: &mut Model, motion: Motion) {
    let page = layout::page(model, Pane::Log);
    let top = top(model);
    let next = match motion {
        Motion::Left => return model.log.left = model.log.left.saturating_sub(SIDE_STEP),
        Motion::Right => return to_the_right(model),
        Motion::Up => up(model, top, 1),
        Motion::Down => down(model, top, 1),
        Motion::PageUp => up(model, top, page),
        Motion::PageDown => down(model, top, page),
        Motion::Top => LogPlace::default(),
        Motion::Bottom => end_top(model),
    };
    model.log.reveal = false;
    // At the end, it is followed again.
    model.log.paused = next < end_top(model);
    model.log.top = next;
}

/// Scrolls right as long as a visible line continues there.
fn to_the_right(model: &mut Model) {
    let (first, last) = in_sight(model);
    let log = &model.log;
    let lines = (first..=last).filter_map(|line| log.lines.get(line.checked_sub(log.first)?));
    let widest = lines.map(|line| view::columns(line)).max().unwrap_or(0);
    let width = usize::from(width(model));
    if model.log.cut && model.log.left + width < widest {
        model.log.left += SIDE_STEP;
    }
}

/// Requests missing lines, and keeps the top within the log.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    if model.log.run != model.runs.list.selected {
        let kept = LogPane { cut: model.log.cut, search: model.log.search.clone(), ..LogPane::default() };
        model.log = LogPane { run: model.runs.list.selected, ..kept };
        reload(model, effects);
    }
    let height = layout::page(model, Pane::Log);
    let total = model.log.total;
    let first = if model.log.paused { model.log.top.line } else { total.saturating_sub(height) };
    let above = if model.log.reveal { height / 3 } else { 0 };
    let (from, to) = (first.saturating_sub(above), (first + height).min(total));
    let held = model.log.window();
    let is_held = held.start <= from && to <= held.end;
    if !is_held {
        // The same request would fail again, until the store changes.
        let is_new = model.log.asked != Some(wanted(model));
        if model.log.run.is_some() && model.fetching.log == Default::default() && is_new {
            reload(model, effects);
        }
        return;
    }
    if model.log.paused {
        reveal(model);
        model.log.top.row = model.log.top.row.min(rows(model, model.log.top.line) - 1);
        model.log.top = model.log.top.min(end_top(model));
    }
}

/// Scrolls to the current match, with some rows above it.
fn reveal(model: &mut Model) {
    if !std::mem::take(&mut model.log.reveal) {
        return;
    }
    let Some(line) = model.log.found else { return };
    let text = line.checked_sub(model.log.first).and_then(|at| model.log.lines.get(at));
    let row = text.map_or(0, |text| view::row_found(&model.log, text, width(model)));
    model.log.top = up(model, LogPlace { line, row }, layout::page(model, Pane::Log) / 3);
}
