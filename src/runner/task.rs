//! One run in flight: its backend on one side, store and log on the other.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError};
use tokio::time::Instant;

use super::cancel;
use super::duplicate;
use super::end::{self, Stop};
use super::retry::{TRY_AGAIN, may_pass};
use super::sidecar::Sidecars;
use crate::backend::{Backend, BackendError, Job};
use crate::config::Veil;
use crate::domain::run::{End, Preview};
use crate::domain::{RunEvent, RunId, Status};
use crate::store::{LogWriter, Store, StoreError, now};

/// Events that a backend may be ahead of the store.
const AHEAD: usize = 1_024;

/// Log lines and what only the latest of counts are gathered for so long; everything else is written at
/// once.
const GATHER: Duration = Duration::from_millis(50);

/// Bytes of a preview that is kept; ComfyUI's are some 90,000.
const MAX_PREVIEW: usize = 8 << 20;

/// How often a runner that was told to end tries to write what it knows of a run.
const LAST_TRIES: usize = 5;

/// How long the end of a run whose upload was broken off waits for the server to hear of the cancel.
const LAST_WORD: Duration = Duration::from_secs(10);

/// How a run comes to its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Submit,
    Attach,
}

/// How a run begins here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) way: Way,
    pub(super) status: Status,
    /// A file beside each output is to tell what made it.
    pub(super) sidecar: bool,
}

/// Brings one run, which stands at `status`, to its end and writes down what happens on the way. One that its server
/// knows by name is left open when the runner is told to end: the next runner finds it again.
pub(super) async fn drive(
    store: Rc<Store>,
    backend: Arc<dyn Backend>,
    job: Job,
    Start { way, status, sidecar }: Start,
    mut stopped: mpsc::UnboundedReceiver<Stop>,
) {
    let caps = backend.caps();
    let sidecars = sidecar.then(|| {
        let known = store.run(job.run).ok().flatten();
        known.map_or_else(Sidecars::default, |run| Sidecars::resume(&run))
    });
    let mut record = Record::new(store, job.run, Veil::new(&job.server.credentials), status, sidecars);
    let remote = job.prompt_id.clone().map(|prompt_id| (job.server.clone(), prompt_id));
    let (sink, mut events) = mpsc::channel(AHEAD);
    // A task of its own: dropped whole when the run is stopped, and its panics are its own.
    let (worker, told) = (Arc::clone(&backend), sink.clone());
    let mut work = tokio::spawn(async move {
        match way {
            Way::Submit => worker.submit(job, told).await,
            Way::Attach => worker.attach(job, told).await,
        }
    });
    let _guard = AbortOnDrop(work.abort_handle());
    let mut asking = None;
    let mut stop = None;
    let mut batch = Vec::new();
    let outcome = loop {
        tokio::select! {
            _ = events.recv_many(&mut batch, AHEAD) => {
                record.take_in(batch.drain(..));
                record.write_when_due();
            }
            () = tokio::time::sleep_until(record.due), if record.is_gathering() => record.write(),
            Some(asked) = stopped.recv() => {
                stop = Some(asked);
                match &remote {
                    Some((server, prompt_id)) if asked == Stop::Cancelled && caps.cancel => {
                        let ask = cancel::ask(Arc::clone(&backend), server.clone(), prompt_id.clone(), sink.clone());
                        asking = Some(AbortOnDrop(tokio::spawn(ask).abort_handle()));
                        // Half a request is no run: nothing is lost with it.
                        if way == Way::Submit && record.status == Status::Uploading {
                            work.abort();
                        }
                    }
                    _ => work.abort(),
                }
            }
            outcome = &mut work => break outcome,
        }
    };
    // What was said before the end counts: it may be the end itself.
    events.close();
    while let Ok(event) = events.try_recv() {
        record.take_in([event]);
    }
    record.write_all(stop).await;
    drop(asking);
    if !record.ended() && stop == Some(Stop::RunnerStopped) && caps.attach && remote.is_some() {
        tracing::info!(run = record.run, "left to the next runner");
        return;
    }
    if !record.ended() {
        if let (Some(Stop::Cancelled), Some((server, prompt_id))) = (stop, remote)
            && caps.cancel
        {
            // The whole request may have left after all. What the server says to it changes nothing here.
            let _ = tokio::time::timeout(LAST_WORD, backend.cancel(server, prompt_id)).await;
        }
        record.take_in([RunEvent::Ended(end(outcome, stop, record.status))]);
        record.write_all(stop).await;
    }
}

