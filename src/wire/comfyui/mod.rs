//! Messages of ComfyUI's own server: those of its websocket ([`Message`]), history entries ([`HistoryEntry`]), the queue
//! ([`read_queue`]), replies to submissions and uploads ([`PromptReply`], [`stored_name`]) and the server's state ([`read_system`]).
//!
//! Custom nodes can put anything into these, so the readers are lenient: unknown fields are ignored, what is kept is
//! bounded, node ids are texts, and Python's `NaN` is read as null. Texts are scrubbed where they are shown.

mod history;
mod message;
mod output;
mod queue;
mod reply;
mod server;
#[cfg(test)]
mod tests;

use super::json;

pub use history::{HistoryEntry, HistoryStatus};
pub use message::{Frame, Message, NodeState, Step};
pub use output::{Made, ServerFile};
pub use queue::read_queue;
pub use reply::{PromptReply, stored_name};
pub use server::{read_names, read_nodes, read_system};

/// The first frame a client sends. It makes the server name the node in every preview.
pub const HELLO: &str = r#"{"type":"feature_flags","data":{"supports_preview_metadata":true}}"#;

/// Longest id of a prompt or a node that is read, in bytes.
const MAX_ID: usize = 200;
/// Most nodes read from one message.
const MAX_NODES: usize = 10_000;

/// An id, written as text or as a number; `None` for null, an empty text and one longer than [`MAX_ID`].
fn id(json: &str) -> Option<String> {
    json::text(json, MAX_ID + 4).filter(|id| (1..=MAX_ID).contains(&id.len()))
}

/// The node of the graph that a message is about: for a node made at run time, the one that made it.
fn node(fields: &json::Fields<'_>, shown: &str, node: &str) -> Option<String> {
    fields.get(shown).and_then(id).or_else(|| fields.get(node).and_then(id))
}
