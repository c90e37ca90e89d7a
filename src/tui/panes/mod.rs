//! The panes, a folder each: its state in `mod.rs`, what a person can do there in `commands.rs`, what becomes of it in
//! `update.rs`, how it is drawn in `view.rs`. Here stands what is asked of every pane.

pub mod compare;
pub mod details;
pub mod gallery;
pub mod log;
pub mod output;
pub mod params;
pub mod runs;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::command::{Command, Keymap};
use super::effect::Effects;
use super::model::Model;
use super::motion::{Motion, Wheel};
use super::overlay::Asking;
use super::pane::Pane;
use super::theme::Theme;

/// Draws a pane. Returns where the terminal's cursor belongs, when text is being typed in it.
pub fn draw(
    pane: Pane,
    model: &Model,
    keys: &Keymap,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    match pane {
        Pane::Parameters => return params::view::draw(model, theme, area, buffer),
        Pane::Runs => runs::view::draw(model, keys, theme, area, buffer),
        Pane::Details => details::view::draw(model, theme, area, buffer),
        Pane::Log => log::view::draw(model, theme, area, buffer),
        Pane::Output => output::view::draw(model, keys, theme, area, buffer),
        Pane::Gallery => gallery::view::draw(model, keys, theme, area, buffer),
        Pane::Compare => compare::view::draw(model, theme, area, buffer),
    }
    None
}

/// What a pane says of itself in its title line.
pub fn note(pane: Pane, model: &Model) -> String {
    match pane {
        Pane::Parameters => params::view::note(model),
        Pane::Runs => runs::view::note(model),
        Pane::Details => details::view::note(model),
        Pane::Log => log::view::note(model),
        Pane::Output => output::view::note(model),
        Pane::Gallery => gallery::view::note(model),
        Pane::Compare => compare::view::note(model),
    }
}

/// What can be done there.
pub fn commands(pane: Pane) -> &'static [Command] {
    match pane {
        Pane::Parameters => params::commands::COMMANDS,
        Pane::Runs => runs::commands::COMMANDS,
        Pane::Details => details::commands::COMMANDS,
        Pane::Log => log::commands::COMMANDS,
        Pane::Output => output::commands::COMMANDS,
        Pane::Gallery => gallery::commands::COMMANDS,
        Pane::Compare => compare::commands::COMMANDS,
    }
}

/// Moves in the pane that has the focus.
pub fn moved(model: &mut Model, motion: Motion) {
    match model.focus {
        Pane::Parameters => params::update::moved(model, motion),
        Pane::Runs => runs::update::moved(model, motion),
        Pane::Details => details::update::moved(model, motion),
        Pane::Log => log::update::moved(model, motion),
        Pane::Output => output::update::moved(model, motion),
        Pane::Gallery => gallery::update::moved(model, motion),
        Pane::Compare => compare::update::moved(model, motion),
    }
}

/// Scrolls a pane, wherever the focus is.
pub fn wheel(pane: Pane, model: &mut Model, wheel: Wheel) {
    match pane {
        Pane::Parameters => params::update::wheel(model, wheel),
        Pane::Runs => runs::update::wheel(model, wheel),
        Pane::Details => wheel.motions().for_each(|motion| details::update::moved(model, motion)),
        Pane::Log => wheel.motions().for_each(|motion| log::update::moved(model, motion)),
        Pane::Output => wheel.motions().for_each(|motion| output::update::moved(model, motion)),
        Pane::Gallery => gallery::update::wheel(model, wheel),
        Pane::Compare => wheel.motions().take(1).for_each(|motion| compare::update::moved(model, motion)),
    }
}

/// What a click does, at a place of the screen that is in a line of the pane. `had_focus`: a click on what is selected
/// is the second one.
pub fn clicked(
    pane: Pane,
    model: &mut Model,
    at: Position,
    line: usize,
    had_focus: bool,
) -> Option<&'static Command> {
    match pane {
        Pane::Parameters => params::commands::clicked(model, line, had_focus),
        Pane::Runs => runs::commands::clicked(model, line, had_focus),
        Pane::Gallery => gallery::commands::clicked(model, at.x, at.y),
        Pane::Details | Pane::Log | Pane::Output | Pane::Compare => None,
    }
}

/// What is searched in the pane that has the focus, and for what by now; `None` when there is nothing to search.
pub fn search(model: &Model) -> Option<(Asking, &str)> {
    match model.focus {
        Pane::Parameters => Some((Asking::ParamFilter, &model.params.filter)),
        Pane::Runs | Pane::Details | Pane::Output | Pane::Gallery => {
            Some((Asking::RunSearch, &model.runs.filter.search))
        }
        Pane::Log => Some((Asking::LogSearch, &model.log.search)),
        Pane::Compare => None,
    }
}

/// Takes back the nearest thing of the pane that has the focus; `false` when there is none.
pub fn back(model: &mut Model, effects: &mut Effects) -> bool {
    match model.focus {
        Pane::Parameters => params::update::back(model),
        Pane::Runs => runs::update::back(model, effects),
        Pane::Log => log::update::back(model),
        Pane::Gallery => {
            gallery::update::back(model, effects);
            true
        }
        Pane::Compare => {
            gallery::update::enter(model, effects);
            true
        }
        Pane::Details | Pane::Output => match model.came_from.take() {
            Some(pane) => {
                model.details_beneath = false;
                model.go_to(pane);
                true
            }
            None => false,
        },
    }
}

/// After every message: selections and scrolls within bounds, and what the panes need asked for.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    for pane in Pane::EVERY {
        match pane {
            Pane::Parameters => params::update::settle(model),
            Pane::Runs => runs::update::settle(model, effects),
            Pane::Details => details::update::settle(model, effects),
            Pane::Log => log::update::settle(model, effects),
            Pane::Output => output::update::settle(model, effects),
            Pane::Gallery => gallery::update::settle(model, effects),
            Pane::Compare => compare::update::settle(model, effects),
        }
    }
}
