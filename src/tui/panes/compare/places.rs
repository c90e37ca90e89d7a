//! Where the parts of the comparison are.

use ratatui::layout::Rect;

use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;

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
