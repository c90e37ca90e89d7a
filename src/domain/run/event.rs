//! Run events, and how a run ends.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Status, UnixMs};
use crate::domain::ParamKey;

/// Something that happened to a run: the common vocabulary of all backends.
///
/// In JSON it is `{"kind": {…}}`. An internal tag would not work: serde buffers such enums, and numbers of arbitrary
/// precision do not survive that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// A new phase begins: uploading, waiting, running or downloading.
    Phase {
        status: Status,
    },
    /// Bytes of the request sent so far.
    Upload(Transfer),
    /// The run's name at the server.
    Remote {
        prompt_id: String,
    },
    /// A piece of the server's log, scrubbed: whole lines, colours as SGR sequences, `\n` after a line, `\r` after a
    /// line that the next one replaces (a progress bar).
    Log {
        text: String,
    },
    /// Progress by the server's own progress line.
    Progress(Progress),
    Preview(Preview),
    /// Number of runs before this one in the server's queue.
    Queue {
        before: u64,
    },
    /// Nodes that began, ended or were found cached, by their ids.
    Nodes {
        states: Vec<(String, NodeState)>,
    },
    /// Bytes of the result received so far.
    Download(Transfer),
    /// What the server says about the whole run, except its outputs.
    Result(ServerResult),
    /// An output is on disk, synced, under its final name.
    OutputSaved(Output),
    /// An announced output could not be saved.
    OutputFailed(OutputFailure),
    /// How events reach us, for protocols where that can change during a run.
    Connection {
        state: Connection,
    },
    /// Something the person should know that does not end the run.
    Warning {
        /// What happened and what to do.
        text: String,
    },
    /// A person asked to cancel the run.
    CancelAsked,
    /// A person does not want to wait for the server's confirmation of a cancel.
    LetGo,
    Ended(End),
}

impl RunEvent {
    /// Whether only the newest event of its kind matters: such events are shown, not stored.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Upload(_)
                | Self::Progress(_)
                | Self::Preview(_)
                | Self::Queue { .. }
                | Self::Download(_)
                | Self::Connection { .. }
        )
    }

    /// All texts that may come from a server; paths are our own.
    pub fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Phase { .. }
            | Self::Upload(_)
            | Self::Preview(_)
            | Self::Queue { .. }
            | Self::Download(_)
            | Self::Connection { .. }
            | Self::CancelAsked
            | Self::LetGo => Vec::new(),
            Self::Nodes { states } => states.iter_mut().map(|(node, _)| node).collect(),
            Self::Remote { prompt_id: text } | Self::Log { text } | Self::Warning { text } => vec![text],
            Self::Progress(progress) => vec![&mut progress.label],
            Self::Result(result) => result.status.iter_mut().collect(),
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

/// What a node does in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    AtWork,
    Done {
        /// Milliseconds that it took.
        ms: u64,
    },
    /// Its result was there already.
    Cached,
}

/// How a run's events reach us.
///
/// Ordered by importance where several are summarised: a broken connection first, then a working
/// one, then runs without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// Not at all: the connection broke and is being re-established. Meanwhile we poll for the run's end.
    Reconnecting,
    /// At once, over an open connection.
    Live,
    /// By polling: no log, no progress.
    Polling,
}

impl Connection {
    /// A symbol beside the word, one column wide in every terminal.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Live => "●",
            Self::Reconnecting => "◌",
            Self::Polling => "◦",
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reconnecting => "reconnecting",
            Self::Polling => "polling",
        }
    }
}

/// A connection state, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ConnectionSince {
    pub state: Connection,
    pub since: UnixMs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    pub done: u64,
    /// Total bytes, when known.
    pub total: Option<u64>,
}

/// A progress line, as tqdm prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    pub value: u64,
    /// Total steps; never 0.
    pub max: u64,
    /// Seconds left by the server's own estimate.
    pub seconds_left: Option<u64>,
    /// What is being done; may be empty.
    pub label: String,
}

/// An intermediate picture of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Number among the run's previews, from 1, set by the runner; 0 from a backend.
    pub number: u64,
    pub kind: PreviewKind,
    /// Where the runner keeps it; empty from a backend.
    #[serde(default)]
    pub path: PathBuf,
    /// The picture from a backend; empty once it is stored.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewKind {
    /// JPEG, ComfyUI's default.
    #[default]
    Jpeg,
    Png,
}

/// What a server says about a whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerResult {
    /// The server's word for how the run ended.
    pub status: Option<String>,
    /// Whether the workflow completed.
    pub completed: Option<bool>,
    /// The executed graph as JSON from a backend; empty once it is stored.
    #[serde(skip)]
    pub prompt: String,
    /// SHA-256 of that graph, under which it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_sha256: Option<String>,
}

/// A file made by a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub path: PathBuf,
    /// File name at the server, scrubbed; a hint, never a path.
    pub name: String,
    /// MIME type from the server, scrubbed; may be empty.
    pub content_type: String,
    pub size: u64,
    /// SHA-256 of the content in hex.
    pub sha256: String,
}

/// An output that could not be saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputFailure {
    /// File name at the server, scrubbed.
    pub name: String,
    /// What happened and what to do.
    pub why: String,
    /// Where the received bytes were kept, if they could be.
    pub kept: Option<PathBuf>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// One of `Done`, `Failed`, `Cancelled` and `Lost`.
    pub status: Status,
    /// Set unless `status` is `Done`.
    pub error: Option<RunError>,
    /// Seconds of work by the server's account.
    pub server_seconds: Option<f64>,
}

/// Why a run failed: what happened, why, and what to do next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunError {
    /// What happened and why, in one sentence.
    pub what: String,
    /// What to do about it; may be empty.
    pub remedy: String,
    /// The rest of the server's message, for the details view; may be empty.
    pub details: String,
    /// Id of the node at fault, when the server says it.
    pub node: Option<String>,
    /// The parameter at fault, when the server says it.
    pub param: Option<ParamKey>,
    /// Whether the server rejected the request: nothing ran, nothing was paid.
    pub refused: bool,
}
