//! A run in one file for another machine, and such a file taken in.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::RunnerError;
use crate::config::{Config, Dirs, Profile};
use crate::domain::notebook::{self, NOTE_CHARS};
use crate::domain::redact::Redaction;
use crate::domain::run::{End, InputFile, Output};
use crate::domain::workflow::hex;
use crate::domain::{Origin, ParamKey, Remark, Run, RunEvent, RunId, RunRequest, Said, Status, Workflow};
use crate::store::{Store, StoreError, now};
use crate::wire::share::{FORMAT, MOST_BYTES, ShareError, Shared, SharedFile, SharedOutput};

/// Most tags that are taken in with a run.
const MOST_TAGS: usize = 50;

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
    /// What a file is made of cannot be changed without making it another file.
    #[error(
        "{0} has a secret of a profile in it, so it is not shared. Look at what it says of itself, or at its text"
    )]
    SecretInFile(String),
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
#[derive(Debug)]
pub struct Sharing {
    pub shared: Shared,
    /// Where secrets were left out: keys, or what a text is called.
    pub secrets: Vec<String>,
    /// Where a path of this machine was, of which only the name is left.
    pub paths: Vec<String>,
}

/// A run for others, without what only this machine or its person may know.
///
/// # Errors
/// When its workflow or the content of a file is not there any more, or a file has a secret in it.
pub fn share(store: &Store, dirs: &Dirs, config: &Config, run: &Run) -> Result<Sharing, SharingError> {
    let request = &run.request;
    if request.is_unknown() {
        return Err(RunnerError::Unknown(run.id).into());
    }
    let text = store.workflow(&request.workflow_hash)?.ok_or(SharingError::NoWorkflow(run.id))?;
    let mut workflow: Value = serde_json::from_str(&text).map_err(|_| SharingError::NoWorkflow(run.id))?;
    let is_here = |path: &str| Path::new(path).exists();
    let mut clean = Redaction::new(known_secrets(config, request), folders(dirs, request), &is_here);
    for (id, node) in workflow.as_object_mut().into_iter().flatten() {
        for (part, value) in node.as_object_mut().into_iter().flatten() {
            match (part.as_str(), value) {
                ("class_type", _) => {}
                ("inputs", Value::Object(inputs)) => {
                    for (input, value) in inputs {
                        clean.value(ParamKey::new(id, input).as_str(), input, value);
                    }
                }
                (part, value) => clean.value(&format!("{part} of node {id}"), part, value),
            }
        }
    }
    let mut params = request.params.clone();
    for (key, value) in &mut params {
        clean.value(key.as_str(), key.input(), value);
    }
    let mut templates = request.templates.clone();
    for (key, text) in templates.iter_mut().flat_map(|templates| &mut templates.texts) {
        clean.text(key.as_str(), text);
    }
    let mut files = Vec::new();
    for file in &request.files {
        let file = content(store, run.id, file)?;
        if clean.is_in(&file.content) {
            return Err(SharingError::SecretInFile(file.name));
        }
        files.push(file);
    }
    let notes = store.noted(run.id)?.notes;
    let mut text_of = |told: &str, text: &str| {
        let mut text = text.to_owned();
        clean.text(told, &mut text);
        text
    };
    let shared = Shared {
        comfydeck_run: FORMAT,
        workflow,
        workflow_name: text_of("the workflow's name", &request.workflow_name),
        preset: request.preset.as_deref().map(|preset| text_of("the preset's name", preset)),
        prompt: text_of("the prompt", &request.prompt),
        params,
        templates,
        files,
        outputs: run.outputs.iter().map(output).collect(),
        note: text_of("the note", &notes.text),
        tags: notes.tags.iter().map(|tag| text_of("a tag", tag)).collect(),
    };
    let (secrets, paths) = (clean.held_secrets.into_iter().collect(), clean.held_paths.into_iter().collect());
    Ok(Sharing { shared, secrets, paths })
}

fn output(output: &Output) -> SharedOutput {
    SharedOutput {
        name: output.name.clone(),
        content_type: output.content_type.clone(),
        size: output.size,
        sha256: output.sha256.clone(),
    }
}

/// The secrets of all profiles. A command is asked only where the run itself had asked it.
fn known_secrets(config: &Config, request: &RunRequest) -> Vec<String> {
    let bare = Profile::of_url(&request.url);
    let profiles = config.profiles.values().chain([&bare]);
    let of_profiles = profiles.flat_map(|profile| profile.known_secrets(profile.name == request.profile));
    let mut secrets: Vec<String> = of_profiles.map(|secret| secret.expose().to_owned()).collect();
    let urls = config.profiles.values().map(|profile| profile.url.as_str()).chain([request.url.as_str()]);
    let of_queries = urls.filter_map(|url| url.split_once('?')).flat_map(|(_, query)| query.split('&'));
    secrets.extend(of_queries.filter_map(|field| field.split_once('=')).map(|(_, value)| value.to_owned()));
    secrets
}

/// Folders of this machine that may stand in a text: the person's own, those of comfydeck, and where the files were.
fn folders(dirs: &Dirs, request: &RunRequest) -> Vec<String> {
    let own = [&dirs.config, &dirs.data, &dirs.state, &dirs.outputs, &dirs.cache, &request.output_dir];
    let of_files = request.files.iter().filter_map(|file| file.path.parent());
    let from_env = [std::env::home_dir(), std::env::current_dir().ok()].into_iter().flatten();
    let folders = own.into_iter().map(PathBuf::as_path).chain(of_files).map(Path::to_owned).chain(from_env);
    folders.filter_map(|folder| folder.into_os_string().into_string().ok()).collect()
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
    let run = store.take_in(&request, now(), &events)?;
    let tags = shared.tags.iter().take(MOST_TAGS).filter_map(|tag| notebook::tag(tag).ok()).collect();
    let note = shared.note.chars().take(NOTE_CHARS).collect();
    store.note(&[Remark::Tags(run, tags), Remark::Note(run, note)], now())?;
    Ok(run)
}
