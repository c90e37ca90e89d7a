//! A workflow's wiring: nodes by index, with resolved links.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::Value;

use crate::domain::Workflow;
use crate::domain::workflow::{Node, is_link};

/// Substrings of inputs whose links carry the image or latent a sampler starts from.
const LATENTS: [&str; 7] =
    ["latent", "samples", "image_embeds", "empty_embeds", "start_image", "init_image", "pixels"];

pub(super) struct Graph<'w> {
    nodes: &'w IndexMap<String, Node>,
    /// Name → node that sets it, for nodes that pass values by name.
    set: HashMap<&'w str, usize>,
}

pub(super) struct Sampler {
    pub node: usize,
    /// Whether it continues the work of another sampler.
    pub is_later: bool,
}

impl<'w> Graph<'w> {
    pub(super) fn new(workflow: &'w Workflow) -> Self {
        let mut graph = Self { nodes: workflow.nodes(), set: HashMap::new() };
        for (at, node) in workflow.nodes().values().enumerate() {
            if is_class(node, "setnode")
                && let Some(name) = graph.passed_name(at)
            {
                graph.set.insert(name, at);
            }
        }
        graph
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
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
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); self.len()];
        for at in 0..self.len() {
            for (name, from) in self.links(at) {
                let is_control = ["model", "clip", "vae", "pipe", "guider", "noise", "sigmas", "sampler"]
                    .iter()
                    .any(|word| name.contains(word));
                if !is_control {
                    users[from].push(at);
                }
            }
        }
        let mut behind = vec![false; self.len()];
        let mut open: Vec<usize> = sources.iter().flat_map(|at| users[*at].clone()).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut behind[at], true) {
                open.extend(&users[at]);
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
