//! Every key, searchable: those of the pane that has the focus first.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tui_textarea::TextArea;
use unicode_width::UnicodeWidthStr;

use super::parts::{line, more_below};
use crate::tui::command::{Keymap, Scope};
use crate::tui::key::Key;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{centred, frame, inside, put, put_right};
use crate::tui::wrap::wrap;

/// Columns of the keys.
const KEYS: u16 = 16;

/// A line of help.
#[derive(Default)]
struct HelpLine {
    keys: String,
    text: String,
    /// The command's name in `[keys]` and in the palette.
    name: &'static str,
    heading: bool,
    /// It does nothing where the person is now.
    idle: bool,
}

/// A command among the others of its place.
struct Row {
    keys: String,
    text: String,
    name: &'static str,
    idle: bool,
}

fn place(screen: Rect) -> Rect {
    centred(screen, 96, screen.height)
}

/// Lines visible at once, below the filter and its rule.
fn room(place: Rect) -> usize {
    usize::from(inside(place).height.saturating_sub(2))
}

/// How far help can be scrolled on the present screen.
pub fn end(model: &Model, filter: &TextArea<'_>, keys: &Keymap) -> usize {
    let place = place(Rect::new(0, 0, model.size.width, model.size.height));
    let lines = lines(model, filter, keys, usize::from(inside(place).width));
    lines.len().saturating_sub(room(place))
}

/// The places of commands, that of the person first.
fn scopes(model: &Model) -> Vec<Scope> {
    let own: Vec<Scope> = match model.params.editing {
        Some(_) => vec![Scope::Editing, Scope::Typing],
        None => vec![Scope::Pane(model.focus)],
    };
    let others = Scope::all().filter(|scope| !own.contains(scope));
    own.iter().copied().chain(others).collect()
}

/// The commands that match the filter. What a pane shares with an earlier one is merged into one line; of the pane's own
/// keys those that do nothing now come last, with the reason.
fn lines(model: &Model, filter: &TextArea<'_>, keys: &Keymap, width: usize) -> Vec<HelpLine> {
    let wanted = filter.lines().join("").to_lowercase();
    let mut lines: Vec<HelpLine> = Vec::new();
    let mut listed: Vec<(Scope, &str, &[Key])> = Vec::new();
    for scope in scopes(model) {
        let mut rows: Vec<Row> = Vec::new();
        let mut common: Vec<(Scope, String)> = Vec::new();
        for row in keys.rows().iter().filter(|row| row.place.scope == scope && !row.keys.is_empty()) {
            let (command, keys) = (row.command, row.keys.as_slice());
            let shown = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            let texts = [command.long, command.short, command.name, &shown];
            if !texts.iter().any(|text| text.to_lowercase().contains(&wanted)) {
                continue;
            }
            match listed.iter().find(|(_, name, other)| *name == command.name && *other == keys) {
                Some((before, ..)) => common.push((*before, shown)),
                None => {
                    listed.push((scope, command.name, keys));
                    let why = (command.when)(model).err().filter(|_| scope.is_here(model));
                    let text = why.map_or_else(
                        || command.long.to_owned(),
                        |why| format!("{}. Now: {why}", command.long),
                    );
                    rows.push(Row { keys: shown, text, name: row.name(), idle: why.is_some() });
                }
            }
        }
        rows.sort_by_key(|row| row.idle);
        if let Some((before, _)) = common.first() {
            let keys = common.iter().map(|(_, keys)| keys.as_str()).collect::<Vec<_>>().join(" ");
            let reference = format!("As in {}", before.title());
            let (keys, text) = match keys.width() < usize::from(KEYS) {
                true => (keys, reference),
                false => (String::new(), format!("{reference}: {keys}")),
            };
            rows.push(Row { keys, text, name: "", idle: false });
        }
        if rows.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(HelpLine::default());
        }
        lines.push(HelpLine { keys: scope.title().to_owned(), heading: true, ..HelpLine::default() });
        rows.into_iter().for_each(|row| put_row(row, width, &mut lines));
    }
    if lines.is_empty() {
        let text = "No command matches.".to_owned();
        lines.push(HelpLine { text, ..HelpLine::default() });
    }
    lines
}

/// A command in as many lines as it takes, its name at the right of the last one, or beneath.
fn put_row(row: Row, width: usize, lines: &mut Vec<HelpLine>) {
    let width = width.saturating_sub(usize::from(KEYS)).max(8);
    let mut keys = row.keys;
    let texts = wrap(&row.text, width);
    let is_beside = texts.last().is_none_or(|last| last.width() + 2 + row.name.width() <= width);
    let last = texts.len() - 1;
    for (at, text) in texts.into_iter().enumerate() {
        lines.push(HelpLine {
            keys: std::mem::take(&mut keys),
            text: text.to_owned(),
            name: if is_beside && at == last { row.name } else { "" },
            heading: false,
            idle: row.idle,
        });
    }
    if !is_beside {
        lines.push(HelpLine { name: row.name, ..HelpLine::default() });
    }
}

pub fn draw(
    model: &Model,
    filter: &TextArea<'_>,
    scroll: usize,
    keys: &Keymap,
    theme: &Theme,
    buffer: &mut Buffer,
) -> Option<Position> {
    let area = place(buffer.area);
    frame(buffer, area, "Help", theme.quiet, theme.accent);
    let inner = inside(area);
    let cursor = line(buffer, inner, "/", filter, theme);
    put_right(buffer, inner, inner.y + 1, "name in [keys]", theme.quiet);
    let lines = lines(model, filter, keys, usize::from(inner.width));
    let room = room(area);
    let scroll = scroll.min(lines.len().saturating_sub(room));
    for (line, y) in lines.iter().skip(scroll).zip(inner.y + 2..inner.bottom()) {
        let left =
            Rect { width: inner.width.min(if line.heading { inner.width } else { KEYS - 1 }), ..inner };
        let style = match (line.heading, line.idle) {
            (true, _) => theme.heading,
            (false, false) => theme.key,
            (false, true) => theme.quiet,
        };
        put(buffer, left, inner.x, y, &line.keys, style);
        put(buffer, inner, inner.x + KEYS, y, &line.text, if line.idle { theme.quiet } else { theme.text });
        put_right(buffer, inner, y, line.name, theme.quiet);
    }
    more_below(buffer, area, lines.len().saturating_sub(scroll + room), theme);
    Some(cursor)
}
