//! The runner as a process: one a data folder, started and waited for without races.
//!
//! Two locks beside the history tell everything. `runner.lock` says who is the runner: whoever starts one takes it first and
//! **hands it to the child** as its standard input, so there is no moment at which two could start or none
//! is there. `runner.watch` is for waiting: the runner holds it too (as its standard output, until it
//! has taken it over), and those who wait for its end queue up there, where they never stand in the way of
//! somebody who asks for the first.
//!
//! Where the file system of the history has no locks, both lie in a folder of this machine.
//!
//! Nobody is forgotten either: a run is in the store **before** its queuer looks at the lock, and the runner
//! looks into the store once more **after** it has given the lock back.

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
use crate::store::Store;

/// Variables that the runner's process goes without: it gets credentials from the hand-over and from files, and
/// outlives by far the shell that they were set for.
const NOT_FOR_THE_RUNNER: [&str; 2] = ["VIEWCOMFY_CLIENT_ID", "VIEWCOMFY_CLIENT_SECRET"];

/// Set for a runner's process, which never starts another: a program that takes `runner` for something else
/// (a test, say) cannot multiply.
const RUNNER_MARK: &str = "COMFYDECK_RUNNER";

/// The longest time for which the two locks may disagree.
const BETWEEN: Duration = Duration::from_secs(2);

/// Starts a runner unless one is there. Call it after a run was queued or its cancel was asked for, and at
/// every start, so that what an earlier runner left behind is told.
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

/// As [`ensure`], with a command of one's own that comes to [`serve`] or [`serve_with`].
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
    if let Some(home) = home_of(dirs) {
        command.env("COMFYDECK_HOME", home);
    }
    command.env(RUNNER_MARK, "1");
    for name in secret_variables(dirs) {
        command.env_remove(name);
    }
    command.stdin(Stdio::from(locks.main)).stdout(Stdio::from(locks.watch)).stderr(Stdio::null());
    let mut child = command.spawn().map_err(refused)?;
    // Somebody has to take the child's exit code, or its entry stays in the process table as long as
    // this process lives.
    let reaper = std::thread::Builder::new().name("runner's end".to_owned()).spawn(move || child.wait());
    reaper.map(drop).map_err(RunnerError::SetUp)
}

/// Waits until no runner is there.
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

/// Keeps runners away as long as it lives.
pub struct NoRunner {
    _locks: Locks,
}

/// Keeps runners away, unless one is there: then `None`.
///
/// # Errors
/// When the locks cannot be used.
pub fn keep_away(dirs: &Dirs) -> Result<Option<NoRunner>, RunnerError> {
    Ok(Locks::take(dirs)?.map(|locks| NoRunner { _locks: locks }))
}

/// Is the runner: leaves the terminal, sends what is queued, and returns when no run is open or the process
/// is asked to end. Returns at once when another runner is there.
///
/// # Errors
/// When the store or the locks cannot be used.
pub fn serve(dirs: &Dirs) -> Result<(), RunnerError> {
    serve_with(dirs, Arc::new(SystemEnvironment::new(dirs)))
}

/// As [`serve`], with backends and credentials of one's own.
///
/// # Errors
/// As [`serve`].
pub fn serve_with(dirs: &Dirs, environment: Arc<dyn Environment>) -> Result<(), RunnerError> {
    // Refused for the leader of a process group, which a shell makes of a runner that is started by hand:
    // that one stays where it was started.
    let _ = rustix::process::setsid();
    // Without the log runs go on, and their errors are in the history.
    let _ = private_dir(&dirs.state)
        .map_err(|why| RunnerError::File { path: dirs.state.clone(), why })
        .and_then(|()| journal::begin(&dirs.state));
    let served = work_off(dirs, environment);
    if let Err(error) = &served {
        tracing::error!("{error}");
    }
    served
}

