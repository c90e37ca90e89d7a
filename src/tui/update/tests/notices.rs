//! Notices at the bottom of the screen, and how long they stay.

use crossterm::event::Event;

use super::*;
use crate::domain::batch::{Batch, BatchPlace};
use crate::domain::run::Counts;
use crate::tui::model::Model;
use crate::tui::msg::EndedRun;
use crate::tui::notice::Tone;
use crate::tui::terminal::window::{Bar, WindowState};
use crate::tui::update::alerts::window;

/// A screen of 80×24 on which run 24 was queued and is at work.
fn at_work() -> Stage {
    let mut stage = Stage::new(80, 24);
    stage.hear(Msg::Submitted { run: 24, note: " with KSampler seed 7".to_owned(), waits: None });
    stage.hear(runs_msg(summaries(&[(24, &[Status::Running])])));
    stage
}

/// The history is read again, with the ends of runs.
fn ends(stage: &mut Stage, runs: &[(i64, &[Status])]) {
    stage.hear(Msg::StoreChanged);
    let asked = stage.hear(runs_msg(summaries(runs)));
    let ended: Vec<i64> = runs
        .iter()
        .filter(|(_, lived)| lived.last().is_some_and(|last| last.is_end()))
        .map(|(id, _)| *id)
        .collect();
    let question = asked.iter().find_map(|effect| match effect {
        Effect::Ask(Question::Ended(ids)) => Some(ids.clone()),
        _ => None,
    });
    let mut asked_for = question.expect("how they ended is asked");
    asked_for.sort_by_key(|id| std::cmp::Reverse(*id));
    assert_eq!(asked_for, ended);
    stage.hear(all_ended(summaries(runs)));
}

/// How runs ended, none of which made what was there before.
fn all_ended(runs: Vec<RunSummary>) -> Msg {
    Msg::Ended(
        runs.into_iter().map(|run| EndedRun { run, same_as: None, batch: None, repeats: None }).collect(),
    )
}

#[test]
fn whoever_paid_for_the_same_picture_once_more_is_told() {
    let mut stage = at_work();
    let run = summaries(&[(24, &[Status::Running, Status::Done])]).remove(0);
    stage.hear(Msg::Ended(vec![EndedRun { run, same_as: Some(20), batch: None, repeats: None }]));
    assert_eq!(footer(&stage), "✓ Run 24 done in 0:10: the same picture as run 20");
}

fn footer(stage: &Stage) -> String {
    stage.screen().lines().last().unwrap_or_default().trim().to_owned()
}

fn pass(stage: &mut Stage, ms: i64) {
    stage.model.now += ms;
    stage.hear(Msg::NoticeDue);
}

#[test]
fn the_end_of_a_run_takes_the_place_of_its_own_message() {
    let queued = "✓ Run 24 queued with KSampler seed 7";
    for (end, expected) in [
        (Status::Done, "✓ Run 24 done in 0:10"),
        (Status::Failed, "✗ Run 24 failed: KSampler: out of memory   3 shows details"),
        (Status::Cancelled, "⊘ Run 24 cancelled"),
        (Status::Lost, "? Run 24 lost   3 shows details"),
    ] {
        let mut stage = at_work();
        assert_eq!(footer(&stage), queued);
        ends(&mut stage, &[(24, &[Status::Running, end])]);
        assert_eq!(footer(&stage), expected);
        // Both can be looked up.
        stage.press("esc !");
        let screen = stage.screen();
        assert!(screen.contains(&format!("Run 24 {}", end.word())), "{screen}");
        assert!(screen.contains("Run 24 queued with KSampler seed 7"), "{screen}");
    }
}

#[test]
fn cancelling_is_shown_until_the_run_has_ended() {
    let mut stage = at_work();
    stage.press("2 c y");
    assert_eq!(stage.told(), "Cancelling run 24");
    ends(&mut stage, &[(24, &[Status::Running, Status::Cancelled])]);
    assert_eq!(stage.told(), "Run 24 cancelled");
    pass(&mut stage, 10_000);
    assert!(footer(&stage).contains("^R run"), "{}", footer(&stage));
}

