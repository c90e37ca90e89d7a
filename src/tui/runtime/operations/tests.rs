use std::fs;

use super::super::saved_state::SavedState;
use super::*;
use crate::domain::RunId;
use crate::domain::RunRequest;
use crate::domain::Setting;
use crate::domain::run::InputFile;
use crate::tui::effect::Effect;
use crate::tui::stage::{Stage, key, value};

/// Operations in a folder of its own with two workflows, and a screen that asks for them.
struct Room {
    stage: Stage,
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
        let config = "default_profile = \"prod\"\n[profiles.prod]\nurl = \"https://flamingo.example.com/\"\nwithout_credentials = true\n\
                      [profiles.test]\nurl = \"https://test.example.com/\"\nwithout_credentials = true\n";
        let config = Config::parse(config, &dirs.config_file());
        let mut operations = Operations::new(dirs, config, Replies::to_test().0);
        operations.working = folder.path().to_owned();
        operations.presets = Presets::new(&operations.dirs, folder.path());
        fs::create_dir(folder.path().join("cats")).unwrap();
        fs::write(folder.path().join("cats/workflow_api.json"), WORKFLOW).unwrap();
        fs::create_dir(folder.path().join("dogs")).unwrap();
        fs::write(folder.path().join("dogs/workflow_api.json"), WORKFLOW.replace("a cat", "a dog")).unwrap();
        fs::create_dir_all(operations.dirs.config.join("presets")).unwrap();
        Self { stage: Stage::empty(120, 40), folder, operations }
    }

    /// Performs an operation, passes its messages to the model, and returns them.
    fn perform(&mut self, operation: Operation) -> Vec<Msg> {
        let messages = self.operations.perform(operation);
        messages.iter().for_each(|msg| drop(self.stage.hear(msg.clone())));
        messages
    }

    fn open(&mut self) -> Vec<Msg> {
        self.perform(Operation::OpenWorkflow("cats/workflow_api.json".into(), ProfileChoice::default()))
    }

    fn open_preset(&mut self, name: &str) -> Vec<Msg> {
        self.perform(Operation::OpenPreset(name.to_owned(), ProfileChoice::default()))
    }

    fn save(&mut self, name: &str, overwrite: bool, steps: i64) -> Vec<Msg> {
        let open = self.stage.model.open.clone();
        let settings = vec![(key("3-inputs-steps"), value(steps))];
        let save = SavePreset {
            open,
            name: name.to_owned(),
            overwrite,
            settings,
            seeds: vec![],
            expand: Vec::new(),
            aliases: vec![],
            pins: None,
            only_difference: false,
        };
        self.perform(Operation::SavePreset(save))
    }

    /// Does what the keys ask for.
    fn press(&mut self, keys: &str) -> Vec<Msg> {
        let effects = self.stage.press(keys);
        self.perform_all(effects)
    }

    fn type_text(&mut self, text: &str) {
        let effects = self.stage.type_text(text);
        self.perform_all(effects);
    }

    fn perform_all(&mut self, effects: Vec<Effect>) -> Vec<Msg> {
        let operations = effects.into_iter().filter_map(|effect| match effect {
            Effect::Do(operation) => Some(operation),
            Effect::Ask(_) | Effect::Server(_) | Effect::Screen(_) => None,
        });
        operations.flat_map(|operation| self.perform(operation)).collect()
    }

    fn preset(&self, name: &str) -> String {
        let path = self.operations.dirs.config.join(format!("presets/{name}.toml"));
        fs::read_to_string(path).unwrap_or_default()
    }
}

