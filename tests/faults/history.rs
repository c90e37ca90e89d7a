//! A history on a full disk, and a damaged one.

use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use comfydeck::config::disk;
use comfydeck::demo::{DemoOptions, Fault};
use comfydeck::domain::Status;

use crate::mount::Mount;
use crate::support::{Home, Running, Server};

/// Waits until something is so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(40), "{what} never comes");
        std::thread::yield_now();
    }
}

#[test]
fn a_run_on_a_full_disk_is_reported_and_recorded_once_there_is_room() {
    let home = Home::new();
    let Some(_disk) = Mount::new(&home.dirs.data, "size=24m") else { return };
    let server = Server::start(DemoOptions { step: Duration::from_millis(400), ..DemoOptions::quick() });
    let args = ["run", "flamingo", "--set", "steps=12", "--url", &server.url, "-o", "out", "--json"];
    let mut running = home.start(&args);
    running.until(r#""phase":"running""#);
    let ballast = home.dirs.data.join("ballast");
    let free = usize::try_from(disk::free(&home.dirs.data).expect("known")).expect("small");
    // The runner writes meanwhile, so there may be a little less room than there was.
    if let Err(error) = std::fs::write(&ballast, vec![1; free]) {
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
    let seen = running.until("is full");
    assert!(seen.contains(r#""event":"warning""#) && seen.contains("do not start them again"), "{seen}");
    // The picture is on the other disk by now, and nobody can say so.
    let out = home.folder.path().join("out");
    until("the picture", || {
        let names = std::fs::read_dir(&out).into_iter().flatten().flatten();
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).any(|name| name.ends_with(".png"))
    });
    std::fs::remove_file(&ballast).expect("room");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    home.await_no_runner();
    let run = home.stored(1);
    assert_eq!((run.status, run.outputs.len()), (Status::Done, 1), "{:?}", run.error);
}

#[test]
fn a_log_gives_way_to_the_history() {
    let home = Home::new();
    let Some(_disk) = Mount::new(&home.dirs.data, "size=8m") else { return };
    let server = Server::start(DemoOptions::quick().with(Fault::LogLines(400_000)));
    let ended = home.deck(&["run", "flamingo", "--set", "steps=1", "--url", &server.url, "-o", "out"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("log lines are dropped"), "{ended:?}");
    home.await_no_runner();
    let run = home.stored(1);
    assert_eq!((run.status, run.outputs.len()), (Status::Done, 1));
    assert!(disk::free(&home.dirs.data).is_some_and(|free| free > 1 << 20), "room is left");
}

/// A history with some runs, large beside what an empty one takes.
fn some_runs(home: &Home, server: &Server) {
    for number in 0..6 {
        let prompt = format!("prompt=heron {number} {}", "long ".repeat(8_000));
        let ended =
            home.deck(&["run", "flamingo", "--set", "steps=1", "--set", &prompt, "--url", &server.url]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }
    home.await_no_runner();
}

/// Spoils a piece in the middle of the database.
fn damage(home: &Home) {
    let path = home.dirs.data.join("history.db");
    // Everything is in the one file when nobody has it open.
    drop(home.store());
    let file = std::fs::File::options().write(true).open(&path).expect("a database");
    let length = file.metadata().expect("there").len();
    file.write_all_at(&[0xa5; 3 * 4096], length / 8192 * 4096).expect("spoilt");
}

#[test]
fn a_damaged_history_is_found_and_what_can_be_read_of_it_is_saved() {
    let (home, server) = (Home::new(), Server::quick());
    some_runs(&home, &server);
    assert!(home.deck(&["doctor"]).out.contains("is not damaged"));
    damage(&home);
    let doctor = home.deck(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    for part in ["history.db is damaged", "doctor --repair"] {
        assert!(doctor.out.contains(part), "{part}: {doctor:?}");
    }
    let repaired = home.deck(&["doctor", "--repair"]);
    assert_eq!(repaired.code, Some(0), "{repaired:?}");
    assert!(home.dirs.data.join("history.damaged-1.db").is_file(), "{repaired:?}");
    assert!(home.deck(&["doctor"]).out.contains("is not damaged"));
    let listed = home.deck(&["runs", "--json"]).json();
    assert!(!listed.is_empty(), "{repaired:?}");
    // Numbers go on behind those that are lost, too.
    let ended = home.deck(&["run", "flamingo", "--set", "steps=1", "--url", &server.url, "--json"]);
    assert_eq!(ended.json()[0]["run"], 7, "{ended:?}");
    let found = home.deck(&["runs", "--search", "heron", "--json"]).json();
    assert_eq!(found.len(), listed.len());
}

#[test]
fn a_new_history_beside_old_logs_writes_into_none_of_them() {
    let (home, server) = (Home::new(), Server::quick());
    some_runs(&home, &server);
    std::fs::rename(home.dirs.data.join("history.db"), home.folder.path().join("away.db")).expect("moved");
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(home.dirs.data.join(format!("history.db{ending}")));
    }
    let before = std::fs::read(home.dirs.data.join("logs/1.log")).expect("a log");
    let ended =
        Running::new(home.command(&["run", "flamingo", "--set", "steps=1", "--url", &server.url, "--json"]))
            .end();
    assert_eq!(ended.json()[0]["run"], 7, "{ended:?}");
    assert_eq!(std::fs::read(home.dirs.data.join("logs/1.log")).expect("a log"), before);
}

#[test]
fn a_history_that_can_only_be_read_is_reported_by_doctor_and_nothing_is_sent() {
    let (home, mut server) = (Home::new(), Server::quick());
    let Some(disk) = Mount::new(&home.dirs.data, "size=24m") else { return };
    some_runs(&home, &server);
    server.requests();
    disk.make_read_only();
    let doctor = home.deck(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.out.contains("is read-only here"), "{doctor:?}");
    assert_eq!(home.deck(&["runs", "--json"]).json().len(), 6);
    let ended = home.deck(&["run", "flamingo", "--set", "steps=1", "--url", &server.url]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_log_ends_where_the_configuration_says() {
    let home = Home::new();
    let server = Server::start(DemoOptions::quick().with(Fault::LogLines(60_000)));
    std::fs::create_dir_all(&home.dirs.config).expect("made");
    std::fs::write(home.dirs.config_file(), "[history]\nmax_log = \"1 MB\"\n").expect("written");
    let ended = home.deck(&["run", "flamingo", "--set", "steps=1", "--url", &server.url, "-o", "out"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    home.await_no_runner();
    let log = std::fs::read_to_string(home.dirs.data.join("logs/1.log")).expect("a log");
    assert!(log.contains("`max_log`"), "{}", &log[log.len() - 300..]);
    assert!((900_000..1_100_000).contains(&log.len()), "{}", log.len());
}

#[test]
fn a_history_that_is_damaged_after_a_run_was_sent_is_no_usage_error() {
    let home = Home::new();
    let mut server = Server::start(DemoOptions { step: Duration::from_millis(300), ..DemoOptions::quick() });
    some_runs(&home, &server);
    server.requests();
    let args = ["run", "flamingo", "--set", "steps=8", "--url", &server.url, "-o", "out", "--json"];
    let mut running = home.start(&args);
    running.until(r#""phase":"running""#);
    for ending in ["", "-wal"] {
        let path = home.dirs.data.join(format!("history.db{ending}"));
        let file = std::fs::File::options().write(true).open(&path).expect("a database");
        let length = file.metadata().expect("there").len();
        file.write_all_at(&vec![0xa5; usize::try_from(length).expect("small")], 0).expect("spoilt");
    }
    let ended = running.end();
    assert_eq!(server.requests().len(), 1);
    assert_ne!(ended.code, Some(2), "something was sent: {ended:?}");
    assert!(ended.err.contains("doctor --repair"), "{ended:?}");
}

#[test]
fn old_runs_are_removed_after_a_question() {
    let (home, server) = (Home::new(), Server::quick());
    some_runs(&home, &server);
    let out = home.folder.path().join("outputs");
    let asked = home.deck(&["runs", "prune", "--older", "0h"]);
    assert_eq!((asked.code, home.count()), (Some(2), 6), "{asked:?}");
    assert!(asked.err.contains("--yes"), "{asked:?}");
    let none = home.deck(&["runs", "prune", "--yes"]);
    assert_eq!((none.code, home.count()), (Some(0), 6), "{none:?}");
    let pruned = home.deck(&["runs", "prune", "--older", "0h", "--yes"]);
    assert_eq!((pruned.code, home.count()), (Some(0), 0), "{pruned:?}");
    assert!(pruned.err.contains("removed 6 runs with"), "{pruned:?}");
    let logs = std::fs::read_dir(home.dirs.data.join("logs")).expect("a folder").count();
    assert_eq!(logs, 0);
    let pictures = std::fs::read_dir(&out).expect("a folder").count();
    assert_eq!(pictures, 6, "outputs stay");
    assert_eq!(home.deck(&["runs", "prune", "--older", "soon"]).code, Some(2));
}
