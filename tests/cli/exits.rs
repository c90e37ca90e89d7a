//! Exit codes, and the one sentence on stderr.

use rustix::process::{Signal, kill_process};

use comfydeck::demo::{DemoOptions, Fault};
use comfydeck::domain::Status;

use crate::support::{Home, Server};

#[test]
fn success_prints_the_paths_and_nothing_else() {
    let (home, server) = (Home::new(), Server::quick());
    let ended = home.deck(&["run", "flamingo", "--set", "steps=2", "--url", &server.url, "-o", "out"]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    let paths: Vec<&str> = ended.out.lines().collect();
    assert_eq!(paths.len(), 1, "{ended:?}");
    assert!(std::fs::read(paths[0]).expect("on disk").starts_with(b"\x89PNG"));
}

#[test]
fn a_number_out_of_range_is_reported_and_sent() {
    let (home, mut server) = (Home::new(), Server::quick());
    let ended = home.deck(&["run", "flamingo", "--set", "steps=20000", "--url", &server.url]);
    assert!(ended.err.contains("--set steps: 20000 is more than the largest value, 10000"), "{ended:?}");
    assert_eq!(server.requests().len(), 1, "it was sent");
}

#[test]
fn a_failed_run_is_one() {
    let (home, server) = (Home::new(), Server::quick());
    let ended = home.deck(&["run", "flamingo", "--set", "prompt=fail", "--url", &server.url]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""));
    assert!(ended.err.starts_with("comfydeck: run 1 failed: "), "{}", ended.err);
    assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
}

#[test]
fn bad_input_is_two_and_nothing_is_sent() {
    let (home, mut server) = (Home::new(), Server::quick());
    let url = server.url.clone();
    std::fs::write(
        home.folder.path().join("ui.json"),
        r#"{"nodes": [{"id": 1, "type": "Odd", "widgets_values": [1]}], "links": []}"#,
    )
    .expect("written");
    let table: [(&[&str], &str); 14] = [
        (&["flamingo", "--set", "promt=x", "--url", &url], "Did you mean `prompt`?"),
        (&["flamingo", "--set", "6-inputs-txt=x", "--url", &url], "Did you mean `6-inputs-text`?"),
        (&["flamingo", "--set", "sampler_name=x", "--url", &url], "Did you mean `3-inputs-sampler_name`?"),
        (&["flamingo", "--set", "nothing-like-it-at-all=x", "--url", &url], "comfydeck flatten"),
        (&["flamingo", "--set", "steps=many", "--url", &url], "`many` is not a number"),
        (&["flamingo", "--set", "steps", "--url", &url], "KEY=VALUE"),
        (&["flamingo", "--file", "prompt=/nowhere.png", "--url", &url], "/nowhere.png cannot be read"),
        (&["flamigo", "--url", &url], "there is no preset `flamigo`. Did you mean `flamingo`?"),
        (&["flamingo"], "comfydeck init"),
        (&["flamingo", "--profile", "prod"], "there is no profile `prod`"),
        (&["flamingo", "--url", "ftp://x"], "must begin with https://"),
        (&["--url", &url], "--workflow FILE"),
        (&["--workflow", "ui.json", "--url", &url], "node 1 (Odd)"),
        (&["flamingo", "--profile", "a", "--url", &url], "cannot be used with"),
    ];
    for (args, said) in table {
        let ended = home.deck(&[&["run"], args].concat());
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{args:?}: {ended:?}");
        assert!(ended.err.contains(said), "{args:?}: {}", ended.err);
    }
    assert_eq!((home.count(), server.requests()), (0, vec![]));
}

#[test]
fn naming_a_run_that_is_not_there_is_two() {
    let home = Home::new();
    for (args, said) in [
        (["show", "7"], "there is no run 7"),
        (["logs", "last"], "there are no runs yet"),
        (["cancel", "x"], "by its number"),
    ] {
        let ended = home.deck(&args);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.err.contains(said), "{ended:?}");
    }
}

