//! The end of a run: its outputs are downloaded.

use bytes::Bytes;
use reqwest::Url;
use serde_json::json;

use crate::backend::outcome::{self, Outcome};
use crate::backend::results::download::{self, Fresh, Links};
use crate::backend::results::outputs::bounded;
use crate::backend::results::writer::Writer;
use crate::backend::{BackendError, BoxFuture};
use crate::domain::run::End;
use crate::domain::{RunEvent, Status};
use crate::wire::cloud::{Record, RecordOutput, State};
use crate::wire::result::OutputInfo;

use super::api::Api;
use super::run::{CloudRun, Ending, cancelled};

impl CloudRun {
    /// Downloads the outputs of a run that has ended, and reports its end.
    pub(super) async fn finish(mut self, ending: Ending) -> Result<(), BackendError> {
        self.registration.leave();
        let end = match ending {
            Ending::Record(record) => self.download(*record).await?,
            Ending::End(end) => end,
            Ending::Error(error) => {
                self.out.flush().await?;
                return Err(error);
            }
        };
        self.out.flush().await?;
        self.out.send(RunEvent::Ended(end)).await
    }

    async fn download(&mut self, record: Record) -> Result<End, BackendError> {
        let state = record.state();
        let Record { mut result, outputs, .. } = record;
        let left_out = result.outputs.saturating_sub(outputs.len());
        if let Some(event) = outcome::result_event(&result) {
            self.out.send(event).await?;
        }
        if state == State::Succeeded {
            // The service has more words for it than one.
            (result.status, result.completed) = (Some("success".to_owned()), Some(true));
        }
        if !outputs.is_empty() {
            self.out.phase(Status::Downloading).await?;
        }
        let (files, links): (Vec<_>, Vec<_>) =
            outputs.into_iter().partition(|output| output.data.is_some() || output.info.filepath.is_none());
        let mut rest = self.job.saved.clone();
        let (mut saved, mut failed) = self.write(files, &mut rest).await?;
        let fetched = self.fetch(links.into_iter().map(|link| link.info).collect(), &rest).await?;
        saved += fetched.saved;
        failed += fetched.failed + left_out;
        let again = format!("`comfydeck fetch {}`", self.prompt_id);
        let said = self.failure();
        let outcome = Outcome { result: &result, saved, failed, broken: None, errors: &said, again: &again };
        if state == State::Cancelled {
            let said = result.error_data.clone().unwrap_or_default();
            return Ok(End { server_seconds: result.execution_time_seconds, ..cancelled(&said) });
        }
        if let Some(text) = outcome.remark() {
            self.out.send(RunEvent::Warning { text }).await?;
        }
        Ok(outcome.end())
    }

    /// Writes the outputs that are inside the record. Returns how many were saved and how many failed.
    async fn write(
        &mut self,
        files: Vec<RecordOutput>,
        saved: &mut Vec<String>,
    ) -> Result<(usize, usize), BackendError> {
        let mut passed_over = 0;
        let mut wanted = Vec::new();
        for RecordOutput { info, data } in files {
            match saved.iter().position(|name| *name == bounded(&info.filename)) {
                Some(index) => {
                    saved.swap_remove(index);
                    passed_over += 1;
                }
                None => wanted.push((info, data)),
            }
        }
        if wanted.is_empty() {
            return Ok((passed_over, 0));
        }
        // Written as those of a result that streams in: the same care for damaged ones.
        let writer = Writer::start(self.job.outputs.clone(), self.out.sink());
        let mut before = "{\"outputs\":[";
        for (OutputInfo { filename, content_type, size, .. }, data) in wanted {
            let output =
                json!({"filename": filename, "content_type": content_type, "size": size, "data": data});
            let text = Bytes::from(format!("{before}{output}"));
            before = ",";
            let length = text.len() as u64;
            writer.write(text).await?;
            self.out.download(length).await?;
        }
        writer.write(Bytes::from_static(b"]}")).await?;
        let collected = writer.finish().await?;
        Ok((passed_over + collected.saved, collected.failed))
    }

    async fn fetch(
        &mut self,
        list: Vec<OutputInfo>,
        saved: &[String],
    ) -> Result<download::Fetched, BackendError> {
        let renew = Renew {
            api: self.api.clone(),
            prompt_id: self.prompt_id.clone(),
            names: list.iter().map(|output| output.filename.clone()).collect(),
        };
        let again = format!("`comfydeck fetch {}`", self.prompt_id);
        let home: &Url = renew.api.base();
        let links = Links {
            http: renew.api.http(),
            home,
            credentials: None,
            folder: self.job.outputs.clone(),
            saved,
            fresh: Some(&renew),
            again: &again,
        };
        download::fetch_all(&links, list, &mut self.out).await
    }
}

/// Fetches fresh links of outputs: the service signs new ones whenever the record is read.
struct Renew {
    api: Api,
    prompt_id: String,
    names: Vec<String>,
}

impl Fresh for Renew {
    fn fresh<'a>(&'a self, position: usize, stale: &'a OutputInfo) -> BoxFuture<'a, Option<OutputInfo>> {
        Box::pin(async move {
            let record = match self.api.record(&self.prompt_id).await {
                Ok(record) => record?,
                Err(unread) => {
                    tracing::warn!("no new address for an output: {}", unread.error.what);
                    return None;
                }
            };
            let links = record.outputs.into_iter().filter(|output| output.data.is_none());
            let links: Vec<_> =
                links.map(|output| output.info).filter(|info| info.filepath.is_some()).collect();
            let is_named = |name: &&String| **name == stale.filename;
            let before = self.names.iter().take(position).filter(is_named).count();
            let same = links.iter().filter(|info| info.filename == stale.filename).nth(before);
            same.or_else(|| links.get(position).filter(|_| links.len() == self.names.len())).cloned()
        })
    }
}