#[test]
fn an_answer_to_a_key_makes_way_for_the_hints_and_an_error_does_not() {
    let mut stage = at_work();
    pass(&mut stage, 4_999);
    assert!(stage.told().starts_with("Run 24 queued"));
    pass(&mut stage, 1);
    assert!(footer(&stage).contains("^R run"), "{}", footer(&stage));
    assert_eq!(stage.model.notice.as_ref().and_then(|notice| notice.until()), None);
    for error in [Msg::NotSubmitted("the disk is full".to_owned()), Msg::NotOpened("it is gone".to_owned())] {
        stage.hear(error);
        pass(&mut stage, 3_600_000);
        stage.press("j");
        assert_ne!(stage.told(), "");
        stage.press("esc");
        assert_eq!(stage.told(), "");
    }
}

#[test]
fn an_end_that_nobody_saw_stays_until_the_person_is_back() {
    for (end, stays) in [(Status::Done, false), (Status::Failed, true)] {
        let mut stage = at_work();
        ends(&mut stage, &[(24, &[Status::Running, end])]);
        pass(&mut stage, 3_600_000);
        assert!(stage.told().contains("Run 24"));
        stage.press("j");
        assert_eq!(stage.told().contains("Run 24"), stays);
    }
}

#[test]
fn an_end_does_not_hide_an_error_about_something_else_and_the_next_that_works_does() {
    let mut stage = at_work();
    stage.hear(Msg::NotSubmitted("Nothing was sent: the disk is full".to_owned()));
    ends(&mut stage, &[(24, &[Status::Running, Status::Done])]);
    assert_eq!(stage.told(), "Nothing was sent: the disk is full");
    assert!(kept(&stage.model, "Run 24 done"));
    stage.hear(Msg::Submitted { run: 25, note: String::new(), waits: None });
    assert_eq!(stage.told(), "Run 25 queued");
}

#[test]
fn an_end_that_went_well_does_not_hide_what_a_key_was_answered_a_moment_ago() {
    let mut stage = at_work();
    stage.model.notify(Tone::Good, "14 of batch 1 not sent");
    ends(&mut stage, &[(24, &[Status::Running, Status::Done])]);
    assert_eq!(footer(&stage), "✓ 14 of batch 1 not sent");
    // It is seen afterwards, and stays for people who come back later.
    pass(&mut stage, 5_000);
    assert_eq!(footer(&stage), "✓ Run 24 done in 0:10");
    pass(&mut stage, 3_600_000);
    assert_eq!(footer(&stage), "✓ Run 24 done in 0:10");
    // A failure is seen at once.
    let mut stage = at_work();
    stage.model.notify(Tone::Good, "14 of batch 1 not sent");
    ends(&mut stage, &[(24, &[Status::Running, Status::Failed])]);
    assert!(stage.told().starts_with("Run 24 failed"));
}

fn kept(model: &Model, text: &str) -> bool {
    model.messages.iter().any(|(_, notice)| notice.text.contains(text))
}

#[test]
fn of_several_ends_the_worst_is_seen_and_all_can_be_looked_up() {
    let mut stage = Stage::new(80, 24);
    let running: &[Status] = &[Status::Running];
    stage.hear(runs_msg(summaries(&[(3, running), (2, running), (1, running)])));
    let (done, failed): (&[Status], &[Status]) =
        (&[Status::Running, Status::Done], &[Status::Running, Status::Failed]);
    ends(&mut stage, &[(3, done), (2, failed), (1, done)]);
    assert!(stage.told().starts_with("Run 2 failed"), "{}", stage.told());
    assert!(kept(&stage.model, "Run 1 done") && kept(&stage.model, "Run 3 done"));
}

