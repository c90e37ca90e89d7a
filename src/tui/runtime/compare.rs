//! Makes the pictures of a comparison on a thread of its own. The newest order wins.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, SystemTime};

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::Wake;
use super::pictures::EncodeOptions;
use crate::picture::read::{Content, LONGEST_SIDE, Pixels, ReadError, Watch, look};
use crate::picture::{self, Canvas, CellSize, Cells, Kind, encode};
use crate::tui::msg::Msg;
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::compare::Spot;
use crate::tui::panes::compare::places::GAP;
use crate::tui::terminal::QUIET_THREAD;

/// Both may take so long.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of pixels that are kept for the next order, such as one a little to the left.
const KEPT: usize = 64 << 20;
/// A picture that is smaller than its place is made so many times larger at the most.
const MOST_ENLARGED: f64 = 4.0;

#[derive(Debug)]
pub(super) struct Comparer {
    orders: Sender<(u64, CompareOrder, EncodeOptions)>,
    newest: Arc<AtomicU64>,
}

impl Comparer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn start(told: Sender<Wake>) -> std::io::Result<Self> {
        let (orders, taken) = mpsc::channel();
        let newest = Arc::new(AtomicU64::new(0));
        let renderer = CompareRenderer { newest: newest.clone(), kept: Vec::new() };
        let serve = move || renderer.serve(&taken, |msg| told.send(Wake::Msg(msg)).is_ok());
        std::thread::Builder::new().name(QUIET_THREAD.to_owned()).spawn(serve)?;
        Ok(Self { orders, newest })
    }

    /// Makes this, and nothing that was ordered before.
    pub(super) fn make(&self, order: CompareOrder, encode_options: EncodeOptions) {
        let number = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        // The thread lives as long as the screen.
        let _ = self.orders.send((number, order, encode_options));
    }
}

/// A file as it was read: where, when it had changed last, the size that was wanted.
type Read = (PathBuf, Option<SystemTime>, (u32, u32));

struct CompareRenderer {
    newest: Arc<AtomicU64>,
    kept: Vec<(Read, Arc<Pixels>)>,
}

impl CompareRenderer {
    fn serve(mut self, orders: &Receiver<(u64, CompareOrder, EncodeOptions)>, tell: impl Fn(Msg) -> bool) {
        while let Ok(first) = orders.recv() {
            let (number, order, encode_options) = orders.try_iter().last().unwrap_or(first);
            let watch = Watch::of(PATIENCE, self.newest.clone(), number);
            let made = match self.make(&order, encode_options, &watch) {
                Err((_, ReadError::Superseded)) => continue,
                Err((which, why)) => Err(format!("{}: {why}", ["A", "B"][which])),
                Ok(pictures) => Ok(pictures),
            };
            if !tell(Msg::Compared(order, made)) {
                return;
            }
        }
    }

    /// One picture of both, or one of each; or which of the two cannot be seen, and why.
    fn make(
        &mut self,
        order: &CompareOrder,
        encode_options: EncodeOptions,
        watch: &Watch,
    ) -> Result<Vec<picture::Shared>, (usize, ReadError)> {
        let width = if order.beside { order.room.width.saturating_sub(GAP) / 2 } else { order.room.width };
        let place = canvas(order, encode_options, Cells { width, ..order.room });
        // Pixel by pixel: every one that the file has is wanted.
        let wanted = if order.closer.is_some() { (LONGEST_SIDE, LONGEST_SIDE) } else { place.pixels() };
        let mut both = Vec::new();
        for (which, path) in order.paths.iter().enumerate() {
            let pixels = self.read(path, wanted, watch).map_err(|why| (which, why))?;
            both.push(seen(&pixels, place.pixels(), order.closer, encode_options.ground));
            watch.check().map_err(|why| (which, why))?;
        }
        let cells = |side: u32, cell: u16, room: u16| {
            let needed = side.div_ceil(u32::from(cell.max(1)));
            u16::try_from(needed).unwrap_or(u16::MAX).clamp(1, room.max(1))
        };
        let Canvas { cell, .. } = place;
        let wide = |image: &RgbImage| cells(image.width(), cell.width, width);
        let height = both.iter().map(|image| cells(image.height(), cell.height, order.room.height)).max();
        let height = height.unwrap_or(1);
        let pack = |images: &[(&RgbImage, u16)], width: u16| {
            // No more than what there is to see: the rest of the place stays the screen's.
            let canvas = canvas(order, encode_options, Cells { width, height });
            let (across, down) = canvas.pixels();
            let mut whole = RgbImage::from_pixel(across, down, Rgb(encode_options.ground));
            for (image, column) in images {
                imageops::replace(&mut whole, *image, i64::from(*column) * i64::from(cell.width), 0);
            }
            Arc::new(encode(&Pixels::Opaque(whole), &canvas))
        };
        let [first, second] = [&both[0], &both[1]];
        Ok(if order.beside {
            let second_at = width + GAP;
            vec![pack(&[(first, 0), (second, second_at)], second_at + wide(second))]
        } else {
            // Of one size, so that each lies exactly where the other did.
            let width = wide(first).max(wide(second));
            vec![pack(&[(first, 0)], width), pack(&[(second, 0)], width)]
        })
    }

