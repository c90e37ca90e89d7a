//! A run: one submission, from its request through its events to its end.
//!
//! Every backend is translated into [`RunEvent`]; [`Run::apply`] is the only place where a run's state changes, so
//! the stored row, the screen and the CLI always agree on what an event means.

mod event;
mod request;
mod status;
mod summary;
mod trust;

use indexmap::IndexMap;

pub use event::{
    Connection, ConnectionSince, End, NodeState, Output, OutputFailure, Preview, PreviewKind, Progress,
    RunError, RunEvent, ServerResult, Transfer,
};
pub use request::{
    Asked, Caps, Form, InputFile, Outgoing, Protocol, RunRequest, VIEWCOMFY_API, called_url, shown_url,
};
pub use status::Status;
pub use summary::{Counts, Listed, RunSummary};
pub use trust::Trust;

/// A run's number in the store, counted from 1. People type it: `comfydeck show 42`.
pub type RunId = i64;

/// Milliseconds since 1970-01-01 UTC.
pub type UnixMs = i64;

/// A run with its events applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    pub id: RunId,
    pub request: RunRequest,
    pub status: Status,
    /// When it was added to the store.
    pub queued_at: UnixMs,
    /// Each phase with its start. The first is `Queued`.
    pub phases: Vec<(Status, UnixMs)>,
    pub ended_at: Option<UnixMs>,
    /// The run's name at the server.
    pub prompt_id: Option<String>,
    /// Bytes of the request sent.
    pub upload: Option<Transfer>,
    /// The newest progress line.
    pub progress: Option<Progress>,
    /// The newest intermediate picture.
    pub preview: Option<Preview>,
    /// Number of runs before it in the server's queue, where the server says so.
    pub queue: Option<u64>,
    /// Bytes of the result received.
    pub download: Option<Transfer>,
    /// What its nodes do, by their ids, where the server says so.
    pub nodes: IndexMap<String, NodeState>,
    /// How events reach us; `None` where that cannot change.
    pub connection: Option<ConnectionSince>,
    pub outputs: Vec<Output>,
    /// Outputs that could not be saved.
    pub failed_outputs: Vec<OutputFailure>,
    /// Warnings for the person, with remedies.
    pub warnings: Vec<String>,
    pub error: Option<RunError>,
    /// Seconds of work by the server's account.
    pub server_seconds: Option<f64>,
    /// What the server said about the whole run.
    pub result: Option<ServerResult>,
    /// Whether a person asked to cancel it.
    pub cancel_asked: bool,
    /// Whether the person no longer waits for the cancel's confirmation.
    pub let_go: bool,
}

impl Run {
    pub fn queued(id: RunId, request: RunRequest, at: UnixMs) -> Self {
        Self { id, request, queued_at: at, phases: vec![(Status::Queued, at)], ..Self::default() }
    }

    /// Applies an event: the only place where a run's state changes.
    ///
    /// After the end nothing changes any more, whatever events follow.
    pub fn apply(&mut self, event: &RunEvent, at: UnixMs) {
        if self.status.is_end() {
            return;
        }
        match event {
            RunEvent::Phase { status } => self.enter(*status, at),
            RunEvent::Upload(transfer) => self.upload = Some(*transfer),
            RunEvent::Remote { prompt_id } => self.prompt_id = Some(prompt_id.clone()),
            RunEvent::Log { .. } => {}
            RunEvent::Progress(progress) => self.progress = Some(progress.clone()),
            RunEvent::Preview(preview) => self.preview = Some(preview.clone()),
            RunEvent::Queue { before } => self.queue = Some(*before),
            RunEvent::Nodes { states } => self.nodes.extend(states.iter().cloned()),
            RunEvent::Download(transfer) => self.download = Some(*transfer),
            RunEvent::Connection { state } => {
                if self.connection.is_none_or(|now| now.state != *state) {
                    self.connection = Some(ConnectionSince { state: *state, since: at });
                }
            }
            RunEvent::Result(result) => self.result = Some(result.clone()),
            RunEvent::OutputSaved(output) => self.outputs.push(output.clone()),
            RunEvent::OutputFailed(failure) => self.failed_outputs.push(failure.clone()),
            RunEvent::Warning { text } => self.warnings.push(text.clone()),
            RunEvent::CancelAsked => self.cancel_asked = true,
            RunEvent::LetGo => self.let_go = true,
            RunEvent::Ended(end) => {
                self.enter(end.status, at);
                self.ended_at = Some(at);
                self.error = end.error.clone();
                self.server_seconds = end.server_seconds;
            }
        }
    }

    fn enter(&mut self, status: Status, at: UnixMs) {
        if self.status != status {
            self.status = status;
            self.phases.push((status, at));
        }
    }

    /// When the request was sent, from which on time costs money; `None` for a run that was never sent.
    pub fn started_at(&self) -> Option<UnixMs> {
        self.phases.iter().find(|(status, _)| status.is_in_flight()).map(|(_, at)| *at)
    }

    /// When the server began to work; `None` when it has not been heard.
    pub fn began_at(&self) -> Option<UnixMs> {
        let has_begun = |status: &Status| status.is_in_flight() && *status >= Status::Running;
        self.phases.iter().find(|(status, _)| has_begun(status)).map(|(_, at)| *at)
    }

