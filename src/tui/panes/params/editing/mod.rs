//! Edits a value in a field.

mod completing;
mod outside;
pub mod past;
#[cfg(test)]
mod tests;
mod weights;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Position, Rect};

use crate::domain::param::FileKind;
use crate::domain::pasted::{self, Pasted};
use crate::domain::{ParamKey, ParamKind, Parameter, Said, Setting, scalar, value};
use crate::tui::completions::Completions;
use crate::tui::effect::{Effect, Effects, Operation};
use crate::tui::model::Model;
use crate::tui::motion::in_sight;
use crate::tui::notice::Tone;
use crate::tui::open::OpenField;
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::panes::params::choices;
use crate::tui::panes::params::lines::FieldLines;
use crate::tui::panes::params::rows::{self, Row};
use crate::tui::panes::params::update as params;
use crate::tui::panes::params::{Editing, setting_text};
use crate::tui::typing::{self, TextEdit, line_editor};
pub use completing::completions;
use completing::{complete, refresh_completions, take_completion};
pub use outside::edited_outside;
use outside::{field_outside, outside};
pub use weights::change_weight;
use weights::is_halfway;

/// Most characters of a one-line field.
const LINE_LIMIT: usize = 64 * 1024;

/// Edits the selected value: a boolean toggles, a choice opens its list.
pub fn open(model: &mut Model, effects: &mut Effects) {
    let Some(key) = &model.params.selected.clone() else { return };
    let Some(kind) = model.draft.param(key).map(|p| p.kind.clone()) else { return };
    match kind {
        ParamKind::Link => model.notify(
            Tone::Plain,
            "This input is wired to another node. Wiring is changed in ComfyUI, then exported again",
        ),
        ParamKind::Boolean => params::step(model, 1, effects),
        ParamKind::Choice if model.draft.param(key).is_some_and(Parameter::is_switch) => {
            params::step(model, 1, effects);
        }
        ParamKind::Choice => choices::open(model, key, effects),
        ParamKind::Several => choices::open_several(model, key),
        ParamKind::Lora if model.draft.param(key).is_some_and(|param| !param.choices.is_empty()) => {
            choices::open(model, key, effects);
        }
        _ => begin(model, key, effects),
    }
}

/// Opens the field of the selected value as a text, also where there is a list to choose from.
pub fn open_text(model: &mut Model, effects: &mut Effects) {
    let Some(key) = &model.params.selected.clone() else { return };
    if model.draft.param(key).is_some_and(|param| param.is_editable() && param.kind != ParamKind::Boolean) {
        begin(model, key, effects);
    } else {
        open(model, effects);
    }
}

/// Opens the edited text, or the selected value, in `$EDITOR`.
pub fn edit_outside(model: &mut Model, effects: &mut Effects) {
    if model.params.editing.is_some() {
        field_outside(model, effects);
    } else if let Some(key) = model.params.selected.clone() {
        outside(model, &key, effects);
    }
}

/// Opens the field of a parameter.
pub fn begin(model: &mut Model, key: &ParamKey, effects: &mut Effects) {
    let Some(param) = model.draft.param(key) else { return };
    let shown = text_of(model, key);
    let multiline = matches!(param.kind, ParamKind::LongText | ParamKind::Json) || shown.contains('\n');
    let is_file = matches!(param.kind, ParamKind::File(_));
    let mut text = line_editor(&shown);
    if matches!(param.kind, ParamKind::Integer | ParamKind::Float | ParamKind::Seed) {
        // Typing replaces the number, as in a form.
        text.select_all();
    }
    model.params.editing = Some(Editing {
        key: key.clone(),
        text,
        opened_with: shown.clone(),
        is_typed: false,
        multiline,
        error: None,
        completions: Completions::default(),
        halfway: Vec::new(),
        scroll: 0,
        goal: None,
        past: past::Past::default(),
        weighing: None,
    });
    if is_file {
        effects.push(Effect::Do(Operation::CompletePath(shown)));
    }
}

