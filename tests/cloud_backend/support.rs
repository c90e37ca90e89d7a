//! A run as a test watches it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::cloud::{CloudBackend, CloudLimits, Pace};
use comfydeck::backend::results::outputs::OutputFolder;
use comfydeck::backend::{Backend as _, BackendError, Job, Server};
use comfydeck::config::{Credential, Credentials, Secret};
use comfydeck::domain::run::{Connection, End, Form, OutputFailure, RunError};
use comfydeck::domain::{ParamKey, RunEvent, Status};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::LONG;

/// As quick as it goes, with time enough for a machine that has other things to do.
pub(super) fn quick() -> CloudLimits {
    let millis = Duration::from_millis;
    let pace = Pace { first: millis(10), longest: millis(30) };
    let mut limits = CloudLimits::default();
    limits.http.retries = vec![millis(10); 3];
    limits.reconnect = millis(20);
    limits.settle = millis(1_000);
    limits.missing = millis(1_500);
    limits.failing = millis(1_000);
    limits.unreadable = millis(50);
    (limits.polled, limits.scheduled, limits.urgent) = (pace, pace, pace);
    limits.together = millis(5);
    limits.trouble = millis(30);
    limits.linger = millis(50);
    limits
}

pub(super) fn backend() -> Arc<CloudBackend> {
    Arc::new(CloudBackend::with(quick()))
}

fn credentials<const N: usize>(secrets: [(&str, &str); N]) -> Credentials {
    let credential = |(name, secret): (&str, &str)| Credential {
        name: name.to_owned(),
        header: name.to_owned(),
        form: Form::Plain,
        secret: Secret::new(secret),
    };
    secrets.map(credential).into_iter().collect()
}

pub(super) fn server(api: &str) -> Server {
    Server {
        url: "https://deployment.example/x?a=b&c".to_owned(),
        api_url: Some(api.to_owned()),
        credentials: credentials([("client_id", "id-of-ours"), ("client_secret", "hush-hush")]),
        ..Server::default()
    }
}

pub(super) fn job(server: Server, prompt_id: &str) -> Job {
    let values = [("6", "text", json!("a cat & é")), ("3", "seed", json!(u64::MAX))];
    Job {
        run: 1,
        server,
        prompt_id: Some(prompt_id.to_owned()),
        params: values.into_iter().map(|(node, input, value)| (ParamKey::new(node, input), value)).collect(),
        logs: true,
        ..Job::default()
    }
}

/// A run that is under way.
pub(super) struct Watched {
    pub events: Vec<RunEvent>,
    receiver: mpsc::Receiver<RunEvent>,
    task: JoinHandle<Result<(), BackendError>>,
    pub dir: tempfile::TempDir,
}

pub(super) fn submit(backend: &Arc<CloudBackend>, job: Job) -> Watched {
    watch(backend, job, false)
}

pub(super) fn attach(backend: &Arc<CloudBackend>, job: Job) -> Watched {
    watch(backend, job, true)
}

fn watch(backend: &Arc<CloudBackend>, mut job: Job, is_there: bool) -> Watched {
    let dir = tempfile::tempdir().expect("a folder");
    job.outputs = OutputFolder::new(dir.path(), job.run);
    let (sink, receiver) = mpsc::channel(16);
    let backend = Arc::clone(backend);
    let task = tokio::spawn(async move {
        if is_there { backend.attach(job, sink).await } else { backend.submit(job, sink).await }
    });
    Watched { events: Vec::new(), receiver, task, dir }
}

