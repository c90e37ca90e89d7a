//! The sheet of a batch as one picture, with its axes written in it.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage, imageops};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::read::{Content, Pixels, ReadError, Watch, look};
use crate::domain::batch::table::{Cell, Table};

/// Longest side of a tile in pixels, at most and at least.
const TILE: (u32, u32) = (320, 48);
/// Pixels between tiles.
const GAP: u32 = 8;
/// Pixels of a whole sheet at most.
const MOST_PIXELS: u64 = 64 << 20;
/// Characters of a row's label.
const LABEL: usize = 18;

const HEIGHT: RasterHeight = RasterHeight::Size16;
const WEIGHT: FontWeight = FontWeight::Regular;
const GROUND: Rgb<u8> = Rgb([22, 22, 26]);
const INK: Rgb<u8> = Rgb([221, 221, 221]);
/// Place of a run without a picture.
const EMPTY: Rgb<u8> = Rgb([40, 40, 46]);

/// A PNG of the sheet. A picture that cannot be read leaves its place empty, with the reason.
///
/// # Errors
/// When there are too many runs for one picture, the time is up, or the picture cannot be encoded; one sentence.
pub fn png(table: &Table, watch: &Watch) -> Result<Vec<u8>, String> {
    let plan = Plan::of(table)?;
    let mut canvas = RgbImage::from_pixel(plan.width, plan.height, GROUND);
    write(&mut canvas, GAP, GAP, plan.width, &format!("Batch {}: {}", table.batch, table.title));
    for (column, head) in table.columns.iter().enumerate() {
        let (x, y) = plan.tile(0, column);
        write(&mut canvas, x, y.saturating_sub(plan.line + GAP / 2), plan.side, head);
    }
    for (at, row) in table.rows.iter().enumerate() {
        let (_, y) = plan.tile(at, 0);
        for (line, part) in wrapped(&row.label, LABEL).iter().enumerate() {
            write(&mut canvas, GAP, y + plan.line * line as u32, plan.left, part);
        }
        for (column, cell) in row.cells.iter().enumerate() {
            let (x, y) = plan.tile(at, column);
            tile(&mut canvas, (x, y), plan, cell, watch)?;
        }
    }
    let mut bytes = Cursor::new(Vec::new());
    canvas
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|why| format!("the sheet cannot be encoded: {why}"))?;
    Ok(bytes.into_inner())
}

/// Where everything is, in pixels.
#[derive(Clone, Copy, Debug)]
struct Plan {
    side: u32,
    /// Height of a line of text.
    line: u32,
    /// Width of the labels.
    left: u32,
    top: u32,
    /// Whether tiles have a line beneath them.
    captions: bool,
    width: u32,
    height: u32,
}

impl Plan {
    /// As large tiles as fit.
    fn of(table: &Table) -> Result<Self, String> {
        let columns = table.rows.iter().map(|row| row.cells.len()).max().unwrap_or(0).max(1) as u32;
        let rows = table.rows.len().max(1) as u32;
        let line = HEIGHT.val() as u32 + 4;
        let is_grid = !table.columns.is_empty();
        let left = if is_grid { LABEL as u32 * advance() + GAP } else { 0 };
        let top = GAP + line + if is_grid { line } else { 0 } + GAP;
        for side in (TILE.1..=TILE.0).rev().step_by(16) {
            let height = side + GAP + if is_grid { 0 } else { line };
            let size = (
                u64::from(left + GAP) + u64::from(columns) * u64::from(side + GAP),
                u64::from(top) + u64::from(rows) * u64::from(height) + u64::from(GAP),
            );
            if let (Ok(width), Ok(height)) = (u32::try_from(size.0), u32::try_from(size.1))
                && size.0 * size.1 <= MOST_PIXELS
            {
                return Ok(Self { side, line, left, top, captions: !is_grid, width, height });
            }
        }
        Err("the batch has too many runs for one picture. Save it as HTML".to_owned())
    }

    fn tile(self, row: usize, column: usize) -> (u32, u32) {
        let height = self.side + GAP + if self.captions { self.line } else { 0 };
        (self.left + GAP + column as u32 * (self.side + GAP), self.top + row as u32 * height)
    }
}

/// A picture in its place, or why there is none.
fn tile(
    canvas: &mut RgbImage,
    (x, y): (u32, u32),
    plan: Plan,
    cell: &Cell,
    watch: &Watch,
) -> Result<(), String> {
    let picture = cell.output.as_deref().map(|path| picture(path, plan.side, watch)).transpose()?;
    match picture {
        Some(Ok(picture)) => {
            let (dx, dy) = ((plan.side - picture.width()) / 2, plan.side - picture.height());
            imageops::overlay(canvas, &picture, i64::from(x + dx), i64::from(y + dy));
        }
        told => {
            let empty = RgbImage::from_pixel(plan.side, plan.side, EMPTY);
            imageops::overlay(canvas, &empty, i64::from(x), i64::from(y));
            let why = told.and_then(Result::err);
            let why = why.as_deref().or(Some(cell.caption.as_str()).filter(|_| !plan.captions)).unwrap_or("");
            let columns = (plan.side.saturating_sub(GAP) / advance()).max(1) as usize;
            for (line, part) in wrapped(why, columns).iter().enumerate() {
                let top = y + GAP + plan.line * line as u32;
                if top + plan.line <= y + plan.side {
                    write(canvas, x + GAP / 2, top, plan.side - GAP / 2, part);
                }
            }
        }
    }
    if plan.captions {
        write(canvas, x, y + plan.side + 2, plan.side, &cell.caption);
    }
    Ok(())
}

