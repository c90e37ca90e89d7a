//! The dashboard in lines, for a screen reader (`[ui] reader = true`): no columns and no rules, one thing a line, and what
//! changes is told as a line of its own.
//!
//! The same views draw the focused pane alone on a screen that nobody sees, and what is selected there, or all of it where
//! nothing can be selected, is read off. So a pane needs nothing of its own to be told.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tui_textarea::TextArea;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::command::Keymap;
use super::layout;
use super::model::{Model, Size};
use super::overlay::Overlay;
use super::pane::Pane;
use super::panes;
use super::panes::params::Editing;
use super::theme::Theme;
use super::view::{self, SELECTED};
use crate::domain::{RunId, Status};

/// The screen that nobody sees: one pane at a time, as long as most things are.
pub const SCREEN: Size = Size { width: 99, height: 60 };

/// What has been told, so that only what is new is told again.
#[derive(Debug, Default)]
pub struct Reader {
    place: String,
    lines: Vec<String>,
    /// Who set the value that was told last.
    origin: String,
    /// Runs at work, as far as they are listed; `None` before the first time.
    running: Option<BTreeSet<RunId>>,
    notice: String,
    field: String,
    /// What the line of the field shows.
    line: Option<Line>,
    /// What was told last was that something is still to come.
    is_awaiting: bool,
}

/// A part of a text on the terminal's line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Line {
    /// Columns of the text before it.
    skipped: usize,
    shown: String,
    /// Where the cursor is in it.
    column: usize,
}

/// What is to be written: lines, and the text that is being typed beneath them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub lines: Vec<String>,
    pub field: Option<Field>,
}

/// A line of text that is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub text: String,
    /// Columns before the cursor.
    pub column: usize,
}

impl Reader {
    /// Tells what is new. `by_key`: something was pressed since the last time. What changes by itself in a pane, such as a
    /// clock, is not told; messages are.
    pub fn tell(&mut self, model: &Model, keys: &Keymap, theme: &Theme, by_key: bool) -> Told {
        let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.width, model.size.height));
        view::view(model, keys, theme, &mut buffer);
        let mut told = Told { lines: Vec::new(), field: field(model) };
        let place = place(model);
        let is_elsewhere = place != self.place;
        if is_elsewhere {
            told.lines.push(place.clone());
            self.place = place;
            self.lines.clear();
        }
        if is_elsewhere || by_key || self.is_awaiting {
            let lines = match &model.overlay {
                // Nobody wants to hear all of a list before typing what it is searched for.
                Some(Overlay::Picker(picker)) if picker.selected.is_none() => {
                    vec![format!("{} items", picker.matches().len())]
                }
                Some(_) => framed(&buffer),
                None => match &model.params.editing {
                    // The text itself stands in the field, letter by letter.
                    Some(editing) => beneath(editing),
                    None => seen(model, &buffer),
                },
            };
            told.lines.extend(lines.iter().filter(|line| !self.lines.contains(line)).cloned());
            self.is_awaiting = matches!(&lines[..], [line] if line.ends_with('…'));
            self.lines = lines;
            told.lines.extend(self.new_origin(model));
        }
        told.lines.extend(self.newly_running(model));
        let notice =
            model.notice.as_ref().map_or_else(String::new, |notice| match notice.advice.is_empty() {
                true => notice.text.clone(),
                false => format!("{}. {}", notice.text, notice.advice),
            });
        if notice != self.notice {
            told.lines.extend((!notice.is_empty()).then(|| notice.clone()));
            self.notice = notice;
        }
        let field = told.field.as_ref().map(|field| field.text.clone()).unwrap_or_default();
        if told.lines.is_empty() && field == self.field && !by_key {
            told.field = None;
        }
        self.field = field;
        told
    }
}

impl Reader {
    /// Who set the selected value, where that is another one than before.
    fn new_origin(&mut self, model: &Model) -> Option<String> {
        let is_told =
            model.focus == Pane::Parameters && model.overlay.is_none() && model.params.editing.is_none();
        let origin = is_told.then(|| spoken(&panes::params::view::about_selected(model)))?;
        let is_new = !origin.is_empty() && origin != self.origin;
        is_new.then(|| {
            self.origin.clone_from(&origin);
            origin
        })
    }

    /// Runs that have begun to work. Those that work as the dashboard opens are no news.
    fn newly_running(&mut self, model: &Model) -> Vec<String> {
        let rows = model.runs.list.rows.iter().filter(|run| run.status == Status::Running);
        let running: BTreeSet<RunId> = rows.map(|run| run.id).collect();
        let before = self.running.replace(running.clone());
        let new = before.map_or_else(BTreeSet::new, |before| &running - &before);
        new.iter().map(|id| format!("Run {id} is running")).collect()
    }
}

