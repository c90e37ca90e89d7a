//! Credentials, where outputs go, and the files that a person makes with the program.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Ended, Home, Running, Server};

fn config(home: &Home, text: &str) {
    fs::create_dir_all(&home.dirs.config).expect("made");
    fs::write(home.dirs.config_file(), text).expect("written");
}

fn without_credentials(home: &Home, args: &[&str]) -> Ended {
    let mut command = home.command(args);
    command.env_remove("VIEWCOMFY_CLIENT_ID").env_remove("VIEWCOMFY_CLIENT_SECRET");
    Running::new(command).end()
}

#[test]
fn without_credentials_nothing_is_sent() {
    let (home, mut server) = (Home::new(), Server::quick());
    let url = server.url.clone();
    let run = ["run", "flamingo", "--set", "steps=2", "--url", &url];
    let ended = without_credentials(&home, &run);
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.err.contains("VIEWCOMFY_CLIENT_ID is not set") && ended.err.contains("init"), "{ended:?}");
    let mut command = home.command(&run);
    command.env("VIEWCOMFY_CLIENT_SECRET", "");
    let ended = Running::new(command).end();
    assert!(ended.code == Some(2) && ended.err.contains("VIEWCOMFY_CLIENT_SECRET"), "{ended:?}");
    config(&home, &format!("[profiles.p]\nurl = \"{url}\"\nclient_id = \"i\"\n"));
    let ended = without_credentials(&home, &["run", "flamingo", "-p", "p"]);
    assert!(ended.code == Some(2) && ended.err.contains("without_credentials = true"), "{ended:?}");
    let dry = without_credentials(&home, &["run", "flamingo", "-p", "p", "--dry-run"]);
    assert_eq!(dry.code, Some(2), "{dry:?}");
    assert_eq!((home.count(), server.requests()), (0, vec![]), "nothing was sent");
    let doctor = without_credentials(&home, &["doctor", "-p", "p"]);
    assert!(doctor.code == Some(1) && doctor.out.contains("client_secret of profile `p`"), "{doctor:?}");
    // Where none are wanted, that is said.
    config(&home, &format!("[profiles.p]\nurl = \"{url}\"\nwithout_credentials = true\n"));
    let ended = without_credentials(&home, &["run", "flamingo", "-p", "p", "--set", "steps=2"]);
    let seen = server.requests();
    assert!(seen.len() == 1 && !seen[0].has_credentials, "{seen:?}");
    assert_eq!(ended.code, Some(3), "the demo wants some: {ended:?}");
}

#[test]
fn outputs_go_to_one_folder_from_any_directory() {
    let (home, server) = (Home::new(), Server::quick());
    let run = |home: &Home, folder: &Path, more: &[&str]| {
        let preset = home.folder.path().join("presets/flamingo.toml");
        let args = ["run", preset.to_str().expect("text"), "--set", "steps=2"];
        let mut command = home.command(&[&args, more].concat());
        command.current_dir(folder);
        let ended = Running::new(command).end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        Path::new(ended.out.trim()).parent().expect("a folder").to_owned()
    };
    let elsewhere = home.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    let url = ["--url", &server.url];
    assert_eq!(run(&home, &elsewhere, &url), home.dirs.outputs);
    assert_eq!(run(&home, home.folder.path(), &url), home.dirs.outputs);
    assert_eq!(run(&home, &elsewhere, &[&url[..], &["-o", "here"]].concat()), elsewhere.join("here"));
    let profile = |own: &str| {
        let text = format!(
            "[output]\noutput_dir = \"all\"\n[profiles.p]\nurl = \"{}\"\nclient_id = \"i\"\nclient_secret = \"s\"\n{own}",
            server.url
        );
        config(&home, &text);
    };
    profile("");
    assert_eq!(run(&home, &elsewhere, &["-p", "p"]), home.dirs.config.join("all"));
    profile("output_dir = \"mine\"\n");
    assert_eq!(run(&home, &elsewhere, &["-p", "p"]), home.dirs.config.join("mine"));
    let doctor = home.deck(&["doctor"]);
    assert!(
        doctor.out.contains(&format!("{} can be written", home.dirs.config.join("mine").display())),
        "{doctor:?}"
    );
}

