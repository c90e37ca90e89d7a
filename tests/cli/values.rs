//! What is said is what is sent, and what is not understood is not.

use serde_json::Value;

use crate::support::{Ended, Home, Server};

/// A workflow in which a number written whole, a seed that is wired and one that decides nothing stand.
const WORKFLOW: &str = r#"{
    "58": {"class_type": "KSamplerAdvanced", "inputs": {"add_noise": "disable", "noise_seed": 0, "latent_image": ["3", 0]}},
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 2, "latent_image": ["5", 0], "positive": ["6", 0]}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse"}},
    "52": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}
}"#;

struct Room {
    home: Home,
    server: Server,
}

impl Room {
    fn new() -> Self {
        let room = Self { home: Home::new(), server: Server::quick() };
        room.write("flow.json", WORKFLOW);
        room
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.home.folder.path().join(name), text).expect("written");
    }

    fn preset(&self, name: &str, text: &str) {
        self.write(&format!("presets/{name}.toml"), &format!("workflow = \"../flow.json\"\n{text}"));
    }

    fn run(&self, args: &[&str]) -> Ended {
        let more = ["--url", &self.server.url, "--json", "-o", "out"];
        self.home.deck(&[&["run"], args, more.as_slice()].concat())
    }

    /// What a run sends, as JSON text, and the lines that it told.
    fn sent(&self, args: &[&str]) -> (String, Vec<Value>) {
        let ended = self.run(args);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let lines = ended.json();
        (lines[0]["params"].to_string(), lines)
    }
}

/// The warnings, but for the one that the demo has another workflow deployed than these tests bring.
fn warnings(lines: &[Value]) -> Vec<String> {
    let warnings = lines.iter().filter(|line| line["event"] == "warning");
    let texts = warnings.map(|line| line["text"].as_str().unwrap_or_default().to_owned());
    texts.filter(|text| !text.contains("ran another graph")).collect()
}

