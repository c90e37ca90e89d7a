//! The runs pane and the details.

use super::*;
use crate::domain::brief::{Piece, Short, Told};
use crate::domain::compare::What;
use crate::domain::run::{Counts, Listed, Protocol};
use crate::domain::{About, Brief, Remark, Search};
use crate::report::copy_as::CopyAs;
use crate::tui::msg::EndedRun;

#[test]
fn cancel_is_asked_when_much_was_paid() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(2, &[]), (1, &[Status::Waiting, Status::Running])])));
    stage.press("2");
    assert_eq!(stage.model.runs.list.selected, Some(1));
    assert_eq!(stage.press("c"), []);
    // Enter is not yes.
    assert_eq!(stage.press("enter"), []);
    assert_eq!(stage.press("y"), [Effect::Do(Operation::Cancel(1))]);
    stage.press("k");
    assert_eq!(stage.press("c"), [Effect::Do(Operation::Cancel(2))]);
}

#[test]
fn who_has_cancelled_need_not_wait_for_a_server_that_does_not_confirm() {
    let mut stage = wide();
    let mut rows = summaries(&[(1, &[Status::Waiting, Status::Running])]);
    (rows[0].protocol, rows[0].cancel_asked) = (Protocol::Cloud, true);
    stage.hear(runs_msg(rows));
    assert_eq!(stage.press("2 c"), []);
    assert!(stage.screen().contains("Stop waiting for run 1?"), "{}", stage.screen());
    assert_eq!(stage.press("y"), [Effect::Do(Operation::LetGo(1))]);
}

#[test]
fn what_a_server_keeps_can_be_fetched_once_more() {
    let mut stage = wide();
    let mut rows = summaries(&[(2, &[Status::Running, Status::Lost]), (1, &[Status::Running, Status::Done])]);
    (rows[0].protocol, rows[0].prompt_id) = (Protocol::Cloud, Some("p-2".to_owned()));
    rows[1].prompt_id = Some("p-1".to_owned());
    stage.hear(runs_msg(rows));
    assert_eq!(stage.press("2 g F"), [Effect::Do(Operation::Fetch(2))]);
    assert_eq!(stage.press("j F"), []);
    assert_eq!(stage.told(), "The server of this run keeps no results");
}

#[test]
fn running_again_spends_only_after_yes() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(1, &[Status::Running, Status::Done])])));
    let profile = stage.model.open.profile.clone();
    let ask = Effect::Do(Operation::AskReplay(1, profile.clone()));
    let asked = |doubts: &[&str]| Msg::AskReplay {
        run: 1,
        place: "prod".to_owned(),
        doubts: doubts.iter().map(|doubt| (*doubt).to_owned()).collect(),
    };
    assert_eq!(stage.press("2 R"), std::slice::from_ref(&ask));
    assert_eq!(stage.hear(asked(&["the workflow may have changed"])), []);
    let screen = stage.screen();
    assert!(screen.contains("Run 1 again exactly as it was, on prod?"), "{screen}");
    assert!(screen.contains("Not the same: the workflow may have changed"), "{screen}");
    assert_eq!(stage.press("n"), []);
    assert_eq!(stage.press("R"), [ask]);
    stage.hear(asked(&[]));
    assert!(stage.screen().contains("Same values, same files, same seed."), "{}", stage.screen());
    assert_eq!(stage.press("y"), [Effect::Do(Operation::Repeat(1, profile))]);
}

#[test]
fn what_is_sent_again_is_held_against_the_first_when_it_has_ended() {
    let mut stage = wide();
    let run = summaries(&[(2, &[Status::Running, Status::Done])]).remove(0);
    let ended = EndedRun { run, same_as: None, batch: None, repeats: Some(1) };
    let effects = stage.hear(Msg::Ended(vec![ended]));
    assert!(effects.contains(&Effect::Do(Operation::CompareReplay { run: 2, first: 1 })), "{effects:?}");
}