#[test]
fn chosen_values_of_another_preset_are_laid_over_and_only_what_differs_is_saved() {
    let mut room = Room::new();
    room.open();
    room.save("base", false, 30);
    let other =
        "[params]\n3-inputs-steps = 44\n3-inputs-seed = 55\n6-inputs-text = \"a dog\"\n99-inputs-x = 1\n";
    fs::write(room.operations.dirs.config.join("presets/other.toml"), other).unwrap();
    room.open_preset("base");
    let messages = room.perform(Operation::ReadLayer("other".to_owned(), room.stage.model.open.clone()));
    assert!(matches!(&messages[..], [Msg::Layer(_, problems)] if problems.len() == 1), "{messages:?}");
    let screen = room.stage.screen();
    for told in ["Lay over: preset other", "30 → 44", "7 → 55", "3 of 3 marked"] {
        assert!(screen.contains(told), "{told} in {screen}");
    }
    // None, then one of them.
    room.press("a enter");
    assert!(room.stage.told().contains("Nothing is marked"), "{}", room.stage.told());
    let steps = room.stage.screen();
    let place = |name: &str| steps.lines().position(|line| line.contains(name)).expect(name);
    let down = place("30 → 44") - place("○");
    room.press(&"j ".repeat(down));
    room.press("space enter");
    let draft = &room.stage.model.draft;
    assert_eq!(draft.setting(&key("3-inputs-steps")), Some(value(44)));
    assert_eq!(draft.origin(&key("3-inputs-steps")).to_string(), "laid over: other");
    assert_eq!(draft.changes(), 1);
    assert_eq!(room.press("u").len(), 0);
    assert_eq!(room.stage.model.draft.changes(), 0, "one step");
    room.press("U");
    // An alias and a pin of the screen, and a value that is as in the preset.
    room.stage.model.draft.set(&key("3-inputs-seed"), value(8));
    room.stage.model.params.selected = Some(key("3-inputs-seed"));
    room.press("* N");
    room.type_text("dice");
    room.press("enter N");
    assert_eq!(room.stage.model.draft.alias(&key("3-inputs-seed")), Some("dice"));
    // The name is selected: what is typed takes its place.
    room.type_text("dice");
    room.press("enter alt+s");
    room.type_text("more");
    let messages = room.press("enter");
    assert!(matches!(&messages[..], [Msg::Saved { .. }]), "{messages:?} {}", room.stage.told());
    let text = room.preset("more");
    let lines: Vec<&str> = text.lines().skip(1).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines[..2], ["extends = \"base\"", "pins = [\"3-inputs-seed\"]"], "{text}");
    for line in ["3-inputs-steps = 44", "3-inputs-seed = 8", "dice = \"3-inputs-seed\""] {
        assert!(lines.contains(&line), "{line} in {text}");
    }
    assert!(room.stage.model.open.is_preset("more") && !room.stage.model.draft.is_edited());
    let again = opened(&room.open_preset("more")).layer.clone();
    assert_eq!(again.alias(&key("3-inputs-seed")), Some("dice"));
    assert_eq!(again.settings[&key("3-inputs-steps")], value(44));
    room.press("alt+s");
    assert!(room.stage.told().contains("Nothing differs"), "{}", room.stage.told());
}

