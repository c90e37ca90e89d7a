//! A run: one submission, from its request through its events to its end.
//!
//! Every backend is translated into [`RunEvent`]; [`Run::apply`] is the only place where a run's
//! state changes, so the stored row, the screen and the CLI can never disagree about what an event means.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ParamKey;

/// A run's number in the store, counted from 1. People type it: `comfydeck show 42`.
pub type RunId = i64;

/// Milliseconds since 1970-01-01 UTC.
pub type UnixMs = i64;

/// Everything that is needed to submit a run, and to submit the very same one again.
///
/// Holds no secret: credentials are found by the profile's name when the run is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunRequest {
    /// Name of the profile, for people and for finding credentials; empty with a bare `--url`.
    pub profile: String,
    /// Under which random name the credentials were left for the runner, when it cannot find them by the
    /// profile; it takes them away with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<String>,
    /// Which protocol speaks to `url`.
    pub protocol: Protocol,
    /// The endpoint's address.
    pub url: String,
    /// The address of the service before the endpoint, where the protocol has one: requests and credentials go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// The server's name of a run that is there already: it is not submitted, only brought to its end here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<String>,
    /// How many runs of this endpoint may be in flight at once; at least 1.
    pub concurrency: u32,
    /// Name of the preset it began from, if any.
    pub preset: Option<String>,
    /// Where the workflow was read from, for people.
    pub workflow_name: String,
    /// SHA-256 of the workflow's text; the text itself is in the store under this hash.
    pub workflow_hash: String,
    /// The workflow travels with the request and replaces the deployment's own.
    pub send_workflow: bool,
    /// Exactly the values that are sent.
    pub params: IndexMap<ParamKey, Value>,
    /// Files that are uploaded.
    pub files: Vec<InputFile>,
    /// The prompt, for the list of runs; may be empty.
    pub prompt: String,
    /// Ask the server for its log.
    pub logs: bool,
    /// Folder for the outputs.
    pub output_dir: PathBuf,
    /// The template of their names, as [`OutputName`](super::OutputName) reads it; without it they are called
    /// as the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_name: Option<String>,
    /// Beside each output a file is written that tells what made it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sidecar: bool,
}

impl RunRequest {
    /// The address for people and logs: without the query, where some keep a token.
    pub fn shown_url(&self) -> &str {
        shown_url(&self.url)
    }

    /// Whether it is of a run that was sent from elsewhere, so that nothing is known of its values.
    pub fn is_unknown(&self) -> bool {
        self.adopt.is_some() && self.params.is_empty() && self.files.is_empty()
    }

    /// The address that requests and credentials go to.
    pub fn called_url(&self) -> &str {
        self.api_url.as_deref().unwrap_or(&self.url)
    }
}

/// An address for people and logs: without the query, where some keep a token.
pub fn shown_url(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// Which wire protocol a profile speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// ViewComfy's streaming endpoint: one POST, answered by server-sent events.
    #[default]
    Stream,
    /// ViewComfy's cloud API: requests to a service, which passes them on to the endpoint and tells of them over
    /// Socket.IO.
    Cloud,
}

impl Protocol {
    /// The word in `config.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Cloud => "cloud",
        }
    }

    /// Reads [`Protocol::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Stream, Self::Cloud].into_iter().find(|protocol| protocol.word() == word)
    }

    /// What it can do.
    pub fn caps(self) -> Caps {
        match self {
            Self::Stream => Caps { attach: false, cancel: false },
            Self::Cloud => Caps { attach: true, cancel: true },
        }
    }

    /// The service before the endpoint, where this protocol has one and the profile names no other.
    pub fn usual_api_url(self) -> Option<&'static str> {
        match self {
            Self::Stream => None,
            Self::Cloud => Some("https://api.viewcomfy.com"),
        }
    }
}

/// What a protocol can do beyond submitting a run and waiting for its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// A run that lost its connection can be found again by its remote id.
    pub attach: bool,
    /// The server can be asked to stop a run. Where not, a cancel closes the connection and the server
    /// may go on.
    pub cancel: bool,
}

/// A file that goes up with a run. Its content is kept by hash, so that the run can be repeated
/// after the file on disk has changed or gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputFile {
    /// Name of the multipart part: the flattened key, with `-viewcomfymask` behind it for a mask.
    pub part: String,
    /// Where it was on disk.
    pub path: PathBuf,
    /// File name sent along.
    pub name: String,
    /// MIME type sent along.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hex; the content lies in the store under it.
    pub sha256: String,
}

