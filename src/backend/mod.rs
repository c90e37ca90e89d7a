//! Backends: each speaks one wire protocol and translates it into [`RunEvent`]s.
//!
//! [`Caps`] says what a protocol can do; nothing outside this module depends on which protocol a run uses.

pub mod cloud;
pub mod comfyui;
mod log;
mod mask;
pub mod net;
mod nodes;
mod outcome;
mod reporter;
pub mod results;
pub mod stream;
#[cfg(test)]
mod tests;
pub mod v2;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::config::{Credentials, Profile};
use crate::domain::run::{InputFile, Protocol, RunError, RunId, Trust};
pub use crate::domain::server::Tend;
use crate::domain::server::{ServerQueue, ServerRun, System};
use crate::domain::{ParamKey, RunEvent, Status, shape};
use results::outputs::OutputFolder;

pub use crate::domain::run::{Caps, Outgoing};
pub use net::http::HttpLimits;

/// Everything a backend needs to submit one run.
#[derive(Debug, Default)]
pub struct Job {
    /// The run's number, for file names.
    pub run: RunId,
    /// Address and credentials of its server.
    pub server: Server,
    /// The run's name at the server, stored before the run is sent. `Some` exactly when [`Caps::attach`].
    pub prompt_id: Option<String>,
    /// Values to send, by flattened key.
    pub params: IndexMap<ParamKey, Value>,
    /// Files to upload, each with the path of its content.
    pub files: Vec<(InputFile, PathBuf)>,
    /// Text of the workflow that replaces the deployment's own.
    pub workflow: Option<String>,
    /// Whether to ask for the server's log.
    pub logs: bool,
    pub outputs: OutputFolder,
    /// The run's status when it was left, for [`Backend::attach`]; `None` when it was not sent from here.
    pub left_at: Option<Status>,
    /// Names of the outputs already on disk, for [`Backend::attach`].
    pub saved: Vec<String>,
}

impl Job {
    /// The workflow with the values in it, and with `uploaded`, the values of files as far as they are known.
    fn graph(&self, uploaded: Option<&IndexMap<ParamKey, Value>>) -> Result<Map<String, Value>, RunError> {
        let workflow = self.workflow.as_deref().unwrap_or_default();
        let values = self.params.iter().chain(uploaded.into_iter().flatten());
        shape::graph(workflow, values).map_err(|why| RunError {
            what: why.to_string(),
            remedy: "Open the workflow again, then run.".to_owned(),
            ..RunError::default()
        })
    }
}

/// Address and credentials of a server.
#[derive(Clone, Debug, Default)]
pub struct Server {
    pub url: String,
    /// The service in front of it; `None` for the protocol's default, or when it has none.
    pub api_url: Option<String>,
    pub credentials: Credentials,
    /// Which certificates it may have.
    pub trust: Trust,
}

impl Server {
    /// Where a profile's runs go.
    pub fn of(profile: &Profile, credentials: Credentials) -> Self {
        let Profile { url, api_url, trust, .. } = profile;
        Self { url: url.clone(), api_url: api_url.clone(), credentials, trust: trust.clone() }
    }
}

/// Where a backend sends its events. Bounded: a slow store slows down reading from the
/// network, and memory stays flat.
pub type EventSink = mpsc::Sender<RunEvent>;