#[test]
fn a_run_is_copied_as_what_is_chosen() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(1, &[Status::Running, Status::Done])])));
    stage.press("2 alt+y");
    assert!(stage.screen().contains("curl, with variables for the secrets"), "{}", stage.screen());
    assert_eq!(stage.press("down enter"), [Effect::Do(Operation::CopyAs(1, CopyAs::Curl))]);
    let copied = stage.hear(Msg::Copy("curl …".to_owned()));
    assert_eq!(copied, [Effect::Screen(ScreenEffect::Copy("curl …".to_owned()))]);
}

#[test]
fn what_runs_is_looked_at_until_the_person_chooses() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(2, &[]), (1, &[Status::Running])])));
    assert_eq!(stage.model.runs.list.selected, Some(1));
    stage.hear(runs_msg(summaries(&[(2, &[Status::Running]), (1, &[Status::Running, Status::Done])])));
    assert_eq!(stage.model.runs.list.selected, Some(2));
    stage.press("2 j");
    stage.hear(runs_msg(summaries(&[
        (3, &[Status::Running]),
        (2, &[Status::Running]),
        (1, &[Status::Done]),
    ])));
    assert_eq!(stage.model.runs.list.selected, Some(1));
}

#[test]
fn the_store_is_asked_one_thing_at_a_time() {
    let mut stage = wide();
    let asked = stage.hear(Msg::StoreChanged);
    assert_eq!(asked, [Effect::Ask(Question::Runs(RunsQuery { limit: 100, ..RunsQuery::default() }))]);
    for _ in 0..1_000 {
        assert_eq!(stage.hear(Msg::StoreChanged), []);
    }
    let again = stage.hear(runs_msg(Vec::new()));
    assert_eq!(again, [Effect::Ask(Question::Runs(RunsQuery { limit: 100, ..RunsQuery::default() }))]);
    assert_eq!(stage.hear(runs_msg(Vec::new())), []);
}

#[test]
fn older_runs_are_read_before_the_end_is_in_sight() {
    let mut stage = wide();
    let rows: Vec<RunSummary> =
        (1..=100).rev().map(|id| RunSummary::from(&run(id + 900, "x", &[Status::Done]))).collect();
    let page = |rows, before, more| Msg::Runs {
        query: RunsQuery { before, limit: 100, ..RunsQuery::default() },
        rows,
        more,
        total: None,
        open: Counts::default(),
    };
    stage.hear(page(rows, None, true));
    stage.press("2");
    let effects = stage.press("end");
    assert!(
        effects.contains(&Effect::Ask(Question::Runs(RunsQuery {
            before: Some(901),
            limit: 100,
            ..RunsQuery::default()
        }))),
        "{effects:?}"
    );
    stage.hear(page(summaries(&[(900, &[Status::Done])]), Some(901), false));
    assert_eq!((stage.model.runs.list.rows.len(), stage.model.runs.list.more), (101, false));
}

#[test]
fn a_late_answer_about_another_run_changes_nothing() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(2, &[Status::Done]), (1, &[Status::Done])])));
    stage.press("2 j");
    stage.hear(Msg::Run(2, Some(Box::new(run(2, "late", &[Status::Done])))));
    assert_ne!(stage.model.details.run.as_ref().map(|run| run.id), Some(2));
    stage.hear(Msg::Log { run: 2, total: 1, first: 0, lines: vec!["late".to_owned()] });
    assert_eq!(stage.model.log.lines, Vec::<String>::new());
}

#[test]
fn the_error_leads_to_its_parameter() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(1, &[Status::Running, Status::Failed])])));
    stage.hear(Msg::Run(1, Some(Box::new(run(1, "a cat", &[Status::Running, Status::Failed])))));
    stage.press("3 enter");
    assert_eq!(
        (stage.model.focus, stage.model.params.selected.clone()),
        (Pane::Parameters, Some(key("3-inputs-steps")))
    );
}

