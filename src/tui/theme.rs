//! From what a thing means to how it looks. Colours are of the terminal's own sixteen where they can be read on its
//! ground, by what the terminal tells of both; the ground is always the terminal's own.

use ratatui::style::{Color, Modifier, Style};

use super::terminal::input::Rgb;
use super::terminal::painter::ColorDepth;
use super::terminal::palette::Palette;
use crate::domain::Status;

/// The ground that the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ground {
    /// Dark, or not known.
    #[default]
    Dark,
    Light,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// What is read first, and the names of things.
    pub text: Style,
    /// For secondary text such as hints.
    pub quiet: Style,
    /// Where the person is, and what they changed.
    pub accent: Style,
    /// The selected row's own text.
    pub selected: Style,
    /// A heading within a pane.
    pub heading: Style,
    pub good: Style,
    pub bad: Style,
    pub patience: Style,
    /// A key in a hint.
    pub key: Style,
    /// A match of a search, and selected text.
    pub found: Style,
    palette: Palette,
    depth: ColorDepth,
}

impl Theme {
    /// The theme for what a terminal has told of its colours. `ground` counts where it has not told that.
    pub fn new(told: Palette, ground: Ground, depth: ColorDepth) -> Self {
        if depth == ColorDepth::Mono {
            return Self::colourless();
        }
        let palette = match (told.background, ground) {
            (None, Ground::Light) => Palette::LIGHT,
            _ => told,
        };
        let ground = match palette.background.map(Rgb::is_dark) {
            Some(false) => Ground::Light,
            Some(true) | None => Ground::Dark,
        };
        let plain = Style::new();
        // The first that can be read; what is not known is taken as it comes.
        let of = |wanted: &[u8]| {
            let first = wanted.first().map_or(Color::Reset, |first| Color::Indexed(*first));
            plain.fg(palette.readable(wanted, depth).unwrap_or(first))
        };
        let (accent, good, bad, patience) = match ground {
            Ground::Dark => (of(&[13, 5]), of(&[10, 2]), of(&[9, 1]), of(&[11, 3])),
            Ground::Light => (of(&[5, 13]), of(&[2, 10]), of(&[1, 9]), of(&[3, 11, 4, 12])),
        };
        let quiet = match palette.secondary(depth) {
            Some(colour) => plain.fg(colour),
            None => plain.add_modifier(Modifier::DIM),
        };
        Self {
            text: plain,
            quiet,
            accent,
            selected: plain.add_modifier(Modifier::BOLD),
            heading: plain.add_modifier(Modifier::BOLD),
            good,
            bad,
            patience,
            key: plain.add_modifier(Modifier::BOLD),
            found: plain.add_modifier(Modifier::REVERSED),
            palette,
            depth,
        }
    }

    /// The theme without colours (`NO_COLOR`): attributes carry the difference, words the meaning.
    pub fn colourless() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            text: plain,
            quiet: plain.add_modifier(Modifier::DIM),
            accent: bold,
            selected: bold,
            heading: bold,
            good: plain,
            bad: bold,
            patience: plain,
            key: bold,
            found: plain.add_modifier(Modifier::REVERSED),
            palette: Palette::default(),
            depth: ColorDepth::Mono,
        }
    }

    /// A colour of a server's log, as it can be read on this ground.
    pub fn of_server(&self, colour: Color) -> Color {
        self.palette.on_ground(colour, self.depth)
    }

    /// How a status looks, beside its sign and its word.
    pub fn status(&self, status: Status) -> Style {
        match status {
            Status::Queued | Status::Cancelled => self.quiet,
            Status::Uploading | Status::Running | Status::Downloading => self.accent,
            Status::Waiting => self.patience,
            Status::Done => self.good,
            Status::Failed | Status::Lost => self.bad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::terminal::palette::tests::{official, shown};
    use crate::tui::terminal::palette::{LEAST, contrast};

    #[test]
    fn everything_can_be_read_on_every_palette() {
        for (name, palette) in official() {
            let ground = palette.background.expect("told");
            for depth in [ColorDepth::TrueColor, ColorDepth::Ansi256] {
                let theme = Theme::new(palette, Ground::default(), depth);
                let styles = [theme.quiet, theme.accent, theme.good, theme.bad, theme.patience];
                for (at, style) in styles.into_iter().enumerate() {
                    let has = contrast(shown(&palette, style.fg.expect("a colour")), ground);
                    assert!(has >= LEAST, "{name} {depth:?} {at}: {has:.2}");
                    assert!(!style.add_modifier.contains(Modifier::DIM), "{name}");
                }
                // Names are plain text, in the terminal's own colour.
                assert_eq!((theme.text.fg, theme.selected.fg, theme.heading.fg), (None, None, None));
            }
        }
    }

    #[test]
    fn of_a_terminal_that_tells_nothing_secondary_text_is_dim_and_never_of_a_colour() {
        for depth in [ColorDepth::TrueColor, ColorDepth::Ansi256, ColorDepth::Ansi16, ColorDepth::Mono] {
            let theme = Theme::new(Palette::default(), Ground::Dark, depth);
            assert_eq!((theme.quiet.fg, theme.quiet.add_modifier), (None, Modifier::DIM), "{depth:?}");
        }
    }
}
