//! Queueing a batch: all of its runs or none, and in steps between which others write.
//!
//! A large batch is held until the last of its runs is there, and then let go in one step. Of one whose queueing was
//! interrupted nothing was sent, and what is there of it is removed. Whoever queues one holds a lock on a file, which the system
//! releases when the process is killed.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;

use rusqlite::params;

use super::{NewBatch, WRITTEN_AT_ONCE};
use crate::domain::RunRequest;
use crate::domain::batch::{BatchId, BatchPlace, Hold};
use crate::domain::run::UnixMs;
use crate::store::runs::Queued;
use crate::store::{Store, StoreError, now};

/// Locked by all that queue large batches, each for itself.
const LOCK: &str = "queueing.lock";

/// Where files cannot be locked: whoever queues a batch and has written nothing for so long, in milliseconds, has been
/// interrupted. It also ends the wait for one that was stopped and not killed.
const INTERRUPTED_MS: i64 = 60_000;

/// A batch that is being queued.
#[derive(Clone, Copy, Debug)]
struct Begun {
    id: BatchId,
    /// The last run before it, by which its turns are counted.
    last: i64,
    /// When it was written last: nobody else has written it since.
    touched_at: UnixMs,
}

impl Store {
    /// Queues a batch: all of its runs, or none. They are sent in the order of their places, and numbered the other way
    /// round, so that a list with the newest first has the first one on top.
    ///
    /// # Errors
    /// When a request cannot be made, or the history cannot be written.
    pub fn queue_batch<E: From<StoreError>>(
        &self,
        new: &NewBatch,
        now: UnixMs,
        mut request: impl FnMut(usize) -> Result<RunRequest, E>,
    ) -> Result<BatchId, E> {
        let _lock = if new.runs > WRITTEN_AT_ONCE { self.lock_queueing() } else { None };
        let places: Vec<usize> = (0..new.runs).rev().collect();
        let mut begun = None;
        for places in places.chunks(WRITTEN_AT_ONCE) {
            // Made before the history is held for them.
            let requests = places.iter().map(|place| Ok((*place, request(*place)?)));
            let written = requests
                .collect::<Result<Vec<_>, E>>()
                .and_then(|requests| Ok(self.queue_some(new, now, begun, requests)?));
            match written {
                Ok(written) => begun = Some(written),
                Err(error) => {
                    if let Some(begun) = begun {
                        self.remove_batch(begun.id)?;
                    }
                    return Err(error);
                }
            }
        }
        self.changed();
        Ok(begun.map_or(0, |begun| begun.id))
    }

    /// A shared lock until it is dropped; `None` where files cannot be locked.
    fn lock_queueing(&self) -> Option<File> {
        let file = self.queueing_file()?;
        file.lock_shared().ok().map(|()| file)
    }

