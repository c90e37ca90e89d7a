//! What people note of runs and outputs. It is no part of a run's events: people note it whenever they like, also after the
//! end, and a run that is repeated starts without it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use super::batches::WRITTEN_AT_ONCE;
use super::notes::{notes, tags};
use super::{Store, StoreError, runs};
use crate::domain::batch::BatchId;
use crate::domain::run::UnixMs;
use crate::domain::{About, BatchRemark, Noted, OutputId, Remark, RunId, RunSummary};

impl Store {
    /// Writes remarks, all or none. Returns those that undo them, in the order in which they must be written.
    ///
    /// # Errors
    /// When there is no such run or output, or the history cannot be written.
    pub fn note(&self, remarks: &[Remark], now: UnixMs) -> Result<Vec<Remark>, StoreError> {
        let transaction = self.writing()?;
        let mut undo = Vec::new();
        for remark in remarks {
            let before = write(&transaction, remark, now)?;
            undo.splice(0..0, before);
        }
        transaction.commit()?;
        self.changed();
        Ok(undo)
    }

    /// Notes something of all runs of a batch. Returns what undoes it, of how many runs, and whether stars or rejections are
    /// there now.
    ///
    /// # Errors
    /// When the history cannot be read or written; some of it may be noted then.
    pub fn note_batch(
        &self,
        batch: BatchId,
        remark: &BatchRemark,
        now: UnixMs,
    ) -> Result<(Vec<Remark>, usize, bool), StoreError> {
        let runs = self.batch_runs(batch, 0, usize::MAX)?;
        let made = |run: &&RunSummary| run.outputs > 0;
        let is_set = match remark {
            BatchRemark::Star => runs.iter().filter(made).any(|run| !run.starred),
            BatchRemark::Reject => runs.iter().any(|run| !run.notes.rejected),
            BatchRemark::Tags { .. } | BatchRemark::Note { .. } => true,
        };
        let of_run = |run: &RunSummary| {
            let (id, about) = (run.id, About::Run(run.id));
            match remark {
                BatchRemark::Star => {
                    (run.outputs > 0 && run.starred != is_set).then_some(Remark::Star(about, is_set))
                }
                BatchRemark::Reject => {
                    (run.notes.rejected != is_set).then_some(Remark::Reject(about, is_set))
                }
                BatchRemark::Tags { added, removed } => {
                    let tags: BTreeSet<String> =
                        run.notes.tags.union(added).filter(|tag| !removed.contains(*tag)).cloned().collect();
                    (tags != run.notes.tags).then_some(Remark::Tags(id, tags))
                }
                BatchRemark::Note { before, after } => {
                    (run.notes.text == *before && before != after).then(|| Remark::Note(id, after.clone()))
                }
            }
        };
        let remarks: Vec<Remark> = runs.iter().filter_map(of_run).collect();
        let mut undo = Vec::new();
        // Some in each transaction, so that others can write between two.
        for some in remarks.chunks(WRITTEN_AT_ONCE) {
            undo.splice(0..0, self.note(some, now)?);
        }
        Ok((undo, remarks.len(), is_set))
    }

    /// What people noted of a run and its outputs.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn noted(&self, run: RunId) -> Result<Noted, StoreError> {
        let starred = outputs(&self.connection, About::Run(run), "starred_at")?.iter().any(|(_, star)| *star);
        Ok(Noted { starred, notes: notes(&self.connection, run)? })
    }

    /// Every preset that a run was made from, by name: two steps in the index for each.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn presets_of_runs(&self) -> Result<Vec<String>, StoreError> {
        let sql = "WITH RECURSIVE found(preset) AS (
                SELECT min(preset) FROM runs INDEXED BY runs_by_preset WHERE preset IS NOT NULL
                UNION ALL
                SELECT (SELECT min(preset) FROM runs INDEXED BY runs_by_preset
                    WHERE preset IS NOT NULL AND runs.preset > found.preset)
                FROM found WHERE found.preset IS NOT NULL
            ) SELECT preset FROM found WHERE preset IS NOT NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Saved searches by their names.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn searches(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT name, text FROM searches")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Saves a search under a name, or removes the one of that name. Returns what was saved under it before.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn save_search(&self, name: &str, text: Option<&str>) -> Result<Option<String>, StoreError> {
        let before = self.searches()?.remove(name);
        match text {
            Some(text) => {
                let sql = "INSERT OR REPLACE INTO searches (name, text) VALUES (?1, ?2)";
                self.connection.prepare_cached(sql)?.execute([name, text])?;
            }
            None => {
                self.connection.prepare_cached("DELETE FROM searches WHERE name = ?1")?.execute([name])?;
            }
        }
        self.changed();
        Ok(before)
    }

    /// Every tag with the number of its runs, by name.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn tags(&self) -> Result<Vec<(String, usize)>, StoreError> {
        let sql = "SELECT tag, count(*) FROM tags GROUP BY tag ORDER BY tag";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, usize::try_from(row.get::<_, i64>(1)?).unwrap_or_default()))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Writes a remark. Returns those that undo it.
