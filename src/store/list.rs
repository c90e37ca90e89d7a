//! The list of runs: newest first, a page at a time, filtered.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use rusqlite::{Params, Row, params, params_from_iter};

use super::filter::{Limits, RunQuery, Statement};
use super::live::Live;
use super::{Store, StoreError};
use crate::domain::batch::{BatchId, BatchPlace, Hold};
use crate::domain::run::{Counts, Listed, Protocol};
use crate::domain::spend::{Took, Usual};
use crate::domain::{Notes, RunId, RunSummary, Status};

pub(super) const COLUMNS: &str =
    "id, status, cancel_asked, profile, runs.preset, workflow_name, workflow_hash, runs.prompt,
    queued_at, started_at, phase_at, ended_at, outputs, runs.error, live, protocol, runs.prompt_id,
    batch, batch_place, held, cost_per_second,
    EXISTS (SELECT 1 FROM outputs AS liked
        WHERE liked.run = runs.id AND liked.starred_at IS NOT NULL AND liked.deleted_at IS NULL),
    runs.rejected_at IS NOT NULL,
    (SELECT group_concat(tag, ' ') FROM tags WHERE tags.run = runs.id),
    (SELECT notes.text FROM notes WHERE notes.run = runs.id)";

// Without statistics SQLite assumes that nearly every row meets a condition, and scans the whole table to get the
// rows in order. Each query therefore names its index, and fails when it cannot use it.
const COUNTS: &str = "SELECT id, status, held IS NOT NULL, profile, workflow_hash, started_at
    FROM runs INDEXED BY runs_open WHERE ended_at IS NULL";

const IN_FLIGHT: &str = "SELECT profile, live, status FROM runs INDEXED BY runs_open
    WHERE ended_at IS NULL AND status IN ('uploading', 'waiting', 'running', 'downloading')";

const LAST_TIMES: &str = "SELECT started_at, began_at, ended_at FROM runs INDEXED BY runs_done
    WHERE started_at IS NOT NULL AND workflow_hash = ?1 AND status = 'done' ORDER BY id DESC LIMIT 7";

/// Rows of the list that are counted; of a longer history it is told that there are more.
const COUNTED: i64 = 10_000;

/// Rows of the list of runs with all batches folded in. Parameter: the most that are counted.
const LISTED: &str =
    "SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_unfolded WHERE folded = 0 AND id > 0 LIMIT ?1)";

/// The same without those that were rejected.
const LISTED_UNREJECTED: &str = "SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_listed
    WHERE folded = 0 AND (rejected_at IS NULL OR batch IS NOT NULL) AND id > 0 LIMIT ?1)";

/// Runs behind the row of their batch. Parameters: batch, the most that are counted, whether rejected ones are left out.
const BEHIND: &str =
    "SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_by_batch WHERE batch = ?1 AND folded = 1
    AND (rejected_at IS NULL OR NOT ?3) LIMIT ?2)";

fn open_sql() -> String {
    format!("SELECT {COLUMNS} FROM runs INDEXED BY runs_open WHERE ended_at IS NULL ORDER BY id")
}

fn in_flight_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM runs INDEXED BY runs_open WHERE ended_at IS NULL
        AND status IN ('uploading', 'waiting', 'running', 'downloading') ORDER BY id"
    )
}

/// Runs that stand behind the row of their batch. Parameters: 1 before, 2 limit, 3 batch, 4 whether rejected ones are
/// left out.
fn folded_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM runs INDEXED BY runs_by_batch
        WHERE batch = ?3 AND folded = 1 AND id < ?1 AND (rejected_at IS NULL OR NOT ?4)
        ORDER BY id DESC LIMIT ?2"
    )
}

/// SQL of one page of the rows that `filter` found.
fn page_sql(rows: &str) -> String {
    format!("SELECT {COLUMNS} {rows}")
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
        let before = query.before.unwrap_or(RunId::MAX);
        let unfolded = query.unfolded.as_ref().filter(|_| !made && query.search.is_empty());
        let hides_rejected = query.leaves_out_rejected();
        let limits = Limits { made, folded: unfolded.is_some(), hides_rejected };
        let most = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut part = Some(self.first_part(query, limits)?);
        while let Some(looked_at) = part {
            let Statement { sql, values } = self.page_statement(query, limits, &looked_at)?;
            found.extend(self.list(&page_sql(&sql), params_from_iter(values))?);
            part = if found.len() < most { self.next_part(query, &looked_at)? } else { None };
        }
        found.truncate(most);
        for batch in unfolded.into_iter().flatten() {
            let values = params![before, query.limit, batch, hides_rejected];
            found.extend(self.list(&folded_sql(), values)?);
        }
        if unfolded.is_some_and(|batches| !batches.is_empty()) {
            found.sort_unstable_by_key(|run| Reverse(run.id));
            found.truncate(most);
        }
        Ok(found)
    }

    /// Rows of the list without filters, with these batches folded out. Counting ends at a limit.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn listed(&self, unfolded: &BTreeSet<BatchId>, hides_rejected: bool) -> Result<Listed, StoreError> {
        let most = COUNTED + 1;
        let number = |count: i64| usize::try_from(count).unwrap_or_default();
        let sql = if hides_rejected { LISTED_UNREJECTED } else { LISTED };
        let rows = self.connection.prepare_cached(sql)?.query_row([most], |row| row.get(0))?;
        let mut rows = number(rows);
        for batch in unfolded {
            let mut statement = self.connection.prepare_cached(BEHIND)?;
            rows += number(statement.query_row(params![batch, most, hides_rejected], |row| row.get(0))?);
        }
        let counted = usize::try_from(COUNTED).unwrap_or_default();
        Ok(Listed { rows: rows.min(counted), or_more: rows > counted })
    }

    /// Runs that were sent and have not ended.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn runs_in_flight(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.list(&in_flight_sql(), [])
    }

    /// Runs that have not ended, in queue order.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn open_runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.list(&open_sql(), [])
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
            let is_queued = row.get_ref(1)?.as_str().ok() == Some(Status::Queued.word());
            let is_held = is_queued && row.get(2)?;
            counts.held += usize::from(is_held);
            counts.queued += usize::from(is_queued && !is_held);
            counts.in_flight += usize::from(!is_queued);
            if !is_held {
                let load = counts.loads.entry((row.get(3)?, row.get(4)?)).or_default();
                load.queued += usize::from(is_queued);
                load.in_flight += usize::from(!is_queued);
                load.started_sum += row.get::<_, Option<i64>>(5)?.unwrap_or_default();
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

    pub(super) fn list(&self, sql: &str, values: impl Params) -> Result<Vec<RunSummary>, StoreError> {
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
        notes: Notes {
            rejected: row.get(22)?,
            tags: row
                .get_ref(23)?
                .as_str()
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            text: row.get::<_, Option<String>>(24)?.unwrap_or_default(),
        },
    })
}

