//! Finds seeds, and the main one that decides the picture, by the wiring.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::{ParamKind, Parameter, Range, is_whole};
use crate::domain::inputs::is_seed_name;
use crate::domain::node_facts;
use crate::domain::schema::Takes;
use crate::domain::wiring::Wiring;
use crate::domain::{ParamKey, Role, SeedPolicy, Workflow};

/// The input in which ComfyUI's editor stores the policy of the seed before it. Nodes do not take it.
const CONTROL: &str = "control_after_generate";

/// Whether an input is the editor's policy of the seed before it.
pub fn is_control(input: &str, value: &Value) -> bool {
    input == CONTROL && value.is_string()
}

/// Seed policies stored in the workflow by ComfyUI's editor.
pub fn policies(workflow: &Workflow) -> IndexMap<ParamKey, SeedPolicy> {
    let mut policies = IndexMap::new();
    for (id, node) in workflow.nodes() {
        let mut before = None;
        for (input, value) in node.inputs.iter().flatten() {
            if value.is_number() {
                before = Some(input);
            } else if is_control(input, value)
                && let (Some(seed), Some(policy)) = (before, value.as_str().and_then(SeedPolicy::from_word))
            {
                policies.insert(ParamKey::new(id, seed), policy);
            }
        }
    }
    policies
}

/// Turns plain numbers (`PrimitiveInt` and the like) that are linked to nothing but seeds into seeds, with the
/// range of the linked inputs.
pub(super) fn mark(params: &mut [Parameter], wiring: &Wiring<'_>) {
    let mut ranges: HashMap<ParamKey, Range> = HashMap::new();
    for at in 0..wiring.len() {
        for (name, _) in wiring.links(at).filter(|(name, _)| is_seed_name(name)) {
            let is_number = |value: &Value| value.as_number().is_some_and(is_whole);
            if let Some((source, input)) = wiring.followed(at, name, is_seed_name, is_number) {
                let range = match node_facts::lookup(wiring.class(at), name) {
                    Some(Takes::Integer(range)) => range,
                    _ => Range::default(),
                };
                ranges.insert(ParamKey::new(wiring.id(source), input), range);
            }
        }
    }
    for param in params {
        let range = ranges.remove(&param.key);
        let is_seed = param.kind == ParamKind::Seed;
        if !is_seed && range.is_none() {
            continue;
        }
        match (feeds_only_seeds(wiring, param), range) {
            // A new seed would change something else as well.
            (false, _) if is_seed && !is_seed_name(param.key.input()) => param.kind = ParamKind::Integer,
            (true, Some(range)) => {
                if matches!(param.kind, ParamKind::Integer | ParamKind::Float) {
                    param.kind = ParamKind::Seed;
                }
                param.range.min = range.min.or(param.range.min.take());
                param.range.max = range.max.or(param.range.max.take());
            }
            _ => {}
        }
    }
}

/// Whether the outputs of the parameter's node only lead to seeds.
fn feeds_only_seeds(wiring: &Wiring<'_>, param: &Parameter) -> bool {
    let users = wiring.place(param.key.node()).map(|at| wiring.users(at)).unwrap_or_default();
    users.iter().all(|(_, name)| is_seed_name(name))
}

/// The index of the main seed: of the first sampler; after it, of second passes; after those, of nodes that are not
/// known to reach a sampler. A seed whose sampler adds no noise decides nothing.
pub(super) fn deciding(params: &[Parameter], wiring: &Wiring<'_>) -> Option<usize> {
    let seeds = || params.iter().enumerate().filter(|(_, param)| param.kind == ParamKind::Seed);
    let of_sampler = || seeds().filter(|(_, param)| param.role == Some(Role::Seed));
    let first = of_sampler().find(|(_, param)| !param.is_later).or_else(|| of_sampler().next());
    first.or_else(|| seeds().find(|(_, param)| has_effect(wiring, param))).map(|(at, _)| at)
}

/// Whether a seed is used: a sampler that adds no noise ignores it.
fn has_effect(wiring: &Wiring<'_>, seed: &Parameter) -> bool {
    let Some(at) = wiring.place(seed.key.node()) else { return true };
    let users = wiring.users(at);
    let mut uses = users.iter().filter(|(_, name)| is_seed_name(name)).peekable();
    !wiring.is_silent(at) && (uses.peek().is_none() || uses.any(|(at, _)| !wiring.is_silent(*at)))
}

#[cfg(test)]
mod tests;
