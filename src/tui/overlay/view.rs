//! Draws the open overlay: a list, a field, a question or the help.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::Widget;
use tui_textarea::TextArea;
use unicode_width::UnicodeWidthStr;

use super::{Confirm, Overlay, Picker, Prompt};
use crate::tui::command::{Keymap, Scope};
use crate::tui::key::Key;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::paint::{centred, completions, frame, inside, put, put_right, without_right};
use crate::tui::wrap::wrap;

pub fn draw(
    model: &Model,
    overlay: &Overlay,
    keys: &Keymap,
    theme: &Theme,
    buffer: &mut Buffer,
) -> Option<Position> {
    match overlay {
        Overlay::Help { filter, scroll } => help(filter, *scroll, keys, theme, buffer),
        Overlay::Messages { scroll } => {
            super::messages::draw(model, *scroll, theme, buffer);
            None
        }
        Overlay::Picker(shown) => picker(shown, theme, buffer),
        Overlay::Prompt(shown) => prompt(model, shown, theme, buffer),
        Overlay::Import(shown) => {
            super::import::draw(model, shown, theme, buffer);
            None
        }
        Overlay::Explore(shown) => super::explore::draw(model, shown, theme, buffer),
        Overlay::Confirm(shown) => {
            confirm(shown, theme, buffer);
            None
        }
    }
}

/// A line of typed text. Returns where the cursor is.
pub(super) fn line(
    buffer: &mut Buffer,
    area: Rect,
    sign: &str,
    text: &TextArea<'_>,
    theme: &Theme,
) -> Position {
    let x = put(buffer, area, area.x, area.y, sign, theme.accent) + 1;
    let field = Rect { x, width: area.right().saturating_sub(x), height: 1, ..area };
    text.render(field, buffer);
    let left = text.scroll_offset().1;
    let column = u16::try_from(text.screen_cursor().col).unwrap_or(u16::MAX).saturating_sub(left);
    Position { x: (x + column).min(area.right().saturating_sub(1)), y: area.y }
}

/// Columns of the keys in help.
const HELP_KEYS: u16 = 14;

/// A line of help: a heading, or keys and what they do.
#[derive(Default)]
struct HelpLine {
    keys: String,
    text: String,
    heading: bool,
}

fn help_place(screen: Rect) -> Rect {
    centred(screen, 96, screen.height)
}

/// Number of help lines visible at once, below the filter and its rule.
fn help_room(place: Rect) -> usize {
    usize::from(inside(place).height.saturating_sub(2))
}

/// How far help can be scrolled on the present screen.
pub fn help_end(model: &Model, filter: &TextArea<'_>, keys: &Keymap) -> usize {
    let place = help_place(Rect::new(0, 0, model.size.width, model.size.height));
    let lines = help_lines(filter, keys, usize::from(inside(place).width));
    lines.len().saturating_sub(help_room(place))
}

/// The commands that match the filter. Commands that a pane shares with an earlier one are merged into one line.
fn help_lines(filter: &TextArea<'_>, keys: &Keymap, width: usize) -> Vec<HelpLine> {
    let wanted = filter.lines().join("").to_lowercase();
    let width = width.saturating_sub(usize::from(HELP_KEYS)).max(8);
    let mut lines: Vec<HelpLine> = Vec::new();
    let mut listed: Vec<(Scope, &str, &[Key])> = Vec::new();
    for scope in Scope::all() {
        let mut rows: Vec<(String, String)> = Vec::new();
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
                    rows.push((shown, command.long.to_owned()));
                }
            }
        }
        if let Some((before, _)) = common.first() {
            let keys = common.iter().map(|(_, keys)| keys.as_str()).collect::<Vec<_>>().join(" ");
            let reference = format!("As in {}", before.title());
            rows.push(match keys.width() < usize::from(HELP_KEYS) {
                true => (keys, reference),
                false => (String::new(), format!("{reference}: {keys}")),
            });
        }
        if rows.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(HelpLine::default());
        }
        lines.push(HelpLine { keys: scope.title().to_owned(), heading: true, ..HelpLine::default() });
        for (mut keys, text) in rows {
            for text in wrap(&text, width) {
                lines.push(HelpLine {
                    keys: std::mem::take(&mut keys),
                    text: text.to_owned(),
                    heading: false,
                });
            }
        }
    }
    if lines.is_empty() {
        let text = "No command matches.".to_owned();
        lines.push(HelpLine { text, ..HelpLine::default() });
    }
    lines
}