    /// When its request had been sent whole.
    pub fn sent_at(&self) -> Option<UnixMs> {
        let is_sent = |status: &Status| status.is_in_flight() && *status >= Status::Waiting;
        self.phases.iter().find(|(status, _)| is_sent(status)).map(|(_, at)| *at)
    }

    /// When its result began to come.
    pub fn result_at(&self) -> Option<UnixMs> {
        self.phases.iter().find(|(status, _)| *status == Status::Downloading).map(|(_, at)| *at)
    }

    /// Milliseconds from the start (or from queueing, before the start) to the end, or to `now`.
    pub fn elapsed_ms(&self, now: UnixMs) -> i64 {
        let from = self.started_at().unwrap_or(self.queued_at);
        (self.ended_at.unwrap_or(now) - from).max(0)
    }

    /// Milliseconds in the current phase.
    pub fn phase_ms(&self, now: UnixMs) -> i64 {
        let from = self.phases.last().map_or(self.queued_at, |(_, at)| *at);
        (self.ended_at.unwrap_or(now) - from).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ParamKey;

    fn ended(status: Status) -> RunEvent {
        RunEvent::Ended(End { status, error: None, server_seconds: Some(1.5) })
    }

    #[test]
    fn a_run_lives_through_its_phases() {
        let mut run = Run::queued(1, RunRequest::default(), 1_000);
        run.apply(&RunEvent::Phase { status: Status::Waiting }, 2_000);
        run.apply(&RunEvent::Phase { status: Status::Waiting }, 2_500);
        run.apply(&RunEvent::Phase { status: Status::Running }, 3_000);
        assert_eq!((run.elapsed_ms(5_000), run.phase_ms(5_000)), (3_000, 2_000));
        run.apply(&ended(Status::Done), 6_000);
        assert_eq!(run.elapsed_ms(9_000), 4_000);
        assert_eq!(
            run.phases,
            [
                (Status::Queued, 1_000),
                (Status::Waiting, 2_000),
                (Status::Running, 3_000),
                (Status::Done, 6_000)
            ]
        );
    }

    #[test]
    fn a_run_that_was_never_sent_has_no_start() {
        let mut run = Run::queued(1, RunRequest::default(), 1_000);
        run.apply(&ended(Status::Cancelled), 3_000);
        assert_eq!((run.started_at(), run.elapsed_ms(9_000)), (None, 2_000));
    }

    #[test]
    fn a_connection_is_in_its_state_since_it_came_to_it() {
        let mut run = Run::queued(1, RunRequest::default(), 0);
        for (state, at) in
            [(Connection::Live, 1), (Connection::Reconnecting, 2), (Connection::Reconnecting, 3)]
        {
            run.apply(&RunEvent::Connection { state }, at);
        }
        assert_eq!(run.connection, Some(ConnectionSince { state: Connection::Reconnecting, since: 2 }));
    }

    #[test]
    fn nothing_changes_after_the_end() {
        let mut run = Run::queued(1, RunRequest::default(), 0);
        run.apply(&ended(Status::Lost), 1);
        let end = run.clone();
        run.apply(&ended(Status::Done), 2);
        run.apply(&RunEvent::Phase { status: Status::Running }, 3);
        run.apply(&RunEvent::Warning { text: "late".to_owned() }, 4);
        assert_eq!(run, end);
    }

    #[test]
    fn every_event_survives_json() {
        let transfer = Transfer { done: u64::MAX, total: Some(1) };
        let output = Output {
            path: "/o/a.png".into(),
            name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 7,
            sha256: "00".to_owned(),
        };
        let events = [
            RunEvent::Phase { status: Status::Waiting },
            RunEvent::Upload(transfer),
            RunEvent::Remote { prompt_id: "p".to_owned() },
            RunEvent::Log { text: "line\n".to_owned() },
            RunEvent::Progress(Progress { value: 9, max: 20, seconds_left: Some(6), label: String::new() }),
            RunEvent::Queue { before: 3 },
            RunEvent::Download(Transfer { total: None, ..transfer }),
            RunEvent::Preview(Preview {
                number: 3,
                kind: PreviewKind::Png,
                path: "/p/7".into(),
                bytes: Vec::new(),
            }),
            RunEvent::OutputSaved(output),
            RunEvent::OutputFailed(OutputFailure { name: "b".into(), why: "w".into(), kept: None }),
            RunEvent::Connection { state: Connection::Reconnecting },
            RunEvent::Warning { text: "w".to_owned() },
            RunEvent::CancelAsked,
            RunEvent::LetGo,
            RunEvent::Ended(End {
                status: Status::Failed,
                error: Some(RunError { param: ParamKey::parse("6-inputs-text"), ..RunError::default() }),
                server_seconds: Some(1.25),
            }),
        ];
        for event in events {
            let json = serde_json::to_string(&event).expect("json");
            assert_eq!(serde_json::from_str::<RunEvent>(&json).expect(&json), event);
        }
    }

    #[test]
    fn every_status_has_its_own_word_and_sign() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
            assert_eq!(Status::ALL.iter().filter(|s| s.sign() == status.sign()).count(), 1);
        }
        assert_eq!(Status::from_word("gone"), None);
    }
}
