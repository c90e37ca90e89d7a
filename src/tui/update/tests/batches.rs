//! Explore, the sheet and the row of a batch, by their keys.

use std::sync::Arc;

use super::*;
use crate::domain::batch::{Axis, AxisOutline, Batch, BatchPlace, Combine, Outline, Plan};
use crate::domain::run::RunSummary;
use crate::domain::spend::Usual;
use crate::domain::{About, BatchRemark, Remark, Status, notebook, value};
use crate::tui::effect::{BatchOrder, KeepRun, Question};
use crate::tui::overlay::{Confirm, Confirmed, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes::sheet::{SheetPage, SheetQuery, SheetRun};
use crate::tui::stage::{run, runs_msg, tile};

/// The price of a second, and how long runs take.
fn priced(stage: &mut Stage) {
    let hash = stage.model.open.workflow_hash().expect("a workflow").to_owned();
    let usual = Usual { run_ms: 10_000, cold_start_ms: Some(70_000) };
    stage.hear(Msg::Usual { workflow_hash: hash, usual });
    let profile = stage.model.open.profile.as_ref().expect("a profile");
    let profile = crate::config::Profile { cost_per_second: Some(0.01), ..profile.as_ref().clone() };
    stage.model.open.profile = Some(Arc::new(profile));
}

fn submitted(effects: &[Effect]) -> Option<&BatchOrder> {
    effects.iter().find_map(|effect| match effect {
        Effect::Do(Operation::SubmitBatch(order)) => Some(order.as_ref()),
        _ => None,
    })
}

/// The settings of each run of the plan that is asked for.
fn asked(stage: &Stage) -> Vec<String> {
    let Some(Overlay::Confirm(Confirm { then: Confirmed::RunBatch(order), .. })) = &stage.model.overlay
    else {
        panic!("nothing is asked: {}", stage.told());
    };
    let setting = |setting: &crate::domain::Setting| match setting {
        crate::domain::Setting::Value(value) => value::text(value),
        crate::domain::Setting::File(path) => path.display().to_string(),
    };
    let run = |place| {
        let settings: Vec<String> = order.plan.settings(place).map(|(_, set)| setting(set)).collect();
        settings.join(" ")
    };
    (0..order.plan.len()).map(run).collect()
}

#[test]
fn sixteen_variations_one_kept_and_on_from_it_in_under_ten_keys() {
    let mut stage = Stage::new(120, 40);
    priced(&mut stage);
    let mut keys = 0;
    let mut press = |stage: &mut Stage, script: &str| {
        keys += script.split(' ').count();
        stage.press(script)
    };
    press(&mut stage, "E 1 6");
    let screen = stage.screen();
    assert!(screen.contains("16 runs: seed (16)"), "{screen}");
    assert!(screen.contains("about 2:40, about 1.60; a cold start adds 1:10 and 0.70"), "{screen}");
    // How many, how long and the price stand there: the run key is a yes to them.
    let effects = press(&mut stage, "ctrl+r");
    let order = submitted(&effects).expect("queued").clone();
    assert_eq!((order.plan.len(), effects.len()), (16, 1));
    stage.hear(Msg::BatchQueued { batch: 7, runs: 16, waits: None });
    assert_eq!(stage.model.focus, Pane::Sheet);
    stage.hear(sheet(&outline(&[("seed", 16)]), 3));
    press(&mut stage, "right right");
    let effects = press(&mut stage, "K");
    let kept = effects.iter().find_map(|effect| match effect {
        Effect::Do(Operation::KeepRun(keep)) => Some(keep),
        _ => None,
    });
    let Some(KeepRun { run: 98, batch: 7, saves: Some(saves), .. }) = kept else { panic!("{effects:?}") };
    assert!((saves - 1.3).abs() < 1e-9, "13 of 16 still wait: {saves}");
    let seed = vec![(key("3-inputs-seed"), value(2_u64))];
    stage.hear(Msg::Settings { run: 98, settings: seed, told: "Loaded".to_owned() });
    assert_eq!(stage.model.focus, Pane::Parameters);
    // Of seeds alone the prompt is what changes next. On from it: its field, open.
    press(&mut stage, "enter");
    stage.type_text(", at night");
    stage.model.now += 5_000;
    let effects = press(&mut stage, "ctrl+r");
    let sent = effects.iter().find_map(|effect| match effect {
        Effect::Do(Operation::Submit(new)) => Some(new.submission.params.clone()),
        _ => None,
    });
    let sent = sent.expect("sent");
    assert_eq!(sent[&key("3-inputs-seed")].to_string(), "2");
    assert!(sent[&key("6-inputs-text")].to_string().ends_with(", at night\""), "{sent:?}");
    assert!(keys < 10, "{keys}");
}

#[test]
fn what_was_varied_is_what_changes_next_after_one_is_kept() {
    let mut stage = Stage::new(120, 40);
    stage.hear(Msg::BatchQueued { batch: 7, runs: 4, waits: None });
    stage.hear(sheet(&outline(&[("cfg", 2), ("seed", 2)]), 3));
    stage.press("K");
    assert_eq!(stage.model.params.selected, Some(key("3-inputs-cfg")));
}

#[test]
fn the_run_key_in_explore_and_at_its_question_means_the_runs_that_stand_there() {
    let mut stage = Stage::new(120, 40);
    for script in ["E 3", "E 3 enter"] {
        stage.press(script);
        let effects = stage.press("ctrl+r");
        assert_eq!(submitted(&effects).map(|order| order.plan.len()), Some(3), "{script}: {effects:?}");
        assert!(stage.model.overlay.is_none());
        stage.model.now += 5_000;
    }
    // What nobody has changed is asked about: the key may have been meant for the draft alone.
    stage.press("E");
    assert_eq!(stage.press("ctrl+r"), []);
    assert!(stage.screen().contains("Run 4 runs"), "{}", stage.screen());
    stage.model.now += 5_000;
    let effects = stage.press("ctrl+r");
    assert_eq!(submitted(&effects).map(|order| order.plan.len()), Some(4), "{effects:?}");
    stage.model.now += 5_000;
    // A press too many is no run of the draft alone; neither is one where the values cannot be read.
    stage.press("E 3 ctrl+r");
    assert_eq!(stage.press("ctrl+r"), []);
    stage.model.now += 5_000;
    stage.press("E down");
    stage.type_text("steps");
    stage.press("enter");
    stage.type_text("many");
    assert_eq!(stage.press("ctrl+r"), []);
    assert!(stage.told().contains("Nothing was sent"), "{}", stage.told());
}

#[test]
fn explore_goes_over_numbers_choices_texts_and_files_as_a_grid_or_zipped() {
    let mut stage = Stage::new(120, 40);
    stage.press("E 2");
    // Another parameter, by its name; what is offered gives way to what is typed.
    stage.press("down");
    stage.type_text("cfg");
    stage.press("enter");
    stage.type_text("5..6:0.5");
    stage.press("enter");
    let runs = asked(&stage);
    assert_eq!(runs.len(), 6);
    assert!(runs[0].ends_with(" 5") && runs[2].ends_with(" 5.5") && runs[5].ends_with(" 6"), "{runs:?}");
    // A list of lines is read by the operations thread.
    stage.press("esc E down");
    stage.type_text("prompt");
    stage.press("enter");
    let effects = stage.type_text("@p.txt");
    let question = crate::tui::overlay::explore::FileQuestion::Text("p.txt".to_owned());
    assert!(effects.contains(&Effect::Do(Operation::ReadValues(question.clone()))), "{effects:?}");
    let text = Ok("a cat\n\na dog\n".to_owned());
    stage.hear(Msg::Values(question, crate::tui::overlay::explore::FileAnswer::Text(text)));
    assert!(stage.screen().contains("8 runs: seed (4) × prompt (2)"), "{}", stage.screen());
    // Zipped they must be as many.
    stage.press("down down space");
    assert!(stage.screen().contains("seed has 4 values and prompt has 2"), "{}", stage.screen());
    stage.press("enter");
    assert!(stage.told().contains("must be as many"), "{}", stage.told());
    stage.press("up up up ctrl+u 2 enter");
    assert_eq!(asked(&stage).len(), 2);
}

#[test]
fn what_cannot_be_read_is_told_while_it_is_typed_and_nothing_is_asked() {
    let mut stage = Stage::new(80, 24);
    stage.press("E down");
    stage.type_text("steps");
    stage.press("enter");
    stage.type_text("many");
    assert!(stage.screen().contains("`many`"), "{}", stage.screen());
    let effects = stage.press("enter");
    assert_eq!(submitted(&effects), None);
    assert!(matches!(stage.model.overlay, Some(Overlay::Explore(_))));
    // An empty row goes with backspace.
    stage.press("ctrl+u backspace enter");
    assert_eq!(asked(&stage).len(), 4);
    let effects = stage.press("n");
    assert_eq!(submitted(&effects), None);
}

fn outline(axes: &[(&str, usize)]) -> Outline {
    let axis = |(name, count): &(&str, usize)| AxisOutline {
        key: key(&format!("3-inputs-{name}")),
        name: (*name).to_owned(),
        values: (0..*count).map(|at| (5 + at).to_string()).collect(),
    };
    Outline { axes: axes.iter().map(axis).collect(), combine: Combine::Grid }
}

fn summary(stage_hash: &str, place: usize, status: Status) -> RunSummary {
    let lived: &[Status] = match status {
        Status::Done => &[Status::Running, Status::Done],
        Status::Running => &[Status::Waiting, Status::Running],
        _ => &[],
    };
    let run = run(100 - place as i64, "A flamingo", lived);
    RunSummary {
        batch: Some(BatchPlace { batch: 7, place }),
        cost_per_second: Some(0.01),
        workflow_hash: stage_hash.to_owned(),
        ..RunSummary::from(&run)
    }
}

fn state(runs: usize, done: usize) -> Batch {
    Batch {
        id: 7,
        counts: vec![(Status::Queued, runs - done), (Status::Done, done)],
        spent: 0.1 * done as f64,
        ..Batch::default()
    }
}

/// A page with all runs of batch 7, of which the first have made a picture.
fn sheet(outline: &Outline, done: usize) -> Msg {
    let runs: usize = outline.axes.iter().map(|axis| axis.values.len()).product();
    let hash = Stage::new(80, 24).model.open.workflow_hash().expect("a workflow").to_owned();
    let one = |place: usize| SheetRun {
        run: summary(&hash, place, if place < done { Status::Done } else { Status::Queued }),
        output: (place < done).then(|| tile(100 - place as i64, "flamingo.png", "image/png")),
    };
    Msg::Sheet(Box::new(SheetPage {
        query: SheetQuery { batch: 7, first: 0, count: runs },
        state: state(runs, done),
        outline: Arc::new(outline.clone()),
        runs: (0..runs).map(one).collect(),
    }))
}

/// The sheet of a batch of cfg × steps, 16 runs with five done.
fn on_sheet(width: u16, height: u16) -> Stage {
    let mut stage = Stage::new(width, height);
    priced(&mut stage);
    stage.hear(Msg::BatchQueued { batch: 7, runs: 16, waits: None });
    stage.hear(sheet(&outline(&[("cfg", 4), ("steps", 4)]), 5));
    stage
}

#[test]
fn the_sheet_names_its_axes_and_says_how_far_it_is() {
    for (width, height) in [(120, 40), (80, 24)] {
        let stage = on_sheet(width, height);
        let screen = stage.screen();
        for told in ["cfg 5", "cfg 8", "steps", "5 of 16 done", "K keeps this one and saves 1.10", "run 100"]
        {
            assert!(screen.contains(told), "{told} at {width}×{height}: {screen}");
        }
    }
}

#[test]
fn runs_are_kept_rejected_and_compared_in_the_sheet() {
    let mut stage = on_sheet(120, 40);
    let output = |run| About::Output(crate::domain::OutputId { run, place: 0 });
    let noted = |remark| Effect::Do(Operation::Note(vec![remark]));
    assert!(stage.press("*").contains(&noted(Remark::Star(output(100), true))));
    assert!(stage.press("right d").contains(&noted(Remark::Reject(output(99), true))));
    assert!(stage.screen().contains("✗ 99"), "{}", stage.screen());
    stage.press("space down space");
    assert_eq!(stage.told(), "This run has made nothing yet");
    stage.press("up right space");
    let effects = stage.press("C");
    assert!(effects.contains(&Effect::Ask(Question::Pair([98, 99]))), "{effects:?}");
    stage.press("esc");
    assert_eq!(stage.model.focus, Pane::Sheet, "back to where they were marked");
    stage.press("enter");
    assert_eq!((stage.model.focus, stage.model.runs.list.selected), (Pane::Output, Some(98)));
    stage.press("esc");
    assert_eq!(stage.model.focus, Pane::Sheet);
}

#[test]
fn a_batch_is_held_cancelled_and_retried_by_keys() {
    let mut stage = on_sheet(120, 40);
    assert!(stage.press("H").contains(&Effect::Do(Operation::HoldBatch(7))));
    let effects = stage.press("c");
    assert!(effects.is_empty(), "asked first: {effects:?}");
    assert!(stage.press("y").contains(&Effect::Do(Operation::CancelBatch(7))));
    stage.press("R");
    assert_eq!(stage.told(), "No run of this batch has failed");
    stage.press("end");
    assert!(stage.press("f").contains(&Effect::Do(Operation::RunFirst(85))));
}

#[test]
fn around_a_run_explore_opens_closer() {
    let mut stage = on_sheet(120, 40);
    let effects = stage.press("right a");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Do(Operation::ReadSettings(99, _)))));
    let settings = vec![(key("3-inputs-cfg"), value(6)), (key("3-inputs-steps"), value(5))];
    stage.hear(Msg::Settings { run: 99, settings, told: "Loaded".to_owned() });
    stage.press("enter");
    // Half way to the neighbours: 5.5 to 6.5 of cfg, and of whole steps those that there are.
    let runs = asked(&stage);
    assert!(runs.contains(&"5.5 5".to_owned()) && runs.contains(&"6.25 5".to_owned()), "{runs:?}");
}

