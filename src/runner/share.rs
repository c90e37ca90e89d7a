//! A run in one file for another machine, and such a file taken in.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::RunnerError;
use crate::config::Dirs;
use crate::domain::run::{End, InputFile, Output};
use crate::domain::workflow::hex;
use crate::domain::{Origin, ParamKey, Run, RunEvent, RunId, RunRequest, Said, Status, Workflow};
use crate::store::{Store, StoreError, now};
use crate::wire::share::{FORMAT, MOST_BYTES, ShareError, Shared, SharedFile, SharedOutput};

/// Why a run could not be shared, or taken in.
#[derive(Debug, Error)]
pub enum SharingError {
    #[error(transparent)]
    Run(#[from] RunnerError),
    #[error(transparent)]
    Format(#[from] ShareError),
    /// The workflow is not kept with the run.
    #[error("the workflow of run {0} is not in the history, so it cannot be shared")]
    NoWorkflow(RunId),
    #[error("{path} cannot be read: {why}", path = .path.display())]
    Unreadable { path: PathBuf, why: std::io::Error },
    /// A file to be taken in.
    #[error("{path}: {why}", path = .path.display())]
    File { path: PathBuf, why: ShareError },
}

impl From<StoreError> for SharingError {
    fn from(error: StoreError) -> Self {
        Self::Run(error.into())
    }
}

/// A run for others, and what was left out of it.
///
/// # Errors
/// When its workflow or the content of a file is not there any more.
pub fn share(store: &Store, run: &Run) -> Result<(Shared, Vec<String>), SharingError> {
    let request = &run.request;
    if request.is_unknown() {
        return Err(RunnerError::Unknown(run.id).into());
    }
    let text = store.workflow(&request.workflow_hash)?.ok_or(SharingError::NoWorkflow(run.id))?;
    let mut workflow: Value = serde_json::from_str(&text).map_err(|_| SharingError::NoWorkflow(run.id))?;
    let mut left_out = blank_secrets(&mut workflow);
    let mut params = request.params.clone();
    for (key, value) in &mut params {
        if is_secret_name(key.input()) && value.as_str().is_some_and(|text| !text.is_empty()) {
            *value = Value::from("");
            left_out.push(key.to_string());
        }
    }
    let files = request.files.iter().map(|file| content(store, run.id, file)).collect::<Result<_, _>>()?;
    let output = |output: &Output| SharedOutput {
        name: output.name.clone(),
        content_type: output.content_type.clone(),
        size: output.size,
        sha256: output.sha256.clone(),
    };
    let shared = Shared {
        comfydeck_run: FORMAT,
        workflow,
        workflow_name: request.workflow_name.clone(),
        preset: request.preset.clone(),
        prompt: request.prompt.clone(),
        params,
        templates: request.templates.clone(),
        files,
        outputs: run.outputs.iter().map(output).collect(),
        note: String::new(),
        tags: Vec::new(),
    };
    left_out.sort();
    left_out.dedup();
    Ok((shared, left_out))
}

/// Inputs of nodes that call paid services.
fn is_secret_name(input: &str) -> bool {
    let name = input.to_ascii_lowercase();
    ["api_key", "apikey", "api-key", "password", "secret", "auth_token", "access_token", "bearer"]
        .iter()
        .any(|word| name.contains(word))
}

/// Empties inputs of a graph that hold secrets. Returns their keys.
fn blank_secrets(workflow: &mut Value) -> Vec<String> {
    let mut blanked = Vec::new();
    for (id, node) in workflow.as_object_mut().into_iter().flatten() {
        let inputs = node.get_mut("inputs").and_then(Value::as_object_mut);
        for (input, value) in inputs.into_iter().flatten() {
            if is_secret_name(input) && value.as_str().is_some_and(|text| !text.is_empty()) {
                *value = Value::from("");
                blanked.push(ParamKey::new(id, input).to_string());
            }
        }
    }
    blanked
}

fn content(store: &Store, run: RunId, file: &InputFile) -> Result<SharedFile, SharingError> {
    let path = store.input_path(&file.sha256);
    if !path.is_file() {
        return Err(RunnerError::InputGone { run, name: file.name.clone() }.into());
    }
    if file.size > MOST_BYTES {
        return Err(ShareError::TooLarge.into());
    }
    let content = std::fs::read(&path).map_err(|why| SharingError::Unreadable { path, why })?;
    Ok(SharedFile {
        part: file.part.clone(),
        name: file.name.clone(),
        content_type: file.content_type.clone(),
        sha256: file.sha256.clone(),
        content,
    })
}

/// Takes a shared run into the history, as one that has ended: it is never sent, but can be replayed, loaded and compared.
///
/// # Errors
/// When the history cannot be written.
pub fn take_in(
    store: &Store,
    dirs: &Dirs,
    shared: Shared,
    workflow: &Workflow,
) -> Result<RunId, SharingError> {
    store.add_workflow(workflow)?;
    let files = shared.files.iter().map(|file| {
        let kept = store.keep_content(&file.content)?;
        Ok(InputFile {
            part: file.part.clone(),
            path: PathBuf::from(&file.name),
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            size: kept.size,
            sha256: kept.sha256,
        })
    });
    let files = files.collect::<Result<Vec<_>, StoreError>>()?;
    let origins: IndexMap<ParamKey, Origin> =
        shared.params.keys().map(|key| (key.clone(), Origin::Person { how: Said::Import })).collect();
    let request = RunRequest {
        preset: shared.preset,
        workflow_name: shared.workflow_name,
        workflow_hash: workflow.hash().to_owned(),
        // Another deployment has another workflow.
        send_workflow: true,
        params: shared.params,
        origins,
        templates: shared.templates,
        files,
        prompt: shared.prompt,
        logs: true,
        output_dir: dirs.outputs.clone(),
        concurrency: 1,
        ..RunRequest::default()
    };
    // Nothing is there; what is compared are the hashes.
    let nowhere = dirs.data.join("elsewhere");
    let saved = shared.outputs.into_iter().map(|output| {
        RunEvent::OutputSaved(Output {
            path: nowhere.join(hex(&Sha256::digest(output.sha256.as_bytes()))).join(&output.name),
            name: output.name,
            content_type: output.content_type,
            size: output.size,
            sha256: output.sha256,
        })
    });
    let end = End { status: Status::Done, error: None, server_seconds: None };
    let events: Vec<RunEvent> = saved.chain([RunEvent::Ended(end)]).collect();
    Ok(store.take_in(&request, now(), &events)?)
}
