//! Sends a run: its files first, then the graph with the values in it, then handles the reply.

use std::path::PathBuf;

use indexmap::IndexMap;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backend::BackendError;
use crate::backend::net::http::{self, Answer, NoAnswer};
use crate::backend::net::upload::{Content, FilePart, Upload};
use crate::domain::run::{InputFile, RunError, Transfer};
use crate::domain::{MASK_SUFFIX, ParamKey, RunEvent, Status};
use crate::wire::comfyui::PromptReply;

use super::run::{Certainty, ComfyuiRun};
use crate::backend::mask;

/// Most bytes read of a reply, which may contain lists of choices.
const MAX_REPLY: usize = 16 << 20;

/// The server's reply to a graph.
enum Reply {
    Taken(PromptReply),
    /// The graph was rejected, and nothing ran.
    Refused(RunError),
    /// No reply, or an unclear one: queue and history will show.
    Unclear(RunError),
}

impl ComfyuiRun {
    /// Sends the run. Listens before that, so that no event is missed.
    pub(super) async fn send(&mut self) -> Result<(), BackendError> {
        self.out.phase(Status::Uploading).await?;
        let values = self.upload_files().await?;
        let graph = self.job.graph(Some(&values)).map_err(BackendError::refused)?;
        self.listen();
        self.wait_for_socket().await?;
        let body = json!({"prompt": graph, "client_id": self.prompt_id, "prompt_id": self.prompt_id});
        let upload = Upload::json(body.to_string());
        let (sent, mut progress) = watch::channel(0);
        let api = self.api.clone();
        let post = reply(&api, &upload, &sent);
        tokio::pin!(post);
        // When the whole request was sent.
        let mut up: Option<Instant> = None;
        loop {
            let (due, late) = (self.out.due(), up.map(|up| up + api.limits().answer));
            let inbox = std::sync::Arc::clone(&self.inbox);
            tokio::select! {
                said = &mut post => {
                    if !matches!(said, Reply::Refused(_)) {
                        self.out.phase(Status::Waiting).await?;
                    }
                    return self.replied(said).await;
                }
                // The sender lives as long as this function.
                Ok(()) = progress.changed(), if up.is_none() => {
                    let done = *progress.borrow_and_update();
                    if self.out.sent(done, upload.total).await? {
                        up = Some(Instant::now());
                    }
                }
                received = inbox.take() => self.take(received).await?,
                () = tokio::time::sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    let what = "the server did not answer in time".to_owned();
                    return self.replied(Reply::Unclear(RunError { what, ..RunError::default() })).await;
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.out.send_due().await?;
                }
            }
        }
    }

    async fn replied(&mut self, said: Reply) -> Result<(), BackendError> {
        let is_heard = matches!(self.certainty, Certainty::Known);
        match said {
            Reply::Refused(error) if !is_heard => return Err(BackendError::refused(error)),
            Reply::Taken(PromptReply { prompt_id, left_out }) => {
                self.certainty = Certainty::Known;
                if let Some(error) = left_out {
                    let text =
                        format!("Part of the workflow is left out, since it is not valid: {}", error.what);
                    self.out.send(RunEvent::Warning { text }).await?;
                }
                // Servers older than mid-2025 choose the prompt id themselves.
                if let Some(id) = prompt_id.filter(|id| !id.eq_ignore_ascii_case(&self.prompt_id)) {
                    self.out.send(RunEvent::Remote { prompt_id: id.clone() }).await?;
                    self.rename(id);
                }
            }
            Reply::Unclear(_) | Reply::Refused(_) if is_heard => {}
            Reply::Unclear(error) | Reply::Refused(error) => {
                let what = error.what.trim_end_matches('.').to_owned();
                self.certainty = Certainty::Unsure(error);
                let text =
                    format!("{what}; whether the run arrived is looked up in the server's queue and history");
                self.note(&text);
                self.out.send(RunEvent::Warning { text }).await?;
            }
        }
        self.flush_log().await
    }

    /// Uploads the files, masks after their images. Returns the new values of their inputs.
    async fn upload_files(&mut self) -> Result<IndexMap<ParamKey, Value>, BackendError> {
        let files = self.job.files.clone();
        let total: u64 = files.iter().map(|(file, _)| file.size).sum();
        let (masks, plain): (Vec<_>, Vec<_>) =
            files.into_iter().partition(|(file, _)| file.part.ends_with(MASK_SUFFIX));
        let mut done = 0;
        let mut values = IndexMap::new();
        for (file, path) in plain {
            let size = file.size;
            let upload = whole("image", &file, Content::Path(path), &[("type", "input")])
                .map_err(BackendError::refused)?;
            let name = self.put("image", &upload, (done, total), &file).await?;
            done += size;
            values.extend(ParamKey::parse(&file.part).map(|key| (key, Value::String(name))));
        }
        for (file, path) in masks {
            let size = file.size;
            self.upload_mask(&file, path, (done, total), &mut values).await?;
            done += size;
        }
        Ok(values)
    }

    /// Uploads a mask: the server copies it into its image, which becomes the input's value.
    async fn upload_mask(
        &mut self,
        file: &InputFile,
        path: PathBuf,
        progress: (u64, u64),
        values: &mut IndexMap<ParamKey, Value>,
    ) -> Result<(), BackendError> {
        let part = file.part.strip_suffix(MASK_SUFFIX).unwrap_or_default();
        let Some(key) = ParamKey::parse(part) else { return Ok(()) };
        let fault = |what: String, remedy: &str| {
            BackendError::refused(RunError {
                what,
                remedy: remedy.to_owned(),
                param: Some(key.clone()),
                ..RunError::default()
            })
        };
        let image = values.get(&key).or_else(|| self.job.params.get(&key)).cloned();
        let image = image.or_else(|| self.value_in_workflow(&key));
        let Some(Value::String(image)) = image else {
            return Err(fault(
                format!("the mask {} belongs to no image", file.name),
                "Choose the image, too.",
            ));
        };
        let content = tokio::task::spawn_blocking(move || mask::read(&path)).await;
        let content = content.map_err(|error| fault(error.to_string(), ""))?;
        let content = content.map_err(|why| {
            fault(
                format!("the mask {} cannot be used: {why}", file.name),
                "Choose a PNG of the image's size.",
            )
        })?;
        let original = mask::reference(&image).to_string();
        let file =
            InputFile { name: mask::name(&image), content_type: "image/png".to_owned(), ..file.clone() };
        let fields = [("type", "input"), ("original_ref", original.as_str())];
        let upload =
            whole("image", &file, Content::Bytes(content.into()), &fields).map_err(BackendError::refused)?;
        let name = self.put("mask", &upload, progress, &file).await?;
        values.insert(key, Value::String(name));
        Ok(())
    }

    fn value_in_workflow(&self, key: &ParamKey) -> Option<Value> {
        let graph: Value = serde_json::from_str(self.job.workflow.as_deref()?).ok()?;
        graph.get(key.node())?.get("inputs")?.get(key.input()).cloned()
    }

    /// Uploads a file, reporting the progress of all uploads.
    async fn put(
        &mut self,
        what: &str,
        upload: &Upload,
        (done, total): (u64, u64),
        file: &InputFile,
    ) -> Result<String, BackendError> {
        let (sent, mut progress) = watch::channel(0);
        let api = self.api.clone();
        let put = api.store(what, upload, &sent);
        tokio::pin!(put);
        loop {
            tokio::select! {
                stored = &mut put => {
                    return stored.map_err(|error| BackendError::refused(RunError {
                        what: format!("the file {} could not be sent: {}", file.name, error.what),
                        param: ParamKey::parse(file.part.trim_end_matches(MASK_SUFFIX)),
                        ..error
                    }));
                }
                Ok(()) = progress.changed() => {
                    let part = (*progress.borrow_and_update()).min(file.size);
                    let transfer = Transfer { done: done + part, total: Some(total) };
                    self.out.upload(transfer, false).await?;
                }
            }
        }
    }
}