/// Does a runner's work in this process: as [`serve_with`], but stays in the terminal and keeps no log of
/// its own.
///
/// # Errors
/// As [`serve`].
pub fn work_off(dirs: &Dirs, environment: Arc<dyn Environment>) -> Result<(), RunnerError> {
    let Some(locks) = Locks::inherited(dirs)?.map_or_else(|| Locks::take(dirs), |locks| Ok(Some(locks)))?
    else {
        return Ok(());
    };
    tracing::info!(pid = std::process::id(), "the runner begins");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunnerError::SetUp)?;
    let store = Store::open(dirs)?;
    // A config that cannot be read is told by whoever needs more of it.
    store.set_max_log(Config::load(dirs).unwrap_or_default().max_log.0);
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        let mut queue = queue::Queue::new(dirs, store, environment)?;
        loop {
            queue.recover()?;
            let stopped = queue.work().await?;
            locks.main.unlock().map_err(RunnerError::SetUp)?;
            if stopped || !queue.has_open_runs()? || !locks.retake()? {
                break;
            }
        }
        tracing::info!("the runner ends");
        Ok(())
    })
}

/// Where the two locks lie.
struct LockPaths {
    main: PathBuf,
    watch: PathBuf,
}

impl LockPaths {
    fn beside(dirs: &Dirs) -> Self {
        Self { main: dirs.data.join("runner.lock"), watch: dirs.data.join("runner.watch") }
    }

    /// For a history on a file system without locks. The folder is that of this user alone, and found without an
    /// environment, which differs from process to process.
    fn elsewhere(dirs: &Dirs) -> Self {
        let folder = PathBuf::from(format!("/tmp/comfydeck-locks-{}", rustix::process::geteuid().as_raw()));
        let data = dirs.data.canonicalize().unwrap_or_else(|_| dirs.data.clone());
        let name = hex(&Sha256::digest(data.as_os_str().as_encoded_bytes()));
        Self { main: folder.join(format!("{name}.lock")), watch: folder.join(format!("{name}.watch")) }
    }
}

/// The two locks, held as long as this lives.
struct Locks {
    main: File,
    watch: File,
    paths: LockPaths,
}

impl Locks {
    /// Takes both; `None` when a runner is there.
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
        // Held by others for a moment only: by a runner that has just given the first one back, or by
        // somebody who waited for its end.
        locks.watch.lock().map_err(|why| locks.fault(&locks.paths.watch, why))?;
        Ok(Some(locks))
    }

    /// Whether the first lock is held and the second is not: so it is for a moment while a killed process is
    /// taken apart, whose locks the system gives back one by one, and while somebody takes both.
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

    /// The locks that [`ensure`] handed over; `None` for a runner that was started in another way.
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
        // What the runner starts (a command that tells a secret) must not hold the locks on.
        let null = File::options().read(true).write(true).open("/dev/null").map_err(RunnerError::SetUp)?;
        rustix::stdio::dup2_stdin(&null).map_err(|e| RunnerError::SetUp(e.into()))?;
        rustix::stdio::dup2_stdout(&null).map_err(|e| RunnerError::SetUp(e.into()))?;
        Ok(Some(Self { main, watch, paths }))
    }
}

/// Names of the variables in which this user keeps secrets for comfydeck.
fn secret_variables(dirs: &Dirs) -> Vec<String> {
    let mut names: Vec<String> = NOT_FOR_THE_RUNNER.map(str::to_owned).to_vec();
    // A config that cannot be read names no variable either.
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

/// The folder that `COMFYDECK_HOME` must name for a child to come to the same folders; `None` when they are
/// spread as XDG says, which the child finds in the environment.
fn home_of(dirs: &Dirs) -> Option<PathBuf> {
    let home = std::path::absolute(dirs.data.parent()?).ok()?;
    (Dirs::under(dirs.data.parent()?) == *dirs).then_some(home)
}

/// The program's path, also when it was replaced by a newer one while it ran.
fn present(program: PathBuf) -> PathBuf {
    let text = program.to_string_lossy();
    match text.strip_suffix(" (deleted)") {
        Some(path) if !program.exists() => PathBuf::from(path),
        _ => program,
    }
}
