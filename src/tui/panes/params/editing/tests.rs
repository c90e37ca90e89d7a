//! Keys and mouse in a field.

use crate::domain::run::RunSummary;
use crossterm::event::{Event, MouseButton, MouseEvent, MouseEventKind};

use crate::domain::param::FileKind;
use crate::domain::{Origin, Setting, Status};
use crate::tui::effect::{Effect, Operation};
use crate::tui::layout;
use crate::tui::msg::Msg;
use crate::tui::open::ProfileChoice;
use crate::tui::overlay::{Choosing, Overlay, PickerItem};
use crate::tui::pane::Pane;
use crate::tui::panes::params::setting_text;
use crate::tui::stage::{Stage, key, run, runs_msg, value};

fn wide() -> Stage {
    Stage::new(120, 40)
}

fn summaries(runs: &[(i64, &[Status])]) -> Vec<RunSummary> {
    runs.iter().map(|(id, lived)| RunSummary::from(&run(*id, "a cat", lived))).collect()
}

#[test]
fn a_key_of_the_window_manager_does_nothing() {
    use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
    let held = |c| Msg::Input(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::SUPER)));
    let mut stage = wide();
    stage.hear(runs_msg(summaries(&[(1, &[Status::Waiting])])));
    stage.press("2");
    assert_eq!(stage.hear(held('c')), [], "Super+C copies in the terminal, it cancels no run");
    stage.press("1 enter");
    stage.hear(held('v'));
    stage.press("esc");
    assert!(!stage.model.draft.is_edited(), "Super+V types nothing");
}

/// The text of the open field.
fn field(stage: &Stage) -> String {
    stage.model.params.editing.as_ref().map(|editing| editing.value()).expect("a field is open")
}

#[test]
fn a_bare_line_feed_is_a_line_break_or_nothing() {
    let mut stage = wide();
    stage.press("enter ctrl+a");
    stage.type_text("one");
    stage.press("ctrl+j");
    stage.type_text("two");
    assert_eq!(field(&stage), "one\ntwo");
    stage.press("esc j j enter");
    stage.type_text("12");
    stage.press("ctrl+j");
    assert_eq!(field(&stage), "12");
    stage.press("esc /");
    stage.type_text("cfg");
    stage.press("ctrl+j");
    assert_eq!(stage.model.params.filter, "cfg");
}

#[test]
fn a_line_is_cleared_and_comes_back_as_in_a_shell() {
    let mut stage = wide();
    stage.press("j j enter");
    stage.type_text("12");
    stage.press("ctrl+u");
    assert_eq!(field(&stage), "");
    stage.press("ctrl+y");
    assert_eq!(field(&stage), "12");
    stage.press("esc /");
    stage.type_text("cfg one");
    stage.press("ctrl+w");
    assert_eq!(stage.model.params.filter, "cfg ");
    stage.press("ctrl+u");
    assert_eq!(stage.model.params.filter, "");
    stage.press("ctrl+y alt+u");
    assert_eq!(stage.model.params.filter, "");
}

#[test]
fn a_change_of_weight_is_taken_back_in_one_step() {
    let mut stage = wide();
    stage.press("enter");
    let before = field(&stage);
    stage.press("ctrl+up");
    let first = field(&stage);
    stage.press("ctrl+up");
    let second = field(&stage);
    assert!(first.ends_with("(quality:1.1)") && second.ends_with("(quality:1.2)"), "{first} {second}");
    for expected in [&first, &before] {
        stage.press("alt+u");
        assert_eq!(field(&stage), *expected);
    }
    for expected in [&first, &second] {
        stage.press("alt+U");
        assert_eq!(field(&stage), *expected);
    }
    // Across a line break, and back to a weight of 1.
    stage.press("ctrl+a");
    stage.type_text("a");
    stage.press("enter");
    stage.type_text("b");
    stage.press("ctrl+a ctrl+up");
    assert_eq!(field(&stage), "(a\nb:1.1)");
    stage.press("alt+u");
    assert_eq!(field(&stage), "a\nb");
    stage.press("alt+U ctrl+a ctrl+down alt+u");
    assert_eq!(field(&stage), "(a\nb:1.1)");
}

