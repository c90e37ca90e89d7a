//! The history on real files: shared, searched, refused, brought up to date.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use comfydeck::config::Dirs;
use comfydeck::domain::run::{Counts, End, Output, Progress, RunError, Transfer};
use comfydeck::domain::spend::Load;
use comfydeck::domain::{ParamKey, Run, RunEvent, RunId, RunRequest, RunSummary, Search, Status, Workflow};
use comfydeck::store::{CancelAnswer, RunQuery, Store, StoreError, watch};
use proptest::prelude::*;
use serde_json::Value;

struct Place {
    _folder: tempfile::TempDir,
    dirs: Dirs,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let dirs = Dirs::under(folder.path());
    Place { _folder: folder, dirs }
}

fn open(place: &Place) -> Store {
    Store::open(&place.dirs).expect("a store")
}

fn request(prompt: &str) -> RunRequest {
    let key = ParamKey::parse("6-inputs-text").expect("a key");
    let seed = ParamKey::parse("3-inputs-seed").expect("a key");
    RunRequest {
        prompt: prompt.to_owned(),
        params: [(key, Value::from(prompt)), (seed, Value::from(u64::MAX))].into_iter().collect(),
        workflow_name: "wan-i2v.json".to_owned(),
        workflow_hash: "w".to_owned(),
        ..RunRequest::default()
    }
}

fn phase(status: Status) -> RunEvent {
    RunEvent::Phase { status }
}

fn ended(status: Status, what: &str) -> RunEvent {
    let error = RunError { what: what.to_owned(), ..RunError::default() };
    RunEvent::Ended(End { status, error: (!what.is_empty()).then_some(error), server_seconds: Some(1.5) })
}

fn found(store: &Store, text: &str) -> Vec<RunId> {
    let query = RunQuery::of(Search::words(text));
    store.summaries(&query).expect("a list").iter().map(|run| run.id).collect()
}

fn parse(typed: &str) -> RunQuery {
    RunQuery::of(Search::parse(typed, |_| None).expect(typed))
}

fn listed(store: &Store, id: RunId) -> RunSummary {
    let all = store.summaries(&RunQuery::default()).expect("a list");
    all.into_iter().find(|run| run.id == id).expect("in the list")
}

#[test]
fn a_run_is_read_back_as_it_was_queued() {
    let place = place();
    let asked = request("a cat");
    let id = open(&place).queue(&asked, 1_000).expect("queued");
    let run = open(&place).run(id).expect("read").expect("there");
    let seed = ParamKey::new("3", "seed");
    assert_eq!(run.request.params[&seed].to_string(), "18446744073709551615");
    assert_eq!(run, Run::queued(id, asked, 1_000));
    assert_eq!(open(&place).run(id + 1).expect("read"), None);
}