#[test]
fn what_is_said_is_sent_whatever_the_preset_makes_of_seeds() {
    let room = Room::new();
    for policy in ["fixed", "randomize", "increment", "decrement"] {
        room.preset("hero", &format!("[seeds]\n3-inputs-seed = \"{policy}\"\n"));
        for said in ["123", "18446744073709551615"] {
            let (sent, lines) = room.sent(&["hero", "--set", &format!("3-inputs-seed={said}")]);
            assert_eq!(sent, format!(r#"{{"3-inputs-seed":{said}}}"#), "{policy}");
            assert_eq!(lines[0]["origins"]["3-inputs-seed"]["how"], "option");
            assert_eq!(lines[0]["seeds"].to_string(), "[]");
        }
    }
    let (sent, _) = room.sent(&["--workflow", "flow.json", "--set", "3-inputs-seed=7"]);
    assert_eq!(sent, r#"{"3-inputs-seed":7}"#, "the deployment may hold another than the file");
    let shown = room.home.deck(&["show", "last"]);
    assert!(shown.out.contains("  7  (command line)"), "{}", shown.out);
}

#[test]
fn a_seed_goes_on_from_the_last_run_and_says_where_it_ends() {
    let room = Room::new();
    room.preset("up", "[seeds]\n3-inputs-seed = \"increment\"\n");
    let sent: Vec<String> = (0..3).map(|_| room.sent(&["up"]).0).collect();
    assert_eq!(sent, [8, 9, 10].map(|seed| format!(r#"{{"3-inputs-seed":{seed}}}"#)));
    room.sent(&["up", "--set", "3-inputs-seed=40"]);
    assert_eq!(room.sent(&["up"]).0, r#"{"3-inputs-seed":41}"#);
    // Another preset has a count of its own.
    room.preset("down", "[params]\n3-inputs-seed = 1\n[seeds]\n3-inputs-seed = \"decrement\"\n");
    assert_eq!(room.sent(&["down"]).0, r#"{"3-inputs-seed":0}"#);
    let ended = room.home.deck(&["run", "down", "--url", &room.server.url, "-o", "out"]);
    assert!(ended.err.contains("warning: seed 3-inputs-seed stays 0"), "{ended:?}");
    room.write("minus.json", &WORKFLOW.replace(r#""seed": 7"#, r#""seed": -1"#));
    room.write(
        "presets/minus.toml",
        "workflow = \"../minus.json\"\n[seeds]\n3-inputs-seed = \"increment\"\n",
    );
    assert_eq!(room.sent(&["minus"]).0, r#"{"3-inputs-seed":0}"#);
}

#[test]
fn with_nothing_set_the_seed_that_decides_is_another_each_time() {
    let room = Room::new();
    let mut sent: Vec<String> = (0..3)
        .map(|_| {
            let (sent, lines) = room.sent(&["--workflow", "flow.json"]);
            assert_eq!(lines[0]["seeds"][0]["forced"], true);
            assert!(
                sent.starts_with(r#"{"3-inputs-seed":"#),
                "not that of the sampler that adds no noise: {sent}"
            );
            sent
        })
        .collect();
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), 3);
    room.preset("fixed", "[seeds]\n3-inputs-seed = \"fixed\"\n");
    let ended = room.home.deck(&["run", "fixed", "--url", &room.server.url, "-o", "out"]);
    assert!(ended.err.contains("3-inputs-seed = 7 is sent unchanged"), "{ended:?}");
}

#[test]
fn a_run_of_a_file_alone_sends_a_value_too() {
    let room = Room::new();
    room.write("in.png", "\u{89}PNG");
    let file = ["--workflow", "flow.json", "--file", "52-inputs-image=in.png"];
    let (sent, lines) = room.sent(&file);
    assert_eq!(sent, r#"{"3-inputs-seed":7}"#);
    assert_eq!(lines[0]["origins"]["3-inputs-seed"]["how"], "as_it_stands");
    assert_eq!(lines[0]["origins"]["52-inputs-image"]["how"], "option");
}

#[test]
fn the_same_run_again_is_warned_of_and_queued() {
    let room = Room::new();
    let args = ["--workflow", "flow.json", "--set", "3-inputs-seed=5"];
    assert_eq!(warnings(&room.sent(&args).1), Vec::<String>::new());
    let found = warnings(&room.sent(&args).1);
    assert!(
        found.iter().any(|warning| warning.starts_with("nothing differs from run 1 (done)")),
        "{found:?}"
    );
    let detached = room
        .home
        .deck(&[&["run"], args.as_slice(), &["--url", &room.server.url, "-o", "out", "--detach"]].concat());
    assert!(detached.err.contains("warning: nothing differs from run 2"), "{detached:?}");
    // Another seed, another file, another address: another run.
    assert_eq!(warnings(&room.sent(&["--workflow", "flow.json", "--set", "3-inputs-seed=6"]).1).len(), 0);
    let another = Server::quick();
    let ended = room.home.deck(&[&["run"], args.as_slice(), &["--url", &another.url, "-o", "out"]].concat());
    assert!(!ended.err.contains("nothing differs"), "{ended:?}");
}

#[test]
fn a_preset_that_is_not_understood_whole_is_not_sent() {
    let mut room = Room::new();
    let table = [
        ("[params]\n6-inputs-text = \"a cat\n", "bad.toml:3:", "not TOML"),
        ("[params]\n6-inputs-txet = \"a cat\"\n", "bad.toml:3:", "Did you mean `6-inputs-text`?"),
        ("[parms]\n6-inputs-text = \"a cat\"\n", "bad.toml:2:", "Did you mean `params`?"),
        ("[params]\n3-inputs-steps = \"many\"\n", "bad.toml:3:", "should be a whole number, not a text"),
        ("extends = \"flamigo\"\n", "bad.toml:2:", "Did you mean `flamingo`?"),
        ("[seeds]\n3-inputs-seed = \"randomise\"\n", "bad.toml:3:", "Did you mean `randomize`?"),
        ("[files]\n3-inputs-steps = \"a.png\"\n", "bad.toml:3:", "takes no file"),
        ("[aliases]\nsteps = \"3-inputs-step\"\n", "bad.toml:3:", "Did you mean `3-inputs-steps`?"),
    ];
    for (text, place, said) in table {
        room.preset("bad", text);
        let ended = room.run(&["bad", "--set", "3-inputs-seed=1"]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{text}: {ended:?}");
        for expected in [place, said, "--lenient"] {
            assert!(ended.err.contains(expected), "{text}: {}", ended.err);
        }
    }
    assert_eq!((room.home.count(), room.server.requests().len()), (0, 0));
    room.preset("bad", "[params]\n6-inputs-txet = \"a cat\"\n3-inputs-steps = 2\n");
    let (sent, _) = room.sent(&["bad", "--lenient"]);
    assert_eq!(sent, r#"{"3-inputs-steps":2}"#);
    // What is plain is told and sent: the server has the last word on ranges.
    room.preset("good", "[params]\n3-inputs-steps = 20000\n");
    let ended = room.run(&["good"]);
    assert!(ended.err.contains("It is used anyway") && room.server.requests().len() == 2, "{ended:?}");
}

/// A form that gives another text than the workflow beside it.
const FORM: &str = r#"{"file_type": "view_comfy", "workflows": [{"viewComfyJSON": {"title": "T", "inputs": [{"title": "A", "inputs": [
    {"title": "Prompt", "key": "6-inputs-text", "value": "a heron", "valueType": "long-text"},
    {"title": "Steps", "key": "3-inputs-steps", "value": 2, "valueType": "number"}]}]}}]}"#;

#[test]
fn a_value_of_the_form_is_sent_and_says_so() {
    let room = Room::new();
    room.write("view_comfy.json", FORM);
    let (sent, lines) = room.sent(&["--workflow", "flow.json", "--set", "3-inputs-seed=5"]);
    assert_eq!(sent, r#"{"6-inputs-text":"a heron","3-inputs-seed":5}"#);
    assert_eq!(lines[0]["origins"]["6-inputs-text"]["by"], "form");
    let shown = room.home.deck(&["show", "last"]);
    assert!(shown.out.contains("a heron  (form)"), "{}", shown.out);
    assert!(room.home.deck(&["runs", "--json"]).out.contains("a heron"), "the history shows what was sent");
    room.preset("hero", "[params]\n6-inputs-text = \"a wren\"\n");
    let (sent, _) = room.sent(&["hero", "--set", "3-inputs-seed=5"]);
    assert_eq!(sent, r#"{"6-inputs-text":"a wren","3-inputs-seed":5}"#, "a preset lies over the form");
}

#[test]
fn what_is_still_to_be_filled_in_is_not_sent() {
    let mut room = Room::new();
    room.write(
        "flow.json",
        &WORKFLOW
            .replace("a lighthouse", "a {{SUBJECT}} at dawn")
            .replace(r#""steps": 2"#, r#""steps": "{{STEPS}}""#),
    );
    // The deployment has values of its own.
    room.sent(&["--workflow", "flow.json", "--set", "seed=5"]);
    room.server.requests();
    let along = ["--workflow", "flow.json", "--send-workflow", "--set", "seed=5"];
    let ended = room.run(&along);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for told in ["`3-inputs-steps` = {{STEPS}}", "`6-inputs-text` = a {{SUBJECT}} at dawn", "--lenient"] {
        assert!(ended.err.contains(told), "{told}: {}", ended.err);
    }
    assert_eq!(room.server.requests().len(), 0);
    room.sent(&[along.as_slice(), &["--set", "steps=2", "--set", "prompt=a wren"]].concat());
    let ended = room.run(&[along.as_slice(), &["--set", "steps=2", "--lenient"]].concat());
    assert!(ended.err.contains("warning: one value is still to be filled in: `6-inputs-text`"), "{ended:?}");
}

#[test]
fn the_texts_of_one_encoder_are_set_together() {
    let room = Room::new();
    let encoder = r#""6": {"class_type": "CLIPTextEncodeFlux", "inputs": {"clip_l": "cat, photo", "t5xxl": "A cat sits.", "guidance": 3.5, "clip": ["4", 0]}}"#;
    let text = r#""6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse"}}"#;
    room.write("flow.json", &WORKFLOW.replace(text, encoder));
    let (sent, _) = room.sent(&["--workflow", "flow.json", "--set", "prompt=a wren", "--set", "seed=1"]);
    assert_eq!(sent, r#"{"6-inputs-clip_l":"a wren","6-inputs-t5xxl":"a wren","3-inputs-seed":1}"#);
    let told = room.run(&["--workflow", "flow.json", "--set", "prompt=a wren", "--set", "seed=2"]).err;
    assert!(
        told.contains("`6-inputs-clip_l` and `6-inputs-t5xxl` held different texts and are both set"),
        "{told}"
    );
    let shown = room.home.deck(&["show", "last"]).out;
    assert_eq!(shown.matches("  prompt (6-inputs-").count(), 2, "{shown}");
    let shown = room.home.deck(&["show", "last", "--json"]).json();
    assert_eq!(shown[0]["aliases"]["prompt"], "6-inputs-clip_l");
    let (sent, _) = room.sent(&["--workflow", "flow.json", "--set", "6-inputs-clip_l=x", "--set", "seed=3"]);
    assert_eq!(sent, r#"{"6-inputs-clip_l":"x","3-inputs-seed":3}"#, "a key means one of them");
}
