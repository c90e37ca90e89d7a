//! What the choices and wildcards of a text can become, and whether they are expanded at all.

use crate::domain::ParamKey;
use crate::tui::at_hand;
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::effect::{Effect, Effects, Operation};
use crate::tui::model::Model;
use crate::tui::notice::Tone;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::expansions::Expansions;
use crate::tui::pane::Pane;
use crate::tui::panes::params::piping;

pub const COMMANDS: &[Command] = &[Command {
    places: &[
        at(Scope::Pane(Pane::Parameters), 0),
        at(Scope::Editing, 0).named("expansions-now").keys(&["alt+v"]),
    ],
    keys: &["v", "alt+v"],
    short: "what it becomes",
    long: "Show what the choices and wildcards of this text can become, and say whether they are expanded or sent as written",
    when: can,
    ..Command::new("expansions", |model, _, effects| open(model, effects))
}];

fn can(model: &Model) -> Result<(), Reason> {
    model.is_settled()?;
    match at_hand::parameter(model) {
        None => Err("Nothing is selected"),
        Some(param) if !model.draft.is_prompt(&param.key) => Err("Only prompts have choices and wildcards"),
        Some(_) => Ok(()),
    }
}

fn open(model: &mut Model, effects: &mut Effects) {
    let Some(key) = at_hand::parameter(model).map(|param| param.key.clone()) else { return };
    let text = piping::now(model, &key);
    effects.push(ask(&key, &text));
    let shown = Expansions { key, text, found: None, scroll: 0 };
    model.overlay = Some(Overlay::Expansions(Box::new(shown)));
}

/// Asks for other ones of the same text.
pub(super) fn again(model: &mut Model, shown: Box<Expansions>, effects: &mut Effects) {
    effects.push(ask(&shown.key, &shown.text));
    model.overlay = Some(Overlay::Expansions(shown));
}

fn ask(key: &ParamKey, text: &str) -> Effect {
    Effect::Do(Operation::Expand(key.clone(), text.to_owned()))
}

/// Expands what was sent as written, or the other way round.
pub(super) fn toggle(model: &mut Model, shown: Box<Expansions>) {
    let expands = !model.draft.expands(&shown.key);
    model.draft.set_expands(&shown.key, expands);
    let told = match expands {
        true => "Its choices and wildcards are expanded at each run",
        false => "Its choices and wildcards are sent as they are written",
    };
    model.notify(Tone::Good, told);
    model.overlay = Some(Overlay::Expansions(shown));
}

/// They are made, unless another text was asked about meanwhile.
pub(super) fn arrived(model: &mut Model, key: &ParamKey, text: &str, found: Result<Vec<String>, String>) {
    if let Some(Overlay::Expansions(shown)) = &mut model.overlay
        && shown.key == *key
        && shown.text == text
    {
        shown.found = Some(found);
        shown.scroll = 0;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::Setting;
    use crate::domain::draft::Layer;
    use crate::tui::effect::{Effect, Operation};
    use crate::tui::msg::Msg;
    use crate::tui::stage::{Stage, key};

    const PROMPT: &str = "6-inputs-text";

    fn stage(text: &str) -> Stage {
        let mut stage = Stage::new(120, 40);
        stage.model.draft.set(&key(PROMPT), Setting::Value(json!(text)));
        stage.press("1 g");
        stage
    }

    /// Keys of texts that a run would expand.
    fn expanded(stage: &Stage) -> Vec<String> {
        let sent = stage.model.draft.submission(false).unwrap();
        sent.unexpanded.iter().map(ToString::to_string).collect()
    }

    fn layer(text: &str, literal: bool) -> Layer {
        let settings = [(key(PROMPT), Setting::Value(json!(text)))].into_iter().collect();
        Layer { name: "other".to_owned(), settings, literal, ..Layer::default() }
    }

    #[test]
    fn some_of_what_a_text_can_become_is_shown_before_it_is_run() {
        let mut stage = stage("a {red|blue} cat");
        let asked = Effect::Do(Operation::Expand(key(PROMPT), "a {red|blue} cat".to_owned()));
        assert_eq!(stage.press("v"), std::slice::from_ref(&asked));
        let made = |texts: &[&str]| Msg::Expansions {
            key: key(PROMPT),
            text: "a {red|blue} cat".to_owned(),
            found: Ok(texts.iter().map(|text| (*text).to_owned()).collect()),
        };
        stage.hear(made(&["a red cat", "a blue cat"]));
        assert!(stage.screen().contains("2 of what it can become"), "{}", stage.screen());
        assert_eq!(stage.press("r"), [asked], "others");
        let why = Err("there is no wildcard `__hat__`".to_owned());
        stage.hear(Msg::Expansions { key: key(PROMPT), text: "a {red|blue} cat".to_owned(), found: why });
        assert!(stage.screen().contains("there is no wildcard"), "{}", stage.screen());
    }

    #[test]
    fn a_text_is_sent_as_it_is_written_when_the_person_says_so() {
        let mut stage = stage("a {red|blue} cat");
        assert_eq!(expanded(&stage), [PROMPT]);
        stage.press("v e");
        assert_eq!(expanded(&stage), [""; 0]);
        assert!(stage.screen().contains("sent as it is written"), "{}", stage.screen());
        stage.press("esc");
        assert!(stage.screen().contains("choices sent as written"), "{}", stage.screen());
        stage.press("u");
        assert_eq!(expanded(&stage), [PROMPT], "undo expands them again");
    }

    #[test]
    fn a_preset_laid_over_has_its_text_expanded_as_it_says_itself() {
        for literal in [true, false] {
            let mut stage = stage("as it was");
            stage.model.draft.rebase(Layer { literal: !literal, ..Layer::default() });
            let laid = layer("a {red|blue} cat", literal);
            let keys = stage.model.draft.differing(&laid);
            stage.model.draft.lay(&laid, &keys);
            assert_eq!(expanded(&stage).is_empty(), literal);
            stage.model.draft.set(&key(PROMPT), Setting::Value(json!("a {red|blue} dog")));
            assert_eq!(expanded(&stage).is_empty(), literal, "also once a word is changed");
            stage.press("u u");
            assert_eq!(stage.model.draft.expand_edits().len(), 0, "undone together with the text");
        }
    }

    #[test]
    fn the_same_text_is_offered_where_only_its_expansion_differs() {
        let mut stage = stage("a {red|blue} cat");
        stage.hear(Msg::Layer(Box::new(layer("a {red|blue} cat", true)), Vec::new()));
        assert!(stage.screen().contains("choices sent as written"), "{}", stage.screen());
        stage.press("enter");
        assert_eq!(expanded(&stage), [""; 0]);
    }

    #[test]
    fn what_a_run_sent_is_sent_so_again_whatever_braces_are_in_it() {
        let mut stage = stage("as it was");
        let settings = vec![(key(PROMPT), Setting::Value(json!("a {red|blue} cat")))];
        stage.hear(Msg::Settings { run: 7, settings, told: String::new() });
        assert_eq!(expanded(&stage), [""; 0]);
        let settings = vec![(key(PROMPT), Setting::Value(json!("a red cat")))];
        stage.hear(Msg::Settings { run: 8, settings, told: String::new() });
        assert_eq!(stage.model.draft.expand_edits().len(), 0, "a plain text asks for nothing");
    }
}
