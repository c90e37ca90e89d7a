//! What comes over the websocket.

use crate::domain::run::{PreviewKind, RunError};
use crate::wire::{errors, json};

use super::output::{self, Made};
use super::{MAX_ID, MAX_NODES, id, node};

/// Longest error that is read, in bytes: its node's inputs may be in it, whole tensors as text.
const MAX_ERROR: usize = 4 << 20;
/// Longest text that a node shows, in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// Longest description of a preview, in bytes.
const MAX_DESCRIPTION: usize = 16 * 1024;
/// Longest name of a message that is not known, in bytes.
const MAX_KIND: usize = 100;

/// A text message: of which prompt, and what.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Which prompt it is about; `None` where it does not say, or is about none.
    pub prompt_id: Option<String>,
    pub step: Step,
}

/// What a text message says.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The queue changed. Sent to everyone, and first of all on a new connection.
    Status {
        /// Prompts that run or wait.
        remaining: Option<u64>,
    },
    /// The server's answer to [`super::HELLO`].
    Features,
    /// The prompt begins.
    Start,
    /// Nodes whose results were there from before. They are told of no more, but for what they made.
    Cached { nodes: Vec<String> },
    /// A node begins.
    Executing { node: String },
    /// The prompt is over, whatever became of it, and its history entry is there.
    Over,
    /// How far a node is.
    Progress { node: Option<String>, value: f64, max: f64 },
    /// How far all nodes are that have begun.
    Nodes(Vec<NodeState>),
    /// What an output node made; sent for cached ones too.
    Executed { node: String, made: Made },
    /// All nodes are done.
    Success,
    /// A node failed. Not always the end: [`Step::Over`] is.
    Failed(RunError),
    /// The prompt was stopped.
    Interrupted,
    /// A message that is not known, or cannot be read.
    Other {
        /// Its type as it came; empty when it has none.
        kind: String,
    },
}

/// How far a node is.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeState {
    /// The node of the graph.
    pub node: String,
    pub value: f64,
    pub max: f64,
    pub is_finished: bool,
}

/// A binary message.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// A picture of the work so far; the picture itself where a node sends its result over the socket.
    Preview {
        /// Which prompt and node; `None` from servers that do not say: then it is of the node that began last.
        of: Option<(String, String)>,
        kind: PreviewKind,
        bytes: &'a [u8],
    },
    /// A text that a node shows while it works.
    Text { node: String, text: String },
    /// Nothing that is known, or something that is cut off.
    Other,
}

impl Message {
    /// Reads a text frame. None is refused.
    pub fn read(frame: &str) -> Self {
        json::lenient(frame, |frame| {
            let fields = json::Fields::of(frame, &["type", "data"])?;
            let kind = fields.text("type", MAX_KIND).unwrap_or_default();
            let data = fields.get("data").unwrap_or("null");
            // A custom node's data may be anything.
            let inner = json::Fields::of(data, &NAMES).unwrap_or_default();
            let step = step(&kind, data, &inner).unwrap_or(Step::Other { kind });
            Some(Self { prompt_id: inner.get("prompt_id").and_then(id), step })
        })
        .unwrap_or_else(|| Self { prompt_id: None, step: Step::Other { kind: String::new() } })
    }
}

/// What is read of a message.
const NAMES: [&str; 10] =
    ["prompt_id", "node", "display_node", "nodes", "value", "max", "output", "status", "node_id", "sid"];

/// What a message says; `None` when it has not what it should have.
fn step(kind: &str, data: &str, fields: &json::Fields<'_>) -> Option<Step> {
    Some(match kind {
        "status" => Step::Status { remaining: remaining(fields.get("status").unwrap_or("null")) },
        "feature_flags" => Step::Features,
        "execution_start" => Step::Start,
        "execution_cached" => Step::Cached { nodes: ids(fields.get("nodes")?) },
        "executing" => match node(fields, "display_node", "node") {
            Some(node) => Step::Executing { node },
            None => Step::Over,
        },
        "progress" => Step::Progress {
            node: node(fields, "display_node", "node"),
            value: number(fields, "value")?,
            max: number(fields, "max")?,
        },
        "progress_state" => Step::Nodes(states(fields.get("nodes")?)?),
        "executed" => Step::Executed {
            node: node(fields, "display_node", "node")?,
            made: fields.get("output").map(output::read).unwrap_or_default(),
        },
        "execution_success" => Step::Success,
        "execution_error" => Step::Failed(error(data)),
        "execution_interrupted" => Step::Interrupted,
        _ => return None,
    })
}

