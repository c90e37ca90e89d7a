//! Gives a text to a command of the person, as `!` does in an editor, and shows what came back word by word before it is
//! taken.

use crate::domain::compare::{Words, words};
use crate::domain::{ParamKey, ParamKind, Setting, value};
use crate::tui::at_hand;
use crate::tui::command::Reason;
use crate::tui::effect::{Effect, Effects, ScreenEffect};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::{Choosing, Confirm, Confirmed, Overlay, PickerItem};
use crate::tui::panes::params::update as params;

/// Commands of `[pipes]`, and the one that is at work.
#[derive(Debug, Default)]
pub struct Pipes {
    /// Their names.
    pub names: Vec<String>,
    at_work: Option<AtWork>,
    /// Number of the last one that was started.
    last: u64,
}

#[derive(Debug)]
struct AtWork {
    number: u64,
    key: ParamKey,
    name: String,
    /// What came back while something else was open.
    ready: Option<String>,
}

pub fn can(model: &Model) -> Result<(), Reason> {
    model.is_settled()?;
    match at_hand::parameter(model).map(|param| &param.kind) {
        Some(ParamKind::LongText | ParamKind::Text) => Ok(()),
        Some(_) => Err("Only a text can be piped through a command"),
        None => Err("Nothing is selected"),
    }
}

/// Pipes the text; a command that is at work is stopped, one that is ready shown.
pub fn open(model: &mut Model, effects: &mut Effects) {
    if let Some(at_work) = model.params.pipes.at_work.take() {
        return match at_work.ready {
            Some(text) => show(model, at_work.key, &at_work.name, text),
            None => {
                effects.push(Effect::Screen(ScreenEffect::StopPipe));
                model.notify(Tone::Plain, format!("{} was stopped", at_work.name));
            }
        };
    }
    let Some(key) = at_hand::parameter(model).map(|param| param.key.clone()) else { return };
    match model.params.pipes.names.as_slice() {
        [] => model.notify(
            Tone::Plain,
            "No command is set up. In config.toml, `enhance = \"COMMAND\"` under [pipes] gives a text to COMMAND",
        ),
        [only] => begin(model, key, &only.clone(), effects),
        names => {
            let item = |name: &String| PickerItem { id: name.clone(), label: name.clone(), ..PickerItem::default() };
            let items = names.iter().map(item).collect();
            model.overlay = Some(Overlay::picker(Choosing::Pipe(key), items));
        }
    }
}

/// Starts a command on the text as it stands.
pub fn begin(model: &mut Model, key: ParamKey, name: &str, effects: &mut Effects) {
    let text = now(model, &key);
    let pipes = &mut model.params.pipes;
    pipes.last += 1;
    let number = pipes.last;
    pipes.at_work = Some(AtWork { number, key, name: name.to_owned(), ready: None });
    effects.push(Effect::Screen(ScreenEffect::Pipe { number, name: name.to_owned(), text }));
    model.notify(Tone::Plain, format!("{name} is at work. The same key stops it"));
}

/// The text as it stands: in the field where it is open, else in the draft.
pub fn now(model: &Model, key: &ParamKey) -> String {
    match &model.params.editing {
        Some(editing) if editing.key == *key => editing.value(),
        _ => match model.draft.setting(key) {
            Some(Setting::Value(set)) => value::text(&set),
            Some(Setting::File(_)) | None => String::new(),
        },
    }
}

/// A command has ended.
pub fn arrived(model: &mut Model, number: u64, outcome: Result<String, String>) {
    let Some(at_work) = model.params.pipes.at_work.take_if(|at_work| at_work.number == number) else {
        return;
    };
    match outcome {
        Err(why) => model.report(Tone::Bad, format!("{}: {why}", at_work.name)),
        Ok(text) if model.overlay.is_none() => show(model, at_work.key, &at_work.name, text),
        Ok(text) => {
            model.report(Tone::Good, format!("{} is ready. Press its key again to see it", at_work.name));
            model.params.pipes.at_work = Some(AtWork { ready: Some(text), ..at_work });
        }
    }
}

