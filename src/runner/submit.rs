//! Queues a run: first its files and workflow are copied into the store, then the run is added,
//! then a runner is started.

use std::path::{Path, PathBuf};

use super::{RunnerError, ensure, folder};
use crate::backend::{self, Job, Outgoing, Server};
use crate::config::handover::HandoverError;
use crate::config::{Dirs, Profile, handover};
use crate::domain::draft::{Layer, Submission};
use crate::domain::param::parameters;
use crate::domain::run::InputFile;
use crate::domain::{
    Draft, Origin, ParamKey, Run, RunEvent, RunId, RunRequest, Said, Setting, Shape, Workflow, media,
};
use crate::store::{CancelAnswer, KeptInput, Store, StoreError, now};

/// A run to be queued.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    pub profile: &'a Profile,
    /// The workflow whose inputs the values set.
    pub workflow: &'a Workflow,
    /// Name of the workflow's file, for people.
    pub workflow_name: &'a str,
    /// Name of the preset, if any.
    pub preset: Option<&'a str>,
    /// Values and files to send.
    pub submission: &'a Submission,
    /// The prompt for the list of runs; may be empty.
    pub prompt: &'a str,
    /// Whether to send the workflow instead of using the deployment's own.
    pub send_workflow: bool,
    /// Whether to ask the server for its log.
    pub logs: bool,
    /// Folder for the outputs; a relative path starts at the working directory.
    pub output_dir: &'a Path,
    pub if_same: IfSame,
}

/// What to do when an identical run is queued, in flight or done at the same deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfSame {
    /// Queue it without a warning.
    #[default]
    Queue,
    /// Queue it, with a warning.
    Warn,
    /// Fail with [`RunnerError::Same`].
    Refuse,
}

/// Queues a run. Copies the files first, so they may change or disappear afterwards. Does not start a runner.
///
/// # Errors
/// When a file or a secret cannot be read, the history cannot be written, or an identical run exists and `IfSame`
/// refuses it. Then the run is not queued.
pub fn enqueue(store: &Store, dirs: &Dirs, new: &NewRun<'_>) -> Result<RunId, RunnerError> {
    let output_dir = absolute(new.output_dir)?;
    let files = new.submission.files.iter().map(|(key, path)| keep(store, key, path));
    let files = files.collect::<Result<_, _>>()?;
    let request = addressed(new.profile, request(new, output_dir, files));
    let same = match new.if_same {
        IfSame::Queue => None,
        IfSame::Warn | IfSame::Refuse => store.same_as(&request)?,
    };
    if let (Some((run, status)), IfSame::Refuse) = (same, new.if_same) {
        return Err(RunnerError::Same { run, status });
    }
    store.add_workflow(new.workflow)?;
    let id = queue_at(store, dirs, new.profile, request)?;
    if let Some((run, status)) = same {
        let text = format!(
            "nothing differs from run {run} ({}): the result will most likely be the same, and costs once more",
            status.word()
        );
        store.append(id, now(), &[RunEvent::Warning { text }])?;
    }
    Ok(id)
}

/// The request of a new run, without the address.
pub(super) fn request(new: &NewRun<'_>, output_dir: PathBuf, files: Vec<InputFile>) -> RunRequest {
    RunRequest {
        preset: new.preset.map(str::to_owned),
        workflow_name: new.workflow_name.to_owned(),
        workflow_hash: new.workflow.hash().to_owned(),
        send_workflow: new.send_workflow,
        params: new.submission.params.clone(),
        origins: new.submission.origins.clone(),
        templates: new.submission.templates.as_deref().cloned(),
        files,
        prompt: shown_prompt(new).to_owned(),
        logs: new.logs,
        output_dir,
        ..RunRequest::default()
    }
}

/// The prompt for lists: the expanded text that is sent, not its template.
fn shown_prompt<'a>(new: &NewRun<'a>) -> &'a str {
    let submission = new.submission;
    let mut templates = submission.templates.iter().flat_map(|templates| &templates.texts);
    let key = templates.find(|(_, template)| *template == new.prompt).map(|(key, _)| key);
    key.and_then(|key| submission.params.get(key)?.as_str()).unwrap_or(new.prompt)
}

