//! Values that a person typed and that make way for others before they were run: they can be brought back like those that
//! were.

use std::collections::HashMap;

use serde_json::Value;

use crate::domain::{Origin, ParamKey, ParamKind, Said, Setting, field};
use crate::tui::model::Model;

/// A field by its name across workflows, with a value.
pub(super) type Typed = (String, Value);

/// What was typed, as of the last look.
#[derive(Debug, Default)]
pub(super) struct TypedValues {
    values: HashMap<ParamKey, Typed>,
    /// The field that is open, with what was typed in it.
    open: Option<(ParamKey, Typed)>,
}

impl TypedValues {
    /// What was typed and is gone since the last look.
    pub(super) fn gone(&mut self, model: &Model) -> Vec<Typed> {
        let now = values(model);
        let mut gone = Vec::new();
        let before = std::mem::replace(&mut self.values, now);
        gone.extend(
            before
                .into_iter()
                .filter(|(key, typed)| self.values.get(key) != Some(typed))
                .map(|(_, typed)| typed),
        );
        let open = open(model);
        if open.is_none()
            && let Some((key, typed)) = self.open.take()
            && self.values.get(&key).is_none_or(|kept| *kept != typed)
        {
            // The field was closed without it.
            gone.push(typed);
        }
        self.open = open;
        gone
    }
}

fn values(model: &Model) -> HashMap<ParamKey, Typed> {
    let Some(workflow) = model.open.workflow.as_deref() else { return HashMap::new() };
    let typed = model.draft.edits().filter_map(|(key, setting)| {
        let Setting::Value(value) = setting else { return None };
        let is_typed = matches!(model.draft.origin(key), Origin::Person { how: Said::Typed });
        let param = model.draft.param(key).filter(|_| is_typed)?;
        Some((key.clone(), (field::name(&workflow.workflow, param), value.clone())))
    });
    typed.collect()
}

/// The text of the open field, where something was typed in it.
fn open(model: &Model) -> Option<(ParamKey, Typed)> {
    let editing = model.params.editing.as_ref().filter(|editing| editing.is_typed)?;
    let workflow = model.open.workflow.as_deref()?;
    let is_text = |kind: &ParamKind| matches!(kind, ParamKind::Text | ParamKind::LongText);
    let param = model.draft.param(&editing.key).filter(|param| is_text(&param.kind))?;
    let text = editing.value();
    (!text.trim().is_empty())
        .then(|| (editing.key.clone(), (field::name(&workflow.workflow, param), Value::from(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::stage::{Stage, key};

    const PROMPT: &str = "6-inputs-text";

    #[test]
    fn what_was_typed_and_makes_way_is_told_once() {
        let mut stage = Stage::new(120, 40);
        let mut typed = TypedValues::default();
        assert!(typed.gone(&stage.model).is_empty());
        let mut say = |stage: &mut Stage, text: &str| {
            stage.model.draft.set(&key(PROMPT), Setting::Value(text.into()));
            typed.gone(&stage.model)
        };
        assert_eq!(say(&mut stage, "a cat"), []);
        let told = |text: &str| vec![("prompt".to_owned(), Value::from(text))];
        assert_eq!(say(&mut stage, "a dog"), told("a cat"));
        stage.model.draft.reset_all();
        assert_eq!(typed.gone(&stage.model), told("a dog"));
        assert_eq!(typed.gone(&stage.model), []);
    }

    #[test]
    fn a_text_whose_field_was_closed_without_it_is_told() {
        let mut stage = Stage::new(120, 40);
        let mut typed = TypedValues::default();
        stage.press("1 home enter");
        stage.type_text("!");
        assert!(typed.gone(&stage.model).is_empty());
        stage.type_text("?");
        assert!(typed.gone(&stage.model).is_empty(), "not each letter");
        stage.press("ctrl+c");
        let gone = typed.gone(&stage.model);
        assert_eq!(gone.len(), 1, "{gone:?}");
        assert!(gone[0].1.as_str().is_some_and(|text| text.ends_with("!?")), "{gone:?}");
    }
}
