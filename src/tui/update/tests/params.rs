//! Running, and the parameters pane.

use super::*;
use crate::domain::Parameter;
use crate::tui::msg::Opened;

#[test]
fn run_queues_what_the_preset_sets_and_the_new_seed() {
    let mut stage = wide();
    let effects = stage.press("ctrl+r");
    let Some(Effect::Do(Operation::Submit(order))) = effects.first() else { panic!("{effects:?}") };
    let seed = order.submission.params[&key("3-inputs-seed")].clone();
    let expected = NewRun {
        open: stage.model.open.clone(),
        submission: Submission {
            params: [(key("3-inputs-steps"), 30.into()), (key("3-inputs-seed"), seed.clone())]
                .into_iter()
                .collect(),
            files: vec![],
            origins: [
                (key("3-inputs-steps"), Origin::Preset { name: "flamingo".to_owned() }),
                (key("3-inputs-seed"), Origin::Program { how: Rule::Policy(SeedPolicy::Randomize) }),
            ]
            .into_iter()
            .collect(),
            ..Submission::default()
        },
        prompt: "A flamingo dancing on top of a server in a pink universe, masterpiece, best quality"
            .to_owned(),
        preset: Some("flamingo".to_owned()),
        send_workflow: false,
        note: format!(" with KSampler seed {seed}. Outputs go to /home/ada/comfydeck"),
        ask_if_same: true,
        ask_if_changed: true,
        watched: false,
    };
    assert_eq!(effects, [Effect::Do(Operation::Submit(expected.clone()))]);
    let next = stage.model.draft.setting(&key("3-inputs-seed"));
    assert!(next.is_some() && next != Some(Setting::Value(seed.clone())), "the one that runs next is shown");
    stage.hear(Msg::Submitted { run: 24, note: expected.note, waits: None });
    let told = format!("Run 24 queued with KSampler seed {seed}. Outputs go to /home/ada/comfydeck");
    assert_eq!(stage.told(), told);
}

#[test]
fn where_outputs_go_is_told_before_the_first_run_and_with_it() {
    use crate::tui::stage::{run, runs_msg};
    let mut stage = wide();
    assert!(stage.screen().contains("Its outputs go to /home/ada/comfydeck"), "{}", stage.screen());
    stage.hear(runs_msg(vec![crate::domain::RunSummary::from(&run(1, "a cat", &[Status::Done]))]));
    assert_eq!(stage.told(), "", "it is in sight");
    let mut small = Stage::new(80, 24);
    small.model.runs = crate::tui::panes::runs::RunsPane::default();
    small.hear(runs_msg(Vec::new()));
    assert_eq!(small.told(), "Outputs of runs go to /home/ada/comfydeck");
    let effects = stage.press("ctrl+r");
    let Some(Effect::Do(Operation::Submit(order))) = effects.first() else { panic!("{effects:?}") };
    assert!(!order.note.contains("Outputs go to"), "{}", order.note);
}

#[test]
fn what_is_still_to_be_filled_in_is_asked_about_where_it_would_be_sent() {
    let steps = key("3-inputs-steps");
    let mut stage = wide();
    stage.model.draft.set(&steps, Setting::Value("{{STEPS}}".into()));
    assert_eq!(stage.press("ctrl+r"), []);
    assert!(stage.screen().contains("Send what is still to be filled in (steps)?"), "{}", stage.screen());
    assert_eq!(stage.model.params.selected, Some(steps.clone()), "it is in sight");
    assert_eq!(stage.press("n"), []);
    stage.model.now += 1_000;
    stage.press("ctrl+r");
    let effects = stage.press("y");
    let Some(Effect::Do(Operation::Submit(order))) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(order.submission.params[&steps], "{{STEPS}}");
}

#[test]
fn run_works_from_within_a_field_and_takes_the_text_along() {
    let mut stage = wide();
    stage.press("enter");
    stage.type_text(", neon");
    let effects = stage.press("ctrl+r");
    let sent = effects.iter().find_map(|effect| match effect {
        Effect::Do(Operation::Submit(order)) => order.submission.params.get(&key("6-inputs-text")).cloned(),
        _ => None,
    });
    assert!(sent.is_some_and(|text| text.to_string().ends_with("best quality, neon\"")));
    assert!(stage.model.params.editing.is_none());
}

