//! A run that a backend drives, as its test watches it: shared by the tests of all backends.
#![allow(dead_code)] // Each of them uses a part of it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::results::outputs::OutputFolder;
use comfydeck::backend::{Backend, BackendError, Job};
use comfydeck::config::{Credential, Credentials, Secret};
use comfydeck::domain::run::{Connection, End, Form, OutputFailure, Preview, RunError};
use comfydeck::domain::{RunEvent, Status};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Longer than any wait of these tests; one that takes so long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Secrets of [`credentials`] that no event and no error may contain.
const SECRETS: [&str; 2] = ["hush-hush", "id-of-ours"];

pub(crate) fn credentials<const N: usize>(secrets: [(&str, &str); N]) -> Credentials {
    let credential = |(name, secret): (&str, &str)| Credential {
        name: name.to_owned(),
        header: name.to_owned(),
        form: Form::Plain,
        secret: Secret::new(secret),
    };
    secrets.map(credential).into_iter().collect()
}

/// Names and contents of the files in a folder.
pub(crate) fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(&path).expect("read"))
    };
    let mut files: Vec<_> = entries.map(|entry| read(entry.expect("an entry").path())).collect();
    files.sort();
    files
}

/// The events of a run so far, and the folder of its outputs.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) events: Vec<RunEvent>,
    dir: tempfile::TempDir,
}

impl Record {
    /// What a function finds in each event.
    fn each<'a, T>(&'a self, find: impl Fn(&'a RunEvent) -> Option<T>) -> Vec<T> {
        self.events.iter().filter_map(find).collect()
    }

    pub(crate) fn log(&self) -> String {
        let text = |event: &RunEvent| match event {
            RunEvent::Log { text } => Some(text.clone()),
            _ => None,
        };
        self.each(text).concat()
    }

    pub(crate) fn phases(&self) -> Vec<Status> {
        self.each(|event| match event {
            RunEvent::Phase { status } => Some(*status),
            _ => None,
        })
    }

    pub(crate) fn links(&self) -> Vec<Connection> {
        self.each(|event| match event {
            RunEvent::Connection { state } => Some(*state),
            _ => None,
        })
    }

    pub(crate) fn warnings(&self) -> Vec<&str> {
        self.each(|event| match event {
            RunEvent::Warning { text } => Some(text.as_str()),
            _ => None,
        })
    }

    pub(crate) fn previews(&self) -> Vec<&Preview> {
        self.each(|event| match event {
            RunEvent::Preview(preview) => Some(preview),
            _ => None,
        })
    }

    pub(crate) fn failures(&self) -> Vec<&OutputFailure> {
        self.each(|event| match event {
            RunEvent::OutputFailed(failure) => Some(failure),
            _ => None,
        })
    }

    /// Names and contents in the output folder.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        files(self.dir.path())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.files().into_iter().map(|(name, _)| name).collect()
    }
}

/// A run that is under way.
pub(crate) struct Watched {
    record: Record,
    receiver: mpsc::Receiver<RunEvent>,
    task: JoinHandle<Result<(), BackendError>>,
}

impl Deref for Watched {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

pub(crate) fn submit<B: Backend + 'static>(backend: &Arc<B>, job: Job) -> Watched {
    watch(backend, job, false)
}

pub(crate) fn attach<B: Backend + 'static>(backend: &Arc<B>, job: Job) -> Watched {
    watch(backend, job, true)
}

fn watch<B: Backend + 'static>(backend: &Arc<B>, mut job: Job, is_there: bool) -> Watched {
    let dir = tempfile::tempdir().expect("a folder");
    job.outputs = OutputFolder::new(dir.path(), job.run);
    let (sink, receiver) = mpsc::channel(16);
    let backend = Arc::clone(backend);
    let task = tokio::spawn(async move {
        if is_there { backend.attach(job, sink).await } else { backend.submit(job, sink).await }
    });
    Watched { record: Record { events: Vec::new(), dir }, receiver, task }
}

impl Watched {
    /// Waits until the events so far satisfy a condition.
    pub(crate) async fn until(&mut self, what: &str, is_so: impl Fn(&Record) -> bool) {
        let listen = async {
            while !is_so(&self.record) {
                let Some(event) = self.receiver.recv().await else {
                    panic!("it ended before {what}: {:?}", self.record.events)
                };
                self.record.events.push(event);
            }
        };
        let in_time = tokio::time::timeout(LONG, listen).await.is_ok();
        assert!(in_time, "{what} never came: {:?}", self.record.events);
    }

