//! Encodes pixels for a terminal's picture protocol, within a budget of bytes.
//!
//! Each encoder tries a ladder of steps from best to smallest and takes the first one that stays within the budget.
//! Kitty and iTerm2 scale a picture to its cells, so their steps reduce the pixels; a Sixel picture is as large as
//! its pixels, so its steps reduce the colours first. The last step is taken whatever it costs: a picture of some
//! cells, a few hundred bytes.

pub(super) mod blocks;
mod iterm2;
mod kitty;
mod sixel;
#[cfg(test)]
mod tests;

use image::RgbImage;
use image::imageops::{self, FilterType};

use super::read::Pixels;
use super::{Canvas, Cells, Form, Picture, PictureProtocol};

pub use blocks::BlockPen;
pub use kitty::{CHUNK as KITTY_CHUNK, base64_chunk, wire_bytes as kitty_wire_bytes};

/// Encodes pixels for a canvas, within its budget.
pub fn encode(pixels: &Pixels, canvas: &Canvas) -> Picture {
    let cells = canvas.fit(pixels.width(), pixels.height());
    match canvas.protocol {
        PictureProtocol::Blocks => {
            let (cells, form) = blocks::encode(pixels, cells, canvas);
            Picture { cells, form: Form::Blocks(form) }
        }
        PictureProtocol::Kitty => Picture { cells, form: Form::Kitty(kitty::encode(pixels, cells, canvas)) },
        PictureProtocol::Iterm2 => {
            Picture { cells, form: Form::Strips(iterm2::encode(pixels, cells, canvas)) }
        }
        PictureProtocol::Sixel => {
            let (cells, pieces) = sixel::encode(pixels, cells, canvas);
            Picture { cells, form: Form::Strips(pieces) }
        }
    }
}

/// The size of `cells` in pixels, but not larger than the picture itself.
fn useful_size(pixels: &Pixels, cells: Cells, canvas: &Canvas) -> (u32, u32) {
    let (width, height) = full_size(cells, canvas);
    (width.min(pixels.width()).max(1), height.min(pixels.height()).max(1))
}

/// The size of `cells` in pixels.
fn full_size(cells: Cells, canvas: &Canvas) -> (u32, u32) {
    let pixels = |cells: u16, size: u16| u32::from(cells) * u32::from(size);
    (pixels(cells.width, canvas.cell.width), pixels(cells.height, canvas.cell.height))
}

/// A size scaled by a factor, at least one pixel.
fn share((width, height): (u32, u32), share: f64) -> (u32, u32) {
    let part = |pixels: u32| ((f64::from(pixels) * share).round() as u32).max(1);
    (part(width), part(height))
}

/// The pixels scaled to a size, transparency blended with the background.
fn scaled(pixels: &Pixels, (width, height): (u32, u32), ground: [u8; 3]) -> RgbImage {
    match pixels {
        Pixels::Opaque(image) => resize(image, width, height),
        Pixels::Transparent(image) => {
            let scaled = if (image.width(), image.height()) == (width, height) {
                std::borrow::Cow::Borrowed(image)
            } else {
                std::borrow::Cow::Owned(imageops::resize(image, width, height, FilterType::Triangle))
            };
            let mut over = RgbImage::new(width, height);
            for (to, from) in over.pixels_mut().zip(scaled.pixels()) {
                let [r, g, b, alpha] = from.0.map(u32::from);
                let mix = |colour: u32, ground: u8| {
                    ((colour * alpha + u32::from(ground) * (255 - alpha) + 127) / 255) as u8
                };
                to.0 = [mix(r, ground[0]), mix(g, ground[1]), mix(b, ground[2])];
            }
            over
        }
    }
}

fn resize(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    if (image.width(), image.height()) == (width, height) {
        return image.clone();
    }
    imageops::resize(image, width, height, FilterType::Triangle)
}

/// How many cell rows a piece gets so that it has about `piece` bytes; `total` are the bytes of the whole picture.
fn rows_a_piece(total: usize, rows: u16, piece: usize) -> u16 {
    let pieces = total.div_ceil(piece.max(1)).clamp(1, usize::from(rows.max(1)));
    rows.max(1).div_ceil(pieces as u16)
}
