//! What other presets set, laid over a draft, and what a person makes part of the open one: aliases.

use indexmap::{IndexMap, IndexSet};

use super::{Change, Draft, Edit, Layer};
use crate::domain::{ParamKey, Said};

impl Draft {
    /// What a preset sets otherwise than the draft, in the workflow's order.
    pub fn differing(&self, layer: &Layer) -> Vec<ParamKey> {
        let differs = |key: &ParamKey| {
            let set = layer.settings.get(key).filter(|_| !layer.of_form.contains(key));
            let policy = layer.seeds.get(key);
            (set.is_some() && set != self.setting(key).as_ref())
                || policy.is_some_and(|policy| *policy != self.policy(key))
                || self.laid_expand(layer, key).is_some()
        };
        let editable = self.all().filter(|param| param.is_editable()).map(|param| &param.key);
        let keys: IndexSet<&ParamKey> = editable.filter(|key| differs(key)).collect();
        keys.into_iter().cloned().collect()
    }

    /// Lays a preset's settings and seed policies of these keys over what is there, as one undo step. A text goes with
    /// whether its preset expands it.
    pub fn lay(&mut self, layer: &Layer, keys: &[ParamKey]) {
        let mut step = Vec::new();
        for key in keys.iter().filter(|key| self.knows(key)) {
            let by = || Said::Preset(layer.beneath.get(key).unwrap_or(&layer.name).clone());
            if let Some(setting) = layer.settings.get(key) {
                step.extend(self.edit(key.clone(), Some(Edit { setting: setting.clone(), by: by() })));
                step.extend(
                    self.expand_of(layer, key).and_then(|expands| self.expand_change(key, Some(expands))),
                );
            }
            if let Some(policy) = layer.seeds.get(key) {
                step.extend(self.policy_change(key, *policy));
            }
        }
        self.perform(step);
    }

    /// The alias that a person gave, else the preset's; of several the one of the preset on top.
    pub fn alias(&self, key: &ParamKey) -> Option<&str> {
        match self.names.get(key) {
            Some(name) => Some(name.as_str()).filter(|name| !name.is_empty()),
            None => self.preset.alias(key),
        }
    }

    /// Gives a parameter an alias; an empty one takes it away.
    pub fn rename(&mut self, key: &ParamKey, alias: &str) {
        let is_same = self.preset.alias(key).unwrap_or_default() == alias;
        let after = (!is_same).then(|| alias.to_owned());
        let before = self.names.get(key).cloned();
        if before != after {
            self.perform(vec![Change::Name { key: key.clone(), before, after }]);
        }
    }

    /// Aliases that a person gave; empty ones were taken away.
    pub fn name_edits(&self) -> &IndexMap<ParamKey, String> {
        &self.names
    }

    /// Restores aliases of an earlier session, without an undo step.
    pub fn restore_names(&mut self, names: impl IntoIterator<Item = (ParamKey, String)>) {
        let known = names.into_iter().filter(|(key, _)| self.index.contains_key(key));
        self.names.extend(known.collect::<Vec<_>>());
    }
}
