//! Converts a workflow as ComfyUI's *Save* writes it, its UI format, into API format, as ComfyUI's editor does before it
//! sends one.
//!
//! In UI format the values of a node's fields have no names: they are saved in the editor's order. Names come from what a
//! server says of its nodes ([`Schema`]), else from what is known of the built-in ones ([`stock`]), else from the node's
//! own slots. What has no name is refused, with its node; nothing is guessed.
//!
//! | file | what |
//! |---|---|
//! | `graph.rs` | nodes, links and subgraphs as they are saved |
//! | `group.rs` | group nodes, an older form of subgraphs |
//! | `widgets.rs` | which value belongs to which field |
//! | `stock.rs` | the fields of built-in nodes |
//! | `resolve.rs` | the source of an input |
//! | `special.rs` | nodes of the editor alone |

mod graph;
mod group;
mod resolve;
mod special;
mod stock;
#[cfg(test)]
mod tests;
mod widgets;

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use graph::{Graph, MOST_LEVELS, Mode, Node};
use resolve::{Place, Resolver, Source};
use special::Special;

use super::schema::{NodeClass, Schema};

/// Most nodes named in one remark.
const MOST_NAMED: usize = 5;
/// Most nodes of a converted workflow: subgraphs that use each other twice grow beyond all bounds.
const MOST_NODES: usize = 50_000;

/// A workflow in API format, made of one in UI format.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Converted {
    pub graph: Map<String, Value>,
    /// How seeds change after a run, by node and input: `fixed`, `randomize`, …
    pub controls: Vec<(String, String, &'static str)>,
    /// What could not be known, a sentence each.
    pub notes: Vec<String>,
}

/// Why a workflow in UI format cannot be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    #[error("this is not JSON ({0})")]
    NotJson(String),
    /// It has no list of nodes.
    #[error("this is not a workflow in ComfyUI's UI format")]
    NotUiFormat,
    #[error("the workflow has no node that a server could run")]
    Empty,
    #[error("the workflow has more than {MOST_NODES} nodes")]
    TooLarge,
    /// Nodes, each with the reason.
    #[error("{}", .0.join("; "))]
    Nodes(Vec<String>),
}

/// Whether a JSON text is a workflow in UI format.
pub fn is_ui_format(json: &Value) -> bool {
    json.get("nodes").is_some_and(Value::is_array)
}

/// Names of the node classes in a workflow in UI format, for which a schema helps.
pub fn classes(text: &str) -> Vec<String> {
    let Ok(json) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) else {
        return Vec::new();
    };
    let graphs = graph::subgraphs(&json);
    let all = std::iter::once(&Graph::read(&json))
        .chain(graphs.values().map(|subgraph| &subgraph.graph))
        .flat_map(|graph| &graph.nodes)
        .chain(group::read(&json).values().flat_map(|group| &group.nodes))
        .map(|node| node.class.clone())
        .collect::<std::collections::BTreeSet<_>>();
    all.into_iter().collect()
}

/// Converts a workflow.
///
/// # Errors
/// What the text is instead, or which nodes cannot be converted and why.
pub fn convert(text: &str, schema: Option<&Schema>) -> Result<Converted, ConvertError> {
    let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|why| ConvertError::NotJson(why.to_string()))?;
    if !is_ui_format(&json) {
        return Err(ConvertError::NotUiFormat);
    }
    let (mut root, mut subgraphs) = (Graph::read(&json), graph::subgraphs(&json));
    let groups = group::read(&json);
    // Each use of a group has its nodes.
    let graphs = std::iter::once(&root).chain(subgraphs.values().map(|subgraph| &subgraph.graph));
    let uses = graphs.flat_map(|graph| &graph.nodes).filter_map(|node| groups.get(group::name(&node.class)?));
    if uses.map(|group| group.nodes.len()).sum::<usize>() > MOST_NODES {
        return Err(ConvertError::TooLarge);
    }
    let graphs = std::iter::once(&mut root).chain(subgraphs.values_mut().map(|subgraph| &mut subgraph.graph));
    for node in graphs.flat_map(|graph| &mut graph.nodes) {
        node.group = group::expand(node, &groups, schema);
    }
    let mut converter = Converter {
        resolver: Resolver { subgraphs: &subgraphs },
        schema,
        everywhere: everywhere(&json),
        output: Map::new(),
        controls: Vec::new(),
        faults: Vec::new(),
        unchecked: Vec::new(),
        missing: Vec::new(),
        is_too_large: false,
    };
    converter.walk(&Place { graph: &root, prefix: "", within: None }, 0);
    converter.end()
}

/// An input, by the id of its node and its position.
type Input = (String, usize);

/// What primitives give to inputs: the value, and how it changes after a run.
type Primitives<'a> = HashMap<Input, (&'a Value, Option<&'static str>)>;

