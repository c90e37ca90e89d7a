//! Changes values in a preset's text and nothing else: all other bytes stay, including line ends
//! and a byte order mark.

use std::ops::Range;

use indexmap::IndexMap;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::literal::{string, toml_value};
use super::{EVERY_TEXT, Placed, Preset};
use crate::domain::diagnostic::line_of;
use crate::domain::tables::entries;
use crate::domain::{ParamKey, SeedPolicy};

/// Changes to a preset's text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Top-level fields such as `title`; `None` removes the field.
    pub fields: IndexMap<&'static str, Option<String>>,
    /// Values for `[params]`; null removes the key.
    pub params: IndexMap<ParamKey, Value>,
    /// Paths as written, for `[files]`.
    pub files: IndexMap<ParamKey, String>,
    /// Seed policies for `[seeds]`.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    /// Aliases by the parameters that they name, for `[aliases]`; an empty one is removed.
    pub aliases: IndexMap<ParamKey, String>,
    /// Whether the texts of these parameters are expanded, for `[expand]`.
    pub expand: IndexMap<ParamKey, bool>,
    /// Keys of the parameters kept at the top.
    pub pins: Option<Vec<ParamKey>>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("{}the file is not TOML ({why}). Fix it, then save again", .line.map_or_else(String::new, |line| format!("line {line}: ")))]
    Broken {
        /// Line number from 1.
        line: Option<usize>,
        why: String,
    },
    /// A section's name is used for something that is not a table.
    #[error("`{0}` in the file is not a table. Fix it, then save again")]
    NoTable(&'static str),
}

/// Applies the changes to the text. A value that is already there keeps its spelling.
///
/// # Errors
/// When the text is not TOML, or a section is not a table.
pub fn edit(text: &str, changes: &Changes) -> Result<String, EditError> {
    let (before, _) = Preset::parse(text, "");
    let mut text = text.to_owned();
    parse(&text)?;
    for (name, value) in &changes.fields {
        match value {
            Some(value) => put_field(&mut text, name, &string(value).to_string())?,
            None => remove(&mut text, None, name)?,
        }
    }
    if let Some(pins) = &changes.pins {
        let pins: toml_edit::Array = pins.iter().map(ParamKey::as_str).collect();
        put_field(&mut text, "pins", &pins.to_string())?;
    }
    for (key, alias) in &changes.aliases {
        let of_key = |(name, there): &(&String, &Placed<String>)| {
            there.value == key.as_str() && name.as_str() != alias
        };
        for (name, _) in before.aliases.iter().filter(of_key) {
            remove(&mut text, Some("aliases"), name)?;
        }
        let is_there = before.aliases.get(alias).is_some_and(|there| there.value == key.as_str());
        if !alias.is_empty() && !is_there {
            put(&mut text, "aliases", alias, &string(key.as_str()).to_string())?;
        }
    }
    for (key, value) in &changes.params {
        let key = key.as_str();
        remove(&mut text, Some("files"), key)?;
        if value.is_null() {
            remove(&mut text, Some("params"), key)?;
        } else if before.params.get(key).map(|there| &there.value) != Some(value) {
            put(&mut text, "params", key, &toml_value(value).to_string())?;
        }
    }
    for (key, path) in &changes.files {
        let key = key.as_str();
        remove(&mut text, Some("params"), key)?;
        if before.files.get(key).map(|there| &there.value) != Some(path) {
            put(&mut text, "files", key, &string(path).to_string())?;
        }
    }
    for (key, policy) in &changes.seeds {
        if before.seeds.get(key.as_str()).map(|there| there.value.as_str()) != Some(policy.word()) {
            put(&mut text, "seeds", key.as_str(), &string(policy.word()).to_string())?;
        }
    }
    put_expand(&mut text, &before, &changes.expand)?;
    Ok(text)
}