#[test]
fn what_looks_like_one_character_is_one() {
    for cluster in ["👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "e\u{301}", "क्षि"] {
        let mut stage = wide();
        stage.press("enter ctrl+a");
        stage.type_text(&format!("x{cluster}"));
        stage.press("backspace");
        assert_eq!(field(&stage), "x", "{cluster}");
        stage.press("alt+u");
        assert_eq!(field(&stage), format!("x{cluster}"), "it comes back whole");
        stage.type_text("b");
        stage.press("left left");
        stage.type_text("^");
        assert_eq!(field(&stage), format!("x^{cluster}b"));
        stage.press("delete");
        assert_eq!(field(&stage), "x^b");
    }
}

#[test]
fn words_of_a_prompt_are_stepped_over_and_deleted_whole() {
    let mut stage = wide();
    stage.press("enter ctrl+a");
    stage.type_text("the cat's \\(big\\) x-ray, <lora:a b:1>");
    for rest in ["the cat's \\(big\\) x-ray, ", "the cat's \\(big\\) ", "the cat's ", "the ", ""] {
        stage.press("ctrl+w");
        assert_eq!(field(&stage), rest);
    }
    stage.type_text("a b");
    stage.press("ctrl+left");
    stage.type_text("_");
    assert_eq!(field(&stage), "a _b");
}

#[test]
fn a_lora_tags_key_changes_its_number_and_escapes_stay_text() {
    for (before, up) in [
        ("<lora:detail:0.8>", "<lora:detail:0.9>"),
        ("saber \\(fate\\)", "saber (\\(fate\\):1.1)"),
        ("(a (cat:1.2) here:0.9)", "a (cat:1.2) here"),
    ] {
        let mut stage = wide();
        stage.press("enter ctrl+a");
        stage.type_text(before);
        stage.press("left left ctrl+up");
        assert_eq!(field(&stage), up, "{before}");
        stage.press("ctrl+down");
        assert_eq!(field(&stage), before, "and back");
    }
}

#[test]
fn several_lines_that_cannot_be_kept_stay_open() {
    let mut stage = wide();
    let steps = key("3-inputs-steps");
    stage.hear(Msg::Edited {
        key: steps.clone(),
        text: "many\nwords, and more than one line of the pane holds".repeat(3),
    });
    let typed = field(&stage);
    stage.press("esc");
    assert_eq!(field(&stage), typed, "Esc throws nothing away");
    assert!(stage.model.params.editing.as_ref().is_some_and(|editing| editing.error.is_some()));
    assert!(stage.screen().contains("words, and more than one line of the pane "), "{}", stage.screen());
    stage.press("ctrl+c");
    assert!(stage.model.params.editing.is_none());
}

#[test]
fn completions_are_chosen_with_arrows() {
    let mut stage = wide();
    stage.press("G k enter ctrl+a");
    stage.type_text("in/");
    let paths: Vec<String> = (1..=9).map(|n| format!("in/{n}.png")).collect();
    stage.hear(Msg::Completions { text: "in/".to_owned(), paths });
    assert!(stage.screen().contains("in/6.png") && stage.screen().contains("3 more"), "{}", stage.screen());
    stage.press("down down up");
    assert!(stage.screen().contains("› in/1.png"), "{}", stage.screen());
    // Beyond the last visible one: the list scrolls.
    stage.press("down down down down down down down");
    assert!(
        stage.screen().contains("› in/8.png") && !stage.screen().contains("in/1.png"),
        "{}",
        stage.screen()
    );
    assert!(
        stage.press("enter").contains(&Effect::Do(Operation::CompletePath("in/8.png".to_owned()))),
        "the field stays open"
    );
    assert_eq!(field(&stage), "in/8.png");
    stage.hear(Msg::Completions { text: "in/8.png".to_owned(), paths: vec!["in/8.png".to_owned()] });
    let checked =
        Effect::Do(Operation::CheckFile(key("52-inputs-image"), "in/8.png".into(), FileKind::Image));
    assert!(stage.press("enter").contains(&checked));
}

#[test]
fn up_from_the_first_completion_leads_back_to_what_was_typed() {
    let mut stage = wide();
    stage.press("G k enter ctrl+a");
    stage.type_text("./a");
    stage.hear(Msg::Completions { text: "./a".to_owned(), paths: vec!["./a.png".to_owned()] });
    stage.press("down up enter");
    assert_eq!(stage.model.draft.setting(&key("52-inputs-image")), Some(Setting::File("./a".into())));
}

/// Sends a mouse event at a text on screen.
fn mouse(stage: &mut Stage, kind: MouseEventKind, text: &str) -> Vec<Effect> {
    let screen = stage.screen();
    let (row, line) = screen.lines().enumerate().find(|(_, line)| line.contains(text)).expect(text);
    let column = line[..line.find(text).expect(text)].chars().count() as u16;
    let modifiers = crossterm::event::KeyModifiers::NONE;
    stage.hear(Msg::Input(Event::Mouse(MouseEvent { kind, column, row: row as u16, modifiers })))
}

