//! Which part of a search leads: the one with the fewest rows.

use jiff::Zoned;
use rusqlite::{params, params_from_iter};

use super::{Clause, Limits, words};
use crate::domain::run::UnixMs;
use crate::domain::search::{Fact, Is, Search};
use crate::domain::{RunId, Status};
use crate::store::{Store, StoreError};

/// Rows that are counted of a part of the search, at most.
const COUNTED: i64 = 2_000;

/// What gives the rows of a page, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lead {
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
    /// These few runs, as JSON: they have not the words that are left out.
    Without(String),
}

/// Numbers of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) from: RunId,
    pub(super) before: RunId,
}

impl Bounds {
    /// The same without numbers that no run has.
    pub(super) fn within(self, first: RunId, last: RunId) -> Self {
        Self { from: self.from.max(first), before: self.before.min(last.saturating_add(1)) }
    }
}

impl Lead {
    /// Whether it is all runs that are listed, since no part of the search leads.
    pub(super) fn is_usual(&self) -> bool {
        matches!(self, Self::Folded | Self::Made | Self::All)
    }

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
            Self::Without(ids) => {
                let ids = clause.bind(ids.clone());
                let ids = format!("(SELECT value AS run FROM json_each({ids}))");
                let from = format!("{ids} AS other CROSS JOIN runs ON runs.id = other.run");
                (from, "runs.id", None)
            }
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

/// How a fact would lead; `None` for one that no index has in order.
pub(super) fn leads_of(fact: &Fact) -> Option<Lead> {
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
    /// The first run that was queued at a time or later; numbers grow with the time. Reads some twenty rows.
    pub(super) fn first_since(&self, at: UnixMs) -> Result<RunId, StoreError> {
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
    pub(super) fn is_common(&self, words: &str) -> Result<bool, StoreError> {
        const NEWEST: i64 = 1_000;
        let sql = "SELECT count(*) FROM runs_fts WHERE runs_fts MATCH ?1
            AND rowid > (SELECT coalesce(max(id), 0) FROM runs) - ?2";
        let found: i64 =
            self.connection.prepare_cached(sql)?.query_row(params![words, NEWEST], |row| row.get(0))?;
        Ok(found > NEWEST * 9 / 10)
    }

    /// Whether so many outputs are starred that a word is not looked up for each of them.
    pub(super) fn has_many_stars(&self) -> Result<bool, StoreError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM outputs INDEXED BY outputs_starred
            WHERE starred_at IS NOT NULL AND deleted_at IS NULL LIMIT ?1)";
        let found: i64 = self.connection.prepare_cached(sql)?.query_row([COUNTED], |row| row.get(0))?;
        Ok(found >= COUNTED)
    }

    /// The numbers between which a search finds anything.
    pub(super) fn bounds(&self, search: &Search, before: RunId) -> Result<Bounds, StoreError> {
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
    pub(super) fn lead(&self, search: &Search, limits: Limits, bounds: Bounds) -> Result<Lead, StoreError> {
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

    /// Whether a part of a search has so few rows that each can be looked at.
    pub(super) fn has_few(&self, lead: &Lead, limits: Limits, bounds: Bounds) -> Result<bool, StoreError> {
        Ok(self.count_some(lead, limits, bounds)? < COUNTED)
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
    pub(super) fn start(&mut self, lead: &Lead, limits: Limits, bounds: Bounds) -> (String, &'static str) {
        let (from, id, condition) = lead.source(self, limits);
        if let Some(condition) = condition {
            self.add(condition);
        }
        let (first, before) = (self.bind(bounds.from), self.bind(bounds.before));
        self.add(format!("{id} >= {first} AND {id} < {before}"));
        (from, id)
    }
}
