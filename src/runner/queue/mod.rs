//! The queue: which runs may start, which must stop, and when the runner is done.

mod job;
mod over;

use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::{self, JoinSet};

use super::ceiling;
use super::end::{self, Stop};
use super::folder;
use super::retry::{TRIES, TRY_AGAIN};
use super::sidecar::Sidecars;
use super::task::{Start, Way};
use super::{Environment, RunnerError, task as run_task};
use crate::backend::results::outputs::Intent;
use crate::backend::{Backend, Job};
use crate::config::Dirs;
use crate::domain::batch::Hold;
use crate::domain::run::Output;
use crate::domain::{Run, RunEvent, RunId};
use crate::store::{Store, StoreError, Watcher, now, watch};

/// How often the store is polled besides notifications, which some file systems do not send.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);

/// All open runs of one runner.
pub(super) struct Queue {
    store: Rc<Store>,
    environment: Arc<dyn Environment>,
    changed: Arc<Notify>,
    /// `None` when the system's limit of watches is reached; the store is polled more often then.
    watcher: Option<Watcher>,
    signals: Signals,
    active: HashMap<RunId, Active>,
    tasks: JoinSet<()>,
    runs_of_tasks: HashMap<task::Id, RunId>,
}

struct Active {
    url: String,
    /// Whether the next runner can find this run again.
    attach: bool,
    output_dir: PathBuf,
    stop: mpsc::UnboundedSender<Stop>,
    /// The last stop signal sent to its task.
    sent: Option<Stop>,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Caught so that it does not end the process: a closed terminal must not affect runs.
    _hang_up: Signal,
    /// Caught likewise: a file that exceeds `ulimit -f` is an error of that file alone.
    _file_size: Signal,
}

impl Queue {
    pub(super) fn new(
        dirs: &Dirs,
        store: Store,
        environment: Arc<dyn Environment>,
    ) -> Result<Self, RunnerError> {
        let changed = Arc::new(Notify::new());
        let wake = Arc::clone(&changed);
        let watcher = watch(dirs, move || wake.notify_one())
            .inspect_err(|error| tracing::warn!("asking now and then instead: {error}"))
            .ok();
        let listen = |kind| signal(kind).map_err(RunnerError::SetUp);
        let signals = Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            _hang_up: listen(SignalKind::hangup())?,
            _file_size: listen(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        };
        store.keep_reserve();
        Ok(Self {
            store: Rc::new(store),
            environment,
            changed,
            watcher,
            signals,
            active: HashMap::new(),
            tasks: JoinSet::new(),
            runs_of_tasks: HashMap::new(),
        })
    }

    /// Takes over runs that an earlier runner left in flight: a run with a name at its server is found again, any
    /// other is lost. Nothing is sent again, since how far it got is unknown.
    pub(super) fn recover(&mut self) -> Result<(), RunnerError> {
        for left in self.store.runs_in_flight()? {
            if self.active.contains_key(&left.id) {
                continue;
            }
            tracing::warn!(run = left.id, "was left {} by a runner that went away", left.status.word());
            let Some(run) = self.readable(left.id)? else { continue };
            let run = self.confirm(run)?;
            let folder = folder::of(&run, &self.store);
            let backend = self.environment.backend(run.request.protocol);
            let (end, mut events) = match run.prompt_id.clone().filter(|_| backend.caps().attach) {
                None => (end::orphaned(run.status), folder.salvage()),
                Some(prompt_id) => match self.environment.credentials(&run.request) {
                    Ok(credentials) => {
                        // The server sends the log again from its beginning.
                        folder.clear();
                        let job = self.job_of_sent(&run, prompt_id, credentials);
                        self.drive(run, backend, job, Way::Attach);
                        continue;
                    }
                    Err(why) => (end::out_of_reach(&why, &prompt_id), folder.salvage()),
                },
            };
            events.push(RunEvent::Ended(end));
            if run.request.sidecar {
                events = with_sidecars(&run, events);
            }
            self.store.append(run.id, now(), &events)?;
            self.over(&run);
        }
        Ok(())
    }

    /// Adds outputs to the history that were renamed, or about to be, when the runner died.
    fn confirm(&self, run: Run) -> Result<Run, StoreError> {
        let id = run.id;
        let is_new = |output: &Output| run.outputs.iter().all(|known| known.path != output.path);
        let settled = self.store.intents(id);
        let events: Vec<_> =
            settled.iter().filter_map(Intent::settle).filter(is_new).map(RunEvent::OutputSaved).collect();
        if !events.is_empty() {
            self.store.append(id, now(), &events)?;
        }
        self.store.forget_intents(id);
        self.store.run(id)?.ok_or(StoreError::NoSuchRun(id))
    }

