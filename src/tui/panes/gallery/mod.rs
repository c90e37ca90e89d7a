//! What many runs made, over the whole screen.

pub mod commands;
pub mod grid;
pub mod update;
pub mod view;

use std::collections::HashMap;
use std::path::PathBuf;

use crate::domain::media;
use crate::domain::{OutputCard, OutputId};
use crate::picture::{self, Cells};
use crate::tui::paged::{Paged, PagedRow};
use crate::tui::pane::Pane;
use crate::tui::query::OutputsFilter;

/// What many runs made: a window of it.
#[derive(Debug, Default)]
pub struct GalleryPane {
    /// The selected tile is the one that keys go to.
    pub list: Paged<Tile, OutputsFilter>,
    /// Rows of tiles scrolled off at the top.
    pub scroll: usize,
    /// Only what has a star.
    pub starred: bool,
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
    /// Size of its file in bytes.
    pub size: u64,
    /// Cells that there are for it.
    pub room: Cells,
}

impl PagedRow for Tile {
    type Key = OutputId;
    /// Each costs a look at its file.
    const FRESH: usize = 300;

    fn key(&self) -> OutputId {
        self.card.id
    }
}

/// The two marked ones, or the marked one and the selected one; the older one first.
pub fn pair(gallery: &GalleryPane) -> Option<[OutputCard; 2]> {
    let mut pair = match gallery.marked.as_slice() {
        [first, second] => [first.clone(), second.clone()],
        [first] => [first.clone(), gallery.list.selected()?.card.clone()],
        _ => return None,
    };
    pair.sort_by_key(|card| card.id);
    (pair[0].id != pair[1].id).then_some(pair)
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
