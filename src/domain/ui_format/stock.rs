//! Fields of ComfyUI's built-in nodes, in the order in which its editor saves their values.
//!
//! One class per line, sorted by bytes: `class TAB title TAB field TAB field …`, written by `stock_widgets.py` beside it.
//! Behind a field with `*` the editor saves one more value, how it changes after a run; `+` is a value of an upload button
//! or a player, which is not sent.

use serde_json::Value;

const TABLE: &str = include_str!("stock_widgets.tsv");

/// A field of a node, in the order of the editor.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Field {
    Named {
        name: String,
        /// Whether the editor saves how it changes after a run.
        has_control: bool,
        default: Option<Value>,
    },
    /// A button, or a player: it has a value that is not sent.
    Unsent,
}

/// The title of a class, and its fields.
pub(super) fn lookup(class: &str) -> Option<(&'static str, Vec<Field>)> {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let middle = TABLE.as_bytes()[..low.midpoint(high)].iter().rposition(|b| *b == b'\n');
        let start = middle.map_or(0, |newline| newline + 1).max(low);
        let line = TABLE[start..].split('\n').next()?;
        let mut columns = line.split('\t');
        match columns.next()?.cmp(class) {
            std::cmp::Ordering::Equal => return Some((columns.next()?, columns.map(field).collect())),
            std::cmp::Ordering::Less => low = start + line.len() + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

fn field(column: &str) -> Field {
    match (column, column.strip_suffix('*')) {
        ("+", _) => Field::Unsent,
        (_, Some(name)) => Field::Named { name: name.to_owned(), has_control: true, default: None },
        (name, None) => Field::Named { name: name.to_owned(), has_control: false, default: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found() {
        for line in TABLE.lines() {
            let mut columns = line.split('\t');
            let (class, title) = (columns.next().expect(line), columns.next().expect(line));
            let (found, fields) = lookup(class).expect(line);
            assert_eq!((found, fields.len()), (title, columns.count()), "{line}");
        }
        assert!(lookup("").is_none() && lookup("zzz").is_none() && lookup("KSample").is_none());
    }
}
