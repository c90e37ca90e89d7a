//! Thumbnails of real files, from the thread's own parts.

use std::path::Path;

use image::{Rgb, RgbImage};
use sha2::Digest;

use super::*;
use crate::domain::workflow::hex;
use crate::picture::{BlockSet, CellSize, Cells, Colours, Form, PictureProtocol};

struct Place {
    folder: tempfile::TempDir,
}

fn place() -> Place {
    Place { folder: tempfile::tempdir().expect("a folder") }
}

impl Place {
    fn renderer(&self) -> ThumbRenderer {
        let cache = Cache::new(self.folder.path().join("thumbs"));
        ThumbRenderer { replies: Replies::to_test().0, cache }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> ThumbOrder {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        ThumbOrder {
            sha256: hex(&sha2::Sha256::digest(bytes)),
            path,
            size: bytes.len() as u64,
            form: ThumbForm::blocks(Cells { width: 16, height: 8 }),
        }
    }

    fn picture(&self, name: &str, colour: [u8; 3]) -> ThumbOrder {
        self.file(name, &png(1_000, 500, colour))
    }
}

fn png(width: u32, height: u32, colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = RgbImage::from_pixel(width, height, Rgb(colour));
    image.write_to(&mut bytes, image::ImageFormat::Png).expect("a picture");
    bytes.into_inner()
}

fn options() -> EncodeOptions {
    EncodeOptions {
        budget: 6_000,
        piece: usize::MAX,
        ground: [0; 3],
        colours: Colours::True,
        blocks: BlockSet::Half,
        sixel_limit: None,
    }
}

fn make(renderer: &mut ThumbRenderer, order: &ThumbOrder) -> Thumb {
    renderer.make(order, options(), &Watch::new(PATIENCE)).expect("not superseded")
}

/// Its cells and their colour, when it is one; JPEG moves colours by a little.
fn colour(thumb: &Thumb) -> Option<(Cells, [u8; 3])> {
    let Thumb::Picture(picture, _) = thumb else { return None };
    let Form::Blocks(blocks) = &picture.form else { return None };
    let first = blocks[0].front;
    assert!(
        blocks
            .iter()
            .flat_map(|block| [block.front, block.back])
            .all(|half| half.iter().zip(first).all(|(a, b)| a.abs_diff(b) < 8))
    );
    Some((picture.cells, first.map(|channel| channel / 16 * 16)))
}

fn gone(path: &Path) {
    std::fs::remove_file(path).expect("removed");
}

#[test]
fn a_thumbnail_is_made_once_for_each_content_and_fits_any_room() {
    let place = place();
    let order = place.picture("a.png", [200, 40, 88]);
    let made = make(&mut place.renderer(), &order);
    assert_eq!(colour(&made), Some((Cells { width: 16, height: 4 }, [192, 32, 80])));
    // Another screen, after the file has gone; and of another size.
    gone(&order.path);
    assert_eq!(colour(&make(&mut place.renderer(), &order)), colour(&made));
    let small = ThumbOrder { form: ThumbForm::blocks(Cells { width: 4, height: 8 }), ..order };
    let cells = Cells { width: 4, height: 1 };
    assert_eq!(colour(&make(&mut place.renderer(), &small)), Some((cells, [192, 32, 80])));
}

#[test]
fn what_is_broken_is_remembered_and_what_may_change_is_not() {
    let place = place();
    let broken = place.file("a.png", &png(10, 10, [1; 3])[..40]);
    let Thumb::Nothing(why) = make(&mut place.renderer(), &broken) else { panic!("not broken") };
    assert!(why.contains("broken"), "{why}");
    gone(&broken.path);
    assert_eq!(make(&mut place.renderer(), &broken), Thumb::Nothing(why));

    let missing = place.picture("b.png", [1; 3]);
    gone(&missing.path);
    let Thumb::Nothing(why) = make(&mut place.renderer(), &missing) else { panic!("not gone") };
    assert!(why.contains("gone"), "{why}");
    place.picture("b.png", [1; 3]);
    assert!(colour(&make(&mut place.renderer(), &missing)).is_some(), "it is there again");
}

#[test]
fn a_file_that_was_painted_over_is_not_taken_for_what_the_run_made() {
    let place = place();
    let order = place.picture("a.png", [200, 40, 88]);
    std::fs::write(&order.path, png(1_000, 500, [40, 200, 88])).expect("painted over");
    assert_eq!(colour(&make(&mut place.renderer(), &order)).map(|(_, colour)| colour), Some([32, 192, 80]));
    place.picture("a.png", [200, 40, 88]);
    assert_eq!(colour(&make(&mut place.renderer(), &order)).map(|(_, colour)| colour), Some([192, 32, 80]));
}

#[test]
fn nothing_is_made_once_others_are_wanted() {
    let place = place();
    let orders = vec![place.picture("a.png", [50, 0, 0]), place.picture("b.png", [100, 0, 0])];
    let (replies, inbox) = Replies::to_test();
    let mut renderer = ThumbRenderer { replies, ..place.renderer() };
    let kept = |order: &ThumbOrder| renderer_file(&place, order).exists();
    renderer.render(orders.clone(), options(), &Ticket::superseded());
    assert!(inbox.try_recv().is_err() && !kept(&orders[0]));
    renderer.render(orders.clone(), options(), &Ticket::newest());
    assert_eq!(inbox.try_iter().count(), 2);
    assert!(kept(&orders[0]) && kept(&orders[1]));
}

fn renderer_file(place: &Place, order: &ThumbOrder) -> PathBuf {
    place.folder.path().join("thumbs").join(&order.sha256[..2]).join(&order.sha256)
}

#[test]
fn a_tile_of_pixels_has_all_that_its_cells_can_show() {
    let place = place();
    let order = place.picture("a.png", [200, 40, 88]);
    let form = |width, height| ThumbForm {
        room: Cells { width, height },
        cell: CellSize { width: 10, height: 20 },
        protocol: PictureProtocol::Kitty,
    };
    let sides = |order: &ThumbOrder| {
        let Thumb::Picture(picture, _) = make(&mut place.renderer(), order) else { panic!("no picture") };
        let Form::Kitty(png) = &picture.form else { panic!("not of pixels") };
        let image = image::load_from_memory(png).expect("a PNG");
        (picture.cells, image.width(), image.height())
    };
    let small = ThumbOrder { form: form(20, 12), ..order.clone() };
    assert_eq!(sides(&small), (Cells { width: 20, height: 5 }, 200, 100));
    // More than is kept of it: the file itself, as long as it is there.
    let large = ThumbOrder { form: form(60, 40), ..order };
    assert_eq!(sides(&large), (Cells { width: 60, height: 15 }, 600, 300));
    gone(&large.path);
    let (cells, width, _) = sides(&large);
    assert_eq!((cells.width, width), (60, 256), "coarse, but there");
}
