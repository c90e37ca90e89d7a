//! The sheet: what the runs of a batch made, beside each other along its axes, over the whole screen.

pub mod commands;
pub mod grid;
pub mod update;
pub mod view;

use std::sync::Arc;

use crate::domain::RunSummary;
use crate::domain::batch::{Batch, BatchId, Outline};
use crate::tui::fetch::Fetch;
use crate::tui::pane::Pane;
use crate::tui::panes::gallery::Tile;

/// Runs of one batch: those around what is seen.
#[derive(Debug, Default)]
pub struct SheetPane {
    /// The batch that is shown.
    pub batch: Option<BatchId>,
    /// How far it is; `None` until it was read.
    pub state: Option<Batch>,
    pub outline: Arc<Outline>,
    /// Place in the batch of the first of the runs that were read.
    pub first: usize,
    pub runs: Vec<SheetRun>,
    /// Place in the batch of the selected run.
    pub selected: usize,
    /// Rows of tiles scrolled off at the top.
    pub scroll: usize,
    /// How much higher the tiles are than by themselves, where columns are given by an axis.
    pub zoom: i16,
    /// Tiles beside each other, where the person chose that.
    pub columns: Option<usize>,
    /// The pane that the sheet was opened from.
    pub came_from: Pane,
    /// The runs that were asked for last.
    pub asked: SheetQuery,
    pub fetch: Fetch,
    /// The last question could not be answered.
    pub failed: bool,
}

/// A run, and the first picture that it made.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetRun {
    pub run: RunSummary,
    pub output: Option<Tile>,
}

impl SheetRun {
    /// A person does not want it.
    pub fn is_rejected(&self) -> bool {
        self.output.as_ref().map_or(self.run.notes.rejected, |tile| tile.card.rejected)
    }
}

/// Which runs of a batch are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SheetQuery {
    pub batch: BatchId,
    /// Place of the first.
    pub first: usize,
    pub count: usize,
}

/// The answer to a question for runs of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetPage {
    pub query: SheetQuery,
    pub state: Batch,
    pub outline: Arc<Outline>,
    pub runs: Vec<SheetRun>,
}

impl SheetPane {
    /// The run of a place, when it has been read.
    pub fn at(&self, place: usize) -> Option<&SheetRun> {
        self.runs.get(place.checked_sub(self.first)?)
    }

    pub fn selected(&self) -> Option<&SheetRun> {
        self.at(self.selected)
    }

    pub fn selected_mut(&mut self) -> Option<&mut SheetRun> {
        self.runs.get_mut(self.selected.checked_sub(self.first)?)
    }

    /// How many runs the batch has.
    pub fn count(&self) -> usize {
        self.state.as_ref().map_or(0, Batch::runs)
    }
}
