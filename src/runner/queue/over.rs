//! What is left to do when a run has ended.

use super::Queue;
use crate::domain::Run;
use crate::runner::finish;

impl Queue {
    /// Cleans up after a run that has ended.
    pub(super) fn over(&self, run: &Run) {
        self.store.forget_intents(run.id);
        self.store.drop_preview(run.id);
        // What was left for a batch serves all of its runs.
        let is_needed = run.request.batch.map(|batch| self.store.is_batch_open(batch.batch));
        match is_needed.transpose() {
            Ok(Some(true)) => {}
            Ok(_) => self.environment.release(&run.request),
            Err(error) => tracing::warn!(run = run.id, "its credentials may stay behind: {error}"),
        }
        match self.store.run(run.id) {
            Ok(Some(run)) => {
                self.environment.finished(run.id, run.status, &|| finish::record(&self.store, &run))
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(run = run.id, "nobody is told of its end: {error}"),
        }
    }
}
