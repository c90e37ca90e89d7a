//! Outputs of runs: listed by page, deleted.
//!
//! The rows follow from the events, one for each
//! [`RunEvent::OutputSaved`](crate::domain::RunEvent::OutputSaved), written in the same transaction. Stars and
//! deletions are set by people after the run has ended, when the run itself no longer changes.

use std::io::ErrorKind;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::filter::{Clause, Statement};
use super::list::{COLUMNS, summary};
use super::{RunQuery, Store, StoreError};
use crate::backend::results::outputs::place::Expected;
use crate::domain::run::{Output, RunSummary, UnixMs};
use crate::domain::{OutputCard, OutputId, Run, RunId};

/// Filters and page of the list of outputs. The default is the newest hundred of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputQuery {
    /// Filters on the runs; [`RunQuery::before`] is ignored, and [`RunQuery::limit`] counts outputs.
    pub runs: RunQuery,
    /// Only starred outputs.
    pub starred: bool,
    /// Only outputs after this one: the last output of the page before.
    pub before: Option<OutputId>,
}

/// Result of deleting an output's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    Removed,
    /// The file was already missing.
    WasGone,
}

const OUTPUT: &str = "place, path, name, content_type, size, sha256, seed, starred_at IS NOT NULL,
    outputs.rejected_at IS NOT NULL";

/// SQL of one run's outputs. Parameters: 1 run, 2 before this position, 3 limit, 4 whether rejected ones are left out.
fn of_run_sql() -> String {
    format!(
        "SELECT {OUTPUT} FROM outputs
        WHERE run = ?1 AND place < ?2 AND deleted_at IS NULL AND (rejected_at IS NULL OR NOT ?4)
        ORDER BY place DESC LIMIT ?3"
    )
}

impl Store {
    /// Outputs of many runs, those of the newest run first and within a run the last one first; deleted ones are left
    /// out. Takes time proportional to the page, not to the history. Does not check whether the files still exist.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn outputs(&self, query: &OutputQuery) -> Result<Vec<OutputCard>, StoreError> {
        let start = query.before.unwrap_or(OutputId { run: i64::MAX, place: u32::MAX });
        if query.starred { self.starred(&query.runs, start) } else { self.all_outputs(&query.runs, start) }
    }

    /// Goes run by run, so that each filter uses its index from the list of runs.
    fn all_outputs(&self, runs: &RunQuery, start: OutputId) -> Result<Vec<OutputCard>, StoreError> {
        let wanted = usize::try_from(runs.limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        // The run at which the page before ended may have more outputs.
        let mut before = Some(start.run.saturating_add(1));
        while found.len() < wanted {
            let page = self.page(&RunQuery { before, ..runs.clone() }, true)?;
            for run in &page {
                let place = if run.id == start.run { start.place } else { u32::MAX };
                let room = wanted.saturating_sub(found.len());
                let mut statement = self.connection.prepare_cached(&of_run_sql())?;
                let room = i64::try_from(room).unwrap_or(i64::MAX);
                let mut rows = statement.query(params![run.id, place, room, runs.leaves_out_rejected()])?;
                while let Some(row) = rows.next()? {
                    found.push(card(row, 0, run)?);
                }
            }
            before = page.last().map(|run| run.id);
            if page.len() < wanted {
                break;
            }
        }
        Ok(found)
    }

    /// Starred outputs are few, so their own index is scanned and the search is checked on each.
    fn starred(&self, runs: &RunQuery, start: OutputId) -> Result<Vec<OutputCard>, StoreError> {
        let Statement { sql, values } = self.starred_statement(runs, start)?;
        let mut statement = self.connection.prepare_cached(&sql)?;
        let columns = statement.column_count() - OUTPUT_COLUMNS;
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(card(row, columns, &summary(row)?)?);
        }
        Ok(found)
    }

    fn starred_statement(&self, runs: &RunQuery, start: OutputId) -> Result<Statement, StoreError> {
        let mut clause = Clause::default();
        let (run, place) = (clause.bind(start.run), clause.bind(i64::from(start.place)));
        clause.add("starred_at IS NOT NULL AND deleted_at IS NULL".to_owned());
        clause.add(format!("(run, place) < ({run}, {place})"));
        if runs.leaves_out_rejected() {
            clause.add("outputs.rejected_at IS NULL".to_owned());
        }
        self.add_search(&mut clause, &runs.search)?;
        let (conditions, limit) = (clause.sql(), clause.bind(i64::from(runs.limit)));
        let sql = format!(
            "SELECT {COLUMNS}, {OUTPUT} FROM outputs INDEXED BY outputs_starred CROSS JOIN runs ON id = run
            WHERE {conditions} ORDER BY run DESC, place DESC LIMIT {limit}"
        );
        Ok(Statement { sql, values: clause.values })
    }

    /// Size and number of outputs of a workflow's last runs.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn expected(&self, workflow_hash: &str) -> Result<Expected, StoreError> {
        let bytes = |row: &Row<'_>, column| row.get::<_, i64>(column).map(|n| u64::try_from(n).unwrap_or(0));
        let sql = "SELECT coalesce(max(made), 0), coalesce(max(largest), 0) FROM (
            SELECT sum(size) AS made, max(size) AS largest FROM outputs WHERE run IN (
                SELECT id FROM runs INDEXED BY runs_done WHERE workflow_hash = ?1 AND status = 'done'
                ORDER BY id DESC LIMIT 7
            ) GROUP BY run)";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([workflow_hash], |row| {
            Ok(Expected { all: bytes(row, 0)?, largest: bytes(row, 1)? })
        })?)
    }

    /// The newest run before this one with an output of the same content.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn made_before(&self, run: RunId, sha256: &str) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT run FROM outputs WHERE sha256 = ?1 AND run < ?2 ORDER BY run DESC LIMIT 1";
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row(params![sha256, run], |row| row.get(0))
            .optional()?)
    }

    /// The first output of a run that was not deleted.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn first_output(&self, run: &RunSummary) -> Result<Option<OutputCard>, StoreError> {
        let sql = format!(
            "SELECT {OUTPUT} FROM outputs WHERE run = ?1 AND deleted_at IS NULL ORDER BY place LIMIT 1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([run.id])?;
        rows.next()?.map(|row| card(row, 0, run)).transpose()
    }

    /// Deletes an output's file and marks it as deleted. Only a file that still has the content
    /// the run saved is removed.
    ///
    /// # Errors
    /// When there is no such output, the file at its path has other content or cannot be removed, or the history
    /// cannot be written. The file then still exists, unless the very last step failed.
    pub fn delete_output(&self, id: OutputId, now: UnixMs) -> Result<Deleted, StoreError> {
        let sql = "SELECT path, sha256 FROM outputs WHERE run = ?1 AND place = ?2 AND deleted_at IS NULL";
        let known = self
            .connection
            .prepare_cached(sql)?
            .query_row(params![id.run, id.place], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })
            .optional()?;
        let (path, sha256) = known.ok_or(StoreError::NoSuchOutput(id))?;
        let path = std::path::PathBuf::from(path);
        let deleted = look_at(&path, &sha256)?;
        // Marked first, committed only when the file is gone: when the history cannot be written, the file stays.
        let transaction = self.writing()?;
        let sql = "UPDATE outputs SET deleted_at = ?3, starred_at = NULL
            WHERE run = ?1 AND place = ?2 AND deleted_at IS NULL";
        self.connection.prepare_cached(sql)?.execute(params![id.run, id.place, now])?;
        if deleted == Deleted::Removed {
            std::fs::remove_file(&path).map_err(StoreError::removing(&path))?;
        }
        transaction.commit()?;
        self.changed();
        remove_sidecar(&path, &sha256);
        Ok(deleted)
    }
}