#[test]
fn a_new_config_lists_all_settings() {
    let home = Home::new();
    let init = [
        "init",
        "--url",
        "https://a.example/x",
        "--client-id-env",
        "A",
        "--client-secret-env",
        "B",
        "-o",
        "out",
    ];
    assert_eq!(home.deck(&init).code, Some(0));
    let text = fs::read_to_string(home.dirs.config_file()).expect("there");
    assert!(text.starts_with("#:schema schema/config.json\n"), "{text}");
    for line in ["# [ui]", "# flow_control = true", "# concurrency = 1", "# sidecar = false"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let out = std::path::absolute(home.folder.path().join("out")).expect("a path");
    assert!(text.contains(&format!("output_dir = \"{}\"", out.display())), "{text}");
    let listed = home.deck(&["profiles", "list"]);
    assert!(listed.code == Some(0) && listed.err.is_empty(), "nothing in it is unknown: {listed:?}");
    let schema = fs::read_to_string(home.dirs.config.join("schema/config.json")).expect("there");
    assert_eq!(schema, home.deck(&["schema"]).out);
    // A second profile leaves the rest as it is.
    let more = ["init", "-p", "b", "-u", "https://b.example/x", "--without-credentials"];
    assert_eq!(home.deck(&more).code, Some(0));
    let after = fs::read_to_string(home.dirs.config_file()).expect("there");
    assert!(
        text.lines().all(|line| after.contains(line)) && after.contains("without_credentials = true"),
        "{after}"
    );
    assert!(home.deck(&["profiles", "list"]).err.is_empty());
}

#[test]
fn schemas_are_json_and_know_the_words() {
    let home = Home::new();
    let schema = |of: &str| -> Value { serde_json::from_str(&home.deck(&["schema", of]).out).expect("JSON") };
    let profile = &schema("config")["properties"]["profiles"]["additionalProperties"]["properties"];
    assert_eq!(profile["protocol"]["enum"][0], "stream");
    assert_eq!(profile["concurrency"]["minimum"], 1);
    assert_eq!(schema("preset")["properties"]["seeds"]["additionalProperties"]["enum"][1], "randomize");
    assert_eq!(home.deck(&["schema", "nosuch"]).code, Some(2));
}

#[test]
fn presets_are_made_renamed_and_deleted() {
    let home = Home::new();
    let folder = home.dirs.config.join("presets");
    fs::write(
        home.folder.path().join("w.json"),
        json!({"3": {"class_type": "K", "inputs": {"t": "x"}}}).to_string(),
    )
    .expect("written");
    assert_eq!(home.deck(&["presets", "new", "a", "-w", "w.json"]).code, Some(0));
    let text = fs::read_to_string(folder.join("a.toml")).expect("there");
    assert!(
        text.starts_with("#:schema ../schema/preset.json\n") && folder.join("../schema/preset.json").exists(),
        "{text}"
    );
    let shown = home.deck(&["presets", "show", "a"]);
    assert!(shown.code == Some(0) && shown.err.is_empty(), "{shown:?}");
    let renamed = home.deck(&["presets", "rename", "a", "b"]);
    assert_eq!((renamed.code, renamed.out.trim()), (Some(0), folder.join("b.toml").to_str().expect("text")));
    assert_eq!(fs::read_to_string(folder.join("b.toml")).expect("there"), text, "byte for byte");
    fs::write(folder.join("c.toml"), "extends = \"b\"\n").expect("written");
    for args in [&["presets", "delete", "b"][..], &["presets", "rename", "b", "d"]] {
        let kept = home.deck(args);
        assert!(kept.code == Some(2) && kept.err.contains("c extends it"), "{kept:?}");
    }
    for (args, said) in [
        (&["presets", "delete", "sorcerer"][..], "built in"),
        (&["presets", "delete", "sorcere"], "Did you mean `sorcerer`?"),
        (&["presets", "rename", "c", "b"], "already"),
        (&["presets", "rename", "c", "x/y"], "slash"),
    ] {
        let ended = home.deck(args);
        assert!(ended.code == Some(2) && ended.err.contains(said), "{args:?}: {ended:?}");
    }
    assert_eq!(home.deck(&["presets", "delete", "b", "--force"]).code, Some(0));
    assert!(!folder.join("b.toml").exists() && folder.join("c.toml").exists());
}

#[test]
fn a_copied_preset_keeps_every_byte() {
    let home = Home::new();
    let text = "\u{feff}# mine\r\nworkflow = 'builtin:text_to_image.json'\r\nparams.'3-inputs-steps'=2#c";
    fs::write(home.folder.path().join("presets/odd.toml"), text).expect("written");
    let made = home.deck(&["presets", "new", "copy", "--from", "odd"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(fs::read_to_string(made.out.trim()).expect("there"), text);
}

#[test]
fn profiles_are_listed_without_their_secrets() {
    let home = Home::new();
    let none = home.deck(&["profiles", "list"]);
    assert!(none.code == Some(0) && none.out.is_empty() && none.err.contains("init"), "{none:?}");
    config(
        &home,
        "default_profile = \"b\"\n[profiles.a]\nurl = \"https://a.example/x?token=hush\"\nclient_secret = \"s3cret\"\n[profiles.b]\nprotocol = \"cloud\"\nurl = \"https://b.example/x\"\nclient_secret = { command = \"exit 1\" }\n",
    );
    let listed = home.deck(&["profiles", "list"]);
    assert!(listed.out.contains("b  cloud   https://b.example/x  default"), "{listed:?}");
    let json = home.deck(&["profiles", "list", "--json"]);
    let lines = json.json();
    assert_eq!((&lines[0]["name"], &lines[0]["default"]), (&json!("a"), &json!(false)));
    assert_eq!(lines[1]["output_dir"], home.dirs.outputs.to_str().expect("text"));
    for text in [&listed.out, &json.out] {
        assert!(!text.contains("hush") && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn what_the_server_said_of_the_run_is_kept_whole() {
    let (home, server) = (Home::new(), Server::quick());
    let ended = home.deck(&[
        "run",
        "flamingo",
        "--set",
        "steps=2",
        "--seed",
        "18446744073709551615",
        "--url",
        &server.url,
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let show = home.deck(&["show", "last", "--json"]);
    let shown = &show.json()[0]["result"];
    assert_eq!((&shown["status"], &shown["completed"]), (&json!("success"), &json!(true)), "{show:?}");
    assert_eq!(
        shown["prompt"]["3"]["inputs"]["seed"].to_string(),
        "18446744073709551615",
        "to the digit: {shown}"
    );
    assert_eq!(shown["prompt_sha256"].as_str().map(str::len), Some(64));
}