/// A boxed future, so that backends can be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub trait Backend: Send + Sync {
    /// What this protocol can do.
    fn caps(&self) -> Caps;

    /// The request that [`Backend::submit`] would send. Sends nothing, and fails as that would fail before sending.
    fn outgoing(&self, _job: &Job) -> Result<Outgoing, BackendError> {
        let what = "this protocol cannot show in advance what it sends".to_owned();
        Err(BackendError::Refused(RunError { what, ..RunError::default() }))
    }

    /// Submits a run and reports until its end. The last event is [`RunEvent::Ended`], unless an error is
    /// returned, which then says how the run ended. Dropping the future closes the connection; it does not cancel
    /// the run at the server.
    fn submit(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>>;

    /// Finds a submitted run by its [`Job::prompt_id`] and reports until its end, as [`Backend::submit`] does.
    /// Submits nothing. Only for [`Caps::attach`]; the job needs no values and files.
    fn attach(&self, _job: Job, _events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        let what = "this endpoint cannot find a run again".to_owned();
        Box::pin(async { Err(BackendError::Lost(RunError { what, ..RunError::default() })) })
    }

    /// Checks everything that a run needs at a server, at no cost. Only for [`Caps::check`].
    ///
    /// # Errors
    /// When runs would fail.
    fn check(&self, _server: Server) -> BoxFuture<'_, Result<Vec<Checked>, RunError>> {
        cannot("this endpoint can only be tested by a run")
    }

    /// The server's version, memory and devices. This and the following methods are only for [`Caps::system`].
    fn system(&self, _server: Server) -> BoxFuture<'_, Result<System, RunError>> {
        cannot("this endpoint gives no information about itself")
    }

    /// Running and waiting prompts of all clients.
    fn queue(&self, _server: Server) -> BoxFuture<'_, Result<ServerQueue, RunError>> {
        cannot("this endpoint shows no queue")
    }

    /// Model folders, or the models in one folder.
    fn models(
        &self,
        _server: Server,
        _folder: Option<String>,
    ) -> BoxFuture<'_, Result<Vec<String>, RunError>> {
        cannot("this endpoint lists no models")
    }

    /// The inputs of the server's nodes as JSON text, in the form of ComfyUI's `object_info`.
    fn schema(&self, _server: Server) -> BoxFuture<'_, Result<String, RunError>> {
        cannot("this endpoint does not say what its nodes take")
    }

    /// Changes something at the server besides runs.
    fn tend(&self, _server: Server, _what: Tend) -> BoxFuture<'_, Result<(), RunError>> {
        cannot("this endpoint does not support that")
    }

    /// The newest runs that the server has, from wherever they were sent, newest first. Only for [`Caps::list`].
    fn runs(&self, _server: Server) -> BoxFuture<'_, Result<Vec<ServerRun>, RunError>> {
        cannot("this endpoint does not list its runs")
    }

    /// Asks the server to cancel a run, and returns whether the request was accepted; the end itself comes with the
    /// run's events. Only for [`Caps::cancel`].
    fn cancel(&self, _server: Server, _prompt_id: String) -> BoxFuture<'_, Result<(), RunError>> {
        cannot("this endpoint cannot stop a run")
    }
}

/// The error of a protocol without this request.
fn cannot<'a, T: Send + 'a>(what: &str) -> BoxFuture<'a, Result<T, RunError>> {
    let error = RunError { what: what.to_owned(), ..RunError::default() };
    Box::pin(async { Err(error) })
}

/// A result of [`Backend::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub is_good: bool,
    /// What was found; with a remedy when it is not good.
    pub text: String,
}

/// The backend for a protocol. Keep it: its HTTP clients load certificates when first used.
pub fn for_protocol(protocol: Protocol) -> Arc<dyn Backend> {
    match protocol {
        Protocol::Stream => Arc::new(stream::StreamBackend::default()),
        Protocol::Cloud => Arc::new(cloud::CloudBackend::default()),
        Protocol::Comfyui => Arc::new(comfyui::ComfyuiBackend::default()),
        Protocol::V2 => Arc::new(v2::V2Backend::default()),
    }
}

/// Why a run could not be followed to its end.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The server refused the request, or could not be reached, before the run began: nothing was paid.
    #[error("{}", .0.what)]
    Refused(RunError),
    #[error("{}", .0.what)]
    Failed(RunError),
    /// The connection was lost after the request was sent: the end is unknown.
    #[error("{}", .0.what)]
    Lost(RunError),
}

impl BackendError {
    /// A refusal, marked as such in the error itself.
    fn refused(error: RunError) -> Self {
        Self::Refused(RunError { refused: true, ..error })
    }
}
