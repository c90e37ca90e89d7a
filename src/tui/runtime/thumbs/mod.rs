//! Makes the gallery's thumbnails, on a thread of its own: from the folder of those that were made before, else from the
//! file. What is wanted now takes the place of what was wanted before, so that what scrolled away is not made.

mod cache;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use image::imageops;

use self::cache::{Cache, Kept, SIDE};
use super::Wake;
use crate::picture::read::{self, Content, Pixels, ReadError, Seen, Watch};
use crate::picture::{Canvas, CellSize, Colours, Kind, encode};
use crate::store::Store;
use crate::tui::msg::Msg;
use crate::tui::panes::gallery::{Thumb, ThumbOrder};
use crate::tui::terminal::QUIET_THREAD;

/// Time that one picture may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Larger files are not read once more to see whether they are what the run made.
const LARGEST_HASHED: u64 = 64 << 20;
/// Stands behind what is transparent: it is seen on light and on dark grounds.
const GROUND: [u8; 3] = [128; 3];

/// What the screen sends: all that is wanted now, the first first.
#[derive(Debug)]
pub(super) struct Wanted {
    number: u64,
    orders: Vec<ThumbOrder>,
    /// Bytes that each may cost on the wire.
    budget: usize,
}

#[derive(Debug)]
pub(super) struct Thumbs {
    sender: Sender<Wanted>,
    newest: Arc<AtomicU64>,
}

impl Thumbs {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn start(folder: PathBuf, colours: Colours, told: Sender<Wake>) -> std::io::Result<Self> {
        let (sender, wanted) = std::sync::mpsc::channel();
        let newest = Arc::new(AtomicU64::new(0));
        let renderer = ThumbRenderer { cache: Cache::new(folder), colours, newest: newest.clone() };
        let serve = move || renderer.serve(&wanted, |msg| told.send(Wake::Msg(msg)).is_ok());
        std::thread::Builder::new().name(QUIET_THREAD.to_owned()).spawn(serve)?;
        Ok(Self { sender, newest })
    }

    /// From now on these are wanted, and no others.
    pub(super) fn want(&self, orders: Vec<ThumbOrder>, budget: usize) {
        let number = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        // The thread lives as long as the screen.
        let _ = self.sender.send(Wanted { number, orders, budget });
    }
}

struct ThumbRenderer {
    cache: Cache,
    colours: Colours,
    newest: Arc<AtomicU64>,
}

impl ThumbRenderer {
    /// Makes what is wanted until nobody listens any more.
    fn serve(mut self, wanted: &Receiver<Wanted>, tell: impl Fn(Msg) -> bool) {
        while let Ok(mut list) = wanted.recv() {
            if let Some(newer) = wanted.try_iter().last() {
                list = newer;
            }
            for order in list.orders {
                let watch = Watch::of(PATIENCE, self.newest.clone(), list.number);
                let Some(thumb) = self.make(&order, list.budget, &watch) else { break };
                if !tell(Msg::Thumb(order, thumb)) {
                    return;
                }
            }
        }
    }

    /// One thumbnail; `None` when something else is wanted by now.
    fn make(&mut self, order: &ThumbOrder, budget: usize, watch: &Watch) -> Option<Thumb> {
        if watch.check() == Err(ReadError::Superseded) {
            return None;
        }
        if let Some(kept) = self.cache.find(&order.sha256) {
            return Some(self.shown(kept, order, budget));
        }
        let kept = match read::look(&order.path, (SIDE, SIDE), watch) {
            Ok(Seen { content: Content::Picture(still), .. }) => Kept::Thumb(small(still.pixels)),
            // A video without ffmpeg, for one, which may be installed some day.
            Ok(Seen { content: Content::Facts(facts), .. }) => return Some(Thumb::Nothing(facts.join(", "))),
            Ok(Seen { content: Content::Text(..), .. }) => return Some(Thumb::Nothing(String::new())),
            Err(ReadError::Superseded) => return None,
            Err(why @ (ReadError::Broken(_) | ReadError::TooLarge(_) | ReadError::Empty)) => {
                Kept::Broken(why.to_string())
            }
            // May be otherwise the next time.
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
            kind: Kind::Blocks,
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

/// What was made of another content must not stand under this one's name.
fn is_what_was_made(order: &ThumbOrder) -> bool {
    let has_size = std::fs::metadata(&order.path).is_ok_and(|there| there.len() == order.size);
    has_size && (order.size > LARGEST_HASHED || Store::is_same(&order.path, &order.sha256))
}

/// No side longer than [`SIDE`], the proportions kept.
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
