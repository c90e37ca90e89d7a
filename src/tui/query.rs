//! What pages of the history are asked for by.

use std::collections::BTreeSet;

use crate::domain::batch::BatchId;
use crate::domain::{OutputId, RunId, Status};
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
    /// Only runs of this status.
    pub status: Option<Status>,
}

impl RunsFilter {
    /// Takes search and status back; what is folded out stays so.
    pub fn clear(&mut self) {
        *self = Self { unfolded: std::mem::take(&mut self.unfolded), ..Self::default() };
    }

    pub fn is_empty(&self) -> bool {
        self.search.is_empty() && self.status.is_none()
    }
}

/// Which outputs the gallery shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputsFilter {
    /// Only what these runs made.
    pub runs: RunsFilter,
    /// Only those with a star.
    pub starred: bool,
}
