//! What people note of runs: the same keys wherever they look at one, and one way back.

use super::*;
use crate::domain::batch::Hold;
use crate::domain::field::Recalled;
use crate::domain::lineage::{How, Kin, Lineage};
use crate::domain::run::Counts;
use crate::domain::spend::{Load, Usual};
use crate::domain::{About, Brief, OutputId, Remark, notebook};
use crate::tui::effect::{Compared, Take};
use crate::tui::query::{OutputsQuery, SearchWords};
use crate::tui::stage::{NOW, tile};

const DONE: [Status; 2] = [Status::Running, Status::Done];

/// Two runs that are done, the newer one selected and read.
fn stage() -> Stage {
    let mut stage = Stage::new(120, 40);
    stage.hear(runs_msg(summaries(&[(2, &DONE), (1, &DONE)])));
    stage.hear(Msg::Run(2, Some(Box::new(run(2, "a cat", &DONE)))));
    stage
}

fn note(remark: Remark) -> Effect {
    Effect::Do(Operation::Note(vec![remark]))
}

fn tags(typed: &str) -> Remark {
    Remark::Tags(2, notebook::tags(typed).expect("tags"))
}

#[test]
fn tags_and_notes_are_typed_wherever_a_run_is_looked_at_and_shown_at_once() {
    for pane in ["2", "3", "5"] {
        let mut stage = stage();
        stage.press(pane);
        assert_eq!(stage.press("#"), [], "{pane}");
        stage.type_text("Final hands");
        assert_eq!(stage.press("enter"), [note(tags("final hands"))], "{pane}");
        stage.press("m");
        stage.type_text("six fingers");
        assert_eq!(stage.press("enter"), [note(Remark::Note(2, "six fingers".to_owned()))], "{pane}");
        stage.press("2");
        for told in ["#final #hands", "“six fingers”"] {
            assert!(stage.screen().contains(told), "{pane}: {}", stage.screen());
        }
        stage.press("3");
        assert!(stage.screen().contains("note        six fingers"), "{pane}: {}", stage.screen());
        // The tags that it has are there to be changed.
        stage.press("#");
        stage.press("backspace backspace backspace backspace backspace backspace");
        assert_eq!(stage.press("enter"), [note(tags("final"))], "{pane}");
    }
}

#[test]
fn what_is_no_tag_is_refused_where_it_is_typed() {
    let mut stage = stage();
    stage.press("2 #");
    stage.type_text("a:b");
    assert_eq!(stage.press("enter"), []);
    assert!(stage.screen().contains("A tag is a word"), "{}", stage.screen());
}

#[test]
fn a_run_is_rejected_in_the_list_and_a_picture_where_pictures_are() {
    let mut stage = stage();
    stage.press("2");
    assert_eq!(stage.press("x"), [note(Remark::Reject(About::Run(2), true))]);
    assert!(stage.told().contains("Run 2 is rejected: lists leave it out"), "{}", stage.told());
    assert_eq!(stage.press("x"), [note(Remark::Reject(About::Run(2), false))]);
    stage.press("V");
    let query = OutputsQuery { limit: 100, ..OutputsQuery::default() };
    stage.hear(Msg::Outputs { query, tiles: vec![tile(2, "a.png", "image/png")], more: false });
    let picture = About::Output(OutputId { run: 2, place: 0 });
    assert_eq!(stage.press("x"), [note(Remark::Reject(picture, true))]);
    assert!(stage.screen().contains("✗ 2"), "{}", stage.screen());
    assert_eq!(stage.press("x"), [note(Remark::Reject(picture, false))]);
}

#[test]
fn undo_takes_the_newest_change_back_whether_of_a_run_or_of_a_parameter() {
    let mut stage = stage();
    let undo = |remark: Remark| vec![remark];
    // A parameter, then a tag, then another parameter.
    stage.press("1 x r");
    let steps = stage.model.draft.steps();
    stage.press("2 #");
    stage.type_text("final");
    stage.press("enter");
    stage.hear(Msg::Noted(undo(tags(""))));
    stage.press("1 r 2");
    assert_eq!(stage.model.draft.steps(), steps + 1);
    assert_eq!(stage.press("u"), [], "the parameter first");
    assert_eq!(stage.model.draft.steps(), steps);
    stage.press("2");
    assert_eq!(stage.press("u"), [Effect::Do(Operation::TakeBack(undo(tags(""))))]);
    assert!(!stage.screen().contains("#final"), "{}", stage.screen());
    assert_eq!(stage.press("u"), [], "then the parameter before it");
    assert_eq!(stage.model.draft.steps(), steps - 1);
}