/// Links that nodes made by rules of their own, as they were when the workflow was saved: input to output. `None` when
/// the file does not say.
fn everywhere(json: &Value) -> Option<HashMap<Input, (String, usize)>> {
    let links = json.get("extra")?.get("ue_links")?.as_array()?;
    let id = |link: &Value, name: &str| match link.get(name)? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    };
    let slot = |link: &Value, name: &str| match link.get(name)? {
        Value::String(slot) => slot.parse().ok(),
        slot => slot.as_u64().and_then(|slot| usize::try_from(slot).ok()),
    };
    let link = |link: &Value| {
        let to = (id(link, "downstream")?, slot(link, "downstream_slot")?);
        Some((to, (id(link, "upstream")?, slot(link, "upstream_slot")?)))
    };
    Some(links.iter().filter_map(link).collect())
}

struct Converter<'a> {
    resolver: Resolver<'a>,
    schema: Option<&'a Schema>,
    everywhere: Option<HashMap<Input, (String, usize)>>,
    output: Map<String, Value>,
    controls: Vec<(String, String, &'static str)>,
    faults: Vec<String>,
    /// Nodes whose values are taken as they stand, and how many.
    unchecked: Vec<(String, usize)>,
    /// Fields without a value.
    missing: Vec<String>,
    is_too_large: bool,
}

impl<'a> Converter<'a> {
    fn walk(&mut self, place: &Place<'_>, level: usize) {
        let primitives = primitives(place);
        for node in place.graph.nodes.iter().filter(|node| node.mode == Mode::On) {
            if self.output.len() >= MOST_NODES {
                self.is_too_large = true;
                return;
            }
            let resolver = self.resolver;
            if let Some(subgraph) = resolver.subgraph(node) {
                if level >= MOST_LEVELS {
                    self.refuse(
                        place,
                        node,
                        &format!("subgraph \u{201c}{}\u{201d} contains itself", subgraph.name),
                    );
                    continue;
                }
                let prefix = format!("{}{}:", place.prefix, node.id);
                let within = Some((subgraph, place, node));
                self.walk(&Place { graph: &subgraph.graph, prefix: &prefix, within }, level + 1);
                continue;
            }
            match special::of(&node.class) {
                None => self.node(place, node, &primitives),
                Some(Special::Group) => {
                    if let Some(Err(why)) = &node.group {
                        let remedy = "In ComfyUI, convert it to nodes, and save";
                        self.refuse(place, node, &format!("it is a group node, and {why}. {remedy}"));
                    }
                }
                Some(Special::Everywhere) if self.everywhere.is_none() => {
                    let why = "Use Everywhere links nodes by rules of its own, and the file does not say which. In ComfyUI, convert its links to real ones, and save";
                    self.refuse(place, node, why);
                }
                Some(
                    Special::Decoration
                    | Special::Reroute
                    | Special::Primitive
                    | Special::Set
                    | Special::Get
                    | Special::Everywhere,
                ) => {}
            }
        }
    }

    fn node(&mut self, place: &Place<'_>, node: &Node, primitives: &Primitives<'_>) {
        if is_unknown_subgraph(&node.class) {
            return self.refuse(place, node, "the subgraph that it uses is not in the file");
        }
        let id = format!("{}{}", place.prefix, node.id);
        let class = self.schema.and_then(|schema| schema.class(&node.class));
        let mut values = match node.known.clone().map_or_else(|| widgets::read(node, class), Ok) {
            Ok(values) => values,
            Err(widgets::Unnamed { count }) => {
                let values = if count == 1 { "its value has no name" } else { "its values have no names" };
                return self.refuse(
                    place,
                    node,
                    &format!("{values} in the file, and nothing is known of this class"),
                );
            }
        };
        for (name, value) in &mut values.named {
            if let Some(set) = resolve::promoted(place, &node.id, name) {
                value.clone_from(set);
            }
        }
        if values.unchecked > 0 {
            self.unchecked.push((named(&id, node), values.unchecked));
        }
        let missing = values.missing.into_iter().filter(|name| !is_linked(node, name));
        self.missing.extend(missing.map(|name| format!("{name} of {}", named(&id, node))));
        self.controls.extend(values.controls.into_iter().map(|(name, word)| (id.clone(), name, word)));
        let mut inputs: Map<String, Value> =
            values.named.into_iter().map(|(name, value)| (name, wrapped(value))).collect();
        for (at, slot) in node.inputs.iter().enumerate() {
            let name = if slot.name.is_empty() { continue } else { slot.name.clone() };
            if let Some((value, word)) = primitives.get(&(node.id.clone(), at)) {
                self.controls.extend(word.map(|word| (id.clone(), name.clone(), word)));
                inputs.insert(name, wrapped((*value).clone()));
                continue;
            }
            match self.source(place, node, at) {
                Source::Output(from, slot) => drop(inputs.insert(name, json!([from, slot]))),
                Source::Value(value) => drop(inputs.insert(name, wrapped(value))),
                Source::Nothing => {}
            }
        }
        let title = node.title.clone().unwrap_or_else(|| title(&node.class, class));
        let api = json!({"inputs": inputs, "class_type": node.class, "_meta": {"title": title}});
        self.output.insert(id, api);
    }

