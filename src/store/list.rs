//! The list of runs: newest first, a page at a time, filtered.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rusqlite::Row;
use rusqlite::ToSql;

use super::live::Live;
use super::{Store, StoreError, search};
use crate::domain::batch::{BatchId, BatchPlace, Hold};
use crate::domain::run::{Counts, Listed, Protocol};
use crate::domain::spend::{Took, Usual};
use crate::domain::{RunId, RunSummary, Status};

/// Filters and page of the list of runs. The default is the newest hundred of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunQuery {
    /// Words to find in the prompt, the preset's or workflow's name, keys and values of parameters, or the error, in
    /// any order. The last word may be a prefix. Empty: no filter.
    pub text: String,
    /// Only runs with this status.
    pub status: Option<Status>,
    /// Only runs of this preset.
    pub preset: Option<String>,
    /// Only the runs of this batch.
    pub batch: Option<BatchId>,
    /// List one row for a batch, except for these, whose runs are all listed. `None` lists every run, and so does any of the
    /// filters above.
    pub unfolded: Option<BTreeSet<BatchId>>,
    /// Only runs older than this one: the last run of the page before.
    pub before: Option<RunId>,
    /// Page size in runs.
    pub limit: u32,
}

impl Default for RunQuery {
    fn default() -> Self {
        let text = String::new();
        Self { text, status: None, preset: None, batch: None, unfolded: None, before: None, limit: 100 }
    }
}

impl RunQuery {
    /// Parses the text of a search box: `status:failed`, `preset:cat` and `batch:7` are filters,
    /// everything else is searched for.
    pub fn parse(typed: &str) -> Self {
        let mut query = Self::default();
        let mut words = Vec::new();
        for word in typed.split(' ') {
            let status = word.strip_prefix("status:").and_then(Status::from_word);
            let preset = word.strip_prefix("preset:").filter(|preset| !preset.is_empty());
            let batch = word.strip_prefix("batch:").and_then(|number| number.parse().ok());
            match (status, preset, batch) {
                (Some(status), ..) => query.status = Some(status),
                (_, Some(preset), _) => query.preset = Some(preset.to_owned()),
                (.., Some(batch)) => query.batch = Some(batch),
                (None, None, None) => words.push(word),
            }
        }
        query.text = words.join(" ");
        query
    }

    /// Whether it lists runs of some kind only, so that each is listed for itself.
    fn is_filtered(&self) -> bool {
        !self.text.trim().is_empty() || self.status.is_some() || self.preset.is_some() || self.batch.is_some()
    }
}

pub(super) const COLUMNS: &str =
    "id, status, cancel_asked, profile, runs.preset, workflow_name, workflow_hash, runs.prompt,
    queued_at, started_at, phase_at, ended_at, outputs, runs.error, live, protocol, runs.prompt_id,
    batch, batch_place, held, cost_per_second,
    EXISTS (SELECT 1 FROM outputs AS liked
        WHERE liked.run = runs.id AND liked.starred_at IS NOT NULL AND liked.deleted_at IS NULL)";

// Without statistics SQLite assumes that nearly every row meets a condition, and scans the whole table to get the
// rows in order. Each query therefore names its index, and fails when it cannot use it.
const COUNTS: &str =
    "SELECT id, status, held IS NOT NULL FROM runs INDEXED BY runs_open WHERE ended_at IS NULL";

const IN_FLIGHT: &str = "SELECT profile, live, status FROM runs INDEXED BY runs_open
    WHERE ended_at IS NULL AND status IN ('uploading', 'waiting', 'running', 'downloading')";

const LAST_TIMES: &str = "SELECT started_at, began_at, ended_at FROM runs INDEXED BY runs_done
    WHERE started_at IS NOT NULL AND workflow_hash = ?1 AND status = 'done' ORDER BY id DESC LIMIT 7";

/// Rows of the list that are counted; of a longer history it is told that there are more.
const COUNTED: i64 = 10_000;

/// Rows of the list of runs with all batches folded in. Parameter: the most that are counted.
const LISTED: &str =
    "SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_unfolded WHERE folded = 0 AND id > 0 LIMIT ?1)";