/// Asks whether to take it.
fn show(model: &mut Model, key: ParamKey, name: &str, text: String) {
    let before = now(model, &key);
    if before == text {
        return model.notify(Tone::Plain, format!("{name} left the text as it is"));
    }
    let label = model.draft.param(&key).map(|param| model.draft.name(param).to_owned()).unwrap_or_default();
    let pieces = words(&before, &text).into_iter().map(|piece| match piece {
        Words::Same(text) => text,
        Words::Only(text) => format!("[−{text}]"),
        Words::New(text) => format!("[+{text}]"),
        Words::Left(count) => format!("(… {count} words …)"),
    });
    model.overlay = Some(Overlay::Confirm(Confirm {
        question: format!("Take what {name} made of {label}?"),
        consequence: pieces.collect::<Vec<_>>().join(" "),
        yes: "take it",
        then: Confirmed::TakePiped(key, text),
    }));
}

/// It is taken: into the field where it is open, else into the draft.
pub fn taken(model: &mut Model, key: &ParamKey, text: String, effects: &mut Effects) {
    match &mut model.params.editing {
        Some(editing) if editing.key == *key => {
            editing.error = None;
            editing.is_typed = true;
            editing.text.select_all();
            editing.text.insert_str(text);
        }
        _ => {
            model.draft.set(key, Setting::Value(text.into()));
            params::changed(model, key, effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tui::msg::Msg;
    use crate::tui::stage::{Stage, key};

    const PROMPT: &str = "6-inputs-text";

    fn stage(names: &[&str]) -> Stage {
        let mut stage = Stage::new(120, 40);
        stage.model.params.pipes.names = names.iter().map(|name| (*name).to_owned()).collect();
        stage.model.draft.set(&key(PROMPT), Setting::Value(json!("a red cat")));
        stage
    }

    fn pipe(number: u64, name: &str, text: &str) -> Effect {
        let (name, text) = (name.to_owned(), text.to_owned());
        Effect::Screen(ScreenEffect::Pipe { number, name, text })
    }

    fn prompt(stage: &Stage) -> Option<Setting> {
        stage.model.draft.setting(&key(PROMPT))
    }

    #[test]
    fn what_comes_back_is_shown_word_by_word_and_taken_or_not() {
        let mut stage = stage(&["enhance"]);
        assert_eq!(stage.press("alt+p"), [pipe(1, "enhance", "a red cat")]);
        stage.hear(Msg::Piped { number: 1, outcome: Ok("a red cat at dawn".to_owned()) });
        let screen = stage.screen();
        assert!(screen.contains("Take what enhance made of prompt?"), "{screen}");
        assert!(screen.contains("a red cat [+at dawn]"), "{screen}");
        stage.press("n");
        assert_eq!(prompt(&stage), Some(Setting::Value(json!("a red cat"))));
        assert_eq!(stage.press("alt+p"), [pipe(2, "enhance", "a red cat")]);
        stage.hear(Msg::Piped { number: 1, outcome: Ok("late".to_owned()) });
        stage.hear(Msg::Piped { number: 2, outcome: Ok("a blue cat".to_owned()) });
        stage.press("y");
        assert_eq!(prompt(&stage), Some(Setting::Value(json!("a blue cat"))));
        stage.press("u");
        assert_eq!(prompt(&stage), Some(Setting::Value(json!("a red cat"))));
    }

    #[test]
    fn in_an_open_field_it_is_typed_there_and_one_of_several_is_chosen() {
        let mut stage = stage(&["enhance", "translate"]);
        stage.press("enter");
        assert_eq!(stage.press("alt+p"), []);
        assert_eq!(stage.press("down enter"), [pipe(1, "translate", "a red cat")]);
        stage.hear(Msg::Piped { number: 1, outcome: Ok("une chatte rouge".to_owned()) });
        stage.press("y");
        let field = stage.model.params.editing.as_ref().map(|editing| editing.value());
        assert_eq!(field.as_deref(), Some("une chatte rouge"));
    }

    #[test]
    fn the_same_key_stops_it_and_what_went_wrong_is_said() {
        let mut stage = stage(&["enhance"]);
        stage.press("alt+p");
        assert_eq!(stage.press("alt+p"), [Effect::Screen(ScreenEffect::StopPipe)]);
        stage.hear(Msg::Piped { number: 1, outcome: Ok("late".to_owned()) });
        assert!(stage.model.overlay.is_none());
        stage.press("alt+p");
        stage.hear(Msg::Piped { number: 2, outcome: Err("it ended with exit status: 3: no key".to_owned()) });
        assert_eq!(stage.told(), "enhance: it ended with exit status: 3: no key");
        let mut none = super::tests::stage(&[]);
        none.press("alt+p");
        assert!(none.told().starts_with("No command is set up"), "{}", none.told());
    }
}
