//! ViewComfy's PromptResult, decoded while it streams, in bounded memory.
//!
//! Its outputs contain whole files in base64, so file data is decoded and passed on piece by piece; small fields are
//! collected, the rest is skipped. Fields may come in any order (data before its file's name) and may be missing or
//! null; unknown ones are ignored. Bad base64 loses one output, broken JSON what comes after it.

mod decoder;

use serde_json::{Map, Value};

use super::errors;
pub use decoder::Decoder;

/// Longest graph that is kept, in bytes of JSON: far more than any workflow has.
pub(super) const MAX_PROMPT: usize = 8 << 20;

/// Parts of a result, in the order of the stream.
#[derive(Debug, PartialEq)]
pub enum ResultPart<'a> {
    OutputBegins,
    /// Decoded bytes of the output's file.
    Data(&'a [u8]),
    /// The output's base64 is invalid from here on, for this reason. Decoding continues after the output.
    BadData(&'static str),
    /// The output is complete.
    OutputEnds(OutputInfo),
    /// The result ended, or turned out not to be JSON, inside of the output: the fields read so far.
    OutputCut(OutputInfo),
    /// The result is not JSON from here on, for this reason. Only [`ResultPart::Raw`] follows.
    Broken(&'static str),
    /// Undecoded bytes after [`ResultPart::BadData`] (base64 text) or [`ResultPart::Broken`] (JSON text).
    Raw(&'a [u8]),
}

/// An output's fields besides its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputInfo {
    /// The server's name for the file, not scrubbed.
    pub filename: String,
    /// MIME type, not scrubbed.
    pub content_type: String,
    /// Size in bytes, as the server states it.
    pub size: Option<u64>,
    /// Address to download it from, if it has no data.
    pub filepath: Option<String>,
    /// Whether it has data that is not empty.
    pub has_data: bool,
}

/// The result without its outputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PromptResult {
    /// The server's id for the run.
    pub prompt_id: Option<String>,
    /// The server's status word, not scrubbed.
    pub status: Option<String>,
    /// Whether the workflow ran to completion.
    pub completed: Option<bool>,
    /// Seconds the run took, measured by the server.
    pub execution_time_seconds: Option<f64>,
    /// The executed graph as JSON; `None` when the server does not send it, or it is extremely long.
    pub prompt: Option<String>,
    /// The error as free-form JSON.
    pub error_data: Option<Value>,
    /// Fields that no result has: the server may send an error's body in place of a result.
    pub other: Map<String, Value>,
    pub outputs: usize,
}

impl PromptResult {
    /// Whether nothing in it is of a run, nor an error of the application.
    pub fn says_nothing(&self) -> bool {
        let Self { prompt_id, status, completed, execution_time_seconds, prompt, error_data, other, outputs } =
            self;
        let is_empty = prompt_id.is_none() && status.is_none() && completed.is_none() && error_data.is_none();
        is_empty
            && execution_time_seconds.is_none()
            && prompt.is_none()
            && *outputs == 0
            && !errors::is_of_application(&Value::from(other.clone()).to_string())
    }
}

/// Whether a text is a JSON object, the shape of a graph.
pub(super) fn is_graph(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

impl OutputInfo {
    fn set(&mut self, key: &str, value: Value) {
        match key {
            "filename" => self.filename = text(value).unwrap_or_default(),
            "content_type" | "contentType" => self.content_type = text(value).unwrap_or_default(),
            "size" => self.size = number(&value).filter(|n| *n >= 0.0).map(|n| n as u64),
            "filepath" => self.filepath = text(value).filter(|url| !url.is_empty()),
            _ => {}
        }
    }
}

impl PromptResult {
    /// Stores a field; returns it if no result has it.
    fn set(&mut self, key: &str, value: Value) -> Option<(String, Value)> {
        match key {
            "prompt_id" | "promptId" => self.prompt_id = text(value),
            "status" => self.status = text(value),
            "completed" => self.completed = value.as_bool(),
            "execution_time_seconds" | "executionTimeSeconds" => self.execution_time_seconds = number(&value),
            "error_data" | "errorData" => self.error_data = Some(value).filter(|v| !v.is_null()),
            _ => return Some((key.to_owned(), value)),
        }
        None
    }
}

/// A string's content, a number or boolean as text; `None` for null, lists and objects.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A number, also if written as text.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    number.filter(|n| n.is_finite())
}

#[cfg(test)]
mod tests;
