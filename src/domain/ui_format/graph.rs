//! The editor's graph as it is saved: nodes with slots, links between them, and the graphs inside subgraphs.

use std::collections::HashMap;

use serde_json::Value;

/// Most levels of subgraphs in subgraphs.
pub(super) const MOST_LEVELS: usize = 32;

/// A graph, of the whole workflow or of a subgraph.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    /// Positions of nodes by id.
    by_id: HashMap<String, usize>,
    links: HashMap<String, Link>,
}

/// A node of the editor.
#[derive(Debug)]
pub(super) struct Node {
    pub id: String,
    /// Its class, or the id of its subgraph.
    pub class: String,
    /// The title that a person gave it.
    pub title: Option<String>,
    pub mode: Mode,
    pub inputs: Vec<Slot>,
    /// Types of its outputs.
    pub outputs: Vec<String>,
    /// `widgets_values`, uninterpreted.
    pub values: Value,
}

/// Whether a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    On,
    /// It does not run, and nothing that needs it does.
    Muted,
    /// It does not run, and passes on what it is given.
    Bypassed,
}

/// An input slot of a node.
#[derive(Debug)]
pub(super) struct Slot {
    pub name: String,
    pub kind: String,
    /// The link that ends here.
    pub link: Option<String>,
    /// The field that it is a slot of.
    pub widget: Option<String>,
}

/// A link between two slots, by the ids of their nodes.
#[derive(Debug)]
pub(super) struct Link {
    pub from: String,
    pub from_slot: usize,
    pub to: String,
    pub to_slot: usize,
}

/// The graph inside of a subgraph.
#[derive(Debug)]
pub(super) struct Subgraph {
    pub name: String,
    pub graph: Graph,
    /// Ids of the nodes that stand for its inputs and its outputs.
    pub input_node: String,
    pub output_node: String,
    /// Names of its inputs.
    pub inputs: Vec<String>,
}

impl Graph {
    /// Reads the graph in a workflow or in a subgraph's definition.
    pub(super) fn read(json: &Value) -> Self {
        let list = |name: &str| json.get(name).and_then(Value::as_array).into_iter().flatten();
        let nodes: Vec<Node> = list("nodes").filter_map(node).collect();
        let by_id = nodes.iter().enumerate().map(|(at, node)| (node.id.clone(), at)).collect();
        Self { nodes, by_id, links: list("links").filter_map(link).collect() }
    }

    pub(super) fn node(&self, id: &str) -> Option<&Node> {
        self.by_id.get(id).map(|at| &self.nodes[*at])
    }

    pub(super) fn link(&self, id: &str) -> Option<&Link> {
        self.links.get(id)
    }

    /// Links that end at a slot of a node.
    pub(super) fn link_into(&self, node: &str, slot: usize) -> Option<&Link> {
        self.links.values().find(|link| link.to == node && link.to_slot == slot)
    }

    /// Links that begin at a node.
    pub(super) fn out_of(&self, node: &str) -> impl Iterator<Item = &Link> {
        self.links.values().filter(move |link| link.from == node)
    }
}

/// Subgraphs by id, those inside of others too.
pub(super) fn subgraphs(json: &Value) -> HashMap<String, Subgraph> {
    let mut found = HashMap::new();
    add_subgraphs(json, 0, &mut found);
    found
}

fn add_subgraphs(json: &Value, level: usize, found: &mut HashMap<String, Subgraph>) {
    let list = json.get("definitions").and_then(|all| all.get("subgraphs")).and_then(Value::as_array);
    for definition in list.into_iter().flatten().filter(|_| level < MOST_LEVELS) {
        add_subgraphs(definition, level + 1, found);
        let Some(id) = definition.get("id").and_then(id) else { continue };
        let io = |name: &str, usual: &str| {
            definition
                .get(name)
                .and_then(|node| node.get("id"))
                .and_then(self::id)
                .unwrap_or_else(|| usual.to_owned())
        };
        let inputs = definition.get("inputs").and_then(Value::as_array);
        let subgraph = Subgraph {
            name: text(definition, "name"),
            graph: Graph::read(definition),
            input_node: io("inputNode", "-10"),
            output_node: io("outputNode", "-20"),
            inputs: inputs.into_iter().flatten().map(|input| text(input, "name")).collect(),
        };
        found.insert(id, subgraph);
    }
}

fn node(json: &Value) -> Option<Node> {
    let slots = |name: &str| json.get(name).and_then(Value::as_array).into_iter().flatten();
    let slot = |input: &Value| Slot {
        name: text(input, "name"),
        kind: kind(input),
        link: input.get("link").and_then(id),
        widget: input.get("widget").and_then(|widget| widget.get("name")?.as_str()).map(str::to_owned),
    };
    Some(Node {
        id: id(json.get("id")?)?,
        class: json.get("type")?.as_str()?.to_owned(),
        title: Some(text(json, "title")).filter(|title| !title.is_empty()),
        mode: match json.get("mode").and_then(Value::as_i64) {
            Some(2) => Mode::Muted,
            Some(4) => Mode::Bypassed,
            _ => Mode::On,
        },
        inputs: slots("inputs").map(slot).collect(),
        outputs: slots("outputs").map(kind).collect(),
        values: json.get("widgets_values").cloned().unwrap_or_default(),
    })
}

/// A link with its id: `[id, from, slot, to, slot, type]`, in subgraphs an object.
fn link(json: &Value) -> Option<(String, Link)> {
    let part = |at: usize, name: &str| json.get(at).or_else(|| json.get(name));
    let slot = |at: usize, name: &str| {
        part(at, name).and_then(Value::as_u64).and_then(|slot| usize::try_from(slot).ok())
    };
    let link = Link {
        from: id(part(1, "origin_id")?)?,
        from_slot: slot(2, "origin_slot")?,
        to: id(part(3, "target_id")?)?,
        to_slot: slot(4, "target_slot")?,
    };
    Some((id(part(0, "id")?)?, link))
}

/// An id, which is a number or a text.
fn id(json: &Value) -> Option<String> {
    match json {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// The type of a slot; of one with several, all of them.
fn kind(slot: &Value) -> String {
    match slot.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        _ => "*".to_owned(),
    }
}

fn text(json: &Value, name: &str) -> String {
    json.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}
