//! Renders the pictures of a comparison: two files at the same position and scale.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::Replies;
use super::encode_options::EncodeOptions;
use super::worker::Ticket;
use crate::picture::read::{Content, LONGEST_SIDE, Pixels, ReadError, Watch, look};
use crate::picture::{self, Canvas, CellSize, Cells, PictureProtocol, encode};
use crate::tui::msg::Msg;
use crate::tui::panes::compare::CompareOrder;
use crate::tui::panes::compare::Spot;
use crate::tui::panes::compare::places::half;

/// Timeout of reading and decoding both files.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes of decoded pixels kept for the next order, such as the same files scrolled a little.
const KEPT: usize = 64 << 20;
/// Small pictures are enlarged by this factor at the most.
const MOST_ENLARGED: f64 = 4.0;

/// Key of a decoded file: path, time of modification, requested size.
type Read = (PathBuf, Option<SystemTime>, (u32, u32));

/// Decodes, scales and encodes the two pictures of a comparison.
pub(super) struct CompareRenderer {
    replies: Replies,
    kept: Vec<(Read, Arc<Pixels>)>,
}

impl CompareRenderer {
    pub(super) fn new(replies: Replies) -> Self {
        Self { replies, kept: Vec::new() }
    }

    /// Renders an order and replies, unless a newer order replaces it.
    pub(super) fn render(&mut self, order: CompareOrder, options: EncodeOptions, ticket: &Ticket) {
        let made = match self.make(&order, options, &ticket.watch(PATIENCE)) {
            Err((_, ReadError::Superseded)) => return,
            Err((which, why)) => Err(format!("{}: {why}", ["A", "B"][which])),
            Ok(pictures) => Ok(pictures),
        };
        self.replies.send(Msg::Compared(order, made));
    }

    /// Both pictures, or which of the two cannot be shown, and why.
    fn make(
        &mut self,
        order: &CompareOrder,
        options: EncodeOptions,
        watch: &Watch,
    ) -> Result<Vec<picture::Shared>, (usize, ReadError)> {
        let (width, options) = match order.beside {
            // They are sent together.
            true => (half(order.room.width), EncodeOptions { budget: options.budget / 2, ..options }),
            false => (order.room.width, options),
        };
        let room = options.room_of_one(Cells { width, ..order.room }, order.cell, order.protocol);
        let place = canvas(order, options, room);
        // A magnified part needs every pixel of the file.
        let wanted = if order.closer.is_some() { (LONGEST_SIDE, LONGEST_SIDE) } else { place.pixels() };
        let mut both = Vec::new();
        for (which, path) in order.paths.iter().enumerate() {
            let pixels = self.read(path, wanted, watch).map_err(|why| (which, why))?;
            both.push(seen(&pixels, place.pixels(), order.closer, options.ground));
            watch.check().map_err(|why| (which, why))?;
        }
        let cells = |side: u32, cell: u16, room: u16| {
            let needed = side.div_ceil(u32::from(cell.max(1)));
            u16::try_from(needed).unwrap_or(u16::MAX).clamp(1, room.max(1))
        };
        let Canvas { cell, .. } = place;
        let needed = |image: &RgbImage| Cells {
            width: cells(image.width(), cell.width, room.width),
            height: cells(image.height(), cell.height, room.height),
        };
        let mut sizes = [needed(&both[0]), needed(&both[1])];
        if !order.beside {
            // Both get the same size, so that they cover each other exactly.
            let larger = |side: fn(&Cells) -> u16| sizes.iter().map(side).max().unwrap_or(1);
            sizes = [Cells { width: larger(|size| size.width), height: larger(|size| size.height) }; 2];
        }
        let pack = |(image, size): (&RgbImage, Cells)| {
            // Not larger than the picture itself; the rest of the area stays blank.
            let canvas = canvas(order, options, size);
            let (across, down) = canvas.pixels();
            let mut whole = RgbImage::from_pixel(across, down, Rgb(options.ground));
            imageops::replace(&mut whole, image, 0, 0);
            Arc::new(encode(&Pixels::Opaque(whole), &canvas))
        };
        Ok(both.iter().zip(sizes).map(pack).collect())
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

fn canvas(order: &CompareOrder, options: EncodeOptions, room: Cells) -> Canvas {
    // A half-block is one pixel when each is to be seen.
    let is_pixel = order.protocol == PictureProtocol::Blocks && order.closer.is_some();
    Canvas {
        room,
        cell: if is_pixel { CellSize { width: 1, height: 2 } } else { order.cell },
        protocol: order.protocol,
        budget: options.budget,
        piece: options.piece,
        ground: options.ground,
        colours: options.colours,
        blocks: options.blocks,
    }
}

/// The visible pixels for an area: the whole picture scaled to fit, or a part at its original size.
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

/// A part of the pixels, transparency blended with the background.
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

    use super::super::Wake;
    use super::super::worker::Worker;
    use super::*;
    use crate::picture::{BlockSet, Colours, Form};

    const GROUND: [u8; 3] = [0, 0, 40];
    const RED: [u8; 3] = [200, 0, 0];
    const GREEN: [u8; 3] = [0, 200, 0];

    fn encode_options() -> EncodeOptions {
        EncodeOptions {
            budget: usize::MAX,
            piece: usize::MAX,
            ground: GROUND,
            colours: Colours::True,
            blocks: BlockSet::Half,
            sixel_limit: None,
        }
    }

    fn renderer() -> CompareRenderer {
        CompareRenderer::new(Replies::to_test().0)
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
            protocol: PictureProtocol::Blocks,
            beside,
            closer: None,
        }
    }

    /// The colour of the upper half of a cell.
    fn at(picture: &picture::Shared, x: usize, y: usize) -> [u8; 3] {
        let Form::Blocks(blocks) = &picture.form else { panic!("not blocks") };
        blocks[y * usize::from(picture.cells.width) + x].front
    }

    fn make(renderer: &mut CompareRenderer, order: &CompareOrder) -> Vec<picture::Shared> {
        renderer.make(order, encode_options(), &Watch::new(PATIENCE)).expect("made")
    }

    #[test]
    fn each_of_two_beside_each_other_fits_its_half() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths = [
            file(&folder, "a.png", (400, 400), [RED, RED]),
            file(&folder, "b.png", (400, 200), [GREEN, GREEN]),
        ];
        let made = make(&mut renderer(), &order(paths, true));
        // As large as they are themselves: no ground stands beside or beneath one.
        let sizes: Vec<Cells> = made.iter().map(|made| made.cells).collect();
        assert_eq!(sizes, [Cells { width: 10, height: 5 }, Cells { width: 10, height: 3 }]);
        for (picture, colour) in made.iter().zip([RED, GREEN]) {
            assert_eq!([at(picture, 0, 0), at(picture, 9, 1)], [colour, colour]);
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
        let (replies, inbox) = Replies::to_test();
        let mut renderer = CompareRenderer::new(replies);
        let worker =
            Worker::start(move |order, ticket: &Ticket| renderer.render(order, encode_options(), ticket));
        let worker = worker.expect("a thread");
        worker.order(order([good.clone(), good.clone()], true));
        worker.order(order([good, folder.path().join("gone.png")], true));
        // The first order may have been finished already; its result comes first then.
        let results = std::iter::from_fn(|| inbox.recv().ok());
        let results = results.map(|wake| match wake {
            Wake::Msg(Msg::Compared(_, made)) => made,
            other => panic!("{other:?}"),
        });
        let why = results.filter_map(Result::err).next().expect("why not");
        assert!(why.starts_with("B: the file is gone"), "{why}");
    }
}
