//! Queueing a run: everything it needs is put into the store first, then the run, then a runner is started.

use std::path::{Path, PathBuf};

use super::{RunnerError, ensure, folder};
use crate::backend::{self, Job, Outgoing, Server};
use crate::config::handover::HandoverError;
use crate::config::{Dirs, Profile, handover};
use crate::domain::draft::{Layer, Submission};
use crate::domain::param::parameters;
use crate::domain::run::InputFile;
use crate::domain::{
    Draft, Origin, ParamKey, RunEvent, RunId, RunRequest, Said, Setting, Shape, Workflow, media,
};
use crate::store::{CancelAnswer, KeptInput, Store, StoreError, now};

/// What is to be run, and where.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    pub profile: &'a Profile,
    /// The workflow that the values belong to.
    pub workflow: &'a Workflow,
    /// Where it was read from, for people.
    pub workflow_name: &'a str,
    /// Name of the preset it began from, if any.
    pub preset: Option<&'a str>,
    /// The values and files to send.
    pub submission: &'a Submission,
    /// The prompt, for the list of runs; may be empty.
    pub prompt: &'a str,
    /// Send the workflow along, in place of the deployment's own.
    pub send_workflow: bool,
    /// Ask the server for its log.
    pub logs: bool,
    /// Folder for the outputs; a relative one starts at the working directory.
    pub output_dir: &'a Path,
    pub if_same: IfSame,
}

/// What to do about an order that differs in nothing from a run which its deployment has done, or is about to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfSame {
    /// It is queued.
    #[default]
    Queue,
    /// It is queued, with a warning.
    Warn,
    /// It is not queued: [`RunnerError::Same`].
    Refuse,
}

/// Queues a run. The files' contents are copied before, so they may change or go as soon as this returns. Does not
/// start a runner.
///
/// # Errors
/// When a file or a secret cannot be read, the history cannot be written, or nothing differs from an earlier run and that
/// is refused. The run is not queued then.
pub fn enqueue(store: &Store, dirs: &Dirs, new: &NewRun<'_>) -> Result<RunId, RunnerError> {
    let output_dir = absolute(new.output_dir)?;
    let files = new.submission.files.iter().map(|(key, path)| keep(store, key, path));
    let request = RunRequest {
        preset: new.preset.map(str::to_owned),
        workflow_name: new.workflow_name.to_owned(),
        workflow_hash: new.workflow.hash().to_owned(),
        send_workflow: new.send_workflow,
        params: new.submission.params.clone(),
        origins: new.submission.origins.clone(),
        templates: new.submission.templates.as_deref().cloned(),
        files: files.collect::<Result<_, _>>()?,
        prompt: shown_prompt(new).to_owned(),
        logs: new.logs,
        output_dir,
        ..RunRequest::default()
    };
    let request = addressed(new.profile, request);
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

/// The prompt for lists: the text that is sent, not the template that it was made of.
fn shown_prompt<'a>(new: &NewRun<'a>) -> &'a str {
    let submission = new.submission;
    let mut templates = submission.templates.iter().flat_map(|templates| &templates.texts);
    let key = templates.find(|(_, template)| *template == new.prompt).map(|(key, _)| key);
    key.and_then(|key| submission.params.get(key)?.as_str()).unwrap_or(new.prompt)
}

/// What a run would send, for showing it: nothing is queued, kept or sent. Also finds the credentials, so that what is
/// missing is told.
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
        server: Server { url: profile.url.clone(), api_url: profile.api_url.clone(), credentials },
        params: order.submission.params.clone(),
        files: files.collect::<Result<_, RunnerError>>()?,
        workflow: (order.send_workflow || profile.protocol.caps().shape == Shape::Graph)
            .then(|| order.workflow.text().to_owned()),
        logs: order.logs,
        ..Job::default()
    };
    backend::for_protocol(profile.protocol).outgoing(&job).map_err(RunnerError::Unsendable)
}

