//! A ComfyUI workflow in API format (`workflow_api.json`).

use std::fmt;

use indexmap::IndexMap;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use thiserror::Error;

#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The node's class in ComfyUI, such as `KSampler`.
    pub class_type: String,
    /// `_meta.title`, unless missing or empty.
    pub title: Option<String>,
    /// Input name → literal or link, in file order. `None` when the node has no `inputs`.
    pub inputs: Option<IndexMap<String, Value>>,
}

impl Node {
    /// The node's display name: its title, else its class.
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.class_type)
    }
}

/// A parsed workflow: nodes in file order, numbers with their exact text.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    nodes: IndexMap<String, Node>,
    incomplete: Vec<Incomplete>,
    left_aside: Vec<String>,
    text: String,
    hash: String,
    compact: String,
}

/// A node without a class, which no server can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    pub id: String,
    /// `_meta.title`, unless missing or empty.
    pub title: Option<String>,
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.title {
            Some(title) => write!(f, "node {} (\u{201c}{title}\u{201d})", self.id),
            None => write!(f, "node {}", self.id),
        }
    }
}

/// Why a text is not a workflow in API format.
#[derive(Debug, Error, PartialEq)]
pub enum WorkflowError {
    /// The text ends within the JSON.
    #[error("the file ends in the middle (line {line}): it is truncated. Export it again, or copy it again")]
    Truncated {
        /// Line number from 1.
        line: usize,
    },
    /// A number that Python writes but JSON does not have.
    #[error(
        "line {line} has {word}, which is not a number in JSON. Change it in the workflow, then export it again"
    )]
    NonFinite {
        /// Line number from 1.
        line: usize,
        /// `NaN` or `Infinity`.
        word: &'static str,
    },
    /// An escaped half of a surrogate pair, which is not valid text and no server accepts.
    #[error(
        "line {line} has half a character (a lone `\\uD800`-like escape), which is not valid text. Type that text again in ComfyUI, then export the workflow"
    )]
    HalfCharacter {
        /// Line number from 1.
        line: usize,
    },
    #[error("this is not JSON ({why}). Export the workflow with \"Export (API)\" in ComfyUI")]
    NotJson {
        /// The parser's message, with line and column.
        why: String,
    },
    /// The UI format, which ComfyUI's "Save" writes.
    #[error(
        "this is a workflow in ComfyUI's UI format, which cannot be run by an API. Open it in ComfyUI and choose Workflow > Export (API)"
    )]
    UiFormat,
    /// The vendor's form description, which has a workflow inside.
    #[error(
        "this is a view_comfy.json. It describes a form; give the workflow_api.json as the workflow and this file beside it"
    )]
    ViewComfyForm,
    /// Valid JSON, but not a workflow.
    #[error("this JSON is not a workflow: {why}. Export the workflow with \"Export (API)\" in ComfyUI")]
    NotAWorkflow {
        /// What was found instead.
        why: String,
    },
}

impl Workflow {
    /// Parses a `workflow_api.json`, also in the wrappings of requests and pictures:
    /// `{"prompt": {…}}`, `{"input": {"workflow": {…}}}`.
    ///
    /// # Errors
    /// What the text is instead, and what to export.
    pub fn parse(text: &str) -> Result<Self, WorkflowError> {
        let text = text.trim_start_matches('\u{feff}');
        let value: Value = serde_json::from_str(text).map_err(|e| why_no_json(text, &e))?;
        let (object, mut left_aside) = unwrapped(value)?;
        let mut workflow = Self {
            nodes: IndexMap::with_capacity(object.len()),
            incomplete: Vec::new(),
            left_aside: Vec::new(),
            text: text.to_owned(),
            hash: hex(&Sha256::digest(text.as_bytes())),
            compact: String::new(),
        };
        let mut kept = Map::new();
        for (id, node) in object {
            match read_node(&id, &node)? {
                Read::Node(read) => {
                    workflow.nodes.insert(id.clone(), read);
                    kept.insert(id, node);
                }
                Read::Incomplete(title) => {
                    workflow.incomplete.push(Incomplete { id: id.clone(), title });
                    kept.insert(id, node);
                }
                Read::Other => left_aside.push(shortened(&id)),
            }
        }
        workflow.left_aside = left_aside;
        workflow.compact = Value::Object(kept).to_string();
        Ok(workflow)
    }

    /// Nodes without a class: the workflow can be viewed, but not run.
    pub fn incomplete(&self) -> &[Incomplete] {
        &self.incomplete
    }

    /// Keys of the file that are not nodes. They are not sent.
    pub fn left_aside(&self) -> &[String] {
        &self.left_aside
    }

    /// Node id → node, in file order.
    pub fn nodes(&self) -> &IndexMap<String, Node> {
        &self.nodes
    }

    /// The JSON as read, for the history.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The nodes as JSON without white space, for sending: servers limit the size.
    pub fn compact(&self) -> &str {
        &self.compact
    }

    /// SHA-256 of the text in hex: the same text is the same workflow.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The value of an input in the file; `None` when there is no such input.
    pub fn value(&self, key: &super::ParamKey) -> Option<&Value> {
        self.nodes.get(key.node())?.inputs.as_ref()?.get(key.input())
    }
}

