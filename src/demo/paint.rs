//! The demo's pictures: a warped sky, a sun and layered hills, in colours that the prompt names or its hash picks.
//!
//! Nothing is random: the same prompt, seed, size and steps give the same pixels. As with a real sampler, few steps
//! leave noise and coarse shapes, more steps finer ones.

use sha2::{Digest as _, Sha256};

use super::graph::Plan;

/// Red, green, blue, 0 to 1.
type Colour = [f32; 3];

/// Words that name a hue, in degrees.
const HUES: &[(&str, f32)] = &[
    ("red", 2.0),
    ("crimson", 348.0),
    ("fire", 16.0),
    ("autumn", 24.0),
    ("orange", 28.0),
    ("amber", 38.0),
    ("lantern", 36.0),
    ("lanterns", 36.0),
    ("candlelight", 34.0),
    ("gold", 44.0),
    ("golden", 44.0),
    ("yellow", 52.0),
    ("green", 120.0),
    ("forest", 130.0),
    ("emerald", 150.0),
    ("mint", 160.0),
    ("teal", 178.0),
    ("sea", 192.0),
    ("ocean", 198.0),
    ("blue", 216.0),
    ("night", 232.0),
    ("indigo", 244.0),
    ("violet", 266.0),
    ("purple", 276.0),
    ("lilac", 286.0),
    ("magenta", 306.0),
    ("pink", 328.0),
    ("flamingo", 336.0),
    ("rose", 342.0),
];

/// The pixels of the `index`-th picture of a plan, three bytes each, row by row.
pub(super) fn paint(plan: &Plan, index: u32) -> Vec<u8> {
    let scene = Scene::of(plan, index);
    let (width, height) = (plan.width, plan.height);
    // Both coordinates are in units of the height, so that shapes keep their proportions.
    let measure = |n: u32| (n as f32 + 0.5) / height as f32;
    let hills: Vec<[f32; HILLS]> = (0..width).map(|x| scene.hills(measure(x))).collect();
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        for (x, hills) in (0..width).zip(&hills) {
            let (u, v) = (measure(x), measure(y));
            let colour = scene.ground(v, hills).unwrap_or_else(|| scene.sky(u, v));
            let shade = scene.shade(u, v);
            let noise = (lattice(x, y, scene.seed ^ 0x5bd1) - 0.5) * scene.grain;
            pixels.extend(colour.map(|c| ((c * shade + noise).clamp(0.0, 1.0) * 255.0 + 0.5) as u8));
        }
    }
    pixels
}

const HILLS: usize = 5;

struct Scene {
    seed: u32,
    aspect: f32,
    octaves: u32,
    grain: f32,
    zenith: Colour,
    horizon: Colour,
    cloud: Colour,
    light: Colour,
    hill: Colour,
    sun: (f32, f32, f32),
    skyline: f32,
}

impl Scene {
    fn of(plan: &Plan, index: u32) -> Self {
        let words = Sha256::digest(format!("{}\0{}", plan.prompt, plan.negative).as_bytes());
        let seeds = Sha256::digest(format!("{}\0{index}", plan.seed).as_bytes());
        let part = |bytes: &[u8], at: usize| f32::from(bytes[at]) / 255.0;
        let named: Vec<f32> = plan
            .prompt
            .split(|c: char| !c.is_alphanumeric())
            .filter_map(|word| {
                HUES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, hue)| *hue)
            })
            .collect();
        let main = named.first().copied().unwrap_or(part(&words, 0) * 360.0);
        let second = named.get(1).copied().unwrap_or(main + 24.0 + part(&words, 1) * 40.0);
        let accent = named.get(2).copied().unwrap_or(main + 40.0 + part(&words, 2) * 40.0);
        let aspect = plan.width as f32 / plan.height as f32;
        Self {
            seed: u32::from_le_bytes([seeds[0], seeds[1], seeds[2], seeds[3]]),
            aspect,
            octaves: (plan.steps + 1).ilog2().clamp(1, 6),
            grain: 0.5 / plan.steps as f32,
            zenith: hsl(at_dusk(main), 0.58, 0.24 + 0.12 * part(&words, 3)),
            horizon: hsl(second, 0.72, 0.68),
            cloud: hsl(main + 10.0, 0.68, 0.64),
            light: hsl(accent, 0.85, 0.82),
            hill: hsl(at_dusk(main), 0.50, 0.13),
            sun: (
                aspect * (0.2 + 0.6 * part(&seeds, 4)),
                0.24 + 0.26 * part(&seeds, 5),
                0.05 + 0.05 * part(&seeds, 6),
            ),
            skyline: 0.56 + 0.12 * part(&seeds, 7),
        }
    }

    /// Where each hill begins at a column, from far to near.
    fn hills(&self, u: f32) -> [f32; HILLS] {
        std::array::from_fn(|layer| {
            let depth = layer as f32 / (HILLS - 1) as f32;
            let rise = self.fbm(u * (1.6 + depth), 7.3 * layer as f32, 90 + layer as u32) - 0.35;
            self.skyline + depth * 0.30 - 0.20 * (1.0 - 0.4 * depth) * rise
        })
    }

    /// The nearest hill's colour; `None` above them all. Far ones fade into the sky, their rims catch the light.
    fn ground(&self, v: f32, hills: &[f32; HILLS]) -> Option<Colour> {
        let (layer, top) = hills.iter().enumerate().rev().find(|(_, top)| v > **top)?;
        let depth = layer as f32 / (HILLS - 1) as f32;
        let haze = mix(self.horizon, self.hill, 0.25 + 0.70 * depth);
        let mist = mix(haze, self.horizon, ((v - top) * 2.2).min(0.30) * (1.0 - 0.5 * depth));
        let glow = (1.0 - (v - top) * 9.0).max(0.0) * (0.26 - 0.16 * depth);
        Some(mix(mist, self.light, glow))
    }

    /// Darker towards the corners.
    fn shade(&self, u: f32, v: f32) -> f32 {
        let (dx, dy) = (u / self.aspect - 0.5, v - 0.5);
        1.0 - 0.40 * (dx * dx + dy * dy)
    }

    fn sky(&self, u: f32, v: f32) -> Colour {
        let height = (v / self.skyline).min(1.0);
        let mut colour = mix(self.zenith, self.horizon, height * height * (3.0 - 2.0 * height));
        // Noise distorted by noise, twice, looks like clouds in the wind (domain warping).
        let (a, b) = (self.fbm(u * 2.1, v * 3.4, 1), self.fbm(u * 2.1 + 5.2, v * 3.4 + 1.3, 2));
        let drift = self.fbm(u * 1.7 + 2.4 * a, v * 3.8 + 2.4 * b, 3);
        let veil = ((drift - 0.42) * 3.2).clamp(0.0, 1.0);
        colour = mix(colour, self.cloud, veil * 0.75);
        let rim = ((drift - 0.58) * 6.0).clamp(0.0, 1.0);
        colour = mix(colour, self.light, rim * 0.45);
        let (sx, sy, radius) = self.sun;
        let distance = ((u - sx).powi(2) + (v - sy).powi(2)).sqrt();
        let glow = (radius / distance.max(radius)).powi(2);
        colour = mix(colour, self.light, 0.55 * glow * (1.0 - 0.5 * veil));
        let disc = ((radius - distance) * 140.0).clamp(0.0, 1.0);
        mix(colour, [1.0, 0.98, 0.94], disc * (0.92 - 0.45 * veil))
    }

    /// Layers of noise, each finer and fainter, from 0 to 1.
    fn fbm(&self, x: f32, y: f32, salt: u32) -> f32 {
        let (mut sum, mut weight, mut total, mut scale) = (0.0, 1.0, 0.0, 1.0);
        for octave in 0..self.octaves {
            sum += weight * noise(x * scale, y * scale, self.seed ^ salt.wrapping_mul(0x9e37_79b9) ^ octave);
            total += weight;
            weight *= 0.5;
            scale *= 2.03;
        }
        sum / total
    }
}

