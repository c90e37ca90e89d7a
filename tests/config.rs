//! Presets and the config file on a real disk.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use comfydeck::config::{Config, Dirs};
use comfydeck::domain::{ParamKey, Parameter, SeedPolicy, Setting, Workflow, param};
use comfydeck::library::open::{self, OpenError, OpenRequest};
use comfydeck::library::presets::{Edits, PresetError, PresetSource, Presets, WorkflowSource};
use comfydeck::library::schemas::Schemas;
use indexmap::IndexMap;

struct Place {
    root: tempfile::TempDir,
    dirs: Dirs,
    presets: Presets,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(&root.path().join("home"));
        let presets = Presets::new(&dirs, &root.path().join("work"));
        Self { root, dirs, presets }
    }

    fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }
}

fn key(text: &str) -> ParamKey {
    ParamKey::parse(text).expect(text)
}

fn params() -> Vec<Parameter> {
    let WorkflowSource::BuiltIn(name) = WorkflowSource::read("builtin:text_to_image.json", Path::new("/"))
    else {
        panic!("not built in")
    };
    let text = WorkflowSource::built_in(&name).expect("it ships");
    param::parameters(&Workflow::parse(text).expect("a workflow"))
}

fn settings(pairs: Vec<(&str, Setting)>) -> IndexMap<ParamKey, Setting> {
    pairs.into_iter().map(|(name, setting)| (key(name), setting)).collect()
}

fn save(place: &Place, name: &str, settings: &IndexMap<ParamKey, Setting>) -> PathBuf {
    let opened = place.presets.open(name).expect("opened");
    let edits = Edits { settings: settings.clone(), ..Edits::default() };
    place.presets.save(&opened, &edits).expect("saved")
}

#[test]
fn the_presets_that_ship_load_without_a_word() {
    let place = Place::new();
    let listed = place.presets.list().expect("a list");
    let names: Vec<_> = listed.iter().map(|listed| (listed.name.as_str(), &listed.source)).collect();
    assert_eq!(names, [("flamingo", &PresetSource::BuiltIn), ("sorcerer", &PresetSource::BuiltIn)]);
    for listed in &listed {
        let opened = place.presets.open(&listed.name).expect("opened");
        let (layer, found) = opened.layer(&params());
        assert_eq!((opened.diagnostics.as_slice(), found.as_slice()), ([].as_slice(), [].as_slice()));
        assert_eq!(opened.workflow, Some(WorkflowSource::BuiltIn("text_to_image.json".to_owned())));
        assert!(layer.settings.contains_key(&key("6-inputs-text")) && layer.aliases.contains_key("prompt"));
    }
}

#[test]
fn the_nearest_place_wins_and_the_hidden_one_can_be_extended() {
    let place = Place::new();
    place.write("home/config/presets/flamingo.toml", "extends = \"flamingo\"\ntitle = \"Mine\"\n");
    let own = place.write(
        "work/presets/flamingo.toml",
        "extends = \"flamingo\"\nworkflow = \"w.json\"\n[params]\n3-inputs-steps = 3\n",
    );
    place.write("work/presets/notes.txt", "no preset");
    let opened = place.presets.open("flamingo").expect("opened");
    assert_eq!(opened.source, PresetSource::File(own.clone()));
    assert_eq!(opened.title, "Mine");
    assert_eq!(opened.workflow, Some(WorkflowSource::File(place.path("work/presets/w.json"))));
    let (layer, _) = opened.layer(&params());
    assert_eq!(layer.settings[&key("3-inputs-steps")], Setting::Value(3.into()));
    assert_eq!(
        layer.settings[&key("3-inputs-cfg")].clone(),
        Setting::Value(serde_json::from_str("7.5").expect("7.5"))
    );
    assert_eq!(place.presets.open(&own.display().to_string()).expect("by path").source, opened.source);
}

