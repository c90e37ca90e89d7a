//! The queue: who may go, who must stop, and until when there is something to do.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::{self, JoinSet};
use uuid::Uuid;

use super::end::{self, Stop};
use super::folder;
use super::retry::{TRIES, TRY_AGAIN};
use super::sidecar::Sidecars;
use super::task::{Start, Way};
use super::{ANOTHER_FOLDER, Environment, RunnerError, task as run_task};
use crate::backend::results::outputs::Intent;
use crate::backend::{Backend, Caps, Job, Server};
use crate::config::{Credentials, Dirs};
use crate::domain::run::{Output, RunError};
use crate::domain::{Run, RunEvent, RunId, RunRequest, Shape, Status, Workflow};
use crate::store::{Store, StoreError, Watcher, now, watch};

/// How often the store is looked at though nothing tells of a change: some disks tell nothing.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);

/// All runs of one runner.
pub(super) struct Queue {
    store: Rc<Store>,
    environment: Arc<dyn Environment>,
    changed: Arc<Notify>,
    /// `None` when the system has no watch left to give: then the store is asked more often.
    watcher: Option<Watcher>,
    signals: Signals,
    /// Runs that wait for their turn, oldest first.
    waiting: BTreeMap<RunId, Turn>,
    active: HashMap<RunId, Active>,
    tasks: JoinSet<()>,
    runs_of_tasks: HashMap<task::Id, RunId>,
}

/// What decides when a run may go.
struct Turn {
    url: String,
    concurrency: usize,
}

