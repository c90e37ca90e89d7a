//! Group nodes: several nodes that were saved as one, an older form of subgraphs. Each becomes a subgraph of its own.
//!
//! What they are made of stands in `extra.groupNodes`. A group node has the inputs, the outputs and the fields of its nodes
//! in an order that the editor makes: those whose fields have no slot first, node by node, then the fields with a slot.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::graph::{Graph, Link, Node, Slot, Subgraph, Values, read_node};
use super::special::{self, Special};
use super::stock::Field;
use super::widgets;
use crate::domain::schema::Schema;

/// Nodes that stand for the inputs and the outputs of a group.
const INPUT: &str = "in";
const OUTPUT: &str = "out";

/// The name of the group that a class is.
pub(super) fn name(class: &str) -> Option<&str> {
    class.strip_prefix("workflow>").or_else(|| class.strip_prefix("workflow/"))
}

/// The groups of a workflow by name.
pub(super) fn read(workflow: &Value) -> HashMap<&str, Group<'_>> {
    let groups = workflow.get("extra").and_then(|extra| extra.get("groupNodes")).and_then(Value::as_object);
    groups.into_iter().flatten().map(|(name, json)| (name.as_str(), Group::read(json))).collect()
}

/// What a node is made of, if it is a group node.
pub(super) fn expand(
    node: &Node,
    groups: &HashMap<&str, Group<'_>>,
    schema: Option<&Schema>,
) -> Option<Result<Box<Subgraph>, String>> {
    let group = groups.get(name(&node.class)?).ok_or(GroupError::Missing);
    let expanded = group.and_then(|group| group.expand(node, schema));
    Some(expanded.map(Box::new).map_err(|why| why.to_string()))
}

/// Why a group node cannot be expanded.
#[derive(Debug, thiserror::Error)]
enum GroupError {
    #[error("the group of nodes that it stands for is not in the file")]
    Missing,
    #[error("it has another group node in it")]
    Nested,
    #[error("its node {0} has values without names, and nothing is known of this class")]
    Unnamed(String),
    #[error("it has {saved} values, and the fields of its nodes take {used}")]
    Values { saved: usize, used: usize },
    #[error("its input \u{201c}{0}\u{201d} belongs to none of its nodes")]
    Input(String),
    #[error("it has {saved} outputs, and its nodes give {made}")]
    Outputs { saved: usize, made: usize },
}

/// What a group node is made of.
#[derive(Debug)]
pub(super) struct Group<'a> {
    json: &'a Value,
    /// Their ids are their positions.
    pub nodes: Vec<Node>,
    /// Links between its nodes, from output to input.
    links: Vec<(Place, Place)>,
    /// Inputs that are linked inside.
    linked: HashSet<Place>,
    /// Inputs by the output that they are linked to.
    given: HashMap<Place, Vec<Place>>,
    /// Outputs that are linked from outside, though they may be linked inside as well.
    external: HashSet<(usize, usize)>,
}

/// A slot of a group's node: the position of the node, that of the slot.
type Place = (usize, usize);

/// A field of a group's node.
struct Owned {
    node: usize,
    field: Field,
    /// The slot of this field, or of the one before it for a button.
    slot: Option<usize>,
}

impl<'a> Group<'a> {
    fn read(json: &'a Value) -> Self {
        let list = |name: &str| json.get(name).and_then(Value::as_array).into_iter().flatten();
        let numbered = |(at, json): (usize, &Value)| {
            let mut json = json.clone();
            json.as_object_mut()?.insert("id".to_owned(), Value::from(at));
            read_node(&json)
        };
        let position = |row: &Value, at: usize| usize::try_from(row.get(at)?.as_u64()?).ok();
        let link = |row: &Value| {
            let place = |at: usize| Some((position(row, at)?, position(row, at + 1)?));
            Some((place(0)?, place(2)?))
        };
        let links: Vec<(Place, Place)> = list("links").filter_map(link).collect();
        let mut given: HashMap<Place, Vec<Place>> = HashMap::new();
        for (from, to) in &links {
            given.entry(*from).or_default().push(*to);
        }
        let is_typed = |row: &&Value| row.get(2).is_some_and(|kind| !kind.is_null());
        Self {
            json,
            nodes: list("nodes").enumerate().filter_map(numbered).collect(),
            linked: links.iter().map(|(_, to)| *to).collect(),
            links,
            given,
            external: list("external")
                .filter(is_typed)
                .filter_map(|row| Some((position(row, 0)?, position(row, 1)?)))
                .collect(),
        }
    }

