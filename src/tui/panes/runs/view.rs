//! Draws the list of runs: `bar sign id word preset  prompt or progress  time age`.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::batch_row;
use crate::domain::Status;
use crate::domain::run::{Connection, RunSummary};
use crate::tui::command::Keymap;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{bar, put, put_right, without_right};

/// Most and fewest columns of a progress bar.
const BAR: (usize, usize) = (12, 4);
/// Columns reserved for the prompt of a run at work.
const PROMPT: u16 = 20;

/// The text of the title line.
pub fn note(model: &Model) -> String {
    let mut notes = Vec::new();
    if let Some(status) = model.runs.filter.status {
        notes.push(format!("only {}", status.word()));
    }
    if !model.runs.filter.search.is_empty() {
        notes.push(format!("/ {}", model.runs.filter.search));
    }
    notes.join("  ")
}

/// A summary of the run at work that fits into the columns.
pub fn live(model: &Model, columns: u16) -> Option<String> {
    let run = model.runs.list.rows.iter().rev().find(|run| run.status.is_in_flight())?;
    let Far { text, left, .. } = far(model, run);
    let left = left.map(|left| format!("  {left} left")).unwrap_or_default();
    let took = text::duration(run.elapsed_ms(model.now));
    let (sign, id, word) = (run.status.sign(), run.id, run.status.word());
    let shorter = [
        format!("{sign} {id} {word}  {text}{left}  {took}"),
        format!("{sign} {id}  {text}{left}  {took}"),
        format!("{sign} {id}  {text}  {took}"),
    ];
    let fits = shorter.iter().find(|words| words.width() <= usize::from(columns));
    Some(fits.cloned().unwrap_or_else(|| format!("{sign} {id}")))
}

pub fn draw(model: &Model, keys: &Keymap, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if model.runs.list.rows.is_empty() {
        let first = format!("No runs yet. Press {} to run.", keys.hint("run"));
        let text = match (model.runs.list.is_loaded(), model.runs.filter.is_empty()) {
            (false, _) if model.runs.list.failed => "The history cannot be read.",
            (false, _) => "Reading the history…",
            (true, true) => &first,
            (true, false) => "No run matches. Esc takes the search back",
        };
        put(buffer, area, area.x + 2, area.y, text, theme.quiet);
        // Told before the first run, not looked for after it.
        if model.runs.is_first() && area.height > 1 {
            let outputs = format!("Its outputs go to {}", model.outputs().display());
            put(buffer, area, area.x + 2, area.y + 1, &outputs, theme.quiet);
        }
        return;
    }
    let ids = model.runs.list.rows.iter().skip(model.runs.scroll).take(usize::from(area.height));
    let id_width = ids.clone().map(|run| run.id.to_string().len()).max().unwrap_or(1);
    let presets = ids.clone().filter_map(|run| run.preset.as_deref()).map(UnicodeWidthStr::width);
    let preset_width = if area.width < 60 { 10 } else { 16 }.min(presets.max().unwrap_or(0)) as u16;
    let word_width = ids.clone().map(|run| word(run).width()).max().unwrap_or(0);
    let widths = (id_width as u16, word_width as u16, preset_width);
    for (run, y) in ids.zip(area.top()..area.bottom()) {
        let line = Rect { y, height: 1, ..area };
        match model.runs.batch_of_row(run) {
            Some((batch, outline)) => batch_row::draw(model, (batch, outline), run, theme, line, buffer),
            None => row(model, theme, run, line, widths, buffer),
        }
    }
}

/// The status in a word.
fn word(run: &RunSummary) -> &'static str {
    if run.cancel_asked && !run.status.is_end() { "cancelling" } else { run.status.word() }
}

fn row(
    model: &Model,
    theme: &Theme,
    run: &RunSummary,
    line: Rect,
    (id_width, word_width, preset_width): (u16, u16, u16),
    buffer: &mut Buffer,
) {
    let y = line.y;
    let selected = model.runs.list.selected == Some(run.id);
    if selected {
        let style = if model.focus == Pane::Runs { theme.accent } else { theme.quiet };
        put(buffer, line, line.x, y, "▌", style);
    }
    let style = theme.status(run.status);
    let x = put(buffer, line, line.x + 1, y, run.status.sign(), style) + 1;
    let id = Rect { x, width: id_width, ..line };
    put_right(buffer, id, y, &run.id.to_string(), if selected { theme.selected } else { theme.text });
    let x = id.right() + 1;
    put(buffer, line, x, y, word(run), style);
    let x = x + word_width + 2;
    let preset = Rect { x, width: preset_width, ..line };
    put(buffer, preset, x, y, run.preset.as_deref().unwrap_or(""), theme.quiet);
    let x = if preset_width > 0 { preset.right() + 2 } else { x };
    let line = right_columns(model, theme, run, line, buffer);
    let rest = Rect { x, width: line.right().saturating_sub(x), ..line };
    about(model, theme, run, rest, buffer);
}

