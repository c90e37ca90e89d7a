//! Whether choices and wildcards of a text are expanded: what the preset says, unless a person or another text says otherwise.

use indexmap::IndexMap;
use serde_json::Value;

use super::steps::Change;
use super::{Draft, Edit, Layer, Setting};
use crate::domain::{ParamKey, ParamKind, Said, prompt};

impl Draft {
    /// Whether choices and wildcards in this parameter's text are expanded.
    pub fn expands(&self, key: &ParamKey) -> bool {
        self.expand.get(key).copied().unwrap_or_else(|| self.preset.expands(key))
    }

    /// Whether this parameter holds a text in which choices and wildcards may stand.
    pub fn is_prompt(&self, key: &ParamKey) -> bool {
        self.param(key).is_some_and(|param| param.kind == ParamKind::LongText)
    }

    /// Whether the text of this parameter has choices or wildcards that are sent as they are written.
    pub fn is_literal(&self, key: &ParamKey) -> bool {
        !self.expands(key) && self.is_prompt(key) && self.shown(key).is_some_and(prompt::is_template)
    }

    /// Says whether a text is expanded, as one undo step.
    pub fn set_expands(&mut self, key: &ParamKey, expands: bool) {
        let step = self.expand_change(key, Some(expands)).into_iter().collect();
        self.perform(step);
    }

    /// Takes the text of a run: a template is expanded again, and any other text is sent as it was.
    pub fn take_text(&mut self, key: &ParamKey, text: String, is_template: bool, by: Said) {
        let setting = Setting::Value(text.into());
        let expands = match is_template {
            true => self.expand_change(key, Some(true)),
            false => self.expand_as_sent(key, Some(&setting)),
        };
        let edit = self.edit(key.clone(), Some(Edit { setting, by }));
        self.perform(edit.into_iter().chain(expands).collect());
    }

    /// Where a person, or a text from elsewhere, says otherwise than the preset.
    pub fn expand_edits(&self) -> &IndexMap<ParamKey, bool> {
        &self.expand
    }

    /// Restores what was said in an earlier session, without an undo step.
    pub fn restore_expand(&mut self, expand: impl IntoIterator<Item = (ParamKey, bool)>) {
        let known = expand.into_iter().filter(|(key, _)| self.knows(key)).collect::<Vec<_>>();
        self.expand.extend(known);
    }

    /// `None` for what the preset says.
    pub(super) fn expand_change(&self, key: &ParamKey, expands: Option<bool>) -> Option<Change> {
        let after = expands.filter(|expands| *expands != self.preset.expands(key));
        let before = self.expand.get(key).copied();
        (before != after).then(|| Change::Expand { key: key.clone(), before, after })
    }

    /// Whether a preset's text would be expanded once it is laid over, where that differs from now.
    pub fn laid_expand(&self, layer: &Layer, key: &ParamKey) -> Option<bool> {
        self.expand_of(layer, key).filter(|expands| *expands != self.expands(key))
    }

    /// What a preset says about the choices in the text that it sets; `None` where it sets no such text.
    pub(super) fn expand_of(&self, layer: &Layer, key: &ParamKey) -> Option<bool> {
        let text = layer.settings.get(key).filter(|_| self.is_prompt(key));
        text.filter(|text| is_template(text)).map(|_| layer.expands(key))
    }

    /// A text that was sent is sent so again: braces that stood in it are not choices.
    pub(super) fn expand_as_sent(&self, key: &ParamKey, sent: Option<&Setting>) -> Option<Change> {
        let as_sent = Some(false).filter(|_| self.is_prompt(key) && sent.is_some_and(is_template));
        self.expand_change(key, as_sent)
    }
}

fn is_template(setting: &Setting) -> bool {
    matches!(setting, Setting::Value(Value::String(text)) if prompt::is_template(text))
}