#[test]
fn a_batch_is_one_row_that_opens_its_sheet_and_folds_out() {
    let mut stage = Stage::new(120, 40);
    let outline = Arc::new(outline(&[("cfg", 4), ("steps", 4)]));
    stage.hear(Msg::Batches(vec![(state(16, 5), outline.clone())]));
    let hash = stage.model.open.workflow_hash().expect("a workflow").to_owned();
    stage.hear(runs_msg(vec![summary(&hash, 0, Status::Done)]));
    let screen = stage.screen();
    assert!(screen.contains("▸ batch 7") && screen.contains("5/16"), "{screen}");
    assert!(screen.contains("cfg (4) × steps (4)"), "{screen}");
    stage.press("2");
    stage.press("space");
    assert!(stage.screen().contains("This row is a batch. → shows its runs"), "{}", stage.screen());
    // What is noted there is of all of its runs.
    let noted = |remark| vec![Effect::Do(Operation::NoteBatch(7, remark))];
    assert_eq!(stage.press("*"), noted(BatchRemark::Star));
    assert_eq!(stage.press("x"), noted(BatchRemark::Reject));
    stage.press("#");
    stage.type_text("final, v2");
    let tags = notebook::tags("final v2").expect("tags");
    let added = BatchRemark::Tags { added: tags, removed: Default::default() };
    assert_eq!(stage.press("enter"), noted(added));
    stage.press("m");
    stage.type_text("for Ann");
    let note = BatchRemark::Note { before: String::new(), after: "for Ann".to_owned() };
    assert_eq!(stage.press("enter"), noted(note));
    let undo = [3, 2].map(|run| Remark::Note(run, String::new()));
    stage.hear(Msg::Noted(undo.to_vec()));
    let effects = stage.press("u");
    assert_eq!(effects, [Effect::Do(Operation::TakeBack(undo.to_vec()))]);
    assert_eq!(stage.told(), "2 runs are as they were before");
    let effects = stage.press("right");
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Ask(Question::Runs(query)) => Some(query.clone()),
        _ => None,
    });
    let query = asked.expect("asked");
    assert!(query.filter.unfolded.contains(&7));
    let rows = (0..16).map(|place| summary(&hash, place, Status::Queued)).collect();
    let open = stage.model.runs.open.clone();
    stage.hear(Msg::Runs { query, rows, more: false, total: None, open });
    let screen = stage.screen();
    assert!(!screen.contains("▸ batch 7") && screen.contains("cfg 6, steps 5"), "{screen}");
    assert!(
        screen.contains("batch 7") && screen.contains("← fold in"),
        "whose runs, and the way back: {screen}"
    );
    stage.press("left");
    let rows = vec![summary(&hash, 0, Status::Queued)];
    let (query, open) =
        (crate::tui::query::RunsQuery { limit: 100, ..Default::default() }, stage.model.runs.open.clone());
    stage.hear(Msg::Runs { query, rows, more: false, total: None, open });
    stage.press("enter");
    assert_eq!((stage.model.focus, stage.model.sheet.batch), (Pane::Sheet, Some(7)));
    stage.press("esc");
    assert_eq!(stage.model.focus, Pane::Runs);
}

