//! The runner: over a backend that does what its address says, in this process and as a process of its own.

mod batches;
#[path = "../support/mount.rs"]
mod mount;
mod place;
mod simulation;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, mpsc};

use comfydeck::config::{Dirs, Profile, Secret, SecretSource};
use comfydeck::domain::draft::{Draft, Layer, Submission};
use comfydeck::domain::param::parameters;
use comfydeck::domain::run::{End, Output, OutputFailure, Protocol, Transfer};
use comfydeck::domain::{ParamKey, Run, RunEvent, RunId, RunRequest, Status, Workflow};
use comfydeck::runner::{self, NewRun, RunnerError};
use comfydeck::store::{CancelAnswer, RunQuery, Store, StoreError};

use place::{HOME, LONG, Place, SECRET, Script, World};

/// Not a test: what a runner's process started by [`Place::ensure`] does.
#[test]
fn runner_process() {
    let Some(home) = std::env::var_os(HOME) else { return };
    let dirs = Dirs::under(Path::new(&home));
    let script = Script::new(&dirs);
    std::fs::write(dirs.state.join("pid"), std::process::id().to_string()).expect("written");
    script.note("runner");
    runner::serve_with(&dirs, Arc::new(World(script))).expect("served");
}

fn what(run: &Run) -> &str {
    run.error.as_ref().map_or("", |error| error.what.as_str())
}

#[test]
fn a_run_goes_from_the_queue_to_its_end_and_the_runner_with_it() {
    let place = Place::new();
    let id = place.queue("fake:chatty", 1);
    place.serve().join().expect("no panic").expect("served");
    let run = place.run(id);
    let phases: Vec<Status> = run.phases.iter().map(|(status, _)| *status).collect();
    assert_eq!(phases, [Status::Queued, Status::Uploading, Status::Waiting, Status::Done]);
    assert_eq!(run.upload, Some(Transfer { done: 4_999, total: None }));
    let mut log = place.store.log(id);
    log.refresh().expect("read");
    assert_eq!(log.line_count(), 5_001);
    assert_eq!(log.lines(5_000..5_001).expect("read")[0].text, "bye");
}

#[test]
fn the_newest_picture_of_the_work_is_there_until_the_end() {
    let place = Place::new();
    let id = place.queue("fake:paints", 1);
    let runner = place.serve();
    let is_painted = |run: &Run| run.preview.as_ref().is_some_and(|preview| preview.bytes.is_empty());
    place.wait(id, |run| {
        is_painted(run) && std::fs::read(place.store.preview_path(id)).expect("there") == b"two"
    });
    place.script.gate.add_permits(1);
    runner.join().expect("no panic").expect("served");
    assert!(!place.store.preview_path(id).exists());
    assert!(place.store.events_after(id, 0).expect("read").iter().all(|stored| !stored.event.is_transient()));
}

#[test]
fn every_way_back_from_a_backend_ends_the_run() {
    let place = Place::new();
    let table = [
        ("fake:refused", Status::Failed, "401", true),
        ("fake:failed", Status::Failed, "out of memory", false),
        ("fake:lost", Status::Lost, "cut", false),
        ("fake:silent", Status::Lost, "before the run's outcome was known", false),
        ("fake:panic", Status::Failed, "comfydeck crashed", false),
        ("fake:done", Status::Done, "", false),
    ];
    let ids: Vec<RunId> = table.iter().map(|(url, ..)| place.queue(url, 1)).collect();
    place.serve().join().expect("no panic").expect("served");
    for ((url, status, word, refused), id) in table.into_iter().zip(ids) {
        let run = place.run(id);
        assert_eq!(run.status, status, "{url}");
        assert!(what(&run).contains(word), "{url}: {}", what(&run));
        assert_eq!(run.error.is_some_and(|error| error.refused), refused, "{url}");
    }
}

#[test]
fn a_run_without_credentials_is_refused_unsent() {
    let place = Place::new();
    let request = RunRequest { profile: "unknown".to_owned(), ..RunRequest::default() };
    let id = place.store.queue(&request, 1).expect("queued");
    place.serve().join().expect("no panic").expect("served");
    let run = place.run(id);
    assert_eq!((run.status, run.started_at(), what(&run)), (Status::Failed, None, "no such profile"));
    assert_eq!(place.sent(), [""; 0]);
}