#[test]
fn a_circle_is_refused_and_a_missing_parent_is_reported() {
    let place = Place::new();
    place.write("work/presets/a.toml", "extends = \"b\"");
    place.write("work/presets/b.toml", "extends = \"c\"");
    place.write("work/presets/c.toml", "extends = \"a\"");
    place.write("work/presets/d.toml", "\nextends = \"flamingoo\"\n[params]\n3-inputs-steps = 3\n");
    let ring = place.presets.open("a").expect_err("in a circle").to_string();
    assert!(ring.contains("a → b → c → a"), "{ring}");
    place.write("work/presets/self.toml", "extends = \"self\"");
    assert!(matches!(place.presets.open("self"), Err(PresetError::Ring(_))));
    let opened = place.presets.open("d").expect("the rest loads");
    let message = opened.diagnostics[0].to_string();
    assert!(
        message.contains("d.toml:2: there is no preset `flamingoo`. Did you mean `flamingo`?"),
        "{message}"
    );
    assert_eq!(opened.layer(&params()).0.settings.len(), 1);
    assert!(matches!(place.presets.open("nothing like it"), Err(PresetError::NotFound { .. })));
}

#[test]
fn saving_keeps_comments_unknown_keys_permissions_and_links() {
    let place = Place::new();
    let text = "# mine\nworkflow = \"w.json\"\nlater = 1\n[params]\n99-inputs-gone = 'x' # kept\n3-inputs-cfg = 6.00 # cfg\n3-inputs-steps = 18446744073709551615\n";
    let real = place.write("work/real.toml", text);
    fs::create_dir_all(place.path("work/presets")).expect("made");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).expect("changed");
    let link = place.path("work/presets/mine.toml");
    std::os::unix::fs::symlink("../real.toml", &link).expect("linked");
    let file = place.write("work/presets/in/pink.png", "png");
    let changed = settings(vec![
        ("6-inputs-text", Setting::Value("one\ntwo".into())),
        ("52-inputs-image", Setting::File(file)),
    ]);
    assert_eq!(save(&place, "mine", &changed), link);
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(fs::metadata(&real).expect("there").permissions().mode() & 0o777, 0o640);
    assert_eq!(
        fs::read_to_string(&real).expect("there"),
        "# mine\nworkflow = \"w.json\"\nlater = 1\n[params]\n99-inputs-gone = 'x' # kept\n3-inputs-cfg = 6.00 # cfg\n3-inputs-steps = 18446744073709551615\n6-inputs-text = \"\"\"\none\ntwo\"\"\"\n\n[files]\n52-inputs-image = \"in/pink.png\"\n"
    );
}

#[test]
fn a_built_in_preset_saves_as_a_copy_that_goes_before_it() {
    let place = Place::new();
    let path = save(&place, "flamingo", &settings(vec![("3-inputs-steps", Setting::Value(9.into()))]));
    assert_eq!(path, place.path("home/config/presets/flamingo.toml"));
    let text = fs::read_to_string(&path).expect("there");
    assert!(
        text.starts_with("# A flamingo") && text.contains("workflow = \"builtin:text_to_image.json\""),
        "{text}"
    );
    let opened = place.presets.open("flamingo").expect("opened");
    assert_eq!(opened.source, PresetSource::File(path));
    assert_eq!(opened.layer(&params()).0.settings[&key("3-inputs-steps")], Setting::Value(9.into()));
    assert_eq!(opened.workflow, Some(WorkflowSource::BuiltIn("text_to_image.json".to_owned())));
}

#[test]
fn save_as_rename_and_delete() {
    let place = Place::new();
    let seeds = [(key("3-inputs-seed"), SeedPolicy::Randomize)].into_iter().collect();
    let edits = Edits { seeds, ..Edits::default() };
    let workflow = WorkflowSource::File(place.path("flows/w.json"));
    let path = place.presets.save_as(None, "new one", Some(&workflow), &edits, false).expect("saved");
    let expected = format!(
        "#:schema ../schema/preset.json\nworkflow = \"{}\"\n\n[seeds]\n3-inputs-seed = \"randomize\"\n",
        place.path("flows/w.json").display()
    );
    assert_eq!(fs::read_to_string(&path).expect("there"), expected);
    let exists = place.presets.save_as(None, "new one", Some(&workflow), &edits, false);
    assert!(matches!(exists, Err(PresetError::Exists(_))));
    let source = PresetSource::File(path.clone());
    let renamed = place.presets.rename(("new one", &source), "newer").expect("renamed");
    assert!(renamed.exists() && !path.exists());
    place.write("home/config/presets/other.toml", "title = \"other\"");
    let source = PresetSource::File(renamed.clone());
    assert!(matches!(place.presets.rename(("newer", &source), "other"), Err(PresetError::Exists(_))));
    assert!(renamed.exists());
    place.presets.delete(("newer", &source)).expect("deleted");
    assert!(!renamed.exists());
    assert!(matches!(
        place.presets.delete(("flamingo", &PresetSource::BuiltIn)),
        Err(PresetError::IsBuiltIn(_))
    ));
}

