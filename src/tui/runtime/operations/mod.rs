//! Does what changes something: opens, saves, submits, cancels. On a thread of its own, in order.

mod runs;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use indexmap::IndexMap;

use super::saved_state::SavedState;
use super::{Options, Replies, clipboard, files, viewer};
use crate::backend::results::names::safe_name;
use crate::config::{Config, ConfigError, Dirs, Profile};
use crate::domain::param::FileKind;
use crate::domain::run::shown_url;
use crate::domain::{ParamKey, ParamKind, SeedPolicy, Setting, Workflow};
use crate::library::import;
use crate::library::open::{self, OpenError, OpenRequest as Wanted, OpenWorkflow};
use crate::library::presets::{self, Edits, PresetError, Presets, WorkflowSource};
use crate::store::Store;
use crate::tui::effect::{Operation, SavePreset};
use crate::tui::model::{Source, Target};
use crate::tui::msg::{Msg, Opened};
use crate::tui::notice::Tone;
use crate::tui::overlay::{Choosing, PickerItem};

/// What is open, and where it runs.
#[derive(Debug)]
pub(super) struct Operations {
    dirs: Dirs,
    config: Config,
    asked: Asked,
    demo: bool,
    working: PathBuf,
    presets: Presets,
    profile: Option<Profile>,
    workflow: Option<OpenWorkflow>,
    preset: Option<presets::OpenPreset>,
    /// Opened when it is first needed.
    store: Option<Store>,
    runner_watch: Option<JoinHandle<()>>,
    replies: Replies,
}

/// What the command line asked for.
#[derive(Debug)]
struct Asked {
    profile: Option<String>,
    url: Option<String>,
    workflow: Option<PathBuf>,
    preset: Option<String>,
}

/// The answer to one order, or the sentence that says why not.
type Answer = Result<Vec<Msg>, String>;

fn said(error: impl ToString) -> String {
    error.to_string()
}

impl Operations {
    pub(super) fn new(options: Options, replies: Replies) -> Self {
        let Options { dirs, config, profile, url, workflow, preset, demo } = options;
        // Without a working directory (it may have been deleted) only whole paths can be found.
        let working = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        Self {
            presets: Presets::new(&dirs, &working),
            asked: Asked { profile, url, workflow, preset },
            dirs,
            config,
            demo,
            working,
            profile: None,
            workflow: None,
            preset: None,
            store: None,
            runner_watch: None,
            replies,
        }
    }

    /// Does what is asked until nobody asks any more.
    pub(super) fn serve(mut self, operations: &Receiver<Operation>) {
        while let Ok(operation) = operations.recv() {
            for msg in self.perform(operation) {
                self.replies.send(msg);
            }
        }
    }

    /// Opens what the command line asked for, else what was open last, else what the profile names.
    pub(super) fn open(&mut self, saved: &SavedState) -> Vec<Msg> {
        let opened = match (self.asked.preset.take(), self.asked.workflow.take()) {
            (None, None) => self.open_last(saved),
            (preset, workflow) => self.lay_out(preset.as_deref(), workflow.as_deref()).map_err(said),
        };
        match opened {
            Ok(msgs) => msgs.into_iter().map(|msg| remembered(msg, saved)).collect(),
            Err(why) => {
                let mut told = self.use_first_profile();
                told.push(Msg::Notice(Tone::Bad, why));
                told
            }
        }
    }

    fn open_last(&mut self, saved: &SavedState) -> Answer {
        // What was open last may be gone: then the next best is opened, and nobody is bothered.
        let last = saved.last();
        if let Some(preset) = last.and_then(|draft| draft.preset.as_ref())
            && let Ok(opened) = self.lay_out(Some(preset), None)
        {
            return Ok(opened);
        }
        if let Some(workflow) = last.and_then(|draft| draft.workflow.as_ref())
            && let Ok(opened) = self.lay_out(None, Some(workflow))
        {
            return Ok(opened);
        }
        match self.lay_out(self.demo.then_some("flamingo"), None) {
            Err(OpenError::NoWorkflow) => Ok(self.use_first_profile()),
            opened => opened.map_err(said),
        }
    }

