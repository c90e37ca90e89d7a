//! The one table of commands, joined of the tables that stand where the work is done.
//!
//! Dispatch, footer, help, palette, `[keys]`, the mouse and the table in docs/keys.md all read it. To add a command: a row in
//! the table of its pane, or of `update/`, that names its function.

use indexmap::IndexMap;

use super::command::{Command, Keymap, Scope};
use super::pane::Pane;
use super::panes;
use super::update::{explore, import, palette, presets, screen, submit, typing};

/// Every command, in the order in which help shows them.
pub fn all() -> impl Iterator<Item = &'static Command> {
    let panes = Pane::EVERY.into_iter().map(panes::commands);
    let tables = [
        &[submit::RUN],
        explore::COMMANDS,
        palette::COMMANDS,
        screen::COMMANDS,
        presets::COMMANDS,
        import::COMMANDS,
    ];
    tables.into_iter().chain(panes).chain([typing::COMMANDS]).flatten()
}

/// The keys in force with a person's changes, and what is wrong with these.
pub fn keymap(changes: &IndexMap<String, Vec<String>>) -> (Keymap, Vec<String>) {
    Keymap::new(all(), changes)
}

/// The key table as Markdown, for the documentation; a test keeps it equal.
pub fn markdown() -> String {
    let mut text = String::new();
    for scope in Scope::all() {
        text.push_str(&format!("\n**{}**\n\n| keys | what | name |\n|---|---|---|\n", scope.title()));
        for command in all() {
            for place in command.places.iter().filter(|place| place.scope == scope) {
                let keys = place.keys.unwrap_or(command.keys);
                let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
                let own = place.name.map(|name| format!(", here `{name}`")).unwrap_or_default();
                text.push_str(&format!(
                    "| {} | {} | `{}`{own} |\n",
                    keys.join(" "),
                    command.long,
                    command.name
                ));
            }
        }
    }
    text
}
