//! The runs: the history, newest first, with what is in flight.

pub mod commands;
pub mod ends;
pub mod update;
pub mod view;

use crate::domain::RunId;
use std::collections::BTreeSet;

use crate::domain::run::{Counts, RunSummary};
use crate::tui::paged::{Paged, PagedRow};
use crate::tui::query::RunsFilter;

/// The runs pane: a window of the history.
#[derive(Debug, Default)]
pub struct RunsPane {
    /// The selected run is the one that details and log show.
    pub list: Paged<RunSummary, RunsFilter>,
    /// Which runs are wanted.
    pub filter: RunsFilter,
    /// Rows scrolled off at the top.
    pub scroll: usize,
    /// The person chose the selected run; otherwise the selection goes with what is running.
    pub chosen: bool,
    /// What has not ended.
    pub open: Counts,
    /// Runs whose ends are to be told: those that were open when the history was read last.
    pub watched: BTreeSet<RunId>,
}

impl PagedRow for RunSummary {
    type Key = RunId;
    /// Older ones have ended long ago.
    const FRESH: usize = 500;

    fn key(&self) -> RunId {
        self.id
    }
}