/// Says whether texts are expanded. `expand = false` for all of them becomes the general line of a table.
fn put_expand(
    text: &mut String,
    before: &Preset,
    expand: &IndexMap<ParamKey, bool>,
) -> Result<(), EditError> {
    let is_there = |key: &ParamKey| before.expand_keys.get(key.as_str()).map(|there| there.value);
    let changed: Vec<_> = expand.iter().filter(|(key, expands)| is_there(key) != Some(**expands)).collect();
    let is_table = matches!(parse(text)?.get("expand").map(Spanned::get_ref), Some(DeValue::Table(_)));
    if changed.is_empty() {
        return Ok(());
    }
    if let Some(all) = before.expand.filter(|_| !is_table) {
        remove(text, None, "expand")?;
        put(text, "expand", EVERY_TEXT, &all.to_string())?;
    }
    for (key, expands) in changed {
        put(text, "expand", key.as_str(), &expands.to_string())?;
    }
    Ok(())
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Below a line `[name]`, or at the top of the file.
    Lines,
    /// An inline table in braces.
    Braces,
    /// Lines `name.key = …`.
    Dotted,
}

fn parse(text: &str) -> Result<DeTable<'_>, EditError> {
    DeTable::parse(text).map(Spanned::into_inner).map_err(|e| EditError::Broken {
        line: e.span().map(|span| line_of(text, span.start)),
        why: e.message().to_owned(),
    })
}

/// The style of a table, by the ranges of its key and value.
fn style(key: &Range<usize>, value: &Range<usize>) -> Style {
    if value == key {
        Style::Dotted
    } else if value.start < key.start {
        Style::Lines
    } else {
        Style::Braces
    }
}

/// A section of the file: its style, its range, and its entries.
type Section<'t, 'i> = (Style, Range<usize>, &'t DeTable<'i>);

fn section<'t, 'i>(file: &'t DeTable<'i>, name: &'static str) -> Result<Option<Section<'t, 'i>>, EditError> {
    let Some((key, value)) = file.get_key_value(name) else { return Ok(None) };
    match value.get_ref() {
        DeValue::Table(table) => Ok(Some((style(&key.span(), &value.span()), value.span(), table))),
        _ => Err(EditError::NoTable(name)),
    }
}

/// Sets a value in a section; creates the section at the end of the file when it is missing.
fn put(text: &mut String, name: &'static str, key: &str, value: &str) -> Result<(), EditError> {
    let file = parse(text)?;
    let section = section(&file, name)?;
    let there = section.as_ref().and_then(|(_, _, table)| table.get_key_value(key));
    if let Some((there, old)) = there {
        if !matches!(old.get_ref(), DeValue::Table(_) | DeValue::Array(_))
            || old.span().start > there.span().start
        {
            let place = old.span();
            text.replace_range(place, value);
            return Ok(());
        }
        // It is a table of its own.
        remove(text, Some(name), key)?;
        return put(text, name, key, value);
    }
    let line = format!("{} = {value}", written(key));
    match section {
        None => append(text, name, &line),
        Some((Style::Braces, place, table)) => {
            let last = entries(table).map(|(_, _, value)| value.span().end).max();
            match last {
                Some(last) => text.insert_str(last, &format!(", {line}")),
                None => text.replace_range(place, &format!("{{ {line} }}")),
            }
        }
        Some((style, place, table)) => {
            let last = entries(table).filter_map(|(_, key, value)| end(&key, value)).max();
            match (last, style) {
                (None, Style::Dotted) => append(text, name, &line),
                (last, Style::Dotted) => insert_line(text, last.unwrap_or(0), &format!("{name}.{line}")),
                (last, _) => insert_line(text, last.unwrap_or(place.end), &line),
            }
        }
    }
    Ok(())
}

/// Sets a top-level field.
fn put_field(text: &mut String, name: &str, value: &str) -> Result<(), EditError> {
    let file = parse(text)?;
    if let Some((_, old)) = file.get_key_value(name) {
        let place = old.span();
        text.replace_range(place, value);
        return Ok(());
    }
    let line = format!("{} = {value}", written(name));
    match entries(&file).filter_map(|(_, key, value)| end(&key, value)).max() {
        Some(last) => insert_line(text, last, &line),
        None => {
            // Before the first section, but after a comment that opens the file.
            let start = text.len() - text.trim_start_matches('\u{feff}').len();
            let comments = text[start..].split_inclusive('\n').take_while(|line| line.starts_with('#'));
            let comments: usize = comments.map(str::len).sum();
            let behind = &text[start + comments..];
            let alone = comments > 0 && (behind.is_empty() || behind.starts_with(['\n', '\r']));
            let at = if alone { start + comments } else { start };
            let eol = line_end(text);
            let needs_end = at > 0 && !text[..at].ends_with(['\n', '\u{feff}']);
            text.insert_str(at, &format!("{}{line}{eol}", if needs_end { eol } else { "" }));
        }
    }
    Ok(())
}

