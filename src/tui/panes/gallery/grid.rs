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
/// Columns that a tile takes at the least.
const LEAST_WIDTH: u16 = 12;
/// Lines below the tiles for the selected one.
pub const INFO: u16 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Area of the tiles, without the lines below.
    pub area: Rect,
    /// Number of tiles in a row.
    pub columns: usize,
    /// Visible rows of tiles.
    pub rows: usize,
    /// Size of a tile's picture in cells.
    pub picture: Cells,
    /// Rows from one tile to the next.
    height: u16,
}

impl Grid {
    /// The grid for the current screen; `None` when the gallery is hidden. Tiles are as large as the window and the number
    /// of outputs allow, unless the person chose how many stand beside each other; one output fills the window. Where
    /// there are too many for that, as many as can be recognised are seen at once.
    pub fn of(model: &Model) -> Option<Self> {
        let body = layout::regions(model)?.body(Pane::Gallery)?;
        let area = Rect { height: body.height.saturating_sub(INFO), ..body };
        if area.height < 4 || area.width < 12 {
            return None;
        }
        let count = if model.gallery.list.more { usize::MAX } else { model.gallery.list.rows.len() };
        let most = usize::from(area.width / LEAST_WIDTH).max(1);
        Some(match model.gallery.columns {
            Some(columns) => {
                let columns = columns.clamp(1, most);
                let tall = Self::with(area, columns, 1).picture.height;
                Self::with(area, columns, usize::from((area.height + 1) / (tall + 2)).max(1))
            }
            None => Self::fitting(area, count, most).unwrap_or_else(|| Self::usual(area)),
        })
    }

    /// All tiles, as large as they can be; `None` when they would be too small.
    fn fitting(area: Rect, count: usize, most: usize) -> Option<Self> {
        let grids = (1..=most.min(count)).map(|columns| Self::with(area, columns, count.div_ceil(columns)));
        let large = grids.filter(|grid| grid.picture.height + 2 >= TILE);
        large.max_by_key(|grid| (grid.picture.height, std::cmp::Reverse(grid.columns)))
    }

    /// As many tiles as there can be with pictures that can be recognised.
    fn usual(area: Rect) -> Self {
        let rows = (area.height / TILE).max(1);
        let tall = (area.height / rows).saturating_sub(2).max(1);
        let columns = (area.width / (2 * tall + GAP)).max(1);
        Self::with(area, usize::from(columns), usize::from(rows))
    }

    /// The grid of so many columns and rows: pictures are square at most, for two columns are about as wide as one row is
    /// high.
    fn with(area: Rect, columns: usize, rows: usize) -> Self {
        let part = |whole: u16, parts: usize| whole / u16::try_from(parts).unwrap_or(u16::MAX).max(1);
        let wide = part(area.width, columns).saturating_sub(GAP).max(1);
        // The last row has no blank line below.
        let height = part(area.height + 1, rows).max(1);
        let tall = (wide.div_ceil(2)).min(height.saturating_sub(2)).max(1);
        Self { area, columns, rows, picture: Cells { width: wide, height: tall }, height }
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
    fn few_outputs_have_large_tiles_and_one_fills_the_window() {
        use crate::tui::stage::tile;
        for (count, columns, least) in [(1, 1, 50), (2, 2, 40), (4, 2, 25), (6, 3, 25), (200, 10, 7)] {
            let mut model =
                Model { size: Size { width: 200, height: 60 }, focus: Pane::Gallery, ..Model::default() };
            model.gallery.list.rows = (1..=count).rev().map(|run| tile(run, "a.png", "image/png")).collect();
            let grid = Grid::of(&model).expect("a grid");
            assert!(grid.picture.height >= least, "{count}: {grid:?}");
            assert!(
                grid.columns >= columns && (grid.page() >= count as usize || count == 200),
                "{count}: {grid:?}"
            );
            // The person's own size.
            model.gallery.columns = Some(4);
            assert_eq!(Grid::of(&model).map(|grid| grid.columns), Some(4));
        }
    }

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