struct Active {
    url: String,
    /// The next runner can find it again.
    attach: bool,
    output_dir: PathBuf,
    stop: mpsc::UnboundedSender<Stop>,
    /// The last that it was told.
    told: Option<Stop>,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Listened to so that it does not end the process: a terminal that goes away is none of our business.
    _hang_up: Signal,
    /// Likewise: a file that grows over a limit (`ulimit -f`) is an error of that file alone.
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
            waiting: BTreeMap::new(),
            active: HashMap::new(),
            tasks: JoinSet::new(),
            runs_of_tasks: HashMap::new(),
        })
    }

    /// Takes over what an earlier runner left in flight: a run that its server knows by name is found again, any other
    /// is lost. None is ever sent again: how far it came is not known.
    pub(super) fn recover(&mut self) -> Result<(), RunnerError> {
        let open = self.store.open_runs()?;
        let left = open.iter().filter(|run| run.status.is_in_flight() && !self.active.contains_key(&run.id));
        for left in left.cloned().collect::<Vec<_>>() {
            tracing::warn!(run = left.id, "was left {} by a runner that went away", left.status.word());
            let Some(run) = self.readable(left.id)? else { continue };
            let run = self.confirm(run)?;
            let folder = folder::of(&run, &self.store);
            let backend = self.environment.backend(run.request.protocol);
            let (end, mut events) = match run.prompt_id.clone().filter(|_| backend.caps().attach) {
                None => (end::orphaned(run.status), folder.salvage()),
                Some(prompt_id) => match self.environment.credentials(&run.request) {
                    Ok(credentials) => {
                        // It comes once more, whole.
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

    /// Takes outputs into the history that got their names, or were about to, when the runner went away.
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

    /// Whether any run has not ended.
    pub(super) fn has_open_runs(&self) -> Result<bool, RunnerError> {
        Ok(!self.store.open_runs()?.is_empty())
    }

    /// Works until no run is open (`false`) or the process is told to end (`true`).
    ///
    /// A store that cannot be used for a while holds up what is queued, never what is in flight.
    pub(super) async fn work(&mut self) -> Result<bool, RunnerError> {
        let mut failures = 0;
        loop {
            if !self.store.is_in_place() {
                return Err(self.leave().await);
            }
            match self.look() {
                Ok(()) if self.active.is_empty() && self.waiting.is_empty() => {
                    self.environment.sweep();
                    return Ok(false);
                }
                Ok(()) => failures = 0,
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

    /// Reads the store, stops what was cancelled and starts what may go.
    fn look(&mut self) -> Result<(), RunnerError> {
        let open = self.store.open_runs()?;
        let queued: HashSet<RunId> =
            open.iter().filter(|run| run.status == Status::Queued).map(|run| run.id).collect();
        let gone: Vec<RunId> = self.waiting.keys().filter(|id| !queued.contains(id)).copied().collect();
        for id in gone {
            self.waiting.remove(&id);
            self.discard(id)?;
        }
        for run in open {
            if run.cancel_asked {
                self.stop_run(run.id)?;
            }
            if run.status == Status::Queued && !self.waiting.contains_key(&run.id) {
                let Some(Run { request, .. }) = self.readable(run.id)? else { continue };
                let concurrency = usize::try_from(request.concurrency.max(1)).unwrap_or(usize::MAX);
                self.waiting.insert(run.id, Turn { url: request.url, concurrency });
            }
        }
        for id in self.next() {
            self.waiting.remove(&id);
            self.start(id)?;
        }
        Ok(())
    }

    /// Passes on to a run what a person asked for; both at once, when it was asked while nobody looked.
    fn stop_run(&mut self, id: RunId) -> Result<(), RunnerError> {
        while let Some(told) = self.active.get(&id).map(|active| active.told) {
            let asked = match told {
                None => Stop::Cancelled,
                Some(Stop::Cancelled) if self.readable(id)?.is_some_and(|run| run.let_go) => Stop::LetGo,
                Some(_) => break,
            };
            if let Some(active) = self.active.get_mut(&id) {
                active.tell(asked);
            }
        }
        Ok(())
    }

    /// Runs that may go now. Among those of one endpoint none overtakes another.
    fn next(&self) -> Vec<RunId> {
        let mut busy: HashMap<&str, usize> = HashMap::new();
        for active in self.active.values() {
            *busy.entry(&active.url).or_default() += 1;
        }
        let mut held_up: HashSet<&str> = HashSet::new();
        let mut next = Vec::new();
        for (id, turn) in &self.waiting {
            let busy = busy.entry(&turn.url).or_default();
            if *busy >= turn.concurrency || held_up.contains(turn.url.as_str()) {
                held_up.insert(&turn.url);
            } else {
                *busy += 1;
                next.push(*id);
            }
        }
        next
    }

    fn start(&mut self, id: RunId) -> Result<(), RunnerError> {
        let Some(run) = self.readable(id)? else { return Ok(()) };
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
        // From here on it counts as sent.
        let Some(run) = self.store.take(id, now(), job.prompt_id.as_deref())? else { return Ok(()) };
        if run.request.adopt.is_some() {
            job.saved = self.take_over(&run)?;
        }
        tracing::info!(run = id, "sent");
        self.drive(run, backend, job, way);
        Ok(())
    }

    /// Takes over what an earlier run of the same name brought and is still there, and tells the names: a fetch after
    /// one that could not be saved brings only that one.
    fn take_over(&self, run: &Run) -> Result<Vec<String>, StoreError> {
        let Some(prompt_id) = &run.request.adopt else { return Ok(Vec::new()) };
        let earlier =
            self.store.run_named_before(prompt_id, run.id)?.map(|id| self.readable(id)).transpose()?;
        let Some(earlier) = earlier.flatten() else { return Ok(Vec::new()) };
        let is_there = |output: &Output| {
            std::fs::metadata(&output.path).is_ok_and(|found| found.is_file() && found.len() == output.size)
        };
        // Of several with the same name it is not known which of them failed.
        let is_clear =
            |output: &Output| !earlier.failed_outputs.iter().any(|failed| failed.name == output.name);
        let there: Vec<Output> = earlier
            .outputs
            .iter()
            .filter(|output| output.path.starts_with(&run.request.output_dir))
            .filter(|output| is_clear(output) && is_there(output))
            .cloned()
            .collect();
        let names = there.iter().map(|output| output.name.clone()).collect();
        let events: Vec<RunEvent> = there.into_iter().map(RunEvent::OutputSaved).collect();
        if !events.is_empty() {
            self.store.append(run.id, now(), &events)?;
        }
        Ok(names)
    }

    /// Has a run driven to its end by a task of its own.
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
            Active { url: run.request.url, attach, output_dir: run.request.output_dir, stop, told: None },
        );
    }

    /// A run of the history. One that cannot be read is ended, so that it does not stand in the way of the others.
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

    /// A run that was cancelled in the queue needs what was handed over for it no more.
    fn discard(&self, id: RunId) -> Result<(), RunnerError> {
        if let Some(run) = self.readable(id)? {
            self.over(&run);
        }
        Ok(())
    }

    /// Gathers what a backend needs for a run that is not in flight yet.
    fn job(&self, run: &Run, caps: Caps) -> Result<(Job, Way), RunError> {
        let request = &run.request;
        if let Some(prompt_id) = &request.adopt {
            if !caps.attach {
                let what = "this endpoint cannot find a run again".to_owned();
                return Err(RunError { what, ..RunError::default() });
            }
            let credentials = self.environment.credentials(request)?;
            return Ok((self.job_of_sent(run, prompt_id.clone(), credentials), Way::Attach));
        }
        // Once more: hours may have passed in the queue.
        folder::try_out(request, &self.store).map_err(|why| RunError {
            what: why.to_string(),
            remedy: ANOTHER_FOLDER.to_owned(),
            ..RunError::default()
        })?;
        let mut files = Vec::new();
        for file in &request.files {
            let content = self.store.input_path(&file.sha256);
            if !content.is_file() {
                return Err(RunError {
                    what: format!("the content of {} is not in the history any more", file.name),
                    remedy: "Choose the file again, then run".to_owned(),
                    ..RunError::default()
                });
            }
            files.push((file.clone(), content));
        }
        let is_needed = request.send_workflow || caps.shape == Shape::Graph;
        let workflow = is_needed.then(|| self.workflow(&request.workflow_hash)).transpose()?;
        let job = Job {
            run: run.id,
            server: server(request, self.environment.credentials(request)?),
            prompt_id: caps.attach.then(|| Uuid::new_v4().to_string()),
            params: request.params.clone(),
            files,
            workflow,
            logs: request.logs,
            outputs: folder::of(run, &self.store),
            left_at: None,
            saved: Vec::new(),
        };
        Ok((job, Way::Submit))
    }

    /// What a backend needs for a run that its server has.
    fn job_of_sent(&self, run: &Run, prompt_id: String, credentials: Credentials) -> Job {
        let request = &run.request;
        let is_sent_from_here = request.adopt.is_none() || run.status > Status::Waiting;
        Job {
            run: run.id,
            server: server(request, credentials),
            prompt_id: Some(prompt_id),
            left_at: is_sent_from_here.then_some(run.status),
            logs: request.logs,
            // For its nodes' names: it is not sent.
            workflow: self.store.workflow(&request.workflow_hash).ok().flatten(),
            outputs: folder::of(run, &self.store),
            saved: run.outputs.iter().map(|output| output.name.clone()).collect(),
            ..Job::default()
        }
    }

    fn workflow(&self, hash: &str) -> Result<String, RunError> {
        let gone = |what: String| RunError { what, ..RunError::default() };
        match self.store.workflow(hash) {
            // Without notes and needless white space: servers limit the size.
            Ok(Some(text)) => {
                Ok(Workflow::parse(&text).map_or(text, |workflow| workflow.compact().to_owned()))
            }
            Ok(None) => Err(gone("the workflow to send is not in the history any more".to_owned())),
            Err(error) => Err(gone(error.to_string())),
        }
    }

    /// A run has ended: what was kept for it alone goes.
    fn over(&self, run: &Run) {
        self.store.forget_intents(run.id);
        self.environment.release(&run.request);
        self.store.drop_preview(run.id);
    }

    /// A task has come to its end, one way or another.
    fn end_task(&mut self, ended: Result<(task::Id, ()), task::JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(run) = self.runs_of_tasks.remove(&id) else { return };
        self.active.remove(&run);
        if let Err(error) = ended {
            tracing::error!(run, "the task broke: {error}");
            let end = RunEvent::Ended(end::broken());
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

    /// The history is gone from its place: nothing more is sent. What is in flight goes on only where it could not be found
    /// again and there is still a folder for what it makes.
    async fn leave(&mut self) -> RunnerError {
        let gone = RunnerError::HistoryGone(self.store.folder().to_owned());
        tracing::error!("{gone}");
        self.waiting.clear();
        loop {
            for active in self.active.values_mut().filter(|active| active.told.is_none()) {
                if active.attach || !active.output_dir.is_dir() {
                    active.tell(Stop::RunnerStopped);
                }
            }
            tokio::select! {
                ended = self.tasks.join_next_with_id() => match ended {
                    Some(ended) => self.end_task(ended),
                    None => return gone,
                },
                // The folder for what they make may go, too.
                () = tokio::time::sleep(LOOK_ANYWAY) => {}
                _ = self.signals.terminate.recv() => self.stop_all().await,
            }
        }
    }

    /// Ends everything in flight that cannot be found again as lost; what is queued stays queued.
    async fn stop_all(&mut self) {
        tracing::warn!("told to end with {} runs in flight", self.active.len());
        for active in self.active.values_mut() {
            active.tell(Stop::RunnerStopped);
        }
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.end_task(ended);
        }
    }
}

impl Active {
    fn tell(&mut self, stop: Stop) {
        self.told = Some(stop);
        // A run that has just ended does not listen any more.
        let _ = self.stop.send(stop);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // Tells a store that cannot be used any more apart from a quiet end.
        if !self.active.is_empty() {
            tracing::error!(
                "{} runs are left to the next runner, which finds them again or ends them as lost",
                self.active.len()
            );
        }
    }
}

/// Brings the files that tell what made a run's outputs up to date with its last events, and gives these with what there
/// is to tell of that.
fn with_sidecars(run: &Run, events: Vec<RunEvent>) -> Vec<RunEvent> {
    let (mut after, at) = (run.clone(), now());
    events.iter().for_each(|event| after.apply(event, at));
    let told = Sidecars::resume(run).take_in(&after, &events, at);
    told.map(|text| RunEvent::Warning { text }).into_iter().chain(events).collect()
}

fn server(request: &RunRequest, credentials: Credentials) -> Server {
    Server { url: request.url.clone(), api_url: request.api_url.clone(), credentials }
}
