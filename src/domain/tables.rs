//! Reads the tables of a TOML file field by field: whatever cannot be used becomes a message with its line,
//! and the rest still loads.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostics, did_you_mean};

/// Parses a text into tables. In a broken file the parts before and after the error still count.
pub fn parse<'i>(text: &'i str, diagnostics: &mut Diagnostics<'_>) -> DeTable<'i> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = error.span().unwrap_or(0..0);
        diagnostics.at(place, "", format!("this is not TOML: {}", error.message()));
    }
    table.into_inner()
}

/// Reads one table field by field; fields that were never asked for are reported as unknown.
pub struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    /// Prefix for messages, such as `profiles.prod.`; empty at the top.
    prefix: String,
    known: Vec<&'static str>,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// A table at a path such as `profiles.prod`, or empty for the file itself.
    pub fn new(table: &'t DeTable<'i>, path: &str) -> Self {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        Self { table, prefix, known: Vec::new() }
    }

    /// A field of any type, with its value's byte range.
    pub fn any(&mut self, name: &'static str) -> Option<(&'t DeValue<'i>, Range<usize>)> {
        self.known.push(name);
        self.table.get(name).map(|value| (value.get_ref(), value.span()))
    }

    /// A field of one type; for another type adds a message with what is `wanted`.
    pub fn typed<T>(
        &mut self,
        name: &'static str,
        wanted: &str,
        diagnostics: &mut Diagnostics<'_>,
        read: impl FnOnce(&'t DeValue<'i>) -> Option<T>,
    ) -> Option<T> {
        let (value, place) = self.any(name)?;
        let read = read(value);
        if read.is_none() {
            let path = format!("{}{name}", self.prefix);
            let given = match value {
                // Of the right type, so out of range, and in no place for a secret.
                DeValue::Integer(number) if wanted.contains("number") => number.as_str(),
                DeValue::Float(number) if wanted.contains("number") => number.as_str(),
                _ => describe(value),
            };
            let message = format!("`{path}` should be {wanted}, not {given}");
            diagnostics.at(place, &path, message);
        }
        read
    }

    pub fn text(&mut self, name: &'static str, diagnostics: &mut Diagnostics<'_>) -> Option<String> {
        self.typed(name, "a string in quotes", diagnostics, |value| value.as_str().map(str::to_owned))
    }

    pub fn boolean(&mut self, name: &'static str, diagnostics: &mut Diagnostics<'_>) -> Option<bool> {
        self.typed(name, "true or false", diagnostics, DeValue::as_bool)
    }

    pub fn table(
        &mut self,
        name: &'static str,
        diagnostics: &mut Diagnostics<'_>,
    ) -> Option<&'t DeTable<'i>> {
        self.typed(name, "a table", diagnostics, DeValue::as_table)
    }

    /// Reports every field that was not asked for, with the most similar known name.
    pub fn finish(self, diagnostics: &mut Diagnostics<'_>) {
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if !self.known.contains(&name) {
                let near = did_you_mean(name, self.known.iter().copied());
                let path = format!("{}{name}", self.prefix);
                diagnostics.at(key.span(), &path, format!("`{path}` is not a known field{near}"));
            }
        }
    }
}

/// The type of a value, for messages. Never the value itself: it may be a misplaced secret.
pub fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A table's entries, with the byte ranges of key and value.
pub fn entries<'t, 'i>(
    table: &'t DeTable<'i>,
) -> impl Iterator<Item = (&'t str, Range<usize>, &'t Spanned<DeValue<'i>>)> {
    table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_is_told_and_nothing_that_could_be_a_secret() {
        let text = "runs = 0\nshare = 1.5\nname = 12345\nsize = \"12345\"";
        let mut found = Diagnostics::new("a.toml", text);
        let table = parse(text, &mut found);
        let mut fields = Fields::new(&table, "");
        fields.typed("runs", "a whole number from 1 to 9", &mut found, |_| None::<()>);
        fields.typed("share", "a number from 0 to 1", &mut found, |_| None::<()>);
        fields.text("name", &mut found);
        fields.typed("size", "a whole number", &mut found, |_| None::<()>);
        let told: Vec<String> = found.finish().iter().map(ToString::to_string).collect();
        let expected = [
            "a.toml:1: `runs` should be a whole number from 1 to 9, not 0",
            "a.toml:2: `share` should be a number from 0 to 1, not 1.5",
            "a.toml:3: `name` should be a string in quotes, not a whole number",
            "a.toml:4: `size` should be a whole number, not a text",
        ];
        assert_eq!(told, expected);
    }
}
