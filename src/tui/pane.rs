//! The panes, by name: what has the focus, what Tab visits.

/// The regions a person can be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pane {
    /// What will be sent.
    #[default]
    Parameters,
    /// The history, newest first, with what is in flight.
    Runs,
    /// One run in full.
    Details,
    Log,
    /// What came of a run: its pictures.
    Output,
    /// What many runs made, over the whole screen.
    Gallery,
    /// Two outputs, over the whole screen.
    Compare,
    /// What the runs of a batch made, over the whole screen.
    Sheet,
    /// The server and its queue, over the whole screen.
    Server,
}

impl Pane {
    /// Every pane, in the order of help; those that Tab visits come first.
    pub const EVERY: [Self; 9] = {
        let mut every = [Self::Parameters; 9];
        let mut last = 0;
        while let Some(next) = every[last].next() {
            last += 1;
            every[last] = next;
        }
        assert!(last + 1 == every.len());
        every
    };

    /// In the order in which Tab visits them.
    pub const TABS: [Self; 5] = {
        let mut tabs = [Self::Parameters; 5];
        let (mut at, mut found) = (0, 0);
        while at < Self::EVERY.len() {
            if !Self::EVERY[at].is_full_screen() {
                tabs[found] = Self::EVERY[at];
                found += 1;
            }
            at += 1;
        }
        assert!(found == tabs.len());
        tabs
    };

    /// The one after it in [`Pane::EVERY`]. The list is made of this match, so that a new pane cannot be missing in it.
    const fn next(self) -> Option<Self> {
        match self {
            Self::Parameters => Some(Self::Runs),
            Self::Runs => Some(Self::Details),
            Self::Details => Some(Self::Log),
            Self::Log => Some(Self::Output),
            Self::Output => Some(Self::Gallery),
            Self::Gallery => Some(Self::Compare),
            Self::Compare => Some(Self::Sheet),
            Self::Sheet => Some(Self::Server),
            Self::Server => None,
        }
    }

    /// It takes the whole screen, and Tab does not visit it.
    pub const fn is_full_screen(self) -> bool {
        match self {
            Self::Gallery | Self::Compare | Self::Sheet | Self::Server => true,
            Self::Parameters | Self::Runs | Self::Details | Self::Log | Self::Output => false,
        }
    }

    /// The title where there is little room.
    pub fn short_title(self) -> &'static str {
        match self {
            Self::Parameters => "Params",
            other => other.title(),
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Parameters => "Parameters",
            Self::Runs => "Runs",
            Self::Details => "Details",
            Self::Log => "Log",
            Self::Output => "Output",
            Self::Gallery => "Gallery",
            Self::Compare => "Compare",
            Self::Sheet => "Sheet",
            Self::Server => "Server",
        }
    }
}
