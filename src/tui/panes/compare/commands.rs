//! Commands of the comparison.

use super::update::{beside, flip, one_to_one, open, wanted};
use crate::tui::command::{Command, Scope, at};
use crate::tui::pane::Pane;

const HERE: Scope = Scope::Pane(Pane::Compare);

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[
            at(Scope::Pane(Pane::Gallery), 64),
            at(Scope::Pane(Pane::Sheet), 64).named("sheet-compare"),
            at(Scope::Pane(Pane::Runs), 58).named("runs-compare"),
            at(Scope::Pane(Pane::Details), 58).named("details-compare"),
            at(Scope::Pane(Pane::Output), 58).named("output-compare"),
        ],
        keys: &["C"],
        short: "compare",
        long: "Compare the two marked outputs, the marked one with this one, or this one with the run before",
        when: |model| {
            let is_possible = wanted(model).is_some();
            if is_possible { Ok(()) } else { Err("Mark one with space, go to another one, then compare") }
        },
        ..Command::new("compare", |model, _, effects| open(model, effects))
    },
    Command {
        places: &[at(HERE, 70)],
        keys: &["space"],
        short: "flip",
        long: "Switch between the two in the same place",
        ..Command::new("flip", |model, _, _| flip(model))
    },
    Command {
        places: &[at(HERE, 66)],
        keys: &["b"],
        short: "beside",
        long: "Show both beside each other",
        ..Command::new("beside", |model, _, _| beside(model))
    },
    Command {
        places: &[at(HERE, 64)],
        keys: &["o"],
        short: "1:1",
        long: "Show the pictures pixel by pixel, or whole again",
        ..Command::new("one-to-one", |model, _, _| one_to_one(model))
    },
];
