//! One run, from what is told of it to its end.
//!
//! The websocket tells what happens, and loses some of it: history and queue are the truth, and are asked whenever it
//! may have been lost.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::log::{LogBuffer, LogChunk};
use crate::backend::reporter::Reporter;
use crate::backend::{BackendError, EventSink, Job};
use crate::domain::run::{Connection, Preview, RunError};
use crate::domain::server::Place;
use crate::domain::{RunEvent, Status};
use crate::wire::comfyui::{HistoryEntry, Made, Step};

use super::api::{Api, Unread, Why};
use super::inbox::{Inbox, Picture, Received};
use super::listen::Listener;
use super::nodes::{self, Nodes};

/// Results of outputs that are kept until the history is read, by their nodes.
const MAX_MADE: usize = 10_000;
/// How long the websocket's last messages are waited for when the history knows the end already: longer where pictures
/// that are results may be among them.
const LAST_MESSAGES: Duration = Duration::from_millis(300);
const LAST_RESULTS: Duration = Duration::from_secs(1);

/// How sure it is that the server has the run.
#[derive(Clone, Debug)]
pub(super) enum Footing {
    /// Its request is on its way.
    Sending,
    /// It may have arrived; what speaks against it.
    Unsure(RunError),
    /// It is said to be there.
    Said,
    /// The server told of it.
    Known,
}

/// How a run comes to its end.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server has its result.
    HistoryEntry(Box<HistoryEntry>),
    /// It was taken out of the queue before it began.
    Removed {
        by_us: bool,
    },
    Error(BackendError),
}

