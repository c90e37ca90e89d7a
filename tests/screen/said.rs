//! What a person said is what is sent, on the real screen: over old runs, earlier sessions, files that others change, and
//! questions.

use super::*;

/// Three parameters that people change, and a picture of a few pixels.
const FLOW: &str = r#"{
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 2, "cfg": 6, "sampler_name": "euler", "scheduler": "normal", "denoise": 1,
        "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "base.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}}
}"#;

const RUN: &[u8] = b"\x12";
const ESC: &[u8] = b"\x1b";

impl World {
    /// Writes a file below the home.
    fn write(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.path().join(name)).expect(name)
    }

    /// The flow, and a preset of a name over it.
    fn with_preset(name: &str, text: &str) -> Self {
        let world = Self::quick();
        world.write("flow.json", FLOW);
        world.preset(name, text);
        world
    }

    fn preset(&self, name: &str, text: &str) {
        self.write(&format!("presets/{name}.toml"), &format!("workflow = \"../flow.json\"\n{text}"));
    }

    /// The screen as it is started in a folder below the home.
    fn starting_in(&self, folder: &str, arguments: &[&str]) -> Terminal {
        let mut command = self.command(arguments);
        command.cwd(self.home.path().join(folder));
        let mut terminal = Terminal::start(command);
        terminal.resize(40, 120);
        terminal
    }

    fn params(&self, run: i64) -> String {
        serde_json::to_string(&self.run(run).expect("a run").request.params).expect("JSON")
    }
}

fn quit(mut screen: Terminal) {
    screen.send(b"q");
    assert!(screen.wait_exit().success());
}

#[test]
fn a_run_is_loaded_under_its_own_preset_and_saved_there() {
    let world = World::with_preset("one", "[params]\n3-inputs-steps = 3\n3-inputs-seed = 5\n");
    world.preset("two", "[params]\n3-inputs-steps = 4\n[seeds]\n3-inputs-seed = \"randomize\"\n");
    let mut screen = world.screen(&["--preset", "one"]);
    screen.send(RUN);
    screen.wait_for("1 done");
    quit(screen);
    let mut screen = world.screen(&["--preset", "two"]);
    screen.wait_for("▸ two");
    // The runs, their newest: load its values.
    screen.send(b"2l");
    screen.wait_for("Loaded the parameters of run 1");
    screen.wait_for("▸ one");
    screen.send(b"1/prompt\r");
    screen.wait_for("/ prompt");
    screen.send(b"\r");
    screen.wait_for("Esc done");
    screen.send(b", dusk");
    screen.wait_for(", dusk");
    screen.send(ESC);
    screen.wait_for("▸ one •");
    screen.send(RUN);
    screen.wait_for("2 done");
    assert_eq!(
        world.params(2),
        r#"{"6-inputs-text":"a lighthouse, dusk","3-inputs-seed":5,"3-inputs-steps":3}"#,
        "the seed of the old run, not one by the policy of the preset that was open before"
    );
    assert_eq!(world.run(2).and_then(|run| run.request.preset).as_deref(), Some("one"));
    let two = world.read("presets/two.toml");
    screen.send(b"s");
    screen.wait_for("Saved one");
    assert!(world.read("presets/one.toml").contains("a lighthouse, dusk"));
    assert_eq!(world.read("presets/two.toml"), two);
    quit(screen);
}

#[test]
fn edits_stay_with_the_preset_of_their_folder() {
    let world = World::quick();
    for folder in ["here", "there"] {
        world.write(&format!("{folder}/flow.json"), FLOW);
        world.write(&format!("{folder}/presets/hero.toml"), "workflow = \"../flow.json\"\n");
    }
    let mut screen = world.starting_in("here", &["--preset", "hero"]);
    screen.wait_for("a lighthouse");
    screen.send(b"\r, neon");
    screen.wait_for(", neon");
    screen.send(ESC);
    screen.wait_for("1 changed");
    quit(screen);
    let mut screen = world.starting_in("there", &["--preset", "hero"]);
    screen.wait_for("a lighthouse");
    screen.send(RUN);
    screen.wait_for("1 done");
    assert!(!screen.text().contains("neon"), "{}", screen.text());
    assert!(!world.params(1).contains("neon"), "{}", world.params(1));
    quit(screen);
    let mut screen = world.starting_in("here", &["--preset", "hero"]);
    screen.wait_for("a lighthouse, neon");
    quit(screen);
}

