//! Which parameters there are, as things are set: a choice brings others, a list has more rows.

use std::collections::HashMap;

use serde_json::Value;

use super::{Draft, Setting};
use crate::domain::param::Presence;
use crate::domain::{ParamKey, Parameter};

/// Every parameter that settings could bring; empty where all are always there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Possible {
    all: Vec<Parameter>,
    /// Places of each key; several where an input is of another type under another choice.
    places: HashMap<ParamKey, Vec<usize>>,
    /// Places of those that are there.
    there: Vec<usize>,
}

impl Possible {
    pub(super) fn of(params: &[Parameter]) -> Self {
        if params.iter().all(|param| param.presence == Presence::Always) {
            return Self::default();
        }
        let mut places: HashMap<ParamKey, Vec<usize>> = HashMap::new();
        for (at, param) in params.iter().enumerate() {
            places.entry(param.key.clone()).or_default().push(at);
        }
        Self { all: params.to_vec(), places, there: (0..params.len()).collect() }
    }

    /// One of the parameters with this key.
    pub(super) fn param(&self, key: &ParamKey) -> Option<&Parameter> {
        self.places.get(key)?.first().map(|at| &self.all[*at])
    }

    /// The parameter with this key under these choices.
    fn under(&self, key: &ParamKey, choices: &[(ParamKey, String)]) -> Option<&Parameter> {
        let of_key = self.places.get(key)?.iter().map(|at| &self.all[*at]);
        of_key.into_iter().find(|param| match &param.presence {
            Presence::Under { choices: its, .. } => its == choices,
            Presence::Always | Presence::OnceSet => choices.is_empty(),
        })
    }
}

impl Draft {
    /// Every parameter, also those that other settings would bring: the same key may come more than once.
    pub(super) fn all(&self) -> impl Iterator<Item = &Parameter> {
        if self.possible.all.is_empty() { self.params.iter() } else { self.possible.all.iter() }
    }

    /// Whether a choice decides which other parameters there are.
    pub fn brings_others(&self, key: &ParamKey) -> bool {
        self.possible.all.iter().any(|param| match &param.presence {
            Presence::Under { choices, .. } => choices.iter().any(|(choice, _)| choice == key),
            Presence::Always | Presence::OnceSet => false,
        })
    }

    /// Finds out which parameters are there, after settings have changed.
    pub(super) fn settle(&mut self) {
        let all = &self.possible.all;
        if all.is_empty() {
            return;
        }
        let there: Vec<usize> = (0..all.len()).filter(|at| self.is_there(&all[*at])).collect();
        if there != self.possible.there {
            let params = there.iter().map(|at| all[*at].clone()).collect();
            self.possible.there = there;
            self.index(params);
        }
    }

    fn is_there(&self, param: &Parameter) -> bool {
        match &param.presence {
            Presence::Always => true,
            Presence::OnceSet => match self.set_to(&param.key) {
                Some(Setting::Value(value)) => *value != param.default,
                Some(Setting::File(_)) => true,
                None => false,
            },
            Presence::Under { choices, .. } => (0..choices.len()).all(|at| {
                let (key, value) = &choices[at];
                let unset = || self.possible.under(key, &choices[..at]).map(|param| &param.default);
                let now = match self.set_to(key) {
                    Some(Setting::Value(value)) => Some(value),
                    Some(Setting::File(_)) => None,
                    None => unset(),
                };
                now.and_then(Value::as_str) == Some(value)
            }),
        }
    }

