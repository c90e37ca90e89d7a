//! Presets: a TOML text that names a workflow and sets some of its parameters.
//!
//! [`Preset::parse`] reads one file, [`settle`] applies a chain of them to a workflow's parameters, and [`edit`]
//! changes values in a text and nothing else. What cannot be used is reported with its line and stays in the text, so
//! that saving the preset loses nothing.

mod edit;
mod literal;
mod settle;
mod sketch;

use std::ops::Range;

use indexmap::IndexMap;
use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics, line_of};
use super::tables::{self, Fields, describe, entries};

pub use edit::{Changes, EditError, edit};
pub use settle::settle;
pub use sketch::sketch;

/// What stands in `[expand]` for all texts that it does not name.
const EVERY_TEXT: &str = "*";

/// A value with its line number, from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed<T> {
    pub value: T,
    pub line: usize,
}

/// One parsed preset file, not yet matched with a workflow: keys are as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Preset {
    /// Name in lists; empty until it is saved under one.
    pub name: String,
    /// The file's path, for messages.
    pub file: String,
    /// The workflow's path, as written.
    pub workflow: Option<String>,
    /// The path of a server's `object_info`, as written.
    pub schema: Option<String>,
    /// Title for lists; may be empty.
    pub title: String,
    /// A sentence or two; may be empty.
    pub description: String,
    pub profile: Option<String>,
    /// Name of the parent preset.
    pub extends: Option<Placed<String>>,
    pub params: IndexMap<String, Placed<Value>>,
    /// Key → path, as written.
    pub files: IndexMap<String, Placed<String>>,
    pub aliases: IndexMap<String, Placed<String>>,
    /// Keys or aliases of parameters kept at the top.
    pub pins: Option<Vec<Placed<String>>>,
    /// Key → name of the policy.
    pub seeds: IndexMap<String, Placed<String>>,
    /// Whether choices and wildcards in texts are expanded, for keys not in `expand_keys`.
    pub expand: Option<bool>,
    /// Key → whether its text is expanded.
    pub expand_keys: IndexMap<String, Placed<bool>>,
}

impl Preset {
    /// Parses a preset; `file` is its name in messages.
    pub fn parse(text: &str, file: &str) -> (Self, Vec<Diagnostic>) {
        let mut found = Diagnostics::new(file, text);
        let table = tables::parse(text, &mut found);
        let mut fields = Fields::new(&table, "");
        let mut preset = Self { file: file.to_owned(), ..Self::default() };
        preset.workflow = fields.text("workflow", &mut found);
        preset.schema = fields.text("schema", &mut found);
        preset.title = fields.text("title", &mut found).unwrap_or_default();
        preset.description = fields.text("description", &mut found).unwrap_or_default();
        preset.profile = fields.text("profile", &mut found);
        let extends = fields.text("extends", &mut found);
        let line = |name: &str| table.get(name).map_or(1, |value| line_of(text, value.span().start));
        preset.extends = extends.map(|value| Placed { value, line: line("extends") });
        if let Some(params) = fields.table("params", &mut found) {
            preset.params = read_params(params, text, &mut found);
        }
        let mut texts = |name, wanted| match fields.table(name, &mut found) {
            Some(table) => read_texts(table, name, wanted, text, &mut found),
            None => IndexMap::new(),
        };
        preset.files = texts("files", "a path in quotes");
        preset.aliases = texts("aliases", "a parameter key in quotes");
        preset.seeds = texts("seeds", "\"fixed\", \"randomize\", \"increment\" or \"decrement\"");
        preset.pins = read_pins(&mut fields, text, &mut found);
        preset.read_expand(&mut fields, text, &mut found);
        fields.finish(&mut found);
        (preset, found.finish())
    }
}

impl Preset {
    /// Reads `expand = false`, or a table `[expand]` by key, in which `"*"` means all others.
    fn read_expand(&mut self, fields: &mut Fields<'_, '_>, text: &str, found: &mut Diagnostics<'_>) {
        const WANTED: &str = "true or false, or a table with these by key";
        let Some((value, place)) = fields.any("expand") else { return };
        match value {
            DeValue::Boolean(all) => self.expand = Some(*all),
            DeValue::Table(table) => {
                for (key, place, value) in entries(table) {
                    let line = line_of(text, place.start);
                    match value.get_ref().as_bool() {
                        Some(all) if key == EVERY_TEXT => self.expand = Some(all),
                        Some(value) => drop(self.expand_keys.insert(key.to_owned(), Placed { value, line })),
                        None => {
                            let what = describe(value.get_ref());
                            found.at(
                                value.span(),
                                key,
                                format!("`{key}` in [expand] should be true or false, not {what}"),
                            );
                        }
                    }
                }
            }
            other => {
                found.at(place, "expand", format!("`expand` should be {WANTED}, not {}", describe(other)))
            }
        }
    }
}