#[test]
fn a_run_that_was_queued_after_the_history_was_read_has_not_ended() {
    let mut stage = Stage::new(80, 24);
    stage.hear(Msg::StoreChanged);
    stage.hear(Msg::Submitted { run: 24, note: String::new(), waits: None });
    // The answer to what was asked before.
    let asked = stage.hear(runs_msg(Vec::new()));
    assert!(asked.contains(&Effect::Ask(Question::Ended(vec![24]))), "{asked:?}");
    stage.hear(all_ended(summaries(&[(24, &[])])));
    assert_eq!(stage.told(), "Run 24 queued");
    ends(&mut stage, &[(24, &[Status::Running, Status::Failed])]);
    assert!(stage.told().starts_with("Run 24 failed"), "{}", stage.told());
}

#[test]
fn an_end_is_announced_whichever_runs_the_list_shows() {
    let mut stage = at_work();
    stage.press("2 f");
    stage.type_text("running");
    stage.press("enter");
    let filter = RunsFilter { status: Some(Status::Running), ..RunsFilter::default() };
    let query = RunsQuery { filter, before: None, limit: 100 };
    let asked =
        stage.hear(Msg::Runs { query, rows: vec![], more: false, total: None, open: Counts::default() });
    assert!(asked.contains(&Effect::Ask(Question::Ended(vec![24]))), "{asked:?}");
    stage.hear(all_ended(summaries(&[(24, &[Status::Running, Status::Failed])])));
    assert!(footer(&stage).ends_with("2 shows the runs"), "{}", footer(&stage));
}

#[test]
fn what_waits_for_a_runner_is_about_its_run() {
    let mut stage = Stage::new(80, 24);
    let waits = Some("the disk is full".to_owned());
    stage.hear(Msg::Submitted { run: 24, note: String::new(), waits });
    assert_eq!(stage.told(), "Run 24 is queued and waits: the disk is full");
    ends(&mut stage, &[(24, &[Status::Running, Status::Done])]);
    assert!(stage.told().starts_with("Run 24 done"), "{}", stage.told());
}

#[test]
fn a_history_that_can_be_read_again_takes_its_error_back() {
    let mut stage = Stage::new(80, 24);
    stage.hear(Msg::RunsNotRead("the disk is gone".to_owned()));
    pass(&mut stage, 3_600_000);
    stage.press("j");
    assert_eq!(stage.told(), "the disk is gone");
    stage.hear(Msg::StoreChanged);
    stage.hear(runs_msg(Vec::new()));
    assert_eq!(stage.told(), "");
}

#[test]
fn a_full_disk_is_shown_as_long_as_it_is_full() {
    let mut stage = Stage::new(100, 24);
    for _ in 0..3 {
        stage.hear(Msg::StoreChanged);
        stage.hear(runs_msg(Vec::new()));
        stage.hear(Msg::DiskFull("the disk of the history is full".to_owned()));
        pass(&mut stage, 60_000);
        assert_eq!(stage.told(), "the disk of the history is full");
    }
    stage.hear(Msg::StoreChanged);
    stage.hear(runs_msg(Vec::new()));
    assert_eq!(stage.told(), "");
}

#[test]
fn what_to_press_is_seen_however_long_the_error_is() {
    let mut stage = Stage::new(60, 20);
    let mut rows = summaries(&[(24, &[Status::Running])]);
    stage.hear(runs_msg(rows.clone()));
    rows[0] = summaries(&[(24, &[Status::Running, Status::Failed])]).remove(0);
    rows[0].error = "out of memory ".repeat(30);
    stage.hear(Msg::StoreChanged);
    stage.hear(runs_msg(rows.clone()));
    stage.hear(all_ended(rows));
    let footer = footer(&stage);
    assert!(footer.starts_with("✗ Run 24 failed: out of memory"), "{footer}");
    assert!(footer.ends_with("…   3 shows details"), "{footer}");
}

fn alerts(effects: &[Effect]) -> Vec<(String, bool)> {
    let alert = |effect: &Effect| match effect {
        Effect::Screen(ScreenEffect::Alert(alert)) => Some((alert.title.clone(), alert.bell)),
        _ => None,
    };
    effects.iter().filter_map(alert).collect()
}

