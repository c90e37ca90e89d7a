use super::*;
use crate::domain::run::{End, Progress};
use crate::domain::{RunEvent, RunRequest};

fn a_run() -> Run {
    let request = RunRequest {
        profile: "prod".to_owned(),
        preset: Some("flamingo".to_owned()),
        ..RunRequest::default()
    };
    Run::queued(42, request, 0)
}

fn phase(status: Status) -> RunEvent {
    RunEvent::Phase { status }
}

#[test]
fn the_progress_line_names_each_phase() {
    let mut run = a_run();
    assert_eq!(progress(&run, 1_000, Some(9_000), 80), "◦ queued       0:01");
    run.apply(&phase(Status::Uploading), 1_000);
    run.apply(&RunEvent::Upload(Transfer { done: 500, total: Some(2_000) }), 1_000);
    assert_eq!(progress(&run, 3_000, None, 80), "↑ uploading    0:02  500 B of 2.0 kB");
    run.apply(&phase(Status::Waiting), 2_000);
    assert!(progress(&run, 60_000, None, 80).contains("cold start"));
    run.apply(&phase(Status::Running), 61_000);
    assert_eq!(progress(&run, 62_000, Some(90_000), 80), "● running      1:01  usually 1:30");
    let steps = Progress { value: 9, max: 20, seconds_left: Some(6), label: String::new() };
    run.apply(&RunEvent::Progress(steps), 62_000);
    assert_eq!(
        progress(&run, 62_000, Some(90_000), 80),
        "● running      1:01  ━━━━━━━━╸╌╌╌╌╌╌╌╌╌╌╌ 9/20  0:06 left"
    );
    assert_eq!(progress(&run, 62_000, None, 12), "● running  …");
}

#[test]
fn what_went_wrong_is_one_line_with_the_remedy() {
    let mut run = a_run();
    let error = RunError {
        what: "KSampler: out of memory.\u{1b}[2J".to_owned(),
        remedy: "Make the picture smaller".to_owned(),
        ..RunError::default()
    };
    let end = End { status: Status::Failed, error: Some(error), server_seconds: None };
    run.apply(&RunEvent::Ended(end), 5);
    assert_eq!(failure(&run), "run 42 failed: KSampler: out of memory. Make the picture smaller");
    let mut well = a_run();
    well.apply(&RunEvent::Ended(End { status: Status::Done, error: None, server_seconds: None }), 5);
    assert_eq!(failure(&well), "");
}

#[test]
fn a_list_lines_up() {
    let mut done = RunSummary::from(&a_run());
    done.status = Status::Done;
    done.prompt = "A flamingo".to_owned();
    (done.started_at, done.ended_at) = (Some(0), Some(41_000));
    let other = RunSummary { id: 7, workflow_name: "/w/猫.json".to_owned(), ..RunSummary::default() };
    assert_eq!(
        list(&[done, other], 300_000, 80),
        "42  ✓ done         flamingo     0:41   5m  A flamingo\n 7  ◦ queued       猫.json             5m\n"
    );
}

#[test]
fn times_are_dates() {
    for (at, text) in [
        (0, "1970-01-01 00:00:00 UTC"),
        (951_782_400_000, "2000-02-29 00:00:00 UTC"),
        (1_795_444_407_999, "2026-11-23 14:33:27 UTC"),
        (-1, "1969-12-31 23:59:59 UTC"),
    ] {
        assert_eq!(utc(at), text);
    }
}

#[test]
fn details_keep_every_line_and_no_escape() {
    let mut run = a_run();
    let key = crate::domain::ParamKey::parse("6-inputs-text").expect("a key");
    run.request.params.insert(key, "two\nlines\u{1b}]0;title\u{7}".into());
    let page = details(&run, &Names::new(), 1_000);
    assert!(page.contains("1970-01-01 00:00:00 UTC, just now\n"), "{page}");
    assert!(details(&run, &Names::new(), 3_600_000).contains("UTC, 1h ago\n"), "{page}");
    assert!(page.contains("  6-inputs-text  two\n                 lines\n"), "{page}");
    assert!(!page.contains('\u{1b}'), "{page}");
}