#[test]
fn nothing_runs_while_a_field_holds_nonsense_or_a_file_is_missing() {
    let mut stage = wide();
    stage.press("j j enter");
    assert_eq!(stage.model.params.editing.as_ref().map(|e| e.key.as_str()), Some("3-inputs-steps"));
    stage.type_text("many");
    assert_eq!(stage.press("ctrl+r"), []);
    assert!(stage.screen().contains("✗ `many` is not a"), "{}", stage.screen());
    stage.press("esc");
    stage.hear(Msg::File(key("52-inputs-image"), FileState::Bad("in.png is not there".to_owned())));
    stage.model.now += 1_000;
    assert!(stage.press("ctrl+r").is_empty());
    assert_eq!(stage.told(), "Nothing was sent: in.png is not there");
    assert_eq!(stage.model.params.selected, Some(key("52-inputs-image")));
}

#[test]
fn without_a_profile_the_run_key_says_what_to_do() {
    let mut stage = Stage::empty(120, 40);
    assert_eq!(stage.press("ctrl+r"), []);
    assert!(stage.told().starts_with("No profile"), "{}", stage.told());
}

#[test]
fn a_paste_never_runs_and_never_commands() {
    let mut stage = wide();
    let pasted = || Msg::Input(crossterm::event::Event::Paste("q\n\u{12}y\n".to_owned()));
    assert_eq!(stage.hear(pasted()), []);
    stage.press("enter");
    assert!(stage.hear(pasted()).is_empty());
    stage.press("esc");
    assert_eq!(stage.model.draft.origin(&key("6-inputs-text")), Origin::Person { how: Said::Typed });
    stage.press("X");
    assert!(matches!(stage.model.overlay, Some(Overlay::Confirm(_))));
    assert_eq!(stage.hear(pasted()), []);
    assert!(matches!(stage.model.overlay, Some(Overlay::Confirm(_))));
}

#[test]
fn enter_makes_a_line_in_a_prompt_and_keeps_a_number() {
    let mut stage = wide();
    stage.press("enter end");
    assert!(stage.press("enter").is_empty());
    stage.type_text("x");
    stage.press("esc");
    let Some(Setting::Value(text)) = stage.model.draft.setting(&key("6-inputs-text")) else { panic!() };
    assert!(text.as_str().is_some_and(|text| text.ends_with("best quality\nx")));

    stage.press("j j enter");
    stage.type_text("12");
    assert!(stage.press("enter").is_empty());
    assert_eq!(stage.model.draft.setting(&key("3-inputs-steps")), Some(value(12)));
}

#[test]
fn values_step_toggle_reset_and_come_back() {
    let mut stage = wide();
    stage.press("j j right right left + ");
    assert_eq!(stage.model.draft.setting(&key("3-inputs-steps")), Some(value(32)));
    stage.press("x");
    assert_eq!(stage.model.draft.setting(&key("3-inputs-steps")), Some(value(30)));
    stage.press("u");
    assert_eq!(stage.model.draft.setting(&key("3-inputs-steps")), Some(value(32)));
    stage.press("U");
    assert_eq!(stage.model.draft.setting(&key("3-inputs-steps")), Some(value(30)));
    stage.press("/");
    stage.type_text("enabled");
    stage.press("enter enter");
    assert_eq!(stage.model.draft.setting(&key("9-inputs-enabled")), Some(value(false)));
}

#[test]
fn the_weight_of_a_word_changes() {
    let mut stage = wide();
    stage.press("enter ctrl+up ctrl+up esc");
    let Some(Setting::Value(text)) = stage.model.draft.setting(&key("6-inputs-text")) else { panic!() };
    assert!(text.as_str().is_some_and(|text| text.ends_with("best (quality:1.2)")), "{text}");
}

#[test]
fn discarding_an_edit_leaves_no_trace() {
    let mut stage = wide();
    stage.press("enter");
    stage.type_text("gone");
    assert!(stage.press("ctrl+c").is_empty());
    assert!(!stage.model.draft.is_edited());
    assert!(stage.model.params.editing.is_none());
}