/// The request a run would send, for display: nothing is queued, stored or sent. Looks up the credentials, so
/// that missing ones are reported.
///
/// # Errors
/// When a file or a secret cannot be read, or the request could not be sent.
pub fn outgoing(order: &NewRun<'_>) -> Result<Outgoing, RunnerError> {
    let profile = order.profile;
    let credentials = profile.credentials().map_err(HandoverError::from)?;
    let files = order.submission.files.iter().map(|(key, path)| {
        let input = input(key, path, KeptInput::look(path)?);
        Ok((input, path.clone()))
    });
    let job = Job {
        server: Server::of(profile, credentials),
        params: order.submission.params.clone(),
        files: files.collect::<Result<_, RunnerError>>()?,
        workflow: (order.send_workflow || profile.protocol.caps().shape == Shape::Graph)
            .then(|| order.workflow.compact().to_owned()),
        logs: order.logs,
        ..Job::default()
    };
    backend::for_protocol(profile.protocol).outgoing(&job).map_err(RunnerError::Unsendable)
}

/// Queues a run again with the same values, file contents and seed, at the address `profile` has now.
/// `output_dir` replaces the first run's folder. Does not start a runner.
///
/// # Errors
/// When there is no such run, a file's content is missing, or as [`enqueue`].
pub fn enqueue_again(
    store: &Store,
    dirs: &Dirs,
    run: RunId,
    profile: &Profile,
    output_dir: Option<&Path>,
) -> Result<RunId, RunnerError> {
    let run = store.run(run)?.ok_or(StoreError::NoSuchRun(run))?;
    let request = again(store, run)?;
    let output_dir = output_dir.map(absolute).transpose()?.unwrap_or(request.output_dir);
    queue_at(store, dirs, profile, RunRequest { output_dir, ..request })
}

/// What a run asked for, to be asked for once more.
pub(super) fn again(store: &Store, run: Run) -> Result<RunRequest, RunnerError> {
    let Run { id: run, request, .. } = run;
    if request.is_unknown() {
        return Err(RunnerError::Unknown(run));
    }
    let request = with_a_value(store, RunRequest { adopt: None, batch: None, ..request })?;
    let files = request.files.iter().filter_map(|file| ParamKey::parse(&file.part));
    let origins = request.params.keys().cloned().chain(files);
    let origins = origins.map(|key| (key, Origin::Person { how: Said::Repeat(run) })).collect();
    let request = RunRequest { origins, ..request };
    if let Some(file) = request.files.iter().find(|file| !store.input_path(&file.sha256).is_file()) {
        return Err(RunnerError::InputGone { run, name: file.name.clone() });
    }
    Ok(request)
}

/// Queues the fetch of a run by its name at the server: nothing is sent, the run is followed to its end and its
/// outputs are downloaded. Values are copied from `known`, an earlier run of that name. Returns an open run that
/// already does this, if any. Does not start a runner.
///
/// # Errors
/// When a secret cannot be found, or the history cannot be written.
pub fn adopt(
    store: &Store,
    dirs: &Dirs,
    profile: &Profile,
    prompt_id: &str,
    known: Option<RunRequest>,
    output_dir: &Path,
) -> Result<RunId, RunnerError> {
    let request = RunRequest {
        adopt: Some(prompt_id.to_owned()),
        output_dir: absolute(output_dir)?,
        ..known.unwrap_or_else(|| RunRequest { logs: true, ..RunRequest::default() })
    };
    queue_at(store, dirs, profile, request)
}

/// Asks to cancel a run and starts a runner if needed: after a crash a new runner has to end the run as lost.
///
/// # Errors
/// When there is no such run, the history cannot be written, or the runner not started.
pub fn cancel(store: &Store, dirs: &Dirs, run: RunId) -> Result<CancelAnswer, RunnerError> {
    let answer = store.ask_cancel(run, now())?;
    match answer {
        CancelAnswer::Asked => ensure(dirs)?,
        // A running runner would do the same, but there may be none.
        CancelAnswer::Cancelled => {
            if let Some(run) = store.run(run)? {
                handover::discard(dirs, &run.request)?;
            }
            super::finish::tell_of(dirs, &[run]);
        }
        CancelAnswer::Ended(_) => {}
    }
    Ok(answer)
}

