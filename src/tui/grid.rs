//! Tiles beside and beneath each other, as in the gallery and in the sheet of a batch: where they are, and where keys lead.

use ratatui::layout::Rect;

use crate::picture::{CellSize, Cells};
use crate::tui::motion::{Motion, Wheel, in_sight};

/// Columns between two tiles; the selected one's bar is drawn there.
pub const GAP: u16 = 2;
/// Lines below the tiles for the selected one.
pub const INFO: u16 = 2;
/// Rows of a tile in which a picture can be recognised: picture, caption, blank line.
const TILE: u16 = 9;
/// Columns and rows of a tile's picture, at the least.
const LEAST: Cells = Cells { width: 10, height: 4 };

/// Rows of a picture of a thousand columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape(u32);

impl Default for Shape {
    /// A square, in cells twice as high as wide.
    fn default() -> Self {
        Self(500)
    }
}

impl Shape {
    /// The usual proportion that is nearest to a picture's, of so many pixels, in cells of a size: of one shape are all that
    /// differ by rounding.
    pub fn of(width: u32, height: u32, cell: CellSize) -> Self {
        /// Height in thousandths of the width.
        const USUAL: [u32; 9] = [500, 563, 667, 750, 1_000, 1_333, 1_500, 1_778, 2_000];
        let ratio = (u64::from(height.max(1)) * 1_000 / u64::from(width.max(1))).min(10_000) as u32;
        // By their proportion, not by their difference.
        let far = |usual: u32| (f64::from(usual) / f64::from(ratio.max(1))).ln().abs();
        let usual = USUAL.into_iter().min_by(|a, b| far(*a).total_cmp(&far(*b))).unwrap_or(1_000);
        Self((usual * u32::from(cell.width) / u32::from(cell.height.max(1))).clamp(100, 10_000))
    }

    fn rows(self, columns: u16) -> u16 {
        u16::try_from((u32::from(columns) * self.0).div_ceil(1_000)).unwrap_or(u16::MAX).max(1)
    }

    fn columns(self, rows: u16) -> u16 {
        u16::try_from(u32::from(rows) * 1_000 / self.0).unwrap_or(u16::MAX).max(1)
    }

