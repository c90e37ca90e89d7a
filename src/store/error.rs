//! What can go wrong with the history, said for people.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};
use thiserror::Error;

use crate::domain::{OutputId, RunId};

/// What SQLite says of a disk on which files cannot be mapped into the memory of several processes.
const SHARED_MEMORY: [i32; 3] =
    [ffi::SQLITE_IOERR_SHMOPEN, ffi::SQLITE_IOERR_SHMLOCK, ffi::SQLITE_IOERR_SHMMAP];

/// Why the store could not do what it was asked. Nothing is ever destroyed on the way to such an error.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Written by a newer comfydeck.
    #[error(
        "the history {} was written by a newer comfydeck (format {found}, this one knows {known}). Nothing was changed. Update comfydeck, or set COMFYDECK_HOME to another folder",
        path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// A database of another program under our name.
    #[error(
        "{} is a database of another program. Nothing was changed. Move it away, then start again",
        path.display()
    )]
    Foreign { path: PathBuf },
    /// Not a database, or a damaged one.
    #[error(
        "the history {} is damaged ({why}). Nothing was changed. `comfydeck doctor --repair` saves what can be read into a new history, and keeps the damaged one",
        path.display()
    )]
    Damaged {
        path: PathBuf,
        /// What SQLite or the JSON parser says.
        why: String,
    },
    /// One run's rows cannot be read; the others can.
    #[error(
        "the history's record of run {run} cannot be read ({why}). Other runs are not affected; this one cannot be continued"
    )]
    DamagedRun {
        run: RunId,
        /// What the JSON parser says.
        why: String,
    },
    /// Somebody holds the database for longer than we wait.
    #[error(
        "the history is locked by another program. Nothing was changed. Close what has the database open (a backup, a database browser), then try again"
    )]
    Locked,
    #[error("the disk is full, so the history could not be written. Free some space, then try again")]
    DiskFull,
    /// The folder or file may not be written.
    #[error(
        "the history cannot be written here: {why}. Make the folder writable, or set COMFYDECK_HOME to one that is"
    )]
    ReadOnly {
        /// What the system says.
        why: String,
    },
    /// There is no such run.
    #[error("there is no run {0}. `comfydeck runs` lists them")]
    NoSuchRun(RunId),
    /// There is no such output, or it was deleted.
    #[error("run {} has no such output any more", .0.run)]
    NoSuchOutput(OutputId),
    /// What lies at the path of an output is not what the run made.
    #[error("{} was not deleted: {why}. Check it, and delete it yourself", path.display())]
    NotTheOutput {
        path: PathBuf,
        /// What is there instead.
        why: &'static str,
    },
    /// A file beside the database could not be read or written.
    #[error("{} could not be {doing}: {why}", path.display())]
    File {
        /// `read`, `written` or `removed`.
        doing: &'static str,
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// Changes of the store cannot be watched.
    #[error("changes of the history cannot be watched: {0}")]
    Watch(String),
    /// The disk has no memory that processes could share, which the write-ahead log needs.
    #[error("the disk of the history has no shared memory")]
    NoSharedMemory,
    /// The disk does not do what it is asked.
    #[error(
        "the history cannot be read or written ({0}). Check whether the disk is full, failing or gone, then try again"
    )]
    Disk(String),
    /// Anything else that SQLite says.
    #[error("the history could not be used: {0}")]
    Sql(rusqlite::Error),
}

impl StoreError {
    /// An error of a file that was being read.
    pub(super) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |why| Self::File { doing: "read", path: path.to_owned(), why }
    }

    /// An error of a file that was being removed.
    pub(super) fn removing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |why| Self::File { doing: "removed", path: path.to_owned(), why }
    }

    /// An error of a file that was being written: a full disk and a read-only place have their own words.
    pub(super) fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |why| match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { why: format!("{}: {why}", path.display()) }
            }
            _ => Self::File { doing: "written", path: path.to_owned(), why },
        }
    }

    /// Names the database in an error that knows only its file name.
    pub(super) fn of(self, database: &Path) -> Self {
        match self {
            Self::Damaged { why, .. } => Self::Damaged { path: database.to_owned(), why },
            Self::ReadOnly { why } if !why.contains('/') => {
                Self::ReadOnly { why: format!("{}: {why}", database.display()) }
            }
            other => other,
        }
    }

    /// A row that cannot be read back.
    pub(super) fn damaged(why: impl ToString) -> Self {
        Self::Damaged { path: PathBuf::from(super::FILE_NAME), why: why.to_string() }
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
