//! Commands of the log pane.

use super::update::{follow, search, wrap};
use crate::tui::command::{Command, Scope, at};
use crate::tui::pane::Pane;

const HERE: Scope = Scope::Pane(Pane::Log);

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["4"],
        short: "log",
        long: "Go to the selected run's log",
        ..Command::new("go-log", |model, _, _| model.go_to(Pane::Log))
    },
    Command {
        places: &[at(HERE, 70)],
        keys: &["f"],
        short: "follow",
        long: "Follow the end of the log, or stop",
        ..Command::new("follow", |model, _, effects| follow(model, effects))
    },
    Command {
        places: &[at(HERE, 50)],
        keys: &["w"],
        short: "wrap",
        long: "Wrap long lines, or cut them",
        ..Command::new("wrap", |model, _, _| wrap(model))
    },
    Command {
        places: &[at(HERE, 48)],
        keys: &["n"],
        short: "next match",
        long: "Go to the next match",
        ..Command::new("next-match", |model, _, effects| search(model, false, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["N"],
        short: "previous match",
        long: "Go to the previous match",
        ..Command::new("previous-match", |model, _, effects| search(model, true, effects))
    },
];
