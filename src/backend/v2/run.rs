//! One run while it is at work.
//!
//! Events of the stream may be lost; the record is authoritative, and is read whenever events may be missing.

use std::sync::Arc;

use tokio::time::Instant;

use crate::backend::log::{LogBuffer, LogChunk};
use crate::backend::net::unread::UnreadSince;
use crate::backend::nodes::Nodes;
use crate::backend::reporter::Reporter;
use crate::backend::{BackendError, EventSink, Job};
use crate::domain::run::{Connection, Preview, Progress, RunError};
use crate::domain::{RunEvent, Status};
use crate::wire::result::OutputInfo;
use crate::wire::v2::{JobEvent, JobProgress, JobRecord, JobState};

use super::Known;
use super::api::Api;
use super::stream::{Heard, Stream};

/// Most files that are kept until the record is read.
const MAX_MADE: usize = 10_000;

/// How a run ended at the server.
#[derive(Debug)]
pub(super) enum Ending {
    Record(Box<JobRecord>),
    Error(BackendError),
}

/// A run that is being followed.
pub(super) struct V2Run {
    pub api: Api,
    pub job: Job,
    /// The run's name as it is stored: the key that it was sent with, or the server's id.
    pub name: String,
    /// The server's id, once it is known.
    pub id: Option<String>,
    pub out: Reporter,
    pub nodes: Nodes,
    pub(super) known: Arc<Known>,
    /// Files that the stream told, in case the server loses the record.
    pub made: Vec<OutputInfo>,
    log: LogBuffer,
    chunk: LogChunk,
    stream: Option<Stream>,
    pub(super) link: Option<Connection>,
    /// The node at work, for a line when it is done.
    node: Option<String>,
    pub(super) place: Option<u64>,
    /// Time of the last news, and of the next polling.
    pub(super) last_received: Instant,
    pub(super) next_look: Instant,
    /// Since when it cannot be found.
    pub(super) missing: Option<Instant>,
    /// Since when requests fail.
    pub(super) unread: UnreadSince,
    /// Why the server did not take the run yet, as the person was told.
    pub(super) busy_with: Option<String>,
}

impl V2Run {
    pub(super) fn new(api: Api, job: Job, name: String, events: EventSink, known: Arc<Known>) -> Self {
        let now = Instant::now();
        Self {
            nodes: Nodes::of(job.workflow.as_deref()),
            api,
            job,
            name,
            id: None,
            out: Reporter::new(events),
            known,
            made: Vec::new(),
            log: LogBuffer::default(),
            chunk: LogChunk::default(),
            stream: None,
            link: None,
            node: None,
            place: None,
            last_received: now,
            next_look: now,
            missing: None,
            unread: UnreadSince::default(),
            busy_with: None,
        }
    }

    /// The server's id is known: it is stored, and its events are read.
    pub(super) async fn named(&mut self, record: &JobRecord) -> Result<(), BackendError> {
        if self.id.as_deref() == Some(&record.id) {
            return Ok(());
        }
        self.id = Some(record.id.clone());
        self.known.learn(&self.name, &record.id);
        if record.id != self.name {
            self.out.send(RunEvent::Remote { prompt_id: record.id.clone() }).await?;
        }
        if !record.state.is_end() {
            self.stream = Some(Stream::open(self.api.clone(), record.id.clone(), record.events.clone()));
        }
        Ok(())
    }

    /// Follows the run to its end.
    pub(super) async fn follow(&mut self) -> Result<Ending, BackendError> {
        loop {
            let due = self.out.due();
            tokio::select! {
                heard = next(&mut self.stream) => self.take(heard).await?,
                () = tokio::time::sleep_until(self.next_look) => {
                    if let Some(ending) = self.look().await? {
                        self.flush_log().await?;
                        return Ok(ending);
                    }
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.out.send_due().await?;
                }
            }
        }
    }

    async fn take(&mut self, heard: Heard) -> Result<(), BackendError> {
        match heard {
            Heard::Link(link, why) => self.turn(link, &why).await?,
            Heard::Event(event) => {
                self.last_received = Instant::now();
                // A stream can miss the end: when it falls silent, the record is read.
                self.next_look = self.last_received + 2 * self.api.limits().look.0;
                self.event(event).await?;
            }
        }
        self.flush_log().await
    }

