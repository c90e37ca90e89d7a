//! The values of a node's fields: which of the values that were saved belongs to which field.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::graph::{Node, Values};
use super::stock::{self, Field};
use crate::domain::schema::{Input, NodeClass, Takes};

/// What the name of a value ends with that says how the field before it changes after a run.
const CONTROL: &str = "control_after_generate";
/// How a seed changes after a run, which the editor saves behind it.
const CONTROLS: [&str; 5] = ["fixed", "increment", "decrement", "randomize", "increment-wrap"];

/// Why the values of a node have no names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unnamed {
    /// Number of values.
    pub count: usize,
}

/// Reads the values of a node. `class` is what the server says of it.
pub(super) fn read(node: &Node, class: Option<&NodeClass>) -> Result<Values, Unnamed> {
    let stock = stock::lookup(&node.class);
    if let Value::Object(named) = &node.values {
        let mut found = of_object(named, class);
        if stock.is_some() {
            found.unchecked = 0;
        }
        return Ok(found);
    }
    let none = Vec::new();
    let values = node.values.as_array().unwrap_or(&none);
    if node.class == POWER_LORA {
        return Ok(of_power_lora(values));
    }
    if let Some(class) = class {
        return Ok(of_class(node, values, class));
    }
    if let Some((_, fields)) = stock {
        return Ok(of_fields(&fields, values).0);
    }
    if let Some(named) = &node.named {
        return Ok(of_object(named, None));
    }
    of_slots(node, values)
}

/// The fields of a class, when something is known of it. `values` are those of its fields: the value of one may bring
/// others.
pub(super) fn fields(class: &str, known: Option<&NodeClass>, values: &[Value]) -> Option<Vec<Field>> {
    known
        .map(|known| fields_of_class(known, values))
        .or_else(|| stock::lookup(class).map(|(_, fields)| fields))
}

/// Values that were saved by name.
fn of_object(named: &Map<String, Value>, class: Option<&NodeClass>) -> Values {
    let is_field = |name: &str| match class {
        Some(class) => class.inputs.get(name).is_some_and(|input| input.takes != Takes::Link),
        // Players save what they show.
        None => !matches!(name, "videopreview" | "audiopreview" | "imagepreview" | "preview"),
    };
    let mut found = Values::default();
    for (name, value) in named.iter().filter(|(_, value)| !value.is_null()) {
        if let Some(word) = control(value).filter(|_| name.ends_with(CONTROL) && value.is_string()) {
            // It stands behind what it changes.
            found.controls.extend(found.named.keys().last().map(|changed| (changed.clone(), word)));
        } else if is_field(name) {
            found.named.insert(name.clone(), value.clone());
        }
    }
    found.unchecked = if class.is_none() { found.named.len() } else { 0 };
    found
}

/// Values by what the server says of the node.
fn of_class(node: &Node, values: &[Value], class: &NodeClass) -> Values {
    let unforced = without_forced(values, class);
    let values = unforced.as_deref().unwrap_or(values);
    let fields = fields_of_class(class, values);
    let (mut found, used) = of_fields(&fields, values);
    // Fields that the node makes for itself, as its slots name them.
    if used < values.len() {
        let own = node.inputs.iter().filter_map(|slot| slot.widget.as_ref());
        let own: Vec<&String> = own
            .filter(|name| !found.named.contains_key(*name) && !class.inputs.contains_key(*name))
            .collect();
        if own.len() == values.len() - used {
            found.unchecked += own.len();
            found.named.extend(own.into_iter().cloned().zip(values[used..].iter().cloned()));
        }
    }
    found
}

/// The fields of a class in the order of the editor.
fn fields_of_class(class: &NodeClass, values: &[Value]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = 0;
    let mut buttons = 0;
    let mut was_required = true;
    for (name, input) in &class.inputs {
        // The editor puts buttons behind the required fields.
        if was_required && !input.is_required {
            fields.extend(std::iter::repeat_n(Field::Unsent, std::mem::take(&mut buttons)));
            was_required = false;
        }
        add(name, input, values, &mut at, &mut fields);
        if let Takes::File(kind, _) = &input.takes {
            buttons += if *kind == crate::domain::media::FileKind::Audio { 2 } else { 1 };
        }
    }
    fields.extend(std::iter::repeat_n(Field::Unsent, buttons));
    fields
}

/// Adds the fields of an input, with those that its value brings. `at` is the position of its value.
fn add(name: &str, input: &Input, values: &[Value], at: &mut usize, fields: &mut Vec<Field>) {
    if !input.has_widget {
        return;
    }
    let value = values.get(*at);
    *at += 1 + usize::from(input.has_control && values.get(*at + 1).is_some_and(is_control));
    fields.push(Field::Named {
        name: name.to_owned(),
        has_control: input.has_control,
        default: Some(default(input)).filter(|default| !default.is_null()),
    });
    if let Takes::Branches(branches) = &input.takes {
        let chosen = value.and_then(Value::as_str);
        let branch = branches.iter().find(|branch| Some(branch.key.as_str()) == chosen).or(branches.first());
        for (own, input) in branch.into_iter().flat_map(|branch| &branch.inputs) {
            add(&format!("{name}.{own}"), input, values, at, fields);
        }
    }
}

