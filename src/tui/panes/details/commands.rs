//! Commands of the details pane; those for its run are in `runs`.

use super::update::to_parameter;
use crate::tui::command::{Command, Scope, at};
use crate::tui::pane::Pane;

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["3"],
        short: "details",
        long: "Go to the selected run's details",
        ..Command::new("go-details", |model, _, _| model.go_to(Pane::Details))
    },
    Command {
        places: &[at(Scope::Pane(Pane::Details), 66)],
        keys: &["enter"],
        short: "go to parameter",
        long: "Go to the parameter that the error names",
        when: |model| {
            let error = model.details.run.as_ref().and_then(|run| run.error.as_ref());
            match error {
                Some(error) if error.param.is_some() || error.node.is_some() => Ok(()),
                _ => Err("The error of this run names no parameter"),
            }
        },
        ..Command::new("to-parameter", |model, _, _| to_parameter(model))
    },
];