/// Any life of a run, in any order and any batches.
fn event() -> impl Strategy<Value = RunEvent> {
    let output = Output {
        path: "/o/a.png".into(),
        name: "a.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: 3,
        sha256: "00".to_owned(),
    };
    let progress = Progress { value: 9, max: 20, seconds_left: Some(6), label: "KSampler".to_owned() };
    prop_oneof![
        4 => prop::sample::select(vec![Status::Waiting, Status::Running, Status::Downloading]).prop_map(phase),
        2 => any::<u64>().prop_map(|done| RunEvent::Upload(Transfer { done, total: Some(9) })),
        2 => any::<u64>().prop_map(|done| RunEvent::Download(Transfer { done, total: None })),
        2 => Just(RunEvent::Progress(progress)),
        2 => Just(RunEvent::OutputSaved(output)),
        1 => Just(RunEvent::Warning { text: "slow".to_owned() }),
        1 => Just(RunEvent::Log { text: "not in here\n".to_owned() }),
        1 => Just(RunEvent::CancelAsked),
        1 => prop::sample::select(vec![(Status::Done, ""), (Status::Failed, "out of memory")])
            .prop_map(|(status, what)| ended(status, what)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_list_and_the_run_are_the_fold_of_its_events(
        batches in prop::collection::vec(prop::collection::vec(event(), 0..6), 0..8)
    ) {
        let place = place();
        // Two writers take turns, as the runner and a screen that cancels do.
        let stores = [open(&place), open(&place)];
        let id = stores[0].queue(&request("a cat"), 1).expect("queued");
        let mut model = Run::queued(id, request("a cat"), 1);
        for (turn, events) in batches.iter().enumerate() {
            let at = 10 * turn as i64;
            let status = stores[turn % 2].append(id, at, events).expect("written");
            events.iter().for_each(|event| model.apply(event, at));
            prop_assert_eq!(status, model.status);
            let reader = open(&place);
            prop_assert_eq!(&reader.run(id).expect("read").expect("there"), &model);
            prop_assert_eq!(listed(&reader, id), RunSummary::from(&model));
        }
        let kept = stores[0].events_after(id, 0).expect("read");
        prop_assert!(kept.iter().enumerate().all(|(place, event)| event.seq == place as i64 + 1));
        prop_assert!(kept.iter().all(|event| !event.event.is_transient()));
    }

    #[test]
    fn no_search_text_is_an_error(typed in "[a-c\"'*^:(){}+\\-\0 ,é🎨]{0,12}|.{0,12}|(AND|OR|NOT|NEAR|a| |\"|\\()*") {
        let place = place();
        let store = open(&place);
        store.queue(&request("a b"), 1).expect("queued");
        let query = RunQuery::of(Search::words(&typed));
        prop_assert!(store.summaries(&query).is_ok());
    }
}

#[test]
fn the_list_goes_back_page_by_page_and_filters() {
    let place = place();
    let store = open(&place);
    for number in 1..=10 {
        let preset = (number % 2 == 0).then(|| "even".to_owned());
        store.queue(&RunRequest { preset, ..request("a cat") }, number).expect("queued");
    }
    store.append(4, 20, &[ended(Status::Failed, "out of memory")]).expect("written");
    let list = |query: RunQuery| -> Vec<RunId> {
        store.summaries(&query).expect("a list").iter().map(|run| run.id).collect()
    };
    let page = RunQuery { limit: 4, ..RunQuery::default() };
    assert_eq!(list(page.clone()), [10, 9, 8, 7]);
    assert_eq!(list(RunQuery { before: Some(7), ..page.clone() }), [6, 5, 4, 3]);
    assert_eq!(list(RunQuery { search: Search::words("cat"), before: Some(3), ..page.clone() }), [2, 1]);
    assert_eq!(list(RunQuery { limit: 4, ..parse("preset:even") }), [10, 8, 6, 4]);
    assert_eq!(list(parse("status:failed preset:even ca")), [4]);
    assert_eq!(list(parse("status:failed preset:odd")), [0; 0]);
}

#[test]
fn search_finds_prompt_preset_workflow_keys_values_and_errors() {
    let place = place();
    let store = open(&place);
    let flamingo = RunRequest { preset: Some("pink".to_owned()), ..request("Ein Flamingo über dem Server") };
    let first = store.queue(&flamingo, 1).expect("queued");
    let second = store.queue(&request("a cat sorcerer"), 2).expect("queued");
    store.append(second, 3, &[ended(Status::Failed, "KSampler: CUDA out of memory")]).expect("written");
    let table = [
        ("flam", vec![first]),
        ("FLAMINGO uber", vec![first]),
        ("flam server", vec![]),
        ("pink", vec![first]),
        ("wan-i2v.json", vec![second, first]),
        ("6-inputs-text sorcerer", vec![second]),
        ("18446744073709551615", vec![second, first]),
        ("out of memory", vec![second]),
        ("memory out cat", vec![second]),
        ("", vec![second, first]),
    ];
    for (text, runs) in table {
        assert_eq!(found(&store, text), runs, "{text}");
    }
}

#[test]
fn search_finds_any_piece_of_a_text_without_blanks() {
    let place = place();
    let store = open(&place);
    let queue = |prompt: &str| store.queue(&request(prompt), 1).expect("queued");
    let chinese = queue("一只红色的火烈鸟在服务器上跳舞，杰作，最好的质量");
    let japanese = queue("サーバーの上で踊るフラミンゴ、傑作 1girl");
    let korean = queue("서버 위에서 춤추는 홍학");
    let preset = Some("赤い猫の写真".to_owned());
    let named = store.queue(&RunRequest { preset, ..request("cat") }, 1).expect("queued");
    let table = [
        ("火烈鸟", vec![chinese]),
        ("烈", vec![chinese]),
        ("鸟烈", vec![]),
        ("跳舞，杰", vec![chinese]),
        ("质量 红色", vec![chinese]),
        ("作", vec![japanese, chinese]),
        ("フラミンゴ", vec![japanese]),
        ("ミンゴ 1girl", vec![japanese]),
        ("バーの上", vec![japanese]),
        ("에서", vec![korean]),
        ("猫の写", vec![named]),
        ("猫 cat", vec![named]),
    ];
    for (text, runs) in table {
        assert_eq!(found(&store, text), runs, "{text}");
    }
}

#[test]
fn a_run_is_taken_once_and_cancelled_at_once_while_queued() {
    let place = place();
    let (runner, screen) = (open(&place), open(&place));
    let first = screen.queue(&request("a"), 1).expect("queued");
    let second = screen.queue(&request("b"), 1).expect("queued");
    let load = |load: Load| [((String::new(), "w".to_owned()), load)].into();
    let loads = load(Load { queued: 2, in_flight: 0, started_sum: 0 });
    assert_eq!(
        screen.counts().expect("counted"),
        Counts { ids: [first, second].into(), queued: 2, loads, ..Counts::default() }
    );
    let taken = runner.take(first, 2, None).expect("taken").expect("queued");
    assert_eq!((taken.status, taken.started_at()), (Status::Uploading, Some(2)));
    assert_eq!(screen.take(first, 3, None).expect("read"), None);
    let loads = load(Load { queued: 1, in_flight: 1, started_sum: 2 });
    let counts = Counts { ids: [first, second].into(), queued: 1, in_flight: 1, loads, ..Counts::default() };
    assert_eq!(screen.counts().expect("counted"), counts);
    assert_eq!(screen.ask_cancel(second, 4).expect("asked"), CancelAnswer::Cancelled);
    assert_eq!(runner.take(second, 5, None).expect("read"), None);
    assert_eq!(screen.ask_cancel(first, 6).expect("asked"), CancelAnswer::Asked);
    assert_eq!(screen.ask_cancel(first, 7).expect("asked"), CancelAnswer::Asked);
    let open: Vec<_> = runner.open_runs().expect("a list").iter().map(|r| (r.id, r.cancel_asked)).collect();
    assert_eq!(open, [(first, true)]);
    runner.append(first, 8, &[ended(Status::Cancelled, "")]).expect("written");
    assert_eq!(screen.ask_cancel(first, 9).expect("asked"), CancelAnswer::Ended(Status::Cancelled));
    assert_eq!(screen.counts().expect("counted"), Counts::default());
    assert!(matches!(screen.ask_cancel(99, 9), Err(StoreError::NoSuchRun(99))));
}

#[test]
fn the_typical_time_is_the_median_of_the_last_good_runs() {
    let place = place();
    let store = open(&place);
    assert_eq!(store.typical_ms("w").expect("read"), None);
    for (took, status) in
        [(900_000, Status::Done), (2_000, Status::Done), (1_000, Status::Done), (5, Status::Failed)]
    {
        let id = store.queue(&request("a"), 0).expect("queued");
        store.take(id, 100, None).expect("taken");
        store.append(id, 100 + took, &[ended(status, "")]).expect("written");
    }
    assert_eq!(store.typical_ms("w").expect("read"), Some(2_000));
    assert_eq!(store.typical_ms("other").expect("read"), None);
}

#[test]
fn workflows_and_inputs_are_kept_by_content() {
    let place = place();
    let store = open(&place);
    let text = r#"{"3": {"class_type": "KSampler", "inputs": {"cfg": 6.0}}}"#;
    let workflow = Workflow::parse(text).expect("a workflow");
    store.add_workflow(&workflow).expect("kept");
    store.add_workflow(&workflow).expect("kept again");
    assert_eq!(store.workflow(workflow.hash()).expect("read").as_deref(), Some(text));

    let file = place.dirs.data.join("in.png");
    std::fs::write(&file, b"\x89PNG first").expect("written");
    let first = store.keep_input(&file).expect("kept");
    std::fs::write(&file, b"changed in place").expect("written");
    let second = store.keep_input(&file).expect("kept");
    let content = |sha256: &str| std::fs::read(store.input_path(sha256)).expect("there");
    assert_eq!((first.size, &first.magic[..4]), (10, &b"\x89PNG"[..]));
    assert_eq!(content(&first.sha256), b"\x89PNG first");
    assert_eq!(content(&second.sha256), b"changed in place");
    let kept = std::fs::read_dir(place.dirs.data.join("inputs")).expect("a folder").count();
    assert_eq!(kept, 2, "no temporary file stays");
}

#[test]
fn unreadable_files_are_not_kept() {
    let place = place();
    let store = open(&place);
    for path in [place.dirs.data.join("none.png"), place.dirs.data.clone()] {
        let error = store.keep_input(&path).expect_err("refused").to_string();
        assert!(
            error.contains(&path.display().to_string()) && error.contains("could not be read"),
            "{error}"
        );
    }
}

#[test]
fn the_mark_changes_with_every_writer_and_with_nothing_else() {
    let place = place();
    let (mine, other) = (open(&place), open(&place));
    let before = mine.change_mark().expect("a mark");
    assert_eq!(found(&mine, ""), [0; 0]);
    assert_eq!(mine.change_mark().expect("a mark"), before);
    let id = other.queue(&request("a"), 1).expect("queued");
    let after = mine.change_mark().expect("a mark");
    assert_ne!(after, before);
    mine.append(id, 2, &[phase(Status::Running)]).expect("written");
    assert_ne!(mine.change_mark().expect("a mark"), after);
}

#[test]
fn a_change_of_another_connection_or_log_wakes_the_watcher() {
    let place = place();
    let store = open(&place);
    let (wake, woken) = mpsc::channel();
    let _watcher = watch(&place.dirs, move || wake.send(()).unwrap_or_default()).expect("watched");
    let waited = || woken.recv_timeout(Duration::from_secs(10)).is_ok();
    let id = open(&place).queue(&request("a"), 1).expect("queued");
    assert!(waited(), "a commit wakes");
    let mut log = store.log_writer(id).expect("a log");
    assert!(waited(), "a new log wakes");
    while woken.try_recv().is_ok() {}
    log.append("line\n").and_then(|()| log.flush()).expect("written");
    assert!(waited(), "a line wakes");
}

#[test]
fn a_wake_up_comes_after_the_change_is_visible() {
    let place = place();
    let store = open(&place);
    let (wake, woken) = mpsc::channel();
    let _watcher = watch(&place.dirs, move || wake.send(()).unwrap_or_default()).expect("watched");
    let (go, gone) = mpsc::channel::<()>();
    let dirs = place.dirs.clone();
    let writer = std::thread::spawn(move || {
        let store = Store::open(&dirs).expect("a store");
        while gone.recv().is_ok() {
            store.queue(&request("a"), 1).expect("queued");
        }
    });
    for number in 1..=300 {
        go.send(()).expect("asked");
        while store.counts().expect("counted").queued < number {
            woken.recv_timeout(Duration::from_secs(10)).expect("woken after the commit, not before");
        }
    }
    drop(go);
    writer.join().expect("no panic");
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let place = place();
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let dirs = place.dirs.clone();
            // Each opens for itself, so that making the database is raced for too.
            std::thread::spawn(move || {
                let store = Store::open(&dirs).expect("a store");
                for _ in 0..25 {
                    let id = store.queue(&request("a"), 1).expect("queued");
                    store.append(id, 2, &[ended(Status::Done, "")]).expect("written");
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().expect("no panic"));
    let all = RunQuery { limit: 1_000, ..parse("status:done") };
    assert_eq!(open(&place).summaries(&all).expect("a list").len(), 100);
}

fn connection(place: &Place) -> rusqlite::Connection {
    rusqlite::Connection::open(place.dirs.data.join("history.db")).expect("a connection")
}

#[test]
fn a_newer_a_foreign_and_a_damaged_history_are_left_as_they_are() {
    let newer = place();
    open(&newer).queue(&request("a"), 1).expect("queued");
    connection(&newer).pragma_update(None, "user_version", 99).expect("set");
    let foreign = place();
    std::fs::create_dir_all(&foreign.dirs.data).expect("a folder");
    connection(&foreign).execute_batch("CREATE TABLE t (x)").expect("made");
    let damaged = place();
    std::fs::create_dir_all(&damaged.dirs.data).expect("a folder");
    std::fs::write(damaged.dirs.data.join("history.db"), [b'x'; 8_192]).expect("written");
    for (place, word) in [(newer, "newer"), (foreign, "another program"), (damaged, "damaged")] {
        let file = place.dirs.data.join("history.db");
        let before = std::fs::read(&file).expect("read");
        let error = Store::open(&place.dirs).expect_err("refused").to_string();
        assert!(error.contains(word) && error.contains(&file.display().to_string()), "{error}");
        assert_eq!(std::fs::read(&file).expect("read"), before, "{word}");
    }
}

#[test]
fn a_data_folder_that_cannot_be_made_is_said_with_its_path() {
    let place = place();
    std::fs::create_dir_all(place.dirs.data.parent().expect("a parent")).expect("made");
    std::fs::write(&place.dirs.data, "a file where the folder should be").expect("written");
    let error = Store::open(&place.dirs).expect_err("refused").to_string();
    assert!(error.contains(&place.dirs.data.display().to_string()), "{error}");
}

/// Set in the environment of a copy of this test that runs as a user who may not write.
const UNPRIVILEGED: &str = "COMFYDECK_TEST_READ_ONLY_HOME";

#[test]
fn a_read_only_home_can_still_be_read() {
    if let Some(home) = std::env::var_os(UNPRIVILEGED) {
        let dirs = Dirs::under(Path::new(&home));
        let store = Store::open(&dirs).expect("opened for reading");
        assert!(store.is_read_only());
        assert_eq!(found(&store, "flamingo"), [1]);
        let error = store.queue(&request("b"), 1).expect_err("refused").to_string();
        assert!(error.contains("cannot be written"), "{error}");
        let mut log = store.log(1);
        log.refresh().expect("read");
        assert_eq!(log.line_count(), 1);
        let empty = Dirs::under(&Path::new(&home).join("empty"));
        let error = Store::open(&empty).expect_err("refused").to_string();
        assert!(error.contains("cannot be written"), "{error}");
        return;
    }
    let place = place();
    let home = place.dirs.data.parent().expect("a parent");
    let store = open(&place);
    let id = store.queue(&request("a flamingo"), 1).expect("queued");
    let mut log = store.log_writer(id).expect("a log");
    log.append("line\n").and_then(|()| log.flush()).expect("written");
    drop(store);
    as_a_stranger(home, "a_read_only_home_can_still_be_read");
}

/// Runs one test of this file as a user who may read everything below `home` and write nothing.
fn as_a_stranger(home: &Path, test: &str) {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let open_to_read = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("changed");
    };
    let copy = home.join("tests");
    std::fs::copy(std::env::current_exe().expect("a program"), &copy).expect("copied");
    open_to_read(&copy, 0o555);
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path != copy {
                open_to_read(&path, 0o444);
            }
        }
        open_to_read(&folder, 0o555);
    }
    let mut command = std::process::Command::new(&copy);
    command.args(["--exact", test, "--nocapture"]).env(UNPRIVILEGED, home).current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    open_to_read(home, 0o755);
    open_to_read(&home.join("data"), 0o755);
}
