//! The draft: what a person is about to run. The workflow's values, over these the preset's, over these the seeds
//! computed by their policies, and over everything the person's edits.

mod expansion;
mod layer;
mod layering;
mod loras;
mod names;
mod presence;
mod seeds;
mod steps;
mod submission;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::{Origin, ParamKey, ParamKind, Parameter, Rule, Said, SeedPolicy};

pub use layer::Layer;
pub use loras::Line as LoraLine;
use presence::Possible;
use steps::{Change, Steps};
pub use submission::{Submission, SubmitError};

pub use names::{Named, Unnamed};

#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A value, sent in `params`. For a file parameter: the name of a file that the server already has.
    Value(Value),
    /// A local file, uploaded with the run.
    File(PathBuf),
}

/// A person's setting, and how it was made.
#[derive(Clone, Debug, PartialEq)]
struct Edit {
    setting: Setting,
    by: Said,
}

/// A seed computed by its policy for the next run.
#[derive(Clone, Debug, PartialEq)]
struct Drawn {
    value: Number,
    by: Rule,
}

/// A workflow's parameters with the preset's settings and a person's edits, and the undo history of these.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Those that would run as things are set.
    params: Vec<Parameter>,
    possible: Possible,
    index: HashMap<ParamKey, usize>,
    preset: Layer,
    edits: IndexMap<ParamKey, Edit>,
    policies: IndexMap<ParamKey, SeedPolicy>,
    /// Aliases that a person gave, to be saved in the preset; empty for one that was taken away.
    names: IndexMap<ParamKey, String>,
    /// Whether a text's choices and wildcards are expanded, where that differs from the preset.
    expand: IndexMap<ParamKey, bool>,
    /// Seeds computed by their policies.
    drawn: IndexMap<ParamKey, Drawn>,
    /// A new value for the main seed, when nothing at all is set.
    new_seed: Option<Number>,
    /// Seeds as last sent.
    ran: HashMap<ParamKey, Number>,
    /// Indices of the seeds among the parameters.
    seeds: Vec<usize>,
    /// The main seed: the one that decides the picture.
    deciding: Option<ParamKey>,
    steps: Steps,
}

impl Draft {
    /// A draft of these parameters, with all that settings could add.
    pub fn new(params: Vec<Parameter>, preset: Layer) -> Self {
        let mut draft = Self { preset, ..Self::default() };
        draft.put_params(params);
        draft
    }

    fn put_params(&mut self, params: Vec<Parameter>) {
        self.possible = Possible::of(&params);
        self.index(params);
        self.settle();
    }

    fn index(&mut self, params: Vec<Parameter>) {
        self.index = params.iter().enumerate().map(|(i, p)| (p.key.clone(), i)).collect();
        self.seeds = (0..params.len()).filter(|at| params[*at].kind == ParamKind::Seed).collect();
        self.deciding = params.iter().find(|param| param.decides).map(|seed| seed.key.clone());
        self.params = params;
    }

    /// The parameters that are there as things are set, in order.
    pub fn params(&self) -> &[Parameter] {
        &self.params
    }

    /// A parameter, also one that another setting would bring.
    pub fn param(&self, key: &ParamKey) -> Option<&Parameter> {
        self.index.get(key).map(|i| &self.params[*i]).or_else(|| self.possible.param(key))
    }

    /// Whether the workflow has this parameter, or could have it by another setting.
    fn knows(&self, key: &ParamKey) -> bool {
        self.index.contains_key(key) || self.possible.param(key).is_some()
    }

    /// The index of a parameter in [`Draft::params`].
    pub fn place(&self, key: &ParamKey) -> Option<usize> {
        self.index.get(key).copied()
    }

    /// The preset under the edits.
    pub fn preset(&self) -> &Layer {
        &self.preset
    }

    /// The key for an alias of the preset, or for a flattened key of the workflow.
    pub fn resolve(&self, name: &str) -> Option<ParamKey> {
        let named = self.names.iter().find(|(_, given)| *given == name).map(|(key, _)| key.clone());
        let alias = named.or_else(|| self.preset.aliases.get(name).cloned());
        alias.or_else(|| ParamKey::parse(name)).filter(|key| self.knows(key))
    }

    /// A parameter's current setting; `None` for a key that the workflow does not have.
    pub fn setting(&self, key: &ParamKey) -> Option<Setting> {
        match (self.edits.get(key), self.by_program(key)) {
            (Some(edit), _) => Some(edit.setting.clone()),
            (None, Some((value, _))) => Some(Setting::Value(Value::Number(value.clone()))),
            (None, None) => self.before_edits(key),
        }
    }

    /// Who set the parameter's current value.
    pub fn origin(&self, key: &ParamKey) -> Origin {
        if let Some(edit) = self.edits.get(key) {
            Origin::Person { how: edit.by.clone() }
        } else if let Some((_, how)) = self.by_program(key) {
            Origin::Program { how }
        } else if let Some(origin) = self.preset.origin(key) {
            origin
        } else if self.param(key).is_some_and(|param| !param.presence.is_in_file()) {
            Origin::Program { how: Rule::Brought }
        } else {
            Origin::Workflow
        }
    }

