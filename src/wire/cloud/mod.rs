//! Messages of ViewComfy's cloud API: run events over its socket ([`Event`]), and records of runs ([`Record`]).
//!
//! The API is not documented, so the reader is lenient: fields may be in snake_case or camelCase, missing, null,
//! numbers as text, wrapped in `{"data":…}` or not; unknown fields are ignored. What is kept is bounded.

mod record;

use serde_json::Value;

use super::{ansi, json};

pub use record::{Record, RecordOutput, State};

/// Longest log text of one event that is kept, in bytes; the rest is cut with a `…`.
pub const MAX_LOG: usize = 1024 * 1024;
/// Longest free-form JSON that is kept as a value, in bytes; of a longer one the beginning is kept as text.
const MAX_VALUE: usize = 256 * 1024;
/// Longest text of an unknown event, in bytes.
const MAX_OTHER: usize = 16 * 1024;
/// Longest prompt id, in bytes; they are UUIDs.
const MAX_ID: usize = 200;

/// Fields read from an event's payload.
const NAMES: [&str; 5] = ["prompt_id", "data", "message", "text", "log"];

/// One event of the socket, about one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The run's id, scrubbed. `None` if the service left it out: any run submitted over this connection may be meant.
    pub prompt_id: Option<String>,
    pub news: News,
}

/// What happened to the run.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A piece of ComfyUI's log, colours and progress bars included, to be read with `wire::log::Lines`.
    Log {
        /// The text, at most [`MAX_LOG`] bytes.
        text: String,
    },
    /// Something failed, most likely the run; only its record tells for sure.
    Error {
        /// Free-form JSON, to be read with `wire::errors`.
        value: Value,
    },
    /// The workflow has finished; the service is collecting its outputs.
    Executed,
    /// The run has ended. Without a record, the record has to be requested.
    Result(Option<Box<Record>>),
    /// The run was cancelled.
    Cancelled {
        /// Free-form JSON, often null.
        value: Value,
    },
    /// An unknown event, shown in the run's log.
    Other {
        name: String,
        /// Its payload as text, not scrubbed, to be read with `wire::log::Lines`.
        text: String,
    },
}

impl Event {
    /// Reads an event of the socket from its name and its payload's JSON. Never fails: an unknown or unreadable
    /// event becomes a [`News::Other`].
    pub fn read(name: &str, payload: &str) -> Self {
        // Some Socket.IO libraries encode the JSON once more, as a string.
        let unpacked = payload.starts_with('"').then(|| json::text(payload, payload.len())).flatten();
        let payload = unpacked.as_deref().filter(|text| text.starts_with('{')).unwrap_or(payload);
        let fields =
            |payload: &str| json::Fields::of(payload, &NAMES).map(|fields| Self::of(name, payload, &fields));
        json::lenient(payload, fields).unwrap_or_else(|| Self::of(name, payload, &json::Fields::default()))
    }

    fn of(name: &str, payload: &str, fields: &json::Fields<'_>) -> Self {
        let data = fields.get("data");
        let inner = || json::Fields::of(data?, &["prompt_id"])?.get("prompt_id").and_then(id);
        let mut prompt_id = fields.get("prompt_id").and_then(id).or_else(inner);
        // Without `data`: a payload with an id has no content, one without an id is itself the content.
        let rest = || if prompt_id.is_some() { "null" } else { payload };
        let news = match name {
            "infer_log_message" => {
                let said = data.or_else(|| fields.first(&["message", "text", "log"]));
                News::Log { text: text(said.unwrap_or_else(rest), MAX_LOG) }
            }
            "infer_error_message" => News::Error { value: open(data, payload) },
            "infer_executed_message" => News::Executed,
            "infer_result_message" => {
                let record = Record::read(payload).filter(|record| !record.is_empty());
                News::Result(record.map(Box::new))
            }
            "infer_canceled_message" | "infer_cancelled_message" => {
                News::Cancelled { value: open(data, payload) }
            }
            _ => News::Other { name: ansi::scrub_plain(&cut(name, 100)), text: text(payload, MAX_OTHER) },
        };
        match &news {
            // A bare string in place of an object can be the id, for events that carry nothing else.
            News::Executed | News::Cancelled { .. } => prompt_id = prompt_id.or_else(|| id(payload)),
            News::Result(Some(record)) => prompt_id = record.result.prompt_id.clone().or(prompt_id),
            _ => {}
        }
        Self { prompt_id, news }
    }
}

/// A prompt id, scrubbed; `None` if the text cannot be one.
fn id(json: &str) -> Option<String> {
    let id = json::text(json, MAX_ID)?;
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic());
    is_id.then_some(id)
}

/// A string's content, any other value as JSON, an empty text for null.
fn text(json: &str, limit: usize) -> String {
    let text = json::text(json, limit);
    text.unwrap_or_else(|| if json == "null" { String::new() } else { cut(json, limit) })
}

fn cut(text: &str, limit: usize) -> String {
    let mut text = text.get(..limit + 4).unwrap_or(text).to_owned();
    json::cut(&mut text, limit);
    text
}

/// `data`, or else the payload without its id.
fn open(data: Option<&str>, payload: &str) -> Value {
    let mut value = json::value(data.unwrap_or(payload), MAX_VALUE);
    if let (None, Value::Object(fields)) = (data, &mut value) {
        fields.retain(|name, value| !value.is_null() && !matches!(name.as_str(), "prompt_id" | "promptId"));
        if fields.is_empty() {
            return Value::Null;
        }
    }
    value
}

#[cfg(test)]
mod tests;
