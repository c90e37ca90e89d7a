//! Who is told of runs that end: what the person set, and whether they look elsewhere.

use std::collections::BTreeMap;

use crate::config::Notify;
use crate::domain::Status;
use crate::domain::batch::{Batch, BatchId};
use crate::domain::run::UnixMs;

/// Whoever has pressed no key for so long looks elsewhere, where the terminal does not tell who has the focus.
const AWAY_MS: i64 = 30_000;

/// What decides who is told.
#[derive(Debug, Default)]
pub struct Alerts {
    pub settings: Notify,
    /// Whether the window has the focus, once the terminal has told.
    pub focus: Option<bool>,
    /// When a key was pressed last.
    pub last_key: UnixMs,
    /// Batches whose end was told, with their runs: one that is retried ends again.
    told: BTreeMap<BatchId, Vec<(Status, usize)>>,
}

impl Alerts {
    pub fn new(settings: Notify, now: UnixMs) -> Self {
        Self { settings, last_key: now, ..Self::default() }
    }

    /// Whether the person looks elsewhere.
    pub fn is_away(&self, now: UnixMs) -> bool {
        self.focus.map_or(now - self.last_key >= AWAY_MS, |focus| !focus)
    }

    /// Notes that a batch has ended. Returns whether it had not been told yet.
    pub fn is_news(&mut self, batch: &Batch) -> bool {
        self.told.insert(batch.id, batch.counts.clone()).as_ref() != Some(&batch.counts)
    }
}
