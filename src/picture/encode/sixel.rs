//! Sixel (DEC STD 070, chapter "Sixel Graphics"): lines of six pixel rows, one pass for each colour in a line. A
//! picture is sent as strips of whole cell rows, each with its own palette.

use super::super::quantize::{Indexed, quantize};
use super::super::read::Pixels;
use super::super::{Canvas, Cells, Strip};
use super::{full_size, rows_a_piece, scaled};

/// Steps from best to smallest: share of the full size, enlargement of each pixel, and number of colours.
const LADDER: [(f64, u32, usize); 12] = [
    (1.0, 1, 256),
    (1.0, 1, 128),
    (1.0, 1, 64),
    (1.0, 1, 32),
    (1.0, 1, 16),
    (1.0, 2, 32),
    (1.0, 2, 16),
    (1.0, 3, 16),
    (0.75, 3, 16),
    (0.5, 3, 16),
    (0.35, 3, 12),
    (0.2, 3, 8),
];

pub(super) fn encode(pixels: &Pixels, cells: Cells, canvas: &Canvas) -> (Cells, Vec<Strip>) {
    let mut smallest = (cells, Vec::new());
    for (part, times, colours) in LADDER {
        let some = |cells: u16| ((f64::from(cells) * part).round() as u16).max(1);
        let cells = Cells { width: some(cells.width), height: some(cells.height) };
        let (width, height) = full_size(cells, canvas);
        let (few_x, few_y) = ((width / times).max(1), (height / times).max(1));
        let image = scaled(pixels, (few_x, few_y), canvas.ground);
        let indexed = quantize(&image, colours);
        let image = Enlarged { indexed: &indexed, size: (few_x, few_y), width, height };
        let whole = strip(&image, 0, height).len();
        if whole > canvas.budget && times < 3 {
            smallest = (cells, Vec::new());
            continue;
        }
        let rows = rows_a_piece(whole, cells.height, canvas.piece);
        let pieces: Vec<Strip> = (0..cells.height)
            .step_by(usize::from(rows))
            .map(|row| {
                let rows = rows.min(cells.height - row);
                let top = u32::from(row) * u32::from(canvas.cell.height);
                let bottom = top + u32::from(rows) * u32::from(canvas.cell.height);
                Strip { row, rows, bytes: strip(&image, top, bottom) }
            })
            .collect();
        let total: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
        smallest = (cells, pieces);
        if total <= canvas.budget {
            break;
        }
    }
    smallest
}

/// A picture each of whose pixels is drawn as a square of several.
struct Enlarged<'a> {
    indexed: &'a Indexed,
    size: (u32, u32),
    width: u32,
    height: u32,
}

impl Enlarged<'_> {
    fn at(&self, x: u32, y: u32) -> u8 {
        let (x, y) = (x * self.size.0 / self.width, y * self.size.1 / self.height);
        self.indexed.pixels.get((y * self.size.0 + x) as usize).copied().unwrap_or(0)
    }
}

/// Encodes the pixel rows from `top` to `bottom` as one Sixel picture.
fn strip(image: &Enlarged<'_>, top: u32, bottom: u32) -> Vec<u8> {
    let rows: Vec<Vec<u8>> =
        (top..bottom.min(image.height)).map(|y| (0..image.width).map(|x| image.at(x, y)).collect()).collect();
    // P2 = 1 leaves undrawn pixels as they are; the raster attributes hold width and height.
    let mut out = format!("\x1bP0;1q\"1;1;{};{}", image.width, rows.len()).into_bytes();
    let registers = registers(&rows);
    for (register, index) in registers.order.iter().enumerate() {
        let percent = |channel: u8| (u32::from(channel) * 100 + 127) / 255;
        let [r, g, b] = image.indexed.palette.get(usize::from(*index)).copied().unwrap_or_default();
        out.extend_from_slice(
            format!("#{register};2;{};{};{}", percent(r), percent(g), percent(b)).as_bytes(),
        );
    }
    for (line, six) in rows.chunks(6).enumerate() {
        if line > 0 {
            out.push(b'-');
        }
        push_line(six, image.width as usize, &registers, &mut out);
    }
    out.extend_from_slice(b"\x1b\\");
    out
}

/// The colour registers of a strip.
struct Registers {
    /// Which place in the palette each register has, from register 0 on.
    order: Vec<u8>,
    /// The register of each place in the palette that the strip has.
    of: [u8; 256],
}

/// Numbers the colours of a strip without gaps, the most frequent first: tmux draws nothing for a register beyond the
/// count of those that were set, and short numbers are fewer bytes.
fn registers(rows: &[Vec<u8>]) -> Registers {
    let mut counts = [0_usize; 256];
    rows.iter().flatten().for_each(|index| counts[usize::from(*index)] += 1);
    let mut order: Vec<u8> = (0..=u8::MAX).filter(|index| counts[usize::from(*index)] > 0).collect();
    order.sort_by_key(|index| std::cmp::Reverse(counts[usize::from(*index)]));
    let mut of = [0; 256];
    for (register, index) in (0..=u8::MAX).zip(&order) {
        of[usize::from(*index)] = register;
    }
    Registers { order, of }
}

/// Encodes a line: for each colour in it, a bit mask of the six pixels of each column.
fn push_line(six: &[Vec<u8>], width: usize, registers: &Registers, out: &mut Vec<u8>) {
    let mut masks: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut place = [usize::MAX; 256];
    for (bit, row) in six.iter().enumerate() {
        for (x, index) in row.iter().enumerate() {
            let at = &mut place[usize::from(*index)];
            if *at == usize::MAX {
                *at = masks.len();
                masks.push((*index, vec![0; width]));
            }
            masks[*at].1[x] |= 1 << bit;
        }
    }
    for (n, (index, mask)) in masks.iter().enumerate() {
        if n > 0 {
            // `$` returns to the beginning of the line.
            out.push(b'$');
        }
        out.extend_from_slice(format!("#{}", registers.of[usize::from(*index)]).as_bytes());
        let end = mask.iter().rposition(|bits| *bits != 0).map_or(0, |last| last + 1);
        for run in mask[..end].chunk_by(|a, b| a == b) {
            let sign = b'?' + run[0];
            if run.len() > 3 {
                out.extend_from_slice(format!("!{}", run.len()).as_bytes());
                out.push(sign);
            } else {
                out.extend(std::iter::repeat_n(sign, run.len()));
            }
        }
    }
}