    fn source(&self, place: &Place<'_>, node: &Node, slot: usize) -> Source {
        let found = self.resolver.input(place, node, slot, 0);
        if found != Source::Nothing || place.within.is_some() {
            return found;
        }
        let link = self.everywhere.as_ref().and_then(|links| links.get(&(node.id.clone(), slot)));
        match link.and_then(|(from, slot)| Some((place.graph.node(from)?, *slot))) {
            Some((origin, slot)) => {
                let kind = node.inputs.get(slot).map_or("*", |input| input.kind.as_str());
                self.resolver.output(place, origin, slot, kind, 0)
            }
            None => found,
        }
    }

    fn refuse(&mut self, place: &Place<'_>, node: &Node, why: &str) {
        self.faults.push(format!("{}: {why}", named(&format!("{}{}", place.prefix, node.id), node)));
    }

    fn end(mut self) -> Result<Converted, ConvertError> {
        if self.is_too_large {
            return Err(ConvertError::TooLarge);
        }
        if !self.faults.is_empty() {
            let more = self.faults.len().saturating_sub(MOST_NAMED);
            self.faults.truncate(MOST_NAMED);
            if more > 0 {
                self.faults.push(format!("and {more} more"));
            }
            return Err(ConvertError::Nodes(self.faults));
        }
        if self.output.is_empty() {
            return Err(ConvertError::Empty);
        }
        self.cut_loose_links();
        let mut notes = Vec::new();
        let count: usize = self.unchecked.iter().map(|(_, count)| count).sum();
        if count > 0 {
            let names: Vec<&str> = self.unchecked.iter().map(|(name, _)| name.as_str()).collect();
            let values = if count == 1 {
                "1 value is kept as the file has it"
            } else {
                &format!("{count} values are kept as the file has them")
            };
            notes.push(format!("{values}, since nothing is known of these classes: {}", listed(&names)));
        }
        if !self.missing.is_empty() {
            let names: Vec<&str> = self.missing.iter().map(String::as_str).collect();
            notes.push(format!(
                "no value is saved, so the server's default counts, if it has one: {}",
                listed(&names)
            ));
        }
        Ok(Converted { graph: self.output, controls: self.controls, notes })
    }

    /// Removes links to nodes that are left out.
    fn cut_loose_links(&mut self) {
        let known: std::collections::HashSet<String> = self.output.keys().cloned().collect();
        for node in self.output.values_mut() {
            let Some(inputs) = node.get_mut("inputs").and_then(Value::as_object_mut) else { continue };
            inputs.retain(|_, value| match value.as_array().map(Vec::as_slice) {
                Some([Value::String(from), _]) => known.contains(from),
                _ => true,
            });
        }
    }
}

/// A value as an input: a list is wrapped, since it would be read as a link otherwise.
fn wrapped(value: Value) -> Value {
    if value.is_array() { json!({"__value__": value}) } else { value }
}

fn primitives<'a>(place: &Place<'a>) -> Primitives<'a> {
    let mut found = HashMap::new();
    let is_primitive = |node: &&Node| special::of(&node.class) == Some(Special::Primitive);
    for node in place.graph.nodes.iter().filter(is_primitive) {
        let Some(value) = resolve::promoted(place, &node.id, "value").or(node.values.get(0)) else {
            continue;
        };
        let word = node.values.get(1).and_then(widgets::control);
        found.extend(
            place.graph.out_of(&node.id).map(|link| ((link.to.clone(), link.to_slot), (value, word))),
        );
    }
    found
}

fn is_linked(node: &Node, name: &str) -> bool {
    node.inputs.iter().any(|slot| slot.name == name && slot.link.is_some())
}

/// Whether a class is the id of a subgraph.
fn is_unknown_subgraph(class: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = class.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn title(class: &str, known: Option<&NodeClass>) -> String {
    let known = known.map(|class| class.title.clone());
    known
        .or_else(|| stock::lookup(class).map(|(title, _)| title.to_owned()))
        .unwrap_or_else(|| class.to_owned())
}

/// A node in a sentence.
fn named(id: &str, node: &Node) -> String {
    match &node.title {
        Some(title) if *title != node.class => format!("node {id} (\u{201c}{title}\u{201d}, {})", node.class),
        _ => format!("node {id} ({})", node.class),
    }
}

fn listed(names: &[&str]) -> String {
    let more = names.len().saturating_sub(MOST_NAMED);
    let shown = names.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}
