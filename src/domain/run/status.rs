//! Where a run stands.

use serde::{Deserialize, Serialize};

/// Where a run stands. The order is the order of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In the store, not sent yet.
    #[default]
    Queued,
    /// The request is going up.
    Uploading,
    /// The request is up and nothing has come back: a cold start, often minutes.
    Waiting,
    /// The server has spoken.
    Running,
    /// The result is coming down.
    Downloading,
    /// Ended well, every announced output saved.
    Done,
    Failed,
    /// Ended because a person asked.
    Cancelled,
    /// The connection or the runner went away; how the run ended is not known.
    Lost,
}

impl Status {
    /// Every status, in order of life.
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

    /// The word people read, which is also the word in the store and in JSON.
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

    /// The sign beside the word: one column wide everywhere.
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

    /// Reads [`Status::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// Whether nothing more will happen.
    pub fn is_end(self) -> bool {
        self >= Self::Done
    }

    /// Whether it has been sent and has not ended.
    pub fn is_in_flight(self) -> bool {
        !self.is_end() && self != Self::Queued
    }
}
