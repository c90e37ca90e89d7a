//! The history: every run with its request, events and log, in SQLite and files beside it.
//!
//! | under the data folder | holds |
//! |---|---|
//! | `history.db` | workflows, runs, requests, events, outputs, full-text index |
//! | `logs/<run>.log` | the server's log of one run, see [`LogReader`] |
//! | `inputs/<sha256>` | content of files that went up with a run |
//! | `intents/<run>-<inode>.json` | an output that is about to get its name |
//! | `rescued/` | outputs that their own folder did not take |
//! | `previews/<run>` | the newest picture of a run at work |
//! | `reserve` | disk space for events when the disk is full |
//! | `bell` | nothing: it is written to after each commit, to wake those who [`watch`] |
//!
//! Screens, command lines and the runner use it at the same time, each with a [`Store`] of its own: readers never
//! wait, writers take turns. The events are the truth; the columns of `runs` are a cache of
//! [`Run::apply`](crate::domain::Run::apply) over them, written in the same transaction.

mod batches;
mod briefs;
mod costs;
mod earlier;
mod error;
mod filter;
mod inputs;
mod intents;
mod lineage;
mod list;
mod live;
mod log;
mod notebook;
mod notes;
mod outputs;
mod previews;
mod prune;
mod recall;
mod repair;
mod reserve;
mod runs;
mod schema;
mod search;
mod stats;
mod watch;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use sha2::{Digest, Sha256};

use crate::config::Dirs;
use crate::config::dirs::private_dir;
use crate::domain::run::UnixMs;
use crate::domain::workflow::hex;
use crate::domain::{RunId, Workflow};

pub use batches::{CancelledRest, NewBatch};
pub use error::StoreError;
pub use filter::RunQuery;
pub use inputs::KeptInput;
pub use log::{LogLine, LogReader, LogWriter};
pub use outputs::{Deleted, OutputQuery};
pub use prune::{DiskUse, Removable, Removal};
pub use repair::Repaired;
pub use runs::{CancelAnswer, StoredEvent};
pub use stats::By;
pub use watch::{Watcher, watch};

const FILE_NAME: &str = "history.db";

/// A connection to the history; one per thread.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    data: PathBuf,
    /// Device and inode of the database file.
    file: Option<(u64, u64)>,
    read_only: bool,
    /// Written to after each commit; `None` when the store is read-only or the file cannot be opened.
    bell: Option<File>,
    /// Open runs this store has written to, with the events folded so far.
    open_runs: RefCell<HashMap<RunId, runs::Folded>>,
    own_changes: Cell<u64>,
    /// The fields of the workflow whose run was queued last, by its hash.
    field_names: RefCell<Option<(String, recall::FieldNames)>>,
    /// Size limit in bytes of one run's log.
    max_log: Cell<u64>,
}

/// Version of the history; two that differ mean that something changed in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeMark {
    others: i64,
    own: u64,
}

impl Store {
    /// Opens the history. Creates it when missing, and migrates an older format after a backup beside it. A history
    /// that cannot be written is opened read-only.
    ///
    /// # Errors
    /// When it is damaged, of a newer format, locked for longer than five seconds, or the folder cannot be
    /// used. Nothing is destroyed then.
    pub fn open(dirs: &Dirs) -> Result<Self, StoreError> {
        Self::open_with(&dirs.data, schema::MIGRATIONS)
    }

    fn open_with(data: &Path, migrations: &[&str]) -> Result<Self, StoreError> {
        let path = data.join(FILE_NAME);
        let made = [data, &data.join("logs"), &data.join("inputs")]
            .into_iter()
            .try_for_each(|folder| private_dir(folder).map_err(StoreError::writing(folder)));
        if let Err(error) = made
            && !path.exists()
        {
            return Err(error);
        }
        let opened = schema::open(&path, migrations)?;
        // Without the bell other processes notice changes later, by polling.
        let bell = if opened.read_only { None } else { watch::bell(data).ok() };
        Ok(Self {
            connection: opened.connection,
            data: data.to_owned(),
            file: inode(&path).ok(),
            read_only: opened.read_only,
            bell,
            open_runs: RefCell::default(),
            own_changes: Cell::new(0),
            field_names: RefCell::default(),
            max_log: Cell::new(u64::MAX),
        })
    }

