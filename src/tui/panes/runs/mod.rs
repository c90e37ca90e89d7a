//! The list of runs: the history and the runs in flight, newest first.

mod batch_row;
pub mod commands;
pub mod ends;
pub mod noted;
pub mod queue;
pub mod search;
pub mod update;
pub mod view;

use crate::domain::RunId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::batch::{Batch, BatchId, Outline};
use crate::domain::run::{Counts, Listed, RunSummary};
use crate::tui::paged::{Paged, PagedRow};
use crate::tui::query::{RunsFilter, SearchWords};

/// State of the list, with a window of the history.
#[derive(Debug, Default)]
pub struct RunsPane {
    /// Its selected run is also shown in details and log.
    pub list: Paged<RunSummary, RunsFilter>,
    pub filter: RunsFilter,
    /// Rows of the whole list in the history; `None` as long as it is filtered.
    pub total: Option<Listed>,
    /// What a search may name.
    pub words: SearchWords,
    /// Rows scrolled off at the top.
    pub scroll: usize,
    /// The person chose the selected run; otherwise the selection goes with what is running, as long as the keys are not
    /// in the list.
    pub chosen: bool,
    /// Runs that have not ended.
    pub open: Counts,
    /// Runs whose ends will be announced: those that were open at the last read.
    pub watched: BTreeSet<RunId>,
    /// Runs that are marked to be held against each other and made nothing, two at the most; what others made is marked itself.
    pub marked: Vec<RunId>,
    /// Workflows whose usual duration was asked for.
    pub usual_asked: BTreeSet<String>,
    /// Batches among the rows.
    pub batches: BTreeMap<BatchId, (Batch, Arc<Outline>)>,
}

impl RunsPane {
    /// The batch that a row stands for: of a batch that is not folded out the first run is the row of all.
    pub fn batch_of_row(&self, run: &RunSummary) -> Option<&(Batch, Arc<Outline>)> {
        let batch = run.batch.filter(|_| self.filter.is_empty())?.batch;
        self.batches.get(&batch).filter(|_| !self.filter.unfolded.contains(&batch))
    }
}

impl RunsPane {
    /// Whether nothing has been run yet.
    pub fn is_first(&self) -> bool {
        self.list.is_loaded() && self.list.rows.is_empty() && self.filter.is_empty()
    }
}

impl PagedRow for RunSummary {
    type Key = RunId;
    /// Older runs ended long ago and do not change.
    const FRESH: usize = 500;

    fn key(&self) -> RunId {
        self.id
    }
}
