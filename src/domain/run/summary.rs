//! Runs as lists show them.

use std::collections::{BTreeMap, BTreeSet};

use super::{ConnectionSince, Progress, Protocol, Run, RunId, Status, Transfer, UnixMs};

/// A run as the list of runs shows it: small enough to hold hundreds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunSummary {
    pub id: RunId,
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
    pub ended_at: Option<UnixMs>,
    /// Bytes of the request sent.
    pub upload: Option<Transfer>,
    /// The newest progress line.
    pub progress: Option<Progress>,
    /// Runs that come before it in the server's queue, where the server says so.
    pub queue: Option<u64>,
    /// Bytes of the result received.
    pub download: Option<Transfer>,
    /// How the server can be heard; `None` where that does not change.
    pub connection: Option<ConnectionSince>,
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

/// Which runs are open, and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Every run that has not ended.
    pub ids: BTreeSet<RunId>,
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
            queue: run.queue,
            download: run.download,
            connection: run.connection,
            outputs: run.outputs.len(),
            error: run.error.as_ref().map(|error| error.what.clone()).unwrap_or_default(),
        }
    }
}
