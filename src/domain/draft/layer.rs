//! The preset's layer of a draft, between the workflow and a person's edits.

use indexmap::IndexMap;

use super::Setting;
use crate::domain::{ParamKey, SeedPolicy};

/// A preset's settings, after `extends` has been resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// The preset's name; empty without a preset.
    pub name: String,
    pub settings: IndexMap<ParamKey, Setting>,
    /// For settings inherited through `extends`: the name of the preset that sets them.
    pub beneath: IndexMap<ParamKey, String>,
    /// Seed policies by key.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    pub aliases: IndexMap<String, ParamKey>,
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

    /// The name of the preset that sets this parameter.
    pub fn setter(&self, key: &ParamKey) -> &str {
        self.beneath.get(key).unwrap_or(&self.name)
    }
}
