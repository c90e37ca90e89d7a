//! A home folder, a server and the real program.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use comfydeck::config::Dirs;
use comfydeck::demo::{self, DemoOptions, Seen};
use comfydeck::domain::{Run, RunId};
use comfydeck::store::{RunQuery, Store};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Long enough for anything that is not broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A step that no test waits for.
pub(crate) const FOREVER: Duration = Duration::from_secs(3_600);

pub(crate) const CLIENT_ID: &str = "id-f3b1c09a";
pub(crate) const CLIENT_SECRET: &str = "secret-71d0e5aa";

/// Over the one that ships: a small picture is painted quickly.
const SMALL_FLAMINGO: &str =
    "extends = \"flamingo\"\n[params]\n\"5-inputs-width\" = 64\n\"5-inputs-height\" = 64\n";

/// Folders of their own.
pub(crate) struct Home {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) dirs: Dirs,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(folder.path());
        let presets = folder.path().join("presets");
        std::fs::create_dir(&presets).expect("made");
        std::fs::write(presets.join("flamingo.toml"), SMALL_FLAMINGO).expect("written");
        Self { folder, dirs }
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_comfydeck"));
        command
            .args(args)
            .env("COMFYDECK_HOME", self.folder.path())
            .env("VIEWCOMFY_CLIENT_ID", CLIENT_ID)
            .env("VIEWCOMFY_CLIENT_SECRET", CLIENT_SECRET)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::new(self.command(args))
    }

    pub(crate) fn deck(&self, args: &[&str]) -> Ended {
        self.start(args).end()
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.dirs).expect("a store")
    }

    pub(crate) fn stored(&self, run: RunId) -> Run {
        self.store().run(run).expect("read").expect("a run")
    }

    pub(crate) fn count(&self) -> usize {
        self.store().summaries(&RunQuery::default()).expect("a list").len()
    }

    /// The runner's process, by its own log.
    pub(crate) fn runner(&self) -> Pid {
        let log = std::fs::read_to_string(self.dirs.state.join("runner.log")).expect("a log");
        let begun = log.lines().rev().find(|line| line.contains("the runner begins")).expect("begun");
        let pid = begun.split("pid=").nth(1).expect("its number").trim();
        Pid::from_raw(pid.parse().expect("a number")).expect("a process")
    }

    pub(crate) fn await_no_runner(&self) {
        comfydeck::runner::gone(&self.dirs).expect("a lock");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A test that fails leaves no process behind.
        let Ok(store) = Store::open(&self.dirs) else { return };
        for run in store.open_runs().unwrap_or_default() {
            let _ = store.ask_cancel(run.id, comfydeck::store::now());
        }
        drop(store);
        let _ = comfydeck::runner::gone(&self.dirs);
    }
}

/// A command that is running; one that never ends is killed after [`PATIENCE`].
pub(crate) struct Running {
    child: Child,
    out: Option<BufReader<std::process::ChildStdout>>,
    err: Option<JoinHandle<String>>,
    seen: String,
    over: Option<mpsc::Sender<()>>,
}

impl Running {
    pub(crate) fn new(mut command: Command) -> Self {
        let mut child = command.spawn().expect("started");
        let mut stderr = child.stderr.take().expect("stderr");
        let err = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("read");
            text
        });
        let out = child.stdout.take().map(BufReader::new);
        let pid = Pid::from_child(&child);
        let (over, is_over) = mpsc::channel();
        std::thread::spawn(move || {
            if is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        Self { child, out, err: Some(err), seen: String::new(), over: Some(over) }
    }

    /// Reads stdout up to a line that holds a text.
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let out = self.out.as_mut().expect("stdout");
            assert!(out.read_line(&mut line).expect("read") > 0, "no `{text}` in:\n{}", self.seen);
            self.seen.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Closes the reading end of stdout.
    pub(crate) fn close_stdout(&mut self) {
        self.out = None;
    }

    pub(crate) fn wait(mut self) -> (ExitStatus, String, String) {
        if let Some(mut out) = self.out.take() {
            out.read_to_string(&mut self.seen).expect("read");
        }
        let status = self.child.wait().expect("ended");
        drop(self.over.take());
        let err = self.err.take().expect("waited for once").join().expect("stderr");
        (status, std::mem::take(&mut self.seen), err)
    }

    pub(crate) fn end(self) -> Ended {
        let (status, out, err) = self.wait();
        Ended { code: status.code(), out, err }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails leaves no process behind; one that has ended has been waited for.
        if self.over.take().is_some() {
            let _ = self.child.kill().and_then(|()| self.child.wait());
        }
    }
}

impl Ended {
    /// Stderr without the warning that the demo's deployment is another workflow than the test's.
    pub(crate) fn err_but_drift(&self) -> String {
        self.err.split_inclusive('\n').filter(|line| !line.contains("ran another graph")).collect()
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// The demo endpoint in this process, where its requests can be counted.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: tokio::sync::mpsc::UnboundedReceiver<Seen>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(options: DemoOptions) -> Self {
        let (tell, seen) = tokio::sync::mpsc::unbounded_channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (address, bound) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
                address.send(listener.local_addr().expect("an address")).expect("received");
                let options = DemoOptions { seen: Some(tell), ..options };
                tokio::select! {
                    served = demo::serve(listener, options) => served.expect("served"),
                    _ = stopped => {}
                }
            });
        });
        let url = format!("http://{}", bound.recv().expect("bound"));
        Self { url, seen, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn quick() -> Self {
        Self::start(DemoOptions::quick())
    }

    /// Begins every run and ends none.
    pub(crate) fn endless() -> Self {
        Self::start(DemoOptions { step: FOREVER, ..DemoOptions::quick() })
    }

    /// Requests since the last time this was asked.
    pub(crate) fn requests(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
