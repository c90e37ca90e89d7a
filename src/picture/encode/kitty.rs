//! Kitty: a PNG file, which the terminal stores and scales. True colour if the budget allows, else a palette of 256.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;

use super::super::quantize::{Indexed, exact, quantize};
use super::super::read::Pixels;
use super::super::{Canvas, Cells};
use super::{scaled, share, useful_size};

/// Most base64 bytes that the protocol allows in one escape sequence.
pub const CHUNK: usize = 4096;
/// Most bytes of an escape sequence besides its base64.
const AROUND: usize = 32;

/// Bytes on the wire of a PNG file of `png` bytes: base64 in escape sequences.
pub fn wire_bytes(png: usize) -> usize {
    let encoded = png.div_ceil(3) * 4;
    encoded + encoded.div_ceil(CHUNK) * AROUND + 3 * AROUND
}

/// Base64 from offset `from` on, `most` bytes at the most, in whole groups of four so that chunks can be joined.
/// Empty at the end.
pub fn base64_chunk(bytes: &[u8], from: usize, most: usize) -> String {
    let first = from / 4 * 3;
    let last = (first + (most / 4).max(1) * 3).min(bytes.len());
    bytes.get(first..last).map(|part| STANDARD.encode(part)).unwrap_or_default()
}

pub(super) fn encode(pixels: &Pixels, cells: Cells, canvas: &Canvas) -> Vec<u8> {
    let size = useful_size(pixels, cells, canvas);
    let image = scaled(pixels, size, canvas.ground);
    let fits = |png: &[u8]| wire_bytes(png.len()) <= canvas.budget;
    if let Some(indexed) = exact(&image, 256) {
        let png = indexed_png(&indexed, image.width(), image.height());
        if fits(&png) {
            return png;
        }
    } else if wire_bytes(image.as_raw().len()) / 8 <= canvas.budget {
        // A true-colour PNG is not even tried if an eighth of the raw pixels exceeds the
        // budget: photographs stay larger.
        let png = rgb_png(&image);
        if fits(&png) {
            return png;
        }
    }
    let mut part = 1.0;
    let mut smallest = Vec::new();
    for _ in 0..8 {
        let image =
            if part == 1.0 { image.clone() } else { scaled(pixels, share(size, part), canvas.ground) };
        smallest = indexed_png(&quantize(&image, 256), image.width(), image.height());
        if fits(&smallest) {
            break;
        }
        // Bytes grow a little slower than the area.
        let over = canvas.budget as f64 / wire_bytes(smallest.len()) as f64;
        part *= (over.sqrt() * 0.96).clamp(0.2, 0.95);
    }
    smallest
}

fn rgb_png(image: &RgbImage) -> Vec<u8> {
    png(image.width(), image.height(), image.as_raw(), |encoder| {
        encoder.set_color(png::ColorType::Rgb);
    })
}

fn indexed_png(image: &Indexed, width: u32, height: u32) -> Vec<u8> {
    let few = image.palette.len() <= 16;
    let mut packed = Vec::new();
    if few {
        for row in image.pixels.chunks(width.max(1) as usize) {
            packed.extend(row.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)));
        }
    }
    png(width, height, if few { &packed } else { &image.pixels }, |encoder| {
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(if few { png::BitDepth::Four } else { png::BitDepth::Eight });
        encoder.set_palette(image.palette.concat());
        encoder.set_filter(png::Filter::NoFilter);
    })
}

/// Encodes a PNG. That fails only for a size of zero; then the result is empty, and nothing is shown.
fn png(width: u32, height: u32, data: &[u8], set: impl Fn(&mut png::Encoder<'_, &mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_compression(png::Compression::Balanced);
    set(&mut encoder);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(data)?;
        writer.finish()
    });
    if let Err(error) = written {
        tracing::error!("a picture could not be packed: {error}");
        bytes.clear();
    }
    bytes
}