/// Where a run stands. The order is the order of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In the store, not sent yet.
    #[default]
    Queued,
    /// The request is going up.
    Uploading,
    /// The request is up and nothing has come back: a cold start, often minutes.
    Waiting,
    /// The server has spoken.
    Running,
    /// The result is coming down.
    Downloading,
    /// Ended well, every announced output saved.
    Done,
    /// Ended badly.
    Failed,
    /// Ended because a person asked.
    Cancelled,
    /// The connection or the runner went away; how the run ended is not known.
    Lost,
}

impl Status {
    /// Every status, in order of life.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Uploading,
        Self::Waiting,
        Self::Running,
        Self::Downloading,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Lost,
    ];

    /// The word people read, which is also the word in the store and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Uploading => "uploading",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Downloading => "downloading",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }

    /// The sign beside the word: one column wide everywhere.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Queued => "◦",
            Self::Uploading => "↑",
            Self::Waiting => "◌",
            Self::Running => "●",
            Self::Downloading => "↓",
            Self::Done => "✓",
            Self::Failed => "✗",
            Self::Cancelled => "⊘",
            Self::Lost => "?",
        }
    }

    /// Reads [`Status::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether nothing more will happen.
    pub fn is_end(self) -> bool {
        self >= Self::Done
    }

    /// Whether it has been sent and has not ended.
    pub fn is_in_flight(self) -> bool {
        !self.is_end() && self != Self::Queued
    }
}

/// What happened to a run: the one vocabulary that every backend ends in.
///
/// In JSON it is `{"kind": {…}}`. A tag inside the object would not do: serde reads such enums through a
/// buffer in which numbers of arbitrary precision are no numbers any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// A new phase of life begins: uploading, waiting, running or downloading.
    Phase {
        /// The phase.
        status: Status,
    },
    /// Bytes of the request sent so far.
    Upload(Transfer),
    /// The server's own name for the run.
    Remote {
        /// Its `prompt_id`.
        prompt_id: String,
    },
    /// A piece of the server's log, scrubbed: whole lines, colours as SGR sequences, `\n` after a line,
    /// `\r` after a line that the next one replaces (a progress bar).
    Log {
        /// The text.
        text: String,
    },
    /// How far the work is, by the server's own progress line.
    Progress(Progress),
    /// A picture of the work so far, from servers that send some.
    Preview(Preview),
    /// Bytes of the result received so far.
    Download(Transfer),
    /// An output is on disk, synced, under its final name.
    OutputSaved(Output),
    /// An output was announced and could not be saved.
    OutputFailed(OutputFailure),
    /// How the server can be heard, where that may change while the run goes on.
    Connection {
        /// From now on.
        state: Connection,
    },
    /// Something a person should know that does not end the run.
    Warning {
        /// What happened and what to do.
        text: String,
    },
    /// A person asked for the end.
    CancelAsked,
    /// A person who asked for the end waits for it no longer.
    LetGo,
    /// The end.
    Ended(End),
}

impl RunEvent {
    /// Whether only the latest of its kind matters: such events are shown, not kept.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Upload(_)
                | Self::Progress(_)
                | Self::Preview(_)
                | Self::Download(_)
                | Self::Connection { .. }
        )
    }

    /// Every text in it that a server may have written; paths are our own.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Phase { .. }
            | Self::Upload(_)
            | Self::Preview(_)
            | Self::Download(_)
            | Self::Connection { .. }
            | Self::CancelAsked
            | Self::LetGo => Vec::new(),
            Self::Remote { prompt_id: text } | Self::Log { text } | Self::Warning { text } => vec![text],
            Self::Progress(progress) => vec![&mut progress.label],
            Self::OutputSaved(output) => vec![&mut output.name, &mut output.content_type],
            Self::OutputFailed(failure) => vec![&mut failure.name, &mut failure.why],
            Self::Ended(End { error: None, .. }) => Vec::new(),
            Self::Ended(End { error: Some(error), .. }) => {
                let RunError { what, remedy, details, node, .. } = error;
                [what, remedy, details].into_iter().chain(node).collect()
            }
        }
    }
}

/// How a server tells of a run that is under way.
///
/// The order is that in which one of several counts: a connection that broke before one that stands, and that before runs
/// that need none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// Not at all for now: the connection broke and is being made again. The run's end is asked for meanwhile.
    Reconnecting,
    /// At once, as it happens.
    Live,
    /// Only when asked, now and then: no log, no progress.
    Polling,
}

