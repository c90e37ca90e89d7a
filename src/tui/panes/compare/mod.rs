//! The comparison of two outputs, full screen.

pub mod commands;
pub mod places;
pub mod update;
pub mod view;

use std::path::PathBuf;

use crate::domain::compare::Difference;
use crate::domain::{OutputCard, OutputId};
use crate::picture::{self, CellSize, Cells, PictureProtocol};
use crate::tui::pane::Pane;

/// State of the comparison: two outputs side by side, or one at a time.
#[derive(Debug, Default)]
pub struct ComparePane {
    /// `None` when nothing is compared.
    pub pair: Option<[OutputCard; 2]>,
    /// Which two are to be compared; the pair may still be read.
    pub wanted: Option<[OutputId; 2]>,
    /// The pane that the comparison was opened from.
    pub came_from: Option<Pane>,
    /// The difference between their runs; `None` until both are read.
    pub difference: Option<Difference>,
    /// How long their runs took and what they cost.
    pub spent: Vec<(String, String)>,
    /// Whether one of the runs could not be read.
    pub unread: bool,
    /// Index of the only output shown; `None` shows both.
    pub only: Option<usize>,
    /// Centre of the 1:1 view; `None` shows the whole pictures.
    pub closer: Option<Spot>,
    /// Lines of the difference scrolled off at the top.
    pub scroll: usize,
    /// The order sent last.
    pub asked: Option<CompareOrder>,
    /// Its result, shown until the next one arrives.
    pub seen: Option<Result<Vec<picture::Shared>, String>>,
    /// Opened from the sheet of a batch, not from the gallery.
    pub of_sheet: bool,
}

/// The centre of the visible part of a picture, in thousandths of its width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    pub x: u16,
    pub y: u16,
}

impl Default for Spot {
    fn default() -> Self {
        Self { x: 500, y: 500 }
    }
}

/// Two files to be drawn into one picture, or into two of equal size. Equal orders have the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareOrder {
    pub paths: [PathBuf; 2],
    /// Size available for both, in cells.
    pub room: Cells,
    /// Size of a cell in pixels.
    pub cell: CellSize,
    pub protocol: PictureProtocol,
    /// Side by side in one picture; otherwise a picture for each.
    pub beside: bool,
    /// Centre of a 1:1 view; `None` for the whole pictures.
    pub closer: Option<Spot>,
}