#[test]
fn a_run_that_cannot_be_read_is_asked_for_again_when_the_store_changes() {
    let load =
        |effects: &[Effect]| effects.iter().filter(|e| matches!(e, Effect::Ask(Question::Run(_)))).count();
    let mut stage = wide();
    let asked = stage.hear(runs_msg(summaries(&[(2, &[Status::Done]), (1, &[Status::Done])])));
    assert_eq!(load(&asked), 1);
    for _ in 0..3 {
        let asked = stage.hear(Msg::Run(2, None));
        assert_eq!(load(&asked), 0);
    }
    let asked = stage.hear(Msg::StoreChanged);
    assert!(asked.contains(&Effect::Ask(Question::Run(2))), "{asked:?}");
    stage.hear(Msg::Run(2, None));
    // Another run is asked for at once, and so is the first when the person comes back to it.
    assert_eq!(load(&stage.press("2 j")), 1);
    stage.hear(Msg::Run(1, Some(Box::new(run(1, "a cat", &[Status::Done])))));
    assert_eq!(load(&stage.press("k")), 1);
    stage.hear(Msg::Run(2, None));
    assert!(stage.hear(Msg::StoreChanged).contains(&Effect::Ask(Question::Run(2))));
}

#[test]
fn a_run_that_was_read_stays_when_it_cannot_be_read_again() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(1, &[Status::Running])])));
    stage.hear(Msg::Run(1, Some(Box::new(run(1, "a cat", &[Status::Running])))));
    stage.hear(Msg::StoreChanged);
    stage.hear(Msg::Run(1, None));
    assert_eq!(stage.model.details.run.as_ref().map(|run| run.id), Some(1));
}

/// A page of the runs with these numbers, all done.
fn page_of(status: Option<Status>, before: Option<i64>, ids: &[i64], more: bool) -> Msg {
    let rows = ids.iter().map(|id| RunSummary::from(&run(*id, "x", &[Status::Done]))).collect();
    let filter = RunsFilter { status, ..RunsFilter::default() };
    let query = RunsQuery { filter, before, limit: 100 };
    Msg::Runs { query, rows, more, total: None, open: Counts::default() }
}

fn choose_status(stage: &mut Stage, word: &str) -> Vec<Effect> {
    stage.press("f");
    stage.type_text(word);
    stage.press("enter")
}

fn ids(stage: &Stage) -> Vec<i64> {
    stage.model.runs.list.rows.iter().map(|row| row.id).collect()
}

#[test]
fn taking_a_filter_back_leaves_no_hole_in_the_history() {
    let newest: Vec<i64> = (303..=402).rev().collect();
    let mut stage = wide();
    stage.hear(page_of(None, None, &newest, true));
    stage.press("2");
    choose_status(&mut stage, "running");
    choose_status(&mut stage, "done");
    // The answer to what was asked for while nothing was filtered, then the answer to the filter.
    stage.hear(page_of(Some(Status::Running), None, &[], false));
    stage.hear(page_of(Some(Status::Done), None, &[400, 200, 5], false));
    assert_eq!(ids(&stage), [400, 200, 5]);
    stage.press("esc");
    stage.hear(page_of(None, None, &newest, true));
    assert_eq!(ids(&stage), newest);
    let asked = stage.press("end");
    let older = RunsQuery { before: Some(303), limit: 100, ..RunsQuery::default() };
    assert!(asked.contains(&Effect::Ask(Question::Runs(older))), "{asked:?}");
}

#[test]
fn many_new_runs_at_once_leave_no_hole_in_the_history() {
    let mut stage = wide();
    stage.hear(page_of(None, None, &[12, 11, 10], true));
    stage.hear(Msg::StoreChanged);
    stage.hear(page_of(None, None, &[22, 21, 20], true));
    assert_eq!((ids(&stage), stage.model.runs.list.more), (vec![22, 21, 20], true));
    stage.hear(Msg::StoreChanged);
    stage.hear(page_of(None, None, &[23, 22, 21], true));
    assert_eq!(ids(&stage), [23, 22, 21, 20]);
}

