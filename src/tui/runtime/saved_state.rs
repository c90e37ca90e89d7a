//! State kept between starts: the open workflow, edits, pinned parameters, the split.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Dirs;
use crate::config::dirs::private_dir;
use crate::config::files::NewFile;
use crate::domain::{ParamKey, Parameter, SeedPolicy, Setting};
use crate::tui::model::Model;
use crate::tui::msg::Opened;
use crate::tui::open::{Earlier, Open, OpenField};
use crate::tui::overlay::{Confirmed, Overlay};

/// Content of the state file. What cannot be read is dropped: the file is a convenience and never holds results.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SavedState {
    /// Name of the draft that was open last.
    last: String,
    /// Edits of each draft, by its name: `preset PATH` or `workflow PATH`.
    drafts: IndexMap<String, SavedDraft>,
    /// Pinned parameters of each workflow, by its path, or without one by its hash.
    pins: IndexMap<String, Vec<Pin>>,
    /// Width of the left column in percent.
    pub(super) split: u16,
    /// Height of the parameters above the log in percent.
    pub(super) log_split: u16,
    /// Whether long log lines are cut, not wrapped.
    pub(super) log_cut: bool,
}

/// A pinned parameter, so that it is found again where a new export gave its node another number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pin {
    key: ParamKey,
    class_type: String,
    /// What people know the node by.
    title: String,
}

impl Pin {
    fn of(model: &Model, key: &ParamKey) -> Option<Self> {
        let param = model.draft.param(key)?;
        Some(Self { key: key.clone(), class_type: param.class_type.clone(), title: param.group.clone() })
    }

    /// The parameter: the one of this key and class, else the only one of this title, class and input.
    fn find(&self, params: &[Parameter]) -> Option<ParamKey> {
        let is_like_it =
            |param: &&Parameter| self.class_type == param.class_type && self.key.input() == param.key.input();
        let same = params.iter().filter(is_like_it).find(|param| param.key == self.key);
        let mut titled = params.iter().filter(is_like_it).filter(|param| param.group == self.title);
        let found = match (same, titled.next(), titled.next()) {
            (Some(same), ..) => Some(same),
            (None, only, None) => only,
            (None, ..) => None,
        };
        found.map(|param| param.key.clone())
    }
}

/// Edits of one draft.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SavedDraft {
    /// The workflow file, if it was open without a preset.
    pub(super) workflow: Option<PathBuf>,
    pub(super) preset: Option<String>,
    /// What they were made on, as [`Open::content`].
    content: String,
    values: Vec<(ParamKey, Value)>,
    files: Vec<(ParamKey, PathBuf)>,
    /// Seed policies that differ from the preset's.
    seeds: Vec<(ParamKey, SeedPolicy)>,
    /// Aliases that are not in the preset yet.
    names: Vec<(ParamKey, String)>,
    /// Whether texts are expanded, where that differs from the preset.
    expand: Vec<(ParamKey, bool)>,
    /// The parameter being edited, with the text typed so far.
    field: Option<(ParamKey, String)>,
    /// Whether something had been typed in it.
    is_typed: bool,
}

impl SavedDraft {
    fn of(model: &Model) -> Self {
        let preset = &model.draft.preset().name;
        let mut draft = Self {
            workflow: model.open.workflow_path().map(Path::to_owned),
            preset: Some(preset.clone()).filter(|name| !name.is_empty()),
            content: model.open.content(),
            field: model.params.editing.as_ref().map(|editing| (editing.key.clone(), editing.value())),
            is_typed: model.params.editing.as_ref().is_some_and(|editing| editing.is_typed),
            seeds: model.draft.policy_edits().iter().map(|(key, policy)| (key.clone(), *policy)).collect(),
            names: model.draft.name_edits().iter().map(|(key, alias)| (key.clone(), alias.clone())).collect(),
            expand: model.draft.expand_edits().iter().map(|(key, expands)| (key.clone(), *expands)).collect(),
            ..Self::default()
        };
        for (key, setting) in model.draft.edits() {
            match setting {
                Setting::Value(value) => draft.values.push((key.clone(), value.clone())),
                // The next start may be in another folder.
                Setting::File(path) => {
                    let whole = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                    draft.files.push((key.clone(), if path.starts_with("~") { path.clone() } else { whole }));
                }
            }
        }
        draft
    }

    /// The edits as settings.
    fn edits(&self) -> Vec<(ParamKey, Setting)> {
        let values = self.values.iter().map(|(key, value)| (key.clone(), Setting::Value(value.clone())));
        let files = self.files.iter().map(|(key, path)| (key.clone(), Setting::File(path.clone())));
        values.chain(files).collect()
    }

