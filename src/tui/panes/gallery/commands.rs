//! Commands of the gallery.

use super::update::{ask_delete, choose, index_at, mark, only_starred, open, resize, toggle};
use crate::tui::at_hand;
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::panes::runs::update as runs;

const HERE: Scope = Scope::Pane(Pane::Gallery);

const OPEN: Command = Command {
    places: &[at(HERE, 70)],
    keys: &["enter"],
    short: "open",
    long: "Go to the run that made it",
    when: selected,
    ..Command::new("open-output", |model, _, _| open(model))
};

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 28)],
        keys: &["V"],
        short: "gallery",
        long: "Go to the gallery of all outputs, or back",
        ..Command::new("gallery", |model, _, effects| toggle(model, effects))
    },
    OPEN,
    Command {
        places: &[at(HERE, 54)],
        keys: &["F"],
        short: "only ★",
        long: "Show only starred outputs",
        when: |model| if model.gallery.starred { Ok(()) } else { any(model) },
        ..Command::new("only-starred", |model, _, effects| only_starred(model, effects))
    },
    Command {
        places: &[
            at(HERE, 66),
            at(Scope::Pane(Pane::Sheet), 66).named("sheet-mark"),
            at(Scope::Pane(Pane::Runs), 59).named("runs-mark"),
            at(Scope::Pane(Pane::Details), 59).named("details-mark"),
        ],
        keys: &["space"],
        short: "mark",
        long: "Mark its output to be compared, or take the mark away; C compares two",
        when: |model| match model.focus {
            Pane::Runs if runs::selected_batch(model).is_some() => {
                Err("This row is a batch. → shows its runs, which can be marked")
            }
            Pane::Gallery => selected(model),
            Pane::Runs | Pane::Details => {
                let run = model.runs.list.selected().ok_or("No run is selected")?;
                // Of a run that made something its output is marked, once that has been read.
                match run.outputs > 0 && at_hand::marked_card(model).is_none() {
                    true => Err("Still reading this run. Press again in a moment"),
                    false => Ok(()),
                }
            }
            _ => at_hand::marked_card(model).map(drop).ok_or("This run has made nothing yet"),
        },
        ..Command::new("mark", |model, _, _| mark(model))
    },
    Command {
        places: &[at(HERE, 40)],
        keys: &["+", "="],
        short: "larger",
        long: "Larger tiles, fewer of them",
        when: any,
        ..Command::new("larger-tiles", |model, _, _| resize(model, -1))
    },
    Command {
        places: &[at(HERE, 39)],
        keys: &["-"],
        short: "smaller",
        long: "Smaller tiles, more of them",
        when: any,
        ..Command::new("smaller-tiles", |model, _, _| resize(model, 1))
    },
    Command {
        places: &[at(HERE, 45)],
        keys: &["d", "delete"],
        short: "delete",
        long: "Delete its file; asked first",
        when: selected,
        ..Command::new("delete-output", |model, _, _| ask_delete(model))
    },
];

fn any(model: &Model) -> Result<(), Reason> {
    if model.gallery.list.rows.is_empty() { Err("There are no outputs") } else { Ok(()) }
}

fn selected(model: &Model) -> Result<(), Reason> {
    model.gallery.list.selected().map(drop).ok_or("No output is selected")
}

/// Handles a click at a cell of the screen: it selects a tile, and opens the selected one.
pub fn clicked(model: &mut Model, x: u16, y: u16) -> Option<&'static Command> {
    let index = index_at(model, x, y)?;
    if model.gallery.list.selected_index() == Some(index) {
        return Some(&OPEN);
    }
    choose(model, index);
    None
}
