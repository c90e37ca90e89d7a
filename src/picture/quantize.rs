//! Colour reduction: Heckbert's median cut (1982), on colours rounded to six bits a channel.

use image::RgbImage;

/// A picture with a palette.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) palette: Vec<[u8; 3]>,
    /// Palette index of each pixel, row by row.
    pub(super) pixels: Vec<u8>,
}

/// Number of colours at six bits a channel.
const BINS: usize = 1 << 18;

fn bin([r, g, b]: [u8; 3]) -> usize {
    usize::from(r >> 2) << 12 | usize::from(g >> 2) << 6 | usize::from(b >> 2)
}

/// Pixels of the same rounded colour: their number, and the sums of their channels.
#[derive(Clone, Copy, Default)]
struct Bin {
    count: u64,
    sums: [u64; 3],
}

impl Bin {
    fn add(&mut self, other: &Bin) {
        self.count += other.count;
        for (sum, more) in self.sums.iter_mut().zip(other.sums) {
            *sum += more;
        }
    }

    fn mean(&self) -> [u8; 3] {
        self.sums.map(|sum| ((sum + self.count / 2) / self.count.max(1)) as u8)
    }
}

/// Reduces a picture to `most` colours, 2 to 256. One that has no more keeps its own.
pub(super) fn quantize(image: &RgbImage, most: usize) -> Indexed {
    let most = most.clamp(2, 256);
    exact(image, most).unwrap_or_else(|| nearest(image, &median_cut(image, most)))
}

/// The picture with its own colours; `None` if there are more than `most`.
pub(super) fn exact(image: &RgbImage, most: usize) -> Option<Indexed> {
    let mut palette: Vec<[u8; 3]> = Vec::new();
    let mut known = std::collections::HashMap::new();
    let mut pixels = Vec::with_capacity(image.as_raw().len() / 3);
    for pixel in image.pixels() {
        let index = match known.get(&pixel.0) {
            Some(index) => *index,
            None if palette.len() == most => return None,
            None => {
                let index = palette.len() as u8;
                palette.push(pixel.0);
                known.insert(pixel.0, index);
                index
            }
        };
        pixels.push(index);
    }
    Some(Indexed { palette, pixels })
}

fn median_cut(image: &RgbImage, most: usize) -> Vec<[u8; 3]> {
    let mut bins = vec![Bin::default(); BINS];
    for pixel in image.pixels() {
        let bin = &mut bins[bin(pixel.0)];
        bin.count += 1;
        for (sum, channel) in bin.sums.iter_mut().zip(pixel.0) {
            *sum += u64::from(channel);
        }
    }
    let mut boxes: Vec<Vec<Bin>> = vec![bins.into_iter().filter(|bin| bin.count > 0).collect()];
    let mut spreads: Vec<(f64, usize)> = vec![spread(&boxes[0])];
    while boxes.len() < most {
        // Split the box whose colours differ most.
        let widest = (0..boxes.len()).max_by(|a, b| spreads[*a].0.total_cmp(&spreads[*b].0));
        let Some(widest) = widest.filter(|at| boxes[*at].len() > 1) else { break };
        let channel = spreads[widest].1;
        let mut lower = std::mem::take(&mut boxes[widest]);
        lower.sort_unstable_by_key(|bin| bin.mean()[channel]);
        let total: u64 = lower.iter().map(|bin| bin.count).sum();
        let mut seen = 0;
        let half = lower.iter().position(|bin| {
            seen += bin.count;
            seen * 2 >= total
        });
        let cut = half.map_or(1, |at| at + 1).clamp(1, lower.len() - 1);
        let upper = lower.split_off(cut);
        spreads[widest] = spread(&lower);
        spreads.push(spread(&upper));
        boxes[widest] = lower;
        boxes.push(upper);
    }
    let mean = |bins: &Vec<Bin>| {
        let mut whole = Bin::default();
        bins.iter().for_each(|bin| whole.add(bin));
        whole.mean()
    };
    boxes.iter().map(mean).collect()
}

/// How much a box's colours differ in the channel where they differ most, and that channel.
fn spread(bins: &[Bin]) -> (f64, usize) {
    let count: f64 = bins.iter().map(|bin| bin.count as f64).sum();
    let variance = |channel: usize| {
        let sum: f64 = bins.iter().map(|bin| bin.sums[channel] as f64).sum();
        let squares: f64 =
            bins.iter().map(|bin| f64::from(bin.mean()[channel]).powi(2) * bin.count as f64).sum();
        squares - sum * sum / count.max(1.0)
    };
    let channels = [variance(0), variance(1), variance(2)];
    let widest = (0..3).max_by(|a, b| channels[*a].total_cmp(&channels[*b])).unwrap_or(1);
    if bins.len() < 2 { (-1.0, widest) } else { (channels[widest], widest) }
}

fn nearest(image: &RgbImage, palette: &[[u8; 3]]) -> Indexed {
    // All colours of a bin get the same palette entry, which is searched once.
    let mut known: Vec<Option<u8>> = vec![None; BINS];
    let find = |pixel: [u8; 3]| {
        let distance = |colour: &[u8; 3]| -> i32 {
            colour.iter().zip(pixel).map(|(a, b)| (i32::from(*a) - i32::from(b)).pow(2)).sum()
        };
        (0..palette.len()).min_by_key(|at| distance(&palette[*at])).unwrap_or(0) as u8
    };
    let pixels =
        image.pixels().map(|pixel| *known[bin(pixel.0)].get_or_insert_with(|| find(pixel.0))).collect();
    Indexed { palette: palette.to_vec(), pixels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn few_colours_stay_as_they_are() {
        let image = RgbImage::from_fn(8, 8, |x, y| Rgb([(x * 30) as u8, (y * 30) as u8, 7]));
        let indexed = quantize(&image, 64);
        let back: Vec<u8> = indexed.pixels.iter().flat_map(|at| indexed.palette[usize::from(*at)]).collect();
        assert_eq!(&back, image.as_raw());
    }

    #[test]
    fn many_colours_become_near_ones() {
        let image =
            RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, ((x + y) * 2) as u8]));
        let mut last = f64::MAX;
        for (colours, worst) in [(16, 40.0), (64, 22.0), (256, 12.0)] {
            let indexed = quantize(&image, colours);
            assert!(indexed.palette.len() <= colours);
            let off: f64 = image
                .pixels()
                .zip(&indexed.pixels)
                .map(|(pixel, at)| {
                    let colour = indexed.palette[usize::from(*at)];
                    let far = |n: usize| (f64::from(pixel.0[n]) - f64::from(colour[n])).powi(2);
                    (far(0) + far(1) + far(2)).sqrt()
                })
                .sum::<f64>()
                / 4096.0;
            assert!(off < worst && off < last, "{colours} colours are {off} off");
            last = off;
        }
    }
}
