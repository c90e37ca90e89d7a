//! Two outputs held against each other, over the whole screen.

pub mod commands;
pub mod places;
pub mod update;
pub mod view;

use std::path::PathBuf;

use crate::domain::OutputCard;
use crate::domain::compare::Difference;
use crate::picture::{self, CellSize, Cells, PictureProtocol};

/// Two outputs, beside each other or in each other's place.
#[derive(Debug, Default)]
pub struct ComparePane {
    /// The two; `None` when nothing is compared.
    pub pair: Option<[OutputCard; 2]>,
    /// What differs between their runs; `None` until both were read.
    pub difference: Option<Difference>,
    /// One of the runs could not be read.
    pub unread: bool,
    /// Only this one of the two is seen, in the place of both.
    pub only: Option<usize>,
    /// Where both are looked at pixel by pixel; `None`: all of both is seen.
    pub closer: Option<Spot>,
    /// Lines of the difference scrolled off at the top.
    pub scroll: usize,
    /// What was asked for last.
    pub asked: Option<CompareOrder>,
    /// What came of it. While another one is made, this one is seen.
    pub seen: Option<Result<Vec<picture::Shared>, String>>,
}

/// The middle of what is seen of a picture, in thousandths of its width and height.
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

/// Two files to be seen as one picture, or as two of one size. Two orders that are equal have the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareOrder {
    pub paths: [PathBuf; 2],
    /// Cells that there are for both.
    pub room: Cells,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// How it is drawn.
    pub protocol: PictureProtocol,
    /// In one picture, beside each other; otherwise one picture of each.
    pub beside: bool,
    /// Pixel by pixel around here; `None`: all of it.
    pub closer: Option<Spot>,
}
