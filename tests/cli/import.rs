//! From a picture back to what made it.

use std::fs;
use std::path::Path;

use comfydeck::domain::ParamKey;

use crate::support::{Home, Server};

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/metadata/samples");

#[test]
fn a_picture_of_a_run_gives_its_parameters_back() {
    let (home, server) = (Home::new(), Server::quick());
    let sets = ["--set", "prompt=a heron at dawn\nand \u{732b}"];
    let args = [["run", "flamingo", "--url", &server.url, "-o", "out"].as_slice(), &sets].concat();
    let ran = home.deck(&args);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let picture = ran.out.trim();

    let shown = home.deck(&["import", picture, "--against", "flamingo"]);
    assert_eq!((shown.code, shown.err.as_str()), (Some(0), ""));
    assert!(shown.out.contains(": PNG, a graph of 7 nodes\n"), "{}", shown.out);
    assert!(
        shown.out.contains("2 differ, 11 are the same, 0 are not accepted, 0 match no parameter"),
        "{}",
        shown.out
    );
    assert!(shown.out.contains("a heron at dawn⏎and 猫"), "{}", shown.out);

    let imported = home.deck(&["import", picture, "--against", "flamingo", "--json"]).json();
    // The preset has it random: what was sent counts.
    let seed = &home.stored(1).request.params[&ParamKey::new("3", "seed")];
    assert_eq!(&imported[0]["differ"][1]["there"], seed);
    assert_eq!(imported[0]["values"]["6-inputs-text"], "a heron at dawn\nand 猫");
    assert_eq!(imported[0]["against"]["preset"], "flamingo");

    // A preset of it makes the very same picture.
    let made = home.deck(&["import", picture, "--against", "flamingo", "--preset", "heron"]);
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
    assert!(Path::new(made.out.trim()).is_file(), "{}", made.out);
    let again = home.deck(&["run", "heron", "--url", &server.url, "-o", "out"]);
    assert_eq!(again.code, Some(0), "{}", again.err);
    let bytes = |path: &str| fs::read(home.folder.path().join(path.trim())).expect("a picture");
    assert_ne!(picture, again.out.trim());
    assert!(bytes(picture) == bytes(&again.out), "another picture");
    let taken = home.deck(&["import", picture, "--against", "flamingo", "--preset", "heron"]);
    assert_eq!(taken.code, Some(2), "a preset of that name is not written over: {}", taken.err);
}

#[test]
fn a_graph_becomes_a_workflow_file() {
    let home = Home::new();
    let sample = format!("{SAMPLES}/webp_exif.webp");
    let made = home.deck(&["import", &sample, "--workflow-out", "w.json"]);
    assert_eq!((made.code, made.out.as_str()), (Some(0), "w.json\n"), "{}", made.err);
    let compared = home.deck(&["import", &sample, "-w", "w.json"]);
    assert!(
        compared.out.contains(
            "compared with w.json: 0 differ, 16 are the same, 0 are not accepted, 0 match no parameter"
        ),
        "{}",
        compared.out
    );
    let again = home.deck(&["import", &sample, "--workflow-out", "w.json"]);
    assert_eq!(again.code, Some(2), "{}", again.out);
    assert!(again.err.contains("exists already"), "{}", again.err);
    let piped = home.deck(&["import", &sample, "--workflow-out", "-"]);
    assert_eq!(
        Ok(piped.out),
        fs::read_to_string(home.folder.path().join("w.json")).map_err(|e| e.to_string())
    );
}

