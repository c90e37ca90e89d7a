//! One question to the store at a time.

/// Where one question to the store stands. A change of the store while it is under way is remembered and asked for once
/// the answer is in, so that however fast a log grows, one question is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fetch {
    /// None is under way.
    #[default]
    Idle,
    /// One is under way.
    Busy,
    /// One is under way, and its answer will be old.
    Stale,
}

impl Fetch {
    /// Wants an answer. Returns whether to ask now.
    pub fn want(&mut self) -> bool {
        let ask = *self == Self::Idle;
        *self = if ask { Self::Busy } else { Self::Stale };
        ask
    }

    /// An answer came: whether to ask again.
    pub fn arrived(&mut self) -> bool {
        std::mem::take(self) == Self::Stale
    }
}
