//! Reads node classes from their JSON. A server's nodes are written by hundreds of authors, so every field may be
//! missing or of another type: such an input is then one that takes only links.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::{Branch, Choice, Growing, Input, NodeClass, Output, Takes};
use crate::domain::media::FileKind;
use crate::domain::scalar::Range;
use crate::domain::value;

/// Longest help text kept, in characters.
const MOST_TEXT: usize = 2_000;
/// Most names that an input may grow to.
const MOST_NAMES: u64 = 1_000;
/// Most levels of inputs that bring inputs.
const MOST_DEPTH: usize = 8;

/// Reads classes. Equal lists of choices are kept once: many loaders have the same thousands of files.
#[derive(Debug, Default)]
pub(super) struct Reader {
    lists: Vec<Arc<[Choice]>>,
}

impl Reader {
    /// A class from its JSON; `None` when that is something else.
    pub(super) fn class(&mut self, name: &str, json: &str) -> Option<NodeClass> {
        let json: Value = serde_json::from_str(json).ok()?;
        let input = json.get("input")?.as_object()?;
        Some(NodeClass {
            name: name.to_owned(),
            title: Some(text(&json, "display_name"))
                .filter(|title| !title.is_empty())
                .unwrap_or_else(|| clean(name)),
            category: text(&json, "category"),
            description: text(&json, "description"),
            inputs: self.inputs(input, json.get("input_order"), 0),
            outputs: outputs(&json),
            is_output: is_set(&json, "output_node"),
            is_paid: is_set(&json, "api_node"),
        })
    }

    /// The inputs of the sections `required` and `optional`, in the server's order.
    fn inputs(
        &mut self,
        sections: &Map<String, Value>,
        order: Option<&Value>,
        depth: usize,
    ) -> IndexMap<String, Input> {
        let mut inputs = IndexMap::new();
        for (section, is_required) in [("required", true), ("optional", false)] {
            let Some(specs) = sections.get(section).and_then(Value::as_object) else { continue };
            let order = order.and_then(|order| order.get(section)).and_then(Value::as_array);
            let first = order.into_iter().flatten().filter_map(|name| specs.get_key_value(name.as_str()?));
            for (name, spec) in first.chain(specs) {
                if !inputs.contains_key(name) {
                    inputs.insert(name.clone(), self.input(name, spec, is_required, depth));
                }
            }
        }
        inputs
    }

    /// An input from `[TYPE]` or `[TYPE, OPTIONS]`.
    fn input(&mut self, name: &str, spec: &Value, is_required: bool, depth: usize) -> Input {
        let nothing = Map::new();
        let options = spec.get(1).and_then(Value::as_object).unwrap_or(&nothing);
        let is_set = |name: &str| options.get(name).and_then(Value::as_bool).unwrap_or(false);
        let kinds: Vec<String> = match spec.get(0) {
            Some(Value::String(kinds)) => kinds.split(',').map(|kind| clean(kind.trim())).collect(),
            Some(Value::Array(_)) => vec!["COMBO".to_owned()],
            _ => Vec::new(),
        };
        // An input of several types has a field of one of them, if any.
        let widget = options.get("widgetType").and_then(Value::as_str);
        let takes = match (spec.get(0), widget) {
            (Some(Value::Array(list)), _) => self.choice(list, options),
            (_, Some(widget)) => self.takes(widget, options, depth),
            _ if kinds.len() > 1 && kinds.iter().any(|kind| kind == "FLOAT") => Takes::Float(range(options)),
            _ => kinds
                .iter()
                .map(|kind| self.takes(kind, options, depth))
                .find(|takes| *takes != Takes::Link)
                .unwrap_or(Takes::Link),
        };
        let is_field =
            !matches!(takes, Takes::Link | Takes::Growing(_)) && (kinds.len() == 1 || widget.is_some());
        let control = options.get("control_after_generate");
        Input {
            has_widget: is_field && !is_set("forceInput"),
            has_control: match control {
                Some(control) => control.as_bool().unwrap_or(control.is_string()),
                None => matches!(takes, Takes::Integer(_)) && ["seed", "noise_seed"].contains(&name),
            },
            takes,
            kinds,
            is_required,
            default: options.get("default").filter(|default| !default.is_null()).cloned(),
            label: options
                .get("display_name")
                .and_then(Value::as_str)
                .map(clean)
                .filter(|label| !label.is_empty() && label != name),
            tooltip: options.get("tooltip").and_then(Value::as_str).map(clean).unwrap_or_default(),
            is_advanced: is_set("advanced"),
        }
    }

