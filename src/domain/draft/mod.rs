//! The draft: what a person is about to run. The workflow's values, a preset's over them, edits over both.

mod names;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ParamKey, ParamKind, Parameter};

pub use names::{Named, Unnamed};

/// What a parameter is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A value, sent in `params`. For a file parameter: the name of a file the server already has.
    Value(Value),
    /// A file of this machine, uploaded with the run.
    File(PathBuf),
}

/// Which layer a parameter's present setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The workflow's own value: not sent.
    Workflow,
    Preset,
    /// The person, since the preset was loaded.
    Edit,
}

/// What happens to a seed each time a run is submitted. The value that results is the one that is
/// sent, shown afterwards, and kept in history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeedPolicy {
    /// Sent as it stands.
    #[default]
    Fixed,
    /// A new one below [`RANDOM_SEEDS`].
    Randomize,
    /// One more; after 2^64-1 comes 0.
    Increment,
    /// One less; after 0 comes 2^64-1.
    Decrement,
}

impl SeedPolicy {
    /// All of them, in the order in which a key cycles through them.
    pub const ALL: [Self; 4] = [Self::Fixed, Self::Randomize, Self::Increment, Self::Decrement];

    /// The word in presets and on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Randomize => "randomize",
            Self::Increment => "increment",
            Self::Decrement => "decrement",
        }
    }

    /// Reads [`SeedPolicy::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }
}

/// Random seeds lie below this, the range in which ComfyUI's own interface picks: short enough to
/// read aloud, and exact in a double.
pub const RANDOM_SEEDS: u64 = 1 << 50;

/// A preset as the draft needs it: its settings after `extends` has been resolved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layer {
    /// The preset's name; empty when there is none.
    pub name: String,
    pub settings: IndexMap<ParamKey, Setting>,
    /// What becomes of seeds.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    pub aliases: IndexMap<String, ParamKey>,
}

/// What a submission sends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Submission {
    /// Values, as they are sent.
    pub params: IndexMap<ParamKey, Value>,
    pub files: Vec<(ParamKey, PathBuf)>,
    /// Seeds that this submission changed.
    pub seeds: Vec<SeedChange>,
}

/// A seed that a submission changed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedChange {
    pub key: ParamKey,
    pub value: u64,
    /// It was changed only because nothing else was: the server takes no empty request.
    pub forced: bool,
}

/// Why a draft cannot be submitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Nothing was changed, and there is no seed to change.
    #[error(
        "nothing was changed, and this workflow has no seed to change: the server takes no request without a value. Change a parameter, then run"
    )]
    NothingToSend,
}

/// The values of a workflow's parameters with a preset's and a person's over them, and their past.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    params: Vec<Parameter>,
    index: HashMap<ParamKey, usize>,
    preset: Layer,
    edits: IndexMap<ParamKey, Setting>,
    policies: IndexMap<ParamKey, SeedPolicy>,
    /// Seeds whose edit is what a submission made of them, not what a person typed.
    adopted: HashSet<ParamKey>,
    undo: Vec<Vec<Change>>,
    redo: Vec<Vec<Change>>,
}

/// One step of one layer, both ways.
#[derive(Clone, Debug, PartialEq)]
enum Change {
    Edit { key: ParamKey, before: Option<Setting>, after: Option<Setting> },
    Policy { key: ParamKey, before: Option<SeedPolicy>, after: Option<SeedPolicy> },
}

/// Steps of undo that are kept.
const UNDO_STEPS: usize = 1_000;

impl Draft {
    /// A draft of a workflow's parameters under a preset.
    pub fn new(params: Vec<Parameter>, preset: Layer) -> Self {
        let index = params.iter().enumerate().map(|(i, p)| (p.key.clone(), i)).collect();
        Self { params, index, preset, ..Self::default() }
    }

    /// The parameters, in order.
    pub fn params(&self) -> &[Parameter] {
        &self.params
    }

    pub fn param(&self, key: &ParamKey) -> Option<&Parameter> {
        self.index.get(key).map(|i| &self.params[*i])
    }

    /// The place of a parameter among [`Draft::params`].
    pub fn place(&self, key: &ParamKey) -> Option<usize> {
        self.index.get(key).copied()
    }

    /// The preset beneath the edits.
    pub fn preset(&self) -> &Layer {
        &self.preset
    }

