//! Tests of the log pane.

use super::*;

#[test]
fn the_log_follows_pauses_and_finds() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(1, &[Status::Running])])));
    let log = |total: usize, first: usize| Msg::Log {
        run: 1,
        total,
        first,
        lines: (first..total).map(|n| format!("line {n}")).collect(),
    };
    stage.hear(log(1_000, 700));
    stage.press("4");
    assert!(stage.screen().contains("line 999") && !stage.screen().contains("line 900"));
    stage.press("pageup");
    assert!(stage.model.log.paused);
    let effects = stage.press("g");
    assert!(
        matches!(&effects[..], [Effect::Ask(Question::Log { run: 1, range, follow: false })] if range.start == 0),
        "{effects:?}"
    );
    stage.press("/");
    let asked = stage.type_text("LINE 5");
    let search = |text: &str| Question::SearchLog { run: 1, text: text.to_owned(), from: 0, backward: false };
    assert_eq!(asked.last(), Some(&Effect::Ask(search("LINE 5"))));
    assert_eq!(stage.press("enter"), []);
    stage.hear(Msg::LogFound { run: 1, text: "LINE 5".to_owned(), line: Some(500) });
    assert_eq!(stage.model.log.found, Some(500));
    stage.press("f");
    assert!(!stage.model.log.paused);
}

/// The log of run 1: as many of its lines as an answer to what was asked for holds.
fn log_msg(total: usize, first: usize, line: impl Fn(usize) -> String) -> Msg {
    Msg::Log { run: 1, total, first, lines: (first..total.min(first + 480)).map(line).collect() }
}

#[test]
fn every_row_of_a_long_line_can_be_read() {
    let mut stage = Stage::new(80, 24);
    stage.hear(runs_msg(summaries(&[(1, &[Status::Done])])));
    // 100 rows of 78 columns between two short lines; a page has 21 rows.
    let long: String = (0..100).map(|row| format!("<{row:03}>{}", ".".repeat(73))).collect();
    let lines = ["first".to_owned(), long, "last".to_owned()];
    stage.hear(log_msg(3, 0, |n| lines[n].clone()));
    stage.press("4 g");
    for row in 0..82 {
        assert!(stage.screen().contains(&format!("<{row:03}>")), "{row}: {}", stage.screen());
        assert!(stage.model.log.paused || row > 80, "{row}");
        stage.press("j");
    }
    assert!(!stage.model.log.paused && stage.screen().contains("last"), "{}", stage.screen());
    for row in (0..80).rev() {
        stage.press("k");
        assert!(stage.screen().contains(&format!("<{row:03}>")), "{row}: {}", stage.screen());
    }
    stage.press("g pagedown");
    assert!(stage.screen().contains("<020>") && !stage.screen().contains("<019>"), "{}", stage.screen());
    stage.press("pageup");
    assert!(stage.screen().contains("first"));
    // A wider screen has fewer rows: the place is one of them still.
    stage.press("G k");
    stage.hear(Msg::Input(crossterm::event::Event::Resize(400, 24)));
    assert!(stage.screen().contains("last"), "{}", stage.screen());
}

#[test]
fn the_end_of_a_log_is_read_when_the_person_goes_there() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(1, &[Status::Done])])));
    stage.hear(log_msg(1_000, 786, |n| format!("line {n}")));
    stage.press("4 g");
    stage.hear(log_msg(1_000, 0, |n| format!("line {n}")));
    assert!(stage.screen().contains("line 0"));
    let asked = stage.press("end");
    assert!(matches!(&asked[..], [Effect::Ask(Question::Log { run: 1, follow: true, .. })]), "{asked:?}");
    // An answer that comes short is not asked for again and again.
    let asked = stage.hear(log_msg(1_000, 0, |n| format!("line {n}")));
    assert_eq!(asked, []);
    stage.hear(log_msg(1_000, 786, |n| format!("line {n}")));
    assert!(stage.screen().contains("line 999"));
}

#[test]
fn a_cut_log_scrolls_as_far_to_the_right_as_its_lines_go() {
    let mut stage = Stage::new(80, 24);
    stage.hear(runs_msg(summaries(&[(1, &[Status::Done])])));
    stage.hear(log_msg(1, 0, |_| format!("{}END", ".".repeat(97))));
    stage.press("4 w");
    for _ in 0..50 {
        stage.press("l");
    }
    assert_eq!(stage.model.log.left, 32);
    assert!(stage.screen().contains("END"));
    stage.press("h h");
    assert_eq!(stage.model.log.left, 0);
}

fn searched(from: usize, backward: bool) -> [Effect; 1] {
    [Effect::Ask(Question::SearchLog { run: 1, text: "it".to_owned(), from, backward })]
}

