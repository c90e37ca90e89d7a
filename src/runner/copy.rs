//! A run of the history as something to paste elsewhere.

use crate::backend::{self, Job, Outgoing, Server};
use crate::config::Credentials;
use crate::domain::{Run, Shape};
use crate::report::copy_as::{self, CopyAs};
use crate::store::Store;

/// The text of a run in this form; no secret is in it.
///
/// # Errors
/// Why there is none: the workflow or the values are not known.
pub fn copied(store: &Store, run: &Run, form: CopyAs) -> Result<String, String> {
    if run.request.is_unknown() {
        return Err(format!("run {} was only fetched, so its values are not known here", run.id));
    }
    match form {
        CopyAs::Run => Ok(copy_as::command(run)),
        CopyAs::Curl => Ok(copy_as::curl(run, &sent(store, run)?)),
        CopyAs::Preset => copy_as::preset(run),
        CopyAs::Workflow => copy_as::workflow(run, &workflow(store, run)?),
    }
}

fn workflow(store: &Store, run: &Run) -> Result<String, String> {
    let text = store.workflow(&run.request.workflow_hash).map_err(|why| why.to_string())?;
    text.ok_or_else(|| format!("the workflow of run {} is not in the history", run.id))
}

/// What was sent, without credentials.
fn sent(store: &Store, run: &Run) -> Result<Outgoing, String> {
    let request = &run.request;
    let is_needed = request.send_workflow || request.protocol.caps().shape == Shape::Graph;
    let files = request.files.iter().map(|file| (file.clone(), store.input_path(&file.sha256)));
    let job = Job {
        server: Server {
            url: request.url.clone(),
            api_url: request.api_url.clone(),
            credentials: Credentials::default(),
            trust: request.trust.clone(),
        },
        params: request.params.clone(),
        files: files.collect(),
        workflow: is_needed.then(|| workflow(store, run)).transpose()?,
        logs: request.logs,
        ..Job::default()
    };
    backend::for_protocol(request.protocol).outgoing(&job).map_err(|why| why.to_string())
}