    /// Puts the edits over what was opened, when it is what they were made on; else they are to be asked for.
    fn put_into(&self, opened: &mut Opened) {
        // What a person calls a parameter stays, whatever its values.
        opened.names.clone_from(&self.names);
        if self.content == opened.open.content() {
            opened.edits = self.edits();
            opened.seeds.clone_from(&self.seeds);
            opened.expand.clone_from(&self.expand);
            let field = self.field.clone();
            opened.field = field.map(|(key, text)| OpenField { key, text, is_typed: self.is_typed });
        } else if !(self.values.is_empty() && self.files.is_empty() && self.seeds.is_empty()) {
            opened.earlier = Some(Box::new(Earlier {
                edits: self.edits(),
                seeds: self.seeds.clone(),
                expand: self.expand.clone(),
            }));
        }
    }
}

/// Most drafts, and most workflows with pins, that are kept.
const MOST: usize = 100;

fn path(dirs: &Dirs) -> PathBuf {
    dirs.state.join("screen.json")
}

fn draft_name(preset: &str, open: &Open) -> String {
    match (preset, open.preset_path(), open.workflow_path()) {
        ("", _, Some(path)) => format!("workflow {}", path.display()),
        ("", _, None) => String::new(),
        (_, Some(path), _) => format!("preset {}", path.display()),
        (preset, None, _) => format!("built-in preset {preset}"),
    }
}

/// By what pins are remembered; `None` without a workflow.
fn pins_name(open: &Open) -> Option<String> {
    let path = open.workflow_path().map(|path| path.display().to_string());
    path.or_else(|| open.workflow_hash().map(str::to_owned))
}

/// Puts a value last, and forgets the oldest when there are too many.
fn put_last<T>(map: &mut IndexMap<String, T>, name: String, value: T) {
    map.shift_remove(&name);
    map.insert(name, value);
    if map.len() > MOST {
        map.shift_remove_index(0);
    }
}