fn opened(msgs: &[Msg]) -> &Opened {
    let found = msgs.iter().find_map(|msg| match msg {
        Msg::Opened(opened) => Some(opened),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{msgs:?}"))
}

#[test]
fn a_workflow_opens_under_its_folders_name_with_a_profile() {
    let mut room = Room::new();
    let messages = room.open();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(opened(&messages).open.workflow_name(), "cats");
    assert_eq!(opened(&messages).open.profile.as_ref().map(|profile| profile.name.as_str()), Some("prod"));
}

#[test]
fn a_preset_is_saved_opened_changed_renamed_and_deleted() {
    let mut room = Room::new();
    room.open();
    let messages = room.save("tabby", false, 30);
    assert!(matches!(&messages[..], [Msg::Saved { layer, .. }] if layer.name == "tabby"), "{messages:?}");
    assert_eq!(room.save("tabby", true, 31).len(), 1);
    let messages = room.open_preset("tabby");
    assert_eq!(opened(&messages).layer.settings[&key("3-inputs-steps")], value(31));
    room.perform(Operation::RenamePreset { from: "tabby".to_owned(), to: "tom".to_owned() });
    assert!(room.stage.model.open.is_preset("tom"));
    assert_eq!(room.stage.model.draft.preset().name, "tom");
    room.save("other", false, 5);
    assert!(room.stage.model.open.is_preset("other"), "what was saved as another is open");
    assert_eq!(room.save("tom", false, 6), [Msg::NameTaken("tom".to_owned())]);
    assert!(matches!(&room.save("tom", true, 6)[..], [Msg::Saved { .. }]));
    fs::write(room.operations.dirs.config.join("presets/kitten.toml"), "extends = \"tom\"\n").unwrap();
    let messages = room.perform(Operation::ListPresets);
    let Some(Msg::Items(_, items)) = messages.first() else { panic!("{messages:?}") };
    let tom = items.iter().find(|item| item.id == "tom").expect("listed");
    assert_eq!(tom.extended_by, ["kitten"]);
    room.perform(Operation::DeletePreset("tom".to_owned()));
    assert_eq!(room.stage.model.open.preset, None);
    assert_eq!(room.stage.model.draft.preset().name, "", "what it set stays, without a name");
    let messages = room.open_preset("tom");
    assert!(
        matches!(&messages[..], [Msg::NotOpened(why)] if why.contains("no preset `tom`")),
        "{messages:?}"
    );
}

#[test]
fn what_was_open_comes_back_with_its_edits() {
    let mut room = Room::new();
    room.open();
    room.save("tabby", false, 30);
    room.stage.model.draft.set(&key("6-inputs-text"), value("a dog"));
    let mut saved = SavedState::default();
    saved.note(&room.stage.model);
    let asked = Asked { workflow: None, preset: None, demo: false };
    let messages = room.operations.open_first(&asked, &ProfileChoice::default(), saved.last());
    let mut at_start = opened(&messages).clone();
    saved.restore(&mut at_start, true);
    assert_eq!(at_start.edits, [(key("6-inputs-text"), value("a dog"))]);
    assert!(at_start.open.is_preset("tabby") && at_start.pinned.is_some());
    let mut later = opened(&messages).clone();
    saved.restore(&mut later, false);
    assert_eq!((later.edits, later.pinned), (Vec::new(), at_start.pinned));
}

#[test]
fn a_first_start_begins_without_an_error_and_one_that_was_asked_for_more_says_what_is_missing() {
    let mut room = Room::new();
    room.operations.config = Config::parse("", &room.operations.dirs.config_file());
    let choice = ProfileChoice::default();
    let mut asked = Asked { workflow: None, preset: None, demo: false };
    assert_eq!(room.operations.open_first(&asked, &choice, None), []);
    asked.preset = Some("nowhere".to_owned());
    let messages = room.operations.open_first(&asked, &choice, None);
    assert!(matches!(messages[..], [Msg::Notice(Tone::Bad, _), Msg::Notice(Tone::Bad, _)]), "{messages:?}");
    let named = ProfileChoice { profile: Some("prod".to_owned()), url: None };
    asked.preset = None;
    let messages = room.operations.open_first(&asked, &named, None);
    assert!(matches!(messages[..], [Msg::Notice(Tone::Bad, _)]), "{messages:?}");
}

/// The workflow, profile and preset of a run in the history.
fn sent(room: &Room, run: RunId) -> (String, String, Option<String>) {
    let store = Store::open(&room.operations.dirs).unwrap();
    let request = store.run(run).unwrap().expect("queued").request;
    (request.workflow_hash, request.profile, request.preset)
}

#[test]
fn what_the_person_saw_is_what_is_sent_however_opening_and_submitting_meet() {
    let mut room = Room::new();
    room.stage.model.same_unasked = true;
    fs::write(
        room.operations.dirs.config.join("presets/dogs.toml"),
        "workflow = \"../../dogs/workflow_api.json\"\nprofile = \"test\"\n",
    )
    .unwrap();
    room.open();
    let seen = |stage: &Stage| {
        let open = &stage.model.open;
        let profile = open.profile.as_ref().map(|profile| profile.name.clone());
        let preset = open.preset.as_ref().map(|preset| preset.name.clone());
        (open.workflow_hash().unwrap().to_owned(), profile.unwrap(), preset)
    };
    let operations = |effects: Vec<Effect>| {
        effects.into_iter().filter_map(|effect| match effect {
            Effect::Do(operation) => Some(operation),
            Effect::Ask(_) | Effect::Server(_) | Effect::Screen(_) => None,
        })
    };
    let opening = Operation::OpenPreset("dogs".to_owned(), ProfileChoice::default());
    let mut runs = Vec::new();
    // Run is pressed; then the preset is opened, before the run is done, or after.
    for opened_first in [false, true] {
        room.open();
        let before = seen(&room.stage);
        let pressed: Vec<Operation> = operations(room.stage.press("ctrl+r x")).collect();
        assert_eq!(pressed.len(), 1, "{pressed:?}");
        if opened_first {
            room.perform(opening.clone());
            assert_ne!(seen(&room.stage), before, "another workflow, another profile");
        }
        let messages = pressed.into_iter().flat_map(|run| room.perform(run)).collect::<Vec<_>>();
        let Some(Msg::Submitted { run, .. }) = messages.first() else { panic!("{messages:?}") };
        runs.push((sent(&room, *run), before));
        room.perform(opening.clone());
    }
    // Run is pressed after an open was requested and before its answer: nothing is submitted.
    room.open();
    room.stage.model.opening = true;
    assert_eq!(operations(room.stage.press("ctrl+r x")).count(), 0);
    assert!(room.stage.told().is_empty() || room.stage.told().contains("opening"), "{}", room.stage.told());
    room.perform(opening);
    let after = seen(&room.stage);
    let pressed: Vec<Operation> = operations(room.stage.press("ctrl+r x")).collect();
    let messages = pressed.into_iter().flat_map(|run| room.perform(run)).collect::<Vec<_>>();
    let Some(Msg::Submitted { run, .. }) = messages.first() else { panic!("{messages:?}") };
    runs.push((sent(&room, *run), after));
    for (sent, seen) in runs {
        assert_eq!(sent, seen);
    }
}

#[test]
fn a_file_that_is_not_a_workflow_is_reported_by_name() {
    let mut room = Room::new();
    let group = r#"{"nodes": [{"id": 8, "type": "workflow>Both"}]}"#;
    fs::write(room.folder.path().join("ui.json"), group).unwrap();
    let messages = room.perform(Operation::OpenWorkflow("ui.json".into(), ProfileChoice::default()));
    let [Msg::NotOpened(why)] = &messages[..] else { panic!("{messages:?}") };
    assert!(why.contains("ui.json: node 8 (workflow>Both): it is a group node"), "{why}");
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
    let mut settings = || match &room.perform(Operation::ReadSettings(run, room.stage.model.open.clone()))[..]
    {
        [Msg::Settings { settings, told, .. }] => (settings.clone(), told.clone()),
        other => panic!("{other:?}"),
    };
    let (same, told) = settings();
    assert_eq!(same[2], (key("52-inputs-image"), Setting::File(path.clone())));
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
    let messages = room.perform(Operation::Import("a b.webp".into(), None));
    let [Msg::Imported(imported)] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!((imported.kind, imported.graph.nodes().len()), ("WebP", 5));
    let open = || Operation::OpenGraph {
        name: "../a b".to_owned(),
        graph: Box::new(imported.graph.clone()),
        profile: ProfileChoice::default(),
    };
    let messages = room.perform(open());
    let path = opened(&messages).open.workflow_path().unwrap().to_owned();
    assert_eq!(path.parent(), Some(room.operations.dirs.data.join("workflows").as_path()));
    assert!(opened(&messages).open.workflow_name().starts_with("a b-"), "{path:?}");
    assert_eq!(
        opened(&messages)
            .open
            .workflow
            .as_ref()
            .unwrap()
            .params
            .iter()
            .filter(|param| param.is_editable())
            .count(),
        16
    );
    // The same graph gets the same file.
    assert_eq!(opened(&room.perform(open())).open.workflow_path(), Some(path.as_path()));
    let messages = room.perform(Operation::Import("cats".into(), None));
    assert!(
        matches!(&messages[..], [Msg::Notice(Tone::Bad, why)] if why.contains("it is not a file")),
        "{messages:?}"
    );
}