    fn use_first_profile(&mut self) -> Vec<Msg> {
        let profile = self.config.choose(self.asked.profile.as_deref(), self.asked.url.as_deref());
        self.use_profile(profile).into_iter().collect()
    }

    /// Takes a profile, or says why there is none; one that is in use already stays then.
    fn use_profile(&mut self, profile: Result<Profile, ConfigError>) -> Option<Msg> {
        match profile {
            Ok(profile) => Some(self.target(profile)),
            Err(ConfigError::NoProfile) if self.profile.is_some() => None,
            Err(why) => Some(Msg::Notice(Tone::Bad, said(why))),
        }
    }

    fn target(&mut self, profile: Profile) -> Msg {
        let target = Target {
            profile: profile.name.clone(),
            url: shown_url(&profile.url).to_owned(),
            concurrency: profile.concurrency,
            demo: self.demo,
        };
        self.profile = Some(profile);
        Msg::Target(target)
    }

    pub(super) fn perform(&mut self, operation: Operation) -> Vec<Msg> {
        let answer = match operation {
            Operation::Submit(order) => return self.submit(&order),
            Operation::Repeat(run) => self.repeat(run),
            Operation::Fetch(run) => self.fetch(run),
            Operation::LetGo(run) => self.let_go(run),
            Operation::Cancel(run) => self.cancel(run),
            Operation::Star(output, star) => return self.star(output, star),
            Operation::DeleteOutput(output) => self.delete_output(output),
            Operation::LookAfterRuns => self.look_after_runs(),
            Operation::ReadSettings(run) => self.read_settings(run),
            Operation::ListPresets => self.list_presets(),
            Operation::ListProfiles => Ok(vec![Msg::Items(Choosing::Profile, self.list_profiles())]),
            Operation::OpenPreset(name) => Ok(or_not_opened(self.lay_out(Some(&name), None))),
            Operation::OpenWorkflow(path) => {
                let path = crate::config::dirs::expand(&path.to_string_lossy(), &self.working);
                Ok(or_not_opened(self.lay_out(None, Some(&path))))
            }
            Operation::UseProfile(name) => {
                let profile = self.config.profile(&name);
                // From now on presets do not change it.
                self.asked.profile = Some(name);
                Ok(self.use_profile(profile).into_iter().collect())
            }
            Operation::SavePreset(save) => self.save(save),
            Operation::RenamePreset { from, to } => self.rename(&from, &to),
            Operation::DeletePreset(name) => self.delete(&name),
            Operation::CompletePath(typed) => {
                let paths = files::complete(&typed, &self.working);
                Ok(vec![Msg::Completions { text: typed, paths }])
            }
            Operation::CheckFile(key, path) => Ok(vec![self.check_file(key, &path)]),
            Operation::Import(path) => self.import(&path),
            Operation::OpenGraph { name, graph } => Ok(self.open_graph(&name, &graph)),
            Operation::View(path) => self.view(&path),
        };
        answer.unwrap_or_else(|why| vec![Msg::Notice(Tone::Bad, why)])
    }

    /// Opens a workflow with a preset over it, and the profile that the preset names.
    fn lay_out(&mut self, preset: Option<&str>, workflow: Option<&Path>) -> Result<Vec<Msg>, OpenError> {
        let absolute = workflow.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        let wanted = Wanted {
            preset,
            workflow: absolute.as_deref(),
            profile: self.asked.profile.as_deref(),
            url: self.asked.url.as_deref(),
        };
        let opening = open::open(&self.config, &self.presets, &wanted)?;
        let source = &opening.workflow.source;
        let opened = Opened {
            source: Source {
                workflow_name: source.name(),
                workflow_path: match source {
                    WorkflowSource::File(path) => Some(path.clone()),
                    WorkflowSource::BuiltIn(_) => None,
                },
                workflow_hash: opening.workflow.workflow.hash().to_owned(),
                send_workflow: false,
                preset_writable: opening
                    .preset
                    .as_ref()
                    .is_some_and(|p| matches!(p.source, presets::PresetSource::File(_))),
            },
            params: opening.workflow.params.clone(),
            preset: opening.layer,
            edits: Vec::new(),
            seeds: Vec::new(),
            field: None,
            pinned: None,
            problems: opening.diagnostics.iter().map(ToString::to_string).collect(),
        };
        self.workflow = Some(opening.workflow);
        self.preset = opening.preset;
        let mut told = vec![Msg::Opened(Box::new(opened))];
        told.extend(self.use_profile(opening.profile));
        Ok(told)
    }

