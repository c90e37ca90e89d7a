//! What pages of the history are asked for by.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::batch::BatchId;
use crate::domain::search::{Fact, SearchError};
use crate::domain::{OutputId, RunId, Search, Status};
use crate::tui::paged::PageQuery;

/// A page of runs.
pub type RunsQuery = PageQuery<RunId, RunsFilter>;
/// A page of outputs.
pub type OutputsQuery = PageQuery<OutputId, OutputsFilter>;

/// Which runs are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsFilter {
    /// Batches of which each run has a row.
    pub unfolded: BTreeSet<BatchId>,
    /// Search text; empty shows all.
    pub search: String,
    /// The same, read.
    pub wanted: Search,
    /// Only runs of this status.
    pub status: Option<Status>,
    /// What was rejected is listed, too.
    pub shows_rejected: bool,
}

impl RunsFilter {
    /// Searches for what was typed.
    ///
    /// # Errors
    /// Names what cannot be read; the search stays as it was.
    pub fn search_for(&mut self, typed: &str, words: &SearchWords) -> Result<(), SearchError> {
        self.wanted = Search::parse(typed, |name| words.saved.get(name).map(String::as_str))?;
        typed.clone_into(&mut self.search);
        Ok(())
    }

    /// What it means, with the status that was chosen.
    pub fn meant(&self) -> Search {
        let search = self.wanted.clone();
        match self.status {
            Some(status) => search.and(Fact::Status(vec![status])),
            None => search,
        }
    }

    /// Takes search and status back; what is folded out stays so.
    pub fn clear(&mut self) {
        *self = Self { unfolded: std::mem::take(&mut self.unfolded), ..Self::default() };
    }

    pub fn is_empty(&self) -> bool {
        self.search.is_empty() && self.status.is_none() && !self.shows_rejected
    }
}

/// What the history knows that a search may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchWords {
    pub tags: Vec<String>,
    pub presets: Vec<String>,
    /// Saved searches by their names.
    pub saved: BTreeMap<String, String>,
}

/// Which outputs the gallery shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputsFilter {
    /// Only what these runs made.
    pub runs: RunsFilter,
    /// Only those with a star.
    pub starred: bool,
}