    /// Whether the history is open read-only.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Whether the database file is still where it was opened; not so when its folder
    /// was deleted, moved or unmounted.
    pub fn is_in_place(&self) -> bool {
        match inode(&self.data.join(FILE_NAME)) {
            Ok(now) => self.file.is_none_or(|file| file == now),
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.data
    }

    /// Sets the size limit in bytes of one run's log.
    pub fn set_max_log(&self, bytes: u64) {
        self.max_log.set(bytes);
    }

    /// Stores a workflow's text under its hash.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn add_workflow(&self, workflow: &Workflow) -> Result<(), StoreError> {
        let known = "SELECT 1 FROM workflows WHERE hash = ?1";
        if self.connection.prepare_cached(known)?.exists([workflow.hash()])? {
            return Ok(());
        }
        let sql = "INSERT OR IGNORE INTO workflows (hash, text) VALUES (?1, ?2)";
        self.connection.prepare_cached(sql)?.execute([workflow.hash(), workflow.text()])?;
        self.changed();
        Ok(())
    }

    /// Stores the graph a server says it ran. Returns its hash, for [`Store::workflow`].
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn add_graph(&self, text: &str) -> Result<String, StoreError> {
        let hash = hex(&Sha256::digest(text.as_bytes()));
        let sql = "INSERT OR IGNORE INTO workflows (hash, text) VALUES (?1, ?2)";
        self.connection.prepare_cached(sql)?.execute([hash.as_str(), text])?;
        self.changed();
        Ok(hash)
    }

    /// The text of a workflow or graph, by its hash.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn workflow(&self, hash: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT text FROM workflows WHERE hash = ?1";
        Ok(self.connection.prepare_cached(sql)?.query_row([hash], |row| row.get(0)).optional()?)
    }

    /// Changes whenever a transaction of any process changes the history. Costs microseconds. Logs are separate
    /// files and do not count.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn change_mark(&self) -> Result<ChangeMark, StoreError> {
        let others =
            self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        Ok(ChangeMark { others, own: self.own_changes.get() })
    }

    /// Path of a run's log.
    pub fn log_path(&self, run: RunId) -> PathBuf {
        self.data.join("logs").join(format!("{run}.log"))
    }

    /// Reader of a run's log; a log that has not begun is empty.
    pub fn log(&self, run: RunId) -> LogReader {
        LogReader::new(self.log_path(run))
    }

    /// Folders for outputs whose own folder failed: beside the history, then the machine's temporary folder.
    pub fn rescue_places(&self) -> Vec<PathBuf> {
        let user = rustix::process::geteuid().as_raw();
        vec![self.data.join("rescued"), std::env::temp_dir().join(format!("comfydeck-rescued-{user}"))]
    }

    /// Opens a run's log for appending.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn log_writer(&self, run: RunId) -> Result<LogWriter, StoreError> {
        LogWriter::open(self.log_path(run), self.max_log.get())
    }

    /// Wakes the watchers; called after each commit.
    fn changed(&self) {
        self.own_changes.set(self.own_changes.get() + 1);
        if let Some(Err(error)) = self.bell.as_ref().map(|bell| bell.write_at(b"!", 0)) {
            tracing::warn!("other processes are not notified of a change of the history: {error}");
        }
    }

    /// A transaction that takes the write lock at the start, so that it cannot fail half-way
    /// because another process wrote meanwhile.
    fn writing(&self) -> Result<Transaction<'_>, StoreError> {
        Ok(Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?)
    }
}

fn inode(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::metadata(path).map(|there| (there.dev(), there.ino()))
}

/// Milliseconds since 1970-01-01 UTC by this machine's clock.
pub fn now() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RunRequest;

    #[test]
    fn a_locked_history_can_be_read_and_says_so_when_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(folder.path());
        let store = Store::open(&dirs).expect("a store");
        let id = store.queue(&RunRequest::default(), 1).expect("queued");
        store.connection.busy_timeout(std::time::Duration::from_millis(20)).expect("set");
        let holder = Connection::open(dirs.data.join(FILE_NAME)).expect("a connection");
        holder.execute_batch("BEGIN IMMEDIATE").expect("locked");
        assert!(matches!(store.queue(&RunRequest::default(), 1), Err(StoreError::Locked)));
        let reader = Store::open(&dirs).expect("a second store");
        assert_eq!(reader.summaries(&RunQuery::default()).expect("a list")[0].id, id);
        holder.execute_batch("ROLLBACK").expect("free");
        store.queue(&RunRequest::default(), 1).expect("queued");
    }
}