/// Applies a text-editing command to the field.
pub fn edit(model: &mut Model, edit: TextEdit, effects: &mut Effects) {
    let Some(editing) = &mut model.params.editing else { return };
    editing.error = None;
    let changed = edit.apply(&mut editing.text);
    if changed && matches!(edit, TextEdit::Undo | TextEdit::Redo) && is_halfway(editing) {
        edit.apply(&mut editing.text);
    }
    if changed {
        // Undoing everything is the same as typing nothing.
        editing.is_typed = edit != TextEdit::Undo || editing.value() != editing.opened_with;
        refresh_completions(model, effects);
    }
}

/// Closes the field and restores the value. The typed text can be redone if it is a valid value.
pub fn discard(model: &mut Model) {
    let Some(editing) = model.params.editing.take() else { return };
    if let Ok(change) = change_of(model, &editing.key, &editing.value())
        && change.iter().any(|(key, setting)| model.draft.setting(key).as_ref() != Some(setting))
    {
        model.draft.say(change, Said::Typed);
        model.draft.undo();
        model.notify(Tone::Plain, "Discarded. Redo (U) brings it back");
    }
}

/// Reopens a field with the text typed before the program was ended.
pub fn reopen(model: &mut Model, field: &OpenField, effects: &mut Effects) {
    let OpenField { key, text, is_typed } = field;
    if model.draft.param(key).is_none_or(|param| !param.is_editable()) {
        return;
    }
    params::select(model, key);
    begin(model, key, effects);
    if let Some(editing) = &mut model.params.editing {
        editing.text.select_all();
        editing.text.insert_str(text);
        editing.is_typed = *is_typed;
    }
}

/// Closes the field. An invalid multi-line text keeps it open, so that the text can be corrected; an
/// invalid single line is dropped.
pub fn done(model: &mut Model, effects: &mut Effects) {
    if commit(model, effects) || model.params.editing.as_ref().is_some_and(|editing| editing.multiline) {
        return;
    }
    if let Some(editing) = model.params.editing.take() {
        let kept = text_of(model, &editing.key);
        model.notify(Tone::Bad, format!("{}; {kept} is kept", editing.error.unwrap_or_default()));
    }
}

/// Sets the draft to the field's text. Returns `false` when the text is invalid: the field stays open and says why.
pub fn commit(model: &mut Model, effects: &mut Effects) -> bool {
    let Some(editing) = &model.params.editing else { return true };
    let (key, is_typed) = (editing.key.clone(), editing.is_typed);
    if model.draft.param(&key).is_none() {
        model.params.editing = None;
        return true;
    }
    match change_of(model, &key, &editing.value()) {
        Ok(change) => {
            model.params.editing = None;
            // A field that was opened but not typed in is not an edit.
            if is_typed {
                model.draft.say(change, Said::Typed);
                params::changed(model, &key, effects);
                look_for_file(model, &key, effects);
            }
            true
        }
        Err(why) => {
            if let Some(editing) = &mut model.params.editing {
                editing.error = Some(why);
            }
            false
        }
    }
}

/// What stands in a field: the parameter's value, or of a LoRA its whole row.
fn text_of(model: &Model, key: &ParamKey) -> String {
    let line = model.draft.lora(key).map(|line| line.text());
    line.or_else(|| model.draft.setting(key).as_ref().map(setting_text)).unwrap_or_default()
}

/// What a text in the field of a parameter sets: all the parameters of its row.
fn change_of(model: &Model, key: &ParamKey, text: &str) -> Result<Vec<(ParamKey, Setting)>, String> {
    if model.draft.lora(key).is_some() {
        return model.draft.lora_typed(key, text);
    }
    let param = model.draft.param(key).ok_or("the workflow no longer has it")?;
    let setting = setting_of(param, text)?;
    Ok(rows::of_row(model, key).into_iter().map(|key| (key, setting.clone())).collect())
}

/// The setting of a file field: a path when a path was typed, pasted or dragged, else the name of
/// a file on the server.
fn setting_of(param: &Parameter, text: &str) -> Result<Setting, String> {
    match (&param.kind, pasted::read(text)) {
        (ParamKind::File(_), Pasted::Path(path)) => Ok(Setting::File(path.into())),
        (ParamKind::File(_), Pasted::OnServer(name) | Pasted::Url(name)) => Ok(Setting::Value(name.into())),
        (ParamKind::File(FileKind::Mask), _) if text.is_empty() => Ok(Setting::Value(param.default.clone())),
        _ => value::parse(param, text).map(Setting::Value),
    }
}