fn write(connection: &Connection, remark: &Remark, now: UnixMs) -> Result<Vec<Remark>, StoreError> {
    match remark {
        Remark::Star(about, star) => set_star(connection, *about, *star, now),
        Remark::Reject(about, reject) => set_rejected(connection, *about, *reject, now),
        Remark::Tags(run, tags) => set_tags(connection, *run, tags),
        Remark::Note(run, text) => set_note(connection, *run, text),
    }
}

/// The outputs of a run, or one of them: those that were not deleted, with what one of their columns says.
fn outputs(connection: &Connection, about: About, column: &str) -> Result<Vec<(OutputId, bool)>, StoreError> {
    let (run, place) = match about {
        About::Run(run) => (run, None),
        About::Output(output) => (output.run, Some(output.place)),
    };
    let sql = format!(
        "SELECT place, {column} IS NOT NULL FROM outputs
        WHERE run = ?1 AND deleted_at IS NULL AND place = coalesce(?2, place) ORDER BY place"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement
        .query_map(params![run, place], |row| Ok((OutputId { run, place: row.get(0)? }, row.get(1)?)))?;
    let found: Vec<(OutputId, bool)> = rows.collect::<Result<_, _>>()?;
    match about {
        About::Output(output) if found.is_empty() => Err(StoreError::NoSuchOutput(output)),
        _ => Ok(found),
    }
}

fn set_output(
    connection: &Connection,
    column: &str,
    id: OutputId,
    is_set: bool,
    now: UnixMs,
) -> Result<(), StoreError> {
    let sql = format!(
        "UPDATE outputs SET {column} = CASE WHEN ?3 THEN coalesce({column}, ?4) END WHERE run = ?1 AND place = ?2"
    );
    connection.prepare_cached(&sql)?.execute(params![id.run, id.place, is_set, now])?;
    Ok(())
}

fn set_star(
    connection: &Connection,
    about: About,
    star: bool,
    now: UnixMs,
) -> Result<Vec<Remark>, StoreError> {
    let mut found = outputs(connection, about, "starred_at")?;
    if star {
        found.truncate(1);
    }
    let mut undo = Vec::new();
    for (output, had_star) in found.into_iter().filter(|(_, had_star)| *had_star != star) {
        set_output(connection, "starred_at", output, star, now)?;
        undo.push(Remark::Star(About::Output(output), had_star));
    }
    Ok(undo)
}

fn set_rejected(
    connection: &Connection,
    about: About,
    reject: bool,
    now: UnixMs,
) -> Result<Vec<Remark>, StoreError> {
    let run = about.run();
    exists(connection, run)?;
    let was_rejected = notes(connection, run)?.rejected;
    let found = outputs(connection, about, "rejected_at")?;
    for (output, _) in &found {
        set_output(connection, "rejected_at", *output, reject, now)?;
    }
    let is_rejected = match about {
        About::Run(_) => reject,
        About::Output(_) => {
            outputs(connection, About::Run(run), "rejected_at")?.iter().all(|(_, rejected)| *rejected)
        }
    };
    let sql = "UPDATE runs SET rejected_at = CASE WHEN ?2 THEN coalesce(rejected_at, ?3) END WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![run, is_rejected, now])?;
    let of_run = matches!(about, About::Run(_)).then_some(Remark::Reject(about, was_rejected));
    let of_outputs = found
        .into_iter()
        .filter(|(_, before)| of_run.is_none() || *before != was_rejected)
        .map(|(output, before)| Remark::Reject(About::Output(output), before));
    Ok(of_run.iter().cloned().chain(of_outputs).collect())
}

fn set_tags(
    connection: &Connection,
    run: RunId,
    wanted: &BTreeSet<String>,
) -> Result<Vec<Remark>, StoreError> {
    exists(connection, run)?;
    let before = tags(connection, run)?;
    if before == *wanted {
        return Ok(Vec::new());
    }
    connection.prepare_cached("DELETE FROM tags WHERE run = ?1")?.execute([run])?;
    for tag in wanted {
        connection
            .prepare_cached("INSERT INTO tags (tag, run) VALUES (?1, ?2)")?
            .execute(params![tag, run])?;
    }
    runs::index_again(connection, run)?;
    Ok(vec![Remark::Tags(run, before)])
}

fn set_note(connection: &Connection, run: RunId, text: &str) -> Result<Vec<Remark>, StoreError> {
    exists(connection, run)?;
    let before = notes(connection, run)?.text;
    if before == text {
        return Ok(Vec::new());
    }
    if text.is_empty() {
        connection.prepare_cached("DELETE FROM notes WHERE run = ?1")?.execute([run])?;
    } else {
        let sql = "INSERT OR REPLACE INTO notes (run, text) VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute(params![run, text])?;
    }
    runs::index_again(connection, run)?;
    Ok(vec![Remark::Note(run, before)])
}

fn exists(connection: &Connection, run: RunId) -> Result<(), StoreError> {
    match connection.prepare_cached("SELECT 1 FROM runs WHERE id = ?1")?.exists([run])? {
        true => Ok(()),
        false => Err(StoreError::NoSuchRun(run)),
    }
}

#[cfg(test)]
mod tests;
