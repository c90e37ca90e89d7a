//! Lenient, partial reading of servers' JSON: single fields and elements, with common faults repaired.
//!
//! Values stay text ([`RawValue`]) until they are needed: a hostile or huge document takes no more memory than its
//! own bytes, and numbers keep their digits.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Python's words that JSON does not have, and their replacements.
const WORDS: [(&str, &str); 3] = [("-Infinity", "null"), ("Infinity", "null"), ("NaN", "null")];

/// Repairs two faults that servers' JSON often has: Python's `NaN` and `Infinity` become `null`, unpaired UTF-16
/// surrogates (text cut in the middle of an emoji) become `\ufffd`. Only for a text that failed to parse.
pub(super) fn repaired(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut in_text) = (text, false);
    while let Some(first) = rest.chars().next() {
        let (taken, written) = match (in_text, first) {
            (true, '\\') => escape(rest),
            (_, '"') => {
                in_text = !in_text;
                (1, "\"")
            }
            (false, '-' | 'I' | 'N') => {
                let word = WORDS.iter().find(|(word, _)| rest.starts_with(word));
                word.map_or((1, &rest[..1]), |(word, instead)| (word.len(), *instead))
            }
            _ => {
                let plain = rest.find(['"', '\\', '-', 'I', 'N']).unwrap_or(rest.len()).max(first.len_utf8());
                (plain, &rest[..plain])
            }
        };
        out.push_str(written);
        rest = &rest[taken..];
    }
    out
}

/// The escape at the beginning of the text: its length in bytes and its replacement.
fn escape(text: &str) -> (usize, &str) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, &text[..12]),
        (Some(0xd800..=0xdfff), _) => (6, "\\ufffd"),
        _ => {
            let end = text.char_indices().nth(2).map_or(text.len(), |(at, _)| at);
            (end, &text[..end])
        }
    }
}

/// Runs a reader on the text, and if it fails on the [`repaired`] text.
pub(super) fn lenient<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    read(text).or_else(|| read(&repaired(text)))
}

/// Fields of an object, each as raw JSON.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Fields<'a> {
    /// Reads the fields of an object that are among `names`. Names are in snake_case; the object may have them in
    /// camelCase. Of a repeated field the last one that is not null counts. `None` if the text is not an object.
    pub(super) fn of(text: &'a str, names: &[&'static str]) -> Option<Self> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let fields = reader.deserialize_map(FieldsVisitor(names)).ok()?;
        reader.end().ok()?;
        Some(fields)
    }

    /// A field's JSON; `None` if it is missing or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// The JSON of the first of `names` that is present and not null.
    pub(super) fn first(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// A field's value, read by [`text`].
    pub(super) fn text(&self, name: &str, limit: usize) -> Option<String> {
        self.get(name).and_then(|json| text(json, limit))
    }

    /// A field's value, read by [`value`].
    pub(super) fn value(&self, name: &str, limit: usize) -> Option<Value> {
        self.get(name).map(|json| value(json, limit))
    }
}

struct FieldsVisitor<'n>(&'n [&'static str]);

impl<'de> Visitor<'de> for FieldsVisitor<'_> {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found: Vec<(&'static str, &'de str)> = Vec::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let Some(name) = self.0.iter().find(|name| is_named(&key, name)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let json = map.next_value::<&'de RawValue>()?.get();
            if json != "null" {
                found.retain(|(known, _)| known != name);
                found.push((name, json));
            }
        }
        Ok(Fields(found))
    }
}

/// Whether `key` is `name`, which is in snake_case, or its camelCase.
fn is_named(key: &str, name: &str) -> bool {
    let mut rest = key.bytes();
    let mut after_gap = false;
    let camel = name.bytes().filter_map(|b| {
        let gap = std::mem::replace(&mut after_gap, b == b'_');
        (b != b'_').then_some(if gap { b.to_ascii_uppercase() } else { b })
    });
    key == name || (camel.map(Some).all(|b| rest.next() == b) && rest.next().is_none())
}

/// The first elements of a list, at most `limit`, as raw JSON, and the number of all. `None` if the text
/// is not a list.
pub(super) fn elements(text: &str, limit: usize) -> Option<(Vec<&str>, usize)> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let elements = Elements(limit).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(elements)
}

struct Elements(usize);

impl<'de> DeserializeSeed<'de> for Elements {
    type Value = (Vec<&'de str>, usize);

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements {
    type Value = (Vec<&'de str>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while found.len() < self.0 {
            let Some(json) = list.next_element::<&'de RawValue>()? else { break };
            found.push(json.get());
        }
        let mut all = found.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            all += 1;
        }
        Ok((found, all))
    }
}

/// The first fields of an object, at most `limit`, as raw JSON, repeated names included. `None` if the text
/// is not an object.
pub(super) fn entries(text: &str, limit: usize) -> Option<Vec<(String, &str)>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let entries = reader.deserialize_map(Entries(limit)).ok()?;
    reader.end().ok()?;
    Some(entries)
}