/// Runs behind the row of their batch. Parameters: batch, the most that are counted.
const BEHIND: &str = "SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_by_batch WHERE batch = ?1 AND folded = 1 LIMIT ?2)";

fn open_sql() -> String {
    format!("SELECT {COLUMNS} FROM runs INDEXED BY runs_open WHERE ended_at IS NULL ORDER BY id")
}

fn in_flight_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM runs INDEXED BY runs_open WHERE ended_at IS NULL
        AND status IN ('uploading', 'waiting', 'running', 'downloading') ORDER BY id"
    )
}

/// Which conditions the page query contains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filters {
    pub(super) text: bool,
    pub(super) status: bool,
    pub(super) preset: bool,
    pub(super) batch: bool,
    /// Only runs with outputs.
    pub(super) made: bool,
    /// Of a batch only the run that is its row.
    pub(super) folded: bool,
}

/// Runs that stand behind the row of their batch. Parameters: 1 before, 2 limit, 3 batch.
fn folded_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM runs INDEXED BY runs_by_batch
        WHERE batch = ?3 AND folded = 1 AND id < ?1 ORDER BY id DESC LIMIT ?2"
    )
}

/// SQL of one page. Parameters: 1 before, 2 limit, then one for each filter that is set.
fn page_sql(filters: Filters) -> String {
    let Filters { text, status, preset, batch, made, folded } = filters;
    let (from, mut conditions, order) = match (text, batch, status, preset) {
        (true, ..) => (
            "runs_fts CROSS JOIN runs ON id = runs_fts.rowid",
            "runs_fts.rowid < ?1 AND runs_fts MATCH ?3".to_owned(),
            "runs_fts.rowid",
        ),
        (_, true, ..) => ("runs INDEXED BY runs_by_batch", "id < ?1".to_owned(), "id"),
        (.., true, _) if made => ("runs INDEXED BY runs_made_by_status", "id < ?1".to_owned(), "id"),
        (.., true, _) => ("runs INDEXED BY runs_by_status", "id < ?1".to_owned(), "id"),
        (.., true) => ("runs INDEXED BY runs_by_preset", "id < ?1".to_owned(), "id"),
        _ if made => ("runs INDEXED BY runs_made", "id < ?1".to_owned(), "id"),
        _ if folded => ("runs INDEXED BY runs_unfolded", "folded = 0 AND id < ?1".to_owned(), "id"),
        _ => ("runs", "id < ?1".to_owned(), "id"),
    };
    if made {
        conditions.push_str(" AND runs.outputs > 0");
    }
    let mut parameters = 2 + usize::from(text);
    for (column, wanted) in [("status", status), ("runs.preset", preset), ("batch", batch)] {
        if wanted {
            parameters += 1;
            conditions.push_str(&format!(" AND {column} = ?{parameters}"));
        }
    }
    format!("SELECT {COLUMNS} FROM {from} WHERE {conditions} ORDER BY {order} DESC LIMIT ?2")
}

impl Store {
    /// Runs, newest first. Takes time proportional to the page, not to the history.
    ///
    /// # Errors
    /// When the history cannot be read. Any text may be searched for.
    pub fn summaries(&self, query: &RunQuery) -> Result<Vec<RunSummary>, StoreError> {
        self.page(query, false)
    }

