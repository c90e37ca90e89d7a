//! Completes the path of a file in a field.

use super::is_file;
use crate::domain::Parameter;
use crate::tui::completions::Completions;
use crate::tui::effect::{Effect, Effects, Operation};
use crate::tui::model::Model;
use crate::tui::typing::line_editor;

pub(super) fn refresh_completions(model: &mut Model, effects: &mut Effects) {
    if is_file(model)
        && let Some(editing) = &mut model.params.editing
    {
        editing.completions.chosen = None;
        effects.push(Effect::Do(Operation::CompletePath(editing.value())));
    }
}

pub fn completions(model: &mut Model, text: &str, paths: Vec<String>) {
    let of_server = |key| files_at_server(model.draft.param(key), text);
    let mut paths = paths;
    if let Some(editing) = &model.params.editing {
        paths.extend(of_server(&editing.key));
    }
    if let Some(editing) = &mut model.params.editing
        && editing.value() == text
    {
        editing.completions.put(text, paths);
    }
}

/// The server's own files that a text is part of.
fn files_at_server(param: Option<&Parameter>, text: &str) -> Vec<String> {
    /// Most files that are offered.
    const MOST: usize = 200;
    let typed = text.to_lowercase();
    let choices = param.map(|param| &param.choices[..]).unwrap_or_default();
    let names = choices.iter().filter_map(|choice| choice.value.as_str());
    names.filter(|name| name.to_lowercase().contains(&typed)).take(MOST).map(str::to_owned).collect()
}

/// Tab: inserts the common prefix of all completions, or the first one when there is no longer prefix.
pub(super) fn complete(model: &mut Model, effects: &mut Effects) {
    let Some(editing) = &model.params.editing else { return };
    let next = editing.completions.common(&editing.value());
    if next.is_some() {
        take_completion(model, next, effects);
    }
}

pub(super) fn take_completion(model: &mut Model, path: Option<String>, effects: &mut Effects) {
    if let (Some(editing), Some(path)) = (&mut model.params.editing, path) {
        editing.text = line_editor(&path);
        editing.is_typed = true;
        // They were of another text; the new ones are on their way.
        editing.completions = Completions::default();
        refresh_completions(model, effects);
    }
}
