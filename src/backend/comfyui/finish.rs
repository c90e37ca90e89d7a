//! Saves the outputs of a run that has ended.

use std::collections::HashSet;

use crate::backend::BackendError;
use crate::backend::outcome::{Outcome, of_node};
use crate::backend::results::download::{self, Links};
use crate::backend::results::outputs::{Kept, bounded};
use crate::domain::run::{End, OutputFailure, PreviewKind, RunError};
use crate::domain::{RunEvent, Status};
use crate::wire::comfyui::{HistoryEntry, HistoryStatus, Made};
use crate::wire::result::{OutputInfo, PromptResult};

use super::run::{ComfyuiRun, Ending};

/// Numbers of outputs saved and failed.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    saved: usize,
    failed: usize,
}

impl ComfyuiRun {
    /// Saves the outputs of a run that has ended, and reports its end.
    pub(super) async fn finish(mut self, ending: Ending) -> Result<(), BackendError> {
        let end = match ending {
            Ending::HistoryEntry(entry) => self.bring(*entry).await?,
            Ending::Removed { by_us } => removed(by_us),
            Ending::Error(error) => {
                // Files saved by the run exist even when the server's history was lost.
                let made = std::mem::take(&mut self.made);
                self.collect(made).await?;
                self.out.flush().await?;
                return Err(error);
            }
        };
        self.flush_log().await?;
        self.out.flush().await?;
        self.out.send(RunEvent::Ended(end)).await
    }

    async fn bring(&mut self, entry: HistoryEntry) -> Result<End, BackendError> {
        let HistoryEntry { status, outputs, cached, seconds } = entry;
        // Also uses what the websocket reported in case the history lost it.
        let outputs = if outputs.is_empty() { std::mem::take(&mut self.made) } else { outputs };
        let Tally { saved, failed } = self.collect(outputs).await?;
        let again = format!("`comfydeck fetch {}`", self.prompt_id);
        let end = |status, error| End { status, error: Some(error), server_seconds: seconds };
        Ok(match status {
            HistoryStatus::Succeeded => {
                let result = PromptResult {
                    status: Some("success".to_owned()),
                    completed: Some(true),
                    execution_time_seconds: seconds,
                    ..PromptResult::default()
                };
                let mut end =
                    Outcome { result: &result, saved, failed, broken: None, errors: "", again: &again }.end();
                if let Some(error) = end.error.as_mut().filter(|_| saved + failed == 0 && cached > 0) {
                    error.remedy = "Everything was cached, so nothing was saved again: change a value, such as the seed, and run again.".to_owned();
                }
                end
            }
            HistoryStatus::Failed(error) => end(Status::Failed, of_node(error)),
            HistoryStatus::Interrupted => {
                let what = "The server stopped the run".to_owned();
                end(Status::Cancelled, RunError { what, ..RunError::default() })
            }
        })
    }

    /// Saves what nodes made: pictures from the websocket, texts, files.
    async fn collect(&mut self, outputs: Vec<(String, Made)>) -> Result<Tally, BackendError> {
        let mut tally = Tally::default();
        let results = std::mem::take(&mut self.results);
        if results.is_empty() && outputs.is_empty() {
            return Ok(tally);
        }
        self.out.phase(Status::Downloading).await?;
        for (number, picture) in results.into_iter().enumerate() {
            let (ending, kind) = match picture.kind {
                PreviewKind::Png => ("png", "image/png"),
                PreviewKind::Jpeg => ("jpg", "image/jpeg"),
            };
            let name = format!("websocket_{}_{:05}.{ending}", bounded(&picture.node), number + 1);
            self.write(name, kind, picture.bytes, &mut tally).await?;
        }
        let mut files = Vec::new();
        let mut known = HashSet::new();
        for (node, made) in outputs {
            // Pictures sent over the websocket are not outputs in the history.
            files.extend(
                made.files.into_iter().filter(|file| file.kind != "input" && known.insert(file.clone())),
            );
            if !made.texts.is_empty() {
                let name = format!("text_{}.txt", bounded(&node));
                self.write(name, "text/plain", made.texts.join("\n").into_bytes(), &mut tally).await?;
            }
        }
        let list = files.into_iter().map(|file| OutputInfo {
            filepath: Some(self.api.view(&file).to_string()),
            filename: file.filename,
            ..OutputInfo::default()
        });
        let (list, again) = (list.collect(), format!("`comfydeck fetch {}`", self.prompt_id));
        let links = Links {
            http: self.api.http(),
            home: self.api.base(),
            credentials: Some(self.api.credentials()),
            folder: self.job.outputs.clone(),
            saved: &self.job.saved,
            fresh: None,
            again: &again,
        };
        let fetched = download::fetch_all(&links, list, &mut self.out).await?;
        Ok(Tally { saved: tally.saved + fetched.saved, failed: tally.failed + fetched.failed })
    }

    /// Writes an output whose bytes are already here.
    async fn write(
        &mut self,
        name: String,
        kind: &'static str,
        bytes: Vec<u8>,
        tally: &mut Tally,
    ) -> Result<(), BackendError> {
        if self.job.saved.contains(&name) {
            tally.saved += 1;
            return Ok(());
        }
        let (folder, hint) = (self.job.outputs.clone(), name.clone());
        let written = tokio::task::spawn_blocking(move || {
            let mut file = folder.begin()?;
            file.write(&bytes)?;
            file.keep(&hint, kind)
        });
        let written: Result<Kept, String> = match written.await {
            Ok(written) => written.map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        };
        let events: Vec<RunEvent> = match written {
            Ok(kept) => {
                tally.saved += 1;
                kept.events().collect()
            }
            Err(why) => {
                tally.failed += 1;
                vec![RunEvent::OutputFailed(OutputFailure { name, why, kept: None })]
            }
        };
        for event in events {
            self.out.send(event).await?;
        }
        Ok(())
    }
}

/// The end of a run that was removed from the queue.
fn removed(by_us: bool) -> End {
    let what = if by_us {
        "Taken out of the server's queue before it began: nothing ran"
    } else {
        "Somebody took the run out of the server's queue before it began: nothing ran"
    };
    let error = RunError { what: what.to_owned(), ..RunError::default() };
    End { status: Status::Cancelled, error: Some(error), server_seconds: None }
}