    /// The key behind an alias of the preset or a flattened key of the workflow.
    pub fn resolve(&self, name: &str) -> Option<ParamKey> {
        let known = |key: &ParamKey| self.index.contains_key(key);
        let alias = self.preset.aliases.get(name).cloned();
        alias.or_else(|| ParamKey::parse(name)).filter(known)
    }

    /// What a parameter is set to now; `None` for a key the workflow does not have.
    pub fn setting(&self, key: &ParamKey) -> Option<Setting> {
        let set = self.edits.get(key).or_else(|| self.preset.settings.get(key)).cloned();
        set.or_else(|| self.param(key).map(|p| Setting::Value(p.default.clone())))
    }

    /// Where the present setting comes from.
    pub fn origin(&self, key: &ParamKey) -> Origin {
        if self.edits.contains_key(key) {
            Origin::Edit
        } else if self.preset.settings.contains_key(key) {
            Origin::Preset
        } else {
            Origin::Workflow
        }
    }

    /// The text that a parameter is set to now, when it is one.
    pub fn shown(&self, key: &ParamKey) -> Option<&str> {
        let set = self.edits.get(key).or_else(|| self.preset.settings.get(key));
        let value = match set {
            Some(Setting::Value(value)) => value,
            Some(Setting::File(_)) => return None,
            None => &self.param(key)?.default,
        };
        value.as_str()
    }

    /// Whether a preset or a person set it.
    fn is_set(&self, key: &ParamKey) -> bool {
        self.origin(key) != Origin::Workflow
    }

    /// What the parameter would be without edits: the preset's setting, else the workflow's value.
    pub fn before_edits(&self, key: &ParamKey) -> Option<Setting> {
        let preset = self.preset.settings.get(key).cloned();
        preset.or_else(|| self.param(key).map(|p| Setting::Value(p.default.clone())))
    }

    /// The edits over the preset, in the order they were made.
    pub fn edits(&self) -> &IndexMap<ParamKey, Setting> {
        &self.edits
    }

    /// The seed policies changed over the preset's.
    pub fn policy_edits(&self) -> &IndexMap<ParamKey, SeedPolicy> {
        &self.policies
    }

    /// Whether anything differs from the preset (or, without one, from the workflow).
    pub fn is_edited(&self) -> bool {
        !self.edits.is_empty() || !self.policies.is_empty()
    }

    /// How many parameters a person changed: seeds that a submission changed by itself are not counted, so
    /// nobody is asked about losing them.
    pub fn changes(&self) -> usize {
        let edited = self.edits.keys().filter(|key| !self.adopted.contains(*key));
        let only_policy =
            self.policies.keys().filter(|key| !self.edits.contains_key(*key) || self.adopted.contains(*key));
        edited.count() + only_policy.count()
    }

    pub fn policy(&self, key: &ParamKey) -> SeedPolicy {
        let set = self.policies.get(key).or_else(|| self.preset.seeds.get(key));
        set.copied().unwrap_or_default()
    }

    /// Sets a parameter. Setting it to what it is without edits takes the edit away.
    pub fn set(&mut self, key: &ParamKey, setting: Setting) {
        self.set_all([(key.clone(), setting)]);
    }

    /// Sets several parameters as one step of undo; keys that the workflow does not have are left out.
    pub fn set_all(&mut self, settings: impl IntoIterator<Item = (ParamKey, Setting)>) {
        let step = self.edit_step(settings);
        self.perform(step);
    }

    fn edit_step(&self, settings: impl IntoIterator<Item = (ParamKey, Setting)>) -> Vec<Change> {
        let mut step = Vec::new();
        for (key, setting) in settings {
            if !self.index.contains_key(&key) {
                continue;
            }
            let after = (self.before_edits(&key).as_ref() != Some(&setting)).then_some(setting);
            let before = self.edits.get(&key).cloned();
            if before != after {
                step.push(Change::Edit { key, before, after });
            }
        }
        step
    }

    /// Sets several parameters and what becomes of seeds, as one step of undo; keys that the workflow does not
    /// have are left out.
    pub fn load(
        &mut self,
        settings: impl IntoIterator<Item = (ParamKey, Setting)>,
        policies: impl IntoIterator<Item = (ParamKey, SeedPolicy)>,
    ) {
        let mut step = self.edit_step(settings);
        for (key, policy) in policies.into_iter().filter(|(key, _)| self.index.contains_key(key)) {
            step.extend(self.policy_change(&key, policy));
        }
        self.perform(step);
    }

