//! All commands, joined from the tables next to their functions.
//!
//! Dispatch, footer, help, palette, `[keys]`, the mouse and the table in docs/keys.md all read it. To add a command, add a row
//! with its function to the table of its pane, or of `update/`.

use indexmap::IndexMap;

use super::command::{Command, Keymap};
use super::pane::Pane;
use super::panes;
use super::update::{
    differences, expansions, explore, import, layers, lineage, nodes, notebook, palette, presets, run_key,
    screen, typing, values_of, watch,
};

/// Every command, in the order in which help shows them.
pub fn all() -> impl Iterator<Item = &'static Command> {
    let panes = Pane::EVERY.into_iter().map(panes::commands);
    let tables = [
        &[run_key::RUN],
        explore::COMMANDS,
        palette::COMMANDS,
        screen::COMMANDS,
        presets::COMMANDS,
        import::COMMANDS,
        notebook::COMMANDS,
        differences::COMMANDS,
        lineage::COMMANDS,
        nodes::COMMANDS,
    ];
    let last = [
        layers::COMMANDS,
        expansions::COMMANDS,
        panes::params::loras::COMMANDS,
        values_of::COMMANDS,
        watch::COMMANDS,
        typing::COMMANDS,
    ];
    tables.into_iter().chain(panes).chain(last).flatten()
}

/// The keys in force with a person's changes, and what is wrong with these.
pub fn keymap(changes: &IndexMap<String, Vec<String>>) -> (Keymap, Vec<String>) {
    Keymap::new(all(), changes)
}