/// Columns of the age and of the duration.
const AGE: u16 = 4;
const TOOK: u16 = 6;

/// Draws duration and age. Returns the rest of the line.
fn right_columns(model: &Model, theme: &Theme, run: &RunSummary, line: Rect, buffer: &mut Buffer) -> Rect {
    if run.status.is_end() {
        let age = text::age(model.now - run.ended_at.unwrap_or(run.queued_at));
        put_right(buffer, line, line.y, &age, theme.quiet);
    }
    let line = without_right(line, AGE);
    if run.status == Status::Queued {
        return line;
    }
    put_right(buffer, line, line.y, &text::duration(run.elapsed_ms(model.now)), theme.quiet);
    without_right(line, TOOK)
}

/// Draws the prompt, or the progress: bar, numbers, then the prompt if there is room.
fn about(model: &Model, theme: &Theme, run: &RunSummary, rest: Rect, buffer: &mut Buffer) {
    let y = rest.y;
    let Far { share, text, left } = far(model, run);
    let text = left.map_or(text.clone(), |left| format!("{text} {left}"));
    let room = usize::from(rest.width).saturating_sub(text.width() + 1).min(BAR.0);
    let x = match share.filter(|_| room >= BAR.1) {
        Some(share) => {
            let (done, open) = bar(share, room);
            let x = put(buffer, rest, rest.x, y, &done, theme.accent);
            put(buffer, rest, x, y, &open, theme.quiet) + 1
        }
        None => rest.x,
    };
    let x = put(buffer, rest, x, y, &text, theme.text);
    let x = if text.is_empty() { x } else { x + 2 };
    if run.status.is_in_flight() && rest.right().saturating_sub(x) >= PROMPT {
        put(buffer, rest, x, y, &run.prompt, theme.quiet);
    }
}

/// The progress of a run.
#[derive(Default)]
struct Far {
    /// The completed fraction, if known.
    share: Option<f64>,
    /// The text for it; for a run not at work, its prompt or error.
    text: String,
    /// Time left according to the server.
    left: Option<String>,
}

fn far(model: &Model, run: &RunSummary) -> Far {
    let plain = |text: String| Far { text, ..Far::default() };
    let is_reconnecting = run.connection.is_some_and(|now| now.state == Connection::Reconnecting);
    match run.status {
        Status::Waiting | Status::Running if is_reconnecting => plain("reconnecting".to_owned()),
        Status::Done | Status::Cancelled | Status::Queued => {
            plain(batch_row::values(model, run).unwrap_or_else(|| run.prompt.clone()))
        }
        Status::Failed | Status::Lost => plain(run.error.clone()),
        Status::Waiting => {
            plain(run.queue.map_or_else(|| "cold start".to_owned(), crate::report::human::place_in_queue))
        }
        Status::Uploading => transfer(run.upload),
        Status::Downloading => transfer(run.download),
        Status::Running => progress(model, run),
    }
}

fn transfer(transfer: Option<crate::domain::run::Transfer>) -> Far {
    let Some(moved) = transfer else { return Far::default() };
    match moved.total.filter(|total| *total > 0) {
        Some(total) => Far {
            share: Some(moved.done as f64 / total as f64),
            text: format!("{} of {}", text::bytes(moved.done), text::bytes(total)),
            left: None,
        },
        None => Far { text: text::bytes(moved.done), ..Far::default() },
    }
}

/// By the server's own progress line; before the first one, by this workflow's usual duration.
fn progress(model: &Model, run: &RunSummary) -> Far {
    if let Some(progress) = &run.progress {
        return Far {
            share: Some(progress.value as f64 / progress.max.max(1) as f64),
            text: format!("{}/{}", progress.value, progress.max),
            left: progress.seconds_left.map(|seconds| text::duration(seconds as i64 * 1_000)),
        };
    }
    let Some(typical) = model.typical_ms.get(&run.workflow_hash).copied().filter(|typical| *typical > 0)
    else {
        return Far::default();
    };
    let gone = run.elapsed_ms(model.now);
    Far {
        share: Some(gone as f64 / typical as f64),
        text: format!("about {} left", text::duration((typical - gone).max(0))),
        left: None,
    }
}