/// The value that the editor begins with; null when there is none.
fn default(input: &Input) -> Value {
    let first =
        |choices: &[crate::domain::schema::Choice]| choices.first().map(|choice| choice.value.clone());
    let usual = match &input.takes {
        Takes::Choice(choices) | Takes::File(_, choices) => first(choices),
        Takes::Text { .. } => Some(Value::from("")),
        Takes::Boolean(_) => Some(Value::from(false)),
        Takes::Integer(range) | Takes::Float(range) => {
            Some(range.min.clone().map_or_else(|| Value::from(0), Value::Number))
        }
        Takes::Branches(branches) => branches.first().map(|branch| Value::from(branch.key.clone())),
        Takes::Several(_) => Some(Value::Array(Vec::new())),
        Takes::Link | Takes::Growing(_) => None,
    };
    input.default.clone().or(usual).unwrap_or_default()
}

/// The values without those of inputs that have lost their fields: earlier editors saved one for each.
fn without_forced(values: &[Value], class: &NodeClass) -> Option<Vec<Value>> {
    let mut is_forced = Vec::new();
    for input in class.inputs.values().filter(|input| !matches!(input.takes, Takes::Link | Takes::Growing(_)))
    {
        is_forced.push(!input.has_widget);
        if input.has_control {
            is_forced.push(false);
        }
    }
    let is_old = is_forced.contains(&true) && is_forced.len() == values.len();
    is_old.then(|| {
        values.iter().zip(is_forced).filter(|(_, forced)| !forced).map(|(value, _)| value.clone()).collect()
    })
}

/// Values in the order of fields. Also gives how many were used.
pub(super) fn of_fields(fields: &[Field], values: &[Value]) -> (Values, usize) {
    let mut found = Values::default();
    let mut at = 0;
    for field in fields {
        // A field that was never set is saved as null.
        let value = values.get(at).filter(|value| !value.is_null());
        at += 1;
        let Field::Named { name, has_control, default } = field else { continue };
        match value.or(default.as_ref()) {
            Some(value) => drop(found.named.insert(name.clone(), value.clone())),
            None => found.missing.push(name.clone()),
        }
        if let Some(control) = values.get(at).filter(|value| *has_control && is_control(value)) {
            found.controls.extend(self::control(control).map(|word| (name.clone(), word)));
            at += 1;
        }
    }
    (found, at.min(values.len()))
}

/// Values by the names of the node's own slots: newer editors save a slot for each field. Only when they come out even.
fn of_slots(node: &Node, values: &[Value]) -> Result<Values, Unnamed> {
    let names: Vec<&String> = node.inputs.iter().filter_map(|slot| slot.widget.as_ref()).collect();
    let mut found = Values::default();
    let mut at = 0;
    for (number, name) in names.iter().enumerate() {
        let Some(value) = values.get(at) else { return Err(Unnamed { count: values.len() }) };
        found.named.insert((*name).clone(), value.clone());
        at += 1;
        let fields_left = names.len() - number - 1;
        let is_extra = |value: &Value| value.is_string() && (control(value).is_some() || is_button(value));
        if values.len() - at > fields_left
            && let Some(extra) = values.get(at).filter(|value| is_extra(value))
        {
            found.controls.extend(control(extra).map(|word| ((*name).clone(), word)));
            at += 1;
        }
    }
    if values[at..].iter().all(|rest| is_button(rest) || rest.is_null()) {
        found.unchecked = found.named.len();
        return Ok(found);
    }
    Err(Unnamed { count: values.len() })
}

/// How a seed changes, if a value says that. Very old editors saved whether it is random.
pub(super) fn control(value: &Value) -> Option<&'static str> {
    match value {
        Value::Bool(true) => Some("randomize"),
        Value::Bool(false) => Some("fixed"),
        value => CONTROLS.into_iter().find(|word| value.as_str() == Some(*word)),
    }
}

/// Whether a value stands where the editor saves how a seed changes; null when it never had a word.
fn is_control(value: &Value) -> bool {
    value.is_null() || control(value).is_some()
}

/// Whether a value is that of an upload button.
fn is_button(value: &Value) -> bool {
    matches!(value.as_str(), Some("image" | "video" | "audio" | "upload"))
}

/// A node whose rows are as many as a person adds.
const POWER_LORA: &str = "Power Lora Loader (rgthree)";

fn of_power_lora(values: &[Value]) -> Values {
    let mut named = IndexMap::new();
    let rows = values.iter().filter(|value| value.is_object());
    for value in rows {
        match value.get("type").and_then(Value::as_str) {
            Some(header) => drop(named.insert(header.to_owned(), value.clone())),
            None if value.get("lora").is_some() => {
                let number = named.keys().filter(|name: &&String| name.starts_with("lora_")).count() + 1;
                named.insert(format!("lora_{number}"), value.clone());
            }
            None => {}
        }
    }
    named.insert("➕ Add Lora".to_owned(), Value::from(""));
    Values { named, ..Values::default() }
}