    async fn event(&mut self, event: JobEvent) -> Result<(), BackendError> {
        match event {
            JobEvent::Status { state, place } => {
                self.state(state, place).await?;
                if state.is_end() {
                    self.next_look = Instant::now();
                }
            }
            JobEvent::Progress(progress) => self.progress(&progress).await?,
            JobEvent::Preview { kind, bytes } => {
                self.out.preview(Preview { kind, bytes, ..Preview::default() }).await?;
            }
            JobEvent::Output(output) => {
                if self.made.len() < MAX_MADE && !self.made.contains(&output) {
                    self.line(&format!("{} is ready", output.filename));
                    self.made.push(output);
                }
            }
            JobEvent::Log(text) => self.line(&text),
            JobEvent::Other => {}
        }
        Ok(())
    }

    /// Reports the phase, and the place in the queue.
    pub(super) async fn state(&mut self, state: JobState, place: Option<u64>) -> Result<(), BackendError> {
        match state {
            JobState::Queued => {
                self.out.phase(Status::Waiting).await?;
                let before = place.map(|place| place.saturating_sub(1));
                if let Some(before) = before.filter(|before| self.place != Some(*before)) {
                    self.place = Some(before);
                    self.out.send(RunEvent::Queue { before }).await?;
                }
                Ok(())
            }
            JobState::Running | JobState::Canceling | JobState::Other | JobState::Failed => {
                self.out.phase(Status::Running).await
            }
            JobState::Succeeded | JobState::Canceled | JobState::Expired => Ok(()),
        }
    }

    /// Takes in how far the run is: of a node that counts steps, else of all nodes.
    pub(super) async fn progress(&mut self, progress: &JobProgress) -> Result<(), BackendError> {
        let now = Instant::now();
        let JobProgress { value, nodes_done, nodes_total, node, step } = progress;
        if self.node.as_ref() != node.as_ref() && node.is_some() {
            let before = std::mem::replace(&mut self.node, node.clone());
            if let Some(line) = before.and_then(|before| self.nodes.end(&before, now)) {
                self.line(&line);
            }
        }
        if let Some(node) = node {
            match step.filter(|(_, steps)| *steps > 1.0) {
                Some((step, steps)) => self.nodes.step(node, step, steps, now),
                None => self.nodes.begin(node, now),
            }
        }
        let counted = step.filter(|(_, steps)| *steps > 1.0).and_then(|_| self.nodes.progress(now));
        let label = node.as_ref().map(|node| self.nodes.name(node)).unwrap_or_default();
        self.chunk.progress = match counted {
            Some(counted) => Some(counted),
            // Between two nodes, servers count other things.
            None if node.is_none() => None,
            None if *nodes_total > 0 => {
                Some(Progress { value: *nodes_done, max: *nodes_total, seconds_left: None, label })
            }
            None if *value > 0.0 => {
                Some(Progress { value: (value * 100.0) as u64, max: 100, seconds_left: None, label })
            }
            // Nothing is known yet.
            None => None,
        };
        Ok(())
    }

    /// Changes the connection's state.
    async fn turn(&mut self, link: Connection, why: &str) -> Result<(), BackendError> {
        let before = self.link.replace(link);
        if before == Some(link) {
            return Ok(());
        }
        // Events in between were lost.
        self.next_look = Instant::now();
        match link {
            Connection::Live if before.is_some() => self.note("the connection is back"),
            Connection::Live => {}
            Connection::Reconnecting | Connection::Polling => {
                let why = why.trim_end_matches('.');
                self.note(&format!("no live connection ({why}); the run goes on, and its state is polled"));
            }
        }
        self.out.send(RunEvent::Connection { state: link }).await
    }

    /// Adds a line about the server's work to the log.
    pub(super) fn line(&mut self, text: &str) {
        self.log.log(text, &mut self.chunk);
    }

    /// Adds an error to the log.
    pub(super) fn fault(&mut self, error: &RunError) {
        self.log.error(&error.what, &mut self.chunk);
        self.log.log(&error.details, &mut self.chunk);
    }

    /// Adds a line of comfydeck's own to the log.
    pub(super) fn note(&mut self, text: &str) {
        self.log.other("comfydeck", text, &mut self.chunk);
    }

    pub(super) async fn flush_log(&mut self) -> Result<(), BackendError> {
        let chunk = std::mem::take(&mut self.chunk);
        self.out.log(chunk).await
    }
}

/// What a stream brings next; never returns without a stream.
async fn next(stream: &mut Option<Stream>) -> Heard {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
