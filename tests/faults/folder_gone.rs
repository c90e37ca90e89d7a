//! The folder of the history goes away under a runner.

use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use crate::mount::Mount;
use crate::support::{Home, Server};

/// Whether a process has ended within a time; one that nobody has waited for yet counts as ended.
fn ends(pid: Pid, within: Duration) -> bool {
    let begun = Instant::now();
    let is_there = || {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        test_kill_process(pid).is_ok() && !stat.contains(") Z ")
    };
    while is_there() {
        if begun.elapsed() > within {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[test]
fn a_runner_ends_when_its_history_was_deleted() {
    let (home, server) = (Home::new(), Server::endless());
    let mut running = home.start(&["run", "flamingo", "--url", &server.url, "--json"]);
    running.until(r#""phase":"running""#);
    let runner = home.runner();
    std::fs::remove_dir_all(home.folder.path()).expect("deleted");
    assert!(ends(runner, Duration::from_secs(20)), "the runner stays with nothing left to keep");
    let ended = running.end();
    assert_eq!(ended.code, Some(5), "{ended:?}");
}

#[test]
fn a_runner_ends_when_its_history_was_moved_and_sends_nothing_more() {
    let (home, mut server) = (Home::new(), Server::endless());
    let mut running = home.start(&["run", "flamingo", "--url", &server.url, "--json", "-o", "data/out"]);
    running.until(r#""phase":"running""#);
    let runner = home.runner();
    home.deck(&["run", "flamingo", "--url", &server.url, "--detach"]);
    std::fs::rename(&home.dirs.data, home.folder.path().join("elsewhere")).expect("moved");
    assert!(ends(runner, Duration::from_secs(20)), "the runner stays with nothing left to keep");
    running.end();
    assert_eq!(server.requests().len(), 1, "what was queued is not sent");
}

#[test]
fn a_runner_ends_when_the_disk_of_its_history_is_unmounted() {
    let (home, server) = (Home::new(), Server::endless());
    let Some(disk) = Mount::new(&home.dirs.data, "size=24m") else { return };
    let mut running = home.start(&["run", "flamingo", "--url", &server.url, "--json"]);
    running.until(r#""phase":"running""#);
    let runner = home.runner();
    drop(disk);
    assert!(ends(runner, Duration::from_secs(20)), "the runner stays with nothing left to keep");
    let ended = running.end();
    assert_eq!(ended.code, Some(5), "{ended:?}");
}