    fn read(&mut self, path: &PathBuf, wanted: (u32, u32), watch: &Watch) -> Result<Arc<Pixels>, ReadError> {
        let changed = std::fs::metadata(path).and_then(|there| there.modified()).ok();
        let read: Read = (path.clone(), changed, wanted);
        if let Some((_, pixels)) = self.kept.iter().find(|(kept, _)| *kept == read) {
            return Ok(pixels.clone());
        }
        let pixels = match look(path, wanted, watch)?.content {
            Content::Picture(still) => Arc::new(still.pixels),
            Content::Facts(facts) => return Err(ReadError::Unreadable(facts.join(", "))),
            Content::Text(..) => return Err(ReadError::Unreadable("it is a text".to_owned())),
        };
        self.kept.push((read, pixels.clone()));
        let bytes = |pixels: &Pixels| pixels.width() as usize * pixels.height() as usize * 4;
        while self.kept.len() > 2 || self.kept.iter().map(|(_, pixels)| bytes(pixels)).sum::<usize>() > KEPT {
            self.kept.remove(0);
        }
        Ok(pixels)
    }
}

fn canvas(order: &CompareOrder, encode_options: EncodeOptions, room: Cells) -> Canvas {
    // A half-block is one pixel when each is to be seen.
    let is_pixel = order.kind == Kind::Blocks && order.closer.is_some();
    Canvas {
        room,
        cell: if is_pixel { CellSize { width: 1, height: 2 } } else { order.cell },
        kind: order.kind,
        budget: encode_options.budget,
        piece: encode_options.piece,
        ground: encode_options.ground,
        colours: encode_options.colours,
    }
}

/// The pixels as they are seen in a place: all of them as large as they fit, or a part as it is.
fn seen(pixels: &Pixels, (across, down): (u32, u32), closer: Option<Spot>, ground: [u8; 3]) -> RgbImage {
    let (width, height) = (pixels.width().max(1), pixels.height().max(1));
    match closer {
        Some(spot) => {
            let from = |at: u16, has: u32, room: u32| {
                let middle = u64::from(has) * u64::from(at) / 1_000;
                let first = u32::try_from(middle).unwrap_or(has).saturating_sub(room / 2);
                first.min(has.saturating_sub(room))
            };
            let (x, y) = (from(spot.x, width, across), from(spot.y, height, down));
            part(pixels, (x, y), (width.min(across), height.min(down)), ground)
        }
        None => {
            let scale = (f64::from(across) / f64::from(width)).min(f64::from(down) / f64::from(height));
            let scale = scale.min(MOST_ENLARGED);
            let side = |pixels: u32| ((f64::from(pixels) * scale) as u32).max(1);
            let whole = part(pixels, (0, 0), (width, height), ground);
            imageops::resize(&whole, side(width), side(height), FilterType::Triangle)
        }
    }
}