#[test]
fn a_history_that_cannot_be_read_stays_as_it_was_read_last() {
    let asks =
        |effects: &[Effect]| effects.iter().filter(|e| matches!(e, Effect::Ask(Question::Runs(_)))).count();
    let mut stage = wide();
    stage.hear(page_of(None, None, &[3, 2, 1], true));
    stage.press("2");
    // The page below cannot be read: it is asked for again when there is a reason to, not for ever.
    let asked = stage.hear(Msg::RunsNotRead("the disk is gone".to_owned()));
    assert_eq!((ids(&stage), asks(&asked), stage.told()), (vec![3, 2, 1], 0, "the disk is gone"));
    assert_eq!(asks(&stage.hear(Msg::Tick)), 0);
    assert_eq!(asks(&stage.press("j")), 1);
    stage.hear(Msg::RunsNotRead("the disk is gone".to_owned()));
    assert_eq!(asks(&stage.hear(Msg::StoreChanged)), 1);
    stage.hear(Msg::RunsNotRead("the disk is gone".to_owned()));
    // Nor are the rows of one search taken for those of another.
    assert_eq!(asks(&choose_status(&mut stage, "running")), 1);
    stage.hear(Msg::RunsNotRead("the disk is gone".to_owned()));
    assert_eq!(asks(&stage.press("j")), 0);
    assert_eq!(asks(&stage.hear(Msg::StoreChanged)), 1);
    stage.hear(page_of(Some(Status::Running), None, &[9], false));
    assert_eq!(ids(&stage), [9]);
}

#[test]
fn a_search_selects_its_first_hit_unless_the_selected_run_is_one() {
    let mut stage = wide();
    stage.hear(page_of(None, None, &[9, 8, 7, 6], false));
    stage.press("2 /");
    stage.type_text("c");
    let hits = |ids: &[i64]| {
        let rows = ids.iter().map(|id| RunSummary::from(&run(*id, "c", &[Status::Done]))).collect();
        let filter =
            RunsFilter { search: "c".to_owned(), wanted: Search::words("c"), ..RunsFilter::default() };
        let query = RunsQuery { filter, before: None, limit: 100 };
        Msg::Runs { query, rows, more: false, total: None, open: Counts::default() }
    };
    stage.hear(hits(&[8, 6]));
    assert_eq!(stage.model.runs.list.selected, Some(8));
    stage.hear(Msg::StoreChanged);
    stage.press("enter j");
    stage.hear(hits(&[10, 8, 6]));
    assert_eq!(stage.model.runs.list.selected, Some(6));
}

#[test]
fn esc_goes_back_where_one_came_from() {
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(1, &[Status::Running, Status::Done])])));
    stage.press("2 enter");
    assert_eq!(stage.model.focus, Pane::Details);
    stage.press("esc");
    assert_eq!(stage.model.focus, Pane::Runs);
}

#[test]
fn runs_that_others_queued_are_looked_after() {
    let mut stage = wide();
    let effects = stage.hear(runs_msg(summaries(&[(1, &[Status::Running])])));
    assert!(effects.contains(&Effect::Do(Operation::LookAfterRuns)), "{effects:?}");
}

#[test]
fn the_selection_never_moves_from_under_the_hand() {
    let queue = |done: &[i64], works: i64| {
        let mut rows = vec![(works, &[Status::Running][..])];
        rows.extend(done.iter().rev().map(|id| (*id, &[Status::Running, Status::Done][..])));
        runs_msg(summaries(&rows))
    };
    for (pane, stays) in [("2", true), ("3", true), ("1", false), ("5", false)] {
        let mut stage = wide();
        stage.hear(queue(&[], 1));
        stage.press(pane);
        stage.hear(queue(&[1], 2));
        let expected = if stays { 1 } else { 2 };
        assert_eq!(stage.model.runs.list.selected, Some(expected), "{pane}");
        // Nor by a run that is queued there.
        stage.press("ctrl+r");
        stage.hear(Msg::Submitted { run: 3, note: String::new(), waits: None });
        stage.hear(queue(&[1, 2], 3));
        let expected = if stays { 1 } else { 3 };
        assert_eq!(stage.model.runs.list.selected, Some(expected), "{pane}");
        // Whoever goes back to the parameters sees what works.
        stage.press("1");
        assert_eq!(stage.model.runs.list.selected, Some(3), "{pane}");
    }
}

