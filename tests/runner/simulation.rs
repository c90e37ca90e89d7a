//! Random histories of a runner against what must be true of every one: a run is paid for once, what was made is kept,
//! and what is told is so. People queue, cancel and fetch, runners are killed, lines break, servers write their records
//! late, the disk fills up and has room again (a real one, in memory, where one can be mounted). The clock is simulated;
//! each history follows from its number.
//!
//! `SIMULATE=100000 cargo test --release --test runner simulation -- --nocapture` tries that many.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use comfydeck::backend::{Backend, BackendError, BoxFuture, Caps, EventSink, Job, Server};
use comfydeck::config::{Credentials, Dirs};
use comfydeck::domain::run::{End, Protocol, RunError};
use comfydeck::domain::{Run, RunEvent, RunId, RunRequest, Status};
use comfydeck::runner::{self, Environment, Limits};
use comfydeck::store::{RunQuery, Store, now};
use fastrand::Rng;
use serde_json::Value;
use tokio::time::Instant;

use crate::mount::Mount;

/// Histories that are tried each time.
const USUAL: u64 = 60;

/// How long a server is asked for a record of a run that may never have arrived.
const SETTLE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Made(usize),
    Failed,
    Refused,
}

/// A run as its server has it.
#[derive(Clone, Debug)]
struct Remote {
    fate: Fate,
    /// From when on its record can be read.
    recorded: Instant,
    ends: Instant,
    stopped: bool,
}

/// All servers, and the chance that they act by.
struct World {
    rng: Rng,
    /// By the run's name at its server; of a streaming endpoint, which gives none, by its number here.
    remotes: HashMap<String, Remote>,
    /// How often each was sent.
    sent: HashMap<RunId, u32>,
}

#[derive(Clone)]
struct Sim {
    world: Arc<Mutex<World>>,
    protocol: Protocol,
}

fn error(what: &str) -> RunError {
    RunError { what: what.to_owned(), ..RunError::default() }
}