#[test]
fn the_filter_narrows_while_it_is_typed_and_esc_takes_it_back() {
    let mut stage = wide();
    stage.press("/");
    stage.type_text("cfg");
    assert_eq!(stage.model.params.selected, Some(key("3-inputs-cfg")));
    stage.press("enter");
    assert!(!stage.screen().contains("enabled"));
    stage.press("esc");
    assert!(stage.screen().contains("enabled"));
}

#[test]
fn links_are_shown_on_request_and_not_edited() {
    let mut stage = wide();
    assert!(!stage.screen().contains("[\"56\",0]"));
    stage.press("a /");
    stage.type_text("model");
    stage.press("enter enter");
    assert!(stage.screen().contains("[\"56\",0]"), "{}", stage.screen());
    assert!(stage.model.params.editing.is_none());
    assert!(stage.told().starts_with("This input is wired"));
}

#[test]
fn a_seed_policy_cycles_and_a_new_seed_is_shown() {
    let mut stage = wide();
    stage.press("j R");
    assert_eq!(stage.model.draft.policy(&key("3-inputs-seed")), SeedPolicy::Increment);
    stage.press("r");
    assert_eq!(stage.told(), "Seed 42");
}

#[test]
fn a_path_completes() {
    let mut stage = wide();
    stage.press("G k");
    assert_eq!(stage.model.params.selected, Some(key("52-inputs-image")));
    stage.press("enter ctrl+a");
    stage.type_text("in/");
    let answer = Msg::Completions {
        text: "in/".to_owned(),
        paths: vec!["in/pink.png".to_owned(), "in/pinker.png".to_owned()],
    };
    stage.hear(answer);
    assert!(stage.screen().contains("in/pinker.png"));
    assert_eq!(stage.press("tab"), [Effect::Do(Operation::CompletePath("in/pink".to_owned()))]);
    stage.type_text(".png");
    let checked = Operation::CheckFile(key("52-inputs-image"), PathBuf::from("in/pink.png"), FileKind::Image);
    assert_eq!(stage.press("enter"), [Effect::Do(checked)]);
}

fn submits(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Do(Operation::Submit(_)))).count()
}

/// Presses the run key at these times, and lets time pass.
fn run_at(stage: &mut Stage, times: &[i64]) -> usize {
    let start = stage.model.now;
    let mut found = 0;
    for at in times {
        stage.model.now = start + at;
        found += submits(&stage.press("ctrl+r"));
    }
    stage.model.now += 300;
    found + submits(&stage.hear(Msg::Tick))
}

#[test]
fn a_run_key_that_is_held_down_runs_once_and_one_that_is_pressed_runs_each_time() {
    let held: Vec<i64> = std::iter::once(0).chain((0..30).map(|at| 500 + 33 * at)).collect();
    // On a slow line the repetitions come in lumps.
    let lumps: Vec<i64> = (0..5).flat_map(|lump| [400 * lump, 400 * lump + 1, 400 * lump + 2]).collect();
    for (times, runs) in [
        (vec![0], 1),
        (held, 1),
        (vec![0, 0, 0, 0], 1),
        (lumps, 1),
        (vec![0, 150, 300, 450], 4),
        (vec![0, 700, 1_400, 5_000], 4),
    ] {
        assert_eq!(run_at(&mut wide(), &times), runs, "{times:?}");
    }
    let mut stage = wide();
    assert_eq!(submits(&stage.press("ctrl+r ctrl+r")), 1);
    assert!(stage.told().starts_with("Queued once"), "{}", stage.told());
    assert_eq!(submits(&stage.press("j ctrl+r")), 1, "another key between, and it is meant");
    stage.model.now += 200;
    assert_eq!(submits(&stage.press("ctrl+r")), 0);
    assert_eq!(submits(&stage.press("j")), 1, "it was no repetition, for another key came");
}

#[test]
fn a_terminal_that_reports_key_repeats_is_trusted() {
    let mut stage = wide();
    stage.hear(Msg::KeyKinds(true));
    assert_eq!(submits(&stage.press("ctrl+r ctrl+r ctrl+r ctrl+r")), 4);
    let key = crate::tui::key::Key::parse("ctrl+r").expect("a key");
    let repeat =
        crossterm::event::KeyEvent::new_with_kind(key.code, key.mods, crossterm::event::KeyEventKind::Repeat);
    for _ in 0..5 {
        stage.model.now += 2_000;
        assert_eq!(stage.hear(Msg::Input(crossterm::event::Event::Key(repeat))), []);
    }
    assert!(stage.told().starts_with("Queued once"), "{}", stage.told());
}

