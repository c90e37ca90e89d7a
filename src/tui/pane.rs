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
}

impl Pane {
    /// It takes the whole screen, and Tab does not visit it.
    pub fn is_full_screen(self) -> bool {
        matches!(self, Self::Gallery | Self::Compare)
    }

    /// In the order in which Tab visits them.
    pub const TABS: [Self; 5] = [Self::Parameters, Self::Runs, Self::Details, Self::Log, Self::Output];

    /// Those that Tab visits, and those that take the whole screen.
    pub const EVERY: [Self; 7] =
        [Self::Parameters, Self::Runs, Self::Details, Self::Log, Self::Output, Self::Gallery, Self::Compare];

    pub fn title(self) -> &'static str {
        match self {
            Self::Parameters => "Parameters",
            Self::Runs => "Runs",
            Self::Details => "Details",
            Self::Log => "Log",
            Self::Output => "Output",
            Self::Gallery => "Gallery",
            Self::Compare => "Compare",
        }
    }
}