#[test]
fn among_parameters_undo_is_about_parameters() {
    let mut stage = stage();
    stage.press("1 r 2 *");
    stage.hear(Msg::Noted(vec![Remark::Star(About::Run(2), false)]));
    stage.press("1");
    let steps = stage.model.draft.steps();
    assert_eq!(stage.press("u"), []);
    assert_eq!(stage.model.draft.steps(), steps - 1);
}

#[test]
fn rejected_runs_are_asked_for_by_a_key() {
    let mut stage = stage();
    stage.press("2");
    let asks = |effects: &[Effect]| {
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Ask(Question::Runs(query)) if query.filter.shows_rejected))
    };
    assert!(asks(&stage.press("X")));
    assert!(stage.screen().contains("also rejected"), "{}", stage.screen());
    stage.press("esc");
    assert!(!stage.model.runs.filter.shows_rejected);
}

#[test]
fn a_search_is_completed_says_what_is_wrong_with_it_and_keeps_the_last_that_could_be_read() {
    let mut stage = stage();
    stage.press("2");
    assert!(stage.press("/").contains(&Effect::Ask(Question::SearchWords)));
    stage.hear(Msg::SearchWords(SearchWords { tags: vec!["final".to_owned()], ..SearchWords::default() }));
    stage.type_text("sta");
    assert!(stage.screen().contains("status:"), "{}", stage.screen());
    stage.press("tab");
    stage.type_text("faild");
    assert!(stage.screen().contains("Did you mean status:failed?"), "{}", stage.screen());
    assert_eq!(stage.model.runs.filter.search, "", "what stands before it");
    assert_eq!(stage.press("enter"), [], "it stays open");
    stage.press("backspace backspace");
    stage.press("tab");
    let asked = stage.type_text(" tag:final");
    let asks = |effect: &Effect| matches!(effect, Effect::Ask(Question::Runs(_)));
    assert_eq!(stage.model.runs.filter.search, "status:failed tag:final");
    assert!(asked.iter().any(asks) || !stage.model.runs.list.is_idle());
    stage.press("enter alt+s");
    stage.type_text("bad");
    let saved = Operation::SaveSearch("bad".to_owned(), Some("status:failed tag:final".to_owned()));
    assert!(stage.press("enter").contains(&Effect::Do(saved)));
    stage.press("esc @");
    assert!(stage.screen().contains("@bad"), "{}", stage.screen());
    stage.press("enter");
    assert_eq!(stage.model.runs.filter.search, "@bad");
    assert_eq!(stage.model.runs.filter.wanted.terms.len(), 2);
    stage.press("@");
    assert_eq!(stage.press("delete"), [Effect::Do(Operation::SaveSearch("bad".to_owned(), None))]);
}

#[test]
fn a_run_leads_to_what_it_came_from() {
    let mut stage = stage();
    stage.press("2");
    assert_eq!(stage.press("L"), [Effect::Ask(Question::Lineage(2))]);
    let root = Kin { id: 1, run: Some(RunSummary::default()), how: None, change: None };
    let lineage = Lineage {
        ancestors: vec![root],
        own: Some((How::Loaded, Some(Brief::default()))),
        ..Lineage::default()
    };
    stage.hear(Msg::Lineage(2, Box::new(lineage)));
    assert!(stage.screen().contains("└ ▸ 2  loaded  the same values"), "{}", stage.screen());
    stage.press("up enter");
    assert_eq!((stage.model.runs.list.selected, stage.model.focus), (Some(1), Pane::Details));
    stage.press("2");
    stage.press("L");
    stage.hear(Msg::Lineage(1, Box::default()));
    assert_eq!(stage.told(), "No run is known that run 1 came from, or that came of it");
}

