//! Colours that can be read on the ground the terminal has, by its own account of its palette.

use ratatui::style::Color;

use super::input::Rgb;
use super::painter::{ColorDepth, rgb_of_index};

/// Least contrast of what is to be read with its ground (WCAG 2, level AA).
pub const LEAST: f64 = 4.5;
/// Steps in which a colour is looked for between two.
const STEPS: u32 = 40;

/// What the terminal told of its colours; `None` where it did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    pub foreground: Option<Rgb>,
    pub background: Option<Rgb>,
    /// The sixteen, by their numbers.
    pub colours: [Option<Rgb>; 16],
}

impl Palette {
    /// xterm's own sixteen on white, for a terminal that is light by what the person says and does not tell.
    pub const LIGHT: Self = {
        let mut colours = [None; 16];
        let mut at = 0;
        while at < 16 {
            let [r, g, b] = rgb_of_index(at as u8);
            colours[at] = Some(Rgb(r, g, b));
            at += 1;
        }
        Self { foreground: Some(Rgb(0, 0, 0)), background: Some(Rgb(255, 255, 255)), colours }
    };

    /// A colour for secondary text: nearer to the ground than the text is, and no less readable than it has to be.
    /// `None` where nothing is known, or the depth has none.
    pub fn secondary(&self, depth: ColorDepth) -> Option<Color> {
        let (text, ground) = (self.foreground?, self.background?);
        // From the ground to the text, and beyond where the text itself is faint.
        let far = mix(text, opposite(ground), 1, 2);
        let steps = (0..=STEPS).map(|step| mix(ground, text, step, STEPS));
        let beyond = (0..=STEPS).map(|step| mix(text, far, step, STEPS));
        let wanted = steps.chain(beyond).find(|colour| contrast(*colour, ground) >= LEAST)?;
        match depth {
            ColorDepth::Mono => None,
            ColorDepth::Ansi16 => {
                const GREYS: [u8; 2] = [8, 7];
                let is_readable = |index: &u8| self.reads(*index, ground);
                GREYS.into_iter().find(is_readable).map(Color::Indexed)
            }
            ColorDepth::Ansi256 => nearest_of_256(wanted, ground),
            ColorDepth::TrueColor => Some(exact(wanted)),
        }
    }

    /// The first of these colours that can be read; where none can, the first one made darker or lighter until it can.
    pub fn readable(&self, wanted: &[u8], depth: ColorDepth) -> Option<Color> {
        let ground = self.background?;
        let first = *wanted.first()?;
        if let Some(index) = wanted.iter().find(|index| self.reads(**index, ground)) {
            return Some(Color::Indexed(*index));
        }
        let begin = self.colour(first)?;
        match depth {
            ColorDepth::Mono => None,
            // The nearest to it that there is.
            ColorDepth::Ansi16 => {
                let known = wanted.iter().filter_map(|index| Some((*index, self.colour(*index)?)));
                let best = known.max_by(|a, b| contrast(a.1, ground).total_cmp(&contrast(b.1, ground)));
                best.map(|(index, _)| Color::Indexed(index))
            }
            ColorDepth::Ansi256 => nearest_of_256(moved(begin, ground)?, ground),
            ColorDepth::TrueColor => moved(begin, ground).map(exact),
        }
    }

    /// A colour of another program's text, which may be meant for another ground.
    pub fn on_ground(&self, colour: Color, depth: ColorDepth) -> Color {
        let Some(ground) = self.background else { return colour };
        let told = match colour {
            Color::Indexed(index) => self.colour(index),
            Color::Rgb(r, g, b) => Some(Rgb(r, g, b)),
            _ => None,
        };
        let Some(told) = told.filter(|told| contrast(*told, ground) < LEAST) else { return colour };
        let readable = match (depth, colour) {
            (ColorDepth::Ansi16, Color::Indexed(index @ ..16)) => {
                // The other one of the same name.
                self.readable(&[index, index ^ 8], depth)
            }
            (ColorDepth::Mono | ColorDepth::Ansi16, _) => None,
            (ColorDepth::Ansi256, _) => moved(told, ground).and_then(|moved| nearest_of_256(moved, ground)),
            (ColorDepth::TrueColor, _) => moved(told, ground).map(exact),
        };
        readable.unwrap_or(colour)
    }

