//! Runs held against each other, and run once more.

use std::io::BufRead;

use crate::support::{Home, PATIENCE, Server};

#[test]
fn two_runs_are_held_against_each_other() {
    let (home, server) = (Home::new(), Server::quick());
    let run = |more: &[&str]| {
        let args = ["run", "flamingo", "--set", "steps=1", "--url", &server.url, "-o", "out"];
        assert_eq!(home.deck(&[&args, more].concat()).code, Some(0));
    };
    run(&["--seed", "7"]);
    run(&["--seed", "8", "--set", "prompt=a heron"]);
    let page = home.deck(&["diff", "1", "2"]);
    assert_eq!(page.code, Some(0), "{page:?}");
    for told in
        ["seed (3-inputs-seed)", "7 → 8", "a heron", "5 values are the same in both", "1, none the same"]
    {
        assert!(page.out.contains(told), "{told} in {}", page.out);
    }
    // The newest is the second where none is named.
    let json: serde_json::Value =
        serde_json::from_str(&home.deck(&["diff", "1", "--json"]).out).expect("json");
    assert_eq!(json["runs"], serde_json::json!([1, 2]));
    let seed = json["params"].as_array().expect("params").iter().find(|p| p["name"] == "seed");
    assert_eq!(seed.expect("a seed")["values"], serde_json::json!([7, 8]));
    assert_eq!(home.deck(&["diff", "1", "99"]).code, Some(2));
}