fn help(
    filter: &TextArea<'_>,
    scroll: usize,
    keys: &Keymap,
    theme: &Theme,
    buffer: &mut Buffer,
) -> Option<Position> {
    let area = help_place(buffer.area);
    frame(buffer, area, "Help", theme.quiet, theme.accent);
    let inner = inside(area);
    let cursor = line(buffer, inner, "/", filter, theme);
    let lines = help_lines(filter, keys, usize::from(inner.width));
    let room = help_room(area);
    let scroll = scroll.min(lines.len().saturating_sub(room));
    for (line, y) in lines.iter().skip(scroll).zip(inner.y + 2..inner.bottom()) {
        let left =
            Rect { width: inner.width.min(if line.heading { inner.width } else { HELP_KEYS - 1 }), ..inner };
        put(buffer, left, inner.x, y, &line.keys, if line.heading { theme.heading } else { theme.key });
        put(buffer, inner, inner.x + HELP_KEYS, y, &line.text, theme.text);
    }
    let more = lines.len() - (scroll + room).min(lines.len());
    let hint = if more > 0 { format!(" {more} more ↓ · Esc closes ") } else { " Esc closes ".to_owned() };
    put_right(buffer, without_right(area, 2), area.bottom() - 1, &hint, theme.quiet);
    Some(cursor)
}

/// The area of a list, and the index of its first visible item.
fn picker_place(screen: Rect, picker: &Picker, items: usize) -> (Rect, usize) {
    let height = u16::try_from(items).unwrap_or(u16::MAX).saturating_add(4).max(7);
    let area = centred(screen, picker.purpose.width(), height);
    let room = usize::from(inside(area).height.saturating_sub(2));
    (area, picker.selected.map_or(0, |at| (at + 1).saturating_sub(room)))
}

/// The index of the item at a position of the screen.
pub fn picker_item_at(model: &Model, picker: &Picker, at: Position) -> Option<usize> {
    let items = picker.matches().len();
    let (area, scroll) = picker_place(Rect::new(0, 0, model.size.width, model.size.height), picker, items);
    let list = inside(area);
    let list = Rect { y: list.y + 2, height: list.height.saturating_sub(2), ..list };
    let index = scroll + usize::from(at.y.saturating_sub(list.y));
    (list.contains(at) && index < items).then_some(index)
}

fn picker(picker: &Picker, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let items = picker.matches();
    let (area, scroll) = picker_place(buffer.area, picker, items.len());
    frame(buffer, area, picker.purpose.title(), theme.quiet, theme.accent);
    let inner = inside(area);
    let cursor = line(buffer, inner, "›", &picker.filter, theme);
    let label_width = items.iter().map(|item| item.label.width()).max().unwrap_or(0).min(32) as u16;
    if items.is_empty() {
        let text = if picker.loading { "Reading…" } else { "Nothing matches" };
        put(buffer, inner, inner.x, inner.y + 2, text, theme.quiet);
    }
    for ((at, item), y) in items.iter().enumerate().skip(scroll).zip(inner.y + 2..inner.bottom()) {
        let selected = picker.selected == Some(at);
        if selected {
            put(buffer, inner, inner.x, y, "▌", theme.accent);
        }
        let style = match (selected, item.disabled.is_some() || item.elsewhere.is_some()) {
            (_, true) => theme.quiet,
            (true, false) => theme.selected,
            (false, false) => theme.text,
        };
        let note = match item.is_open {
            true if item.note.is_empty() => "now".to_owned(),
            true => format!("{} · now", item.note),
            false => item.note.clone(),
        };
        let note = match (item.elsewhere, note.is_empty()) {
            (Some(place), true) => place.to_owned(),
            (Some(place), false) => format!("{place}  {note}"),
            (None, _) => note,
        };
        let note = put_right(buffer, inner, y, &note, theme.quiet);
        let room = without_right(inner, inner.right() - note + 1);
        put(buffer, Rect { width: label_width + 2, ..room }, inner.x + 2, y, &item.label, style);
        let detail = item.disabled.unwrap_or(&item.detail);
        put(buffer, room, inner.x + label_width + 4, y, detail, theme.quiet);
    }
    put_right(
        buffer,
        without_right(area, 2),
        area.bottom() - 1,
        &format!(" {} · Esc closes ", picker.purpose.hint()),
        theme.quiet,
    );
    Some(cursor)
}

