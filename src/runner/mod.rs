//! The background process that owns runs in flight.
//!
//! Screens and command lines only [queue](submit()) runs and read their state from the store. One runner per data
//! folder, the same program in a session of its own, sends them and records their events. It starts when a run is
//! queued and ends when none is open, so nothing that happens to a terminal affects a run.

mod cancel;
mod duplicate;
mod end;
mod folder;
mod journal;
mod process;
mod queue;
mod restarts;
mod retry;
mod sidecar;
mod submit;
mod task;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use thiserror::Error;

use crate::backend::results::outputs::place::Unusable;
use crate::backend::{self, Backend, BackendError};
use crate::config::handover::{self, HandoverError};
use crate::config::{Credentials, Dirs};
use crate::domain::run::{Protocol, RunError};
use crate::domain::{RunId, RunRequest, Status};
use crate::store::StoreError;

pub use process::{NoRunner, ensure, ensure_as, gone, keep_away, serve, serve_with, work, work_off};
pub use restarts::Restarts;
pub use submit::{IfSame, NewRun, absolute, adopt, cancel, enqueue, enqueue_again, let_go, outgoing};

/// What a runner needs besides the store; replaced in tests.
pub trait Environment: Send + Sync {
    /// The backend for a protocol.
    fn backend(&self, protocol: Protocol) -> Arc<dyn Backend>;

    /// The credentials for a run that is about to be sent or found again.
    ///
    /// # Errors
    /// When the credentials cannot be found; the run ends with this error.
    fn credentials(&self, request: &RunRequest) -> Result<Credentials, RunError>;

    /// Deletes the credentials handed over for a run that has ended.
    fn release(&self, request: &RunRequest);

    /// Deletes credentials handed over for runs that were never queued; called while no run is open.
    fn sweep(&self);
}

/// The real environment: network backends, credentials from config and hand-over.
struct SystemEnvironment {
    dirs: Dirs,
    /// One backend per protocol, since its HTTP client is expensive to create.
    backends: Mutex<HashMap<Protocol, Arc<dyn Backend>>>,
}

impl SystemEnvironment {
    fn new(dirs: &Dirs) -> Self {
        Self { dirs: dirs.clone(), backends: Mutex::default() }
    }
}

impl Environment for SystemEnvironment {
    fn backend(&self, protocol: Protocol) -> Arc<dyn Backend> {
        let mut backends = self.backends.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(backends.entry(protocol).or_insert_with(|| backend::for_protocol(protocol)))
    }

    fn credentials(&self, request: &RunRequest) -> Result<Credentials, RunError> {
        handover::collect(&self.dirs, request)
            .map_err(|error| RunError { what: error.to_string(), ..RunError::default() })
    }

    fn release(&self, request: &RunRequest) {
        if let Err(error) = handover::discard(&self.dirs, request) {
            tracing::warn!("credentials that are no longer needed could not be deleted: {error}");
        }
    }

    fn sweep(&self) {
        // A recent hand-over may belong to a run that is being queued right now.
        let before = SystemTime::now() - Duration::from_secs(60);
        if let Err(error) = handover::sweep(&self.dirs, before, |_| false) {
            tracing::warn!("credentials that are no longer needed could not be deleted: {error}");
        }
    }
}

const ANOTHER_FOLDER: &str =
    "Free it, or choose another folder: `output_dir` in config.toml, or -o DIR on the command line";

/// Why a run could not be queued, or the runner could not be started.
#[derive(Debug, Error)]
pub enum RunnerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Credentials(#[from] HandoverError),
    /// The path is not UTF-8, so the history cannot store it.
    #[error("{} cannot be kept in the history: its name is not UTF-8. Rename it", .0.display())]
    Name(PathBuf),
    /// The output folder cannot be used.
    #[error("{0}. {ANOTHER_FOLDER}")]
    Folder(#[from] Unusable),
    /// The kept content of an input file is missing.
    #[error(
        "the content of {name} is not in the history any more, so run {run} cannot be repeated as it was. Load its values and choose the file again"
    )]
    InputGone {
        /// The run to be repeated.
        run: RunId,
        name: String,
    },
    /// An identical earlier run exists, and the caller wants to ask first.
    #[error("nothing differs from run {run}, which is {}", .status.word())]
    Same { run: RunId, status: Status },
    /// The run was only fetched, so its values are unknown.
    #[error(
        "run {0} was sent from elsewhere and only fetched, so its values are not known here and it cannot be repeated"
    )]
    Unknown(RunId),
    /// A lock or hand-over file could not be used.
    #[error("the background runner cannot use {}: {why}. Make the folder writable, then try again", path.display())]
    File { path: PathBuf, why: io::Error },
    /// The history's folder was deleted, moved or unmounted while the runner was at work.
    #[error("the history is gone from {}, so the background runner ends", .0.display())]
    HistoryGone(PathBuf),
    /// Starting the process failed.
    #[error(
        "the background runner could not be started ({}: {why}). What is queued waits; `comfydeck runs` tries again",
        program.display()
    )]
    Start { program: PathBuf, why: io::Error },
    /// Runners ended several times in a row without doing anything.
    #[error(
        "the background runner keeps ending at once, so no run goes on. {} says why; `comfydeck runs` starts it again",
        log.display()
    )]
    EndsAtOnce { log: PathBuf },
    /// The backend rejects the request before it is sent.
    #[error(transparent)]
    Unsendable(BackendError),
    /// Tokio or a signal handler could not be set up.
    #[error("the background runner could not start: {0}")]
    SetUp(io::Error),
}