    /// The parameter's current text, if its value is a text.
    pub fn shown(&self, key: &ParamKey) -> Option<&str> {
        let set = self.edits.get(key).map(|edit| &edit.setting).or_else(|| self.preset.settings.get(key));
        let value = match set {
            Some(Setting::Value(value)) => value,
            Some(Setting::File(_)) => return None,
            None => &self.param(key)?.default,
        };
        value.as_str()
    }

    /// Whether a person or the preset set the parameter.
    fn is_set(&self, key: &ParamKey) -> bool {
        self.edits.contains_key(key)
            || self.preset.settings.contains_key(key)
            || self.by_program(key).is_some()
    }

    /// A seed set by the program, with the rule for it.
    fn by_program(&self, key: &ParamKey) -> Option<(&Number, Rule)> {
        let new = self.new_seed.as_ref().filter(|_| self.deciding.as_ref() == Some(key));
        new.map(|value| (value, Rule::NewSeed))
            .or_else(|| self.drawn.get(key).map(|drawn| (&drawn.value, drawn.by)))
    }

    /// The parameter's setting without edits: the preset's, else the workflow's.
    pub fn before_edits(&self, key: &ParamKey) -> Option<Setting> {
        let preset = self.preset.settings.get(key).cloned();
        preset.or_else(|| self.param(key).map(|p| Setting::Value(p.default.clone())))
    }

    /// The edits, in the order they were made.
    pub fn edits(&self) -> impl Iterator<Item = (&ParamKey, &Setting)> {
        self.edits.iter().map(|(key, edit)| (key, &edit.setting))
    }

    /// Seed policies that a person changed.
    pub fn policy_edits(&self) -> &IndexMap<ParamKey, SeedPolicy> {
        &self.policies
    }

    /// Whether there are any edits.
    pub fn is_edited(&self) -> bool {
        !self.edits.is_empty()
            || !self.policies.is_empty()
            || !self.names.is_empty()
            || !self.expand.is_empty()
    }

    /// Number of parameters that a person set to something else than the preset's (or,
    /// without one, the workflow's) value.
    pub fn changes(&self) -> usize {
        let differs = |(key, edit): &(&ParamKey, &Edit)| {
            self.index.contains_key(*key) && self.before_edits(key).as_ref() != Some(&edit.setting)
        };
        let edited = self.edits.iter().filter(differs);
        let is_alone = |key: &&ParamKey| !self.edits.contains_key(*key);
        let only_policy = self.policies.keys().filter(is_alone);
        let only_expand = self.expand.keys().filter(is_alone);
        edited.count() + only_policy.count() + only_expand.count() + self.names.len()
    }

    /// Sets a parameter as typed. It stays set even when the value is the same as before, since
    /// the deployment may have another.
    pub fn set(&mut self, key: &ParamKey, setting: Setting) {
        self.say([(key.clone(), setting)], Said::Typed);
    }

    /// Sets several parameters as one undo step; unknown keys are ignored.
    pub fn say(&mut self, settings: impl IntoIterator<Item = (ParamKey, Setting)>, by: Said) {
        let mut step = Vec::new();
        for (key, setting) in settings.into_iter().filter(|(key, _)| self.knows(key)) {
            if by == Said::Import {
                step.extend(self.expand_as_sent(&key, Some(&setting)));
            }
            step.extend(self.edit(key, Some(Edit { setting, by: by.clone() })));
        }
        self.perform(step);
    }

    /// Makes the draft equal to a run: everything it sent becomes an edit, everything else the workflow's value.
    pub fn load(&mut self, settings: IndexMap<ParamKey, Setting>, by: Said) {
        let mut step = Vec::new();
        let mut done = HashSet::new();
        for param in self.all().filter(|param| param.is_editable()) {
            let key = &param.key;
            if !done.insert(key) {
                continue;
            }
            let is_moved = self.preset.settings.contains_key(key) || self.policy(key) != SeedPolicy::Fixed;
            let default = || Setting::Value(param.default.clone());
            let setting = settings.get(key).cloned().or_else(|| is_moved.then(default));
            step.extend(self.expand_as_sent(key, setting.as_ref()));
            let edit = setting.map(|setting| Edit { setting, by: by.clone() });
            step.extend(self.edit(key.clone(), edit));
        }
        self.perform(step);
    }

    fn edit(&self, key: ParamKey, after: Option<Edit>) -> Option<Change> {
        let before = self.edits.get(&key).cloned();
        (before != after).then_some(Change::Edit { key, before, after })
    }

