//! Finds seeds, and the main one that decides the picture, by the wiring.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use serde_json::Value;

use super::{ParamKind, Parameter, Range, is_whole};
use crate::domain::inputs::is_seed_name;
use crate::domain::node_facts::{self, Fact};
use crate::domain::workflow::is_link;
use crate::domain::{ParamKey, SeedPolicy, Workflow};

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
pub fn mark(params: &mut [Parameter]) {
    let graph = Graph::new(params);
    let is_wired_seed = |p: &&Parameter| p.kind == ParamKind::Link && is_seed_name(p.key.input());
    let sources = params.iter().filter(is_wired_seed).filter_map(|wired| {
        let number = graph.number_behind(wired)?;
        graph.feeds_only_seeds(number.key.node()).then(|| (number.key.clone(), range_of(wired)))
    });
    let found: HashMap<ParamKey, Range> = sources.collect();
    let is_shared = |p: &&Parameter| {
        p.kind == ParamKind::Seed && !is_seed_name(p.key.input()) && !graph.feeds_only_seeds(p.key.node())
    };
    let shared: HashSet<ParamKey> = params.iter().filter(is_shared).map(|p| p.key.clone()).collect();
    for param in params {
        // A new seed would change something else as well.
        if shared.contains(&param.key) {
            param.kind = ParamKind::Integer;
        }
        let Some(range) = found.get(&param.key) else { continue };
        if matches!(param.kind, ParamKind::Integer | ParamKind::Float) {
            param.kind = ParamKind::Seed;
        }
        param.range.min = range.min.clone().or(param.range.min.take());
        param.range.max = range.max.clone().or(param.range.max.take());
    }
}

/// The main seed: of the first node that makes a picture from its own noise; after those, of second passes; after
/// those, of nodes that are not known to reach a sampler. A seed whose node adds no noise decides nothing.
pub fn deciding(params: &[Parameter]) -> Option<&Parameter> {
    let graph = Graph::new(params);
    let mut best: Option<(Weight, &Parameter)> = None;
    for seed in params.iter().filter(|param| param.kind == ParamKind::Seed) {
        let weight = graph.weight(seed.key.node());
        if weight > best.map_or(Weight::Nothing, |(weight, _)| weight) {
            best = Some((weight, seed));
        }
    }
    best.map(|(_, seed)| seed)
}

/// How much of the picture a seed decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Its node adds no noise.
    Nothing,
    /// Not known to reach a sampler: a prompt enhancer's, say.
    Unknown,
    /// Reaches a node that changes an existing picture.
    SecondPass,
    /// Reaches a node that makes a picture.
    Picture,
}

/// Names of links that only samplers have.
const OF_SAMPLERS: [&str; 9] = [
    "latent_image",
    "latent",
    "samples",
    "positive",
    "negative",
    "conditioning",
    "guider",
    "text_embeds",
    "image_embeds",
];

/// Parameters by node, and the readers of each node.
struct Graph<'a> {
    nodes: HashMap<&'a str, Vec<&'a Parameter>>,
    readers: HashMap<&'a str, Vec<&'a Parameter>>,
}

impl<'a> Graph<'a> {
    fn new(params: &'a [Parameter]) -> Self {
        let mut graph = Self { nodes: HashMap::new(), readers: HashMap::new() };
        for param in params {
            graph.nodes.entry(param.key.node()).or_default().push(param);
            if let Some(from) = source_of(param) {
                graph.readers.entry(from).or_default().push(param);
            }
        }
        graph
    }

    fn node(&self, id: &str) -> &[&'a Parameter] {
        self.nodes.get(id).map_or(&[], Vec::as_slice)
    }

    fn readers(&self, id: &str) -> &[&'a Parameter] {
        self.readers.get(id).map_or(&[], Vec::as_slice)
    }

    /// The plain number that a seed is linked to, through nodes that only pass it on.
    fn number_behind(&self, wired: &Parameter) -> Option<&'a Parameter> {
        let mut seen = HashSet::new();
        let mut from = source_of(wired)?;
        while seen.insert(from) {
            let node = self.nodes.get(from)?;
            let numbers = || node.iter().filter(|p| p.default.as_number().is_some_and(is_whole)).copied();
            let (seed, only) = (numbers().find(|p| is_seed_name(p.key.input())), numbers().next());
            if let Some(number) = seed.or(only.filter(|_| numbers().count() == 1)) {
                return Some(number);
            }
            match (only, node.as_slice()) {
                (None, [passed_on]) => from = source_of(passed_on)?,
                _ => return None,
            }
        }
        None
    }

    /// Whether a node's outputs only lead to seeds.
    fn feeds_only_seeds(&self, id: &str) -> bool {
        let mut seen = HashSet::from([id]);
        let mut rest = vec![id];
        while let Some(id) = rest.pop() {
            for reader in self.readers(id) {
                let node = reader.key.node();
                if is_seed_name(reader.key.input()) {
                    continue;
                }
                // A reroute has this single input.
                if self.node(node).len() != 1 {
                    return false;
                }
                if seen.insert(node) {
                    rest.push(node);
                }
            }
        }
        true
    }

    /// How much the seed of a node decides.
    fn weight(&self, id: &str) -> Weight {
        let mut weight = self.own_weight(id);
        let mut seen = HashSet::from([id]);
        let mut rest = vec![id];
        while let Some(id) = rest.pop() {
            for reader in self.readers(id) {
                let node = reader.key.node();
                let carries = is_seed_name(reader.key.input()) || reader.key.input() == "noise";
                let is_reroute = self.node(node).len() == 1;
                if (carries || is_reroute) && seen.insert(node) {
                    weight = weight.max(self.own_weight(node));
                    rest.push(node);
                }
            }
        }
        weight
    }

    fn own_weight(&self, id: &str) -> Weight {
        let node = self.node(id);
        let literal = |name: &str| node.iter().find(|p| p.key.input() == name).map(|p| &p.default);
        let adds_none = |value: &Value| *value == Value::Bool(false) || value.as_str() == Some("disable");
        if literal("add_noise").is_some_and(adds_none) {
            return Weight::Nothing;
        }
        let is_named_so = node.first().is_some_and(|p| p.class_type.to_ascii_lowercase().contains("sampler"));
        let samples = |p: &&Parameter| p.kind == ParamKind::Link && OF_SAMPLERS.contains(&p.key.input());
        if !is_named_so && !node.iter().any(samples) {
            return Weight::Unknown;
        }
        match literal("denoise").and_then(Value::as_f64) {
            Some(denoise) if denoise < 1.0 => Weight::SecondPass,
            _ => Weight::Picture,
        }
    }
}

/// The range of a linked input.
fn range_of(wired: &Parameter) -> Range {
    match node_facts::lookup(&wired.class_type, wired.key.input()) {
        Some(Fact::Integer(range)) => range,
        _ => Range::default(),
    }
}

/// The node id that a linked input reads from.
fn source_of(param: &Parameter) -> Option<&str> {
    is_link(&param.default).then(|| param.default.get(0).and_then(Value::as_str)).flatten()
}

#[cfg(test)]
mod tests;