const CLICK: MouseEventKind = MouseEventKind::Down(MouseButton::Left);

#[test]
fn a_click_places_the_caret_of_an_open_field() {
    let mut stage = Stage::new(80, 24);
    stage.press("g enter");
    stage.draw();
    // On the first row, and on the second one of the wrapped text.
    for word in ["flamingo dancing", "universe"] {
        mouse(&mut stage, CLICK, word);
        stage.type_text("_");
        let text = stage.model.params.editing.as_ref().expect("still open").value();
        assert!(text.contains(&format!("_{word}")), "{text}");
        stage.press("backspace");
    }
    // Behind the end of a line it is the line's end; elsewhere on the screen it leaves the field.
    mouse(&mut stage, CLICK, "blurry");
    assert!(stage.model.params.editing.is_none());
}

#[test]
fn a_block_cursor_does_not_stand_behind_a_selection() {
    let mut stage = Stage::new(80, 24);
    stage.press("g enter");
    assert!(stage.draw().1.is_some());
    stage.press("shift+left");
    assert_eq!(stage.draw().1, None, "the selection shows where it ends");
    stage.press("left");
    assert!(stage.draw().1.is_some());
    stage.model.park_cursor = true;
    stage.press("shift+left");
    assert!(stage.draw().1.is_some(), "a braille display follows it");
}

#[test]
fn a_tab_is_seen_in_the_field_and_in_the_list() {
    let mut stage = Stage::new(80, 24);
    stage.press("g enter ctrl+a");
    stage.hear(Msg::Input(Event::Paste("one\ttwo".to_owned())));
    assert!(stage.screen().contains("one→two"), "up to the next column of four: {}", stage.screen());
    stage.press("esc");
    assert!(stage.screen().contains("one→two"), "{}", stage.screen());
}

#[test]
fn a_click_on_a_tab_goes_there() {
    let mut stage = Stage::new(80, 24);
    for pane in [Pane::Log, Pane::Runs, Pane::Details, Pane::Parameters] {
        mouse(&mut stage, CLICK, pane.title());
        assert_eq!(stage.model.focus, pane);
    }
}

#[test]
fn a_second_click_on_a_run_opens_its_details() {
    let mut stage = wide();
    let runs: Vec<RunSummary> = [2, 1].map(|id| RunSummary::from(&run(id, "a cat", &[Status::Done]))).into();
    stage.hear(runs_msg(runs));
    let second = stage.model.runs.list.rows[1].id;
    let area = layout::regions(&stage.model).and_then(|regions| regions.body(Pane::Runs)).expect("seen");
    let click = |stage: &mut Stage| {
        let modifiers = crossterm::event::KeyModifiers::NONE;
        let at = MouseEvent { kind: CLICK, column: area.x + 3, row: area.y + 1, modifiers };
        stage.hear(Msg::Input(Event::Mouse(at)));
    };
    click(&mut stage);
    assert_eq!((stage.model.focus, stage.model.runs.list.selected), (Pane::Runs, Some(second)));
    click(&mut stage);
    assert_eq!(stage.model.focus, Pane::Details);
}

#[test]
fn the_wheel_scrolls_and_leaves_the_selection_while_it_is_seen() {
    let mut stage = wide();
    let all: Vec<RunSummary> =
        (1..=80).rev().map(|id| RunSummary::from(&run(id, "a cat", &[Status::Done]))).collect();
    stage.hear(runs_msg(all));
    stage.press("2 down down down down down");
    mouse(&mut stage, MouseEventKind::ScrollDown, "a cat");
    assert_eq!((stage.model.runs.scroll, stage.model.runs.list.selected), (3, Some(75)));
    mouse(&mut stage, MouseEventKind::ScrollDown, "a cat");
    assert_eq!((stage.model.runs.scroll, stage.model.runs.list.selected), (6, Some(74)));
    mouse(&mut stage, MouseEventKind::ScrollUp, "a cat");
    assert_eq!((stage.model.runs.scroll, stage.model.runs.list.selected), (3, Some(74)));

    let mut stage = Stage::new(80, 15);
    let selected = stage.model.params.selected.clone();
    mouse(&mut stage, MouseEventKind::ScrollDown, "Parameters");
    assert!(stage.model.params.scroll > 0);
    assert_ne!(stage.model.params.selected, selected, "it would be out of sight");
    for _ in 0..9 {
        mouse(&mut stage, MouseEventKind::ScrollUp, "Parameters");
    }
    assert_eq!(stage.model.params.scroll, 0);
}