#[test]
fn a_file_without_a_graph_says_what_to_do() {
    let home = Home::new();
    let write = |name: &str, bytes: &[u8]| fs::write(home.folder.path().join(name), bytes).expect("written");
    let png = fs::read(format!("{SAMPLES}/png_rgba.png")).expect("a sample");
    write("cut.png", &png[..100]);
    write(
        "other.png",
        &[&png[..33], b"\0\0\0\x0ctEXtparameters\0x\0\0\0\0", &png[png.len() - 12..]].concat(),
    );
    write("none.png", &[&png[..33], &png[png.len() - 12..]].concat());
    write("ui.json", br#"{"nodes": [{"id": 1, "type": "Odd", "widgets_values": [1]}], "links": []}"#);
    write(
        "ui.png",
        &[&png[..33], b"\0\0\0\x16tEXtworkflow\0{\"nodes\":[]}\0\0\0\0", &png[png.len() - 12..]].concat(),
    );
    write("a\u{1b}[31m.txt", b"hello, world and more");
    let table = [
        ("cut.png", "this PNG is damaged: it ends in the middle"),
        ("other.png", "without ComfyUI's graph (it has parameters, which other programs write)"),
        ("none.png", "none.png is a PNG without ComfyUI's graph. Its server writes none"),
        ("ui.json", "choose Workflow > Export (API)"),
        ("ui.png", "has no node that a server could run"),
        ("a\u{1b}[31m.txt", "a.txt: ComfyUI's metadata is only read from"),
        ("nowhere.png", "cannot be read: No such file"),
        (".", "it is not a file"),
    ];
    for (file, said) in table {
        let ended = home.deck(&["import", file]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{file}");
        assert!(ended.err.contains(said), "{file}: {}", ended.err);
        assert!(!ended.err.contains('\u{1b}'), "{file}: {}", ended.err);
    }
    let sample = format!("{SAMPLES}/webp_exif.webp");
    let nothing = home.deck(&["import", &sample, "--preset", "x"]);
    assert!(nothing.err.contains("--workflow-out FILE"), "{}", nothing.err);
    let unfit = home.deck(&["import", &sample, "--preset", "x", "--against", "flamingo"]);
    assert_eq!(unfit.code, Some(2));
    assert!(unfit.err.contains("no value of the graph fits"), "{}", unfit.err);
}

#[test]
fn the_same_picture_twice_is_said_so() {
    let (home, server) = (Home::new(), Server::quick());
    fs::write(
        home.folder.path().join("presets/fixed.toml"),
        "extends = \"flamingo\"\n[seeds]\n\"3-inputs-seed\" = \"fixed\"\n",
    )
    .expect("written");
    let run = |set: &str| home.deck(&["run", "fixed", "--set", set, "--url", &server.url, "-o", "out"]);
    assert_eq!((run("steps=3").err.as_str(), run("steps=4").err.as_str()), ("", ""), "another picture");
    let again = run("steps=3");
    assert_eq!(again.code, Some(0), "{}", again.err);
    let said =
        "warning: comfydeck_00003_.png is identical to an output of run 1. The same values were sent, so";
    assert!(again.err.starts_with("warning: nothing differs from run 1 (done)"), "{}", again.err);
    assert!(again.err.contains(said), "{}", again.err);
    assert_eq!(home.stored(3).warnings.len(), 2);
    let shown = home.deck(&["show", "last"]);
    assert!(shown.out.contains("identical to an output of run 1"), "{}", shown.out);
    // The newest is named.
    assert!(run("steps=3").err.contains("an output of run 3"));
}

#[test]
fn outputs_are_called_by_a_template_with_what_made_them_beside() {
    let (home, server) = (Home::new(), Server::quick());
    let config = home.folder.path().join("config");
    fs::create_dir_all(&config).expect("made");
    let text = format!(
        "[output]\noutput_name = \"{{preset}}/{{run}}-{{seed}}-{{name}}\"\nsidecar = true\n\n[profiles.here]\nurl = \"{}?token=hush\"\nclient_id = \"demo-id\"\nclient_secret = \"demo-secret\"\noutput_dir = \"../made\"\n",
        server.url
    );
    fs::write(config.join("config.toml"), text).expect("written");
    let ran = home.deck(&["run", "flamingo", "--set", "steps=3"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let run = home.stored(1);
    let seed = run.request.params[&ParamKey::new("3", "seed")].to_string();
    let made = home.folder.path().join(format!("made/flamingo/1-{seed}-comfydeck_00001_.png"));
    assert_eq!(Path::new(ran.out.trim()).canonicalize().ok(), made.canonicalize().ok());
    assert_eq!(run.outputs[0].name, "comfydeck_00001_.png");
    let sidecar = fs::read_to_string(format!("{}.json", made.display())).expect("a sidecar");
    let description: serde_json::Value = serde_json::from_str(&sidecar).expect("JSON");
    assert_eq!(description["params"], serde_json::to_value(&run.request.params).expect("JSON"));
    assert_eq!(description["seeds"]["3-inputs-seed"].to_string(), seed);
    assert_eq!(
        (&description["status"], &description["output"]["sha256"]),
        (&"done".into(), &run.outputs[0].sha256.clone().into())
    );
    assert!(!sidecar.contains("hush") && !sidecar.contains("demo-secret"), "{sidecar}");
    fs::write(config.join("config.toml"), "[output]\noutput_name = \"{sed}\"\n").expect("written");
    let ended = home.deck(&["run", "flamingo", "--url", &server.url]);
    assert!(
        ended.err.contains(
            "config.toml:2: `output.output_name` has {sed} in it, which is not known. Did you mean `seed`?"
        ),
        "{}",
        ended.err
    );
    assert!(ended.out.ends_with("/comfydeck_00002_.png\n"), "{}", ended.out);
}

#[test]
fn a_broken_default_workflow_does_not_block_an_import() {
    let home = Home::new();
    let config = home.folder.path().join("config");
    fs::create_dir_all(&config).expect("made");
    fs::write(
        config.join("config.toml"),
        "[profiles.x]\nurl = \"https://x.example\"\nworkflow = \"gone.json\"\n",
    )
    .expect("written");
    let sample = format!("{SAMPLES}/png_rgba.png");
    let shown = home.deck(&["import", &sample]);
    assert_eq!(shown.code, Some(0), "{}", shown.err);
    assert!(
        shown.err.starts_with("warning: not compared: ") && shown.err.contains("gone.json"),
        "{}",
        shown.err
    );
    assert!(shown.out.contains("1-inputs-width"), "{}", shown.out);
    assert_eq!(home.deck(&["import", &sample, "-w", "gone.json"]).code, Some(2));
}
