//! Backends: each speaks one wire protocol and turns what it hears into [`RunEvent`]s.
//!
//! What differs between protocols is said by [`Caps`]; nothing outside this module asks which protocol a run uses.

pub mod cloud;
pub mod comfyui;
mod log;
pub mod net;
mod outcome;
mod reporter;
pub mod results;
pub mod stream;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::config::{Credentials, Profile};
use crate::domain::run::{InputFile, Protocol, RunError, RunId, Trust};
use crate::domain::server::{ServerQueue, System};
use crate::domain::{ParamKey, RunEvent, Status};
use results::outputs::OutputFolder;

pub use crate::domain::run::{Caps, Outgoing};
pub use net::http::HttpLimits;

/// All that a backend needs to submit one run.
#[derive(Debug, Default)]
pub struct Job {
    /// The run's number, for naming things.
    pub run: RunId,
    /// Where it goes, and who asks.
    pub server: Server,
    /// The run's name at the server, on disk already: made before the run is sent, or kept from then.
    /// `Some` exactly where [`Caps::attach`].
    pub prompt_id: Option<String>,
    /// Values to send, exact.
    pub params: indexmap::IndexMap<ParamKey, Value>,
    /// Files to upload, each with the place where its content lies.
    pub files: Vec<(InputFile, PathBuf)>,
    /// Text of the workflow that replaces the deployment's own.
    pub workflow: Option<String>,
    /// Ask for the server's log.
    pub logs: bool,
    /// Where the outputs go, and what they are called.
    pub outputs: OutputFolder,
    /// Where the run stood when it was left, for [`Backend::attach`]; `None` when it was not sent from here.
    pub left_at: Option<Status>,
    /// Names of the outputs that are on disk already, from before an [`Backend::attach`].
    pub saved: Vec<String>,
}

/// Where a run goes, and who asks.
#[derive(Clone, Debug, Default)]
pub struct Server {
    pub url: String,
    /// The service before it; `None` for the protocol's usual one, or where it has none.
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

/// Where a backend puts what it hears. Bounded: a slow store slows the reading down, never the memory up.
pub type EventSink = mpsc::Sender<RunEvent>;

/// A future behind a pointer, so that backends can be told apart at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub trait Backend: Send + Sync {
    /// What this protocol can do.
    fn caps(&self) -> Caps;

    /// What [`Backend::submit`] would send. Sends nothing, and refuses what that would refuse before sending.
    fn outgoing(&self, _job: &Job) -> Result<Outgoing, BackendError> {
        let what = "this protocol cannot tell beforehand what it sends".to_owned();
        Err(BackendError::Refused(RunError { what, ..RunError::default() }))
    }

    /// Submits a run and reports until its end. The last event is [`RunEvent::Ended`], unless an error is returned,
    /// which says how the run ended instead. Dropping the future closes the connection; it is not a remote cancel.
    fn submit(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>>;

    /// Finds a run again that was submitted before, by its [`Job::prompt_id`], and reports until its end, as
    /// [`Backend::submit`] does. Submits nothing. To be called only where [`Caps::attach`]; of the job, values and
    /// files are not needed.
    fn attach(&self, _job: Job, _events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        let what = "this endpoint cannot find a run again".to_owned();
        Box::pin(async { Err(BackendError::Lost(RunError { what, ..RunError::default() })) })
    }

    /// Asks all that a run needs of a server, without running anything or anything that costs. To be called only where
    /// [`Caps::check`].
    ///
    /// # Errors
    /// When runs would fail.
    fn check(&self, _server: Server) -> BoxFuture<'_, Result<Vec<Checked>, RunError>> {
        cannot("this endpoint can only be asked by a run")
    }

    /// What the server is and has. To be called only where [`Caps::system`], and so are those behind it.
    fn system(&self, _server: Server) -> BoxFuture<'_, Result<System, RunError>> {
        cannot("this endpoint says nothing of itself")
    }

    /// What runs and waits at the server, also others' runs.
    fn queue(&self, _server: Server) -> BoxFuture<'_, Result<ServerQueue, RunError>> {
        cannot("this endpoint shows no queue")
    }

    /// Folders of models, or with a folder the models in it.
    fn models(
        &self,
        _server: Server,
        _folder: Option<String>,
    ) -> BoxFuture<'_, Result<Vec<String>, RunError>> {
        cannot("this endpoint lists no models")
    }

    /// What the server's nodes take, as JSON text in the form of ComfyUI's `object_info`.
    fn schema(&self, _server: Server) -> BoxFuture<'_, Result<String, RunError>> {
        cannot("this endpoint does not say what its nodes take")
    }

    /// Changes something at the server that is no run.
    fn tend(&self, _server: Server, _what: Tend) -> BoxFuture<'_, Result<(), RunError>> {
        cannot("this endpoint takes no such wish")
    }

    /// Asks the server to stop a run, and says whether it took that in; the end itself comes by the run's events. To be
    /// called only where [`Caps::cancel`].
    fn cancel(&self, _server: Server, _prompt_id: String) -> BoxFuture<'_, Result<(), RunError>> {
        cannot("this endpoint cannot stop a run")
    }
}

/// The answer of a protocol that has no such question.
fn cannot<'a, T: Send + 'a>(what: &str) -> BoxFuture<'a, Result<T, RunError>> {
    let error = RunError { what: what.to_owned(), ..RunError::default() };
    Box::pin(async { Err(error) })
}

/// Something that was found in order, or that runs can do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub is_good: bool,
    /// What was found; of what is not good with its remedy.
    pub text: String,
}

/// Something to change at a server that is no run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tend {
    /// Takes everything out of the queue that waits there, also others' runs.
    ClearQueue,
    /// Unloads the models, and forgets what nodes gave.
    FreeMemory,
}

/// The backend that speaks a protocol. Keep it: it holds the HTTP clients, which load certificates when first used.
pub fn for_protocol(protocol: Protocol) -> Arc<dyn Backend> {
    match protocol {
        Protocol::Stream => Arc::new(stream::StreamBackend::default()),
        Protocol::Cloud => Arc::new(cloud::CloudBackend::default()),
        Protocol::Comfyui => Arc::new(comfyui::ComfyuiBackend::default()),
    }
}

/// Why a run could not be brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The server refused the request, or could not be reached, before the run began: nothing was paid.
    #[error("{}", .0.what)]
    Refused(RunError),
    #[error("{}", .0.what)]
    Failed(RunError),
    /// The connection went away after the request was sent: the end is not known.
    #[error("{}", .0.what)]
    Lost(RunError),
}