#[test]
fn a_log_search_begins_with_what_is_in_sight_and_comes_round() {
    let mut stage = Stage::new(80, 24);
    stage.hear(runs_msg(summaries(&[(1, &[Status::Done])])));
    let found = |line| Msg::LogFound { run: 1, text: "it".to_owned(), line };
    stage.hear(log_msg(400, 0, |n| format!("line {n} has it")));
    // While the end is followed: the first of the 21 lines in sight.
    stage.press("4 /");
    assert_eq!(stage.type_text("it")[1..], searched(379, false));
    assert_eq!(stage.press("enter"), []);
    stage.hear(found(Some(379)));
    assert_eq!(stage.press("n"), searched(380, false));
    stage.hear(found(Some(380)));
    assert_eq!(stage.press("N"), searched(379, true));
    stage.hear(found(Some(379)));
    // Away from the match, it begins with what is in sight again.
    stage.press("g");
    assert_eq!(stage.press("n"), searched(0, false));
    assert_eq!(stage.press("N"), searched(20, true));
    // Nothing further on: once round, and then it is said.
    assert_eq!(stage.hear(found(None)), searched(400, true));
    stage.hear(found(Some(399)));
    assert_eq!(stage.told(), "Searched on from the end of the log");
    assert_eq!(stage.press("n"), searched(400, false));
    assert_eq!(stage.hear(found(None)), searched(0, false));
    stage.hear(found(Some(0)));
    assert_eq!(stage.told(), "Searched on from the beginning of the log");
    assert_eq!(stage.press("N"), searched(400, true));
    assert_eq!(stage.hear(found(None)), []);
    assert_eq!(stage.told(), "`it` is not in the log");
}

#[test]
fn what_a_log_search_finds_is_in_sight_however_long_the_lines_before_are() {
    let mut stage = Stage::new(80, 24);
    stage.hear(runs_msg(summaries(&[(1, &[Status::Done])])));
    let line = |n: usize| match n {
        200 => format!("{}needle", "x".repeat(78 * 40)),
        n => format!("{n} {}", "y".repeat(78 * 5)),
    };
    stage.hear(log_msg(1_000, 786, line));
    stage.press("4 /");
    stage.type_text("needle");
    stage.press("enter");
    let asked = stage.hear(Msg::LogFound { run: 1, text: "needle".to_owned(), line: Some(200) });
    assert!(matches!(&asked[..], [Effect::Ask(Question::Log { follow: false, .. })]), "{asked:?}");
    stage.hear(log_msg(1_000, 0, line));
    assert!(stage.screen().contains(" needle\n"), "{}", stage.screen());
    assert!(!stage.screen().contains("199 yyy"));
}

#[test]
fn a_log_is_searched_while_it_is_typed_from_where_the_person_was() {
    let mut stage = Stage::new(80, 24);
    stage.hear(runs_msg(summaries(&[(1, &[Status::Done])])));
    stage.hear(log_msg(400, 0, |n| format!("line {n}")));
    let search = |text: &str| {
        Effect::Ask(Question::SearchLog { run: 1, text: text.to_owned(), from: 379, backward: false })
    };
    let found = |text: &str, line| Msg::LogFound { run: 1, text: text.to_owned(), line };
    stage.press("4 /");
    let before = stage.screen();
    assert_eq!(stage.type_text("39"), [search("3"), search("39")]);
    // What was found for fewer letters comes late.
    stage.hear(found("3", Some(379)));
    assert_eq!(stage.model.log.found, None);
    stage.hear(found("39", Some(390)));
    let matches = Matches { line: 390, at: 12, count: 21 };
    stage.hear(Msg::LogMatches { run: 1, text: "39".to_owned(), matches });
    assert!(stage.screen().contains("/ 39  12 of 21"), "{}", stage.screen());
    // What is nowhere is said in the title, and the log is where it was.
    let asked = stage.type_text("x");
    assert_eq!(asked, [search("39x")]);
    stage.hear(found("39x", None));
    stage.hear(found("39x", None));
    assert!(stage.screen().contains("/ 39x  not found"), "{}", stage.screen());
    assert_eq!((stage.told(), stage.model.log.paused), ("", false));
    // Fewer letters, and it is there again; Esc goes back to where it began.
    assert_eq!(stage.press("backspace"), [search("39")]);
    stage.hear(found("39", Some(390)));
    assert!(stage.model.log.paused);
    stage.press("esc");
    assert_eq!((stage.model.log.paused, stage.model.log.search.as_str()), (false, ""));
    stage.press("/");
    assert_eq!(stage.screen(), before);
}