/// Where the keys go.
fn place(model: &Model) -> String {
    if let Some(overlay) = &model.overlay {
        return overlay_title(overlay).to_owned();
    }
    if let Some(editing) = &model.params.editing {
        let name = model.draft.param(&editing.key).map(|param| model.draft.name(param));
        return format!("Editing {}", name.unwrap_or_default());
    }
    let note = match model.focus {
        // They change by themselves.
        Pane::Log | Pane::Runs => String::new(),
        // What it says of the selected one is told with that.
        Pane::Parameters | Pane::Gallery => String::new(),
        pane => panes::note(pane, model),
    };
    let title = model.focus.title();
    if note.is_empty() { title.to_owned() } else { format!("{title}, {}", spoken(&note)) }
}

fn overlay_title(overlay: &Overlay) -> &str {
    match overlay {
        Overlay::Help { .. } => "Help",
        Overlay::Messages { .. } => "Messages",
        Overlay::Picker(picker) => picker.purpose.title(),
        Overlay::Prompt(prompt) => prompt.purpose.title(),
        Overlay::Import(_) => "Import",
        Overlay::Confirm(_) => "Question",
        Overlay::Explore(_) => "Explore",
        Overlay::Lay(_) => "Lay over",
        Overlay::Expansions(_) => "What the text becomes",
        Overlay::Differences(shown) => &shown.title,
    }
}

/// The text that is being typed.
fn field(model: &Model) -> Option<Field> {
    let (name, text): (&str, &TextArea<'_>) = match (&model.overlay, &model.params.editing) {
        (Some(Overlay::Help { filter, .. }), _) => ("Find", filter),
        (Some(Overlay::Picker(picker)), _) => ("Filter", &picker.filter),
        (Some(Overlay::Prompt(prompt)), _) => ("", &prompt.text),
        (Some(Overlay::Explore(explore)), _) => {
            let row = explore.rows.get(explore.selected);
            (row.map_or("Another parameter", |row| row.name.as_str()), explore.text()?)
        }
        (
            Some(
                Overlay::Messages { .. }
                | Overlay::Import(_)
                | Overlay::Confirm(_)
                | Overlay::Differences(_)
                | Overlay::Lay(_)
                | Overlay::Expansions(_),
            ),
            _,
        ) => return None,
        (None, Some(editing)) => ("", &editing.text),
        (None, None) => return None,
    };
    let (row, column) = (text.cursor().0, text.cursor().1);
    let line = text.lines().get(row).map_or("", String::as_str);
    let name = match text.lines().len() {
        0 | 1 if name.is_empty() => String::new(),
        0 | 1 => format!("{name}: "),
        lines => format!("line {} of {lines}: ", row + 1),
    };
    let before: String = line.chars().take(column).collect();
    Some(Field { column: name.width() + before.width(), text: format!("{name}{line}") })
}

/// What stands beneath a field: why its text cannot be kept, and the path that it may become.
fn beneath(editing: &Editing) -> Vec<String> {
    let completions = &editing.completions;
    let path = completions.chosen.and_then(|at| completions.paths.get(at));
    editing.error.iter().chain(path).cloned().collect()
}

