//! Waking up when the history or a log changes, without asking again and again.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::StoreError;
use crate::config::Dirs;
use crate::config::dirs::private_dir;

/// The file that is written to after each commit, in the data folder.
///
/// The database's own files will not do: SQLite writes its log first and makes the commit visible
/// afterwards, in shared memory, of which no notification tells. Who is woken by the log looks too early,
/// and is not woken again.
const BELL: &str = "bell";

/// Watches as long as it lives.
#[derive(Debug)]
pub struct Watcher {
    _watcher: RecommendedWatcher,
}

/// Calls `changed` soon after any process has written to the history or to a log: from a thread of its own,
/// many times during one burst, now and then without need. It should do no more than wake somebody up, who
/// then asks [`Store::change_mark`](super::Store::change_mark) and
/// [`LogReader::refresh`](super::LogReader::refresh). Nothing runs while nothing changes. Not every disk tells (NFS tells
/// nothing of other machines, some of nothing at all), so whoever waits for something has a clock as well.
///
/// # Errors
/// When the files cannot be watched, for instance because the system's limit of watches is reached.
pub fn watch(dirs: &Dirs, mut changed: impl FnMut() + Send + 'static) -> Result<Watcher, StoreError> {
    let on_event = move |event: notify::Result<notify::Event>| {
        // An error here is an overflow of the queue: something has changed.
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

/// Opens the bell, to ring it.
pub(super) fn bell(data: &Path) -> Result<File, StoreError> {
    let path = data.join(BELL);
    let options = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
    options.map_err(StoreError::writing(&path))
}

/// Whether an event is a change; reading also opens and closes files, which must not cause a wake-up.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}
