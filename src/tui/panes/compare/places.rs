//! Layout of the comparison.

use ratatui::layout::Rect;

use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;

/// Columns between two pictures side by side.
const GAP: u16 = 2;
/// Fewest lines for the differences, and the divisor for the largest part of the screen they take.
const DIFFERENCES: (u16, u16) = (4, 3);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// One line for each output, or one for both.
    pub captions: Rect,
    pub pictures: Rect,
    pub differences: Rect,
}

impl Places {
    /// The layout for the current screen and this number of lines of differences; `None`
    /// when the comparison is hidden.
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

/// Columns of one of two pictures side by side.
pub fn half(width: u16) -> u16 {
    width.saturating_sub(GAP) / 2
}

/// The places of two pictures side by side.
pub fn halves(area: Rect) -> [Rect; 2] {
    let width = half(area.width);
    [Rect { width, ..area }, Rect { x: area.x + width + GAP, width, ..area }]
}