#[test]
fn names_that_could_be_paths_are_refused() {
    let place = Place::new();
    for name in ["", "../x", "a/b", ".hidden", "a\nb", "x.toml", " x", "-x", &"x".repeat(101)] {
        assert!(matches!(place.presets.path_for(name, None), Err(PresetError::BadName { .. })), "{name:?}");
    }
}

#[test]
fn a_config_with_a_secret_that_others_can_read_is_reported_with_the_remedy() {
    let place = Place::new();
    let table = [
        ("client_secret = \"s3cret\"", 0o644, true),
        ("client_secret = \"s3cret\"", 0o600, false),
        ("client_secret = { env = \"X\" }", 0o644, false),
    ];
    for (line, mode, warned) in table {
        let path = place.write(
            "home/config/config.toml",
            &format!("[profiles.p]\nurl = \"https://x.example\"\n{line}\n"),
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("changed");
        let config = Config::load(&place.dirs).expect("a config");
        let remedy = format!("Run: chmod 600 {}", path.display());
        let messages: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            messages.iter().any(|line| line.ends_with(&remedy)),
            warned,
            "{line} {mode:o} {messages:?}"
        );
        assert!(!format!("{config:?}{messages:?}").contains("s3cret"));
    }
}

#[test]
fn a_profile_calls_what_its_protocol_calls() {
    let profile = |text: &str| {
        let text = format!("[profiles.p]\nurl = \"https://a.example/run\"\n{text}");
        let config = Config::parse(&text, Path::new("config.toml"));
        let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
        let called = config.profiles.get("p").map(|profile| profile.called_url().to_owned());
        (called, warnings.join("\n"))
    };
    let url = |text: &str| Some(text.to_owned());
    let none = String::new();
    assert_eq!(profile(""), (url("https://a.example/run"), none.clone()));
    assert_eq!(profile("protocol = \"cloud\""), (url("https://api.viewcomfy.com"), none.clone()));
    let own = "protocol = \"cloud\"\napi_url = \"https://b.example\"";
    assert_eq!(profile(own), (url("https://b.example"), none));
    let (called, message) = profile("api_url = \"https://b.example\"");
    assert_eq!(called, url("https://a.example/run"));
    assert!(message.contains("`profiles.p.api_url` is ignored"), "{message}");
    let (called, message) = profile("protocol = \"cloud\"\napi_url = \"b.example\"");
    assert_eq!(called, None);
    assert!(message.contains("config.toml:4") && message.contains("cannot be used"), "{message}");
    let (_, message) = profile("protocol = \"clod\"");
    assert!(message.contains("\"stream\", \"cloud\", \"comfyui\" or \"v2\""), "{message}");
}

#[test]
fn an_unreadable_config_is_an_error_and_none_is_not() {
    let place = Place::new();
    assert_eq!(Config::load(&place.dirs).expect("none is fine").profiles.len(), 0);
    let path = place.write("home/config/config.toml", "x");
    fs::write(&path, [0xff]).expect("written");
    let error = Config::load(&place.dirs).expect_err("no text").to_string();
    assert!(error.contains("config.toml cannot be read: it is not UTF-8 text"), "{error}");
}

const WORKFLOW: &str = r#"{"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}},
    "3": {"class_type": "KSampler", "inputs": {"seed": 18446744073709551615, "cfg": 6.0}}}"#;

fn form(workflows: &[&str]) -> String {
    let entry = |title: &&str| {
        let view = format!(
            r#"{{"title": "{title}", "inputs": [{{"title": "Words", "inputs": [
                {{"key": "6-inputs-text", "title": "Prompt {title}", "valueType": "long-text"}},
                {{"key": "3-inputs-seed", "title": "Seed", "valueType": "seed", "value": 5e-324}}]}}], "advancedInputs": []}}"#
        );
        format!(r#"{{"viewComfyJSON": {view}, "workflowApiJSON": {WORKFLOW}}}"#)
    };
    let entries: Vec<String> = workflows.iter().map(entry).collect();
    format!(r#"{{"file_type": "view_comfy", "workflows": [{}]}}"#, entries.join(","))
}

