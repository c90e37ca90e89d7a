//! Pictures: files decoded to pixels, and pixels encoded for a terminal.
//!
//! - [`read`]: a file's picture, text or facts, within limits of memory and time. Files are not trusted.
//! - [`encode`]: pixels as block characters or in Kitty's, iTerm2's or the Sixel protocol, within a budget of bytes.
//! - [`fit`](Canvas::fit): how many cells a picture takes.
//!
//! Nothing here writes to a terminal; `tui::terminal` does.

mod block;
pub mod encode;
pub mod likeness;
mod quantize;
pub mod read;
pub mod sheet;

use std::sync::Arc;

pub use block::{Block, BlockSet};
pub use encode::encode;

/// Protocols for pictures in a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureProtocol {
    /// Kitty's graphics protocol: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.
    Kitty,
    /// iTerm2's inline images (OSC 1337): <https://iterm2.com/documentation-images.html>.
    Iterm2,
    Sixel,
    /// Block characters in two colours a cell: for every terminal with colours.
    Blocks,
}

impl PictureProtocol {
    /// All protocols, best first.
    pub const ALL: [Self; 4] = [Self::Kitty, Self::Iterm2, Self::Sixel, Self::Blocks];

    /// The protocol's name in `config.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kitty => "kitty",
            Self::Iterm2 => "iterm2",
            Self::Sixel => "sixel",
            Self::Blocks => "blocks",
        }
    }

    /// The protocol of a name in `config.toml`.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// The setting `pictures`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PictureMode {
    /// The best protocol that the terminal reports.
    #[default]
    Auto,
    /// This protocol, whatever the terminal reports.
    Always(PictureProtocol),
    Off,
}

impl PictureMode {
    /// In the order in which a key goes through them.
    pub const ALL: [Self; 6] = [
        Self::Auto,
        Self::Always(PictureProtocol::Kitty),
        Self::Always(PictureProtocol::Iterm2),
        Self::Always(PictureProtocol::Sixel),
        Self::Always(PictureProtocol::Blocks),
        Self::Off,
    ];

    /// Parses a setting: `auto`, `off`, or a protocol's name.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "off" => Some(Self::Off),
            name => PictureProtocol::of_name(name).map(Self::Always),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always(protocol) => protocol.name(),
            Self::Off => "off",
        }
    }

    /// The next setting, for a key that cycles through them.
    pub fn next(self) -> Self {
        match self {
            Self::Auto => Self::Always(PictureProtocol::Kitty),
            Self::Always(PictureProtocol::Kitty) => Self::Always(PictureProtocol::Iterm2),
            Self::Always(PictureProtocol::Iterm2) => Self::Always(PictureProtocol::Sixel),
            Self::Always(PictureProtocol::Sixel) => Self::Always(PictureProtocol::Blocks),
            Self::Always(PictureProtocol::Blocks) => Self::Off,
            Self::Off => Self::Auto,
        }
    }
}

/// A size in terminal cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cells {
    /// Width in columns.
    pub width: u16,
    pub height: u16,
}

impl Cells {
    pub fn count(self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }
}

/// xterm's default values of the 16 colours, for choosing the nearest. Users often have other ones.
pub const XTERM_16: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// Size of one cell in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellSize {
    pub width: u16,
    pub height: u16,
}

impl Default for CellSize {
    /// Most fonts are about twice as high as wide.
    fn default() -> Self {
        Self { width: 9, height: 18 }
    }
}

impl CellSize {
    /// A size that a terminal reported; `None` if it is implausible.
    pub fn reported(width: u16, height: u16) -> Option<Self> {
        ((2..=200).contains(&width) && (2..=200).contains(&height)).then_some(Self { width, height })
    }
}

/// Colours that the terminal supports, for block characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Colours {
    /// 24-bit colour.
    #[default]
    True,
    /// xterm's 256 colours.
    Indexed,
    /// The terminal's own sixteen.
    Sixteen,
}

/// The place for a picture, and its budget of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Canvas {
    pub room: Cells,
    /// Size of a cell in pixels.
    pub cell: CellSize,
    pub protocol: PictureProtocol,
    /// Most bytes on the wire for the whole picture.
    pub budget: usize,
    /// Approximate size of one [`Strip`], in bytes.
    pub piece: usize,
    /// Background colour for transparent pixels.
    pub ground: [u8; 3],
    pub colours: Colours,
    /// The characters that it is drawn with where the terminal has no pixels.
    pub blocks: BlockSet,
}

