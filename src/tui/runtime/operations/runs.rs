//! Operations on runs and outputs: queue, cancel, download again, star, delete.

use std::thread::{self, JoinHandle};

use super::{Answer, Operations, opened, said};
use crate::config::{Dirs, Profile};
use crate::domain::run::shown_url;
use crate::domain::{OutputId, ParamKey, Remark, Run, RunId, Setting, Status};
use crate::library::wildcards::WildcardFiles;
use crate::report::copy_as::CopyAs;
use crate::runner::{self, IfSame, RunnerError, replay};
use crate::store::{Deleted, Store};
use crate::tui::effect::NewRun;
use crate::tui::msg::Msg;
use crate::tui::notice::Tone;
use crate::tui::open::Open;
use crate::wire::ansi::scrub_plain;

impl Operations {
    pub(super) fn submit(&mut self, new: &NewRun) -> Vec<Msg> {
        if new.ask_if_changed
            && let Some(changed) = self.check_open_files(&new.open, Some(new))
        {
            return vec![changed];
        }
        match self.try_submit(new) {
            Ok(Ok(run)) => self.queued(run, new.note.clone()),
            Ok(Err((run, status))) => vec![Msg::Same { run, status, order: Box::new(new.clone()) }],
            Err(why) => vec![Msg::NotSubmitted(format!("Nothing was sent: {why}"))],
        }
    }

    /// The run that is queued, or the one that nothing differs from.
    fn try_submit(&mut self, new: &NewRun) -> Result<Result<RunId, (RunId, Status)>, String> {
        let profile = new.open.profile.as_deref().ok_or("no profile says where to run")?;
        let open = new.open.workflow.as_deref().ok_or("no workflow is open")?;
        let store = opened(&mut self.store, &self.dirs)?;
        let name = open.source.name();
        let mut submission = new.submission.clone();
        for (_, path) in &mut submission.files {
            *path = crate::config::dirs::expand(&path.to_string_lossy(), &self.working);
        }
        let wildcards = WildcardFiles::new(&self.dirs, &self.working);
        submission.expand(fastrand::u64(..), &wildcards).map_err(said)?;
        let order = runner::NewRun {
            profile,
            workflow: &open.workflow,
            workflow_name: &name,
            preset: new.preset.as_deref(),
            submission: &submission,
            prompt: &new.prompt,
            send_workflow: new.send_workflow,
            logs: true,
            output_dir: profile.outputs(&self.dirs),
            if_same: if new.ask_if_same { IfSame::Refuse } else { IfSame::Queue },
        };
        // A run that is queued counts as such even when no runner can be started, so that nobody queues it twice.
        match runner::enqueue(store, &self.dirs, &order) {
            Err(RunnerError::Same { run, status }) => Ok(Err((run, status))),
            queued => queued.map(Ok).map_err(said),
        }
    }

    pub(super) fn ask_replay(&mut self, id: RunId, open: Option<&Profile>) -> Answer {
        let first = self.run(id)?;
        let profile = self.place_of(&first, open)?;
        let doubts = replay::doubts(opened(&mut self.store, &self.dirs)?, &first, &profile);
        let place =
            if profile.name.is_empty() { shown_url(&profile.url).to_owned() } else { profile.name.clone() };
        Ok(vec![Msg::AskReplay { run: id, place, doubts }])
    }

    pub(super) fn repeat(&mut self, id: RunId, open: Option<&Profile>) -> Answer {
        let first = self.run(id)?;
        let profile = self.place_of(&first, open)?;
        let store = opened(&mut self.store, &self.dirs)?;
        let again = runner::enqueue_again(store, &self.dirs, id, &profile, None).map_err(said)?;
        Ok(self.queued(again, format!(": run {id} again")))
    }

