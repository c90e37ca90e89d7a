//! The database file: its tables, how it is opened, and how an older format is migrated.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::StoreError;
use crate::config::disk;

/// `PRAGMA application_id` of our databases: "cfdk".
const APPLICATION_ID: i64 = 0x6366_646b;

/// Busy timeout of a statement that waits for another process. A runner's transaction takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Each migration leads from the format of its index to the next; `PRAGMA user_version` counts those applied.
/// A released migration never changes.
///
/// `runs` has only what the list of runs shows: it is read by the hundred and written several times a second, so the
/// requests (kilobytes each) have a table of their own. `ended_at` is null exactly while a run is open, which makes
/// the partial index of open runs small.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE workflows (hash TEXT PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        status TEXT NOT NULL,
        cancel_asked INTEGER NOT NULL DEFAULT 0,
        profile TEXT NOT NULL,
        preset TEXT,
        workflow_name TEXT NOT NULL,
        workflow_hash TEXT NOT NULL,
        prompt TEXT NOT NULL,
        queued_at INTEGER NOT NULL,
        started_at INTEGER,
        phase_at INTEGER NOT NULL,
        ended_at INTEGER,
        outputs INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT '',
        live TEXT NOT NULL DEFAULT '{}'
    );
    CREATE INDEX runs_open ON runs (status) WHERE ended_at IS NULL;
    CREATE INDEX runs_by_status ON runs (status, id);
    CREATE INDEX runs_by_preset ON runs (preset, id) WHERE preset IS NOT NULL;
    CREATE INDEX runs_done ON runs (workflow_hash, id) WHERE status = 'done';
    CREATE TABLE requests (run INTEGER PRIMARY KEY REFERENCES runs, json TEXT NOT NULL);
    CREATE TABLE events (
        run INTEGER NOT NULL REFERENCES runs,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        json TEXT NOT NULL,
        PRIMARY KEY (run, seq)
    ) WITHOUT ROWID;
    CREATE VIRTUAL TABLE runs_fts USING fts5 (
        prompt, preset, workflow, params, error,
        content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
    );
",
    "
    ALTER TABLE runs ADD COLUMN protocol TEXT NOT NULL DEFAULT 'stream';
    ALTER TABLE runs ADD COLUMN prompt_id TEXT;
    UPDATE runs SET prompt_id = (
        SELECT json_extract(json, '$.remote.prompt_id') FROM events
        WHERE run = id AND json_extract(json, '$.remote.prompt_id') IS NOT NULL ORDER BY seq DESC LIMIT 1
    );
    CREATE INDEX runs_by_prompt_id ON runs (prompt_id) WHERE prompt_id IS NOT NULL;
",
    // Outputs of runs. Everything but the last two columns (set by people) follows from the events.
    "
    CREATE TABLE outputs (
        run INTEGER NOT NULL REFERENCES runs,
        place INTEGER NOT NULL,
        path TEXT NOT NULL,
        name TEXT NOT NULL,
        content_type TEXT NOT NULL,
        size INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        seed TEXT,
        starred_at INTEGER,
        deleted_at INTEGER,
        PRIMARY KEY (run, place)
    ) WITHOUT ROWID;
    INSERT INTO outputs
        SELECT events.run, row_number() OVER (PARTITION BY events.run ORDER BY seq) - 1,
            json_extract(events.json, '$.output_saved.path'), json_extract(events.json, '$.output_saved.name'),
            json_extract(events.json, '$.output_saved.content_type'),
            json_extract(events.json, '$.output_saved.size'), json_extract(events.json, '$.output_saved.sha256'),
            (SELECT requests.json -> param.fullkey
                FROM requests, json_each(requests.json, '$.params') AS param
                WHERE requests.run = events.run AND param.key LIKE '%-inputs-%seed%' AND param.type = 'integer'
                LIMIT 1),
            NULL, NULL
        FROM events WHERE json_type(events.json, '$.output_saved') = 'object';
    CREATE INDEX outputs_by_content ON outputs (sha256);
    CREATE INDEX outputs_starred ON outputs (run, place) WHERE starred_at IS NOT NULL AND deleted_at IS NULL;
    CREATE INDEX runs_made ON runs (id) WHERE outputs > 0;
    CREATE INDEX runs_made_by_status ON runs (status, id) WHERE outputs > 0;
",
    // Hash of the request, by which an identical earlier run is found. Runs of earlier versions have none.
    "
    ALTER TABLE runs ADD COLUMN fingerprint TEXT;
    CREATE INDEX runs_by_fingerprint ON runs (fingerprint, id) WHERE fingerprint IS NOT NULL;
    CREATE INDEX runs_by_workflow ON runs (workflow_hash, preset, id);