#[test]
fn what_a_run_would_change_is_shown_before_it_is_run() {
    let mut stage = stage();
    stage.press("1");
    stage.model.draft.set(&key("3-inputs-cfg"), value(7.5));
    let asked = stage.press("d");
    let Some(Effect::Ask(Question::Differences(compared))) = asked.first() else { panic!("{asked:?}") };
    let mut last = run(1, "a cat", &DONE);
    last.request.params.insert(key("3-inputs-steps"), 20.into());
    stage.hear(Msg::Differences(compared.clone(), vec![last], Vec::new()));
    let screen = stage.screen();
    for told in ["Against run 1", "20 → 30", "6 → 7.5", "Against the preset flamingo"] {
        assert!(screen.contains(told), "{told}: {screen}");
    }
    stage.press("esc 2 d");
    stage.hear(Msg::Differences(
        Compared::Runs([1, 2]),
        vec![run(1, "a cat", &DONE), run(2, "a cat", &[Status::Failed])],
        Vec::new(),
    ));
    let screen = stage.screen();
    assert!(screen.contains("done → ✗ failed"), "{screen}");
}

#[test]
fn the_queue_is_reordered_held_and_cancelled_by_keys_and_failed_runs_run_again() {
    let mut stage = Stage::new(120, 40);
    let queued: &[Status] = &[];
    stage.hear(runs_msg(summaries(&[(4, queued), (3, queued), (2, &[Status::Failed]), (1, &DONE)])));
    stage.press("2");
    stage.model.runs.list.select(0);
    let did = |operation| vec![Effect::Do(operation)];
    assert_eq!(stage.press("alt+up"), did(Operation::MoveInQueue(4, true)));
    assert_eq!(stage.press("alt+down"), did(Operation::MoveInQueue(4, false)));
    assert_eq!(stage.press("n"), did(Operation::RunFirst(4)));
    assert_eq!(stage.press("H"), did(Operation::HoldRun(4, true)));
    stage.model.runs.list.rows[0].held = Some(Hold::Asked);
    assert!(stage.screen().contains("held"), "{}", stage.screen());
    assert_eq!(stage.press("H"), did(Operation::HoldRun(4, false)));
    assert_eq!(stage.press("alt+h"), did(Operation::HoldQueue(true)));
    stage.model.runs.open = Counts { held: 2, ..Counts::default() };
    assert_eq!(stage.press("alt+h"), did(Operation::HoldQueue(false)));
    stage.press("alt+c");
    assert!(stage.screen().contains("Cancel all that waits: 2 runs?"), "{}", stage.screen());
    assert_eq!(stage.press("y"), did(Operation::CancelQueue));
    stage.press("alt+r");
    assert!(stage.screen().contains("again: 1 run?"), "{}", stage.screen());
    assert_eq!(stage.press("y"), did(Operation::RetryRuns(vec![2], stage.model.open.profile.clone())));
    stage.press("j j");
    assert_eq!(stage.press("n"), []);
    assert_eq!(stage.told(), "This run does not wait any more");
}

#[test]
fn the_header_tells_how_long_the_whole_queue_takes_and_until_when_it_is_warm() {
    let mut stage = Stage::new(120, 40);
    let url = stage.model.open.profile.as_ref().expect("a profile").url.clone();
    stage.hear(Msg::Warmth { url, until: Some((NOW + 60_000, "16:42".to_owned())) });
    assert!(stage.screen().contains("idle, warm until 16:42"), "{}", stage.screen());
    let load = Load { queued: 3, in_flight: 0, started_sum: 0 };
    let loads = [(("prod".to_owned(), "w".to_owned()), load)].into();
    let open = Counts { queued: 3, loads, ..Counts::default() };
    let query = RunsQuery { limit: 100, ..RunsQuery::default() };
    let asked = stage.hear(Msg::Runs { query, rows: Vec::new(), more: false, total: None, open });
    assert!(asked.contains(&Effect::Ask(Question::Typical("w".to_owned()))), "{asked:?}");
    assert!(!stage.screen().contains("left"), "nothing is known of this workflow");
    let usual = Usual { run_ms: 62_000, cold_start_ms: None };
    stage.hear(Msg::Usual { workflow_hash: "w".to_owned(), usual });
    assert!(stage.screen().contains("3 queued  about 3:05 left"), "{}", stage.screen());
}

const PROMPT: &str = "6-inputs-text";

