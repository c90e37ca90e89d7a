//! Changing values in a preset's text and nothing else: comments, order and style stay.

use indexmap::IndexMap;
use serde_json::{Number, Value};
use toml::de::DeTable;
use toml_edit::{DocumentMut, Item, Table, TableLike};

use super::{Preset, too_large};
use crate::domain::diagnostic::line_of;
use crate::domain::tables::entries;
use crate::domain::{ParamKey, SeedPolicy};

/// What to change in a preset's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Fields of the preset itself, such as `title`; `None` takes the field out.
    pub fields: IndexMap<&'static str, Option<String>>,
    /// Values, for `[params]`. Null takes the key out: there is nothing to send.
    pub params: IndexMap<ParamKey, Value>,
    /// Paths as they are to be written, for `[files]`.
    pub files: IndexMap<ParamKey, String>,
    /// For `[seeds]`.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
}

/// Why a text cannot be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text is not TOML.
    #[error("{}the file is not TOML ({why}). Mend it, then save again", .line.map_or_else(String::new, |line| format!("line {line}: ")))]
    Broken {
        /// Line, from 1.
        line: Option<usize>,
        why: String,
    },
    /// A section is there and is no table.
    #[error("`{0}` in the file is no table. Mend it, then save again")]
    NoTable(&'static str),
}

/// The text with the changes made. A value that is already there stays as it is written.
///
/// # Errors
/// When the text is not TOML, or a section is not a table.
pub fn edit(text: &str, changes: &Changes) -> Result<String, EditError> {
    let standing_in = StandIns::new(text, changes);
    let mut document: DocumentMut = standing_in.text.parse().map_err(|e: toml_edit::TomlError| {
        let line = e.span().map(|span| line_of(&standing_in.text, span.start));
        EditError::Broken { line, why: e.message().to_owned() }
    })?;
    let (before, _) = Preset::parse(text, "");
    for (name, value) in &changes.fields {
        match value {
            Some(value) => put(document.as_table_mut(), name, string(value)),
            None => drop(document.remove(name)),
        }
    }
    for (key, value) in &changes.params {
        remove(&mut document, "files", key.as_str());
        if value.is_null() {
            remove(&mut document, "params", key.as_str());
        } else if before.params.get(key.as_str()).map(|there| &there.value) != Some(value) {
            put(section(&mut document, "params")?, key.as_str(), toml_value(value));
        }
    }
    for (key, path) in &changes.files {
        remove(&mut document, "params", key.as_str());
        if before.files.get(key.as_str()).map(|there| &there.value) != Some(path) {
            put(section(&mut document, "files")?, key.as_str(), string(path));
        }
    }
    for (key, policy) in &changes.seeds {
        if before.seeds.get(key.as_str()).map(|there| there.value.as_str()) != Some(policy.word()) {
            put(section(&mut document, "seeds")?, key.as_str(), string(policy.word()));
        }
    }
    Ok(standing_in.put_back(document.to_string()))
}

/// A table of the document, made at its end when it is not there.
fn section<'d>(
    document: &'d mut DocumentMut,
    name: &'static str,
) -> Result<&'d mut dyn TableLike, EditError> {
    if !document.contains_key(name) {
        let mut table = Table::new();
        if !document.is_empty() {
            table.decor_mut().set_prefix("\n");
        }
        document.insert(name, Item::Table(table));
    }
    document.get_mut(name).and_then(Item::as_table_like_mut).ok_or(EditError::NoTable(name))
}

fn remove(document: &mut DocumentMut, section: &str, key: &str) {
    if let Some(table) = document.get_mut(section).and_then(Item::as_table_like_mut) {
        table.remove(key);
    }
}

/// Puts a value, with the spaces and the comment that stood around the old one.
fn put(table: &mut dyn TableLike, key: &str, mut value: toml_edit::Value) {
    match table.get_mut(key) {
        Some(Item::Value(there)) => {
            *value.decor_mut() = there.decor().clone();
            *there = value;
        }
        Some(other) => *other = Item::Value(value),
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

fn toml_value(value: &Value) -> toml_edit::Value {
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
        // As JSON, for inside a list nothing tells a number in quotes from a text.
        Value::Null | Value::Array(_) | Value::Object(_) => string(&value.to_string()),
    }
}

/// Whether TOML can hold a value as it is: it has no null, and numbers only so large.
fn is_toml(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Number(number) => bare(number).is_some(),
        Value::Array(items) => items.iter().all(is_toml),
        Value::Object(pairs) => pairs.values().all(is_toml),
        Value::Bool(_) | Value::String(_) => true,
    }
}

/// A number with its own digits; in quotes when TOML has none so large.
fn number_value(number: &Number) -> toml_edit::Value {
    bare(number).unwrap_or_else(|| string(&number.to_string()))
}

fn bare(number: &Number) -> Option<toml_edit::Value> {
    number.to_string().parse().ok()
}

/// A text; one of several lines stands between triple quotes and reads as it is.
fn string(text: &str) -> toml_edit::Value {
    let plain = || toml_edit::Value::from(text);
    if !text.contains('\n') {
        return plain();
    }
    let mut quoted = String::from("\"\"\"\n");
    let mut quotes_in_a_row = 0;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '"' {
            // The third quote in a row, or one before the closing quotes, would end the text.
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

/// A text in which texts in quotes stand for the numbers that are too large for TOML: toml_edit refuses
/// these, and they are to stay as they are written.
struct StandIns<'t> {
    text: String,
    /// What stands for a number, and the number.
    numbers: Vec<(String, &'t str)>,
}

impl<'t> StandIns<'t> {
    fn new(text: &'t str, changes: &Changes) -> Self {
        let (table, _) = DeTable::parse_recoverable(text);
        let mut places = Vec::new();
        for (_, _, value) in entries(table.get_ref()) {
            too_large(value, &mut places);
        }
        // Nothing else may look like one of them, before the change or after it.
        let given = format!("{changes:?}");
        let mut mark = String::from("@");
        while text.contains(&mark) || given.contains(&mark) {
            mark.push('@');
        }
        let mut standing_in = Self { text: text.to_owned(), numbers: Vec::new() };
        // From the end, so that the places before stay where they are.
        places.sort_by_key(|place| std::cmp::Reverse(place.start));
        for (index, place) in places.into_iter().enumerate() {
            let name = format!("\"{mark}{index}{mark}\"");
            standing_in.text.replace_range(place.clone(), &name);
            standing_in.numbers.push((name, &text[place]));
        }
        standing_in
    }

    fn put_back(&self, mut text: String) -> String {
        for (name, number) in &self.numbers {
            text = text.replace(name, number);
        }
        text
    }
}