    /// The cells of a picture as large as a room allows.
    pub fn within(self, room: Cells) -> Cells {
        let width = room.width.min(self.columns(room.height));
        Cells { width, height: room.height.min(self.rows(width)) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Area of the tiles.
    pub area: Rect,
    /// Number of tiles in a row.
    pub columns: usize,
    /// Visible rows of tiles.
    pub rows: usize,
    /// Largest size of a tile's picture.
    pub picture: Cells,
    /// From one tile to the next; a tile is in the middle of what it has of that.
    pub pitch: Cells,
}

impl Grid {
    /// Tiles as large as the area and their number allow. Where there are too many for that, as many as can be recognised
    /// are seen at once.
    pub fn fitting(area: Rect, count: usize, shape: Shape) -> Self {
        let columns = 1..=most_columns(area).min(count.max(1));
        let grids = columns.map(|columns| Self::with(area, columns, count.max(1).div_ceil(columns), shape));
        let large = grids.filter(|grid| grid.picture.height + 2 >= TILE);
        let seen = |grid: &Self| shape.within(grid.picture).count();
        let largest = large.max_by_key(|grid| (seen(grid), std::cmp::Reverse(grid.columns)));
        largest.unwrap_or_else(|| Self::usual(area, shape))
    }

    /// So many tiles beside each other, and as many rows of them as there is room for.
    pub fn beside(area: Rect, columns: usize, shape: Shape) -> Self {
        let columns = columns.clamp(1, most_columns(area));
        let tall = Self::with(area, columns, 1, shape).picture.height;
        Self::with(area, columns, usize::from((area.height + 1) / (tall + 2)).max(1), shape)
    }

    /// As many tiles as there can be with pictures that can be recognised.
    fn usual(area: Rect, shape: Shape) -> Self {
        let rows = (area.height / TILE).max(1);
        let tall = (area.height / rows).saturating_sub(2).max(1);
        let columns = (area.width / (shape.columns(tall) + GAP)).max(1);
        Self::with(area, usize::from(columns), usize::from(rows), shape)
    }

    /// The grid of so many columns and rows.
    fn with(area: Rect, columns: usize, rows: usize, shape: Shape) -> Self {
        let part = |whole: u16, parts: usize| whole / u16::try_from(parts).unwrap_or(u16::MAX).max(1);
        // The last row has no blank line below.
        let pitch = Cells { width: part(area.width, columns), height: part(area.height + 1, rows).max(1) };
        let width = pitch.width.saturating_sub(GAP).max(1);
        let height = shape.rows(width).min(pitch.height.saturating_sub(2)).max(1);
        Self { area, columns, rows, picture: Cells { width, height }, pitch }
    }

    /// The columns are given, and rows should all be seen unless their tiles were too small; `zoom` makes them higher or
    /// lower.
    pub fn along(area: Rect, columns: usize, rows: usize, zoom: i16, shape: Shape) -> Self {
        let pitch = area.width / u16::try_from(columns).unwrap_or(u16::MAX).max(1);
        let width = pitch.saturating_sub(GAP).max(1);
        let all = area.height / u16::try_from(rows.max(1)).unwrap_or(u16::MAX);
        let room = area.height.saturating_sub(1).max(1);
        let tall = shape.rows(width).min(all.saturating_sub(1).max(TILE - 2)).max(LEAST.height).min(room);
        let tall = tall.saturating_add_signed(2 * zoom).max(LEAST.height).min(room);
        let rows = (area.height / (tall + 1)).max(1);
        Self {
            area,
            columns,
            rows: usize::from(rows),
            picture: Cells { width, height: tall },
            pitch: Cells { width: pitch, height: tall + 1 },
        }
    }

    /// So many tiles beside each other, as one key press makes of this grid.
    pub fn resized(&self, by: isize) -> usize {
        self.columns.saturating_add_signed(by).clamp(1, most_columns(self.area))
    }

    /// Number of visible tiles.
    pub fn page(&self) -> usize {
        self.columns * self.rows
    }

    /// The area of a visible tile: its picture, and the caption below.
    pub fn place(&self, at: usize) -> Rect {
        let (row, column) = ((at / self.columns) as u16, (at % self.columns) as u16);
        let beside = self.area.width.saturating_sub(self.columns as u16 * self.pitch.width) / 2;
        let above = self.pitch.height.saturating_sub(self.picture.height + 2) / 2;
        Rect {
            x: self.area.x + beside + GAP + column * self.pitch.width,
            y: self.area.y + above + row * self.pitch.height,
            width: self.picture.width,
            height: self.picture.height + 1,
        }
        .intersection(self.area)
    }

    /// Index of the visible tile at a cell.
    pub fn at(&self, x: u16, y: u16) -> Option<usize> {
        (0..self.page()).find(|at| self.place(*at).contains((x, y).into()))
    }

    /// Where a key leads from a tile, of so many tiles.
    pub fn moved(&self, at: usize, motion: Motion, count: usize) -> usize {
        let last = count.saturating_sub(1);
        let (row, page) = (self.columns, self.page());
        let next = match motion {
            Motion::Left => at.saturating_sub(1),
            Motion::Right => at + 1,
            // There is no row to go to.
            Motion::Up if at < row => at,
            Motion::Up => at - row,
            Motion::Down if at / row == last / row => at,
            Motion::Down => at + row,
            Motion::PageUp if at < page => at % row,
            Motion::PageUp => at - page,
            Motion::PageDown => at + page,
            Motion::Top => 0,
            Motion::Bottom => last,
        };
        next.min(last)
    }

    /// Rows scrolled off at the top so that a tile is seen, as near to those before as can be.
    pub fn in_sight(&self, scroll: usize, at: usize, count: usize) -> usize {
        let row = at / self.columns;
        in_sight(scroll, row..row + 1, count.div_ceil(self.columns), self.rows)
    }

    /// The scroll after a turn of the wheel, and the tile that is selected then: it moves only where it must.
    pub fn wheeled(&self, scroll: usize, wheel: Wheel, at: usize, count: usize) -> (usize, usize) {
        let end = count.div_ceil(self.columns).saturating_sub(self.rows);
        let scroll = match wheel {
            Wheel::Up => scroll.saturating_sub(1),
            Wheel::Down => (scroll + 1).min(end),
        };
        let row = (at / self.columns).clamp(scroll, scroll + self.rows - 1);
        (scroll, (row * self.columns + at % self.columns).min(count.saturating_sub(1)))
    }
}

/// As many tiles beside each other as there can be.
fn most_columns(area: Rect) -> usize {
    usize::from(area.width / (LEAST.width + GAP)).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WIDE: Rect = Rect::new(1, 3, 198, 54);

    fn shape(width: u32, height: u32) -> Shape {
        Shape::of(width, height, CellSize::default())
    }

    #[test]
    fn few_tiles_are_as_large_as_their_number_and_shape_allow() {
        let portrait = shape(832, 1_216);
        let film = shape(832, 480);
        for (count, shape, columns, rows) in [
            (1, Shape::default(), 1, 1),
            (3, Shape::default(), 3, 1),
            (4, Shape::default(), 2, 2),
            (6, Shape::default(), 3, 2),
            (3, portrait, 3, 1),
            (16, portrait, 8, 2),
            // Beside each other they would leave two thirds empty.
            (3, film, 2, 2),
            (2, film, 2, 1),
        ] {
            let grid = Grid::fitting(WIDE, count, shape);
            assert_eq!((grid.columns, grid.rows), (columns, rows), "{count} {shape:?}: {grid:?}");
            assert!(grid.page() >= count);
        }
        assert_eq!(Grid::fitting(WIDE, 3, portrait).picture.height, 48, "half as high again as it is wide");
        // Too many to see all: those that are seen can be recognised.
        assert!(Grid::fitting(WIDE, 10_000, film).picture.height >= TILE - 2);
    }

    proptest! {
        #[test]
        fn no_other_arrangement_has_larger_tiles(
            (width, height) in (60_u16..400, 12_u16..150),
            count in 1_usize..40,
            picture in (256_u32..2_048, 256_u32..2_048),
            cell in (6_u16..12, 12_u16..24),
        ) {
            let cell = CellSize { width: cell.0, height: cell.1 };
            let shape = Shape::of(picture.0, picture.1, cell);
            let area = Rect::new(1, 3, width, height);
            let grid = Grid::fitting(area, count, shape);
            // Rows and columns that a picture takes, found by trying.
            let largest = |room: Cells| {
                let fits = |columns: &u16| shape.rows(*columns) <= room.height;
                (1..=room.width).rev().find(fits).unwrap_or(1)
            };
            let here = largest(grid.picture);
            for columns in 1..=count {
                for rows in count.div_ceil(columns)..=count {
                    let part = |whole: u16, parts: usize| whole / parts as u16;
                    let wide = part(width, columns).saturating_sub(GAP);
                    let tall = part(height + 1, rows).saturating_sub(2);
                    // Those that are too small to be recognised are passed over.
                    let is_large = tall.min(shape.rows(wide)) + 2 >= TILE && wide >= LEAST.width;
                    let there = largest(Cells { width: wide, height: tall });
                    prop_assert!(!is_large || there <= here, "{columns}×{rows} has {there}: {grid:?}");
                }
            }
        }
    }

    #[test]
    fn the_tiles_are_in_the_middle_of_the_window() {
        for (count, shape) in
            [(1, Shape::default()), (3, Shape::default()), (4, shape(832, 480)), (7, shape(1, 2))]
        {
            let grid = Grid::fitting(WIDE, count, shape);
            let (first, last) = (grid.place(0), grid.place(grid.page() - 1));
            // A tile has its gap, for the bar, at the left.
            let (left, right) = (first.x - GAP - WIDE.x, WIDE.right() - last.right());
            assert!(left.abs_diff(right) <= 1, "{count} {grid:?}");
            let (above, below) = (first.y - WIDE.y, WIDE.bottom() - last.bottom());
            assert!(above.abs_diff(below) <= grid.rows as u16, "{count} {above} {below} {grid:?}");
        }
    }

    #[test]
    fn tiles_lie_apart_within_the_area() {
        for (width, height) in [(60, 10), (78, 20), (118, 35), (198, 55), (500, 10), (60, 300)] {
            let area = Rect::new(1, 3, width, height);
            for count in [1, 2, 3, 7, 16, 60, 10_000] {
                for shape in [Shape::default(), shape(1, 3), shape(3, 1)] {
                    let grids = [
                        Grid::fitting(area, count, shape),
                        Grid::beside(area, 3, shape),
                        Grid::along(area, 4, count.div_ceil(4), 1, shape),
                    ];
                    for grid in grids {
                        let places: Vec<Rect> = (0..grid.page()).map(|at| grid.place(at)).collect();
                        for (at, place) in places.iter().enumerate() {
                            assert!(!place.is_empty(), "{grid:?}");
                            assert!(
                                places[at + 1..].iter().all(|other| !other.intersects(*place)),
                                "{grid:?}"
                            );
                            assert_eq!(grid.at(place.x, place.y), Some(at));
                        }
                        assert_eq!(grid.at(area.x, area.y), None, "the gap is no tile");
                    }
                }
            }
        }
    }

    #[test]
    fn keys_stay_among_the_tiles() {
        let grid =
            Grid { area: WIDE, columns: 4, rows: 2, picture: LEAST, pitch: Cells { width: 49, height: 6 } };
        for (at, motion, expected) in [
            (0, Motion::Left, 0),
            (5, Motion::Up, 1),
            (2, Motion::Up, 2),
            (5, Motion::Down, 9),
            // The last row is shorter.
            (7, Motion::Down, 9),
            (8, Motion::Down, 8),
            (9, Motion::Right, 9),
            (9, Motion::PageUp, 1),
            (3, Motion::PageUp, 3),
            (3, Motion::PageDown, 9),
            (5, Motion::Bottom, 9),
            (5, Motion::Top, 0),
        ] {
            assert_eq!(grid.moved(at, motion, 10), expected, "{at} {motion:?}");
        }
        assert_eq!(grid.moved(0, Motion::Down, 0), 0, "none at all");
        assert_eq!([grid.in_sight(0, 9, 10), grid.in_sight(1, 5, 10), grid.in_sight(1, 2, 10)], [1, 1, 0]);
        assert_eq!(grid.wheeled(0, Wheel::Down, 1, 10), (1, 5));
        assert_eq!(grid.wheeled(1, Wheel::Down, 9, 10), (1, 9), "no further than the last row");
    }
}