    fn list_presets(&mut self) -> Answer {
        let open = self.preset.as_ref().map(|preset| preset.name.clone());
        let listed = self.presets.list().map_err(said)?;
        let mut extended_by: HashMap<String, Vec<String>> = HashMap::new();
        for preset in &listed {
            if let Some(base) = preset.extends.as_ref().filter(|base| **base != preset.name) {
                extended_by.entry(base.clone()).or_default().push(preset.name.clone());
            }
        }
        let items = listed.into_iter().map(|listed| PickerItem {
            extended_by: extended_by.remove(&listed.name).unwrap_or_default(),
            is_open: Some(&listed.name) == open.as_ref(),
            is_built_in: listed.source == presets::PresetSource::BuiltIn,
            note: if listed.source == presets::PresetSource::BuiltIn {
                "built in".to_owned()
            } else {
                String::new()
            },
            detail: if listed.title.is_empty() { listed.description } else { listed.title },
            label: listed.name.clone(),
            id: listed.name,
            disabled: None,
        });
        Ok(vec![Msg::Items(Choosing::Preset, items.collect())])
    }

    fn list_profiles(&self) -> Vec<PickerItem> {
        let open = self.profile.as_ref().map(|profile| profile.name.as_str());
        let item = |profile: &Profile| PickerItem {
            id: profile.name.clone(),
            label: profile.name.clone(),
            detail: shown_url(&profile.url).to_owned(),
            is_open: open == Some(&profile.name),
            ..PickerItem::default()
        };
        self.config.profiles.values().map(item).collect()
    }

    /// Saves edits into the open preset, or as a new one.
    fn save(&mut self, save: SavePreset) -> Answer {
        let settings: IndexMap<ParamKey, Setting> = save.settings.into_iter().collect();
        let seeds: IndexMap<ParamKey, SeedPolicy> = save.seeds.into_iter().collect();
        let edits = Edits { settings: &settings, seeds: &seeds };
        let saved = match &self.preset {
            Some(preset) if preset.name == save.name && save.from == save.name => {
                self.presets.save(preset, &edits)
            }
            preset => {
                let source = self.workflow.as_ref().map(|open| &open.source);
                self.presets.save_as(preset.as_ref(), &save.name, source, &edits, save.overwrite)
            }
        };
        let path = match saved {
            Ok(path) => path,
            Err(PresetError::Exists(_)) => return Ok(vec![Msg::NameTaken(save.name)]),
            Err(why) => return Err(said(why)),
        };
        let preset = self.presets.open(&save.name).map_err(said)?;
        let params = self.workflow.as_ref().map(|open| open.params.as_slice()).unwrap_or_default();
        let (layer, _) = preset.layer(params);
        self.preset = Some(preset);
        Ok(vec![Msg::Saved { layer, path }])
    }

    fn listed(&self, name: &str) -> Result<presets::Listed, String> {
        let all = self.presets.list().map_err(said)?;
        all.into_iter()
            .find(|listed| listed.name == name)
            .ok_or_else(|| format!("there is no preset {name} any more"))
    }

    fn rename(&mut self, from: &str, to: &str) -> Answer {
        let listed = self.listed(from)?;
        let path = self.presets.rename((from, &listed.source), to).map_err(said)?;
        let mut told = vec![Msg::Notice(Tone::Good, format!("Renamed to {}", path.display()))];
        if self.preset.as_ref().is_some_and(|preset| preset.name == from) {
            told.insert(0, Msg::PresetRenamed(to.to_owned()));
            self.preset = Some(self.presets.open(to).map_err(said)?);
        }
        Ok(told)
    }

