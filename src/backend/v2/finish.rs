//! Saves the outputs of a run that has ended.

use crate::backend::outcome::{Outcome, of_node};
use crate::backend::results::download::{self, Fresh, Links};
use crate::backend::{BackendError, BoxFuture};
use crate::domain::run::{End, RunError};
use crate::domain::{RunEvent, Status};
use crate::wire::result::{OutputInfo, PromptResult};
use crate::wire::v2::{JobRecord, JobState};

use super::api::Api;
use super::look::forgotten;
use super::run::{Ending, V2Run};

impl V2Run {
    /// Saves the outputs of a run that has ended, and reports its end.
    pub(super) async fn finish(mut self, ending: Ending) -> Result<(), BackendError> {
        let ended = match ending {
            Ending::Record(record) => self.bring(*record).await,
            Ending::Error(error) => {
                // Files saved by the run may exist even when the server has lost its record.
                let made = std::mem::take(&mut self.made);
                let id = self.id.clone().unwrap_or_default();
                self.fetch(&id, made).await?;
                Err(error)
            }
        };
        self.flush_log().await?;
        self.out.flush().await?;
        self.out.send(RunEvent::Ended(ended?)).await
    }

    async fn bring(&mut self, record: JobRecord) -> Result<End, BackendError> {
        let JobRecord { id, state, outputs, error, is_reused, seconds, log, .. } = record;
        if let Some(log) = log {
            self.line(&log);
        }
        if let Some(error) = &error {
            self.fault(error);
        }
        self.flush_log().await?;
        let outputs = if outputs.is_empty() { std::mem::take(&mut self.made) } else { outputs };
        let fetched = self.fetch(&id, outputs).await?;
        let again = self.again();
        let end = |status, error| Ok(End { status, error: Some(error), server_seconds: seconds });
        match state {
            JobState::Failed => end(
                Status::Failed,
                of_node(error.unwrap_or_else(|| RunError {
                    what: "the server says that the run failed, but not why".to_owned(),
                    ..RunError::default()
                })),
            ),
            JobState::Canceled => {
                let what = "The server stopped the run".to_owned();
                end(Status::Cancelled, RunError { what, ..RunError::default() })
            }
            JobState::Expired => Err(BackendError::Lost(forgotten())),
            JobState::Succeeded
            | JobState::Queued
            | JobState::Running
            | JobState::Canceling
            | JobState::Other => {
                let result = PromptResult {
                    status: Some("success".to_owned()),
                    completed: Some(true),
                    execution_time_seconds: seconds,
                    ..PromptResult::default()
                };
                let (saved, failed) = (fetched.saved, fetched.failed);
                let mut end =
                    Outcome { result: &result, saved, failed, broken: None, errors: "", again: &again }.end();
                if let Some(error) = end.error.as_mut().filter(|_| saved + failed == 0 && is_reused) {
                    error.remedy = "Everything was cached, so nothing was saved again: change a value, such as the seed, and run again.".to_owned();
                }
                Ok(end)
            }
        }
    }

    async fn fetch(&mut self, id: &str, outputs: Vec<OutputInfo>) -> Result<download::Fetched, BackendError> {
        if outputs.is_empty() {
            return Ok(download::Fetched::default());
        }
        self.out.phase(Status::Downloading).await?;
        let renew = Renew { api: self.api.clone(), id: id.to_owned() };
        let again = self.again();
        let links = Links {
            http: renew.api.http(),
            home: renew.api.base(),
            credentials: Some(renew.api.credentials()),
            folder: self.job.outputs.clone(),
            saved: &self.job.saved,
            fresh: Some(&renew),
            again: &again,
        };
        let list = outputs.into_iter().map(|output| renew.api.linked(output)).collect();
        download::fetch_all(&links, list, &mut self.out).await
    }
}

impl Api {
    /// An output with a link that we can follow.
    fn linked(&self, output: OutputInfo) -> OutputInfo {
        let ours = output.filepath.as_deref().and_then(|link| self.ours(link));
        OutputInfo { filepath: ours.map(String::from).or(output.filepath), ..output }
    }
}

/// Reads the job again, which gives fresh links.
struct Renew {
    api: Api,
    id: String,
}

impl Fresh for Renew {
    fn fresh<'a>(&'a self, position: usize, _stale: &'a OutputInfo) -> BoxFuture<'a, Option<OutputInfo>> {
        Box::pin(async move {
            match self.api.job(&self.id).await {
                // The outputs of a job that has ended are always the same.
                Ok(job) => job?.outputs.into_iter().nth(position).map(|output| self.api.linked(output)),
                Err(unread) => {
                    tracing::warn!("no new address for an output: {}", unread.error.what);
                    None
                }
            }
        })
    }
}