impl Watched {
    /// Listens until something is so.
    pub(super) async fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let listen = async {
            while !is_so(self) {
                let Some(event) = self.receiver.recv().await else {
                    panic!("it ended before {what}: {:?}", self.events)
                };
                self.events.push(event);
            }
        };
        let in_time = tokio::time::timeout(LONG, listen).await.is_ok();
        assert!(in_time, "{what} never came: {:?}", self.events);
    }

    pub(super) async fn until_log(&mut self, text: &str) {
        self.until(text, |run| run.log().contains(text)).await;
    }

    pub(super) async fn until_link(&mut self, link: Connection) {
        self.until(link.word(), |run| run.links().last() == Some(&link)).await;
    }

    /// Listens to the end.
    pub(super) async fn end(mut self) -> Outcome {
        let listen = async {
            while let Some(event) = self.receiver.recv().await {
                self.events.push(event);
            }
        };
        let in_time = tokio::time::timeout(LONG, listen).await.is_ok();
        assert!(in_time, "it never ends: {:?}", self.events);
        let end = (&mut self.task).await.expect("no panic");
        for text in [format!("{:?}", self.events), format!("{end:?}")] {
            assert!(!text.contains("hush-hush") && !text.contains("id-of-ours"), "{text}");
        }
        Outcome { run: self, end }
    }

    /// As [`Self::end`], whatever a service told that tells secrets back: those are the runner's to hide.
    pub(super) async fn raw_end(mut self) -> (Result<(), BackendError>, Vec<RunEvent>) {
        while let Some(event) = self.receiver.recv().await {
            self.events.push(event);
        }
        (self.task.await.expect("no panic"), self.events)
    }

    /// Goes away in the middle, as when the runner ends.
    pub(super) fn drop_it(self) -> Vec<RunEvent> {
        self.task.abort();
        self.events
    }

    pub(super) fn log(&self) -> String {
        let text = |event: &RunEvent| match event {
            RunEvent::Log { text } => Some(text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }

    pub(super) fn phases(&self) -> Vec<Status> {
        let phase = |event: &RunEvent| match event {
            RunEvent::Phase { status } => Some(*status),
            _ => None,
        };
        self.events.iter().filter_map(phase).collect()
    }

    pub(super) fn links(&self) -> Vec<Connection> {
        let link = |event: &RunEvent| match event {
            RunEvent::Connection { state } => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(link).collect()
    }

    pub(super) fn warnings(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        for event in &self.events {
            if let RunEvent::Warning { text } = event {
                texts.push(text.as_str());
            }
        }
        texts
    }

    pub(super) fn failures(&self) -> Vec<&OutputFailure> {
        let mut failures = Vec::new();
        for event in &self.events {
            if let RunEvent::OutputFailed(failure) = event {
                failures.push(failure);
            }
        }
        failures
    }

    /// Names and contents in the output folder.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let Ok(entries) = std::fs::read_dir(self.dir.path()) else { return Vec::new() };
        let read = |path: PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("read"))
        };
        let mut files: Vec<_> = entries.map(|entry| read(entry.expect("an entry").path())).collect();
        files.sort();
        files
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.files().into_iter().map(|(name, _)| name).collect()
    }
}

/// What became of a run.
pub(super) struct Outcome {
    pub run: Watched,
    end: Result<(), BackendError>,
}

impl std::ops::Deref for Outcome {
    type Target = Watched;

    fn deref(&self) -> &Watched {
        &self.run
    }
}

impl Outcome {
    pub(super) fn ended(&self) -> &End {
        assert!(self.end.is_ok(), "{:?} {:?}", self.end, self.events);
        match self.events.last() {
            Some(RunEvent::Ended(end)) => end,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn done(&self) {
        let end = self.ended();
        assert_eq!((end.status, &end.error), (Status::Done, &None), "{:?}", self.events);
        let ends = self.events.iter().filter(|event| matches!(event, RunEvent::Ended(_))).count();
        assert_eq!(ends, 1);
    }

    pub(super) fn result(&self) -> &Result<(), BackendError> {
        &self.end
    }

    pub(super) fn cancelled(&self) {
        let end = self.ended();
        assert_eq!(end.status, Status::Cancelled);
        assert!(end.error.as_ref().is_some_and(|error| error.what.contains("stopped")), "{end:?}");
    }

    pub(super) fn failed(&self) -> &RunError {
        match &self.end {
            Err(BackendError::Failed(error)) => error,
            Ok(()) if self.ended().status == Status::Failed => self.ended().error.as_ref().expect("why"),
            other => panic!("{other:?} {:?}", self.events),
        }
    }

    pub(super) fn refused(&self) -> &RunError {
        match &self.end {
            Err(BackendError::Refused(error)) => {
                assert!(error.refused && !error.remedy.is_empty(), "{error:?}");
                error
            }
            other => panic!("{other:?} {:?}", self.events),
        }
    }

    pub(super) fn lost(&self) -> &RunError {
        match &self.end {
            Err(BackendError::Lost(error)) => {
                assert!(!error.refused && !error.remedy.is_empty(), "{error:?}");
                error
            }
            other => panic!("{other:?} {:?}", self.events),
        }
    }
}