#[test]
fn refused_or_unreachable_is_three() {
    let (home, mut server) = (Home::new(), Server::quick());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", closed.local_addr().expect("an address"));
    drop(closed);
    for url in [nobody.as_str(), "http://nobody.invalid"] {
        let ended = home.deck(&["run", "flamingo", "--url", url]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(3), ""), "{url}: {ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    }
    // The next runner has to find the proxy in its own environment.
    home.await_no_runner();
    let proxy = nobody.replace("http://", "http://user:pass-8812@");
    let mut command = home.command(&["run", "flamingo", "--url", "https://nobody.invalid"]);
    command.env("HTTPS_PROXY", proxy);
    let ended = crate::support::Running::new(command).end();
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.err.contains("proxy") && !ended.err.contains("pass-8812"), "{ended:?}");
    home.await_no_runner();
    let mut command = home.command(&["run", "flamingo", "--url", &server.url]);
    command.env_remove("VIEWCOMFY_CLIENT_ID").env_remove("VIEWCOMFY_CLIENT_SECRET");
    let ended = crate::support::Running::new(command).end();
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("VIEWCOMFY_CLIENT_ID"), "the remedy is told: {}", ended.err);
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn ctrl_c_cancels_with_four() {
    let (home, server) = (Home::new(), Server::endless());
    let mut running = home.start(&["run", "flamingo", "--url", &server.url, "--json"]);
    running.until(r#""phase":"running""#);
    running.signal(Signal::INT);
    let ended = running.end();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.err.contains("cancelling the run") || ended.err.contains("cancelled"), "{ended:?}");
    assert_eq!(home.stored(1).status, Status::Cancelled);
}

