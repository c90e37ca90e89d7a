//! Which runs a search means, as SQL that reads little more than what it returns.
//!
//! One part of the search leads: an index has its rows in order. The other parts are checked on each of these rows. Which
//! part has the fewest rows is counted, up to a bound, so that a rare tag beside a common word reads no million runs.

use std::collections::BTreeSet;

use jiff::Zoned;
use rusqlite::types::Value;
use rusqlite::{params, params_from_iter};

use super::search::spread;
use super::{Store, StoreError};
use crate::domain::batch::BatchId;
use crate::domain::run::UnixMs;
use crate::domain::search::{Fact, Is, Search, Term, Word};
use crate::domain::{RunId, Status};

/// Filters and page of the list of runs. The default is the newest hundred of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunQuery {
    /// What must be true of a run.
    pub search: Search,
    /// List one row for a batch, except for these, whose runs are all listed. `None` lists every run, and so does a
    /// search.
    pub unfolded: Option<BTreeSet<BatchId>>,
    /// Leave out the runs that people rejected, except for the row of a batch, and unless the search asks for them.
    pub hides_rejected: bool,
    /// Only runs older than this one: the last run of the page before.
    pub before: Option<RunId>,
    /// Page size in runs.
    pub limit: u32,
}

impl Default for RunQuery {
    fn default() -> Self {
        Self { search: Search::default(), unfolded: None, hides_rejected: false, before: None, limit: 100 }
    }
}

impl RunQuery {
    /// The newest hundred of those that a search means.
    pub fn of(search: Search) -> Self {
        Self { search, ..Self::default() }
    }

    /// Whether rejected runs are left out.
    pub(super) fn leaves_out_rejected(&self) -> bool {
        self.hides_rejected && !self.search.minds_rejected()
    }
}

/// Rows that are counted of a part of the search, at most.
const COUNTED: i64 = 2_000;

/// SQL with its values.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// A statement in the making: conditions with their values.
#[derive(Debug, Default)]
pub(super) struct Clause {
    pub(super) values: Vec<Value>,
    conditions: Vec<String>,
}

/// What gives the rows of a page, in order.
#[derive(Clone, Debug, PartialEq)]
enum Lead {
    /// Words, as a query of the full-text index.
    Words(String),
    Tag(String),
    Batch(i64),
    Status(Status),
    /// Few runs of several statuses, to be sorted.
    Statuses(Vec<Status>),
    Preset(String),
    /// These runs, to be sorted.
    Runs(Vec<RunId>),
    Rejected,
    /// A few runs that something is noted of.
    Noted(Is),
    /// One row for each batch.
    Folded,
    Made,
    All,
}

/// What every page is limited by besides its search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Only runs with outputs.
    pub(super) made: bool,
    /// Of a batch only the run that is its row.
    pub(super) folded: bool,
    pub(super) hides_rejected: bool,
}

/// Numbers of runs.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    from: RunId,
    before: RunId,
}