#[test]
fn rows_tell_what_differs_from_the_run_before() {
    let mut stage = wide();
    let rows = summaries(&[(9, &[Status::Running, Status::Done]), (8, &[Status::Running, Status::Done])]);
    let asked = stage.hear(runs_msg(rows.clone()));
    let question = Question::Briefs(vec![(9, true), (8, true)]);
    assert!(asked.contains(&Effect::Ask(question)), "{asked:?}");
    let told = |what: &str, change| Told { what: What::Param(key(what)), change };
    let brief = Brief {
        before: Some(8),
        told: vec![
            told("6-inputs-text", Short::Pieces(vec![Piece::New("lamplight".to_owned())])),
            told("3-inputs-steps", Short::Values(Some("24".to_owned()), Some("30".to_owned()))),
            told("3-inputs-seed", Short::Seed("48…15".to_owned())),
        ],
        more: 0,
        same_as: Some(7),
    };
    stage.hear(Msg::Briefs { asked: vec![(9, true), (8, true)], told: vec![(9, brief)] });
    stage.press("2 z");
    let screen = stage.screen();
    assert!(screen.contains("same picture as 7  +lamplight, steps 24 → 30, seed 48…15"), "{screen}");
    assert!(screen.contains("1 of 2"), "{screen}");
    // What was told once is not asked about again; a run that has ended since is.
    assert_eq!(stage.hear(runs_msg(rows)), []);
    let mut rows = summaries(&[(10, &[Status::Running]), (9, &[Status::Done])]);
    let asked = stage.hear(runs_msg(rows.clone()));
    assert!(asked.contains(&Effect::Ask(Question::Briefs(vec![(10, false)]))), "{asked:?}");
    stage.hear(Msg::Briefs { asked: vec![(10, false)], told: vec![] });
    rows[0].status = Status::Done;
    let asked = stage.hear(runs_msg(rows));
    assert!(asked.contains(&Effect::Ask(Question::Briefs(vec![(10, true)]))), "{asked:?}");
}

#[test]
fn every_status_can_be_shown_alone() {
    let mut stage = wide();
    stage.hear(page_of(None, None, &[1], false));
    stage.press("2");
    for status in Status::ALL {
        choose_status(&mut stage, status.word());
        assert_eq!(stage.model.runs.filter.status, Some(status));
    }
    choose_status(&mut stage, "all");
    assert_eq!(stage.model.runs.filter.status, None);
}

#[test]
fn the_same_keys_act_on_a_run_wherever_it_is_looked_at() {
    let done = [Status::Running, Status::Done];
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(2, &done), (1, &done)])));
    stage.hear(Msg::Run(2, Some(Box::new(run(2, "a cat", &done)))));
    let output = About::Output(crate::domain::OutputId { run: 2, place: 0 });
    let star = |star| Effect::Do(Operation::Note(vec![Remark::Star(output, star)]));
    let no_stars = Effect::Do(Operation::Note(vec![Remark::Star(About::Run(2), false)]));
    for pane in ["2", "3", "5"] {
        stage.press(pane);
        assert!(
            stage.press("l").contains(&Effect::Do(Operation::ReadSettings(2, stage.model.open.clone()))),
            "{pane}"
        );
        let profile = stage.model.open.profile.clone();
        assert_eq!(stage.press("R"), [Effect::Do(Operation::AskReplay(2, profile))], "{pane}");
        stage.hear(Msg::AskReplay { run: 2, place: "prod".to_owned(), doubts: Vec::new() });
        assert!(stage.screen().contains("Run 2 again exactly as it was"), "{pane}");
        stage.press("n c");
        assert_eq!(stage.told(), "This run has already ended", "{pane}");
        assert_eq!(stage.press("*"), [star(true)], "{pane}");
        assert!(stage.screen().contains("done ★"), "{}", stage.screen());
        assert_eq!(stage.press("*"), std::slice::from_ref(&no_stars), "{pane}");
        // With the run before it, and back to where it was asked for.
        let focus = stage.model.focus;
        assert_eq!(stage.press("C"), [Effect::Ask(Question::Pair([1, 2]))], "{pane}");
        stage.hear(Msg::Pair([1, 2], Box::new([Some(run(1, "a cat", &done)), Some(run(2, "a dog", &done))])));
        assert_eq!(stage.model.compare.pair.as_ref().map(|pair| pair[1].id.run), Some(2));
        assert!(stage.press("l").contains(&Effect::Do(Operation::ReadSettings(2, stage.model.open.clone()))));
        assert_eq!(stage.press("*"), [star(true)]);
        assert_eq!(stage.press("*"), [star(false)]);
        stage.press("esc");
        assert_eq!(stage.model.focus, focus);
    }
}

