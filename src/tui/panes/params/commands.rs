//! Commands of the parameters pane.

use super::update::{at_line, cycle_policy, new_seed, pin, redo, reset, reset_all, show_all, step, toggle};
use super::{editing, piping, recall};
use crate::domain::ParamKind;
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::model::Model;
use crate::tui::pane::Pane;

const HERE: Scope = Scope::Pane(Pane::Parameters);

pub const EDIT: Command = Command {
    places: &[at(HERE, 95)],
    keys: &["enter"],
    short: "edit",
    long: "Edit the value; a boolean toggles, a choice or a LoRA opens its list",
    when: selected,
    ..Command::new("edit", |model, _, effects| editing::open(model, effects))
};

/// Closes the open field.
pub const DONE_EDITING: Command = Command {
    places: &[at(Scope::Editing, 90)],
    keys: &["esc"],
    short: "done",
    long: "Keep the value and close the field",
    ..Command::new("done-editing", |model, _, effects| editing::done(model, effects))
};

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["1"],
        short: "parameters",
        long: "Go to the parameters",
        ..Command::new("go-parameters", |model, _, _| model.go_to(Pane::Parameters))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["U", "ctrl+y"],
        short: "redo",
        long: "Redo the last undone change",
        when: |model| {
            model.is_settled()?;
            if model.draft.can_redo() { Ok(()) } else { Err("Nothing to redo") }
        },
        ..Command::new("redo", |model, _, effects| redo(model, effects))
    },
    EDIT,
    Command {
        places: &[at(HERE, 0)],
        keys: &["i"],
        short: "as text",
        long: "Edit the value as a text, also where there is a list",
        when: selected,
        ..Command::new("edit-text", |model, _, effects| editing::open_text(model, effects))
    },
    Command {
        places: &[at(HERE, 0), at(Scope::Editing, 60).named("edit-outside-now").keys(&["ctrl+o"])],
        keys: &["e"],
        short: "$EDITOR",
        long: "Edit the text in $EDITOR",
        when: selected,
        ..Command::new("edit-outside", |model, _, effects| editing::edit_outside(model, effects))
    },
    Command {
        places: &[at(HERE, 8)],
        keys: &["left", "h", "-"],
        short: "less",
        long: "One step less, or the previous choice",
        when: steps,
        ..Command::new("less", |model, _, effects| step(model, -1, effects))
    },
    Command {
        places: &[at(HERE, 7)],
        keys: &["right", "l", "+"],
        short: "more",
        long: "One step more, or the next choice",
        when: steps,
        ..Command::new("more", |model, _, effects| step(model, 1, effects))
    },
    Command {
        places: &[at(HERE, 45)],
        keys: &["x", "backspace"],
        short: "reset",
        long: "Back to the preset's value, or the workflow's",
        when: selected,
        ..Command::new("reset", |model, _, effects| reset(model, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["X"],
        short: "reset all",
        long: "Reset all parameters to the preset",
        when: |model| {
            model.is_settled()?;
            if model.draft.is_edited() { Ok(()) } else { Err("Nothing has been changed") }
        },
        ..Command::new("reset-all", |model, _, _| reset_all(model))
    },
    Command {
        places: &[at(HERE, 30)],
        keys: &["*", "space"],
        short: "pin",
        long: "Pin this parameter to the top",
        when: selected_at_all,
        ..Command::new("pin", |model, _, _| pin(model))
    },
    Command {
        places: &[at(HERE, 32)],
        keys: &["r"],
        short: "new seed",
        long: "Give this seed (or the first one) a new random value",
        when: Model::is_settled,
        ..Command::new("new-seed", new_seed)
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["R"],
        short: "seed policy",
        long: "What happens to the seed at each run: fixed, randomize, increment, decrement",
        when: Model::is_settled,
        ..Command::new("seed-policy", |model, _, _| cycle_policy(model))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["t"],
        short: "on or off",
        long: "Turn a boolean or a LoRA on or off",
        when: selected,
        ..Command::new("toggle", |model, _, effects| toggle(model, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["a"],
        short: "show all",
        long: "Also show links and inputs that the form hides",
        ..Command::new("show-all", |model, _, _| show_all(model))
    },
    DONE_EDITING,
    Command {
        places: &[at(HERE, 0), at(Scope::Editing, 0).named("pipe-now").keys(&["alt+p"])],
        keys: &["alt+p"],
        short: "pipe",
        long: "Give the text to a command of [pipes], and see what it makes of it before it is taken; again stops it",
        when: piping::can,
        ..Command::new("pipe", |model, _, effects| piping::open(model, effects))
    },
    Command {
        places: &[at(HERE, 28), at(Scope::Editing, 65).named("recall-now").keys(&["alt+r"])],
        keys: &["alt+r"],
        short: "earlier",
        long: "Bring back a value that this field had in any earlier run; type words of it to find it",
        when: recall::can,
        ..Command::new("recall", |model, _, effects| recall::open(model, effects))
    },
    Command {
        places: &[at(Scope::Editing, 80)],
        keys: &["ctrl+c"],
        short: "discard",
        long: "Close the field and restore its value",
        ..Command::new("drop-edit", |model, _, _| editing::discard(model))
    },
    Command {
        places: &[at(Scope::Editing, 70)],
        keys: &["ctrl+up"],
        short: "weight",
        long: "More weight for the word or selection: (word:1.1)",
        when: edits_a_prompt,
        ..Command::new("weight-up", |model, _, _| editing::change_weight(model, 1))
    },
    Command {
        places: &[at(Scope::Editing, 0)],
        keys: &["ctrl+down"],
        short: "less weight",
        long: "Less weight for the word or selection: (word:0.9)",
        when: edits_a_prompt,
        ..Command::new("weight-down", |model, _, _| editing::change_weight(model, -1))
    },
];

/// Handles a click in a line: it selects, and edits the selected parameter.
pub fn clicked(model: &mut Model, line: usize, had_focus: bool) -> Option<&'static Command> {
    let key = at_line(model, line)?;
    let again = had_focus && model.params.selected.as_ref() == Some(&key);
    model.params.selected = Some(key);
    again.then_some(&EDIT)
}

fn selected_at_all(model: &Model) -> Result<(), Reason> {
    if model.params.selected.is_some() { Ok(()) } else { Err("No parameter is selected") }
}

fn selected(model: &Model) -> Result<(), Reason> {
    model.is_settled()?;
    selected_at_all(model)
}

/// Whether there is a next and a previous value.
fn steps(model: &Model) -> Result<(), Reason> {
    selected(model)?;
    let param = model.params.selected.as_ref().and_then(|key| model.draft.param(key));
    match param.map(|param| &param.kind) {
        _ if param.is_some_and(|param| param.lora.is_some()) => Ok(()),
        Some(ParamKind::Text | ParamKind::LongText | ParamKind::File(_) | ParamKind::Link) => {
            Err("A text has no next value: Enter edits it")
        }
        _ => Ok(()),
    }
}

fn edits_a_prompt(model: &Model) -> Result<(), Reason> {
    let edited = model.params.editing.as_ref().and_then(|editing| model.draft.param(&editing.key));
    match edited {
        Some(param) if param.kind == ParamKind::LongText => Ok(()),
        _ => Err("Only words of a prompt have weights"),
    }
}