    /// Whether a run is in flight or waits for its turn.
    pub(super) fn has_work(&self) -> Result<bool, RunnerError> {
        Ok(self.store.has_work()?)
    }

    /// Works until nothing is left to do (`false`) or the process gets a signal to end (`true`).
    ///
    /// A store that fails for a while delays queued runs, never those in flight.
    pub(super) async fn work(&mut self) -> Result<bool, RunnerError> {
        let mut failures = 0;
        loop {
            if !self.store.is_in_place() {
                return Err(self.leave().await);
            }
            match self.look() {
                Ok(false) if self.active.is_empty() => {
                    self.sweep();
                    return Ok(false);
                }
                Ok(_) => failures = 0,
                Err(error) if self.active.is_empty() && failures >= TRIES => return Err(error),
                Err(error) => {
                    tracing::warn!("trying again: {error}");
                    failures += 1;
                }
            }
            let is_told = failures == 0 && self.watcher.is_some();
            tokio::select! {
                () = self.changed.notified(), if failures == 0 => {}
                () = tokio::time::sleep(if is_told { LOOK_ANYWAY } else { TRY_AGAIN }) => {}
                Some(ended) = self.tasks.join_next_with_id() => self.end_task(ended),
                _ = self.signals.terminate.recv() => { self.stop_all().await; return Ok(true) }
                _ = self.signals.interrupt.recv() => { self.stop_all().await; return Ok(true) }
            }
        }
    }

    /// Deletes credentials that no open run needs.
    fn sweep(&self) {
        match self.store.waiting_handovers() {
            Ok(waiting) => self.environment.sweep(&|token| waiting.contains(token)),
            Err(error) => tracing::warn!("credentials may stay behind: {error}"),
        }
    }

    /// Stops what was cancelled and starts what may go: at each endpoint as many as may be in flight there at once. What
    /// it costs depends on those, not on how many wait. Whether any waits for its turn.
    fn look(&mut self) -> Result<bool, RunnerError> {
        for run in self.store.runs_in_flight()?.iter().filter(|run| run.cancel_asked) {
            self.stop_run(run.id)?;
        }
        let endpoints = self.store.endpoints_with_turns()?;
        for endpoint in &endpoints {
            self.start_at(endpoint)?;
        }
        Ok(!endpoints.is_empty())
    }

    /// Starts as many of the runs that wait at an endpoint as may go at once there, and cost no more than they may.
    fn start_at(&mut self, endpoint: &str) -> Result<(), RunnerError> {
        let Some(first) = self.first_turn(endpoint)? else { return Ok(()) };
        let limits = self.environment.limits(&first.request);
        let most = usize::try_from(limits.at_once.max(1)).unwrap_or(usize::MAX);
        let busy = self.active.values().filter(|active| active.url == endpoint).count();
        for id in self.store.next_turns(endpoint, most.saturating_sub(busy))? {
            let Some(run) = self.readable(id)? else { continue };
            if let Some(hold) = ceiling::reached(&self.store, &run, limits.most_a_day, now())? {
                tracing::warn!(run = id, "{}", hold.why());
                match (hold, run.request.batch) {
                    (Hold::DayCost, _) | (_, None) => self.store.hold_costly(hold)?,
                    (Hold::BatchCost | Hold::Asked | Hold::Secrets | Hold::Queueing, Some(place)) => {
                        self.store.hold_batch(place.batch, hold)?
                    }
                };
                break;
            }
            // The rest of a batch would fail with it, for want of what can be given again.
            if let Some(place) = run.request.batch.filter(|_| self.environment.are_secrets_gone(&run.request))
            {
                tracing::warn!(run = id, "batch {} {}", place.batch, Hold::Secrets.why());
                self.store.hold_batch(place.batch, Hold::Secrets)?;
                break;
            }
            self.start(run)?;
        }
        Ok(())
    }

    /// The run whose turn it is at an endpoint.
    fn first_turn(&self, endpoint: &str) -> Result<Option<Run>, RunnerError> {
        loop {
            let Some(id) = self.store.next_turns(endpoint, 1)?.first().copied() else { return Ok(None) };
            // `readable` ends a run that cannot be read, so the next turn is another one.
            if let Some(run) = self.readable(id)? {
                return Ok(Some(run));
            }
        }
    }

    /// Passes a person's wish to cancel, and not to wait any longer, on to the run's task. Both may arrive at once.
    fn stop_run(&mut self, id: RunId) -> Result<(), RunnerError> {
        while let Some(sent) = self.active.get(&id).map(|active| active.sent) {
            let asked = match sent {
                None => Stop::Cancelled,
                Some(Stop::Cancelled) if self.readable(id)?.is_some_and(|run| run.let_go) => Stop::LetGo,
                Some(_) => break,
            };
            if let Some(active) = self.active.get_mut(&id) {
                active.send_stop(asked);
            }
        }
        Ok(())
    }

