//! A backend that does what its address says, and a place with a store to run it in.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use comfydeck::backend::{Backend, BackendError, BoxFuture, Caps, EventSink, Job, Server};
use comfydeck::config::{Credential, Credentials, Dirs, Secret};
use comfydeck::domain::run::{End, Form, Preview, Protocol, RunError, Transfer};
use comfydeck::domain::{Run, RunEvent, RunId, RunRequest, Status};
use comfydeck::runner::{self, Environment, Limits, RunnerError};
use comfydeck::store::{Store, watch};
use serde_json::Value;
use tokio::sync::Semaphore;

/// Longer than anything here takes; a test that comes to it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A backend whose behaviour is the request's address.
#[derive(Clone)]
pub(crate) struct Script {
    /// Every submission is a line of this file, which outlives a killed process.
    pub(crate) sent: PathBuf,
    /// What `fake:gate` waits for.
    pub(crate) gate: Arc<Semaphore>,
    /// Runs in flight by address, and the most there were.
    pub(crate) busy: Arc<Mutex<BTreeMap<String, (usize, usize)>>>,
    /// Has a permit for each run that the server was asked to stop.
    stops: Arc<Semaphore>,
    /// As with the protocol that is spoken.
    caps: Caps,
    dirs: Dirs,
}

impl Script {
    pub(crate) fn new(dirs: &Dirs) -> Self {
        std::fs::create_dir_all(&dirs.state).expect("a folder");
        Self {
            sent: dirs.state.join("sent"),
            gate: Arc::new(Semaphore::new(0)),
            busy: Arc::default(),
            stops: Arc::new(Semaphore::new(0)),
            caps: Protocol::Stream.caps(),
            dirs: dirs.clone(),
        }
    }

    pub(crate) fn note(&self, text: &str) {
        let mut file = std::fs::File::options().append(true).create(true).open(&self.sent).expect("a file");
        file.write_all(format!("{text}\n").as_bytes()).expect("written");
    }

    pub(crate) async fn play(&self, job: &Job, events: &EventSink) -> Result<(), BackendError> {
        let say = async |event: RunEvent| events.send(event).await.expect("received");
        let error = |what: &str| RunError { what: what.to_owned(), ..RunError::default() };
        if job.server.url == "fake:slow upload" {
            std::future::pending::<()>().await;
        }
        say(RunEvent::Phase { status: Status::Waiting }).await;
        match job.server.url.as_str() {
            "fake:refused" => return Err(BackendError::Refused(error("401"))),
            "fake:failed" => return Err(BackendError::Failed(error("out of memory"))),
            "fake:lost" => return Err(BackendError::Lost(error("cut"))),
            "fake:silent" => return Ok(()),
            "fake:echo" => {
                let secret = job.server.credentials.get("client_secret").expect("a secret").expose();
                say(RunEvent::Log { text: format!("who is {secret}?\n") }).await;
                say(RunEvent::Warning { text: format!("{secret} is unknown") }).await;
                return Err(BackendError::Refused(error(&format!("{secret} may not"))));
            }
            "fake:panic" => panic!("on purpose"),
            "fake:hang" => std::future::pending().await,
            "fake:ignores" => std::future::pending().await,
            "fake:obeys" => {
                self.stops.acquire().await.expect("open").forget();
                let end =
                    End { status: Status::Cancelled, error: Some(error("stopped")), server_seconds: None };
                say(RunEvent::Ended(end)).await;
                return Ok(());
            }
            "fake:half" => {
                let folder = job.outputs.clone();
                let mut files = [folder.begin().expect("a file"), folder.begin().expect("a file")];
                files[1].write(b"half").expect("written");
                say(RunEvent::Phase { status: Status::Downloading }).await;
                std::future::pending().await
            }
            "fake:paints" => {
                say(RunEvent::Phase { status: Status::Running }).await;
                for bytes in [b"one".to_vec(), b"two".to_vec(), vec![0; 9 << 20]] {
                    say(RunEvent::Preview(Preview { bytes, ..Preview::default() })).await;
                }
                self.gate.acquire().await.expect("open").forget();
            }
            "fake:chatty" => {
                for number in 0..5_000 {
                    say(RunEvent::Log { text: format!("line {number}\n") }).await;
                    say(RunEvent::Upload(Transfer { done: number, total: None })).await;
                }
            }
            url if url.starts_with("fake:gate") => self.gate.acquire().await.expect("open").forget(),
            _ => {}
        }
        say(RunEvent::Log { text: "bye\n".to_owned() }).await;
        say(RunEvent::Ended(End { status: Status::Done, error: None, server_seconds: None })).await;
        Ok(())
    }
}

