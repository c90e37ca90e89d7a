use std::collections::{BTreeMap, BTreeSet};

use super::{ConnectionSince, Progress, Protocol, Run, RunId, Status, Transfer, UnixMs};
use crate::domain::Notes;
use crate::domain::batch::{BatchPlace, Hold};
use crate::domain::spend::Load;

/// A run as lists show it: small enough to hold hundreds of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSummary {
    pub id: RunId,
    pub status: Status,
    /// Whether a person asked to cancel it.
    pub cancel_asked: bool,
    pub profile: String,
    pub protocol: Protocol,
    /// The run's name at the server.
    pub prompt_id: Option<String>,
    pub preset: Option<String>,
    /// Name of the workflow's file, for people.
    pub workflow_name: String,
    /// SHA-256 of the workflow's text, by which typical durations are found.
    pub workflow_hash: String,
    /// The first line of the prompt, shortened.
    pub prompt: String,
    /// The batch that it belongs to.
    pub batch: Option<BatchPlace>,
    /// Why it is not sent though it is its turn; `None` for one that is not held.
    pub held: Option<Hold>,
    /// What a second of it costs, where the profile said.
    pub cost_per_second: Option<f64>,
    /// When it was added to the store.
    pub queued_at: UnixMs,
    /// When the request was sent.
    pub started_at: Option<UnixMs>,
    /// When the current phase began.
    pub phase_at: UnixMs,
    pub ended_at: Option<UnixMs>,
    /// Bytes of the request sent.
    pub upload: Option<Transfer>,
    /// The newest progress line.
    pub progress: Option<Progress>,
    /// Number of runs before it in the server's queue, where the server says so.
    pub queue: Option<u64>,
    /// Bytes of the result received.
    pub download: Option<Transfer>,
    /// How events reach us; `None` where that cannot change.
    pub connection: Option<ConnectionSince>,
    pub outputs: usize,
    /// One of its outputs has a star.
    pub starred: bool,
    pub notes: Notes,
    /// Why it failed, in one line; may be empty.
    pub error: String,
}

impl RunSummary {
    /// Characters of the prompt in a summary.
    pub const PROMPT_CHARS: usize = 200;

    /// Milliseconds from the start (or from queueing, before the start) to the end, or to `now`.
    pub fn elapsed_ms(&self, now: UnixMs) -> i64 {
        let from = self.started_at.unwrap_or(self.queued_at);
        (self.ended_at.unwrap_or(now) - from).max(0)
    }

    /// Whether its outputs can be downloaded from the server again.
    pub fn can_be_fetched(&self) -> bool {
        self.status.is_end() && self.prompt_id.is_some() && self.protocol.caps().attach
    }
}

/// How many rows the whole list of runs has in the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub rows: usize,
    /// There are more: counting has a limit.
    pub or_more: bool,
}

/// Open runs and their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Every run that has not ended.
    pub ids: BTreeSet<RunId>,
    pub queued: usize,
    /// Queued and held: none of them is sent until somebody lets it go on.
    pub held: usize,
    pub in_flight: usize,
    /// How far those are on average, in percent; `None` while none of them tells.
    pub percent: Option<u8>,
    /// What they are, by profile and hash of the workflow, without those that are held.
    pub loads: BTreeMap<(String, String), Load>,
    /// Profiles with runs in flight, and how their events reach us where that can change.
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
            batch: run.request.batch,
            held: None,
            cost_per_second: run.request.cost_per_second,
            queued_at: run.queued_at,
            started_at: run.started_at(),
            phase_at: run.phases.last().map_or(run.queued_at, |(_, at)| *at),
            ended_at: run.ended_at,
            upload: run.upload,
            progress: run.progress.clone(),
            queue: run.queue,
            download: run.download,
            connection: run.connection,
            outputs: run.outputs.len(),
            // A person's: only the history knows of them.
            starred: false,
            notes: Notes::default(),
            error: run.error.as_ref().map(|error| error.what.clone()).unwrap_or_default(),
        }
    }
}
