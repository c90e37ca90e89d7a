//! The runs pane and the details.

use super::*;
use crate::domain::run::{Counts, Protocol};

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
    assert!(stage.screen().contains("Wait no longer for run 1?"), "{}", stage.screen());
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
    assert_eq!(stage.press("2 R"), []);
    assert_eq!(stage.press("n"), []);
    assert_eq!(stage.press("R y"), [Effect::Do(Operation::Repeat(1, stage.model.open.profile.clone()))]);
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
    Msg::Runs { query, rows, more, open: Counts::default() }
}

fn ids(stage: &Stage) -> Vec<i64> {
    stage.model.runs.list.rows.iter().map(|row| row.id).collect()
}

#[test]
fn taking_a_filter_back_leaves_no_hole_in_the_history() {
    let newest: Vec<i64> = (303..=402).rev().collect();
    let mut stage = wide();
    stage.hear(page_of(None, None, &newest, true));
    stage.press("2 f f");
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
    assert_eq!(asks(&stage.press("f")), 1);
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
        let filter = RunsFilter { search: "c".to_owned(), ..RunsFilter::default() };
        let query = RunsQuery { filter, before: None, limit: 100 };
        Msg::Runs { query, rows, more: false, open: Counts::default() }
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