impl Sim {
    fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.lock().expect("whole"))
    }

    fn name(job: &Job) -> String {
        job.prompt_id.clone().unwrap_or_else(|| job.run.to_string())
    }

    async fn drive(&self, job: &Job, events: &EventSink) -> Result<(), BackendError> {
        let say = async |event| events.send(event).await.map_err(|_| BackendError::Lost(error("unheard")));
        let name = Self::name(job);
        let (upload, thinking, fate, late, breaks) = self.with(|world| {
            let rng = &mut world.rng;
            let seconds = |rng: &mut Rng, most: u64| Duration::from_millis(rng.u64(0..most * 1000));
            let fate = match rng.u8(0..10) {
                0 => Fate::Refused,
                1 | 2 => Fate::Failed,
                made => Fate::Made(usize::from(made % 3)),
            };
            let late = if rng.u8(0..4) == 0 { seconds(rng, 50) } else { Duration::ZERO };
            (seconds(rng, 5), seconds(rng, 20), fate, late, rng.u8(0..5) == 0)
        });
        tokio::time::sleep(upload).await;
        if fate == Fate::Refused {
            return Err(BackendError::Refused(error("no")));
        }
        self.with(|world| {
            *world.sent.entry(job.run).or_default() += 1;
            let remote = Remote {
                fate,
                recorded: Instant::now() + late,
                ends: Instant::now() + thinking,
                stopped: false,
            };
            world.remotes.insert(name.clone(), remote);
        });
        say(RunEvent::Phase { status: Status::Waiting }).await?;
        if breaks {
            tokio::time::sleep(thinking / 2).await;
            if !self.caps().attach {
                return Err(BackendError::Lost(error("the line broke")));
            }
        }
        self.follow(job, events, &name).await
    }

    /// Follows a run that its server has to its end.
    async fn follow(&self, job: &Job, events: &EventSink, name: &str) -> Result<(), BackendError> {
        let say = async |event| events.send(event).await.map_err(|_| BackendError::Lost(error("unheard")));
        say(RunEvent::Phase { status: Status::Running }).await?;
        loop {
            let remote = self.with(|world| world.remotes[name].clone());
            if remote.stopped {
                return say(end(Status::Cancelled)).await;
            }
            if Instant::now() >= remote.ends {
                return match remote.fate {
                    Fate::Made(outputs) => self.download(job, events, outputs).await,
                    Fate::Failed | Fate::Refused => Err(BackendError::Failed(error("out of memory"))),
                };
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }

    async fn download(&self, job: &Job, events: &EventSink, outputs: usize) -> Result<(), BackendError> {
        let say = async |event| events.send(event).await.map_err(|_| BackendError::Lost(error("unheard")));
        say(RunEvent::Phase { status: Status::Downloading }).await?;
        for name in (0..outputs).map(|number| format!("{number}.png")) {
            if job.saved.contains(&name) {
                continue;
            }
            let failed = |_| BackendError::Failed(error("the disk"));
            let mut file = job.outputs.begin().map_err(failed)?;
            tokio::time::sleep(Duration::from_millis(300)).await;
            file.write(name.as_bytes()).map_err(failed)?;
            let kept = file.keep(&name, "image/png").map_err(failed)?;
            say(RunEvent::OutputSaved(kept.output)).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        say(end(Status::Done)).await
    }
}

fn end(status: Status) -> RunEvent {
    RunEvent::Ended(End { status, error: None, server_seconds: None })
}

impl Backend for Sim {
    fn caps(&self) -> Caps {
        self.protocol.caps()
    }

    fn submit(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move { self.drive(&job, &events).await })
    }

    fn attach(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let (name, begun) = (Self::name(&job), Instant::now());
            loop {
                let recorded = self.with(|world| world.remotes.get(&name).map(|remote| remote.recorded));
                match recorded {
                    Some(recorded) if recorded <= Instant::now() => {
                        return self.follow(&job, &events, &name).await;
                    }
                    _ if begun.elapsed() > SETTLE => {
                        return Err(BackendError::Lost(error("no record of it")));
                    }
                    _ => tokio::time::sleep(Duration::from_secs(2)).await,
                }
            }
        })
    }

    fn cancel(&self, _: Server, prompt_id: String) -> BoxFuture<'_, Result<(), RunError>> {
        Box::pin(async move {
            self.with(|world| {
                if let Some(remote) = world.remotes.get_mut(&prompt_id) {
                    remote.stopped |= Instant::now() < remote.ends;
                }
            });
            Ok(())
        })
    }
}

struct Servers(Arc<Mutex<World>>);

impl Environment for Servers {
    fn backend(&self, protocol: Protocol) -> Arc<dyn Backend> {
        Arc::new(Sim { world: Arc::clone(&self.0), protocol })
    }

    fn credentials(&self, _: &RunRequest) -> Result<Credentials, RunError> {
        Ok(Credentials::default())
    }

    fn release(&self, _: &RunRequest) {}

    fn sweep(&self, _: &dyn Fn(&str) -> bool) {}

    fn are_secrets_gone(&self, _: &RunRequest) -> bool {
        false
    }

    fn finished(&self, _: RunId, _: Status, _: &dyn Fn() -> Value) {}

    fn limits(&self, request: &RunRequest) -> Limits {
        Limits { at_once: request.concurrency, most_a_day: None }
    }
}

/// What people and machines do.
#[derive(Clone, Copy, Debug)]
enum Act {
    Queue(Protocol),
    Cancel,
    Fetch,
    Kill,
    /// Something else takes all space of the disk but for so many bytes.
    Fill(u64),
    Free,
}

impl Act {
    fn random(rng: &mut Rng) -> Self {
        match rng.u8(0..13) {
            0 | 1 => Self::Queue(Protocol::Stream),
            2..=4 => Self::Queue(Protocol::Cloud),
            5 => Self::Cancel,
            6 => Self::Fetch,
            7 | 8 => Self::Fill(rng.u64(0..64 * 1024)),
            9 => Self::Free,
            _ => Self::Kill,
        }
    }
}