/// A part of the pixels, over the ground.
fn part(pixels: &Pixels, (x, y): (u32, u32), (width, height): (u32, u32), ground: [u8; 3]) -> RgbImage {
    match pixels {
        Pixels::Opaque(image) => imageops::crop_imm(image, x, y, width, height).to_image(),
        Pixels::Transparent(image) => {
            let part = imageops::crop_imm(image, x, y, width, height).to_image();
            RgbImage::from_fn(width, height, |x, y| {
                let [r, g, b, alpha] = part.get_pixel(x, y).0.map(u32::from);
                let mix = |colour: u32, ground: u8| {
                    ((colour * alpha + u32::from(ground) * (255 - alpha) + 127) / 255) as u8
                };
                Rgb([mix(r, ground[0]), mix(g, ground[1]), mix(b, ground[2])])
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use image::ImageFormat;

    use super::*;
    use crate::picture::{Colours, Form};

    const GROUND: [u8; 3] = [0, 0, 40];
    const RED: [u8; 3] = [200, 0, 0];
    const GREEN: [u8; 3] = [0, 200, 0];

    fn encode_options() -> EncodeOptions {
        EncodeOptions { budget: usize::MAX, piece: usize::MAX, ground: GROUND, colours: Colours::True }
    }

    fn renderer() -> CompareRenderer {
        CompareRenderer { newest: Arc::new(AtomicU64::new(0)), kept: Vec::new() }
    }

    /// The left half in one colour, the right half in another.
    fn file(
        folder: &tempfile::TempDir,
        name: &str,
        (width, height): (u32, u32),
        colours: [[u8; 3]; 2],
    ) -> PathBuf {
        let path = folder.path().join(name);
        let image = RgbImage::from_fn(width, height, |x, _| Rgb(colours[usize::from(x >= width / 2)]));
        image.save_with_format(&path, ImageFormat::Png).expect("written");
        path
    }

    fn order(paths: [PathBuf; 2], beside: bool) -> CompareOrder {
        CompareOrder {
            paths,
            room: Cells { width: 22, height: 5 },
            cell: CellSize { width: 10, height: 20 },
            kind: Kind::Blocks,
            beside,
            closer: None,
        }
    }

    /// The colour of the upper half of a cell.
    fn at(picture: &picture::Shared, x: usize, y: usize) -> [u8; 3] {
        let Form::Blocks(halves) = &picture.form else { panic!("not blocks") };
        halves[y * usize::from(picture.cells.width) + x][0]
    }

    fn make(renderer: &mut CompareRenderer, order: &CompareOrder) -> Vec<picture::Shared> {
        renderer.make(order, encode_options(), &Watch::new(PATIENCE)).expect("made")
    }

    #[test]
    fn two_are_beside_each_other_with_a_gap_between() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = [
            file(&folder, "a.png", (400, 400), [RED, RED]),
            file(&folder, "b.png", (400, 400), [GREEN, GREEN]),
        ];
        let made = make(&mut renderer(), &order(paths, true));
        assert_eq!((made.len(), made[0].cells), (1, Cells { width: 22, height: 5 }));
        // Scaling blends the edges.
        for (x, colour) in [(0, RED), (8, RED), (13, GREEN), (21, GREEN)] {
            assert_eq!(at(&made[0], x, 2), colour, "{x}");
        }
    }

    #[test]
    fn each_has_the_place_of_the_other_when_they_flip() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = [
            file(&folder, "a.png", (400, 400), [RED, GREEN]),
            file(&folder, "b.png", (200, 200), [GREEN, RED]),
        ];
        let made = make(&mut renderer(), &order(paths, false));
        assert_eq!(
            made.iter().map(|made| made.cells).collect::<Vec<_>>(),
            [Cells { width: 10, height: 5 }; 2]
        );
        for (x, colours) in [(0, [RED, GREEN]), (3, [RED, GREEN]), (6, [GREEN, RED]), (8, [GREEN, RED])] {
            assert_eq!([at(&made[0], x, 2), at(&made[1], x, 2)], colours, "{x}");
        }
        // Of two shapes, too: the ground is where the other one has more.
        let paths = [
            file(&folder, "a.png", (400, 100), [RED, RED]),
            file(&folder, "b.png", (100, 400), [GREEN, GREEN]),
        ];
        let made = make(&mut renderer(), &order(paths, false));
        assert_eq!(
            made.iter().map(|made| made.cells).collect::<Vec<_>>(),
            [Cells { width: 22, height: 5 }; 2]
        );
        assert_eq!([at(&made[0], 20, 0), at(&made[0], 0, 4)], [RED, GROUND]);
        assert_eq!([at(&made[1], 0, 4), at(&made[1], 20, 0)], [GREEN, GROUND]);
    }

    #[test]
    fn closer_each_pixel_is_seen_and_both_are_moved_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        let both = || file(&folder, "a.png", (4_000, 1_000), [RED, GREEN]);
        let closer = |x, y| CompareOrder { closer: Some(Spot { x, y }), ..order([both(), both()], false) };
        let mut renderer = renderer();
        for (x, left, right) in [(0, RED, RED), (500, RED, GREEN), (1_000, GREEN, GREEN)] {
            let made = make(&mut renderer, &closer(x, 500));
            for picture in &made {
                assert_eq!((at(picture, 0, 0), at(picture, 21, 4)), (left, right), "{x}");
            }
        }
        assert!(renderer.kept.len() <= 2);
    }

    #[test]
    fn which_one_cannot_be_seen_is_said_and_the_newest_order_wins() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = file(&folder, "a.png", (10, 10), [RED, GREEN]);
        let (orders, taken) = mpsc::channel();
        let renderer = renderer();
        let comparer = Comparer { orders, newest: renderer.newest.clone() };
        comparer.make(order([good.clone(), good.clone()], true), encode_options());
        comparer.make(order([good, folder.path().join("gone.png")], true), encode_options());
        drop(comparer);
        let told = std::cell::RefCell::new(Vec::new());
        renderer.serve(&taken, |msg| {
            told.borrow_mut().push(msg);
            true
        });
        let [Msg::Compared(_, Err(why))] = &told.borrow()[..] else { panic!("{told:?}") };
        assert!(why.starts_with("B: the file is gone"), "{why}");
    }
}
