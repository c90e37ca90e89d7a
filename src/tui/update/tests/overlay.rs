//! Presets, lists and lines to type.

use super::*;

#[test]
fn saving_writes_only_what_changed() {
    let mut stage = wide();
    assert_eq!(stage.press("s"), []);
    assert_eq!(stage.told(), "Preset flamingo has no changes to save");
    stage.press("j j right");
    assert_eq!(
        stage.press("s"),
        [Effect::Do(Operation::SavePreset(SavePreset {
            open: stage.model.open.clone(),
            name: "flamingo".to_owned(),
            overwrite: true,
            settings: vec![(key("3-inputs-steps"), value(31))],
            seeds: vec![],
            expand: Vec::new(),
            aliases: vec![],
            pins: None,
            only_difference: false,
        }))]
    );
    // The name is selected: what is typed takes its place, and who moves in it keeps it.
    stage.press("S");
    stage.type_text("two");
    let effects = stage.press("enter");
    assert!(
        matches!(&effects[..], [Effect::Do(Operation::SavePreset(save))] if save.name == "two"),
        "{effects:?}"
    );
    stage.press("S end");
    stage.type_text("-two");
    let effects = stage.press("enter");
    assert!(
        matches!(&effects[..], [Effect::Do(Operation::SavePreset(save))] if save.name == "flamingo-two" && !save.overwrite)
    );
    stage.hear(Msg::NameTaken("flamingo-two".to_owned()));
    let effects = stage.press("y");
    assert!(
        matches!(&effects[..], [Effect::Do(Operation::SavePreset(save))] if save.name == "flamingo-two" && save.overwrite)
    );
}

#[test]
fn presets_load_rename_and_are_deleted_after_a_question() {
    let item = |id: &str, note: &str| PickerItem {
        id: id.to_owned(),
        label: id.to_owned(),
        is_open: note == "open",
        is_built_in: note == "built in",
        extended_by: if id == "flamingo" { vec!["a".into(), "b".into(), "c".into()] } else { Vec::new() },
        ..PickerItem::default()
    };
    let items = || {
        Msg::Items(
            Choosing::Preset,
            vec![item("cat", ""), item("flamingo", "open"), item("given", "built in")],
        )
    };
    let mut stage = wide();
    assert_eq!(stage.press("p"), [Effect::Do(Operation::ListPresets)]);
    stage.hear(items());
    assert_eq!(
        stage.press("up enter"),
        [Effect::Do(Operation::OpenPreset("cat".to_owned(), ProfileChoice::default()))]
    );
    stage.hear(Msg::NotOpened("it is no TOML".to_owned()));
    stage.press("p");
    stage.hear(items());
    assert_eq!(stage.press("delete"), []);
    let screen = stage.screen();
    assert!(screen.contains("a, b and c extend it, and lose its settings."), "{screen}");
    assert_eq!(stage.press("y"), [Effect::Do(Operation::DeletePreset("flamingo".to_owned()))]);
    stage.press("p");
    stage.hear(items());
    stage.press("f2");
    stage.type_text("2");
    let renamed =
        Effect::Do(Operation::RenamePreset { from: "flamingo".to_owned(), to: "flamingo2".to_owned() });
    assert_eq!(stage.press("enter"), [renamed]);
    stage.press("p");
    stage.hear(items());
    stage.press("down delete");
    assert!(stage.told().starts_with("given is built in"));
}

#[test]
fn a_preset_over_edits_is_asked_first() {
    let mut stage = wide();
    stage.press("j j right p");
    stage.hear(Msg::Items(
        Choosing::Preset,
        vec![PickerItem { id: "cat".to_owned(), label: "cat".to_owned(), ..PickerItem::default() }],
    ));
    assert_eq!(stage.press("enter"), []);
    assert_eq!(
        stage.press("y"),
        [Effect::Do(Operation::OpenPreset("cat".to_owned(), ProfileChoice::default()))]
    );
}