#[test]
fn the_wheel_goes_through_lists_and_help() {
    let mut stage = wide();
    stage.press("ctrl+p");
    mouse(&mut stage, MouseEventKind::ScrollDown, "Commands");
    mouse(&mut stage, MouseEventKind::ScrollDown, "Commands");
    let Some(Overlay::Picker(picker)) = &stage.model.overlay else { panic!() };
    assert_eq!(picker.selected, Some(1));
    stage.press("esc ?");
    let before = stage.screen();
    mouse(&mut stage, MouseEventKind::ScrollDown, "Help");
    assert_ne!(stage.screen(), before);
    mouse(&mut stage, MouseEventKind::ScrollUp, "Help");
    assert_eq!(stage.screen(), before);
}

#[test]
fn a_click_beside_the_field_keeps_what_is_in_it() {
    let mut stage = wide();
    stage.press("1 enter");
    stage.type_text("a heron, ");
    mouse(&mut stage, CLICK, "heron");
    assert!(stage.model.params.editing.is_some(), "inside it stays open");
    mouse(&mut stage, CLICK, "steps");
    assert!(stage.model.params.editing.is_none());
    assert_eq!(stage.model.params.selected, Some(key("3-inputs-steps")));
    assert!(stage.screen().contains("heron"));
}

#[test]
fn in_a_list_a_click_selects_and_a_second_one_takes() {
    let mut stage = wide();
    stage.press("p");
    let item = |id: &str| PickerItem { id: id.to_owned(), label: id.to_owned(), ..PickerItem::default() };
    stage.hear(Msg::Items(Choosing::Preset, vec![item("flamingo"), item("sorcerer"), item("tom-cat")]));
    assert_eq!(mouse(&mut stage, CLICK, "tom-cat"), []);
    assert!(stage.model.overlay.is_some());
    assert_eq!(mouse(&mut stage, CLICK, "Presets"), [], "the frame is no item");
    assert_eq!(
        mouse(&mut stage, CLICK, "tom-cat"),
        [Effect::Do(Operation::OpenPreset("tom-cat".to_owned(), ProfileChoice::default()))]
    );
}

#[test]
fn a_file_that_is_dragged_here_is_taken_for_what_it_is() {
    for (pasted, expected) in [
        ("'/home/me/a b.png' ", Setting::File("/home/me/a b.png".into())),
        ("/home/me/a\\ b.png", Setting::File("/home/me/a b.png".into())),
        ("file:///home/me/a%20b.png\n", Setting::File("/home/me/a b.png".into())),
        ("clipspace/x.png [input]", Setting::Value("clipspace/x.png [input]".into())),
        ("https://example.com/a.png", Setting::Value("https://example.com/a.png".into())),
        ("other.png", Setting::Value("other.png".into())),
    ] {
        let mut stage = wide();
        stage.press("G k enter ctrl+a");
        stage.hear(Msg::Input(Event::Paste(pasted.to_owned())));
        stage.press("esc");
        assert_eq!(stage.model.draft.setting(&key("52-inputs-image")), Some(expected), "{pasted}");
    }
}

#[test]
fn a_path_where_a_text_goes_is_asked_about() {
    let text = key("6-inputs-text");
    for (answer, expected) in
        [("y", Setting::File("/home/me/a.png".into())), ("n", Setting::Value("/home/me/a.png".into()))]
    {
        let mut stage = wide();
        crate::tui::panes::params::update::select(&mut stage.model, &text);
        stage.press("enter ctrl+a");
        stage.type_text("/home/me/a.png");
        let effects = stage.press("esc");
        assert!(
            effects.contains(&Effect::Do(Operation::FindFile(text.clone(), "/home/me/a.png".into()))),
            "{effects:?}"
        );
        stage.hear(Msg::FileFound(text.clone(), "/home/me/a.png".into()));
        assert!(
            stage.screen().contains("/home/me/a.png is a file on this machine. Upload it?"),
            "{}",
            stage.screen()
        );
        stage.press(answer);
        assert_eq!(stage.model.draft.setting(&text), Some(expected), "{answer}");
    }
}