struct History {
    store: Store,
    dirs: Dirs,
    world: Arc<Mutex<World>>,
    rng: Rng,
    disk: Option<Disk>,
    kills: u32,
    fills: u32,
    cancelled: Vec<RunId>,
}

/// A small disk in memory, and what takes its space.
struct Disk {
    mount: Mount,
    full: bool,
}

impl Disk {
    /// Large enough for a history; as large as the space that the history wants to have left, and more.
    const SIZE: &str = "size=24m";

    fn new(folder: &Path) -> Option<Self> {
        Mount::new(folder, Self::SIZE).map(|mount| Self { mount, full: false })
    }

    fn ballast(&self) -> PathBuf {
        self.mount.folder().join("ballast")
    }

    fn fill(&mut self, left: u64) {
        let space = rustix::fs::statvfs(self.mount.folder()).expect("a disk");
        let taken = (space.f_bavail * space.f_frsize).saturating_sub(left);
        let mut file = File::options().create(true).append(true).open(self.ballast()).expect("opened");
        // What is left may be less by a block; how full it is does not matter to the last byte.
        let _ = file.write_all(&vec![b'.'; usize::try_from(taken).expect("small")]);
        self.full = true;
    }

    fn free(&mut self) {
        if std::mem::take(&mut self.full) {
            std::fs::remove_file(self.ballast()).expect("removed");
        }
    }
}

impl History {
    fn queue(&self, home: &Path, protocol: Protocol, adopt: Option<String>) {
        let request = RunRequest {
            url: "sim:".to_owned(),
            protocol,
            adopt,
            concurrency: 2,
            output_dir: home.join("out"),
            ..RunRequest::default()
        };
        match self.store.queue(&request, now()) {
            Ok(_) => {}
            Err(_) if self.is_full() => {}
            Err(error) => panic!("not queued: {error}"),
        }
    }

