//! Several processes: detached, hung up, at once, with secrets, behind a pipe.

use std::path::Path;
use std::time::Duration;

use comfydeck::demo::{DemoOptions, Fault};
use comfydeck::domain::Status;
use rustix::process::Signal;

use crate::support::{CLIENT_ID, CLIENT_SECRET, FOREVER, Home, Running, Server};

/// A run that lasts long enough to be looked at, and ends by itself.
fn unhurried() -> Server {
    Server::start(DemoOptions { step: Duration::from_millis(100), ..DemoOptions::quick() })
}

#[test]
fn a_detached_run_is_followed_to_its_end() {
    let (home, server) = (Home::new(), unhurried());
    let left = home.deck(&["run", "flamingo", "--set", "steps=6", "--url", &server.url, "--detach"]);
    assert_eq!((left.code, left.out.as_str()), (Some(0), "1\n"), "{left:?}");
    let followed = home.deck(&["logs", "last", "-f"]);
    assert_eq!((followed.code, followed.err.as_str()), (Some(0), ""), "{followed:?}");
    assert_eq!(home.stored(1).status, Status::Done);
    assert!(followed.out.contains("Prompt executed"), "{}", followed.out);
    assert!(followed.out.contains("6/6"), "the progress bar as it stood at last: {}", followed.out);
    assert_eq!(home.deck(&["logs", "1"]).out, followed.out, "nothing twice, nothing left out");
}

#[test]
fn a_command_that_is_hung_up_or_ended_leaves_its_run_going() {
    // Six seconds each, side by side: on a busy machine the signal may come late.
    let left = [Signal::HUP, Signal::TERM, Signal::KILL].map(|signal| {
        let (home, server) = (Home::new(), unhurried());
        let mut running =
            home.start(&["run", "flamingo", "--set", "steps=60", "--url", &server.url, "--json"]);
        running.until(r#""phase":"running""#);
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.code, None, "ended by the signal: {ended:?}");
        (signal, home, server)
    });
    for (signal, home, _server) in left {
        home.await_no_runner();
        let run = home.stored(1);
        assert_eq!(run.status, Status::Done, "{signal:?}");
        assert!(run.outputs[0].path.is_file(), "{signal:?}");
    }
}

