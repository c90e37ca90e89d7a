//! The queue: whose turn it is at each endpoint, and what is held.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};

use crate::domain::batch::{BatchId, Hold};
use crate::domain::run::UnixMs;
use crate::domain::{RunId, RunSummary};
use crate::store::list::COLUMNS;
use crate::store::{Store, StoreError};

/// The endpoints at which runs wait for their turn, by the first turn at each: two steps in the index for each.
pub(super) const ENDPOINTS: &str = "WITH RECURSIVE found(endpoint) AS (
        SELECT min(endpoint) FROM runs INDEXED BY runs_turns WHERE status = 'queued' AND held IS NULL
        UNION ALL
        SELECT (SELECT min(endpoint) FROM runs INDEXED BY runs_turns
            WHERE status = 'queued' AND held IS NULL AND runs.endpoint > found.endpoint)
        FROM found WHERE found.endpoint IS NOT NULL
    ) SELECT endpoint FROM found WHERE endpoint IS NOT NULL ORDER BY (
        SELECT min(turn) FROM runs INDEXED BY runs_turns
        WHERE status = 'queued' AND held IS NULL AND runs.endpoint = found.endpoint
    )";

pub(super) const TURNS: &str = "SELECT id FROM runs INDEXED BY runs_turns
    WHERE status = 'queued' AND held IS NULL AND endpoint = ?1 ORDER BY turn LIMIT ?2";

const FIRST: &str = "UPDATE runs SET held = NULL, turn = COALESCE((
        SELECT min(turn) FROM runs AS other INDEXED BY runs_open
        WHERE other.ended_at IS NULL AND other.status = 'queued' AND other.endpoint = runs.endpoint
    ), turn) - 1 WHERE id = ?1 AND status = 'queued' AND held IS NOT 'queueing'";

const HANDOVERS: &str = "SELECT DISTINCT json_extract(json, '$.handover') FROM runs INDEXED BY runs_open
    JOIN requests ON run = id WHERE ended_at IS NULL AND json_extract(json, '$.handover') IS NOT NULL";

impl Store {
    /// The endpoints at which runs wait for their turn, in the order of the first turn. Held runs wait for no turn.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn endpoints_with_turns(&self) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(ENDPOINTS)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The runs whose turn comes next at an endpoint.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn next_turns(&self, endpoint: &str, limit: usize) -> Result<Vec<RunId>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(TURNS)?;
        Ok(statement.query_map(params![endpoint, limit], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Whether there is anything for a runner to do: a run in flight, or one that waits for its turn.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn has_work(&self) -> Result<bool, StoreError> {
        Ok(!self.endpoints_with_turns()?.is_empty() || !self.runs_in_flight()?.is_empty())
    }

    /// Names under which credentials were left for runs that have not ended.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn waiting_handovers(&self) -> Result<HashSet<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(HANDOVERS)?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Holds the runs of a batch that are still queued: none of them is sent until the batch is resumed. Returns how
    /// many that are.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn hold_batch(&self, id: BatchId, hold: Hold) -> Result<usize, StoreError> {
        let sql = "UPDATE runs INDEXED BY runs_by_batch_status SET held = ?2
            WHERE batch = ?1 AND retried_by IS NULL AND status = 'queued' AND held IS NULL";
        let held = self.connection.prepare_cached(sql)?.execute(params![id, hold.word()])?;
        self.changed();
        Ok(held)
    }

    /// Holds every queued run that costs something. Returns how many that are.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn hold_costly(&self, hold: Hold) -> Result<usize, StoreError> {
        let sql = "UPDATE runs INDEXED BY runs_turns SET held = ?1
            WHERE status = 'queued' AND held IS NULL AND cost_per_second IS NOT NULL";
        let held = self.connection.prepare_cached(sql)?.execute([hold.word()])?;
        self.changed();
        Ok(held)
    }

