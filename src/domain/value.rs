//! Parses what people type into values, checked against the parameter's kind. Numbers keep their exact digits.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::inputs::is_placeholder;
use super::lora;
use super::param::{ParamKind, Parameter};
use super::scalar::{boolean, compare, is_whole, number, short};
use super::workflow::is_link;

/// Key of the object in which ComfyUI wraps a list that could be mistaken for a link.
const WRAPPED: &str = "__value__";

/// Parses a text typed for a parameter, and checks the parameter's range.
///
/// # Errors
/// One sentence with what is expected.
pub fn parse(parameter: &Parameter, text: &str) -> Result<Value, String> {
    let value = read(parameter, text)?;
    out_of_range(parameter, &value).map_or(Ok(value), Err)
}

/// Parses a text as a parameter's value, without checking its range.
///
/// Numbers keep their exact text: `6` stays `6`, `6.0` stays `6.0`.
///
/// # Errors
/// One sentence with what is expected.
pub fn read(parameter: &Parameter, text: &str) -> Result<Value, String> {
    Ok(match &parameter.kind {
        ParamKind::Text if is_unknown(parameter) => unknown(text),
        ParamKind::LongText | ParamKind::Text | ParamKind::File(_) => Value::from(text),
        ParamKind::Integer | ParamKind::Seed => Value::Number(whole(text)?),
        ParamKind::Float => Value::Number(number(text)?),
        ParamKind::Boolean => Value::Bool(boolean(text)?),
        ParamKind::Choice => choice(parameter, text),
        ParamKind::Several => several(parameter, text)?,
        ParamKind::Lora if !text.trim_start().starts_with('{') => lora::parse(&parameter.default, text)?,
        ParamKind::Json | ParamKind::Lora => json(parameter, text)?,
        ParamKind::Link => {
            return Err("this input is wired to another node and has no value of its own".to_owned());
        }
    })
}

/// Why a number is outside its parameter's range; `None` when it is inside or the range is unknown.
pub fn out_of_range(parameter: &Parameter, value: &Value) -> Option<String> {
    let number = value.as_number()?;
    let beyond = |limit: &&Number, side| compare(number, limit) == Some(side);
    if let Some(min) = parameter.range.min.as_ref().filter(|min| beyond(min, Ordering::Less)) {
        return Some(format!("{number} is less than the smallest value, {min}"));
    }
    if let Some(max) = parameter.range.max.as_ref().filter(|max| beyond(max, Ordering::Greater)) {
        return Some(format!("{number} is more than the largest value, {max}"));
    }
    // An unknown node may take -1 for a random seed.
    let is_seed = |seed: i128| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&seed);
    let is_bad_seed = parameter.kind == ParamKind::Seed && !number.to_string().parse().is_ok_and(is_seed);
    is_bad_seed.then(|| "a seed is a whole number of 64 bits, up to 18446744073709551615".to_owned())
}

/// A value as text, which [`parse`] reads back: strings without quotes, numbers without float noise, LoRA entries as
/// a line, a wrapped list as a list, anything else as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => short(number),
        Value::Object(_) => match (lora::Entry::read(value), unwrapped(value)) {
            (Some(entry), _) => entry.text(),
            (None, Some(inner)) => inner.to_string(),
            (None, None) => value.to_string(),
        },
        other => other.to_string(),
    }
}

/// The list in `{"__value__": […]}`.
fn unwrapped(value: &Value) -> Option<&Value> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get(WRAPPED)
}

/// The entries of a value that is a list: `{"__value__": […]}`, or a list that is no link.
pub fn list(value: &Value) -> Option<&[Value]> {
    let list = unwrapped(value).unwrap_or(value).as_array()?;
    (!is_link(value)).then_some(list)
}

/// A list as ComfyUI takes it. It would read one that is not wrapped as a link.
pub fn of_list(entries: Vec<Value>) -> Value {
    serde_json::json!({WRAPPED: entries})
}

/// Whether a value is of the parameter's kind.
pub fn fits(parameter: &Parameter, value: &Value) -> bool {
    match &parameter.kind {
        ParamKind::Text if is_unknown(parameter) => {
            !value.is_object() && !value.is_array() && !value.is_null()
        }
        ParamKind::LongText | ParamKind::Text | ParamKind::File(_) => value.is_string(),
        ParamKind::Integer | ParamKind::Seed => value.as_number().is_some_and(is_whole),
        ParamKind::Float => value.is_number(),
        ParamKind::Boolean => value.is_boolean(),
        ParamKind::Choice => !value.is_object() && !value.is_array(),
        ParamKind::Several => list(value).is_some(),
        ParamKind::Lora => value.is_object(),
        ParamKind::Json => true,
        ParamKind::Link => false,
    }
}

/// Whether the workflow's value is a placeholder, so that its kind is unknown.
pub fn is_unfilled(value: &Value) -> bool {
    value.as_str().is_some_and(is_placeholder)
}

