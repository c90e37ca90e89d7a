//! A workflow's wiring: nodes by index, with resolved links. Roles and the main seed are found in it.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::Workflow;
use super::inputs::is_seed_name;
use super::workflow::{Node, is_link};

/// Most links a value is followed through.
const MOST_HOPS: usize = 64;

/// Substrings of inputs whose links carry the image or latent a sampler starts from.
const LATENTS: [&str; 7] =
    ["latent", "samples", "image_embeds", "empty_embeds", "start_image", "init_image", "pixels"];

pub(super) struct Wiring<'w> {
    nodes: &'w IndexMap<String, Node>,
    /// Name → node that sets it, for nodes that pass values by name.
    set: HashMap<&'w str, usize>,
    /// By node: the nodes that read its outputs, with the input.
    readers: Vec<Vec<(usize, &'w str)>>,
}

pub(super) struct Sampler {
    pub node: usize,
    /// Whether it continues the work of another sampler.
    pub is_later: bool,
}

impl<'w> Wiring<'w> {
    pub(super) fn new(workflow: &'w Workflow) -> Self {
        let nodes = workflow.nodes();
        let mut wiring = Self { nodes, set: HashMap::new(), readers: vec![Vec::new(); nodes.len()] };
        for (at, node) in workflow.nodes().values().enumerate() {
            if is_class(node, "setnode")
                && let Some(name) = wiring.passed_name(at)
            {
                wiring.set.insert(name, at);
            }
        }
        for at in 0..wiring.len() {
            for (name, from) in wiring.links(at).collect::<Vec<_>>() {
                wiring.readers[from].push((at, name));
            }
        }
        wiring
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The index of a node.
    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.nodes.get_index_of(id)
    }