impl Connection {
    /// The sign beside the word: one column wide everywhere.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Live => "●",
            Self::Reconnecting => "◌",
            Self::Polling => "◦",
        }
    }

    /// The word people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Polling => "polling",
        }
    }
}

/// A state of the connection, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionSince {
    /// How the server can be heard.
    pub state: Connection,
    /// Since when.
    pub since: UnixMs,
}

/// Bytes moved so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Bytes moved.
    pub done: u64,
    /// Bytes in all, when known.
    pub total: Option<u64>,
}

/// A progress line, as tqdm prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps done.
    pub value: u64,
    /// Steps in all; never 0.
    pub max: u64,
    /// Seconds left by the server's own estimate.
    pub seconds_left: Option<u64>,
    /// What is being done, when the line says so.
    pub label: String,
}

/// A picture of a run that is at work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Its place among the previews of its run, counted from 1 by whoever keeps it; a backend leaves it at 0.
    pub number: u64,
    /// What the picture is.
    pub kind: PreviewKind,
    /// Where the newest one is kept; empty on its way from the backend.
    #[serde(default)]
    pub path: PathBuf,
    /// The picture, on its way from the backend; empty once it is kept beside the history.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// What a preview is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewKind {
    /// A JPEG, as ComfyUI sends them by itself.
    #[default]
    Jpeg,
    /// A PNG.
    Png,
}

/// A file that a run made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    /// Where it is.
    pub path: PathBuf,
    /// The server's name for it, scrubbed; a hint, never a path.
    pub name: String,
    /// MIME type as the server says, scrubbed; may be empty.
    pub content_type: String,
    /// Bytes on disk.
    pub size: u64,
    /// SHA-256 of the content in hex.
    pub sha256: String,
}

/// An output that could not be saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputFailure {
    /// The server's name for it, scrubbed.
    pub name: String,
    /// What happened and what to do.
    pub why: String,
    /// The raw bytes as they came, when they could be kept.
    pub kept: Option<PathBuf>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// `Done`, `Failed`, `Cancelled` or `Lost`.
    pub status: Status,
    /// Why, unless it is `Done`.
    pub error: Option<RunError>,
    /// Seconds of work by the server's own account.
    pub server_seconds: Option<f64>,
}

/// Why a run failed: what happened, why, and what to do next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunError {
    /// What happened and why, in one plain sentence.
    pub what: String,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// The rest of what the server said, for the details view; may be empty.
    pub details: String,
    /// The node at fault, when the server says so.
    pub node: Option<String>,
    /// The parameter at fault, when the server says so.
    pub param: Option<ParamKey>,
    /// The server never took the request: nothing ran, nothing was paid.
    pub refused: bool,
}

/// A run as its events have made it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// What was asked for.
    pub request: RunRequest,
    /// Where it stands.
    pub status: Status,
    /// When it was put in the store.
    pub queued_at: UnixMs,
    /// Each phase that began, and when. The first is `Queued`.
    pub phases: Vec<(Status, UnixMs)>,
    /// When it ended.
    pub ended_at: Option<UnixMs>,
    /// The server's own name for it.
    pub prompt_id: Option<String>,
    /// Bytes of the request sent.
    pub upload: Option<Transfer>,
    /// The newest progress line.
    pub progress: Option<Progress>,
    /// The newest picture of the work.
    pub preview: Option<Preview>,
    /// Bytes of the result received.
    pub download: Option<Transfer>,
    /// How the server can be heard; `None` where that does not change.
    pub connection: Option<ConnectionSince>,
    /// Files on disk.
    pub outputs: Vec<Output>,
    /// Files announced and not saved.
    pub failed_outputs: Vec<OutputFailure>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Why it failed.
    pub error: Option<RunError>,
    /// Seconds of work by the server's own account.
    pub server_seconds: Option<f64>,
    /// A person asked for the end.
    pub cancel_asked: bool,
    /// And waits for it no longer.
    pub let_go: bool,
}

impl Run {
    /// A run that was queued just now.
    pub fn queued(id: RunId, request: RunRequest, at: UnixMs) -> Self {
        Self { id, request, queued_at: at, phases: vec![(Status::Queued, at)], ..Self::default() }
    }

    /// Takes an event in: the only place where a run's state changes.
    ///
    /// After the end nothing changes any more, whatever a late event says.
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
            RunEvent::Download(transfer) => self.download = Some(*transfer),
            RunEvent::Connection { state } => {
                if self.connection.is_none_or(|now| now.state != *state) {
                    self.connection = Some(ConnectionSince { state: *state, since: at });
                }
            }
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