fn submitted(effects: &[Effect]) -> Vec<NewRun> {
    let orders = effects.iter().filter_map(|effect| match effect {
        Effect::Do(Operation::Submit(order)) => Some(order.clone()),
        _ => None,
    });
    orders.collect()
}

fn seed_of(order: &NewRun) -> String {
    order.submission.params[&key("3-inputs-seed")].to_string()
}

#[test]
fn what_is_typed_runs_whatever_the_policy_and_then_the_policy_goes_on() {
    let mut stage = wide();
    stage.hear(Msg::KeyKinds(true));
    stage.press("j enter");
    stage.type_text("777");
    stage.press("enter");
    assert!(stage.screen().contains("typed, then randomize"), "{}", stage.screen());
    let orders = submitted(&stage.press("ctrl+r ctrl+r"));
    assert_eq!(seed_of(&orders[0]), "777");
    assert_ne!(seed_of(&orders[1]), "777");
    let next = stage.model.draft.setting(&key("3-inputs-seed")).expect("a seed");
    assert_eq!(
        seed_of(&submitted(&stage.press("ctrl+r"))[0]),
        crate::tui::panes::params::setting_text(&next)
    );
}

#[test]
fn the_same_run_again_is_asked_for() {
    let same_again = |stage: &mut Stage| {
        let orders = submitted(&stage.press("ctrl+r"));
        let order = Box::new(orders[0].clone());
        stage.hear(Msg::Same { run: 12, status: Status::Done, order });
        orders[0].clone()
    };
    let fixed = || {
        let mut stage = wide();
        stage.hear(Msg::KeyKinds(true));
        stage.press("j R R R");
        stage
    };
    let mut stage = fixed();
    let order = same_again(&mut stage);
    assert!(stage.screen().contains("Nothing differs from run 12 (done)"), "{}", stage.screen());
    let again = submitted(&stage.press("y"));
    assert_eq!(again, [NewRun { ask_if_same: false, ..order }]);

    let mut stage = fixed();
    let order = same_again(&mut stage);
    let other = submitted(&stage.press("s"));
    assert!(
        other.len() == 1 && other[0].ask_if_same && other[0].submission.params != order.submission.params
    );

    let mut stage = fixed();
    same_again(&mut stage);
    assert!(stage.screen().contains("s new seed"), "{}", stage.screen());
    assert_eq!(submits(&stage.press("n")), 0);
    assert!(stage.model.overlay.is_none());

    // Without a seed that decides there is none to change.
    let mut stage = fixed();
    let unseeded =
        stage.model.draft.params().iter().cloned().map(|param| Parameter { decides: false, ..param });
    stage.model.draft.describe(unseeded.collect());
    same_again(&mut stage);
    assert!(!stage.screen().contains("s new seed"), "{}", stage.screen());

    // A loaded seed that was not sent after all is still the one that runs next.
    let mut stage = wide();
    let settings = vec![(key("3-inputs-seed"), value(5))];
    stage.hear(Msg::Settings { run: 12, settings, told: String::new() });
    let order = same_again(&mut stage);
    assert_eq!(seed_of(&order), "5");
    stage.press("esc");
    assert_eq!(stage.model.draft.setting(&key("3-inputs-seed")), Some(value(5)));
}

#[test]
fn what_is_left_of_a_preset_is_sent_after_a_question_only() {
    let mut stage = wide();
    stage.hear(Msg::KeyKinds(true));
    stage.model.unsure = vec!["hero.toml:3: `6-inputs-txet` is no parameter".to_owned()];
    assert_eq!(submits(&stage.press("ctrl+r")), 0);
    assert!(stage.screen().contains("hero.toml:3"), "{}", stage.screen());
    assert_eq!(submits(&stage.press("n ctrl+r n")), 0);
    stage.press("ctrl+r");
    assert_eq!(submits(&stage.press("y ctrl+r")), 2);
}

