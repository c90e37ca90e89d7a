//! Layout of the gallery's tiles.

use ratatui::layout::Rect;

use crate::picture::Cells;
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::pane::Pane;

/// Columns between two tiles; the selected one's bar is drawn there.
pub const GAP: u16 = 2;
/// Approximate rows of a tile: picture, caption, blank line.
const TILE: u16 = 9;
/// Lines below the tiles for the selected one.
pub const INFO: u16 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Area of the tiles, without the lines below.
    pub area: Rect,
    /// Tiles per row.
    pub columns: usize,
    /// Visible rows of tiles.
    pub rows: usize,
    /// Size of a tile's picture in cells.
    pub picture: Cells,
    /// Rows from one tile to the next.
    height: u16,
}

impl Grid {
    /// The grid for the current screen; `None` when the gallery is hidden. Chooses as many columns and rows as
    /// possible with pictures that can be recognised, then enlarges the tiles to fill the rest.
    pub fn of(model: &Model) -> Option<Self> {
        let body = layout::regions(model)?.body(Pane::Gallery)?;
        let area = Rect { height: body.height.saturating_sub(INFO), ..body };
        if area.height < 4 || area.width < 12 {
            return None;
        }
        let rows = (area.height / TILE).max(1);
        let height = area.height / rows;
        let tall = height.saturating_sub(2).max(1);
        // Two columns are about as wide as one row is high. The first tile has a gap before it, too.
        let columns = (area.width / (2 * tall + GAP)).max(1);
        let wide = area.width / columns - GAP;
        Some(Self {
            area,
            columns: usize::from(columns),
            rows: usize::from(rows),
            picture: Cells { width: wide, height: tall },
            height,
        })
    }

    /// Number of visible tiles.
    pub fn page(&self) -> usize {
        self.columns * self.rows
    }

    /// The area of a visible tile: its picture, and the caption below.
    pub fn place(&self, at: usize) -> Rect {
        let (row, column) = ((at / self.columns) as u16, (at % self.columns) as u16);
        Rect {
            x: self.area.x + GAP + column * (self.picture.width + GAP),
            y: self.area.y + row * self.height,
            width: self.picture.width,
            height: self.picture.height + 1,
        }
    }

    /// Index of the visible tile at a cell.
    pub fn at(&self, x: u16, y: u16) -> Option<usize> {
        (0..self.page()).find(|at| self.place(*at).contains((x, y).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::model::Size;

    #[test]
    fn tiles_fill_every_size_and_lie_apart() {
        for (width, height, tiles) in
            [(60, 15, 2), (80, 24, 8), (120, 40, 15), (200, 60, 40), (500, 15, 20), (60, 300, 96)]
        {
            let size = Size { width, height };
            let model = Model { size, focus: Pane::Gallery, ..Model::default() };
            let grid = Grid::of(&model).expect("a grid");
            assert!(grid.page() >= tiles, "{width}×{height}: {grid:?}");
            let places: Vec<Rect> = (0..grid.page()).map(|at| grid.place(at)).collect();
            for (at, place) in places.iter().enumerate() {
                assert_eq!(place.intersection(grid.area), *place, "{width}×{height}: {grid:?}");
                assert!(places[at + 1..].iter().all(|other| !other.intersects(*place)), "{grid:?}");
                assert_eq!(grid.at(place.x, place.y), Some(at));
            }
            assert_eq!(grid.at(grid.area.x, grid.area.y), None, "the gap is no tile");
        }
    }
}
