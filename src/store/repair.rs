//! Checking a history for damage, and saving what can be read of it into a new one.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};

use super::{FILE_NAME, Store, StoreError, runs, schema};
use crate::config::Dirs;
use crate::domain::RunId;

/// Tables with rows per run, and the column with the run's number, in the order they are copied.
const TABLES: [(&str, &str); 7] = [
    ("runs", "id"),
    ("requests", "run"),
    ("events", "run"),
    ("outputs", "run"),
    ("tags", "run"),
    ("notes", "run"),
    ("parents", "run"),
];

/// Result of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// Runs in the new history.
    pub runs: usize,
    /// Runs lost in whole or in part.
    pub lost: usize,
    /// New path of the damaged history.
    pub kept: PathBuf,
}

impl Store {
    /// Runs SQLite's integrity check over the whole database.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with the first problem found.
    pub fn check(&self) -> Result<(), StoreError> {
        let path = self.data.join(FILE_NAME);
        let found: Result<String, _> =
            self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        match found.map_err(|error| StoreError::from(error).of(&path))?.as_str() {
            "ok" => Ok(()),
            why => Err(StoreError::Damaged { path: Some(path), why: why.replace('\n', " ") }),
        }
    }

    /// Saves what can be read of a damaged history into a new one, which takes its place; the damaged one is kept
    /// beside it. Call it only while no runner is running.
    ///
    /// # Errors
    /// When there is no history, or the new one cannot be written; the damaged one stays in its place.
    pub fn repair(dirs: &Dirs) -> Result<Repaired, StoreError> {
        let path = dirs.data.join(FILE_NAME);
        fs::metadata(&path).map_err(StoreError::reading(&path))?;
        let fresh = dirs.data.join("history.repaired.db");
        for leftover in with_companions(&fresh) {
            let _ = fs::remove_file(leftover);
        }
        let new = schema::open(&fresh, schema::MIGRATIONS)?.connection;
        let (runs, lost) = match open_damaged(&path) {
            Ok(old) => save(&old, &new, &dirs.data)?,
            // Nothing of it can be read: how many runs there were, only the logs tell.
            Err(_) => (0, usize::try_from(schema::highest_log(&path)).unwrap_or(0)),
        };
        // The values of its runs are taken in again, from the newest to the oldest.
        let all = "UPDATE recall_progress SET upto = (SELECT COALESCE(MAX(run), 0) + 1 FROM requests)";
        new.execute(all, [])?;
        // Leaves a single file without `-wal` and `-shm`.
        new.pragma_update(None, "journal_mode", "DELETE")?;
        new.pragma_update(None, "journal_mode", "WAL")?;
        new.close().map_err(|(_, error)| StoreError::from(error))?;
        let kept = free_name(&dirs.data);
        for (from, to) in with_companions(&path).into_iter().zip(with_companions(&kept)) {
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::writing(&from)(error));
                }
                _ => {}
            }
        }
        fs::rename(&fresh, &path).map_err(StoreError::writing(&path))?;
        Ok(Repaired { runs, lost, kept })
    }
}

/// A database with its `-wal` and `-shm` files.
fn with_companions(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|ending| PathBuf::from(format!("{}{ending}", path.display())))
}

fn free_name(data: &Path) -> PathBuf {
    let name = |number: u32| data.join(format!("history.damaged-{number}.db"));
    (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
}

fn open_damaged(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(()))?;
    Ok(connection)
}

/// Copies run by run, so that a damaged page costs only the runs on it. Returns how many were
/// saved and how many lost.
fn save(old: &Connection, new: &Connection, data: &Path) -> Result<(usize, usize), StoreError> {
    let last = old.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'runs'", [], |row| row.get(0));
    let last: RunId =
        last.or_else(|_| old.query_row("SELECT max(id) FROM runs", [], |row| row.get(0))).unwrap_or(0);
    let last = last.max(schema::highest_log(&data.join(FILE_NAME)));
    let (mut saved, mut lost) = (0, 0);
    copy(new, "searches", rows(old, "searches", "1", 1).0)?;
    // Of a batch that cannot be read its runs stay.
    let batches =
        old.query_row("SELECT COALESCE(max(id), 0) FROM batches", [], |row| row.get(0)).unwrap_or(0);
    for id in 1..=batches {
        copy(new, "batches", rows(old, "batches", "id", id).0)?;
    }
    for id in 1..=last {
        let transaction = new.unchecked_transaction()?;
        match save_run(old, new, id) {
            Ok(Some(is_whole)) => {
                transaction.commit()?;
                saved += 1;
                lost += usize::from(!is_whole);
            }
            // A gap in the numbers.
            Ok(None) => {}
            Err(Trouble::Old) => lost += 1,
            Err(Trouble::New(error)) => return Err(error.into()),
        }
    }
    Ok((saved, lost))
}

/// Which of the two databases failed.
enum Trouble {
    Old,
    New(rusqlite::Error),
}

/// Copies one run. Returns whether it is complete, or `None` when there is no such run.
fn save_run(old: &Connection, new: &Connection, id: RunId) -> Result<Option<bool>, Trouble> {
    let mut is_whole = true;
    for (table, column) in TABLES {
        let (rows, all) = rows(old, table, column, id);
        match table {
            "runs" if rows.is_empty() && all => return Ok(None),
            // Without these two rows there is no run.
            "runs" | "requests" if rows.is_empty() => return Err(Trouble::Old),
            _ => is_whole &= all,
        }
        copy(new, table, rows).map_err(Trouble::New)?;
    }
    let workflow =
        "SELECT hash, text FROM workflows WHERE hash = (SELECT workflow_hash FROM runs WHERE id = ?1)";
    let workflow =
        old.query_row(workflow, [id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    match workflow {
        Ok((hash, text)) => {
            let sql = "INSERT OR IGNORE INTO workflows (hash, text) VALUES (?1, ?2)";
            new.execute(sql, [hash, text]).map_err(Trouble::New)?;
        }
        Err(rusqlite::Error::QueryReturnedNoRows) => {}
        Err(_) => is_whole = false,
    }
    // A run that cannot be indexed for search can still be shown.
    is_whole &= runs::index_again(new, id).is_ok();
    Ok(Some(is_whole))
}

fn copy(new: &Connection, table: &str, rows: Vec<Vec<Value>>) -> rusqlite::Result<()> {
    for row in rows {
        let places = vec!["?"; row.len()].join(", ");
        new.execute(&format!("INSERT INTO {table} VALUES ({places})"), params_from_iter(row))?;
    }
    Ok(())
}

/// The rows of a run or a batch as far as they can be read, and whether these are all.
fn rows(old: &Connection, table: &str, column: &str, id: RunId) -> (Vec<Vec<Value>>, bool) {
    let mut found = Vec::new();
    let read = |found: &mut Vec<Vec<Value>>| -> rusqlite::Result<()> {
        let mut statement = old.prepare(&format!("SELECT * FROM {table} WHERE {column} = ?1"))?;
        let columns = statement.column_count();
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            found.push((0..columns).map(|column| row.get(column)).collect::<Result<_, _>>()?);
        }
        Ok(())
    };
    let is_all = read(&mut found).is_ok();
    (found, is_all)
}