    /// What a person or the preset set a parameter to.
    fn set_to(&self, key: &ParamKey) -> Option<&Setting> {
        self.edits.get(key).map(|edit| &edit.setting).or_else(|| self.preset.settings.get(key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::draft::{Layer, Submission};
    use crate::domain::param::parameters_by;
    use crate::domain::schema::Schema;
    use crate::domain::{Origin, Rule, Said, Workflow, shape};

    /// `width` is of another type under each choice, and `codec` brings inputs of its own.
    const NODES: &str = r#"{"Resize": {"input": {"required": {
        "mode": ["COMFY_DYNAMICCOMBO_V3", {"options": [
            {"key": "size", "inputs": {"required": {"width": ["INT", {"default": 512, "min": 16, "max": 4096}], "crop": [["no", "center"]]}}},
            {"key": "by", "inputs": {"required": {"factor": ["FLOAT", {"default": 2.0}]}, "optional": {"width": ["STRING", {}]}}},
            {"key": "like", "inputs": {"required": {"match": ["IMAGE,MASK"]}, "optional": {"mask": ["MASK"]}}},
            {"key": "film", "inputs": {"required": {"codec": ["COMFY_DYNAMICCOMBO_V3", {"options": [
                {"key": "auto"}, {"key": "h264", "inputs": {"required": {"crf": ["INT", {"default": 23}]}}}]}]}}},
            {"key": "plain"}]}],
        "method": [["area", "lanczos"]]}}}}"#;
    const WORKFLOW: &str = r#"{"5": {"class_type": "Resize", "inputs": {"mode": "size", "mode.width": 640,
        "mode.crop": "no", "method": "area", "image": ["4", 0]}}}"#;

    fn draft(workflow: &str) -> Draft {
        let workflow = Workflow::parse(workflow).expect("a workflow");
        Draft::new(parameters_by(&workflow, &Schema::parse(NODES).expect("a schema")), Layer::default())
    }

    fn key(input: &str) -> ParamKey {
        ParamKey::new("5", input)
    }

    fn shown(draft: &Draft) -> Vec<String> {
        let text = |param: &Parameter| match draft.setting(&param.key) {
            Some(Setting::Value(value)) => format!("{} {value}", param.key.input()),
            _ => param.key.input().to_owned(),
        };
        draft.params().iter().filter(|param| param.key.input() != "image").map(text).collect()
    }

    fn set(draft: &mut Draft, input: &str, value: Value) {
        draft.set(&key(input), Setting::Value(value));
    }

    fn sent(draft: &Draft) -> Submission {
        draft.submission(false).expect("something to send")
    }

    /// The inputs of the node as a server with the workflow's graph gets them.
    fn graph(draft: &Draft) -> Value {
        shape::graph(WORKFLOW, &sent(draft).params).expect("a graph")["5"]["inputs"].clone()
    }

    #[test]
    fn inputs_come_and_go_with_the_choice_and_so_does_what_is_sent() {
        let mut draft = draft(WORKFLOW);
        let before = [r#"mode "size""#, "mode.width 640", r#"mode.crop "no""#, r#"method "area""#];
        assert_eq!(shown(&draft), before);
        assert!(sent(&draft).params.is_empty());

        set(&mut draft, "mode", json!("by"));
        assert_eq!(
            shown(&draft),
            [r#"mode "by""#, "mode.factor 2.0", r#"mode.width """#, r#"method "area""#]
        );
        assert_eq!(draft.origin(&key("mode.factor")), Origin::Program { how: Rule::Brought });
        assert_eq!(
            graph(&draft),
            json!({"mode": "by", "mode.factor": 2.0, "mode.width": "", "method": "area", "image": ["4", 0]})
        );

        set(&mut draft, "mode.factor", json!(3.5));
        assert_eq!(graph(&draft)["mode.factor"], json!(3.5));
        assert_eq!(draft.undo(), Some(key("mode.factor")));
        assert_eq!(draft.undo(), Some(key("mode")));
        assert_eq!(shown(&draft), before);
        assert!(sent(&draft).params.is_empty());
        draft.redo();
        draft.redo();
        assert_eq!(graph(&draft)["mode.factor"], json!(3.5));

        // What was typed under a choice is there again with it, and counts for nothing meanwhile.
        set(&mut draft, "mode", json!("plain"));
        assert_eq!(draft.changes(), 1);
        assert_eq!(graph(&draft), json!({"mode": "plain", "method": "area", "image": ["4", 0]}));
        set(&mut draft, "mode", json!("by"));
        assert_eq!(graph(&draft)["mode.factor"], json!(3.5));
    }

    #[test]
    fn a_choice_that_a_choice_brings_brings_inputs_too() {
        let mut draft = draft(WORKFLOW);
        set(&mut draft, "mode", json!("film"));
        assert_eq!(shown(&draft), [r#"mode "film""#, r#"mode.codec "auto""#, r#"method "area""#]);
        set(&mut draft, "mode.codec", json!("h264"));
        assert_eq!(shown(&draft)[1..3], [r#"mode.codec "h264""#, "mode.codec.crf 23"]);
        assert_eq!(
            graph(&draft),
            json!({"mode": "film", "mode.codec": "h264", "mode.codec.crf": 23, "method": "area", "image": ["4", 0]})
        );
    }

    #[test]
    fn settings_of_one_step_may_need_each_other_in_any_order() {
        let settings = [("mode.factor", json!(4)), ("mode", json!("by"))];
        let settings = settings.map(|(input, value)| (key(input), Setting::Value(value)));
        let mut said = draft(WORKFLOW);
        said.say(settings.clone(), Said::Option);
        let layer = Layer { settings: settings.into_iter().collect(), ..Layer::default() };
        let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
        let params = parameters_by(&workflow, &Schema::parse(NODES).expect("a schema"));
        let of_preset = Draft::new(params, layer.clone());
        let mut rebased = draft(WORKFLOW);
        rebased.rebase(layer);
        let mut loaded = draft(WORKFLOW);
        loaded.load(
            sent(&said).params.into_iter().map(|(key, value)| (key, Setting::Value(value))).collect(),
            Said::Import,
        );
        for draft in [&said, &of_preset, &rebased, &loaded] {
            assert_eq!(graph(draft)["mode.factor"], json!(4));
            assert_eq!(draft.resolve("5-inputs-mode.codec.crf"), Some(key("mode.codec.crf")));
        }
    }

    #[test]
    fn a_value_of_another_choices_type_is_sent_under_that_choice_and_doubted_under_others() {
        let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
        let params = || parameters_by(&workflow, &Schema::parse(NODES).expect("a schema"));
        let of_preset = |text: &str| {
            let (preset, _) = crate::domain::preset::Preset::parse(&format!("[params]\n{text}"), "p.toml");
            let (layer, found) = crate::domain::preset::settle(&[preset], &params(), |_, path| path.into());
            assert!(found.is_empty(), "{text}: {found:?}");
            Draft::new(params(), layer)
        };
        let told = |draft: &Draft| {
            let doubts = draft.doubts(&sent(draft), true);
            doubts
                .into_iter()
                .map(|(param, doubt)| format!("{}: {}", param.key.input(), doubt.why))
                .collect::<Vec<_>>()
        };
        let by = of_preset("5-inputs-mode = \"by\"\n\"5-inputs-mode.width\" = \"50%\"");
        assert_eq!((&graph(&by)["mode.width"], told(&by)), (&json!("50%"), vec![]));
        let mut draft = of_preset("\"5-inputs-mode.width\" = \"50%\"");
        assert_eq!(told(&draft), ["mode.width: the server takes a whole number here, not 50%"]);
        set(&mut draft, "mode", json!("by"));
        assert_eq!((&graph(&draft)["mode.width"], told(&draft)), (&json!("50%"), vec![]));
        set(&mut draft, "mode", json!("plain"));
        assert_eq!((graph(&draft).get("mode.width"), told(&draft)), (None, vec![]));
    }

    #[test]
    fn a_choice_that_needs_a_link_is_doubted() {
        let mut draft = draft(WORKFLOW);
        set(&mut draft, "mode", json!("like"));
        assert_eq!(shown(&draft), [r#"mode "like""#, "mode.match null", r#"method "area""#]);
        for sends_workflow in [true, false] {
            let doubts = draft.doubts(&sent(&draft), sends_workflow);
            let told: Vec<&str> = doubts.iter().map(|(param, _)| param.key.input()).collect();
            assert_eq!(told, ["mode.match"]);
        }
        assert!(!sent(&draft).params.contains_key(&key("mode.match")));
        // One that the workflow's own choice has is wired already.
        let wired = r#"{"5": {"class_type": "Resize", "inputs": {"mode": "like", "mode.match": ["4", 0], "method": "area"}}}"#;
        let draft = super::tests::draft(wired);
        assert!(draft.doubts(&sent(&draft), true).is_empty());
    }

    #[test]
    fn without_a_schema_a_workflow_has_what_its_file_has() {
        let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
        let mut draft = Draft::new(crate::domain::param::parameters(&workflow), Layer::default());
        assert_eq!(draft.params().len(), 5);
        // It becomes known late: what is set stays.
        set(&mut draft, "mode", json!("by"));
        draft.describe(parameters_by(&workflow, &Schema::parse(NODES).expect("a schema")));
        assert_eq!(graph(&draft)["mode.factor"], json!(2.0));
        assert!(draft.can_undo());
    }
}
