//! The preset's layer of a draft, between the workflow and a person's edits.

use std::collections::HashSet;

use indexmap::IndexMap;
use serde_json::Value;

use super::Setting;
use crate::domain::{Origin, ParamKey, SeedPolicy};

/// A preset's settings, after `extends` has been resolved, over those of the workflow's form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// The preset's name; empty without a preset.
    pub name: String,
    pub settings: IndexMap<ParamKey, Setting>,
    /// Settings that come from the form.
    pub of_form: HashSet<ParamKey>,
    /// For settings inherited through `extends`: the name of the preset that sets them.
    pub beneath: IndexMap<ParamKey, String>,
    /// Seed policies by key.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    pub aliases: IndexMap<String, ParamKey>,
    /// Parameters kept at the top; `None` where no preset says so.
    pub pins: Option<Vec<ParamKey>>,
    /// Default for keys not in `expand`: whether choices and wildcards are sent as written.
    pub literal: bool,
    /// Whether choices and wildcards are expanded, by key.
    pub expand: IndexMap<ParamKey, bool>,
}

impl Layer {
    /// Whether choices and wildcards in this parameter's text are expanded.
    pub fn expands(&self, key: &ParamKey) -> bool {
        self.expand.get(key).copied().unwrap_or(!self.literal)
    }

    /// Adds a form's values and seed policies where no preset sets others.
    pub fn put_form(&mut self, values: &IndexMap<ParamKey, Value>, seeds: &IndexMap<ParamKey, SeedPolicy>) {
        for (key, value) in values {
            if !self.settings.contains_key(key) {
                self.settings.insert(key.clone(), Setting::Value(value.clone()));
                self.of_form.insert(key.clone());
            }
        }
        for (key, policy) in seeds {
            self.seeds.entry(key.clone()).or_insert(*policy);
        }
    }

    /// The alias of a parameter; of several the one of the preset on top.
    pub fn alias(&self, key: &ParamKey) -> Option<&str> {
        self.aliases.iter().rev().find(|(_, named)| *named == key).map(|(alias, _)| alias.as_str())
    }

    /// What is kept at the top: what a preset says, else what has an alias.
    pub fn pinned(&self) -> Vec<ParamKey> {
        self.pins.clone().unwrap_or_else(|| self.aliases.values().cloned().collect())
    }

    /// The origin of a parameter's setting; `None` when neither preset nor form sets it.
    pub fn origin(&self, key: &ParamKey) -> Option<Origin> {
        self.settings.get(key)?;
        let name = || self.beneath.get(key).unwrap_or(&self.name).clone();
        Some(if self.of_form.contains(key) { Origin::Form } else { Origin::Preset { name: name() } })
    }

    /// Whether a preset sets any value.
    pub fn has_preset_settings(&self) -> bool {
        self.settings.keys().any(|key| !self.of_form.contains(key))
    }
}
