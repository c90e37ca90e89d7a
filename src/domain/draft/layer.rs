//! What lies between the workflow and the person.

use indexmap::IndexMap;

use super::Setting;
use crate::domain::{ParamKey, SeedPolicy};

/// A preset as the draft needs it: its settings after `extends` has been resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// The preset's name; empty when there is none.
    pub name: String,
    pub settings: IndexMap<ParamKey, Setting>,
    /// The preset that sets it, of those that lie upon each other, where it is not the one of this name.
    pub beneath: IndexMap<ParamKey, String>,
    /// What becomes of seeds.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    pub aliases: IndexMap<String, ParamKey>,
    /// Choices and wildcards in texts are sent as they are written, where nothing says for the key.
    pub literal: bool,
    /// Whether they are expanded, by key.
    pub expand: IndexMap<ParamKey, bool>,
}

impl Layer {
    /// Whether choices and wildcards in a parameter's text are expanded.
    pub fn expands(&self, key: &ParamKey) -> bool {
        self.expand.get(key).copied().unwrap_or(!self.literal)
    }

    /// The name of the preset that sets a parameter.
    pub fn setter(&self, key: &ParamKey) -> &str {
        self.beneath.get(key).unwrap_or(&self.name)
    }
}
