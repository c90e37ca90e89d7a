//! The runs pane: `bar sign id word ★ preset  how far it is, or what differs from the run before  time age`.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::batch_row;
use super::noted::noted;
use crate::domain::Status;
use crate::domain::run::{Connection, RunSummary};
use crate::report::batch::money;
use crate::tui::briefs::words;
use crate::tui::command::Keymap;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{bar, put, put_right, without_right};

/// Most and fewest columns of a progress bar.
const BAR: (usize, usize) = (12, 4);
/// Below so many columns, room is scarce.
const NARROW: u16 = 70;
/// Columns that must remain for the prompt behind what differs, or for what differs behind a bar.
const ROOM: u16 = 20;

/// What the title line says: the filters, and which of how many is selected.
pub fn note(model: &Model) -> String {
    let filters = filters(model);
    let context = match folded_out(model) {
        Some(batch) => batch,
        None if filters.is_empty() => today(model),
        None => String::new(),
    };
    let notes = [filters, context, position(model)];
    notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("   ")
}

/// The batch of the selected run, where its runs stand beneath each other.
fn folded_out(model: &Model) -> Option<String> {
    let runs = &model.runs;
    let batch = runs.list.selected()?.batch?.batch;
    runs.filter.unfolded.contains(&batch).then(|| format!("batch {batch}"))
}

/// What today's runs took and cost, once there are some.
fn today(model: &Model) -> String {
    let today = &model.today;
    if today.runs == 0 || model.now >= today.until {
        return String::new();
    }
    let (cost, took) = (today.cost.map(money), text::duration(today.worked_ms));
    if model.size.width < layout::WIDE {
        return format!("today {}", cost.unwrap_or(took));
    }
    let cost = cost.map(|cost| format!(", {cost}")).unwrap_or_default();
    format!("today {} in {took}{cost}", text::thousands(today.runs))
}

/// Which runs are shown, where not all of them are.
pub fn filters(model: &Model) -> String {
    let mut notes = Vec::new();
    if let Some(status) = model.runs.filter.status {
        notes.push(format!("only {}", status.word()));
    }
    if model.runs.filter.shows_rejected {
        notes.push("also rejected".to_owned());
    }
    if !model.runs.filter.search.is_empty() {
        notes.push(format!("/ {}", model.runs.filter.search));
    }
    notes.join("  ")
}

/// Which of how many rows is selected; a `+` where there are more than were counted.
fn position(model: &Model) -> String {
    let list = &model.runs.list;
    let Some(at) = list.selected_index() else { return String::new() };
    let read = list.rows.len();
    let (count, is_all) = match model.runs.total {
        _ if !list.more => (read, true),
        Some(total) => (total.rows.max(read), !total.or_more),
        None => (read, false),
    };
    let more = if is_all { "" } else { "+" };
    format!("{} of {}{more}", text::thousands(at + 1), text::thousands(count))
}

/// A summary of the run at work that fits into the columns.
pub fn live(model: &Model, columns: u16) -> Option<String> {
    let run = model.runs.list.rows.iter().rev().find(|run| run.status.is_in_flight())?;
    let Far { text, left, .. } = far(model, run);
    let left = left.map(|left| format!("  {left}")).unwrap_or_default();
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
        let first = match model.open.profile {
            Some(_) => format!("No runs yet. Press {} to run.", keys.hint("run")),
            None => "No runs yet.".to_owned(),
        };
        let text = match (model.runs.list.is_loaded(), model.runs.filter.is_empty()) {
            (false, _) if model.runs.list.failed => "The history cannot be read.",
            (false, _) => "Reading the history…",
            (true, true) => &first,
            (true, false) => "No run matches. Esc clears the search",
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
    let open = open_origin(model);
    let widest = match area.width {
        // Where all are of what is open, the room is better used.
        ..NARROW if ids.clone().all(|run| origin(run) == open) => 0,
        ..NARROW => 10,
        _ => 16,
    };
    let widths = Widths {
        id: id_width as u16,
        word: ids.clone().map(|run| word(run).width()).max().unwrap_or(0) as u16,
        mark: if ids.clone().any(|run| is_marked(model, run)) { 2 } else { 0 },
        star: if ids.clone().any(|run| run.starred) { 2 } else { 0 },
        origin: ids.clone().map(|run| origin(run).width()).max().unwrap_or(0).min(widest) as u16,
        far: ids
            .clone()
            .map(|run| far(model, run))
            .filter(|far| far.share.is_some())
            .map(|far| far.words().width())
            .max(),
    };
    for (run, y) in ids.zip(area.top()..area.bottom()) {
        let line = Rect { y, height: 1, ..area };
        match model.runs.batch_of_row(run) {
            Some((batch, outline)) => batch_row::draw(model, (batch, outline), run, theme, line, buffer),
            None => row(model, theme, run, line, &widths, buffer),
        }
    }
}

/// Columns of what stands in all rows, so that it stands beneath each other.
struct Widths {
    id: u16,
    word: u16,
    mark: u16,
    star: u16,
    origin: u16,
    /// The words behind the bars, where there are any: all bars are of one length.
    far: Option<usize>,
}

/// What a run of the screen as it stands begins from.
fn open_origin(model: &Model) -> String {
    let name = model.open_name();
    if model.draft.preset().name.is_empty() { stem(&name).to_owned() } else { name }
}

/// What a run began from: its preset, else its workflow.
fn origin(run: &RunSummary) -> &str {
    run.preset.as_deref().unwrap_or_else(|| stem(&run.workflow_name))
}

fn stem(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.strip_suffix(".json").unwrap_or(file)
}

/// Whether one of its outputs is marked to be compared.
fn is_marked(model: &Model, run: &RunSummary) -> bool {
    model.gallery.marked.iter().any(|card| card.id.run == run.id) || model.runs.marked.contains(&run.id)
}

/// The status in a word.
fn word(run: &RunSummary) -> &'static str {
    if run.cancel_asked && !run.status.is_end() { "cancelling" } else { run.status.word() }
}

