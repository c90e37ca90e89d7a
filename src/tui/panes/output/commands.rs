//! Commands for a run's outputs, one at a time.

use super::update::{change_mode, play, step};
use super::uses::ask;
use super::view::shown;
use super::{Rendered, RenderedBody};
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::model::Model;
use crate::tui::overlay::OutputUse;
use crate::tui::pane::Pane;

const RUNS: Scope = Scope::Pane(Pane::Runs);
const DETAILS: Scope = Scope::Pane(Pane::Details);
const HERE: Scope = Scope::Pane(Pane::Output);

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["5"],
        short: "output",
        long: "Go to the selected run's output",
        ..Command::new("go-output", |model, _, _| model.go_to(Pane::Output))
    },
    Command {
        places: &[at(Scope::Panes, 0), at(HERE, 68).named("output-next").keys(&["right", "n"])],
        keys: &["]"],
        short: "next output",
        long: "Show the run's next output",
        when: several,
        ..Command::new("next-output", |model, _, _| step(model, 1))
    },
    Command {
        places: &[at(Scope::Panes, 0), at(HERE, 0).named("output-previous").keys(&["left", "N"])],
        keys: &["["],
        short: "previous output",
        long: "Show the run's previous output",
        when: several,
        ..Command::new("previous-output", |model, _, _| step(model, -1))
    },
    Command {
        places: &[at(HERE, 50)],
        keys: &["space"],
        short: "play",
        long: "Play an animation, or stop",
        when: |model| match &model.output.rendered {
            Some(Ok(Rendered { body: RenderedBody::Picture { moves: true, .. }, .. })) => Ok(()),
            _ => Err("This output is not an animation"),
        },
        ..Command::new("play", |model, _, _| play(model))
    },
    Command {
        places: &[at(HERE, 30)],
        keys: &["t"],
        short: "how drawn",
        long: "How pictures are drawn: auto, kitty, iterm2, sixel, blocks, off",
        ..Command::new("picture-kind", |model, _, _| change_mode(model))
    },
    Command {
        places: &[at(RUNS, 0), at(DETAILS, 54).named("details-use-output"), at(HERE, 62).named("output-use")],
        keys: &["o"],
        short: "as input",
        long: "Use an output of the run as a parameter's file",
        when: settled_with_output,
        ..Command::new("use-output", |model, _, effects| ask(model, OutputUse::Input, effects))
    },
    Command {
        places: &[
            at(RUNS, 0),
            at(DETAILS, 0).named("details-import-output"),
            at(HERE, 45).named("output-import"),
        ],
        keys: &["i"],
        short: "its parameters",
        long: "Load the parameters stored in the run's picture",
        when: settled_with_output,
        ..Command::new("import-output", |model, _, effects| ask(model, OutputUse::Parameters, effects))
    },
    Command {
        places: &[at(RUNS, 0), at(DETAILS, 48).named("details-view"), at(HERE, 48).named("output-view")],
        keys: &["v"],
        short: "view",
        long: "Open an output with the system's viewer, or $OPENER",
        when: has_output,
        ..Command::new("view", |model, _, effects| ask(model, OutputUse::View, effects))
    },
    Command {
        places: &[
            at(RUNS, 0),
            at(DETAILS, 50).named("details-copy-path"),
            at(HERE, 44).named("output-copy-path"),
            at(Scope::Pane(Pane::Gallery), 50).named("copy-output"),
        ],
        keys: &["y"],
        short: "copy path",
        long: "Copy the path of an output to the clipboard",
        when: |model| match model.focus {
            Pane::Gallery => model.gallery.list.selected().map(drop).ok_or("No output is selected"),
            _ => has_output(model),
        },
        ..Command::new("copy-path", |model, _, effects| ask(model, OutputUse::Path, effects))
    },
    Command {
        places: &[
            at(RUNS, 0),
            at(DETAILS, 46).named("details-copy-scp"),
            at(HERE, 46).named("output-copy-scp"),
        ],
        keys: &["Y"],
        short: "copy scp",
        long: "Copy the scp command that downloads an output to your machine",
        when: has_output,
        ..Command::new("copy-scp", |model, _, effects| ask(model, OutputUse::Scp, effects))
    },
];

fn several(model: &Model) -> Result<(), Reason> {
    match shown(model).map_or(0, |run| run.outputs.len()) {
        0 => Err("This run has no output"),
        1 => Err("This run has one output"),
        _ => Ok(()),
    }
}

/// Whether the selected run has an output.
fn has_output(model: &Model) -> Result<(), Reason> {
    let run = model.runs.list.selected().ok_or("No run is selected")?;
    match run.outputs {
        0 if run.status.is_end() => Err("This run has no output"),
        0 => Err("This run has no output yet"),
        _ => Ok(()),
    }
}

fn settled_with_output(model: &Model) -> Result<(), Reason> {
    model.is_settled()?;
    has_output(model)
}
