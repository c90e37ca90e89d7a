//! The runs: the history, newest first, with what is in flight.

pub mod commands;
pub mod update;
pub mod view;

use crate::domain::run::{Counts, RunSummary};
use crate::domain::{RunId, Status};

/// The runs pane: a window of the history.
#[derive(Debug, Default)]
pub struct RunsPane {
    /// Newest first; more are loaded when the end comes near.
    pub rows: Vec<RunSummary>,
    /// The run that details and log show.
    pub selected: Option<RunId>,
    /// Rows scrolled off at the top.
    pub scroll: usize,
    /// Search text; empty shows all.
    pub search: String,
    /// Only runs of this status.
    pub status: Option<Status>,
    /// A run to go to that is older than the rows: they are read as far as to it.
    pub reveal: Option<RunId>,
    /// There are older ones in the store.
    pub more: bool,
    /// The last question could not be answered: none is asked of the pane's own accord.
    pub failed: bool,
    /// The search and the status that the rows answer; `None` until the first page is here.
    pub list: Option<(String, Option<Status>)>,
    /// The person chose the selected run; otherwise the selection goes with what is running.
    pub chosen: bool,
    /// What has not ended.
    pub open: Counts,
}

impl RunsPane {
    /// The first page is here.
    pub fn loaded(&self) -> bool {
        self.list.is_some()
    }

    /// The selected run's row.
    pub fn selected(&self) -> Option<&RunSummary> {
        let id = self.selected?;
        self.rows.iter().find(|row| row.id == id)
    }

    /// The selected run's place in the list.
    pub fn selected_index(&self) -> Option<usize> {
        let id = self.selected?;
        self.rows.iter().position(|row| row.id == id)
    }
}