impl Backend for Script {
    fn caps(&self) -> Caps {
        self.caps
    }

    fn submit(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            self.note(&format!("{} {}", job.run, job.server.url));
            let stored =
                Store::open(&self.dirs).expect("a store").run(job.run).expect("read").expect("there");
            assert_eq!(stored.prompt_id, job.prompt_id, "the name is in the history before the run is sent");
            {
                let mut busy = self.busy.lock().expect("whole");
                let (now, most) = busy.entry(job.server.url.clone()).or_default();
                *now += 1;
                *most = (*most).max(*now);
            }
            let played = self.play(&job, &events).await;
            if let Some((now, _)) = self.busy.lock().expect("whole").get_mut(&job.server.url) {
                *now -= 1;
            }
            played
        })
    }

    fn attach(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let secret = job.server.credentials.get("client_secret").expect("a secret").clone();
            assert_eq!(secret.expose(), SECRET);
            self.note(&format!("{} found {}", job.run, job.prompt_id.expect("a name")));
            let text = format!("{:?} were there\n", job.saved);
            events.send(RunEvent::Log { text }).await.expect("received");
            let end = End { status: Status::Done, error: None, server_seconds: None };
            events.send(RunEvent::Ended(end)).await.expect("received");
            Ok(())
        })
    }

    fn cancel(&self, _: Server, prompt_id: String) -> BoxFuture<'_, Result<(), RunError>> {
        self.note(&format!("stop {prompt_id}"));
        self.stops.add_permits(1);
        Box::pin(async { Ok(()) })
    }
}

/// A script that plays the protocol which finds runs again; `attach` is the end.
fn remote(script: &Script) -> Script {
    Script { caps: Protocol::Cloud.caps(), ..script.clone() }
}

/// Who asks.
pub(crate) const SECRET: &str = "hush-1234567";

pub(crate) struct World(pub(crate) Script);

impl Environment for World {
    fn backend(&self, protocol: Protocol) -> Arc<dyn Backend> {
        Arc::new(if protocol == Protocol::Cloud { remote(&self.0) } else { self.0.clone() })
    }

    fn credentials(&self, request: &RunRequest) -> Result<Credentials, RunError> {
        if request.handover.is_some() {
            self.0.note("asked");
        }
        let error = RunError { what: "no such profile".to_owned(), ..RunError::default() };
        let (name, header) = ("client_secret".to_owned(), "client_secret".to_owned());
        let secret = Credential { name, header, form: Form::Plain, secret: Secret::new(SECRET) };
        let credentials = Credentials::from_iter([secret]);
        if request.profile == "unknown" { Err(error) } else { Ok(credentials) }
    }

    fn release(&self, request: &RunRequest) {
        if let Some(token) = &request.handover {
            self.0.note(&format!("released {token}"));
        }
    }

    fn sweep(&self, is_waiting: &dyn Fn(&str) -> bool) {
        if !is_waiting("token") {
            std::fs::write(self.0.dirs.state.join("swept"), "").expect("written");
        }
    }

    fn are_secrets_gone(&self, request: &RunRequest) -> bool {
        request.handover.as_deref() == Some("gone")
    }

    fn finished(&self, _: RunId, _: Status, _: &dyn Fn() -> Value) {}

