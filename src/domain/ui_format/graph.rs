//! The editor's graph as it is saved: nodes with slots, links between them, and the graphs inside subgraphs.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde_json::{Map, Value};

/// Most levels of subgraphs in subgraphs.
pub(super) const MOST_LEVELS: usize = 32;

/// A graph, of the whole workflow or of a subgraph.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Node>,
    /// Positions of nodes by id.
    by_id: HashMap<String, usize>,
    /// By id, in the order of the file.
    links: IndexMap<String, Link>,
    /// Ids of links by the slot that they end at; of several, the last.
    ends: HashMap<(String, usize), String>,
}

/// A node of the editor.
#[derive(Clone, Debug)]
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
    /// `widgets_values_named`: the same by name, as newer editors save them beside.
    pub named: Option<Map<String, Value>>,
    /// Its values by name, where they were found already.
    pub known: Option<Values>,
    /// Fields of a subgraph's nodes that it shows as its own. Newer editors save them by name (`proxyWidgets`).
    pub promoted: Vec<Promoted>,
    /// What a group node is made of, or why that is not known.
    pub group: Option<Result<Box<Subgraph>, String>>,
}

/// A field of a node inside of a subgraph, at the node that uses the subgraph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Promoted {
    /// The node that has the field; `-1` for an input of the subgraph.
    pub node: String,
    pub field: String,
    /// Where that node is a subgraph: its node that has the field.
    pub inner: Option<String>,
    /// Its value for this use, where one is saved.
    pub value: Option<Value>,
}

/// The values of a node's fields, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values {
    pub named: IndexMap<String, Value>,
    /// How fields change after a run, as the editor has it.
    pub controls: Vec<(String, &'static str)>,
    /// Number of values that are taken as they stand, since nothing is known of their fields.
    pub unchecked: usize,
    /// Names of fields without a saved value that have no default that is known.
    pub missing: Vec<String>,
}

impl Values {
    pub(super) fn extend(&mut self, more: Self) {
        self.named.extend(more.named);
        self.controls.extend(more.controls);
        self.unchecked += more.unchecked;
        self.missing.extend(more.missing);
    }
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
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub name: String,
    /// The name that a person gave it.
    pub label: Option<String>,
    pub kind: String,
    /// The link that ends here.
    pub link: Option<String>,
    /// The field that it is a slot of.
    pub widget: Option<String>,
}

/// A link between two slots, by the ids of their nodes.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub from: String,
    pub from_slot: usize,
    pub to: String,
    pub to_slot: usize,
}

/// The graph inside of a subgraph.
#[derive(Clone, Debug)]
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
        Self::with(list("nodes").filter_map(read_node).collect(), list("links").filter_map(link).collect())
    }

    /// The graph of some nodes. Their inputs get the links that end at them.
    pub(super) fn of(mut nodes: Vec<Node>, links: Vec<Link>) -> Self {
        let links: IndexMap<String, Link> =
            links.into_iter().enumerate().map(|(at, link)| (at.to_string(), link)).collect();
        let mut graph = Self::with(Vec::new(), links);
        for node in &mut nodes {
            for (slot, input) in node.inputs.iter_mut().enumerate() {
                input.link = graph.ends.get(&(node.id.clone(), slot)).cloned();
            }
        }
        graph.by_id = places(&nodes);
        graph.nodes = nodes;
        graph
    }

    fn with(nodes: Vec<Node>, links: IndexMap<String, Link>) -> Self {
        let end = |(id, link): (&String, &Link)| ((link.to.clone(), link.to_slot), id.clone());
        let ends = links.iter().map(end).collect();
        Self { by_id: places(&nodes), nodes, links, ends }
    }

    pub(super) fn node(&self, id: &str) -> Option<&Node> {
        self.by_id.get(id).map(|at| &self.nodes[*at])
    }

    pub(super) fn link(&self, id: &str) -> Option<&Link> {
        self.links.get(id)
    }

    /// The link that ends at a slot of a node.
    pub(super) fn link_into(&self, node: &str, slot: usize) -> Option<&Link> {
        self.links.get(self.ends.get(&(node.to_owned(), slot))?)
    }

    /// Links that begin at a node.
    pub(super) fn out_of(&self, node: &str) -> impl Iterator<Item = &Link> {
        self.links.values().filter(move |link| link.from == node)
    }
}

/// Positions of nodes by id.
fn places(nodes: &[Node]) -> HashMap<String, usize> {
    nodes.iter().enumerate().map(|(at, node)| (node.id.clone(), at)).collect()
}

impl Subgraph {
    /// The value that a user of it has saved for an input that is a field.
    pub(super) fn value<'n>(&self, user: &'n Node, slot: usize) -> Option<&'n Value> {
        if !user.promoted.is_empty() {
            let name = self.inputs.get(slot)?;
            let is_it = |own: &&Promoted| {
                own.node == "-1" && own.field == *name
                    || self.fields_of(slot).any(|(node, field)| own.node == *node && own.field == *field)
            };
            return user.promoted.iter().find(is_it)?.value.as_ref();
        }
        // Fields have their values in order, and the other inputs none.
        let is_field = |slot: usize| {
            let own = user.inputs.iter().find(|input| Some(&input.name) == self.inputs.get(slot));
            own.is_some_and(|input| input.widget.is_some()) || self.fields_of(slot).next().is_some()
        };
        let before = (0..slot).filter(|slot| is_field(*slot)).count();
        user.values.get(before).filter(|value| is_field(slot) && !value.is_null())
    }

    /// The fields that an input sets: the node, and the field's name.
    fn fields_of(&self, slot: usize) -> impl Iterator<Item = (&String, &String)> {
        let inner = self.graph.out_of(&self.input_node).filter(move |link| link.from_slot == slot);
        inner.filter_map(|link| {
            let input = self.graph.node(&link.to)?.inputs.get(link.to_slot)?;
            Some((&link.to, input.widget.as_ref()?))
        })
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

pub(super) fn read_node(json: &Value) -> Option<Node> {
    let slots = |name: &str| json.get(name).and_then(Value::as_array).into_iter().flatten();
    let slot = |input: &Value| Slot {
        name: text(input, "name"),
        label: Some(text(input, "label")).filter(|label| !label.is_empty()),
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
        named: json.get("widgets_values_named").and_then(Value::as_object).cloned(),
        known: None,
        promoted: promoted(json),
        group: None,
    })
}

/// Rows of `[node, field]` or `[node, field, inner node]`; the saved values are in their order. In the field's name the
/// inner node can stand as `7: seed`.
fn promoted(json: &Value) -> Vec<Promoted> {
    let rows = json.get("properties").and_then(|own| own.get("proxyWidgets")).and_then(Value::as_array);
    let values = json.get("widgets_values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let read = |(at, row): (usize, &Value)| {
        let text = |at: usize| row.get(at).and_then(Value::as_str);
        let (inner, field) = match text(1)?.rsplit_once(": ") {
            Some((inner, field)) if inner.bytes().all(|b| b.is_ascii_digit() || b" :".contains(&b)) => {
                (inner.rsplit(':').next().map(str::trim), field)
            }
            _ => (text(2), text(1)?),
        };
        Some(Promoted {
            node: text(0)?.to_owned(),
            field: field.to_owned(),
            inner: inner.map(str::to_owned),
            value: values.get(at).filter(|value| !value.is_null()).cloned(),
        })
    };
    rows.into_iter().flatten().enumerate().filter_map(read).collect()
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
