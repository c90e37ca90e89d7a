//! Draws the parameters: `bar mark label value … hint`.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use crate::domain::about::about;
use crate::domain::draft::LoraLine;
use crate::domain::param::Range;
use crate::domain::{Origin, ParamKey, ParamKind, Parameter, Said, Setting, value};
use crate::report::text::cut;
use crate::tui::command::Keymap;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::panes::params::lines::{FieldLines, TAB};
use crate::tui::panes::params::rows::{self, INDENT, Row};
use crate::tui::panes::params::{Editing, hint, setting_text};
use crate::tui::text;
use crate::tui::theme::Theme;
use crate::tui::typing;
use crate::tui::view::paint::{completions, put, put_right, without_right};
use crate::tui::wrap::wrapped;

/// The text of the title line.
pub fn note(model: &Model) -> String {
    if !model.params.filter.is_empty() {
        return format!("/ {}", model.params.filter);
    }
    if let Some(line) = edited_line(model) {
        return line;
    }
    let notes = [about_selected(model), changed(model)];
    notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("   ")
}

/// How many values a person changed.
pub fn changed(model: &Model) -> String {
    match model.draft.changes() {
        0 => String::new(),
        count => format!("{count} changed"),
    }
}

/// Who set the selected value, and the range of a number that is edited. It stands in the title line and not in the row:
/// there each move would write it again, and what it stands over.
pub fn about_selected(model: &Model) -> String {
    let Some(param) = model.params.selected.as_ref().and_then(|key| model.draft.param(key)) else {
        return String::new();
    };
    match param.kind {
        ParamKind::Integer | ParamKind::Float if model.params.editing.is_some() => {
            range(&param.range).unwrap_or_default()
        }
        // Its row says who set it, and what comes after.
        ParamKind::Seed => String::new(),
        _ => {
            let notes = [choices(model, &param.key).to_owned(), who_set_it(&model.draft.origin(&param.key))];
            notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("   ")
        }
    }
}

/// What becomes of the choices in a text.
fn choices(model: &Model, key: &ParamKey) -> &'static str {
    if model.draft.is_literal(key) { "choices sent as written" } else { "" }
}

/// Where the cursor is in a text of several lines.
fn edited_line(model: &Model) -> Option<String> {
    let editing = model.params.editing.as_ref().filter(|editing| editing.multiline)?;
    let body = layout::regions(model)?.body(Pane::Parameters)?;
    let columns = rows::rows(model, body.width).columns(body.width);
    let lines = FieldLines::of(&editing.text, columns);
    let count = lines.count();
    (count > 1).then(|| format!("line {} of {count}", lines.caret.0 + 1))
}

pub fn draw(
    model: &Model,
    keys: &Keymap,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    if model.draft.params().is_empty() {
        empty(model, keys, theme, area, buffer);
        return None;
    }
    let rows = rows::rows(model, area.width);
    if rows.rows.is_empty() {
        put(buffer, area, area.x + 2, area.y, "No parameter matches. Esc clears the filter", theme.quiet);
        return None;
    }
    let (label_width, origin_width) = (rows.label_width, rows.origin_width as u16);
    let mut cursor = None;
    let mut y = 0;
    for row in &rows.rows {
        let (top, bottom) = (y, y + row.height());
        y = bottom;
        if bottom <= model.params.scroll {
            continue;
        }
        if top >= model.params.scroll + usize::from(area.height) {
            break;
        }
        let skipped = model.params.scroll.saturating_sub(top);
        let line = area.y + (top + skipped - model.params.scroll) as u16;
        let height = (row.height() - skipped).min(usize::from(area.bottom() - line)) as u16;
        let place = Rect { y: line, height, ..area };
        match row {
            Row::Heading(text) => {
                put(buffer, place, place.x + 2, place.y, text, theme.heading);
            }
            Row::Param { index, pinned, of, height } => {
                let param = &model.draft.params()[*index];
                let label = rows::label(model, param, *of);
                let (pinned, lines) = (*pinned, *height);
                let row = ParamRow { model, theme, param, label: &label, label_width, pinned, lines };
                if origin_width > 0 && skipped == 0 {
                    let origin = cut(
                        &rows::told_origin(&model.draft.origin(&param.key)),
                        usize::from(origin_width) - 2,
                    );
                    put_right(buffer, place, place.y, &origin, theme.quiet);
                }
                let place = Rect { width: place.width.saturating_sub(origin_width), ..place };
                cursor = row.draw(place, skipped, buffer).or(cursor);
            }
        }
    }
    cursor
}

