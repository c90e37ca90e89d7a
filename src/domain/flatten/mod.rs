//! Flattening: a workflow as one object of flattened keys, as in the vendor's guide, in the
//! format of Python's `json.dump(…, indent=4)`.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use super::Workflow;

/// The JSON that the vendor's `workflow_parameters_maker.py` writes for this workflow, without a final newline.
///
/// # Errors
/// When a number is too large for a double, which Python prints as `Infinity`: that is not JSON.
pub fn flatten(workflow: &Workflow) -> Result<String, FlattenError> {
    let mut text = String::with_capacity(workflow.text().len());
    print(&Value::Object(entries(workflow)), 0, &mut text)?;
    Ok(text)
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlattenError {
    /// A number beyond the largest double.
    #[error(
        "the number {0} is larger than any float, so it cannot be written. Put a smaller one in the workflow"
    )]
    TooLarge(String),
}

/// Flattened key → value in file order, including links and context keys.
fn entries(workflow: &Workflow) -> Map<String, Value> {
    let mut flat = Map::new();
    for (id, node) in workflow.nodes() {
        flat.insert(format!("_{id}-node-class_type-info"), node.name().into());
        for (input, value) in node.inputs.iter().flatten() {
            flat.insert(format!("{id}-inputs-{input}"), value.clone());
        }
    }
    flat
}

fn print(value: &Value, depth: usize, out: &mut String) -> Result<(), FlattenError> {
    match value {
        Value::Array(items) => {
            list(items, ['[', ']'], depth, out, |item, out| print(item, depth + 1, out))?;
        }
        Value::Object(entries) => {
            list(entries, ['{', '}'], depth, out, |(key, value), out| {
                string(key, out);
                out.push_str(": ");
                print(value, depth + 1, out)
            })?;
        }
        Value::String(text) => string(text, out),
        Value::Number(n) => number(n, out)?,
        Value::Bool(_) | Value::Null => out.push_str(&value.to_string()),
    }
    Ok(())
}

/// Items one per line between brackets; an empty list is just the brackets.
fn list<T>(
    items: impl IntoIterator<Item = T>,
    [open, close]: [char; 2],
    depth: usize,
    out: &mut String,
    mut print: impl FnMut(T, &mut String) -> Result<(), FlattenError>,
) -> Result<(), FlattenError> {
    out.push(open);
    let mut is_empty = true;
    for item in items {
        if !is_empty {
            out.push(',');
        }
        is_empty = false;
        new_line(depth + 1, out);
        print(item, out)?;
    }
    if !is_empty {
        new_line(depth, out);
    }
    out.push(close);
    Ok(())
}

fn new_line(depth: usize, out: &mut String) {
    out.push('\n');
    out.extend(std::iter::repeat_n("    ", depth));
}

fn string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// Integers keep their digits, however many; anything else is formatted as a double by Python's `repr`.
fn number(number: &Number, out: &mut String) -> Result<(), FlattenError> {
    let text = number.to_string();
    match text.as_str() {
        // Python integers have no negative zero.
        "-0" => out.push('0'),
        text if super::param::is_whole(number) => out.push_str(text),
        text => match text.parse::<f64>() {
            Ok(float) if float.is_finite() => out.push_str(&float_repr(float)),
            _ => return Err(FlattenError::TooLarge(text.to_owned())),
        },
    }
    Ok(())
}

/// Python's `repr` of a finite float: the shortest digits that parse to the same value, with an exponent below
/// 1e-4 and from 1e16 on.
fn float_repr(float: f64) -> String {
    let shortest = format!("{float:e}");
    let scientific = nearest_of_length(float, &shortest);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return positional(digits, exponent);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// Of several shortest texts that parse to the same value, the one nearest to the float, and on a tie the even one:
/// Rust picks the upper one.
fn nearest_of_length(float: f64, shortest: &str) -> String {
    let digits = shortest.split_once('e').map_or(shortest, |(digits, _)| digits);
    let places = digits.split_once('.').map_or(0, |(_, places)| places.len());
    let nearest = format!("{float:.places$e}");
    if nearest.parse() == Ok(float) { nearest } else { shortest.to_owned() }
}

/// Positional notation: `1.25` with exponent 3 becomes `1250.0`.
fn positional(digits: &str, exponent: i32) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let digits = digits.replace('.', "");
    let Ok(front) = usize::try_from(exponent) else {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("{sign}0.{zeros}{digits}");
    };
    let digits = format!("{digits:0<width$}", width = front + 2);
    let (front, fraction) = digits.split_at(front + 1);
    format!("{sign}{front}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flat(workflow: &str) -> Result<String, FlattenError> {
        flatten(&Workflow::parse(workflow).expect(workflow))
    }

    /// Workflows with the output of the vendor's own tool.
    #[test]
    fn writes_what_the_vendors_tool_writes() {
        let cases = [
            (include_str!("numbers.json"), include_str!("numbers.expected.json")),
            (include_str!("text.json"), include_str!("text.expected.json")),
            (include_str!("shapes.json"), include_str!("shapes.expected.json")),
        ];
        for (workflow, expected) in cases {
            assert_eq!(flat(workflow).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_python_would_print_as_infinity_is_refused() {
        let error = flat(r#"{"1": {"class_type": "A", "inputs": {"x": 1e400}}}"#).expect_err("too large");
        assert_eq!(error.to_string().split(" is").next(), Some("the number 1e+400"));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            prop::num::f64::NORMAL.prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    /// Compares numbers by value: `1e5` and `100000.0` are the same float.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => {
                a.to_string() == b.to_string() || a.as_f64().map(f64::to_bits) == b.as_f64().map(f64::to_bits)
            }
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
            }
            (a, b) => a == b,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same_and_is_ascii(value in any_value()) {
            let workflow = serde_json::json!({"1": {"class_type": "A", "inputs": {"x": value.clone()}}});
            let text = flat(&workflow.to_string()).expect("flattened");
            prop_assert!(text.is_ascii());
            let read: Value = serde_json::from_str(&text).expect("JSON");
            prop_assert!(same(&read["1-inputs-x"], &value), "{} became {}", value, text);
        }
    }
}
