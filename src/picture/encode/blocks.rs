//! Block characters: two, four or six pixels a cell, in two colours.

use std::collections::HashMap;

use image::RgbImage;

use super::super::read::Pixels;
use super::super::{Block, BlockSet, Canvas, Cells, Colours, XTERM_16};
use super::scaled;

/// Steps from best to smallest: share of the full size, and bits kept of each colour channel.
const LADDER: [(f64, u8); 9] =
    [(1.0, 8), (1.0, 6), (1.0, 5), (1.0, 4), (0.75, 5), (0.75, 4), (0.5, 5), (0.35, 4), (0.2, 4)];

/// How far a channel is moved up or down at the most before a terminal of 256 colours takes the nearest of these: less than
/// what lies between two of them, so that gradients dissolve and edges stay. The less, the fewer cells it costs: 5 takes some
/// three fifths of the bytes of 12, 3 two fifths, and bands still dissolve at their edges.
const NOISES: [i32; 4] = [12, 8, 5, 3];

/// Columns from which single pixels of a pattern are small against what the picture shows.
const FINE: u16 = 36;

/// Of two of sixteen colours that are mixed, how much their distance counts against them: pixels side by side of black and
/// white are worse than of two greys.
const CONTRAST: f32 = 0.03;

/// Thresholds of ordered dithering (Bayer 1973), of four by four pixels: a pixel that does not change keeps its colour from
/// frame to frame.
const BAYER: [[i32; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

pub(super) fn encode(pixels: &Pixels, cells: Cells, canvas: &Canvas) -> (Cells, Vec<Block>) {
    let set = set_of(canvas);
    let fits = |blocks: &Vec<Block>| wire_bytes(blocks, cells, canvas.colours) <= canvas.budget;
    let dithered = match canvas.colours {
        Colours::True => None,
        Colours::Indexed if cells.width < FINE => None,
        Colours::Indexed => {
            let image = image(pixels, cells, canvas);
            let with = |noise| blocks(&image, cells, set, |pixel, x, y| pixel.map(|c| moved(c, noise, x, y)));
            NOISES.into_iter().map(with).find(fits)
        }
        // Without a pattern most colours would be one grey.
        Colours::Sixteen => {
            let mut mixes = HashMap::new();
            Some(blocks(&image(pixels, cells, canvas), cells, set, |pixel, x, y| {
                // Finer than what sixteen colours can show.
                let near = pixel.map(|channel| rounded(channel, 5));
                mixes.entry(near).or_insert_with(|| Mix::of(near)).at(x, y)
            }))
        }
    };
    if let Some(blocks) = dithered.filter(fits) {
        return (cells, blocks);
    }
    let mut smallest = (cells, Vec::new());
    for (share, bits) in LADDER {
        let part = |cells: u16| ((f64::from(cells) * share).round() as u16).max(1);
        let cells = Cells { width: part(cells.width), height: part(cells.height) };
        let blocks = blocks(&image(pixels, cells, canvas), cells, set, |pixel, _, _| {
            pixel.map(|channel| rounded(channel, bits))
        });
        let fits = wire_bytes(&blocks, cells, canvas.colours) <= canvas.budget;
        smallest = (cells, blocks);
        if fits {
            break;
        }
    }
    smallest
}

fn image(pixels: &Pixels, cells: Cells, canvas: &Canvas) -> RgbImage {
    let (columns, rows) = set_of(canvas).grid();
    let of = |cells: u16, parts: u16| u32::from(cells) * u32::from(parts);
    scaled(pixels, (of(cells.width, columns), of(cells.height, rows)), canvas.ground)
}

/// The characters of a canvas. Of sixteen colours each pixel is mixed for itself, of which a cell can show two.
fn set_of(canvas: &Canvas) -> BlockSet {
    match canvas.colours {
        Colours::True | Colours::Indexed => canvas.blocks,
        Colours::Sixteen => BlockSet::Half,
    }
}

/// The cells, their colours as `shown`, by pixel and place: that of a half-block, whatever the set.
fn blocks(
    image: &RgbImage,
    cells: Cells,
    set: BlockSet,
    mut shown: impl FnMut([u8; 3], u16, u16) -> [u8; 3],
) -> Vec<Block> {
    let (columns, rows) = set.grid();
    let pixel = |x: u16, y: u16| image.get_pixel_checked(x.into(), y.into()).map_or([0; 3], |pixel| pixel.0);
    let mut all: Vec<Block> = Vec::with_capacity(cells.count());
    let mut there = Vec::with_capacity(6);
    for (x, y) in (0..cells.height).flat_map(|y| (0..cells.width).map(move |x| (x, y))) {
        there.clear();
        there.extend(
            (0..rows)
                .flat_map(|row| (0..columns).map(move |column| (x * columns + column, y * rows + row)))
                .map(|(x, y)| pixel(x, y)),
        );
        let block = match (set, &there[..]) {
            (BlockSet::Half, [upper, lower]) => {
                Block::half(shown(*upper, x, 2 * y), shown(*lower, x, 2 * y + 1))
            }
            (_, pixels) => {
                let (mask, [front, back]) = split(pixels);
                let (front, back) = (shown(front, x, 2 * y), shown(back, x, 2 * y + 1));
                let block = Block::of_mask(set, mask, front, back);
                let turned = Block::of_mask(set, !mask & (0xff >> (8 - pixels.len())), back, front);
                // The same to the eye: the one for which fewer colours have to be set.
                all.last().map_or(block, |left| {
                    let same = |block: &Block| {
                        usize::from(block.front == left.front) + usize::from(block.back == left.back)
                    };
                    if same(&turned) > same(&block) { turned } else { block }
                })
            }
        };
        all.push(block);
    }
    all
}

/// Pixels in two groups, each as near as possible to its mean: the first group as bits, and the two means.
fn split(pixels: &[[u8; 3]]) -> (u8, [[u8; 3]; 2]) {
    let sum_of = |mask: u8| {
        let members = pixels.iter().enumerate().filter(|(n, _)| mask >> n & 1 == 1);
        members.fold([0_u32; 3], |sum, (_, pixel)| [0, 1, 2].map(|c| sum[c] + u32::from(pixel[c])))
    };
    let all = (1_u16 << pixels.len()) as u8 - 1;
    let whole = sum_of(all);
    // The farther the means are from that of all, the nearer are the pixels to their own.
    let weight = |sum: [u32; 3], count: u32| {
        sum.iter().map(|channel| (channel * channel) as f32).sum::<f32>() / count.max(1) as f32
    };
    let rest = |sum: [u32; 3]| [0, 1, 2].map(|n| whole[n] - sum[n]);
    // Half of all groupings: the others are the same the other way round.
    let best = (1..=all / 2)
        .map(|mask| {
            let (sum, count) = (sum_of(mask), mask.count_ones());
            (mask, weight(sum, count) + weight(rest(sum), all.count_ones() - count))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1));
    let mean = |sum: [u32; 3], count: u32| sum.map(|channel| ((channel + count / 2) / count.max(1)) as u8);
    let mask = best.map_or(all, |(mask, _)| mask);
    let sum = sum_of(mask);
    let count = mask.count_ones();
    (mask, [mean(sum, count), mean(rest(sum), all.count_ones() - count)])
}

/// A channel, moved by its pixel's threshold.
fn moved(channel: u8, noise: i32, x: u16, y: u16) -> u8 {
    let moved = i32::from(channel) + (2 * threshold(x, y) - 15) * noise / 15;
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
pub(in super::super) fn wire_bytes(blocks: &[Block], cells: Cells, colours: Colours) -> usize {
    let mut pen = BlockPen::new(colours);
    usize::from(cells.height) * 6 + blocks.iter().map(|cell| pen.bytes(*cell)).sum::<usize>()
}

/// The colours that are set, for what the next cell takes.
#[derive(Clone, Copy, Debug)]
pub struct BlockPen {
    colours: Colours,
    front: Option<[u8; 3]>,
    back: Option<[u8; 3]>,
}

impl BlockPen {
    pub fn new(colours: Colours) -> Self {
        Self { colours, front: None, back: None }
    }

    /// Approximate bytes of a cell behind those before.
    pub fn bytes(&mut self, cell: Block) -> usize {
        let (front, back) = (self.told(cell.front), self.told(cell.back));
        let new_front = front != back && self.front != Some(front);
        let new_back = self.back != Some(back);
        let sign = if front == back { 1 } else { cell.sign().len_utf8() };
        let colour = match (new_front, new_back) {
            (false, false) => 0,
            (true, false) => 3 + self.number(front),
            (false, true) => 3 + self.number(back),
            (true, true) => 4 + self.number(front) + self.number(back),
        };
        if new_front {
            self.front = Some(front);
        }
        self.back = Some(back);
        sign + colour
    }

    /// What a terminal of few colours takes for the same one is the same.
    fn told(&self, colour: [u8; 3]) -> [u8; 3] {
        match self.colours {
            Colours::True => colour,
            Colours::Indexed => colour.map(|channel| channel >> 5),
            Colours::Sixteen => colour.map(|channel| channel >> 6),
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