/// Stops waiting for a run whose cancel the server does not confirm. It ends here as lost; its state at the server is
/// unknown. Returns whether it was a run in flight with a cancel.
///
/// # Errors
/// When there is no such run, the history cannot be written, or the runner not started.
pub fn let_go(store: &Store, dirs: &Dirs, run: RunId) -> Result<bool, RunnerError> {
    let is_meant = store.let_go(run, now())?;
    if is_meant {
        ensure(dirs)?;
    }
    Ok(is_meant)
}

/// Queues a request for a profile's endpoint, and hands its credentials over to the runner.
fn queue_at(
    store: &Store,
    dirs: &Dirs,
    profile: &Profile,
    request: RunRequest,
) -> Result<RunId, RunnerError> {
    folder::try_out(&request, store)?;
    let request = RunRequest { handover: handover::prepare(dirs, profile)?, ..addressed(profile, request) };
    let id = store.queue(&request, now())?;
    if request.adopt.is_some() && store.run(id)?.is_some_and(|run| run.request.handover != request.handover) {
        // Another open run fetches the same one and has its own credentials.
        handover::discard(dirs, &request)?;
    }
    Ok(id)
}

/// A request with the address of a profile.
pub(super) fn addressed(profile: &Profile, request: RunRequest) -> RunRequest {
    RunRequest {
        profile: profile.name.clone(),
        protocol: profile.protocol,
        url: profile.url.clone(),
        api_url: profile.api_url.clone(),
        trust: profile.trust.clone(),
        concurrency: profile.concurrency,
        cost_per_second: profile.cost_per_second,
        output_name: profile.output_name.as_ref().map(ToString::to_string),
        sidecar: profile.sidecar,
        ..request
    }
}

/// A request with at least one value: servers reject one without, but earlier versions sent those.
fn with_a_value(store: &Store, request: RunRequest) -> Result<RunRequest, RunnerError> {
    if !request.params.is_empty() {
        return Ok(request);
    }
    let workflow = store.workflow(&request.workflow_hash)?;
    let parsed = workflow.and_then(|text| Workflow::parse(&text).ok());
    let mut draft = Draft::new(parsed.as_ref().map(parameters).unwrap_or_default(), Layer::default());
    let files = request
        .files
        .iter()
        .filter_map(|file| Some((ParamKey::parse(&file.part)?, Setting::File(file.path.clone()))));
    draft.say(files, Said::Typed);
    let params = draft.submission(true).map(|sent| sent.params).unwrap_or_default();
    Ok(RunRequest { params, ..request })
}

/// The absolute path of a folder, since the runner has another working directory.
///
/// # Errors
/// When the working directory cannot be read, or the name is not UTF-8.
pub fn absolute(folder: &Path) -> Result<PathBuf, RunnerError> {
    let path =
        std::path::absolute(folder).map_err(|why| RunnerError::File { path: folder.to_owned(), why })?;
    if path.to_str().is_none() { Err(RunnerError::Name(path)) } else { Ok(path) }
}

/// Copies an input file into the store.
pub(super) fn keep(store: &Store, key: &ParamKey, path: &Path) -> Result<InputFile, RunnerError> {
    Ok(input(key, path, store.keep_input(path)?))
}

fn input(key: &ParamKey, path: &Path, kept: KeptInput) -> InputFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    InputFile {
        part: key.as_str().to_owned(),
        // Lossy, since the history stores UTF-8; the path is only for people.
        path: PathBuf::from(std::path::absolute(path).unwrap_or_default().to_string_lossy().into_owned()),
        content_type: media::content_type(&name, &kept.magic).to_owned(),
        name,
        size: kept.size,
        sha256: kept.sha256,
    }
}