    /// Lets the held runs of a batch go on, each in the turn that it had. Returns how many that are.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn resume_batch(&self, id: BatchId) -> Result<usize, StoreError> {
        let sql = "UPDATE runs INDEXED BY runs_by_batch_status SET held = NULL
            WHERE batch = ?1 AND retried_by IS NULL AND status = 'queued' AND held <> 'queueing'";
        let resumed = self.connection.prepare_cached(sql)?.execute([id])?;
        self.changed();
        Ok(resumed)
    }

    /// Changes what was left of secrets for the queued runs of a batch.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn hand_over(&self, id: BatchId, handover: Option<&str>) -> Result<(), StoreError> {
        let sql = "UPDATE requests SET json = CASE WHEN ?2 IS NULL THEN json_remove(json, '$.handover')
                ELSE json_set(json, '$.handover', ?2) END
            WHERE run IN (SELECT id FROM runs INDEXED BY runs_by_batch_status
                WHERE batch = ?1 AND retried_by IS NULL AND status = 'queued')";
        self.connection.prepare_cached(sql)?.execute(params![id, handover])?;
        Ok(())
    }

    /// Puts a queued run before all others of its endpoint, also one that is held. Whether it was queued.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn run_first(&self, run: RunId) -> Result<bool, StoreError> {
        let changed = self.connection.prepare_cached(FIRST)?.execute([run])?;
        self.changed();
        Ok(changed > 0)
    }

    /// Queued runs in the order of their turns, held ones among them.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn queued_runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM runs INDEXED BY runs_open
            WHERE ended_at IS NULL AND status = 'queued' ORDER BY turn, id"
        );
        self.list(&sql, [])
    }

    /// Exchanges the turns of a queued run and of the one before or behind it at the same endpoint. Whether there was one.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn move_in_queue(&self, run: RunId, earlier: bool) -> Result<bool, StoreError> {
        let transaction = self.writing()?;
        let own = "SELECT turn, endpoint FROM runs WHERE id = ?1 AND status = 'queued' AND held IS NULL";
        let own: Option<(i64, String)> = transaction
            .prepare_cached(own)?
            .query_row([run], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((turn, endpoint)) = own else { return Ok(false) };
        let other: Option<(RunId, i64)> = transaction
            .prepare_cached(if earlier { EARLIER } else { LATER })?
            .query_row(params![endpoint, turn], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((other, its)) = other else { return Ok(false) };
        let mut swap = transaction.prepare_cached("UPDATE runs SET turn = ?2 WHERE id = ?1")?;
        swap.execute([run, its])?;
        swap.execute([other, turn])?;
        drop(swap);
        transaction.commit()?;
        self.changed();
        Ok(true)
    }

    /// Holds a queued run, or lets it go on. Whether that changed anything.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn hold_run(&self, run: RunId, hold: bool) -> Result<bool, StoreError> {
        let sql = "UPDATE runs SET held = CASE WHEN ?2 THEN ?3 END
            WHERE id = ?1 AND status = 'queued' AND (held IS NULL) = ?2";
        let changed = self.connection.prepare_cached(sql)?.execute(params![run, hold, Hold::Asked.word()])?;
        self.changed();
        Ok(changed > 0)
    }

    /// Holds all that waits, or lets all go on that a person or the day's ceiling holds: the runner asks again what a day may
    /// cost. What a batch's own ceiling holds stays. Returns how many.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn hold_queue(&self, hold: bool) -> Result<usize, StoreError> {
        let sql = match hold {
            true => {
                "UPDATE runs INDEXED BY runs_open SET held = ?1
                WHERE ended_at IS NULL AND status = 'queued' AND held IS NULL"
            }
            false => {
                "UPDATE runs INDEXED BY runs_open SET held = NULL
                WHERE ended_at IS NULL AND status = 'queued' AND held IN (?1, 'day_cost')"
            }
        };
        let changed = self.connection.prepare_cached(sql)?.execute([Hold::Asked.word()])?;
        self.changed();
        Ok(changed)
    }

    /// Cancels all that is queued, the last first: none of it is ever sent. Returns how many.
    ///
    /// # Errors
    /// When the history cannot be written; some may be cancelled then.
    pub fn cancel_queue(&self, now: UnixMs) -> Result<Vec<RunId>, StoreError> {
        let mut queued = self.queued_runs()?;
        queued.reverse();
        let ids: Vec<RunId> = queued.into_iter().map(|run| run.id).collect();
        Ok(self.cancel_runs(&ids, now)?.unsent)
    }
}

/// Of the runs that wait at an endpoint the one before a turn.
const EARLIER: &str = "SELECT id, turn FROM runs INDEXED BY runs_turns
    WHERE status = 'queued' AND held IS NULL AND endpoint = ?1 AND turn < ?2 ORDER BY turn DESC LIMIT 1";

/// The same behind it.
const LATER: &str = "SELECT id, turn FROM runs INDEXED BY runs_turns
    WHERE status = 'queued' AND held IS NULL AND endpoint = ?1 AND turn > ?2 ORDER BY turn LIMIT 1";
