//! A run as a test watches it.

use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::comfyui::{ComfyuiBackend, ComfyuiLimits};
use comfydeck::backend::results::outputs::OutputFolder;
use comfydeck::backend::{Backend as _, BackendError, Job, Server};
use comfydeck::domain::run::{End, Preview, RunError};
use comfydeck::domain::{ParamKey, RunEvent, Status};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::LONG;

pub(super) const PROMPT: &str = "5a6c1c06-3c4a-4f52-9d0f-6d8a9fd3a111";

pub(super) const WORKFLOW: &str = r#"{"3": {"class_type": "KSampler", "_meta": {"title": "Sampler"}, "inputs": {"seed": 1, "steps": 20, "model": ["4", 0]}},
    "4": {"class_type": "Loader", "inputs": {}}, "6": {"class_type": "LoadImage", "inputs": {"image": "old.png"}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "x"}}}"#;

/// As quick as it goes, with time enough for a machine that has other things to do.
pub(super) fn quick() -> ComfyuiLimits {
    let millis = Duration::from_millis;
    let mut limits = ComfyuiLimits::default();
    limits.http.retries = vec![millis(10); 3];
    limits.answer = millis(10_000);
    limits.reconnect = millis(50);
    limits.look = (millis(50), millis(100));
    limits.soon = millis(50);
    limits.settle = millis(600);
    limits.not_allowed = millis(300);
    limits.unreadable = millis(100);
    limits
}

pub(super) fn backend() -> Arc<ComfyuiBackend> {
    Arc::new(ComfyuiBackend::with(quick()))
}

pub(super) fn job(url: &str) -> Job {
    Job {
        run: 1,
        server: Server { url: url.to_owned(), ..Server::default() },
        prompt_id: Some(PROMPT.to_owned()),
        params: [(ParamKey::new("3", "seed"), json!(u64::MAX))].into(),
        workflow: Some(WORKFLOW.to_owned()),
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

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub events: Vec<RunEvent>,
    /// What its backend said of it.
    pub outcome: Result<End, BackendError>,
    /// The outputs on disk, by their names.
    pub files: Vec<(String, Vec<u8>)>,
}

pub(super) fn submit(backend: &Arc<ComfyuiBackend>, job: Job) -> Watched {
    watch(backend, job, false)
}

pub(super) fn attach(backend: &Arc<ComfyuiBackend>, job: Job) -> Watched {
    watch(backend, job, true)
}

fn watch(backend: &Arc<ComfyuiBackend>, mut job: Job, is_there: bool) -> Watched {
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
    /// Listens until an event is so.
    pub(super) async fn until(&mut self, what: &str, is_so: impl Fn(&RunEvent) -> bool) -> RunEvent {
        let listen = async {
            loop {
                let Some(event) = self.receiver.recv().await else {
                    panic!("it ended before {what}: {:?}", self.events)
                };
                self.events.push(event.clone());
                if is_so(&event) {
                    return event;
                }
            }
        };
        match tokio::time::timeout(LONG, listen).await {
            Ok(event) => event,
            Err(_) => panic!("{what} never came: {:?}", self.events),
        }
    }

    pub(super) async fn until_phase(&mut self, status: Status) {
        self.until(status.word(), |event| *event == RunEvent::Phase { status }).await;
    }

    /// Listens to the end.
    pub(super) async fn end(mut self) -> Ended {
        let listen = async {
            while let Some(event) = self.receiver.recv().await {
                self.events.push(event);
            }
            self.task.await.expect("it does not panic")
        };
        let outcome = tokio::time::timeout(LONG, listen).await.expect("it ends");
        let end = self.events.iter().find_map(|event| match event {
            RunEvent::Ended(end) => Some(end.clone()),
            _ => None,
        });
        let outcome = outcome.map(|()| end.expect("an end"));
        let entries = std::fs::read_dir(self.dir.path()).expect("a folder");
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("an entry"))
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, std::fs::read(entry.path()).expect("read"))
            })
            .collect();
        files.sort();
        Ended { events: self.events, outcome, files }
    }
}

impl Ended {
    #[track_caller]
    pub(super) fn is(self, status: Status) -> Self {
        match &self.outcome {
            Ok(end) if end.status == status => self,
            other => panic!("{other:?}: {:?}", self.events),
        }
    }

    /// Why it did not end well.
    pub(super) fn error(&self) -> RunError {
        match &self.outcome {
            Ok(end) => end.error.clone().unwrap_or_default(),
            Err(BackendError::Refused(error) | BackendError::Failed(error) | BackendError::Lost(error)) => {
                error.clone()
            }
        }
    }

    pub(super) fn previews(&self) -> Vec<&Preview> {
        let previews = self.events.iter().filter_map(|event| match event {
            RunEvent::Preview(preview) => Some(preview),
            _ => None,
        });
        previews.collect()
    }

    pub(super) fn log(&self) -> String {
        let texts = self.events.iter().filter_map(|event| match event {
            RunEvent::Log { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    pub(super) fn warnings(&self) -> Vec<&str> {
        let texts = self.events.iter().filter_map(|event| match event {
            RunEvent::Warning { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}
