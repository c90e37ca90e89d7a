//! The vendor's form description, `view_comfy.json`: labels, groups, help texts, choices, limits and hidden inputs
//! (see the vendor's guide). Also the two node-title prefixes that can replace it.

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use super::param::{Choice, FileKind, MASK_SUFFIX, ToldBy};
use super::{ParamKey, ParamKind, Parameter, SeedPolicy, Workflow, value};

/// What the web app stores for "random seed": the smallest positive double.
const RANDOM_SEED: f64 = 5e-324;

/// Longest label or help text kept, in characters.
const MOST_TEXT: usize = 2_000;

/// One form of a `view_comfy.json`; the file may have several.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// May be empty.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// The workflow embedded in the form, as JSON text.
    pub workflow: Option<String>,
    fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    key: String,
    group: String,
    advanced: bool,
    hidden: bool,
    json: Value,
}

/// Why a text is not a form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    #[error("this is not JSON ({0})")]
    NotJson(String),
    /// Valid JSON, but not a form.
    #[error("this JSON is not a view_comfy.json: it has no list `workflows` with a form in it")]
    NotAForm,
}

/// Whether a text looks like a `view_comfy.json`.
pub fn is_form(text: &str) -> bool {
    matches!(Workflow::parse(text), Err(super::workflow::WorkflowError::ViewComfyForm))
}

/// Parses a `view_comfy.json` into its forms, at least one.
///
/// # Errors
/// When the text is not a form.
pub fn parse(text: &str) -> Result<Vec<Form>, FormError> {
    let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|e| FormError::NotJson(e.to_string()))?;
    let workflows = value.get("workflows").and_then(Value::as_array);
    let forms: Vec<Form> = workflows.into_iter().flatten().filter_map(form).collect();
    if forms.is_empty() { Err(FormError::NotAForm) } else { Ok(forms) }
}

/// The form that fits a workflow best: the one with the most keys in common. `None` when no form has any.
pub fn fitting<'f>(forms: &'f [Form], params: &[Parameter]) -> Option<&'f Form> {
    let common = |form: &Form| {
        form.fields.iter().filter(|field| params.iter().any(|p| p.key.as_str() == field.key)).count()
    };
    let best = forms.iter().rev().max_by_key(|form| common(form))?;
    (common(best) > 0).then_some(best)
}

/// Parameters arranged by a form.
#[derive(Debug, Default)]
pub struct Shaped {
    /// The form's fields first and in its order, the others hidden.
    pub params: Vec<Parameter>,
    /// Values of the form that differ from the workflow's.
    pub values: IndexMap<ParamKey, Value>,
    /// Seeds that the form wants random.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    /// Messages about fields that do not fit.
    pub found: Vec<Diagnostic>,
}

/// Arranges parameters by a form. `text` is the form file's content, `file` its name in messages.
pub fn shape(form: &Form, params: Vec<Parameter>, text: &str, file: &str) -> Shaped {
    let mut found = Diagnostics::new(file, text);
    let (mut values, mut seeds) = (IndexMap::new(), IndexMap::new());
    // A form knows only what is in the file.
    let (params, others): (Vec<_>, Vec<_>) = params.into_iter().partition(|p| p.presence.is_in_file());
    let mut rest: IndexMap<String, Parameter> =
        params.into_iter().map(|p| (p.key.as_str().to_owned(), p)).collect();
    let mut shaped = Vec::with_capacity(rest.len());
    for field in &form.fields {
        let Some(mut parameter) = rest.shift_remove(&field.key) else {
            let known = shaped.iter().map(|p: &Parameter| p.key.as_str());
            if !known.clone().any(|key| key == field.key) {
                let near = did_you_mean(&field.key, rest.keys().map(String::as_str));
                let why =
                    format!("the form's field `{}` is not a parameter of the workflow{near}", field.key);
                report(&mut found, text, &field.key, why);
            }
            continue;
        };
        if parameter.kind == ParamKind::Link {
            rest.insert(field.key.clone(), parameter);
            continue;
        }
        if let Err(why) = apply(field, &mut parameter) {
            report(&mut found, text, &field.key, why);
        }
        let given = field.json.get("value").unwrap_or(&Value::Null);
        if given.as_f64() == Some(RANDOM_SEED) {
            seeds.insert(parameter.key.clone(), SeedPolicy::Randomize);
        } else if let Some(value) = given_value(&parameter, given) {
            values.insert(parameter.key.clone(), value);
        }
        let mask = rest.shift_remove(&format!("{}{MASK_SUFFIX}", field.key)).map(|mask| Parameter {
            group: parameter.group.clone(),
            label: format!("{} mask", parameter.label),
            advanced: parameter.advanced || word(&field.json, "valueType") != "image-mask",
            hidden: parameter.hidden,
            is_of_form: parameter.is_of_form,
            ..mask
        });
        shaped.push(parameter);
        shaped.extend(mask);
    }
    shaped.extend(rest.into_values().map(|parameter| Parameter { hidden: true, ..parameter }));
    shaped.extend(others);
    // Of an unknown node, only the form says that it is a seed.
    if !shaped.iter().any(|p| p.decides)
        && let Some(seed) = shaped.iter_mut().find(|p| p.kind == ParamKind::Seed && p.role.is_none())
    {
        seed.decides = true;
    }
    Shaped { params: shaped, values, seeds, found: found.finish() }
}

