//! Where the tiles of a sheet are.

use ratatui::layout::Rect;

use crate::domain::batch::Combine;
use crate::picture::Cells;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;

/// Columns between two tiles; the bar of the selected one stands there.
const GAP: u16 = 2;
/// Columns of a tile, at the least.
const NARROWEST: u16 = 10;
/// Rows of a tile's picture, at the least.
const LOWEST: u16 = 4;
/// Rows of a tile's picture at which enough can be seen of it.
const ENOUGH: u16 = 7;
/// Columns for the values of the rows.
const LABEL: u16 = 14;
/// Lines beneath the tiles that tell of the selected run.
pub const INFO: u16 = 2;

/// Where the tiles are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SheetGrid {
    /// The tiles' place, without the line above and the lines beneath.
    pub area: Rect,
    /// Tiles beside each other.
    pub columns: usize,
    /// Rows of tiles that are seen.
    pub rows: usize,
    pub picture: Cells,
    /// Rows from one tile to the next.
    height: u16,
    /// The columns are the values of the first axis, and the rows those of the others.
    pub along_axes: bool,
}

impl SheetGrid {
    /// The grid on the present screen; `None` when the sheet is not seen.
    pub fn of(model: &Model) -> Option<Self> {
        let body = layout::regions(model)?.body(Pane::Sheet)?;
        let sheet = &model.sheet;
        let area = Rect { y: body.y + 1, height: body.height.saturating_sub(1 + INFO), ..body };
        let outline = &sheet.outline;
        let first = outline.axes.first().map_or(1, |axis| axis.values.len());
        let is_grid = outline.axes.len() > 1 && outline.combine == Combine::Grid;
        let wide = Rect { x: area.x + LABEL, width: area.width.saturating_sub(LABEL), ..area };
        let fits = first as u64 * u64::from(NARROWEST + GAP) <= u64::from(wide.width);
        if is_grid && fits {
            let rows = sheet.count().div_ceil(first.max(1));
            return Some(Self::with(wide, first as u16, Some(rows), sheet.zoom));
        }
        let count = u16::try_from(sheet.count().max(1)).unwrap_or(u16::MAX);
        Some(Self::with(area, columns(area, count), None, sheet.zoom))
    }

    /// As many columns as are wanted, fewer when one looks closer. Along the axes there are so many `rows`: all of them are
    /// seen, unless their tiles were too small.
    fn with(area: Rect, columns: u16, rows: Option<usize>, zoom: i16) -> Self {
        let along_axes = rows.is_some();
        let most = (area.width / (NARROWEST + GAP)).max(1);
        let columns = match along_axes {
            true => columns,
            false => columns.saturating_add_signed(zoom.saturating_neg()).clamp(1, most),
        };
        let width = (area.width / columns.max(1)).saturating_sub(GAP).max(1);
        // Two columns are about as wide as one row is high.
        let most_rows = area.height / (LOWEST + 2);
        let all = rows.map_or(u16::MAX, |rows| area.height / u16::try_from(rows.max(1)).unwrap_or(u16::MAX));
        let tall = (width / 2).min(all.saturating_sub(1).max(ENOUGH)).max(LOWEST);
        let tall = tall.min(area.height.saturating_sub(1).max(1));
        let tall = match along_axes {
            true => tall.saturating_add_signed(2 * zoom).clamp(LOWEST, area.height.max(LOWEST)),
            false => tall,
        };
        let rows = (area.height / (tall + 1)).clamp(1, most_rows.max(1));
        let height = (area.height / rows).max(2);
        let picture = Cells { width, height: tall.min(height - 1) };
        Self {
            area,
            columns: usize::from(columns),
            rows: usize::from(rows),
            picture,
            height: picture.height + 1,
            along_axes,
        }
    }

    /// Tiles that are seen at once.
    pub fn page(&self) -> usize {
        self.columns * self.rows
    }

    /// The place of the tile at a place of the page: its picture, and beneath it the caption.
    pub fn place(&self, at: usize) -> Rect {
        let (row, column) = ((at / self.columns) as u16, (at % self.columns) as u16);
        Rect {
            x: self.area.x + GAP + column * (self.picture.width + GAP),
            y: self.area.y + row * self.height,
            width: self.picture.width,
            height: self.height,
        }
        .intersection(self.area)
    }

    /// The place of the page at a cell.
    pub fn at(&self, x: u16, y: u16) -> Option<usize> {
        (0..self.page()).find(|at| self.place(*at).contains((x, y).into()))
    }

    /// Where the values of a row of the page stand.
    pub fn label(&self, row: usize) -> Rect {
        let y = self.area.y + row as u16 * self.height;
        Rect { x: self.area.x.saturating_sub(LABEL), y, width: LABEL, height: self.height }
    }
}

/// The fewest columns with which all tiles are seen at once: the tiles are as large as they can be.
fn columns(area: Rect, count: u16) -> u16 {
    let most = (area.width / (NARROWEST + GAP)).max(1);
    let fits = |columns: &u16| {
        let width = (area.width / columns).saturating_sub(GAP);
        let tall = (width / 2).max(LOWEST);
        let rows = (area.height / (tall + 1)).max(1);
        u32::from(rows) * u32::from(*columns) >= u32::from(count)
    };
    (1..=most).find(fits).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::batch::{AxisOutline, Batch, Outline};
    use crate::domain::{ParamKey, Status};
    use crate::tui::model::Size;

    fn model(width: u16, height: u16, axes: &[usize]) -> Model {
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
        model
    }

    #[test]
    fn tiles_fill_every_size_and_lie_apart() {
        for (width, height) in [(60, 15), (80, 24), (120, 40), (200, 60), (500, 15), (60, 300)] {
            for axes in [&[1][..], &[16], &[4, 4], &[3, 2], &[60, 2], &[10_000]] {
                for zoom in [-3, 0, 2] {
                    let mut model = model(width, height, axes);
                    model.sheet.zoom = zoom;
                    let grid = SheetGrid::of(&model).expect("a grid");
                    let places: Vec<Rect> = (0..grid.page()).map(|at| grid.place(at)).collect();
                    for (at, place) in places.iter().enumerate() {
                        assert!(!place.is_empty(), "{width}×{height} {axes:?}: {grid:?}");
                        assert!(places[at + 1..].iter().all(|other| !other.intersects(*place)), "{grid:?}");
                        assert_eq!(grid.at(place.x, place.y), Some(at));
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_axis_makes_the_columns_and_what_has_one_fills_the_screen() {
        let grid = SheetGrid::of(&model(120, 40, &[4, 4])).expect("a grid");
        assert_eq!((grid.columns, grid.along_axes), (4, true));
        let grid = SheetGrid::of(&model(120, 40, &[16])).expect("a grid");
        assert!(grid.page() >= 16 && !grid.along_axes, "{grid:?}");
        let grid = SheetGrid::of(&model(120, 40, &[60, 2])).expect("a grid");
        assert!(!grid.along_axes, "60 columns do not fit");
    }
}
