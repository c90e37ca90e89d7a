//! Brings back a value that a field had in an earlier run of any workflow.

use crate::domain::field::{self, Recalled};
use crate::domain::{ParamKey, ParamKind, RunId, Setting, value};
use crate::tui::at_hand;
use crate::tui::command::Reason;
use crate::tui::effect::{Effect, Effects, Question};
use crate::tui::model::Model;
use crate::tui::overlay::{Choosing, Overlay, PickerItem};
use crate::tui::panes::params::update as params;
use crate::tui::text;

/// Values that are read at once.
pub const MOST: u32 = 200;

/// Whether there is a field whose values can be brought back.
pub fn can(model: &Model) -> Result<(), Reason> {
    model.is_settled()?;
    match at_hand::parameter(model).map(|param| &param.kind) {
        None => Err("Nothing is selected"),
        Some(ParamKind::File(_)) => {
            Err("The files of earlier runs are in the gallery: F there takes one as the input")
        }
        Some(ParamKind::Link) => Err("This input is wired to another node and has no value of its own"),
        Some(_) => Ok(()),
    }
}

pub fn open(model: &mut Model, effects: &mut Effects) {
    let Some(key) = at_hand::parameter(model).map(|param| param.key.clone()) else { return };
    effects.extend(ask(model, &key, String::new()));
    model.overlay = Some(Overlay::loading(Choosing::Recall(key)));
}

/// Asks for the values with the words that were typed.
pub fn ask(model: &Model, key: &ParamKey, typed: String) -> Option<Effect> {
    let open = model.open.workflow.as_deref()?;
    let field = field::name(&open.workflow, model.draft.param(key)?);
    Some(Effect::Ask(Question::Recall { key: key.clone(), field, typed }))
}

/// Values arrived: they are shown unless something else was typed meanwhile.
pub fn arrived(model: &mut Model, key: &ParamKey, typed: &str, found: &[Recalled]) {
    let items = found.iter().map(|found| item(found, model.now)).collect();
    if let Some(Overlay::Picker(picker)) = &mut model.overlay
        && picker.purpose == Choosing::Recall(key.clone())
        && picker.typed() == typed
    {
        picker.items = items;
        picker.loading = false;
        picker.select_first();
    }
}

/// A value of an earlier run as an item of a list.
pub fn item(found: &Recalled, now: i64) -> PickerItem {
    let star = if found.starred { "★ " } else { "" };
    let times = if found.used > 1 { format!("{}×  ", found.used) } else { String::new() };
    let from = match found.used {
        0 => "typed, never run".to_owned(),
        _ => format!("{star}{times}run {}  {}", found.run, text::age(now - found.at)),
    };
    PickerItem {
        id: found.value.to_string(),
        label: value::text(&found.value).split_whitespace().collect::<Vec<_>>().join(" "),
        note: from,
        run: (found.used > 0).then_some(found.run),
        ..PickerItem::default()
    }
}

/// Takes a value: into the field where it is open, else into the draft.
pub fn taken(model: &mut Model, key: &ParamKey, item: &PickerItem, effects: &mut Effects) {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&item.id) else { return };
    match &mut model.params.editing {
        Some(editing) if editing.key == *key => {
            editing.error = None;
            editing.is_typed = true;
            editing.text.select_all();
            editing.text.insert_str(value::text(&value));
        }
        _ => {
            model.draft.set(key, Setting::Value(value));
            params::changed(model, key, effects);
        }
    }
}

/// The run that had the value is wanted whole.
pub fn run_taken(model: &mut Model, run: RunId, effects: &mut Effects) {
    model.params.editing = None;
    crate::tui::panes::runs::update::load_run(model, run, effects);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tui::effect::Operation;
    use crate::tui::msg::Msg;
    use crate::tui::stage::{Stage, key};

    const PROMPT: &str = "6-inputs-text";

    fn asked(typed: &str) -> Effect {
        let (key, field) = (key(PROMPT), "prompt".to_owned());
        Effect::Ask(Question::Recall { key, field, typed: typed.to_owned() })
    }

    fn recalled(typed: &str, texts: &[&str]) -> Msg {
        let found = texts.iter().zip(1..).map(|(text, run)| Recalled {
            value: json!(text),
            run,
            used: 2,
            at: 0,
            starred: run == 1,
        });
        Msg::Recalled { key: key(PROMPT), typed: typed.to_owned(), found: found.collect() }
    }

    #[test]
    fn a_value_of_an_earlier_run_is_found_by_its_words_and_taken() {
        let mut stage = Stage::new(120, 40);
        assert_eq!(stage.press("alt+r"), [asked("")]);
        stage.hear(recalled("", &["a red\ncat", "a blue dog"]));
        let screen = stage.screen();
        for shown in ["Earlier values", "a red cat", "★ 2×  run 1"] {
            assert!(screen.contains(shown), "{shown} in\n{screen}");
        }
        assert_eq!(stage.type_text("do"), [asked("d"), asked("do")]);
        stage.hear(recalled("d", &["a late answer"]));
        assert!(!stage.screen().contains("a late answer"));
        stage.hear(recalled("do", &["a blue dog"]));
        stage.press("enter");
        assert_eq!(stage.model.draft.setting(&key(PROMPT)), Some(Setting::Value(json!("a blue dog"))));
        stage.press("u");
        assert!(!stage.model.draft.is_edited(), "undo takes it back");
    }

    #[test]
    fn in_an_open_field_the_value_is_typed_there() {
        let mut stage = Stage::new(120, 40);
        stage.press("enter");
        assert_eq!(stage.press("alt+r"), [asked("")]);
        stage.hear(recalled("", &["a red\ncat"]));
        stage.press("enter");
        let field = |stage: &Stage| stage.model.params.editing.as_ref().map(|editing| editing.value());
        assert_eq!(field(&stage).as_deref(), Some("a red\ncat"));
        stage.press("esc");
        assert_eq!(stage.model.draft.setting(&key(PROMPT)), Some(Setting::Value(json!("a red\ncat"))));
    }

    #[test]
    fn another_key_loads_the_whole_run() {
        let mut stage = Stage::new(120, 40);
        stage.press("alt+r");
        stage.hear(recalled("", &["a red cat", "a blue dog"]));
        let effects = stage.press("down ctrl+o");
        assert!(matches!(effects[..], [Effect::Do(Operation::ReadSettings(2, _))]), "{effects:?}");
    }
}
