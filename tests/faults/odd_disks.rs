//! File systems that lack something: what only protects is done without, and runs go on.

use crate::shim::put_before;
use crate::support::{Home, Running, Server};

const ENOLCK: &str = "37";
const ENOSYS: &str = "38";

fn runs_well_with(faults: &str) {
    let (home, mut server) = (Home::new(), Server::quick());
    let faults = &faults.replace("HOME", &home.folder.path().to_string_lossy());
    for number in 1..=2 {
        let mut command =
            home.command(&["run", "flamingo", "--set", "steps=2", "--url", &server.url, "-o", "out"]);
        if !put_before(&mut command, faults) {
            return;
        }
        let ended = Running::new(command).end();
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{faults}: {ended:?}");
        let path = ended.out.trim_end();
        assert!(std::fs::read(path).expect("on disk").starts_with(b"\x89PNG"), "{faults}");
        assert_eq!(server.requests().len(), 1, "{faults}, run {number}");
    }
    home.await_no_runner();
}

#[test]
fn a_disk_without_locks() {
    runs_well_with(&format!("flock={ENOSYS}@HOME"));
    runs_well_with(&format!("flock={ENOLCK}@HOME"));
}

#[test]
fn a_disk_whose_folders_cannot_be_synced() {
    runs_well_with("fsyncdir=22");
}

#[test]
fn a_disk_without_permissions() {
    runs_well_with("chmod=1");
}

#[test]
fn a_disk_without_hard_links() {
    runs_well_with("link=1");
}

#[test]
fn a_disk_without_shared_memory() {
    runs_well_with("shm=19");
}

#[test]
fn a_disk_that_lacks_all_of_it() {
    runs_well_with(&format!("flock={ENOSYS}@HOME fsyncdir=22 chmod=1 link=1 shm=19 inotify=silent"));
}
