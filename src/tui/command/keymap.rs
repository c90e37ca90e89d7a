//! From a key to a command: the tables with the changes of `config.toml`.

use std::collections::HashMap;

use crossterm::event::{KeyCode, KeyModifiers};
use indexmap::IndexMap;

use super::{Command, Place, Scope};
use crate::domain::diagnostic::nearest;
use crate::tui::key::Key;
use crate::tui::pane::Pane;

/// The keys in force.
#[derive(Debug, Default)]
pub struct Keymap {
    rows: Vec<Row>,
    /// Indices into `rows` by scope and key.
    by_key: HashMap<(Scope, Key), usize>,
}

/// A command in one of its places, with its keys there.
#[derive(Debug)]
pub struct Row {
    pub command: &'static Command,
    pub place: &'static Place,
    pub keys: Vec<Key>,
}

impl Row {
    /// The name by which its keys are set for this place alone, else wherever it works.
    pub fn name(&self) -> &'static str {
        self.place.name.unwrap_or(self.command.name)
    }

    /// The keys `config.toml` sets for it; the name for this place alone takes precedence.
    fn change<'a>(&self, changes: &'a IndexMap<String, Vec<String>>) -> Option<&'a Vec<String>> {
        let own = self.place.name.and_then(|name| changes.get(name));
        own.or_else(|| changes.get(self.command.name).filter(|_| self.place.keys.is_none()))
    }
}

impl Keymap {
    /// The commands with a person's changes: name → keys, in place of the tables' own.
    ///
    /// Also returns the problems of the changes; invalid ones are left out.
    pub fn new(
        commands: impl Iterator<Item = &'static Command>,
        changes: &IndexMap<String, Vec<String>>,
    ) -> (Self, Vec<String>) {
        let rows = commands.flat_map(|command| {
            command.places.iter().map(move |place| Row { command, place, keys: Vec::new() })
        });
        let mut map = Self { rows: rows.collect(), by_key: HashMap::new() };
        let known =
            |name: &str| map.rows.iter().any(|row| row.command.name == name || row.place.name == Some(name));
        let mut problems: Vec<String> = changes
            .keys()
            .filter(|name| !known(name))
            .map(|name| {
                let names = map.rows.iter().flat_map(|row| [row.command.name, row.name()]);
                let near = match nearest(name, names) {
                    Some(near) => format!("Did you mean `{near}`?"),
                    None => "`?` shows their names".to_owned(),
                };
                format!("[keys] {name}: there is no such command. {near}")
            })
            .collect();
        for row in &mut map.rows {
            row.keys = match row.change(changes) {
                Some(texts) => texts.iter().filter_map(|text| own_key(row, text, &mut problems)).collect(),
                None => {
                    let given = row.place.keys.unwrap_or(row.command.keys);
                    given.iter().filter_map(|text| Key::parse(text).ok()).collect()
                }
            };
        }
        // A person's own keys are put in first, so that they win over the tables'.
        let (own, given): (Vec<usize>, Vec<usize>) =
            (0..map.rows.len()).partition(|at| map.rows[*at].change(changes).is_some());
        for at in own.into_iter().chain(given) {
            map.put(at, &mut problems);
        }
        // A command in several places has the same problem in each of them.
        let mut seen = std::collections::HashSet::new();
        problems.retain(|problem| seen.insert(problem.clone()));
        (map, problems)
    }

    fn put(&mut self, at: usize, problems: &mut Vec<String>) {
        let mut keys = std::mem::take(&mut self.rows[at].keys);
        let (scope, name) = (self.rows[at].place.scope, self.rows[at].command.name);
        keys.retain(|key| {
            let taken = self.by_key.iter().find(|((other, taken), _)| taken == key && overlap(*other, scope));
            let Some((_, other)) = taken else {
                self.by_key.insert((scope, *key), at);
                return true;
            };
            let other = self.rows[*other].command.name;
            problems.push(format!("[keys] {key} is both {other} and {name}: it does {other}"));
            false
        });
        self.rows[at].keys = keys;
    }

