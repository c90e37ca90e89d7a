//! The service's runs and their records, up to a number of runs and a total of bytes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::demo::work::content_type;
use crate::domain::run::UnixMs;
use crate::domain::time;

/// Most records that are kept.
const RUNS: usize = 300;

/// Most bytes of outputs that are kept. Those of the newest run are kept whatever their size.
const BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct ServiceRun {
    pub prompt_id: String,
    /// The `client_id` that submitted it.
    pub owner: String,
    /// The deployment's address, as submitted.
    pub deployment: String,
    /// The workflow with the request's values in it.
    pub workflow: Value,
    pub created_at: UnixMs,
    /// The service's address as the submitting client sees it.
    pub base: String,
    cancel: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    took: Option<Duration>,
    outputs: Vec<ServiceOutput>,
    error: Option<Value>,
    /// Session ids of the sockets that get its events.
    sockets: Vec<String>,
    /// How many sets of download links were issued.
    tickets: u32,
    /// How many of these sets have expired.
    expired: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Queued,
    Running,
    Success,
    Error,
    Canceled,
}

/// An output of a run.
#[derive(Clone, Debug)]
pub(super) struct ServiceOutput {
    pub name: String,
    pub content: Content,
}

/// The bytes of an output.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Bytes(Bytes),
    /// This many bytes of [`crate::demo::pattern`], produced when sent, to save memory.
    Pattern(u64),
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Pattern(size) => *size,
        }
    }
}

/// How a run ended.
pub(super) struct ServiceEnd {
    pub phase: Phase,
    pub took: Option<Duration>,
    pub outputs: Vec<ServiceOutput>,
    pub error: Option<Value>,
}

impl ServiceEnd {
    pub(super) fn canceled() -> Self {
        Self { phase: Phase::Canceled, took: None, outputs: Vec::new(), error: None }
    }
}

/// Spelling of field names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    Snake,
    Camel,
}

impl Case {
    fn name(self, snake: &str) -> String {
        let mut words = snake.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        match self {
            Self::Snake => snake.to_owned(),
            Self::Camel => words.fold(first, |name, word| {
                let (head, tail) = word.split_at(word.len().min(1));
                name + &head.to_ascii_uppercase() + tail
            }),
        }
    }

    /// A JSON object with its field names in this case; `pairs` have them in snake_case.
    fn object<const N: usize>(self, pairs: [(&str, Value); N]) -> Value {
        pairs.into_iter().map(|(name, value)| (self.name(name), value)).collect()
    }
}

impl ServiceRun {
    pub(super) fn new(id: RunId, workflow: Value, created_at: UnixMs) -> Self {
        let RunId { prompt_id, owner, deployment, base, socket } = id;
        let state = State { sockets: socket.into_iter().collect(), ..State::default() };
        let cancel = watch::Sender::new(false);
        Self { prompt_id, owner, deployment, workflow, created_at, base, cancel, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self) {
        self.state().phase = Phase::Running;
    }

    pub(super) fn end(&self, end: ServiceEnd) {
        let mut state = self.state();
        state.phase = end.phase;
        state.took = end.took;
        state.outputs = end.outputs;
        state.error = end.error;
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state().phase, Phase::Queued | Phase::Running)
    }

    pub(super) fn cancel(&self) {
        self.cancel.send_replace(true);
    }

    /// Waits until a cancel has been requested.
    pub(super) async fn canceled(&self) {
        // The sender is `self`, so waiting cannot fail.
        let _ = self.cancel.subscribe().wait_for(|is_asked| *is_asked).await;
    }

    pub(super) fn sockets(&self) -> Vec<String> {
        self.state().sockets.clone()
    }

    /// Adds a socket to those that get the run's events; `false`, and nothing added, if the run was only scheduled.
    pub(super) fn attach(&self, socket: &str) -> bool {
        let mut state = self.state();
        let is_heard = !state.sockets.is_empty();
        if is_heard && !state.sockets.iter().any(|known| known == socket) {
            state.sockets.push(socket.to_owned());
        }
        is_heard
    }

    pub(super) fn output(&self, index: usize) -> Option<ServiceOutput> {
        self.state().outputs.get(index).cloned()
    }

    /// Whether a link with this ticket was issued and has not expired.
    pub(super) fn is_good(&self, ticket: u32) -> bool {
        let state = self.state();
        state.expired < ticket && ticket <= state.tickets
    }

    /// Expires all links issued so far.
    pub(super) fn expire_links(&self) {
        let mut state = self.state();
        state.expired = state.tickets;
    }

    fn size(&self) -> u64 {
        self.state().outputs.iter().map(|output| output.content.size()).sum()
    }

