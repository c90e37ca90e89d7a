//! A list that is read from the store a page at a time, newest first, while the store changes.
//!
//! Rows have keys that fall from the top down. A first page replaces the newest rows; a page below it is asked for
//! before the selection reaches the end. What the rows answer (`shown`) and what is wanted are two things: an answer
//! to a filter that was changed meanwhile is passed over, and rows of two filters never stand in one list.

use crate::tui::fetch::Fetch;

/// Rows in a page.
const PAGE: usize = 100;

/// A row of a paged list.
pub trait PagedRow {
    /// Newer rows have greater keys.
    type Key: Copy + Ord;
    /// Rows that are read again when the store changed; older ones have settled.
    const FRESH: usize;

    fn key(&self) -> Self::Key;
}

/// What a page is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery<Key, Filter> {
    pub filter: Filter,
    /// Only rows below this one; `None` for the newest.
    pub before: Option<Key>,
    /// Rows at the most.
    pub limit: usize,
}

impl<Key, Filter: Default> Default for PageQuery<Key, Filter> {
    fn default() -> Self {
        Self { filter: Filter::default(), before: None, limit: 0 }
    }
}

/// A window of a list in the store, with one row selected.
#[derive(Debug)]
pub struct Paged<Row: PagedRow, Filter> {
    /// Rows read so far, newest first.
    pub rows: Vec<Row>,
    pub selected: Option<Row::Key>,
    /// The selected row is not among the rows yet, being newer or older: it stays selected, and older rows are read as
    /// far as to it.
    pub reveal: Option<Row::Key>,
    /// There are older ones in the store.
    pub more: bool,
    /// The last question could not be answered: none is asked of the list's own accord.
    pub failed: bool,
    /// What the rows answer; `None` until the first page is here.
    pub shown: Option<Filter>,
    fetch: Fetch,
}

impl<Row: PagedRow, Filter> Default for Paged<Row, Filter> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            selected: None,
            reveal: None,
            more: false,
            failed: false,
            shown: None,
            fetch: Fetch::Idle,
        }
    }
}

impl<Row: PagedRow, Filter: Clone + PartialEq> Paged<Row, Filter> {
    /// The selected row, if it has been read.
    pub fn selected(&self) -> Option<&Row> {
        self.selected_index().map(|at| &self.rows[at])
    }

    /// The selected row's place among the rows.
    pub fn selected_index(&self) -> Option<usize> {
        let key = self.selected?;
        self.rows.iter().position(|row| row.key() == key)
    }

    /// Selects the row at a place; `false` when there is none.
    pub fn select(&mut self, index: usize) -> bool {
        let row = self.rows.get(index).map(PagedRow::key);
        if row.is_some() {
            (self.selected, self.reveal) = (row, None);
        }
        row.is_some()
    }

    /// Selects a row that may not have been read yet.
    pub fn go_to(&mut self, key: Row::Key) {
        (self.selected, self.reveal) = (Some(key), Some(key));
    }

    /// The first page is here.
    pub fn is_loaded(&self) -> bool {
        self.shown.is_some()
    }

    /// The rows answer this filter.
    pub fn shows(&self, wanted: &Filter) -> bool {
        self.shown.as_ref() == Some(wanted)
    }

    /// No question is under way.
    pub fn is_idle(&self) -> bool {
        self.fetch == Fetch::Idle
    }

    /// The question for the newest rows; `None` while another one is under way, whose answer will ask again.
    pub fn reload(&mut self, wanted: Filter) -> Option<PageQuery<Row::Key, Filter>> {
        if !self.fetch.want() {
            return None;
        }
        self.failed = false;
        Some(PageQuery { filter: wanted, before: None, limit: self.rows.len().clamp(PAGE, Row::FRESH) })
    }

