//! The background process that owns runs in flight.
//!
//! Screens and command lines only [queue](submit()) runs and read their state from the store. One runner per data
//! folder, the same program in a session of its own, sends them and records their events. It starts when a run is
//! queued and ends when none is open, so nothing that happens to a terminal affects a run.

mod batches;
mod cancel;
mod ceiling;
mod copy;
mod drift;
mod duplicate;
mod end;
mod finish;
mod folder;
mod journal;
mod process;
mod queue;
pub mod replay;
mod restarts;
mod retry;
pub mod share;
mod sidecar;
mod submit;
mod task;
mod waiting;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use thiserror::Error;

use crate::backend::results::outputs::place::Unusable;
use crate::backend::{self, Backend, BackendError};
use crate::config::handover::{self, HandoverError};
use crate::config::{Config, Credentials, Dirs};
use crate::domain::draft::SubmitError;
use crate::domain::prompt::TemplateError;
use crate::domain::run::{Protocol, RunError};
use crate::domain::{RunId, RunRequest, Status};
use crate::store::StoreError;

pub use batches::{cancel_batch, cancel_queued, enqueue_batch, profile_of_batch, resume_batch, retry_batch};
pub use copy::copied;
pub use finish::tell as tell_finished;
pub use process::{
    NoRunner, ensure, ensure_as, gone, keep_away, secret_variables, serve, serve_with, work, work_off,
};
pub use restarts::Restarts;
pub use submit::{IfSame, NewRun, absolute, adopt, cancel, enqueue, enqueue_again, let_go, outgoing};
pub use waiting::{cancel_queue, resume_queue};

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

    /// Deletes credentials that were handed over for runs that have ended or were never queued; called when nothing is left
    /// to do. `is_waiting` tells which hand-overs an open run still needs.
    fn sweep(&self, is_waiting: &dyn Fn(&str) -> bool);

    /// Tells whoever wants to know that a run which had its turn has ended. `record` is the run as JSON.
    fn finished(&self, run: RunId, status: Status, record: &dyn Fn() -> Value);

    /// Whether what was left for the runner of a run's credentials is gone.
    fn are_secrets_gone(&self, request: &RunRequest) -> bool;

    /// The limits at a run's endpoint now. They may change while runs wait.
    fn limits(&self, request: &RunRequest) -> Limits;
}

/// How much may run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How many runs of the endpoint may be in flight at once; at least 1.
    pub at_once: u32,
    /// The most that the runs of a day may cost; `None` for no ceiling.
    pub most_a_day: Option<f64>,
}

/// The real environment: network backends, credentials from config and hand-over.
struct SystemEnvironment {
    dirs: Dirs,
    /// One backend per protocol, since its HTTP client is expensive to create.
    backends: Mutex<HashMap<Protocol, Arc<dyn Backend>>>,
    /// As it was read last, and when its file was written.
    config: Mutex<(Option<SystemTime>, Config)>,
    /// Threads that wait for commands of the person (`on_finish`).
    commands: Mutex<Vec<JoinHandle<()>>>,
}

impl SystemEnvironment {
    fn new(dirs: &Dirs) -> Self {
        Self {
            dirs: dirs.clone(),
            backends: Mutex::default(),
            config: Mutex::default(),
            commands: Mutex::default(),
        }
    }

    /// The config as it is now.
    fn config(&self) -> MutexGuard<'_, (Option<SystemTime>, Config)> {
        let written = std::fs::metadata(self.dirs.config_file()).and_then(|file| file.modified()).ok();
        let mut known = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != written {
            match Config::load(&self.dirs) {
                Ok(config) => *known = (written, config),
                // It may be half written. What held before holds until it can be read.
                Err(error) => tracing::warn!("{error}"),
            }
        }
        known
    }

    /// Waits until the commands have ended, so that how they ended is logged.
    fn wait_for_commands(&self) {
        let commands = std::mem::take(&mut *self.commands.lock().unwrap_or_else(PoisonError::into_inner));
        for command in commands {
            // A panic there is in the log.
            let _ = command.join();
        }
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

    fn sweep(&self, is_waiting: &dyn Fn(&str) -> bool) {
        // A recent hand-over may belong to a run that is being queued right now.
        let before = SystemTime::now() - Duration::from_secs(60);
        if let Err(error) = handover::sweep(&self.dirs, before, is_waiting) {
            tracing::warn!("credentials that are no longer needed could not be deleted: {error}");
        }
    }

    fn finished(&self, run: RunId, status: Status, record: &dyn Fn() -> Value) {
        let Some(command) = self.config().1.notify.command_for(status).map(str::to_owned) else { return };
        match finish::start(&command, &self.dirs.runtime, run, &record()) {
            Ok(thread) => self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(thread),
            Err(error) => tracing::warn!(run, "on_finish could not be started: {error}"),
        }
    }

    fn are_secrets_gone(&self, request: &RunRequest) -> bool {
        handover::is_gone(&self.dirs, request)
    }

    fn limits(&self, request: &RunRequest) -> Limits {
        let known = self.config();
        let profile = known.1.profiles.get(&request.profile);
        Limits {
            at_once: profile.map_or(request.concurrency, |profile| profile.concurrency),
            most_a_day: known.1.spend.per_day,
        }
    }
}

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
    #[error("{0}. {remedy}", remedy = .0.remedy())]
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
    /// The draft has no value to send.
    #[error(transparent)]
    Draft(#[from] SubmitError),
    /// A template in a text cannot be expanded.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The backend rejects the request before it is sent.
    #[error(transparent)]
    Unsendable(BackendError),
    /// Tokio or a signal handler could not be set up.
    #[error("the background runner could not start: {0}")]
    SetUp(io::Error),
}
