//! Batches from the command line, against a server that counts what it is sent.

use std::collections::BTreeSet;

use comfydeck::demo::DemoOptions;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::support::{FOREVER, Home, Server};

/// A profile `p` at a server; a second costs 0.5.
fn configure(home: &Home, server: &Server, more: &str) {
    let config = format!(
        "[profiles.p]\nurl = \"{}\"\nclient_id = \"me\"\nclient_secret = \"hush-hush\"\nconcurrency = 2\ncost_per_second = 0.5\n{more}",
        server.url
    );
    std::fs::create_dir_all(&home.dirs.config).expect("made");
    std::fs::write(home.dirs.config_file(), config).expect("written");
}

fn events<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn a_sweep_is_a_grid_of_runs_and_each_event_says_which() {
    let (home, mut server) = (Home::new(), Server::quick());
    configure(&home, &server, "");
    let args = ["run", "flamingo", "--sweep", "cfg=5,6.5", "--sweep", "steps=1..3", "--yes", "--json"];
    let ended = home.deck(&args);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines = ended.json();
    assert_eq!(
        (&lines[0]["event"], &lines[0]["batch"], &lines[0]["runs"]),
        (&"batch".into(), &1.into(), &6.into())
    );
    assert_eq!(lines[0]["axes"][0]["values"], serde_json::json!(["5", "6.5"]));
    let finished = events(&lines, "finished");
    let axes: BTreeSet<String> = finished.iter().map(|line| line["axes"].to_string()).collect();
    assert_eq!((finished.len(), axes.len()), (6, 6), "{axes:?}");
    assert!(axes.contains(r#"{"cfg":"6.5","steps":"2"}"#), "{axes:?}");
    let places: BTreeSet<i64> = finished.iter().filter_map(|line| line["index"].as_i64()).collect();
    assert_eq!(places, (0..6).collect());
    assert!(lines[1..lines.len() - 1].iter().all(|line| line["batch"] == 1), "each line says the batch");
    let last = &lines[lines.len() - 1];
    assert_eq!((&last["event"], &last["statuses"]["done"]), (&"batch_finished".into(), &6.into()));
    assert!(last["cost"].as_f64().is_some_and(|cost| cost > 0.0), "{last}");
    // What is sent is what the axes say, all of one seed.
    let sent: Vec<_> = server.requests().into_iter().filter_map(|seen| seen.run).collect();
    assert_eq!(sent.len(), 6);
    let shown = home.deck(&["batch", "show", "last"]).out;
    assert!(shown.starts_with("batch 1  cfg (2) × steps (3)  6 of 6 done"), "{shown}");
    assert_eq!(shown.lines().count(), 7, "{shown}");
}

#[test]
fn nothing_is_sent_when_nobody_agrees() {
    let (home, mut server) = (Home::new(), Server::quick());
    configure(&home, &server, "");
    let ended = home.deck(&["run", "flamingo", "--count", "4"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("4 runs: seed (4)") && ended.err.contains("--yes"), "{}", ended.err);
    for (args, told) in [
        (vec!["--sweep", "cfg=5,many"], "`many`"),
        (vec!["--sweep", "nothing=1"], "there is no parameter `nothing`"),
        (vec!["--sweep", "cfg=5,6", "--sweep", "steps=1,2,3", "--zip"], "cfg has 2 values and steps has 3"),
        (vec!["--sweep", "steps=1..20000"], "more than 10000"),
        (vec!["--batch", "gone.jsonl"], "cannot be read"),
        (vec!["--batch", "values.txt"], "cannot be read"),
    ] {
        let ended = home.deck(&[&["run", "flamingo", "--yes"], &args[..]].concat());
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.err.contains(told), "{args:?}: {}", ended.err);
    }
    assert_eq!((home.count(), server.requests().len()), (0, 0));
}

#[test]
fn a_file_of_values_is_a_run_a_line() {
    let (home, server) = (Home::new(), Server::quick());
    configure(&home, &server, "");
    let folder = home.folder.path();
    std::fs::write(folder.join("v.csv"), "cfg,prompt\n5,\"a cat, asleep\"\n,a dog\n").expect("written");
    let args = ["run", "flamingo", "--set", "cfg=9", "--set", "steps=1", "--batch", "v.csv", "-y", "--json"];
    let lines = home.deck(&args).json();
    let mut axes: Vec<String> =
        events(&lines, "finished").iter().map(|line| line["axes"].to_string()).collect();
    axes.sort();
    // An empty cell is what the draft says.
    assert_eq!(axes, [r#"{"cfg":"5","prompt":"a cat, asleep"}"#, r#"{"cfg":"9","prompt":"a dog"}"#]);
    let lines = home.deck(&["runs", "--batch", "1", "--json"]).json();
    let prompts: BTreeSet<&str> = lines.iter().filter_map(|line| line["prompt"].as_str()).collect();
    assert_eq!(prompts, ["a cat, asleep", "a dog"].into());
}

#[test]
fn a_ceiling_holds_the_rest_and_says_so() {
    let home = Home::new();
    let server =
        Server::start(DemoOptions { step: std::time::Duration::from_millis(60), ..DemoOptions::quick() });
    configure(&home, &server, "");
    // The first run tells how long they take: some tenths of a second, at 0.5 each.
    home.deck(&["run", "flamingo", "--set", "steps=4"]);
    let args =
        ["run", "flamingo", "--set", "steps=4", "--count", "40", "--yes", "--max-cost", "1.00", "--json"];
    let ended = home.deck(&args);
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("held: the batch's cost ceiling is reached"), "{}", ended.err);
    let lines = ended.json();
    let last = &lines[lines.len() - 1];
    assert_eq!(last["held_because"], "batch_cost");
    let (cost, held) = (last["cost"].as_f64().expect("a cost"), last["held"].as_u64().expect("held"));
    assert!(cost > 0.0 && cost < 1.3 && held > 10, "{last}");
    home.await_no_runner();
    let before = home.count();
    let cancelled = home.deck(&["batch", "cancel", "last"]);
    assert!(cancelled.err.contains(&format!("{held} runs not sent")), "{}", cancelled.err);
    assert_eq!(home.count(), before);
}

#[test]
fn a_batch_survives_its_command_and_its_runner_and_nothing_is_sent_twice() {
    let home = Home::new();
    let mut server = Server::start(DemoOptions { step: FOREVER, ..DemoOptions::quick() });
    configure(&home, &server, "");
    let mut running = home.start(&["run", "flamingo", "--count", "5", "--yes", "--json"]);
    running.until(r#""phase":"running""#);
    running.signal(Signal::KILL);
    running.end();
    kill_process(home.runner(), Signal::KILL).expect("killed");
    home.await_no_runner();
    let held = home.deck(&["batch", "hold", "last"]);
    assert!(held.err.contains("held"), "{held:?}");
    // What was in flight is lost, and what is held stays.
    home.deck(&["runs"]);
    home.await_no_runner();
    let shown = home.deck(&["batch", "show", "last", "--json"]).json();
    let (lost, queued) = (&shown[0]["statuses"]["lost"], &shown[0]["statuses"]["queued"]);
    assert_eq!(lost.as_u64().unwrap_or(0) + queued.as_u64().unwrap_or(0), 5, "{shown:?}");
    let retried = home.deck(&["batch", "retry", "last"]);
    assert_eq!(retried.code, Some(2), "a lost run may have run: {retried:?}");
    let cancelled = home.deck(&["batch", "cancel", "last"]);
    assert_eq!(cancelled.code, Some(0), "{cancelled:?}");
    let sent = server.requests().into_iter().filter(|seen| seen.run.is_some()).count();
    assert_eq!(sent as u64, lost.as_u64().unwrap_or(0), "each of them once");
}

#[test]
fn the_failed_runs_of_a_batch_with_a_bare_address_are_queued_again_to_it() {
    let home = Home::new();
    let mut server = Server::start(DemoOptions::quick().with(comfydeck::demo::Fault::ErrorThenEnd));
    let run = home.deck(&["run", "flamingo", "--count", "2", "--yes", "--url", &server.url, "-o", "out"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    home.await_no_runner();
    let retried = home.deck(&["batch", "retry", "last"]);
    assert_eq!(retried.code, Some(0), "{retried:?}");
    assert!(retried.err.contains("2 runs queued again"), "{retried:?}");
    home.await_no_runner();
    assert_eq!(server.requests().into_iter().filter(|seen| seen.run.is_some()).count(), 4);
}

#[test]
fn a_column_is_named_as_comfyui_shows_it() {
    let (home, server) = (Home::new(), Server::quick());
    configure(&home, &server, "");
    let values = home.folder.path().join("values.csv");
    std::fs::write(&values, "Sampler.cfg\n5\n6.5\n").expect("written");
    let ended =
        home.deck(&["run", "flamingo", "--batch", "values.csv", "--yes", "--json", "--set", "steps=1"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let axes = &ended.json()[0]["axes"][0];
    assert_eq!((&axes["key"], &axes["values"]), (&"3-inputs-cfg".into(), &serde_json::json!(["5", "6.5"])));
}

#[test]
fn a_command_that_is_killed_while_it_queues_sends_nothing_and_leaves_nothing() {
    let (home, mut server) = (Home::new(), Server::quick());
    let args = ["run", "flamingo", "--set", "steps=1", "--count", "10000", "--yes", "--detach", "--url"];
    let args = [&args[..], &[server.url.as_str()]].concat();
    // In the first step, between two, and far into it.
    for runs in [1, 1_200, 3_000] {
        let running = home.start(&args);
        let store = home.store();
        while store.counts().expect("counted").held < runs {
            std::thread::yield_now();
        }
        running.signal(Signal::KILL);
        assert_eq!(running.end().code, None, "killed");
        home.await_no_runner();
        let counts = home.store().counts().expect("counted");
        assert!(counts.held >= runs && counts.queued == 0 && counts.in_flight == 0, "{counts:?}");
        let next = home.deck(&["runs"]);
        assert!(next.err.contains("nothing of it was sent"), "{next:?}");
        assert_eq!(home.count(), 0);
        assert_eq!(home.store().last_batch().expect("read"), None);
    }
    // What is asked for afterwards goes, once.
    let args = ["run", "flamingo", "--set", "steps=1", "--count", "2", "--yes", "--url", &server.url];
    let ended = home.deck(&args);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(server.requests().len(), 2);
    assert_eq!(home.count(), 2);
}

#[test]
fn a_run_that_the_days_ceiling_holds_is_told_of_with_what_lets_it_go_on() {
    let (home, mut server) = (Home::new(), Server::quick());
    configure(&home, &server, "[spend]\nper_day = 0\n");
    let run = ["run", "flamingo", "--set", "steps=1", "--seed"];
    // What a run costs is known once one has ended.
    let ended = home.deck(&[&run[..], &["1"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = home.deck(&[&run[..], &["2"]].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told = "is held: the day's cost ceiling is reached. Raise `per_day` under [spend] in config.toml";
    assert!(ended.err.contains(told) && ended.err.contains("`comfydeck queue resume` goes on"), "{ended:?}");
    let listed = home.deck(&["queue"]);
    assert!(listed.err.contains("1 run held: the day's cost ceiling is reached"), "{listed:?}");
    // With nothing changed it is held again.
    let resumed = home.deck(&["queue", "resume"]);
    assert!(resumed.err.contains("1 run may go on"), "{resumed:?}");
    home.await_no_runner();
    assert_eq!(home.store().counts().expect("counted").held, 1);
    configure(&home, &server, "");
    assert_eq!(home.deck(&["queue", "resume"]).code, Some(0));
    home.await_no_runner();
    assert_eq!(server.requests().len(), 2);
}