    /// A page of all runs, or only of those with outputs.
    pub(super) fn page(&self, query: &RunQuery, made: bool) -> Result<Vec<RunSummary>, StoreError> {
        let text = search::fts_query(&query.text);
        let status = query.status.map(Status::word);
        let before = query.before.unwrap_or(RunId::MAX);
        let mut values: Vec<&dyn ToSql> = vec![&before, &query.limit];
        values.extend(text.iter().map(|text| text as &dyn ToSql));
        values.extend(status.iter().map(|status| status as &dyn ToSql));
        values.extend(query.preset.iter().map(|preset| preset as &dyn ToSql));
        values.extend(query.batch.iter().map(|batch| batch as &dyn ToSql));
        let unfolded = query.unfolded.as_ref().filter(|_| !made && !query.is_filtered());
        let sql = page_sql(Filters {
            text: text.is_some(),
            status: status.is_some(),
            preset: query.preset.is_some(),
            batch: query.batch.is_some(),
            made,
            folded: unfolded.is_some(),
        });
        let mut found = self.list(&sql, &values)?;
        for batch in unfolded.into_iter().flatten() {
            found.extend(self.list(&folded_sql(), &[&before, &query.limit, batch])?);
        }
        if unfolded.is_some_and(|batches| !batches.is_empty()) {
            found.sort_unstable_by_key(|run| Reverse(run.id));
            found.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    /// Rows of the list without filters, with these batches folded out. Counting ends at a limit.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn listed(&self, unfolded: &BTreeSet<BatchId>) -> Result<Listed, StoreError> {
        let most = COUNTED + 1;
        let count = |sql: &str, values: &[&dyn ToSql]| -> Result<usize, StoreError> {
            let count: i64 = self.connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
            Ok(usize::try_from(count).unwrap_or_default())
        };
        let mut rows = count(LISTED, &[&most])?;
        for batch in unfolded {
            rows += count(BEHIND, &[batch, &most])?;
        }
        let counted = usize::try_from(COUNTED).unwrap_or_default();
        Ok(Listed { rows: rows.min(counted), or_more: rows > counted })
    }

    /// Runs that were sent and have not ended.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn runs_in_flight(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.list(&in_flight_sql(), &[])
    }

    /// Runs that have not ended, in queue order.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn open_runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.list(&open_sql(), &[])
    }

    /// Counts of open runs by status; ended runs are not visited.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        let mut statement = self.connection.prepare_cached(COUNTS)?;
        let mut rows = statement.query([])?;
        let mut counts = Counts::default();
        while let Some(row) = rows.next()? {
            counts.ids.insert(row.get(0)?);
            match (row.get_ref(1)?.as_str().ok() == Some(Status::Queued.word()), row.get(2)?) {
                (true, true) => counts.held += 1,
                (true, false) => counts.queued += 1,
                (false, _) => counts.in_flight += 1,
            }
        }
        if counts.in_flight > 0 {
            self.in_flight(&mut counts)?;
        }
        Ok(counts)
    }

    /// How far the runs in flight are, and how their events arrive.
    fn in_flight(&self, counts: &mut Counts) -> Result<(), StoreError> {
        let (mut shares, mut tells) = (0.0, false);
        let mut statement = self.connection.prepare_cached(IN_FLIGHT)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let live = Live::read(row.get_ref(1)?.as_str().unwrap_or_default());
            let share = live.progress.map(|progress| progress.value as f64 / progress.max.max(1) as f64);
            let is_received = row.get_ref(2)?.as_str().ok() == Some(Status::Downloading.word());
            tells |= is_received || share.is_some();
            shares += if is_received { 1.0 } else { share.unwrap_or(0.0).min(1.0) };
            if let Some(connection) = live.connection {
                let known = counts.connections.entry(row.get(0)?).or_insert(connection);
                *known = connection.min(*known);
            }
        }
        counts.percent = tells.then(|| (shares / counts.in_flight.max(1) as f64 * 100.0) as u8);
        Ok(())
    }

    /// Median duration in milliseconds, from start to end, of a workflow's last successful runs.
    /// `None` when there is none.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn typical_ms(&self, workflow_hash: &str) -> Result<Option<i64>, StoreError> {
        let last = self.last_times(workflow_hash)?;
        let mut times: Vec<i64> = last.iter().map(|took| took.ended_at - took.started_at).collect();
        times.sort_unstable();
        // A clock set back during a run makes its duration negative.
        Ok(times.get(times.len() / 2).map(|time| (*time).max(0)))
    }

    /// The same with a cold start told apart.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn usual(&self, workflow_hash: &str) -> Result<Option<Usual>, StoreError> {
        Ok(Usual::of(&self.last_times(workflow_hash)?))
    }

    fn last_times(&self, workflow_hash: &str) -> Result<Vec<Took>, StoreError> {
        let mut statement = self.connection.prepare_cached(LAST_TIMES)?;
        let took = |row: &Row<'_>| {
            Ok(Took { started_at: row.get(0)?, began_at: row.get(1)?, ended_at: row.get(2)? })
        };
        Ok(statement.query_map([workflow_hash], took)?.collect::<Result<_, _>>()?)
    }

    pub(super) fn list(&self, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<RunSummary>, StoreError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(summary(row)?);
        }
        Ok(found)
    }
}