",
    // Batches. Of the runs queued at an endpoint the one with the smallest turn is sent next, unless it is held. Of a batch
    // one run is its row in the list of runs, the others are folded behind it; one that was retried counts no more.
    "
    CREATE TABLE batches (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        queued_at INTEGER NOT NULL,
        outline TEXT NOT NULL,
        most_cost REAL,
        worked_ms INTEGER NOT NULL DEFAULT 0,
        spent REAL NOT NULL DEFAULT 0
    );
    ALTER TABLE runs ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN turn INTEGER;
    ALTER TABLE runs ADD COLUMN held TEXT;
    ALTER TABLE runs ADD COLUMN batch INTEGER;
    ALTER TABLE runs ADD COLUMN batch_place INTEGER;
    ALTER TABLE runs ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE runs ADD COLUMN retried_by INTEGER;
    ALTER TABLE runs ADD COLUMN began_at INTEGER;
    ALTER TABLE runs ADD COLUMN cost_per_second REAL;
    UPDATE runs SET turn = id, endpoint =
        COALESCE((SELECT json_extract(json, '$.url') FROM requests WHERE run = id), '') WHERE status = 'queued';
    CREATE INDEX runs_turns ON runs (endpoint, turn) WHERE status = 'queued' AND held IS NULL;
    CREATE INDEX runs_unfolded ON runs (id) WHERE folded = 0;
    CREATE INDEX runs_of_batch ON runs (batch, batch_place) WHERE batch IS NOT NULL AND retried_by IS NULL;
    CREATE INDEX runs_by_batch ON runs (batch, id) WHERE batch IS NOT NULL;
    CREATE INDEX runs_by_batch_status ON runs (batch, status, held) WHERE batch IS NOT NULL AND retried_by IS NULL;
    CREATE INDEX runs_with_cost ON runs (started_at, ended_at, cost_per_second) WHERE cost_per_second IS NOT NULL;
",
    // Outputs that a person does not want.
    "
    ALTER TABLE outputs ADD COLUMN rejected_at INTEGER;
",
    // Values by field (see `recall`). A value's number is its newest use's. Runs below `upto` are not taken in yet.
    "
    CREATE TABLE fields (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE field_values (
        id INTEGER PRIMARY KEY,
        field INTEGER NOT NULL REFERENCES fields,
        hash TEXT NOT NULL,
        value TEXT NOT NULL,
        run INTEGER NOT NULL,
        used INTEGER NOT NULL,
        UNIQUE (field, hash)
    );
    CREATE INDEX field_values_by_field ON field_values (field);
    CREATE VIRTUAL TABLE field_words USING fts5 (
        field, text, content = '', contentless_delete = 1, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE TABLE recall_progress (upto INTEGER NOT NULL);
    INSERT INTO recall_progress SELECT COALESCE(MAX(run), 0) + 1 FROM requests;
",
    // What people note of runs; what a run came from; searches that have a name. Rejected runs are not listed, except for
    // the row of a batch.
    "
    CREATE TABLE tags (tag TEXT NOT NULL, run INTEGER NOT NULL REFERENCES runs, PRIMARY KEY (tag, run)) WITHOUT ROWID;
    CREATE INDEX tags_of_run ON tags (run, tag);
    CREATE TABLE notes (run INTEGER PRIMARY KEY REFERENCES runs, text TEXT NOT NULL);
    ALTER TABLE runs ADD COLUMN rejected_at INTEGER;
    CREATE INDEX runs_rejected ON runs (id) WHERE rejected_at IS NOT NULL;
    CREATE INDEX runs_listed ON runs (id) WHERE folded = 0 AND (rejected_at IS NULL OR batch IS NOT NULL);
    CREATE TABLE parents (
        run INTEGER NOT NULL REFERENCES runs,
        parent INTEGER NOT NULL,
        how TEXT NOT NULL,
        PRIMARY KEY (run, parent, how)
    ) WITHOUT ROWID;
    CREATE INDEX parents_by_parent ON parents (parent, run);
    CREATE TABLE searches (name TEXT PRIMARY KEY, text TEXT NOT NULL);
    CREATE INDEX runs_sent ON runs (endpoint, started_at) WHERE started_at IS NOT NULL;
    CREATE INDEX runs_started ON runs (started_at) WHERE started_at IS NOT NULL;
",
    // When a request was sent whole, and when its result began to come. Runs of earlier versions have neither.
    "
    ALTER TABLE runs ADD COLUMN sent_at INTEGER;
    ALTER TABLE runs ADD COLUMN result_at INTEGER;
",
];

/// A connection, and whether it is read-only.
pub(super) struct OpenDatabase {
    pub(super) connection: Connection,
    pub(super) read_only: bool,
}

/// Opens the database, after creating or migrating it where needed.
pub(super) fn open(path: &Path, migrations: &[&str]) -> Result<OpenDatabase, StoreError> {
    match open_to_write(path, migrations) {
        // A history that cannot be written can still be read.
        Err(StoreError::ReadOnly { why }) => match open_to_read(path, migrations) {
            Err(StoreError::ReadOnly { .. }) => Err(StoreError::ReadOnly { why }.of(path)),
            other => other,
        },
        other => other,
    }
    .map_err(|error| error.of(path))
}

/// Uses a rollback journal where the file system has no shared memory for the write-ahead log:
/// readers then wait for writers.
fn open_to_write(path: &Path, migrations: &[&str]) -> Result<OpenDatabase, StoreError> {
    let is_remote = path.parent().is_some_and(disk::is_remote);
    match open_in(path, migrations, if is_remote { Journal::Plain } else { Journal::Ahead }) {
        Err(StoreError::NoSharedMemory) => {
            leave_wal(path)?;
            open_in(path, migrations, Journal::Plain)
        }
        opened => opened,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Journal {
    /// Write-ahead log (`WAL`).
    Ahead,
    /// Rollback journal (`DELETE`), a file that exists during a transaction.
    Plain,
}

/// Switches a database from WAL to a rollback journal through an exclusive connection, which needs no shared memory.
fn leave_wal(path: &Path) -> Result<(), StoreError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    Ok(())
}

fn open_in(path: &Path, migrations: &[&str], journal: Journal) -> Result<OpenDatabase, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags)?;
    set_up(&connection)?;
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(StoreError::ReadOnly { why: "the file is read-only".to_owned() });
    }
    if version(&connection, path, migrations)? < migrations.len() {
        bring_up_to_date(&connection, path, migrations, journal)?;
    }
    if journal == Journal::Plain {
        // The history was moved here from another disk in WAL mode. While others have it open the switch is
        // left to the next one.
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        if mode == "wal" && connection.pragma_update(None, "journal_mode", "DELETE").is_err() {
            tracing::info!("the history keeps its write-ahead log for now");
        }
    }
    Ok(OpenDatabase { connection, read_only: false })
}

