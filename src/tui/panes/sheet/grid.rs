//! Where the tiles of a sheet are.

use ratatui::layout::Rect;

use crate::domain::batch::Combine;
use crate::tui::grid::{GAP, Grid, INFO};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;

/// Columns of a tile along the axes, at the least.
const NARROWEST: u16 = 10;
/// Columns for the values of the rows.
const LABEL: u16 = 14;

/// Where the tiles are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetGrid {
    pub tiles: Grid,
    /// The columns are the values of the first axis, and the rows those of the others.
    pub along_axes: bool,
}

impl SheetGrid {
    /// The grid on the present screen; `None` when the sheet is not seen.
    pub fn of(model: &Model) -> Option<Self> {
        let body = layout::regions(model)?.body(Pane::Sheet)?;
        let sheet = &model.sheet;
        // A line above for the axis, and those beneath for the selected run.
        let area = Rect { y: body.y + 1, height: body.height.saturating_sub(1 + INFO), ..body };
        let outline = &sheet.outline;
        let first = outline.axes.first().map_or(1, |axis| axis.values.len()).max(1);
        let is_grid = outline.axes.len() > 1 && outline.combine == Combine::Grid;
        let wide = Rect { x: area.x + LABEL, width: area.width.saturating_sub(LABEL), ..area };
        let fits = first as u64 * u64::from(NARROWEST + GAP) <= u64::from(wide.width);
        let shape = model.gallery.shape;
        if is_grid && fits {
            let rows = sheet.count().div_ceil(first);
            let tiles = Grid::along(wide, first, rows, sheet.zoom, shape);
            return Some(Self { tiles, along_axes: true });
        }
        let tiles = match sheet.columns {
            Some(columns) => Grid::beside(area, columns, shape),
            None => Grid::fitting(area, sheet.count(), shape),
        };
        Some(Self { tiles, along_axes: false })
    }

    /// Where the values of a row of the page stand.
    pub fn label(&self, row: usize) -> Rect {
        let Grid { area, pitch, .. } = self.tiles;
        let y = area.y + row as u16 * pitch.height;
        Rect { x: area.x.saturating_sub(LABEL), y, width: LABEL, height: pitch.height }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::batch::{AxisOutline, Batch, Outline};
    use crate::domain::{ParamKey, Status};
    use crate::tui::model::Size;

    fn grid(width: u16, height: u16, axes: &[usize]) -> SheetGrid {
        let axis = |(at, count): (usize, &usize)| AxisOutline {
            key: ParamKey::new("3", &at.to_string()),
            name: at.to_string(),
            values: (0..*count).map(|value| value.to_string()).collect(),
        };
        let mut model = Model { size: Size { width, height }, focus: Pane::Sheet, ..Model::default() };
        let outline = Outline { axes: axes.iter().enumerate().map(axis).collect(), combine: Combine::Grid };
        model.sheet.outline = Arc::new(outline);
        let counts = vec![(Status::Queued, axes.iter().product())];
        model.sheet.state = Some(Batch { counts, ..Batch::default() });
        SheetGrid::of(&model).expect("a grid")
    }

    #[test]
    fn the_first_axis_makes_the_columns_and_what_has_one_fills_the_screen() {
        let sheet = grid(120, 40, &[4, 4]);
        assert_eq!((sheet.tiles.columns, sheet.along_axes), (4, true));
        assert!(!grid(120, 40, &[60, 2]).along_axes, "60 columns do not fit");
        for (width, height, count) in [(120, 40, 16), (120, 40, 4), (200, 60, 5), (80, 24, 6), (200, 60, 24)]
        {
            let SheetGrid { tiles, along_axes } = grid(width, height, &[count]);
            assert!(tiles.page() >= count && !along_axes, "{width}×{height} {count}: {tiles:?}");
            let used = tiles.pitch.height * u16::try_from(count.div_ceil(tiles.columns)).expect("few");
            let wide = tiles.columns as u16 * (tiles.picture.width + GAP);
            let is_full = used * 3 >= tiles.area.height * 2 || wide * 10 >= tiles.area.width * 9;
            assert!(is_full, "nothing is left empty both ways: {width}×{height} {count}: {tiles:?}");
        }
    }
}