#[test]
fn each_endpoint_takes_as_many_as_it_may_in_order() {
    let place = Place::new();
    let slow: Vec<RunId> = (0..5).map(|_| place.queue("fake:gate", 2)).collect();
    let other = place.queue("fake:gate-other", 1);
    let runner = place.serve();
    place.waits(slow[1]);
    place.waits(other);
    assert_eq!(place.run(slow[2]).status, Status::Queued);
    place.script.gate.add_permits(6);
    runner.join().expect("no panic").expect("served");
    let most: Vec<usize> = place.script.busy.lock().expect("whole").values().map(|(_, most)| *most).collect();
    assert_eq!(most, [2, 1]);
    let sent: Vec<String> = place.sent().into_iter().filter(|line| line.ends_with("gate")).collect();
    assert_eq!(sent, slow.iter().map(|id| format!("{id} fake:gate")).collect::<Vec<_>>());
}

#[test]
fn a_cancel_closes_the_connection_and_says_what_that_means() {
    let place = Place::new();
    let (first, second) = (place.queue("fake:hang", 1), place.queue("fake:hang", 1));
    let runner = place.serve();
    place.waits(first);
    place.store.ask_cancel(second, 2).expect("asked");
    assert_eq!(place.run(second).status, Status::Cancelled);
    place.store.ask_cancel(first, 3).expect("asked");
    let run = place.ends(first);
    assert_eq!(run.status, Status::Cancelled);
    assert!(what(&run).contains("the server may finish it"), "{}", what(&run));
    runner.join().expect("no panic").expect("served");
    assert_eq!(place.sent(), [format!("{first} fake:hang")]);
}

#[test]
fn what_was_handed_over_for_a_run_goes_with_it_when_it_is_cancelled_in_the_queue() {
    let place = Place::new();
    let first = place.queue("fake:hang", 1);
    let url = "fake:hang".to_owned();
    let request = RunRequest { url, handover: Some("token".to_owned()), ..RunRequest::default() };
    let second = place.store.queue(&request, 1).expect("queued");
    let runner = place.serve();
    place.waits(first);
    place.store.ask_cancel(second, 2).expect("asked");
    place.store.ask_cancel(first, 3).expect("asked");
    runner.join().expect("no panic").expect("served");
    assert_eq!(place.sent(), [format!("{first} fake:hang")]);
    assert!(place.dirs.state.join("swept").exists());
}

#[test]
fn what_was_handed_over_goes_with_its_run_though_no_runner_is_there() {
    let place = Place::new();
    let id = enqueue(&place, &ambient_profile(), Some(b"picture")).expect("queued");
    let left = || std::fs::read_dir(&place.dirs.runtime).expect("a folder").count();
    assert_eq!(left(), 1);
    assert_eq!(runner::cancel(&place.store, &place.dirs, id).expect("asked"), CancelAnswer::Cancelled);
    assert_eq!(left(), 0);
}

#[test]
fn a_run_goes_once_though_the_history_is_locked_when_it_should() {
    let place = Place::new();
    let url = "fake:done".to_owned();
    let request = RunRequest { url, handover: Some("token".to_owned()), ..RunRequest::default() };
    let id = place.store.queue(&request, 1).expect("queued");
    let other = rusqlite::Connection::open(place.dirs.data.join("history.db")).expect("open");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let runner = place.serve();
    let journal = place.script.sent.clone();
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || done.send(runner.join().expect("no panic")));
    // For longer than a store waits for a lock, the runner does not give up.
    loop {
        let gave_up = ended.recv_timeout(std::time::Duration::from_millis(5_500));
        assert!(gave_up.is_err(), "{gave_up:?}");
        if journal.exists() {
            break;
        }
    }
    other.execute_batch("ROLLBACK").expect("unlocked");
    ended.recv_timeout(LONG).expect("it ends").expect("served");
    let mut sent = place.sent();
    sent.dedup();
    assert_eq!(
        (place.run(id).status, sent),
        (Status::Done, vec!["asked".to_owned(), format!("{id} fake:done"), "released token".to_owned()])
    );
}