/// An object with one field set to a typed text, parsed as the field's own type; the others stay.
///
/// # Errors
/// One sentence, when the value has no such field or the field takes something else.
pub fn with_field(value: &Value, field: &str, text: &str) -> Result<Value, String> {
    let Some(object) = value.as_object() else {
        return Err("it is a single value and has no fields".to_owned());
    };
    let Some(before) = object.get(field) else {
        let names: Vec<&str> = object.keys().map(String::as_str).collect();
        return Err(format!("it has no field `{field}`. It has: {}", names.join(", ")));
    };
    let after = match before {
        Value::String(_) => Value::from(text),
        Value::Bool(_) => Value::Bool(boolean(text)?),
        Value::Number(_) => Value::Number(number(text)?),
        Value::Null => unknown(text),
        Value::Array(_) | Value::Object(_) => {
            serde_json::from_str(text).map_err(|e| format!("this is not JSON: {e}"))?
        }
    };
    let mut object = object.clone();
    object.insert(field.to_owned(), after);
    Ok(Value::Object(object))
}

/// Whether two values are equal, comparing numbers by value at any depth: `6` equals `6.0`.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Whether nothing is known about an input: neither its node nor its value says what it takes.
fn is_unknown(parameter: &Parameter) -> bool {
    let is_built_in = || super::node_facts::is_known(&parameter.class_type, parameter.key.input());
    is_unfilled(&parameter.default) && !is_built_in()
}

/// Parses a text without knowing the type: numbers and booleans are not texts.
fn unknown(text: &str) -> Value {
    match text.trim() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        trimmed => trimmed.parse::<Number>().map_or_else(|_| Value::from(text), Value::Number),
    }
}

fn json(parameter: &Parameter, text: &str) -> Result<Value, String> {
    // Before a server said what an input takes, the texts in its list do.
    let is_of_texts = |list: &Value| list.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    if !text.trim_start().starts_with(['[', '{']) && unwrapped(&parameter.default).is_some_and(is_of_texts) {
        return several(parameter, text);
    }
    let value: Value = serde_json::from_str(text).map_err(|e| format!("this is not JSON: {e}"))?;
    let is_wrapped = unwrapped(&parameter.default).is_some() && unwrapped(&value).is_none();
    Ok(if is_wrapped { serde_json::json!({WRAPPED: value}) } else { value })
}

/// A JSON list, or choices with commas between them.
fn several(parameter: &Parameter, text: &str) -> Result<Value, String> {
    let text = text.trim();
    if text.starts_with(['[', '{']) {
        let value: Value = serde_json::from_str(text).map_err(|e| format!("this is not JSON: {e}"))?;
        let entries = unwrapped(&value).unwrap_or(&value).as_array();
        return entries.map(|entries| of_list(entries.clone())).ok_or_else(|| "expected a list".to_owned());
    }
    // A name may have a comma in it.
    let is_one = parameter.choices.iter().any(|choice| choice.label == text);
    let names = if is_one { vec![text] } else { text.split(',').map(str::trim).collect() };
    let names = names.into_iter().filter(|name| !name.is_empty());
    Ok(of_list(names.map(|name| choice(parameter, name)).collect()))
}

fn whole(text: &str) -> Result<Number, String> {
    let number = number(text)?;
    if is_whole(&number) { Ok(number) } else { Err(format!("`{}` is not a whole number", text.trim())) }
}