impl Lead {
    /// Where its rows are, the column of the run's number, and its condition.
    fn source(&self, clause: &mut Clause, limits: Limits) -> (String, &'static str, Option<String>) {
        let index = |name: &str| format!("runs INDEXED BY {name}");
        match self {
            Self::Words(words) => {
                let words = clause.bind(words.clone());
                let from = "runs_fts CROSS JOIN runs ON runs.id = runs_fts.rowid".to_owned();
                (from, "runs_fts.rowid", Some(format!("runs_fts MATCH {words}")))
            }
            Self::Tag(tag) => {
                let tag = clause.bind(tag.clone());
                let from = "tags AS tagged CROSS JOIN runs ON runs.id = tagged.run".to_owned();
                (from, "tagged.run", Some(format!("tagged.tag = {tag}")))
            }
            Self::Batch(batch) => {
                let batch = clause.bind(*batch);
                (index("runs_by_batch"), "runs.id", Some(format!("batch = {batch}")))
            }
            Self::Status(status) => {
                let status = clause.bind(status.word().to_owned());
                match limits.made {
                    true => {
                        let made = format!("status = {status} AND runs.outputs > 0");
                        (index("runs_made_by_status"), "runs.id", Some(made))
                    }
                    false => (index("runs_by_status"), "runs.id", Some(format!("status = {status}"))),
                }
            }
            Self::Statuses(any) => {
                let any = clause.bind_all(any.iter().map(|status| status.word().to_owned()));
                (index("runs_by_status"), "runs.id", Some(format!("status IN ({any})")))
            }
            Self::Runs(any) => {
                let any = clause.bind_all(any.iter().copied());
                ("runs".to_owned(), "runs.id", Some(format!("runs.id IN ({any})")))
            }
            Self::Preset(preset) => {
                let preset = clause.bind(preset.clone());
                (index("runs_by_preset"), "runs.id", Some(format!("runs.preset = {preset}")))
            }
            Self::Rejected => {
                (index("runs_rejected"), "runs.id", Some("runs.rejected_at IS NOT NULL".to_owned()))
            }
            Self::Noted(is) => {
                (format!("({}) AS noted CROSS JOIN runs ON runs.id = noted.run", noted(*is)), "runs.id", None)
            }
            // The conditions are those of the indexes, word for word: SQLite uses them for no others.
            Self::Folded if limits.hides_rejected => {
                let listed = "folded = 0 AND (rejected_at IS NULL OR batch IS NOT NULL)";
                (index("runs_listed"), "runs.id", Some(listed.to_owned()))
            }
            Self::Folded => (index("runs_unfolded"), "runs.id", Some("folded = 0".to_owned())),
            Self::Made => (index("runs_made"), "runs.id", Some("runs.outputs > 0".to_owned())),
            Self::All => ("runs NOT INDEXED".to_owned(), "runs.id", None),
        }
    }
}

/// The runs that something is noted of, each once.
fn noted(is: Is) -> &'static str {
    match is {
        Is::Starred => {
            "SELECT DISTINCT run FROM outputs INDEXED BY outputs_starred
            WHERE starred_at IS NOT NULL AND deleted_at IS NULL"
        }
        Is::Tagged => "SELECT DISTINCT run FROM tags INDEXED BY tags_of_run",
        Is::Noted => "SELECT run FROM notes",
        Is::Rejected => "SELECT id AS run FROM runs INDEXED BY runs_rejected WHERE rejected_at IS NOT NULL",
    }
}

