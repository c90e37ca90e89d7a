//! What a terminal can do, by its answers: who it is, and what follows from that.

use super::input::{Report, Rgb};
use super::painter::ColorDepth;
use super::palette::Palette;

/// What the terminal supports, by its answers; all `false` and `None` before them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Synchronized updates (mode 2026).
    pub sync: bool,
    /// kitty's keyboard protocol: Ctrl+I isn't Tab, Shift+Enter isn't Enter.
    pub kitty_keyboard: bool,
    /// The default background colour.
    pub background: Option<Rgb>,
    /// The default text colour.
    pub foreground: Option<Rgb>,
    /// The sixteen colours of its palette.
    pub colours: [Option<Rgb>; 16],
    /// Name and version (XTVERSION) of what answers first: the terminal, or the tmux in it.
    pub version: Option<String>,
    /// Name and version of the terminal that tmux is in, if tmux lets questions through.
    pub outer: Option<String>,
    /// tmux may be in another terminal by now: that one was asked who it is, and has not answered.
    pub in_doubt: bool,
    /// Kind of terminal: the first number of its secondary device attributes (DA2).
    pub kind: Option<u16>,
    pub kitty_graphics: bool,
    pub sixel: bool,
    /// kitty's protocol for desktop notifications (OSC 99), by the answer of the terminal or of the one around tmux.
    pub notifications: bool,
    /// Largest Sixel picture, in pixels (XTSMGRAPHICS).
    pub sixel_limit: Option<(u16, u16)>,
    /// Bits of a colour, by the terminal's own account: 24, 8, or 0.
    pub color_bits: u8,
    /// Alt with a letter is sent as another letter instead of with ESC (mode 1036 is off, as in a plain xterm).
    pub alt_is_a_letter: bool,
    /// Width and height of a cell in pixels.
    pub cell: Option<(u16, u16)>,
    /// Whether the terminal has said who it is.
    pub known: bool,
    /// Whether all queries of the start have been answered.
    pub complete: bool,
}

/// DA2's first number by program: <https://github.com/ThomasDickey/xterm-snapshots>, screen's and urxvt's sources.
const SCREEN: u16 = 83;
const TMUX: u16 = 84;
const URXVT: u16 = 85;

/// Name prefixes, in lower case, of terminals with iTerm2's inline images that are better than their Sixel.
const ITERM2: [&str; 3] = ["iterm", "wezterm", "mintty"];
/// Terminals that always have Sixel, and say their name.
const SIXEL: [&str; 4] = ["foot", "contour", "konsole", "wezterm"];
/// Terminals that place a Kitty picture by characters ("Unicode placeholders").
const PLACEHOLDERS: [&str; 2] = ["ghostty", "rio"];
/// The first version of kitty that does.
const KITTY_WITH_PLACEHOLDERS: (u32, u32) = (0, 28);
/// Terminals with 24-bit colours of which some do not answer the question for them.
const TRUE_COLOR: [&str; 12] = [
    "kitty",
    "konsole",
    "wezterm",
    "iterm2",
    "foot",
    "ghostty",
    "mintty",
    "contour",
    "rio",
    "vte",
    "xterm.js",
    "windows terminal",
];

impl Capabilities {
    /// Takes an answer's capability.
    pub(super) fn hear(&mut self, report: &Report) {
        match report {
            Report::Mode { mode: 2026, state } => self.sync = matches!(state, 1..=3),
            Report::Mode { mode: 1036, state } => self.alt_is_a_letter = *state == 2,
            Report::KittyKeyboard(_) => self.kitty_keyboard = true,
            Report::Background(color) => self.hear_background(*color),
            Report::Foreground(color) => self.foreground = Some(*color),
            Report::Colour(number, color) => {
                if let Some(known) = self.colours.get_mut(usize::from(*number)) {
                    *known = Some(*color);
                }
            }
            Report::Version(version) => self.hear_version(version),
            Report::CellSize(width, height) => self.cell = Some((*width, *height)),
            Report::Notifications => self.notifications = true,
            Report::Graphics(has) => self.kitty_graphics = *has,
            Report::SixelLimit(width, height) => self.sixel_limit = Some((*width, *height)),
            Report::ColorBits(bits) => self.color_bits = self.color_bits.max(*bits),
            Report::Kind(kind) => self.kind = Some(*kind),
            Report::DeviceAttributes(can) => self.sixel = can.contains(&4),
            Report::Status | Report::Mode { .. } => {}
        }
    }

    /// Its colours, as far as it tells them.
    pub fn palette(&self) -> Palette {
        Palette { foreground: self.foreground, background: self.background, colours: self.colours }
    }