    fn queueing_file(&self) -> Option<File> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.open(self.data.join(LOCK)).ok()
    }

    /// Writes some runs of a batch; with the last of them all may go.
    fn queue_some(
        &self,
        new: &NewBatch,
        at: UnixMs,
        begun: Option<Begun>,
        requests: Vec<(usize, RunRequest)>,
    ) -> Result<Begun, StoreError> {
        let transaction = self.writing()?;
        let begun = match begun {
            None => self.begin_batch(new, at)?,
            Some(begun) => self.touch(begun)?,
        };
        let held = (new.runs > WRITTEN_AT_ONCE).then_some(Hold::Queueing);
        let mut is_last = false;
        for (place, request) in requests {
            let request = RunRequest { batch: Some(BatchPlace { batch: begun.id, place }), ..request };
            let json = serde_json::to_string(&request)?;
            let turn = begun.last.saturating_add(1).saturating_add(i64::try_from(place).unwrap_or(i64::MAX));
            self.insert(request, &json, at, Queued { turn: Some(turn), folded: place > 0, held })?;
            is_last |= place == 0;
        }
        if is_last && held.is_some() {
            let sql = "UPDATE runs INDEXED BY runs_by_batch_status SET held = NULL
                WHERE batch = ?1 AND retried_by IS NULL AND status = 'queued' AND held = ?2";
            self.connection.prepare_cached(sql)?.execute(params![begun.id, Hold::Queueing.word()])?;
            let sql = "UPDATE batches SET queued_at = ?2 WHERE id = ?1";
            self.connection.prepare_cached(sql)?.execute(params![begun.id, at])?;
        }
        transaction.commit()?;
        Ok(begun)
    }

    fn begin_batch(&self, new: &NewBatch, at: UnixMs) -> Result<Begun, StoreError> {
        let sql = "INSERT INTO batches (queued_at, outline, most_cost) VALUES (?1, ?2, ?3)";
        let outline = serde_json::to_string(&new.outline)?;
        self.connection.prepare_cached(sql)?.execute(params![at, outline, new.most_cost])?;
        let id = self.connection.last_insert_rowid();
        let last = "SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'runs'), 0)";
        Ok(Begun { id, last: self.connection.query_row(last, [], |row| row.get(0))?, touched_at: at })
    }

    /// Says that a batch is still being queued.
    fn touch(&self, begun: Begun) -> Result<Begun, StoreError> {
        // Never the same twice, so that whoever takes it for interrupted is noticed.
        let at = now().max(begun.touched_at + 1);
        let sql = "UPDATE batches SET queued_at = ?3 WHERE id = ?1 AND queued_at = ?2";
        let touched =
            self.connection.prepare_cached(sql)?.execute(params![begun.id, begun.touched_at, at])?;
        if touched == 0 {
            return Err(StoreError::Interrupted(begun.id));
        }
        Ok(Begun { touched_at: at, ..begun })
    }

    /// Removes what is there of batches whose queueing was interrupted: none of their runs was sent. Returns how many
    /// batches.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn remove_interrupted(&self, now: UnixMs) -> Result<usize, StoreError> {
        let file = self.queueing_file();
        // Held while they are removed, so that nobody begins meanwhile.
        let is_nobody_at_work = file.as_ref().is_some_and(|file| match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
        });
        let since = if is_nobody_at_work { UnixMs::MAX } else { now - INTERRUPTED_MS };
        let sql = "SELECT DISTINCT runs.batch FROM runs INDEXED BY runs_open
            LEFT JOIN batches ON batches.id = runs.batch
            WHERE ended_at IS NULL AND held = ?1 AND COALESCE(batches.queued_at, 0) < ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let found = statement.query_map(params![Hold::Queueing.word(), since], |row| row.get(0))?;
        let found = found.collect::<Result<Vec<BatchId>, _>>()?;
        for batch in &found {
            self.remove_batch(*batch)?;
        }
        Ok(found.len())
    }

    /// Removes the runs of a batch that is being queued, and the batch.
    fn remove_batch(&self, id: BatchId) -> Result<(), StoreError> {
        // From here on nobody goes on with it.
        self.connection.prepare_cached("UPDATE batches SET queued_at = 0 WHERE id = ?1")?.execute([id])?;
        let sql =
            "SELECT id FROM runs INDEXED BY runs_by_batch_status WHERE batch = ?1 AND retried_by IS NULL
            AND status = 'queued' AND held = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let runs = statement.query_map(params![id, Hold::Queueing.word()], |row| row.get(0))?;
        let runs = runs.collect::<Result<Vec<_>, _>>()?;
        let gone = "DELETE FROM batches WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE batch = ?1)";
        for runs in runs.chunks(WRITTEN_AT_ONCE) {
            let transaction = self.writing()?;
            runs.iter().try_for_each(|run| self.delete_run(*run))?;
            self.connection.prepare_cached(gone)?.execute([id])?;
            transaction.commit()?;
        }
        self.changed();
        Ok(())
    }
}
