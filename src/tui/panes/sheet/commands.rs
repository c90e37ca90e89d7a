//! What can be done to a batch and its runs in the sheet.

use super::update::{
    around, ask_cancel, ask_retry, choose, first, hold, index_at, keep_this, look, toggle, zoom,
};
use crate::tui::command::{Command, Reason, Scope, Spends, at};
use crate::tui::effect::{Effect, Operation, SheetFormat};
use crate::tui::model::Model;
use crate::tui::pane::Pane;

const HERE: Scope = Scope::Pane(Pane::Sheet);

const LOOK: Command = Command {
    places: &[at(HERE, 70)],
    keys: &["enter"],
    short: "look",
    long: "Show the run's output large",
    when: selected,
    ..Command::new("look", |model, _, _| look(model))
};

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["B"],
        short: "sheet",
        long: "Go to the sheet of the selected batch, else of the last one, or back",
        ..Command::new("sheet", |model, _, effects| toggle(model, effects))
    },
    Command {
        places: &[at(HERE, 96)],
        keys: &["K"],
        short: "keep this one",
        long: "Load the run's values into the parameters, and cancel what of the batch still waits",
        when: selected,
        ..Command::new("keep-this", |model, _, effects| keep_this(model, effects))
    },
    Command {
        places: &[at(HERE, 94)],
        keys: &["a"],
        short: "around",
        long: "Explore closer around this run",
        when: selected,
        ..Command::new("around", |model, _, effects| around(model, effects))
    },
    LOOK,
    Command {
        places: &[at(HERE, 60)],
        keys: &["H"],
        short: "hold",
        long: "Hold the runs that wait, or go on with them",
        ..Command::new("hold-batch", |model, _, effects| hold(model, effects))
    },
    Command {
        places: &[at(HERE, 58)],
        keys: &["c"],
        short: "cancel the rest",
        long: "Cancel what of the batch has not ended; asked first",
        ..Command::new("cancel-batch", |model, _, _| ask_cancel(model))
    },
    Command {
        places: &[at(HERE, 56)],
        keys: &["R"],
        short: "retry",
        long: "Run the failed runs of the batch again. Spends money; asked first",
        spends: Spends::AfterAsking,
        ..Command::new("retry-batch", |model, _, _| ask_retry(model))
    },
    Command {
        places: &[at(HERE, 54)],
        keys: &["f"],
        short: "run first",
        long: "Send this run before all others that wait",
        when: selected,
        ..Command::new("send-first", |model, _, effects| first(model, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["+", "="],
        short: "larger",
        long: "Larger tiles",
        ..Command::new("tiles-larger", |model, _, _| zoom(model, 1))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["-"],
        short: "smaller",
        long: "Smaller tiles",
        ..Command::new("tiles-smaller", |model, _, _| zoom(model, -1))
    },
    Command {
        places: &[at(HERE, 50)],
        keys: &["w"],
        short: "save",
        long: "Save the sheet as a picture, with its axes",
        ..Command::new("save-sheet", |model, _, effects| save(model, SheetFormat::Png, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+w"],
        short: "save as HTML",
        long: "Save the sheet as an HTML table",
        ..Command::new("save-sheet-html", |model, _, effects| save(model, SheetFormat::Html, effects))
    },
];

fn save(model: &mut Model, format: SheetFormat, effects: &mut Vec<Effect>) {
    if let Some(batch) = model.sheet.batch {
        effects.push(Effect::Do(Operation::SaveSheet(batch, format)));
    }
}

fn selected(model: &Model) -> Result<(), Reason> {
    model.sheet.selected().map(drop).ok_or("No run is selected")
}

/// What a click at a cell of the screen does: it selects a run; on the selected one it shows its output.
pub fn clicked(model: &mut Model, x: u16, y: u16) -> Option<&'static Command> {
    let place = index_at(model, x, y)?;
    if model.sheet.selected == place {
        return Some(&LOOK);
    }
    choose(model, place);
    None
}