#[test]
fn what_a_server_says_of_the_secret_is_veiled() {
    let place = Place::new();
    let id = place.queue("fake:echo", 1);
    place.serve().join().expect("no panic").expect("served");
    let run = place.run(id);
    assert_eq!((what(&run), run.warnings.as_slice()), ("•••• may not", &["•••• is unknown".to_owned()][..]));
    for file in
        [place.store.log_path(id), place.dirs.data.join("history.db"), place.dirs.data.join("history.db-wal")]
    {
        let bytes = std::fs::read(&file).unwrap_or_default();
        assert!(!bytes.windows(SECRET.len()).any(|piece| piece == SECRET.as_bytes()), "{}", file.display());
    }
    assert_eq!(std::fs::read_to_string(place.store.log_path(id)).expect("a log"), "who is ••••?\n");
}

#[test]
fn an_unreadable_run_does_not_block_others() {
    let place = Place::new();
    let (flying, queued, good) =
        (place.queue("fake:done", 1), place.queue("fake:done", 1), place.queue("fake:done", 1));
    place.store.take(flying, 2, None).expect("written");
    let other = rusqlite::Connection::open(place.dirs.data.join("history.db")).expect("open");
    other
        .execute("UPDATE requests SET json = '{\"params\": oops' WHERE run <= ?1", [queued])
        .expect("spoiled");
    other.execute("UPDATE runs SET live = 'oops'", []).expect("spoiled");
    place.serve().join().expect("no panic").expect("served");
    let list = place.store.summaries(&RunQuery::default()).expect("a list");
    let ends: Vec<_> = list.iter().map(|run| (run.id, run.status)).collect();
    assert_eq!(ends, [(good, Status::Done), (queued, Status::Failed), (flying, Status::Lost)]);
    let error = place.store.run(queued).expect_err("damaged").to_string();
    assert!(error.contains(&format!("run {queued} cannot be read")), "{error}");
    assert_eq!(place.sent(), [format!("{good} fake:done")]);
}

#[test]
fn a_second_runner_leaves_at_once() {
    let place = Place::new();
    let id = place.queue("fake:gate", 1);
    let first = place.serve();
    place.waits(id);
    place.serve().join().expect("no panic").expect("served");
    assert_eq!(place.run(id).status, Status::Waiting);
    place.script.gate.add_permits(1);
    first.join().expect("no panic").expect("served");
    assert_eq!(place.sent().len(), 1);
}

#[test]
fn a_killed_runner_leaves_a_lost_run_that_is_never_sent_again() {
    let place = Place::new();
    let (first, second) = (place.queue("fake:hang", 1), place.queue("fake:hang", 1));
    let third = place.queue("fake:done", 1);
    place.ensure();
    place.waits(first);
    place.ends(third);
    place.kill(rustix::process::Signal::KILL);
    place.gone();
    assert_eq!(place.run(first).status, Status::Waiting, "nobody is there to tell");
    place.ensure();
    let run = place.ends(first);
    assert_eq!(run.status, Status::Lost);
    assert!(what(&run).contains("runner died") && what(&run).contains("waiting"), "{}", what(&run));
    place.waits(second);
    place.store.ask_cancel(second, 9).expect("asked");
    place.gone();
    let sent = [
        "runner".to_owned(),
        format!("{first} fake:hang"),
        format!("{third} fake:done"),
        "runner".to_owned(),
        format!("{second} fake:hang"),
    ];
    assert_eq!(place.sent(), sent);
}

#[test]
fn an_output_of_a_killed_runner_is_kept_and_reported() {
    let place = Place::new();
    let id = place.queue("fake:half", 1);
    place.ensure();
    place.wait(id, |run| run.status == Status::Downloading);
    place.kill(rustix::process::Signal::KILL);
    place.gone();
    place.ensure();
    let run = place.ends(id);
    let out = place.home.path().join("out");
    let kept = out.join(format!("run-{id}-unfinished.part"));
    assert_eq!(std::fs::read(&kept).expect("kept"), b"half");
    assert_eq!(std::fs::read_dir(out).expect("a folder").count(), 1);
    assert_eq!((run.status, run.warnings.len()), (Status::Lost, 1));
    assert!(run.warnings[0].ends_with(&kept.display().to_string()), "{}", run.warnings[0]);
    place.gone();
}

