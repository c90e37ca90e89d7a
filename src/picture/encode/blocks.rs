//! Half-blocks: `▀` with the upper pixel's colour as foreground and the lower pixel's as background.

use std::collections::HashMap;

use image::RgbImage;

use super::super::read::Pixels;
use super::super::{Canvas, Cells, Colours, XTERM_16};
use super::scaled;

type Halves = [[u8; 3]; 2];

/// Steps from best to smallest: share of the full size, and bits kept of each colour channel.
const LADDER: [(f64, u8); 9] =
    [(1.0, 8), (1.0, 6), (1.0, 5), (1.0, 4), (0.75, 5), (0.75, 4), (0.5, 5), (0.35, 4), (0.2, 4)];

/// How far a channel is moved up or down at the most before a terminal of 256 colours takes the nearest of these: less than
/// what lies between two of them, so that gradients dissolve and edges stay.
const NOISE: i32 = 12;

/// Columns from which single pixels of a pattern are small against what the picture shows.
const FINE: u16 = 36;

/// Of two of sixteen colours that are mixed, how much their distance counts against them: pixels side by side of black and
/// white are worse than of two greys.
const CONTRAST: f32 = 0.03;

/// Thresholds of ordered dithering (Bayer 1973), of four by four pixels: a pixel that does not change keeps its colour from
/// frame to frame.
const BAYER: [[i32; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

pub(super) fn encode(pixels: &Pixels, cells: Cells, canvas: &Canvas) -> (Cells, Vec<Halves>) {
    let dithered = match canvas.colours {
        Colours::True => None,
        Colours::Indexed if cells.width < FINE => None,
        Colours::Indexed => Some(halves(&image(pixels, cells, canvas), cells, |pixel, x, y| {
            pixel.map(|channel| moved(channel, x, y))
        })),
        // Without a pattern most colours would be one grey.
        Colours::Sixteen => {
            let mut mixes = HashMap::new();
            Some(halves(&image(pixels, cells, canvas), cells, |pixel, x, y| {
                // Finer than what sixteen colours can show.
                let near = pixel.map(|channel| rounded(channel, 5));
                mixes.entry(near).or_insert_with(|| Mix::of(near)).at(x, y)
            }))
        }
    };
    if let Some(halves) = dithered.filter(|halves| wire_bytes(halves, cells, canvas.colours) <= canvas.budget)
    {
        return (cells, halves);
    }
    let mut smallest = (cells, Vec::new());
    for (share, bits) in LADDER {
        let part = |cells: u16| ((f64::from(cells) * share).round() as u16).max(1);
        let cells = Cells { width: part(cells.width), height: part(cells.height) };
        let halves = halves(&image(pixels, cells, canvas), cells, |pixel, _, _| {
            pixel.map(|channel| rounded(channel, bits))
        });
        let fits = wire_bytes(&halves, cells, canvas.colours) <= canvas.budget;
        smallest = (cells, halves);
        if fits {
            break;
        }
    }
    smallest
}

fn image(pixels: &Pixels, cells: Cells, canvas: &Canvas) -> RgbImage {
    scaled(pixels, (cells.width.into(), u32::from(cells.height) * 2), canvas.ground)
}

/// The two colours of each cell, each by its pixel and the place of that.
fn halves(
    image: &RgbImage,
    cells: Cells,
    mut shown: impl FnMut([u8; 3], u16, u16) -> [u8; 3],
) -> Vec<Halves> {
    let mut at = |x: u16, y: u16| {
        let pixel = image.get_pixel_checked(x.into(), y.into()).map_or([0; 3], |pixel| pixel.0);
        shown(pixel, x, y)
    };
    (0..cells.height)
        .flat_map(|y| (0..cells.width).map(move |x| (x, y)))
        .map(|(x, y)| [at(x, 2 * y), at(x, 2 * y + 1)])
        .collect()
}

/// A channel, moved by its pixel's threshold.
fn moved(channel: u8, x: u16, y: u16) -> u8 {
    let moved = i32::from(channel) + (2 * threshold(x, y) - 15) * NOISE / 15;
    u8::try_from(moved.clamp(0, 255)).unwrap_or(u8::MAX)
}

fn threshold(x: u16, y: u16) -> i32 {
    BAYER[usize::from(y % 4)][usize::from(x % 4)]
}

/// Two of the sixteen colours that look like another one side by side, and how many of sixteen pixels have the second.
struct Mix {
    first: [u8; 3],
    second: [u8; 3],
    sixteenths: i32,
}

impl Mix {
    fn of(wanted: [u8; 3]) -> Self {
        let pairs =
            XTERM_16.iter().enumerate().flat_map(|(n, a)| XTERM_16[n..].iter().map(move |b| (*a, *b)));
        let weighed = pairs.map(|(a, b)| {
            let of = |n: usize| (f32::from(wanted[n]) - f32::from(a[n]), f32::from(b[n]) - f32::from(a[n]));
            let axes = [of(0), of(1), of(2)];
            let length: f32 = axes.iter().map(|(_, span)| span * span).sum();
            let along: f32 = axes.iter().map(|(way, span)| way * span).sum();
            let share = if length > 0.0 { (along / length).clamp(0.0, 1.0) } else { 0.0 };
            let sixteenths = (share * 16.0).round();
            let share = sixteenths / 16.0;
            let off: f32 = axes.iter().map(|(way, span)| (way - span * share).powi(2)).sum();
            let contrast = CONTRAST * length * share.min(1.0 - share) * 2.0;
            (off + contrast, Self { first: a, second: b, sixteenths: sixteenths as i32 })
        });
        let nearest = weighed.min_by(|(a, _), (b, _)| a.total_cmp(b));
        nearest.map_or(Self { first: wanted, second: wanted, sixteenths: 0 }, |(_, mix)| mix)
    }

    fn at(&self, x: u16, y: u16) -> [u8; 3] {
        if threshold(x, y) < self.sixteenths { self.second } else { self.first }
    }
}

/// Rounds a channel to the nearest of the 2^`bits` evenly spaced values from black to white.
fn rounded(channel: u8, bits: u8) -> u8 {
    let most = (1_u32 << bits) - 1;
    let step = (u32::from(channel) * most + 127) / 255;
    (step * 255 / most) as u8
}

/// Approximate bytes on the wire for the cells, with each colour set only where it changes.
pub(in super::super) fn wire_bytes(halves: &[Halves], cells: Cells, colours: Colours) -> usize {
    let mut pen = BlockPen::new(colours);
    usize::from(cells.height) * 6 + halves.iter().map(|cell| pen.bytes(*cell)).sum::<usize>()
}

/// The colours that are set, for what the next half-block takes.
#[derive(Clone, Copy, Debug)]
pub struct BlockPen {
    colours: Colours,
    upper: Option<[u8; 3]>,
    lower: Option<[u8; 3]>,
}

impl BlockPen {
    pub fn new(colours: Colours) -> Self {
        Self { colours, upper: None, lower: None }
    }

    /// Approximate bytes of a half-block behind those before.
    pub fn bytes(&mut self, cell: Halves) -> usize {
        let [upper, lower] = cell.map(|half| self.told(half));
        let new_upper = upper != lower && self.upper != Some(upper);
        let new_lower = self.lower != Some(lower);
        let sign = if upper == lower { 1 } else { 3 };
        let colour = match (new_upper, new_lower) {
            (false, false) => 0,
            (true, false) => 3 + self.number(upper),
            (false, true) => 3 + self.number(lower),
            (true, true) => 4 + self.number(upper) + self.number(lower),
        };
        if new_upper {
            self.upper = Some(upper);
        }
        self.lower = Some(lower);
        sign + colour
    }

    /// What a terminal of few colours takes for the same one is the same.
    fn told(&self, half: [u8; 3]) -> [u8; 3] {
        match self.colours {
            Colours::True => half,
            Colours::Indexed => half.map(|channel| channel >> 5),
            Colours::Sixteen => half.map(|channel| channel >> 6),
        }
    }

    /// Length of `38;2;r;g;b`, `38;5;n` or `95`.
    fn number(&self, [r, g, b]: [u8; 3]) -> usize {
        match self.colours {
            Colours::True => 8 + digits(r) + digits(g) + digits(b) - 1,
            Colours::Indexed => 8,
            Colours::Sixteen => 2,
        }
    }
}

fn digits(n: u8) -> usize {
    match n {
        0..10 => 1,
        10..100 => 2,
        100.. => 3,
    }
}
