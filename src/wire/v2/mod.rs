//! Comfy API v2 (<https://docs.comfy.org/api-reference/v2/overview>), spoken by Comfy Cloud, by Comfy API deployments and
//! by `comfy-api-proxy` in front of a server of one's own: job records ([`JobRecord`]), events of a job's stream
//! ([`JobEvent`]), uploaded files ([`asset_id`]) and errors ([`Refusal`]).
//!
//! The contract may grow: unknown fields, events and statuses are no errors. Texts are scrubbed where they are shown.

mod event;
mod job;
mod refusal;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use super::json;

pub use event::JobEvent;
pub use job::{JobProgress, JobRecord, JobState, read_jobs};
pub use refusal::Refusal;

/// Longest id or name that is read, in bytes.
const MAX_NAME: usize = 4_096;

/// A response's text field that is not empty.
fn named(fields: &json::Fields<'_>, name: &str) -> Option<String> {
    fields.text(name, MAX_NAME + 4).filter(|text| (1..=MAX_NAME).contains(&text.len()))
}

/// The id of an uploaded file; `None` if the response is not a valid one.
pub fn asset_id(answer: &str) -> Option<String> {
    json::lenient(answer, |answer| named(&json::Fields::of(answer, &["id"])?, "id"))
}

/// The value of an input that takes an uploaded file.
pub fn asset(id: &str, hash: &str, name: &str) -> Value {
    json!({"__type": "core/ASSET", "info": {"id": id, "hash": hash, "file_path": name}})
}

/// The graph that a job ran, as JSON text; `None` when the server has only the graph of ComfyUI's editor.
pub fn read_graph(answer: &str) -> Option<String> {
    json::lenient(answer, |answer| {
        let fields = json::Fields::of(answer, &["workflow", "format"])?;
        let is_api = fields.text("format", 16).is_none_or(|format| format == "api");
        fields.get("workflow").filter(|graph| is_api && graph.starts_with('{')).map(str::to_owned)
    })
}
