//! `comfydeck server`, and what a server says of its nodes, against the demo's ComfyUI.

use comfydeck::demo::DemoOptions;

use crate::support::{FOREVER, Home, Server};

/// A home whose runs go to the server as to a ComfyUI.
fn home(server: &Server) -> Home {
    let home = Home::new();
    std::fs::create_dir_all(&home.dirs.config).expect("a folder");
    let profile = format!(
        "default_profile = \"own\"\n[profiles.own]\nurl = \"{}\"\nprotocol = \"comfyui\"\nconcurrency = 3\n",
        server.url
    );
    std::fs::write(home.dirs.config.join("config.toml"), profile).expect("written");
    home
}

/// Paths of the requests since the last time this was asked.
fn paths(server: &mut Server) -> Vec<String> {
    server.requests().into_iter().map(|seen| seen.target).collect()
}

#[test]
fn the_queue_is_cleared_and_memory_freed_only_when_that_is_agreed_to() {
    let mut server = Server::start(DemoOptions { step: FOREVER, ..DemoOptions::quick() });
    let home = home(&server);
    let mut runs = Vec::new();
    for seed in ["1", "2", "3"] {
        let mut run = home.start(&["run", "flamingo", "--json", "--seed", seed]);
        run.until(if seed == "1" { "running" } else { "waiting" });
        runs.push(run);
    }
    let waiting = || {
        let seen = home.deck(&["server", "--json"]);
        let json = seen.json().pop().expect("an object");
        json["waiting"].as_array().map(Vec::len)
    };
    assert_eq!(waiting(), Some(2));
    paths(&mut server);
    for asked in ["--clear-queue", "--free-memory"] {
        let ended = home.deck(&["server", asked]);
        assert_eq!((ended.code, paths(&mut server)), (Some(2), Vec::new()), "nobody agreed: {ended:?}");
    }
    let ended = home.deck(&["server", "--clear-queue", "--yes"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(waiting(), Some(0), "and what runs goes on");
    paths(&mut server);
    let ended = home.deck(&["server", "--free-memory", "--yes"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(paths(&mut server), ["/api/free"]);
}

#[test]
fn values_of_a_batch_that_the_server_does_not_take_are_not_sent_unless_lenient() {
    let mut server = Server::quick();
    let home = home(&server);
    assert_eq!(home.deck(&["server", "--nodes"]).code, Some(0));
    let sweep = ["run", "flamingo", "--yes", "--sweep", "sampler=uni_pc,uni_pd"];
    paths(&mut server);
    let ended = home.deck(&sweep);
    assert!(ended.code == Some(2) && ended.err.contains("uni_pd (nearest: uni_pc)"), "{ended:?}");
    let asked = paths(&mut server);
    assert!(asked.iter().all(|path| path == "/api/object_info"), "only what it has now was asked: {asked:?}");
    assert_eq!((asked.len(), home.count()), (1, 0));
    let ended = home.deck(&[&sweep[..], &["--lenient", "--dry-run"]].concat());
    assert!(ended.code == Some(0) && ended.err.contains("2 runs"), "{ended:?}");
}