    /// The run as a record; every call issues new download links.
    pub(super) fn record(&self, case: Case, base: &str, link_to: Option<&str>) -> Value {
        let mut state = self.state();
        let is_ended = !matches!(state.phase, Phase::Queued | Phase::Running);
        if !state.outputs.is_empty() {
            state.tickets += 1;
        }
        let link = |index: usize, name: &str| {
            let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
            match link_to {
                Some(address) => address.to_owned(),
                None => format!("{base}/storage/{}/{index}/{name}?ticket={}", self.prompt_id, state.tickets),
            }
        };
        let outputs = state.outputs.iter().enumerate().map(|(index, output)| {
            case.object([
                ("filename", json!(output.name)),
                ("content_type", json!(content_type(&output.name))),
                ("size", json!(output.content.size())),
                ("filepath", json!(link(index, &output.name))),
            ])
        });
        let outputs: Vec<Value> = outputs.collect();
        case.object([
            ("prompt_id", json!(self.prompt_id)),
            ("status", json!(state.phase.word())),
            ("completed", json!(state.phase == Phase::Success)),
            ("execution_time_seconds", json!(state.took.map(|took| took.as_secs_f64()))),
            ("prompt", self.workflow.clone()),
            ("outputs", if is_ended { json!(outputs) } else { Value::Null }),
            ("error_data", json!(state.error)),
            ("created_at", json!(iso(self.created_at))),
        ])
    }
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }
}

/// Who submitted a run to which deployment, and the socket for its events.
pub(super) struct RunId {
    pub prompt_id: String,
    pub owner: String,
    pub deployment: String,
    pub base: String,
    pub socket: Option<String>,
}

/// A time in ISO 8601: `2026-11-23T14:33:27.050Z`.
fn iso(at: UnixMs) -> String {
    time::utc(at, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// All runs, oldest first.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<VecDeque<Arc<ServiceRun>>>);

impl Runs {
    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<ServiceRun>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a run; `false` if there is one with the same id.
    pub(super) fn add(&self, run: Arc<ServiceRun>) -> bool {
        let mut all = self.all();
        let is_new = all.iter().all(|known| known.prompt_id != run.prompt_id);
        if is_new {
            all.push_back(run);
        }
        is_new
    }

    pub(super) fn get(&self, prompt_id: &str) -> Option<Arc<ServiceRun>> {
        self.all().iter().find(|run| run.prompt_id == prompt_id).cloned()
    }

    /// An owner's runs that have not ended.
    pub(super) fn open(&self, owner: &str) -> Vec<Arc<ServiceRun>> {
        self.all().iter().filter(|run| run.owner == owner && run.is_open()).cloned().collect()
    }

    /// Removes the oldest ended runs until the limits hold.
    pub(super) fn make_room(&self) {
        let mut all = self.all();
        let mut bytes: u64 = all.iter().map(|run| run.size()).sum();
        while all.len() > RUNS || bytes > BYTES {
            let newest = all.len().saturating_sub(1);
            let Some(oldest) = all.iter().take(newest).position(|run| !run.is_open()) else { return };
            if let Some(run) = all.remove(oldest) {
                bytes -= run.size();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: usize) -> Arc<ServiceRun> {
        let id = RunId {
            prompt_id: format!("run-{number}"),
            owner: "me".to_owned(),
            deployment: String::new(),
            base: "http://here".to_owned(),
            socket: None,
        };
        Arc::new(ServiceRun::new(id, Value::Null, 0))
    }

    fn done(size: u64) -> ServiceEnd {
        let output = ServiceOutput { name: "a b.png".to_owned(), content: Content::Pattern(size) };
        ServiceEnd {
            phase: Phase::Success,
            took: Some(Duration::from_secs(2)),
            outputs: vec![output],
            error: None,
        }
    }

    #[test]
    fn the_oldest_that_ended_go_first_and_open_ones_stay() {
        let runs = Runs::default();
        for number in 0..=RUNS {
            assert!(runs.add(run(number)));
        }
        assert!(!runs.add(run(0)), "twice");
        runs.make_room();
        assert_eq!(runs.all().len(), RUNS + 1, "all are open");
        for number in [1, 2, 3] {
            runs.get(&format!("run-{number}")).expect("a run").end(done(100 * 1024 * 1024));
        }
        runs.make_room();
        let known = |number| runs.get(&format!("run-{number}")).is_some();
        assert_eq!([0, 1, 2, 3].map(known), [true, false, true, true]);
    }

    #[test]
    fn a_record_is_camel_case_and_a_result_snake_case() {
        let run = run(7);
        let open = run.record(Case::Camel, "http://here", None);
        assert_eq!((&open["status"], &open["outputs"]), (&json!("queued"), &Value::Null));
        run.end(done(5));
        let record = run.record(Case::Camel, "http://here", None);
        let names: Vec<&String> = record.as_object().expect("an object").keys().collect();
        let expected = [
            "promptId",
            "status",
            "completed",
            "executionTimeSeconds",
            "prompt",
            "outputs",
            "errorData",
            "createdAt",
        ];
        assert_eq!(names, expected);
        assert_eq!(record["createdAt"], "1970-01-01T00:00:00.000Z");
        assert_eq!(
            record["outputs"],
            json!([{"filename": "a b.png", "contentType": "image/png", "size": 5, "filepath": "http://here/storage/run-7/0/a+b.png?ticket=1"}])
        );
        let result = run.record(Case::Snake, "http://here", None);
        assert_eq!(result["execution_time_seconds"], 2.0);
        assert_eq!(result["outputs"][0]["filepath"], "http://here/storage/run-7/0/a+b.png?ticket=2");
    }
}
