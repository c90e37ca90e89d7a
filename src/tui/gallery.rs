//! The gallery's state, and where its tiles are.

use std::collections::HashMap;
use std::path::PathBuf;

use ratatui::layout::Rect;

use super::layout;
use super::model::{Model, Pane};
use super::msg::OutputsFilter;
use crate::domain::media;
use crate::domain::{OutputCard, OutputId};
use crate::picture::{self, Cells, Choice};

/// What many runs made: a window of it.
#[derive(Debug, Default)]
pub struct GalleryPane {
    /// Newest first; more are loaded when the end comes near.
    pub tiles: Vec<Tile>,
    /// The tile that keys go to.
    pub selected: Option<OutputId>,
    /// Rows of tiles scrolled off at the top.
    pub scroll: usize,
    /// Only what has a star.
    pub starred: bool,
    /// There are older ones in the store.
    pub more: bool,
    /// The last question could not be answered: none is asked of the gallery's own accord.
    pub failed: bool,
    /// What the tiles answer; `None` until the first page is here.
    pub list: Option<OutputsFilter>,
    /// Up to two that are to be compared, in the order in which they were marked.
    pub marked: Vec<OutputCard>,
    /// The pane that the gallery was opened from.
    pub came_from: Pane,
    /// Thumbnails by content, all of one size.
    pub thumbs: HashMap<String, Thumb>,
    pub room: Cells,
    /// Contents whose thumbnails were asked for and are not here yet.
    pub asked: Vec<String>,
}

/// An output in the gallery.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    pub card: OutputCard,
    /// Its file is not where it was.
    pub gone: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Thumb {
    /// In half-blocks, and how many of its rows are seen: over a slow line they come one after the other.
    Picture(picture::Shared, u16),
    /// There is none, and why.
    Nothing(String),
}

/// A thumbnail to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThumbOrder {
    /// SHA-256 of the content, in hex.
    pub sha256: String,
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// Cells that there are for it.
    pub room: Cells,
}

/// Whether there are thumbnails at all: a terminal without colours shows nothing of them, and a person may not want any.
pub fn has_thumbs(model: &Model) -> bool {
    !model.output.means.colourless && model.output.choice != Choice::Off
}

impl GalleryPane {
    pub fn selected(&self) -> Option<&Tile> {
        self.selected_index().map(|at| &self.tiles[at])
    }

    /// The selected tile's place.
    pub fn selected_index(&self) -> Option<usize> {
        let id = self.selected?;
        self.tiles.iter().position(|tile| tile.card.id == id)
    }
}

impl Tile {
    /// Its type, such as `image/png`: as the server says, else by its name.
    pub fn kind(&self) -> &str {
        let output = &self.card.output;
        match output.content_type.as_str() {
            "" | "application/octet-stream" => {
                media::by_name(&output.name).unwrap_or("application/octet-stream")
            }
            said => said,
        }
    }

    /// Whether there can be a thumbnail of it.
    pub fn can_be_seen(&self) -> bool {
        self.kind().starts_with("image/") || self.kind().starts_with("video/")
    }
}

/// Columns between two tiles; the bar of the selected one stands there.
pub const GAP: u16 = 2;
/// Rows of a tile, about: the picture, its caption, a blank line.
const TILE: u16 = 9;
/// Lines beneath the tiles that tell of the selected one.
pub const INFO: u16 = 2;

/// Where the tiles are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The tiles' place, without the lines beneath.
    pub area: Rect,
    /// Tiles beside each other.
    pub columns: usize,
    /// Rows of tiles that are seen.
    pub rows: usize,
    /// Cells of a tile's picture.
    pub picture: Cells,
    /// Rows from one tile to the next.
    height: u16,
}

impl Grid {
    /// The grid on the present screen; `None` when the gallery is not seen. As many columns and rows as leave each
    /// tile a size at which something can be told; what remains makes the tiles larger.
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
            height: self.picture.height + 1,
        }
    }

    /// The place of the page at a cell.
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
