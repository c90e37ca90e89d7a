//! What ViewComfy's cloud API says: news of runs over its socket ([`Event`]), and records of runs ([`Record`]).
//!
//! Nothing here is promised by anyone, so little is asked for: fields may be in snake_case or camelCase, missing,
//! null, numbers as text, wrapped in `{"data":…}` or not; unknown ones do no harm. What is kept is bounded.

mod record;

use serde_json::Value;

use super::{ansi, json};

pub use record::{Record, RecordOutput, State};

/// Longest log text of one event that is kept, in bytes; the rest is cut with a `…`.
pub const MAX_LOG: usize = 1024 * 1024;
/// Longest JSON of an open shape that is kept as a value, in bytes; of a longer one its beginning as text.
const MAX_VALUE: usize = 256 * 1024;
/// Longest text of an event that is not known, in bytes.
const MAX_OTHER: usize = 16 * 1024;
/// Longest prompt id, in bytes; they are UUIDs.
const MAX_ID: usize = 200;

/// What is read of a payload.
const NAMES: [&str; 5] = ["prompt_id", "data", "message", "text", "log"];

/// News of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Which run, scrubbed. `None` where the service did not say: then it may be any that this connection has sent.
    pub prompt_id: Option<String>,
    pub news: News,
}

/// What is new of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A piece of ComfyUI's log, as it came: colours, progress bars and all. For `wire::log::Lines`.
    Log {
        /// The text, at most [`MAX_LOG`] bytes.
        text: String,
    },
    /// Something failed, most likely the run: its record says.
    Error {
        /// What, in an open shape; for `wire::errors`.
        value: Value,
    },
    /// The workflow is done; its outputs are being collected.
    Executed,
    /// The end, with the record unless the service left it out: then it is to be asked for.
    Result(Option<Box<Record>>),
    /// The run was cancelled.
    Cancelled {
        /// What the service says of it, in an open shape; often nothing.
        value: Value,
    },
    /// An event that is not known, for the log.
    Other {
        name: String,
        /// What it says, as it came; for `wire::log::Lines`.
        text: String,
    },
}

impl Event {
    /// Reads an event of the socket: its name, and its payload's JSON. None is refused: one that is not known, or
    /// cannot be read, is a [`News::Other`].
    pub fn read(name: &str, payload: &str) -> Self {
        // Some libraries pack JSON into a text.
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
        // What there is to say, when there is no `data`.
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
            // A bare text where an object should be can be the id itself, when there is nothing else to say.
            News::Executed | News::Cancelled { .. } => prompt_id = prompt_id.or_else(|| id(payload)),
            News::Result(Some(record)) => prompt_id = record.result.prompt_id.clone().or(prompt_id),
            _ => {}
        }
        Self { prompt_id, news }
    }
}

/// A prompt id, scrubbed; a text that cannot be one is none.
fn id(json: &str) -> Option<String> {
    let id = json::text(json, MAX_ID)?;
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_graphic());
    is_id.then_some(id)
}

/// A text as it is, anything else as JSON; nothing for null.
fn text(json: &str, limit: usize) -> String {
    let text = json::text(json, limit);
    text.unwrap_or_else(|| if json == "null" { String::new() } else { cut(json, limit) })
}

fn cut(text: &str, limit: usize) -> String {
    let mut text = text.get(..limit + 4).unwrap_or(text).to_owned();
    json::cut(&mut text, limit);
    text
}

/// `data`, or what else the payload says beside the id.
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