/// Smooth noise from 0 to 1.
fn noise(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32 as u32, fy as i32 as u32);
    let (tx, ty) = (fade(x - fx), fade(y - fy));
    let at = |dx: u32, dy: u32| lattice(ix.wrapping_add(dx), iy.wrapping_add(dy), seed);
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * tx;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * tx;
    top + (bottom - top) * ty
}

fn fade(t: f32) -> f32 {
    t * t * t * (t * (t * 6.0 - 15.0) + 10.0)
}

/// A number from 0 to 1 for a point of the grid.
fn lattice(x: u32, y: u32, seed: u32) -> f32 {
    let mut h = x.wrapping_mul(0x85eb_ca6b) ^ y.wrapping_mul(0xc2b2_ae35) ^ seed;
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    h ^= h >> 15;
    (h >> 8) as f32 / 16_777_216.0
}

/// A hue as it looks in the dark: nearer to blue, so that shadows of warm colours are not brown.
fn at_dusk(hue: f32) -> f32 {
    const BLUE: f32 = 248.0;
    let apart = (BLUE - hue + 180.0).rem_euclid(360.0) - 180.0;
    hue + 0.65 * apart
}

fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t]
}

fn hsl(hue: f32, saturation: f32, lightness: f32) -> Colour {
    let amount = saturation * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|n| {
        let k = (n + hue.rem_euclid(360.0) / 30.0) % 12.0;
        lightness - amount * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)
    })
}

/// A PNG with ComfyUI's `prompt` chunk: the workflow that made it.
///
/// # Errors
/// When the picture has no size.
pub(super) fn png(plan: &Plan, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, plan.width, plan.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.add_text_chunk("prompt".to_owned(), ascii(&plan.workflow.to_string()))?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// JSON in ASCII, as ComfyUI writes it: a `tEXt` chunk holds nothing else.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out += &format!("\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::request::Received;
    use super::*;

    fn plan(params: &str) -> Plan {
        let params = serde_json::from_str(params).expect("JSON");
        super::super::graph::plan(&Received { params, ..Received::default() }).expect("a plan")
    }

    const SMALL: &str =
        r#"{"5-inputs-width": 32, "5-inputs-height": 24, "3-inputs-steps": 8, "6-inputs-text": "é"}"#;

    #[test]
    fn every_value_counts_and_the_same_values_give_the_same_picture() {
        let small = plan(SMALL);
        let picture = paint(&small, 0);
        assert_eq!(picture.len(), 32 * 24 * 3);
        assert_eq!(paint(&small, 0), picture);
        let others = [
            Plan { prompt: "another".to_owned(), ..small.clone() },
            Plan { seed: 1, ..small.clone() },
            Plan { steps: 30, ..small.clone() },
        ];
        for other in &others {
            assert_ne!(paint(other, 0), picture, "{other:?}");
        }
        assert_ne!(paint(&small, 1), picture);
    }

    #[test]
    fn the_png_holds_its_workflow() {
        let small = plan(SMALL);
        let bytes = png(&small, &paint(&small, 0)).expect("a PNG");
        let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
        let info = reader.info();
        assert_eq!((info.width, info.height), (32, 24));
        let text = &info.uncompressed_latin1_text[0];
        assert_eq!(text.keyword, "prompt");
        let workflow: serde_json::Value = serde_json::from_str(&text.text).expect("JSON");
        assert_eq!(workflow, small.workflow);
    }
}
