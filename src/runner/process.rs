//! The runner as a process: one per data folder, started and waited for without races.
//!
//! Two lock files beside the history. `runner.lock` is held by the runner: whoever starts one takes the lock first
//! and **passes it to the child** as its standard input, so there is no moment in which two could start.
//! `runner.watch` is for waiting: the runner holds it too (passed as its standard output), and those who wait for its
//! end queue up there, out of the way of whoever tries the first lock.
//!
//! On a file system without locks, both files are in a local folder instead.
//!
//! No run is left waiting: a run is in the store **before** its process tries the lock, and the runner checks the
//! store once more **after** it has released the lock.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::{Environment, RunnerError, SystemEnvironment, journal, queue};
use crate::config::dirs::private_dir;
use crate::config::disk::is_lacking;
use crate::config::{Config, Dirs, SecretSource};
use crate::domain::workflow::hex;
use crate::store::{Store, now};

/// Variables removed from the runner's environment: it gets credentials from the hand-over and from files, and far
/// outlives the shell they were set in.
const NOT_FOR_THE_RUNNER: [&str; 2] = ["VIEWCOMFY_CLIENT_ID", "VIEWCOMFY_CLIENT_SECRET"];

/// Set in a runner's environment; a process with it never starts another runner, so that a program that mistakes the
/// argument `runner` for something else (a test binary, say) cannot multiply.
pub(super) const RUNNER_MARK: &str = "COMFYDECK_RUNNER";

/// Longest time for which one lock is held without the other.
const BETWEEN: Duration = Duration::from_secs(2);

/// Starts a runner unless one is running. Call it after queueing or cancelling a run, and at every start, so that
/// runs left by an earlier runner are settled.
///
/// # Errors
/// When the state folder cannot be used or the process cannot be started.
pub fn ensure(dirs: &Dirs) -> Result<(), RunnerError> {
    let program = std::env::current_exe()
        .map_err(|why| RunnerError::Start { program: PathBuf::from("comfydeck"), why })?;
    let mut command = Command::new(present(program));
    command.arg("runner");
    ensure_as(dirs, command)
}

/// As [`ensure`], with a command that calls [`serve`] or [`serve_with`].
///
/// # Errors
/// As [`ensure`].
pub fn ensure_as(dirs: &Dirs, mut command: Command) -> Result<(), RunnerError> {
    let Some(locks) = Locks::take(dirs)? else { return Ok(()) };
    let program = PathBuf::from(command.get_program());
    let refused = |why| RunnerError::Start { program: program.clone(), why };
    if std::env::var_os(RUNNER_MARK).is_some() {
        return Err(refused(io::Error::other("a runner does not start another")));
    }
    command.env(RUNNER_MARK, "1");
    without_secrets(&mut command, dirs);
    command.stdin(Stdio::from(locks.main)).stdout(Stdio::from(locks.watch)).stderr(Stdio::null());
    let mut child = command.spawn().map_err(refused)?;
    // Without a wait the child would remain a zombie as long as this process lives.
    let reaper = std::thread::Builder::new().name("runner's end".to_owned()).spawn(move || child.wait());
    reaper.map(drop).map_err(RunnerError::SetUp)
}

/// Has a process of this program use the same folders, and none of the secrets of this one's environment.
pub(super) fn without_secrets(command: &mut Command, dirs: &Dirs) {
    if let Some(home) = home_of(dirs) {
        command.env("COMFYDECK_HOME", home);
    }
    for name in secret_variables(dirs) {
        command.env_remove(name);
    }
}

/// Blocks until no runner is running.
///
/// # Errors
/// When the lock cannot be used.
pub fn gone(dirs: &Dirs) -> Result<(), RunnerError> {
    let waited = |path: PathBuf| match File::open(&path).and_then(|file| file.lock_shared()) {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        waited => waited.map_err(|why| RunnerError::File { path, why }),
    };
    match waited(LockPaths::beside(dirs).watch) {
        Err(RunnerError::File { why, .. }) if is_lacking(&why) => waited(LockPaths::elsewhere(dirs).watch),
        waited => waited,
    }
}

/// Prevents runners from starting until it is dropped.
pub struct NoRunner {
    _locks: Locks,
}