/// The form's value for a parameter, if it differs from the workflow's. Empty fields and files do not count.
fn given_value(parameter: &Parameter, given: &Value) -> Option<Value> {
    let value = match (&parameter.kind, given) {
        (
            ParamKind::File(_) | ParamKind::Link | ParamKind::Lora | ParamKind::Several | ParamKind::Json,
            _,
        ) => return None,
        (_, Value::Null) => return None,
        (_, Value::String(text)) if text.is_empty() || value::is_unfilled(given) => return None,
        // The web app also stores numbers in quotes.
        (_, Value::String(text)) => value::read(parameter, text).ok()?,
        (_, given) => given.clone(),
    };
    (value::fits(parameter, &value) && !value::same(&value, &parameter.default)).then_some(value)
}

/// Without a form: node titles with the prefix `VC_BASIC` or `VC_ADV` say what is shown first. If there are
/// any, the other nodes' prompts and files come first and their other inputs last, as in the web app.
/// Returns whether there are any.
pub fn shape_by_titles(params: &mut [Parameter]) -> bool {
    let mark = |p: &Parameter| {
        let group = p.group.as_str();
        let basic = group.strip_prefix("VC_BASIC").map(|rest| (false, rest));
        let marked = basic.or_else(|| group.strip_prefix("VC_ADV").map(|rest| (true, rest)));
        marked.map(|(advanced, rest)| (advanced, rest.trim_start_matches(['_', '-', ':', ' ']).to_owned()))
    };
    if !params.iter().any(|p| mark(p).is_some()) {
        return false;
    }
    for parameter in params {
        match mark(parameter) {
            Some((advanced, rest)) => {
                parameter.advanced |= advanced;
                parameter.group = if rest.is_empty() { parameter.class_type.clone() } else { rest };
            }
            None => parameter.advanced |= !matches!(parameter.kind, ParamKind::LongText | ParamKind::File(_)),
        }
    }
    true
}

fn form(entry: &Value) -> Option<Form> {
    let json = entry.get("viewComfyJSON")?;
    let mut fields = Vec::new();
    for (list, advanced) in [("inputs", false), ("advancedInputs", true)] {
        for group in json.get(list).and_then(Value::as_array).into_iter().flatten() {
            for input in group.get("inputs").and_then(Value::as_array).into_iter().flatten() {
                fields.extend(field(group, input, advanced));
            }
        }
    }
    let workflow = entry.get("workflowApiJSON").filter(|workflow| workflow.is_object());
    Some(Form {
        title: word(json, "title"),
        description: word(json, "description"),
        workflow: workflow.map(Value::to_string),
        fields,
    })
}

fn field(group: &Value, input: &Value, advanced: bool) -> Option<Field> {
    let key = input.get("key").and_then(Value::as_str).map(str::to_owned);
    let path = || {
        let path = input.get("workflowPath")?.as_array()?;
        let words: Option<Vec<&str>> = path.iter().map(Value::as_str).collect();
        Some(words?.join("-"))
    };
    let is_hidden = |of: &Value| matches!(word(of, "visibility").as_str(), "hidden" | "deleted");
    Some(Field {
        key: key.filter(|key| ParamKey::parse(key).is_some()).or_else(path)?,
        group: word(group, "title"),
        advanced,
        hidden: is_hidden(group) || is_hidden(input),
        json: input.clone(),
    })
}

