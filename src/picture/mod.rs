//! Pictures: from a file to pixels, and from pixels to what a terminal can show.
//!
//! - [`read`]: a file's picture, text or facts, within bounds of memory and time. The file is not trusted.
//! - [`encode`]: pixels as half-blocks, or as the bytes of Kitty's, iTerm2's or the Sixel protocol, within a budget.
//! - [`fit`](Canvas::fit): how many cells a picture takes.
//!
//! No terminal here: who sends the bytes, and when, is `tui::terminal`'s affair.

pub mod encode;
mod quantize;
pub mod read;

use std::sync::Arc;

pub use encode::encode;

/// How a terminal can be made to show a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Kitty's graphics protocol: <https://sw.kovidgoyal.net/kitty/graphics-protocol/>.
    Kitty,
    /// iTerm2's inline images (OSC 1337): <https://iterm2.com/documentation-images.html>.
    Iterm2,
    Sixel,
    /// Two coloured pixels a cell: `▀`. Every terminal with colours.
    Blocks,
}

impl Kind {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Kitty, Self::Iterm2, Self::Sixel, Self::Blocks];

    /// Its name in `config.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kitty => "kitty",
            Self::Iterm2 => "iterm2",
            Self::Sixel => "sixel",
            Self::Blocks => "blocks",
        }
    }

    /// The kind of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How a person wants pictures to be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Choice {
    /// With the best that the terminal says it has.
    #[default]
    Auto,
    /// So, whatever the terminal says.
    Always(Kind),
    Off,
}

impl Choice {
    /// The choice of a name: `auto`, `off`, or a kind's.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "off" => Some(Self::Off),
            name => Kind::of_name(name).map(Self::Always),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always(kind) => kind.name(),
            Self::Off => "off",
        }
    }

    /// The next one, for a key that goes through them.
    pub fn next(self) -> Self {
        match self {
            Self::Auto => Self::Always(Kind::Kitty),
            Self::Always(Kind::Kitty) => Self::Always(Kind::Iterm2),
            Self::Always(Kind::Iterm2) => Self::Always(Kind::Sixel),
            Self::Always(Kind::Sixel) => Self::Always(Kind::Blocks),
            Self::Always(Kind::Blocks) => Self::Off,
            Self::Off => Self::Auto,
        }
    }
}

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cells {
    /// Columns.
    pub width: u16,
    pub height: u16,
}

impl Cells {
    pub fn count(self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }
}

/// Pixels of one cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellSize {
    pub width: u16,
    pub height: u16,
}

impl Default for CellSize {
    /// What most fonts are near to: twice as high as wide.
    fn default() -> Self {
        Self { width: 9, height: 18 }
    }
}

impl CellSize {
    /// A size that a terminal told; `None` if it can't be one.
    pub fn told(width: u16, height: u16) -> Option<Self> {
        ((2..=200).contains(&width) && (2..=200).contains(&height)).then_some(Self { width, height })
    }
}

/// Colours that half-blocks may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Colours {
    /// 24 bits.
    #[default]
    True,
    /// xterm's 256, or fewer.
    Indexed,
}

/// What there is to draw on, and what it may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Canvas {
    pub room: Cells,
    /// Pixels of a cell.
    pub cell: CellSize,
    pub kind: Kind,
    /// Bytes on the wire for the whole picture, at the most.
    pub budget: usize,
    /// Bytes that may go out in one piece, about. See [`Piece`].
    pub piece: usize,
    /// What stands behind what is transparent.
    pub ground: [u8; 3],
    pub colours: Colours,
}

/// Bytes that one picture may cost when nobody says: over SSH, and elsewhere.
pub fn usual_budget(ssh: bool) -> usize {
    if ssh { 32 << 10 } else { 256 << 10 }
}

/// Small pictures are made this many times larger, not more.
const MOST_ENLARGED: f64 = 4.0;

impl Canvas {
    /// Pixels that there are.
    pub fn pixels(&self) -> (u32, u32) {
        let pixels = |cells: u16, size: u16| u32::from(cells) * u32::from(size);
        (pixels(self.room.width, self.cell.width), pixels(self.room.height, self.cell.height))
    }

    /// Cells that a picture takes here: as many as fit, its proportions kept; at least one.
    pub fn fit(&self, width: u32, height: u32) -> Cells {
        let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let cell = (f64::from(self.cell.width), f64::from(self.cell.height));
        let room = (f64::from(self.room.width) * cell.0, f64::from(self.room.height) * cell.1);
        let scale = (room.0 / width).min(room.1 / height).min(MOST_ENLARGED);
        // A picture that is a hair wider than the last whole cell is made a hair narrower.
        let cells = |pixels: f64, cell: f64, room: u16| {
            ((pixels * scale / cell).round() as u16).clamp(1, room.max(1))
        };
        Cells {
            width: cells(width, cell.0, self.room.width),
            height: cells(height, cell.1, self.room.height),
        }
    }
}

/// A picture as a terminal can show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The cells it takes.
    pub cells: Cells,
    /// Its bytes.
    pub form: Form,
}

/// The bytes of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// Each cell's upper and lower half, row by row.
    Blocks(Vec<[[u8; 3]; 2]>),
    /// A PNG file, which the terminal keeps and scales to the cells.
    Kitty(Vec<u8>),
    /// Sequences that each draw a part, with the cursor at the part's first cell.
    Pieces(Vec<Piece>),
}

/// A part of a picture, whole in itself: something else may be drawn before the next one follows, or none may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first row within the picture.
    pub row: u16,
    /// Its rows; it takes all columns.
    pub rows: u16,
    pub bytes: Vec<u8>,
}

impl Picture {
    /// Bytes that showing it costs on the wire, about: without moving the cursor.
    pub fn wire_bytes(&self) -> usize {
        match &self.form {
            Form::Blocks(cells) => encode::blocks::wire_bytes(cells, self.cells, Colours::True),
            Form::Kitty(png) => encode::kitty_wire_bytes(png.len()),
            Form::Pieces(pieces) => pieces.iter().map(|piece| piece.bytes.len()).sum(),
        }
    }

    /// Bytes it takes in memory.
    pub fn weight(&self) -> usize {
        match &self.form {
            Form::Blocks(cells) => cells.len() * 6,
            Form::Kitty(png) => png.len(),
            Form::Pieces(pieces) => pieces.iter().map(|piece| piece.bytes.len()).sum(),
        }
    }
}

/// A picture that many look at.
pub type Shared = Arc<Picture>;

#[cfg(test)]
mod tests {
    use super::*;

    fn canvas(width: u16, height: u16) -> Canvas {
        Canvas {
            room: Cells { width, height },
            cell: CellSize { width: 10, height: 20 },
            kind: Kind::Blocks,
            budget: usize::MAX,
            piece: usize::MAX,
            ground: [0; 3],
            colours: Colours::True,
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