impl Clause {
    /// The name of a value in the SQL.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// The names of several.
    fn bind_all<T: Into<Value>>(&mut self, values: impl IntoIterator<Item = T>) -> String {
        values.into_iter().map(|value| self.bind(value)).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn add(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    pub(super) fn sql(&self) -> String {
        self.conditions.join(" AND ")
    }

    /// Every part of a search as a condition on a row of `runs`, except for what leads.
    fn add_search(&mut self, search: &Search, store: &Store, lead: Option<&Lead>) -> Result<(), StoreError> {
        let (with, without) = (words(search), negative(search));
        if let Some(words) = with.filter(|_| !matches!(lead, Some(Lead::Words(_)))) {
            let words = self.bind(words);
            self.add(format!("EXISTS ({FOUND} {words})"));
        }
        if let Some(words) = without {
            let is_common = store.is_common(&words)?;
            let words = self.bind(words);
            self.add(match is_common {
                // Nearly every row is looked at until one passes.
                true => format!("runs.id NOT IN (SELECT rowid FROM runs_fts WHERE runs_fts MATCH {words})"),
                false => format!("NOT EXISTS ({FOUND} {words})"),
            });
        }
        let now = Zoned::now();
        for Term { fact, without } in &search.terms {
            if !without && lead.is_some() && leads_of(fact).is_some_and(|fact| Some(&fact) == lead) {
                continue;
            }
            let condition = self.condition(fact, store, &now)?;
            self.add(if *without { format!("NOT coalesce({condition}, 0)") } else { condition });
        }
        Ok(())
    }

    fn condition(&mut self, fact: &Fact, store: &Store, now: &Zoned) -> Result<String, StoreError> {
        Ok(match fact {
            // The full-text index also finds a prompt that says "seed 42".
            Fact::Seed(seeds) => format!(
                "EXISTS (SELECT 1 FROM requests, json_each(requests.json, '$.params') AS sent
                WHERE requests.run = runs.id AND sent.key LIKE '%seed%'
                AND (requests.json -> sent.fullkey) IN ({}))",
                self.bind_all(seeds.iter().cloned())
            ),
            Fact::Status(any) => {
                format!("(status IN ({}))", self.bind_all(any.iter().map(|s| s.word().to_owned())))
            }
            Fact::Preset(any) => format!("(runs.preset IN ({}))", self.bind_all(any.iter().cloned())),
            Fact::Profile(any) => format!("(profile IN ({}))", self.bind_all(any.iter().cloned())),
            Fact::Batch(any) => format!("(batch IN ({}))", self.bind_all(any.iter().copied())),
            Fact::Run(any) => format!("(+runs.id IN ({}))", self.bind_all(any.iter().copied())),
            Fact::Workflow(any) => {
                let parts = any.iter().map(|part| {
                    format!("instr(lower(workflow_name), lower({})) > 0", self.bind(part.clone()))
                });
                format!("({})", parts.collect::<Vec<_>>().join(" OR "))
            }
            Fact::Tag(any) => format!(
                "EXISTS (SELECT 1 FROM tags WHERE tags.run = runs.id AND tags.tag IN ({}))",
                self.bind_all(any.iter().cloned())
            ),
            Fact::After(when) => {
                let first = self.bind(store.first_since(when.start(now))?);
                format!("(runs.id >= {first})")
            }
            Fact::Before(when) => {
                let first = self.bind(store.first_since(when.start(now))?);
                format!("(runs.id < {first})")
            }
            Fact::On(when) => {
                let first = self.bind(store.first_since(when.start(now))?);
                let end = self.bind(store.first_since(when.end_of_day(now))?);
                format!("(runs.id >= {first} AND runs.id < {end})")
            }
            Fact::Is(any) => {
                let parts = any.iter().map(|is| match is {
                    Is::Starred => {
                        "EXISTS (SELECT 1 FROM outputs AS liked WHERE liked.run = runs.id
                        AND liked.starred_at IS NOT NULL AND liked.deleted_at IS NULL)"
                    }
                    Is::Rejected => "runs.rejected_at IS NOT NULL",
                    Is::Tagged => "EXISTS (SELECT 1 FROM tags WHERE tags.run = runs.id)",
                    Is::Noted => "EXISTS (SELECT 1 FROM notes WHERE notes.run = runs.id)",
                });
                format!("({})", parts.collect::<Vec<_>>().join(" OR "))
            }
        })
    }
}

/// Whether a run is found by words, which follow.
const FOUND: &str = "SELECT 1 FROM runs_fts WHERE runs_fts.rowid = runs.id AND runs_fts MATCH";

/// The words and seeds that must be found, as one query of the full-text index.
fn words(search: &Search) -> Option<String> {
    let words = search.words.iter().filter(|word| !word.without).filter_map(quoted);
    let seeds = search.terms.iter().filter(|term| !term.without).filter_map(|term| match &term.fact {
        Fact::Seed(seeds) => {
            let seeds = seeds.iter().map(|seed| format!("\"seed {}\"", seed.trim_start_matches('-')));
            Some(format!("params : ({})", seeds.collect::<Vec<_>>().join(" OR ")))
        }
        _ => None,
    });
    let mut all: Vec<String> = words.chain(seeds).collect();
    if all.is_empty() {
        return None;
    }
    // The index of words narrows by preset, too: a common word beside a common preset may still mean few runs.
    all.extend(search.terms.iter().filter(|term| !term.without).filter_map(|term| match &term.fact {
        Fact::Preset(any) => {
            let any: Option<Vec<String>> = any.iter().map(|preset| phrase(preset)).collect();
            any.map(|any| format!("preset : ({})", any.join(" OR ")))
        }
        _ => None,
    }));
    Some(all.join(" AND "))
}