#[test]
fn who_looks_elsewhere_is_told_of_the_ends_that_they_asked_for() {
    let done = summaries(&[(24, &[Status::Running, Status::Done])]);
    let failed = summaries(&[(24, &[Status::Running, Status::Failed])]);
    let mut stage = at_work();
    stage.hear(Msg::Input(Event::FocusLost));
    assert_eq!(alerts(&stage.hear(all_ended(done.clone()))), [("Run 24 done in 0:10".to_owned(), false)]);
    stage.model.alerts.settings.bell = vec![Status::Failed];
    stage.model.alerts.settings.desktop = Vec::new();
    assert_eq!(alerts(&stage.hear(all_ended(done.clone()))), []);
    assert_eq!(alerts(&stage.hear(all_ended(failed.clone()))), [(String::new(), true)]);
    // Whoever looks at the screen sees it there.
    stage.hear(Msg::Input(Event::FocusGained));
    assert_eq!(alerts(&stage.hear(all_ended(failed.clone()))), []);
    stage.model.alerts.settings.unfocused = false;
    assert_eq!(alerts(&stage.hear(all_ended(failed.clone()))), [(String::new(), true)]);
    stage.model.alerts.settings.after_seconds = 11;
    assert_eq!(alerts(&stage.hear(all_ended(failed))), []);
}

#[test]
fn where_the_terminal_does_not_tell_who_pressed_no_key_for_long_looks_elsewhere() {
    let done = summaries(&[(24, &[Status::Running, Status::Done])]);
    let mut stage = at_work();
    stage.press("j");
    assert_eq!(alerts(&stage.hear(all_ended(done.clone()))), []);
    stage.model.now += 31_000;
    assert_eq!(alerts(&stage.hear(all_ended(done))).len(), 1);
}

#[test]
fn a_batch_is_told_of_once_when_its_last_run_has_ended() {
    let mut stage = at_work();
    stage.hear(Msg::Input(Event::FocusLost));
    let batch = Batch {
        id: 3,
        queued_at: stage.model.now - 60_000,
        counts: vec![(Status::Done, 1), (Status::Failed, 1)],
        ..Batch::default()
    };
    let ended = |id, place, batch: Option<&Batch>| {
        let mut run = summaries(&[(id, &[Status::Running, Status::Done])]).remove(0);
        run.batch = Some(BatchPlace { batch: 3, place });
        EndedRun { run, same_as: None, batch: batch.cloned(), repeats: None }
    };
    assert_eq!(alerts(&stage.hear(Msg::Ended(vec![ended(24, 0, None)]))), []);
    let told = alerts(&stage.hear(Msg::Ended(vec![ended(25, 1, Some(&batch)), ended(24, 0, Some(&batch))])));
    assert_eq!(told, [("Batch 3 ended in 1:00".to_owned(), false)]);
    assert_eq!(alerts(&stage.hear(Msg::Ended(vec![ended(25, 1, Some(&batch))]))), []);
}

#[test]
fn the_title_says_what_runs_in_coarse_steps_and_nothing_of_work_when_all_is_over() {
    let mut stage = at_work();
    let title = |stage: &Stage| window(&stage.model).title.expect("a title");
    assert_eq!(title(&stage), "1 running · comfydeck");
    assert_eq!(window(&stage.model).bar, Some(Bar::Busy));
    stage.model.runs.open.percent = Some(48);
    assert_eq!(title(&stage), "1 running 45 % · comfydeck");
    assert_eq!(window(&stage.model).bar, Some(Bar::Percent(45)));
    stage.model.runs.open = Counts { queued: 2, ..Counts::default() };
    assert_eq!(title(&stage), "2 queued · comfydeck");
    stage.model.runs.open = Counts::default();
    assert_eq!(window(&stage.model), WindowState { title: Some("comfydeck".to_owned()), bar: None });
    stage.model.alerts.settings.title = false;
    assert_eq!(window(&stage.model), WindowState::default());
}
