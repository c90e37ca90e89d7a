//! A ComfyUI workflow in API format (`workflow_api.json`).

use indexmap::IndexMap;
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// One node of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// ComfyUI's class of the node, such as `KSampler`.
    pub class_type: String,
    /// `_meta.title`, when it is there and not empty.
    pub title: Option<String>,
    /// Input name → literal or link, in file order. `None` when the node has no `inputs` at all.
    pub inputs: Option<IndexMap<String, Value>>,
}

impl Node {
    /// The name people know the node by: its title, else its class.
    pub fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.class_type)
    }
}

/// A workflow as it was read: nodes in file order, numbers with their exact text.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    nodes: IndexMap<String, Node>,
    text: String,
    hash: String,
}

/// Why a text is not a workflow in API format.
#[derive(Debug, Error, PartialEq)]
pub enum WorkflowError {
    /// The text ends in the middle of the JSON.
    #[error("the file ends in the middle (line {line}): it is truncated. Export it again, or copy it again")]
    Truncated {
        /// Line of the file, from 1.
        line: usize,
    },
    /// A number that Python writes and JSON does not have.
    #[error(
        "line {line} holds {word}, which is no number that JSON knows. Put a real one in the workflow, then export it again"
    )]
    NonFinite {
        /// Line of the file, from 1.
        line: usize,
        /// `NaN` or `Infinity`.
        word: &'static str,
    },
    /// Half of a character outside the basic plane, as an escape. It is no text, and no server takes it.
    #[error(
        "line {line} holds half a character (a lone `\\uD800`-like escape), which is no text. Type that text again in ComfyUI, then export the workflow"
    )]
    HalfCharacter {
        /// Line of the file, from 1.
        line: usize,
    },
    /// Not JSON at all.
    #[error("this is not JSON ({why}). Export the workflow with \"Export (API)\" in ComfyUI")]
    NotJson {
        /// The parser's reason, with line and column.
        why: String,
    },
    /// The format that ComfyUI's own "Save" writes.
    #[error(
        "this is a workflow in ComfyUI's UI format, which cannot be run by an API. Open it in ComfyUI and choose Workflow > Export (API)"
    )]
    UiFormat,
    /// The vendor's form description, which holds a workflow inside.
    #[error(
        "this is a view_comfy.json. It describes a form; give the workflow_api.json as the workflow and this file beside it"
    )]
    ViewComfyForm,
    /// JSON of another kind.
    #[error("this JSON is not a workflow: {why}. Export the workflow with \"Export (API)\" in ComfyUI")]
    NotAWorkflow {
        /// What was found instead.
        why: String,
    },
}

impl Workflow {
    /// Reads a `workflow_api.json`.
    ///
    /// # Errors
    /// Says what the text is instead, and what to export.
    pub fn parse(text: &str) -> Result<Self, WorkflowError> {
        let text = text.trim_start_matches('\u{feff}');
        let value: Value = serde_json::from_str(text).map_err(|e| why_no_json(text, &e))?;
        let nodes = nodes_of(&value)?;
        let hash = hex(&Sha256::digest(text.as_bytes()));
        Ok(Self { nodes, text: text.to_owned(), hash })
    }

    /// Node id → node, in file order.
    pub fn nodes(&self) -> &IndexMap<String, Node> {
        &self.nodes
    }

    /// The JSON as it was read, for sending and for history.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the text, in hex: the same text is the same workflow.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The value of an input in the file; `None` when there is no such input.
    pub fn value(&self, key: &super::ParamKey) -> Option<&Value> {
        self.nodes.get(key.node())?.inputs.as_ref()?.get(key.input())
    }
}

/// Whether an input's value is wiring: `[node id, slot]`.
pub fn is_link(value: &Value) -> bool {
    match value.as_array().map(Vec::as_slice) {
        Some([node, slot]) => node.is_string() && slot.is_number(),
        _ => false,
    }
}

/// Lower-case hex of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is wrong with a text that does not parse as JSON.
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

fn nodes_of(value: &Value) -> Result<IndexMap<String, Node>, WorkflowError> {
    let other = |why: &str| WorkflowError::NotAWorkflow { why: why.to_owned() };
    let object = match value {
        Value::Object(object) => object,
        Value::Array(_) => return Err(other("it is a list")),
        _ => return Err(other("it is a single value")),
    };
    if object.get("nodes").is_some_and(Value::is_array) {
        return Err(WorkflowError::UiFormat);
    }
    if object.get("file_type").and_then(Value::as_str) == Some("view_comfy") {
        return Err(WorkflowError::ViewComfyForm);
    }
    if object.is_empty() {
        return Err(other("it is empty"));
    }
    let mut nodes = IndexMap::with_capacity(object.len());
    for (id, node) in object {
        let class_type = node
            .get("class_type")
            .and_then(Value::as_str)
            .ok_or_else(|| other(&format!("`{}` is not a node with a `class_type`", shortened(id))))?;
        let inputs = match node.get("inputs") {
            None => None,
            Some(Value::Object(inputs)) => Some(inputs.iter().map(|(k, v)| (k.clone(), v.clone())).collect()),
            Some(_) => {
                return Err(other(&format!("the inputs of node `{}` are not an object", shortened(id))));
            }
        };
        let title = node.pointer("/_meta/title").and_then(Value::as_str).filter(|title| !title.is_empty());
        nodes.insert(
            id.clone(),
            Node { class_type: class_type.to_owned(), title: title.map(str::to_owned), inputs },
        );
    }
    Ok(nodes)
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
        for text in ["[]", "1", "{}", r#"{"a": 1}"#, r#"{"3": {"class_type": "A", "inputs": []}}"#] {
            assert!(matches!(error(text), WorkflowError::NotAWorkflow { .. }), "{text}");
        }
    }

    #[test]
    fn keeps_order_and_the_exact_text_of_numbers() {
        let text = r#"{"10": {"class_type": "B", "inputs": {"seed": 18446744073709551615, "cfg": 6.0}}, "2": {"class_type": "A"}}"#;
        let workflow = Workflow::parse(text).expect("a workflow");
        assert_eq!(workflow.nodes().keys().collect::<Vec<_>>(), ["10", "2"]);
        let inputs = workflow.nodes()["10"].inputs.as_ref().expect("inputs");
        assert_eq!(inputs["seed"].to_string(), "18446744073709551615");
        assert_eq!(inputs["cfg"].to_string(), "6.0");
        assert_eq!(workflow.nodes()["2"].inputs, None);
        assert_eq!(workflow.text(), text);
    }

    #[test]
    fn a_link_is_a_node_and_a_slot() {
        let link = |text: &str| is_link(&serde_json::from_str(text).expect(text));
        assert!(link(r#"["38", 0]"#));
        assert!(!link(r#"["38"]"#) && !link(r#"[1, 2]"#) && !link(r#"["a", "b"]"#) && !link("3"));
    }
}
