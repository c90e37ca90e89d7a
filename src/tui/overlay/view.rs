//! Draws the open overlay: a list, a field, a question or the help.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use super::parts::{line, more_below};
use super::{Choosing, Confirm, Overlay, Picker, Prompt};
use crate::domain::about::about;
use crate::tui::command::Keymap;
use crate::tui::completions::Completions;
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
        Overlay::Help { filter, scroll } => super::help::draw(model, filter, *scroll, keys, theme, buffer),
        Overlay::Messages { scroll } => {
            super::messages::draw(model, *scroll, theme, buffer);
            None
        }
        Overlay::Picker(shown) => picker(model, shown, theme, buffer),
        Overlay::Differences(shown) => {
            super::differences::draw(model, shown, theme, buffer);
            None
        }
        Overlay::Prompt(shown) => prompt(model, shown, theme, buffer),
        Overlay::Import(shown) => {
            super::import::draw(model, shown, theme, buffer);
            None
        }
        Overlay::Lay(shown) => {
            super::lay::draw(model, shown, theme, buffer);
            None
        }
        Overlay::Expansions(shown) => {
            super::expansions::draw(model, shown, theme, buffer);
            None
        }
        Overlay::Explore(shown) => super::explore::draw(model, shown, theme, buffer),
        Overlay::Confirm(shown) => {
            confirm(shown, theme, buffer);
            None
        }
    }
}

/// Columns of a list: names of files need more than the words of a choice.
fn width(picker: &Picker) -> u16 {
    /// Most columns of a list of values, and those beside their names.
    const WIDEST: usize = 84;
    const BESIDE: usize = 24;
    let usual = picker.purpose.width();
    if !matches!(picker.purpose, Choosing::Value(_) | Choosing::Several(_)) {
        return usual;
    }
    let longest = picker.items.iter().map(|item| item.label.len()).max().unwrap_or(0);
    usual.max((longest + BESIDE).min(WIDEST) as u16)
}

/// The area of a list, and the index of its first visible item.
fn picker_place(screen: Rect, picker: &Picker, items: usize) -> (Rect, usize) {
    let height = u16::try_from(items).unwrap_or(u16::MAX).saturating_add(4).max(7);
    let area = centred(screen, width(picker), height);
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

fn picker(model: &Model, picker: &Picker, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let items = picker.matches();
    let (area, scroll) = picker_place(buffer.area, picker, items.len());
    let title = match &picker.purpose {
        // What is chosen for.
        Choosing::Value(key) | Choosing::Several(key) => {
            model.draft.param(key).map_or("Choose", |param| model.draft.name(param))
        }
        purpose => purpose.title(),
    };
    let is_marking = matches!(picker.purpose, Choosing::Several(_));
    frame(buffer, area, title, theme.quiet, theme.accent);
    if let Some(at) = picker.selected.filter(|at| *at < items.len()) {
        let mut position = format!(" {} of {} ", at + 1, items.len());
        if is_marking {
            position = format!(" {} marked ·{position}", picker.marked.len());
        }
        put_right(buffer, without_right(area, 2), area.y, &position, theme.quiet);
    }
    let inner = inside(area);
    let cursor = line(buffer, inner, "›", &picker.filter, theme);
    if let Choosing::Value(key) | Choosing::Several(key) = &picker.purpose
        && let Some(param) = model.draft.param(key)
    {
        put(buffer, inner, inner.x, inner.y + 1, &about(param), theme.quiet);
    }
    let longest = items.iter().map(|item| item.label.width()).max().unwrap_or(0);
    // Without anything about the items they have the line to themselves.
    let is_alone = items.iter().all(|item| item.detail.is_empty() && item.disabled.is_none());
    let label_width = longest.min(if is_alone { usize::from(inner.width) } else { 32 }) as u16;
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
        // Behind its sign.
        let signed = if is_marking { 2 } else { 0 };
        if is_marking {
            let (sign, style) = match picker.marked.contains(&item.id) {
                true => ("●", theme.accent),
                false => ("○", theme.quiet),
            };
            put(buffer, inner, inner.x + 2, y, sign, style);
        }
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
        let label = Rect { width: (label_width + 2 + signed).min(room.width), ..room };
        put(buffer, label, inner.x + 2 + signed, y, &item.label, style);
        let detail = item.disabled.unwrap_or(&item.detail);
        put(buffer, room, inner.x + label_width + 4 + signed, y, detail, theme.quiet);
    }
    more_below(
        buffer,
        area,
        items.len().saturating_sub(scroll + usize::from(inner.height.saturating_sub(2))),
        theme,
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
        let (told, style) = match &prompt.error {
            Some(error) => (format!("✗ {error}"), theme.bad),
            None if prompt.completions.paths.is_empty() => {
                ("Enter keep   Esc restore".to_owned(), theme.quiet)
            }
            None => ("Tab complete   Enter keep   Esc restore".to_owned(), theme.quiet),
        };
        let right = area.right().saturating_sub(put_right(buffer, area, y, &told, style));
        offered(&prompt.completions, y, theme, buffer);
        let x = put(buffer, area, area.x, y, title, theme.text) + 1;
        let field = Rect { x, width: area.right().saturating_sub(x + right + 2).max(12), ..area };
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
    match (&prompt.error, prompt.purpose.example()) {
        (Some(error), _) => {
            put(buffer, inner, inner.x, inner.y + 2, &format!("✗ {error}"), theme.bad);
        }
        (None, Some(example)) => {
            put(buffer, inner, inner.x + 2, inner.y + 2, example, theme.quiet);
        }
        (None, None) => {}
    }
    Some(cursor)
}

/// What a filter may become, above it.
fn offered(shown: &Completions, below: u16, theme: &Theme, buffer: &mut Buffer) {
    let lines = (shown.lines() as u16).min(below);
    let area = Rect { x: 0, y: below - lines, width: buffer.area.width, height: lines };
    for at in area.positions() {
        buffer[at].reset();
    }
    completions(shown, Rect { x: 1, width: area.width.saturating_sub(2), ..area }, theme, buffer);
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
