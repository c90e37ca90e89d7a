//! Operations with side effects (open, save, submit, cancel), on a thread of their own, in order.

mod batches;
mod open_files;
mod runs;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use serde_json::Number;

use super::saved_state::SavedDraft;
use super::{Replies, clipboard, files, viewer};
use crate::backend::results::names::safe_name;
use crate::config::{Config, ConfigError, Dirs, Profile};
use crate::domain::run::shown_url;
use crate::domain::{ParamKey, SeedPolicy, Workflow, prompt};
use crate::library::import;
use crate::library::open::{self, OpenError, OpenRequest as Wanted, OpenWorkflow, Opening};
use crate::library::presets::{self, Edits, PresetError, Presets};
use crate::library::schemas::{SchemaOrigin, Schemas};
use crate::library::wildcards::WildcardFiles;
use crate::store::Store;
use crate::tui::effect::{Operation, SavePreset};
use crate::tui::msg::{Msg, Opened};
use crate::tui::notice::Tone;
use crate::tui::open::{Open, ProfileChoice};
use crate::tui::overlay::expansions::COUNT;
use crate::tui::overlay::{Choosing, PickerItem};

/// Folders, configuration and store for the operations. The open workflow comes with each operation.
#[derive(Debug)]
pub(super) struct Operations {
    dirs: Dirs,
    config: Config,
    working: PathBuf,
    presets: Presets,
    schemas: Schemas,
    /// The history, opened when first needed.
    store: Option<Store>,
    runner_watch: Option<JoinHandle<()>>,
    replies: Replies,
}

/// Workflow, preset, profile and address from the command line.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) workflow: Option<PathBuf>,
    pub(super) preset: Option<String>,
    pub(super) demo: bool,
}

/// Messages for the model, or a sentence on why the operation failed.
type Answer = Result<Vec<Msg>, String>;

fn said(error: impl ToString) -> String {
    error.to_string()
}

impl Operations {
    pub(super) fn new(dirs: Dirs, config: Config, replies: Replies) -> Self {
        // Without a working directory (it may have been deleted) only absolute paths are found.
        let working = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let presets = Presets::new(&dirs, &working);
        let schemas = Schemas::new(&dirs);
        Self { dirs, config, working, presets, schemas, store: None, runner_watch: None, replies }
    }

    /// Performs operations until the channel closes.
    pub(super) fn serve(mut self, operations: &Receiver<Operation>) {
        while let Ok(operation) = operations.recv() {
            for msg in self.perform(operation) {
                self.replies.send(msg);
            }
        }
    }

    /// Opens what the command line names, else what was open last, else what the profile names.
    pub(super) fn open_first(
        &self,
        asked: &Asked,
        choice: &ProfileChoice,
        last: Option<&SavedDraft>,
    ) -> Vec<Msg> {
        let opened = match (&asked.preset, &asked.workflow) {
            (None, None) => self.open_last(asked, choice, last),
            (preset, workflow) => self.open(preset.as_deref(), workflow.as_deref(), choice),
        };
        let (mut messages, why) = match opened {
            Ok(msgs) => return msgs,
            Err(OpenError::NoWorkflow) if asked.preset.is_none() && asked.workflow.is_none() => {
                (Vec::new(), None)
            }
            Err(why) => (Vec::new(), Some(said(why))),
        };
        messages.extend(match self.config.choose(choice.profile.as_deref(), choice.url.as_deref()) {
            Ok(profile) => Some(Msg::Profile(Arc::new(profile))),
            // The first start, or as good as it: the pane that is empty leads on.
            Err(ConfigError::NoProfile) if why.is_none() => None,
            Err(why) => Some(Msg::Notice(Tone::Bad, said(why))),
        });
        messages.extend(why.map(|why| Msg::Notice(Tone::Bad, why)));
        messages
    }

    fn open_last(
        &self,
        asked: &Asked,
        choice: &ProfileChoice,
        last: Option<&SavedDraft>,
    ) -> Result<Vec<Msg>, OpenError> {
        // What was open last may have been deleted: then the next choice is opened, without an error.
        if let Some(preset) = last.and_then(|draft| draft.preset.as_ref())
            && let Ok(opened) = self.open(Some(preset), None, choice)
        {
            return Ok(opened);
        }
        if let Some(workflow) = last.and_then(|draft| draft.workflow.as_ref())
            && let Ok(opened) = self.open(None, Some(workflow), choice)
        {
            return Ok(opened);
        }
        self.open(asked.demo.then_some("flamingo"), None, choice)
    }

