//! Commands of the list of runs and of the details of a run.

use super::update::{
    cancel, choose, copy_as, fetch, filter_status, fold, load, load_run, open_row, repeat, selected_batch,
};
use super::{queue, search};
use crate::tui::at_hand;
use crate::tui::command::{Command, Reason, Scope, Spends, at};
use crate::tui::model::Model;
use crate::tui::pane::Pane;

const HERE: Scope = Scope::Pane(Pane::Runs);
const DETAILS: Scope = Scope::Pane(Pane::Details);
const OUTPUT: Scope = Scope::Pane(Pane::Output);
const GALLERY: Scope = Scope::Pane(Pane::Gallery);
const COMPARE: Scope = Scope::Pane(Pane::Compare);

const OPEN_DETAILS: Command = Command {
    places: &[at(HERE, 70)],
    keys: &["enter"],
    short: "details",
    long: "Show what was sent, the outputs and the error",
    when: selected,
    ..Command::new("open-details", |model, _, effects| open_row(model, effects))
};

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["2"],
        short: "runs",
        long: "Go to the runs",
        ..Command::new("go-runs", |model, _, _| model.go_to(Pane::Runs))
    },
    OPEN_DETAILS,
    Command {
        places: &[
            at(HERE, 66),
            at(DETAILS, 66).named("details-cancel"),
            at(OUTPUT, 66).named("output-cancel"),
            at(GALLERY, 66).named("gallery-cancel"),
            at(COMPARE, 66).named("compare-cancel"),
        ],
        keys: &["c"],
        short: "cancel",
        long: "Cancel the run",
        when: |model| {
            if model.focus == Pane::Runs && selected_batch(model).is_some() {
                return Ok(());
            }
            let run = at_hand::run(model).ok_or(NONE_SELECTED)?;
            if run.status.is_end() { Err("This run has already ended") } else { Ok(()) }
        },
        ..Command::new("cancel", |model, _, effects| cancel(model, effects))
    },
    Command {
        places: &[
            at(HERE, 63),
            at(DETAILS, 63).named("details-load"),
            at(OUTPUT, 63).named("output-load"),
            at(GALLERY, 63).named("gallery-load"),
            at(COMPARE, 63).named("compare-load"),
        ],
        keys: &["l"],
        short: "load",
        long: "Load the run's parameters into the editor",
        when: |model| {
            model.is_settled()?;
            selected(model)
        },
        with_run: Some(load_run),
        ..Command::new("load", |model, _, effects| load(model, effects))
    },
    Command {
        places: &[
            at(HERE, 65),
            at(DETAILS, 65).named("details-repeat"),
            at(OUTPUT, 65).named("output-repeat"),
            at(GALLERY, 65).named("gallery-repeat"),
            at(COMPARE, 65).named("compare-repeat"),
        ],
        keys: &["R"],
        short: "run again",
        long: "Run again exactly as it was: same values, same files, same seed. Spends money; asked first",
        spends: Spends::AfterAsking,
        when: selected,
        ..Command::new("repeat", |model, _, effects| repeat(model, effects))
    },
    Command {
        places: &[
            at(HERE, 0),
            at(DETAILS, 0).named("details-copy-as"),
            at(OUTPUT, 0).named("output-copy-as"),
            at(GALLERY, 0).named("gallery-copy-as"),
        ],
        keys: &["alt+y"],
        short: "copy as",
        long: "Copy the run as a command, for curl, as a preset, or as a workflow with its values",
        when: selected,
        ..Command::new("copy-as", |model, _, _| copy_as(model))
    },
    Command {
        places: &[at(HERE, 0), at(DETAILS, 0).named("details-fetch")],
        keys: &["F"],
        short: "fetch again",
        long: "Download the run's outputs again. Costs nothing",
        when: |model| {
            let run = model.runs.list.selected().ok_or(NONE_SELECTED)?;
            if !run.status.is_end() {
                return Err("This run has not ended; its outputs are downloaded when it does");
            }
            if run.can_be_fetched() { Ok(()) } else { Err("The server of this run keeps no results") }
        },
        ..Command::new("fetch", |model, _, effects| fetch(model, effects))
    },
    Command {
        places: &[at(HERE, 62)],
        keys: &["right"],
        short: "fold out",
        long: "Show the runs of the batch beneath each other",
        when: |model| match selected_batch(model) {
            Some(_) => Ok(()),
            None => Err("This row is no batch that could be folded out"),
        },
        ..Command::new("fold-out", |model, _, effects| fold(model, effects))
    },
    Command {
        places: &[at(HERE, 64)],
        keys: &["left"],
        short: "fold in",
        long: "Show the runs of this batch as one row again",
        when: |model| match selected_batch(model) {
            Some(_) => Err("This batch is folded in already"),
            None => of_batch(model),
        },
        ..Command::new("fold-in", |model, _, effects| fold(model, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["H"],
        short: "hold",
        long: "Hold this run, or the runs of this batch that wait, or go on with them",
        when: |model| of_batch(model).or_else(|_| queue::waits(model)),
        ..Command::new("hold", |model, _, effects| queue::hold(model, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["n"],
        short: "next",
        long: "Send this run before all others that wait",
        when: queue::waits,
        ..Command::new("send-next", |model, _, effects| queue::first(model, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+up"],
        short: "earlier",
        long: "Send this run before the one in front of it",
        when: queue::waits,
        ..Command::new("queue-earlier", |model, _, effects| queue::moved(model, true, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+down"],
        short: "later",
        long: "Send this run after the one behind it",
        when: queue::waits,
        ..Command::new("queue-later", |model, _, effects| queue::moved(model, false, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+h"],
        short: "hold all",
        long: "Hold all that waits, or go on with it; runs in flight go on",
        when: queue::any_waits,
        ..Command::new("hold-queue", |model, _, effects| queue::hold_all(model, effects))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+c"],
        short: "cancel all",
        long: "Cancel all that waits; asked first",
        when: queue::any_waits,
        ..Command::new("cancel-queue", |model, _, _| queue::ask_cancel_all(model))
    },
    Command {
        places: &[at(HERE, 0)],
        keys: &["alt+r"],
        short: "retry failed",
        long: "Run the failed runs of this list again. Spends money; asked first",
        spends: Spends::AfterAsking,
        ..Command::new("retry-failed", |model, _, _| queue::ask_retry(model))
    },
    Command {
        places: &[at(HERE, 52), at(Scope::Pane(Pane::Gallery), 52).named("gallery-status")],
        keys: &["f"],
        short: "status",
        long: "Show only runs of one status, or their outputs",
        ..Command::new("filter-status", |model, _, _| filter_status(model))
    },
    Command {
        places: &[at(HERE, 0), at(GALLERY, 0).named("gallery-save-search")],
        keys: &["alt+s"],
        short: "save search",
        long: "Save this search under a name",
        when: |model| match model.runs.filter.search.as_str() {
            "" => Err("Nothing is searched for"),
            _ => Ok(()),
        },
        ..Command::new("save-search", |model, _, _| search::ask_name(model))
    },
    Command {
        places: &[at(HERE, 0), at(GALLERY, 0).named("gallery-saved-searches")],
        keys: &["@"],
        short: "saved searches",
        long: "Choose a saved search, or remove one",
        ..Command::new("saved-searches", |model, _, effects| search::ask_saved(model, effects))
    },
];

const NONE_SELECTED: Reason = "No run is selected";

fn of_batch(model: &Model) -> Result<(), Reason> {
    let run = model.runs.list.selected().ok_or(NONE_SELECTED)?;
    run.batch.map(drop).ok_or("This run belongs to no batch")
}

fn selected(model: &Model) -> Result<(), Reason> {
    at_hand::run(model).map(drop).ok_or(NONE_SELECTED)
}

/// Handles a click in a line: it selects, and opens the details of the selected run.
pub fn clicked(model: &mut Model, line: usize, had_focus: bool) -> Option<&'static Command> {
    let index = model.runs.scroll + line;
    if had_focus && model.runs.list.selected_index() == Some(index) {
        return Some(&OPEN_DETAILS);
    }
    choose(model, index);
    None
}
