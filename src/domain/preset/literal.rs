//! Formats values as TOML.

use serde_json::{Number, Value};

pub(super) fn toml_value(value: &Value) -> toml_edit::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number_value(number),
        Value::String(text) => string(text),
        Value::Array(items) if is_toml(value) => {
            toml_edit::Value::Array(items.iter().map(toml_value).collect())
        }
        Value::Object(pairs) if is_toml(value) => {
            let pairs = pairs.iter().map(|(key, value)| (key.as_str(), toml_value(value)));
            toml_edit::Value::InlineTable(pairs.collect())
        }
        // As JSON: within a TOML list a quoted number could not be told from a text.
        Value::Null | Value::Array(_) | Value::Object(_) => string(&value.to_string()),
    }
}

/// Whether TOML can represent a value: it has no null, and numbers only up to a size.
fn is_toml(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Number(number) => bare(number).is_some(),
        Value::Array(items) => items.iter().all(is_toml),
        Value::Object(pairs) => pairs.values().all(is_toml),
        Value::Bool(_) | Value::String(_) => true,
    }
}

/// A number with its exact digits; quoted when it is too large for TOML.
fn number_value(number: &Number) -> toml_edit::Value {
    bare(number).unwrap_or_else(|| string(&number.to_string()))
}

fn bare(number: &Number) -> Option<toml_edit::Value> {
    number.to_string().parse().ok()
}

/// A string; several lines are written between triple quotes.
pub(super) fn string(text: &str) -> toml_edit::Value {
    let plain = || toml_edit::Value::from(text);
    if !text.contains('\n') {
        return plain();
    }
    let mut quoted = String::from("\"\"\"\n");
    let mut quotes_in_a_row = 0;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '"' {
            // The third quote in a row, or one before the closing quotes, would end the string.
            if quotes_in_a_row == 2 || rest.as_str().is_empty() {
                quoted.push('\\');
                quotes_in_a_row = 0;
            } else {
                quotes_in_a_row += 1;
            }
            quoted.push(c);
            continue;
        }
        quotes_in_a_row = 0;
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\n' | '\t' => quoted.push(c),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push_str("\"\"\"");
    quoted.parse().unwrap_or_else(|_| plain())
}
