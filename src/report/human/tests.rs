use std::collections::HashMap;

use super::*;
use crate::domain::brief::{Short, Told};
use crate::domain::compare::What;
use crate::domain::run::{End, Output, Progress};
use crate::domain::{Brief, Noted, RunEvent, RunRequest, RunSummary};
use crate::report::table::Paper;

fn key(text: &str) -> ParamKey {
    ParamKey::parse(text).expect("a key")
}

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

fn utc(now: i64) -> Moment {
    Moment { now, zone: jiff::tz::TimeZone::UTC }
}

/// On a terminal of so many columns, without colours.
fn paper(width: usize) -> Paper {
    Paper { width, heads: true, colours: false }
}

#[test]
fn a_list_has_heads_and_tells_what_differs() {
    let mut done = RunSummary::from(&a_run());
    done.status = Status::Done;
    done.prompt = "A flamingo".to_owned();
    (done.started_at, done.ended_at) = (Some(0), Some(41_000));
    let other = RunSummary { id: 7, workflow_name: "/w/猫.json".to_owned(), ..RunSummary::default() };
    let seed = Told { what: What::Param(key("3-inputs-seed")), change: Short::Seed("48…15".to_owned()) };
    let brief = Brief { before: Some(41), told: vec![seed], ..Brief::default() };
    let (runs, briefs) = ([done, other], HashMap::from([(42, brief)]));
    assert_eq!(
        list(&runs, &briefs, &utc(300_000), paper(80)),
        "RUN  STATUS    FROM      TOOK  QUEUED  WHAT IS NEW, AND THE PROMPT\n \
          42  ✓ done    flamingo  0:41   00:00  seed 48…15  A flamingo\n  \
           7  ◦ queued  猫.json          00:00\n"
    );
    let piped = list(&runs, &briefs, &utc(300_000), Paper::PIPE);
    assert!(piped.starts_with("42  ✓ done    flamingo  0:41  1970-01-01 00:00:00  seed"), "{piped}");
    // Of another day it is the day that counts, of another year that.
    let a_day = 86_400_000;
    for (now, told) in [(40 * a_day, "Jan 1 00:00"), (400 * a_day, "1970-01-01")] {
        let text = list(&runs, &briefs, &utc(now), paper(80));
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn times_are_the_readers_own() {
    for (at, text) in [
        (0, "1970-01-01 00:00:00 UTC"),
        (951_782_400_000, "2000-02-29 00:00:00 UTC"),
        (1_795_444_407_999, "2026-11-23 14:33:27 UTC"),
        (-1, "1969-12-31 23:59:59 UTC"),
    ] {
        assert_eq!(utc(0).full(at), text);
    }
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    assert_eq!(Moment { now: 0, zone }.full(0), "1970-01-01 02:00:00 +02");
}

fn page(run: &Run, brief: Option<&Brief>, labels: &Labels, now: i64) -> String {
    details(run, &Noted::default(), brief, labels, &utc(now), Paper::PIPE)
}

#[test]
fn details_keep_every_line_and_no_escape() {
    let mut run = a_run();
    run.request.params.insert(key("6-inputs-text"), "two\nlines\u{1b}]0;title\u{7}".into());
    let told = page(&run, None, &Labels::new(), 1_000);
    assert!(told.contains("1970-01-01 00:00:00 UTC, just now\n"), "{told}");
    assert!(page(&run, None, &Labels::new(), 3_600_000).contains("UTC, 1h ago\n"), "{told}");
    assert!(told.contains("  6-inputs-text  two\n                 lines\n"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
}

#[test]
fn details_begin_with_what_is_new_and_end_with_hashes() {
    let mut run = a_run();
    run.request.params.insert(key("3-inputs-steps"), 30.into());
    run.outputs.push(Output {
        path: "/o/a.png".into(),
        name: "a.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: 9,
        sha256: "f00d".to_owned(),
    });
    let change = Short::Values(Some("24".to_owned()), Some("30".to_owned()));
    let told = vec![Told { what: What::Param(key("3-inputs-steps")), change }];
    let brief = Brief { before: Some(41), told, same_as: Some(20), ..Brief::default() };
    let labels = Labels::from([(key("3-inputs-steps"), "steps".to_owned())]);
    let text = page(&run, Some(&brief), &labels, 1_000);
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    let order = [
        "run 42",
        "new since run 41\n  steps   24 → 30\n  result  the same picture as run 20",
        "outputs\n  9 B  /o/a.png",
        "sent\n  steps (3-inputs-steps)  30",
        "where",
        "sha256\n  a.png  f00d\n",
    ];
    assert!(order.windows(2).all(|two| at(two[0]) < at(two[1])), "{text}");
    assert!(text.ends_with("f00d\n"), "{text}");
    let inked =
        details(&run, &Noted::default(), None, &labels, &utc(0), Paper { colours: true, ..Paper::PIPE });
    assert_eq!(crate::wire::ansi::scrub_block(&inked), page(&run, None, &labels, 0));
    assert!(inked.starts_with("\u{1b}[1mrun 42\u{1b}[0m  \u{1b}[2m◦ queued"), "{inked:?}");
}