impl SavedState {
    pub(super) fn load(dirs: &Dirs) -> Self {
        let text = fs::read_to_string(path(dirs)).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The draft that was open last.
    pub(super) fn last(&self) -> Option<&SavedDraft> {
        self.drafts.get(&self.last)
    }

    /// Edits of one draft.
    fn draft(&self, preset: &str, open: &Open) -> Option<&SavedDraft> {
        self.drafts.get(&draft_name(preset, open))
    }

    /// Adds the saved pins and edits to the message that opens a workflow. Edits are only restored at the start:
    /// later on, whoever opens a preset wants the preset as it is.
    pub(super) fn restore(&self, opened: &mut Opened, is_start: bool) {
        let pins = pins_name(&opened.open).and_then(|name| self.pins.get(&name));
        opened.pinned = pins
            .zip(opened.open.workflow.as_ref())
            .map(|(pins, workflow)| pins.iter().filter_map(|pin| pin.find(&workflow.params)).collect());
        let draft = self.draft(&opened.layer.name, &opened.open).cloned();
        if let Some(draft) = draft.filter(|_| is_start) {
            draft.put_into(opened);
        }
    }

    /// Updates the saved state from the model; returns whether it changed.
    pub(super) fn note(&mut self, model: &Model) -> bool {
        let layout = (model.split, model.log_split, model.log.cut);
        let mut changed = (self.split, self.log_split, self.log_cut) != layout;
        (self.split, self.log_split, self.log_cut) = layout;
        let Some(pins_name) = pins_name(&model.open) else { return changed };
        let draft = SavedDraft::of(model);
        let name = draft_name(&model.draft.preset().name, &model.open);
        // Edits that the person has not yet decided to keep.
        let is_asked = match &model.overlay {
            Some(Overlay::Confirm(asked)) => matches!(asked.then, Confirmed::KeepEarlier(_)),
            _ => false,
        };
        if is_asked {
            return changed;
        }
        if self.last != name || self.drafts.get(&name) != Some(&draft) {
            put_last(&mut self.drafts, name.clone(), draft);
            self.last = name;
            changed = true;
        }
        let pins: Vec<Pin> = model.params.pinned.iter().filter_map(|key| Pin::of(model, key)).collect();
        if self.pins.get(&pins_name) != Some(&pins) {
            put_last(&mut self.pins, pins_name, pins);
            changed = true;
        }
        changed
    }

    /// Writes the file atomically.
    pub(super) fn save(&self, dirs: &Dirs) -> io::Result<()> {
        private_dir(&dirs.state)?;
        let mut file = NewFile::in_folder(&dirs.state, 0o600)?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.sync()?;
        file.place(&path(dirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RunSummary, Status};
    use crate::library::presets::OpenPreset;
    use crate::tui::stage::{Stage, key, run, runs_msg};

    #[test]
    fn edits_pins_and_policies_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(folder.path());
        let mut stage = Stage::new(120, 40);
        let seed: Value = serde_json::from_str("18446744073709551615").unwrap();
        stage.model.draft.set(&key("3-inputs-seed"), Setting::Value(seed));
        stage.model.draft.set(&key("52-inputs-image"), Setting::File("in/ö.png".into()));
        stage.press("j R j *");
        let mut saved = SavedState::load(&dirs);
        stage.press("1 g enter");
        stage.type_text(", half a thou");
        saved.note(&stage.model);
        saved.save(&dirs).unwrap();
        let again = SavedState::load(&dirs);
        assert_eq!(again, saved);
        let draft = again.last().unwrap();
        assert_eq!(draft.edits().len(), 2);
        assert_eq!(draft.seeds, [(key("3-inputs-seed"), SeedPolicy::Increment)]);
        assert!(
            draft
                .field
                .as_ref()
                .is_some_and(|(key, text)| key.input() == "text" && text.ends_with("half a thou"))
        );
        let pins = &again.pins[&pins_name(&stage.model.open).unwrap()];
        let pins: Vec<_> = pins.iter().map(|pin| pin.key.clone()).collect();
        assert_eq!(pins, [key("6-inputs-text"), key("3-inputs-seed"), key("3-inputs-steps")]);
        assert_eq!(draft.edits()[0].1.clone(), stage.model.draft.setting(&key("3-inputs-seed")).unwrap());
    }

    #[test]
    fn each_draft_has_its_own_place() {
        let mut saved = SavedState::default();
        let mut stage = Stage::new(120, 40);
        stage.press("j j right");
        saved.note(&stage.model);
        let first = stage.model.open.clone();
        stage.model.draft.rename_preset("other".to_owned());
        stage.model.open.preset = Some(std::sync::Arc::new(OpenPreset::to_test("other")));
        stage.press("right right");
        saved.note(&stage.model);
        let steps = |saved: &SavedState, preset: &str, open: &Open| {
            saved.draft(preset, open).unwrap().edits()[0].1.clone()
        };
        assert_eq!(steps(&saved, "flamingo", &first), Setting::Value(31.into()));
        assert_eq!(steps(&saved, "other", &stage.model.open), Setting::Value(33.into()));
        assert_eq!(saved.last().and_then(|draft| draft.preset.as_deref()), Some("other"));
    }

    #[test]
    fn whatever_is_remembered_is_noted_when_it_changes_and_nothing_else_is() {
        let mut stage = Stage::new(120, 40);
        stage.hear(runs_msg(vec![RunSummary::from(&run(1, "a", &[Status::Done]))]));
        let mut saved = SavedState::default();
        assert!(saved.note(&stage.model), "what is open");
        assert!(!saved.note(&stage.model), "the same");
        for (keys, is_remembered) in [
            ("j", false),
            ("R", true),       // a seed policy
            ("j right", true), // a value
            ("u", true),       // undone
            ("*", true),       // a pin
            (">", true),       // the split
            ("4 w", true),     // lines of the log that are cut
            ("w", true),
            ("2 j", false),
            ("1 g enter", true), // a field that is open
            ("x", true),         // and what is typed
            ("esc", true),       // it is closed
        ] {
            stage.press(keys);
            assert_eq!(saved.note(&stage.model), is_remembered, "{keys}: {}", stage.told());
        }
        stage.model.draft.rename_preset("other".to_owned());
        stage.model.open.preset = Some(std::sync::Arc::new(OpenPreset::to_test("other")));
        assert!(saved.note(&stage.model), "another preset");
    }

    #[test]
    fn a_pin_is_found_again_by_title_class_and_input() {
        let params = |text: &str| {
            let workflow = crate::domain::Workflow::parse(text).unwrap();
            crate::domain::param::parameters(&workflow)
        };
        let node = |id: &str, title: &str| {
            format!(
                r#""{id}": {{"class_type": "CLIPTextEncode", "inputs": {{"text": "x"}}, "_meta": {{"title": "{title}"}}}}"#
            )
        };
        let pin = Pin {
            key: key("6-inputs-text"),
            class_type: "CLIPTextEncode".to_owned(),
            title: "Positive".to_owned(),
        };
        let found = |nodes: &[String]| pin.find(&params(&format!("{{{}}}", nodes.join(","))));
        assert_eq!(found(&[node("6", "Renamed"), node("9", "Positive")]), Some(key("6-inputs-text")));
        assert_eq!(found(&[node("9", "Positive"), node("7", "Negative")]), Some(key("9-inputs-text")));
        assert_eq!(found(&[node("9", "Positive"), node("7", "Positive")]), None, "either may be meant");
        assert_eq!(found(&[r#""6": {"class_type": "Other", "inputs": {"text": "x"}}"#.to_owned()]), None);
    }

    #[test]
    fn a_file_of_nonsense_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(folder.path());
        fs::create_dir_all(&dirs.state).unwrap();
        fs::write(path(&dirs), "{ \"split\": \"wide\"").unwrap();
        assert_eq!(SavedState::load(&dirs), SavedState::default());
    }
}
