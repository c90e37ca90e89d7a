//! Responses to submitted graphs (`POST /prompt`) and uploaded files.

use serde_json::json;

use crate::domain::run::RunError;
use crate::wire::{errors, json};

use super::id;

/// Longest list of validation errors that is read, in bytes: it contains the choices of model lists.
const MAX_FAULTS: usize = 8 << 20;

/// The response to a graph that was queued.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptReply {
    /// The id the server gave it.
    pub prompt_id: Option<String>,
    /// Output nodes that will not run since they, or nodes before them, failed validation.
    pub left_out: Option<RunError>,
}

impl PromptReply {
    /// Reads the response; `None` if it is not a valid one.
    pub fn read(answer: &str) -> Option<Self> {
        json::lenient(answer, |answer| {
            let fields = json::Fields::of(answer, &["prompt_id", "number", "node_errors"])?;
            let prompt_id = fields.get("prompt_id").and_then(id);
            if prompt_id.is_none() && fields.get("number").is_none() {
                return None;
            }
            let faults = fields.value("node_errors", MAX_FAULTS);
            let faults = faults.filter(|faults| faults.as_object().is_some_and(|nodes| !nodes.is_empty()));
            let left_out = faults.map(|faults| errors::from_value(&json!({"node_errors": faults})));
            Some(Self { prompt_id, left_out })
        })
    }
}

/// The input value for an uploaded file: its name on the server, with its folder. `None` if the response is
/// not a valid one.
pub fn stored_name(answer: &str) -> Option<String> {
    json::lenient(answer, |answer| {
        let fields = json::Fields::of(answer, &["name", "subfolder", "type"])?;
        let text = |name: &str| fields.text(name, 4_096).filter(|text| !text.is_empty());
        let name = text("name")?;
        let name = match text("subfolder") {
            Some(folder) => format!("{}/{name}", folder.trim_end_matches('/')),
            None => name,
        };
        Some(match text("type").as_deref() {
            None | Some("input") => name,
            Some(kind) => format!("{name} [{kind}]"),
        })
    })
}
