//! The style of a cell, and the shortest `ESC [ … m` (SGR) from one style to another.

use ratatui::style::{Color, Modifier};

use crate::picture::{Colours, XTERM_16};

/// How many colours a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorDepth {
    /// No colours at all, only attributes such as bold and reverse: what `NO_COLOR` asks for.
    Mono,
    /// The 16 colours of the terminal's palette.
    Ansi16,
    /// xterm's 256 colours.
    Ansi256,
    /// 24-bit colours.
    TrueColor,
}

impl ColorDepth {
    /// By the environment: `NO_COLOR` (<https://no-color.org>), `COLORTERM`, `TERM`.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> ColorDepth {
        if get("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            return ColorDepth::Mono;
        }
        let term = get("TERM").unwrap_or_default();
        // GNU screen has 256 at most, and passes on what the terminal around it says of itself.
        let is_screen = term.starts_with("screen") && get("TMUX").is_none_or(|value| value.is_empty());
        let is_true = matches!(get("COLORTERM").as_deref(), Some("truecolor" | "24bit"));
        if (is_true || term.ends_with("-direct")) && !is_screen {
            return ColorDepth::TrueColor;
        }
        let true_color = ["xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm", "contour"];
        if true_color.iter().any(|name| term.starts_with(name)) {
            return ColorDepth::TrueColor;
        }
        if term.contains("256color") || is_screen && is_true {
            return ColorDepth::Ansi256;
        }
        match term.as_str() {
            "dumb" | "vt52" | "vt100" | "vt102" | "vt220" | "vt320" => ColorDepth::Mono,
            _ => ColorDepth::Ansi16,
        }
    }

    /// The colours that block characters have there.
    pub fn colours(self) -> Colours {
        match self {
            Self::TrueColor => Colours::True,
            Self::Ansi256 => Colours::Indexed,
            Self::Ansi16 | Self::Mono => Colours::Sixteen,
        }
    }

    /// The sequence that sets two colours, front and back, where others are set or none.
    pub fn pair(self, set: Option<[[u8; 3]; 2]>, to: [[u8; 3]; 2]) -> Vec<u8> {
        let of = |[r, g, b]: [u8; 3]| self.fit(Color::Rgb(r, g, b));
        let style = |[front, back]: [[u8; 3]; 2]| CellStyle {
            fg: of(front),
            bg: of(back),
            modifier: Modifier::empty(),
        };
        sgr(set.map_or(CellStyle::PLAIN, style), style(to))
    }

    /// The nearest colour this depth has.
    pub(super) fn fit(self, color: Color) -> Color {
        let indexed = |index: u8| if index < 16 { NAMED[index as usize] } else { Color::Indexed(index) };
        match (self, color) {
            (ColorDepth::Mono, _) => Color::Reset,
            (ColorDepth::Ansi16, Color::Rgb(r, g, b)) => NAMED[nearest_of_16([r, g, b])],
            (ColorDepth::Ansi16, Color::Indexed(index @ 16..)) => NAMED[nearest_of_16(rgb_of(index))],
            (ColorDepth::Ansi256, Color::Rgb(r, g, b)) => indexed(nearest_of_256([r, g, b])),
            (_, Color::Indexed(index)) => indexed(index),
            (_, color) => color,
        }
    }
}

/// The palette of 16 in the order of its numbers.
const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// xterm's value of one of the 256 colours; of the first 16 its default.
pub const fn rgb_of(index: u8) -> [u8; 3] {
    match index {
        0..16 => XTERM_16[index as usize],
        16..232 => {
            let n = (index - 16) as usize;
            [CUBE[n / 36], CUBE[n / 6 % 6], CUBE[n % 6]]
        }
        232.. => [8 + 10 * (index - 232); 3],
    }
}

fn distance(a: [u8; 3], b: [u8; 3]) -> i32 {
    a.iter().zip(b).map(|(a, b)| (i32::from(*a) - i32::from(b)).pow(2)).sum()
}

fn nearest_of_16(rgb: [u8; 3]) -> usize {
    (0..16).min_by_key(|n| distance(XTERM_16[*n], rgb)).unwrap_or_default()
}

/// The nearest of the 256 colours, but never one of the first 16, which users configure. Of a picture each frame asks for
/// thousands, so only the nearest of the cube, which is that of each channel, and the nearest grey are compared.
fn nearest_of_256(rgb: [u8; 3]) -> u8 {
    let level = |channel: u8| (0..6).min_by_key(|n| channel.abs_diff(CUBE[*n])).unwrap_or_default() as u8;
    let [r, g, b] = rgb.map(level);
    let of_cube = 16 + 36 * r + 6 * g + b;
    let sum: i32 = rgb.map(i32::from).iter().sum();
    // Greys are 8, 18, 28 …: the nearest is that of the channels' mean.
    let grey = 232 + (2 * sum - 6 * 8 + 29).div_euclid(60).clamp(0, 23) as u8;
    if distance(rgb_of(grey), rgb) < distance(rgb_of(of_cube), rgb) { grey } else { of_cube }
}