    /// When the request left, which is when time begins to cost; `None` for one that never left.
    pub fn started_at(&self) -> Option<UnixMs> {
        self.phases.iter().find(|(status, _)| status.is_in_flight()).map(|(_, at)| *at)
    }

    /// Milliseconds from the start (or the queue, before it) to the end, or to `now`.
    pub fn elapsed_ms(&self, now: UnixMs) -> i64 {
        let from = self.started_at().unwrap_or(self.queued_at);
        (self.ended_at.unwrap_or(now) - from).max(0)
    }

    /// Milliseconds in the present phase.
    pub fn phase_ms(&self, now: UnixMs) -> i64 {
        let from = self.phases.last().map_or(self.queued_at, |(_, at)| *at);
        (self.ended_at.unwrap_or(now) - from).max(0)
    }
}

/// A run as the list of runs shows it: small enough to hold hundreds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSummary {
    /// Its number.
    pub id: RunId,
    /// Where it stands.
    pub status: Status,
    /// A person asked for the end.
    pub cancel_asked: bool,
    /// Name of the profile.
    pub profile: String,
    /// Which protocol speaks of it.
    pub protocol: Protocol,
    /// The server's own name for it.
    pub prompt_id: Option<String>,
    /// Name of the preset, if any.
    pub preset: Option<String>,
    /// Where the workflow was read from, for people.
    pub workflow_name: String,
    /// SHA-256 of the workflow's text, by which typical times are found.
    pub workflow_hash: String,
    /// The beginning of the prompt, one line.
    pub prompt: String,
    /// When it was put in the store.
    pub queued_at: UnixMs,
    /// When the request left.
    pub started_at: Option<UnixMs>,
    /// When the present phase began.
    pub phase_at: UnixMs,
    /// When it ended.
    pub ended_at: Option<UnixMs>,
    /// Bytes of the request sent.
    pub upload: Option<Transfer>,
    /// The newest progress line.
    pub progress: Option<Progress>,
    /// Bytes of the result received.
    pub download: Option<Transfer>,
    /// How the server can be heard; `None` where that does not change.
    pub connection: Option<ConnectionSince>,
    /// Files on disk.
    pub outputs: usize,
    /// Why it failed, in one line; empty when it did not.
    pub error: String,
}

impl RunSummary {
    /// Characters of the prompt that a summary holds.
    pub const PROMPT_CHARS: usize = 200;

    /// Milliseconds from the start (or the queue, before it) to the end, or to `now`.
    pub fn elapsed_ms(&self, now: UnixMs) -> i64 {
        let from = self.started_at.unwrap_or(self.queued_at);
        (self.ended_at.unwrap_or(now) - from).max(0)
    }

    /// Whether its outputs can be fetched from the server once more.
    pub fn can_be_fetched(&self) -> bool {
        self.status.is_end() && self.prompt_id.is_some() && self.protocol.caps().attach
    }
}

/// How many runs are open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting for their turn.
    pub queued: usize,
    /// Sent and not ended.
    pub in_flight: usize,
    /// Profiles with runs in flight whose connection may change, and how their server can be heard.
    pub connections: BTreeMap<String, ConnectionSince>,
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        let words: Vec<&str> = run.request.prompt.split_whitespace().collect();
        Self {
            id: run.id,
            status: run.status,
            cancel_asked: run.cancel_asked,
            profile: run.request.profile.clone(),
            protocol: run.request.protocol,
            prompt_id: run.prompt_id.clone(),
            preset: run.request.preset.clone(),
            workflow_name: run.request.workflow_name.clone(),
            workflow_hash: run.request.workflow_hash.clone(),
            prompt: words.join(" ").chars().take(Self::PROMPT_CHARS).collect(),
            queued_at: run.queued_at,
            started_at: run.started_at(),
            phase_at: run.phases.last().map_or(run.queued_at, |(_, at)| *at),
            ended_at: run.ended_at,
            upload: run.upload,
            progress: run.progress.clone(),
            download: run.download,
            connection: run.connection,
            outputs: run.outputs.len(),
            error: run.error.as_ref().map(|error| error.what.clone()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn words_and_signs_tell_every_status_apart() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.word()), Some(status));
            assert_eq!(Status::ALL.iter().filter(|s| s.sign() == status.sign()).count(), 1);
        }
        assert_eq!(Status::from_word("gone"), None);
    }
}