fn row(model: &Model, theme: &Theme, run: &RunSummary, line: Rect, widths: &Widths, buffer: &mut Buffer) {
    let y = line.y;
    let selected = model.runs.list.selected == Some(run.id);
    if selected {
        let style = if model.focus == Pane::Runs { theme.accent } else { theme.quiet };
        put(buffer, line, line.x, y, "▌", style);
    }
    let style = theme.status(run.status);
    let x = put(buffer, line, line.x + 1, y, run.status.sign(), style) + 1;
    let id = Rect { x, width: widths.id, ..line };
    put_right(buffer, id, y, &run.id.to_string(), if selected { theme.selected } else { theme.text });
    let x = id.right() + 1;
    put(buffer, line, x, y, word(run), style);
    let x = x + widths.word + 1;
    if is_marked(model, run) {
        put(buffer, line, x, y, "◆", theme.accent);
    }
    let x = x + widths.mark;
    if run.starred {
        put(buffer, line, x, y, "★", theme.accent);
    }
    let x = x + if widths.mark > 0 { widths.star } else { widths.star.max(1) };
    let from = Rect { x, width: widths.origin, ..line };
    put(buffer, from, x, y, origin(run), theme.quiet);
    let x = if widths.origin > 0 { from.right() + 2 } else { x };
    let line = right_columns(model, theme, run, line, buffer);
    let rest = Rect { x, width: line.right().saturating_sub(x), ..line };
    about(model, theme, run, rest, widths, buffer);
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

/// How far a run is, or why it failed; then what differs from the run before, then its prompt where there is room.
fn about(model: &Model, theme: &Theme, run: &RunSummary, rest: Rect, widths: &Widths, buffer: &mut Buffer) {
    let y = rest.y;
    let far = far(model, run);
    let words = far.words();
    let room = usize::from(rest.width).saturating_sub(widths.far.unwrap_or(0) + 1).min(BAR.0);
    let mut x = rest.x;
    if let Some(share) = far.share.filter(|_| room >= BAR.1) {
        let (done, open) = bar(share, room);
        x = put(buffer, rest, x, y, &done, theme.accent);
        x = put(buffer, rest, x, y, &open, theme.quiet) + 1;
    }
    x = put(buffer, rest, x, y, &words, theme.text);
    x = if words.is_empty() { x } else { x + 2 };
    let is_free = words.is_empty() || rest.right().saturating_sub(x) >= ROOM;
    if !is_free || matches!(run.status, Status::Failed | Status::Lost) {
        return;
    }
    let start = noted(theme, &run.notes, Rect { x, width: rest.right().saturating_sub(x), ..rest }, buffer);
    let rest = Rect { x: start, width: rest.right().saturating_sub(start), ..rest };
    x = telling(model, theme, run, rest, buffer);
    if x == rest.x || rest.right().saturating_sub(x) >= ROOM {
        put(buffer, rest, x, y, &run.prompt, if x == rest.x { theme.text } else { theme.quiet });
    }
}

/// What tells a run from the others. Returns the column behind it.
fn telling(model: &Model, theme: &Theme, run: &RunSummary, rest: Rect, buffer: &mut Buffer) -> u16 {
    let brief = model.briefs.of(run.id);
    let mut x = rest.x;
    if let Some(earlier) = brief.and_then(|brief| brief.same_as) {
        x = put(buffer, rest, x, rest.y, &format!("same picture as {earlier}"), theme.patience) + 2;
    }
    // Of a batch its own axes tell.
    let told = batch_row::values(model, run)
        .unwrap_or_else(|| brief.map(|brief| words::told(model, brief).join(", ")).unwrap_or_default());
    if told.is_empty() { x } else { put(buffer, rest, x, rest.y, &told, theme.text) + 2 }
}

/// The progress of a run.
#[derive(Default)]
struct Far {
    /// The completed fraction, if known.
    share: Option<f64>,
    /// The text for it; for a failed run, its error.
    text: String,
    /// Time left according to the server: `0:07 left`.
    left: Option<String>,
}

impl Far {
    fn words(&self) -> String {
        match &self.left {
            Some(left) => format!("{}  {left}", self.text),
            None => self.text.clone(),
        }
    }
}

fn far(model: &Model, run: &RunSummary) -> Far {
    let plain = |text: String| Far { text, ..Far::default() };
    let is_reconnecting = run.connection.is_some_and(|now| now.state == Connection::Reconnecting);
    match run.status {
        Status::Waiting | Status::Running if is_reconnecting => plain("reconnecting".to_owned()),
        Status::Failed | Status::Lost => plain(run.error.clone()),
        Status::Queued => plain(run.held.map_or("", |hold| hold.why()).to_owned()),
        Status::Done | Status::Cancelled => Far::default(),
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
            left: progress
                .seconds_left
                .map(|seconds| format!("{} left", text::duration(seconds as i64 * 1_000))),
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