/// Modifiers that are visible on a blank cell.
const ON_BLANKS: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT);

/// Modifiers with the SGR numbers that turn them on and off.
const MODIFIERS: [(Modifier, u8, u8); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// Colours and attributes, reduced to what the terminal supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellStyle {
    pub(super) fg: Color,
    pub(super) bg: Color,
    pub(super) modifier: Modifier,
}

impl CellStyle {
    /// The style after `ESC [ m`.
    pub(super) const PLAIN: CellStyle =
        CellStyle { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

    /// This style without what is invisible on a blank, so that blanks that look the same compare equal.
    pub(super) fn on_blank(self) -> CellStyle {
        if self.modifier.intersects(ON_BLANKS) {
            return self;
        }
        CellStyle { bg: self.bg, ..CellStyle::PLAIN }
    }

    /// Whether a blank printed in this style looks like `wanted`.
    pub(super) fn blank_shows(self, wanted: CellStyle) -> bool {
        self.on_blank() == wanted.on_blank()
    }

    /// Whether erasing (`EL`, `ECH`) can make such a blank: erased cells have no attributes, and a background
    /// colour only with `bce`.
    pub(super) fn erasable(self, bce: bool) -> bool {
        !self.modifier.intersects(ON_BLANKS) && (bce || self.bg == Color::Reset)
    }

    /// The style nearest to this one in which a blank looks like `wanted`.
    pub(super) fn for_blank(self, wanted: CellStyle) -> CellStyle {
        if wanted.modifier.intersects(ON_BLANKS) || self.blank_shows(wanted) {
            return if self.blank_shows(wanted) { self } else { wanted };
        }
        let near = CellStyle { bg: wanted.bg, modifier: self.modifier - ON_BLANKS, ..self };
        if sgr(self, near).len() < sgr(self, wanted).len() { near } else { wanted }
    }
}

/// The shortest sequence that turns one style into another; empty if they are the same.
pub(super) fn sgr(from: CellStyle, to: CellStyle) -> Vec<u8> {
    if from == to {
        return Vec::new();
    }
    if to == CellStyle::PLAIN {
        return b"\x1b[m".to_vec();
    }
    let mut stepwise = Vec::new();
    let mut afresh = vec![0];
    changes(from, to, &mut stepwise);
    changes(CellStyle::PLAIN, to, &mut afresh);
    let (stepwise, afresh) = (sequence(&stepwise), sequence(&afresh));
    if afresh.len() < stepwise.len() { afresh } else { stepwise }
}

fn sequence(numbers: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x1b[".to_vec();
    for (n, number) in numbers.iter().enumerate() {
        if n > 0 {
            bytes.push(b';');
        }
        // The first one, left out, is 0.
        if *number > 0 || n > 0 {
            super::push_number(&mut bytes, (*number).into());
        }
    }
    bytes.push(b'm');
    bytes
}

fn changes(from: CellStyle, to: CellStyle, numbers: &mut Vec<u8>) {
    let mut modifier = from.modifier;
    for (flag, _, off) in MODIFIERS {
        if modifier.contains(flag) && !to.modifier.contains(flag) {
            numbers.push(off);
            // One number may turn off two attributes: 22 ends bold and dim.
            for (other, _, other_off) in MODIFIERS {
                if other_off == off {
                    modifier.remove(other);
                }
            }
        }
    }
    for (flag, on, _) in MODIFIERS {
        if to.modifier.contains(flag) && !modifier.contains(flag) {
            numbers.push(on);
        }
    }
    if from.fg != to.fg {
        color(to.fg, 30, numbers);
    }
    if from.bg != to.bg {
        color(to.bg, 40, numbers);
    }
}

/// `base` is 30 for the foreground and 40 for the background.
fn color(color: Color, base: u8, numbers: &mut Vec<u8>) {
    match color {
        Color::Reset => numbers.push(base + 9),
        Color::Rgb(r, g, b) => numbers.extend([base + 8, 2, r, g, b]),
        Color::Indexed(index) => numbers.extend([base + 8, 5, index]),
        named => match NAMED.iter().position(|known| *known == named) {
            Some(n @ 0..8) => numbers.push(base + n as u8),
            Some(n) => numbers.push(base + 60 + n as u8 - 8),
            None => numbers.push(base + 9),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn style(fg: Color, bg: Color, modifier: Modifier) -> CellStyle {
        CellStyle { fg, bg, modifier }
    }

    #[test]
    fn the_shortest_sgr() {
        let plain = CellStyle::PLAIN;
        let bold_red = style(Color::Red, Color::Reset, Modifier::BOLD);
        let bold = style(Color::Reset, Color::Reset, Modifier::BOLD);
        let dim = style(Color::Reset, Color::Reset, Modifier::DIM);
        let both = style(Color::Reset, Color::Reset, Modifier::BOLD | Modifier::DIM);
        let orange = style(Color::Rgb(255, 128, 0), Color::Indexed(17), Modifier::empty());
        let grey = style(Color::DarkGray, Color::White, Modifier::empty());
        let many = style(Color::Red, Color::Blue, Modifier::BOLD | Modifier::ITALIC | Modifier::UNDERLINED);
        for (from, to, wanted) in [
            (plain, plain, ""),
            (many, plain, "\x1b[m"),
            (plain, bold_red, "\x1b[1;31m"),
            (bold_red, bold, "\x1b[39m"),
            (bold, dim, "\x1b[;2m"),
            (both, bold, "\x1b[;1m"),
            (plain, orange, "\x1b[38;2;255;128;0;48;5;17m"),
            (plain, grey, "\x1b[90;107m"),
            (many, bold, "\x1b[;1m"),
            (bold_red, many, "\x1b[3;4;44m"),
        ] {
            assert_eq!(String::from_utf8(sgr(from, to)).unwrap(), wanted);
        }
    }

    #[test]
    fn blanks_take_any_look_that_shows_the_same() {
        let red = style(Color::Red, Color::Reset, Modifier::BOLD);
        let bar = style(Color::Red, Color::Blue, Modifier::BOLD);
        assert!(red.blank_shows(CellStyle::PLAIN));
        assert!(!bar.blank_shows(CellStyle::PLAIN));
        assert_eq!(red.for_blank(CellStyle::PLAIN), red);
        assert_eq!(red.for_blank(style(Color::Green, Color::Blue, Modifier::empty())), bar);
        assert!(!style(Color::Red, Color::Reset, Modifier::REVERSED).erasable(true));
        assert!(bar.erasable(true) && !bar.erasable(false));
    }

    #[test]
    fn colours_become_what_the_terminal_has() {
        let orange = Color::Rgb(255, 135, 0);
        for (depth, color, wanted) in [
            (ColorDepth::TrueColor, orange, orange),
            (ColorDepth::Ansi256, orange, Color::Indexed(208)),
            (ColorDepth::Ansi16, orange, Color::Yellow),
            (ColorDepth::Ansi16, Color::Indexed(255), Color::Gray),
            (ColorDepth::Ansi16, Color::Indexed(9), Color::LightRed),
            (ColorDepth::Mono, orange, Color::Reset),
            (ColorDepth::Ansi256, Color::Rgb(255, 255, 255), Color::Indexed(231)),
        ] {
            assert_eq!(depth.fit(color), wanted, "{depth:?} {color:?}");
        }
    }

    #[test]
    fn the_nearest_of_256_is_the_one_that_comparing_all_finds() {
        for n in 0..20_000_u32 {
            // Every grey, and colours from all over.
            let rgb = if n < 256 {
                [n as u8; 3]
            } else {
                n.wrapping_mul(2_654_435_761).to_le_bytes()[..3].try_into().unwrap()
            };
            let all = (16..=255).min_by_key(|n| distance(rgb_of(*n), rgb)).unwrap();
            assert_eq!(nearest_of_256(rgb), all, "{rgb:?}");
        }
    }

    #[test]
    fn the_depth_comes_from_the_environment() {
        for (environment, wanted) in [
            (&[("TERM", "xterm-256color")][..], ColorDepth::Ansi256),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], ColorDepth::TrueColor),
            (&[("TERM", "xterm-kitty")], ColorDepth::TrueColor),
            (&[("TERM", "xterm-kitty"), ("NO_COLOR", "1")], ColorDepth::Mono),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], ColorDepth::Ansi16),
            (&[("TERM", "linux")], ColorDepth::Ansi16),
            (&[("TERM", "vt100")], ColorDepth::Mono),
            (&[("TERM", "screen.xterm-256color"), ("COLORTERM", "truecolor")], ColorDepth::Ansi256),
            (&[("TERM", "screen"), ("COLORTERM", "truecolor")], ColorDepth::Ansi256),
            (
                &[("TERM", "screen-256color"), ("COLORTERM", "truecolor"), ("TMUX", "/tmp/x,1,0")],
                ColorDepth::TrueColor,
            ),
        ] {
            let get = |name: &str| {
                environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(ColorDepth::from_env(get), wanted, "{environment:?}");
        }
    }
}
