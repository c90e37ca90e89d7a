//! What differs between two graphs: of two runs, or between the workflow here and the one that a deployment ran.

use std::fmt;

use serde_json::Value;

use super::workflow::is_link;
use super::{ParamKey, Workflow, scalar, value};
use crate::domain::run::RunRequest;

/// A difference in one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeChange {
    /// The node's id.
    pub node: String,
    /// Its title, or its class.
    pub name: String,
    pub change: GraphChange,
}

#[derive(Clone, Debug, PartialEq)]
pub enum GraphChange {
    /// The second graph does not have the node.
    Gone,
    /// The first graph does not have the node.
    New,
    /// Another class bears this id.
    Class { before: String, after: String },
    /// An input; `None` where the node does not have it.
    Input { input: String, before: Option<Value>, after: Option<Value> },
}

impl fmt::Display for NodeChange {
    /// Texts are written whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} ({})", self.node, self.name)?;
        match &self.change {
            GraphChange::Gone => write!(f, " is gone"),
            GraphChange::New => write!(f, " is new"),
            GraphChange::Class { before, after } => write!(f, " was a {before} and is a {after}"),
            GraphChange::Input { input, before, after } => {
                write!(f, ": {input} {} → {}", shown(before.as_ref()), shown(after.as_ref()))
            }
        }
    }
}

impl NodeChange {
    /// Whether the second graph has this from the other change as well. What the first one had is each run's own.
    pub fn leads_to_the_same(&self, other: &Self) -> bool {
        use GraphChange as Change;
        let is_same = match (&self.change, &other.change) {
            (Change::Input { input, after, .. }, Change::Input { input: known, after: had, .. }) => {
                input == known && after == had
            }
            (one, other) => one == other,
        };
        is_same && self.node == other.node
    }
}

/// A value, or the wiring of an input, as people read it.
pub fn shown(input: Option<&Value>) -> String {
    match input {
        None => "(none)".to_owned(),
        Some(wired) if is_link(wired) => {
            let node = wired[0].as_str().unwrap_or_default();
            format!("node {node}, output {}", wired[1])
        }
        Some(set) => value::text(set),
    }
}

/// What is in one graph and not in the other, in the order of the first one.
pub fn between(before: &Workflow, after: &Workflow) -> Vec<NodeChange> {
    let mut changes = Vec::new();
    for (id, old) in before.nodes() {
        let mut add = |change| {
            changes.push(NodeChange { node: id.clone(), name: old.name().to_owned(), change });
        };
        let Some(new) = after.nodes().get(id) else {
            add(GraphChange::Gone);
            continue;
        };
        if old.class_type != new.class_type {
            // Inputs of another class are another thing.
            add(GraphChange::Class { before: old.class_type.clone(), after: new.class_type.clone() });
            continue;
        }
        let (old, new) = (old.inputs.iter().flatten(), new.inputs.as_ref());
        for (input, before) in old.clone() {
            let after = new.and_then(|inputs| inputs.get(input));
            if !after.is_some_and(|after| is_same(before, after)) {
                let (before, after) = (Some(before.clone()), after.cloned());
                add(GraphChange::Input { input: input.clone(), before, after });
            }
        }
        for (input, after) in new.into_iter().flatten() {
            if !old.clone().any(|(known, _)| known == input) {
                add(GraphChange::Input { input: input.clone(), before: None, after: Some(after.clone()) });
            }
        }
    }
    let new = after.nodes().iter().filter(|(id, _)| !before.nodes().contains_key(*id));
    changes.extend(new.map(|(id, node)| NodeChange {
        node: id.clone(),
        name: node.name().to_owned(),
        change: GraphChange::New,
    }));
    changes
}

