//! Removing runs from the history, with their logs and the inputs that no other run uses. Outputs stay where they are, unless
//! they are to go, too.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, StoreError};
use crate::domain::batch::BatchId;
use crate::domain::run::UnixMs;
use crate::domain::{OutputId, RunId};

/// Runs that have ended before the time ?1 and, unless ?2, have no starred output.
const PRUNABLE: &str = "SELECT id FROM runs WHERE ended_at < ?1 AND (?2 OR NOT EXISTS (
    SELECT 1 FROM outputs WHERE run = id AND starred_at IS NOT NULL AND deleted_at IS NULL))";

/// Names of input files of all runs.
const INPUTS: &str = "SELECT DISTINCT json_extract(file.value, '$.sha256')
    FROM requests, json_each(requests.json, '$.files') AS file";

/// Which runs are to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    EndedBefore {
        at: UnixMs,
        /// Also those with a starred output.
        starred: bool,
    },
    /// These, as far as they have ended.
    Runs(Vec<RunId>),
}

/// What is removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removable {
    pub runs: Vec<RunId>,
    /// Size of their logs and inputs in bytes.
    pub bytes: u64,
    /// Outputs that were not deleted before, and their size in bytes.
    pub outputs: usize,
    pub output_bytes: u64,
}

/// What the history takes on disk, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUse {
    pub database: u64,
    pub logs: u64,
    pub inputs: u64,
    /// Outputs, by what the history says of them; they are where people had them saved.
    pub outputs: u64,
    pub output_files: usize,
}

impl DiskUse {
    /// All but the outputs.
    pub fn all(&self) -> u64 {
        self.database + self.logs + self.inputs
    }
}

impl Store {
    /// What [`Store::remove`] would remove.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn removable(&self, what: &Removal) -> Result<Removable, StoreError> {
        let runs = ended(&self.connection, what)?;
        let gone: HashSet<RunId> = runs.iter().copied().collect();
        let logs = runs.iter().map(|run| self.log_path(*run));
        let inputs = self.inputs_only_of(&gone)?;
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        let mut found = Removable { bytes: logs.chain(inputs).map(size).sum(), ..Removable::default() };
        let sql =
            "SELECT count(*), coalesce(sum(size), 0) FROM outputs WHERE run = ?1 AND deleted_at IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        for run in &runs {
            let (count, bytes): (i64, i64) =
                statement.query_row([run], |row| Ok((row.get(0)?, row.get(1)?)))?;
            found.outputs += usize::try_from(count).unwrap_or_default();
            found.output_bytes += u64::try_from(bytes).unwrap_or_default();
        }
        found.runs = runs;
        Ok(found)
    }

    /// Removes runs that have ended, with `files` also what they made. Returns what was removed, and why files that they
    /// made are left. Logs and inputs that cannot be removed are left and logged.
    ///
    /// # Errors
    /// When the history cannot be written; no run is removed then.
    pub fn remove(
        &self,
        what: &Removal,
        files: bool,
        now: UnixMs,
    ) -> Result<(Removable, Vec<String>), StoreError> {
        let mut kept = Vec::new();
        let found = self.removable(what)?;
        if files {
            for run in &found.runs {
                for output in self.outputs_left(*run)? {
                    kept.extend(self.delete_output(output, now).err().map(|why| why.to_string()));
                }
            }
        }
        let transaction = self.writing()?;
        let gone: HashSet<RunId> = found.runs.iter().copied().collect();
        let inputs = self.inputs_only_of(&gone)?;
        let mut batches = BTreeSet::new();
        for run in &found.runs {
            let batch = "SELECT batch FROM runs WHERE id = ?1";
            let batch: Option<Option<BatchId>> =
                self.connection.prepare_cached(batch)?.query_row([run], |row| row.get(0)).optional()?;
            batches.extend(batch.flatten());
            self.delete_run(*run)?;
        }
        batches.iter().try_for_each(|batch| settle_batch(&self.connection, *batch))?;
        transaction.commit()?;
        self.changed();
        let logs = found.runs.iter().map(|run| self.log_path(*run));
        for file in logs.chain(inputs) {
            if let Err(why) = fs::remove_file(&file)
                && why.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!("{} is not needed any more and could not be removed: {why}", file.display());
            }
        }
        // Gives the room back to the disk. Without enough of it, or while others write, that waits for the next time.
        if let Err(why) = self.connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!("the history keeps its size for now: {why}");
        }
        Ok((found, kept))
    }

    /// What the history takes on disk.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn disk_use(&self) -> Result<DiskUse, StoreError> {
        let sum = |paths: &mut dyn Iterator<Item = PathBuf>| -> u64 {
            paths.map(|path| fs::metadata(path).map_or(0, |file| file.len())).sum()
        };
        let folder = |name: &str| {
            let files = fs::read_dir(self.folder().join(name)).into_iter().flatten().flatten();
            sum(&mut files.map(|file| file.path()))
        };
        let database = ["history.db", "history.db-wal", "history.db-shm"];
        let sql = "SELECT count(*), coalesce(sum(size), 0) FROM outputs WHERE deleted_at IS NULL";
        let (files, outputs): (i64, i64) =
            self.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(DiskUse {
            database: sum(&mut database.iter().map(|name| self.folder().join(name))),
            logs: folder("logs"),
            inputs: folder("inputs"),
            outputs: u64::try_from(outputs).unwrap_or_default(),
            output_files: usize::try_from(files).unwrap_or_default(),
        })
    }

    /// Outputs of a run that were not deleted.
    fn outputs_left(&self, run: RunId) -> Result<Vec<OutputId>, StoreError> {
        let sql = "SELECT place FROM outputs WHERE run = ?1 AND deleted_at IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([run], |row| Ok(OutputId { run, place: row.get(0)? }))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Deletes what the database has of a run, within a transaction.
    pub(super) fn delete_run(&self, run: RunId) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM runs_fts WHERE rowid = ?1",
            "DELETE FROM field_words WHERE rowid IN (SELECT id FROM field_values WHERE id BETWEEN ?1 * 4096 AND ?1 * 4096 + 4095)",
            "DELETE FROM field_values WHERE id BETWEEN ?1 * 4096 AND ?1 * 4096 + 4095",
            "DELETE FROM tags WHERE run = ?1",
            "DELETE FROM notes WHERE run = ?1",
            "DELETE FROM parents WHERE run = ?1",
            "DELETE FROM outputs WHERE run = ?1",
            "DELETE FROM events WHERE run = ?1",
            "DELETE FROM requests WHERE run = ?1",
            "DELETE FROM runs WHERE id = ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute([run])?;
        }
        Ok(())
    }

    /// Kept inputs that only these runs use.
    fn inputs_only_of(&self, gone: &HashSet<RunId>) -> Result<Vec<PathBuf>, StoreError> {
        let mut of_each = self.connection.prepare_cached(&format!("{INPUTS} WHERE run = ?1"))?;
        let mut inputs: HashSet<String> = HashSet::new();
        for run in gone {
            for input in of_each.query_map([run], |row| row.get::<_, Option<String>>(0))? {
                inputs.extend(input?);
            }
        }
        if !inputs.is_empty() {
            let others = "SELECT run, json_extract(file.value, '$.sha256')
                FROM requests, json_each(requests.json, '$.files') AS file";
            let mut others = self.connection.prepare_cached(others)?;
            let rows = others.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))?;
            for row in rows {
                let (run, input): (RunId, _) = row?;
                if let Some(input) = input.filter(|_| !gone.contains(&run)) {
                    inputs.remove(&input);
                }
            }
        }
        Ok(inputs.into_iter().map(|sha256| self.input_path(&sha256)).collect())
    }
}