/// Reads `pins = ["prompt", "3-inputs-cfg"]`.
fn read_pins(
    fields: &mut Fields<'_, '_>,
    text: &str,
    found: &mut Diagnostics<'_>,
) -> Option<Vec<Placed<String>>> {
    let (value, place) = fields.any("pins")?;
    let DeValue::Array(items) = value else {
        let message =
            format!("`pins` should be a list of keys or aliases in quotes, not {}", describe(value));
        found.at(place, "pins", message);
        return None;
    };
    let mut pins = Vec::new();
    for item in items.iter() {
        match item.get_ref().as_str() {
            Some(key) => {
                pins.push(Placed { value: key.to_owned(), line: line_of(text, item.span().start) });
            }
            None => {
                let what = describe(item.get_ref());
                found.at(item.span(), "pins", format!("`pins` has keys or aliases in quotes, not {what}"));
            }
        }
    }
    Some(pins)
}

fn read_params(
    table: &DeTable<'_>,
    text: &str,
    found: &mut Diagnostics<'_>,
) -> IndexMap<String, Placed<Value>> {
    let mut params = IndexMap::new();
    for (key, place, value) in entries(table) {
        let line = line_of(text, place.start);
        match to_json(value.get_ref()) {
            Ok(json) => {
                params.insert(key.to_owned(), Placed { value: json, line });
            }
            Err(why) => found.at(value.span(), key, format!("`{key}` {why}")),
        }
        let mut large = Vec::new();
        too_large(value, &mut large);
        for place in large {
            let number = &text[place.clone()];
            let remedy = match value.get_ref() {
                DeValue::Integer(_) | DeValue::Float(_) => format!("it in quotes: \"{number}\""),
                _ => "the whole value as JSON in quotes".to_owned(),
            };
            let message = format!(
                "`{key}`: TOML has no number as large as {number}. It was read anyway; other programs want {remedy}"
            );
            found.remark(place, key, message);
        }
    }
    params
}

fn read_texts(
    table: &DeTable<'_>,
    section: &str,
    wanted: &str,
    text: &str,
    found: &mut Diagnostics<'_>,
) -> IndexMap<String, Placed<String>> {
    let mut texts = IndexMap::new();
    for (key, place, value) in entries(table) {
        match value.get_ref().as_str() {
            Some(value) => {
                let line = line_of(text, place.start);
                texts.insert(key.to_owned(), Placed { value: value.to_owned(), line });
            }
            None => {
                let what = describe(value.get_ref());
                found.at(value.span(), key, format!("`{key}` in [{section}] should be {wanted}, not {what}"));
            }
        }
    }
    texts
}

/// Ranges of numbers too large for TOML: integers beyond signed 64 bits, and floats beyond a double.
fn too_large(value: &Spanned<DeValue<'_>>, found: &mut Vec<Range<usize>>) {
    let is_too_large = match value.get_ref() {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).is_err(),
        DeValue::Float(number) => {
            let digits = number.as_str();
            !digits.contains("inf") && digits.parse::<f64>().is_ok_and(f64::is_infinite)
        }
        DeValue::Table(inner) => return entries(inner).for_each(|(_, _, value)| too_large(value, found)),
        DeValue::Array(items) => return items.iter().for_each(|item| too_large(item, found)),
        _ => false,
    };
    if is_too_large {
        found.push(value.span());
    }
}

/// Converts a TOML value to JSON, with the exact digits of numbers.
fn to_json(value: &DeValue<'_>) -> Result<Value, &'static str> {
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(value) => Value::from(*value),
        DeValue::Integer(number) => Value::Number(integer(number)?),
        DeValue::Float(number) => {
            let text = number.as_str().trim_start_matches('+');
            let number = text.parse::<Number>().map_err(|_| "is not a number in JSON")?;
            Value::Number(number)
        }
        DeValue::Datetime(_) => return Err("is a date, which no parameter takes. Put it in quotes"),
        DeValue::Array(items) => list(items)?,
        DeValue::Table(table) => {
            let pair = |(key, value): (&str, &DeValue<'_>)| Ok((key.to_owned(), to_json(value)?));
            let pairs = entries(table).map(|(key, _, value)| pair((key, value.get_ref())));
            Value::Object(pairs.collect::<Result<_, &'static str>>()?)
        }
    })
}

fn list(items: &DeArray<'_>) -> Result<Value, &'static str> {
    items.iter().map(|item| to_json(item.get_ref())).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn integer(number: &DeInteger<'_>) -> Result<Number, &'static str> {
    const WRONG: &str = "is not a whole number";
    if number.radix() == 10 {
        return number.as_str().trim_start_matches('+').parse().map_err(|_| WRONG);
    }
    let digits = u128::from_str_radix(number.as_str(), number.radix()).map_err(|_| WRONG)?;
    digits.to_string().parse().map_err(|_| WRONG)
}

#[cfg(test)]
mod tests;