fn batch_place(batch: Option<BatchId>, place: Option<i64>) -> Option<BatchPlace> {
    Some(BatchPlace { batch: batch?, place: usize::try_from(place?).ok()? })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{RunRequest, Search};

    /// Searches of every kind, and their combinations.
    pub(in crate::store) fn all_searches() -> Vec<Search> {
        let parts = [
            "flamingo",
            "\"red hat\"",
            "-blurry",
            "seed:42",
            "-seed:1,2",
            "status:failed",
            "status:failed,lost",
            "preset:cat",
            "-preset:cat",
            "workflow:wan",
            "profile:prod",
            "batch:7",
            "run:3,4",
            "tag:final",
            "-tag:a,b",
            "after:yesterday",
            "before:2026-11-01",
            "on:monday",
            "is:starred",
            "is:tagged,noted",
            "is:rejected",
            "-is:noted",
        ];
        let pairs = parts.iter().flat_map(|one| parts.iter().map(move |other| format!("{one} {other}")));
        let all = parts.iter().map(|part| (*part).to_owned()).chain(pairs).chain([String::new()]);
        all.map(|text| Search::parse(&text, |_| None).expect("a search")).collect()
    }

    pub(in crate::store) fn all_limits() -> impl Iterator<Item = Limits> {
        (0..8).map(|bits: u8| {
            let is_set = |bit: u8| bits & (1 << bit) != 0;
            Limits { made: is_set(0), folded: is_set(1), hides_rejected: is_set(2) }
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
            LISTED_UNREJECTED.to_owned(),
            BEHIND.to_owned(),
        ];
        others.iter().for_each(|sql| assert_does_not_walk(&store, sql));
        for search in all_searches() {
            for limits in all_limits() {
                let query = RunQuery::of(search.clone());
                let part = store.first_part(&query, limits).expect("a part");
                let statement = store.page_statement(&query, limits, &part).expect("a statement");
                // What is little is sorted.
                let sql = page_sql(&statement.sql);
                if !sql.contains("AS noted")
                    && !sql.contains("WHERE status IN")
                    && !sql.contains("WHERE runs.id IN")
                {
                    assert_does_not_walk(&store, &sql);
                }
                store.list(&sql, params_from_iter(statement.values)).expect("a list");
            }
        }
    }

    #[test]
    fn a_word_of_nearly_all_runs_is_left_out_of_all_of_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&crate::config::Dirs::under(folder.path())).expect("a store");
        let new = crate::store::NewBatch { runs: 2_400, outline: Default::default(), most_cost: None };
        let is_other = |place: usize| place % 400 == 3 || (1_200..1_260).contains(&place);
        let request = |place: usize| RunRequest {
            prompt: if is_other(place) { "a dog" } else { "a cat, a dog" }.to_owned(),
            ..RunRequest::default()
        };
        let batch = store.queue_batch(&new, 1, |place| Ok::<_, StoreError>(request(place))).expect("queued");
        let runs = store.batch_runs(batch, 0, 2_400).expect("read");
        let mut expected: Vec<RunId> =
            (0..2_400).filter(|place| is_other(*place)).map(|place| runs[place].id).collect();
        expected.sort_unstable_by_key(|id| Reverse(*id));
        assert!(expected.len() > 60);
        for limit in [9, 60, 1_000] {
            for text in ["-cat", "dog -cat", "-cat status:queued", "-cat -bird"] {
                let search = Search::parse(text, |_| None).expect("a search");
                let (mut found, mut before) = (Vec::new(), None);
                loop {
                    let query = RunQuery { limit, before, ..RunQuery::of(search.clone()) };
                    let page = store.summaries(&query).expect("a page");
                    assert!(page.len() <= limit as usize);
                    before = page.last().map(|run| run.id);
                    found.extend(page.iter().map(|run| run.id));
                    if page.is_empty() || found.len() > 2_400 {
                        break;
                    }
                }
                assert_eq!(found, expected, "{text}, {limit} at a time");
            }
        }
        let none = RunQuery::of(Search::parse("-dog", |_| None).expect("a search"));
        assert_eq!(store.summaries(&none).expect("a page"), []);
    }
}