    /// Where a run is sent again: where it ran, else where runs go now.
    fn place_of(&self, first: &Run, open: Option<&Profile>) -> Result<Profile, String> {
        let request = &first.request;
        // What was started with `--url` has the credentials that this screen was started with.
        let is_open = |open: &&Profile| {
            request.profile.is_empty() && (request.url.is_empty() || open.url == request.url)
        };
        if let Some(open) = open.filter(is_open) {
            return Ok(open.clone());
        }
        match (replay::place_of(&self.config, first, None, None), open) {
            (Ok(profile), _) => Ok(profile),
            (Err(_), Some(open)) => Ok(open.clone()),
            (Err(why), None) => Err(said(why)),
        }
    }

    fn run(&mut self, id: RunId) -> Result<Run, String> {
        let store = opened(&mut self.store, &self.dirs)?;
        store.run(id).map_err(said)?.ok_or_else(|| "this run is not in the history any more".to_owned())
    }

    /// Pictures that are not the same bytes are decoded, which may take a moment.
    pub(super) fn compare_replay(&mut self, id: RunId, first: RunId) -> Answer {
        let (first, run) = (self.run(first)?, self.run(id)?);
        if first.outputs.is_empty() {
            return Ok(Vec::new());
        }
        let verdict = replay::verdict(&first, &replay::compare(&first, &run)).join("; ");
        Ok(vec![Msg::Notice(Tone::Plain, format!("Run {id}: {}", scrub_plain(&verdict)))])
    }

    pub(super) fn copy_as(&mut self, id: RunId, form: CopyAs) -> Answer {
        let run = self.run(id)?;
        let text = runner::copied(opened(&mut self.store, &self.dirs)?, &run, form)?;
        Ok(vec![Msg::Copy(text)])
    }

