//! Decoding of PNG, JPEG, WebP and GIF pictures.

use std::io::{BufRead, Seek};

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};

use super::{
    Content, LARGEST_FILE, LONGEST_SIDE, MOST_MEMORY, OpenFile, Pixels, ReadError, Still, Watch, watched,
};
use crate::wire::ansi::scrub_plain;

pub(super) fn read(opened: OpenFile, wanted: (u32, u32), watch: &Watch) -> Result<Content, ReadError> {
    let OpenFile { file, bytes, kind } = opened;
    if bytes > LARGEST_FILE {
        return Err(ReadError::TooLarge(format!(
            "the file is too large to be decoded here: {} MiB",
            bytes >> 20
        )));
    }
    let reader = watched(file, watch);
    let still = match kind {
        "image/png" => decode(PngDecoder::with_limits(reader, limits()), wanted, watch),
        "image/jpeg" => decode(JpegDecoder::new(reader), wanted, watch),
        "image/webp" => match WebPDecoder::new(reader) {
            Ok(decoder) => {
                let moves = decoder.has_animation();
                decode(Ok(decoder), wanted, watch).map(|still| Still { moves, ..still })
            }
            Err(error) => Err(read_error(&error, watch)),
        },
        // Whether there is a second frame is only found out once the animation is requested.
        "image/gif" => decode(gif(reader), wanted, watch).map(|still| Still { moves: true, ..still }),
        other => {
            let name = other.trim_start_matches("image/").to_uppercase();
            return Ok(Content::Facts(vec![format!("{name}: comfydeck draws PNG, JPEG, WebP and GIF")]));
        }
    }?;
    Ok(Content::Picture(still))
}

pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    limits
}

/// A GIF's header states the size of its canvas, up to 65,535 by 65,535: checked before the decoder allocates it.
pub(super) fn gif<R: BufRead + Seek>(reader: R) -> Result<GifDecoder<R>, ImageError> {
    let mut decoder = GifDecoder::new(reader)?;
    decoder.set_limits(limits())?;
    Ok(decoder)
}

pub(super) fn decode<D: ImageDecoder>(
    decoder: Result<D, ImageError>,
    wanted: (u32, u32),
    watch: &Watch,
) -> Result<Still, ReadError> {
    let mut decoder = decoder.map_err(|error| read_error(&error, watch))?;
    let (width, height) = decoder.dimensions();
    check(width, height, decoder.total_bytes())?;
    decoder.set_limits(limits()).map_err(|error| read_error(&error, watch))?;
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| read_error(&error, watch))?;
    image = smaller(image, wanted);
    image.apply_orientation(orientation);
    let turned = image.width().cmp(&image.height()) != width.cmp(&height) && width != height;
    let size = if turned { (height, width) } else { (width, height) };
    Ok(Still { pixels: pixels(image), size, facts: Vec::new(), moves: false })
}

pub(super) fn check(width: u32, height: u32, memory: u64) -> Result<(), ReadError> {
    if width == 0 || height == 0 {
        return Err(ReadError::Broken("it has no pixels".to_owned()));
    }
    if width > LONGEST_SIDE || height > LONGEST_SIDE || memory > MOST_MEMORY {
        return Err(ReadError::TooLarge(format!(
            "{width}×{height} pixels are too many to be decoded here (a side of {LONGEST_SIDE}, and {} MiB)",
            MOST_MEMORY >> 20
        )));
    }
    Ok(())
}

/// Scales a picture down to about twice the requested size, which makes later steps faster.
pub(super) fn smaller(image: DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    let (width, height) = (width.max(1), height.max(1));
    let over = (image.width() / width).min(image.height() / height);
    if over < 4 {
        return image;
    }
    // `thumbnail` is fast, and good enough where many pixels become one.
    image.thumbnail(image.width().div_ceil(over / 2), image.height().div_ceil(over / 2))
}

pub(super) fn pixels(image: DynamicImage) -> Pixels {
    if image.color().has_alpha() {
        let image = image.into_rgba8();
        if image.pixels().any(|pixel| pixel.0[3] < 255) {
            return Pixels::Transparent(image);
        }
        return Pixels::Opaque(DynamicImage::ImageRgba8(image).into_rgb8());
    }
    Pixels::Opaque(image.into_rgb8())
}

/// Converts a decoder's error. If the watch made a read fail, its reason is returned instead.
pub(super) fn read_error(error: &ImageError, watch: &Watch) -> ReadError {
    if let Err(stopped) = watch.check() {
        return stopped;
    }
    match error {
        ImageError::Limits(_) => ReadError::TooLarge(format!(
            "the picture is too large to be decoded here (a side of {LONGEST_SIDE} pixels, and {} MiB)",
            MOST_MEMORY >> 20
        )),
        error => ReadError::Broken(scrub_plain(&error.to_string()).chars().take(200).collect()),
    }
}