/// The words that must not be found.
fn negative(search: &Search) -> Option<String> {
    let all: Vec<String> = search.words.iter().filter(|word| word.without).filter_map(quoted).collect();
    (!all.is_empty()).then(|| all.join(" OR "))
}

/// A word for FTS5, quoted so that its operators and column names have no effect. `None` for one without letters.
fn quoted(word: &Word) -> Option<String> {
    let star = if word.is_beginning { "*" } else { "" };
    phrase(&word.text).map(|phrase| phrase + star)
}

fn phrase(text: &str) -> Option<String> {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let quoted = format!("\"{}\"", spread(&text).replace('"', "\"\""));
    text.chars().any(char::is_alphanumeric).then_some(quoted)
}

/// How a fact would lead; `None` for one that no index has in order.
fn leads_of(fact: &Fact) -> Option<Lead> {
    match fact {
        Fact::Status(any) => {
            Some(one(any).map_or_else(|| Lead::Statuses(any.clone()), |one| Lead::Status(*one)))
        }
        Fact::Preset(any) => one(any).map(|preset| Lead::Preset(preset.clone())),
        Fact::Batch(any) => one(any).map(|batch| Lead::Batch(*batch)),
        Fact::Tag(any) => one(any).map(|tag| Lead::Tag(tag.clone())),
        Fact::Is(any) => one(any).map(|is| match is {
            Is::Rejected => Lead::Rejected,
            Is::Starred | Is::Tagged | Is::Noted => Lead::Noted(*is),
        }),
        Fact::Run(any) => Some(Lead::Runs(any.clone())),
        Fact::Seed(_)
        | Fact::Workflow(_)
        | Fact::Profile(_)
        | Fact::After(_)
        | Fact::Before(_)
        | Fact::On(_) => None,
    }
}

fn one<T>(any: &[T]) -> Option<&T> {
    if let [one] = any { Some(one) } else { None }
}

impl Store {
    /// The rows of one page of runs, from `FROM` on.
    pub(super) fn page_statement(&self, query: &RunQuery, limits: Limits) -> Result<Statement, StoreError> {
        let search = &query.search;
        let bounds = self.bounds(search, query.before.unwrap_or(RunId::MAX))?;
        let lead = self.lead(search, limits, bounds)?;
        let mut clause = Clause::default();
        let (from, id) = clause.start(&lead, limits, bounds);
        if limits.made {
            clause.add("runs.outputs > 0".to_owned());
        }
        if limits.hides_rejected && lead != Lead::Folded {
            clause.add("runs.rejected_at IS NULL".to_owned());
        }
        clause.add_search(search, self, Some(&lead))?;
        let (conditions, limit) = (clause.sql(), clause.bind(i64::from(query.limit)));
        let sql = format!("FROM {from} WHERE {conditions} ORDER BY {id} DESC LIMIT {limit}");
        Ok(Statement { sql, values: clause.values })
    }

    /// A search as conditions on the rows of `runs`, none of which leads.
    pub(super) fn add_search(&self, clause: &mut Clause, search: &Search) -> Result<(), StoreError> {
        clause.add_search(search, self, None)
    }

    /// The first run that was queued at a time or later; numbers grow with the time. Reads some twenty rows.
    fn first_since(&self, at: UnixMs) -> Result<RunId, StoreError> {
        let last = "SELECT coalesce(max(id), 0) FROM runs";
        let last: RunId = self.connection.prepare_cached(last)?.query_row([], |row| row.get(0))?;
        let sql = "SELECT id, queued_at FROM runs WHERE id >= ?1 ORDER BY id LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let (mut low, mut high) = (1, last.saturating_add(1));
        while low < high {
            let middle = low + (high - low) / 2;
            let (id, queued): (RunId, UnixMs) =
                statement.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if queued >= at {
                high = middle;
            } else {
                low = id + 1;
            }
        }
        Ok(low)
    }

