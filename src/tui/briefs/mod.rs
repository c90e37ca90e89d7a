//! What tells runs apart, read for those in sight and kept: a request never changes, and what a run made is known when
//! it has ended.

pub mod update;
pub mod words;

use std::collections::HashMap;

use crate::domain::{Brief, RunId};
use crate::tui::fetch::Fetch;

/// Runs that are kept, some hundred bytes each.
const KEPT: usize = 5_000;

/// What is known of runs by now.
#[derive(Debug, Default)]
pub struct Briefs {
    /// And whether the run had ended when it was asked about.
    known: HashMap<RunId, (Brief, bool)>,
    pub(super) fetch: Fetch,
}

impl Briefs {
    pub fn of(&self, run: RunId) -> Option<&Brief> {
        self.known.get(&run).map(|(brief, _)| brief)
    }

    /// Takes an answer in. What was asked about and not told is not asked about again.
    pub fn put(&mut self, asked: Vec<(RunId, bool)>, told: Vec<(RunId, Brief)>) {
        self.fetch.arrived();
        let mut told: HashMap<RunId, Brief> = told.into_iter().collect();
        if self.known.len() > KEPT {
            self.known.clear();
        }
        self.known
            .extend(asked.into_iter().map(|(id, ended)| (id, (told.remove(&id).unwrap_or_default(), ended))));
    }

    pub(super) fn is_wanted(&self, (id, ended): &(RunId, bool)) -> bool {
        self.known.get(id).is_none_or(|(_, had_ended)| *ended && !had_ended)
    }
}
