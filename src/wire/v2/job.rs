//! A job's record: what the server knows about a run, complete at any time.

use crate::domain::run::RunError;
use crate::wire::result::OutputInfo;
use crate::wire::{ansi, errors, json};

use super::{MAX_NAME, named};

/// Most outputs of a job, and most jobs of a list, that are read.
const MAX_OUTPUTS: usize = 10_000;
const MAX_JOBS: usize = 1_000;
/// Most bytes of the server's own log that are kept.
const MAX_LOG: usize = 8 << 20;
/// Most bytes of an error that are read: a traceback.
const MAX_ERROR: usize = 1 << 20;

/// A job, as the server describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobRecord {
    pub id: String,
    pub state: JobState,
    /// Its place in the queue, from 1.
    pub place: Option<u64>,
    pub progress: Option<JobProgress>,
    /// All files so far, those from before a failure too.
    pub outputs: Vec<OutputInfo>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// Whether all of its results were taken from an earlier job.
    pub is_reused: bool,
    /// Seconds of work by the server's account.
    pub seconds: Option<f64>,
    /// What the run printed; only deployments tell it, and only at the end.
    pub log: Option<String>,
    /// When it was created, as the server writes it (ISO 8601).
    pub created: String,
    /// Links to its stream of events and for its cancellation, absolute or from the server's root.
    pub events: Option<String>,
    pub cancel: Option<String>,
}

/// A job's status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    Queued,
    Running,
    Canceling,
    Succeeded,
    Canceled,
    Failed,
    /// The server no longer has it.
    Expired,
    /// A status that is not known here: it is at work.
    #[default]
    Other,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JobProgress {
    /// The part that is done, from 0 to 1.
    pub value: f64,
    pub nodes_done: u64,
    /// 0 when it is not known.
    pub nodes_total: u64,
    /// The node at work.
    pub node: Option<String>,
    /// The step of that node, and how many it has.
    pub step: Option<(f64, f64)>,
}

impl JobState {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "canceling" | "cancelling" => Self::Canceling,
            "succeeded" => Self::Succeeded,
            "canceled" | "cancelled" => Self::Canceled,
            "failed" => Self::Failed,
            "expired" => Self::Expired,
            _ => Self::Other,
        }
    }

    /// Whether it will not change any more.
    pub fn is_end(self) -> bool {
        match self {
            Self::Succeeded | Self::Canceled | Self::Failed | Self::Expired => true,
            Self::Queued | Self::Running | Self::Canceling | Self::Other => false,
        }
    }

    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running | Self::Other => "running",
            Self::Canceling => "canceling",
            Self::Succeeded => "done",
            Self::Canceled => "cancelled",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

impl JobProgress {
    pub(super) fn read(json: &str) -> Option<Self> {
        let names = ["value", "nodes_done", "nodes_total", "current_node", "step", "steps"];
        let fields = json::Fields::of(json, &names)?;
        let number = |name: &str| fields.get(name).and_then(json::number).filter(|number| *number >= 0.0);
        let count = |name: &str| number(name).map_or(0, |number| number as u64);
        Some(Self {
            value: number("value").unwrap_or_default().min(1.0),
            nodes_done: count("nodes_done"),
            nodes_total: count("nodes_total"),
            node: named(&fields, "current_node"),
            step: number("step").zip(number("steps").filter(|steps| *steps > 0.0)),
        })
    }
}

impl JobRecord {
    /// Reads a job; `None` if it is not a valid one.
    pub fn read(answer: &str) -> Option<Self> {
        json::lenient(answer, Self::of)
    }

    fn of(json: &str) -> Option<Self> {
        let names = [
            "id",
            "status",
            "created_at",
            "queue_position",
            "progress",
            "outputs",
            "error",
            "outputs_reused",
            "metrics",
            "logs",
            "urls",
        ];
        let fields = json::Fields::of(json, &names)?;
        let (id, state) = (named(&fields, "id")?, JobState::of(&named(&fields, "status")?));
        let below = |name: &str, names: &[&'static str]| {
            fields.get(name).and_then(|json| json::Fields::of(json, names)).unwrap_or_default()
        };
        let urls = below("urls", &["events", "cancel"]);
        let outputs = fields.get("outputs").and_then(|list| json::elements(list, MAX_OUTPUTS));
        let milliseconds = below("metrics", &["execution_ms"]).get("execution_ms").and_then(json::number);
        Some(Self {
            id,
            state,
            place: fields.get("queue_position").and_then(json::number).map(|place| place.max(0.0) as u64),
            progress: fields.get("progress").and_then(JobProgress::read),
            outputs: outputs.unwrap_or_default().0.into_iter().filter_map(output).collect(),
            error: fields.get("error").map(error),
            is_reused: fields.get("outputs_reused") == Some("true"),
            seconds: milliseconds.filter(|time| *time >= 0.0).map(|time| time / 1_000.0),
            log: below("logs", &["text"]).text("text", MAX_LOG).filter(|log| !log.is_empty()),
            created: fields.text("created_at", 64).unwrap_or_default(),
            events: named(&urls, "events"),
            cancel: named(&urls, "cancel"),
        })
    }
}

/// Jobs of a list, newest first; `None` if it is not a valid response.
pub fn read_jobs(answer: &str) -> Option<Vec<JobRecord>> {
    json::lenient(answer, |answer| {
        let fields = json::Fields::of(answer, &["jobs"])?;
        let (jobs, _) = json::elements(fields.get("jobs")?, MAX_JOBS)?;
        Some(jobs.into_iter().filter_map(JobRecord::of).collect())
    })
}

/// A file that a job made.
pub(super) fn output(json: &str) -> Option<OutputInfo> {
    let fields = json::Fields::of(json, &["name", "content_type", "size_bytes", "url"])?;
    let text = |name: &str| fields.text(name, MAX_NAME).unwrap_or_default();
    let size = fields.get("size_bytes").and_then(json::number).filter(|size| *size > 0.0);
    let filepath = named(&fields, "url");
    let output = OutputInfo {
        filename: text("name"),
        content_type: text("content_type"),
        size: size.map(|size| size as u64),
        filepath,
        has_data: false,
    };
    (output.filepath.is_some() || !output.filename.is_empty()).then_some(output)
}

/// Why a job failed, with the node at fault.
fn error(json: &str) -> RunError {
    let fields = json::Fields::of(json, &["code", "message", "node_id", "class_type", "traceback"]);
    let Some(fields) = fields else { return errors::from_value(&json::value(json, MAX_ERROR)) };
    let text = |name: &str| fields.text(name, MAX_ERROR).unwrap_or_default();
    // In the shape in which ComfyUI itself reports it.
    let mut error = errors::from_value(&serde_json::json!({
        "node_id": named(&fields, "node_id"),
        "node_type": named(&fields, "class_type"),
        "exception_message": text("message"),
        "traceback": text("traceback").lines().collect::<Vec<_>>(),
    }));
    if error.what.is_empty() {
        error.what = format!("the server says that the run failed ({})", ansi::scrub_plain(&text("code")));
    }
    error
}