    fn limits(&self, request: &RunRequest) -> Limits {
        let changed = std::fs::read_to_string(self.0.dirs.state.join("concurrency"));
        let at_once = changed.ok().and_then(|text| text.parse().ok()).unwrap_or(request.concurrency);
        Limits { at_once, most_a_day: None }
    }
}

pub(crate) struct Place {
    pub(crate) home: tempfile::TempDir,
    pub(crate) dirs: Dirs,
    pub(crate) store: Store,
    pub(crate) script: Script,
}

impl Place {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(home.path());
        let store = Store::open(&dirs).expect("a store");
        Self { script: Script::new(&dirs), home, dirs, store }
    }

    pub(crate) fn queue(&self, url: &str, concurrency: u32) -> RunId {
        let output_dir = self.home.path().join("out");
        let request = RunRequest { url: url.to_owned(), concurrency, output_dir, ..RunRequest::default() };
        self.store.queue(&request, 1).expect("queued")
    }

    /// Queues a run of a protocol that finds runs again, with credentials that were handed over.
    pub(crate) fn queue_remote(&self, url: &str) -> RunId {
        let request = RunRequest {
            url: url.to_owned(),
            protocol: Protocol::Cloud,
            handover: Some("token".to_owned()),
            output_dir: self.home.path().join("out"),
            ..RunRequest::default()
        };
        self.store.queue(&request, 1).expect("queued")
    }

    /// A runner in a thread of this process.
    pub(crate) fn serve(&self) -> JoinHandle<Result<(), RunnerError>> {
        let (dirs, script) = (self.dirs.clone(), self.script.clone());
        std::thread::spawn(move || runner::work_off(&dirs, Arc::new(World(script))))
    }

    /// A runner as a process of its own: [`runner_process`] in a copy of this program.
    pub(crate) fn ensure(&self) {
        runner::ensure_as(&self.dirs, self.command()).expect("a runner");
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a program"));
        command.args(["--exact", "runner_process"]).env(HOME, self.home.path());
        command
    }

    pub(crate) fn run(&self, id: RunId) -> Run {
        self.store.run(id).expect("read").expect("there")
    }

    /// Waits until a run is as wanted.
    pub(crate) fn wait(&self, id: RunId, wanted: impl Fn(&Run) -> bool) -> Run {
        let (wake, woken) = mpsc::channel();
        let _watcher = watch(&self.dirs, move || wake.send(()).unwrap_or_default()).expect("watched");
        let begun = Instant::now();
        loop {
            let run = self.run(id);
            if wanted(&run) {
                return run;
            }
            let left = LONG.checked_sub(begun.elapsed()).unwrap_or_else(|| panic!("still {run:?}"));
            // Woken or not, the next look tells.
            let _ = woken.recv_timeout(left);
        }
    }

    pub(crate) fn waits(&self, id: RunId) -> Run {
        self.wait(id, |run| run.status == Status::Waiting)
    }

    pub(crate) fn ends(&self, id: RunId) -> Run {
        self.wait(id, |run| run.status.is_end())
    }

    /// Waits until no runner is there.
    pub(crate) fn gone(&self) {
        let dirs = self.dirs.clone();
        let (done, waited) = mpsc::channel();
        std::thread::spawn(move || done.send(runner::gone(&dirs)));
        waited.recv_timeout(LONG).expect("the runner ends").expect("waited");
    }

    pub(crate) fn sent(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.script.sent).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) fn pid(&self) -> rustix::process::Pid {
        let text = std::fs::read_to_string(self.dirs.state.join("pid")).expect("a runner's number");
        rustix::process::Pid::from_raw(text.parse().expect("a number")).expect("a process")
    }

    pub(crate) fn kill(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("sent");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // After a failed test: no process stays behind.
        let watch = std::fs::File::open(self.dirs.data.join("runner.watch"));
        if std::thread::panicking() && watch.is_ok_and(|watch| watch.try_lock_shared().is_err()) {
            self.kill(rustix::process::Signal::KILL);
        }
    }
}

/// Where the runner's process finds its folders.
pub(crate) const HOME: &str = "COMFYDECK_TEST_RUNNER";
