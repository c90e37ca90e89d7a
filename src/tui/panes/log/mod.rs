//! The log pane: state of the selected run's log.

pub mod commands;
pub mod update;
pub mod view;

use std::ops::Range;

use crate::domain::RunId;

/// The log pane: a window of one run's log.
#[derive(Debug, Default)]
pub struct LogPane {
    pub run: Option<RunId>,
    /// It has been read, as far as it goes.
    pub loaded: bool,
    /// Lines there are, progress lines collapsed.
    pub total: usize,
    /// The lines in memory: from `first` on.
    pub lines: Vec<String>,
    /// Number of the first line in memory.
    pub first: usize,
    /// What is at the top of the pane, unless the end is followed.
    pub top: LogPlace,
    /// The lines that were asked for last, and whether the end was.
    pub asked: Option<(Range<usize>, bool)>,
    /// Columns scrolled off to the left.
    pub left: usize,
    /// The end is not followed.
    pub paused: bool,
    /// Long lines are cut rather than wrapped.
    pub cut: bool,
    /// What is searched for; empty for nothing.
    pub search: String,
    /// The line that the search found.
    pub found: Option<usize>,
    /// That line is to be brought into sight.
    pub reveal: bool,
    /// Which of how many matches that line is, once they are counted.
    pub matches: Option<Matches>,
    /// The search that is under way.
    pub seeking: Option<Seeking>,
    /// Where the person was before the search that is being typed.
    pub origin: Option<SearchOrigin>,
}

/// The lines of a log that hold a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matches {
    /// The line that was found.
    pub line: usize,
    /// Its place among them, from 1 on.
    pub at: usize,
    pub count: usize,
}

/// What comes back when a search is left while it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchOrigin {
    /// The first line in sight: where the search begins, whatever was found for fewer letters.
    pub first: usize,
    pub top: LogPlace,
    pub paused: bool,
    pub search: String,
    pub found: Option<usize>,
}

/// A search of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeking {
    pub backward: bool,
    /// It has come round: it began again at the other end.
    pub wrapped: bool,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    pub line: usize,
    /// A row of it, where it is wrapped.
    pub row: usize,
}

impl LogPane {
    /// Numbers of the lines in memory.
    pub fn window(&self) -> Range<usize> {
        self.first..self.first + self.lines.len()
    }
}