#[test]
fn the_title_counts_what_the_history_has_and_not_what_was_pruned() {
    let mut stage = wide();
    // Runs 1 to 900 were pruned.
    let rows = || summaries(&[(1_000, &[Status::Done]), (999, &[Status::Done])]);
    let page = |more, total| Msg::Runs {
        query: RunsQuery { limit: 100, ..RunsQuery::default() },
        rows: rows(),
        more,
        total,
        open: Counts::default(),
    };
    for (more, total, told) in [
        (true, Some(Listed { rows: 100, or_more: false }), "1 of 100\n"),
        (true, Some(Listed { rows: 10_000, or_more: true }), "1 of 10,000+\n"),
        (false, Some(Listed { rows: 2, or_more: false }), "1 of 2\n"),
        (true, None, "1 of 2+\n"),
    ] {
        stage.hear(page(more, total));
        assert!(stage.screen().contains(told), "{told}: {}", stage.screen());
    }
}

#[test]
fn any_two_runs_can_be_marked_in_the_list_and_compared() {
    let mut stage = wide();
    let made = |id: i64| run(id, "x", &[Status::Running, Status::Done]);
    let rows: Vec<RunSummary> = [3, 2, 1].map(|id| RunSummary::from(&made(id))).into();
    stage.hear(runs_msg(rows));
    stage.press("2");
    let mut mark = |keys: &str, id: i64| {
        stage.press(keys);
        stage.hear(Msg::Run(id, Some(Box::new(made(id)))));
        stage.press("space");
        stage.screen()
    };
    assert!(mark("g", 3).contains("Mark another one"), "it says what comes next");
    let screen = mark("G", 1);
    assert_eq!(screen.matches('◆').count(), 2, "{screen}");
    assert_eq!(stage.press("C"), [Effect::Ask(Question::Pair([1, 3]))], "the older one first");
    stage.press("esc 2");
    stage.hear(Msg::Run(1, Some(Box::new(made(1)))));
    stage.press("space");
    assert_eq!(stage.screen().matches('◆').count(), 1, "pressed again it is taken away");
}

#[test]
fn what_today_took_and_cost_is_told_until_the_day_is_over() {
    use crate::domain::stats::Today;
    for (width, told) in [(120, "today 12 in 14:20, 1.24"), (80, "today 1.24")] {
        let mut stage = Stage::new(width, 40);
        let effects = stage.hear(runs_msg(summaries(&[(1, &[Status::Running])])));
        assert!(!stage.screen().contains("today"), "{effects:?}");
        let until = stage.model.now + 1_000;
        stage.hear(Msg::Today(Today { runs: 12, worked_ms: 860_000, cost: Some(1.24), until }));
        stage.press("2");
        assert!(stage.screen().contains(told), "{}", stage.screen());
        // A run that ends is added.
        let effects = stage.hear(runs_msg(summaries(&[(1, &[Status::Running, Status::Done])])));
        assert!(effects.contains(&Effect::Ask(Question::Today)), "{effects:?}");
        stage.model.now = until;
        stage.hear(Msg::Tick);
        stage.press("esc");
        assert!(!stage.screen().contains("today"), "{}", stage.screen());
    }
}