/// The end of a run whose backend told none by an event.
fn end(outcome: Result<Result<(), BackendError>, JoinError>, stop: Option<Stop>, status: Status) -> End {
    match (outcome, stop) {
        (Ok(Err(error)), _) => end::of_error(error),
        (Err(error), _) if error.is_panic() => end::broken(),
        (_, Some(stop)) => end::stopped(stop, status),
        _ => end::untold(),
    }
}

/// What happened to a run and is not written down yet.
struct Record {
    store: Rc<Store>,
    run: RunId,
    /// Over everything that is written down.
    veil: Veil,
    log: Option<LogWriter>,
    log_failed: bool,
    pending: Vec<RunEvent>,
    /// The newest preview, and how many there were.
    preview: Option<Preview>,
    previews: u64,
    /// The earlier run that made the same, which has been told.
    same_as: Option<RunId>,
    /// Where the run wants them.
    sidecars: Option<Sidecars>,
    /// Events that they have not heard of.
    for_sidecars: Vec<RunEvent>,
    /// Where the run stands in the store.
    status: Status,
    /// Something is gathered that need not be written before `due`.
    unwritten: bool,
    due: Instant,
}

impl Record {
    fn new(store: Rc<Store>, run: RunId, veil: Veil, status: Status, sidecars: Option<Sidecars>) -> Self {
        Self {
            store,
            run,
            veil,
            log: None,
            log_failed: false,
            pending: Vec::new(),
            preview: None,
            previews: 0,
            same_as: None,
            sidecars,
            for_sidecars: Vec::new(),
            status,
            unwritten: false,
            due: Instant::now(),
        }
    }

    fn ended(&self) -> bool {
        self.status.is_end()
    }

    fn is_gathering(&self) -> bool {
        self.unwritten
    }

    fn take_in(&mut self, events: impl IntoIterator<Item = RunEvent>) {
        for mut event in events {
            event.texts_mut().into_iter().for_each(|text| self.veil.hide(text));
            match event {
                RunEvent::Log { text } => self.log(&text),
                RunEvent::Preview(preview) if preview.bytes.len() > MAX_PREVIEW => {
                    tracing::warn!(run = self.run, "a preview of {} bytes is not kept", preview.bytes.len());
                }
                RunEvent::Preview(preview) => self.preview = Some(preview),
                RunEvent::Result(mut result) => {
                    if !result.prompt.is_empty() {
                        // It is told beside the run: the run is none the worse without.
                        match self.store.add_graph(&std::mem::take(&mut result.prompt)) {
                            Ok(hash) => result.prompt_sha256 = Some(hash),
                            Err(error) => {
                                tracing::warn!(run = self.run, "the graph that ran is not kept: {error}")
                            }
                        }
                    }
                    self.pending.push(RunEvent::Result(result));
                }
                event if event.is_transient() => {
                    let kind = std::mem::discriminant(&event);
                    self.pending.retain(|other| std::mem::discriminant(other) != kind);
                    self.pending.push(event);
                }
                event => {
                    let remark = self.made_twice(&event);
                    if self.sidecars.is_some()
                        && matches!(event, RunEvent::OutputSaved(_) | RunEvent::Ended(_))
                    {
                        self.for_sidecars.push(event.clone());
                    }
                    self.pending.push(event);
                    self.pending.extend(remark);
                    self.due = Instant::now();
                }
            }
            self.unwritten = true;
        }
    }

    /// Says of an output that an earlier run made it too, once for that run.
    fn made_twice(&mut self, event: &RunEvent) -> Option<RunEvent> {
        let RunEvent::OutputSaved(output) = event else { return None };
        match duplicate::warning(&self.store, self.run, output) {
            Ok(Some((earlier, text))) if self.same_as != Some(earlier) => {
                self.same_as = Some(earlier);
                Some(RunEvent::Warning { text })
            }
            Ok(_) => None,
            // It is a remark: the run goes on without.
            Err(error) => {
                tracing::warn!(run = self.run, "whether an output is new cannot be told: {error}");
                None
            }
        }
    }