/// What to do first: by the hand where nothing is set up yet.
fn empty(model: &Model, keys: &Keymap, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let [open, presets, run] = ["open-workflow", "presets", "run"].map(|name| keys.hint(name));
    let [demo, quit] = ["demo", "quit"].map(|name| keys.hint(name));
    let export = "In ComfyUI, Workflow > Export (API) writes that file.".to_owned();
    let lines: Vec<(String, String)> = if model.open.profile.is_some() {
        vec![
            (String::new(), "No workflow is open.".to_owned()),
            (open, "opens a workflow_api.json".to_owned()),
            (presets, "shows the presets".to_owned()),
            (String::new(), export),
        ]
    } else {
        vec![
            (String::new(), "Welcome. Nothing is set up yet.".to_owned()),
            (demo, "opens the demo: nothing leaves this machine".to_owned()),
            (quit, "leaves; then `comfydeck init` asks where your runs go".to_owned()),
            (open, "opens a workflow_api.json".to_owned()),
            (run, "runs it, once there is a place to run".to_owned()),
            (String::new(), export),
        ]
    };
    let mut y = area.y + 1;
    for (key, what) in lines {
        // A sentence stands apart from the keys.
        if key.is_empty() && y > area.y + 1 {
            y += 1;
        }
        let x = if key.is_empty() {
            area.x + 2
        } else {
            put(buffer, area, area.x + 2, y, &format!("{key:<3}"), theme.key)
        };
        put(buffer, area, x, y, &what, theme.text);
        y += if key.is_empty() { 2 } else { 1 };
    }
}

struct ParamRow<'a> {
    model: &'a Model,
    theme: &'a Theme,
    param: &'a Parameter,
    label: &'a str,
    label_width: usize,
    pinned: bool,
    /// Lines of the whole row.
    lines: usize,
}