    /// The subgraph that a group node is, with the node's values in its nodes. Its inputs are those of the node.
    fn expand(&self, user: &Node, schema: Option<&Schema>) -> Result<Subgraph, GroupError> {
        if self.nodes.iter().any(|node| name(&node.class).is_some()) {
            return Err(GroupError::Nested);
        }
        let fields = self.fields(schema)?;
        let mut nodes = self.nodes.clone();
        set_values(&mut nodes, &fields, user)?;
        let link = |from: String, from_slot, to: String, to_slot| Link { from, from_slot, to, to_slot };
        let inside = |(from, to): &(Place, Place)| link(from.0.to_string(), from.1, to.0.to_string(), to.1);
        let mut links: Vec<Link> = self.links.iter().map(inside).collect();
        let places = self.inputs(&fields);
        for (at, input) in user.inputs.iter().enumerate().filter(|(_, input)| input.link.is_some()) {
            let Some((node, slot)) = places.get(&input.name) else {
                return Err(GroupError::Input(input.name.clone()));
            };
            links.push(link(INPUT.to_owned(), at, node.to_string(), *slot));
        }
        let outputs = self.outputs();
        if outputs.len() != user.outputs.len() {
            return Err(GroupError::Outputs { saved: user.outputs.len(), made: outputs.len() });
        }
        let outputs = outputs.into_iter().enumerate();
        links.extend(outputs.map(|(at, (node, slot))| link(node.to_string(), slot, OUTPUT.to_owned(), at)));
        Ok(Subgraph {
            name: name(&user.class).unwrap_or_default().to_owned(),
            graph: Graph::of(nodes, links),
            input_node: INPUT.to_owned(),
            output_node: OUTPUT.to_owned(),
            inputs: user.inputs.iter().map(|input| input.name.clone()).collect(),
        })
    }

    /// Whether a node is left out of the group's inputs and outputs: it only passes on inside, or gives nothing.
    fn is_hidden(&self, at: usize) -> bool {
        let gives = self.given.contains_key(&(at, 0));
        match special::of(&self.nodes[at].class) {
            None => false,
            Some(Special::Reroute) => {
                gives && self.linked.contains(&(at, 0)) && !self.external.contains(&(at, 0))
            }
            Some(Special::Primitive) => !gives,
            Some(
                Special::Decoration | Special::Set | Special::Get | Special::Everywhere | Special::Group,
            ) => true,
        }
    }

    /// The fields of the group node, in the order of its values.
    fn fields(&self, schema: Option<&Schema>) -> Result<Vec<Owned>, GroupError> {
        let mut plain = Vec::new();
        let mut slotted = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let mut own = Vec::new();
            let mut slot = None;
            for field in self.fields_of(at, node, schema)? {
                if let Field::Named { name, .. } = &field {
                    slot = node
                        .inputs
                        .iter()
                        .position(|slot| slot.name == *name && slot.widget.as_ref() == Some(name));
                }
                match slot {
                    None => plain.push(Owned { node: at, field, slot }),
                    Some(place) if !self.linked.contains(&(at, place)) => {
                        own.push(Owned { node: at, field, slot });
                    }
                    Some(_) => {}
                }
            }
            own.sort_by_key(|field| field.slot);
            slotted.extend(own);
        }
        plain.extend(slotted);
        Ok(plain)
    }

    fn fields_of(&self, at: usize, node: &Node, schema: Option<&Schema>) -> Result<Vec<Field>, GroupError> {
        let named =
            |name: &str, has_control| Field::Named { name: name.to_owned(), has_control, default: None };
        match special::of(&node.class) {
            Some(Special::Primitive) if !self.is_hidden(at) => return Ok(vec![named("value", true)]),
            Some(_) => return Ok(Vec::new()),
            None => {}
        }
        let values = node.values.as_array().map_or(&[][..], Vec::as_slice);
        let class = schema.and_then(|schema| schema.class(&node.class));
        if let Some(fields) = widgets::fields(&node.class, class, values) {
            return Ok(fields);
        }
        let own: Vec<Field> = node
            .inputs
            .iter()
            .filter_map(|slot| slot.widget.as_deref())
            .map(|name| named(name, matches!(name, "seed" | "noise_seed")))
            .collect();
        if own.is_empty() && !values.is_empty() {
            return Err(GroupError::Unnamed(node.class.clone()));
        }
        Ok(own)
    }

    /// The inputs that the group node can have, by the name that the editor gives them.
    fn inputs(&self, fields: &[Owned]) -> HashMap<String, Place> {
        let mut names = Names::default();
        let mut found = HashMap::new();
        let mut by_node: HashMap<(usize, bool), Vec<&Owned>> = HashMap::new();
        for field in fields {
            by_node.entry((field.node, field.slot.is_some())).or_default().push(field);
        }
        let of = |at: usize, is_slotted: bool| by_node.get(&(at, is_slotted)).into_iter().flatten();
        let visible = (0..self.nodes.len()).filter(|at| !self.is_hidden(*at));
        for at in visible.clone() {
            for field in of(at, false) {
                if let Field::Named { name, .. } = &field.field {
                    names.give(self, at, name);
                }
            }
            let is_free = |(slot, input): &(usize, &Slot)| {
                input.widget.is_none() && !self.linked.contains(&(at, *slot))
            };
            for (slot, input) in self.nodes[at].inputs.iter().enumerate().filter(is_free) {
                let own = if input.name.is_empty() { &self.passed_kind(at) } else { &input.name };
                let name = names.give(self, at, own);
                if self.configured(at, "input", own, "visible") != Some(&Value::Bool(false)) {
                    found.insert(name, (at, slot));
                }
            }
        }
        for at in visible {
            for field in of(at, true) {
                if let (Field::Named { name, .. }, Some(slot)) = (&field.field, field.slot) {
                    found.insert(names.give(self, at, name), (at, slot));
                }
            }
        }
        found
    }

    /// The outputs of the group node.
    fn outputs(&self) -> Vec<Place> {
        let is_visible = |place: &Place| {
            let configured = self.configured(place.0, "output", &place.1.to_string(), "visible");
            configured
                .and_then(Value::as_bool)
                .unwrap_or_else(|| self.external.contains(place) || !self.given.contains_key(place))
        };
        let all = (0..self.nodes.len()).filter(|at| !self.is_hidden(*at));
        all.flat_map(|at| (0..self.nodes[at].outputs.len()).map(move |slot| (at, slot)))
            .filter(is_visible)
            .collect()
    }

    /// The type of what a reroute passes on, which is the name of its input.
    fn passed_kind(&self, at: usize) -> String {
        let onward = self.given.get(&(at, 0)).into_iter().flatten();
        let onward = onward.filter_map(|(node, slot)| self.nodes.get(*node)?.inputs.get(*slot)).next();
        onward.map_or_else(|| "*".to_owned(), |input| input.kind.clone())
    }

    /// What a person set for an input or an output of the group node.
    fn configured(&self, node: usize, side: &str, slot: &str, what: &str) -> Option<&'a Value> {
        self.json.get("config")?.get(node.to_string())?.get(side)?.get(slot)?.get(what)
    }
}