    /// The question for the rows below, when the selection is less than two screens above the last row, or is
    /// looked for below it.
    pub fn older(&mut self, wanted: &Filter, screen: usize) -> Option<PageQuery<Row::Key, Filter>> {
        let last = self.rows.last().map(PagedRow::key);
        let at = self.selected_index().unwrap_or(0);
        let is_near = at + 2 * screen >= self.rows.len();
        let is_below = self.is_revealing() && self.reveal < last;
        let may_ask = self.more && !self.failed && self.shows(wanted) && self.is_idle();
        if !may_ask || !(is_near || is_below) {
            return None;
        }
        self.fetch.want();
        let limit = if is_below { Row::FRESH } else { PAGE };
        Some(PageQuery { filter: wanted.clone(), before: last, limit })
    }

    /// Takes in a page if it is still wanted. Returns whether to [`Paged::reload`].
    pub fn loaded(
        &mut self,
        query: PageQuery<Row::Key, Filter>,
        rows: Vec<Row>,
        more: bool,
        wanted: &Filter,
    ) -> bool {
        let is_old = self.fetch.arrived();
        let is_wanted = query.filter == *wanted;
        match query.before {
            _ if !is_wanted => {}
            Some(_) if !self.shows(wanted) => {}
            Some(_) => self.append(rows, more),
            None => self.renew(query.filter, rows, more),
        }
        is_old || !is_wanted
    }

    /// A question could not be answered: what is shown stays. Returns whether to [`Paged::reload`].
    pub fn not_read(&mut self) -> bool {
        self.failed = true;
        self.fetch.arrived()
    }

    /// Has one of the rows selected, or one that is still looked for.
    pub fn settle(&mut self, wanted: &Filter) {
        let is_found = self.selected_index().is_some();
        let is_above = self.reveal > self.rows.first().map(PagedRow::key);
        let is_read = self.shows(wanted) && self.is_idle() && !self.failed && (!self.more || is_above);
        if is_found || is_read {
            self.reveal = None;
        }
        if !is_found && !self.is_revealing() && self.is_loaded() {
            self.selected = self.rows.first().map(PagedRow::key);
        }
    }

    fn is_revealing(&self) -> bool {
        self.reveal.is_some() && self.reveal == self.selected
    }

    fn append(&mut self, rows: Vec<Row>, more: bool) {
        let last = self.rows.last().map(PagedRow::key);
        self.rows.extend(rows.into_iter().filter(|row| last.is_none_or(|last| row.key() < last)));
        self.more = more;
    }

    /// Replaces the newest rows, and keeps the older ones of the same list.
    fn renew(&mut self, filter: Filter, rows: Vec<Row>, more: bool) {
        let is_same_list = self.shows(&filter);
        let at = self.selected_index();
        let oldest = rows.last().map(PagedRow::key);
        // Without a row in common there may be others between the two.
        let is_joined = self.rows.first().is_some_and(|newest| Some(newest.key()) >= oldest);
        let before = std::mem::replace(&mut self.rows, rows);
        let older =
            before.into_iter().filter(|row| is_same_list && is_joined && more && Some(row.key()) < oldest);
        let renewed = self.rows.len();
        self.rows.extend(older);
        if self.rows.len() == renewed {
            self.more = more;
        }
        self.shown = Some(filter);
        // A row that is gone leaves the selection to the one that follows.
        if let Some(at) = at.filter(|_| is_same_list && self.selected_index().is_none()) {
            self.select(at.min(self.rows.len().saturating_sub(1)));
        }
        self.forget_far_below(renewed);
    }

    /// Drops old rows far below the selection, to be read again when it comes near: else a list that is left open
    /// holds every row that was ever new.
    fn forget_far_below(&mut self, renewed: usize) {
        let kept = self.selected_index().unwrap_or(0).max(renewed) + Row::FRESH;
        if !self.is_revealing() && self.rows.len() > kept {
            self.rows.truncate(kept);
            self.more = true;
        }
    }
}

#[cfg(test)]
mod tests;