/// Prevents runners from starting; `None` when one is running.
///
/// # Errors
/// When the locks cannot be used.
pub fn keep_away(dirs: &Dirs) -> Result<Option<NoRunner>, RunnerError> {
    Ok(Locks::take(dirs)?.map(|locks| NoRunner { _locks: locks }))
}

/// Runs as the runner: detaches from the terminal, sends what is queued, and returns when no run is open or the
/// process got a signal to end. Returns at once when another runner is running.
///
/// # Errors
/// When the store or the locks cannot be used.
pub fn serve(dirs: &Dirs) -> Result<(), RunnerError> {
    let environment = Arc::new(SystemEnvironment::new(dirs));
    let served = serve_with(dirs, environment.clone());
    environment.wait_for_commands();
    served
}

/// As [`serve`], with another environment.
///
/// # Errors
/// As [`serve`].
pub fn serve_with(dirs: &Dirs, environment: Arc<dyn Environment>) -> Result<(), RunnerError> {
    // Fails for the leader of a process group, as a runner started by hand from a shell is: it keeps its session.
    let _ = rustix::process::setsid();
    // The runner works without its log; errors of runs are in the history.
    let _ = private_dir(&dirs.state)
        .map_err(|why| RunnerError::File { path: dirs.state.clone(), why })
        .and_then(|()| journal::begin(&dirs.state));
    let served = work_off(dirs, environment);
    if let Err(error) = &served {
        tracing::error!("{error}");
    }
    served
}

/// Does a runner's work in this process: as [`serve_with`], but keeps the terminal and writes no log.
///
/// # Errors
/// As [`serve`].
pub fn work_off(dirs: &Dirs, environment: Arc<dyn Environment>) -> Result<(), RunnerError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunnerError::SetUp)?;
    tokio::task::LocalSet::new().block_on(&runtime, work(dirs, environment))
}

/// As [`work_off`], on the caller's runtime, in a `LocalSet`. Dropped, it leaves the history as a runner that was killed.
///
/// # Errors
/// As [`serve`].
pub async fn work(dirs: &Dirs, environment: Arc<dyn Environment>) -> Result<(), RunnerError> {
    let Some(locks) = Locks::inherited(dirs)?.map_or_else(|| Locks::take(dirs), |locks| Ok(Some(locks)))?
    else {
        return Ok(());
    };
    tracing::info!(pid = std::process::id(), "the runner begins");
    let store = Store::open(dirs)?;
    // A broken config is reported by the commands that need more of it.
    store.set_max_log(Config::load(dirs).unwrap_or_default().max_log.0);
    if let Err(error) = store.remove_interrupted(now()) {
        tracing::warn!("what is there of a batch that was not queued whole stays: {error}");
    }
    let mut queue = queue::Queue::new(dirs, store, environment)?;
    loop {
        queue.recover()?;
        let stopped = queue.work().await?;
        locks.main.unlock().map_err(RunnerError::SetUp)?;
        if stopped || !queue.has_work()? || !locks.retake()? {
            break;
        }
    }
    tracing::info!("the runner ends");
    Ok(())
}

/// Paths of the two lock files.
struct LockPaths {
    main: PathBuf,
    watch: PathBuf,
}

impl LockPaths {
    fn beside(dirs: &Dirs) -> Self {
        Self { main: dirs.data.join("runner.lock"), watch: dirs.data.join("runner.watch") }
    }

    /// For a history on a file system without locks. The folder belongs to this user alone, and does not depend on
    /// the environment, which differs between processes.
    fn elsewhere(dirs: &Dirs) -> Self {
        let folder = PathBuf::from(format!("/tmp/comfydeck-locks-{}", rustix::process::geteuid().as_raw()));
        let data = dirs.data.canonicalize().unwrap_or_else(|_| dirs.data.clone());
        let name = hex(&Sha256::digest(data.as_os_str().as_encoded_bytes()));
        Self { main: folder.join(format!("{name}.lock")), watch: folder.join(format!("{name}.watch")) }
    }
}

/// The two locks, released on drop.
struct Locks {
    main: File,
    watch: File,
    paths: LockPaths,
}

impl Locks {
    /// Takes both locks; `None` when a runner is running.
    fn take(dirs: &Dirs) -> Result<Option<Self>, RunnerError> {
        match Self::take_at(LockPaths::beside(dirs)) {
            Err(RunnerError::File { why, .. }) if is_lacking(&why) => {
                Self::take_at(LockPaths::elsewhere(dirs))
            }
            taken => taken,
        }
    }

