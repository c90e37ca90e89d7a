//! Records of runs, as ViewComfy's API returns them: status, errors and outputs.

use serde_json::Value;

use super::super::result::{MAX_PROMPT, OutputInfo, PromptResult, is_graph};
use super::super::{ansi, json};

/// Most records read from one response, far more than a page has.
const MAX_RECORDS: usize = 10_000;
/// Most outputs read from one record; [`PromptResult::outputs`] counts all.
const MAX_OUTPUTS: usize = 100_000;
/// Longest value of a field that is kept, in bytes of JSON.
const MAX_FIELD: usize = 256 * 1024;
/// Longest name of a file or type, in bytes.
const MAX_NAME: usize = 4 * 1024;
/// Longest address of an output, in bytes. Signed ones have a thousand or two.
const MAX_ADDRESS: usize = 16 * 1024;
/// Longest status and message, in bytes.
const MAX_WORDS: usize = 1024;
/// Most levels of `{"data":…}` around a record that are unwrapped.
const MAX_WRAPS: usize = 3;

/// Fields read from a record.
const NAMES: [&str; 16] = [
    "prompt_id",
    "status",
    "completed",
    "execution_time_seconds",
    "outputs",
    "prompt",
    "error_data",
    "message",
    "data",
    "errors",
    "error",
    "error_msg",
    "error_details",
    "error_message",
    "detail",
    "node_errors",
];

/// Fields that may hold the reason of a failure, each with the name `wire::errors` has for it.
const ERRORS: [(&str, &str); 7] = [
    ("error_msg", "errorMsg"),
    ("error_details", "errorDetails"),
    ("error_message", "error_message"),
    ("error", "error"),
    ("detail", "detail"),
    ("node_errors", "node_errors"),
    ("errors", "errors"),
];

/// A run as the service describes it: a record, a PromptResult, or the reply to a submission.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The run without its outputs: `outputs` only counts them; `other` has fields that may hold the reason of a
    /// failure. The id and the status are scrubbed.
    pub result: PromptResult,
    /// Outputs in the record's order.
    pub outputs: Vec<RecordOutput>,
    /// The service's message to the submitter, scrubbed; may be empty.
    pub message: String,
}

/// An output of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordOutput {
    /// Name, type, size and address, not scrubbed; names longer than 4 KiB are cut.
    pub info: OutputInfo,
    /// The file in base64, if the service sent it in place of an address: neither decoded nor checked.
    pub data: Option<String>,
}

/// The state of a run according to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Queued, running, or not known to have ended.
    Open,
    Succeeded,
    /// It failed, or ended with a status that is not known to mean success.
    Failed,
    Cancelled,
}

impl State {
    /// Whether the run has ended.
    pub fn is_end(self) -> bool {
        self != Self::Open
    }
}

impl Record {
    /// Reads one record, with or without `{"data":…}` around it; `None` when the text is no JSON object.
    pub fn read(text: &str) -> Option<Self> {
        json::lenient(text, |text| {
            let (inner, prompt_id) = unwrapped(text);
            // `data` may be null while the fields stand beside it.
            let mut record = Self::of(inner).or_else(|| Self::of(text))?;
            record.result.prompt_id = record.result.prompt_id.or(prompt_id);
            Some(record)
        })
    }

    /// Reads a list of records. A single record, `null`, and `{"data":…}` around any of them are read too; elements
    /// that aren't objects are left out. `None` if the text is anything else.
    pub fn list(text: &str) -> Option<Vec<Self>> {
        json::lenient(text, |text| {
            let (inner, _) = unwrapped(text);
            match inner.as_bytes().first()? {
                b'n' => (inner == "null").then(Vec::new),
                b'[' => {
                    let (elements, _) = json::elements(inner, MAX_RECORDS)?;
                    Some(elements.into_iter().filter_map(Self::read).collect())
                }
                _ => {
                    let record = Self::read(inner)?;
                    let is_one = record.result.prompt_id.is_some() || !record.is_empty();
                    is_one.then(|| vec![record])
                }
            }
        })
    }

