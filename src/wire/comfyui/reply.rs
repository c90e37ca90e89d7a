//! What the server answers to what is sent to it.

use serde_json::json;

use crate::domain::run::RunError;
use crate::wire::{errors, json};

use super::id;

/// Longest list of faults that is read, in bytes: lists of choices are in it.
const MAX_FAULTS: usize = 8 << 20;

/// The answer to a graph that was taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// The server's name for it, when it says one.
    pub prompt_id: Option<String>,
    /// Output nodes that are left out since something before them is wrong.
    pub left_out: Option<RunError>,
}

impl Reply {
    /// Reads the answer; `None` when it is none of this server.
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

/// The value that an input takes for a file that was stored: what the server calls it, with its folder. `None` when the
/// answer is none of this server.
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
