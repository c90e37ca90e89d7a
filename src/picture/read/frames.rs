//! Animations: the frames of a GIF or WebP file, as many as are worth showing.

use std::path::Path;
use std::time::Duration;

use image::AnimationDecoder;
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder};

use super::still::{check, gif, limits, pixels, read_error, smaller};
use super::{LARGEST_FILE, OpenFile, Pixels, ReadError, Watch, guarded, open, watched};

/// Most frames that are decoded.
const MOST: usize = 60;
/// Most pixels of all frames together, at the requested size.
const MOST_PIXELS: usize = 16 << 20;
/// Shortest and longest time that a frame is shown.
const STANDS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A frame of an animation.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub pixels: Pixels,
    /// How long the frame is shown.
    pub stands: Duration,
}

/// Decodes the first frames of a GIF or WebP file, at about the size `wanted`.
///
/// # Errors
/// If not a single frame can be decoded within the limits.
pub fn frames(path: &Path, wanted: (u32, u32), watch: &Watch) -> Result<Vec<Frame>, ReadError> {
    let OpenFile { file, bytes, kind } = open(path)?;
    if bytes > LARGEST_FILE {
        return Err(ReadError::TooLarge(format!(
            "the file is too large to be played here: {} MiB",
            bytes >> 20
        )));
    }
    let reader = watched(file, watch);
    guarded(|| match kind {
        "image/gif" => {
            let decoder = gif(reader).map_err(|error| read_error(&error, watch))?;
            collect(decoder, wanted, watch)
        }
        "image/webp" => {
            let mut decoder = WebPDecoder::new(reader).map_err(|error| read_error(&error, watch))?;
            decoder.set_limits(limits()).map_err(|error| read_error(&error, watch))?;
            collect(decoder, wanted, watch)
        }
        _ => Err(ReadError::Broken("it is not an animation".to_owned())),
    })
}

fn collect<'a, D: ImageDecoder + AnimationDecoder<'a>>(
    decoder: D,
    wanted: (u32, u32),
    watch: &Watch,
) -> Result<Vec<Frame>, ReadError> {
    let (width, height) = decoder.dimensions();
    // The decoder composes frames in two buffers of four bytes a pixel.
    check(width, height, u64::from(width) * u64::from(height) * 8)?;
    let mut frames = Vec::new();
    let mut total = 0;
    for frame in decoder.into_frames().take(MOST) {
        watch.check()?;
        let frame = match frame {
            Ok(frame) => frame,
            // Frames before a broken one are still shown.
            Err(_) if !frames.is_empty() => break,
            Err(error) => return Err(read_error(&error, watch)),
        };
        let stands = Duration::from(frame.delay()).clamp(STANDS.0, STANDS.1);
        let image = smaller(DynamicImage::ImageRgba8(frame.into_buffer()), wanted);
        total += (image.width() * image.height()) as usize;
        if total > MOST_PIXELS && !frames.is_empty() {
            break;
        }
        frames.push(Frame { pixels: pixels(image), stands });
    }
    Ok(frames)
}