    pub(super) fn perform(&mut self, operation: Operation) -> Vec<Msg> {
        let answer = match operation {
            Operation::Submit(new) => return self.submit(&new),
            Operation::SubmitBatch(order) => self.submit_batch(&order),
            Operation::ReadValues(question) => Ok(vec![self.read_values(question)]),
            Operation::KeepRun(keep) => self.keep_run(&keep),
            Operation::HoldBatch(batch) => self.hold_batch(batch),
            Operation::ResumeBatch(batch) => self.resume_batch(batch),
            Operation::CancelBatch(batch) => self.cancel_batch(batch),
            Operation::RetryBatch(batch, profile) => self.retry_batch(batch, profile.as_deref()),
            Operation::RunFirst(run) => self.run_first(run),
            Operation::MoveInQueue(run, earlier) => self.move_in_queue(run, earlier),
            Operation::HoldRun(run, hold) => self.hold_run(run, hold),
            Operation::HoldQueue(hold) => self.hold_queue(hold),
            Operation::CancelQueue => self.cancel_queue(),
            Operation::RetryRuns(runs, profile) => self.retry_runs(&runs, profile.as_deref()),
            Operation::SaveSheet(batch, format) => self.save_sheet(batch, format),
            Operation::AskReplay(run, profile) => self.ask_replay(run, profile.as_deref()),
            Operation::Repeat(run, profile) => self.repeat(run, profile.as_deref()),
            Operation::CompareReplay { run, first } => self.compare_replay(run, first),
            Operation::CopyAs(run, form) => self.copy_as(run, form),
            Operation::Fetch(run) => self.fetch(run),
            Operation::LetGo(run) => self.let_go(run),
            Operation::Cancel(run) => self.cancel(run),
            Operation::SaveSearch(name, text) => self.save_search(&name, text.as_deref()),
            Operation::RememberTyped(values) => self.remember_typed(&values),
            Operation::NoteBatch(batch, remark) => self.note_batch(batch, &remark),
            Operation::Note(remarks) => return self.note(&remarks, false),
            Operation::TakeBack(remarks) => return self.note(&remarks, true),
            Operation::DeleteOutput(output) => self.delete_output(output),
            Operation::LookAfterRuns => self.look_after_runs(),
            Operation::ReadSettings(run, open) => self.read_settings(run, &open),
            Operation::CheckOpenFiles(open) => Ok(self.check_open_files(&open, None).into_iter().collect()),
            Operation::Reload(open) => Ok(self.reload(&open)),
            Operation::ListPresets => self.list_presets(),
            Operation::ReadLayer(name, open) => self.read_layer(&name, &open),
            Operation::Expand(key, text) => {
                let found = self.expansions(&text);
                Ok(vec![Msg::Expansions { key, text, found }])
            }
            Operation::ListProfiles => Ok(vec![Msg::Items(Choosing::Profile, self.list_profiles())]),
            Operation::OpenPreset(name, choice) => Ok(or_not_opened(self.open(Some(&name), None, &choice))),
            Operation::OpenWorkflow(path, choice) => {
                let path = crate::config::dirs::expand(&path.to_string_lossy(), &self.working);
                Ok(or_not_opened(self.open(None, Some(&path), &choice)))
            }
            Operation::UseProfile(name) => {
                self.config.profile(&name).map(|profile| vec![Msg::Profile(Arc::new(profile))]).map_err(said)
            }
            Operation::SavePreset(save) => self.save(save),
            Operation::RenamePreset { from, to } => self.rename(&from, &to),
            Operation::DeletePreset(name) => self.delete(&name),
            Operation::CompletePath(typed) => {
                let paths = files::complete(&typed, &self.working);
                Ok(vec![Msg::Completions { text: typed, paths }])
            }
            Operation::CheckFile(key, path, kind) => {
                let path = crate::config::dirs::expand(&path.to_string_lossy(), &self.working);
                Ok(vec![Msg::File(key, files::check(&path, kind))])
            }
            Operation::FindFile(key, path) => {
                let place = crate::config::dirs::expand(&path.to_string_lossy(), &self.working);
                Ok(if place.is_file() { vec![Msg::FileFound(key, path)] } else { Vec::new() })
            }
            Operation::Import(path, origin) => self.import(&path, origin.as_ref()),
            Operation::OpenGraph { name, graph, profile } => Ok(self.open_graph(&name, &graph, &profile)),
            Operation::View(path) => self.view(&path),
        };
        answer.unwrap_or_else(|why| vec![Msg::Notice(Tone::Bad, why)])
    }

