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
    /// Whether it has been read.
    pub loaded: bool,
    /// Number of lines, with progress lines collapsed.
    pub total: usize,
    /// The lines in memory, starting at `first`.
    pub lines: Vec<String>,
    /// Number of the first line in memory.
    pub first: usize,
    /// The first visible row, unless the end is followed.
    pub top: LogPlace,
    /// The lines requested last, and whether these are the last ones.
    pub asked: Option<(Range<usize>, bool)>,
    /// Columns scrolled off to the left.
    pub left: usize,
    /// Whether the end is not followed.
    pub paused: bool,
    /// Whether long lines are cut rather than wrapped.
    pub cut: bool,
    /// The search text; may be empty.
    pub search: String,
    /// The line of the current match.
    pub found: Option<usize>,
    /// Whether to scroll to that line.
    pub reveal: bool,
    /// Number and position of the matches, once counted.
    pub matches: Option<Matches>,
    /// The search in progress.
    pub seeking: Option<Seeking>,
    /// The position before the search that is being typed.
    pub origin: Option<SearchOrigin>,
}

/// The number of matches, and which one is the current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matches {
    /// The line of the current match.
    pub line: usize,
    /// Its number, from 1.
    pub at: usize,
    pub count: usize,
}

/// The state to restore when a search is cancelled while typing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchOrigin {
    /// The first visible line, where every search starts while typing.
    pub first: usize,
    pub top: LogPlace,
    pub paused: bool,
    pub search: String,
    pub found: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeking {
    pub backward: bool,
    /// Whether it started again at the other end.
    pub wrapped: bool,
}

/// A position in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    pub line: usize,
    /// Row of the wrapped line.
    pub row: usize,
}

impl LogPane {
    /// Numbers of the lines in memory.
    pub fn window(&self) -> Range<usize> {
        self.first..self.first + self.lines.len()
    }
}