    fn start(&mut self, run: Run) -> Result<(), RunnerError> {
        let id = run.id;
        let backend = self.environment.backend(run.request.protocol);
        let (mut job, way) = match self.job(&run, backend.caps()) {
            Ok(job) => job,
            Err(error) => {
                tracing::warn!(run = id, "not sent: {}", error.what);
                self.store.append(id, now(), &[RunEvent::Ended(end::unsent(error))])?;
                self.over(&run);
                return Ok(());
            }
        };
        // From here on the run counts as sent.
        let Some(run) = self.store.take(id, now(), job.prompt_id.as_deref())? else { return Ok(()) };
        if run.request.adopt.is_some() {
            job.saved = self.take_over(&run)?;
        }
        tracing::info!(run = id, "sent");
        self.drive(run, backend, job, way);
        Ok(())
    }

    /// Starts a task that drives a run to its end.
    fn drive(&mut self, run: Run, backend: Arc<dyn Backend>, job: Job, way: Way) {
        let (stop, stopped) = mpsc::unbounded_channel();
        let attach = backend.caps().attach && job.prompt_id.is_some();
        let task = run_task::drive(
            Rc::clone(&self.store),
            backend,
            job,
            Start { way, status: run.status, sidecar: run.request.sidecar },
            stopped,
        );
        let handle = self.tasks.spawn_local(task);
        self.runs_of_tasks.insert(handle.id(), run.id);
        self.active.insert(
            run.id,
            Active { url: run.request.url, attach, output_dir: run.request.output_dir, stop, sent: None },
        );
    }

    /// Reads a run. One that cannot be read is ended, so that it does not block the others.
    fn readable(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        match self.store.run(id) {
            Err(StoreError::DamagedRun { why, .. }) => {
                tracing::error!(run = id, "cannot be read in the history: {why}");
                self.store.give_up(id, now())?;
                Ok(None)
            }
            run => run,
        }
    }

    /// Handles the end of a task, also by a panic.
    fn end_task(&mut self, ended: Result<(task::Id, ()), task::JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(run) = self.runs_of_tasks.remove(&id) else { return };
        self.active.remove(&run);
        if let Err(error) = ended {
            tracing::error!(run, "the task broke: {error}");
            let end = RunEvent::Ended(end::panicked());
            if let Err(error) = self.store.append(run, now(), &[end]) {
                tracing::error!(run, "its end is not written: {error}");
            }
        }
        match self.readable(run) {
            Ok(Some(run)) if run.status.is_end() => self.over(&run),
            Ok(_) => {}
            Err(error) => tracing::warn!(run, "its credentials may stay behind: {error}"),
        }
    }

    /// The history is gone from its folder: nothing more is sent. Runs in flight continue only when they could not be
    /// found again and their output folder still exists.
    async fn leave(&mut self) -> RunnerError {
        let gone = RunnerError::HistoryGone(self.store.folder().to_owned());
        tracing::error!("{gone}");
        loop {
            for active in self.active.values_mut().filter(|active| active.sent.is_none()) {
                if active.attach || !active.output_dir.is_dir() {
                    active.send_stop(Stop::RunnerStopped);
                }
            }
            tokio::select! {
                ended = self.tasks.join_next_with_id() => match ended {
                    Some(ended) => self.end_task(ended),
                    None => return gone,
                },
                // The output folder may disappear, too.
                () = tokio::time::sleep(LOOK_ANYWAY) => {}
                _ = self.signals.terminate.recv() => self.stop_all().await,
            }
        }
    }

    /// Ends all runs in flight that cannot be found again, as lost; queued runs stay queued.
    async fn stop_all(&mut self) {
        tracing::warn!("told to end with {} runs in flight", self.active.len());
        for active in self.active.values_mut() {
            active.send_stop(Stop::RunnerStopped);
        }
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.end_task(ended);
        }
    }
}

impl Active {
    fn send_stop(&mut self, stop: Stop) {
        self.sent = Some(stop);
        // Fails only for a run that has just ended.
        let _ = self.stop.send(stop);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Distinguishes a store failure from a normal end in the log.
        if !self.active.is_empty() {
            tracing::error!(
                "{} runs are left to the next runner, which finds them again or ends them as lost",
                self.active.len()
            );
        }
    }
}

/// Updates the sidecar files of a run's outputs to its last events, and returns these events plus
/// any problem with the files.
fn with_sidecars(run: &Run, events: Vec<RunEvent>) -> Vec<RunEvent> {
    let (mut after, at) = (run.clone(), now());
    events.iter().for_each(|event| after.apply(event, at));
    let warning = Sidecars::resume(run).take_in(&after, &events, at);
    warning.map(|text| RunEvent::Warning { text }).into_iter().chain(events).collect()
}