    /// Opens a workflow with a preset, and the profile that was chosen or that the preset names, in one message, so
    /// that the three always belong together.
    fn open(
        &self,
        preset: Option<&str>,
        workflow: Option<&Path>,
        choice: &ProfileChoice,
    ) -> Result<Vec<Msg>, OpenError> {
        let absolute = workflow.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        let wanted = Wanted {
            preset,
            workflow: absolute.as_deref(),
            profile: choice.profile.as_deref(),
            url: choice.url.as_deref(),
        };
        let mut opening = open::open(&self.config, &self.presets, &self.schemas, &wanted)?;
        let profile = std::mem::replace(&mut opening.profile, Err(ConfigError::NoProfile));
        let (profile, no_profile) = match profile {
            Ok(profile) => (Some(Arc::new(profile)), None),
            Err(why) => (None, Some(why)),
        };
        let mut messages = vec![Msg::Opened(Box::new(self.opened(opening, profile)))];
        messages.extend(no_profile.map(|why| Msg::Notice(Tone::Bad, said(why))));
        Ok(messages)
    }

    fn opened(&self, opening: Opening, profile: Option<Arc<Profile>>) -> Opened {
        Opened {
            problems: opening.diagnostics.iter().map(ToString::to_string).collect(),
            unsure: opening.unsure().map(ToString::to_string).collect(),
            ran: self.last_seeds(&opening),
            open: Open {
                files: open_files::files(opening.preset.as_ref(), Some(&opening.workflow)).into(),
                workflow: Some(Arc::new(opening.workflow)),
                preset: opening.preset.map(Arc::new),
                profile,
            },
            layer: opening.layer,
            edits: Vec::new(),
            seeds: Vec::new(),
            field: None,
            names: Vec::new(),
            expand: Vec::new(),
            pinned: None,
            earlier: None,
        }
    }

    /// The open workflow, and no preset over it.
    fn without_preset(&self, open: &Open) -> Option<Opened> {
        let workflow = OpenWorkflow::clone(open.workflow.as_deref()?);
        let (layer, _) = workflow.under(None);
        let profile = Err(ConfigError::NoProfile);
        let opening = Opening { workflow, layer, preset: None, profile, diagnostics: Vec::new() };
        Some(self.opened(opening, None))
    }

    /// Seeds as in the last run, from which they continue.
    fn last_seeds(&self, opening: &Opening) -> Vec<(ParamKey, Number)> {
        let goes_on = |policy: &SeedPolicy| matches!(policy, SeedPolicy::Increment | SeedPolicy::Decrement);
        let seeds = opening.layer.seeds.iter().filter(|(_, policy)| goes_on(policy));
        let keys: Vec<ParamKey> = seeds.map(|(key, _)| key.clone()).collect();
        if keys.is_empty() {
            return Vec::new();
        }
        let preset = opening.preset.as_ref().map(|preset| preset.name.as_str());
        let numbers = Store::open(&self.dirs)
            .and_then(|store| store.last_numbers(&keys, preset, opening.workflow.workflow.hash()));
        // An unreadable history is reported by the list of runs.
        numbers.unwrap_or_default().into_iter().collect()
    }

    fn list_presets(&self) -> Answer {
        let listed = self.presets.list().map_err(said)?;
        let mut extended_by: HashMap<String, Vec<String>> = HashMap::new();
        for preset in &listed {
            if let Some(base) = preset.extends.as_ref().filter(|base| **base != preset.name) {
                extended_by.entry(base.clone()).or_default().push(preset.name.clone());
            }
        }
        let items = listed.into_iter().map(|listed| PickerItem {
            extended_by: extended_by.remove(&listed.name).unwrap_or_default(),
            is_open: false,
            is_built_in: listed.source == presets::PresetSource::BuiltIn,
            note: if listed.source == presets::PresetSource::BuiltIn {
                "built in".to_owned()
            } else {
                String::new()
            },
            detail: if listed.title.is_empty() { listed.description } else { listed.title },
            label: listed.name.clone(),
            id: listed.name,
            ..PickerItem::default()
        });
        Ok(vec![Msg::Items(Choosing::Preset, items.collect())])
    }

    /// What a preset sets for the open workflow, whichever it is for.
    fn read_layer(&self, name: &str, open: &Open) -> Answer {
        let preset = self.presets.open(name).map_err(said)?;
        let workflow = open.workflow.as_deref().ok_or("no workflow is open")?;
        let (layer, found) = preset.layer(&workflow.params);
        let problems = preset.diagnostics.iter().chain(&found).map(ToString::to_string).collect();
        Ok(vec![Msg::Layer(Box::new(layer), problems)])
    }

    /// Some different texts that a template can become.
    fn expansions(&self, text: &str) -> Result<Vec<String>, String> {
        let wildcards = WildcardFiles::new(&self.dirs, &self.working);
        let mut found: Vec<String> = Vec::new();
        // Few choices give the same texts again.
        for _ in 0..4 * COUNT {
            let made = prompt::expand(text, fastrand::u64(..), &wildcards).map_err(said)?;
            if !found.contains(&made) {
                found.push(made);
            }
            if found.len() == COUNT {
                break;
            }
        }
        Ok(found)
    }