    fn take_at(paths: LockPaths) -> Result<Option<Self>, RunnerError> {
        let folder = paths.main.parent().unwrap_or(Path::new("/"));
        private_dir(folder).map_err(|why| RunnerError::File { path: folder.to_owned(), why })?;
        let open = |path: &Path| {
            let options =
                File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
            options.map_err(|why| RunnerError::File { path: path.to_owned(), why })
        };
        let locks = Self { main: open(&paths.main)?, watch: open(&paths.watch)?, paths };
        let begun = Instant::now();
        while !locks.retake()? {
            if !locks.is_between()? || begun.elapsed() > BETWEEN {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Held by others only for a moment: by a runner that has just released the first lock, or by a process
        // that waited for its end.
        locks.watch.lock().map_err(|why| locks.fault(&locks.paths.watch, why))?;
        Ok(Some(locks))
    }

    /// Whether only the first lock is held. That is so for a moment while the system releases a killed process's
    /// locks one by one, and while another process takes both.
    fn is_between(&self) -> Result<bool, RunnerError> {
        match self.watch.try_lock_shared() {
            Ok(()) => self.watch.unlock().map(|()| true).map_err(|why| self.fault(&self.paths.watch, why)),
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(why)) => Err(self.fault(&self.paths.watch, why)),
        }
    }

    fn retake(&self) -> Result<bool, RunnerError> {
        match self.main.try_lock() {
            Ok(()) => Ok(true),
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(why)) => Err(self.fault(&self.paths.main, why)),
        }
    }

    fn fault(&self, path: &Path, why: io::Error) -> RunnerError {
        RunnerError::File { path: path.to_owned(), why }
    }

    /// The locks passed by [`ensure`]; `None` for a runner that was started in another way.
    fn inherited(dirs: &Dirs) -> Result<Option<Self>, RunnerError> {
        let own = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned().map(File::from);
        let (Ok(main), Ok(watch)) = (own(io::stdin().as_fd()), own(io::stdout().as_fd())) else {
            return Ok(None);
        };
        let are_these = |paths: &LockPaths| is_file(&main, &paths.main) && is_file(&watch, &paths.watch);
        let mut paths = LockPaths::beside(dirs);
        if !are_these(&paths) {
            paths = LockPaths::elsewhere(dirs);
        }
        if !are_these(&paths) {
            return Ok(None);
        }
        // Commands that the runner starts (a password manager) must not inherit the locks.
        let null = File::options().read(true).write(true).open("/dev/null").map_err(RunnerError::SetUp)?;
        rustix::stdio::dup2_stdin(&null).map_err(|e| RunnerError::SetUp(e.into()))?;
        rustix::stdio::dup2_stdout(&null).map_err(|e| RunnerError::SetUp(e.into()))?;
        Ok(Some(Self { main, watch, paths }))
    }
}

/// Names of the variables in which this user's config looks for secrets.
pub fn secret_variables(dirs: &Dirs) -> Vec<String> {
    let mut names: Vec<String> = NOT_FOR_THE_RUNNER.map(str::to_owned).to_vec();
    // Without a readable config no names are known.
    for profile in Config::load(dirs).map(|config| config.profiles).unwrap_or_default().into_values() {
        names.extend(profile.sources().filter_map(|source| match source {
            SecretSource::Env { name, .. } => Some(name.clone()),
            SecretSource::Text(_) | SecretSource::File(_) | SecretSource::Command(_) => None,
        }));
    }
    names
}

fn is_file(open: &File, path: &Path) -> bool {
    match (open.metadata(), std::fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// Value of `COMFYDECK_HOME` with which a child finds the same folders; `None` for the XDG folders, which
/// it finds by its environment.
fn home_of(dirs: &Dirs) -> Option<PathBuf> {
    let home = std::path::absolute(dirs.data.parent()?).ok()?;
    (Dirs::under(dirs.data.parent()?) == *dirs).then_some(home)
}

/// The program's path; Linux appends ` (deleted)` when the file was replaced during an update.
fn present(program: PathBuf) -> PathBuf {
    let text = program.to_string_lossy();
    match text.strip_suffix(" (deleted)") {
        Some(path) if !program.exists() => PathBuf::from(path),
        _ => program,
    }
}
