//! Workflows as people have them, through the real program: they open, what is said is sent, what isn't known is asked.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Ended, Home, Server};

fn node(class: &str, inputs: Value, title: &str) -> Value {
    json!({"class_type": class, "inputs": inputs, "_meta": {"title": title}})
}

/// Two encoders of one title, the negative first; LoRAs as objects; a float that the export wrote as 1.
fn workflow() -> Value {
    let encoder = "CLIP Text Encode (Prompt)";
    json!({
        "7": node("CLIPTextEncode", json!({"text": "blurry", "clip": ["4", 1]}), encoder),
        "4": node("CheckpointLoaderSimple", json!({"ckpt_name": "base.safetensors"}), "Load Checkpoint"),
        "6": node("CLIPTextEncode", json!({"text": "a lighthouse", "clip": ["4", 1]}), encoder),
        "10": node("Power Lora Loader (rgthree)", json!({
            "PowerLoraLoaderHeaderWidget": {"type": "PowerLoraLoaderHeaderWidget"},
            "lora_1": {"on": true, "lora": "woodcut.safetensors", "strength": 0.8, "extra": [1, null]},
            "lora_2": {"on": false, "lora": "detail.safetensors", "strength": 1},
            "\u{2795} Add Lora": "", "model": ["4", 0]}), "LoRAs"),
        "12": node("ApplyStyle", json!({"weight": 1, "model": ["10", 0], "note": "a"}), "Style"),
        "3": node("KSampler", json!({"seed": 7, "steps": 20, "cfg": 6, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1, "model": ["12", 0], "positive": ["6", 0], "negative": ["7", 0]}), "KSampler"),
        "13": node("KSampler", json!({"seed": 8, "steps": 9, "cfg": 6, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 0.5, "model": ["12", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["3", 0]}), "Second"),
    })
}

struct Case {
    home: Home,
    server: Server,
}

impl Case {
    fn new(workflow: &str) -> Self {
        let case = Self { home: Home::new(), server: Server::quick() };
        case.write(workflow);
        case
    }

    fn write(&self, workflow: &str) {
        fs::write(self.home.folder.path().join("w.json"), workflow).expect("written");
    }

    fn run(&self, sets: &[&str]) -> Ended {
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let args = ["run", "--workflow", "w.json", "--url", &self.server.url, "-o", "out"];
        self.home.deck(&args.into_iter().chain(sets).collect::<Vec<_>>())
    }

    /// What the newest run sent.
    fn sent(&self, run: i64) -> Value {
        json!(self.home.stored(run).request.params)
    }
}

#[test]
fn names_of_what_inputs_are_for_work_on_any_workflow() {
    let case = Case::new(&workflow().to_string());
    let ended = case.run(&[
        "prompt=a heron",
        "negative=text",
        "10-inputs-lora_1.strength=0.50",
        "10-inputs-lora_2=on detail.safetensors 0.3",
        "12-inputs-weight=0.8",
        "3-inputs-seed=9",
    ]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let sent = case.sent(1);
    assert_eq!(sent["6-inputs-text"], "a heron");
    assert_eq!(sent["7-inputs-text"], "text");
    let woodcut = r#"{"on":true,"lora":"woodcut.safetensors","strength":0.50,"extra":[1,null]}"#;
    assert_eq!(sent["10-inputs-lora_1"].to_string(), woodcut);
    assert_eq!(
        sent["10-inputs-lora_2"].to_string(),
        r#"{"on":true,"lora":"detail.safetensors","strength":0.3}"#
    );
    assert_eq!(sent["12-inputs-weight"].to_string(), "0.8");
    // The history knows the run by its prompt.
    let listed = case.home.deck(&["runs", "--json"]).json();
    assert_eq!(listed[0]["prompt"], "a heron");
    let shown = case.home.deck(&["show", "1", "--json"]).json();
    assert_eq!(shown[0]["aliases"], json!({"prompt": "6-inputs-text", "negative": "7-inputs-text"}));
    let shown = case.home.deck(&["show", "1"]).out;
    assert!(shown.contains("prompt (6-inputs-text)") && shown.contains("a heron"), "{shown}");
}

#[test]
fn an_ambiguous_name_lists_its_meanings_and_nothing_is_sent() {
    let mut case = Case::new(&workflow().to_string());
    for (set, message) in [
        ("steps=30", "`steps` may be any of `3-inputs-steps` (KSampler), `13-inputs-steps` (Second)"),
        ("3-inputs-steps=20.5", "`20.5` is not a whole number"),
        ("10-inputs-lora_1.weight=1", "it has no field `weight`. It has: on, lora, strength, extra"),
        ("10-inputs-lora_1.strength=much", "`much` is not a number"),
    ] {
        let ended = case.run(&[set]);
        assert_eq!(ended.code, Some(2), "{set}: {ended:?}");
        assert!(ended.err.contains(message), "{set}: {}", ended.err);
    }
    assert!(case.server.requests().is_empty());
}

#[test]
fn files_open_as_they_come() {
    let mut noted = workflow();
    noted["_comment"] = "second try".into();
    noted["version"] = json!(0.4);
    let case = Case::new(&serde_json::to_string_pretty(&noted).expect("JSON"));
    let message = "w.json: `_comment`, `version` are not nodes, so they are ignored and not sent";
    let flat = case.home.deck(&["flatten", "w.json"]);
    assert_eq!(flat.code, Some(0));
    assert!(flat.err.contains(message) && !flat.out.contains("second try"), "{}", flat.err);
    let ended = case.run(&["prompt=x"]);
    assert!(ended.code == Some(0) && ended.err.contains(message), "{}", ended.err);
    for (at, wrapped) in [
        workflow(),
        json!({"prompt": workflow(), "client_id": "x"}),
        json!({"input": {"workflow": workflow()}}),
    ]
    .iter()
    .enumerate()
    {
        case.write(&wrapped.to_string());
        let ended = case.run(&["prompt=y"]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(case.sent(at as i64 + 2)["6-inputs-text"], "y");
    }
}

#[test]
fn notes_do_not_go_along() {
    let mut noted = workflow();
    noted["_comment"] = "second try".into();
    let mut case = Case::new(&serde_json::to_string_pretty(&noted).expect("JSON"));
    let args =
        ["run", "--override-workflow", "w.json", "--url", &case.server.url, "-o", "out", "--set", "prompt=x"];
    let ended = case.home.deck(&args);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let received = case.server.requests().into_iter().find_map(|seen| seen.run).expect("a run");
    assert_eq!(received.workflow, Some(workflow()));
}

#[test]
fn a_node_without_a_class_is_named_and_nothing_is_sent() {
    let mut broken = workflow();
    broken["20"] = json!({"inputs": {"x": 1}, "_meta": {"title": "Old node"}});
    let mut case = Case::new(&broken.to_string());
    let ended = case.run(&["prompt=x"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("node 20 (\u{201c}Old node\u{201d}) has no class_type"), "{}", ended.err);
    assert!(case.server.requests().is_empty());
}

#[test]
fn a_path_where_a_text_goes_is_warned_about_and_dragged_paths_are_understood() {
    let mut with_picture = workflow();
    with_picture["11"] = node("LoadImage", json!({"image": "in.png"}), "Picture");
    let case = Case::new(&with_picture.to_string());
    let picture = case.home.folder.path().join("my picture.png");
    fs::write(&picture, b"\x89PNG\r\n\x1a\n").expect("written");
    let ended = case.run(&["12-inputs-note=./my picture.png"]);
    assert!(ended.err.contains("is a file on this machine, but its path is sent as text"), "{}", ended.err);
    for dragged in [
        format!("'{}'", picture.display()),
        picture.display().to_string().replace(' ', "\\ "),
        format!("file://{}", picture.display().to_string().replace(' ', "%20")),
    ] {
        let file = format!("image={dragged}");
        let args = [
            "run",
            "--workflow",
            "w.json",
            "--url",
            &case.server.url,
            "-o",
            "out",
            "--set",
            "prompt=x",
            "--file",
            &file,
        ];
        let ended = case.home.deck(&args);
        assert!(!ended.err.contains("cannot be read"), "{dragged}: {}", ended.err);
    }
    assert_eq!(case.home.stored(2).request.files[0].name, "my picture.png");
}

#[test]
fn a_form_with_several_workflows_says_what_they_are_called() {
    let entry = |title: &str| json!({"viewComfyJSON": {"title": title, "inputs": [], "advancedInputs": []}, "workflowApiJSON": workflow()});
    let case = Case::new(&json!({"workflows": [entry("Day"), entry("Night"), entry("Night")]}).to_string());
    let ended = case.run(&["prompt=x"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let message = "holds 3 workflows; the first is open. Each has a name: ";
    assert!(
        ended.err.contains(message) && ended.err.contains("w.json#Day") && ended.err.contains("w.json#3"),
        "{}",
        ended.err
    );
    assert!(!ended.err_but_drift().contains("warning"), "{}", ended.err);
    let named = case.home.deck(&["flatten", "w.json#3"]);
    assert!(named.code == Some(0) && named.err.is_empty(), "{}", named.err);
}

#[test]
fn a_preset_begins_with_names_and_all_there_is_to_set() {
    let case = Case::new(&workflow().to_string());
    let made = case.home.deck(&["presets", "new", "light", "--workflow", "w.json"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    let text = fs::read_to_string(made.out.trim()).expect("a preset");
    for line in [
        "prompt = \"6-inputs-text\"",
        "negative = \"7-inputs-text\"",
        "model = \"4-inputs-ckpt_name\"",
        "# 6-inputs-text = \"a lighthouse\"",
        "# Second",
        "# 13-inputs-steps = 9",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} in\n{text}");
    }
    let ran = case.home.deck(&["run", "light", "--url", &case.server.url, "-o", "out", "--set", "prompt=z"]);
    assert_eq!((ran.code, ran.err_but_drift().as_str()), (Some(0), ""));
}