    /// Removes edits, as one undo step: back to the preset's setting, else the workflow's value.
    pub fn reset<'k>(&mut self, keys: impl IntoIterator<Item = &'k ParamKey>) {
        let mut step = Vec::new();
        for key in keys {
            if let Some(before) = self.edits.get(key).cloned() {
                step.push(Change::Edit { key: key.clone(), before: Some(before), after: None });
            }
            if let Some(before) = self.policies.get(key).copied() {
                step.push(Change::Policy { key: key.clone(), before: Some(before), after: None });
            }
            if let Some(before) = self.expand.get(key).copied() {
                step.push(Change::Expand { key: key.clone(), before: Some(before), after: None });
            }
        }
        self.perform(step);
    }

    /// Removes all edits as one undo step.
    pub fn reset_all(&mut self) {
        let edits = self.edits.iter().map(|(key, before)| Change::Edit {
            key: key.clone(),
            before: Some(before.clone()),
            after: None,
        });
        let policies = self.policies.iter().map(|(key, before)| Change::Policy {
            key: key.clone(),
            before: Some(*before),
            after: None,
        });
        let names = self.names.iter().map(|(key, before)| Change::Name {
            key: key.clone(),
            before: Some(before.clone()),
            after: None,
        });
        let expand = self.expand.iter().map(|(key, before)| Change::Expand {
            key: key.clone(),
            before: Some(*before),
            after: None,
        });
        let step = edits.chain(policies).chain(names).chain(expand).collect();
        self.perform(step);
    }

    /// What lies beneath the edits as it is written: also seeds as they were before their policies.
    pub fn beneath(&self) -> Self {
        Self::new(self.all().cloned().collect(), self.preset.clone())
    }

    /// The name shown for a parameter: its alias, else its label.
    pub fn name<'a>(&'a self, parameter: &'a Parameter) -> &'a str {
        self.alias(&parameter.key).unwrap_or(&parameter.label)
    }

    /// Renames the preset under the edits.
    pub fn rename_preset(&mut self, name: String) {
        self.preset.name = name;
    }

    /// Restores edits of an earlier session, without an undo step. Returns the keys that the workflow no longer has.
    pub fn restore(
        &mut self,
        edits: impl IntoIterator<Item = (ParamKey, Setting)>,
        policies: impl IntoIterator<Item = (ParamKey, SeedPolicy)>,
    ) -> Vec<ParamKey> {
        let (known, gone): (Vec<_>, Vec<_>) = edits.into_iter().partition(|(key, _)| self.knows(key));
        self.say(known, Said::Earlier);
        let policies: Vec<_> = policies.into_iter().filter(|(key, _)| self.knows(key)).collect();
        self.policies.extend(policies);
        self.steps.clear();
        gone.into_iter().map(|(key, _)| key).collect()
    }

    /// Takes over the edits of another draft, each with its origin and without an undo step. Returns the keys that do not
    /// exist here.
    pub fn take_over(&mut self, other: Self) -> Vec<ParamKey> {
        let (known, gone): (IndexMap<_, _>, IndexMap<_, _>) =
            other.edits.into_iter().partition(|(key, _)| self.knows(key));
        self.edits.extend(known);
        let policies = other.policies.into_iter().filter(|(key, _)| self.index.contains_key(key));
        self.policies.extend(policies);
        self.restore_names(other.names);
        self.restore_expand(other.expand);
        self.steps.clear();
        self.settle();
        gone.into_keys().collect()
    }

    /// Replaces what is known of the parameters. Settings, edits and undo steps stay.
    pub fn describe(&mut self, params: Vec<Parameter>) {
        self.put_params(params);
        // What is no picture any more has no mask.
        let gone: Vec<ParamKey> = self.edits.keys().filter(|key| !self.knows(key)).cloned().collect();
        gone.iter().for_each(|key| drop(self.edits.shift_remove(key)));
    }

    /// Replaces the preset under the edits, which stay as they are; undo still leads back to the state before.
    pub fn rebase(&mut self, preset: Layer) {
        let keys: Vec<ParamKey> = self.all().map(|param| param.key.clone()).collect();
        let bases = keys.iter().map(|key| (key.clone(), self.before_edits(key)));
        let old: HashMap<ParamKey, Option<Setting>> = bases.collect();
        self.preset = preset;
        let new: HashMap<&ParamKey, Option<Setting>> =
            keys.iter().map(|key| (key, self.before_edits(key))).collect();
        let same =
            |key: &ParamKey, setting: &Option<Setting>| new.get(key).is_some_and(|base| base == setting);
        let moved = |key: &ParamKey, edit: &Option<Edit>| {
            let base = || old.get(key).cloned().flatten().map(|setting| Edit { setting, by: Said::Typed });
            edit.clone().or_else(base).filter(|edit| !same(key, &Some(edit.setting.clone())))
        };
        for change in self.steps.changes() {
            if let Change::Edit { key, before, after } = change {
                (*before, *after) = (moved(key, before), moved(key, after));
            }
        }
        // Settings inherited only from the old preset are not edits.
        self.edits.retain(|key, edit| !same(key, &Some(edit.setting.clone())));
        let seeds = &self.preset.seeds;
        self.policies.retain(|key, policy| seeds.get(key) != Some(policy));
        let preset = &self.preset;
        self.names.retain(|key, name| preset.alias(key).unwrap_or_default() != name);
        self.expand.retain(|key, expands| preset.expands(key) != *expands);
        self.settle();
    }
}

#[cfg(test)]
mod tests;
