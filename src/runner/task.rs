//! Drives one run in flight: takes its backend's events, and writes store and log.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinError};
use tokio::time::Instant;

use super::cancel;
use super::drift;
use super::duplicate;
use super::end::{self, Stop};
use super::retry::{TRY_AGAIN, may_pass};
use super::sidecar::Sidecars;
use crate::backend::{Backend, BackendError, Job};
use crate::config::Veil;
use crate::domain::run::{End, Preview};
use crate::domain::{RunEvent, RunId, Status};
use crate::store::{LogWriter, Store, StoreError, now};

/// Events a backend may send before the store has taken them.
const AHEAD: usize = 1_024;

/// Log lines and transient events are collected for this long; everything else is written at once.
const GATHER: Duration = Duration::from_millis(50);

/// Largest preview kept, in bytes; ComfyUI's are about 90,000.
const MAX_PREVIEW: usize = 8 << 20;

/// Retries of the last write when the runner has to end.
const LAST_TRIES: usize = 5;

/// Longest wait for the server to confirm a cancel when an upload was interrupted.
const LAST_WORD: Duration = Duration::from_secs(10);

/// Whether a run is sent or found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Submit,
    Attach,
}

/// What a run's task starts with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) way: Way,
    pub(super) status: Status,
    /// Whether to write a sidecar beside each output.
    pub(super) sidecar: bool,
}

/// Drives one run from `status` to its end and records it. When the runner has to end, a run with a name at its
/// server stays open: the next runner finds it again.
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
    // A task of its own, which can be aborted as a whole and whose panics are caught.
    let (worker, events_out) = (Arc::clone(&backend), sink.clone());
    let mut work = tokio::spawn(async move {
        match way {
            Way::Submit => worker.submit(job, events_out).await,
            Way::Attach => worker.attach(job, events_out).await,
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
                        // The server does not run half a request, so nothing is lost.
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
    // Events sent before the end still count: one may be the end itself.
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
            // The whole request may have arrived. The server's answer does not change the run any more.
            let _ = tokio::time::timeout(LAST_WORD, backend.cancel(server, prompt_id)).await;
        }
        record.take_in([RunEvent::Ended(end(outcome, stop, record.status))]);
        record.write_all(stop).await;
    }
}

/// The end of a run whose backend sent no end event.
fn end(outcome: Result<Result<(), BackendError>, JoinError>, stop: Option<Stop>, status: Status) -> End {
    match (outcome, stop) {
        (Ok(Err(error)), _) => end::of_error(error),
        (Err(error), _) if error.is_panic() => end::panicked(),
        (_, Some(stop)) => end::stopped(stop, status),
        _ => end::without_end(),
    }
}

/// What happened to a run, and what of it is not written yet.
struct Record {
    store: Rc<Store>,
    run: RunId,
    /// Replaces secrets in everything that is written.
    veil: Veil,
    log: Option<LogWriter>,
    log_failed: bool,
    pending: Vec<RunEvent>,
    /// The newest preview, and how many there were.
    preview: Option<Preview>,
    previews: u64,
    /// The earlier run with the same outputs, once the warning was given.
    same_as: Option<RunId>,
    /// `None` when the run wants no sidecars.
    sidecars: Option<Sidecars>,
    /// Events not yet passed to the sidecars.
    for_sidecars: Vec<RunEvent>,
    /// The run's status in the store.
    status: Status,
    /// Whether transient data waits to be written at `due`.
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
                        let graph = std::mem::take(&mut result.prompt);
                        self.pending.extend(self.drifted(&graph));
                        // The graph is additional: without it the run is still complete.
                        match self.store.add_graph(&graph) {
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

    /// A warning when an earlier run made the same output, once for each earlier run.
    fn made_twice(&mut self, event: &RunEvent) -> Option<RunEvent> {
        let RunEvent::OutputSaved(output) = event else { return None };
        match duplicate::warning(&self.store, self.run, output) {
            Ok(Some((earlier, text))) if self.same_as != Some(earlier) => {
                self.same_as = Some(earlier);
                Some(RunEvent::Warning { text })
            }
            Ok(_) => None,
            // Only a warning: the run continues without it.
            Err(error) => {
                tracing::warn!(run = self.run, "whether an output is new cannot be told: {error}");
                None
            }
        }
    }

    /// The warning when another graph ran than the workflow here.
    fn drifted(&self, graph: &str) -> Option<RunEvent> {
        match drift::warning(&self.store, self.run, graph) {
            Ok(text) => text.map(|text| RunEvent::Warning { text }),
            Err(error) => {
                tracing::warn!(run = self.run, "the graph that ran cannot be compared: {error}");
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

    /// Writes the picture to its file; the event goes into the store.
    fn keep_preview(&mut self, preview: Preview) {
        match self.store.keep_preview(self.run, &preview.bytes) {
            Ok(()) => {
                self.previews += 1;
                let path = self.store.preview_path(self.run);
                let stored = Preview { number: self.previews, path, bytes: Vec::new(), ..preview };
                self.pending.push(RunEvent::Preview(stored));
            }
            // Previews are only shown: the run succeeds without.
            Err(error) => tracing::warn!(run = self.run, "a preview is not kept: {error}"),
        }
    }

    /// Continues the run without its log, and says so.
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

    /// Writes the log, then the events, so that whoever sees the end also finds the whole log.
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
        // The write failed: tried again later, while events are still taken in.
        self.unwritten = !self.pending.is_empty();
        self.due = Instant::now() + if self.unwritten { TRY_AGAIN } else { GATHER };
    }

    /// Writes the sidecars of new outputs, with the run as the history will have it in a moment.
    fn write_sidecars(&mut self) {
        let Some(sidecars) = &mut self.sidecars else { return };
        if self.for_sidecars.is_empty() {
            return;
        }
        let mut run = match self.store.run(self.run) {
            Ok(Some(run)) => run,
            Ok(None) => return,
            // The same error occurs, and is reported, when the events are written.
            Err(error) => return tracing::warn!(run = self.run, "no sidecars: {error}"),
        };
        let now = now();
        self.pending.iter().for_each(|event| run.apply(event, now));
        if let Some(text) = sidecars.take_in(&run, &std::mem::take(&mut self.for_sidecars), now) {
            // Events after the end are ignored.
            let end = self.pending.iter().position(|event| matches!(event, RunEvent::Ended(_)));
            let at = end.unwrap_or(self.pending.len());
            self.pending.insert(at, RunEvent::Warning { text });
        }
    }

    /// Writes pending events; those that fail to be written are kept for the next time.
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

    /// Writes everything left, however long it takes: a run without a recorded end would look as if its runner had
    /// died. Only a runner that has to end gives up after some tries.
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

/// Aborts the backend's task when its listener is dropped.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