    fn of(text: &str) -> Option<Self> {
        let fields = json::Fields::of(text, &NAMES)?;
        let mut result = PromptResult {
            prompt_id: fields.get("prompt_id").and_then(super::id),
            status: fields.get("status").and_then(words),
            completed: fields.get("completed").and_then(is_true),
            execution_time_seconds: fields.get("execution_time_seconds").and_then(json::number),
            prompt: fields
                .get("prompt")
                .filter(|json| json.len() <= MAX_PROMPT && is_graph(json))
                .map(str::to_owned),
            error_data: fields.value("error_data", MAX_FIELD).filter(says_something),
            ..PromptResult::default()
        };
        for (name, known) in ERRORS {
            if let Some(value) = fields.value(name, MAX_FIELD).filter(says_something) {
                result.other.insert(known.to_owned(), value);
            }
        }
        let outputs = fields.get("outputs").and_then(|json| json::elements(json, MAX_OUTPUTS));
        let (outputs, count) = outputs.unwrap_or_default();
        let is_null = |json: &&str| *json == "null";
        result.outputs = count - outputs.iter().copied().filter(|json| is_null(json)).count();
        let outputs = outputs.into_iter().filter(|json| !is_null(json)).map(RecordOutput::of).collect();
        let message = fields.get("message").and_then(words).unwrap_or_default();
        Some(Self { result, outputs, message })
    }

    /// Whether it says nothing about the run but its id: no status, times, outputs or error.
    pub fn is_empty(&self) -> bool {
        let PromptResult { status, completed, execution_time_seconds, error_data, other, outputs, .. } =
            &self.result;
        let is_silent = status.is_none() && completed.is_none() && execution_time_seconds.is_none();
        is_silent && error_data.is_none() && other.is_empty() && *outputs == 0
    }

    /// The run's state. A known status word decides. A run that has ended without one counts as failed, and so does a
    /// success whose `completed` is false.
    pub fn state(&self) -> State {
        let word: String = self.result.status.as_deref().unwrap_or_default().to_ascii_lowercase();
        // `IN_PROGRESS`, `in-progress` and `InProgress` are one.
        let word: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        let is_over = self.result.completed == Some(true);
        match word.as_str() {
            "canceled" | "cancelled" | "aborted" | "interrupted" => State::Cancelled,
            "error" | "errored" | "failed" | "failure" | "timeout" | "timedout" | "crashed" => State::Failed,
            "success" | "succeeded" | "successful" | "completed" | "complete" | "done" | "finished" => {
                if self.result.completed == Some(false) { State::Failed } else { State::Succeeded }
            }
            "pending" | "queued" | "scheduled" | "created" | "submitted" | "starting" | "waiting"
            | "running" | "inprogress" | "processing" | "executing" | "executed" | "canceling"
            | "cancelling" => State::Open,
            "" if is_over => State::Succeeded,
            _ if is_over => State::Failed,
            _ => State::Open,
        }
    }
}

impl RecordOutput {
    fn of(json: &str) -> Self {
        let names = ["filename", "content_type", "size", "filepath", "data"];
        let Some(fields) = json::Fields::of(json, &names) else { return Self::default() };
        let data = fields.get("data").filter(|json| json.starts_with('"'));
        let data = data.and_then(|json| json::text(json, json.len())).filter(|data| !data.is_empty());
        let info = OutputInfo {
            filename: fields.text("filename", MAX_NAME).unwrap_or_default(),
            content_type: fields.text("content_type", MAX_NAME).unwrap_or_default(),
            size: fields.get("size").and_then(json::number).filter(|n| *n >= 0.0).map(|n| n as u64),
            // A truncated address would be useless, so a longer one is dropped.
            filepath: fields.text("filepath", usize::MAX).filter(|to| (1..=MAX_ADDRESS).contains(&to.len())),
            has_data: data.is_some(),
        };
        Self { info, data }
    }
}

/// The JSON inside of `{"data":…}`, and the id that stands outside of it.
fn unwrapped(text: &str) -> (&str, Option<String>) {
    let (mut inner, mut prompt_id) = (text.trim(), None);
    for _ in 0..MAX_WRAPS {
        let Some(fields) = json::Fields::of(inner, &NAMES) else { break };
        let is_record = fields.first(&["outputs", "completed", "error_data"]).is_some();
        let Some(data) = fields.get("data").filter(|data| data.starts_with(['{', '[']) && !is_record) else {
            break;
        };
        prompt_id = fields.get("prompt_id").and_then(super::id).or(prompt_id);
        inner = data;
    }
    (inner, prompt_id)
}

/// Whether the value is neither null, false nor empty.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// A short text of the service, scrubbed.
fn words(json: &str) -> Option<String> {
    let text = ansi::scrub_plain(&json::text(json, MAX_WORDS)?);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A boolean, also written as text or as a number.
fn is_true(json: &str) -> Option<bool> {
    match json::text(json, 8)?.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