    /// Downloads from the profile that the run was submitted to, not from the open one.
    pub(super) fn fetch(&mut self, of: RunId) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let run = store.run(of).map_err(said)?.ok_or("this run is not in the history any more")?;
        let profile = match run.request.profile.as_str() {
            "" => return Err("the history doesn't have the profile of this run".to_owned()),
            name => self.config.profile(name).map_err(said)?,
        };
        let prompt_id = run.prompt_id.ok_or("this run has no prompt id")?;
        let output_dir = run.request.output_dir.clone();
        let fetching = runner::adopt(store, &self.dirs, &profile, &prompt_id, Some(run.request), &output_dir)
            .map_err(said)?;
        Ok(self.queued(fetching, format!(": fetches the outputs of run {of}")))
    }

    /// Reports that a run is queued, and makes sure that a runner is working.
    pub(super) fn queued(&mut self, run: RunId, note: String) -> Vec<Msg> {
        vec![Msg::Submitted { run, note, waits: self.look_after_runs().err() }]
    }

    pub(super) fn cancel(&mut self, run: RunId) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        runner::cancel(store, &self.dirs, run).map_err(said)?;
        self.look_after_runs()
    }

    /// Remarks that are undone are not to be undone again.
    pub(super) fn note(&mut self, remarks: &[Remark], is_undo: bool) -> Vec<Msg> {
        let noted = opened(&mut self.store, &self.dirs)
            .and_then(|store| store.note(remarks, crate::store::now()).map_err(said));
        match noted {
            Ok(_) if is_undo => Vec::new(),
            Ok(undo) => vec![Msg::Noted(undo)],
            // The screen already shows the change as done, so it has to read the store again.
            Err(why) => vec![Msg::StoreChanged, Msg::Notice(Tone::Bad, why)],
        }
    }

    /// A convenience: one that cannot be kept is not worth a message.
    pub(super) fn remember_typed(&mut self, values: &[(String, serde_json::Value)]) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        if let Err(why) = store.remember_typed(values) {
            tracing::info!("what was typed is not kept: {why}");
        }
        Ok(Vec::new())
    }

    pub(super) fn save_search(&mut self, name: &str, text: Option<&str>) -> Answer {
        opened(&mut self.store, &self.dirs)?.save_search(name, text).map_err(said)?;
        Ok(Vec::new())
    }

    pub(super) fn delete_output(&mut self, output: OutputId) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let text = match store.delete_output(output, crate::store::now()).map_err(said)? {
            Deleted::Removed => "Deleted",
            Deleted::WasGone => "Its file was already gone; it has left the gallery",
        };
        Ok(vec![Msg::OutputDeleted(output), Msg::Notice(Tone::Good, text.to_owned())])
    }

    pub(super) fn let_go(&mut self, run: RunId) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        runner::let_go(store, &self.dirs, run).map_err(said)?;
        self.look_after_runs()
    }

    /// Starts a runner if none is working, and watches it while runs are open: if it is killed, the next
    /// one settles its runs.
    pub(super) fn look_after_runs(&mut self) -> Answer {
        runner::ensure(&self.dirs).map_err(said)?;
        if self.runner_watch.as_ref().is_none_or(JoinHandle::is_finished) {
            let (dirs, replies) = (self.dirs.clone(), self.replies.clone());
            let watch = move || {
                if let Err(why) = watch_over(&dirs) {
                    replies.send(Msg::Notice(Tone::Bad, why));
                }
            };
            let runner_watch = thread::Builder::new().name("runner_watch".to_owned()).spawn(watch);
            self.runner_watch = Some(runner_watch.map_err(said)?);
        }
        Ok(Vec::new())
    }

    /// A past run's values and files, for the draft, and before them the preset that they belong to.
    pub(super) fn read_settings(&mut self, id: RunId, open: &Open) -> Answer {
        let store = opened(&mut self.store, &self.dirs)?;
        let run = store.run(id).map_err(said)?.ok_or_else(|| format!("run {id} is not in the history"))?;
        if run.request.is_unknown() {
            return Err(format!(
                "run {id} was sent from elsewhere and only fetched: its values are not known here"
            ));
        }
        let mut settings: Vec<(ParamKey, Setting)> =
            run.request.params.into_iter().map(|(key, value)| (key, Setting::Value(value))).collect();
        for file in run.request.files {
            // If the file has changed since, the content that was sent is taken from the store.
            let same = Store::is_same(&file.path, &file.sha256);
            let path = if same { file.path } else { store.input_path(&file.sha256) };
            settings.extend(ParamKey::parse(&file.part).map(|key| (key, Setting::File(path))));
        }
        // What is saved later goes into the preset that the values come from.
        let opened = self.under(run.request.preset.as_deref(), open);
        let open = match &opened {
            Some(Msg::Opened(opened)) => opened.open.workflow.clone(),
            _ => open.workflow.clone(),
        };
        let open = open.ok_or("no workflow is open")?;
        let known = |key: &ParamKey| open.params.iter().any(|param| param.key == *key);
        let missing: Vec<&str> =
            settings.iter().filter(|(key, _)| !known(key)).map(|(key, _)| key.as_str()).collect();
        let mut told = match run.request.workflow_hash == open.workflow.hash() {
            true => format!("Loaded the parameters of run {id}"),
            false => {
                format!("Run {id} was of another workflow ({}): loaded what fits", run.request.workflow_name)
            }
        };
        if !missing.is_empty() {
            told.push_str(&format!("; the open one has no {}", missing.join(", ")));
        }
        let settings = Msg::Settings { run: id, settings, told };
        Ok(opened.into_iter().chain([settings]).collect())
    }
}

/// While a runner has something to do, waits for it to end and starts the next one.
///
/// # Errors
/// If a runner cannot be started, or runners keep ending at once.
fn watch_over(dirs: &Dirs) -> Result<(), String> {
    let store = Store::open(dirs).map_err(said)?;
    let (mut before, mut restarts) = (Vec::new(), runner::Restarts::default());
    loop {
        if !store.has_work().map_err(said)? {
            return Ok(());
        }
        let open = store.open_runs().map_err(said)?;
        let now: Vec<_> = open.into_iter().map(|run| (run.id, run.status)).collect();
        if now != before {
            restarts.run_moved();
        }
        before = now;
        restarts.next(dirs).map_err(said)?;
        runner::gone(dirs).map_err(said)?;
    }
}
