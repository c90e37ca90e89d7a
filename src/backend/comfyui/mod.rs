//! ComfyUI's own server: graphs are queued, events arrive over a websocket, results are read from the history.
//!
//! | file | what |
//! |---|---|
//! | `api.rs` | the server's addresses and small requests |
//! | `listen.rs` | the websocket, read on a thread of its own |
//! | `inbox.rs` | messages not yet taken in, bounded |
//! | `submit.rs` | sending a run: files first, then the graph |
//! | `run.rs` | one run while it is at work |
//! | `look.rs` | asking history and queue for its state |
//! | `nodes.rs` | progress of its nodes |
//! | `finish.rs` | saving its outputs |
//! | `check.rs` | the checks of `doctor` |
//!
//! Each run opens its websocket with its prompt id as the client id. The server sends a prompt's events only to the
//! newest connection with its client id, so runs do not receive each other's events, and a run taken over after a
//! crash receives its own again.

mod api;
mod check;
mod finish;
mod inbox;
mod limits;
mod listen;
mod look;

mod run;
mod submit;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::net::http::HttpPool;
use super::{Backend, BackendError, BoxFuture, Caps, Checked, EventSink, Job, Outgoing, Server, Tend};
use crate::domain::run::{Protocol, RunError};
use crate::domain::server::{QueuePlace, ServerQueue, System};
use crate::domain::{MASK_SUFFIX, ParamKey, Status};

use api::Api;
use run::{Certainty, ComfyuiRun};

pub use limits::ComfyuiLimits;

/// The backend for ComfyUI's own server.
#[derive(Debug, Default)]
pub struct ComfyuiBackend {
    http: HttpPool,
    limits: Arc<ComfyuiLimits>,
    /// Prompts we asked to cancel. The server sends no event when one is removed from its queue.
    stopped: Arc<Mutex<HashSet<String>>>,
}

impl ComfyuiBackend {
    /// A backend with other limits, for tests.
    pub fn with(limits: ComfyuiLimits) -> Self {
        Self { http: HttpPool::new(limits.http.clone()), limits: Arc::new(limits), stopped: Arc::default() }
    }

    fn api(&self, server: &Server) -> Result<Api, RunError> {
        Api::new(server, self.http.of(&server.trust), Arc::clone(&self.limits))
    }

    fn run(&self, job: Job, events: EventSink, certainty: Certainty) -> Result<ComfyuiRun, BackendError> {
        let api = self.api(&job.server).map_err(BackendError::refused)?;
        let prompt_id = job.prompt_id.clone().filter(|id| !id.is_empty()).ok_or_else(|| {
            let what = "the run has no prompt id, so it could never be found again".to_owned();
            BackendError::refused(RunError { what, ..RunError::default() })
        })?;
        Ok(ComfyuiRun::new(api, job, prompt_id, events, certainty, Arc::clone(&self.stopped)))
    }
}

impl Backend for ComfyuiBackend {
    fn caps(&self) -> Caps {
        Protocol::Comfyui.caps()
    }

    fn outgoing(&self, job: &Job) -> Result<Outgoing, BackendError> {
        let api = self.api(&job.server).map_err(BackendError::refused)?;
        let named = job.files.iter().filter(|(file, _)| !file.part.ends_with(MASK_SUFFIX));
        let named = named.filter_map(|(file, _)| {
            let name = format!("(the server's name of {})", file.name);
            Some((ParamKey::parse(&file.part)?, Value::String(name)))
        });
        let graph = job.graph(Some(&named.collect())).map_err(BackendError::refused)?;
        let credentials = job.server.credentials.iter();
        let headers =
            credentials.map(|credential| (credential.header.clone(), credential.value().to_string()));
        Ok(Outgoing {
            url: api.prompt_url().to_string(),
            headers: headers.collect(),
            content_type: "application/json".to_owned(),
            fields: vec![
                ("prompt".to_owned(), Value::Object(graph).to_string()),
                ("client_id".to_owned(), "(made for the run)".to_owned()),
                ("prompt_id".to_owned(), "(made for the run)".to_owned()),
            ],
            files: job.files.iter().map(|(file, _)| file.clone()).collect(),
        })
    }

    fn submit(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let mut run = self.run(job, events, Certainty::Sending)?;
            run.send().await?;
            let ending = run.follow().await?;
            run.finish(ending).await
        })
    }

    fn attach(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let certainty = match job.left_at {
                None => Certainty::Said,
                Some(Status::Queued | Status::Uploading) => Certainty::Unsure(RunError {
                    what: "the background runner went away while it sent the run".to_owned(),
                    ..RunError::default()
                }),
                Some(_) => Certainty::Known,
            };
            let mut run = self.run(job, events, certainty)?;
            run.began = run.job.left_at > Some(Status::Waiting);
            run.listen();
            let ending = run.follow().await?;
            run.finish(ending).await
        })
    }

    fn check(&self, server: Server) -> BoxFuture<'_, Result<Vec<Checked>, RunError>> {
        Box::pin(async move { check::check(&self.api(&server)?).await })
    }

    fn system(&self, server: Server) -> BoxFuture<'_, Result<System, RunError>> {
        Box::pin(async move { self.api(&server)?.system().await.map_err(|unread| unread.error) })
    }

    fn queue(&self, server: Server) -> BoxFuture<'_, Result<ServerQueue, RunError>> {
        Box::pin(async move { self.api(&server)?.queue().await.map_err(|unread| unread.error) })
    }

    fn models(&self, server: Server, folder: Option<String>) -> BoxFuture<'_, Result<Vec<String>, RunError>> {
        Box::pin(
            async move { self.api(&server)?.models(folder.as_deref()).await.map_err(|unread| unread.error) },
        )
    }

    fn schema(&self, server: Server) -> BoxFuture<'_, Result<String, RunError>> {
        Box::pin(async move { self.api(&server)?.object_info().await.map_err(|unread| unread.error) })
    }

    fn tend(&self, server: Server, what: Tend) -> BoxFuture<'_, Result<(), RunError>> {
        Box::pin(async move {
            let api = self.api(&server)?;
            let done = match what {
                Tend::ClearQueue => api.clear_queue().await,
                Tend::FreeMemory => api.free().await,
                Tend::Remove(prompt_id) => api.delete(&prompt_id).await,
            };
            done.map_err(|unread| unread.error)
        })
    }

    fn cancel(&self, server: Server, prompt_id: String) -> BoxFuture<'_, Result<(), RunError>> {
        Box::pin(async move {
            let api = self.api(&server)?;
            let asked = || self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
            asked().insert(prompt_id.clone());
            // A waiting prompt is removed from the queue, a running one interrupted. It may
            // start in between, hence twice.
            for _ in 0..2 {
                match api.queue().await.map_err(|unread| unread.error)?.place(&prompt_id) {
                    Some(QueuePlace::Running) => {
                        return api.interrupt(&prompt_id).await.map_err(|unread| unread.error);
                    }
                    Some(QueuePlace::Waiting { .. }) => {
                        api.delete(&prompt_id).await.map_err(|unread| unread.error)?;
                    }
                    None => return Ok(()),
                }
            }
            Ok(())
        })
    }
}