    fn delete(&mut self, name: &str) -> Answer {
        let listed = self.listed(name)?;
        self.presets.delete((name, &listed.source)).map_err(said)?;
        let mut told = vec![Msg::Notice(Tone::Good, format!("Deleted preset {name}"))];
        if self.preset.as_ref().is_some_and(|preset| preset.name == name) {
            // What it set stays on the screen; saving asks for a name.
            self.preset = None;
            told.push(Msg::PresetRenamed(String::new()));
        }
        Ok(told)
    }

    fn check_file(&self, key: ParamKey, path: &Path) -> Msg {
        let param = self.workflow.as_ref().and_then(|open| open.params.iter().find(|param| param.key == key));
        let expected = match param.map(|param| &param.kind) {
            Some(ParamKind::File(kind)) => *kind,
            _ => FileKind::Image,
        };
        let path = crate::config::dirs::expand(&path.to_string_lossy(), &self.working);
        Msg::File(key, files::check(&path, expected))
    }

    /// Reads the graph in a file.
    fn import(&self, path: &Path) -> Answer {
        let path = crate::config::dirs::expand(&path.to_string_lossy(), &self.working);
        let imported = import::read(&path).map_err(said)?;
        Ok(vec![Msg::Imported(Box::new(imported))])
    }

    /// Keeps a graph as a workflow file of its own, and opens it. The same graph is the same file.
    fn open_graph(&mut self, name: &str, graph: &Workflow) -> Vec<Msg> {
        let folder = self.dirs.data.join("workflows");
        let name = safe_name(name, "");
        let path = folder.join(format!("{name}-{}.json", graph.hash().get(..8).unwrap_or_default()));
        let written = import::workflow_text(graph).map_err(said).and_then(|text| {
            crate::config::dirs::private_dir(&folder).map_err(said)?;
            crate::config::files::replace(&path, text.as_bytes(), 0o600).map_err(said)
        });
        match written {
            Ok(()) => or_not_opened(self.lay_out(None, Some(&path))),
            Err(why) => vec![Msg::NotOpened(format!("{} cannot be written: {why}", path.display()))],
        }
    }

    /// Shows a file with the system's viewer, and tells when that fails.
    fn view(&self, path: &Path) -> Answer {
        let program = viewer::program(clipboard::set, cfg!(target_os = "macos"))?;
        let mut viewer = viewer::open(&program, path)?;
        let (name, replies) = (program.join(" "), self.replies.clone());
        // A viewer that was waited for leaves nothing behind.
        let wait = move || {
            let why = match viewer.wait() {
                Ok(status) if status.success() => return,
                Ok(status) => format!("{name} ended with {status}"),
                Err(error) => format!("{name} is lost sight of: {error}"),
            };
            replies.send(Msg::Notice(Tone::Bad, why));
        };
        thread::Builder::new().name("viewer".to_owned()).spawn(wait).map_err(said)?;
        let shown = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Ok(vec![Msg::Notice(Tone::Good, format!("Opened {shown} with {}", program[0]))])
    }
}

fn or_not_opened(opened: Result<Vec<Msg>, OpenError>) -> Vec<Msg> {
    opened.unwrap_or_else(|why| vec![Msg::NotOpened(said(why))])
}

/// The history, opened for writing, opened when it is first needed.
fn opened<'a>(store: &'a mut Option<Store>, dirs: &Dirs) -> Result<&'a Store, String> {
    match store {
        Some(store) => Ok(store),
        none => Ok(none.insert(Store::open(dirs).map_err(said)?)),
    }
}

/// Puts remembered edits over what was opened.
fn remembered(msg: Msg, saved: &SavedState) -> Msg {
    match msg {
        Msg::Opened(mut opened) => {
            if let Some(draft) = saved.draft(&opened.preset.name, opened.source.workflow_path.as_deref()) {
                opened.edits = draft.edits();
                opened.seeds.clone_from(&draft.seeds);
                opened.field.clone_from(&draft.field);
            }
            Msg::Opened(opened)
        }
        msg => msg,
    }
}

#[cfg(test)]
mod tests;
