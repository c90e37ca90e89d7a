//! Edits a text in `$EDITOR`.

use super::{begin, change_of, text_of};
use crate::domain::{ParamKey, ParamKind, Parameter, Said};
use crate::tui::effect::{Effect, Effects, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::panes::params::update as params;
use crate::tui::typing::line_editor;

/// Opens the field's text in `$EDITOR`.
pub(super) fn field_outside(model: &mut Model, effects: &mut Effects) {
    if let Some(editing) = &model.params.editing {
        let (key, text) = (editing.key.clone(), editing.value());
        effects.push(outside_effect(model, key, text));
    }
}

/// Opens a parameter's text in `$EDITOR`.
pub(super) fn outside(model: &mut Model, key: &ParamKey, effects: &mut Effects) {
    if model.draft.param(key).is_some_and(Parameter::is_editable) {
        effects.push(outside_effect(model, key.clone(), text_of(model, key)));
    }
}

fn outside_effect(model: &Model, key: ParamKey, text: String) -> Effect {
    let kind = model.draft.param(&key).map(|param| &param.kind);
    let extension = if kind == Some(&ParamKind::Json) { "json" } else { "txt" };
    Effect::Screen(ScreenEffect::EditOutside { key, text, extension })
}

/// Takes in the text from `$EDITOR`.
pub fn edited_outside(model: &mut Model, key: &ParamKey, text: String, effects: &mut Effects) {
    if model.draft.param(key).is_none() {
        return;
    }
    let text = text.as_str();
    let is_typed = model.params.editing.as_ref().is_some_and(|editing| editing.is_typed);
    match change_of(model, key, text) {
        // An unchanged text is not an edit.
        Ok(_) if !is_typed && text_of(model, key) == text => model.params.editing = None,
        Ok(change) => {
            model.params.editing = None;
            model.draft.say(change, Said::Typed);
            params::changed(model, key, effects);
        }
        Err(why) => {
            begin(model, key, effects);
            if let Some(editing) = &mut model.params.editing {
                editing.multiline |= text.contains('\n');
                editing.text = line_editor(text);
                editing.is_typed = true;
                editing.error = Some(why);
            }
        }
    }
}