    /// What a key does in a pane while nothing is typed.
    pub fn in_pane(&self, pane: Pane, key: Key) -> Option<&'static Command> {
        self.find(&[Scope::Pane(pane), Scope::Panes, Scope::Everywhere], key)
    }

    /// What a key does while a value is edited.
    pub fn while_editing(&self, key: Key) -> Option<&'static Command> {
        self.find(&[Scope::Editing, Scope::Typing, Scope::Everywhere], key)
    }

    /// What a key does to any text that is typed.
    pub fn while_typing(&self, key: Key) -> Option<&'static Command> {
        self.find(&[Scope::Typing], key)
    }

    /// What a key does wherever a person is.
    pub fn everywhere(&self, key: Key) -> Option<&'static Command> {
        self.find(&[Scope::Everywhere], key)
    }

    fn find(&self, scopes: &[Scope], key: Key) -> Option<&'static Command> {
        let found = scopes.iter().find_map(|scope| self.by_key.get(&(*scope, key)));
        found.map(|at| self.rows[*at].command)
    }

    /// Every command in each of its places.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A command by its name.
    pub fn command(&self, name: &str) -> Option<&'static Command> {
        self.rows.iter().map(|row| row.command).find(|command| command.name == name)
    }

    /// The first key of a command, for a hint.
    pub fn hint(&self, name: &str) -> String {
        debug_assert!(self.rows.is_empty() || self.command(name).is_some(), "no command is called {name}");
        let row = self.rows.iter().find(|row| row.command.name == name && !row.keys.is_empty());
        row.map(|row| row.keys[0].to_string()).unwrap_or_default()
    }
}