/// Whether an input's value is a link: `[node id, slot]`.
pub fn is_link(value: &Value) -> bool {
    match value.as_array().map(Vec::as_slice) {
        Some([node, slot]) => node.is_string() && slot.is_number(),
        _ => false,
    }
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Why a text does not parse as JSON.
fn why_no_json(text: &str, error: &serde_json::Error) -> WorkflowError {
    let line = error.line();
    let rest =
        text.lines().nth(line.saturating_sub(1)).and_then(|l| l.get(error.column().saturating_sub(1)..));
    let word = ["NaN", "Infinity"].into_iter().find(|word| rest.is_some_and(|rest| rest.starts_with(word)));
    let why = error.to_string();
    match word {
        _ if error.is_eof() => WorkflowError::Truncated { line },
        Some(word) => WorkflowError::NonFinite { line, word },
        None if why.contains("surrogate") || why.contains("end of hex escape") => {
            WorkflowError::HalfCharacter { line }
        }
        None => WorkflowError::NotJson { why },
    }
}

/// What a key of the file contains.
enum Read {
    Node(Node),
    /// A node without a class, with its title.
    Incomplete(Option<String>),
    /// Not a node: a note, a version.
    Other,
}

fn read_node(id: &str, node: &Value) -> Result<Read, WorkflowError> {
    let title = node.pointer("/_meta/title").and_then(Value::as_str).filter(|title| !title.is_empty());
    let title = title.map(str::to_owned);
    let Some(class_type) = node.get("class_type").and_then(Value::as_str) else {
        let is_node = node.get("inputs").is_some_and(Value::is_object);
        return Ok(if is_node { Read::Incomplete(title) } else { Read::Other });
    };
    let inputs = match node.get("inputs") {
        None | Some(Value::Null) => None,
        Some(Value::Object(inputs)) => Some(inputs.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
        Some(_) => return Err(other(&format!("the inputs of node `{}` are not an object", shortened(id)))),
    };
    Ok(Read::Node(Node { class_type: class_type.to_owned(), title, inputs }))
}

fn other(why: &str) -> WorkflowError {
    WorkflowError::NotAWorkflow { why: why.to_owned() }
}

/// The object with the nodes, unwrapped, and the wrapper's other keys.
fn unwrapped(value: Value) -> Result<(Map<String, Value>, Vec<String>), WorkflowError> {
    const WRAPPINGS: [&[&str]; 8] = [
        &["prompt"],
        &["input", "workflow"],
        &["input", "prompt"],
        &["workflow_api"],
        &["workflowApiJSON"],
        &["output"],
        &["workflow"],
        &["data", "prompt"],
    ];
    let object = match value {
        Value::Object(object) => object,
        Value::Array(_) => return Err(other("it is a list")),
        _ => return Err(other("it is a single value")),
    };
    if holds_nodes(&object) {
        return Ok((object, Vec::new()));
    }
    if object.get("nodes").is_some_and(Value::is_array) {
        return Err(WorkflowError::UiFormat);
    }
    if is_form(&object) {
        return Err(WorkflowError::ViewComfyForm);
    }
    for path in WRAPPINGS {
        let at = |value: Option<&Value>, key: &&str| value.and_then(|value| value.get(*key)).cloned();
        let [first, rest @ ..] = path else { continue };
        let inner = rest.iter().fold(object.get(*first).cloned(), |value, key| at(value.as_ref(), key));
        if let Some(inner) = inner.and_then(graph_in) {
            let left = object.keys().filter(|key| key != first).map(|key| shortened(key));
            return Ok((inner, left.collect()));
        }
    }
    if object.get("workflow").is_some_and(|workflow| workflow.get("nodes").is_some_and(Value::is_array)) {
        return Err(WorkflowError::UiFormat);
    }
    Err(match object.keys().next() {
        None => other("it is empty"),
        Some(first) => other(&format!("`{}` is not a node with a `class_type`", shortened(first))),
    })
}

/// Whether an object is a `view_comfy.json`, by its fields.
fn is_form(object: &Map<String, Value>) -> bool {
    let is_entry = |entry: &Value| entry.get("viewComfyJSON").is_some_and(Value::is_object);
    let entries = object.get("workflows").and_then(Value::as_array);
    object.get("file_type").and_then(Value::as_str) == Some("view_comfy")
        || entries.is_some_and(|entries| entries.iter().any(is_entry))
}

/// The nodes in a value: an object, the same as JSON in a string, or the list of ComfyUI's history.
fn graph_in(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Object(object) => holds_nodes(&object).then_some(object),
        Value::String(text) => serde_json::from_str(&text).ok().filter(holds_nodes),
        Value::Array(items) => items.into_iter().find_map(|item| match item {
            Value::Object(object) => holds_nodes(&object).then_some(object),
            _ => None,
        }),
        _ => None,
    }
}

fn holds_nodes(object: &Map<String, Value>) -> bool {
    object.values().any(|node| node.get("class_type").is_some_and(Value::is_string))
}

fn shortened(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> WorkflowError {
        Workflow::parse(text).expect_err(text)
    }

    #[test]
    fn says_what_a_file_is_instead() {
        assert_eq!(error(r#"{"nodes": [], "links": []}"#), WorkflowError::UiFormat);
        assert_eq!(error(r#"{"file_type": "view_comfy"}"#), WorkflowError::ViewComfyForm);
        assert_eq!(error("{\"3\": {\n\"inp"), WorkflowError::Truncated { line: 2 });
        for (value, word) in [("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "Infinity")] {
            let text = format!("{{\"3\": {{\n\"inputs\": {{\"x\": {value}}}}}}}");
            assert_eq!(error(&text), WorkflowError::NonFinite { line: 2, word });
        }
        for half in [r"\ud800", r"\ud800x", r"\udc00", r"\ud800\ud800"] {
            let text = format!("{{\"3\": {{\n\"inputs\": {{\"x\": \"{half}\"}}}}}}");
            assert_eq!(error(&text), WorkflowError::HalfCharacter { line: 2 }, "{half}");
        }
        assert!(matches!(error("<html>"), WorkflowError::NotJson { .. }));
        assert_eq!(error(r#"{"workflow": {"nodes": []}}"#), WorkflowError::UiFormat);
        let no_class = r#"{"3": {"inputs": {}}}"#;
        for text in ["[]", "1", "{}", r#"{"a": 1}"#, no_class, r#"{"3": {"class_type": "A", "inputs": []}}"#]
        {
            assert!(matches!(error(text), WorkflowError::NotAWorkflow { .. }), "{text}");
        }
    }

    #[test]
    fn keeps_order_and_the_exact_text_of_numbers() {
        let text = r#"{"10": {"class_type": "B", "inputs": {"seed": 18446744073709551615, "cfg": 6.0}}, "2": {"class_type": "A", "inputs": null}}"#;
        let workflow = Workflow::parse(text).expect("a workflow");
        assert_eq!(workflow.nodes().keys().collect::<Vec<_>>(), ["10", "2"]);
        let inputs = workflow.nodes()["10"].inputs.as_ref().expect("inputs");
        assert_eq!(inputs["seed"].to_string(), "18446744073709551615");
        assert_eq!(inputs["cfg"].to_string(), "6.0");
        assert_eq!(workflow.nodes()["2"].inputs, None);
        assert_eq!(workflow.text(), text);
        let compact = r#"{"10":{"class_type":"B","inputs":{"seed":18446744073709551615,"cfg":6.0}},"2":{"class_type":"A","inputs":null}}"#;
        assert_eq!(workflow.compact(), compact);
    }

    #[test]
    fn what_is_no_node_is_left_aside_and_a_node_without_a_class_is_named() {
        let text = r#"{"_comment": "draft", "_meta": {"title": "T", "version": "1"}, "version": 0.4,
            "3": {"class_type": "A", "inputs": {"x": 1}},
            "4": {"inputs": {"y": 1}, "_meta": {"title": "Old"}}, "5": {"inputs": {}}}"#;
        let workflow = Workflow::parse(text).expect("a workflow");
        assert_eq!(workflow.left_aside(), ["_comment", "_meta", "version"]);
        assert_eq!(workflow.nodes().keys().collect::<Vec<_>>(), ["3"]);
        let incomplete: Vec<String> = workflow.incomplete().iter().map(ToString::to_string).collect();
        assert_eq!(incomplete, ["node 4 (\u{201c}Old\u{201d})", "node 5"]);
        assert!(!workflow.compact().contains("draft") && workflow.compact().contains("\"4\""));
    }

    #[test]
    fn wrapped_workflows_open() {
        let graph = r#"{"3":{"class_type":"A","inputs":{}}}"#;
        let quoted = Value::from(graph).to_string();
        for (wrapped, left) in [
            (format!(r#"{{"prompt": {graph}}}"#), vec![]),
            (
                format!(r#"{{"client_id": "x", "prompt": {graph}, "extra_data": {{}}}}"#),
                vec!["client_id", "extra_data"],
            ),
            (format!(r#"{{"prompt": {quoted}, "workflow": {{"nodes": []}}}}"#), vec!["workflow"]),
            (format!(r#"{{"input": {{"workflow": {graph}, "images": []}}}}"#), vec![]),
            (format!(r#"{{"output": {graph}, "workflow": {{"nodes": []}}}}"#), vec!["workflow"]),
            (format!(r#"{{"prompt": [7, "id", {graph}, {{}}, ["9"]]}}"#), vec![]),
            (format!(r#"{{"workflow": {graph}}}"#), vec![]),
        ] {
            let workflow = Workflow::parse(&wrapped).expect(&wrapped);
            assert_eq!(workflow.compact(), graph);
            assert_eq!(workflow.left_aside(), left);
        }
    }

    #[test]
    fn a_link_is_a_node_and_a_slot() {
        let link = |text: &str| is_link(&serde_json::from_str(text).expect(text));
        assert!(link(r#"["38", 0]"#));
        assert!(!link(r#"["38"]"#) && !link(r#"[1, 2]"#) && !link(r#"["a", "b"]"#) && !link("3"));
    }
}