/// Gives each node its fields' values, from those of the group node.
fn set_values(nodes: &mut [Node], fields: &[Owned], user: &Node) -> Result<(), GroupError> {
    let saved = user.values.as_array().map_or(&[][..], Vec::as_slice);
    let mut at = 0;
    for node in nodes.iter_mut() {
        node.known = Some(Values::default());
    }
    for Owned { node, field, .. } in fields {
        let rest = saved.get(at..).unwrap_or_default();
        let (values, used) = widgets::of_fields(std::slice::from_ref(field), rest);
        at += used;
        nodes[*node].known.get_or_insert_default().extend(values);
    }
    // Earlier editors saved an empty one for each preview as well.
    let is_empty = |value: &Value| value.is_null() || value.as_str() == Some("");
    if !saved.get(at..).unwrap_or_default().iter().all(is_empty) {
        return Err(GroupError::Values { saved: saved.len(), used: at });
    }
    for node in nodes.iter_mut().filter(|node| special::of(&node.class) == Some(Special::Primitive)) {
        if let Some(known) = node.known.take() {
            let word = known.controls.into_iter().map(|(_, word)| Value::from(word));
            node.values = known.named.into_values().chain(word).collect();
        }
    }
    Ok(())
}

/// The names that the editor gives a group node's inputs and fields: its own, behind the node's title where there is one
/// already.
#[derive(Default)]
struct Names {
    seen: HashMap<String, usize>,
}

impl Names {
    fn give(&mut self, group: &Group<'_>, at: usize, own: &str) -> String {
        let node = &group.nodes[at];
        let label = node.inputs.iter().find(|slot| slot.name == own).and_then(|slot| slot.label.as_deref());
        let chosen = group.configured(at, "input", own, "name").and_then(Value::as_str);
        let mut name = chosen.or(label).unwrap_or(own).to_owned();
        let mut key = name.clone();
        let is_titled_primitive =
            special::of(&node.class) == Some(Special::Primitive) && node.title.is_some();
        if is_titled_primitive || self.seen.contains_key(&name) {
            let title = node.title.as_ref().unwrap_or(&node.class);
            name = format!("{title} {own}");
            key.clone_from(&name);
            if let Some(count) = self.seen.get(&name) {
                name = format!("{title} {count} {own}");
            }
        }
        *self.seen.entry(key).or_insert(1) += 1;
        name
    }
}
