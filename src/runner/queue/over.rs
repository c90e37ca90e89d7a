//! What is left to do when a run has ended.

use serde_json::Value;

use super::Queue;
use crate::domain::{Run, Workflow, param};
use crate::report::json;

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
            Ok(Some(run)) => self.environment.finished(run.id, run.status, &|| self.record(&run)),
            Ok(None) => {}
            Err(error) => tracing::warn!(run = run.id, "nobody is told of its end: {error}"),
        }
    }

    /// A run as `show --json` prints it.
    fn record(&self, run: &Run) -> Value {
        let text = |hash: &str| self.store.workflow(hash).ok().flatten();
        let ran = run.result.as_ref().and_then(|result| text(result.prompt_sha256.as_deref()?));
        let workflow = text(&run.request.workflow_hash).and_then(|text| Workflow::parse(&text).ok());
        let names = workflow.as_ref().map(param::names).unwrap_or_default();
        // What people wrote about it, and what it came from, are left out rather than keep its end from being told.
        let noted = self.store.noted(run.id).unwrap_or_default();
        let lineage = self.store.lineage(run.id).unwrap_or_default();
        json::run(run, &noted, &lineage, &names, ran.as_deref())
    }
}