/// Removes an entry from a section or from the top level, with its line.
fn remove(text: &mut String, name: Option<&'static str>, key: &str) -> Result<(), EditError> {
    let mut gone = Vec::new();
    let file = parse(text)?;
    let found = match name {
        None => Some((Style::Lines, &file)),
        Some(name) => match file.get(name).map(Spanned::get_ref) {
            Some(DeValue::Table(_)) => section(&file, name)?.map(|(style, _, table)| (style, table)),
            _ => None,
        },
    };
    let Some((style, table)) = found else { return Ok(()) };
    let Some((place, value)) = table.get_key_value(key) else { return Ok(()) };
    if style == Style::Braces {
        let all: Vec<_> = entries(table).map(|(_, key, value)| key.start..value.span().end).collect();
        let at = all.iter().position(|entry| entry.start == place.span().start).unwrap_or(0);
        gone.push(match (all.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => all[at].start..next.start,
            (None, Some(before)) => all[before].end..all[at].end,
            (None, None) => all[at].clone(),
        });
    } else {
        lines_of(text, &place.span(), value, &mut gone);
    }
    gone.sort_by_key(|place| std::cmp::Reverse(place.start));
    gone.dedup();
    for place in gone {
        text.replace_range(place, "");
    }
    Ok(())
}

/// Line ranges of an entry and of everything below it.
fn lines_of(text: &str, key: &Range<usize>, value: &Spanned<DeValue<'_>>, lines: &mut Vec<Range<usize>>) {
    let line = |place: Range<usize>| {
        let start = text[..place.start].rfind('\n').map_or(0, |at| at + 1);
        let start = if text[start..].starts_with('\u{feff}') { start + '\u{feff}'.len_utf8() } else { start };
        start..text[place.end..].find('\n').map_or(text.len(), |at| place.end + at + 1)
    };
    let own = value.span();
    match value.get_ref() {
        DeValue::Table(table) if own == *key || own.start < key.start => {
            if own.start < key.start {
                lines.push(line(own));
            }
            entries(table).for_each(|(_, key, value)| lines_of(text, &key, value, lines));
        }
        DeValue::Array(items) if own.start < key.start => {
            for item in items.iter() {
                lines.push(line(item.span()));
                if let DeValue::Table(table) = item.get_ref() {
                    entries(table).for_each(|(_, key, value)| lines_of(text, &key, value, lines));
                }
            }
        }
        _ => lines.push(line(key.start..own.end)),
    }
}

/// Where an entry ends, unless it has a `[name]` line of its own.
fn end(key: &Range<usize>, value: &Spanned<DeValue<'_>>) -> Option<usize> {
    let own = value.span();
    match value.get_ref() {
        DeValue::Table(table) if own == *key => {
            entries(table).filter_map(|(_, key, value)| end(&key, value)).max()
        }
        _ if own.start < key.start => None,
        _ => Some(own.end),
    }
}

/// Inserts a line after the one at this byte.
fn insert_line(text: &mut String, place: usize, line: &str) {
    let eol = line_end(text);
    match text[place..].find('\n') {
        Some(at) => text.insert_str(place + at + 1, &format!("{line}{eol}")),
        None => text.push_str(&format!("{eol}{line}")),
    }
}

/// Appends a section with one entry.
fn append(text: &mut String, name: &str, line: &str) {
    let eol = line_end(text);
    let is_empty = text.trim_start_matches('\u{feff}').is_empty();
    let (gap, last) = match text.ends_with('\n') {
        _ if is_empty => ("", eol),
        true => (eol, eol),
        // A file without a final line end stays so.
        false => (if eol == "\n" { "\n\n" } else { "\r\n\r\n" }, ""),
    };
    text.push_str(&format!("{gap}[{name}]{eol}{line}{last}"));
}

/// The line end that the file uses.
fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// A key, quoted if necessary.
fn written(key: &str) -> String {
    toml_edit::Key::new(key).display_repr().into_owned()
}
