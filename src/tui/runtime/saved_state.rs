//! What the screen remembers from one start to the next: what was open, the edits, pins, the split.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::Dirs;
use crate::domain::{ParamKey, SeedPolicy, Setting};
use crate::tui::model::Model;
use crate::tui::msg::Opened;

/// The file's content. Whatever cannot be read is forgotten: it is a convenience, never a result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SavedState {
    /// Name of the draft that was open last.
    last: String,
    /// Edits of each draft, by its name: `preset NAME` or `workflow PATH`.
    drafts: IndexMap<String, SavedDraft>,
    /// Pinned parameters of each workflow, by its hash.
    pinned: IndexMap<String, Vec<ParamKey>>,
    /// Width of the left column in percent.
    pub(super) split: u16,
    /// Long log lines are cut.
    pub(super) log_cut: bool,
}

/// Edits of one draft.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SavedDraft {
    /// The workflow, when it was open without a preset.
    pub(super) workflow: Option<PathBuf>,
    pub(super) preset: Option<String>,
    values: Vec<(ParamKey, Value)>,
    files: Vec<(ParamKey, PathBuf)>,
    /// Seed policies over the preset.
    seeds: Vec<(ParamKey, SeedPolicy)>,
    /// The field that was open, with what had been typed.
    field: Option<(ParamKey, String)>,
}

impl SavedDraft {
    fn of(model: &Model) -> Self {
        let preset = &model.draft.preset().name;
        let mut draft = Self {
            workflow: model.open.workflow_path().map(Path::to_owned),
            preset: Some(preset.clone()).filter(|name| !name.is_empty()),
            field: model.params.editing.as_ref().map(|editing| (editing.key.clone(), editing.value())),
            seeds: model.draft.policy_edits().iter().map(|(key, policy)| (key.clone(), *policy)).collect(),
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
}

/// Drafts and pinned workflows that are remembered.
const MOST: usize = 100;

fn path(dirs: &Dirs) -> PathBuf {
    dirs.state.join("screen.json")
}

fn draft_name(preset: &str, workflow: Option<&Path>) -> String {
    match (preset, workflow) {
        ("", Some(path)) => format!("workflow {}", path.display()),
        ("", None) => String::new(),
        (preset, _) => format!("preset {preset}"),
    }
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
    fn draft(&self, preset: &str, workflow: Option<&Path>) -> Option<&SavedDraft> {
        self.drafts.get(&draft_name(preset, workflow))
    }

    /// Puts what is remembered of a workflow and its draft into the message that opens them. Edits come back at the start
    /// only: later on, whoever opens a preset wants the preset.
    pub(super) fn restore(&self, opened: &mut Opened, is_start: bool) {
        opened.pinned = opened.open.workflow_hash().and_then(|hash| self.pinned.get(hash).cloned());
        let draft = self.draft(&opened.layer.name, opened.open.workflow_path());
        if let Some(draft) = draft.filter(|_| is_start) {
            opened.edits = draft.edits();
            opened.seeds.clone_from(&draft.seeds);
            opened.field.clone_from(&draft.field);
        }
    }

    /// Takes down what the screen has now. Returns whether anything of it is new.
    pub(super) fn note(&mut self, model: &Model) -> bool {
        let layout = (model.split, model.log.cut);
        let mut changed = (self.split, self.log_cut) != layout;
        (self.split, self.log_cut) = layout;
        let Some(hash) = model.open.workflow_hash() else { return changed };
        let draft = SavedDraft::of(model);
        let name = draft_name(&model.draft.preset().name, model.open.workflow_path());
        if self.last != name || self.drafts.get(&name) != Some(&draft) {
            put_last(&mut self.drafts, name.clone(), draft);
            self.last = name;
            changed = true;
        }
        let pinned = self.pinned.get(hash);
        if pinned.is_none_or(|pinned| !pinned.iter().eq(&model.params.pinned)) {
            let pins = model.params.pinned.iter().cloned().collect();
            put_last(&mut self.pinned, hash.to_owned(), pins);
            changed = true;
        }
        changed
    }

    /// Writes the file whole or not at all.
    pub(super) fn save(&self, dirs: &Dirs) -> io::Result<()> {
        crate::config::dirs::private_dir(&dirs.state)?;
        let path = path(dirs);
        let temporary = path.with_extension("json.new");
        let mut file = fs::File::create(&temporary)?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.sync_data()?;
        fs::rename(temporary, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RunSummary, Status};
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
        let pins = &again.pinned[stage.model.open.workflow_hash().unwrap()];
        assert_eq!(pins, &[key("6-inputs-text"), key("3-inputs-seed"), key("3-inputs-steps")]);
        assert_eq!(draft.edits()[0].1.clone(), stage.model.draft.setting(&key("3-inputs-seed")).unwrap());
    }

    #[test]
    fn each_draft_has_its_own_place() {
        let mut saved = SavedState::default();
        let mut stage = Stage::new(120, 40);
        stage.press("j j right");
        saved.note(&stage.model);
        stage.model.draft.rename_preset("other".to_owned());
        stage.press("right right");
        saved.note(&stage.model);
        let steps =
            |saved: &SavedState, preset: &str| saved.draft(preset, None).unwrap().edits()[0].1.clone();
        assert_eq!(steps(&saved, "flamingo"), Setting::Value(31.into()));
        assert_eq!(steps(&saved, "other"), Setting::Value(33.into()));
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
        assert!(saved.note(&stage.model), "another preset");
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