fn ended(connection: &Connection, what: &Removal) -> Result<Vec<RunId>, StoreError> {
    match what {
        Removal::EndedBefore { at, starred } => {
            let mut statement = connection.prepare_cached(PRUNABLE)?;
            let runs = statement.query_map(params![at, starred], |row| row.get(0))?;
            Ok(runs.collect::<Result<_, _>>()?)
        }
        Removal::Runs(runs) => {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM runs WHERE id = ?1 AND ended_at IS NOT NULL")?;
            let mut found = Vec::new();
            for run in runs {
                if statement.exists([run])? {
                    found.push(*run);
                }
            }
            Ok(found)
        }
    }
}

/// A batch that lost the run which is its row gets another one; one without runs goes.
fn settle_batch(connection: &Connection, batch: BatchId) -> Result<(), StoreError> {
    let unfold = "UPDATE runs SET folded = 0 WHERE id = (SELECT max(id) FROM runs WHERE batch = ?1)
        AND NOT EXISTS (SELECT 1 FROM runs WHERE batch = ?1 AND folded = 0)";
    connection.prepare_cached(unfold)?.execute([batch])?;
    let empty = "DELETE FROM batches WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE batch = ?1)";
    connection.prepare_cached(empty)?.execute([batch])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Dirs;
    use crate::domain::batch::Outline;
    use crate::domain::run::{End, InputFile, Listed, Output};
    use crate::domain::workflow::hex;
    use crate::domain::{About, Remark, RunEvent, RunRequest, Search, Status};
    use crate::store::{NewBatch, RunQuery};
    use sha2::{Digest, Sha256};

    #[test]
    fn old_runs_go_with_their_logs_and_inputs_and_what_others_need_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(folder.path());
        let store = Store::open(&dirs).expect("a store");
        let keep = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, name).expect("written");
            let kept = store.keep_input(&path).expect("kept");
            InputFile {
                part: "1-inputs-image".to_owned(),
                path,
                name: name.to_owned(),
                content_type: String::new(),
                size: kept.size,
                sha256: kept.sha256,
            }
        };
        let (own, shared) = (keep("own.png"), keep("shared.png"));
        let queue = |files: &[&InputFile]| {
            let files = files.iter().map(|file| (*file).clone()).collect();
            let request = RunRequest { files, prompt: "a flamingo".to_owned(), ..RunRequest::default() };
            let run = store.queue(&request, 1).expect("queued");
            fs::write(store.log_path(run), "a line\n").expect("written");
            run
        };
        let end = |run: RunId, at: UnixMs| {
            let end = End { status: Status::Done, error: None, server_seconds: None };
            store.append(run, at, &[RunEvent::Ended(end)]).expect("ended");
        };
        let (old, starred, young, open) =
            (queue(&[&own, &shared]), queue(&[]), queue(&[&shared]), queue(&[]));
        let output = Output {
            path: folder.path().join("a.png"),
            name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            sha256: "a".to_owned(),
        };
        store.append(starred, 5, &[RunEvent::OutputSaved(output)]).expect("saved");
        for (run, at) in [(old, 10), (starred, 10), (young, 100)] {
            end(run, at);
        }
        store.note(&[Remark::Star(About::Run(starred), true)], 20).expect("starred");
        let listed = || store.listed(&BTreeSet::new(), false).expect("counted");
        assert_eq!(listed(), Listed { rows: 4, or_more: false });
        let older = Removal::EndedBefore { at: 50, starred: false };
        let found = store.removable(&older).expect("found");
        assert_eq!(found, Removable { runs: vec![old], bytes: 7 + 7, ..Removable::default() });
        assert_eq!(store.remove(&older, false, 60).expect("pruned"), (found, Vec::new()));
        let left: Vec<RunId> =
            store.summaries(&RunQuery::default()).expect("a list").iter().map(|run| run.id).collect();
        assert_eq!(left, [open, young, starred]);
        assert_eq!(listed(), Listed { rows: 3, or_more: false });
        let text = RunQuery::of(Search::words("flamingo"));
        assert_eq!(store.summaries(&text).expect("found").len(), 3);
        assert!(!store.log_path(old).exists() && store.log_path(young).exists());
        assert!(!store.input_path(&own.sha256).exists() && store.input_path(&shared.sha256).exists());
        assert_eq!(store.removable(&older).expect("found"), Removable::default());
        store.check().expect("sound");
        assert!(queue(&[]) > open, "a number is not given twice");
    }

    #[test]
    fn runs_are_removed_by_number_with_their_files_when_asked_and_a_batch_keeps_a_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let new = NewBatch { runs: 3, outline: Outline::default(), most_cost: None };
        let request = |_| Ok::<_, StoreError>(RunRequest::default());
        let batch = store.queue_batch(&new, 1, request).expect("queued");
        let runs: Vec<RunId> =
            store.batch_runs(batch, 0, 10).expect("runs").iter().map(|run| run.id).collect();
        let end = |run: RunId, name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).expect("written");
            let sha256 = hex(&Sha256::digest("made"));
            let output = Output { path, name: name.to_owned(), content_type: String::new(), size: 4, sha256 };
            let end = End { status: Status::Done, error: None, server_seconds: None };
            store.append(run, 9, &[RunEvent::OutputSaved(output), RunEvent::Ended(end)]).expect("ended");
        };
        end(runs[0], "a.png", "made");
        end(runs[1], "b.png", "changed since");
        let what = Removal::Runs(runs.clone());
        let found = store.removable(&what).expect("found");
        assert_eq!((found.runs.len(), found.outputs, found.output_bytes), (2, 2, 8), "one has not ended");
        let (_, kept) = store.remove(&what, true, 10).expect("removed");
        assert_eq!(kept.len(), 1, "{kept:?}");
        assert!(!folder.path().join("a.png").exists() && folder.path().join("b.png").exists());
        let rows = RunQuery { unfolded: Some(BTreeSet::new()), ..RunQuery::default() };
        let rows: Vec<RunId> = store.summaries(&rows).expect("a list").iter().map(|run| run.id).collect();
        assert_eq!(rows, [runs[2]]);
        assert!(store.disk_use().expect("known").database > 0);
        end(runs[2], "c.png", "made");
        store.remove(&what, false, 11).expect("removed");
        assert!(folder.path().join("c.png").exists(), "files stay unless asked for");
        assert_eq!(store.batch(batch).expect("read"), None);
    }
}