#[test]
fn a_replay_sends_what_was_sent_and_says_whether_the_picture_is_the_same() {
    let (home, server) = (Home::new(), Server::quick());
    let args = ["run", "flamingo", "--set", "steps=1", "--seed", "7", "--url", &server.url, "-o", "out"];
    assert_eq!(home.deck(&args).code, Some(0));
    let replayed = home.deck(&["replay", "1", "-o", "again"]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert!(replayed.err.contains("the same byte for byte as what run 1 made"), "{replayed:?}");
    assert!(replayed.out.contains("/again/"), "{replayed:?}");
    assert_eq!(home.stored(2).request.params, home.stored(1).request.params);
    assert_eq!(home.stored(2).request.url, home.stored(1).request.url);

    let lines = home.deck(&["replay", "1", "--json", "-o", "third"]).json();
    let last = lines.last().expect("lines");
    assert_eq!((&last["event"], &last["same"]), (&"compared".into(), &true.into()), "{last}");
    assert_eq!(last["outputs"][0]["before"], home.stored(1).outputs[0].path.to_string_lossy().as_ref());
    assert_eq!(home.deck(&["replay", "99"]).code, Some(2));
}

#[test]
fn a_workflow_that_is_not_the_deployed_one_is_warned_of_once() {
    let (home, server) = (Home::new(), Server::quick());
    let write = |cfg: f64| {
        let mut workflow: serde_json::Value =
            serde_json::from_str(comfydeck::demo::WORKFLOW).expect("the demo's workflow");
        let deployed = std::mem::replace(&mut workflow["3"]["inputs"]["cfg"], cfg.into());
        assert!(deployed.is_number());
        let text = workflow.to_string();
        std::fs::write(home.folder.path().join("mine.json"), text).expect("written");
    };
    let run = |seed: &str| {
        let args =
            ["run", "-w", "mine.json", "--seed", seed, "--set", "steps=1", "--url", &server.url, "-o", "out"];
        let ended = home.deck(&args);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.err
    };
    write(9.5);
    let told = run("1");
    assert!(told.contains("the deployment ran another graph") && told.contains("cfg 9.5 → 6.5"), "{told}");
    assert!(!run("2").contains("another graph"), "it is known by now");
    write(6.5);
    assert!(!run("3").contains("another graph"), "they are the same again");
}

#[test]
fn the_command_for_ended_runs_gets_each_of_them_with_its_outputs_and_no_secret() {
    let (home, server) = (Home::new(), Server::quick());
    std::fs::create_dir_all(&home.dirs.config).expect("made");
    let told = home.folder.path().join("told");
    assert!(std::process::Command::new("mkfifo").arg(&told).status().expect("mkfifo").success());
    let config =
        format!("[notify]\non_finish = \"cat > '{}'\"\non_finish_for = [\"done\"]\n", told.display());
    std::fs::write(home.dirs.config_file(), config).expect("written");
    let run = home.deck(&["run", "flamingo", "--set", "steps=1", "--url", &server.url, "-o", "out"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let text = std::fs::read_to_string(&told).expect("told");
    let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&record["run"], &record["status"]), (&1.into(), &"done".into()));
    assert_eq!(record["outputs"][0]["path"], home.stored(1).outputs[0].path.to_string_lossy().as_ref());
    assert!(!text.contains(crate::support::CLIENT_SECRET) && !text.contains(crate::support::CLIENT_ID));
}

#[test]
fn the_command_for_ended_runs_gets_those_that_were_cancelled_before_they_were_sent() {
    let (home, server) = (Home::new(), Server::quick());
    std::fs::create_dir_all(&home.dirs.config).expect("made");
    let told = home.folder.path().join("told");
    assert!(std::process::Command::new("mkfifo").arg(&told).status().expect("mkfifo").success());
    // Open for writing, too: so it has no end between one command and the next.
    let records = std::fs::File::options().read(true).write(true).open(&told).expect("opened");
    let (sender, told_in_time) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        std::io::BufReader::new(records).lines().take(3).try_for_each(|line| sender.send(line))
    });
    let config =
        format!("[notify]\non_finish = \"cat > '{}'\"\non_finish_for = [\"cancelled\"]\n", told.display());
    std::fs::write(home.dirs.config_file(), config).expect("written");
    let args =
        ["run", "flamingo", "--set", "steps=1", "--count", "3", "--yes", "--detach", "--url", &server.url];
    let _none = comfydeck::runner::keep_away(&home.dirs).expect("kept away").expect("no runner");
    assert_eq!(home.deck(&args).code, Some(0));
    let cancelled = home.deck(&["batch", "cancel", "1"]);
    assert_eq!(cancelled.code, Some(0), "{cancelled:?}");
    let mut ids = Vec::new();
    for _ in 0..3 {
        let record = told_in_time.recv_timeout(PATIENCE).expect("told in time").expect("a line");
        let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
        assert_eq!(record["status"], "cancelled");
        ids.extend(record["run"].as_i64());
    }
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn a_run_goes_into_one_file_and_comes_out_the_same_elsewhere() {
    let (here, there, server) = (Home::new(), Home::new(), Server::quick());
    let args = ["run", "flamingo", "--set", "steps=1", "--seed", "7", "--url", &server.url, "-o", "out"];
    assert_eq!(here.deck(&args).code, Some(0));
    assert_eq!(here.deck(&["runs", "tag", "1", "final", "hands"]).code, Some(0));
    let place = here.folder.path().join("in/pink.png").display().to_string();
    let note = format!("from {place}, with {}", crate::support::CLIENT_SECRET);
    assert_eq!(here.deck(&["runs", "note", "1", &note]).code, Some(0));
    let written = here.deck(&["share", "1", "-o", "run.comfydeck.json"]);
    assert_eq!(written.code, Some(0), "{written:?}");
    assert!(written.err.contains("left out of: the note"), "{written:?}");
    assert!(written.err.contains("paths of this machine in: the note"), "{written:?}");
    let file = here.folder.path().join("run.comfydeck.json");
    let text = std::fs::read_to_string(&file).expect("written");
    for private in [
        here.folder.path().to_str().expect("UTF-8"),
        &server.url,
        crate::support::CLIENT_ID,
        crate::support::CLIENT_SECRET,
    ] {
        assert!(!text.contains(private), "{private} in {text}");
    }
    assert_eq!(here.deck(&["share", "1", "-o", "run.comfydeck.json"]).code, Some(2), "never written over");

    let opened = there.deck(&["open", file.to_str().expect("UTF-8")]);
    assert_eq!((opened.code, opened.out.as_str()), (Some(0), "1\n"), "{opened:?}");
    let taken = there.stored(1);
    assert_eq!(taken.request.params, here.stored(1).request.params);
    let shown: serde_json::Value =
        serde_json::from_str(&there.deck(&["show", "1", "--json"]).out).expect("JSON");
    assert_eq!(shown["tags"], serde_json::json!(["final", "hands"]), "{shown}");
    assert_eq!(shown["note"], "from pink.png, with ••••", "{shown}");
    there.await_no_runner();
    let replayed = there.deck(&["replay", "1", "--url", &server.url, "-o", "out"]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert!(replayed.err.contains("run 1 ran elsewhere"), "{replayed:?}");
    assert!(replayed.err.contains("the same byte for byte as what run 1 made"), "{replayed:?}");

    std::fs::write(&file, text.replace("\"comfydeck_run\": 1", "\"comfydeck_run\": 9")).expect("written");
    let later = there.deck(&["open", file.to_str().expect("UTF-8")]);
    assert_eq!(later.code, Some(2));
    assert!(later.err.contains("a later version of comfydeck wrote it"), "{later:?}");
}

#[test]
fn a_run_is_copied_as_a_command_that_runs_the_same() {
    let (home, server) = (Home::new(), Server::quick());
    let prompt = "prompt=it's a cat, @home";
    let args = ["run", "flamingo", "--set", "steps=1", "--seed", "7", "--set", prompt, "--url", &server.url];
    assert_eq!(home.deck(&args).code, Some(0));
    let line = home.deck(&["show", "1", "--as", "run"]).out;
    let program = format!("'{}'", env!("CARGO_BIN_EXE_comfydeck"));
    let shell = home.command(&[]);
    let again = std::process::Command::new("sh")
        .arg("-c")
        .arg(line.replacen("comfydeck", &program, 1))
        .envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(home.folder.path())
        .output()
        .expect("run");
    assert!(again.status.success(), "{line}\n{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(home.stored(2).request.params, home.stored(1).request.params);

    let curl = home.deck(&["show", "1", "--as", "curl"]).out;
    assert!(
        curl.contains("$VIEWCOMFY_CLIENT_SECRET") && !curl.contains(crate::support::CLIENT_SECRET),
        "{curl}"
    );
    let workflow = home.deck(&["show", "1", "--as", "workflow"]).out;
    let graph: serde_json::Value = serde_json::from_str(&workflow).expect("JSON");
    assert_eq!(graph["3"]["inputs"]["seed"], 7);
    assert_eq!(home.deck(&["show", "1", "--as", "nothing"]).code, Some(2));
}

#[test]
fn a_watched_run_goes_again_once_a_burst_of_saves_until_its_ceiling() {
    let (home, mut server) = (Home::new(), Server::quick());
    let prompt = home.folder.path().join("prompt.txt");
    std::fs::write(&prompt, "a cat").expect("written");
    let args = ["run", "flamingo", "--set", "steps=1", "--set", "prompt=@prompt.txt", "--seed", "7"];
    let args = [&args[..], &["--url", &server.url, "-o", "out", "--watch", "--watch-runs", "2"]].concat();
    let unasked = home.deck(&args);
    assert_eq!((unasked.code, home.count()), (Some(2), 0), "{unasked:?}");
    assert!(unasked.err.contains("2 times at the most") && unasked.err.contains("prompt.txt"), "{unasked:?}");

    let mut running = home.start(&[&args[..], &["--yes"]].concat());
    running.until(".png");
    home.await_no_runner();
    for text in ["a", "a do", "a dog"] {
        std::fs::write(&prompt, text).expect("written");
    }
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("2 runs, as many as --watch-runs allows"), "{ended:?}");
    let sent = |run| home.stored(run).request.prompt;
    assert_eq!((sent(1), sent(2), home.count()), ("a cat".to_owned(), "a dog".to_owned(), 2));
    assert_eq!(server.requests().into_iter().filter(|seen| seen.run.is_some()).count(), 2);
}