    /// Whether words are in nearly all of the newest runs.
    fn is_common(&self, words: &str) -> Result<bool, StoreError> {
        const NEWEST: i64 = 1_000;
        let sql = "SELECT count(*) FROM runs_fts WHERE runs_fts MATCH ?1
            AND rowid > (SELECT coalesce(max(id), 0) FROM runs) - ?2";
        let found: i64 =
            self.connection.prepare_cached(sql)?.query_row(params![words, NEWEST], |row| row.get(0))?;
        Ok(found > NEWEST * 9 / 10)
    }

    /// The numbers between which a search finds anything.
    fn bounds(&self, search: &Search, before: RunId) -> Result<Bounds, StoreError> {
        let now = Zoned::now();
        let mut bounds = Bounds { from: 0, before };
        for term in search.terms.iter().filter(|term| !term.without) {
            match &term.fact {
                Fact::After(when) => bounds.from = bounds.from.max(self.first_since(when.start(&now))?),
                Fact::Before(when) => bounds.before = bounds.before.min(self.first_since(when.start(&now))?),
                Fact::On(when) => {
                    bounds.from = bounds.from.max(self.first_since(when.start(&now))?);
                    bounds.before = bounds.before.min(self.first_since(when.end_of_day(&now))?);
                }
                Fact::Run(runs) => {
                    bounds.from = bounds.from.max(runs.iter().min().copied().unwrap_or_default());
                    let last = runs.iter().max().copied().unwrap_or(RunId::MAX);
                    bounds.before = bounds.before.min(last.saturating_add(1));
                }
                _ => {}
            }
        }
        Ok(bounds)
    }

    /// The part of a search with the fewest rows.
    fn lead(&self, search: &Search, limits: Limits, bounds: Bounds) -> Result<Lead, StoreError> {
        let with = search.terms.iter().filter(|term| !term.without);
        // Words come first: to look each row up in their index costs more than to look at its columns.
        let mut leads: Vec<Lead> = words(search).map(Lead::Words).into_iter().collect();
        leads.extend(with.filter_map(|term| leads_of(&term.fact)));
        let usual = match limits {
            Limits { folded: true, .. } => Lead::Folded,
            Limits { made: true, .. } => Lead::Made,
            Limits { .. } => Lead::All,
        };
        let is_ordered = |lead: &Lead| !matches!(lead, Lead::Statuses(_) | Lead::Runs(_));
        if leads.len() < 2 && leads.iter().all(is_ordered) {
            return Ok(leads.pop().unwrap_or(usual));
        }
        let mut fewest = (COUNTED + 1, usual);
        for lead in leads {
            let rows = self.count_some(&lead, limits, bounds)?;
            // Only a few can be sorted.
            if rows < fewest.0 && (rows < COUNTED || is_ordered(&lead)) {
                fewest = (rows, lead);
            }
        }
        Ok(fewest.1)
    }

    /// The number of rows that a part of a search has, as far as it is counted.
    fn count_some(&self, lead: &Lead, limits: Limits, bounds: Bounds) -> Result<i64, StoreError> {
        let mut clause = Clause::default();
        let (from, _) = clause.start(lead, limits, bounds);
        let (conditions, most) = (clause.sql(), clause.bind(COUNTED));
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {conditions} LIMIT {most})");
        let mut statement = self.connection.prepare_cached(&sql)?;
        Ok(statement.query_row(params_from_iter(clause.values), |row| row.get(0))?)
    }
}

impl Clause {
    /// Begins with what leads. Returns where the rows are, and the column of the run's number.
    fn start(&mut self, lead: &Lead, limits: Limits, bounds: Bounds) -> (String, &'static str) {
        let (from, id, condition) = lead.source(self, limits);
        if let Some(condition) = condition {
            self.add(condition);
        }
        let (first, before) = (self.bind(bounds.from), self.bind(bounds.before));
        self.add(format!("{id} >= {first} AND {id} < {before}"));
        (from, id)
    }
}
