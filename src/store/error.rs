//! Errors of the history, with their remedies.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};
use thiserror::Error;

use crate::domain::batch::BatchId;
use crate::domain::{OutputId, RunId};

/// SQLite's extended codes for "the file system does not support shared memory maps".
const SHARED_MEMORY: [i32; 3] =
    [ffi::SQLITE_IOERR_SHMOPEN, ffi::SQLITE_IOERR_SHMLOCK, ffi::SQLITE_IOERR_SHMMAP];

/// Why a store operation failed. No operation destroys data before it returns one of these.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A newer comfydeck wrote the database.
    #[error(
        "the history {} was written by a newer comfydeck (format {found}, this one knows {known}). Nothing was changed. Update comfydeck, or set COMFYDECK_HOME to another folder",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        /// The newest format that this version reads.
        known: i64,
    },
    #[error(
        "{} is a database of another program. Nothing was changed. Move it away, then start again",
        path.display()
    )]
    Foreign { path: PathBuf },
    /// The file is no SQLite database, or SQLite found it corrupt.
    #[error(
        "the history{} is damaged ({why}). Nothing was changed. `comfydeck doctor --repair` saves what can be read into a new history, and keeps the damaged one",
        path.as_ref().map_or_else(String::new, |path| format!(" {}", path.display()))
    )]
    Damaged {
        /// The database file, where it is known.
        path: Option<PathBuf>,
        /// SQLite's or the JSON parser's message.
        why: String,
    },
    /// One run's rows cannot be parsed; the others can.
    #[error(
        "the history's record of run {run} cannot be read ({why}). Other runs are not affected; this one cannot be continued"
    )]
    DamagedRun {
        run: RunId,
        /// The JSON parser's message.
        why: String,
    },
    /// Another process held the lock for longer than the busy timeout.
    #[error(
        "the history is locked by another program. Nothing was changed. Close what has the database open (a backup, a database browser), then try again"
    )]
    Locked,
    #[error("the disk is full, so the history could not be written. Free some space, then try again")]
    DiskFull,
    /// No permission to write the folder or the file.
    #[error(
        "the history cannot be written here: {why}. Make the folder writable, or set COMFYDECK_HOME to one that is"
    )]
    ReadOnly {
        /// The system's error message.
        why: String,
    },
    #[error("there is no run {0}. `comfydeck runs` lists them")]
    NoSuchRun(RunId),
    /// There is no such batch.
    #[error("there is no batch {0}. The dashboard shows batches among the runs")]
    NoSuchBatch(BatchId),
    /// Another process took the queueing of this batch for interrupted, and removed what was there of it.
    #[error("queueing took a break of more than a minute, so nothing of it was sent. Queue it again")]
    Interrupted(BatchId),
    /// The output's row is missing or marked as deleted.
    #[error("run {} has no such output any more", .0.run)]
    NoSuchOutput(OutputId),
    /// The file at an output's path has other content than the run saved there.
    #[error("{} was not deleted: {why}. Check it, and delete it yourself", path.display())]
    NotTheOutput {
        path: PathBuf,
        /// What is at the path instead.
        why: &'static str,
    },
    /// A file beside the database could not be read, written or removed.
    #[error("{} could not be {doing}: {why}", path.display())]
    File {
        /// Past participle for the message: `read`, `written` or `removed`.
        doing: &'static str,
        path: PathBuf,
        why: io::Error,
    },
    /// The file watcher could not be set up.
    #[error("changes of the history cannot be watched: {0}")]
    Watch(String),
    /// The file system has no shared memory maps, which SQLite's write-ahead log needs.
    #[error("the disk of the history has no shared memory")]
    NoSharedMemory,
    /// The disk returned an I/O error or is full.
    #[error(
        "the history cannot be read or written ({0}). Check whether the disk is full, failing or gone, then try again"
    )]
    Disk(String),
    /// Any other SQLite error.
    #[error("the history could not be used: {0}")]
    Sql(rusqlite::Error),
}

impl StoreError {
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |why| Self::File { doing: "read", path: path.to_owned(), why }
    }

    pub(super) fn removing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |why| Self::File { doing: "removed", path: path.to_owned(), why }
    }

    /// A full disk and a read-only folder get an error of their own.
    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |why| match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { why: format!("{}: {why}", path.display()) }
            }
            _ => Self::File { doing: "written", path: path.to_owned(), why },
        }
    }

    /// Puts the full path into an error that only knows the file's name.
    pub(super) fn of(self, database: &Path) -> Self {
        match self {
            Self::Damaged { why, .. } => Self::Damaged { path: Some(database.to_owned()), why },
            Self::ReadOnly { why } if !why.contains('/') => {
                Self::ReadOnly { why: format!("{}: {why}", database.display()) }
            }
            other => other,
        }
    }

    /// Wraps the parse error of a database value.
    pub(super) fn damaged(why: impl ToString) -> Self {
        Self::Damaged { path: None, why: why.to_string() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error().map(|error| error.extended_code) {
            Some(code) if SHARED_MEMORY.contains(&code) => return Self::NoSharedMemory,
            Some(ffi::SQLITE_IOERR_SHMSIZE) => return Self::DiskFull,
            _ => {}
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Self::ReadOnly { why: error.to_string() }
            }
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error.to_string()),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::damaged(error),
            _ => Self::Sql(error),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::damaged(error)
    }
}
