//! Prepares masks: ComfyUI expects a picture whose transparent parts are to be repainted. Its own server copies them
//! into the image ([`read`]); where the protocol has no such request, it is done here ([`masked`]).

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, ImageReader, Limits};
use serde_json::{Value, json};

/// Longest side in pixels and most bytes of memory for decoding a mask.
const MAX_SIDE: u32 = 16_384;
const MAX_BYTES: u64 = 1 << 30;

/// The bytes of a mask to send. A mask with transparent parts is sent unchanged; in a black-and-white one
/// the white parts become transparent.
///
/// # Errors
/// Why the file cannot be used.
pub(in crate::backend) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(path).map_err(|why| why.to_string())?;
    let (picture, format) = decoded(&bytes)?;
    let is_png = format == Some(ImageFormat::Png);
    let is_transparent =
        picture.color().has_alpha() && picture.to_rgba8().pixels().any(|pixel| pixel.0[3] < 255);
    match (is_transparent, is_png) {
        (true, true) => Ok(bytes),
        (true, false) => encoded(&picture),
        (false, _) => {
            let luma = picture.to_luma8();
            let mut painted = picture.to_rgba8();
            for (pixel, light) in painted.pixels_mut().zip(luma.pixels()) {
                pixel.0[3] = 255 - light.0[0];
            }
            encoded(&DynamicImage::ImageRgba8(painted))
        }
    }
}

/// An image with the transparency of a mask, as a PNG.
///
/// # Errors
/// Why one of the files cannot be used.
pub(in crate::backend) fn masked(image: &Path, mask: &Path) -> Result<Vec<u8>, String> {
    let fault = |what: &str, why: String| format!("the {what} cannot be used: {why}");
    let bytes = std::fs::read(image).map_err(|why| fault("image", why.to_string()))?;
    let mut painted = decoded(&bytes).map_err(|why| fault("image", why))?.0.to_rgba8();
    let mask = read(mask).and_then(|bytes| decoded(&bytes)).map_err(|why| fault("mask", why))?.0.to_rgba8();
    if mask.dimensions() != painted.dimensions() {
        let ((mask_x, mask_y), (x, y)) = (mask.dimensions(), painted.dimensions());
        return Err(format!(
            "the mask is {mask_x}×{mask_y}, the image {x}×{y}: they have to be the same size"
        ));
    }
    for (pixel, of_mask) in painted.pixels_mut().zip(mask.pixels()) {
        pixel.0[3] = of_mask.0[3];
    }
    encoded(&DynamicImage::ImageRgba8(painted))
}

/// A picture, within the limits, and its format.
fn decoded(bytes: &[u8]) -> Result<(DynamicImage, Option<ImageFormat>), String> {
    let mut reader =
        ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|why| why.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let format = reader.format();
    Ok((reader.decode().map_err(|why| why.to_string())?, format))
}

fn encoded(picture: &DynamicImage) -> Result<Vec<u8>, String> {
    let mut bytes = Cursor::new(Vec::new());
    picture.to_rgba8().write_to(&mut bytes, ImageFormat::Png).map_err(|why| why.to_string())?;
    Ok(bytes.into_inner())
}

/// The server's file reference for an input's value such as `folder/x.png [temp]`.
pub(in crate::backend) fn reference(value: &str) -> Value {
    let (name, kind) = match value.strip_suffix(']').and_then(|value| value.rsplit_once(" [")) {
        Some((name, kind @ ("input" | "output" | "temp"))) => (name, kind),
        _ => (value, "input"),
    };
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    json!({"filename": file, "subfolder": folder, "type": kind})
}

/// The name for the image with its mask.
pub(in crate::backend) fn name(value: &str) -> String {
    let reference = reference(value);
    let file = reference["filename"].as_str().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    format!("{stem}-masked.png")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(picture: &DynamicImage, name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        picture.save(&path).expect("written");
        (folder, path)
    }

    fn alphas(bytes: &[u8]) -> Vec<u8> {
        let picture = image::load_from_memory(bytes).expect("a picture").to_rgba8();
        picture.pixels().map(|pixel| pixel.0[3]).collect()
    }

    #[test]
    fn white_is_painted_anew() {
        let grey = image::GrayImage::from_raw(3, 1, vec![0, 255, 55]).expect("a picture");
        let (_folder, path) = written(&grey.into(), "m.png");
        assert_eq!(alphas(&read(&path).expect("a mask")), [255, 0, 200]);
    }

    #[test]
    fn a_transparent_mask_is_taken_as_it_is() {
        let picture = image::RgbaImage::from_raw(2, 1, vec![9, 9, 9, 255, 9, 9, 9, 7]).expect("a picture");
        let (_folder, path) = written(&picture.into(), "m.png");
        assert_eq!(read(&path), std::fs::read(&path).map_err(|why| why.to_string()));
    }

    #[test]
    fn a_mask_goes_into_its_image() {
        let grey = image::GrayImage::from_raw(3, 1, vec![0, 255, 55]).expect("a picture");
        let (_folder, mask) = written(&grey.into(), "m.png");
        let image = image::RgbImage::from_pixel(3, 1, image::Rgb([1, 2, 3]));
        let (_other, path) = written(&image.into(), "i.png");
        let bytes = masked(&path, &mask).expect("an image");
        assert_eq!(alphas(&bytes), [255, 0, 200]);
        assert_eq!(
            image::load_from_memory(&bytes).expect("a picture").to_rgba8().get_pixel(0, 0).0,
            [1, 2, 3, 255]
        );
        let (_third, small) = written(&image::GrayImage::new(2, 2).into(), "s.png");
        assert!(masked(&path, &small).is_err_and(|why| why.contains("2×2")));
    }

    #[test]
    fn what_is_not_a_picture_is_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("m.png");
        std::fs::write(&path, b"hello").expect("written");
        assert!(read(&path).is_err());
    }

    #[test]
    fn a_value_leads_to_its_file() {
        let file =
            |filename, subfolder, kind| json!({"filename": filename, "subfolder": subfolder, "type": kind});
        let table = [
            ("x.png", file("x.png", "", "input"), "x-masked.png"),
            ("a/b/x (1).png [temp]", file("x (1).png", "a/b", "temp"), "x (1)-masked.png"),
            ("x [draft].png", file("x [draft].png", "", "input"), "x [draft]-masked.png"),
            ("x [odd]", file("x [odd]", "", "input"), "x [odd]-masked.png"),
        ];
        for (value, expected, called) in table {
            assert_eq!((reference(value), name(value).as_str()), (expected, called), "{value}");
        }
    }
}