    /// In tmux two answer: tmux, and the terminal that it is in, which may be another one than before.
    fn hear_version(&mut self, version: &str) {
        let is_outer = !is_tmuxs(version) && self.version.as_deref().is_some_and(is_tmuxs);
        self.in_doubt &= !is_outer;
        let place = if is_outer { &mut self.outer } else { &mut self.version };
        if place.as_deref() != Some(version) {
            *place = Some(version.to_owned());
            self.kitty_graphics = false;
            self.notifications = false;
            if is_outer {
                self.forget_colours();
            }
        }
    }

    /// In tmux, another background may be that of another terminal around it, with colours of its own.
    fn hear_background(&mut self, color: Rgb) {
        if self.is_tmux() && self.background.is_some_and(|known| known != color) {
            self.forget_colours();
        }
        self.background = Some(color);
    }

    fn forget_colours(&mut self) {
        self.foreground = None;
        self.colours = [None; 16];
    }

    /// The terminal around tmux may be another one.
    pub(super) fn doubt_outer(&mut self) {
        self.in_doubt = self.is_tmux() && self.outer.is_some();
    }

    /// Nobody around tmux says who they are.
    pub(super) fn forget_outer(&mut self) {
        (self.outer, self.in_doubt) = (None, false);
        (self.kitty_graphics, self.notifications) = (false, false);
        self.forget_colours();
    }

    /// Whether a picture may go to the terminal that showed the last one: what only that one understands would stand over the
    /// text of another.
    pub(super) fn takes_pictures(&self) -> bool {
        !(self.in_doubt && self.kitty_graphics)
    }

    /// Whether tmux answers, also when it runs on the other end of an SSH connection.
    pub fn is_tmux(&self) -> bool {
        self.version.as_deref().is_some_and(is_tmuxs) || self.kind == Some(TMUX)
    }

    /// Whether GNU screen answers.
    pub fn is_screen(&self) -> bool {
        self.kind == Some(SCREEN)
    }

    /// Whether a sequence of Kitty's graphics is at worst ignored: tmux and screen make a title of it, urxvt and
    /// terminals of old print it.
    pub(super) fn ignores_unknown_graphics(&self) -> bool {
        let other = self.is_tmux() || self.is_screen() || self.kind == Some(URXVT);
        !other && (self.version.is_some() || self.kitty_keyboard)
    }

    /// Whether the window's title can be set: terminals of old print it.
    pub(super) fn has_title(&self) -> bool {
        self.version.is_some() || self.kind.is_some()
    }

    /// Whether a picture can be placed by characters, in the terminal around tmux.
    pub fn has_placeholders(&self) -> bool {
        let Some(outer) = self.outer.as_deref() else { return false };
        is_at_least(outer, "kitty", KITTY_WITH_PLACEHOLDERS) || is_one_of(outer, &PLACEHOLDERS)
    }

    /// Whether a name is one of a terminal with iTerm2's inline images.
    pub(super) fn has_iterm2(name: &str) -> bool {
        is_one_of(name, &ITERM2)
    }

    /// Whether the terminal around tmux has iTerm2's inline images. Not Konsole, which has them: text that overwrites one does
    /// not take it away.
    pub(super) fn has_iterm2_around_tmux(&self) -> bool {
        self.outer.as_deref().is_some_and(Capabilities::has_iterm2)
    }

    /// Whether the terminal around tmux is known to have Sixel.
    pub(super) fn has_sixel_around_tmux(&self) -> bool {
        self.outer.as_deref().is_some_and(|outer| is_one_of(outer, &SIXEL))
    }

    /// The colours of a terminal whose environment tells of so many.
    pub fn depth(&self, told: ColorDepth, term: &str) -> ColorDepth {
        let has_true_color = self.color_bits == 24
            || !self.is_tmux() && self.version.as_deref().is_some_and(|name| is_one_of(name, &TRUE_COLOR));
        match told {
            // So asked for, or a terminal that has none.
            ColorDepth::Mono => told,
            _ if self.is_screen() => ColorDepth::Ansi256,
            _ if has_true_color => ColorDepth::TrueColor,
            // What answers and calls itself xterm has had 256 for twenty years.
            _ if self.color_bits == 8 || self.known && term.starts_with("xterm") => {
                told.max(ColorDepth::Ansi256)
            }
            _ => told,
        }
    }
}

fn is_tmuxs(version: &str) -> bool {
    version.starts_with("tmux ")
}

/// Whether a name and version, such as `kitty(0.41.1)` or `ghostty 1.2.0`, is that of a program from a version on.
pub(super) fn is_at_least(name: &str, program: &str, version: (u32, u32)) -> bool {
    let lower = name.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix(program) else { return false };
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let mut next = || numbers.next().map_or(Some(0), |digits| digits.parse().ok());
    let first = next();
    first.zip(next()).is_some_and(|found| found >= version)
}

pub(super) fn is_one_of(name: &str, known: &[&str]) -> bool {
    let name = name.to_ascii_lowercase();
    known.iter().any(|known| name.starts_with(known))
}
