//! What the options of `run` and its like do, by the built program.

use std::fs::{self, File};
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{CLIENT_ID, CLIENT_SECRET, Ended, Home, Running, Server};

/// What was sent last.
fn sent(server: &mut Server) -> Value {
    let seen = server.requests();
    let run = seen.into_iter().rev().find_map(|seen| seen.run).expect("a run was sent");
    Value::Object(run.params)
}

fn with_input(home: &Home, args: &[&str], input: &[u8]) -> Ended {
    let mut command = home.command(args);
    // The text goes through a file: nothing waits for anything.
    let path = home.folder.path().join("stdin");
    fs::write(&path, input).expect("written");
    command.stdin(File::open(&path).expect("there"));
    Running::new(command).end()
}

#[test]
fn the_log_reaches_whoever_asks() {
    let (home, server) = (Home::new(), Server::quick());
    let run = ["run", "flamingo", "--set", "steps=2", "--url", &server.url];
    let quiet = home.deck(&run);
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""), "a pipe hears of trouble alone");
    for flag in ["--logs", "-v"] {
        let ended = home.deck(&[&run[..], &[flag]].concat());
        assert!(ended.err.lines().any(|line| line.starts_with("Prompt executed in")), "{flag}: {ended:?}");
        assert_eq!(ended.out.lines().count(), 1, "stdout has the path alone: {ended:?}");
    }
    let path = home.folder.path().join("run.log");
    let mut command = home.command(&run);
    command.stderr(File::create(&path).expect("made"));
    assert!(command.status().expect("run").success());
    let kept = fs::read_to_string(&path).expect("there");
    assert!(kept.contains("Prompt executed in") && !kept.contains('\u{1b}'), "{kept}");
    let both = home.deck(&[&run[..], &["--logs", "--no-logs"]].concat());
    assert_eq!(both.code, Some(2), "{both:?}");
}