/// Copies a field's description to its parameter.
fn apply(field: &Field, parameter: &mut Parameter) -> Result<(), String> {
    let json = &field.json;
    let put = |text: String, place: &mut String| {
        if !text.is_empty() {
            *place = text;
        }
    };
    put(own_label(&word(json, "title"), &field.group), &mut parameter.label);
    put(field.group.clone(), &mut parameter.group);
    put(word(json, "tooltip"), &mut parameter.help);
    put(word(json, "helpText"), &mut parameter.help);
    parameter.is_of_form = !field.group.is_empty();
    parameter.advanced = field.advanced;
    parameter.hidden = field.hidden;
    parameter.required = json.pointer("/validations/required").and_then(Value::as_bool).unwrap_or(false);
    for limits in ["slider", "range"].into_iter().filter_map(|name| json.get(name)) {
        let limit = |name: &str| limits.get(name).and_then(number);
        let range = &mut parameter.range;
        range.min = limit("min").or(range.min.take());
        range.max = limit("max").or(range.max.take());
        range.step = limit("step").or(range.step.take());
    }
    let before = parameter.kind.clone();
    let kind = kind(&word(json, "valueType"), &before);
    let kind = kind.ok_or_else(|| {
        let unknown = word(json, "valueType");
        format!("`{}`: the form's type `{unknown}` is unknown; the type is taken from its value", field.key)
    })?;
    if kind == ParamKind::Choice {
        let options = json.get("options").and_then(Value::as_array);
        let options: Vec<Choice> = options.into_iter().flatten().filter_map(choice).collect();
        if !options.is_empty() {
            parameter.choices = options.into();
            parameter.told_by = ToldBy::Form;
        }
    }
    parameter.kind = kind;
    if !value::fits(parameter, &parameter.default) && !value::is_unfilled(&parameter.default) {
        parameter.kind = before;
        let kind = word(json, "valueType");
        return Err(format!("`{}`: the workflow's value is not of the form's type `{kind}`", field.key));
    }
    Ok(())
}

/// Removes the group title from the beginning of a label, since the title is shown above it: `KSampler - seed`
/// becomes `seed`, and a label equal to the title becomes empty.
fn own_label(label: &str, group: &str) -> String {
    let is_parting = |c: char| c.is_whitespace() || "-–—:·/_".contains(c);
    match label.strip_prefix(group) {
        Some(rest) if !group.is_empty() && (rest.is_empty() || rest.starts_with(is_parting)) => {
            rest.trim_start_matches(is_parting).to_owned()
        }
        _ => label.to_owned(),
    }
}

/// The parameter kind for a form's type; `before` is the kind found from the workflow.
fn kind(value_type: &str, before: &ParamKind) -> Option<ParamKind> {
    Some(match value_type {
        "string" => ParamKind::Text,
        "long-text" => ParamKind::LongText,
        "float" => ParamKind::Float,
        "bigint" => ParamKind::Integer,
        "number" | "slider" | "" => before.clone(),
        "boolean" => ParamKind::Boolean,
        "select" => ParamKind::Choice,
        "seed" | "noise_seed" | "rand_seed" => ParamKind::Seed,
        "image" | "image-mask" => match before {
            ParamKind::File(FileKind::Mask) => before.clone(),
            _ => ParamKind::File(FileKind::Image),
        },
        "video" => ParamKind::File(FileKind::Video),
        "audio" => ParamKind::File(FileKind::Audio),
        _ => return None,
    })
}

fn choice(option: &Value) -> Option<Choice> {
    let value = option.get("value").unwrap_or(option);
    if value.is_object() || value.is_array() || value.is_null() {
        return None;
    }
    let label = word(option, "label");
    Some(Choice { label: if label.is_empty() { value::text(value) } else { label }, value: value.clone() })
}

/// A number, or a string with a number.
fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A string of the form without control characters; empty when missing.
fn word(json: &Value, name: &str) -> String {
    let text = json.get(name).and_then(Value::as_str).unwrap_or("");
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_TEXT).collect()
}

/// Adds a message at the line of the key in the file.
fn report(found: &mut Diagnostics<'_>, text: &str, key: &str, message: String) {
    match text.find(&format!("\"{key}\"")) {
        Some(place) => found.at(place..place, key, message),
        None => found.whole(message),
    }
}

#[cfg(test)]
mod tests;
