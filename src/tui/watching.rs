//! Running again when a file that goes into the run is saved elsewhere.

use std::path::PathBuf;

/// Most runs of one watch: what is saved without thinking of it must not spend without end.
pub const MOST_RUNS: u32 = 20;

/// A watch that is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watching {
    pub files: Vec<PathBuf>,
    /// Runs that it has queued.
    pub ran: u32,
    /// A file was saved; it is run once nothing stands in the way: a field, a question, something that is being opened.
    pub waits: bool,
    /// What is open is read again, and run then.
    pub reads: bool,
}

impl Watching {
    /// A run that was counted was not queued after all.
    pub fn not_sent(&mut self) {
        self.ran = self.ran.saturating_sub(1);
    }
}