fn whole(
    part: &str,
    file: &InputFile,
    content: Content,
    fields: &[(&str, &str)],
) -> Result<Upload, RunError> {
    let part_of = FilePart { name: &file.name, content_type: &file.content_type, content };
    Upload::file(part, part_of, fields).map_err(|what| RunError {
        what,
        remedy: "Choose the file again.".to_owned(),
        ..RunError::default()
    })
}

/// Sends the graph and reads the reply.
async fn reply(api: &super::api::Api, graph: &Upload, sent: &watch::Sender<u64>) -> Reply {
    let answer = api.prompt(graph, sent).await;
    let Answer { mut response, hops } = match answer {
        Ok(answer) => answer,
        Err(NoAnswer { error, sent: true }) => return Reply::Unclear(api.veiled(error)),
        Err(NoAnswer { error, sent: false }) => return Reply::Refused(api.veiled(error)),
    };
    let status = response.status();
    if status.is_success() {
        let body = http::whole_body(&mut response, MAX_REPLY, api.limits().answer).await;
        let text = body.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default();
        return match PromptReply::read(&text) {
            Some(reply) => Reply::Taken(reply),
            None => Reply::Unclear(RunError {
                what: format!("the reply ({}) is not from ComfyUI", status.as_u16()),
                remedy: "Check the profile's url, and any proxy in between.".to_owned(),
                details: crate::wire::errors::from_text(&text).what,
                ..RunError::default()
            }),
        };
    }
    let headers = response.headers().clone();
    let body = http::refusal_body(&mut response, api.http().limits().refusal).await;
    let error = api.described(status, &headers, &body);
    // A proxy that timed out may have passed the request on.
    if hops == 0 && status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT {
        Reply::Refused(error)
    } else {
        Reply::Unclear(error)
    }
}
