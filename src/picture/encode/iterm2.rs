//! iTerm2: image files (JPEG for photographs), which the terminal scales to the given cells. A picture is sent as
//! strips, since the transfer of a file can't be interrupted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops;

use super::super::read::Pixels;
use super::super::{Canvas, Cells, Strip};
use super::{rows_a_piece, scaled, share, useful_size};

/// Steps from best to smallest: share of the full size, and JPEG quality.
const LADDER: [(f64, u8); 12] = [
    (1.0, 90),
    (1.0, 80),
    (1.0, 65),
    (1.0, 50),
    (1.0, 35),
    (0.75, 50),
    (0.75, 30),
    (0.5, 50),
    (0.5, 30),
    (0.35, 30),
    (0.2, 30),
    (0.1, 30),
];
/// Overhead of a strip in bytes: JPEG's tables, in base64.
const STRIP: usize = 900;

pub(super) fn encode(pixels: &Pixels, cells: Cells, canvas: &Canvas) -> Vec<Strip> {
    let full = useful_size(pixels, cells, canvas);
    let mut smallest = Vec::new();
    let mut last = None;
    for (part, quality) in LADDER {
        let size = share(full, part);
        if last.as_ref().is_none_or(|image: &RgbImage| (image.width(), image.height()) != size) {
            last = Some(scaled(pixels, size, canvas.ground));
        }
        let Some(image) = &last else { break };
        let whole = strip(image, cells.width, cells.height, quality);
        if whole.len() > canvas.budget && (part, quality) != LADDER[LADDER.len() - 1] {
            continue;
        }
        let rows = rows_a_piece(whole.len(), cells.height, canvas.piece.max(2 * STRIP));
        smallest = if rows >= cells.height {
            vec![Strip { row: 0, rows: cells.height, bytes: whole }]
        } else {
            strips(image, cells, rows, quality)
        };
        if smallest.iter().map(|piece| piece.bytes.len()).sum::<usize>() <= canvas.budget {
            break;
        }
    }
    smallest
}

fn strips(image: &RgbImage, cells: Cells, rows: u16, quality: u8) -> Vec<Strip> {
    let y_of = |row: u16| u32::from(row) * image.height() / u32::from(cells.height.max(1));
    (0..cells.height)
        .step_by(usize::from(rows.max(1)))
        .map(|row| {
            let rows = rows.min(cells.height - row);
            let (top, bottom) = (y_of(row), y_of(row + rows).max(y_of(row) + 1).min(image.height()));
            let top = top.min(bottom.saturating_sub(1));
            let part = imageops::crop_imm(image, 0, top, image.width(), bottom - top).to_image();
            Strip { row, rows, bytes: strip(&part, cells.width, rows, quality) }
        })
        .collect()
}

fn strip(image: &RgbImage, columns: u16, rows: u16, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    if let Err(error) = JpegEncoder::new_with_quality(&mut file, quality).encode_image(image) {
        tracing::error!("a picture could not be packed: {error}");
        return Vec::new();
    }
    let head = format!(
        "\x1b]1337;File=inline=1;size={};width={columns};height={rows};preserveAspectRatio=0;doNotMoveCursor=1:",
        file.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(STANDARD.encode(&file).as_bytes());
    bytes.push(0x07);
    bytes
}