    /// Takes an edit away: back to the preset's setting, else the workflow's value.
    pub fn reset(&mut self, key: &ParamKey) {
        let mut step = Vec::new();
        if let Some(before) = self.edits.get(key).cloned() {
            step.push(Change::Edit { key: key.clone(), before: Some(before), after: None });
        }
        if let Some(before) = self.policies.get(key).copied() {
            step.push(Change::Policy { key: key.clone(), before: Some(before), after: None });
        }
        self.perform(step);
    }

    /// Takes all edits away, as one step of undo.
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
        let step = edits.chain(policies).collect();
        self.perform(step);
    }

    /// Sets what becomes of a seed at submit.
    pub fn set_policy(&mut self, key: &ParamKey, policy: SeedPolicy) {
        let step = self.policy_change(key, policy).into_iter().collect();
        self.perform(step);
    }

    fn policy_change(&self, key: &ParamKey, policy: SeedPolicy) -> Option<Change> {
        let preset = self.preset.seeds.get(key).copied().unwrap_or_default();
        let after = (policy != preset).then_some(policy);
        let before = self.policies.get(key).copied();
        (before != after).then(|| Change::Policy { key: key.clone(), before, after })
    }

    /// Takes the last step back. Returns the first key it touched, to show it; `None` at the beginning.
    pub fn undo(&mut self) -> Option<ParamKey> {
        let step = self.undo.pop()?;
        let shown = step.first().map(|change| change.key().clone());
        for change in step.iter().rev() {
            self.put(change, false);
        }
        self.redo.push(step);
        shown
    }

    /// Does the step again that was taken back last.
    pub fn redo(&mut self) -> Option<ParamKey> {
        let step = self.redo.pop()?;
        let shown = step.first().map(|change| change.key().clone());
        for change in &step {
            self.put(change, true);
        }
        self.undo.push(step);
        shown
    }

    /// Whether there is a step to take back.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether there is a step to do again.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// The name people know a parameter by: its alias in the preset, else its label.
    pub fn name<'a>(&'a self, parameter: &'a Parameter) -> &'a str {
        let alias = self.preset.aliases.iter().find(|(_, key)| **key == parameter.key);
        alias.map_or(&parameter.label, |(alias, _)| alias)
    }

    /// The preset beneath has another name now.
    pub fn rename_preset(&mut self, name: String) {
        self.preset.name = name;
    }

    /// Puts back edits of an earlier session: they are no step of undo. Returns the keys that the workflow
    /// does not have any more.
    pub fn restore(
        &mut self,
        edits: impl IntoIterator<Item = (ParamKey, Setting)>,
        policies: impl IntoIterator<Item = (ParamKey, SeedPolicy)>,
    ) -> Vec<ParamKey> {
        let (known, gone): (Vec<_>, Vec<_>) =
            edits.into_iter().partition(|(key, _)| self.index.contains_key(key));
        self.set_all(known);
        for (key, policy) in policies.into_iter().filter(|(key, _)| self.index.contains_key(key)) {
            self.policies.insert(key, policy);
        }
        self.undo.clear();
        gone.into_iter().map(|(key, _)| key).collect()
    }

    /// Puts another preset beneath: what is set stays as it is, and undo leads back to what was.
    pub fn rebase(&mut self, preset: Layer) {
        let keys: Vec<ParamKey> = self.params.iter().map(|param| param.key.clone()).collect();
        let bases = keys.iter().map(|key| (key.clone(), self.before_edits(key)));
        let old: HashMap<ParamKey, Option<Setting>> = bases.collect();
        self.preset = preset;
        let new: HashMap<&ParamKey, Option<Setting>> =
            keys.iter().map(|key| (key, self.before_edits(key))).collect();
        let moved = |key: &ParamKey, edit: &Option<Setting>| {
            let set = edit.clone().or_else(|| old.get(key).cloned().flatten());
            if new.get(key).is_some_and(|base| *base == set) { None } else { set }
        };
        for step in self.undo.iter_mut().chain(&mut self.redo) {
            for change in step {
                if let Change::Edit { key, before, after } = change {
                    (*before, *after) = (moved(key, before), moved(key, after));
                }
            }
        }
        let edits =
            keys.iter().filter_map(|key| Some((key.clone(), moved(key, &self.edits.get(key).cloned())?)));
        // What only the preset set before is not an edit now.
        let edits = edits.filter(|(key, _)| self.edits.contains_key(key));
        self.edits = edits.collect();
        let seeds = &self.preset.seeds;
        self.policies.retain(|key, policy| seeds.get(key).copied().unwrap_or_default() != *policy);
    }

    /// What running this draft sends: only what the preset or the person set, after seed policies.
    ///
    /// When that is nothing, the first seed is changed, since the server takes no request without values.
    /// `random` gives any 64 random bits.
    ///
    /// # Errors
    /// When nothing is set and the workflow has no seed.
    pub fn submission(&self, mut random: impl FnMut() -> u64) -> Result<Submission, SubmitError> {
        let mut sent = Submission::default();
        for parameter in self.params.iter().filter(|p| p.is_editable()) {
            let key = &parameter.key;
            if self.origin(key) == Origin::Workflow {
                continue;
            }
            match self.setting(key) {
                Some(Setting::Value(value)) => {
                    sent.params.insert(key.clone(), value);
                }
                Some(Setting::File(path)) => sent.files.push((key.clone(), path)),
                None => {}
            }
        }
        for key in self.seeds() {
            let policy = self.policy(key);
            if policy != SeedPolicy::Fixed {
                sent.change_seed(key, self.next_seed(key, policy, &mut random), false);
            }
        }
        if sent.params.is_empty() && sent.files.is_empty() {
            let key = self.seeds().next().ok_or(SubmitError::NothingToSend)?;
            sent.change_seed(key, self.next_seed(key, SeedPolicy::Randomize, &mut random), true);
        }
        Ok(sent)
    }

    /// Shows the seeds that were sent as the present values. Not a step of undo: it happened.
    pub fn adopt_seeds(&mut self, sent: &Submission) {
        for change in &sent.seeds {
            let setting = Setting::Value(Value::from(change.value));
            self.edits.insert(change.key.clone(), setting);
            self.adopted.insert(change.key.clone());
        }
    }

    fn seeds(&self) -> impl Iterator<Item = &ParamKey> {
        self.params.iter().filter(|p| p.kind == ParamKind::Seed).map(|p| &p.key)
    }

    fn next_seed(&self, key: &ParamKey, policy: SeedPolicy, random: &mut impl FnMut() -> u64) -> u64 {
        let now = match self.setting(key) {
            Some(Setting::Value(value)) => value.as_u64().unwrap_or(0),
            _ => 0,
        };
        match policy {
            SeedPolicy::Fixed => now,
            SeedPolicy::Increment => now.wrapping_add(1),
            SeedPolicy::Decrement => now.wrapping_sub(1),
            SeedPolicy::Randomize => {
                let next = random() % RANDOM_SEEDS;
                // The same seed again would be answered from the server's cache.
                if next == now { (next + 1) % RANDOM_SEEDS } else { next }
            }
        }
    }

    fn perform(&mut self, step: Vec<Change>) {
        if step.is_empty() {
            return;
        }
        for change in &step {
            self.put(change, true);
        }
        self.redo.clear();
        self.undo.push(step);
        if self.undo.len() > UNDO_STEPS {
            self.undo.remove(0);
        }
    }

    fn put(&mut self, change: &Change, forward: bool) {
        match change {
            Change::Edit { key, before, after } => {
                self.adopted.remove(key);
                put(&mut self.edits, key, if forward { after } else { before });
            }
            Change::Policy { key, before, after } => {
                put(&mut self.policies, key, if forward { after } else { before });
            }
        }
    }
}

impl Submission {
    fn change_seed(&mut self, key: &ParamKey, value: u64, forced: bool) {
        self.params.insert(key.clone(), Value::from(value));
        self.seeds.push(SeedChange { key: key.clone(), value, forced });
    }
}

impl Change {
    fn key(&self) -> &ParamKey {
        match self {
            Self::Edit { key, .. } | Self::Policy { key, .. } => key,
        }
    }
}

fn put<T: Clone>(layer: &mut IndexMap<ParamKey, T>, key: &ParamKey, value: &Option<T>) {
    match value {
        Some(value) => {
            layer.insert(key.clone(), value.clone());
        }
        None => {
            layer.shift_remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
