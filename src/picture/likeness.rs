//! How far two pictures are from each other, pixel by pixel.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use image::{Rgba, RgbaImage};

use super::read::{Content, Pixels, ReadError, Watch, look};

/// Longest time to decode one of the pictures.
const LIMIT: Duration = Duration::from_secs(20);
/// Larger pictures are scaled down to about this, and compared so.
const SIDE: u32 = 4_096;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Likeness {
    /// Width and height differ, in pixels.
    Sizes { first: (u32, u32), second: (u32, u32) },
    /// Every pixel is the same; only what else is in the files differs.
    Same,
    /// `share` of the pixels differ, by `mean` of the full range on average over the whole picture; both from 0 to 1.
    Differ { share: f64, mean: f64 },
    /// One of them is no picture.
    NoPictures,
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sizes { first, second } => {
                write!(f, "{}×{} pixels instead of {}×{}", second.0, second.1, first.0, first.1)
            }
            Self::Same => write!(f, "the same picture in another file: only what else is in it differs"),
            Self::Differ { share, mean } => {
                let percent = |part: f64| match part * 100.0 {
                    tiny if tiny < 0.1 => "less than 0.1 %".to_owned(),
                    part => format!("{part:.1} %"),
                };
                write!(f, "{} of the pixels differ, by {} on average", percent(*share), percent(*mean))
            }
            Self::NoPictures => write!(f, "not the same bytes"),
        }
    }
}

/// Holds two files against each other.
///
/// # Errors
/// When one cannot be read or decoded.
pub fn compare(first: &Path, second: &Path) -> Result<Likeness, ReadError> {
    let (Some((one, first)), Some((other, second))) = (pixels(first)?, pixels(second)?) else {
        return Ok(Likeness::NoPictures);
    };
    if first != second || one.dimensions() != other.dimensions() {
        return Ok(Likeness::Sizes { first, second });
    }
    let (mut differing, mut sum) = (0_u64, 0_u64);
    for (Rgba(one), Rgba(other)) in one.pixels().zip(other.pixels()) {
        let distance: u64 = one.iter().zip(other).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum += distance;
        differing += u64::from(distance > 0);
    }
    if differing == 0 {
        return Ok(Likeness::Same);
    }
    let all = (one.pixels().len().max(1)) as f64;
    Ok(Likeness::Differ { share: differing as f64 / all, mean: sum as f64 / (all * 4.0 * 255.0) })
}

/// Width and height in pixels.
type Size = (u32, u32);

/// The pixels of a picture, and its size in the file; `None` for what is no picture.
fn pixels(path: &Path) -> Result<Option<(RgbaImage, Size)>, ReadError> {
    let Content::Picture(still) = look(path, (SIDE, SIDE), &Watch::new(LIMIT))?.content else {
        return Ok(None);
    };
    let pixels = match still.pixels {
        Pixels::Transparent(image) => image,
        Pixels::Opaque(image) => image::DynamicImage::ImageRgb8(image).into_rgba8(),
    };
    Ok(Some((pixels, still.size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_compared_by_their_pixels() {
        let folder = tempfile::tempdir().expect("a folder");
        let save = |name: &str, width: u32, red: u8| {
            let path = folder.path().join(name);
            let mut image = image::RgbImage::new(width, 10);
            image.put_pixel(0, 0, image::Rgb([red, 0, 0]));
            image.save(&path).expect("saved");
            path
        };
        let (black, red) = (save("a.png", 10, 0), save("b.png", 10, 255));
        // The same pixels in a file of another kind.
        let (other, wide) = (save("a.webp", 10, 0), save("c.png", 20, 0));
        let text = folder.path().join("a.txt");
        std::fs::write(&text, "no picture").expect("written");
        assert_eq!(compare(&black, &other), Ok(Likeness::Same));
        assert_eq!(compare(&black, &wide), Ok(Likeness::Sizes { first: (10, 10), second: (20, 10) }));
        let Ok(Likeness::Differ { share, mean }) = compare(&black, &red) else { panic!("they differ") };
        assert!((share - 0.01).abs() < 1e-9 && (mean - 0.01 / 4.0).abs() < 1e-9, "{share} {mean}");
        assert_eq!(
            compare(&black, &red).map(|likeness| likeness.to_string()),
            Ok("1.0 % of the pixels differ, by 0.2 % on average".to_owned())
        );
        assert_eq!(compare(&black, &text), Ok(Likeness::NoPictures));
        assert!(matches!(compare(&black, Path::new("/nowhere.png")), Err(ReadError::Gone(_))));
    }
}