#[test]
fn another_command_cancels_too() {
    let (home, server) = (Home::new(), Server::endless());
    let mut running = home.start(&["run", "flamingo", "--url", &server.url, "--json"]);
    running.until(r#""phase":"running""#);
    let waiting = home.deck(&["run", "flamingo", "--url", &server.url, "--detach"]);
    assert_eq!(waiting.out, "2\n");
    let cancelled = home.deck(&["cancel", "last"]);
    assert_eq!(cancelled.code, Some(0), "{cancelled:?}");
    assert!(cancelled.err.contains("run 2 was still queued"), "{cancelled:?}");
    assert_eq!(home.deck(&["cancel", "1"]).code, Some(0));
    let ended = running.end();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    let again = home.deck(&["cancel", "1"]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.err.contains("has ended already"), "{again:?}");
}

#[test]
fn a_connection_that_breaks_is_five() {
    let home = Home::new();
    let server = Server::quick();
    let ended = home.deck(&["run", "flamingo", "--set", "prompt=crash", "--url", &server.url]);
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert_eq!(home.stored(1).status, Status::Lost);
}

#[test]
fn a_runner_that_is_killed_is_five_and_nothing_is_sent_twice() {
    let (home, mut server) = (Home::new(), Server::endless());
    let mut running = home.start(&["run", "flamingo", "--url", &server.url, "--json"]);
    running.until(r#""phase":"running""#);
    kill_process(home.runner(), Signal::KILL).expect("killed");
    let ended = running.end();
    assert_eq!(ended.code, Some(5), "{ended:?}");
    let lines = ended.json();
    assert_eq!(lines.last().map(|line| &line["status"]), Some(&"lost".into()));
    assert_eq!(home.deck(&["runs"]).code, Some(0));
    home.await_no_runner();
    assert_eq!(home.stored(1).status, Status::Lost);
    assert_eq!(server.requests().len(), 1, "sent once");
}

#[test]
fn a_list_settles_runs_whose_runner_died() {
    let (home, mut server) = (Home::new(), Server::endless());
    let mut running = home.start(&["run", "flamingo", "--url", &server.url, "--json"]);
    running.until(r#""phase":"running""#);
    running.signal(Signal::KILL);
    running.end();
    kill_process(home.runner(), Signal::KILL).expect("killed");
    home.await_no_runner();
    assert_eq!(home.stored(1).status, Status::Running, "nobody is there to say otherwise");
    assert_eq!(home.deck(&["runs"]).code, Some(0));
    home.await_no_runner();
    assert_eq!(home.stored(1).status, Status::Lost);
    let shown = home.deck(&["show", "1"]);
    assert!(shown.out.contains("runner died"), "{shown:?}");
    assert_eq!(server.requests().len(), 1, "sent once");
}

#[test]
fn an_output_that_cannot_be_saved_is_one_and_the_rest_is_kept() {
    let home = Home::new();
    let server = Server::start(DemoOptions::quick().with(Fault::BadBase64));
    let ended = home.deck(&["run", "flamingo", "--set", "steps=1", "--url", &server.url, "-o", "out"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("could not be saved"), "{ended:?}");
}

#[test]
fn a_file_over_the_limit_costs_that_output_and_not_the_runner() {
    let home = Home::new();
    let server = Server::start(DemoOptions::quick().with(Fault::OutputBytes(9_000_000)));
    let mut limited = std::process::Command::new("bash");
    limited.args(["-c", "ulimit -f 4000; exec \"$0\" \"$@\""]);
    let command = home.command(&["run", "flamingo", "--url", &server.url, "-o", "out"]);
    limited.arg(command.get_program()).args(command.get_args());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(home.folder.path());
    limited.stdin(std::process::Stdio::null());
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let ended = crate::support::Running::new(limited).end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("larger than files may be here"), "{ended:?}");
    assert_eq!(home.stored(1).status, Status::Failed);
    assert_eq!(std::fs::read_dir(home.folder.path().join("out")).expect("a folder").count(), 0);
}

#[test]
fn shells_with_other_state_folders_share_the_runner_of_their_history() {
    let (mut home, server, other) = (Home::new(), Server::endless(), Server::quick());
    let root = home.folder.path().to_owned();
    let data = root.join("xdg/comfydeck");
    home.dirs.runtime = data.join("run");
    home.dirs.data = data;
    let start = |state: &str, args: &[&str]| {
        let mut command = home.command(args);
        command.env_remove("COMFYDECK_HOME").env("HOME", &root).env("XDG_DATA_HOME", root.join("xdg"));
        command.env("XDG_STATE_HOME", root.join(state));
        crate::support::Running::new(command)
    };
    let mut first = start("one", &["run", "flamingo", "--url", &server.url, "--json"]);
    first.until(r#""phase":"running""#);
    let second = start("two", &["run", "flamingo", "--set", "steps=1", "--url", &other.url]).end();
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(home.stored(1).status, Status::Running);
    first.signal(Signal::INT);
    assert_eq!(first.end().code, Some(4));
}

#[test]
fn without_a_runner_a_queued_run_is_five_and_is_sent_once_there_can_be_one() {
    let (home, mut server) = (Home::new(), Server::quick());
    drop(home.store());
    let lock = home.dirs.data.join("runner.lock");
    std::fs::create_dir(&lock).expect("in the way");
    let ended = home.deck(&["run", "flamingo", "--set", "steps=1", "--url", &server.url]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(5), ""), "{ended:?}");
    assert!(ended.err.contains("run 1 is queued, but not started"), "{ended:?}");
    assert_eq!(server.requests().len(), 0);
    std::fs::remove_dir(&lock).expect("out of the way");
    assert_eq!(home.deck(&["logs", "1", "-f"]).code, Some(0));
    assert_eq!(home.deck(&["logs", "1"]).err, "");
    std::fs::remove_file(home.store().log_path(1)).expect("removed");
    let gone = home.deck(&["logs", "1"]);
    assert!(gone.code == Some(0) && gone.err.contains("run 1 has no log"), "{gone:?}");
    assert_eq!(home.stored(1).status, Status::Done);
    assert_eq!(server.requests().len(), 1);
}