/// Where the graph that a server ran differs from the workflow here with the values that were sent. Names of uploaded
/// files, and seeds that were left to the server, are the server's own.
pub fn drift(sent: &RunRequest, local: &Workflow, ran: &Workflow) -> Vec<NodeChange> {
    let is_the_servers = |key: &ParamKey, value: Option<&Value>| {
        let is_open = |value: &Value| value.as_i64().is_some_and(|seed| seed < 0);
        sent.files.iter().any(|file| file.part == key.as_str()) || value.is_some_and(is_open)
    };
    let mut changes = Vec::new();
    for NodeChange { node, name, change } in between(local, ran) {
        let GraphChange::Input { input, before, after } = change else {
            changes.push(NodeChange { node, name, change });
            continue;
        };
        let key = ParamKey::new(&node, &input);
        // What was sent is held against what ran below.
        if sent.params.contains_key(&key) || is_the_servers(&key, before.as_ref()) {
            continue;
        }
        changes.push(NodeChange { node, name, change: GraphChange::Input { input, before, after } });
    }
    for (key, value) in &sent.params {
        let Some(node) = ran.nodes().get(key.node()) else { continue };
        let after = node.inputs.as_ref().and_then(|inputs| inputs.get(key.input()));
        if after.is_some_and(|after| is_same(value, after)) || is_the_servers(key, Some(value)) {
            continue;
        }
        changes.push(NodeChange {
            node: key.node().to_owned(),
            name: node.name().to_owned(),
            change: GraphChange::Input {
                input: key.input().to_owned(),
                before: Some(value.clone()),
                after: after.cloned(),
            },
        });
    }
    changes
}

/// Whether two inputs hold the same, however it is written: `6` is `6.0`, a wrapped list is the list.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            scalar::compare(one, other) == Some(std::cmp::Ordering::Equal)
        }
        (one, other) => one == other || value::text(one) == value::text(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workflow(json: Value) -> Workflow {
        Workflow::parse(&json.to_string()).expect("a workflow")
    }

    fn local() -> Workflow {
        workflow(json!({
            "3": {"class_type": "KSampler", "inputs": {"seed": 1, "cfg": 8, "steps": 20, "model": ["4", 0]}},
            "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}, "_meta": {"title": "Prompt"}},
            "10": {"class_type": "LoadImage", "inputs": {"image": "cat.png"}},
        }))
    }

    fn told(changes: &[NodeChange]) -> Vec<String> {
        changes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nodes_classes_values_and_wiring_are_compared() {
        let other = workflow(json!({
            "3": {"class_type": "KSampler", "inputs": {"seed": 1, "cfg": 8.0, "model": ["9", 0], "denoise": 0.5}},
            "4": {"class_type": "UNETLoader", "inputs": {"unet_name": "b.safetensors"}},
            "9": {"class_type": "LoraLoader", "inputs": {}},
            "10": {"class_type": "LoadImage", "inputs": {"image": {"__value__": ["x"]}}},
        }));
        assert_eq!(
            told(&between(&local(), &other)),
            [
                "node 3 (KSampler): steps 20 → (none)",
                "node 3 (KSampler): model node 4, output 0 → node 9, output 0",
                "node 3 (KSampler): denoise (none) → 0.5",
                "node 4 (CheckpointLoaderSimple) was a CheckpointLoaderSimple and is a UNETLoader",
                "node 6 (Prompt) is gone",
                "node 10 (LoadImage): image cat.png → [\"x\"]",
                "node 9 (LoraLoader) is new",
            ]
        );
        assert!(between(&local(), &local()).is_empty());
    }

    #[test]
    fn a_graph_that_ran_as_it_was_sent_does_not_drift() {
        let mut sent = RunRequest::default();
        let key = |key: &str| ParamKey::parse(key).expect("a key");
        sent.params = [
            (key("3-inputs-seed"), json!(-1)),
            (key("6-inputs-text"), json!("a dog")),
            (key("3-inputs-steps"), json!(30)),
        ]
        .into_iter()
        .collect();
        sent.files = vec![crate::domain::run::InputFile {
            part: "10-inputs-image".to_owned(),
            path: "/dog.png".into(),
            name: "dog.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            sha256: String::new(),
        }];
        let ran = |cfg: f64, steps: u32| {
            workflow(json!({
                "3": {"class_type": "KSampler", "inputs": {"seed": 8_231, "cfg": cfg, "steps": steps, "model": ["4", 0]}},
                "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
                "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a dog"}},
                "10": {"class_type": "LoadImage", "inputs": {"image": "input_1f.png"}},
            }))
        };
        assert_eq!(told(&drift(&sent, &local(), &ran(8.0, 30))), [""; 0]);
        // A value of the deployment's own graph, and one that was sent and did not arrive.
        assert_eq!(
            told(&drift(&sent, &local(), &ran(6.5, 20))),
            ["node 3 (KSampler): cfg 8 → 6.5", "node 3 (KSampler): steps 30 → 20"]
        );
    }
}
