//! ComfyUI's own server: graphs to a queue, news over a websocket, results by history and files.
//!
//! | file | what |
//! |---|---|
//! | `api.rs` | the server's addresses and small requests |
//! | `listen.rs` | the websocket, read on a thread of its own |
//! | `heard.rs` | what was heard and not yet taken in, bounded |
//! | `submit.rs` | sending a run: files first, then the graph; what becomes of the reply |
//! | `mask.rs` | a mask as the server takes it |
//! | `run.rs` | one run, from what is told of it to its end |
//! | `nodes.rs` | how far its nodes are |
//! | `finish.rs` | its outputs |
//! | `check.rs` | what `doctor` asks |
//!
//! A run's websocket goes by the name of the run: the server sends a prompt's news to the one connection of its client's
//! name, so runs never hear each other's, and one that is taken over after a crash is heard again.

mod api;
mod check;
mod finish;
mod inbox;
mod limits;
mod listen;
mod mask;
mod nodes;
mod run;
mod submit;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::net::http::HttpPool;
use super::{Backend, BackendError, BoxFuture, Caps, Checked, EventSink, Job, Outgoing, Server, Tend};
use crate::domain::run::{Protocol, RunError};
use crate::domain::server::{Place, ServerQueue, System};
use crate::domain::{MASK_SUFFIX, ParamKey, Status};

use api::Api;
use run::{ComfyuiRun, Footing};

pub use limits::ComfyuiLimits;

/// The backend for ComfyUI's own server.
#[derive(Debug, Default)]
pub struct ComfyuiBackend {
    http: HttpPool,
    limits: Arc<ComfyuiLimits>,
    /// Prompts that were asked to end. The server says nothing of one that it takes out of its queue.
    stopped: Arc<Mutex<HashSet<String>>>,
}

impl ComfyuiBackend {
    /// With other limits than usual.
    pub fn with(limits: ComfyuiLimits) -> Self {
        Self { http: HttpPool::new(limits.http.clone()), limits: Arc::new(limits), stopped: Arc::default() }
    }

    fn api(&self, server: &Server) -> Result<Api, RunError> {
        Api::new(server, self.http.of(&server.trust), Arc::clone(&self.limits))
    }

    fn run(&self, job: Job, events: EventSink, footing: Footing) -> Result<ComfyuiRun, BackendError> {
        let api = self.api(&job.server).map_err(submit::refused)?;
        let prompt_id = job.prompt_id.clone().filter(|id| !id.is_empty()).ok_or_else(|| {
            let what = "the run has no name, without which it could never be found again".to_owned();
            submit::refused(RunError { what, ..RunError::default() })
        })?;
        Ok(ComfyuiRun::new(api, job, prompt_id, events, footing, Arc::clone(&self.stopped)))
    }
}

impl Backend for ComfyuiBackend {
    fn caps(&self) -> Caps {
        Protocol::Comfyui.caps()
    }

    fn outgoing(&self, job: &Job) -> Result<Outgoing, BackendError> {
        let api = self.api(&job.server).map_err(submit::refused)?;
        let named = job.files.iter().filter(|(file, _)| !file.part.ends_with(MASK_SUFFIX));
        let named = named.filter_map(|(file, _)| {
            let name = format!("(the server's name of {})", file.name);
            Some((ParamKey::parse(&file.part)?, Value::String(name)))
        });
        let graph = submit::graph(job, Some(&named.collect())).map_err(submit::refused)?;
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
            let mut run = self.run(job, events, Footing::Sending)?;
            run.send().await?;
            let ending = run.follow().await?;
            run.finish(ending).await
        })
    }

    fn attach(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let footing = match job.left_at {
                None => Footing::Said,
                Some(Status::Queued | Status::Uploading) => Footing::Unsure(RunError {
                    what: "the background runner went away while it sent the run".to_owned(),
                    ..RunError::default()
                }),
                Some(_) => Footing::Known,
            };
            let mut run = self.run(job, events, footing)?;
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
            };
            done.map_err(|unread| unread.error)
        })
    }

    fn cancel(&self, server: Server, prompt_id: String) -> BoxFuture<'_, Result<(), RunError>> {
        Box::pin(async move {
            let api = self.api(&server)?;
            let asked = || self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
            asked().insert(prompt_id.clone());
            // What waits is taken out of the queue, what runs is interrupted; it may begin in between.
            for _ in 0..2 {
                match api.queue().await.map_err(|unread| unread.error)?.place(&prompt_id) {
                    Some(Place::Running) => {
                        return api.interrupt(&prompt_id).await.map_err(|unread| unread.error);
                    }
                    Some(Place::Waiting { .. }) => {
                        api.delete(&prompt_id).await.map_err(|unread| unread.error)?;
                    }
                    None => return Ok(()),
                }
            }
            Ok(())
        })
    }
}