impl ParamRow<'_> {
    fn is_selected(&self) -> bool {
        self.model.params.selected.as_ref() == Some(&self.param.key)
    }

    fn draw(&self, place: Rect, skipped: usize, buffer: &mut Buffer) -> Option<Position> {
        let Self { model, theme, param, .. } = self;
        let selected = self.is_selected();
        let focused = model.focus == Pane::Parameters;
        if selected {
            let style = if focused { theme.accent } else { theme.quiet };
            for y in place.top()..place.bottom() {
                put(buffer, place, place.x, y, "▌", style);
            }
        }
        if skipped == 0 {
            let (mark, style) = match self.origin() {
                Origin::Person { .. } => ("•", theme.accent),
                Origin::Form | Origin::Preset { .. } | Origin::Program { .. } => ("·", theme.text),
                Origin::Workflow => (" ", theme.quiet),
            };
            put(buffer, place, place.x + 1, place.y, mark, style);
            let label = Rect { x: place.x + 3, width: self.label_width as u16, ..place };
            let style = if selected && focused { theme.selected } else { theme.text };
            put(buffer, label, label.x, place.y, self.label, style);
        }
        let x = place.x + (INDENT + self.label_width) as u16;
        let value = Rect { x, width: place.right().saturating_sub(x), ..place };
        match model.params.editing.as_ref().filter(|editing| editing.key == param.key) {
            Some(editing) => self.draw_editing(editing, value, buffer),
            None => {
                self.draw_value(value, skipped, buffer);
                None
            }
        }
    }

    /// Who set it; of a LoRA's row, any of it.
    fn origin(&self) -> Origin {
        let own = self.model.draft.origin(&self.param.key);
        let parts = self.param.lora.iter().flat_map(|row| row.parts());
        let of_parts = parts.map(|key| self.model.draft.origin(key));
        of_parts.fold(own, |own, part| match (&own, &part) {
            (Origin::Workflow, _) | (_, Origin::Person { .. }) => part,
            _ => own,
        })
    }

    fn draw_value(&self, area: Rect, skipped: usize, buffer: &mut Buffer) {
        let theme = self.theme;
        let setting = self.model.draft.setting(&self.param.key);
        let text = setting.as_ref().map(setting_text).unwrap_or_default().replace('\t', TAB);
        if self.param.kind == ParamKind::LongText {
            return self.draw_long(&text, area, skipped, buffer);
        }
        let (hint, style) = hint::hint(self.model, theme, self.param, self.pinned);
        // A number is what runs: it is not cut for a hint.
        let is_number = matches!(self.param.kind, ParamKind::Seed | ParamKind::Integer | ParamKind::Float);
        let is_crowded = is_number && text.width() + 1 + hint.width() > usize::from(area.width);
        let hint_x = if hint.is_empty() || area.width < 16 || is_crowded {
            area.right()
        } else {
            put_right(buffer, area, area.y, &hint, style)
        };
        let room = without_right(area, area.right() - hint_x + u16::from(hint_x < area.right()));
        let style = match self.param.kind {
            ParamKind::Link => theme.quiet,
            _ if text.is_empty() => theme.quiet,
            _ => theme.text,
        };
        if let Some(Setting::Value(value)) = &setting {
            if let Some(line) = self.model.draft.lora(&self.param.key) {
                return draw_lora(&line, room, theme, buffer);
            }
            if self.param.is_switch() && !value::is_unfilled(value) {
                let sign = if self.param.is_on(value) { "●" } else { "○" };
                let word = match value.as_bool() {
                    Some(is_on) => self.param.word_of(is_on),
                    None => &text,
                };
                put(buffer, room, room.x, room.y, &format!("{sign} {word}"), style);
                return;
            }
        }
        let shown = match &setting {
            Some(Setting::Value(value))
                if value.is_null() && matches!(self.param.kind, ParamKind::File(_)) =>
            {
                "none"
            }
            _ if text.is_empty() => "empty",
            Some(Setting::Value(value)) if value.is_null() && self.param.kind == ParamKind::Link => {
                "not wired"
            }
            _ => &text,
        };
        // Paths differ at their end.
        let is_path = matches!(self.param.kind, ParamKind::File(_));
        let kept = text::cut_start(shown, usize::from(room.width));
        let shown = if is_path { &kept } else { shown };
        put(buffer, room, room.x, room.y, shown, style);
    }

    /// Draws the first lines of a long text, wrapped, with a sign when there is more.
    fn draw_long(&self, text: &str, area: Rect, skipped: usize, buffer: &mut Buffer) {
        if text.is_empty() {
            put(buffer, area, area.x, area.y, "empty", self.theme.quiet);
            return;
        }
        let width = usize::from(area.width);
        let most = self.lines;
        let lines = text.split('\n').flat_map(|line| wrapped(line, width));
        let mut lines = lines.take(most + 1).collect::<Vec<_>>();
        let is_cut = lines.len() > most;
        lines.truncate(most);
        let last = lines.len() - 1;
        let first = lines.first().map_or(0, |line| line.width());
        if let Some(hint) = hint::to_be_filled(self.model, self.param)
            && skipped == 0
            && first + 2 + hint.width() <= width
        {
            put_right(buffer, area, area.y, &hint, self.theme.accent);
        }
        for (at, line) in lines.into_iter().enumerate().skip(skipped) {
            let y = area.y + (at - skipped) as u16;
            if y >= area.bottom() {
                break;
            }
            put(buffer, area, area.x, y, line, self.theme.text);
            if is_cut && at == last {
                put_right(buffer, area, y, " …", self.theme.quiet);
            }
        }
    }

    fn draw_editing(&self, editing: &Editing, area: Rect, buffer: &mut Buffer) -> Option<Position> {
        let theme = self.theme;
        let about = about(self.param);
        let help = rows::help_lines(self.param, &about, usize::from(area.width));
        let extra = (editing.lines_below() + help.len()) as u16;
        let field = Rect { height: area.height.saturating_sub(extra).max(1), ..area };
        let (column, row) = match editing.multiline {
            true => draw_lines(editing, field, theme, buffer),
            false => draw_line(editing, field, theme, buffer),
        };
        let mut y = field.bottom();
        if let Some(error) = &editing.error {
            put(buffer, area, area.x, y, &format!("✗ {error}"), theme.bad);
            y += 1;
        }
        completions(
            &editing.completions,
            Rect { y, height: area.bottom().saturating_sub(y), ..area },
            theme,
            buffer,
        );
        for (line, y) in help.iter().rev().zip((field.bottom()..area.bottom()).rev()) {
            put(buffer, area, area.x, y, line, theme.quiet);
        }
        let x = (field.x + column).min(field.right().saturating_sub(1));
        let is_seen = row < field.height && (self.model.park_cursor || !typing::has_selection(&editing.text));
        is_seen.then_some(Position { x, y: field.y + row })
    }
}

