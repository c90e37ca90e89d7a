use serde::{Deserialize, Serialize};

/// The phase or end of a run, in the order of a run's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In the store, not sent yet.
    #[default]
    Queued,
    /// The request is being sent.
    Uploading,
    /// The request was sent and nothing has come back yet: a cold start, often minutes.
    Waiting,
    /// The server has sent something.
    Running,
    /// The result is being received.
    Downloading,
    /// Ended well, with every announced output saved.
    Done,
    Failed,
    /// Ended because a person asked for it.
    Cancelled,
    /// The connection or the runner was lost; how the run ended is unknown.
    Lost,
}

impl Status {
    /// Every status, in the order of a run's life.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Uploading,
        Self::Waiting,
        Self::Running,
        Self::Downloading,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Lost,
    ];

    /// The word shown to people, also used in the store and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Uploading => "uploading",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Downloading => "downloading",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
        }
    }

    /// A symbol beside the word, one column wide in every terminal.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Queued => "◦",
            Self::Uploading => "↑",
            Self::Waiting => "◌",
            Self::Running => "●",
            Self::Downloading => "↓",
            Self::Done => "✓",
            Self::Failed => "✗",
            Self::Cancelled => "⊘",
            Self::Lost => "?",
        }
    }

    /// Parses [`Status::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    pub fn is_end(self) -> bool {
        self >= Self::Done
    }

    /// Whether it has been sent and has not ended.
    pub fn is_in_flight(self) -> bool {
        !self.is_end() && self != Self::Queued
    }
}
