//! The command palette: any command by its name, and no money by accident.

use super::*;
use crate::tui::command::{Command, Scope, Spends};
use crate::tui::commands;
use crate::tui::effect::{Question, Take};

/// A screen with a run that has ended and one that works, and the focus on a pane.
fn stage(pane: Pane) -> Stage {
    let mut stage = wide();
    let runs: [(i64, &[Status]); 2] = [(2, &[Status::Running]), (1, &[Status::Running, Status::Done])];
    stage.hear(runs_msg(summaries(&runs)));
    stage.model.focus = pane;
    // What the pane asks for when it comes into sight is asked for by now.
    stage.hear(Msg::Tick);
    stage
}

fn is_open(stage: &Stage) -> bool {
    matches!(&stage.model.overlay, Some(Overlay::Picker(picker)) if picker.purpose == Choosing::Command)
}

fn spends(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Do(Operation::Submit(_) | Operation::Repeat(..))))
}

/// Types a text into the palette of a pane and presses Enter.
fn chosen(pane: Pane, typed: &str) -> (Stage, Vec<Effect>) {
    let mut stage = stage(pane);
    stage.press(":");
    stage.type_text(typed);
    let effects = stage.press("enter");
    (stage, effects)
}

#[test]
fn enter_with_nothing_typed_does_nothing() {
    for pane in Pane::EVERY {
        for keys in [":", "ctrl+p", ": up", ": a backspace"] {
            let mut stage = stage(pane);
            stage.press(keys);
            assert!(is_open(&stage), "{pane:?} {keys}");
            assert_eq!(stage.press("enter enter"), []);
            assert!(is_open(&stage), "{pane:?} {keys}");
        }
    }
}

/// The effects of pressing a command's key, and the notice.
fn by_hand(pane: Pane, command: &Command) -> (Vec<Effect>, String) {
    let mut stage = stage(pane);
    let place = command.here(&stage.model).expect("it works here");
    let key = place.keys.unwrap_or(command.keys)[0];
    let effects = stage.press(key);
    (effects, stage.told().to_owned())
}

#[test]
fn every_command_is_done_by_its_own_name() {
    for pane in Pane::EVERY {
        for command in commands::all().filter(|command| command.here(&stage(pane).model).is_some()) {
            let (mut stage, effects) = chosen(pane, command.name);
            if command.name == "palette" {
                continue;
            }
            if command.spends == Spends::AtOnce {
                assert_eq!(effects, [], "{} asks", command.name);
                assert!(spends(&stage.press("y")), "{}", command.name);
                continue;
            }
            assert!(!is_open(&stage), "{} is found by its name in {pane:?}", command.name);
            assert!(!spends(&effects), "{}", command.name);
            let (expected, notice) = by_hand(pane, command);
            assert_eq!((effects, stage.told()), (expected, notice.as_str()), "{} in {pane:?}", command.name);
            stage.draw();
        }
    }
}

#[test]
fn what_begins_a_name_neither_runs_nor_quits_by_accident() {
    let mut stage = stage(Pane::Gallery);
    stage.press(":");
    let names: std::collections::BTreeSet<&str> =
        commands::all().flat_map(|command| [command.name, command.short]).collect();
    for name in names {
        for (end, c) in name.char_indices() {
            stage.type_text(&c.to_string());
            let Some(Overlay::Picker(picker)) = &stage.model.overlay else { panic!() };
            // What Enter would take.
            let taken = picker.selected.and_then(|at| picker.matches().into_iter().nth(at));
            let taken = taken.map(|item| item.id).unwrap_or_default();
            let typed = &name[..end + c.len_utf8()];
            assert!(taken != "run" || typed.trim() == "run", "`{typed}` runs");
            assert!(taken != "quit" || "quit".starts_with(typed), "`{typed}` quits");
        }
        stage.press("ctrl+u");
    }
}

#[test]
fn only_the_whole_name_of_what_spends_selects_it() {
    for (typed, is_selected) in [("r", false), ("ru", false), ("run", true), ("money", false), ("Run", true)]
    {
        let mut stage = stage(Pane::Log);
        stage.press(":");
        stage.type_text(typed);
        let Some(Overlay::Picker(picker)) = &stage.model.overlay else { panic!() };
        let selected = picker.selected.map(|at| picker.matches()[at].id.clone());
        assert_eq!(selected.as_deref() == Some("run"), is_selected, "{typed}: {selected:?}");
    }
}

#[test]
fn what_spends_says_so_and_asks() {
    let (mut stage, effects) = chosen(Pane::Parameters, "run");
    assert_eq!(effects, []);
    let screen = stage.screen();
    assert!(screen.contains("Run with the current parameters?"), "{screen}");
    assert!(screen.contains("This spends money."), "{screen}");
    assert_eq!(stage.press("enter"), []);
    assert_eq!(stage.press("n"), []);
    stage.press(":");
    stage.type_text("run");
    assert!(stage.screen().contains("spends  ^R"), "{}", stage.screen());
    assert!(spends(&stage.press("enter y")));
}

