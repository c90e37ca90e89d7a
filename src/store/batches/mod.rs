//! Batches: runs that were queued together, and what became of them.

mod queueing;
mod turns;

use rusqlite::{OptionalExtension, Row, params};

use super::list::COLUMNS;
use super::runs::Queued;
use super::{CancelAnswer, Store, StoreError};
use crate::domain::batch::table::Table;
use crate::domain::batch::{Batch, BatchId, Hold, Outline};
use crate::domain::run::UnixMs;
use crate::domain::{Run, RunId, RunRequest, RunSummary, Status};

const COUNTS: &str = "SELECT status, held, count(*) FROM runs INDEXED BY runs_by_batch_status
    WHERE batch = ?1 AND retried_by IS NULL GROUP BY status, held";

const IN_FLIGHT: &str = "SELECT started_at, COALESCE(cost_per_second, 0) FROM runs INDEXED BY runs_open
    WHERE ended_at IS NULL AND status IN ('uploading', 'waiting', 'running', 'downloading') AND batch = ?1
    AND started_at IS NOT NULL";

/// Runs that are written in one transaction: others write between two.
pub(super) const WRITTEN_AT_ONCE: usize = 500;

/// A batch to be queued.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// How many runs it has; at least 1.
    pub runs: usize,
    pub outline: Outline,
    /// What it may cost; `None` without a ceiling.
    pub most_cost: Option<f64>,
}

/// What became of cancelling the rest of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelledRest {
    /// Runs that were queued, and are never sent now.
    pub unsent: Vec<RunId>,
    /// Runs in flight, which the runner ends.
    pub asked: usize,
}