#[test]
fn a_file_that_changed_is_read_again_or_run_as_it_is_shown() {
    let changed = |stage: &mut Stage| {
        let order = submitted(&stage.press("ctrl+r")).remove(0);
        let changed = vec![PathBuf::from("/p/hero.toml")];
        let order = Some(Box::new(order));
        stage.hear(Msg::ChangedOnDisk { changed, files: Vec::new(), order })
    };
    let mut stage = wide();
    changed(&mut stage);
    assert!(stage.screen().contains("/p/hero.toml changed on disk"), "{}", stage.screen());
    let shown = submitted(&stage.press("r"));
    assert!(shown.len() == 1 && !shown[0].ask_if_changed);
    let mut stage = wide();
    changed(&mut stage);
    assert_eq!(stage.press("y"), [Effect::Do(Operation::Reload(stage.model.open.clone()))]);
}

#[test]
fn what_went_wrong_stays_while_the_person_types_and_can_be_read_again() {
    let mut stage = wide();
    stage.hear(Msg::NotSubmitted("Nothing was sent: the password manager is locked".to_owned()));
    stage.press("j j enter 4 2 enter");
    assert!(stage.told().contains("password manager"));
    stage.press("esc");
    assert_eq!(stage.told(), "");
    stage.press("!");
    assert!(stage.screen().contains("the password manager is locked"), "{}", stage.screen());
}

#[test]
fn a_discarded_text_comes_back_with_redo() {
    let mut stage = wide();
    stage.press("enter");
    stage.type_text(", neon");
    stage.press("ctrl+c");
    assert_eq!(stage.model.draft.origin(&key("6-inputs-text")), Origin::Workflow);
    stage.press("U");
    let Some(Setting::Value(text)) = stage.model.draft.setting(&key("6-inputs-text")) else { panic!() };
    assert!(text.as_str().is_some_and(|text| text.ends_with(", neon")));
}

#[test]
fn on_a_screen_too_small_to_see_nothing_is_done() {
    let mut stage = wide();
    stage.hear(Msg::Input(crossterm::event::Event::Resize(40, 10)));
    assert_eq!(stage.press("ctrl+r"), []);
    stage.press("enter");
    assert_eq!(stage.press("q"), [Effect::Screen(ScreenEffect::Quit)]);
}

/// The preset `cat` over the open workflow.
fn cat(stage: &Stage) -> Msg {
    let mut layer = stage.model.draft.preset().clone();
    layer.name = "cat".to_owned();
    Msg::Opened(Box::new(Opened { open: stage.model.open.clone(), layer, ..Opened::default() }))
}

#[test]
fn what_was_opened_over_comes_back_with_its_changes_by_one_key() {
    let mut stage = wide();
    stage.hear(cat(&stage));
    assert!(!stage.told().contains("Undo"), "nothing was changed: {}", stage.told());
    stage.press("u");
    assert_eq!(stage.model.draft.preset().name, "cat");
    let mut stage = wide();
    stage.model.params.selected = Some(key("3-inputs-steps"));
    stage.press("+");
    let (changed, edits) = (stage.model.params.selected.clone(), stage.model.draft.edits().count());
    assert_eq!(edits, 1);
    stage.hear(cat(&stage));
    assert_eq!(stage.told(), "Opened cat. Undo (u) brings back what was open, with 1 change");
    // Changes of the preset that is open now come first.
    stage.model.params.selected = changed.clone();
    stage.press("+ u");
    assert_eq!((stage.model.draft.preset().name.as_str(), stage.model.draft.changes()), ("cat", 0));
    stage.press("u");
    assert_eq!(stage.told(), "flamingo is open again, with 1 change");
    assert_eq!((stage.model.draft.edits().count(), &stage.model.params.selected), (1, &changed));
    stage.press("u");
    assert_eq!(stage.model.draft.changes(), 0, "its own steps are there still");
}

#[test]
fn a_run_of_another_preset_that_is_loaded_over_changes_is_one_step_of_undo() {
    let mut stage = wide();
    stage.model.params.selected = Some(key("3-inputs-steps"));
    stage.press("+");
    stage.hear(cat(&stage));
    let settings = vec![(key("3-inputs-steps"), value(44))];
    stage.hear(Msg::Settings { run: 7, settings, told: "Loaded run 7".to_owned() });
    assert_eq!(stage.told(), "Loaded run 7. Undo (u) brings back what was open");
    stage.press("u");
    assert_eq!((stage.model.draft.preset().name.as_str(), stage.model.draft.changes()), ("flamingo", 1));
}
