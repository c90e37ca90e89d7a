//! What came of a run: its pictures, one at a time.

pub mod commands;
pub mod update;
pub mod uses;
pub mod view;

use crate::domain::RunId;
use crate::domain::run::UnixMs;
use crate::picture::{self, CellSize, Cells, PictureMode, PictureProtocol};

/// The output pane: one of the selected run's outputs.
#[derive(Debug, Default)]
pub struct OutputPane {
    pub run: Option<RunId>,
    pub at: usize,
    /// How the person wants pictures to be drawn.
    pub mode: PictureMode,
    /// What the terminal can do.
    pub means: PictureMeans,
    /// What was asked for last.
    pub asked: Option<RenderOrder>,
    /// The answer is still to come; what stands there meanwhile may be of the order before.
    pub pending: bool,
    /// When a preview was asked for last.
    pub previewed_at: UnixMs,
    /// What came of it.
    pub rendered: Option<Result<Rendered, String>>,
    /// Lines of a text scrolled off at the top.
    pub scroll: usize,
    /// A moving picture is to be played.
    pub playing: bool,
    /// The frame that is seen, and when the first one was.
    pub frame: usize,
    pub played_from: UnixMs,
}

/// What the terminal can do for pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PictureMeans {
    /// The best way it has; `None` while it is being asked.
    pub best: Option<PictureProtocol>,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// It shows no colours, so that half-blocks show nothing.
    pub colourless: bool,
}

/// A file to look at, and how it is to be drawn. Two that are equal have the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderOrder {
    pub path: std::path::PathBuf,
    /// Which one it is of several that come to lie there one after the other, from 1; 0 of an output.
    pub preview: u64,
    /// Cells that there are for it.
    pub room: Cells,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// How it is drawn; `None`: not at all.
    pub protocol: Option<PictureProtocol>,
    /// All frames of a moving picture.
    pub play: bool,
}

/// What a file shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// Its type, such as `image/png`.
    pub kind: &'static str,
    /// Its size on the disk.
    pub bytes: u64,
    /// Pixels, and what else is known in a word.
    pub facts: Vec<String>,
    /// What there is to see.
    pub body: RenderedBody,
}

/// What there is to see.
#[derive(Clone, Debug, PartialEq)]
pub enum RenderedBody {
    /// A picture, or the frames of one with how many milliseconds each stands.
    Picture {
        /// One, unless it was to be played.
        frames: Vec<(picture::Shared, u32)>,
        /// It can be played.
        moves: bool,
    },
    /// The first lines of a text, and whether there are more.
    Text(Vec<String>, bool),
    Nothing(String),
    /// A picture, and none is to be drawn.
    Off,
}

impl OutputPane {
    /// Whether pictures are drawn at all: a terminal without colours shows nothing of them, and a person
    /// may not want any.
    pub fn shows_pictures(&self) -> bool {
        !self.means.colourless && self.mode != PictureMode::Off
    }
}
