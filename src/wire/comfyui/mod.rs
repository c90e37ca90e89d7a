//! What ComfyUI's own server says: messages of its websocket ([`Message`]), history entries ([`Entry`]), the queue
//! ([`Queue`]), replies to what is sent ([`Reply`], [`stored_name`]) and the state of the server ([`System`]).
//!
//! Anyone's node can put anything into these, so nothing is believed: what is unknown is passed over, what is kept is
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

pub use history::{Entry, Outcome};
pub use message::{Frame, Message, NodeState, Step};
pub use output::{Made, ServerFile};
pub use queue::{Place, Queue, Queued};
pub use reply::{Reply, stored_name};
pub use server::{Device, Features, System, names};

/// The frame that a client sends first: with it previews come with the node they are of.
pub const HELLO: &str = r#"{"type":"feature_flags","data":{"supports_preview_metadata":true}}"#;

/// Longest id of a prompt or a node that is read, in bytes.
const MAX_ID: usize = 200;
/// Nodes of one message that are read.
const MAX_NODES: usize = 10_000;

/// An id, written as text or number; `None` for null, an empty one and one that is too long to be one.
fn id(json: &str) -> Option<String> {
    json::text(json, MAX_ID + 4).filter(|id| (1..=MAX_ID).contains(&id.len()))
}

/// The node of the graph that a message is about: of a node that was made at run time, the one that made it.
fn node(fields: &json::Fields<'_>, shown: &str, node: &str) -> Option<String> {
    fields.get(shown).and_then(id).or_else(|| fields.get(node).and_then(id))
}