fn number(fields: &json::Fields<'_>, name: &str) -> Option<f64> {
    fields.get(name).and_then(json::number).filter(|number| *number >= 0.0)
}

fn remaining(status: &str) -> Option<u64> {
    let status = json::Fields::of(status, &["exec_info"])?;
    let info = json::Fields::of(status.get("exec_info")?, &["queue_remaining"])?;
    info.text("queue_remaining", 32)?.parse().ok()
}

fn ids(list: &str) -> Vec<String> {
    let (nodes, _) = json::elements(list, MAX_NODES).unwrap_or_default();
    nodes.into_iter().filter_map(id).collect()
}

fn states(nodes: &str) -> Option<Vec<NodeState>> {
    let nodes = json::entries(nodes, MAX_NODES)?.into_iter();
    let read = |(key, state): (String, &str)| {
        let fields = json::Fields::of(state, &["value", "max", "state", "node_id", "display_node_id"])?;
        Some(NodeState {
            node: node(&fields, "display_node_id", "node_id")
                .or_else(|| Some(key).filter(|key| (1..=MAX_ID).contains(&key.len())))?,
            value: number(&fields, "value").unwrap_or_default(),
            max: number(&fields, "max").unwrap_or_default(),
            is_finished: fields.text("state", 32).as_deref() == Some("finished"),
        })
    };
    Some(nodes.filter_map(read).collect())
}

/// What went wrong in a node. Its inputs and outputs are left out: they are tensors as text.
pub(super) fn error(data: &str) -> RunError {
    let names = ["node_id", "node_type", "exception_message", "exception_type", "traceback"];
    let fields = json::Fields::of(data, &names).unwrap_or_default();
    let values = names.iter().filter_map(|name| Some(((*name).to_owned(), fields.value(name, MAX_ERROR)?)));
    let mut error = errors::from_value(&serde_json::Value::Object(values.collect()));
    // `4.0.0.3` was made by node 4 at run time; the graph has node 4 only.
    if let Some(node) = &mut error.node
        && let Some((maker, _)) = node.split_once('.')
    {
        *node = maker.to_owned();
    }
    if error.what.is_empty() {
        error.what = "the server says that a node failed, and not which".to_owned();
    }
    error
}

impl<'a> Frame<'a> {
    /// Reads a binary frame. None is refused.
    pub fn read(frame: &'a [u8]) -> Self {
        Self::known(frame).unwrap_or(Self::Other)
    }

    fn known(frame: &'a [u8]) -> Option<Self> {
        let (kind, rest) = word(frame)?;
        match kind {
            1 => {
                let (format, bytes) = word(rest)?;
                let kind = if format == 2 { PreviewKind::Png } else { PreviewKind::Jpeg };
                (!bytes.is_empty()).then_some(Self::Preview { of: None, kind, bytes })
            }
            3 => {
                let (node, text) = counted(rest, MAX_ID)?;
                let mut text = String::from_utf8_lossy(text).into_owned();
                json::cut(&mut text, MAX_TEXT);
                let node = String::from_utf8_lossy(node).into_owned();
                (!node.is_empty()).then_some(Self::Text { node, text })
            }
            4 => {
                let (about, bytes) = counted(rest, MAX_DESCRIPTION)?;
                let about = std::str::from_utf8(about).ok()?;
                let names = ["node_id", "display_node_id", "prompt_id", "image_type"];
                let fields = json::Fields::of(about, &names)?;
                let of =
                    fields.get("prompt_id").and_then(id).zip(node(&fields, "display_node_id", "node_id"));
                let is_png = fields.text("image_type", 64).as_deref() == Some("image/png");
                let kind = if is_png { PreviewKind::Png } else { PreviewKind::Jpeg };
                (!bytes.is_empty()).then_some(Self::Preview { of, kind, bytes })
            }
            _ => None,
        }
    }
}

/// A number of four bytes, the first one first, and what follows.
fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// Bytes with their number, at most `most`, before them, and what follows.
fn counted(bytes: &[u8], most: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = word(bytes)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= most)?;
    rest.split_at_checked(length)
}