#[test]
fn a_form_beside_the_workflow_or_around_it_shapes_the_parameters() {
    let place = Place::new();
    place.write("work/w.json", WORKFLOW);
    place.write("work/view_comfy.json", &form(&["A", "B"]));
    let shown = |name: &str| {
        let opened = open::workflow(&WorkflowSource::File(place.path(name))).expect(name);
        let faults = opened.diagnostics.iter().map(ToString::to_string);
        let messages: Vec<String> = faults.chain(opened.notes()).collect();
        let seed = opened.params.iter().find(|p| p.label == "Seed").expect("the seed").default.to_string();
        assert_eq!((seed.as_str(), opened.seeds.len()), ("18446744073709551615", 1));
        (opened.params[0].label.clone(), opened.params.last().expect("a rest").hidden, messages)
    };
    assert_eq!(shown("work/w.json"), ("Prompt A".to_owned(), true, vec![]));
    assert_eq!(shown("work/view_comfy.json#B"), ("Prompt B".to_owned(), true, vec![]));
    let (label, _, messages) = shown("work/view_comfy.json");
    assert_eq!(label, "Prompt A");
    assert!(
        messages.len() == 1 && messages[0].contains("2 workflows") && messages[0].contains("json#B"),
        "{messages:?}"
    );
    let wrong = open::workflow(&WorkflowSource::File(place.path("work/view_comfy.json#C")));
    assert!(matches!(wrong, Err(OpenError::NoSuchTitle { .. })));
    place.write("work/view_comfy.json", "{");
    let opened =
        open::workflow(&WorkflowSource::File(place.path("work/w.json"))).expect("the workflow loads");
    assert!(opened.diagnostics[0].message.contains("ignored"), "{:?}", opened.diagnostics);
}

#[test]
fn arguments_go_before_the_preset_and_the_preset_before_the_profile() {
    let place = Place::new();
    let own = place.write("work/own.json", WORKFLOW);
    place.write("home/config/of_profile.json", WORKFLOW);
    place.write(
        "home/config/config.toml",
        "default_profile = \"a\"\n[profiles.a]\nurl = \"https://a.example\"\nworkflow = \"of_profile.json\"\n[profiles.b]\nurl = \"http://b.example\"\n",
    );
    place.write("work/presets/p.toml", "extends = \"flamingo\"\nprofile = \"b\"\n");
    let config = Config::load(&place.dirs).expect("a config");
    let opened = |target: OpenRequest<'_>| {
        let opening = open::open(&config, &place.presets, &Schemas::new(&place.dirs), &target)?;
        let source = opening.workflow.source.shown();
        let url = opening.profile.map_or_else(|e| e.to_string(), |profile| profile.url);
        Ok::<_, OpenError>((source.rsplit('/').next().unwrap_or_default().to_owned(), url))
    };
    let target = OpenRequest::default();
    let table = [
        (target, ("of_profile.json", "https://a.example")),
        (
            OpenRequest { preset: Some("flamingo"), ..target },
            ("builtin:text_to_image.json", "https://a.example"),
        ),
        (OpenRequest { preset: Some("p"), ..target }, ("builtin:text_to_image.json", "http://b.example")),
        (
            OpenRequest { preset: Some("p"), profile: Some("a"), ..target },
            ("builtin:text_to_image.json", "https://a.example"),
        ),
        (
            OpenRequest { preset: Some("p"), url: Some("https://c.example"), workflow: Some(&own), ..target },
            ("own.json", "https://c.example"),
        ),
    ];
    for (target, (workflow, url)) in table {
        assert_eq!(opened(target).expect("opened"), (workflow.to_owned(), url.to_owned()), "{target:?}");
    }
    assert!(matches!(opened(OpenRequest { profile: Some("b"), ..target }), Err(OpenError::NoWorkflow)));
}

#[test]
fn the_examples_in_the_docs_load_without_a_word() {
    let block = |text: &str| {
        let from = text.split("```toml\n").nth(1).expect("an example");
        from.split("```").next().expect("an end").to_owned()
    };
    let config = Config::parse(&block(include_str!("../docs/config.md")), Path::new("/x/config.toml"));
    assert_eq!((config.warnings.as_slice(), config.profiles.len()), ([].as_slice(), 3));
    let text = block(include_str!("../docs/presets.md"));
    let (preset, found) = comfydeck::domain::preset::Preset::parse(&text, "docs");
    assert_eq!((found.as_slice(), preset.params.len(), preset.files.len()), ([].as_slice(), 3, 2));
}