#[test]
fn what_is_on_or_off_is_toggled_by_a_key() {
    let mut stage = wide();
    let toggle = key("9-inputs-enabled");
    crate::tui::panes::params::update::select(&mut stage.model, &toggle);
    stage.press("t");
    assert_eq!(stage.model.draft.setting(&toggle), Some(Setting::Value(false.into())));
    stage.press("t");
    assert_eq!(stage.model.draft.setting(&toggle), Some(Setting::Value(true.into())));
}

#[test]
fn typing_is_saying_also_what_stands_there_already() {
    use crate::domain::SeedPolicy;
    let seed = key("3-inputs-seed");
    for policy in SeedPolicy::ALL {
        for (keys, says) in [
            ("", true),
            ("backspace backspace", true),
            // Looking is not saying, nor is what was taken back.
            ("look", false),
            ("undo", false),
        ] {
            let mut stage = wide();
            stage.model.draft.set_policy(&seed, policy);
            stage.press("j k");
            let shown = stage.model.draft.setting(&seed).as_ref().map(setting_text).expect("a seed");
            crate::tui::panes::params::update::select(&mut stage.model, &seed);
            stage.press("enter");
            match keys {
                "look" => {}
                "undo" => {
                    stage.type_text("5");
                    stage.press("alt+u alt+u");
                    assert_eq!(field(&stage), shown);
                }
                keys => {
                    stage.type_text("12");
                    stage.press(keys);
                    stage.press("ctrl+u");
                    stage.type_text(&shown);
                }
            }
            stage.press("enter");
            let origin = stage.model.draft.origin(&seed);
            assert_eq!(origin.is_said(), says, "{policy:?} {keys}: {origin:?}");
            assert_eq!(stage.model.draft.setting(&seed).as_ref().map(setting_text), Some(shown));
        }
    }
}

#[test]
fn a_text_of_a_preset_or_a_form_that_is_typed_anew_is_said() {
    // Steps are the preset's.
    let steps = key("3-inputs-steps");
    for (typed, leave, says) in
        [("30", "enter", true), ("30", "esc", true), ("", "enter", false), ("", "esc", false)]
    {
        let mut stage = wide();
        crate::tui::panes::params::update::select(&mut stage.model, &steps);
        stage.press("enter");
        stage.type_text(typed);
        stage.press(leave);
        assert_eq!(stage.model.draft.origin(&steps).is_said(), says, "{typed} {leave}");
        assert_eq!((stage.model.draft.setting(&steps), stage.model.draft.changes()), (Some(value(30)), 0));
    }
    let mut stage = wide();
    let text = key("6-inputs-text");
    let before = stage.model.draft.shown(&text).expect("a text").to_owned();
    stage.press("enter");
    stage.type_text(" ");
    stage.press("backspace esc");
    assert!(stage.model.draft.origin(&text).is_said());
    assert_eq!(stage.model.draft.shown(&text), Some(before.as_str()));
    stage.press("x");
    assert_eq!(stage.model.draft.origin(&text), Origin::Workflow);
}

#[test]
fn a_row_of_two_texts_sets_both_in_one_step() {
    let workflow = r#"{
        "6": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_g": "a cat", "text_l": "a cat", "clip": ["4", 1]}},
        "3": {"class_type": "KSampler", "inputs": {"seed": 7, "positive": ["6", 0], "negative": ["7", 0]}}}"#;
    let mut params =
        crate::domain::param::parameters(&crate::domain::Workflow::parse(workflow).expect("JSON"));
    crate::domain::param::arrange(&mut params);
    let mut stage = wide();
    stage.model.draft = crate::domain::Draft::new(params, Default::default());
    stage.model.params.pinned.clear();
    stage.press("1 g enter ctrl+a");
    stage.type_text("a dog");
    stage.press("esc");
    let texts = |stage: &Stage| {
        ["6-inputs-text_g", "6-inputs-text_l"].map(|name| stage.model.draft.setting(&key(name)))
    };
    assert_eq!(texts(&stage), [Some(value("a dog")), Some(value("a dog"))]);
    assert!(stage.screen().contains("prompt ×2"), "{}", stage.screen());
    stage.press("u");
    assert_eq!(texts(&stage), [Some(value("a cat")), Some(value("a cat"))]);
    // With all shown, each is its own.
    stage.press("a g enter ctrl+a");
    stage.type_text("a heron");
    stage.press("esc a");
    assert_eq!(texts(&stage), [Some(value("a heron")), Some(value("a cat"))]);
    assert!(stage.screen().contains("prompt text_l"), "{}", stage.screen());
}
