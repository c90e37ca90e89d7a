//! One run while it is at work.
//!
//! Events over the websocket may be lost; history and queue are authoritative, and are read
//! whenever events may be missing.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::log::{LogBuffer, LogChunk};
use crate::backend::net::unread::UnreadSince;
use crate::backend::nodes::{self, Nodes};
use crate::backend::reporter::Reporter;
use crate::backend::{BackendError, EventSink, Job};
use crate::domain::run::{Connection, Preview, RunError};
use crate::domain::{RunEvent, Status};
use crate::wire::comfyui::{HistoryEntry, Made, Step};

use super::api::Api;
use super::inbox::{Inbox, Picture, Received};
use super::listen::Listener;

/// Most nodes whose outputs are kept until the history is read.
const MAX_MADE: usize = 10_000;
/// How long to wait for the websocket's last messages after the history has the end: longer when pictures that are
/// outputs may be among them.
const LAST_MESSAGES: Duration = Duration::from_millis(300);
const LAST_RESULTS: Duration = Duration::from_secs(1);

/// How certain it is that the server has the run.
#[derive(Clone, Debug)]
pub(super) enum Certainty {
    /// The request is being sent.
    Sending,
    /// It may have arrived; this error speaks against it.
    Unsure(RunError),
    /// The person says that it exists.
    Said,
    /// The server has sent something about it.
    Known,
}

/// How a run ended at the server.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server's history has its result.
    HistoryEntry(Box<HistoryEntry>),
    /// It was removed from the queue before it began.
    Removed {
        by_us: bool,
    },
    Error(BackendError),
}

/// A run that is being followed.
pub(super) struct ComfyuiRun {
    pub api: Api,
    pub job: Job,
    pub prompt_id: String,
    pub out: Reporter,
    pub certainty: Certainty,
    pub inbox: Arc<Inbox>,
    pub nodes: Nodes,
    /// Outputs reported by nodes over the websocket, in case the server loses its history.
    pub made: Vec<(String, Made)>,
    /// Pictures that are outputs.
    pub results: Vec<Picture>,
    log: LogBuffer,
    chunk: LogChunk,
    listener: Option<Listener>,
    pub(super) link: Option<Connection>,
    /// Number of earlier connections.
    pub(super) reconnects: usize,
    pub(super) stopped: Arc<Mutex<HashSet<String>>>,
    /// Whether the server has said that it is running.
    pub began: bool,
    /// Time of the last message about it, and of the next polling.
    pub(super) last_received: Instant,
    pub(super) next_look: Instant,
    /// Since when it cannot be found.
    pub(super) missing: Option<Instant>,
    /// Since when requests fail.
    pub(super) unread: UnreadSince,
    pub(super) queue_due: Option<Instant>,
    pub(super) place: Option<u64>,
    /// Whether the websocket has sent the run's last message.
    over: bool,
}

impl Drop for ComfyuiRun {
    fn drop(&mut self) {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.prompt_id);
    }
}

impl ComfyuiRun {
    pub(super) fn new(
        api: Api,
        job: Job,
        prompt_id: String,
        events: EventSink,
        certainty: Certainty,
        stopped: Arc<Mutex<HashSet<String>>>,
    ) -> Self {
        let now = Instant::now();
        let workflow = job.workflow.as_deref();
        let (nodes, inbox) = (Nodes::of(workflow), Inbox::new(nodes::senders(workflow)));
        Self {
            api,
            job,
            prompt_id,
            out: Reporter::new(events),
            certainty,
            inbox: Arc::new(inbox),
            nodes,
            made: Vec::new(),
            results: Vec::new(),
            log: LogBuffer::default(),
            chunk: LogChunk::default(),
            listener: None,
            link: None,
            reconnects: 0,
            stopped,
            began: false,
            last_received: now,
            next_look: now,
            missing: None,
            unread: UnreadSince::default(),
            queue_due: None,
            place: None,
            over: false,
        }
    }

    /// Starts to listen, with the run's name as the client id.
    pub(super) fn listen(&mut self) {
        let (id, inbox) = (self.prompt_id.clone(), Arc::clone(&self.inbox));
        match Listener::start(self.api.clone(), id.clone(), id, inbox) {
            Ok(listener) => self.listener = Some(listener),
            Err(why) => self.note(&format!("there are no events of this run while it works: {why}")),
        }
    }

    /// Continues under the prompt id chosen by the server.
    pub(super) fn rename(&mut self, prompt_id: String) {
        let client_id = std::mem::replace(&mut self.prompt_id, prompt_id);
        let listener =
            Listener::start(self.api.clone(), self.prompt_id.clone(), client_id, Arc::clone(&self.inbox));
        self.listener = listener.ok();
    }

