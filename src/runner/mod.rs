//! The background process that owns runs in flight.
//!
//! Screens and command lines only [queue](submit()) runs and read what became of them in the store. One runner a
//! data folder, of the same program, in a session of its own, sends them and writes what it hears; it
//! starts when a run is queued and ends when none is open. So nothing that happens to a terminal touches a run.

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

pub use process::{NoRunner, ensure, ensure_as, gone, keep_away, serve, serve_with, work_off};
pub use restarts::Restarts;
pub use submit::{IfSame, NewRun, absolute, adopt, cancel, enqueue, enqueue_again, let_go, outgoing};

/// What a runner needs of the world beside the store.
pub trait Environment: Send + Sync {
    /// Who speaks a protocol.
    fn backend(&self, protocol: Protocol) -> Arc<dyn Backend>;

    /// Who asks, for a run that is about to be sent or found again.
    ///
    /// # Errors
    /// Why the credentials cannot be found; the run ends with it.
    fn credentials(&self, request: &RunRequest) -> Result<Credentials, RunError>;

    /// A run has ended: deletes what was handed over for it.
    fn release(&self, request: &RunRequest);

    /// No run is open: deletes what was handed over for runs that never came to be.
    fn sweep(&self);
}

/// The world as it is: real endpoints, credentials by the config and the hand-over.
struct SystemEnvironment {
    dirs: Dirs,
    /// Kept from run to run, since a backend's HTTP client is expensive to make.
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
        // One that was left a moment ago may belong to a run that is just being queued.
        let before = SystemTime::now() - Duration::from_secs(60);
        if let Err(error) = handover::sweep(&self.dirs, before, |_| false) {
            tracing::warn!("credentials that are no longer needed could not be deleted: {error}");
        }
    }
}

/// What to do about a folder that takes no outputs.
const ANOTHER_FOLDER: &str =
    "Free it, or choose another folder: `output_dir` in config.toml, or -o DIR on the command line";

/// Why a run could not be queued, or the runner not started.
#[derive(Debug, Error)]
pub enum RunnerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The credentials cannot be found or handed over.
    #[error(transparent)]
    Credentials(#[from] HandoverError),
    /// A path that cannot be kept in the history.
    #[error("{} cannot be kept in the history: its name is not UTF-8. Rename it", .0.display())]
    Name(PathBuf),
    /// What the run makes would find no place.
    #[error("{0}. {ANOTHER_FOLDER}")]
    Folder(#[from] Unusable),
    /// The content of an input file is not there any more.
    #[error(
        "the content of {name} is not in the history any more, so run {run} cannot be repeated as it was. Load its values and choose the file again"
    )]
    InputGone {
        /// The run to repeat.
        run: RunId,
        name: String,
    },
    /// It is the same run again, and whoever wants it is to be asked.
    #[error("nothing differs from run {run}, which is {}", .status.word())]
    Same { run: RunId, status: Status },
    /// The run was made elsewhere.
    #[error(
        "run {0} was sent from elsewhere and only fetched, so its values are not known here and it cannot be repeated"
    )]
    Unknown(RunId),
    /// A file of the runner cannot be used.
    #[error("the background runner cannot use {}: {why}. Make the folder writable, then try again", path.display())]
    File {
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The folder of the history was deleted, moved or unmounted under a runner.
    #[error("the history is gone from {}, so the background runner ends", .0.display())]
    HistoryGone(PathBuf),
    /// The process cannot be started.
    #[error(
        "the background runner could not be started ({}: {why}). What is queued waits; `comfydeck runs` tries again",
        program.display()
    )]
    Start {
        program: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// Runners end before they do anything.
    #[error(
        "the background runner keeps ending at once, so no run goes on. {} says why; `comfydeck runs` starts it again",
        log.display()
    )]
    EndsAtOnce { log: PathBuf },
    /// The request cannot be sent as it is.
    #[error(transparent)]
    Unsendable(BackendError),
    /// The runner's own machinery.
    #[error("the background runner could not start: {0}")]
    SetUp(io::Error),
}
