//! Notices at the bottom of the screen.

use crate::domain::run::UnixMs;
use crate::domain::{RunId, Status};
use crate::report::text::without_error_numbers;

/// Milliseconds after which an answer to a key makes way for the hints again.
const READ_MS: i64 = 5_000;

/// A sentence for the person, at the bottom of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How it is meant.
    pub tone: Tone,
    pub text: String,
    /// What to press; seen whole however long the text is. May be empty.
    pub advice: String,
    /// What it is about: later news of that replaces it.
    pub about: Option<Subject>,
    pub lasts: Lasts,
}

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It went as asked.
    Good,
    Plain,
    Bad,
    /// It tells where a run stands, with that status's sign and colour.
    Run(Status),
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Run(RunId),
    /// Whether the history can be read.
    History,
}

/// How long a notice is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// Until this time, or the next key.
    Until(UnixMs),
    NextKey,
    /// Until Esc or another notice: people who looked elsewhere have to see it.
    Esc,
}

impl Tone {
    pub fn is_bad(self) -> bool {
        match self {
            Self::Good | Self::Plain => false,
            Self::Bad => true,
            Self::Run(status) => matches!(status, Status::Failed | Status::Lost),
        }
    }
}

impl Notice {
    /// An answer to a key pressed now. What went wrong is shown until the next key.
    pub fn answer(tone: Tone, text: impl Into<String>, now: UnixMs) -> Self {
        let lasts = if tone.is_bad() { Lasts::NextKey } else { Lasts::Until(now + READ_MS) };
        let text = without_error_numbers(&text.into()).into_owned();
        Self { tone, text, advice: String::new(), about: None, lasts }
    }

    /// An event that no key caused, or long after the key. Errors are shown until Esc.
    pub fn news(tone: Tone, text: impl Into<String>, now: UnixMs) -> Self {
        let answer = Self::answer(tone, text, now);
        let lasts = if tone.is_bad() { Lasts::Esc } else { answer.lasts };
        Self { lasts, ..answer }
    }

    #[must_use]
    pub fn about(self, subject: Subject) -> Self {
        Self { about: Some(subject), ..self }
    }

    /// When it disappears by itself.
    pub fn until(&self) -> Option<UnixMs> {
        match self.lasts {
            Lasts::Until(at) => Some(at),
            Lasts::NextKey | Lasts::Esc => None,
        }
    }
}

/// `1 change`, `2 changes`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("{count} {noun}") } else { format!("{count} {noun}s") }
}