/// Queues a run again exactly as it was: same values, same files by content, same seed. Only where it goes is as
/// `profile` says now. Does not start a runner.
///
/// # Errors
/// When there is no such run, the content of a file is gone, or as [`enqueue`].
pub fn enqueue_again(
    store: &Store,
    dirs: &Dirs,
    run: RunId,
    profile: &Profile,
) -> Result<RunId, RunnerError> {
    let request = store.run(run)?.ok_or(StoreError::NoSuchRun(run))?.request;
    if request.is_unknown() {
        return Err(RunnerError::Unknown(run));
    }
    let request = with_a_value(store, RunRequest { adopt: None, ..request })?;
    let files = request.files.iter().filter_map(|file| ParamKey::parse(&file.part));
    let origins = request.params.keys().cloned().chain(files);
    let origins = origins.map(|key| (key, Origin::Person { how: Said::Repeat(run) })).collect();
    let request = RunRequest { origins, ..request };
    if let Some(file) = request.files.iter().find(|file| !store.input_path(&file.sha256).is_file()) {
        return Err(RunnerError::InputGone { run, name: file.name.clone() });
    }
    queue_at(store, dirs, profile, request)
}

/// Queues a run that is at its server already, by its name there: nothing is sent, it is only brought to its end here.
/// What is known of it from `known`, an earlier run of that name, is taken over. When a run that is open does that already,
/// this is that one's number. Does not start a runner.
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

/// Asks for the end of a run, and sees to it that somebody is there to hear it: after a crash that is a new
/// runner, which ends the run as lost.
///
/// # Errors
/// When there is no such run, the history cannot be written, or the runner not started.
pub fn cancel(store: &Store, dirs: &Dirs, run: RunId) -> Result<CancelAnswer, RunnerError> {
    let answer = store.ask_cancel(run, now())?;
    match answer {
        CancelAnswer::Asked => ensure(dirs)?,
        // A runner that is there does the same; but perhaps none is.
        CancelAnswer::Cancelled => {
            if let Some(run) = store.run(run)? {
                handover::discard(dirs, &run.request)?;
            }
        }
        CancelAnswer::Ended(_) => {}
    }
    Ok(answer)
}

/// Waits no longer for a run that was asked to end and does not. It ends here as lost; what it does at its server is
/// not known. Whether it is a run in flight that was asked to end.
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

/// Queues a request at a profile's endpoint, with its credentials left for the runner.
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
        // Another brings it home, with what was left for that one.
        handover::discard(dirs, &request)?;
    }
    Ok(id)
}

/// A request to a profile's endpoint.
fn addressed(profile: &Profile, request: RunRequest) -> RunRequest {
    RunRequest {
        profile: profile.name.clone(),
        protocol: profile.protocol,
        url: profile.url.clone(),
        api_url: profile.api_url.clone(),
        concurrency: profile.concurrency,
        output_name: profile.output_name.as_ref().map(ToString::to_string),
        sidecar: profile.sidecar,
        ..request
    }
}

/// A request with a value: earlier versions sent some without, which servers do not take.
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
    let params = draft.submission().map(|sent| sent.params).unwrap_or_default();
    Ok(RunRequest { params, ..request })
}

/// The place of a folder that the runner, which works elsewhere, will find.
///
/// # Errors
/// When the working directory cannot be read, or the name is not UTF-8.
pub fn absolute(folder: &Path) -> Result<PathBuf, RunnerError> {
    let path =
        std::path::absolute(folder).map_err(|why| RunnerError::File { path: folder.to_owned(), why })?;
    if path.to_str().is_none() { Err(RunnerError::Name(path)) } else { Ok(path) }
}

/// Copies an input file into the store.
fn keep(store: &Store, key: &ParamKey, path: &Path) -> Result<InputFile, RunnerError> {
    Ok(input(key, path, store.keep_input(path)?))
}

fn input(key: &ParamKey, path: &Path, kept: KeptInput) -> InputFile {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    InputFile {
        part: key.as_str().to_owned(),
        // For people; a name that is not UTF-8 could not be stored.
        path: PathBuf::from(std::path::absolute(path).unwrap_or_default().to_string_lossy().into_owned()),
        content_type: media::content_type(&name, &kept.magic).to_owned(),
        name,
        size: kept.size,
        sha256: kept.sha256,
    }
}