#[test]
fn a_seed_that_is_said_is_sent() {
    let (home, mut server) = (Home::new(), Server::quick());
    let url = server.url.clone();
    let ended = home.deck(&["run", "flamingo", "--seed", "18446744073709551615", "--url", &url]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(sent(&mut server)["3-inputs-seed"].to_string(), "18446744073709551615");
    // Without an alias the only seed is meant; of several one has to be named.
    let node = |seed: u64| json!({"class_type": "KSampler", "inputs": {"seed": seed, "steps": 2}});
    let workflow =
        |nodes: Value| fs::write(home.folder.path().join("w.json"), nodes.to_string()).expect("written");
    workflow(json!({"3": node(1)}));
    let ended = home.deck(&["run", "-w", "w.json", "--seed", "7", "-u", &url, "--dry-run"]);
    assert!(ended.out.contains(r#""3-inputs-seed":7"#), "{ended:?}");
    workflow(json!({"a": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}}));
    let ended = home.deck(&["run", "-w", "w.json", "--seed", "7", "-u", &url]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let ended = home.deck(&["run", "flamingo", "--seed", "many", "--url", &url]);
    assert!(ended.code == Some(2) && ended.err.contains("--seed"), "{ended:?}");
    assert_eq!(server.requests(), vec![], "the rest sent nothing");
}

#[test]
fn a_value_comes_from_a_file_or_from_standard_input() {
    let (home, mut server) = (Home::new(), Server::quick());
    let url = server.url.clone();
    fs::write(home.folder.path().join("prompt.txt"), "a heron\r\nat \"dawn\"\n\n").expect("written");
    let run = |home: &Home, set: &str, input: &[u8]| {
        with_input(home, &["run", "flamingo", "--set", set, "--set", "steps=2", "-u", &url], input)
    };
    for (set, prompt) in [
        ("prompt=@prompt.txt", "a heron\r\nat \"dawn\"\n"),
        ("prompt=-", "from the pipe"),
        ("prompt=@-", "from the pipe"),
        ("prompt=@@home", "@home"),
        ("prompt=a=b", "a=b"),
        ("prompt=-1", "-1"),
    ] {
        let ended = run(&home, set, b"from the pipe\n");
        assert_eq!(ended.code, Some(0), "{set}: {ended:?}");
        assert_eq!(sent(&mut server)["6-inputs-text"], prompt, "{set}");
    }
    for (set, input, said) in [
        ("prompt=@nowhere.txt", &b""[..], "written with two"),
        ("prompt=-", &b"\xff"[..], "not UTF-8"),
        ("steps=-", &b"many"[..], "`many` is not a number"),
    ] {
        let ended = run(&home, set, input);
        assert!(ended.code == Some(2) && ended.err.contains(said), "{set}: {ended:?}");
    }
    let twice = ["run", "flamingo", "--set", "prompt=-", "--set", "negative=-", "-u", &url];
    let ended = with_input(&home, &twice, b"x");
    assert!(ended.err.contains("was read for prompt already"), "{ended:?}");
    assert_eq!(server.requests(), vec![], "what is wrong is not sent");
}

#[test]
fn a_key_may_hold_an_equals_sign() {
    let (home, mut server) = (Home::new(), Server::quick());
    let nodes = json!({"a=b": {"class_type": "KSampler", "inputs": {"seed": 1, "x=y": "t"}}});
    fs::write(home.folder.path().join("w.json"), nodes.to_string()).expect("written");
    let args = ["run", "-w", "w.json", "--set", "a=b-inputs-x=y=1=2", "-u", &server.url.clone(), "--dry-run"];
    let ended = home.deck(&args);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains(r#""a=b-inputs-x=y":"1=2""#), "{ended:?}");
    assert_eq!(server.requests(), vec![]);
}

#[test]
fn a_dry_run_shows_what_a_run_sends_and_sends_nothing() {
    let (home, mut server) = (Home::new(), Server::quick());
    let url = format!("{}/?token=hush", server.url);
    let workflow = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/presets/text_to_image.json"))
        .expect("there");
    fs::write(home.folder.path().join("w.json"), &workflow).expect("written");
    let run = |more: &[&str]| {
        let args = [
            "run",
            "-P",
            "flamingo",
            "-w",
            "w.json",
            "--send-workflow",
            "--seed",
            "7",
            "--set",
            "steps=2",
            "-u",
            &url,
        ];
        home.deck(&[&args[..], more].concat())
    };
    let (people, dry) = (run(&["--dry-run"]), run(&["--dry-run", "--json"]));
    assert_eq!((people.code, dry.code), (Some(0), Some(0)), "{people:?} {dry:?}");
    assert_eq!((home.count(), server.requests()), (0, vec![]), "nothing was queued, kept or sent");
    for hidden in [CLIENT_ID, CLIENT_SECRET, "hush"] {
        assert!(
            ![&people.out, &people.err, &dry.out, &dry.err].iter().any(|text| text.contains(hidden)),
            "{people:?}"
        );
    }
    assert!(
        people.out.contains("client_secret: ••••") && people.err.contains("nothing was sent"),
        "{people:?}"
    );
    let ended = run(&[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let seen = server.requests().into_iter().find_map(|seen| seen.run).expect("sent");
    let dry = &dry.json()[0];
    let field = |name: &str| dry["fields"][name].as_str().unwrap_or_default().to_owned();
    let sent: Value = serde_json::from_str(&field("params")).expect("JSON");
    assert_eq!(sent, Value::Object(seen.params), "to the last digit");
    assert_eq!(field("logs"), seen.logs.to_string());
    let sent: Value = serde_json::from_str(&field("workflow_api")).expect("JSON");
    assert_eq!(Some(sent), seen.workflow);
    assert!(people.out.contains(&format!("params = {}", field("params"))), "{people:?}");
}

#[test]
fn a_dry_run_lists_files_and_reports_missing_ones() {
    let (home, mut server) = (Home::new(), Server::quick());
    let url = server.url.clone();
    let nodes = json!({"52": {"class_type": "LoadImage", "inputs": {"image": "x.png", "upload": "image"}},
        "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["52", 0]}}});
    fs::write(home.folder.path().join("w.json"), nodes.to_string()).expect("written");
    fs::write(home.folder.path().join("in.png"), b"\x89PNG\r\n\x1a\n").expect("written");
    let args = ["run", "-w", "w.json", "--file", "52-inputs-image=in.png", "-u", &url, "--dry-run", "--json"];
    let dry = home.deck(&args);
    assert_eq!(dry.code, Some(0), "{dry:?}");
    let dry = &dry.json()[0];
    let file = &dry["files"][0];
    assert_eq!((&file["part"], &file["size"]), (&json!("52-inputs-image"), &json!(8)), "{dry}");
    assert_eq!(dry["content_type"], "multipart/form-data");
    let outputs = dry["output_dir"].as_str().expect("a folder").to_owned();
    assert!(outputs.starts_with(home.folder.path().to_str().expect("text")), "{outputs}");
    let missing = ["run", "-w", "w.json", "--file", "52-inputs-image=no.png", "-u", &url, "--dry-run"];
    assert_eq!(home.deck(&missing).code, Some(2));
    let bad = home.deck(&["run", "flamingo", "--profile", "nobody", "--dry-run"]);
    assert_eq!(bad.code, Some(2), "{bad:?}");
    let inputs = fs::read_dir(home.dirs.data.join("inputs")).map_or(0, Iterator::count);
    assert_eq!(inputs, 0, "no content was kept");
    assert_eq!(server.requests(), vec![]);
}

#[test]
fn the_same_letters_mean_the_same_everywhere() {
    let (home, server) = (Home::new(), Server::quick());
    let nodes = json!({"3": {"class_type": "KSampler", "inputs": {"seed": 1, "steps": 2}}});
    fs::write(home.folder.path().join("w.json"), nodes.to_string()).expect("written");
    let config = format!(
        "[profiles.p]\nurl = \"{}\"\nclient_id = \"i\"\nclient_secret = \"s\"\nworkflow = \"../w.json\"\n",
        server.url
    );
    fs::create_dir_all(&home.dirs.config).expect("made");
    fs::write(home.dirs.config_file(), config).expect("written");
    let table: [&[&str]; 9] = [
        &["run", "-P", "flamingo", "-u", &server.url, "--dry-run"],
        &["run", "-w", "w.json", "-p", "p", "--dry-run"],
        &["runs", "-P", "flamingo"],
        &["presets", "show", "flamingo", "-w", "w.json"],
        &["presets", "new", "a", "-w", "w.json"],
        &["presets", "new", "b", "-P", "flamingo"],
        &["doctor", "-p", "p"],
        &["import", "w.json", "-P", "flamingo", "-p", "p"],
        &["import", "w.json", "-w", "w.json", "-u", &server.url],
    ];
    for args in table {
        let ended = home.deck(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {ended:?}");
    }
    for (args, said) in [
        (["fetch", "x", "-u", &server.url], "cannot find a run again"),
        (["fetch", "x", "-p", "nobody"], "there is no profile `nobody`"),
        (["init", "-u", "ftp://x", "-p"], "a value is required"),
    ] {
        let ended = home.deck(&args);
        assert!(ended.code == Some(2) && ended.err.contains(said), "{args:?}: {ended:?}");
    }
    let ended = home.deck(&["run", "flamingo", "-P", "flamingo", "-u", &server.url]);
    assert_eq!(ended.code, Some(2), "a preset is named once: {ended:?}");
}

#[test]
fn words_to_choose_from_are_listed() {
    let home = Home::new();
    for args in [["demo", "--protocol", "smoke"], ["init", "--protocol", "smoke"]] {
        let ended = home.deck(&args);
        assert!(ended.code == Some(2) && ended.err.contains("stream, cloud"), "{ended:?}");
    }
    let help = home.deck(&["init", "--help"]).out;
    assert!(help.contains("stream:") && help.contains("cloud:"), "{help}");
    let ended = home.deck(&["runs", "--status", "smoke"]);
    assert!(ended.err.contains("queued, uploading"), "{ended:?}");
}

#[test]
fn flatten_reads_standard_input() {
    let home = Home::new();
    let nodes = json!({"3": {"class_type": "K", "inputs": {"t": "x"}}});
    let ended = with_input(&home, &["flatten", "-"], nodes.to_string().as_bytes());
    assert!(ended.code == Some(0) && ended.out.contains("\"3-inputs-t\": \"x\""), "{ended:?}");
    let ended = with_input(&home, &["flatten", "-"], b"[]");
    assert!(ended.code == Some(2) && ended.err.contains("standard input"), "{ended:?}");
}

#[test]
fn there_are_man_pages() {
    let home = Home::new();
    let page = home.deck(&["man", "run"]);
    assert!(page.code == Some(0) && page.out.contains(".TH") && page.out.contains("dry\\-run"), "{page:?}");
    assert_eq!(home.deck(&["man", "nosuch"]).code, Some(2));
    assert_eq!(home.deck(&["man", "--dir", "man1"]).code, Some(0));
    for name in ["comfydeck", "comfydeck-run", "comfydeck-presets-new"] {
        let text = fs::read_to_string(home.folder.path().join("man1").join(format!("{name}.1"))).expect(name);
        assert!(text.contains(".SH SYNOPSIS"), "{name}");
    }
    assert!(!home.folder.path().join("man1/comfydeck-runner.1").exists(), "what is hidden has no page");
}

/// What a shell would offer behind these words.
fn offered(home: &Home, words: &[&str]) -> String {
    let mut command = home.command(&[&["--", "comfydeck"], words].concat());
    command.env("COMPLETE", "fish").stderr(Stdio::piped());
    let ended = Running::new(command).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.out
}

#[test]
fn completion_knows_what_there_is_now() {
    let (home, server) = (Home::new(), Server::quick());
    fs::create_dir_all(&home.dirs.config).expect("made");
    let mut config = File::create(home.dirs.config_file()).expect("made");
    writeln!(config, "[profiles.prod]\nurl = \"{}\"\nclient_id = \"i\"\nclient_secret = \"s\"", server.url)
        .expect("written");
    assert_eq!(home.deck(&["run", "flamingo", "--set", "steps=2", "-p", "prod"]).code, Some(0));
    for (words, expected) in [
        (&["run", "fl"][..], "flamingo"),
        (&["run", "-P", ""], "sorcerer"),
        (&["-P", "fl"], "flamingo"),
        (&["run", "--profile", "pr"], "prod"),
        (&["run", "flamingo", "--set", "ste"], "steps="),
        (&["run", "flamingo", "--set", "3-inputs-s"], "3-inputs-sampler_name="),
        (&["run", "flamingo", "--set", "3-inputs-sampler_name=eu"], "3-inputs-sampler_name=euler"),
        (&["show", "la"], "last"),
        (&["logs", ""], "1"),
        (&["demo", "--protocol", "cl"], "cloud"),
    ] {
        let offered = offered(&home, words);
        assert!(
            offered.lines().any(|line| line.split('\t').next() == Some(expected)),
            "{words:?}: {offered}"
        );
    }
}