#[test]
fn nothing_runs_while_another_preset_is_being_opened() {
    let mut stage = wide();
    stage.press("p");
    let cat = PickerItem { id: "cat".to_owned(), label: "cat".to_owned(), ..PickerItem::default() };
    stage.hear(Msg::Items(Choosing::Preset, vec![cat]));
    assert_eq!(
        stage.press("enter ctrl+r"),
        [Effect::Do(Operation::OpenPreset("cat".to_owned(), ProfileChoice::default()))]
    );
    assert!(stage.told().starts_with("Still opening"));
    stage.press("enter");
    assert!(stage.model.params.editing.is_none());
    stage.hear(Msg::NotOpened("there is no preset `cat`".to_owned()));
    assert!(matches!(stage.press("ctrl+r")[0], Effect::Do(Operation::Submit(_))));
}

#[test]
fn items_for_another_list_are_not_shown() {
    let mut stage = wide();
    stage.press("p esc :");
    stage.hear(Msg::Items(
        Choosing::Preset,
        vec![PickerItem { label: "cat".to_owned(), ..PickerItem::default() }],
    ));
    let Some(Overlay::Picker(picker)) = &stage.model.overlay else { panic!() };
    assert_eq!(picker.purpose, Choosing::Command);
    assert!(picker.items.len() > 10);
}

#[test]
fn a_choice_that_is_not_listed_can_be_typed() {
    let mut stage = wide();
    stage.press("/");
    stage.type_text("sampler_name");
    stage.press("enter enter");
    stage.type_text("euler_a");
    stage.press("end");
    for _ in 0..20 {
        stage.press("down");
    }
    stage.press("enter");
    assert_eq!(stage.model.draft.setting(&key("3-inputs-sampler_name")), Some(value("euler_a")));
}

#[test]
fn leaving_a_search_brings_the_one_before_back() {
    let mut stage = wide();
    stage.press("/");
    stage.type_text("cfg");
    stage.press("enter /");
    stage.type_text("x");
    stage.press("esc");
    assert_eq!(stage.model.params.filter, "cfg");
}

#[test]
fn a_path_is_completed_as_in_a_field() {
    let found = |text: &str, paths: &[&str]| Msg::Completions {
        text: text.to_owned(),
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    let mut stage = wide();
    assert_eq!(stage.press("O"), [Effect::Do(Operation::CompletePath(String::new()))]);
    stage.hear(found("", &["cats/", "clouds.json"]));
    // What both have in common is nothing more than `c`.
    assert_eq!(stage.press("tab"), [Effect::Do(Operation::CompletePath("c".to_owned()))]);
    stage.hear(found("late", &["late.json"]));
    stage.hear(found("c", &["cats/", "clouds.json"]));
    assert_eq!(stage.press("down down up"), []);
    assert!(stage.screen().contains("› cats/"), "{}", stage.screen());
    assert_eq!(stage.press("enter"), [Effect::Do(Operation::CompletePath("cats/".to_owned()))]);
    stage.hear(found("cats/", &["cats/w.json"]));
    stage.press("tab");
    assert_eq!(
        stage.press("enter"),
        [Effect::Do(Operation::OpenWorkflow("cats/w.json".into(), ProfileChoice::default()))]
    );
}

#[test]
fn a_click_in_the_field_of_an_overlay_places_the_caret() {
    use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
    let click = |column, row| {
        let kind = MouseEventKind::Down(MouseButton::Left);
        Msg::Input(Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }))
    };
    // A name, a filter in the bottom line, and one over a list.
    for keys in ["S ctrl+u", "/", ":"] {
        let mut stage = wide();
        stage.press(keys);
        stage.type_text("a lantern");
        let (_, caret) = stage.draw();
        let caret = caret.expect("a caret");
        stage.hear(click(caret.x - 7, caret.y));
        stage.type_text("X");
        let text = stage.model.overlay.as_ref().and_then(Overlay::text).expect("a field").lines().join("");
        assert_eq!(text, "a Xlantern", "{keys}");
        // Elsewhere it stays where it is.
        stage.hear(click(caret.x - 7, caret.y - 1));
        stage.type_text("Y");
        let text = stage.model.overlay.as_ref().and_then(Overlay::text).expect("a field").lines().join("");
        assert_eq!(text, "a XYlantern", "{keys}");
    }
}