    /// Waits for the next event that satisfies a condition, and returns it.
    pub(crate) async fn until_event(&mut self, what: &str, is_so: impl Fn(&RunEvent) -> bool) -> RunEvent {
        let before = self.events.len();
        self.until(what, |run| run.events[before..].iter().any(&is_so)).await;
        self.events.last().expect("the event").clone()
    }

    pub(crate) async fn until_phase(&mut self, status: Status) {
        self.until_event(status.word(), |event| *event == RunEvent::Phase { status }).await;
    }

    pub(crate) async fn until_log(&mut self, text: &str) {
        self.until(text, |run| run.log().contains(text)).await;
    }

    pub(crate) async fn until_link(&mut self, link: Connection) {
        self.until(link.word(), |run| run.links().last() == Some(&link)).await;
    }

    /// Waits for the end. No event and no error may contain a secret.
    pub(crate) async fn end(self) -> Outcome {
        let outcome = self.raw_end().await;
        for text in [format!("{:?}", outcome.events), format!("{:?}", outcome.end)] {
            assert!(SECRETS.iter().all(|secret| !text.contains(secret)), "{text}");
        }
        outcome
    }

    /// As [`Self::end`], for a service that repeats secrets: hiding these is up to the runner.
    pub(crate) async fn raw_end(mut self) -> Outcome {
        let listen = async {
            while let Some(event) = self.receiver.recv().await {
                self.record.events.push(event);
            }
        };
        let in_time = tokio::time::timeout(LONG, listen).await.is_ok();
        assert!(in_time, "it never ends: {:?}", self.record.events);
        Outcome { record: self.record, end: self.task.await.expect("no panic") }
    }

    /// Aborts it, as when the runner dies.
    pub(crate) fn drop_it(self) -> Vec<RunEvent> {
        self.task.abort();
        self.record.events
    }
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    record: Record,
    pub(crate) end: Result<(), BackendError>,
}

impl Deref for Outcome {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

impl Outcome {
    pub(crate) fn ended(&self) -> &End {
        assert!(self.end.is_ok(), "{:?} {:?}", self.end, self.events);
        match self.events.last() {
            Some(RunEvent::Ended(end)) => end,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn done(&self) {
        let end = self.ended();
        assert_eq!((end.status, &end.error), (Status::Done, &None), "{:?}", self.events);
        let ends = self.each(|event| matches!(event, RunEvent::Ended(_)).then_some(()));
        assert_eq!(ends.len(), 1);
    }

    #[track_caller]
    pub(crate) fn is(self, status: Status) -> Self {
        assert_eq!(self.ended().status, status, "{:?}", self.events);
        self
    }

    pub(crate) fn cancelled(&self) {
        let end = self.ended();
        assert_eq!(end.status, Status::Cancelled);
        assert!(end.error.as_ref().is_some_and(|error| error.what.contains("stopped")), "{end:?}");
    }

    pub(crate) fn failed(&self) -> &RunError {
        match &self.end {
            Err(BackendError::Failed(error)) => error,
            Ok(()) if self.ended().status == Status::Failed => self.ended().error.as_ref().expect("why"),
            other => panic!("{other:?} {:?}", self.events),
        }
    }

    pub(crate) fn refused(&self) -> &RunError {
        match &self.end {
            Err(BackendError::Refused(error)) => {
                assert!(error.refused && !error.remedy.is_empty(), "{error:?}");
                error
            }
            other => panic!("{other:?} {:?}", self.events),
        }
    }

    pub(crate) fn lost(&self) -> &RunError {
        match &self.end {
            Err(BackendError::Lost(error)) => {
                assert!(!error.refused && !error.remedy.is_empty(), "{error:?}");
                error
            }
            other => panic!("{other:?} {:?}", self.events),
        }
    }

    /// Why it did not end well.
    pub(crate) fn error(&self) -> RunError {
        match &self.end {
            Ok(()) => self.ended().error.clone().unwrap_or_default(),
            Err(BackendError::Refused(error) | BackendError::Failed(error) | BackendError::Lost(error)) => {
                error.clone()
            }
        }
    }
}
