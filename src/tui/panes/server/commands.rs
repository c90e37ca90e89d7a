//! Commands of the server pane.

use super::rows::{self, Row};
use super::update::{ask_clear, ask_free, ask_remove, look, open_folder, toggle};
use crate::tui::command::{Command, Reason, Scope, at};
use crate::tui::model::Model;
use crate::tui::pane::Pane;

const HERE: Scope = Scope::Pane(Pane::Server);

const OPEN: Command = Command {
    places: &[at(HERE, 70)],
    keys: &["enter"],
    short: "models",
    long: "Show the models of this folder, or fold them",
    when: |model| match rows::selected(model) {
        Some((_, Row::Folder { .. })) => Ok(()),
        _ => Err("Select a folder of models first"),
    },
    ..Command::new("open-folder", |model, _, effects| open_folder(model, effects))
};

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["M"],
        short: "server",
        long: "Go to the server: its memory, queue and models, or back",
        when: tells,
        ..Command::new("server", |model, _, _| toggle(model))
    },
    OPEN,
    Command {
        places: &[at(HERE, 68)],
        keys: &["r"],
        short: "refresh",
        long: "Ask the server again",
        when: tells,
        ..Command::new("refresh-server", |model, _, effects| look(model, effects))
    },
    Command {
        places: &[at(HERE, 66)],
        keys: &["d", "delete"],
        short: "remove",
        long: "Remove this waiting prompt from the queue; asked first",
        when: |model| match rows::selected(model) {
            Some((_, Row::Prompt { is_running: false, .. })) => Ok(()),
            Some((_, Row::Prompt { run: Some(_), .. })) => Ok(()),
            Some((_, Row::Prompt { .. })) => Err("It runs already, and is not ours"),
            _ => Err("Select a waiting prompt first"),
        },
        ..Command::new("remove-prompt", |model, _, _| ask_remove(model))
    },
    Command {
        places: &[at(HERE, 50)],
        keys: &["X"],
        short: "clear queue",
        long: "Remove all waiting prompts from the queue, including other people's; asked first",
        when: |model| match &model.server.seen {
            Some(state) if !state.queue.waiting.is_empty() => Ok(()),
            _ => Err("Nothing waits in the queue"),
        },
        ..Command::new("clear-queue", |model, _, _| ask_clear(model))
    },
    Command {
        places: &[at(HERE, 48)],
        keys: &["f"],
        short: "free memory",
        long: "Unload the models and forget cached results; asked first",
        when: tells,
        ..Command::new("free-memory", |model, _, _| ask_free(model))
    },
];

/// Handles a click in a line: it selects, and opens the selected folder.
pub fn clicked(model: &mut Model, line: usize, had_focus: bool) -> Option<&'static Command> {
    let line = line + model.server.scroll;
    let rows = rows::rows(model);
    if !rows.get(line)?.is_selectable() {
        return None;
    }
    let at = rows[..line].iter().filter(|row| row.is_selectable()).count();
    let again = had_focus && model.server.selected == at;
    model.server.selected = at;
    again.then_some(&OPEN)
}

/// Whether the server of the profile tells of itself.
fn tells(model: &Model) -> Result<(), Reason> {
    match &model.open.profile {
        Some(profile) if profile.protocol.caps().system => Ok(()),
        Some(_) => Err("The server of this profile gives no information about itself"),
        None => Err("No profile, so there is no server. Press P"),
    }
}