/// A long text in its field. Returns column and row of the caret there.
fn draw_lines(editing: &Editing, field: Rect, theme: &Theme, buffer: &mut Buffer) -> (u16, u16) {
    let lines = FieldLines::of(&editing.text, usize::from(field.width));
    let selection = editing.text.selection_range();
    for ((text, selected), y) in lines.seen(editing.scroll, selection).zip(field.top()..field.bottom()) {
        put(buffer, field, field.x, y, text, theme.text);
        let columns = |at: usize| field.x.saturating_add(u16::try_from(at).unwrap_or(u16::MAX));
        let (from, to) = (columns(selected.start), columns(selected.end));
        let marked = Rect { x: from, y, width: to - from, height: 1 }.intersection(field);
        buffer.set_style(marked, theme.found);
    }
    let (line, column) = lines.caret;
    let row = line.wrapping_sub(editing.scroll);
    (u16::try_from(column).unwrap_or(u16::MAX), u16::try_from(row).unwrap_or(u16::MAX))
}

/// A text of one line in its field. Returns column and row of the caret there.
fn draw_line(editing: &Editing, field: Rect, theme: &Theme, buffer: &mut Buffer) -> (u16, u16) {
    (&editing.text).render(field, buffer);
    let left = editing.text.scroll_offset().1;
    for (_, column) in typing::tabs(&editing.text) {
        let column = column.wrapping_sub(left.into());
        if column < field.width.into() {
            put(buffer, field, field.x + column as u16, field.y, TAB, theme.quiet);
        }
    }
    let column = u16::try_from(editing.text.screen_cursor().col).unwrap_or(u16::MAX);
    (column.saturating_sub(left), 0)
}

/// `● on   detail.safetensors   0.8`: the end of a long name is cut, since the strength is what people change.
fn draw_lora(line: &LoraLine, area: Rect, theme: &Theme, buffer: &mut Buffer) {
    let (sign, style) = if line.on { ("● on ", theme.text) } else { ("○ off", theme.quiet) };
    let strength = line.strength();
    put(buffer, area, area.x, area.y, sign, style);
    let at = put_right(buffer, area, area.y, &strength, style);
    let x = area.x + 7;
    let name = Rect { x, width: at.saturating_sub(x + 1), ..area };
    put(buffer, name, name.x, name.y, &line.name, style);
}

/// Who set a value; empty for values just typed, which have a mark of their own.
fn who_set_it(origin: &Origin) -> String {
    match origin {
        Origin::Workflow | Origin::Person { how: Said::Typed | Said::Stepped } => String::new(),
        Origin::Form | Origin::Preset { .. } | Origin::Person { .. } | Origin::Program { .. } => {
            origin.to_string()
        }
    }
}

/// `◂ 1 … 150 ▸`, when known and short.
fn range(range: &Range) -> Option<String> {
    let end = |number: &Option<serde_json::Number>| number.as_ref().map(ToString::to_string);
    match (end(&range.min), end(&range.max)) {
        (Some(min), Some(max)) => Some(format!("◂ {min} … {max} ▸")),
        (Some(min), None) => Some(format!("◂ {min} … ▸")),
        _ => None,
    }
}