/// A run that is followed.
pub(super) struct ComfyuiRun {
    pub api: Api,
    pub job: Job,
    pub prompt_id: String,
    pub out: Reporter,
    pub footing: Footing,
    pub inbox: Arc<Inbox>,
    pub nodes: Nodes,
    /// What output nodes made, by the websocket: should the server forget it.
    pub made: Vec<(String, Made)>,
    /// Pictures that are results themselves.
    pub results: Vec<Picture>,
    log: LogBuffer,
    chunk: LogChunk,
    listener: Option<Listener>,
    link: Option<Connection>,
    /// Connections before this one.
    reconnects: usize,
    stopped: Arc<Mutex<HashSet<String>>>,
    /// The server has said that it runs.
    pub began: bool,
    /// When anything was heard of it, and when it is asked for next.
    last_received: Instant,
    next_look: Instant,
    /// Since when it is nowhere to be found.
    missing: Option<Instant>,
    /// Since when the server cannot be asked, and since when it does not allow it.
    unread: Option<Instant>,
    not_allowed: Option<Instant>,
    is_told_unread: bool,
    queue_due: Option<Instant>,
    place: Option<u64>,
    /// The websocket has said that no more comes.
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
        footing: Footing,
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
            footing,
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
            unread: None,
            not_allowed: None,
            is_told_unread: false,
            queue_due: None,
            place: None,
            over: false,
        }
    }

    /// Begins to listen. The name of the client is that of the run.
    pub(super) fn listen(&mut self) {
        let (id, inbox) = (self.prompt_id.clone(), Arc::clone(&self.inbox));
        match Listener::start(self.api.clone(), id.clone(), id, inbox) {
            Ok(listener) => self.listener = Some(listener),
            Err(why) => self.note(&format!("nothing can be heard of the run while it works: {why}")),
        }
    }

    /// Goes on under the name that the server gave the run.
    pub(super) fn rename(&mut self, prompt_id: String) {
        let client_id = std::mem::replace(&mut self.prompt_id, prompt_id);
        let listener =
            Listener::start(self.api.clone(), self.prompt_id.clone(), client_id, Arc::clone(&self.inbox));
        self.listener = listener.ok();
    }

    /// Waits for the websocket, so that nothing of the run is missed; not for long.
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

    /// Listens until the run has ended.
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

    /// Takes in what the websocket still has to say: the history may know the end before the last messages are here.
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

    /// Takes in what was heard.
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
                "{} messages were left out here: they came faster than they could be taken in",
                received.missed
            ));
        }
        self.results.extend(received.results);
        if received.any && self.began {
            self.chunk.progress = self.nodes.progress(now);
        }
        self.flush_log().await?;
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

    async fn begin(&mut self) -> Result<(), BackendError> {
        self.began = true;
        self.queue_due = None;
        self.out.phase(Status::Running).await
    }

    /// Asks how the run stands: its history, which is short until it ends, then the queue, where that is of use.
    async fn look(&mut self) -> Result<Option<Ending>, BackendError> {
        let (limits, now) = (self.api.limits().clone(), Instant::now());
        let is_due = self.queue_due.take().is_some();
        let (first, longest) = limits.look;
        self.next_look = now + (self.last_received.elapsed() / 10).clamp(first, longest);
        match self.api.history(&self.prompt_id).await {
            Ok(Some(entry)) => return Ok(Some(Ending::HistoryEntry(Box::new(entry)))),
            Ok(None) => {}
            Err(unread) => return self.unread(unread).await,
        }
        // While it works and is heard, the queue, with everyone's graphs in it, has nothing to add.
        let is_heard = self.link == Some(Connection::Live) && self.last_received.elapsed() < 2 * first;
        if self.began && is_heard && !is_due {
            self.is_readable();
            return Ok(None);
        }
        match self.api.queue().await {
            Ok(queue) => {
                self.is_readable();
                self.placed(queue.place(&self.prompt_id)).await
            }
            Err(unread) => self.unread(unread).await,
        }
    }

    async fn placed(&mut self, place: Option<Place>) -> Result<Option<Ending>, BackendError> {
        match place {
            Some(Place::Running) => {
                self.is_known();
                self.begin().await?;
                // A connection that was made anew too fast can be deaf for ever.
                if self.reconnects > 0 && self.last_received.elapsed() > self.api.limits().silence {
                    self.last_received = Instant::now();
                    self.inbox.renew.notify_one();
                }
                Ok(None)
            }
            Some(Place::Waiting { before }) => {
                self.is_known();
                self.out.phase(Status::Waiting).await?;
                if self.place.replace(before) != Some(before) {
                    self.out.send(RunEvent::Queue { before }).await?;
                }
                Ok(None)
            }
            None => Ok(self.nowhere()),
        }
    }

    /// It is in neither queue nor history.
    fn nowhere(&mut self) -> Option<Ending> {
        let limits = self.api.limits();
        let missing = self.missing.get_or_insert_with(Instant::now).elapsed();
        self.next_look = Instant::now() + limits.soon;
        // It moves from the one to the other between two questions.
        let patience = match &self.footing {
            Footing::Sending | Footing::Unsure(_) => limits.settle,
            Footing::Said | Footing::Known => 2 * limits.soon,
        };
        if missing < patience {
            return None;
        }
        let error = match &self.footing {
            Footing::Known if !self.began && self.is_asked_to_stop() => {
                return Some(Ending::Removed { by_us: true });
            }
            // It was seen to wait, and the server is the same.
            Footing::Known if !self.began && self.place.is_some() && self.reconnects == 0 => {
                return Some(Ending::Removed { by_us: false });
            }
            Footing::Known => RunError {
                what: "the server does not know this run any more: it was restarted, or somebody cleared its history".to_owned(),
                remedy: "Files that the run had saved are in the server's output folder: look there before you run it again."
                    .to_owned(),
                ..RunError::default()
            },
            Footing::Said => RunError {
                what: format!("the server has no run {}", self.prompt_id),
                remedy: "Check the id, and that the profile is the server it ran on. A server forgets its runs when it is restarted."
                    .to_owned(),
                ..RunError::default()
            },
            Footing::Sending | Footing::Unsure(_) => {
                let why = match &self.footing {
                    Footing::Unsure(why) => why.clone(),
                    _ => RunError::default(),
                };
                RunError {
                    what: format!(
                        "{}; the server has the run in neither its queue nor its history, so whether it began is not known",
                        why.what.trim_end_matches('.')
                    ),
                    remedy: format!(
                        "`comfydeck fetch {}` looks for it once more. The server's own log and output folder tell, too, before you run it again.",
                        self.prompt_id
                    ),
                    ..why
                }
            }
        };
        Some(Ending::Error(BackendError::Lost(error)))
    }

    async fn unread(&mut self, unread: Unread) -> Result<Option<Ending>, BackendError> {
        let Unread { error, why } = unread;
        let since = *self.unread.get_or_insert_with(Instant::now);
        let not_allowed = match why {
            Why::NotAllowed => self.not_allowed.get_or_insert_with(Instant::now).elapsed(),
            Why::NotThere | Why::Trouble => {
                self.not_allowed = None;
                Duration::ZERO
            }
        };
        self.next_look =
            Instant::now() + (since.elapsed() / 5).clamp(self.api.limits().soon, self.api.limits().reconnect);
        if why == Why::NotAllowed && not_allowed >= self.api.limits().not_allowed {
            return Ok(Some(Ending::Error(BackendError::Lost(RunError {
                what: format!("the run cannot be asked for: {}", error.what),
                remedy: format!(
                    "Fix the profile's credentials, then `comfydeck fetch {}` brings what came of the run.",
                    self.prompt_id
                ),
                ..error
            }))));
        }
        if since.elapsed() >= self.api.limits().unreadable
            && !std::mem::replace(&mut self.is_told_unread, true)
        {
            let text = format!(
                "The server cannot be asked how the run stands ({}). It is asked again until it can",
                error.what.trim_end_matches('.')
            );
            self.out.send(RunEvent::Warning { text }).await?;
        }
        Ok(None)
    }

    fn is_readable(&mut self) {
        (self.unread, self.not_allowed) = (None, None);
        if std::mem::take(&mut self.is_told_unread) {
            self.note("the server can be asked again");
        }
    }

    fn is_known(&mut self) {
        self.missing = None;
        self.footing = Footing::Known;
    }

    /// It is heard of in another way from now on.
    async fn turn(&mut self, link: Connection, why: &str) -> Result<(), BackendError> {
        let before = self.link.replace(link);
        if link == Connection::Live && before.is_some() {
            self.reconnects += 1;
            self.note("the connection is back");
            // What happened meanwhile is told by nobody.
            self.next_look = Instant::now();
        }
        if before != Some(link) && link != Connection::Live {
            let why = why.trim_end_matches('.');
            self.note(&format!("no live connection ({why}); the run goes on, and is asked for meanwhile"));
            self.next_look = Instant::now();
        }
        if before == Some(link) {
            return Ok(());
        }
        self.out.send(RunEvent::Connection { state: link }).await
    }

    fn is_asked_to_stop(&self) -> bool {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.prompt_id)
    }

    /// A line of what the server does.
    pub(super) fn line(&mut self, text: &str) {
        self.log.log(text, &mut self.chunk);
    }

    /// A line of our own in the run's log.
    pub(super) fn note(&mut self, text: &str) {
        self.log.other("comfydeck", text, &mut self.chunk);
    }

    pub(super) async fn flush_log(&mut self) -> Result<(), BackendError> {
        let chunk = std::mem::take(&mut self.chunk);
        self.out.log(chunk).await
    }
}