/// Opens read-only: beside a live writer as usual; in a folder that cannot be written, where SQLite could not create
/// its shared memory, as an immutable file.
fn open_to_read(path: &Path, migrations: &[&str]) -> Result<OpenDatabase, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut last = None;
    for query in ["?mode=ro", "?immutable=1"] {
        let opened = Connection::open_with_flags(format!("file:{}{query}", uri_path(path)), flags)
            .map_err(StoreError::from)
            .and_then(|connection| {
                set_up(&connection)?;
                let found = version(&connection, path, migrations)?;
                Ok((connection, found))
            });
        match opened {
            Ok((connection, found)) if found == migrations.len() => {
                return Ok(OpenDatabase { connection, read_only: true });
            }
            Ok(_) => {
                let why = "it is of an older format and must be brought up to date".to_owned();
                return Err(StoreError::ReadOnly { why });
            }
            Err(error @ (StoreError::ReadOnly { .. } | StoreError::NoSharedMemory)) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or(StoreError::Locked))
}

fn set_up(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(48);
    // NORMAL: a power cut may lose the last commits, never the database. What must not be lost (a request about to be
    // sent) is committed with FULL.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Number of migrations applied; 0 for an empty database.
fn version(connection: &Connection, path: &Path, migrations: &[&str]) -> Result<usize, StoreError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    // In this order: another process may create the database between two of these queries, and its database must not
    // be mistaken for a foreign one.
    let is_empty = pragma("schema_version")? == 0;
    let found = pragma("user_version")?;
    let ours = pragma("application_id")? == APPLICATION_ID;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if !ours && (found != 0 || !is_empty) {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    usize::try_from(found).map_err(|_| StoreError::Foreign { path: path.to_owned() })
}

/// Applies the missing migrations, after a backup when there is anything to lose. One process at a time: the others
/// wait for the lock and then find nothing to do.
fn bring_up_to_date(
    connection: &Connection,
    path: &Path,
    migrations: &[&str],
    journal: Journal,
) -> Result<(), StoreError> {
    let lock_path = path.with_extension("lock");
    let lock = File::create(&lock_path).map_err(StoreError::writing(&lock_path))?;
    // Without this lock two processes take turns by the database's own lock, and the second finds nothing to do.
    disk::if_possible(lock.lock()).map_err(StoreError::writing(&lock_path))?;
    let found = version(connection, path, migrations)?;
    if found == migrations.len() {
        return Ok(());
    }
    if found > 0 {
        back_up(connection, &backup_path(path, found))?;
    }
    if journal == Journal::Ahead {
        connection.pragma_update(None, "journal_mode", "WAL")?;
    }
    let transaction = rusqlite::Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    // Checked again under the lock.
    let found = version(&transaction, path, migrations)?;
    for step in &migrations[found..] {
        transaction.execute_batch(step)?;
    }
    if found == 0 {
        begin_behind(&transaction, highest_log(path))?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", i64::try_from(migrations.len()).unwrap_or(i64::MAX))?;
    transaction.commit()?;
    Ok(())
}

/// Starts run numbers after those of a history that was moved away: logs are appended to, and must
/// not mix with another run's.
fn begin_behind(connection: &Connection, last: i64) -> Result<(), StoreError> {
    if last > 0 {
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('runs', ?1)", [last])?;
    }
    Ok(())
}

/// Highest run number with a log beside the database; 0 for none.
pub(super) fn highest_log(path: &Path) -> i64 {
    let logs = path.parent().map(|folder| folder.join("logs"));
    let entries = logs.and_then(|logs| std::fs::read_dir(logs).ok()).into_iter().flatten().flatten();
    let number = |name: &std::ffi::OsStr| name.to_str()?.strip_suffix(".log")?.parse::<i64>().ok();
    entries.filter_map(|entry| number(&entry.file_name())).max().unwrap_or(0)
}

/// Path of the backup made before a migration, such as `history.format-1.db`.
pub(super) fn backup_path(path: &Path, version: usize) -> PathBuf {
    path.with_extension(format!("format-{version}.db"))
}

fn back_up(connection: &Connection, backup: &Path) -> Result<(), StoreError> {
    let unfinished = backup.with_extension("unfinished");
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(StoreError::writing(&unfinished)(error));
        }
        _ => {}
    }
    connection.execute("VACUUM INTO ?1", [unfinished.to_string_lossy()])?;
    std::fs::rename(&unfinished, backup).map_err(StoreError::writing(backup))
}