struct Entries(usize);

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while found.len() < self.0 {
            let Some(key) = map.next_key::<String>()? else { return Ok(found) };
            found.push((key, map.next_value::<&'de RawValue>()?.get()));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

/// A string's content, a number or boolean as written, cut to `limit` bytes; `None` for null, lists and objects.
pub(super) fn text(json: &str, limit: usize) -> Option<String> {
    let mut text = match json.as_bytes().first()? {
        b'"' => lenient(json, |json| serde_json::from_str::<String>(json).ok())?,
        b'{' | b'[' | b'n' => return None,
        _ => json.to_owned(),
    };
    cut(&mut text, limit);
    Some(text)
}

/// Cuts a text to `limit` bytes and appends a `…`.
pub(super) fn cut(text: &mut String, limit: usize) {
    if text.len() > limit {
        let end = (0..=limit.saturating_sub(3)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
}

/// The parsed value; if its JSON is longer than `limit` bytes or nested too deeply, its beginning as text.
pub(super) fn value(json: &str, limit: usize) -> Value {
    let read = |json: &str| serde_json::from_str(json).ok();
    let short = (json.len() <= limit).then(|| lenient(json, read)).flatten();
    short.unwrap_or_else(|| {
        let end = (0..=limit.min(json.len())).rev().find(|at| json.is_char_boundary(*at)).unwrap_or(0);
        let mut text = json[..end].to_owned();
        if end < json.len() {
            text.push('…');
        }
        Value::String(text)
    })
}

/// A finite number, also if written as text.
pub(super) fn number(json: &str) -> Option<f64> {
    text(json, 64)?.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_faults_are_repaired() {
        let table = [
            (r#"{"a": NaN, "b": [-Infinity, Infinity, -1]}"#, r#"{"a": null, "b": [null, null, -1]}"#),
            (r#"{"NaN": "NaN \" -Infinity"}"#, r#"{"NaN": "NaN \" -Infinity"}"#),
            (r#""\ud83d\ude00 \ud83d x \ude00\ud83d""#, r#""\ud83d\ude00 \ufffd x \ufffd\ufffd""#),
            (r#""é\\ud83d \u00e9""#, r#""é\\ud83d \u00e9""#),
            (r#""\"#, r#""\"#),
            (r#""\ud8"#, r#""\ud8"#),
        ];
        for (faulty, expected) in table {
            assert_eq!(repaired(faulty), expected, "{faulty}");
        }
    }

    #[test]
    fn fields_go_by_both_names() {
        let names = ["prompt_id", "execution_time_seconds", "data"];
        let json =
            r#"{"promptId": "a", "x": [1, {"data": 2}], "execution_time_seconds": 1e400, "data": null}"#;
        let fields = Fields::of(json, &names).expect("an object");
        assert_eq!(fields.get("prompt_id"), Some("\"a\""));
        assert_eq!(fields.get("execution_time_seconds"), Some("1e400"));
        assert_eq!(fields.get("data"), None);
        let json =
            r#"{"prompt_id": "a", "promptId": null, "promptid": "c", "prompt_Id": "d", "promptIdx": "e"}"#;
        assert_eq!(Fields::of(json, &names).expect("an object").get("prompt_id"), Some("\"a\""));
        for json in ["[]", "null", "{", "{} x", "{\"a\": NaN}", ""] {
            assert!(Fields::of(json, &names).is_none(), "{json}");
        }
    }

    #[test]
    fn lists_are_bounded_and_counted() {
        assert_eq!(elements("[1, {\"a\": []}, null]", 2), Some((vec!["1", "{\"a\": []}"], 3)));
        assert_eq!(elements("[]", 2), Some((vec![], 0)));
        assert_eq!(elements("{}", 2), None);
        assert_eq!(elements("[1", 2), None);
    }

    #[test]
    fn objects_are_bounded() {
        let json = r#"{"a": [1, {"b": 2}], "é": null, "a": 3}"#;
        assert_eq!(
            entries(json, 9),
            Some(vec![("a".to_owned(), "[1, {\"b\": 2}]"), ("é".to_owned(), "null"), ("a".to_owned(), "3")])
        );
        assert_eq!(entries(json, 1).map(|found| found.len()), Some(1));
        assert_eq!((entries("[]", 9), entries("{", 9), entries("{} x", 9)), (None, None, None));
    }

    #[test]
    fn values_are_bounded() {
        assert_eq!(text("\"\\ud83d x\"", 99), Some("\u{fffd} x".to_owned()));
        assert_eq!(text("18446744073709551616", 99), Some("18446744073709551616".to_owned()));
        assert_eq!(text("\"éééé\"", 6).as_deref(), Some("é…"));
        assert_eq!(text("null", 6), None);
        assert_eq!(value("[1.50, 2]", 99).to_string(), "[1.50,2]");
        assert_eq!(value("[NaN]", 99), serde_json::json!([null]));
        assert_eq!(value("[1, 2, 3]", 4), Value::String("[1, …".to_owned()));
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert!(value(&deep, 100_000).is_string());
        assert_eq!((number("\"2.5\""), number("1e999"), number("true")), (Some(2.5), None, None));
    }

    proptest! {
        #[test]
        fn nothing_panics(tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"prompt_id\"", "\"", "\\", "\\ud83d", "\\u", "NaN", "-", "I", "1", "é", "null",
        ]), 0..30), limit in 0_usize..9) {
            let json = tokens.concat();
            let repaired = repaired(&json);
            prop_assert_eq!(super::repaired(&repaired), repaired.clone());
            let _ = (Fields::of(&json, &["prompt_id"]), elements(&json, limit), text(&json, limit), number(&json));
            let _ = value(&json, limit);
        }

        #[test]
        fn good_json_is_not_touched(text in ".{0,40}", number in any::<i64>()) {
            let json = serde_json::json!({"text": text, "number": number, "list": [text, null]}).to_string();
            prop_assert_eq!(repaired(&json), json);
        }
    }
}