    fn takes(&mut self, kind: &str, options: &Map<String, Value>, depth: usize) -> Takes {
        let is_set = |name: &str| options.get(name).and_then(Value::as_bool).unwrap_or(false);
        match kind {
            "INT" => Takes::Integer(range(options)),
            "FLOAT" => Takes::Float(range(options)),
            "STRING" => Takes::Text { multiline: is_set("multiline") },
            "BOOLEAN" => Takes::Boolean(words(options)),
            "COMBO" => match options.get("options").and_then(Value::as_array) {
                Some(list) => self.choice(list, options),
                // The list is at another address, and only ComfyUI's editor knows how to read it.
                None => Takes::Text { multiline: false },
            },
            "COMFY_DYNAMICCOMBO_V3" if depth < MOST_DEPTH => {
                let list = options.get("options").and_then(Value::as_array);
                let branches = list.into_iter().flatten().filter_map(|option| self.branch(option, depth));
                Takes::Branches(branches.collect())
            }
            "COMFY_AUTOGROW_V3" if depth < MOST_DEPTH => self.growing(options, depth).unwrap_or(Takes::Link),
            _ => Takes::Link,
        }
    }

    fn branch(&mut self, option: &Value, depth: usize) -> Option<Branch> {
        let key = option.get("key")?.as_str()?.to_owned();
        let inputs = option.get("inputs").and_then(Value::as_object);
        Some(Branch {
            key,
            inputs: inputs.map(|inputs| self.inputs(inputs, None, depth + 1)).unwrap_or_default(),
        })
    }

    fn growing(&mut self, options: &Map<String, Value>, depth: usize) -> Option<Takes> {
        let template = options.get("template")?;
        let inputs = self.inputs(template.get("input")?.as_object()?, None, depth + 1);
        let input = inputs.into_values().next()?;
        let names = match (template.get("names").and_then(Value::as_array), template.get("prefix")) {
            (Some(names), _) => {
                names.iter().filter_map(Value::as_str).take(MOST_NAMES as usize).map(str::to_owned).collect()
            }
            (None, prefix) => {
                let prefix = prefix?.as_str()?;
                let most = template.get("max").and_then(Value::as_u64).unwrap_or(MOST_NAMES).min(MOST_NAMES);
                (0..most).map(|at| format!("{prefix}{at}")).collect()
            }
        };
        Some(Takes::Growing(Box::new(Growing { input, names })))
    }

    fn choice(&mut self, list: &[Value], options: &Map<String, Value>) -> Takes {
        let is_set = |name: &str| options.get(name).and_then(Value::as_bool).unwrap_or(false);
        let choices = self.kept(list.iter().filter_map(choice).collect());
        let kind = [
            ("image_upload", FileKind::Image),
            ("video_upload", FileKind::Video),
            ("audio_upload", FileKind::Audio),
        ];
        if let Some((_, kind)) = kind.into_iter().find(|(option, _)| is_set(option)) {
            return Takes::File(kind, choices);
        }
        if options.get("multi_select").is_some_and(|options| !options.is_null()) || is_set("multiselect") {
            return Takes::Several(choices);
        }
        Takes::Choice(choices)
    }

    /// The list, shared with an equal one.
    fn kept(&mut self, list: Vec<Choice>) -> Arc<[Choice]> {
        if let Some(known) = self.lists.iter().find(|known| known[..] == list[..]) {
            return Arc::clone(known);
        }
        let list: Arc<[Choice]> = list.into();
        self.lists.push(Arc::clone(&list));
        list
    }
}

/// A text, number or boolean.
fn choice(value: &Value) -> Option<Choice> {
    let is_plain = value.is_string() || value.is_number() || value.is_boolean();
    is_plain.then(|| Choice { label: clean(&value::text(value)), value: value.clone() })
}

fn range(options: &Map<String, Value>) -> Range {
    let number = |name: &str| options.get(name).and_then(Value::as_number).cloned();
    Range { min: number("min"), max: number("max"), step: number("step"), round: number("round") }
}

/// The words for true and false.
fn words(options: &Map<String, Value>) -> Option<[String; 2]> {
    let word =
        |name: &str| options.get(name).and_then(Value::as_str).map(clean).filter(|word| !word.is_empty());
    Some([word("label_on")?, word("label_off")?])
}

fn outputs(json: &Value) -> Vec<Output> {
    let list = |name: &str| json.get(name).and_then(Value::as_array);
    let kinds = list("output").into_iter().flatten().map(|kind| match kind {
        Value::String(kind) => clean(kind),
        Value::Array(_) => "COMBO".to_owned(),
        _ => "*".to_owned(),
    });
    let name = |at: usize| list("output_name")?.get(at)?.as_str().map(clean);
    kinds
        .enumerate()
        .map(|(at, kind)| Output { name: name(at).unwrap_or_else(|| kind.clone()), kind })
        .collect()
}

fn is_set(json: &Value, name: &str) -> bool {
    json.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn text(json: &Value, name: &str) -> String {
    json.get(name).and_then(Value::as_str).map(clean).unwrap_or_default()
}

/// A text for people, without control characters.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST_TEXT)
        .collect::<String>()
        .trim()
        .to_owned()
}
