//! How pictures are encoded: their budget of bytes on this link, and their background colour.

use crate::config::ThemeChoice;
use crate::picture::{BlockSet, CellSize, Cells, Colours, PictureProtocol};
use crate::tui::model::Size;
use crate::tui::panes::gallery::ThumbForm;
use crate::tui::terminal::input::Rgb;
use crate::tui::terminal::painter::ColorDepth;
use crate::tui::terminal::{Capabilities, TerminalEnv};

/// Most parts of one picture; a part is what the link takes in a short time.
const SLOW_PARTS: usize = 64;
/// A thumbnail's share of a picture's budget, and its limits in bytes.
const THUMB_SHARE: usize = 8;
const THUMB_BYTES: (usize, usize) = (1_000, 6_000);
/// Cells from which a tile is large: there are few of them, and each is looked at.
const LARGE_TILE: usize = 400;

/// Pictures whose bytes a screen full of thumbnails in pixels, or of large ones in half-blocks, may take.
const SCREENFUL: usize = 4;
/// Bytes that a thumbnail in pixels may take, however many there are.
const LEAST_PIXELS: usize = 3_000;

/// Settings for encoding one picture, besides those in its order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EncodeOptions {
    /// Most bytes of the whole picture.
    pub(super) budget: usize,
    /// Approximate bytes of one part.
    pub(super) piece: usize,
    /// Background colour for transparent pixels.
    pub(super) ground: [u8; 3],
    pub(super) colours: Colours,
    pub(super) blocks: BlockSet,
    /// Largest Sixel picture that the terminal draws, in pixels: xterm draws nothing of a larger one.
    pub(super) sixel_limit: Option<(u16, u16)>,
}

impl EncodeOptions {
    /// As much of a room as one picture may take.
    pub(super) fn room_of_one(&self, room: Cells, cell: CellSize, protocol: PictureProtocol) -> Cells {
        let Some((width, height)) = self.sixel_limit.filter(|_| protocol == PictureProtocol::Sixel) else {
            return room;
        };
        let cells = |pixels: u16, cell: u16, room: u16| (pixels / cell.max(1)).clamp(1, room.max(1));
        Cells { width: cells(width, cell.width, room.width), height: cells(height, cell.height, room.height) }
    }

    /// Most bytes of one thumbnail on a screen of a size. In the terminal's own pixels, and of large ones, all that are in
    /// sight may take as much as some pictures.
    pub(super) fn thumb_budget(&self, form: ThumbForm, screen: Size) -> usize {
        let room = form.room.count();
        let is_of_pixels = form.protocol != PictureProtocol::Blocks;
        if !is_of_pixels && room <= LARGE_TILE {
            return (self.budget / THUMB_SHARE).clamp(THUMB_BYTES.0, THUMB_BYTES.1);
        }
        let cells = usize::from(screen.width) * usize::from(screen.height);
        let in_sight = (cells / room.max(1)).max(1);
        let least = if is_of_pixels { LEAST_PIXELS } else { THUMB_BYTES.0 };
        (self.budget.saturating_mul(SCREENFUL) / in_sight).clamp(least, self.budget.max(least))
    }
}

/// Settings for all pictures of a session.
#[derive(Debug)]
pub(super) struct PictureSettings {
    /// Most bytes of one picture by `[ui] picture_bytes`.
    pub(super) configured_bytes: Option<usize>,
    /// Default for the most bytes of one picture.
    pub(super) usual_bytes: usize,
    pub(super) colours: Colours,
    pub(super) blocks: BlockSet,
    pub(super) terminal_env: TerminalEnv,
}

impl PictureSettings {
    /// Takes the colours that the terminal has by its own answers.
    pub(super) fn set_depth(&mut self, depth: ColorDepth) {
        self.colours = depth.colours();
    }

    /// The options for a link that takes `part` bytes in a short time, and a background that the terminal reported.
    pub(super) fn options(&self, part: usize, can: &Capabilities, theme: ThemeChoice) -> EncodeOptions {
        // On a slow link at most what it carries in some seconds.
        let budget = self.configured_bytes.unwrap_or_else(|| self.usual_bytes.min(part * SLOW_PARTS));
        let ground = match (can.background, theme) {
            (Some(Rgb(r, g, b)), _) => [r, g, b],
            (None, ThemeChoice::Light) => [255; 3],
            (None, _) => [0; 3],
        };
        let sixel_limit = can.sixel_limit;
        EncodeOptions { budget, piece: part, ground, colours: self.colours, blocks: self.blocks, sixel_limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> PictureSettings {
        let terminal_env = TerminalEnv::default();
        PictureSettings {
            configured_bytes: None,
            usual_bytes: 60_000,
            colours: Colours::True,
            blocks: BlockSet::Half,
            terminal_env,
        }
    }

    #[test]
    fn a_slow_link_gets_smaller_pictures_unless_their_size_was_configured() {
        let settings = settings();
        let budget = |settings: &PictureSettings, part| {
            settings.options(part, &Capabilities::default(), ThemeChoice::Auto).budget
        };
        assert_eq!([budget(&settings, 128), budget(&settings, 32 << 10)], [128 * SLOW_PARTS, 60_000]);
        let configured = PictureSettings { configured_bytes: Some(90_000), ..settings };
        assert_eq!([budget(&configured, 128), budget(&configured, 32 << 10)], [90_000, 90_000]);
    }

    #[test]
    fn what_is_transparent_shows_the_terminals_background_else_the_themes() {
        let settings = settings();
        for (reported, theme, ground) in [
            (Some(Rgb(1, 2, 3)), ThemeChoice::Light, [1, 2, 3]),
            (None, ThemeChoice::Light, [255; 3]),
            (None, ThemeChoice::Dark, [0; 3]),
            (None, ThemeChoice::Auto, [0; 3]),
        ] {
            let can = Capabilities { background: reported, ..Capabilities::default() };
            assert_eq!(settings.options(1, &can, theme).ground, ground);
        }
    }

    #[test]
    fn a_sixel_picture_is_not_larger_than_the_terminal_draws() {
        let can = Capabilities { sixel_limit: Some((1000, 610)), ..Capabilities::default() };
        let options = settings().options(1, &can, ThemeChoice::Auto);
        let (room, cell) = (Cells { width: 180, height: 50 }, CellSize { width: 7, height: 15 });
        let of_one = |protocol| options.room_of_one(room, cell, protocol);
        assert_eq!(of_one(PictureProtocol::Sixel), Cells { width: 142, height: 40 });
        assert_eq!(of_one(PictureProtocol::Kitty), room);
        let small = Cells { width: 20, height: 9 };
        assert_eq!(options.room_of_one(small, cell, PictureProtocol::Sixel), small);
    }

    #[test]
    fn a_lone_tile_may_take_as_much_as_a_picture_and_a_screenful_as_much_as_a_few() {
        let options = settings().options(32 << 10, &Capabilities::default(), ThemeChoice::Auto);
        let screen = Size { width: 200, height: 60 };
        let of = |width, height| options.thumb_budget(ThumbForm::blocks(Cells { width, height }), screen);
        assert_eq!(of(196, 54), options.budget);
        for (width, height, count) in [(98, 25, 4), (64, 16, 9), (47, 11, 16), (19, 7, 70)] {
            assert!(of(width, height) * count <= options.budget * (SCREENFUL + 4), "{width}×{height}");
            assert!(of(width, height) < of(196, 54) || count <= SCREENFUL);
        }
        assert_eq!(of(20, 8), THUMB_BYTES.1);
    }
}