/// Checks whether a path typed into a text field exists here: the file may be meant for upload.
fn look_for_file(model: &Model, key: &ParamKey, effects: &mut Effects) {
    let is_text = |param: &Parameter| matches!(param.kind, ParamKind::Text | ParamKind::LongText);
    if model.draft.param(key).is_some_and(is_text)
        && let Some(Pasted::Path(path)) = model.draft.shown(key).map(pasted::read)
    {
        effects.push(Effect::Do(Operation::FindFile(key.clone(), path.into())));
    }
}

/// A path typed into a text field exists: asks whether to upload the file.
pub fn file_found(model: &mut Model, key: ParamKey, path: std::path::PathBuf) {
    let is_still = match model.draft.shown(&key).map(pasted::read) {
        Some(Pasted::Path(typed)) => std::path::Path::new(&typed) == path,
        _ => false,
    };
    if !is_still || model.overlay.is_some() || model.params.editing.is_some() {
        return;
    }
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("{} is a file on this machine. Upload it?", path.display()),
        consequence: "If not, the server gets its path as text.".to_owned(),
        yes: "upload",
        then: Confirmed::Upload(key, path),
    }));
}

pub fn pressed(model: &mut Model, event: KeyEvent, effects: &mut Effects) {
    let (is_file, is_number) = (is_file(model), is_number(model));
    // If the program is killed, the text is still there at the next start.
    let field = Field::of(model);
    let Some(editing) = &mut model.params.editing else { return };
    editing.error = None;
    let plain = event.modifiers.is_empty();
    let is_vertical = matches!(event.code, KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown);
    if !is_vertical {
        editing.goal = None;
    }
    match event.code {
        KeyCode::Enter | KeyCode::Tab if plain && editing.completions.chosen.is_some() => {
            let path = editing.completions.choice().cloned();
            take_completion(model, path, effects);
        }
        KeyCode::Up | KeyCode::Down if plain && !editing.completions.paths.is_empty() => {
            editing.completions.step(event.code == KeyCode::Up);
        }
        KeyCode::Enter if !editing.multiline => {
            commit(model, effects);
        }
        KeyCode::Enter => {
            editing.text.insert_newline();
            editing.is_typed = true;
        }
        KeyCode::Up | KeyCode::Down if event.modifiers == KeyModifiers::ALT => {
            past::step(model, event.code == KeyCode::Up, effects);
        }
        KeyCode::Up if plain && !is_number && !is_file && field.ends(editing).0 => {
            past::step(model, true, effects);
        }
        KeyCode::Down if plain && editing.past.is_back() && field.ends(editing).1 => {
            past::step(model, false, effects);
        }
        KeyCode::Tab if plain && is_file => complete(model, effects),
        KeyCode::Up | KeyCode::Down if plain && !editing.multiline && is_number => {
            let steps = if event.code == KeyCode::Up { 1 } else { -1 };
            step_text(model, steps);
        }
        _ if is_vertical && editing.multiline && (event.modifiers - KeyModifiers::SHIFT).is_empty() => {
            field.go(editing, event.code, event.modifiers.contains(KeyModifiers::SHIFT));
        }
        _ => {
            if typing::typed(&mut editing.text, event, editing.multiline) {
                editing.is_typed = true;
                refresh_completions(model, effects);
            }
        }
    }
}

pub fn pasted(model: &mut Model, text: &str, effects: &mut Effects) {
    let Some(editing) = &mut model.params.editing else { return };
    editing.error = None;
    editing.is_typed = true;
    if editing.multiline {
        editing.text.insert_str(text);
    } else {
        // A single-line field joins the lines of a pasted text.
        let line: String =
            text.trim_end().chars().take(LINE_LIMIT).map(|c| if c == '\n' { ' ' } else { c }).collect();
        editing.text.insert_str(line);
    }
    refresh_completions(model, effects);
}

