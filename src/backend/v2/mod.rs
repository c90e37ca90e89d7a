//! Comfy API v2: Comfy Cloud, Comfy API deployments, and `comfy-api-proxy` in front of a ComfyUI of one's own, which
//! differ by their address alone.
//!
//! | file | what |
//! |---|---|
//! | `api.rs` | the server's addresses and small requests |
//! | `assets.rs` | files, by the hash of their content |
//! | `submit.rs` | sending a run, and finding it again |
//! | `mark.rs` | the mark by which its job is found |
//! | `stream.rs` | the stream of events, read by a task of its own |
//! | `run.rs` | one run while it is at work |
//! | `look.rs` | its record, and whether a run arrived whose reply was lost |
//! | `finish.rs` | saving its outputs |
//! | `check.rs` | the checks of `doctor` |

mod api;
mod assets;
mod check;
mod finish;
mod limits;
mod look;
mod mark;
mod run;
mod stream;
mod submit;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::net::http::HttpPool;
use super::{Backend, BackendError, BoxFuture, Caps, Checked, EventSink, Job, Outgoing, Server};
use crate::domain::ParamKey;
use crate::domain::run::{Protocol, RunError};
use crate::domain::server::ServerRun;
use crate::wire::v2::JobRecord;

use api::Api;
use look::Settled;
use run::V2Run;

pub use limits::V2Limits;

/// The backend for servers of Comfy API v2.
#[derive(Debug, Default)]
pub struct V2Backend {
    http: HttpPool,
    limits: Arc<V2Limits>,
    known: Arc<Known>,
}

/// The server's ids of runs that were sent from here, by the key that they were sent with.
#[derive(Debug, Default)]
struct Known(Mutex<HashMap<String, String>>);

impl Known {
    fn learn(&self, name: &str, id: &str) {
        if name != id {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), id.to_owned());
        }
    }

    fn id(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

impl V2Backend {
    /// A backend with other limits, for tests.
    pub fn with(limits: V2Limits) -> Self {
        Self { http: HttpPool::new(limits.http.clone()), limits: Arc::new(limits), known: Arc::default() }
    }

    fn api(&self, server: &Server) -> Result<Api, RunError> {
        Api::new(server, self.http.of(&server.trust), Arc::clone(&self.limits))
    }

    fn run(&self, job: Job, events: EventSink) -> Result<V2Run, BackendError> {
        let api = self.api(&job.server).map_err(BackendError::refused)?;
        let name = job.prompt_id.clone().filter(|name| !name.is_empty()).ok_or_else(|| {
            let what = "the run has no name, so it could never be found again".to_owned();
            BackendError::refused(RunError { what, ..RunError::default() })
        })?;
        Ok(V2Run::new(api, job, name, events, Arc::clone(&self.known)))
    }
}

impl Backend for V2Backend {
    fn caps(&self) -> Caps {
        Protocol::V2.caps()
    }

    fn outgoing(&self, job: &Job) -> Result<Outgoing, BackendError> {
        let api = self.api(&job.server).map_err(BackendError::refused)?;
        let named = job.files.iter().filter_map(|(file, _)| {
            Some((
                ParamKey::parse(&file.part)?,
                Value::String(format!("(the server's name of {})", file.name)),
            ))
        });
        let graph = job.graph(Some(&named.collect())).map_err(BackendError::refused)?;
        let credentials = job.server.credentials.iter();
        let credentials =
            credentials.map(|credential| (credential.header.clone(), credential.value().to_string()));
        let key = (submit::KEY.to_lowercase(), "(made for the run)".to_owned());
        Ok(Outgoing {
            url: api.jobs_url().to_string(),
            headers: credentials.chain([key]).collect(),
            content_type: "application/json".to_owned(),
            fields: vec![("workflow".to_owned(), Value::Object(graph).to_string())],
            files: job.files.iter().map(|(file, _)| file.clone()).collect(),
        })
    }

    fn submit(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let mut run = self.run(job, events)?;
            run.send().await?;
            let ending = run.follow().await?;
            run.finish(ending).await
        })
    }

    fn attach(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let mut run = self.run(job, events)?;
            run.find_again().await?;
            let ending = run.follow().await?;
            run.finish(ending).await
        })
    }

    fn check(&self, server: Server) -> BoxFuture<'_, Result<Vec<Checked>, RunError>> {
        Box::pin(async move { check::check(&self.api(&server)?).await })
    }

    fn runs(&self, server: Server) -> BoxFuture<'_, Result<Vec<ServerRun>, RunError>> {
        Box::pin(async move {
            let jobs = self.api(&server)?.jobs().await.map_err(|unread| unread.error)?;
            let run = |JobRecord { id, state, outputs, created, .. }| ServerRun {
                name: id,
                status: state.word().to_owned(),
                created,
                outputs: outputs.len(),
            };
            Ok(jobs.into_iter().map(run).collect())
        })
    }

    fn cancel(&self, server: Server, name: String) -> BoxFuture<'_, Result<(), RunError>> {
        Box::pin(async move {
            let api = self.api(&server)?;
            let id = self.known.id(&name).unwrap_or_else(|| name.clone());
            let unread = match api.cancel(&id, None).await {
                Ok(()) => return Ok(()),
                Err(unread) => unread,
            };
            if unread.why != api::Why::NotThere {
                return Err(unread.error);
            }
            // Its reply may have been lost, or is still to come.
            match look::find(&api, &name, &mut HashSet::new()).await {
                Settled::Found(job) => {
                    self.known.learn(&name, &job.id);
                    api.cancel(&job.id, job.cancel.as_deref()).await.map_err(|unread| unread.error)
                }
                Settled::NotThere | Settled::NoList => Ok(()),
                Settled::Unread(unread) => Err(unread.error),
            }
        })
    }
}
