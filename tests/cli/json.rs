//! What `--json` prints is what `docs/cli.md` promises.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{Home, Server};

/// The examples of `docs/cli.md`, by their event; those without one under `""`.
fn documented() -> BTreeMap<String, Value> {
    let docs = include_str!("../../docs/cli.md");
    let lines = docs.lines().filter(|line| line.starts_with("{\""));
    lines
        .map(|line| {
            let example: Value = serde_json::from_str(line).expect(line);
            (event(&example).to_owned(), example)
        })
        .collect()
}

fn event(line: &Value) -> &str {
    line.get("event").and_then(Value::as_str).unwrap_or_default()
}

fn keys(line: &Value) -> Vec<&String> {
    line.as_object().expect("an object").keys().collect()
}

#[test]
fn a_run_is_reported_as_documented() {
    let (home, server) = (Home::new(), Server::quick());
    let ended =
        home.deck(&["run", "flamingo", "--set", "steps=3", "--url", &server.url, "--json", "-o", "out"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    let documented = documented();
    let lines = ended.json();
    for line in &lines {
        let example = documented.get(event(line)).unwrap_or_else(|| panic!("not documented: {line}"));
        assert_eq!(keys(line), keys(example), "{line}");
        assert_eq!(line["run"], 1, "{line}");
    }
    let events: Vec<&str> = lines.iter().map(event).filter(|event| *event != "progress").collect();
    assert_eq!((events.first(), events.last()), (Some(&"queued"), Some(&"finished")));
    for once in ["queued", "output", "finished"] {
        assert_eq!(events.iter().filter(|event| **event == once).count(), 1, "{once}: {events:?}");
    }
    let phases: Vec<&str> = lines.iter().filter_map(|line| line["phase"].as_str()).collect();
    assert_eq!(phases.first(), Some(&"uploading"), "{phases:?}");
    assert!(phases.contains(&"running"), "{phases:?}");
    let place = |wanted: &str| events.iter().position(|event| *event == wanted).expect(wanted);
    let last_log = events.iter().rposition(|event| *event == "log").expect("a log");
    assert!(last_log < place("output"), "the log comes before the result: {events:?}");
    assert_eq!(lines[0]["params"]["3-inputs-steps"].to_string(), "3");

    let output = &lines.iter().find(|line| event(line) == "output").expect("an output");
    let path = output["path"].as_str().expect("a path");
    assert!(std::path::Path::new(path).starts_with(home.folder.path().join("out")), "{path}");
    let content = std::fs::read(path).expect("on disk");
    assert_eq!(output["size"].as_u64(), Some(content.len() as u64));
    let hash: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(output["sha256"].as_str(), Some(hash.as_str()));

    let listed = home.deck(&["runs", "--json"]).json();
    assert_eq!(keys(&listed[0]), keys(&documented[""]));
    assert_eq!(listed[0]["status"], "done");
}

#[test]
fn a_run_is_shown_with_all_that_is_documented() {
    let (home, server) = (Home::new(), Server::quick());
    home.deck(&["run", "flamingo", "--set", "steps=2", "--url", &server.url]);
    let shown = home.deck(&["show", "last", "--json"]).json();
    let docs = include_str!("../../docs/cli.md");
    let (_, promised) = docs.split_once("`show RUN --json` writes").expect("documented");
    let (promised, _) = promised.split_once("\n\n").expect("a paragraph");
    let promised: Vec<&str> = promised.split('`').skip(1).step_by(2).collect();
    assert_eq!(keys(&shown[0]), promised);
    assert_eq!((&shown[0]["run"], &shown[0]["status"]), (&1.into(), &"done".into()));
}

#[test]
fn a_failure_is_in_the_last_line() {
    let (home, server) = (Home::new(), Server::quick());
    let ended = home.deck(&["run", "flamingo", "--set", "prompt=fail", "--url", &server.url, "--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let lines = ended.json();
    let last = lines.last().expect("a line");
    assert_eq!((event(last), &last["status"]), ("finished", &"failed".into()));
    assert!(last["error"]["what"].as_str().is_some_and(|what| what.contains("memory")), "{last}");
    let kept: Vec<&str> = ["what", "remedy", "details", "node", "param", "refused"].to_vec();
    assert_eq!(keys(&last["error"]), kept);
}
