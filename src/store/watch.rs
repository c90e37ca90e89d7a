//! Wakes up when the history or a log changes, without polling.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::StoreError;
use crate::config::Dirs;
use crate::config::dirs::private_dir;

/// File in the data folder that is written to after each commit.
///
/// Watching the database's own files would not do: SQLite writes its log first and makes the commit visible
/// afterwards in shared memory, which sends no notification. A reader woken by the log would look too early,
/// and not be woken again.
const BELL: &str = "bell";

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    _watcher: RecommendedWatcher,
}

/// Calls `changed` soon after any process has written to the history or a log: on a thread of its own, many times
/// during a burst, and sometimes without need. The callback should only wake a reader, which then checks
/// [`Store::change_mark`](super::Store::change_mark) and [`LogReader::refresh`](super::LogReader::refresh). Not
/// every file system notifies (NFS does not report changes of other machines, some report nothing), so waiting code
/// needs a timer as well.
///
/// # Errors
/// When the files cannot be watched, for instance because the system's limit of watches was reached.
pub fn watch(dirs: &Dirs, mut changed: impl FnMut() + Send + 'static) -> Result<Watcher, StoreError> {
    let on_event = move |event: notify::Result<notify::Event>| {
        // An error is an overflow of the queue: something has changed.
        if event.map_or(true, |event| is_change(event.kind)) {
            changed();
        }
    };
    let failed = |error: notify::Error| StoreError::Watch(error.to_string());
    let mut watcher = notify::recommended_watcher(on_event).map_err(failed)?;
    let logs = dirs.data.join("logs");
    let bell_path = dirs.data.join(BELL);
    if !bell_path.exists() {
        private_dir(&logs).map_err(StoreError::writing(&logs))?;
        bell(&dirs.data)?;
    }
    for path in [bell_path, logs] {
        watcher.watch(&path, RecursiveMode::NonRecursive).map_err(failed)?;
    }
    Ok(Watcher { _watcher: watcher })
}

/// Opens the bell file for writing.
pub(super) fn bell(data: &Path) -> Result<File, StoreError> {
    let path = data.join(BELL);
    let options = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
    options.map_err(StoreError::writing(&path))
}

/// Whether an event is a write; reading also opens and closes files, and must not wake anybody.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}