#[test]
fn a_run_that_its_server_knows_by_name_is_found_again_after_the_runner_was_killed() {
    let place = Place::new();
    let id = place.queue_remote("fake:half");
    place.ensure();
    let sent = place.wait(id, |run| run.status == Status::Downloading);
    let name = sent.prompt_id.expect("a name");
    assert_eq!(name.len(), 36);
    place.kill(rustix::process::Signal::KILL);
    place.gone();
    assert_eq!(place.run(id).status, Status::Downloading);
    place.ensure();
    let run = place.ends(id);
    place.gone();
    assert_eq!((run.status, run.prompt_id, run.warnings), (Status::Done, Some(name.clone()), Vec::new()));
    let expected = ["runner", "asked", &format!("{id} fake:half"), "runner", "asked"].map(str::to_owned);
    let found = [format!("{id} found {name}"), "released token".to_owned()];
    assert_eq!(place.sent(), expected.into_iter().chain(found).collect::<Vec<_>>());
    let left = std::fs::read_dir(place.home.path().join("out")).expect("a folder").count();
    assert_eq!(left, 0, "what was half written comes once more, whole");
}

#[test]
fn a_stopped_runner_leaves_runs_that_can_be_found_again() {
    let place = Place::new();
    let id = place.queue_remote("fake:hang");
    place.ensure();
    place.waits(id);
    place.kill(rustix::process::Signal::TERM);
    place.gone();
    assert_eq!(place.run(id).status, Status::Waiting);
    place.ensure();
    assert_eq!(place.ends(id).status, Status::Done);
    place.gone();
}

#[test]
fn a_cancel_is_asked_of_the_server_and_the_run_ends_when_that_says_so() {
    let place = Place::new();
    let id = place.queue_remote("fake:obeys");
    let uploading = place.queue_remote("fake:slow upload");
    let runner = place.serve();
    let name = place.waits(id).prompt_id.expect("a name");
    place.store.ask_cancel(id, 2).expect("asked");
    let run = place.ends(id);
    assert_eq!((run.status, what(&run)), (Status::Cancelled, "stopped"));
    assert!(place.sent().contains(&format!("stop {name}")));

    let name = place.wait(uploading, |run| run.status == Status::Uploading).prompt_id.expect("a name");
    place.store.ask_cancel(uploading, 2).expect("asked");
    let run = place.ends(uploading);
    assert_eq!(run.status, Status::Cancelled);
    assert!(what(&run).contains("before the whole request was sent"), "{}", what(&run));
    runner.join().expect("no panic").expect("served");
    assert!(place.sent().contains(&format!("stop {name}")), "it may have arrived after all");
}

#[test]
fn a_server_that_does_not_stop_keeps_neither_a_person_nor_the_runner() {
    let place = Place::new();
    let (first, second) = (place.queue_remote("fake:ignores"), place.queue_remote("fake:hang"));
    place.ensure();
    place.waits(first);
    assert!(!place.store.let_go(first, 2).expect("read"), "it was not asked to end");
    place.store.ask_cancel(first, 2).expect("asked");
    assert!(place.store.let_go(first, 3).expect("written"));
    let run = place.ends(first);
    assert_eq!(run.status, Status::Lost);
    assert!(what(&run).contains("did not confirm"), "{}", what(&run));
    // One that waits for its server leaves with the runner, to be found again.
    place.waits(second);
    place.store.ask_cancel(second, 4).expect("asked");
    place.kill(rustix::process::Signal::TERM);
    place.gone();
    assert_eq!(place.run(second).status, Status::Waiting);
}