fn own_key(row: &Row, text: &str, problems: &mut Vec<String>) -> Option<Key> {
    let name = row.command.name;
    let is_typing = matches!(row.place.scope, Scope::Everywhere | Scope::Editing | Scope::Typing);
    match Key::parse(text) {
        Err(why) => {
            problems.push(format!("[keys] {name}: {why}"));
            None
        }
        Ok(key) if is_typing && key.types() => {
            problems.push(format!(
                "[keys] {name}: `{text}` types a character, so it cannot be a command while text is edited"
            ));
            None
        }
        Ok(key) if is_typing && edits(key) && !is_own(row, key) => {
            problems.push(format!(
                "[keys] {name}: `{text}` is needed to edit text, so it cannot be a command there"
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
fn is_own(row: &Row, key: Key) -> bool {
    row.command.keys.iter().any(|text| Key::parse(text) == Ok(key))
}

/// Whether a key could mean both at once.
fn overlap(a: Scope, b: Scope) -> bool {
    use Scope::{Editing, Everywhere, Pane, Panes, Typing};
    match (a, b) {
        (Everywhere, _) | (_, Everywhere) => true,
        (Panes, Pane(_)) | (Pane(_), Panes) | (Typing, Editing) | (Editing, Typing) => true,
        (Editing | Typing, Pane(_) | Panes) | (Pane(_) | Panes, Editing | Typing) => false,
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::commands;

    fn changes(rows: &[(&str, &[&str])]) -> IndexMap<String, Vec<String>> {
        rows.iter()
            .map(|(name, keys)| ((*name).to_owned(), keys.iter().map(|k| (*k).to_owned()).collect()))
            .collect()
    }

    fn keymap(changes: &IndexMap<String, Vec<String>>) -> (Keymap, Vec<String>) {
        Keymap::new(commands::all(), changes)
    }

    fn key(text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    fn name(command: Option<&'static Command>) -> Option<&'static str> {
        command.map(|command| command.name)
    }

    #[test]
    fn the_tables_have_no_conflicts_and_every_key_reads() {
        let (map, problems) = keymap(&IndexMap::new());
        assert_eq!(problems, Vec::<String>::new());
        for row in map.rows() {
            let given = row.place.keys.unwrap_or(row.command.keys);
            assert_eq!(row.keys.len(), given.len(), "{}", row.command.name);
        }
    }

    #[test]
    fn every_command_says_what_it_is_and_no_name_is_given_twice() {
        let mut names = Vec::new();
        for command in commands::all() {
            let name = command.name;
            assert!(!command.places.is_empty(), "{name} can be given nowhere");
            assert!(!command.short.is_empty() && !command.long.is_empty(), "{name}");
            names.push(name);
            names.extend(command.places.iter().filter_map(|place| place.name));
        }
        let once: std::collections::HashSet<&str> = names.iter().copied().collect();
        assert_eq!(once.len(), names.len(), "{names:?}");
    }

    #[test]
    fn a_configured_key_wins_and_the_conflict_is_reported() {
        let (map, problems) = keymap(&changes(&[("zoom", &["p", "f9"])]));
        assert_eq!(name(map.in_pane(Pane::Log, key("p"))), Some("zoom"));
        assert_eq!(name(map.in_pane(Pane::Log, key("f9"))), Some("zoom"));
        assert_eq!(name(map.in_pane(Pane::Log, key("z"))), None);
        assert_eq!(problems, ["[keys] p is both zoom and presets: it does zoom"]);
    }

    #[test]
    fn a_name_changes_a_command_wherever_it_can_be_given_and_a_places_own_name_only_there() {
        let (map, problems) = keymap(&changes(&[("cancel", &["f8"]), ("details-cancel", &["f9"])]));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(name(map.in_pane(Pane::Runs, key("f8"))), Some("cancel"));
        assert_eq!(name(map.in_pane(Pane::Details, key("f8"))), None);
        assert_eq!(name(map.in_pane(Pane::Details, key("f9"))), Some("cancel"));
        let (map, _) = keymap(&changes(&[("cancel", &["f8"])]));
        assert_eq!(name(map.in_pane(Pane::Details, key("f8"))), Some("cancel"));
        assert_eq!(name(map.in_pane(Pane::Details, key("c"))), None);
    }

    /// Names that stood in people's `config.toml` before a command became one row.
    #[test]
    fn names_of_old_still_hold() {
        let old = "palette-panes details-cancel details-load details-repeat details-fetch details-use-output \
                   details-import-output details-view details-copy-path details-copy-scp output-next \
                   output-previous output-use output-import output-view output-copy-path output-copy-scp \
                   log-left log-right gallery-left gallery-right compare-left compare-right gallery-status \
                   copy-output edit-outside-now";
        for name in old.split_whitespace() {
            let (map, problems) = keymap(&changes(&[(name, &["f12"])]));
            assert_eq!(problems, Vec::<String>::new(), "{name}");
            let changed: Vec<&Row> = map.rows().iter().filter(|row| row.keys == [key("f12")]).collect();
            assert_eq!(changed.len(), 1, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_bound_is_reported_and_ignored() {
        let (map, problems) = keymap(&changes(&[("run", &["r"]), ("zom", &["z"]), ("help", &["hyper+h"])]));
        assert_eq!(name(map.everywhere(key("r"))), None);
        assert_eq!(
            problems,
            [
                "[keys] zom: there is no such command. Did you mean `zoom`?",
                "[keys] run: `r` types a character, so it cannot be a command while text is edited",
                "[keys] help: `hyper` in `hyper+h` is not ctrl, alt or shift",
            ]
        );
    }

    #[test]
    fn enter_never_runs() {
        let (map, _) = keymap(&IndexMap::new());
        for text in ["enter", "space", "y"] {
            assert_ne!(name(map.everywhere(key(text))), Some("run"));
            for pane in Pane::EVERY {
                assert_ne!(name(map.in_pane(pane, key(text))), Some("run"));
            }
        }
    }

    #[test]
    fn keys_that_a_field_needs_are_no_commands() {
        let needed = "enter tab shift+tab esc backspace delete up shift+left home pagedown ctrl+j ctrl+m";
        for text in needed.split(' ') {
            for command in ["run", "weight-up", "delete-word"] {
                let (map, problems) = keymap(&changes(&[(command, &[text])]));
                let expected = format!(
                    "[keys] {command}: `{text}` is needed to edit text, so it cannot be a command there"
                );
                assert_eq!(problems, [expected]);
                assert_ne!(name(map.everywhere(key(text))), Some(command), "{text}");
                assert_ne!(name(map.while_editing(key(text))), Some(command), "{text}");
            }
        }
        let (map, problems) = keymap(&changes(&[("run", &["alt+enter"]), ("done-editing", &["f8", "esc"])]));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(name(map.everywhere(key("alt+enter"))), Some("run"));
        assert_eq!(name(map.while_editing(key("esc"))), Some("done-editing"));
    }
}
