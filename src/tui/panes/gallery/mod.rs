//! The gallery: outputs of many runs, full screen.

pub mod commands;
pub mod grid;
pub mod tiles;
pub mod update;
pub mod view;

use std::collections::HashMap;
use std::path::PathBuf;

use crate::domain::media;
use crate::domain::{OutputCard, OutputId};
use crate::picture::{self, CellSize, Cells, PictureProtocol};
use crate::tui::grid::Shape;
use crate::tui::paged::{Paged, PagedRow};
use crate::tui::pane::Pane;
use crate::tui::query::OutputsFilter;

/// State of the gallery, with a window of the list of outputs.
#[derive(Debug, Default)]
pub struct GalleryPane {
    pub list: Paged<Tile, OutputsFilter>,
    /// Tiles beside each other, where the person chose their size.
    pub columns: Option<usize>,
    /// The shape that the tiles are made for: that of the first picture which came since the gallery was opened.
    pub shape: Shape,
    pub is_shape_known: bool,
    /// Rows of tiles scrolled off at the top.
    pub scroll: usize,
    /// Whether only starred outputs are listed.
    pub starred: bool,
    /// Up to two outputs marked for comparison, in that order.
    pub marked: Vec<OutputCard>,
    /// The pane to return to.
    pub came_from: Pane,
    /// Thumbnails by content hash, all of one form.
    pub thumbs: HashMap<String, Thumb>,
    pub form: ThumbForm,
    /// Hashes of thumbnails requested and not received.
    pub asked: Vec<String>,
}

/// An output in the gallery.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    pub card: OutputCard,
    /// Whether its file is missing.
    pub gone: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Thumb {
    /// A picture. Of half-blocks with the number of rows shown so far: on a slow connection rows appear one after the
    /// other. In the terminal's own pixels the picture layer sends it in parts.
    Picture(picture::Shared, u16),
    /// No thumbnail, with the reason.
    Nothing(String),
}

impl Thumb {
    /// Size in memory, in bytes.
    fn weight(&self) -> usize {
        match self {
            Self::Picture(picture, _) => picture.weight(),
            Self::Nothing(why) => why.len(),
        }
    }
}

/// A thumbnail to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThumbOrder {
    /// SHA-256 of the content in hex.
    pub sha256: String,
    pub path: PathBuf,
    /// Size of its file in bytes.
    pub size: u64,
    pub form: ThumbForm,
}

/// How thumbnails are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThumbForm {
    /// Available size in cells.
    pub room: Cells,
    /// Pixels of a cell.
    pub cell: CellSize,
    pub protocol: PictureProtocol,
}

impl Default for ThumbForm {
    fn default() -> Self {
        Self::blocks(Cells::default())
    }
}

impl ThumbForm {
    /// Half-blocks.
    pub fn blocks(room: Cells) -> Self {
        Self { room, cell: CellSize { width: 1, height: 2 }, protocol: PictureProtocol::Blocks }
    }
}

impl PagedRow for Tile {
    type Key = OutputId;
    /// Small, since each tile costs a check of its file.
    const FRESH: usize = 300;

    fn key(&self) -> OutputId {
        self.card.id
    }
}

/// The two marked ones, or the marked one and the selected one; the older one first.
pub fn marked_pair(marked: &[OutputCard], selected: Option<&OutputCard>) -> Option<[OutputCard; 2]> {
    let mut pair = match marked {
        [first, second] => [first.clone(), second.clone()],
        [first] => [first.clone(), selected?.clone()],
        _ => return None,
    };
    pair.sort_by_key(|card| card.id);
    (pair[0].id != pair[1].id).then_some(pair)
}

impl Tile {
    /// MIME type from the server, else guessed from the name.
    pub fn kind(&self) -> &str {
        let output = &self.card.output;
        match output.content_type.as_str() {
            "" | "application/octet-stream" => {
                media::by_name(&output.name).unwrap_or("application/octet-stream")
            }
            said => said,
        }
    }

    /// Whether a thumbnail can be made of it.
    pub fn can_be_seen(&self) -> bool {
        self.kind().starts_with("image/") || self.kind().starts_with("video/")
    }
}
