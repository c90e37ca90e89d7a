//! Two outputs held against each other: the state, and where its parts are.

use std::path::PathBuf;

use ratatui::layout::Rect;

use super::layout;
use super::model::{Model, Pane};
use crate::domain::OutputCard;
use crate::domain::compare::Difference;
use crate::picture::{self, CellSize, Cells, Kind};

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
    pub kind: Kind,
    /// In one picture, beside each other; otherwise one picture of each.
    pub beside: bool,
    /// Pixel by pixel around here; `None`: all of it.
    pub closer: Option<Spot>,
}

/// Columns between the two where they are beside each other.
pub const GAP: u16 = 2;
/// Lines of differences that are seen at the least, and the part of the screen that they take at the most.
const DIFFERENCES: (u16, u16) = (4, 3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// What the two are: a line for each, or one for both.
    pub captions: Rect,
    pub pictures: Rect,
    pub differences: Rect,
}

impl Places {
    /// The places on the present screen, for so many lines of differences; `None` when the comparison is not seen.
    pub fn of(model: &Model, lines: usize) -> Option<Self> {
        let body = layout::regions(model)?.body(Pane::Compare)?;
        let most = (body.height / DIFFERENCES.1).max(DIFFERENCES.0);
        let beneath = u16::try_from(lines).unwrap_or(u16::MAX).clamp(1, most);
        let pictures = body.height.saturating_sub(beneath + 2);
        Some(Self {
            captions: Rect { height: 1, ..body },
            pictures: Rect { y: body.y + 1, height: pictures, ..body },
            differences: Rect { y: body.bottom() - beneath, height: beneath, ..body },
        })
    }
}

/// The columns of the first and of the second of two that are beside each other, within a place.
pub fn halves(area: Rect) -> [Rect; 2] {
    let width = area.width.saturating_sub(GAP) / 2;
    [Rect { width, ..area }, Rect { x: area.x + width + GAP, width, ..area }]
}