/// Where the selected item of a list begins.
pub fn selected(overlay: &Overlay, screen: Rect) -> Option<Position> {
    let Overlay::Picker(picker) = overlay else { return None };
    let (area, scroll) = picker_place(screen, picker, picker.matches().len());
    let line = u16::try_from(picker.selected?.checked_sub(scroll)?).ok()?;
    let inner = inside(area);
    Some(Position { x: inner.x, y: inner.y + 2 + line }).filter(|at| inner.contains(*at))
}

/// Filters are typed in the bottom line, so that what they filter stays in sight.
fn prompt(model: &Model, prompt: &Prompt, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let title = prompt.purpose.title();
    if prompt.purpose.is_filter() {
        let y = model.size.height.saturating_sub(1);
        let area = Rect { x: 1, y, width: model.size.width.saturating_sub(2), height: 1 };
        for x in 0..model.size.width {
            buffer[(x, y)].reset();
        }
        put_right(buffer, area, y, "Enter keeps · Esc takes back", theme.quiet);
        let x = put(buffer, area, area.x, y, title, theme.quiet) + 1;
        let field = Rect { x, width: area.right().saturating_sub(x + 30), ..area };
        return Some(line(buffer, field, "/", &prompt.text, theme));
    }
    let below = prompt.completions.lines() as u16;
    let area = centred(buffer.area, 70, 5 + if below > 0 { below + 1 } else { 0 });
    frame(buffer, area, title, theme.quiet, theme.accent);
    let inner = inside(area);
    let cursor = line(buffer, Rect { y: inner.y + 1, ..inner }, "›", &prompt.text, theme);
    if below > 0 {
        completions(&prompt.completions, Rect { y: inner.y + 3, height: below, ..inner }, theme, buffer);
    }
    if let Some(error) = &prompt.error {
        put(buffer, inner, inner.x, inner.y + 2, &format!("✗ {error}"), theme.bad);
    }
    put_right(buffer, without_right(area, 2), area.bottom() - 1, " Enter · Esc closes ", theme.quiet);
    Some(cursor)
}

fn confirm(confirm: &Confirm, theme: &Theme, buffer: &mut Buffer) {
    let width = 64_u16.min(buffer.area.width.saturating_sub(4));
    let columns = usize::from(width.saturating_sub(4));
    let question = wrap(&confirm.question, columns);
    let consequence = wrap(&confirm.consequence, columns);
    let height = (question.len() + consequence.len() + 5) as u16;
    let area = centred(buffer.area, width, height);
    frame(buffer, area, "", theme.accent, theme.accent);
    let inner = inside(area);
    let mut y = inner.y;
    for text in question {
        put(buffer, inner, inner.x, y, text, theme.selected);
        y += 1;
    }
    for text in consequence {
        put(buffer, inner, inner.x, y, text, theme.quiet);
        y += 1;
    }
    y += 1;
    let x = put(buffer, inner, inner.x, y, "y", theme.key) + 1;
    let mut x = put(buffer, inner, x, y, confirm.yes, theme.text) + 3;
    if let Some((key, name, _)) = confirm.then.third() {
        x = put(buffer, inner, x, y, &key.to_string(), theme.key) + 1;
        x = put(buffer, inner, x, y, name, theme.text) + 3;
    }
    let x = put(buffer, inner, x, y, "n", theme.key) + 1;
    put(buffer, inner, x, y, confirm.then.no(), theme.text);
}
