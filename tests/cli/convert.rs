//! Workflows as ComfyUI saves them: converted, opened and run.

use serde_json::Value;

use super::support::Home;

const PAIR: &str = include_str!("../ui_format/default_graph.json");

/// The workflow as it was saved, and in API format.
fn pair(home: &Home) -> Value {
    let pair: Value = serde_json::from_str(PAIR).expect("JSON");
    std::fs::write(home.folder.path().join("saved.json"), pair["ui"].to_string()).expect("written");
    pair["api"].clone()
}

#[test]
fn a_saved_workflow_is_written_in_api_format() {
    let home = Home::new();
    let api = pair(&home);
    let ended = home.deck(&["convert", "saved.json"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    let written: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(written["5"]["inputs"], api["5"]["inputs"]);
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ui_format/object_info.json");
    let ended = home.deck(&["convert", "saved.json", "--schema", schema, "-o", "api.json"]);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(0), "", ""));
    let file = std::fs::read_to_string(home.folder.path().join("api.json")).expect("written");
    assert_eq!(serde_json::from_str::<Value>(&file).expect("JSON"), written);

    for (file, said) in
        [("api.json", "is not a workflow in ComfyUI's UI format"), ("none.json", "cannot be read")]
    {
        let ended = home.deck(&["convert", file]);
        assert!(ended.code == Some(2) && ended.err.contains(said), "{ended:?}");
    }
    let ended = home.deck(&["convert", "saved.json", "--schema", "saved.json"]);
    assert!(
        ended.code == Some(2) && ended.err.contains("saved.json: it should be what a ComfyUI server answers"),
        "{ended:?}"
    );
}

#[test]
fn what_could_not_be_known_is_said_and_what_cannot_be_converted_is_refused() {
    let home = Home::new();
    let write =
        |name: &str, text: &str| std::fs::write(home.folder.path().join(name), text).expect("written");
    write(
        "own.json",
        r#"{"nodes": [{"id": 1, "type": "Own", "widgets_values": {"a": 1, "b": 2, "c": 3}}], "links": []}"#,
    );
    let ended = home.deck(&["convert", "own.json"]);
    assert!(
        ended.code == Some(0) && ended.err.contains("3 values are kept as the file has them"),
        "{ended:?}"
    );
    write(
        "odd.json",
        r#"{"nodes": [{"id": 1, "type": "Odd\u001b[2J", "widgets_values": [1]}], "links": []}"#,
    );
    let ended = home.deck(&["convert", "odd.json"]);
    assert!(
        ended.code == Some(2) && ended.err.contains("node 1 (Odd)") && ended.err.contains("--schema"),
        "{ended:?}"
    );
}

#[test]
fn a_saved_workflow_runs_as_it_is() {
    let home = Home::new();
    pair(&home);
    let url = ["--url", "http://127.0.0.1:9"];
    let ended = home.deck(
        &[&["run", "--workflow", "saved.json", "--set", "5-inputs-steps=7", "--dry-run"][..], &url].concat(),
    );
    assert!(ended.code == Some(0) && ended.out.contains(r#""5-inputs-steps":7"#), "{ended:?}");
    assert!(ended.err.contains("converted from ComfyUI's UI format"), "{ended:?}");
    let ended = home.deck(&["import", "saved.json"]);
    assert!(ended.code == Some(0) && ended.out.contains("uni_pc"), "{ended:?}");
}

#[test]
fn what_the_profiles_schema_knows_is_used_when_a_saved_workflow_is_opened() {
    let home = Home::new();
    let write =
        |name: &str, text: &str| std::fs::write(home.folder.path().join(name), text).expect("written");
    write("odd.json", r#"{"nodes": [{"id": 1, "type": "Odd", "widgets_values": [7, "red"]}], "links": []}"#);
    let run = ["run", "--workflow", "odd.json", "--profile", "own", "--dry-run"];
    std::fs::create_dir_all(&home.dirs.config).expect("a folder");
    let profile = "[profiles.own]\nurl = \"http://127.0.0.1:9\"\nprotocol = \"comfyui\"\n";
    let config = home.dirs.config.join("config.toml");
    std::fs::write(&config, profile).expect("written");
    let import = ["import", "odd.json", "--profile", "own"];
    for args in [&run[..], &import] {
        let ended = home.deck(args);
        assert!(ended.code == Some(2) && ended.err.contains("node 1 (Odd)"), "{ended:?}");
    }
    write(
        "object_info.json",
        r#"{"Odd": {"input": {"required": {"count": ["INT", {}], "colour": [["red", "blue"], {}]}}, "output": ["IMAGE"], "output_node": true}}"#,
    );
    let schema = home.folder.path().join("object_info.json");
    std::fs::write(&config, format!("{profile}schema = \"{}\"\n", schema.display())).expect("written");
    let ended = home.deck(&run);
    assert!(ended.code == Some(0) && ended.out.contains(r#""count":7"#), "{ended:?}");
    assert!(ended.out.contains(r#""colour":"red""#), "{ended:?}");
    let ended = home.deck(&[&import[..], &["--workflow-out", "-"]].concat());
    assert!(ended.code == Some(0) && ended.out.contains(r#""colour": "red""#), "{ended:?}");
}
