//! Follows a link to the node that gives the value: out of subgraphs and into them, through reroutes, past nodes that are
//! bypassed.

use std::collections::HashMap;

use serde_json::Value;

use super::graph::{Graph, Mode, Node, Subgraph};
use super::special::{self, Special};

/// Most nodes on the way of one link; a longer way goes in a circle.
const MOST_HOPS: usize = 1_000;

/// Where an input's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// An output of a node, by its id in API format.
    Output(String, usize),
    /// A value that was set at a subgraph, for a field inside of it.
    Value(Value),
    Nothing,
}

/// A graph where it is used: the same subgraph can be used several times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub graph: &'a Graph,
    /// What the ids of its nodes begin with, such as `12:`.
    pub prefix: &'a str,
    /// The subgraph that it is, and the node that uses it.
    pub within: Option<(&'a Subgraph, &'a Place<'a>, &'a Node)>,
}

/// All that is needed to follow links.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver<'a> {
    pub subgraphs: &'a HashMap<String, Subgraph>,
}

impl<'a> Resolver<'a> {
    /// The subgraph that a node is.
    pub(super) fn subgraph<'n>(&self, node: &'n Node) -> Option<&'n Subgraph>
    where
        'a: 'n,
    {
        let group = node.group.as_ref().and_then(|group| group.as_deref().ok());
        group.or_else(|| self.subgraphs.get(&node.class))
    }

    /// The source of an input.
    pub(super) fn input(&self, place: &Place<'_>, node: &Node, slot: usize, hops: usize) -> Source {
        if hops > MOST_HOPS {
            return Source::Nothing;
        }
        let Some(input) = node.inputs.get(slot) else { return Source::Nothing };
        let Some(id) = &input.link else { return Source::Nothing };
        // Of a slot with a link that does not exist, the editor takes the one that ends there.
        let Some(link) = place.graph.link(id).or_else(|| place.graph.link_into(&node.id, slot)) else {
            return Source::Nothing;
        };
        if let Some((subgraph, outer, user)) = place.within
            && link.from == subgraph.input_node
        {
            return self.outside(subgraph, outer, user, link.from_slot, hops + 1);
        }
        match place.graph.node(&link.from) {
            Some(origin) => self.output(place, origin, link.from_slot, &input.kind, hops + 1),
            None => Source::Nothing,
        }
    }

    /// The source of a subgraph's input, at the node that uses it.
    fn outside(
        &self,
        subgraph: &Subgraph,
        outer: &Place<'_>,
        user: &Node,
        slot: usize,
        hops: usize,
    ) -> Source {
        let name = subgraph.inputs.get(slot);
        let at = if user.inputs.len() == subgraph.inputs.len() {
            Some(slot)
        } else {
            name.and_then(|name| user.inputs.iter().position(|input| input.name == *name))
        };
        if let Some(at) = at.filter(|at| user.inputs.get(*at).is_some_and(|input| input.link.is_some())) {
            return self.input(outer, user, at, hops);
        }
        let value =
            name.and_then(|name| promoted(outer, &user.id, name)).or_else(|| subgraph.value(user, slot));
        value.map_or(Source::Nothing, |value| Source::Value(value.clone()))
    }

    /// The source of what comes out of a node, for an input of a type.
    pub(super) fn output(
        &self,
        place: &Place<'_>,
        node: &Node,
        slot: usize,
        kind: &str,
        hops: usize,
    ) -> Source {
        if hops > MOST_HOPS {
            return Source::Nothing;
        }
        match node.mode {
            Mode::Muted => return Source::Nothing,
            Mode::Bypassed => {
                return match bypass(node, slot, kind) {
                    Some(slot) => self.input(place, node, slot, hops + 1),
                    None => Source::Nothing,
                };
            }
            Mode::On => {}
        }
        if let Some(subgraph) = self.subgraph(node) {
            return self.inside(place, node, subgraph, slot, kind, hops + 1);
        }
        match special::of(&node.class) {
            None => Source::Output(format!("{}{}", place.prefix, node.id), slot),
            Some(Special::Reroute | Special::Set) => self.input(place, node, 0, hops + 1),
            Some(Special::Get) => self.set(place, node, hops + 1),
            Some(Special::Decoration | Special::Primitive | Special::Everywhere | Special::Group) => {
                Source::Nothing
            }
        }
    }

    /// The source of a subgraph's output.
    fn inside(
        &self,
        place: &Place<'_>,
        node: &Node,
        subgraph: &Subgraph,
        slot: usize,
        kind: &str,
        hops: usize,
    ) -> Source {
        let prefix = format!("{}{}:", place.prefix, node.id);
        let within = Place { graph: &subgraph.graph, prefix: &prefix, within: Some((subgraph, place, node)) };
        let Some(link) = subgraph.graph.link_into(&subgraph.output_node, slot) else {
            return Source::Nothing;
        };
        if link.from == subgraph.input_node {
            return self.outside(subgraph, place, node, link.from_slot, hops);
        }
        match subgraph.graph.node(&link.from) {
            Some(origin) => self.output(&within, origin, link.from_slot, kind, hops),
            None => Source::Nothing,
        }
    }

    /// The source of what a node of the same name was given, in this graph or around it.
    fn set(&self, place: &Place<'_>, node: &Node, hops: usize) -> Source {
        let name = node.values.get(0);
        let is_it = |other: &&Node| {
            special::of(&other.class) == Some(Special::Set) && name.is_some() && other.values.get(0) == name
        };
        let mut around = Some(*place);
        while let Some(place) = around {
            if let Some(set) = place.graph.nodes.iter().find(is_it) {
                return self.input(&place, set, 0, hops);
            }
            around = place.within.map(|(_, outer, _)| *outer);
        }
        Source::Nothing
    }
}

