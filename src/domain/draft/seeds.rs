//! Seeds: their policies, and the values these give them.

use serde_json::{Number, Value};

use super::steps::Change;
use super::steps::put;
use super::{Draft, Drawn, Setting};
use crate::domain::{ParamKey, Rule, SeedPolicy, seed};

impl Draft {
    /// The seed policy of a parameter.
    pub fn policy(&self, key: &ParamKey) -> SeedPolicy {
        self.chosen_policy(key).unwrap_or_default()
    }

    /// The seed policy a person or the preset chose.
    fn chosen_policy(&self, key: &ParamKey) -> Option<SeedPolicy> {
        self.policies.get(key).or_else(|| self.preset.seeds.get(key)).copied()
    }

    /// Sets the policy of a seed.
    pub fn set_policy(&mut self, key: &ParamKey, policy: SeedPolicy) {
        let step = self.policy_change(key, policy).into_iter().collect();
        self.perform(step);
    }

    pub(super) fn policy_change(&self, key: &ParamKey, policy: SeedPolicy) -> Option<Change> {
        let after = (self.preset.seeds.get(key) != Some(&policy)).then_some(policy);
        let before = self.policies.get(key).copied();
        (before != after).then(|| Change::Policy { key: key.clone(), before, after })
    }

    /// Sets the seeds as last sent, from which increments and decrements continue.
    pub fn go_on_from(&mut self, ran: impl IntoIterator<Item = (ParamKey, Number)>) {
        self.ran.extend(ran);
        self.drawn.clear();
    }

    /// Seeds with a policy that changes them.
    pub fn moved_seeds(&self) -> impl Iterator<Item = &ParamKey> {
        let keys = self.seeds.iter().map(|at| &self.params[*at].key);
        keys.filter(|key| self.policy(key) != SeedPolicy::Fixed)
    }

    /// Computes the next value of each seed with a policy, and a new main seed while nothing at all is set,
    /// since the same request would give the same picture. Seeds that already have their next value keep it.
    /// `random` returns 64 random bits.
    pub fn draw(&mut self, mut random: impl FnMut() -> u64) {
        for at in self.seeds.clone() {
            let key = &self.params[at].key;
            let policy = self.policy(key);
            let is_there = self.drawn.get(key).is_some_and(|drawn| match drawn.by {
                Rule::Policy(by) | Rule::AtEnd(by) => by == policy,
                Rule::NewSeed | Rule::AsItStands | Rule::Brought => false,
            });
            if is_there {
                continue;
            }
            let now = self.last(key).filter(|_| policy != SeedPolicy::Fixed);
            let drawn = now.map(|now| match seed::next(policy, &now, &self.params[at].range, random()) {
                Some(value) => Drawn { value, by: Rule::Policy(policy) },
                None => Drawn { value: now, by: Rule::AtEnd(policy) },
            });
            let key = key.clone();
            put(&mut self.drawn, &key, &drawn);
        }
        let is_set = !self.edits.is_empty() || self.preset.has_preset_settings() || !self.drawn.is_empty();
        let is_chosen =
            |key: &ParamKey| self.chosen_policy(key).is_some() || self.preset.settings.contains_key(key);
        let free = self.deciding.as_ref().filter(|key| !is_set && !is_chosen(key));
        let seed = free.and_then(|key| Some((self.last(key)?, &self.param(key)?.range)));
        self.new_seed = match (seed, &self.new_seed) {
            (None, _) => None,
            (Some(_), Some(there)) => Some(there.clone()),
            (Some((now, range)), None) => Some(seed::random_seed(range, Some(&now), random())),
        };
    }

    /// Whether there is a seed that decides the picture.
    pub fn has_deciding_seed(&self) -> bool {
        self.deciding.is_some()
    }

    /// Sets the main seed to a random value, as if typed. Returns `false` when there is none.
    pub fn new_seed(&mut self, random: u64) -> bool {
        let Some(param) = self.deciding.as_ref().and_then(|key| self.param(key)) else { return false };
        let key = param.key.clone();
        let now = match self.setting(&key) {
            Some(Setting::Value(Value::Number(now))) => Some(now),
            _ => None,
        };
        let seed = seed::random_seed(&param.range, now.as_ref(), random);
        self.set(&key, Setting::Value(Value::Number(seed)));
        true
    }

    /// The last value of a seed.
    fn last(&self, key: &ParamKey) -> Option<Number> {
        let written = || match self.before_edits(key) {
            Some(Setting::Value(Value::Number(number))) => Some(number),
            _ => None,
        };
        self.ran.get(key).cloned().or_else(written)
    }
}
