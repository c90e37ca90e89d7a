use std::fs;

use super::*;
use crate::domain::RunRequest;
use crate::domain::run::InputFile;
use crate::tui::stage::{key, value};

/// Operations in a folder of its own, with a profile and the given workflow.
struct Room {
    folder: tempfile::TempDir,
    operations: Operations,
}

const WORKFLOW: &str = r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
    "52": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}}"#;

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dirs = Dirs::under(folder.path());
        let config = "[profiles.prod]\nurl = \"https://flamingo.example.com/\"\n";
        let config = Config::parse(config, &dirs.config_file());
        let options =
            Options { dirs, config, profile: None, url: None, workflow: None, preset: None, demo: false };
        let mut operations = Operations::new(options, Replies::to_test().0);
        operations.working = folder.path().to_owned();
        operations.presets = Presets::new(&operations.dirs, folder.path());
        fs::create_dir(folder.path().join("cats")).unwrap();
        fs::write(folder.path().join("cats/workflow_api.json"), WORKFLOW).unwrap();
        Self { folder, operations }
    }

    fn open(&mut self) -> Vec<Msg> {
        self.operations.asked.workflow = Some(self.folder.path().join("cats/workflow_api.json"));
        self.operations.open(&SavedState::default())
    }

    fn save(&mut self, name: &str, overwrite: bool, steps: i64) -> Vec<Msg> {
        let from = self.operations.preset.as_ref().map(|preset| preset.name.clone()).unwrap_or_default();
        let settings = vec![(key("3-inputs-steps"), value(steps))];
        let save = SavePreset { from, name: name.to_owned(), overwrite, settings, seeds: vec![] };
        self.operations.perform(Operation::SavePreset(save))
    }
}