pub(super) fn summary(row: &Row<'_>) -> Result<RunSummary, StoreError> {
    let status: String = row.get(1)?;
    let live = Live::read(row.get_ref(14)?.as_str().unwrap_or_default());
    Ok(RunSummary {
        id: row.get(0)?,
        status: Status::from_word(&status)
            .ok_or_else(|| StoreError::damaged(format!("`{status}` is not a status")))?,
        cancel_asked: row.get(2)?,
        profile: row.get(3)?,
        protocol: Protocol::from_word(&row.get::<_, String>(15)?).unwrap_or_default(),
        prompt_id: row.get(16)?,
        preset: row.get(4)?,
        workflow_name: row.get(5)?,
        workflow_hash: row.get(6)?,
        prompt: row.get(7)?,
        batch: batch_place(row.get(17)?, row.get(18)?),
        held: row.get_ref(19)?.as_str().ok().and_then(Hold::from_word),
        cost_per_second: row.get(20)?,
        queued_at: row.get(8)?,
        started_at: row.get(9)?,
        phase_at: row.get(10)?,
        ended_at: row.get(11)?,
        upload: live.upload,
        progress: live.progress,
        queue: live.queue,
        download: live.download,
        connection: live.connection,
        outputs: usize::try_from(row.get::<_, i64>(12)?).unwrap_or_default(),
        error: row.get(13)?,
        starred: row.get(21)?,
    })
}

fn batch_place(batch: Option<BatchId>, place: Option<i64>) -> Option<BatchPlace> {
    Some(BatchPlace { batch: batch?, place: usize::try_from(place?).ok()? })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// All combinations of filters.
    pub(in crate::store) fn all_filters() -> impl Iterator<Item = Filters> {
        (0..64).map(|bits: u8| {
            let is_set = |bit: u8| bits & (1 << bit) != 0;
            Filters {
                text: is_set(0),
                status: is_set(1),
                preset: is_set(2),
                made: is_set(3),
                batch: is_set(4),
                folded: is_set(5),
            }
        })
    }

    /// Asserts by the query plan that rows come from an index, in order.
    pub(in crate::store) fn assert_does_not_walk(store: &Store, sql: &str) {
        let mut plan = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(sql);
        let unset = rusqlite::params_from_iter(vec![None::<i64>; plan.parameter_count()]);
        let steps = plan.query_map(unset, |row| row.get::<_, String>(3)).expect("a plan");
        for step in steps.map(|step| step.expect("a step")) {
            let of_open_runs = step.contains("INDEX runs_open");
            let walks = step.starts_with("SCAN runs") || step.starts_with("SCAN outputs");
            assert!(of_open_runs || !walks || step.contains("VIRTUAL"), "{step}: {sql}");
            assert!(
                sql == open_sql() || sql == in_flight_sql() || !step.contains("TEMP B-TREE"),
                "{step}: {sql}"
            );
        }
    }

    #[test]
    fn no_query_walks_the_whole_history() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open_with(folder.path(), crate::store::schema::MIGRATIONS).expect("a store");
        let others = [
            COUNTS.to_owned(),
            IN_FLIGHT.to_owned(),
            LAST_TIMES.to_owned(),
            open_sql(),
            in_flight_sql(),
            folded_sql(),
            LISTED.to_owned(),
            BEHIND.to_owned(),
        ];
        for sql in all_filters().map(page_sql).chain(others) {
            assert_does_not_walk(&store, &sql);
        }
    }
}