#[test]
fn a_command_of_another_pane_leads_there() {
    let (mut stage, effects) = chosen(Pane::Parameters, "cancel");
    assert_eq!((effects, stage.model.focus), (vec![], Pane::Runs));
    assert_eq!(stage.told(), "`cancel` works here: press c");
    assert_eq!(stage.press("c"), []);
    let (stage, effects) = chosen(Pane::Parameters, "star");
    assert_eq!((effects, stage.model.focus), (vec![], Pane::Runs));
    let (stage, effects) = chosen(Pane::Parameters, "mark");
    assert_eq!(stage.model.focus, Pane::Gallery);
    assert!(matches!(effects[..], [Effect::Ask(Question::Outputs(_)), ..]), "{effects:?}");
    let (stage, _) = chosen(Pane::Runs, "flip");
    assert_eq!(stage.model.focus, Pane::Runs);
    assert!(stage.told().contains("compare"), "{}", stage.told());
}

#[test]
fn every_command_is_listed_with_where_it_works() {
    let mut stage = stage(Pane::Log);
    stage.press(":");
    let Some(Overlay::Picker(picker)) = &stage.model.overlay else { panic!() };
    for command in commands::all().filter(|command| command.name != "palette") {
        let items: Vec<&PickerItem> = picker.items.iter().filter(|item| item.id == command.name).collect();
        assert_eq!(items.len(), 1, "{}", command.name);
        let is_here = command.places.iter().any(|place| {
            matches!(place.scope, Scope::Everywhere | Scope::Panes) || place.scope == Scope::Pane(Pane::Log)
        });
        assert_eq!(items[0].elsewhere.is_none(), is_here, "{}", command.name);
    }
}

#[test]
fn a_sentence_is_searched_by_whole_words() {
    let mut stage = stage(Pane::Parameters);
    stage.press(":");
    stage.type_text("shell");
    let Some(Overlay::Picker(picker)) = &stage.model.overlay else { panic!() };
    assert_eq!(picker.matches()[0].id, "suspend");
    stage.press("backspace");
    let Some(Overlay::Picker(picker)) = &stage.model.overlay else { panic!() };
    assert_eq!(picker.matches(), []);
}

#[test]
fn in_a_field_the_palette_has_what_a_field_can_do() {
    let mut stage = stage(Pane::Parameters);
    stage.press("enter");
    stage.type_text("x");
    stage.press("ctrl+p");
    stage.type_text("undo");
    stage.press("enter");
    let editing = stage.model.params.editing.as_ref().expect("the field is still open");
    assert!(!editing.value().ends_with('x'), "{}", editing.value());
    stage.press("ctrl+p");
    stage.type_text("presets");
    assert_eq!(stage.press("enter"), []);
    assert!(stage.told().contains("Esc leaves it"), "{}", stage.told());
}

#[test]
fn a_whole_word_of_a_name_comes_before_a_word_that_only_begins_so() {
    let words = |name: &str| -> Vec<String> {
        name.split(['-', ' ']).map(str::to_lowercase).filter(|word| !word.is_empty()).collect()
    };
    let listed = commands::all().filter(|command| command.name != "palette");
    let all: Vec<String> =
        listed.flat_map(|command| [words(command.name), words(command.short)].concat()).collect();
    let mut stage = stage(Pane::Parameters);
    stage.press(":");
    for word in &all {
        stage.type_text(word);
        let Some(Overlay::Picker(picker)) = &stage.model.overlay else { panic!() };
        let first = &picker.matches()[0];
        let names = [first.id.as_str(), first.label.as_str()].into_iter().chain(first.names.iter().copied());
        let is_named = names.into_iter().any(|name| words(name).contains(word));
        assert!(is_named, "`{word}` finds {}", first.id);
        stage.press("ctrl+u");
    }
}

#[test]
fn seed_means_a_new_seed() {
    let mut stage = stage(Pane::Parameters);
    let seed = |stage: &Stage| stage.model.draft.setting(&key("3-inputs-seed"));
    let before = seed(&stage);
    stage.press(":");
    stage.type_text("seed");
    stage.press("enter");
    assert_ne!(seed(&stage), before, "{}", stage.told());
}

#[test]
fn a_number_behind_a_command_is_the_run_that_it_is_about() {
    let asked = |take: Take| vec![Effect::Ask(Question::Take(take))];
    for (typed, effects) in [
        ("prompt of run 12", asked(Take::Prompt(12))),
        ("use the prompt of run 12", asked(Take::Prompt(12))),
        ("same seed as run 7", asked(Take::Seeds(7))),
        ("same-seed 7", asked(Take::Seeds(7))),
    ] {
        assert_eq!(chosen(Pane::Log, typed).1, effects, "{typed}");
    }
    let (stage, effects) = chosen(Pane::Gallery, "load run 12");
    assert!(matches!(&effects[..], [Effect::Do(Operation::ReadSettings(12, _))]), "{effects:?}");
    assert_eq!(stage.model.focus, Pane::Gallery, "nobody has to go anywhere for it");
    // What takes no run is none, and without a number it is asked for.
    let (stage, effects) = chosen(Pane::Log, "quit 12");
    assert!(effects.is_empty() && is_open(&stage), "{effects:?}");
    let (stage, _) = chosen(Pane::Log, "prompt of run");
    assert!(matches!(&stage.model.overlay, Some(Overlay::Prompt(_))), "{:?}", stage.model.overlay);
}