/// Where the field of a long text lies among the pane's lines, and its size.
#[derive(Clone, Copy, Debug)]
struct Field {
    /// Lines of the pane above it.
    top: usize,
    /// Columns left of it.
    left: u16,
    columns: usize,
    height: usize,
}

impl Field {
    fn of(model: &Model) -> Self {
        let width = params::width(model);
        let rows = rows::rows(model, width);
        let editing = model.params.editing.as_ref();
        let is_it = |row: &Row| {
            matches!(row, Row::Param { index, .. }
                if editing.is_some_and(|editing| editing.key == model.draft.params()[*index].key))
        };
        let above = rows.rows.iter().take_while(|row| !is_it(row));
        let height = rows.rows.iter().find(|row| is_it(row)).map_or(1, Row::height);
        Self {
            top: above.map(Row::height).sum(),
            left: (rows::INDENT + rows.label_width) as u16,
            columns: rows.columns(width),
            height: height.saturating_sub(editing.map_or(0, Editing::lines_below)).max(1),
        }
    }

    /// Whether the caret is in the first and in the last line, as they are seen.
    fn ends(&self, editing: &Editing) -> (bool, bool) {
        if !editing.multiline {
            return (true, true);
        }
        let lines = FieldLines::of(&editing.text, self.columns);
        (lines.caret.0 == 0, lines.caret.0 + 1 >= lines.count())
    }

    /// Up or down by what is seen, along one column.
    fn go(self, editing: &mut Editing, key: KeyCode, extends: bool) {
        let page = isize::try_from(self.height).unwrap_or(1);
        let by = match key {
            KeyCode::Up => -1,
            KeyCode::PageUp => -page,
            KeyCode::PageDown => page,
            _ => 1,
        };
        let lines = FieldLines::of(&editing.text, self.columns);
        let goal = *editing.goal.get_or_insert(lines.caret.1);
        lines.go_by(&mut editing.text, by, goal, extends);
    }
}

/// Keeps the caret of a long text in sight.
pub fn settle(model: &mut Model) {
    if !model.params.editing.as_ref().is_some_and(|editing| editing.multiline) {
        return;
    }
    let field = Field::of(model);
    if let Some(editing) = &mut model.params.editing {
        let lines = FieldLines::of(&editing.text, field.columns);
        let at = lines.caret.0;
        editing.scroll = in_sight(editing.scroll, at..at + 1, lines.count(), field.height);
    }
}

/// A click in the open field, which lies in the pane `area`: the caret goes there.
pub fn clicked(model: &mut Model, area: Rect, at: Position) {
    let field = Field::of(model);
    let line = usize::from(at.y.saturating_sub(area.y + 1)) + model.params.scroll;
    let Some(editing) = &mut model.params.editing else { return };
    let line = line.saturating_sub(field.top);
    let column = usize::from(at.x.saturating_sub(area.x + field.left));
    if editing.multiline {
        editing.text.cancel_selection();
        editing.goal = None;
        let lines = FieldLines::of(&editing.text, field.columns);
        lines.go_to(&mut editing.text, line + editing.scroll, column);
    } else {
        let left = usize::from(editing.text.scroll_offset().1);
        typing::go_to(&mut editing.text, 0, column + left);
    }
}

fn kind(model: &Model) -> Option<&ParamKind> {
    let editing = model.params.editing.as_ref()?;
    model.draft.param(&editing.key).map(|param| &param.kind)
}

fn is_file(model: &Model) -> bool {
    matches!(kind(model), Some(ParamKind::File(_)))
}

fn is_number(model: &Model) -> bool {
    matches!(kind(model), Some(ParamKind::Integer | ParamKind::Float | ParamKind::Seed))
}

fn step_text(model: &mut Model, steps: i64) {
    let Some(editing) = &mut model.params.editing else { return };
    let Some(param) = model.draft.param(&editing.key) else { return };
    let now = value::parse(param, &editing.value());
    if let Ok(serde_json::Value::Number(number)) = now
        && let Some(next) = scalar::stepped(&number, &param.range, steps)
    {
        editing.text = line_editor(&next.to_string());
        editing.is_typed = true;
    }
}
