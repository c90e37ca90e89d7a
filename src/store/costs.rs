//! What runs have cost, as far as their profiles said what a second costs.

use rusqlite::{Connection, params};

use super::{Store, StoreError};
use crate::domain::Run;
use crate::domain::run::UnixMs;
use crate::domain::spend::cost;

pub(super) const SPENT: &str =
    "SELECT COALESCE(sum(max(0, COALESCE(ended_at, ?2) - started_at) * cost_per_second), 0.0) / 1000.0
    FROM runs INDEXED BY runs_with_cost WHERE cost_per_second IS NOT NULL AND started_at >= ?1";

impl Store {
    /// What the runs that were started since then have cost by now, as far as their profiles said what a second costs.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn spent_since(&self, since: UnixMs, now: UnixMs) -> Result<f64, StoreError> {
        Ok(self.connection.prepare_cached(SPENT)?.query_row([since, now], |row| row.get(0))?)
    }
}

/// Adds a run that has just ended to the sums of its batch, inside a transaction.
pub(super) fn add_ended(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    if run.error.as_ref().is_some_and(|error| error.refused) {
        // What never began costs nothing.
        let sql = "UPDATE runs SET cost_per_second = NULL WHERE id = ?1";
        connection.prepare_cached(sql)?.execute([run.id])?;
        return Ok(());
    }
    let (Some(batch), Some(started), Some(ended)) = (run.request.batch, run.started_at(), run.ended_at)
    else {
        return Ok(());
    };
    let worked = (ended - started).max(0);
    let spent = run.request.cost_per_second.map_or(0.0, |rate| cost(worked, rate));
    let sql = "UPDATE batches SET worked_ms = worked_ms + ?2, spent = spent + ?3 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![batch.batch, worked, spent])?;
    Ok(())
}
