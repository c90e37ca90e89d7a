//! Updates to runs, whose channels may be full.

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::{Account, RunUpdate};

impl Account {
    /// Sends an update to a run, or keeps it until the run's channel has room.
    pub(super) fn send_update(&mut self, key: u64, update: RunUpdate) {
        let is_first = self.outbox.is_empty();
        let limits = self.api.limits();
        let Some(run) = self.runs.iter_mut().find(|run| run.key == key) else { return };
        // One that was waited for in vain is waited for again only when it has taken something.
        if run.missed > 0 && is_first {
            match run.updates.try_send(RunUpdate::Missed(run.missed)) {
                Ok(()) => run.missed = 0,
                Err(_) => return run.miss(update, limits),
            }
        }
        let unsent =
            if is_first { run.updates.try_send(update).err() } else { Some(TrySendError::Full(update)) };
        if let Some(TrySendError::Full(update)) = unsent {
            if is_first {
                self.patience = Instant::now() + limits.patience;
            }
            self.outbox.push_back((key, update));
        }
    }

    /// The channel of the oldest update that waits.
    pub(super) fn room(&self) -> Option<mpsc::Sender<RunUpdate>> {
        let (key, _) = self.outbox.front()?;
        self.runs.iter().find(|run| run.key == *key).map(|run| run.updates.clone())
    }

    pub(super) fn deliver(&mut self, permit: Option<mpsc::OwnedPermit<RunUpdate>>) {
        if let (Some((_, update)), Some(permit)) = (self.outbox.pop_front(), permit) {
            permit.send(update);
        }
        self.patience = Instant::now() + self.api.limits().patience;
    }

    /// Drops the oldest update when it has waited for too long.
    pub(super) fn leave_out(&mut self) {
        if self.outbox.is_empty() || self.patience > Instant::now() {
            return;
        }
        if let Some((key, update)) = self.outbox.pop_front()
            && let Some(run) = self.runs.iter_mut().find(|run| run.key == key)
        {
            run.miss(update, self.api.limits());
        }
        self.patience = Instant::now() + self.api.limits().patience;
    }
}