impl Store {
    /// A batch and where its runs stand; `None` when there is no such batch.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let sql = "SELECT queued_at, most_cost, worked_ms, spent FROM batches WHERE id = ?1";
        let read = |row: &Row<'_>| {
            let (queued_at, most_cost) = (row.get(0)?, row.get(1)?);
            let (worked_ms, spent) = (row.get(2)?, row.get(3)?);
            Ok(Batch { id, queued_at, most_cost, worked_ms, spent, ..Batch::default() })
        };
        let Some(mut batch) = self.connection.prepare_cached(sql)?.query_row([id], read).optional()? else {
            return Ok(None);
        };
        let mut statement = self.connection.prepare_cached(COUNTS)?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let word: String = row.get(0)?;
            let status = Status::from_word(&word)
                .ok_or_else(|| StoreError::damaged(format!("`{word}` is not a status")))?;
            let count = usize::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
            match batch.counts.last_mut() {
                Some((last, all)) if *last == status => *all += count,
                _ => batch.counts.push((status, count)),
            }
            let hold = row.get_ref(1)?.as_str().ok().and_then(Hold::from_word);
            if let Some(hold) = hold.filter(|_| status == Status::Queued) {
                let (_, held) = batch.held.get_or_insert((hold, 0));
                *held += count;
            }
        }
        let mut statement = self.connection.prepare_cached(IN_FLIGHT)?;
        let in_flight = statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        batch.in_flight = in_flight.collect::<Result<_, _>>()?;
        Ok(Some(batch))
    }

    /// The axes of a batch; `None` when there is no such batch.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn outline(&self, id: BatchId) -> Result<Option<Outline>, StoreError> {
        let sql = "SELECT outline FROM batches WHERE id = ?1";
        let text = self.connection.prepare_cached(sql)?.query_row([id], |row| row.get::<_, String>(0));
        let read = |text: String| serde_json::from_str(&text);
        text.optional()?
            .map(read)
            .transpose()
            .map_err(|why| StoreError::damaged(format!("the axes of batch {id} cannot be read: {why}")))
    }

    /// The newest batch.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn last_batch(&self) -> Result<Option<BatchId>, StoreError> {
        Ok(self.connection.prepare_cached("SELECT max(id) FROM batches")?.query_row([], |row| row.get(0))?)
    }

    /// Runs of a batch from a place on, in order; of a place that was retried the newest.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn batch_runs(&self, id: BatchId, from: usize, limit: usize) -> Result<Vec<RunSummary>, StoreError> {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.list(&places_sql(), [id, number(from), number(limit)])
    }

    /// The sheet of a batch: its runs along its axes, each with the first file that it made.
    ///
    /// # Errors
    /// When there is no such batch, or the history cannot be read.
    pub fn sheet(&self, id: BatchId) -> Result<Table, StoreError> {
        let outline = self.outline(id)?.ok_or(StoreError::NoSuchBatch(id))?;
        let mut cells = Vec::new();
        for run in self.batch_runs(id, 0, usize::MAX)? {
            let made = if run.outputs > 0 { self.first_output(&run)? } else { None };
            cells.push((run.status.word().to_owned(), made.map(|card| card.output.path)));
        }
        Ok(Table::new(id, &outline, cells))
    }

    /// Changes what a batch may cost.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn set_most_cost(&self, id: BatchId, most_cost: Option<f64>) -> Result<(), StoreError> {
        let sql = "UPDATE batches SET most_cost = ?2 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute(params![id, most_cost])?;
        self.changed();
        Ok(())
    }

    /// Cancels what of a batch is queued, the last of the queue first.
    ///
    /// # Errors
    /// When the history cannot be written; some may be cancelled then.
    pub fn cancel_queued(&self, id: BatchId, now: UnixMs) -> Result<CancelledRest, StoreError> {
        self.cancel_each(QUEUED, id, now)
    }

    /// Cancels what of a batch has not ended, the last of the queue first: what is queued ends at once, the runner sees to
    /// what is in flight.
    ///
    /// # Errors
    /// When the history cannot be written; some may be cancelled then.
    pub fn cancel_batch(&self, id: BatchId, now: UnixMs) -> Result<CancelledRest, StoreError> {
        self.cancel_each(OPEN, id, now)
    }

    fn cancel_each(&self, sql: &str, id: BatchId, now: UnixMs) -> Result<CancelledRest, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let open = statement.query_map([id], |row| row.get(0))?.collect::<Result<Vec<RunId>, _>>()?;
        self.cancel_runs(&open, now)
    }

    /// Cancels runs, some in each transaction, so that others can write between two.
    fn cancel_runs(&self, runs: &[RunId], now: UnixMs) -> Result<CancelledRest, StoreError> {
        let mut rest = CancelledRest::default();
        for runs in runs.chunks(WRITTEN_AT_ONCE) {
            let transaction = self.writing()?;
            for run in runs {
                match self.end_or_ask(*run, now)? {
                    CancelAnswer::Cancelled => rest.unsent.push(*run),
                    CancelAnswer::Asked => rest.asked += 1,
                    CancelAnswer::Ended(_) => {}
                }
            }
            transaction.commit()?;
            self.changed();
        }
        Ok(rest)
    }

    /// Queues the failed runs of a batch again, each as `request` makes it of the one that failed. Returns how many.
    ///
    /// # Errors
    /// When a request cannot be made, or the history cannot be written; some may be queued then, each once.
    pub fn retry_failed<E: From<StoreError>>(
        &self,
        id: BatchId,
        now: UnixMs,
        mut request: impl FnMut(Run) -> Result<RunRequest, E>,
    ) -> Result<usize, E> {
        let failed = self.failed_runs(id)?;
        for runs in failed.chunks(WRITTEN_AT_ONCE) {
            let transaction = self.writing()?;
            for run in runs {
                let Some(before) = self.run_within(*run)? else { continue };
                let place = before.request.batch;
                let request = RunRequest { batch: place, ..request(before)? };
                let json = serde_json::to_string(&request).map_err(StoreError::from)?;
                let queued = Queued { turn: None, folded: true, held: None };
                let again = self.insert(request, &json, now, queued)?;
                let sql = "UPDATE runs SET retried_by = ?2 WHERE id = ?1 AND retried_by IS NULL";
                let mut statement = transaction.prepare_cached(sql).map_err(StoreError::from)?;
                // Somebody else may have retried it since.
                if statement.execute([*run, again]).map_err(StoreError::from)? == 0 {
                    self.delete_run(again)?;
                }
            }
            transaction.commit().map_err(StoreError::from)?;
            self.changed();
        }
        Ok(failed.len())
    }

    fn failed_runs(&self, id: BatchId) -> Result<Vec<RunId>, StoreError> {
        let sql = "SELECT id FROM runs INDEXED BY runs_of_batch
            WHERE batch = ?1 AND retried_by IS NULL AND status = 'failed' ORDER BY batch_place";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Whether a run of a batch has not ended: what was handed over for the batch is still needed.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn is_batch_open(&self, id: BatchId) -> Result<bool, StoreError> {
        Ok(self.connection.prepare_cached(OPEN)?.exists([id])?)
    }
}

/// Runs of a batch that have not ended, those whose turn is last first.
const OPEN: &str =
    "SELECT id FROM runs INDEXED BY runs_by_batch_status WHERE batch = ?1 AND retried_by IS NULL
    AND status IN ('queued', 'uploading', 'waiting', 'running', 'downloading') ORDER BY turn DESC";

/// The same of those that are queued.
const QUEUED: &str =
    "SELECT id FROM runs INDEXED BY runs_by_batch_status WHERE batch = ?1 AND retried_by IS NULL
    AND status = 'queued' ORDER BY turn DESC";

/// Parameters: 1 batch, 2 first place, 3 limit.
fn places_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM runs INDEXED BY runs_of_batch
        WHERE batch = ?1 AND retried_by IS NULL AND batch_place >= ?2 ORDER BY batch_place LIMIT ?3"
    )
}

#[cfg(test)]
mod tests;
