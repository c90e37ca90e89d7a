//! From what a thing means to how it looks. Colours are the terminal's own sixteen, so that the person's palette
//! holds; the ground is always the terminal's own.

use ratatui::style::{Color, Modifier, Style};

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
    /// What is read first.
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
}

impl Theme {
    /// The theme for a ground.
    pub fn new(ground: Ground) -> Self {
        let plain = Style::new();
        let (accent, good, bad, patience) = match ground {
            Ground::Dark => (Color::LightMagenta, Color::LightGreen, Color::LightRed, Color::LightYellow),
            Ground::Light => (Color::Magenta, Color::Green, Color::Red, Color::Blue),
        };
        Self {
            text: plain,
            quiet: plain.fg(Color::DarkGray),
            accent: plain.fg(accent),
            selected: plain.add_modifier(Modifier::BOLD),
            heading: plain.add_modifier(Modifier::DIM),
            good: plain.fg(good),
            bad: plain.fg(bad),
            patience: plain.fg(patience),
            key: plain.add_modifier(Modifier::BOLD),
            found: plain.add_modifier(Modifier::REVERSED),
        }
    }

    /// The theme without colours (`NO_COLOR`): attributes carry the difference, words the meaning.
    pub fn colourless() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        Self { quiet: dim, accent: bold, good: plain, bad: bold, patience: plain, ..Self::new(Ground::Dark) }
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