#[test]
fn placeholders_are_asked_about_before_a_batch_as_before_a_run() {
    let mut stage = Stage::new(120, 40);
    priced(&mut stage);
    stage.model.draft.set(&key("6-inputs-text"), value("a {{SUBJECT}} at dawn"));
    stage.press("E 2 enter");
    let Some(Overlay::Confirm(confirm)) = &stage.model.overlay else { panic!("{}", stage.screen()) };
    assert!(confirm.question.starts_with("Send what is still to be filled in ("), "{}", confirm.question);
    assert_eq!(submitted(&stage.press("y")), None);
    assert_eq!(asked(&stage).len(), 2);
    assert!(submitted(&stage.press("y")).is_some());

    // Also where one of the values has one.
    let mut stage = Stage::new(120, 40);
    priced(&mut stage);
    let prompt = key("6-inputs-text");
    let settings = vec![value("a cat"), value("a {{SUBJECT}}")];
    let axis = Axis { key: prompt, also: Vec::new(), name: "prompt".to_owned(), settings };
    let plan = Plan::new(vec![axis], Combine::Grid).expect("a plan");
    crate::tui::update::explore::ask(&mut stage.model, plan, &mut Vec::new());
    let Some(Overlay::Confirm(confirm)) = &stage.model.overlay else { panic!("{}", stage.screen()) };
    assert!(confirm.question.contains("filled in (prompt)"), "{}", confirm.question);
}