/// Removes an output's sidecar (`a.png.json` beside `a.png`) when it describes this content. Failing to do so is not
/// an error: the output itself is gone, as asked.
fn remove_sidecar(output: &Path, sha256: &str) {
    let Some(name) = output.file_name() else { return };
    let path = output.with_file_name(format!("{}.json", name.to_string_lossy()));
    let is_small =
        std::fs::symlink_metadata(&path).is_ok_and(|there| there.is_file() && there.len() < 1 << 20);
    let text = if is_small { std::fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
    let description: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let is_ours = description["made_by"].as_str().is_some_and(|by| by.starts_with("comfydeck "));
    if is_ours && description["output"]["sha256"] == sha256 {
        let _ = std::fs::remove_file(&path);
    }
}

/// Whether the file at a path may be removed: only when its content is what the run saved.
fn look_at(path: &Path, sha256: &str) -> Result<Deleted, StoreError> {
    let refused = |why| Err(StoreError::NotTheOutput { path: path.to_owned(), why });
    // Symlinks are not followed: a link is not what the run saved.
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Deleted::WasGone),
        Err(error) => Err(StoreError::reading(path)(error)),
        Ok(there) if !there.is_file() => refused("it is not a file any more"),
        Ok(_) if !Store::is_same(path, sha256) => refused("its content has changed since the run"),
        Ok(_) => Ok(Deleted::Removed),
    }
}

const OUTPUT_COLUMNS: usize = 9;

/// Reads a card from a row in which the columns of [`OUTPUT`] begin at `first`.
fn card(row: &Row<'_>, first: usize, run: &RunSummary) -> Result<OutputCard, StoreError> {
    let path: String = row.get(first + 1)?;
    Ok(OutputCard {
        id: OutputId { run: run.id, place: row.get(first)? },
        output: Output {
            path: path.into(),
            name: row.get(first + 2)?,
            content_type: row.get(first + 3)?,
            size: u64::try_from(row.get::<_, i64>(first + 4)?).unwrap_or_default(),
            sha256: row.get(first + 5)?,
        },
        seed: row.get(first + 6)?,
        starred: row.get(first + 7)?,
        rejected: row.get(first + 8)?,
        notes: run.notes.clone(),
        preset: run.preset.clone(),
        prompt: run.prompt.clone(),
        at: run.ended_at.unwrap_or(run.phase_at),
    })
}

/// Inserts the row of a run's last output.
pub(super) fn add_last(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    let Some((place, output)) = run.outputs.iter().enumerate().next_back() else { return Ok(()) };
    // What a rejected run makes is rejected, too.
    let sql = "INSERT INTO outputs (run, place, path, name, content_type, size, sha256, seed, rejected_at)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, rejected_at FROM runs WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        run.id,
        i64::try_from(place).unwrap_or(i64::MAX),
        // Always UTF-8: the event with this path could not have been written otherwise.
        output.path.to_string_lossy(),
        output.name,
        output.content_type,
        i64::try_from(output.size).unwrap_or(i64::MAX),
        output.sha256,
        run.request.first_seed(),
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests;