#[test]
fn edits_over_a_workflow_that_was_exported_anew_are_asked_for() {
    for (answer, text) in [(b"y", "a lighthouse, neon"), (b"n", "a windmill")] {
        let world = World::with_preset("hero", "");
        let mut screen = world.screen(&["--preset", "hero"]);
        screen.send(b"\r, neon");
        screen.wait_for(", neon");
        screen.send(ESC);
        screen.wait_for("1 changed");
        quit(screen);
        world.write("flow.json", &FLOW.replace("a lighthouse", "a windmill"));
        let mut screen = world.starting(&["--preset", "hero"]);
        // The question goes over two lines.
        screen.wait_for("has changed since you last edited");
        screen.wait_for("Keep your changes (prompt)?");
        assert!(screen.text().contains("a windmill"), "nothing is put back unasked: {}", screen.text());
        screen.send(answer);
        screen.wait_for("^R run");
        screen.wait_for(text);
        screen.send(RUN);
        screen.wait_for("1 done");
        assert_eq!(world.params(1).contains("neon"), answer == b"y", "{}", world.params(1));
        quit(screen);
    }
}

#[test]
fn a_file_that_others_change_is_noticed_when_one_comes_back_and_before_a_run() {
    let mut world = World::with_preset("hero", "[params]\n3-inputs-seed = 5\n");
    let mut screen = world.screen(&["--preset", "hero"]);
    screen.wait_for("a lighthouse");
    world.preset("hero", "[params]\n3-inputs-seed = 6\n3-inputs-steps = 3\n");
    // The window has the focus again.
    screen.send(b"\x1b[I");
    screen.wait_for("hero.toml changed on disk.");
    screen.send(b"y");
    screen.wait_for("Read again; your changes stay");
    screen.send(RUN);
    screen.wait_for("1 done");
    assert_eq!(world.params(1), r#"{"3-inputs-seed":6,"3-inputs-steps":3}"#);
    assert_eq!(world.requests(), 1);
    // Without any sign from the terminal, the run asks.
    world.write("flow.json", &FLOW.replace("a lighthouse", "a windmill"));
    screen.send(RUN);
    screen.wait_for("flow.json changed on disk.");
    screen.wait_for("Nothing was sent");
    assert_eq!(world.requests(), 0);
    screen.send(b"y");
    screen.wait_for("a windmill");
    quit(screen);
}

#[test]
fn the_same_again_is_asked_about_unless_a_setting_says_otherwise() {
    for asks in [true, false] {
        let mut world = World::with_preset("hero", "[params]\n3-inputs-seed = 5\n");
        if !asks {
            let path = world.dirs().config_file();
            let config = std::fs::read_to_string(&path).expect("the config");
            std::fs::write(&path, format!("{config}[ui]\nask_if_same = false\n")).expect("written");
        }
        let mut screen = world.screen(&["--preset", "hero"]);
        screen.send(RUN);
        screen.wait_for("1 done");
        screen.send(b"g");
        screen.send(RUN);
        if asks {
            screen.wait_for("Nothing differs from run 1 (done). Run it again?");
            assert_eq!(world.requests(), 1);
            // The third way: another seed.
            screen.send(b"s");
            screen.wait_for("2 done");
            assert_ne!(world.params(2), world.params(1));
        } else {
            screen.wait_for("2 done");
            assert_eq!(world.params(2), world.params(1));
        }
        assert!(world.requests() >= 1);
        quit(screen);
    }
}

#[test]
fn four_presses_on_purpose_are_four_runs() {
    let mut world = World::with_preset("hero", "[seeds]\n3-inputs-seed = \"increment\"\n");
    let mut screen = world.screen(&["--preset", "hero"]);
    for done in ["1 done", "2 done", "3 done", "4 done"] {
        screen.send(RUN);
        screen.wait_for(done);
    }
    let sent: Vec<String> = (1..=4).map(|run| world.params(run)).collect();
    assert_eq!(sent, [8, 9, 10, 11].map(|seed| format!(r#"{{"3-inputs-seed":{seed}}}"#)));
    assert_eq!(world.requests(), 4);
    quit(screen);
}

#[test]
fn what_is_typed_anew_is_sent_and_what_was_looked_at_is_not() {
    let world = World::with_preset(
        "hero",
        "[seeds]\n3-inputs-seed = \"fixed\"\n[aliases]\nseed = \"3-inputs-seed\"\n",
    );
    let mut screen = world.screen(&["--preset", "hero"]);
    // The alias is pinned on top: look, leave, then type the very same number.
    screen.send(b"g\r");
    screen.wait_for("Esc done");
    screen.send(b"\r");
    screen.wait_for("^R run");
    screen.send(b"\r");
    screen.wait_for("Esc done");
    screen.send(b"7\r");
    screen.wait_for("typed");
    screen.send(RUN);
    screen.wait_for("1 done");
    let run = world.run(1).expect("a run");
    assert_eq!(world.params(1), r#"{"3-inputs-seed":7}"#);
    assert_eq!(run.request.origins.values().map(ToString::to_string).collect::<Vec<_>>(), ["typed"]);
    quit(screen);
}

#[test]
fn what_is_unsure_is_asked_before_it_is_sent() {
    let mut world = World::with_preset("hero", "[params]\n6-inputs-txet = \"a cat\"\n3-inputs-steps = 3\n");
    world.write("template.json", &FLOW.replace("a lighthouse", "{{PROMPT}}"));
    let broken = FLOW
        .replace("\"8\":", "\"20\": {\"inputs\": {\"x\": 1}, \"_meta\": {\"title\": \"Old node\"}}, \"8\":");
    world.write("broken.json", &broken);
    let mut screen = world.starting(&["--preset", "hero"]);
    screen.wait_for("`6-inputs-txet` in [params] is not a parameter");
    screen.send(RUN);
    screen.wait_for("Send the rest of the preset?");
    screen.send(b"n");
    screen.wait_until("no question", |screen| !screen.text().contains("Send the rest"));
    quit(screen);
    // A placeholder counts where the workflow goes along.
    let mut screen = world.screen(&["--workflow", "template.json"]);
    screen.send(b"W");
    screen.wait_for("goes along with each run");
    screen.send(RUN);
    screen.wait_for("Send what is still to be filled in (prompt)?");
    screen.send(b"n");
    screen.wait_until("no question", |screen| !screen.text().contains("Send what is still"));
    quit(screen);
    // A node without a class: its title is named, the rest is there to be looked at.
    let mut screen = world.starting(&["--workflow", "broken.json"]);
    screen.wait_for("\u{201c}Old node\u{201d}) has no class_type");
    screen.wait_for("a lighthouse");
    screen.send(RUN);
    screen.wait_for("Nothing was sent: node 20");
    quit(screen);
    assert_eq!(world.requests(), 0);
    assert!(world.run(1).is_none());
}

#[test]
fn where_outputs_go_is_told_before_the_first_run() {
    let world = World::with_preset("hero", "");
    let mut screen = world.screen(&["--preset", "hero"]);
    let outputs = world.dirs().outputs.display().to_string();
    // A long path is cut at the edge of the pane.
    screen.wait_for(&format!("Its outputs go to {}", &outputs[..20]));
    screen.send(RUN);
    screen.wait_for("1 done");
    quit(screen);
    assert_eq!(files(&world.dirs().outputs).len(), 1);
}