fn recalled(text: &str, run: i64, used: u64) -> Recalled {
    Recalled { value: text.into(), run, used, at: 0, starred: false }
}

#[test]
fn up_in_the_first_line_of_a_field_goes_back_through_what_it_held_and_down_forward() {
    let mut stage = Stage::new(120, 40);
    stage.press("1");
    crate::tui::panes::params::update::select(&mut stage.model, &key(PROMPT));
    stage.press("enter ctrl+a");
    stage.type_text("mine");
    let asked = stage.press("up");
    let question = Question::Recall { key: key(PROMPT), field: "prompt".to_owned(), typed: String::new() };
    assert_eq!(asked, [Effect::Ask(question)]);
    let found = vec![recalled("a red cat", 7, 1), recalled("mine", 6, 1), recalled("a dropped one", 5, 0)];
    stage.hear(Msg::Recalled { key: key(PROMPT), typed: String::new(), found });
    let text = |stage: &Stage| stage.model.params.editing.as_ref().map(|editing| editing.value());
    assert_eq!(text(&stage).as_deref(), Some("a red cat"));
    assert_eq!(stage.told(), "1 of 2 earlier values: run 7");
    stage.press("up");
    assert_eq!(text(&stage).as_deref(), Some("a dropped one"));
    assert_eq!(stage.told(), "2 of 2 earlier values: typed and never run");
    stage.press("up");
    assert_eq!((text(&stage).as_deref(), stage.told()), (Some("a dropped one"), "This is the oldest value"));
    stage.press("down down");
    assert_eq!(text(&stage).as_deref(), Some("mine"), "what was typed is there again");
    stage.press("down");
    assert_eq!(text(&stage).as_deref(), Some("mine"));
    stage.press("up esc");
    assert_eq!(stage.model.draft.shown(&key(PROMPT)), Some("a red cat"));
}

#[test]
fn in_a_text_of_several_lines_the_arrows_move_the_cursor_first() {
    let mut stage = Stage::new(120, 40);
    stage.press("1");
    crate::tui::panes::params::update::select(&mut stage.model, &key(PROMPT));
    stage.press("enter ctrl+a");
    stage.type_text("one");
    stage.press("enter");
    stage.type_text("two");
    assert_eq!(stage.press("up"), []);
    assert_eq!(stage.press("up").len(), 1);
}

#[test]
fn the_seed_of_the_last_run_is_locked_by_a_key_and_rolls_again_by_the_same() {
    let mut stage = stage();
    stage.press("1");
    let asked = stage.press("f");
    let Some(Effect::Ask(Question::Take(take))) = asked.first() else { panic!("{asked:?}") };
    let mut last = run(2, "a cat", &DONE);
    last.request.params.insert(key("3-inputs-seed"), 4711.into());
    stage.hear(Msg::Taken(take.clone(), Some(Box::new(last.clone()))));
    let seed = key("3-inputs-seed");
    assert_eq!(stage.model.draft.setting(&seed), Some(value(4711)));
    assert_eq!(stage.model.draft.policy(&seed), SeedPolicy::Fixed);
    assert!(stage.told().starts_with("Locked the seed of run 2: 4711"), "{}", stage.told());
    assert_eq!(stage.press("f"), []);
    assert_eq!(stage.model.draft.policy(&seed), SeedPolicy::Randomize);
    assert_ne!(stage.model.draft.setting(&seed), Some(value(4711)), "the next run has another");
    // Any run's, by its number.
    stage.press(":");
    stage.type_text("same seed as run");
    stage.press("enter ctrl+a");
    stage.type_text("7");
    assert_eq!(stage.press("enter"), [Effect::Ask(Question::Take(Take::Seeds(7)))]);
    last.request.params.insert(seed.clone(), 5.into());
    stage.hear(Msg::Taken(Take::Seeds(7), Some(Box::new(last.clone()))));
    assert_eq!(stage.model.draft.setting(&seed), Some(value(5)));
    stage.hear(Msg::Taken(Take::Prompt(9), None));
    assert_eq!(stage.told(), "Run 9 is not in the history");
    last.request.params.insert(key(PROMPT), "a heron".into());
    stage.hear(Msg::Taken(Take::Prompt(7), Some(Box::new(last))));
    assert_eq!(stage.model.draft.shown(&key(PROMPT)), Some("a heron"));
}
