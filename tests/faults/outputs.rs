//! No paid result is lost to a folder.

use std::path::Path;
use std::time::Duration;

use comfydeck::config::disk;
use comfydeck::demo::DemoOptions;
use comfydeck::domain::{Run, Status};

use crate::mount::Mount;
use crate::shim::put_before;
use crate::support::{CLIENT_ID, CLIENT_SECRET, Ended, Home, Running, Server};

const EFBIG: u32 = 27;
const ENOSPC: u32 = 28;
const EDQUOT: u32 = 122;

/// A picture of some hundred kilobytes.
const LARGE: [&str; 4] = ["--set", "5-inputs-width=512", "--set", "5-inputs-height=512"];

fn run(home: &Home, server: &Server, more: &[&str]) -> Ended {
    let args = ["run", "flamingo", "--set", "steps=1", "--url", &server.url, "-o", "out"];
    home.deck(&[&args, more].concat())
}

#[test]
fn an_unwritable_folder_is_reported_before_anything_is_sent() {
    let (home, mut server) = (Home::new(), Server::quick());
    let out = home.folder.path().join("out");
    std::fs::write(home.folder.path().join("file"), b"").expect("written");
    let Some(_disk) = Mount::new(&out, "ro,size=64k") else { return };
    for folder in ["out", "out/below", "file", "file/below"] {
        let ended = home.deck(&["run", "flamingo", "--url", &server.url, "-o", folder]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{folder}: {ended:?}");
        for part in [folder, "outputs cannot be written", "`output_dir`", "-o DIR"] {
            assert!(ended.err.contains(part), "{part}: {ended:?}");
        }
    }
    assert_eq!((home.count(), server.requests()), (0, vec![]));
    let doctor = home.deck(&["doctor", "--url", &server.url]).out;
    assert!(doctor.contains("outputs"), "{doctor}");
}

#[test]
fn too_little_room_for_outputs_is_reported_before_anything_is_sent() {
    let (home, mut server) = (Home::new(), Server::quick());
    let out = home.folder.path().join("out");
    let Some(_disk) = Mount::new(&out, "size=8m") else { return };
    assert_eq!(run(&home, &server, &LARGE).code, Some(0));
    let free = usize::try_from(disk::free(&out).expect("known")).expect("small");
    std::fs::write(out.join("ballast"), vec![1; free - 64 * 1024]).expect("written");
    let ended = run(&home, &server, &LARGE);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains("earlier runs of this workflow made up to"), "{ended:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_the_disk_takes_no_more_goes_to_another() {
    let (home, server) = (Home::new(), Server::quick());
    let out = home.folder.path().join("out");
    let Some(_disk) = Mount::new(&out, "size=64k") else { return };
    let ended = run(&home, &server, &LARGE);
    is_rescued(&home, &ended, "the disk is full");
}

#[test]
fn what_a_quota_or_a_limit_of_files_refuses_goes_elsewhere() {
    for (error, why) in [(EDQUOT, "the disk is full"), (EFBIG, "larger than files may be"), (ENOSPC, "full")]
    {
        let (home, server) = (Home::new(), Server::quick());
        let out = home.folder.path().join("out");
        let args = ["run", "flamingo", "--set", "steps=1", "--url", &server.url, "-o", "out"];
        let mut command = home.command(&[&args[..], &LARGE].concat());
        // After the folder was tried.
        let faults = format!("only=runner write={error}@{},30000", out.display());
        if !put_before(&mut command, &faults) {
            return;
        }
        is_rescued(&home, &Running::new(command).end(), why);
    }
}

#[test]
fn what_neither_the_folder_nor_the_history_takes_goes_to_the_temporary_folder() {
    let (home, server) = (Home::new(), Server::quick());
    let out = home.folder.path().join("out");
    let Some(_disk) = Mount::new(&out, "size=64k") else { return };
    std::fs::create_dir_all(&home.dirs.data).expect("made");
    std::fs::write(home.dirs.data.join("rescued"), b"no folder").expect("written");
    let temporary = home.folder.path().join("tmp");
    std::fs::create_dir(&temporary).expect("made");
    let args = ["run", "flamingo", "--set", "steps=1", "--url", &server.url, "-o", "out"];
    let mut command = home.command(&[&args[..], &LARGE].concat());
    command.env("TMPDIR", &temporary);
    let ended = Running::new(command).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let path = Path::new(ended.out.trim_end());
    assert!(path.starts_with(&temporary), "{ended:?}");
    assert!(std::fs::read(path).expect("there").ends_with(b"IEND\xaeB`\x82"), "whole");
    assert!(ended.err.contains(&path.display().to_string()), "{ended:?}");
}

#[test]
fn an_output_whose_folder_is_unmounted_meanwhile_is_saved() {
    let home = Home::new();
    let server = Server::start(DemoOptions { step: Duration::from_millis(200), ..DemoOptions::quick() });
    let out = home.folder.path().join("out");
    let Some(disk) = Mount::new(&out, "size=8m") else { return };
    let args = ["run", "flamingo", "--set", "steps=10", "--url", &server.url, "-o", "out", "--json"];
    let mut running = home.start(&args);
    running.until(r#""phase":"running""#);
    drop(disk);
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let run = home.stored(1);
    assert_eq!((run.status, run.outputs.len()), (Status::Done, 1), "{:?}", run.error);
    assert!(run.outputs[0].path.is_file(), "{:?}", run.outputs[0].path);
}

/// The whole output lies beside the history, and its person is told why and where.
fn is_rescued(home: &Home, ended: &Ended, why: &str) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let path = Path::new(ended.out.trim_end());
    assert_eq!(path.parent(), Some(home.dirs.data.join("rescued").as_path()), "{ended:?}");
    assert!(std::fs::read(path).expect("there").ends_with(b"IEND\xaeB`\x82"), "whole");
    for part in [why, &path.display().to_string(), "move it to where you want it"] {
        assert!(ended.err.contains(part), "{part}: {ended:?}");
    }
    let run = home.stored(1);
    assert_eq!((run.status, run.outputs.len(), run.failed_outputs.len()), (Status::Done, 1, 0));
    let left = std::fs::read_dir(home.folder.path().join("out")).expect("a folder").count();
    assert_eq!(left, 0, "the half that did not fit is gone");
}

/// What lies in a folder, pictures and the files beside them, and nothing of it is unfinished.
fn pictures(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(entry.metadata().expect("there").len() > 0, "{name} is empty");
        assert!(!name.starts_with('.'), "{name} is left behind");
        if name.ends_with(".png") {
            found.push(entry.path().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

/// What the history lists is what lies there, each once, and the files beside the outputs tell the run's end.
fn agrees(home: &Home, run: &Run, case: &str) {
    let out = home.folder.path().join("out");
    let mut listed: Vec<_> =
        run.outputs.iter().map(|output| output.path.to_string_lossy().into_owned()).collect();
    listed.sort();
    assert_eq!(listed, pictures(&out), "{case}");
    for path in listed {
        let text = std::fs::read_to_string(format!("{path}.json")).expect(case);
        let sidecar: serde_json::Value = serde_json::from_str(&text).expect(case);
        assert_eq!(sidecar["status"], run.status.word(), "{case}");
    }
}

/// Kills the runner behind each of its calls on files of a kind, one after the other, until it comes through.
fn killed_everywhere(protocol: &str, part: &str) {
    for number in 1..200 {
        let (home, mut server) = (Home::new(), Server::start(DemoOptions::quick()));
        let config = format!(
            "default_profile = \"p\"\n[profiles.p]\nprotocol = \"{protocol}\"\nurl = \"{url}\"\n{api}client_id = \"{CLIENT_ID}\"\nclient_secret = \"{CLIENT_SECRET}\"\nsidecar = true\noutput_dir = \"{out}\"\n",
            url = server.url,
            api = if protocol == "cloud" { format!("api_url = \"{}\"\n", server.url) } else { String::new() },
            out = home.folder.path().join("out").display(),
        );
        std::fs::create_dir_all(&home.dirs.config).expect("made");
        std::fs::write(home.dirs.config_file(), config).expect("written");
        let mut command = home.command(&["run", "flamingo", "--set", "steps=1", "--detach"]);
        if !put_before(&mut command, &format!("only=runner die=any@{part},{number}")) {
            return;
        }
        assert_eq!(Running::new(command).end().code, Some(0));
        home.await_no_runner();
        let log = std::fs::read_to_string(home.dirs.state.join("runner.log")).unwrap_or_default();
        let came_through = log.contains("the runner ends");
        // The next runner, without the fault, says what became of the run.
        while home.stored(1).ended_at.is_none() {
            assert_eq!(home.deck(&["runs"]).code, Some(0));
            home.await_no_runner();
        }
        let case = format!("{protocol}, killed behind call {number} on {part}");
        let run = home.stored(1);
        agrees(&home, &run, &case);
        let posts = server.requests().iter().filter(|seen| seen.run.is_some()).count();
        assert!(posts <= 1, "{case}: sent {posts} times");
        if protocol == "cloud" && posts == 1 {
            assert_eq!((run.status, run.outputs.len()), (Status::Done, 1), "{case}: {:?}", run.error);
        }
        if came_through {
            println!("{protocol}, {part}: {} points", number - 1);
            return;
        }
    }
    panic!("it never comes through");
}

#[test]
fn an_output_whose_runner_is_killed_is_listed_once_and_whole_stream() {
    killed_everywhere("stream", "/out/");
    killed_everywhere("stream", "/intents/");
}

#[test]
fn an_output_whose_runner_is_killed_is_listed_once_and_whole_cloud() {
    killed_everywhere("cloud", "/out/");
    killed_everywhere("cloud", "/intents/");
}
