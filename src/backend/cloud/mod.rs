//! ViewComfy's cloud API: requests go to a service, which sends events over Socket.IO and keeps results.
//!
//! | file | what |
//! |---|---|
//! | `api.rs` | the service's addresses and small requests |
//! | `socket/` | the Socket.IO connection |
//! | `account/` | one task per account: its socket, its runs, the reading of records |
//! | `submit.rs` | sending a run, and handling the reply |
//! | `run.rs` | one run, from its registration to its end |
//! | `no_record.rs` | runs whose record is missing or cannot be read |
//! | `finish.rs` | downloading its outputs, and its end |
//! | `check.rs` | the checks of `doctor` |

mod account;
mod api;
mod check;
mod finish;
mod limits;
mod no_record;
mod run;
mod socket;
mod submit;

use std::sync::Arc;

use super::{Backend, BackendError, BoxFuture, Caps, Checked, EventSink, Job, Outgoing, Server};
use crate::backend::net::http::HttpPool;
use crate::backend::net::upload::Upload;
use crate::domain::run::{Protocol, RunError};

use account::Accounts;
use api::{Api, Why};
use run::{Certainty, CloudRun};

pub use limits::{CloudLimits, Pace};

/// Attempts of a cancel request that fails on the network. It may arrive twice.
const CANCEL_TRIES: u32 = 3;

/// The backend for the cloud API.
#[derive(Debug, Default)]
pub struct CloudBackend {
    accounts: Accounts,
    http: HttpPool,
    limits: Arc<CloudLimits>,
}

impl CloudBackend {
    /// A backend with other limits, for tests.
    pub fn with(limits: CloudLimits) -> Self {
        Self {
            accounts: Accounts::default(),
            http: HttpPool::new(limits.http.clone()),
            limits: Arc::new(limits),
        }
    }

    fn api(&self, server: &Server) -> Result<Api, RunError> {
        Api::new(server, self.http.of(&server.trust), Arc::clone(&self.limits))
    }

    fn run(&self, job: Job, events: EventSink) -> Result<CloudRun, BackendError> {
        let api = self.api(&job.server).map_err(BackendError::refused)?;
        let prompt_id = job.prompt_id.clone().filter(|id| !id.is_empty()).ok_or_else(|| {
            let what = "the run has no prompt id, so it could never be found again".to_owned();
            BackendError::refused(RunError { what, ..RunError::default() })
        })?;
        let registration = self.accounts.register(&api, &prompt_id, job.logs);
        Ok(CloudRun::new(api, job, prompt_id, events, registration))
    }
}

impl Backend for CloudBackend {
    fn caps(&self) -> Caps {
        Protocol::Cloud.caps()
    }

    fn outgoing(&self, job: &Job) -> Result<Outgoing, BackendError> {
        let api = self.api(&job.server).map_err(BackendError::refused)?;
        let fields =
            submit::fields("(made for the run)", &job.server.url, job.logs.then_some("(the socket's)"));
        Upload::shown(job, api.infer().as_str(), &fields, true)
            .map_err(|what| BackendError::refused(RunError { what, ..RunError::default() }))
    }

    fn submit(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let mut run = self.run(job, events)?;
            let ending = match run.send().await? {
                Some(ending) => ending,
                None => run.follow().await?,
            };
            run.finish(ending).await
        })
    }

    fn attach(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let mut run = self.run(job, events)?;
            run.certainty = Certainty::of_left(run.job.left_at);
            run.registration.sent(None);
            run.registration.hurry();
            let ending = run.follow().await?;
            run.finish(ending).await
        })
    }

    fn check(&self, server: Server) -> BoxFuture<'_, Result<Vec<Checked>, RunError>> {
        Box::pin(async move { check::check(&self.api(&server)?).await })
    }

    fn cancel(&self, server: Server, prompt_id: String) -> BoxFuture<'_, Result<(), RunError>> {
        Box::pin(async move {
            let api = self.api(&server)?;
            let mut tries = 0;
            loop {
                tries += 1;
                match api.cancel(&server.url, &prompt_id).await {
                    Ok(()) => {
                        self.accounts.hurry(&api, &prompt_id);
                        return Ok(());
                    }
                    Err(unread)
                        if matches!(unread.why, Why::Trouble | Why::Broke) && tries < CANCEL_TRIES =>
                    {
                        tokio::time::sleep(self.limits.urgent.first / 2).await;
                    }
                    Err(unread) => {
                        // It may have arrived, or the run may be over.
                        self.accounts.hurry(&api, &prompt_id);
                        return Err(unread.error);
                    }
                }
            }
        })
    }
}
