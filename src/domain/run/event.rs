//! What happens to a run, and how it ends.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Status, UnixMs};
use crate::domain::ParamKey;

/// What happened to a run: the one vocabulary that every backend ends in.
///
/// In JSON it is `{"kind": {…}}`. A tag inside the object would not do: serde reads such enums through a
/// buffer in which numbers of arbitrary precision are no numbers any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEvent {
    /// A new phase of life begins: uploading, waiting, running or downloading.
    Phase {
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
        text: String,
    },
    /// How far the work is, by the server's own progress line.
    Progress(Progress),
    /// A picture of the work so far, from servers that send some.
    Preview(Preview),
    /// How many runs of the server's queue come before this one.
    Queue {
        before: u64,
    },
    /// Bytes of the result received so far.
    Download(Transfer),
    /// What the server says of the whole run, its outputs aside.
    Result(ServerResult),
    /// An output is on disk, synced, under its final name.
    OutputSaved(Output),
    /// An output was announced and could not be saved.
    OutputFailed(OutputFailure),
    /// How the server can be heard, where that may change while the run goes on.
    Connection {
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
                | Self::Queue { .. }
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
            | Self::Queue { .. }
            | Self::Download(_)
            | Self::Connection { .. }
            | Self::CancelAsked
            | Self::LetGo => Vec::new(),
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
    pub since: UnixMs,
}

/// Bytes moved so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Bytes transferred so far.
    pub done: u64,
    /// Bytes in all, when known.
    pub total: Option<u64>,
}

/// A progress line, as tqdm prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
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
    Png,
}

/// What a server says of a whole run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerResult {
    /// Its word for how the run ended.
    pub status: Option<String>,
    /// Whether the workflow ran to its end.
    pub completed: Option<bool>,
    /// The graph that ran, as JSON, on its way from the backend; empty once it is kept beside the history.
    #[serde(skip)]
    pub prompt: String,
    /// The SHA-256 of that graph, under which it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_sha256: Option<String>,
}

/// A file that a run made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub path: PathBuf,
    /// The server's name for it, scrubbed; a hint, never a path.
    pub name: String,
    /// MIME type as the server says, scrubbed; may be empty.
    pub content_type: String,
    /// Size of the file in bytes.
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