#[test]
fn a_run_from_elsewhere_is_fetched_and_never_sent() {
    let place = Place::new();
    let profile = Profile { protocol: Protocol::Cloud, ..ambient_profile() };
    let out = place.home.path().join("out");
    let id = runner::adopt(&place.store, &place.dirs, &profile, "p-1", None, &out).expect("queued");
    place.serve().join().expect("no panic").expect("served");
    assert_eq!(place.run(id).status, Status::Done);
    assert_eq!(place.store.run_named("p-1").expect("read"), Some(id));
    assert_eq!(place.store.run_named("p-2").expect("read"), None);
    let found = place.sent().into_iter().filter(|line| line.starts_with(&id.to_string()));
    assert_eq!(found.collect::<Vec<_>>(), [format!("{id} found p-1")]);
    let again = runner::enqueue_again(&place.store, &place.dirs, id, &profile, None);
    assert!(matches!(again, Err(RunnerError::Unknown(unknown)) if unknown == id));

    // Who asks twice at a time gets one run, and one set of files.
    let adopt = |name: &str, profile| {
        runner::adopt(&place.store, &place.dirs, profile, name, None, &out).expect("queued")
    };
    let left = || std::fs::read_dir(&place.dirs.runtime).expect("a folder").count();
    let once = adopt("p-1", &profile);
    let before = left();
    assert!(before > 0 && once != id);
    assert_eq!(adopt("P-1", &profile), once);
    assert_eq!(left(), before, "credentials that are no longer needed");
    assert_ne!(adopt("p-2", &profile), once);
    let other = Profile { name: "other".to_owned(), ..profile.clone() };
    assert_ne!(adopt("p-1", &other), once, "another account's");
    place.serve().join().expect("no panic").expect("served");

    let stream = ambient_profile();
    let id = runner::adopt(&place.store, &place.dirs, &stream, "p-1", None, &out).expect("queued");
    place.serve().join().expect("no panic").expect("served");
    let run = place.run(id);
    assert_eq!(run.status, Status::Failed);
    assert!(what(&run).contains("cannot find a run again"), "{}", what(&run));
}

#[test]
fn a_fetch_keeps_the_outputs_of_an_earlier_one() {
    let place = Place::new();
    let profile = Profile { protocol: Protocol::Cloud, ..ambient_profile() };
    let out = place.home.path().join("out");
    std::fs::create_dir(&out).expect("made");
    let adopt =
        |out: &Path| runner::adopt(&place.store, &place.dirs, &profile, "p-1", None, out).expect("queued");
    let earlier = adopt(&out);
    place.store.take(earlier, 2, Some("p-1")).expect("written");
    let output = |name: &str| {
        let path = out.join(name);
        std::fs::write(&path, name).expect("written");
        let (content_type, sha256) = (String::new(), String::new());
        Output { path, name: name.to_owned(), content_type, size: 1, sha256 }
    };
    let failed = |name: &str| OutputFailure { name: name.to_owned(), why: "no".to_owned(), kept: None };
    let (gone, cut) = (output("g"), Output { size: 2, ..output("c") });
    std::fs::remove_file(&gone.path).expect("removed");
    let saved = [output("a"), output("b"), gone, cut, output("a")].map(RunEvent::OutputSaved);
    let failures = [failed("d"), failed("b")].map(RunEvent::OutputFailed);
    let end = End { status: Status::Failed, error: None, server_seconds: None };
    let events: Vec<_> = saved.into_iter().chain(failures).chain([RunEvent::Ended(end)]).collect();
    place.store.append(earlier, 3, &events).expect("written");

    let here = adopt(&out);
    place.serve().join().expect("no panic").expect("served");
    let names: Vec<_> = place.run(here).outputs.into_iter().map(|output| output.name).collect();
    assert_eq!(names, ["a", "a"]);
    let elsewhere = adopt(&place.home.path().join("other"));
    place.serve().join().expect("no panic").expect("served");
    assert_eq!(place.run(elsewhere).outputs, []);
}

#[test]
fn a_hang_up_is_ignored_and_a_stop_is_recorded() {
    let place = Place::new();
    let (first, second) = (place.queue("fake:hang", 1), place.queue("fake:hang", 1));
    place.ensure();
    place.waits(first);
    let pid = place.pid();
    // Asked of the runner alone: this test's own session may begin outside of the container it runs in, where it has
    // no number.
    assert_eq!(rustix::process::getsid(Some(pid)).expect("a session"), pid, "a session of its own");
    place.kill(rustix::process::Signal::HUP);
    let later = place.queue("fake:done", 1);
    place.ends(later);
    place.kill(rustix::process::Signal::TERM);
    let run = place.ends(first);
    assert_eq!(run.status, Status::Lost);
    assert!(what(&run).contains("was stopped"), "{}", what(&run));
    place.gone();
    assert_eq!(place.run(second).status, Status::Queued, "it was not sent, so nothing is lost");
}

#[test]
fn however_many_start_one_there_is_one() {
    let place = Place::new();
    let id = place.queue("fake:hang", 1);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let command = place.command();
            let dirs = &place.dirs;
            scope.spawn(move || runner::ensure_as(dirs, command).expect("a runner"));
        }
    });
    place.waits(id);
    place.store.ask_cancel(id, 2).expect("asked");
    place.gone();
    assert_eq!(place.sent(), ["runner".to_owned(), format!("{id} fake:hang")]);
}