fn opened(msgs: &[Msg]) -> &Opened {
    let found = msgs.iter().find_map(|msg| match msg {
        Msg::Opened(opened) => Some(opened),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{msgs:?}"))
}

#[test]
fn a_workflow_opens_under_its_folders_name_with_the_only_profile() {
    let mut room = Room::new();
    let told = room.open();
    assert_eq!(opened(&told).source.workflow_name, "cats");
    assert!(matches!(&told[1], Msg::Target(target) if target.profile == "prod"), "{told:?}");
}

#[test]
fn a_preset_is_saved_opened_changed_renamed_and_deleted() {
    let mut room = Room::new();
    room.open();
    let told = room.save("tabby", false, 30);
    assert!(matches!(&told[..], [Msg::Saved { layer, .. }] if layer.name == "tabby"), "{told:?}");
    assert_eq!(room.save("tabby", true, 31).len(), 1);
    let told = room.operations.perform(Operation::OpenPreset("tabby".to_owned()));
    assert_eq!(opened(&told).preset.settings[&key("3-inputs-steps")], value(31));
    let told =
        room.operations.perform(Operation::RenamePreset { from: "tabby".to_owned(), to: "tom".to_owned() });
    assert!(
        matches!(&told[..], [Msg::PresetRenamed(name), Msg::Notice(Tone::Good, _)] if name == "tom"),
        "{told:?}"
    );
    room.save("other", false, 5);
    assert_eq!(room.save("tom", false, 6), [Msg::NameTaken("tom".to_owned())]);
    assert!(matches!(&room.save("tom", true, 6)[..], [Msg::Saved { .. }]));
    fs::write(room.operations.dirs.config.join("presets/kitten.toml"), "extends = \"tom\"\n").unwrap();
    let told = room.operations.perform(Operation::ListPresets);
    let Some(Msg::Items(_, items)) = told.first() else { panic!("{told:?}") };
    let tom = items.iter().find(|item| item.id == "tom").expect("listed");
    assert_eq!(tom.extended_by, ["kitten"]);
    room.operations.perform(Operation::DeletePreset("tom".to_owned()));
    let told = room.operations.perform(Operation::OpenPreset("tom".to_owned()));
    assert!(matches!(&told[..], [Msg::NotOpened(why)] if why.contains("no preset `tom`")), "{told:?}");
}

#[test]
fn what_was_open_comes_back_with_its_edits() {
    let mut room = Room::new();
    room.open();
    room.save("tabby", false, 30);
    let mut stage = crate::tui::stage::Stage::new(120, 40);
    let told = room.operations.perform(Operation::OpenPreset("tabby".to_owned()));
    told.into_iter().for_each(|msg| drop(stage.hear(msg)));
    stage.model.draft.set(&key("6-inputs-text"), value("a dog"));
    let mut saved = SavedState::default();
    saved.note(&stage.model);
    let told = room.operations.open(&saved);
    assert_eq!(opened(&told).edits, [(key("6-inputs-text"), value("a dog"))]);
    assert_eq!(opened(&told).preset.name, "tabby");
}

#[test]
fn a_file_that_is_no_workflow_is_told_with_its_name() {
    let mut room = Room::new();
    fs::write(room.folder.path().join("ui.json"), r#"{"nodes": []}"#).unwrap();
    let told = room.operations.perform(Operation::OpenWorkflow("ui.json".into()));
    let [Msg::NotOpened(why)] = &told[..] else { panic!("{told:?}") };
    assert!(why.contains("ui.json: this is a workflow in ComfyUI's UI format"), "{why}");
}

#[test]
fn a_past_runs_files_come_back_by_content() {
    let mut room = Room::new();
    room.open();
    let path = room.folder.path().join("in.png");
    fs::write(&path, "first").unwrap();
    let store = Store::open(&room.operations.dirs).unwrap();
    let kept = store.keep_input(&path).unwrap();
    let request = RunRequest {
        params: [(key("3-inputs-seed"), 9.into()), (key("9-inputs-gone"), 1.into())].into_iter().collect(),
        files: vec![InputFile {
            part: "52-inputs-image".to_owned(),
            path: path.clone(),
            name: "in.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: kept.size,
            sha256: kept.sha256.clone(),
        }],
        ..RunRequest::default()
    };
    let run = store.queue(&request, 1).unwrap();
    let mut settings = || match &room.operations.perform(Operation::ReadSettings(run))[..] {
        [Msg::Settings { settings, told }] => (settings.clone(), told.clone()),
        other => panic!("{other:?}"),
    };
    let (same, told) = settings();
    assert_eq!(same[2], (key("52-inputs-image"), Setting::File(path.clone())));
    assert!(
        same.contains(&(key("6-inputs-text"), value("a cat"))),
        "what was not sent is as in the workflow"
    );
    assert_eq!(
        told,
        format!("Run {run} was of another workflow (): loaded what fits; the open one has no 9-inputs-gone")
    );
    fs::write(&path, "changed since").unwrap();
    assert_eq!(settings().0[2].1, Setting::File(store.input_path(&kept.sha256)));
}

#[test]
fn a_graph_is_read_kept_and_opened() {
    let mut room = Room::new();
    room.open();
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/metadata/samples/webp_exif.webp");
    fs::copy(sample, room.folder.path().join("a b.webp")).unwrap();
    let told = room.operations.perform(Operation::Import("a b.webp".into()));
    let [Msg::Imported(imported)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((imported.kind, imported.graph.nodes().len()), ("WebP", 5));
    let open = || Operation::OpenGraph { name: "../a b".to_owned(), graph: Box::new(imported.graph.clone()) };
    let told = room.operations.perform(open());
    let path = opened(&told).source.workflow_path.clone().unwrap();
    assert_eq!(path.parent(), Some(room.operations.dirs.data.join("workflows").as_path()));
    assert!(opened(&told).source.workflow_name.starts_with("a b-"), "{path:?}");
    assert_eq!(opened(&told).params.iter().filter(|param| param.is_editable()).count(), 16);
    // The same graph once more is the same file.
    assert_eq!(opened(&room.operations.perform(open())).source.workflow_path, Some(path));
    let told = room.operations.perform(Operation::Import("cats".into()));
    assert!(matches!(&told[..], [Msg::Notice(Tone::Bad, why)] if why.contains("it is no file")), "{told:?}");
}
