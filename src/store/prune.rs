//! Removing old runs from the history, with their logs and the inputs that no other run uses. Outputs stay where they are.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;

use super::{Store, StoreError};
use crate::domain::RunId;
use crate::domain::run::UnixMs;

/// Runs that have ended before the time ?1 and have no starred output.
const PRUNABLE: &str = "SELECT id FROM runs WHERE ended_at < ?1 AND NOT EXISTS (
    SELECT 1 FROM outputs WHERE run = id AND starred_at IS NOT NULL AND deleted_at IS NULL)";

/// Names of input files of all runs.
const INPUTS: &str = "SELECT DISTINCT json_extract(file.value, '$.sha256')
    FROM requests, json_each(requests.json, '$.files') AS file";

/// What pruning removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prunable {
    pub runs: Vec<RunId>,
    /// Size of their logs and inputs in bytes.
    pub bytes: u64,
}

impl Store {
    /// What [`Store::prune`] would remove.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn prunable(&self, ended_before: UnixMs) -> Result<Prunable, StoreError> {
        let runs = prunable(&self.connection, ended_before)?;
        let gone: HashSet<RunId> = runs.iter().copied().collect();
        let logs = runs.iter().map(|run| self.log_path(*run));
        let inputs = self.inputs_only_of(&gone)?;
        let size = |path: PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        Ok(Prunable { bytes: logs.chain(inputs).map(size).sum(), runs })
    }

    /// Removes runs that ended before a time and have no starred output. Returns what was removed; files that could not
    /// be are left and logged.
    ///
    /// # Errors
    /// When the history cannot be written; nothing is removed then.
    pub fn prune(&self, ended_before: UnixMs) -> Result<Prunable, StoreError> {
        let transaction = self.writing()?;
        let found = self.prunable(ended_before)?;
        let gone: HashSet<RunId> = found.runs.iter().copied().collect();
        let inputs = self.inputs_only_of(&gone)?;
        for run in &found.runs {
            self.delete_run(*run)?;
        }
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
        Ok(found)
    }

    /// Deletes what the database has of a run, within a transaction.
    pub(super) fn delete_run(&self, run: RunId) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM runs_fts WHERE rowid = ?1",
            "DELETE FROM field_words WHERE rowid IN (SELECT id FROM field_values WHERE id BETWEEN ?1 * 4096 AND ?1 * 4096 + 4095)",
            "DELETE FROM field_values WHERE id BETWEEN ?1 * 4096 AND ?1 * 4096 + 4095",
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

fn prunable(connection: &Connection, ended_before: UnixMs) -> Result<Vec<RunId>, StoreError> {
    let mut statement = connection.prepare_cached(PRUNABLE)?;
    let runs = statement.query_map([ended_before], |row| row.get(0))?;
    Ok(runs.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Dirs;
    use crate::domain::run::{End, InputFile, Listed, Output};
    use crate::domain::{OutputId, RunEvent, RunRequest, Status};
    use crate::store::RunQuery;

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
        store.star(OutputId { run: starred, place: 0 }, true, 20).expect("starred");
        let listed = || store.listed(&BTreeSet::new()).expect("counted");
        assert_eq!(listed(), Listed { rows: 4, or_more: false });
        let found = store.prunable(50).expect("found");
        assert_eq!(found, Prunable { runs: vec![old], bytes: 7 + 7 });
        assert_eq!(store.prune(50).expect("pruned"), found);
        let left: Vec<RunId> =
            store.summaries(&RunQuery::default()).expect("a list").iter().map(|run| run.id).collect();
        assert_eq!(left, [open, young, starred]);
        assert_eq!(listed(), Listed { rows: 3, or_more: false });
        let text = RunQuery { text: "flamingo".to_owned(), ..RunQuery::default() };
        assert_eq!(store.summaries(&text).expect("found").len(), 3);
        assert!(!store.log_path(old).exists() && store.log_path(young).exists());
        assert!(!store.input_path(&own.sha256).exists() && store.input_path(&shared.sha256).exists());
        assert_eq!(store.prunable(50).expect("found"), Prunable::default());
        store.check().expect("sound");
        assert!(queue(&[]) > open, "a number is not given twice");
    }
}