    fn log(&mut self, text: &str) {
        if self.log_failed {
            return;
        }
        if self.log.is_none() {
            match self.store.log_writer(self.run) {
                Ok(log) => self.log = Some(log),
                Err(error) => return self.give_log_up(&error),
            }
        }
        if let Some(Err(error)) = self.log.as_mut().map(|log| log.append(text)) {
            self.give_log_up(&error);
        }
    }

    /// The picture goes into its file, the word of it into the store.
    fn keep_preview(&mut self, preview: Preview) {
        match self.store.keep_preview(self.run, &preview.bytes) {
            Ok(()) => {
                self.previews += 1;
                let path = self.store.preview_path(self.run);
                let told = Preview { number: self.previews, path, bytes: Vec::new(), ..preview };
                self.pending.push(RunEvent::Preview(told));
            }
            // A preview is only shown: the run succeeds without it.
            Err(error) => tracing::warn!(run = self.run, "a preview is not kept: {error}"),
        }
    }

    /// A run goes on without its log, and says so.
    fn give_log_up(&mut self, error: &StoreError) {
        tracing::warn!(run = self.run, "the log is given up: {error}");
        self.log_failed = true;
        let text = format!("The rest of the log could not be saved: {error}");
        self.pending.push(RunEvent::Warning { text });
    }

    fn write_when_due(&mut self) {
        if self.unwritten && self.due <= Instant::now() {
            self.write();
        }
    }

    /// Writes the log, then the events, so that whoever sees the end sees the whole log.
    fn write(&mut self) {
        if let Some(Err(error)) = self.log.as_mut().filter(|_| !self.log_failed).map(LogWriter::flush) {
            self.give_log_up(&error);
        }
        if let Some(text) = self.log.as_mut().and_then(LogWriter::take_remark) {
            self.pending.push(RunEvent::Warning { text });
        }
        if let Some(preview) = self.preview.take() {
            self.keep_preview(preview);
        }
        if !self.pending.is_empty() {
            self.write_sidecars();
            self.append();
        }
        // The disk took nothing: once more in a while, and events are taken in meanwhile.
        self.unwritten = !self.pending.is_empty();
        self.due = Instant::now() + if self.unwritten { TRY_AGAIN } else { GATHER };
    }

    /// Writes down beside the outputs what made them, as it will stand in the history in a moment.
    fn write_sidecars(&mut self) {
        let Some(sidecars) = &mut self.sidecars else { return };
        if self.for_sidecars.is_empty() {
            return;
        }
        let mut run = match self.store.run(self.run) {
            Ok(Some(run)) => run,
            Ok(None) => return,
            // The same trouble is met, and told, when the events are written.
            Err(error) => return tracing::warn!(run = self.run, "no sidecars: {error}"),
        };
        let now = now();
        self.pending.iter().for_each(|event| run.apply(event, now));
        if let Some(text) = sidecars.take_in(&run, &std::mem::take(&mut self.for_sidecars), now) {
            // Behind the end nothing is heard any more.
            let end = self.pending.iter().position(|event| matches!(event, RunEvent::Ended(_)));
            let at = end.unwrap_or(self.pending.len());
            self.pending.insert(at, RunEvent::Warning { text });
        }
    }

    /// Writes what is pending; what cannot be written now is kept for the next time.
    fn append(&mut self) {
        match self.store.append_or_use_reserve(self.run, now(), &self.pending) {
            Ok(status) => {
                self.status = status;
                for event in self.pending.drain(..) {
                    if let RunEvent::OutputSaved(output) = event {
                        self.store.settle_intent(self.run, &output.path);
                    }
                }
            }
            Err(error) if may_pass(&error) && self.store.is_in_place() => {
                tracing::warn!(run = self.run, "not written, trying again: {error}");
            }
            Err(error) => {
                tracing::error!(run = self.run, "not written: {error}");
                self.pending.clear();
            }
        }
    }

    /// Writes the last of it, however long that takes: an end that nobody wrote down would be told as a runner that went
    /// away. Only a runner that was told to end does not wait for ever.
    async fn write_all(&mut self, stop: Option<Stop>) {
        let mut tries = if stop == Some(Stop::RunnerStopped) { LAST_TRIES } else { usize::MAX };
        loop {
            self.write();
            tries = tries.saturating_sub(1);
            if self.pending.is_empty() || tries == 0 {
                return;
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }
}

/// Ends the backend's work with the task that listens to it.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
