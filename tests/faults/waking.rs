//! Nobody waits for ever for a wake-up that does not come.

use std::time::Duration;

use comfydeck::demo::DemoOptions;
use comfydeck::domain::Status;

use crate::shim::put_before;
use crate::support::{Home, Running, Server};

#[test]
fn a_run_is_followed_to_its_end_without_change_notifications() {
    for faults in ["inotify=used-up", "inotify=silent"] {
        let home = Home::new();
        let server = Server::start(DemoOptions { step: Duration::from_millis(100), ..DemoOptions::quick() });
        let mut command =
            home.command(&["run", "flamingo", "--set", "steps=3", "--url", &server.url, "--json"]);
        if !put_before(&mut command, faults) {
            return;
        }
        let ended = Running::new(command).end();
        assert_eq!(ended.code, Some(0), "{faults}: {ended:?}");
        assert!(ended.json().last().is_some_and(|line| line["status"] == "done"), "{faults}: {ended:?}");
    }
}

#[test]
fn a_cancel_reaches_a_runner_without_change_notifications() {
    let (home, server) = (Home::new(), Server::endless());
    let mut command = home.command(&["run", "flamingo", "--url", &server.url, "--json"]);
    if !put_before(&mut command, "inotify=silent") {
        return;
    }
    let mut running = Running::new(command);
    running.until(r#""phase":"running""#);
    assert_eq!(home.deck(&["cancel", "1"]).code, Some(0));
    let ended = running.end();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert_eq!(home.stored(1).status, Status::Cancelled);
}