#[test]
fn nobody_is_forgotten_while_runners_come_and_go() {
    let place = Place::new();
    let ids: Vec<RunId> = std::thread::scope(|scope| {
        let queuers: Vec<_> = (0..4)
            .map(|_| {
                let (dirs, script) = (place.dirs.clone(), place.script.clone());
                scope.spawn(move || {
                    let store = Store::open(&dirs).expect("a store");
                    let mut ids = Vec::new();
                    for _ in 0..15 {
                        let request = RunRequest { url: "fake:done".to_owned(), ..RunRequest::default() };
                        ids.push(store.queue(&request, 1).expect("queued"));
                        // The way of a queuer: the row first, then the lock.
                        runner::work_off(&dirs, Arc::new(World(script.clone()))).expect("served");
                    }
                    ids
                })
            })
            .collect();
        queuers.into_iter().flat_map(|queuer| queuer.join().expect("no panic")).collect()
    });
    place.gone();
    assert!(ids.iter().all(|id| place.run(*id).status == Status::Done));
    assert_eq!(place.sent().len(), ids.len());
}

const WORKFLOW: &str = r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "cfg": 6.0}},
    "52": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}}"#;

/// Orders a run with a seed, a picture and a mask; `None` for a picture that is not there.
fn enqueue(place: &Place, profile: &Profile, picture: Option<&[u8]>) -> Result<RunId, RunnerError> {
    let path = place.home.path().join("flamingo.jpg");
    if let Some(picture) = picture {
        std::fs::write(&path, picture).expect("written");
    }
    let key = |text| ParamKey::parse(text).expect("a key");
    let seed = serde_json::from_str("18446744073709551615").expect("a number");
    let submission = Submission {
        params: [(key("3-inputs-seed"), seed)].into_iter().collect(),
        files: vec![(key("52-inputs-image"), path.clone()), (key("52-inputs-image-viewcomfymask"), path)],
        origins: indexmap::IndexMap::new(),
        ..Submission::default()
    };
    let order = NewRun {
        profile,
        workflow: &Workflow::parse(WORKFLOW).expect("a workflow"),
        workflow_name: "w.json",
        preset: Some("flamingo"),
        submission: &submission,
        prompt: "a flamingo",
        send_workflow: true,
        logs: true,
        output_dir: Path::new("outputs"),
        if_same: runner::IfSame::Queue,
    };
    runner::enqueue(&place.store, &place.dirs, &order)
}

fn ambient_profile() -> Profile {
    let command = SecretSource::Command("echo hush-$((40 + 2))".to_owned());
    let profile = Profile {
        secrets: Vec::new(),
        without_credentials: true,
        ..Profile::of_url("https://demo.invalid/run")
    };
    profile.with_secret("client_secret", command)
}

#[test]
fn an_order_keeps_everything_that_the_run_needs_and_no_secret() {
    let place = Place::new();
    let picture = b"\x89PNG\r\n\x1a\n a picture under another name";
    let id = enqueue(&place, &ambient_profile(), Some(picture)).expect("queued");
    let request = place.run(id).request;
    let parts: Vec<_> = request.files.iter().map(|f| (f.part.as_str(), f.content_type.as_str())).collect();
    assert_eq!(parts, [("52-inputs-image", "image/png"), ("52-inputs-image-viewcomfymask", "image/png")]);
    assert_eq!(request.params[&ParamKey::new("3", "seed")].to_string(), "18446744073709551615");
    assert!(request.output_dir.is_absolute() && request.output_dir.ends_with("outputs"));
    assert_eq!(place.store.workflow(&request.workflow_hash).expect("read").as_deref(), Some(WORKFLOW));
    std::fs::remove_file(place.home.path().join("flamingo.jpg")).expect("removed");
    let kept = std::fs::read(place.store.input_path(&request.files[0].sha256)).expect("kept");
    assert_eq!(kept, picture);

    let credentials = comfydeck::config::handover::collect(&place.dirs, &request).expect("handed over");
    assert_eq!(credentials.get("client_secret"), Some(&Secret::new("hush-42")));
    for entry in std::fs::read_dir(&place.dirs.data).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        assert!(!bytes.windows(7).any(|piece| piece == b"hush-42"), "{}", path.display());
    }
}