/// What is selected in the focused pane, or all that it shows.
fn seen(model: &Model, buffer: &Buffer) -> Vec<String> {
    let Some(body) = layout::regions(model).and_then(|regions| regions.body(model.focus)) else {
        return rows(buffer, buffer.area).collect();
    };
    let Some(bar) = view::bar(model.focus, body, buffer) else { return rows(buffer, body).collect() };
    let last = (bar.y..body.bottom()).take_while(|y| buffer[(bar.x, *y)].symbol() == SELECTED).count() as u16;
    let selected = Rect { x: bar.x + 1, y: bar.y, width: body.right() - bar.x - 1, height: last };
    // What is selected is one thing, over as many rows as it takes.
    let mut lines = vec![rows(buffer, selected).collect::<Vec<_>>().join(" ")];
    match model.focus {
        Pane::Parameters => lines.push(panes::params::view::changed(model)),
        Pane::Gallery => lines.push(spoken(&panes::note(Pane::Gallery, model))),
        Pane::Runs
        | Pane::Details
        | Pane::Log
        | Pane::Output
        | Pane::Compare
        | Pane::Sheet
        | Pane::Server => {}
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// What stands in the frame of an overlay; in a list, what is selected.
fn framed(buffer: &Buffer) -> Vec<String> {
    let find = |symbol: &str| buffer.area.positions().find(|at| buffer[*at].symbol() == symbol);
    let (Some(first), Some(last)) = (find("╭"), find("╯")) else { return Vec::new() };
    let inside = Rect {
        x: first.x + 1,
        y: first.y + 1,
        width: last.x.saturating_sub(first.x + 1),
        height: last.y.saturating_sub(first.y + 1),
    };
    match inside.positions().find(|at| buffer[*at].symbol() == SELECTED) {
        Some(bar) => rows(buffer, Rect { y: bar.y, height: 1, ..inside }).collect(),
        None => rows(buffer, inside).collect(),
    }
}

/// The texts of rows, without those that have none.
fn rows(buffer: &Buffer, area: Rect) -> impl Iterator<Item = String> {
    let row = move |y| {
        let text: String = (area.left()..area.right()).map(|x| buffer[(x, y)].symbol()).collect();
        spoken(&text)
    };
    (area.top()..area.bottom()).map(row).filter(|text| !text.is_empty())
}

/// A row without what is only for the eye: lines, bars and marks, and a comma where columns are parted.
fn spoken(row: &str) -> String {
    let is_drawn = |c: char| matches!(c, '\u{2500}'..='\u{259f}');
    let text: String = row.chars().map(|c| if is_drawn(c) { ' ' } else { c }).collect();
    let parts = text.split("  ").map(str::trim).filter(|part| !part.is_empty());
    let parts = parts.map(|part| part.split(' ').map(key_in_words).collect::<Vec<_>>().join(" "));
    let text = parts.collect::<Vec<_>>().join(", ");
    // The marks of a parameter: set by a preset, and changed by the person.
    match text.strip_prefix("• ") {
        Some(text) => format!("changed: {text}"),
        None => text.strip_prefix("· ").unwrap_or(&text).to_owned(),
    }
}

/// `ctrl+r` for `^R`: a screen reader says no more than the letter of that.
fn key_in_words(word: &str) -> Cow<'_, str> {
    let mut letters = word.strip_prefix('^').unwrap_or_default().chars();
    match (letters.next(), letters.next()) {
        (Some(letter @ 'A'..='Z'), None) => Cow::Owned(format!("ctrl+{}", letter.to_ascii_lowercase())),
        _ => Cow::Borrowed(word),
    }
}

impl Reader {
    /// The bytes that write it on a terminal of so many columns, on the line of the cursor. Of a text that is being typed only
    /// what differs is written: a screen reader says whatever is written, also when it stood there before.
    pub fn bytes(&mut self, told: &Told, columns: u16) -> Vec<u8> {
        if *told == Told::default() {
            return Vec::new();
        }
        let room = usize::from(columns).saturating_sub(1).max(8);
        let before = self.line.take().filter(|_| told.lines.is_empty());
        let line = told.field.as_ref().map(|field| Line::of(field, room, before.as_ref()));
        let text = match (&before, &line) {
            (Some(before), Some(line)) if before.skipped == line.skipped => line.over(before),
            (_, line) => {
                let mut text = String::from("\r\x1b[K");
                for line in &told.lines {
                    text.extend(line.chars().filter(|c| !c.is_control()));
                    text.push_str("\r\n");
                }
                text.extend(line.iter().map(|line| line.over(&Line::default())));
                text
            }
        };
        self.line = line;
        text.into_bytes()
    }
}

impl Line {
    /// What a line of `room` columns shows of a text: the same part as before while the cursor is in that.
    fn of(field: &Field, room: usize, before: Option<&Line>) -> Self {
        let is_seen = |skipped: usize| (skipped..skipped + room).contains(&field.column);
        let skipped = match before.map(|before| before.skipped) {
            Some(skipped) if is_seen(skipped) => skipped,
            // Half of the line is left to go on in.
            Some(_) => field.column.saturating_sub(room / 2),
            None => field.column.saturating_sub(room - 1),
        };
        let shown = field.text.chars().skip(skipped).take(room).filter(|c| !c.is_control()).collect();
        Self { skipped, shown, column: field.column - skipped }
    }

    /// What is written where another line stands.
    fn over(&self, before: &Line) -> String {
        let same = before.shown.chars().zip(self.shown.chars()).take_while(|(a, b)| a == b);
        let (kept, bytes) =
            same.fold((0, 0), |(kept, bytes), (c, _)| (kept + c.width().unwrap_or(0), bytes + c.len_utf8()));
        let (old, new) = (&before.shown[bytes..], &self.shown[bytes..]);
        if old.is_empty() && new.is_empty() {
            return moved(before.column, self.column);
        }
        let clear = if new.width() < old.width() { "\x1b[K" } else { "" };
        let end = kept + new.width();
        [moved(before.column, kept), new.to_owned(), clear.to_owned(), moved(end, self.column)].concat()
    }
}

/// Moves the cursor along its line.
fn moved(from: usize, to: usize) -> String {
    match (to.checked_sub(from), from.checked_sub(to)) {
        (Some(0), _) => String::new(),
        (_, Some(_)) if to == 0 => "\r".to_owned(),
        (Some(right), _) => format!("\x1b[{right}C"),
        (_, left) => format!("\x1b[{}D", left.unwrap_or_default()),
    }
}