    fn is_full(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.full)
    }

    fn all(&self) -> Vec<Run> {
        let summaries = self.store.summaries(&RunQuery::default()).expect("a list");
        summaries.iter().map(|run| self.store.run(run.id).expect("read").expect("there")).collect()
    }

    fn act(&mut self, home: &Path, act: Act) {
        let runs = self.all();
        let Some(run) = self.rng.choice(&runs) else { return self.queue(home, Protocol::Cloud, None) };
        match act {
            Act::Queue(protocol) => self.queue(home, protocol, None),
            Act::Cancel => match self.store.ask_cancel(run.id, now()) {
                Ok(_) => self.cancelled.push(run.id),
                Err(_) if self.is_full() => {}
                Err(error) => panic!("not asked to cancel: {error}"),
            },
            Act::Fetch => match &run.prompt_id {
                Some(prompt_id) if run.status.is_end() => {
                    self.queue(home, Protocol::Cloud, Some(prompt_id.clone()));
                }
                _ => {}
            },
            Act::Kill => self.kills += 1,
            Act::Fill(left) => {
                if let Some(disk) = &mut self.disk {
                    disk.fill(left);
                    self.fills += 1;
                }
            }
            Act::Free => {
                if let Some(disk) = &mut self.disk {
                    disk.free();
                }
            }
        }
    }

    async fn play(&mut self, home: &Path) {
        let begun = Instant::now();
        let acts: Vec<Act> = (0..self.rng.usize(3..14)).map(|_| Act::random(&mut self.rng)).collect();
        let mut acts = acts.into_iter();
        let mut next = acts.next();
        self.queue(home, Protocol::Cloud, None);
        let dirs = self.dirs.clone();
        while next.is_some() || !self.store.open_runs().expect("read").is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(3600), "open for ever: {:?}", self.all());
            let runner = runner::work(&dirs, Arc::new(Servers(Arc::clone(&self.world))));
            tokio::pin!(runner);
            loop {
                let pause = Duration::from_millis(self.rng.u64(0..9_000));
                let over = tokio::select! {
                    served = &mut runner => {
                        match served {
                            Ok(()) => {}
                            Err(_) if self.is_full() => tokio::time::sleep(pause).await,
                            Err(error) => panic!("not served: {error}"),
                        }
                        true
                    }
                    () = tokio::time::sleep(pause) => false,
                };
                if over && !self.is_full() {
                    break;
                }
                // People make room in the end.
                let act = next.take().unwrap_or(Act::Free);
                next = acts.next();
                self.act(home, act);
                if over || matches!(act, Act::Kill) {
                    break;
                }
            }
            if let Some(act) = next.filter(|act| !matches!(act, Act::Kill)) {
                next = acts.next();
                self.act(home, act);
            } else if self.store.open_runs().expect("read").is_empty() {
                next = acts.next();
            }
        }
    }

    /// Holds every run against what its server did.
    fn check(&self) {
        let world = self.world.lock().expect("whole");
        for run in self.all() {
            let sent = world.sent.get(&run.id).copied().unwrap_or(0);
            assert!(sent <= 1, "paid {sent} times: {run:?}");
            assert!(sent == 0 || run.request.adopt.is_none(), "a fetch sends nothing: {run:?}");
            let name = run.prompt_id.clone().unwrap_or_else(|| run.id.to_string());
            let remote = world.remotes.get(&name);
            let made = remote.and_then(|remote| match remote.fate {
                Fate::Made(outputs) if !remote.stopped => Some(outputs),
                _ => None,
            });
            let was_cancelled = self.cancelled.contains(&run.id);
            match run.status {
                Status::Done => {
                    assert_eq!(Some(run.outputs.len()), made, "told otherwise than made: {run:?}");
                    for output in &run.outputs {
                        let there = std::fs::read(&output.path).expect("an output that is listed is there");
                        assert_eq!(there.len() as u64, output.size, "{run:?}");
                    }
                }
                Status::Cancelled => {
                    assert!(was_cancelled || remote.is_some_and(|remote| remote.stopped), "{run:?}")
                }
                Status::Failed => {
                    assert_eq!(made, None, "what was made is not kept: {run:?}");
                }
                Status::Lost => assert!(
                    !run.request.protocol.caps().attach || remote.is_none(),
                    "its server has it: {run:?} {remote:?}"
                ),
                open => panic!("{open:?} at the end: {run:?}"),
            }
            if let Some(outputs) = made
                && run.request.protocol.caps().attach
                && !was_cancelled
            {
                assert_eq!((run.status, run.outputs.len()), (Status::Done, outputs), "not kept: {run:?}");
            }
        }
    }
}

/// One history; tells how many runners were killed in it and how often the disk was full.
fn simulate(seed: u64) -> (u32, u32) {
    let home = tempfile::Builder::new().prefix("simulation").tempdir_in(folder()).expect("a folder");
    let mut rng = Rng::with_seed(seed);
    let disk = (rng.u8(0..3) == 0).then(|| Disk::new(home.path())).flatten();
    let dirs = Dirs::under(home.path());
    let world = World { rng: Rng::with_seed(seed ^ 0x5eed), remotes: HashMap::new(), sent: HashMap::new() };
    let mut history = History {
        store: Store::open(&dirs).expect("a store"),
        dirs,
        world: Arc::new(Mutex::new(world)),
        rng,
        disk,
        kills: 0,
        fills: 0,
        cancelled: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime.expect("a runtime"), history.play(home.path()));
    history.check();
    (history.kills, history.fills)
}

/// In memory where there is such a folder.
fn folder() -> std::path::PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

#[test]
fn every_history_pays_once_keeps_what_was_made_and_tells_what_is_so() {
    let told = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = told("SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let count = if told("SEED").is_some() { 1 } else { told("SIMULATE").unwrap_or(USUAL) };
    let (mut kills, mut fills) = (0, 0);
    for seed in first..first + count {
        let tried = std::panic::catch_unwind(|| simulate(seed));
        let (killed, filled) = tried.unwrap_or_else(|_| panic!("history {seed}: repeat it with SEED={seed}"));
        kills += killed;
        fills += filled;
    }
    println!("{count} histories from {first} on, {kills} runners killed, {fills} times a full disk");
}
