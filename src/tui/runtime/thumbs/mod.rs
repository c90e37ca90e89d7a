//! Renders the gallery's thumbnails.

mod cache;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use image::imageops;

use self::cache::{Cache, Kept, SIDE};
use super::Replies;
use super::encode_options::EncodeOptions;
use super::worker::Ticket;
use crate::picture::read::{self, Content, Pixels, ReadError, Seen, Watch};
use crate::picture::{Canvas, encode};
use crate::store::Store;
use crate::tui::msg::Msg;
use crate::tui::panes::gallery::{Thumb, ThumbForm, ThumbOrder};

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
}

impl ThumbRenderer {
    pub(super) fn new(replies: Replies, folder: PathBuf) -> Self {
        Self { replies, cache: Cache::new(folder) }
    }

    /// Renders thumbnails, in order, until a newer order comes.
    pub(super) fn render(&mut self, orders: Vec<ThumbOrder>, options: EncodeOptions, ticket: &Ticket) {
        for order in orders {
            let Some(thumb) = self.make(&order, options, &ticket.watch(PATIENCE)) else { break };
            self.replies.send(Msg::Thumb(order, thumb));
        }
    }

    /// Renders one thumbnail; `None` if a newer order has come.
    fn make(&mut self, order: &ThumbOrder, options: EncodeOptions, watch: &Watch) -> Option<Thumb> {
        if watch.check() == Err(ReadError::Superseded) {
            return None;
        }
        let canvas = canvas(order.form, options);
        let wanted = canvas.pixels();
        if wanted.0.max(wanted.1) > SIDE {
            // What is kept would look coarse there. Where the file has gone it is better than nothing.
            match read::look(&order.path, wanted, watch) {
                Ok(Seen { content: Content::Picture(still), .. }) => {
                    return Some(shown(&still.pixels, &canvas));
                }
                Err(ReadError::Superseded) => return None,
                Ok(_) | Err(_) => {}
            }
        }
        if let Some(kept) = self.cache.find(&order.sha256) {
            return Some(kept_or_why(kept, &canvas));
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
        Some(kept_or_why(kept, &canvas))
    }
}

fn canvas(form: ThumbForm, options: EncodeOptions) -> Canvas {
    Canvas {
        room: options.room_of_one(form.room, form.cell, form.protocol),
        cell: form.cell,
        protocol: form.protocol,
        budget: options.budget,
        piece: options.piece,
        ground: GROUND,
        colours: options.colours,
        blocks: options.blocks,
    }
}

fn kept_or_why(kept: Kept, canvas: &Canvas) -> Thumb {
    match kept {
        Kept::Thumb(pixels) => shown(&pixels, canvas),
        Kept::Broken(why) => Thumb::Nothing(why),
    }
}

fn shown(pixels: &Pixels, canvas: &Canvas) -> Thumb {
    let picture = encode(pixels, canvas);
    let rows = picture.cells.height;
    Thumb::Picture(Arc::new(picture), rows)
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