    pub(super) fn id(&self, at: usize) -> &'w str {
        self.nodes.get_index(at).map_or("", |(id, _)| id)
    }

    pub(super) fn class(&self, at: usize) -> &'w str {
        self.nodes.get_index(at).map_or("", |(_, node)| &node.class_type)
    }

    /// The inputs of a node in file order.
    pub(super) fn inputs(&self, at: usize) -> impl Iterator<Item = (&'w str, &'w Value)> + use<'w> {
        let inputs = self.nodes.get_index(at).and_then(|(_, node)| node.inputs.as_ref());
        inputs.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    pub(super) fn input(&self, at: usize, name: &str) -> Option<&'w Value> {
        self.nodes.get_index(at)?.1.inputs.as_ref()?.get(name)
    }

    /// The node a link leads to, through nodes that pass values by name.
    pub(super) fn linked(&self, value: &Value) -> Option<usize> {
        if !is_link(value) {
            return None;
        }
        let at = self.nodes.get_index_of(value.get(0)?.as_str()?)?;
        let is_get = self.nodes.get_index(at).is_some_and(|(_, node)| is_class(node, "getnode"));
        match self.passed_name(at).filter(|_| is_get) {
            Some(name) => self.set.get(name).copied(),
            None => Some(at),
        }
    }

    /// A node's links: input name and target.
    pub(super) fn links(&self, at: usize) -> impl Iterator<Item = (&'w str, usize)> {
        self.inputs(at).filter_map(|(name, value)| Some((name, self.linked(value)?)))
    }

    /// The nodes that use a node's outputs, with the input; nodes that only pass a value on are followed. Cycles end.
    pub(super) fn users(&self, at: usize) -> Vec<(usize, &'w str)> {
        let mut seen = vec![at];
        let mut open = vec![at];
        let mut users = Vec::new();
        while let Some(at) = open.pop() {
            for (reader, name) in &self.readers[at] {
                if is_seed_name(name) || !self.passes_on(*reader) {
                    users.push((*reader, *name));
                } else if !seen.contains(reader) {
                    seen.push(*reader);
                    open.push(*reader);
                }
            }
        }
        users
    }

    /// Whether a node only passes a value on: it has one input, or names the value.
    fn passes_on(&self, at: usize) -> bool {
        self.inputs(at).count() == 1
            || self.nodes.get_index(at).is_some_and(|(_, node)| is_class(node, "setnode"))
    }

    /// The input that holds the value: this one, or the one at the end of its link. `None` when the value is
    /// computed on the way. `is_held` tells a value of the right type, `is_like` an input name of the same purpose.
    pub(super) fn followed(
        &self,
        at: usize,
        name: &str,
        is_like: impl Fn(&str) -> bool,
        is_held: impl Fn(&Value) -> bool,
    ) -> Option<(usize, &'w str)> {
        let (own, mut value) = self.nodes.get_index(at)?.1.inputs.as_ref()?.get_key_value(name)?;
        let (mut at, mut name) = (at, own.as_str());
        for _ in 0..MOST_HOPS {
            if is_held(value) {
                return Some((at, name));
            }
            at = self.linked(value)?;
            (name, value) = self.next(at, &is_like, &is_held)?;
        }
        None
    }

    /// The input of an intermediate node that the value comes from.
    fn next(
        &self,
        at: usize,
        is_like: impl Fn(&str) -> bool,
        is_held: impl Fn(&Value) -> bool,
    ) -> Option<(&'w str, &'w Value)> {
        const PLAIN: [&str; 9] =
            ["value", "Value", "int", "INT", "number", "Number", "float", "string", "text"];
        let leads_on = |value: &Value| is_held(value) || is_link(value);
        let like = || self.inputs(at).find(|(name, value)| is_like(name) && leads_on(value));
        let plain = || self.inputs(at).find(|(name, value)| PLAIN.contains(name) && leads_on(value));
        let only = |wanted: &dyn Fn(&Value) -> bool| {
            let mut found = self.inputs(at).filter(|(_, value)| wanted(value));
            found.next().filter(|_| found.next().is_none())
        };
        like().or_else(plain).or_else(|| only(&is_held)).or_else(|| only(&is_link))
    }

    /// Whether a node adds no noise, so that its seed has no effect.
    pub(super) fn is_silent(&self, at: usize) -> bool {
        match self.input(at, "add_noise") {
            Some(Value::Bool(on)) => !on,
            Some(Value::String(text)) => text.starts_with("dis") || text.eq_ignore_ascii_case("false"),
            _ => false,
        }
    }

    fn passed_name(&self, at: usize) -> Option<&'w str> {
        self.inputs(at).find_map(|(_, value)| value.as_str())
    }

    /// The samplers, first those that start a picture, then those that continue one; each in file order.
    pub(super) fn samplers(&self) -> Vec<Sampler> {
        let found: Vec<usize> = (0..self.len()).filter(|at| self.is_sampler(*at)).collect();
        let behind = self.behind(&found);
        let mut samplers: Vec<Sampler> =
            found.into_iter().map(|node| Sampler { node, is_later: behind[node] }).collect();
        samplers.sort_by_key(|sampler| sampler.is_later);
        samplers
    }

    /// A sampler takes both conditionings and a seed or steps, or its class says sampler and it is linked
    /// to nodes of that kind.
    fn is_sampler(&self, at: usize) -> bool {
        let (mut positive, mut negative, mut control, mut wired) = (false, false, false, false);
        for (name, value) in self.inputs(at) {
            let link = is_link(value);
            positive |= link && name.contains("positive");
            negative |= link && name.contains("negative");
            wired |= link;
            control |=
                ["steps", "sigmas", "noise", "guider", "cfg"].contains(&name) || name.ends_with("seed");
        }
        let is_named = self.class(at).to_ascii_lowercase().contains("sampl");
        let is_guider = self.class(at).to_ascii_lowercase().contains("guider");
        wired && control && !is_guider && (is_named || positive && negative)
    }

    /// Which nodes receive, directly or not, a picture made by one of these.
    fn behind(&self, sources: &[usize]) -> Vec<bool> {
        const CONTROLS: [&str; 8] = ["model", "clip", "vae", "pipe", "guider", "noise", "sigmas", "sampler"];
        let users = |at: usize| {
            let readers = self.readers[at].iter();
            readers.filter(|(_, name)| !CONTROLS.iter().any(|word| name.contains(word))).map(|(at, _)| *at)
        };
        let mut behind = vec![false; self.len()];
        let mut open: Vec<usize> = sources.iter().flat_map(|at| users(*at)).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut behind[at], true) {
                open.extend(users(at));
            }
        }
        behind
    }
}

/// Whether an input carries the picture or latent a sampler starts from.
pub(super) fn is_latent(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    LATENTS.iter().any(|part| name.contains(part))
}

/// Whether a node is of this class in any pack's spelling: `SetNode`, `easy setNode`.
fn is_class(node: &Node, name: &str) -> bool {
    node.class_type.to_ascii_lowercase().ends_with(name)
}