/// The value of a node's field that the subgraph's user has for it, or the user of the one around that.
pub(super) fn promoted<'a>(place: &Place<'a>, node: &str, field: &str) -> Option<&'a Value> {
    let (_, outer, user) = place.within?;
    let own = user.promoted.iter().position(|own| own.node == node && own.field == field)?;
    let is_first = user.promoted[..own].iter().all(|other| other.field != field);
    let around = outer.within.and_then(|(_, _, around)| {
        around.promoted.iter().find(|theirs| {
            theirs.node == user.id
                && theirs.field == field
                && theirs.inner.as_ref().map_or(is_first, |inner| inner == node)
        })
    });
    around.and_then(|theirs| theirs.value.as_ref()).or(user.promoted[own].value.as_ref())
}

/// The input whose value a bypassed node passes to an output: that of the same position when the types fit, else the
/// first of the same type.
fn bypass(node: &Node, slot: usize, kind: &str) -> Option<usize> {
    if matches!(kind, "*" | "") {
        return if slot < node.inputs.len() {
            Some(slot)
        } else {
            Some(0).filter(|_| !node.inputs.is_empty())
        };
    }
    let of_output = node.outputs.get(slot).map_or(kind, String::as_str);
    if node.inputs.get(slot).is_some_and(|input| fits(&input.kind, of_output)) {
        return Some(slot);
    }
    let exact = node.inputs.iter().position(|input| input.kind == kind);
    exact.or_else(|| node.inputs.iter().position(|input| fits(&input.kind, of_output)))
}

/// Whether a link may go between slots of these types.
fn fits(one: &str, other: &str) -> bool {
    let any = |kind: &str| matches!(kind, "*" | "" | "0");
    let kinds = |kinds: &str| {
        kinds.to_ascii_lowercase().split(',').map(|kind| kind.trim().to_owned()).collect::<Vec<_>>()
    };
    any(one) || any(other) || kinds(one).iter().any(|kind| kinds(other).contains(kind))
}
