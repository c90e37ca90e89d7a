//! Which runs a search means, as SQL that reads little more than what it returns.
//!
//! One part of the search leads: an index has its rows in order. The other parts are checked on each of these rows. Which
//! part has the fewest rows is counted, up to a bound, so that a rare tag beside a common word reads no million runs.

mod lead;

use std::collections::BTreeSet;

use jiff::Zoned;
use rusqlite::params;
use rusqlite::types::Value;

use self::lead::{Bounds, Lead, leads_of};
use super::search::spread;
use super::{Store, StoreError};
use crate::domain::RunId;
use crate::domain::batch::BatchId;
use crate::domain::search::{Fact, Is, Search, Term, Word};

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

/// Runs without a word that are looked at together, at first and at the most.
const FEW: usize = 500;
const MANY: usize = 16_000;

/// The runs among which a page is looked for.
#[derive(Debug)]
pub(super) struct Part {
    bounds: Bounds,
    /// These runs have not the words that are left out, as JSON; `None` where that is asked of each.
    without: Option<String>,
    /// Where the next part begins; `None` behind the last.
    rest: Option<Bounds>,
    most: usize,
}

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

/// What every page is limited by besides its search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Only runs with outputs.
    pub(super) made: bool,
    /// Of a batch only the run that is its row.
    pub(super) folded: bool,
    pub(super) hides_rejected: bool,
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
    fn add_search(
        &mut self,
        search: &Search,
        store: &Store,
        lead: Option<&Lead>,
        part: Option<&Part>,
    ) -> Result<(), StoreError> {
        let (with, without) = (words(search), negative(search));
        if let Some(words) = with.filter(|_| !matches!(lead, Some(Lead::Words(_)))) {
            let words = self.bind(words);
            self.add(format!("EXISTS ({FOUND} {words})"));
        }
        // Those that lead have none of the words that are left out.
        if let Some(words) = without.filter(|_| !matches!(lead, Some(Lead::Without(_)))) {
            // A page is looked for where few rows lead, or where nearly all pass. To look a word up for one row takes some
            // thirty microseconds, to read all rows of a word that nearly all have a tenth of a second for a million.
            let is_common = part.is_none() && store.has_many_stars()? && store.is_common(&words)?;
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

impl Store {
    /// The runs among which a page is looked for first.
    pub(super) fn first_part(&self, query: &RunQuery, limits: Limits) -> Result<Part, StoreError> {
        let bounds = self.bounds(&query.search, query.before.unwrap_or(RunId::MAX))?;
        let whole = Part { bounds, without: None, rest: None, most: FEW };
        let Some(words) = negative(&query.search) else { return Ok(whole) };
        if !self.is_common(&words)? {
            return Ok(whole);
        }
        let lead = self.lead(&query.search, limits, bounds)?;
        let is_rare = !lead.is_usual() && self.has_few(&lead, limits, bounds)?;
        if is_rare { Ok(whole) } else { self.part(&words, bounds, FEW) }
    }

    /// The runs among which a page is looked for next, where it is not full; more at a time.
    pub(super) fn next_part(&self, query: &RunQuery, last: &Part) -> Result<Option<Part>, StoreError> {
        let (Some(rest), Some(words)) = (last.rest, negative(&query.search)) else { return Ok(None) };
        self.part(&words, rest, (last.most * 2).min(MANY)).map(Some)
    }

    /// The newest runs within bounds that have not words which nearly all have. To ask of each run whether it has them would
    /// look at nearly all of the history.
    fn part(&self, words: &str, bounds: Bounds, most: usize) -> Result<Part, StoreError> {
        let ends = "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM runs";
        let (first, last): (RunId, RunId) =
            self.connection.prepare_cached(ends)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let bounds = bounds.within(first, last);
        let sql = "SELECT rowid FROM runs_fts WHERE runs_fts MATCH ?1 AND rowid >= ?2 AND rowid < ?3
            ORDER BY rowid DESC";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![words, bounds.from, bounds.before])?;
        // Numbers between two that have the words: runs without them, or none at all.
        let (mut ids, mut next) = (Vec::new(), bounds.before);
        while ids.len() < most {
            let with = match rows.next()? {
                Some(row) => row.get(0)?,
                None => bounds.from - 1,
            };
            let gap = (with + 1..next).rev();
            let room = most - ids.len();
            ids.extend(gap.take(room));
            next = match ids.last() {
                Some(id) if ids.len() == most => *id,
                Some(_) | None => with,
            };
            if with < bounds.from {
                break;
            }
        }
        let rest = (next > bounds.from).then_some(Bounds { before: next, ..bounds });
        let ids = serde_json::to_string(&ids)?;
        let bounds = Bounds { from: next.max(bounds.from), ..bounds };
        Ok(Part { bounds, without: Some(ids), rest, most })
    }

    /// The rows of one page of runs, from `FROM` on.
    pub(super) fn page_statement(
        &self,
        query: &RunQuery,
        limits: Limits,
        part: &Part,
    ) -> Result<Statement, StoreError> {
        let (search, bounds) = (&query.search, part.bounds);
        let lead = match &part.without {
            Some(ids) => Lead::Without(ids.clone()),
            None => self.lead(search, limits, bounds)?,
        };
        let mut clause = Clause::default();
        let (from, id) = clause.start(&lead, limits, bounds);
        if limits.folded && matches!(lead, Lead::Without(_)) {
            clause.add("folded = 0".to_owned());
        }
        if limits.made {
            clause.add("runs.outputs > 0".to_owned());
        }
        if limits.hides_rejected && lead != Lead::Folded {
            clause.add("runs.rejected_at IS NULL".to_owned());
        }
        clause.add_search(search, self, Some(&lead), Some(part))?;
        let (conditions, limit) = (clause.sql(), clause.bind(i64::from(query.limit)));
        let sql = format!("FROM {from} WHERE {conditions} ORDER BY {id} DESC LIMIT {limit}");
        Ok(Statement { sql, values: clause.values })
    }

    /// A search as conditions on the rows of `runs`, none of which leads.
    pub(super) fn add_search(&self, clause: &mut Clause, search: &Search) -> Result<(), StoreError> {
        clause.add_search(search, self, None, None)
    }
}