/// Default budget of a picture in bytes, smaller over SSH.
pub fn usual_budget(ssh: bool) -> usize {
    if ssh { 32 << 10 } else { 256 << 10 }
}

/// Small pictures are enlarged by this factor at the most.
const MOST_ENLARGED: f64 = 4.0;

impl Canvas {
    /// Size of the canvas in pixels.
    pub fn pixels(&self) -> (u32, u32) {
        let pixels = |cells: u16, size: u16| u32::from(cells) * u32::from(size);
        (pixels(self.room.width, self.cell.width), pixels(self.room.height, self.cell.height))
    }

    /// Cells that a picture of `width` by `height` pixels takes: as large as fits, in proportion, at least one cell.
    pub fn fit(&self, width: u32, height: u32) -> Cells {
        let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let cell = (f64::from(self.cell.width), f64::from(self.cell.height));
        let room = (f64::from(self.room.width) * cell.0, f64::from(self.room.height) * cell.1);
        let scale = (room.0 / width).min(room.1 / height).min(MOST_ENLARGED);
        // Rounded, so that a picture slightly larger than whole cells does not take one more.
        let cells = |pixels: f64, cell: f64, room: u16| {
            ((pixels * scale / cell).round() as u16).clamp(1, room.max(1))
        };
        Cells {
            width: cells(width, cell.0, self.room.width),
            height: cells(height, cell.1, self.room.height),
        }
    }
}

/// A picture encoded for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Size in cells.
    pub cells: Cells,
    pub form: Form,
}

/// Encoded bytes, by protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The cells, row by row.
    Blocks(Vec<Block>),
    /// A PNG file, which the terminal stores and scales to the cells.
    Kitty(Vec<u8>),
    /// Escape sequences, each of which draws a part of the picture from the cursor's position on.
    Strips(Vec<Strip>),
}

/// A part of a picture that can be drawn on its own: other output may come before the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strip {
    /// First row within the picture, in cells.
    pub row: u16,
    /// Number of rows, in cells; a piece is as wide as the picture.
    pub rows: u16,
    pub bytes: Vec<u8>,
}

impl Picture {
    /// Approximate bytes on the wire, without cursor movements.
    pub fn wire_bytes(&self) -> usize {
        match &self.form {
            Form::Blocks(cells) => encode::blocks::wire_bytes(cells, self.cells, Colours::True),
            Form::Kitty(png) => encode::kitty_wire_bytes(png.len()),
            Form::Strips(strips) => strips.iter().map(|strip| strip.bytes.len()).sum(),
        }
    }

    /// Size in memory, in bytes.
    pub fn weight(&self) -> usize {
        match &self.form {
            Form::Blocks(cells) => std::mem::size_of_val(&cells[..]),
            Form::Kitty(png) => png.len(),
            Form::Strips(strips) => strips.iter().map(|strip| strip.bytes.len()).sum(),
        }
    }
}

/// A picture that is shared without a copy.
pub type Shared = Arc<Picture>;

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(width: u16, height: u16) -> Canvas {
        Canvas {
            room: Cells { width, height },
            cell: CellSize { width: 10, height: 20 },
            protocol: PictureProtocol::Blocks,
            budget: usize::MAX,
            piece: usize::MAX,
            ground: [0; 3],
            colours: Colours::True,
            blocks: BlockSet::Half,
        }
    }

    #[test]
    fn pictures_keep_their_proportions_and_stay_in_their_room() {
        for ((width, height), wanted) in [
            ((1024, 1024), (36, 18)),
            ((1920, 1080), (57, 16)),
            ((100, 4000), (1, 18)),
            ((30_000, 1), (57, 1)),
            ((10, 20), (4, 4)),
            ((1, 1), (1, 1)),
            ((0, 0), (1, 1)),
        ] {
            let cells = canvas(57, 18).fit(width, height);
            assert_eq!((cells.width, cells.height), wanted, "{width}×{height}");
        }
        assert_eq!(canvas(0, 0).fit(100, 100), Cells { width: 1, height: 1 });
    }
}
