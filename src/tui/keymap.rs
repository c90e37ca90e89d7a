//! From a key to an action: the key table with the changes of `config.toml`.

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyModifiers};
use indexmap::IndexMap;

use super::action::{Action, BINDINGS, Binding, Scope};
use super::key::Key;
use crate::tui::pane::Pane;

/// The keys in force.
#[derive(Debug, Default)]
pub struct Keymap {
    by_key: HashMap<(Scope, Key), usize>,
    keys: Vec<Vec<Key>>,
}

impl Keymap {
    /// The table with a person's changes: binding name → keys, in place of the table's own.
    ///
    /// Returns what is wrong with the changes beside the keymap; what is wrong is left out, the rest holds.
    pub fn new(changes: &IndexMap<String, Vec<String>>) -> (Self, Vec<String>) {
        let mut problems: Vec<String> = changes
            .keys()
            .filter(|name| BINDINGS.iter().all(|row| row.name != *name))
            .map(|name| format!("[keys] {name}: there is no such command. `?` shows the commands"))
            .collect();
        let mut map = Self::default();
        for row in BINDINGS {
            let keys = match changes.get(row.name) {
                Some(texts) => texts.iter().filter_map(|text| own_key(row, text, &mut problems)).collect(),
                None => row.keys.iter().filter_map(|text| Key::parse(text).ok()).collect(),
            };
            map.keys.push(keys);
        }
        // A person's own keys are put in first, so that they win over the table's.
        let (own, given): (Vec<usize>, Vec<usize>) =
            (0..BINDINGS.len()).partition(|i| changes.contains_key(BINDINGS[*i].name));
        for index in own.into_iter().chain(given) {
            map.put(index, &mut problems);
        }
        (map, problems)
    }

    fn put(&mut self, index: usize, problems: &mut Vec<String>) {
        let row = &BINDINGS[index];
        self.keys[index].retain(|key| {
            let taken = self
                .by_key
                .iter()
                .find(|((scope, other), _)| other == key && overlap(*scope, row.scope))
                .map(|(_, other)| &BINDINGS[*other]);
            match taken {
                None => {
                    self.by_key.insert((row.scope, *key), index);
                    true
                }
                Some(other) => {
                    problems.push(format!(
                        "[keys] {key} is both {} and {}: it does {}",
                        other.name, row.name, other.name
                    ));
                    false
                }
            }
        });
    }

    /// What a key does in a pane while nothing is typed.
    pub fn in_pane(&self, pane: Pane, key: Key) -> Option<Action> {
        self.find(&[Scope::Pane(pane), Scope::Panes, Scope::Everywhere], key)
    }

    /// What a key does while a value is edited.
    pub fn while_editing(&self, key: Key) -> Option<Action> {
        self.find(&[Scope::Editing, Scope::Everywhere], key)
    }

    /// What a key does wherever a person is.
    pub fn everywhere(&self, key: Key) -> Option<Action> {
        self.find(&[Scope::Everywhere], key)
    }

    fn find(&self, scopes: &[Scope], key: Key) -> Option<Action> {
        scopes.iter().find_map(|scope| self.by_key.get(&(*scope, key))).map(|index| BINDINGS[*index].action)
    }

    /// The rows of the table with their keys in force.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        BINDINGS.iter().zip(self.keys.iter().map(Vec::as_slice))
    }

    /// The first key of an action, for a hint.
    pub fn hint(&self, action: Action) -> String {
        let row = self.rows().find(|(row, keys)| row.action == action && !keys.is_empty());
        row.map(|(_, keys)| keys[0].to_string()).unwrap_or_default()
    }
}

fn own_key(row: &Binding, text: &str, problems: &mut Vec<String>) -> Option<Key> {
    match Key::parse(text) {
        Err(why) => {
            problems.push(format!("[keys] {}: {why}", row.name));
            None
        }
        Ok(key) if key.types() && matches!(row.scope, Scope::Everywhere | Scope::Editing) => {
            problems.push(format!(
                "[keys] {}: `{text}` types a character, so it cannot be a command while text is edited",
                row.name
            ));
            None
        }
        Ok(key)
            if edits(key) && matches!(row.scope, Scope::Everywhere | Scope::Editing) && !is_own(row, key) =>
        {
            problems.push(format!(
                "[keys] {}: `{text}` is needed to edit text, so it cannot be a command there",
                row.name
            ));
            None
        }
        Ok(key) => Some(key),
    }
}

