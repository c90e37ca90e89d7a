//! The output pane: one of a run's outputs.

pub mod commands;
pub mod update;
pub mod uses;
pub mod view;

use crate::domain::run::UnixMs;
use crate::domain::{Run, RunId};
use crate::picture::{self, CellSize, Cells, PictureMode, PictureProtocol};

/// State of the output pane.
#[derive(Debug, Default)]
pub struct OutputPane {
    /// The run whose outputs are seen: the selected one, or while that works the one that made something last.
    pub run: Option<RunId>,
    pub at: usize,
    /// The run that made something last: it stays in sight until the next one has.
    pub last: Option<Box<Run>>,
    /// The run that was asked for as the last one.
    pub last_asked: Option<RunId>,
    /// How pictures should be drawn.
    pub mode: PictureMode,
    pub means: PictureMeans,
    /// The order sent last.
    pub asked: Option<RenderOrder>,
    /// Whether its result is missing; until then the pane shows the previous one.
    pub pending: bool,
    /// When a preview was ordered last.
    pub previewed_at: UnixMs,
    /// The last result, or why there is none.
    pub rendered: Option<Result<Rendered, String>>,
    /// Lines of a text scrolled off at the top.
    pub scroll: usize,
    /// Whether an animation should play.
    pub playing: bool,
    /// The current frame, and when the first one was shown.
    pub frame: usize,
    pub played_from: UnixMs,
}

/// The terminal's capabilities for pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PictureMeans {
    /// The best protocol; `None` while the terminal is being asked.
    pub best: Option<PictureProtocol>,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// Without colours, half-blocks show nothing.
    pub colourless: bool,
}

/// A file to draw, and how. Equal orders have the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderOrder {
    pub path: std::path::PathBuf,
    /// Number of the preview, from 1, since previews share one path; 0 for an output.
    pub preview: u64,
    /// Available size in cells.
    pub room: Cells,
    /// Size of a cell in pixels.
    pub cell: CellSize,
    /// `None` when pictures are off.
    pub protocol: Option<PictureProtocol>,
    /// Whether to decode all frames of an animation.
    pub play: bool,
}

/// A file ready to be shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// MIME type, such as `image/png`.
    pub kind: &'static str,
    pub bytes: u64,
    /// Size in pixels, and further facts.
    pub facts: Vec<String>,
    pub body: RenderedBody,
}

/// The content of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum RenderedBody {
    /// A picture, or frames with their durations in milliseconds.
    Picture {
        /// A single one unless an animation should play.
        frames: Vec<(picture::Shared, u32)>,
        /// Whether it is an animation.
        moves: bool,
    },
    /// The first lines of a text, and whether there are more.
    Text(Vec<String>, bool),
    Nothing(String),
    /// A picture while pictures are off.
    Off,
}

impl OutputPane {
    /// Whether pictures are drawn: not on a terminal without colours, and not when the person turned them off.
    pub fn shows_pictures(&self) -> bool {
        !self.means.colourless && self.mode != PictureMode::Off
    }
}