#[test]
fn a_file_that_cannot_be_read_queues_nothing() {
    let place = Place::new();
    let error = enqueue(&place, &ambient_profile(), None).expect_err("refused").to_string();
    assert!(error.contains("flamingo.jpg") && error.contains("could not be read"), "{error}");
    assert_eq!(place.store.open_runs().expect("a list"), []);
}

#[test]
fn a_secret_that_cannot_be_found_queues_nothing() {
    let place = Place::new();
    let command = SecretSource::Command("exit 3".to_owned());
    let profile = ambient_profile().with_secret("client_secret", command);
    enqueue(&place, &profile, Some(b"x")).expect_err("refused");
    assert_eq!(place.store.open_runs().expect("a list"), []);
}

#[test]
fn a_repeated_run_is_the_same_whatever_became_of_its_files() {
    let place = Place::new();
    let id = enqueue(&place, &ambient_profile(), Some(b"GIF89a")).expect("queued");
    let first = place.run(id).request;
    enqueue(&place, &ambient_profile(), Some(b"changed in place")).expect("queued");
    let moved = Profile { url: "https://moved.invalid".to_owned(), ..ambient_profile() };
    let again = runner::enqueue_again(&place.store, &place.dirs, id, &moved, None).expect("queued");
    let second = place.run(again).request;
    assert_eq!((second.url.as_str(), second.handover == first.handover), ("https://moved.invalid", false));
    let by: Vec<String> = second.origins.values().map(ToString::to_string).collect();
    assert_eq!(by, vec![format!("again from run {id}"); 3], "every value and file is said, seed included");
    let (url, handover, origins) = (first.url.clone(), first.handover.clone(), first.origins.clone());
    assert_eq!(RunRequest { url, handover, origins, ..second }, first);

    std::fs::remove_file(place.store.input_path(&first.files[0].sha256)).expect("removed");
    let refused = runner::enqueue_again(&place.store, &place.dirs, id, &moved, None);
    assert!(matches!(refused, Err(RunnerError::InputGone { .. })));
    let none = runner::enqueue_again(&place.store, &place.dirs, 99, &moved, None);
    assert!(matches!(none, Err(RunnerError::Store(StoreError::NoSuchRun(99)))));
}

/// The demo endpoint on a port of its own, as long as the tests run.
fn demo() -> String {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            sender.send(listener.local_addr().expect("an address")).expect("received");
            comfydeck::demo::serve(listener, comfydeck::demo::DemoOptions::quick()).await.expect("served");
        });
    });
    format!("http://{}/run", receiver.recv_timeout(LONG).expect("a demo"))
}

#[test]
fn the_real_program_finishes_a_run() {
    let place = Place::new();
    let workflow = Workflow::parse(comfydeck::demo::WORKFLOW).expect("a workflow");
    let draft = Draft::new(parameters(&workflow), Layer::default());
    let id = SecretSource::Text(Secret::new("somebody"));
    let order = NewRun {
        profile: &Profile { url: demo(), ..ambient_profile().with_secret("client_id", id) },
        workflow: &workflow,
        workflow_name: "demo",
        preset: None,
        submission: &draft.submission(true).expect("a seed"),
        prompt: "",
        send_workflow: false,
        logs: true,
        output_dir: &place.home.path().join("outputs"),
        if_same: runner::IfSame::Queue,
    };
    let id = runner::enqueue(&place.store, &place.dirs, &order).expect("queued");
    let mut program = Command::new(env!("CARGO_BIN_EXE_comfydeck"));
    program.arg("runner");
    runner::ensure_as(&place.dirs, program).expect("a runner");
    let run = place.ends(id);
    assert_eq!((run.status, what(&run)), (Status::Done, ""));
    let size = std::fs::metadata(&run.outputs[0].path).expect("an output").len();
    assert!(size > 0 && run.outputs[0].path.starts_with(order.output_dir));
    let mut log = place.store.log(id);
    log.refresh().expect("read");
    assert!(log.find("prompt executed", 0..usize::MAX).expect("read").is_some(), "the whole log is there");
    place.gone();
    let left = std::fs::read_dir(&place.dirs.runtime).expect("a folder").count();
    assert_eq!(left, 0, "the credentials that were handed over are gone");
}
