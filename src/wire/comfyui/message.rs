//! Messages of ComfyUI's websocket: text frames with JSON, binary frames with previews.

use crate::domain::run::{PreviewKind, RunError};
use crate::wire::{errors, json};

use super::output::{self, Made};
use super::{MAX_ID, MAX_NODES, id, node};

/// Longest error that is read, in bytes: it may contain the node's inputs, whole tensors as text.
const MAX_ERROR: usize = 4 << 20;
/// Longest text that a node shows, in bytes.
const MAX_TEXT: usize = 256 * 1024;
/// Longest description of a preview, in bytes.
const MAX_DESCRIPTION: usize = 16 * 1024;
/// Longest type of an unknown message, in bytes.
const MAX_KIND: usize = 100;

/// A text frame, with the prompt it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The prompt it is about; `None` if it names none.
    pub prompt_id: Option<String>,
    pub step: Step,
}

/// The kinds of text messages.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The queue changed. Sent to every client, and as the first message of a connection.
    Status {
        /// Prompts that are running or waiting.
        remaining: Option<u64>,
    },
    /// The server's answer to [`super::HELLO`].
    Features,
    /// The server has begun with the prompt.
    Start,
    /// Nodes whose results come from the cache. No further messages about them follow, except [`Step::Executed`].
    Cached { nodes: Vec<String> },
    /// The server has begun with a node.
    Executing { node: String },
    /// The prompt has ended, successfully or not, and its history entry exists.
    Over,
    /// Progress of one node: `value` of `max` steps.
    Progress { node: Option<String>, value: f64, max: f64 },
    /// Progress of every node that has begun.
    Nodes(Vec<NodeState>),
    /// Outputs of an output node; sent for cached ones too.
    Executed { node: String, made: Made },
    /// All nodes have finished.
    Success,
    /// A node failed. [`Step::Over`] is what marks the end of the prompt.
    Failed(RunError),
    /// The prompt was cancelled while it ran.
    Interrupted,
    /// An unknown or unreadable message.
    Other {
        /// Its `type`, not scrubbed; empty if it has none.
        kind: String,
    },
}

/// Progress of one node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeState {
    /// Its id in the graph.
    pub node: String,
    pub value: f64,
    pub max: f64,
    pub is_finished: bool,
}

/// A binary frame, by its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// A preview of the sampler's work, or the output itself if a node sends it over the socket.
    Preview {
        /// Prompt and node ids; `None` from older servers: then it belongs to the node that began last.
        of: Option<(String, String)>,
        kind: PreviewKind,
        bytes: &'a [u8],
    },
    /// A text that a node shows while it runs.
    Text { node: String, text: String },
    /// Of an unknown type, or truncated.
    Other,
}

impl Message {
    /// Reads a text frame. Never fails: what cannot be read is a [`Step::Other`].
    pub fn read(frame: &str) -> Self {
        json::lenient(frame, |frame| {
            let fields = json::Fields::of(frame, &["type", "data"])?;
            let kind = fields.text("type", MAX_KIND).unwrap_or_default();
            let data = fields.get("data").unwrap_or("null");
            // Custom nodes send `data` of any shape.
            let inner = json::Fields::of(data, &NAMES).unwrap_or_default();
            let step = step(&kind, data, &inner).unwrap_or(Step::Other { kind });
            Some(Self { prompt_id: inner.get("prompt_id").and_then(id), step })
        })
        .unwrap_or_else(|| Self { prompt_id: None, step: Step::Other { kind: String::new() } })
    }
}

/// Fields read from a message's `data`.
const NAMES: [&str; 10] =
    ["prompt_id", "node", "display_node", "nodes", "value", "max", "output", "status", "node_id", "sid"];

/// The step of a message; `None` if a field it needs is missing.
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

/// A node's error, without the node's inputs and outputs, which are tensors as text.
pub(super) fn error(data: &str) -> RunError {
    let names = ["node_id", "node_type", "exception_message", "exception_type", "traceback"];
    let fields = json::Fields::of(data, &names).unwrap_or_default();
    let values = names.iter().filter_map(|name| Some(((*name).to_owned(), fields.value(name, MAX_ERROR)?)));
    let mut error = errors::from_value(&serde_json::Value::Object(values.collect()));
    // Node 4 made node `4.0.0.3` at run time; the graph, and so a parameter, only has node 4.
    if let Some(node) = &mut error.node
        && let Some((maker, _)) = node.split_once('.')
    {
        *node = maker.to_owned();
    }
    if error.what.is_empty() {
        error.what = "the server says that a node failed, but not which".to_owned();
    }
    error
}

impl<'a> Frame<'a> {
    /// Reads a binary frame. Never fails: what cannot be read is a [`Frame::Other`].
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

/// A big-endian `u32`, and the bytes after it.
fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// A block of bytes after its length (`u32`, at most `most`), and the bytes after the block.
fn counted(bytes: &[u8], most: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = word(bytes)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= most)?;
    rest.split_at_checked(length)
}