/// Escapes a path for an SQLite URI.
fn uri_path(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-".contains(b);
    path.as_os_str().as_bytes().iter().fold(String::new(), |mut text, byte| {
        if plain(byte) {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RunRequest;
    use crate::store::{RunQuery, Store};

    const NEXT: &str = "ALTER TABLE runs ADD COLUMN stars INTEGER NOT NULL DEFAULT 0";

    fn prompts(store: &Store) -> Vec<String> {
        let runs = store.summaries(&RunQuery::default()).expect("a list");
        runs.into_iter().map(|run| run.prompt).collect()
    }

    fn queue(store: &Store, prompt: &str) -> Result<i64, StoreError> {
        store.queue(&RunRequest { prompt: prompt.to_owned(), ..RunRequest::default() }, 1)
    }

    #[test]
    fn an_older_history_is_copied_before_it_is_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path();
        queue(&Store::open_with(data, MIGRATIONS).expect("a store"), "a cat").expect("queued");
        let newer: Vec<&str> = MIGRATIONS.iter().copied().chain([NEXT]).collect();
        let store = Store::open_with(data, &newer).expect("brought up to date");
        assert_eq!(prompts(&store), ["a cat"]);
        store.connection.prepare("SELECT stars FROM runs").expect("the new column is there");

        let backup = backup_path(&data.join(crate::store::FILE_NAME), MIGRATIONS.len());
        let restored = tempfile::tempdir().expect("a folder");
        std::fs::copy(&backup, restored.path().join(crate::store::FILE_NAME)).expect("copied");
        assert_eq!(prompts(&Store::open_with(restored.path(), MIGRATIONS).expect("a store")), ["a cat"]);
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        queue(&Store::open_with(folder.path(), MIGRATIONS).expect("a store"), "a cat").expect("queued");
        let broken: Vec<&str> = MIGRATIONS.iter().copied().chain([NEXT, "no SQL"]).collect();
        Store::open_with(folder.path(), &broken).expect_err("refused");
        let store = Store::open_with(folder.path(), MIGRATIONS).expect("still of the old format");
        assert_eq!(prompts(&store), ["a cat"]);
    }

    #[test]
    fn a_full_disk_is_said_and_loses_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open_with(folder.path(), MIGRATIONS).expect("a store");
        queue(&store, "a cat").expect("queued");
        let pages: i64 =
            store.connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("counted");
        store.connection.pragma_update(None, "max_page_count", pages).expect("limited");
        let refused = queue(&store, &"long ".repeat(10_000));
        assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");
        assert_eq!(prompts(&store), ["a cat"]);
    }
}
