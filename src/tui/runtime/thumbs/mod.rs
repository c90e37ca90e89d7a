//! Renders the gallery's thumbnails.

mod cache;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use image::imageops;

use self::cache::{Cache, Kept, SIDE};
use super::Replies;
use super::worker::Ticket;
use crate::picture::read::{self, Content, Pixels, ReadError, Seen, Watch};
use crate::picture::{Canvas, CellSize, Colours, PictureProtocol, encode};
use crate::store::Store;
use crate::tui::msg::Msg;
use crate::tui::panes::gallery::{Thumb, ThumbOrder};

/// Timeout of reading and decoding one file.
const PATIENCE: Duration = Duration::from_secs(20);
/// Largest file whose hash is checked against the run's output, in bytes.
const LARGEST_HASHED: u64 = 64 << 20;
/// Background colour for transparent pixels: visible on light and dark themes.
const GROUND: [u8; 3] = [128; 3];

/// Renders thumbnails from the cache, else from the file.
pub(super) struct ThumbRenderer {
    replies: Replies,
    cache: Cache,
    colours: Colours,
}

impl ThumbRenderer {
    pub(super) fn new(replies: Replies, folder: PathBuf, colours: Colours) -> Self {
        Self { replies, cache: Cache::new(folder), colours }
    }

    /// Renders thumbnails of at most `budget` bytes each, in order, until a newer order comes.
    pub(super) fn render(&mut self, orders: Vec<ThumbOrder>, budget: usize, ticket: &Ticket) {
        for order in orders {
            let Some(thumb) = self.make(&order, budget, &ticket.watch(PATIENCE)) else { break };
            self.replies.send(Msg::Thumb(order, thumb));
        }
    }

    /// Renders one thumbnail; `None` if a newer order has come.
    fn make(&mut self, order: &ThumbOrder, budget: usize, watch: &Watch) -> Option<Thumb> {
        if watch.check() == Err(ReadError::Superseded) {
            return None;
        }
        if let Some(kept) = self.cache.find(&order.sha256) {
            return Some(self.shown(kept, order, budget));
        }
        let kept = match read::look(&order.path, (SIDE, SIDE), watch) {
            Ok(Seen { content: Content::Picture(still), .. }) => Kept::Thumb(small(still.pixels)),
            // Not cached: a video, for example, can be decoded once ffmpeg is installed.
            Ok(Seen { content: Content::Facts(facts), .. }) => return Some(Thumb::Nothing(facts.join(", "))),
            Ok(Seen { content: Content::Text(..), .. }) => return Some(Thumb::Nothing(String::new())),
            Err(ReadError::Superseded) => return None,
            Err(why @ (ReadError::Broken(_) | ReadError::TooLarge(_) | ReadError::Empty)) => {
                Kept::Broken(why.to_string())
            }
            // Not cached: the reason may be temporary.
            Err(why) => return Some(Thumb::Nothing(why.to_string())),
        };
        if is_what_was_made(order)
            && let Err(error) = self.cache.keep(&order.sha256, &kept)
        {
            tracing::warn!("a thumbnail could not be kept: {error}");
        }
        Some(self.shown(kept, order, budget))
    }

    fn shown(&self, kept: Kept, order: &ThumbOrder, budget: usize) -> Thumb {
        let canvas = Canvas {
            room: order.room,
            cell: CellSize { width: 1, height: 2 },
            protocol: PictureProtocol::Blocks,
            budget,
            piece: usize::MAX,
            ground: GROUND,
            colours: self.colours,
        };
        match kept {
            Kept::Thumb(pixels) => {
                let picture = encode(&pixels, &canvas);
                let rows = picture.cells.height;
                Thumb::Picture(Arc::new(picture), rows)
            }
            Kept::Broken(why) => Thumb::Nothing(why),
        }
    }
}

/// Whether the file still has the hash in its order. The thumbnail of a changed file must not be cached under it.
fn is_what_was_made(order: &ThumbOrder) -> bool {
    let has_size = std::fs::metadata(&order.path).is_ok_and(|there| there.len() == order.size);
    has_size && (order.size > LARGEST_HASHED || Store::is_same(&order.path, &order.sha256))
}

/// Scales down to [`SIDE`] pixels, proportions kept.
fn small(pixels: Pixels) -> Pixels {
    let (width, height) = (pixels.width(), pixels.height());
    let longest = width.max(height);
    if longest <= SIDE {
        return pixels;
    }
    let side = |pixels: u32| {
        u32::try_from(u64::from(pixels) * u64::from(SIDE) / u64::from(longest)).unwrap_or(SIDE).max(1)
    };
    match pixels {
        Pixels::Opaque(image) => Pixels::Opaque(imageops::thumbnail(&image, side(width), side(height))),
        Pixels::Transparent(image) => {
            Pixels::Transparent(imageops::thumbnail(&image, side(width), side(height)))
        }
    }
}

#[cfg(test)]
mod tests;