/// Whether a field needs the key itself, such as Enter for a new line; also by the names that many terminals give
/// those keys (Ctrl+M is Enter, and Ctrl+J is what a line break in a paste looks like).
fn edits(key: Key) -> bool {
    let held = key.mods.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match key.code {
        KeyCode::Char('h' | 'i' | 'j' | 'm' | '[') => key.mods == KeyModifiers::CONTROL,
        KeyCode::Enter | KeyCode::Tab | KeyCode::Esc | KeyCode::Backspace | KeyCode::Delete => !held,
        KeyCode::Up | KeyCode::Down | KeyCode::Left | KeyCode::Right => !held,
        KeyCode::Home | KeyCode::End | KeyCode::PageUp | KeyCode::PageDown => !held,
        _ => false,
    }
}

/// Whether the table itself gives the key to this command.
fn is_own(row: &Binding, key: Key) -> bool {
    row.keys.iter().any(|text| Key::parse(text) == Ok(key))
}

/// Whether a key could mean both at once.
fn overlap(a: Scope, b: Scope) -> bool {
    use Scope::{Editing, Everywhere, Pane, Panes};
    match (a, b) {
        (Everywhere, _) | (_, Everywhere) | (Panes, Pane(_)) | (Pane(_), Panes) => true,
        (Editing, Pane(_) | Panes) | (Pane(_) | Panes, Editing) => false,
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(rows: &[(&str, &[&str])]) -> IndexMap<String, Vec<String>> {
        rows.iter()
            .map(|(name, keys)| ((*name).to_owned(), keys.iter().map(|k| (*k).to_owned()).collect()))
            .collect()
    }

    fn key(text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    #[test]
    fn the_table_itself_has_no_conflicts_and_every_key_reads() {
        let (map, problems) = Keymap::new(&IndexMap::new());
        assert_eq!(problems, Vec::<String>::new());
        for (row, keys) in map.rows() {
            assert_eq!(keys.len(), row.keys.len(), "{}", row.name);
            assert!(BINDINGS.iter().filter(|other| other.name == row.name).count() == 1, "{}", row.name);
        }
    }

    #[test]
    fn a_persons_key_wins_and_the_conflict_is_told() {
        let (map, problems) = Keymap::new(&changes(&[("zoom", &["p", "f9"])]));
        assert_eq!(map.in_pane(Pane::Log, key("p")), Some(Action::Zoom));
        assert_eq!(map.in_pane(Pane::Log, key("f9")), Some(Action::Zoom));
        assert_eq!(map.in_pane(Pane::Log, key("z")), None);
        assert_eq!(problems, ["[keys] p is both zoom and presets: it does zoom"]);
    }

    #[test]
    fn what_cannot_be_bound_is_told_and_left_out() {
        let (map, problems) =
            Keymap::new(&changes(&[("run", &["r"]), ("zom", &["z"]), ("help", &["hyper+h"])]));
        assert_eq!(map.everywhere(key("r")), None);
        assert_eq!(
            problems,
            [
                "[keys] zom: there is no such command. `?` shows the commands",
                "[keys] run: `r` types a character, so it cannot be a command while text is edited",
                "[keys] help: `hyper` in `hyper+h` is not ctrl, alt or shift",
            ]
        );
    }

    #[test]
    fn enter_never_runs() {
        let (map, _) = Keymap::new(&IndexMap::new());
        for text in ["enter", "space", "y"] {
            assert_ne!(map.everywhere(key(text)), Some(Action::Run));
            for pane in Pane::ALL {
                assert_ne!(map.in_pane(pane, key(text)), Some(Action::Run));
            }
        }
    }

    #[test]
    fn keys_that_a_field_needs_are_no_commands() {
        let needed = "enter tab shift+tab esc backspace delete up shift+left home pagedown ctrl+j ctrl+m";
        for text in needed.split(' ') {
            for name in ["run", "weight-up"] {
                let (map, problems) = Keymap::new(&changes(&[(name, &[text])]));
                let told = format!(
                    "[keys] {name}: `{text}` is needed to edit text, so it cannot be a command there"
                );
                assert_eq!(problems, [told]);
                assert_ne!(map.everywhere(key(text)), Some(Action::Run), "{text}");
                assert_ne!(map.while_editing(key(text)), Some(Action::WeightUp), "{text}");
            }
        }
        let (map, problems) =
            Keymap::new(&changes(&[("run", &["alt+enter"]), ("done-editing", &["f8", "esc"])]));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(map.everywhere(key("alt+enter")), Some(Action::Run));
        assert_eq!(map.while_editing(key("esc")), Some(Action::DoneEditing));
    }
}