    fn list_profiles(&self) -> Vec<PickerItem> {
        let item = |profile: &Profile| PickerItem {
            id: profile.name.clone(),
            label: profile.name.clone(),
            detail: shown_url(&profile.url).to_owned(),
            ..PickerItem::default()
        };
        self.config.profiles.values().map(item).collect()
    }

    /// Saves edits into the open preset, or as a new one.
    fn save(&self, save: SavePreset) -> Answer {
        let edits = Edits {
            settings: save.settings.into_iter().collect(),
            seeds: save.seeds.into_iter().collect(),
            aliases: save.aliases.into_iter().collect(),
            expand: save.expand.into_iter().collect(),
            pins: save.pins,
        };
        let workflow = save.open.workflow.as_deref();
        let saved = match save.open.preset.as_deref() {
            Some(preset) if save.only_difference => {
                self.presets.save_difference(preset, &save.name, &edits).map_err(said).map(Ok)?
            }
            Some(preset) if preset.name == save.name => self.presets.save(preset, &edits),
            preset => {
                let source = workflow.map(|open| &open.source);
                self.presets.save_as(preset, &save.name, source, &edits, save.overwrite)
            }
        };
        let path = match saved {
            Ok(path) => path,
            Err(PresetError::Exists(_)) => return Ok(vec![Msg::NameTaken(save.name)]),
            Err(why) => return Err(said(why)),
        };
        let preset = self.presets.open(&save.name).map_err(said)?;
        let (layer, _) = workflow.map(|open| open.under(Some(&preset))).unwrap_or_default();
        let files = open_files::files(Some(&preset), workflow);
        Ok(vec![Msg::Saved { preset: Box::new(preset), layer: Box::new(layer), path, files }])
    }

    fn listed(&self, name: &str) -> Result<presets::Listed, String> {
        let all = self.presets.list().map_err(said)?;
        all.into_iter()
            .find(|listed| listed.name == name)
            .ok_or_else(|| format!("there is no preset {name} any more"))
    }

    fn rename(&self, from: &str, to: &str) -> Answer {
        let listed = self.listed(from)?;
        let path = self.presets.rename((from, &listed.source), to).map_err(said)?;
        let preset = Box::new(self.presets.open(to).map_err(said)?);
        let notice = Msg::Notice(Tone::Good, format!("Renamed to {}", path.display()));
        Ok(vec![Msg::PresetRenamed { from: from.to_owned(), preset }, notice])
    }

    fn delete(&self, name: &str) -> Answer {
        let listed = self.listed(name)?;
        self.presets.delete((name, &listed.source)).map_err(said)?;
        let notice = Msg::Notice(Tone::Good, format!("Deleted preset {name}"));
        Ok(vec![notice, Msg::PresetDeleted(name.to_owned())])
    }

    /// Reads the graph from a workflow or an output file.
    fn import(&self, path: &Path, origin: Option<&SchemaOrigin>) -> Answer {
        let path = crate::config::dirs::expand(&path.to_string_lossy(), &self.working);
        let imported = import::read(&path, origin.map(|origin| (&self.schemas, origin))).map_err(said)?;
        Ok(vec![Msg::Imported(Box::new(imported))])
    }

    /// Writes a graph to a workflow file and opens it. The same graph always gets the same file.
    fn open_graph(&self, name: &str, graph: &Workflow, choice: &ProfileChoice) -> Vec<Msg> {
        let folder = self.dirs.data.join("workflows");
        let name = safe_name(name, "");
        let path = folder.join(format!("{name}-{}.json", graph.hash().get(..8).unwrap_or_default()));
        let written = import::workflow_text(graph).map_err(said).and_then(|text| {
            crate::config::dirs::private_dir(&folder).map_err(said)?;
            crate::config::files::replace(&path, text.as_bytes(), 0o600).map_err(said)
        });
        match written {
            Ok(()) => or_not_opened(self.open(None, Some(&path), choice)),
            Err(why) => vec![Msg::NotOpened(format!("{} cannot be written: {why}", path.display()))],
        }
    }

    /// Shows a file with the system's viewer, and tells when that fails.
    fn view(&self, path: &Path) -> Answer {
        let program = viewer::program(clipboard::set, cfg!(target_os = "macos"))?;
        let mut viewer = viewer::open(&program, path)?;
        let (name, replies) = (program.join(" "), self.replies.clone());
        // Waited for in a thread, so that the viewer does not stay a zombie.
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

/// The history for writing, opened when first needed.
fn opened<'a>(store: &'a mut Option<Store>, dirs: &Dirs) -> Result<&'a Store, String> {
    match store {
        Some(store) => Ok(store),
        none => Ok(none.insert(Store::open(dirs).map_err(said)?)),
    }
}

#[cfg(test)]
mod tests;