/// A choice by its label or value; an unlisted one may still exist on the server.
fn choice(parameter: &Parameter, text: &str) -> Value {
    let known =
        parameter.choices.iter().find(|choice| choice.label == text || self::text(&choice.value) == text);
    match (known, &parameter.default) {
        (Some(choice), _) => choice.value.clone(),
        (None, Value::Number(_)) => number(text).map_or_else(|_| Value::from(text), Value::Number),
        (None, _) => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::param::Choice;

    fn parameter(kind: ParamKind) -> Parameter {
        let workflow = crate::domain::Workflow::parse(r#"{"3": {"class_type": "K", "inputs": {"x": 1}}}"#)
            .expect("a workflow");
        Parameter { kind, ..crate::domain::param::parameters(&workflow).remove(0) }
    }

    #[test]
    fn numbers_keep_their_text() {
        let table = [
            (ParamKind::Float, "6", "6"),
            (ParamKind::Float, "6.0", "6.0"),
            (ParamKind::Float, " .5 ", "0.5"),
            (ParamKind::Integer, "-3", "-3"),
            (ParamKind::Seed, "18446744073709551615", "18446744073709551615"),
            (ParamKind::Seed, "-1", "-1"),
        ];
        for (kind, typed, kept) in table {
            assert_eq!(parse(&parameter(kind), typed).map(|v| v.to_string()), Ok(kept.to_owned()));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_in_a_sentence() {
        let table = [
            (ParamKind::Float, "abc", "`abc` is not a number"),
            (ParamKind::Integer, "1.5", "`1.5` is not a whole number"),
            (
                ParamKind::Seed,
                "18446744073709551616",
                "a seed is a whole number of 64 bits, up to 18446744073709551615",
            ),
            (ParamKind::Boolean, "maybe", "expected true or false"),
        ];
        for (kind, typed, why) in table {
            assert_eq!(parse(&parameter(kind), typed), Err(why.to_owned()));
        }
        let mut bounded = parameter(ParamKind::Integer);
        bounded.range.max = Some(150.into());
        assert_eq!(parse(&bounded, "151"), Err("151 is more than the largest value, 150".to_owned()));
    }

    #[test]
    fn a_choice_goes_by_label_or_value_and_may_be_unlisted() {
        let mut choices = parameter(ParamKind::Choice);
        choices.default = Value::from("euler");
        choices.choices = [Choice { label: "Large".to_owned(), value: Value::from(1024) }].into();
        assert_eq!(parse(&choices, "Large"), Ok(Value::from(1024)));
        assert_eq!(parse(&choices, "1024"), Ok(Value::from(1024)));
        assert_eq!(parse(&choices, "res_4s"), Ok(Value::from("res_4s")));
    }

    #[test]
    fn a_wrapped_list_is_shown_and_kept_as_what_it_is() {
        let wrapped = serde_json::json!({"__value__": [1, 2]});
        let list = Parameter { default: wrapped.clone(), ..parameter(ParamKind::Json) };
        assert_eq!(text(&wrapped), "[1,2]");
        assert_eq!(parse(&list, "[1, 3]"), Ok(serde_json::json!({"__value__": [1, 3]})));
        assert_eq!(parse(&list, r#"{"__value__": []}"#), Ok(serde_json::json!({"__value__": []})));
        assert!(parse(&list, "1, 3").is_err());
        let names = Parameter { default: serde_json::json!({"__value__": ["oil"]}), ..list };
        assert_eq!(parse(&names, "ink, wax"), Ok(serde_json::json!({"__value__": ["ink", "wax"]})));
    }

    #[test]
    fn several_choices_are_a_list_however_they_are_written() {
        let choice = |name: &str| Choice { label: name.to_owned(), value: name.into() };
        let tags = Parameter {
            choices: ["oil", "ink", "oil, on wood"].map(choice).into(),
            ..parameter(ParamKind::Several)
        };
        for (typed, entries) in [
            ("oil, ink", serde_json::json!(["oil", "ink"])),
            ("oil, on wood", serde_json::json!(["oil, on wood"])),
            (r#"["ink", "oil, on wood"]"#, serde_json::json!(["ink", "oil, on wood"])),
            (r#"{"__value__": ["ink"]}"#, serde_json::json!(["ink"])),
            ("", serde_json::json!([])),
            ("wax", serde_json::json!(["wax"])),
        ] {
            let value = parse(&tags, typed).expect(typed);
            assert_eq!(value, serde_json::json!({"__value__": entries}), "{typed}");
            assert!(fits(&tags, &value));
            assert_eq!(parse(&tags, &text(&value)), Ok(value), "{typed}");
        }
        assert!(parse(&tags, "[oil").is_err() && parse(&tags, r#"{"oil": 1}"#).is_err());
        // This is a link.
        assert!(!fits(&tags, &serde_json::json!(["3", 0])));
    }

    #[test]
    fn a_field_is_set_and_the_others_stay() {
        let object = serde_json::json!({"on": true, "lora": "a", "strength": 1, "second": null});
        let with = |field, text| with_field(&object, field, text).map(|value| value[field].to_string());
        assert_eq!(with("strength", "0.50"), Ok("0.50".to_owned()));
        assert_eq!(with("on", "off"), Ok("false".to_owned()));
        assert_eq!(with("lora", "7"), Ok("\"7\"".to_owned()));
        assert_eq!(with("second", "7"), Ok("7".to_owned()));
        assert_eq!(
            with("off", "1"),
            Err("it has no field `off`. It has: on, lora, strength, second".to_owned())
        );
        assert!(with("strength", "much").is_err() && with_field(&1.into(), "on", "1").is_err());
    }

    #[test]
    fn what_fills_a_placeholder_is_of_the_kind_it_is_typed_as() {
        let place = Parameter { default: "{{X}}".into(), ..parameter(ParamKind::Text) };
        for (typed, value) in [("20", "20"), ("0.50", "0.50"), ("true", "true"), ("a cat", "\"a cat\"")] {
            assert_eq!(parse(&place, typed).map(|v| v.to_string()), Ok(value.to_owned()));
        }
        assert_eq!(parse(&parameter(ParamKind::Text), "20"), Ok("20".into()));
    }
}