    /// Waits a moment for the websocket, so that no event is missed.
    pub(super) async fn wait_for_socket(&mut self) -> Result<(), BackendError> {
        let until = Instant::now() + self.api.limits().socket_wait;
        while self.link != Some(Connection::Live) {
            let inbox = Arc::clone(&self.inbox);
            match tokio::time::timeout_at(until, inbox.take()).await {
                Ok(received) => {
                    let refused = received.link.as_ref().is_some_and(|(link, _)| *link != Connection::Live);
                    self.take(received).await?;
                    if refused {
                        break;
                    }
                }
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Follows the run to its end.
    pub(super) async fn follow(&mut self) -> Result<Ending, BackendError> {
        loop {
            let inbox = Arc::clone(&self.inbox);
            let look = self.queue_due.map_or(self.next_look, |due| due.min(self.next_look));
            let due = self.out.due();
            tokio::select! {
                received = inbox.take() => self.take(received).await?,
                () = tokio::time::sleep_until(look) => {
                    if let Some(ending) = self.look().await? {
                        self.take_rest().await?;
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

    /// Takes in the websocket's remaining messages: the history may have the end before they arrive.
    async fn take_rest(&mut self) -> Result<(), BackendError> {
        let wait = if self.inbox.expect_results() { LAST_RESULTS } else { LAST_MESSAGES };
        let deadline = Instant::now() + wait;
        while !self.over && self.link == Some(Connection::Live) {
            let inbox = Arc::clone(&self.inbox);
            match tokio::time::timeout_at(deadline, inbox.take()).await {
                Ok(received) => self.take(received).await?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Takes in messages from the inbox.
    pub(super) async fn take(&mut self, received: Received) -> Result<(), BackendError> {
        let now = Instant::now();
        if received.any {
            self.is_known();
            self.last_received = now;
        }
        if let Some((link, why)) = received.link {
            self.turn(link, &why).await?;
        }
        for step in received.steps {
            self.step(step, now).await?;
        }
        let lines = received.nodes.map(|nodes| self.nodes.snapshot(nodes, now)).unwrap_or_default();
        lines.iter().for_each(|line| self.line(line));
        for (node, (value, max)) in received.progress {
            self.nodes.step(&node, value, max, now);
        }
        if received.missed > 0 {
            self.note(&format!(
                "{} messages are missing here: they came faster than they could be written",
                received.missed
            ));
        }
        self.results.extend(received.results);
        if received.any && self.began {
            self.chunk.progress = self.nodes.progress(now);
        }
        self.flush_log().await?;
        let states = self.nodes.take_changed();
        if !states.is_empty() {
            self.out.send(RunEvent::Nodes { states }).await?;
        }
        if let Some(Picture { kind, bytes, .. }) = received.preview {
            self.out.preview(Preview { kind, bytes, ..Preview::default() }).await?;
        }
        if received.queue_changed && !self.began {
            self.queue_due.get_or_insert(now + self.api.limits().soon);
        }
        Ok(())
    }

    async fn step(&mut self, step: Step, now: Instant) -> Result<(), BackendError> {
        match step {
            Step::Start => self.begin().await?,
            Step::Cached { nodes } => {
                self.begin().await?;
                if let Some(line) = self.nodes.cached(nodes) {
                    self.line(&line);
                }
            }
            Step::Executing { node } => {
                self.begin().await?;
                self.nodes.begin(&node, now);
            }
            Step::Executed { node, made } => {
                self.begin().await?;
                for text in &made.texts {
                    let text = format!("{}: {text}", self.nodes.name(&node));
                    self.line(&text);
                }
                if !made.is_empty() && self.made.len() < MAX_MADE {
                    self.made.push((node, made));
                }
            }
            Step::Failed(error) => {
                self.log.error(&error.what, &mut self.chunk);
                self.log.log(&error.details, &mut self.chunk);
            }
            Step::Success | Step::Interrupted => self.next_look = now,
            Step::Over => (self.over, self.next_look) = (true, now),
            Step::Status { .. }
            | Step::Features
            | Step::Progress { .. }
            | Step::Nodes(_)
            | Step::Other { .. } => {}
        }
        Ok(())
    }

    pub(super) async fn begin(&mut self) -> Result<(), BackendError> {
        self.began = true;
        self.queue_due = None;
        self.out.phase(Status::Running).await
    }

    pub(super) fn is_known(&mut self) {
        self.missing = None;
        self.certainty = Certainty::Known;
    }

    /// Changes the connection's state.
    async fn turn(&mut self, link: Connection, why: &str) -> Result<(), BackendError> {
        let before = self.link.replace(link);
        if link == Connection::Live && before.is_some() {
            self.reconnects += 1;
            self.note("the connection is back");
            // Events in between were lost.
            self.next_look = Instant::now();
        }
        if before != Some(link) && link != Connection::Live {
            let why = why.trim_end_matches('.');
            self.note(&format!("no live connection ({why}); the run goes on, and its state is polled"));
            self.next_look = Instant::now();
        }
        if before == Some(link) {
            return Ok(());
        }
        self.out.send(RunEvent::Connection { state: link }).await
    }

    /// Adds a line about the server's work to the log.
    pub(super) fn line(&mut self, text: &str) {
        self.log.log(text, &mut self.chunk);
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
