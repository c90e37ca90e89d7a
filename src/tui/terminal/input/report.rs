//! A terminal's answers to queries.

/// An answer of the terminal, by the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// To `ESC [ 5 n`: everything sent before it has been drawn.
    Status,
    /// To `ESC [ ? mode $ p` (DECRQM).
    Mode {
        /// The private mode asked about, such as 2026.
        mode: u16,
        /// 0 not known; 1 set, 2 reset; 3 always set, 4 always reset.
        state: u16,
    },
    /// To `ESC [ c` (DA1): numbers of supported features, such as 4 for Sixel.
    DeviceAttributes(Vec<u16>),
    /// To `ESC [ ? u`: kitty's keyboard protocol is supported, with these flags set.
    KittyKeyboard(u16),
    /// To `OSC 4 ; number ; ?`: one of the 256 colours.
    Colour(u8, Rgb),
    /// To `OSC 10 ; ?`: the default foreground colour.
    Foreground(Rgb),
    /// To `OSC 11 ; ?`: the default background colour.
    Background(Rgb),
    /// To `ESC [ 16 t` (XTWINOPS): width and height of a cell in pixels.
    CellSize(u16, u16),
    /// To a query in Kitty's graphics protocol: whether it is supported.
    Graphics(bool),
    /// To `ESC [ > 0 q` (XTVERSION): name and version, printable characters only.
    Version(String),
    /// To `ESC [ > c` (DA2): the first number, which tells the kind of terminal.
    Kind(u16),
    /// To `ESC [ ? 2 ; 1 ; 0 S` (XTSMGRAPHICS): width and height of the largest Sixel picture, in pixels.
    SixelLimit(u16, u16),
    /// To `ESC P $ q m ESC \` (DECRQSS) after [`TRUE_COLOR`] was set: bits of the colour that stands there, 24 if it is the
    /// one that was set, 8 if it is one of 256.
    ColorBits(u8),
    /// To `OSC 99 ; i=comfydeck:p=?`: kitty's protocol for desktop notifications is supported.
    Notifications,
}

/// The background colour that is set, and asked for, to learn whether the terminal has 24-bit colours.
pub const TRUE_COLOR: &str = "48;2;1;2;3";

/// A colour of 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// Whether light text is readable on it.
    pub fn is_dark(self) -> bool {
        let Rgb(r, g, b) = self;
        // Perceived brightness (ITU-R BT.601).
        u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114 < 128_000
    }
}

/// The answer in `ESC [ params last`, if it is one.
pub(super) fn of_csi(params: &[u8], last: u8) -> Option<Report> {
    let params = std::str::from_utf8(params).ok()?;
    match last {
        b'n' => matches!(params, "0" | "3").then_some(Report::Status),
        b'c' => match params.strip_prefix('>') {
            Some(params) => Some(Report::Kind(*numbers(params)?.first()?)),
            // kitty leaves a number empty.
            None => Some(Report::DeviceAttributes(given_numbers(params.strip_prefix('?')?))),
        },
        b'S' => match numbers(params.strip_prefix('?')?)?[..] {
            [2, 0, width, height] => Some(Report::SixelLimit(width, height)),
            _ => None,
        },
        b't' => match numbers(params)?[..] {
            [6, height, width] => Some(Report::CellSize(width, height)),
            _ => None,
        },
        b'u' => Some(Report::KittyKeyboard(params.strip_prefix('?')?.parse().ok()?)),
        b'y' => match numbers(params.strip_prefix('?')?.strip_suffix('$')?)?[..] {
            [mode, state] => Some(Report::Mode { mode, state }),
            _ => None,
        },
        _ => None,
    }
}

/// The answer in an OSC, DCS or other string, given without its delimiters; `None` if unknown.
pub(super) fn of_text(introducer: u8, text: &[u8]) -> Option<Report> {
    let text = std::str::from_utf8(text).ok()?;
    match introducer {
        b']' => match text.split_once(';')? {
            ("4", told) => {
                let (number, color) = told.split_once(';')?;
                Some(Report::Colour(number.parse().ok()?, color_of(color)?))
            }
            ("99", told) => told.split([':', ';']).any(|key| key == "p=?").then_some(Report::Notifications),
            ("10", color) => Some(Report::Foreground(color_of(color)?)),
            ("11", color) => Some(Report::Background(color_of(color)?)),
            _ => None,
        },
        b'_' => {
            let (keys, told) = text.strip_prefix('G')?.split_once(';')?;
            keys.split(',').any(|key| key == "i=31").then_some(Report::Graphics(told == "OK"))
        }
        b'P' => match text.strip_prefix(">|") {
            Some(name) => Some(Report::Version(name.chars().filter(|c| !c.is_control()).take(100).collect())),
            None => {
                // `48:2:1:2:3` or, with the place of a colour space, `48:2::1:2:3`.
                let set = text.strip_prefix("1$r")?.replace("::", ":").replace(':', ";");
                Some(Report::ColorBits(if set.contains(TRUE_COLOR) {
                    24
                } else if set.contains("48;5;") {
                    8
                } else {
                    0
                }))
            }
        },
        _ => None,
    }
}

fn given_numbers(list: &str) -> Vec<u16> {
    list.split(';').filter_map(|n| n.parse().ok()).collect()
}

fn numbers(list: &str) -> Option<Vec<u16>> {
    list.split(';').map(|n| n.parse().ok()).collect()
}

/// `rgb:RRRR/GGGG/BBBB` with one to four digits each (XParseColor), or `#RRGGBB`.
fn color_of(text: &str) -> Option<Rgb> {
    if let Some(hex) = text.strip_prefix('#').filter(|hex| hex.len() == 6) {
        let n = u32::from_str_radix(hex, 16).ok()?;
        let [_, r, g, b] = n.to_be_bytes();
        return Some(Rgb(r, g, b));
    }
    let parts = text.strip_prefix("rgb:").or_else(|| text.strip_prefix("rgba:"))?;
    let mut parts = parts.split('/').map(|part| {
        let most =
            16_u32.checked_pow(part.len().try_into().ok()?)?.checked_sub(1).filter(|most| *most > 0)?;
        let value = u32::from_str_radix(part, 16).ok()?;
        // At most four digits, so that the product fits.
        (part.len() <= 4).then(|| (value * 255 / most) as u8)
    });
    Some(Rgb(parts.next()??, parts.next()??, parts.next()??))
}