#[test]
fn a_reader_that_leaves_ends_the_command_quietly() {
    let home = Home::new();
    let server = Server::start(DemoOptions::quick().with(Fault::LogLines(50_000)));
    let mut running = home.start(&["run", "flamingo", "--url", &server.url, "--json"]);
    running.until(r#""event":"queued""#);
    running.close_stdout();
    let ended = running.end();
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    home.await_no_runner();
    assert_eq!(home.stored(1).status, Status::Done);
}

#[test]
fn two_commands_share_history_and_runner() {
    let (home, mut server) = (Home::new(), unhurried());
    let args = ["run", "flamingo", "--set", "steps=2", "--url", &server.url, "--json"];
    let both = [home.start(&args), home.start(&args)].map(Running::end);
    let mut ids = Vec::new();
    for ended in both {
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let lines = ended.json();
        ids.push(lines[0]["run"].as_i64());
        assert!(lines.iter().all(|line| line["run"] == lines[0]["run"]), "{ended:?}");
    }
    ids.sort_unstable();
    assert_eq!(ids, [Some(1), Some(2)]);
    assert_eq!(server.requests().len(), 2);
    let outputs = [1, 2].map(|id| home.stored(id).outputs[0].path.clone());
    assert_ne!(outputs[0], outputs[1], "no output over another");
}

#[test]
fn with_nothing_set_a_seed_is_changed_and_shown() {
    let (home, mut server) = (Home::new(), Server::quick());
    let workflow = Path::new(env!("CARGO_MANIFEST_DIR")).join("presets/text_to_image.json");
    let workflow = workflow.to_str().expect("UTF-8");
    let ended = home.deck(&["run", "--workflow", workflow, "--url", &server.url]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let sent = server.requests().remove(0).run.expect("a run").params;
    assert_eq!(sent.keys().collect::<Vec<_>>(), ["3-inputs-seed"]);
    let expected =
        format!("nothing was set, so the seed was changed: 3-inputs-seed = {}\n", sent["3-inputs-seed"]);
    assert_eq!(ended.err, expected);
}

#[test]
fn files_and_another_workflow_go_along() {
    let (home, mut server) = (Home::new(), Server::quick());
    let workflow = r#"{"52": {"class_type": "LoadImage", "inputs": {"image": "in.png"}}, "3": {"class_type": "K", "inputs": {"seed": 7}}}"#;
    std::fs::write(home.folder.path().join("other.json"), workflow).expect("written");
    std::fs::write(home.folder.path().join("pink.png"), b"\x89PNG\r\n\x1a\n").expect("written");
    let file = "52-inputs-image=pink.png";
    let ended =
        home.deck(&["run", "--override-workflow", "other.json", "--file", file, "--url", &server.url]);
    let run = server.requests().remove(0).run.expect("a run");
    assert_eq!(run.workflow, serde_json::from_str(workflow).ok(), "{ended:?}");
    let (part, name, kind, content) = run.files[0].clone();
    assert_eq!((part.as_str(), name.as_str(), kind.as_str()), ("52-inputs-image", "pink.png", "image/png"));
    assert_eq!(content, b"\x89PNG\r\n\x1a\n");
}

#[test]
fn runs_are_listed_and_found() {
    let (home, server) = (Home::new(), Server::quick());
    for prompt in ["a heron", "fail"] {
        let set = format!("prompt={prompt}");
        home.deck(&["run", "flamingo", "--set", &set, "--set", "steps=1", "--url", &server.url]);
    }
    let all = home.deck(&["runs"]).out;
    assert_eq!(all.lines().count(), 2, "{all}");
    assert!(all.starts_with("2  ✗ failed "), "newest first: {all}");
    for (args, found) in [
        (vec!["--search", "heron"], vec![1]),
        (vec!["--status", "failed"], vec![2]),
        (vec!["--preset", "flamingo", "--limit", "1"], vec![2]),
        (vec!["--preset", "sorcerer"], vec![]),
    ] {
        let listed = home.deck(&[&["runs", "--json"], &args[..]].concat()).json();
        let ids: Vec<i64> = listed.iter().filter_map(|line| line["run"].as_i64()).collect();
        assert_eq!(ids, found, "{args:?}");
    }
    let shown = home.deck(&["show", "1"]).out;
    for part in ["run 1  ✓ done", "6-inputs-text", "a heron", "outputs\n"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[test]
fn secrets_are_nowhere() {
    let home = Home::new();
    let server = Server::start(DemoOptions { step: FOREVER, ..DemoOptions::quick() });
    let config = format!(
        "default_profile = \"p\"\n[profiles.p]\nurl = \"{}\"\nclient_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\nconcurrency = 2\n",
        server.url
    );
    std::fs::create_dir_all(&home.dirs.config).expect("made");
    let file = home.dirs.config_file();
    std::fs::write(&file, config).expect("written");
    let mut printed = String::new();
    let url = format!("{}/?{QUERY_TOKEN}#{QUERY_TOKEN}", server.url);
    for args in [vec!["run", "flamingo", "--json"], vec!["run", "flamingo", "--json", "--url", &url]] {
        let mut running = home.start(&args);
        printed += &running.until(r#""phase":"running""#);
        for pid in [running.pid(), home.runner().as_raw_nonzero().get().unsigned_abs()] {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).expect("a command line");
            let own = String::from_utf8_lossy(&line).replace(QUERY_TOKEN, "");
            assert!(!has_secret(own.as_bytes()), "in the command line of {pid}");
        }
        let pid = home.runner().as_raw_nonzero();
        let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("an environment");
        assert!(!has_secret(&environment), "in the environment of the runner");
        running.signal(Signal::INT);
        let ended = running.end();
        assert_eq!(ended.code, Some(4), "{ended:?}");
        printed += &ended.out;
        printed += &ended.err;
    }
    home.await_no_runner();
    for args in [
        vec!["show", "1"],
        vec!["show", "2"],
        vec!["show", "2", "--json"],
        vec!["logs", "1"],
        vec!["runs", "--json"],
        vec!["run", "flamingo", "--url", "http://127.0.0.1:1/?token=query-5511"],
    ] {
        let ended = home.deck(&args);
        printed += &ended.out;
        printed += &ended.err;
    }
    home.await_no_runner();
    assert!(!has_secret(printed.as_bytes()), "{printed}");
    let mut files = Vec::new();
    walk(home.folder.path(), &mut files);
    assert!(files.iter().any(|path| path.ends_with("data/history.db")), "{files:?}");
    for path in files.iter().filter(|path| **path != file) {
        // The history keeps an address as it was typed: it is sent there.
        // SQLite takes its own files away when the last process closes the history.
        let bytes = match std::fs::read(path) {
            Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => continue,
            read => read.expect("read"),
        };
        let own = String::from_utf8_lossy(&bytes).replace("query-5511", "");
        assert!(!has_secret(own.as_bytes()), "in {}", path.display());
    }
}

/// What some keep in an address.
const QUERY_TOKEN: &str = "token=query-5511";

fn has_secret(bytes: &[u8]) -> bool {
    [CLIENT_ID, CLIENT_SECRET, "query-5511"]
        .iter()
        .any(|secret| bytes.windows(secret.len()).any(|piece| piece == secret.as_bytes()))
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

#[test]
fn the_endpoint_alone_serves_a_run() {
    let home = Home::new();
    let mut endpoint =
        home.start(&["demo", "--serve", "0", "--cold-start", "0", "--load", "0", "--step", "0"]);
    let url = endpoint.until("http://127.0.0.1:").trim().to_owned();
    let ended = home.deck(&["run", "sorcerer", "--set", "steps=2", "--url", &url]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    endpoint.signal(Signal::TERM);
    let ended = endpoint.end();
    assert!(ended.err.contains("demo endpoint"), "{ended:?}");
    let mut endpoint = home.start(&["demo", "--serve", "0", "--protocol", "cloud"]);
    let api = endpoint.until("http://127.0.0.1:").trim().to_owned();
    endpoint.signal(Signal::TERM);
    let ended = endpoint.end();
    let place = format!("protocol = \"cloud\"\nurl = \"{api}/demo\"\napi_url = \"{api}\"\n");
    assert!(ended.err.contains(&place), "{ended:?}");
}