/// A picture scaled into a square; the inner error is why this file has none, the outer one that time is up.
fn picture(path: &Path, side: u32, watch: &Watch) -> Result<Result<RgbImage, String>, String> {
    let pixels = match look(path, (side, side), watch) {
        Ok(seen) => match seen.content {
            Content::Picture(still) => still.pixels,
            Content::Text(..) | Content::Facts(_) => return Ok(Err(seen.kind.to_owned())),
        },
        Err(why @ (ReadError::TooSlow(_) | ReadError::Superseded)) => return Err(why.to_string()),
        Err(why) => return Ok(Err(why.to_string())),
    };
    let image = match pixels {
        Pixels::Opaque(image) => image,
        Pixels::Transparent(image) => on_ground(&image),
    };
    let longest = image.width().max(image.height()).max(1);
    let scaled = |pixels: u32| {
        (u64::from(pixels) * u64::from(side) / u64::from(longest)).clamp(1, u64::from(side)) as u32
    };
    Ok(Ok(imageops::thumbnail(&image, scaled(image.width()), scaled(image.height()))))
}

/// What is transparent shows the ground.
fn on_ground(image: &image::RgbaImage) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let pixel = image.get_pixel(x, y);
        mixed(GROUND, Rgb([pixel[0], pixel[1], pixel[2]]), pixel[3])
    })
}

fn mixed(below: Rgb<u8>, above: Rgb<u8>, share: u8) -> Rgb<u8> {
    let mix = |below: u8, above: u8| {
        let (share, rest) = (u16::from(share), 255 - u16::from(share));
        ((u16::from(above) * share + u16::from(below) * rest) / 255) as u8
    };
    Rgb([mix(below[0], above[0]), mix(below[1], above[1]), mix(below[2], above[2])])
}

/// Pixels from one character to the next.
fn advance() -> u32 {
    get_raster_width(WEIGHT, HEIGHT) as u32
}

/// Writes a line of text, cut with `…` at a width. A character that the font does not have is a `?`.
fn write(canvas: &mut RgbImage, x: u32, y: u32, width: u32, text: &str) {
    let most = (width / advance()).max(1) as usize;
    let count = text.chars().count();
    let cut: String = match count > most {
        true => text.chars().take(most.saturating_sub(3)).chain("...".chars()).collect(),
        false => text.to_owned(),
    };
    for (at, character) in cut.chars().enumerate() {
        let glyph = get_raster(character, WEIGHT, HEIGHT).or_else(|| get_raster('?', WEIGHT, HEIGHT));
        let Some(glyph) = glyph else { continue };
        for (dy, line) in glyph.rows().enumerate() {
            for (dx, share) in line.iter().enumerate() {
                let (x, y) = (x + at as u32 * advance() + dx as u32, y + dy as u32);
                if let Some(pixel) = canvas.get_pixel_mut_checked(x, y) {
                    *pixel = mixed(*pixel, INK, *share);
                }
            }
        }
    }
}

/// A text in lines of so many characters.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(columns.max(1)).map(|line| line.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::batch::table::Row;

    #[test]
    fn tiles_lie_in_their_places_and_the_axes_are_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("red.png");
        RgbImage::from_pixel(64, 32, Rgb([250, 0, 0])).save(&path).expect("saved");
        let cell =
            |output: Option<&Path>| Cell { caption: "queued".to_owned(), output: output.map(Path::to_owned) };
        let row =
            Row { label: "seed 268261030599020".to_owned(), cells: vec![cell(Some(&path)), cell(None)] };
        let columns = vec!["cfg 5".to_owned(), "cfg 6".to_owned()];
        let table = Table { batch: 7, title: "cfg × seed".to_owned(), columns, rows: vec![row] };
        let bytes = png(&table, &Watch::new(Duration::from_secs(20))).expect("a sheet");
        let image = image::load_from_memory(&bytes).expect("a picture").to_rgb8();
        let plan = Plan::of(&table).expect("a plan");
        let (x, y) = plan.tile(0, 0);
        assert_eq!(*image.get_pixel(x + plan.side / 2, y + plan.side - 4), Rgb([250, 0, 0]));
        let (x, y) = plan.tile(0, 1);
        assert_eq!(*image.get_pixel(x + plan.side - 2, y + plan.side - 2), EMPTY);
        let inked = |x0: u32, y0: u32, width: u32| {
            let pixels = (x0..x0 + width).flat_map(|x| (y0..y0 + plan.line).map(move |y| (x, y)));
            pixels.filter(|(x, y)| image.get_pixel(*x, *y)[0] > 150).count()
        };
        assert!(inked(plan.tile(0, 1).0, plan.top - plan.line - GAP / 2, 60) > 20, "a heading");
        assert!(inked(GAP, plan.top, 100) > 20, "a label");
    }

    #[test]
    fn what_is_too_large_for_a_picture_says_so() {
        let row = Row { label: String::new(), cells: vec![Cell::default(); 10_000] };
        let table = Table { rows: vec![row; 10_000], ..Table::default() };
        assert!(png(&table, &Watch::new(Duration::from_secs(1))).is_err_and(|why| why.contains("HTML")));
    }
}