    fn colour(&self, index: u8) -> Option<Rgb> {
        match self.colours.get(usize::from(index)) {
            Some(told) => *told,
            None => Some(of_256(index)),
        }
    }

    fn reads(&self, index: u8, ground: Rgb) -> bool {
        self.colour(index).is_some_and(|colour| contrast(colour, ground) >= LEAST)
    }
}

/// Contrast of two colours by WCAG 2: from 1 to 21.
pub fn contrast(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

fn luminance(Rgb(r, g, b): Rgb) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Black or white: what is farther from a ground.
fn opposite(ground: Rgb) -> Rgb {
    let (black, white) = (Rgb(0, 0, 0), Rgb(255, 255, 255));
    if contrast(black, ground) > contrast(white, ground) { black } else { white }
}

/// A colour made darker or lighter until it can be read.
fn moved(colour: Rgb, ground: Rgb) -> Option<Rgb> {
    let end = opposite(ground);
    (0..=STEPS).map(|step| mix(colour, end, step, STEPS)).find(|moved| contrast(*moved, ground) >= LEAST)
}

/// So many parts of the way from one colour to another.
fn mix(Rgb(r, g, b): Rgb, Rgb(to_r, to_g, to_b): Rgb, part: u32, all: u32) -> Rgb {
    let of = |from: u8, to: u8| ((u32::from(from) * (all - part) + u32::from(to) * part) / all) as u8;
    Rgb(of(r, to_r), of(g, to_g), of(b, to_b))
}

/// The nearest of those of the 256 that nobody configures and that can be read.
fn nearest_of_256(wanted: Rgb, ground: Rgb) -> Option<Color> {
    let distance = |Rgb(r, g, b): Rgb| {
        let of = |a: u8, b: u8| (i32::from(a) - i32::from(b)).pow(2);
        of(r, wanted.0) + of(g, wanted.1) + of(b, wanted.2)
    };
    let readable = (16..=255).filter(|index| contrast(of_256(*index), ground) >= LEAST);
    readable.min_by_key(|index| distance(of_256(*index))).map(Color::Indexed)
}

fn of_256(index: u8) -> Rgb {
    let [r, g, b] = rgb_of_index(index);
    Rgb(r, g, b)
}

fn exact(Rgb(r, g, b): Rgb) -> Color {
    Color::Rgb(r, g, b)
}

#[cfg(test)]
pub(in crate::tui) mod tests {
    use super::*;

    const fn rgb(hex: u32) -> Rgb {
        let [_, r, g, b] = hex.to_be_bytes();
        Rgb(r, g, b)
    }

    fn palette(foreground: u32, background: u32, colours: [u32; 16]) -> Palette {
        Palette {
            foreground: Some(rgb(foreground)),
            background: Some(rgb(background)),
            colours: colours.map(|colour| Some(rgb(colour))),
        }
    }

    const SOLARIZED: [u32; 16] = [
        0x073642, 0xdc322f, 0x859900, 0xb58900, 0x268bd2, 0xd33682, 0x2aa198, 0xeee8d5, 0x002b36, 0xcb4b16,
        0x586e75, 0x657b83, 0x839496, 0x6c71c4, 0x93a1a1, 0xfdf6e3,
    ];
    const XTERM: [u32; 16] = [
        0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000,
        0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
    ];

    /// Palettes as their makers publish them.
    pub(in crate::tui) fn official() -> [(&'static str, Palette); 7] {
        [
            ("Solarized dark", palette(0x839496, 0x002b36, SOLARIZED)),
            ("Solarized light", palette(0x657b83, 0xfdf6e3, SOLARIZED)),
            (
                "Gruvbox dark",
                palette(
                    0xebdbb2,
                    0x282828,
                    [
                        0x282828, 0xcc241d, 0x98971a, 0xd79921, 0x458588, 0xb16286, 0x689d6a, 0xa89984,
                        0x928374, 0xfb4934, 0xb8bb26, 0xfabd2f, 0x83a598, 0xd3869b, 0x8ec07c, 0xebdbb2,
                    ],
                ),
            ),
            (
                "Gruvbox light",
                palette(
                    0x3c3836,
                    0xfbf1c7,
                    [
                        0xfbf1c7, 0xcc241d, 0x98971a, 0xd79921, 0x458588, 0xb16286, 0x689d6a, 0x7c6f64,
                        0x928374, 0x9d0006, 0x79740e, 0xb57614, 0x076678, 0x8f3f71, 0x427b58, 0x3c3836,
                    ],
                ),
            ),
            (
                "GitHub Light",
                palette(
                    0x1f2328,
                    0xffffff,
                    [
                        0x24292f, 0xcf222e, 0x116329, 0x4d2d00, 0x0969da, 0x8250df, 0x1b7c83, 0x6e7781,
                        0x57606a, 0xa40e26, 0x1a7f37, 0x633c01, 0x218bff, 0xa475f9, 0x3192aa, 0x8c959f,
                    ],
                ),
            ),
            ("xterm on black", palette(0xffffff, 0x000000, XTERM)),
            ("xterm on white", palette(0x000000, 0xffffff, XTERM)),
        ]
    }

    /// What a terminal of this palette shows for a colour.
    pub(in crate::tui) fn shown(palette: &Palette, colour: Color) -> Rgb {
        let shown = match colour {
            Color::Indexed(index) => palette.colour(index),
            Color::Rgb(r, g, b) => Some(Rgb(r, g, b)),
            Color::Reset => palette.foreground,
            other => panic!("{other:?}"),
        };
        shown.expect("a colour")
    }

    #[test]
    fn contrasts_are_those_of_the_standard() {
        let of = |one, other| (contrast(rgb(one), rgb(other)) * 100.0).round() / 100.0;
        assert_eq!(of(0x000000, 0xffffff), 21.0);
        assert_eq!(of(0x777777, 0xffffff), 4.48);
        assert_eq!(of(0xffffff, 0xffffff), 1.0);
    }

    #[test]
    fn secondary_text_can_be_read_and_is_quieter_where_there_is_room() {
        for (name, palette) in official() {
            let (text, ground) = (palette.foreground.expect("told"), palette.background.expect("told"));
            for depth in [ColorDepth::TrueColor, ColorDepth::Ansi256] {
                let secondary = shown(&palette, palette.secondary(depth).expect(name));
                let (has, most) = (contrast(secondary, ground), contrast(text, ground));
                assert!(has >= LEAST, "{name} {depth:?}: {has:.2}");
                assert!(most < 6.0 || has < most - 1.0, "{name} {depth:?}: {has:.2} beside {most:.2}");
            }
            if let Some(of_16) = palette.secondary(ColorDepth::Ansi16) {
                assert!(contrast(shown(&palette, of_16), ground) >= LEAST, "{name}");
            }
            assert_eq!(palette.secondary(ColorDepth::Mono), None);
        }
        assert_eq!(Palette::default().secondary(ColorDepth::TrueColor), None);
    }

    #[test]
    fn colours_of_a_log_are_made_readable_and_otherwise_left_alone() {
        for (name, palette) in official() {
            let ground = palette.background.expect("told");
            for depth in [ColorDepth::TrueColor, ColorDepth::Ansi256] {
                for index in 0..=255 {
                    let before = Color::Indexed(index);
                    let after = palette.on_ground(before, depth);
                    let has = contrast(shown(&palette, after), ground);
                    assert!(has >= LEAST, "{name} {index}: {has:.2}");
                    let was = contrast(shown(&palette, before), ground);
                    assert_eq!(after == before, was >= LEAST, "{name} {index}");
                }
            }
            let faint = Color::Rgb(250, 250, 120);
            let after = palette.on_ground(faint, ColorDepth::TrueColor);
            assert!(contrast(shown(&palette, after), ground) >= LEAST, "{name}");
        }
        // Nothing is known of the ground.
        let yellow = Color::Indexed(3);
        assert_eq!(Palette::default().on_ground(yellow, ColorDepth::TrueColor), yellow);
    }
}
