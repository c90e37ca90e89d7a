//! What pages of the history are asked for by.

use crate::domain::{OutputId, RunId, Status};

/// What a page of runs was asked for by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsQuery {
    pub search: String,
    pub status: Option<Status>,
    /// Only runs before this one; `None` for the newest.
    pub before: Option<RunId>,
    pub limit: usize,
}

/// Which outputs the gallery shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputsFilter {
    /// Search text, of their runs.
    pub search: String,
    /// Status of their runs.
    pub status: Option<Status>,
    /// Only those with a star.
    pub starred: bool,
}

/// What a page of outputs was asked for by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputsQuery {
    pub filter: OutputsFilter,
    /// Only those behind this one; `None` for the newest.
    pub before: Option<OutputId>,
    pub limit: usize,
}
