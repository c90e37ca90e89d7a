//! The panes, one folder each: `mod.rs` has the state, `commands.rs` the commands, `update.rs` the state changes,
//! `view.rs` the drawing. This file has what every pane must provide.

pub mod compare;
pub mod details;
pub mod gallery;
pub mod log;
pub mod output;
pub mod params;
pub mod runs;
pub mod server;
pub mod sheet;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::briefs;
use super::command::{Command, Keymap};
use super::effect::Effects;
use super::model::Model;
use super::motion::{Motion, Wheel};
use super::overlay::Asking;
use super::pane::Pane;
use super::theme::Theme;

/// Draws a pane. Returns the terminal's cursor position while text is being typed in it.
pub fn draw(
    pane: Pane,
    model: &Model,
    keys: &Keymap,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) -> Option<Position> {
    match pane {
        Pane::Parameters => return params::view::draw(model, keys, theme, area, buffer),
        Pane::Runs => runs::view::draw(model, keys, theme, area, buffer),
        Pane::Details => details::view::draw(model, theme, area, buffer),
        Pane::Log => log::view::draw(model, theme, area, buffer),
        Pane::Output => output::view::draw(model, keys, theme, area, buffer),
        Pane::Gallery => gallery::view::draw(model, keys, theme, area, buffer),
        Pane::Compare => compare::view::draw(model, theme, area, buffer),
        Pane::Sheet => sheet::view::draw(model, theme, area, buffer),
        Pane::Server => server::view::draw(model, theme, area, buffer),
    }
    None
}

/// A pane's text in its title line.
pub fn note(pane: Pane, model: &Model) -> String {
    match pane {
        Pane::Parameters => params::view::note(model),
        Pane::Runs => runs::view::note(model),
        Pane::Details => details::view::note(model),
        Pane::Log => log::view::note(model),
        Pane::Output => output::view::note(model),
        Pane::Gallery => gallery::view::note(model),
        Pane::Compare => compare::view::note(model),
        Pane::Sheet => sheet::view::note(model),
        Pane::Server => server::view::note(model),
    }
}

pub fn commands(pane: Pane) -> &'static [Command] {
    match pane {
        Pane::Parameters => params::commands::COMMANDS,
        Pane::Runs => runs::commands::COMMANDS,
        Pane::Details => details::commands::COMMANDS,
        Pane::Log => log::commands::COMMANDS,
        Pane::Output => output::commands::COMMANDS,
        Pane::Gallery => gallery::commands::COMMANDS,
        Pane::Compare => compare::commands::COMMANDS,
        Pane::Sheet => sheet::commands::COMMANDS,
        Pane::Server => server::commands::COMMANDS,
    }
}

/// Moves in the focused pane.
pub fn moved(model: &mut Model, motion: Motion) {
    match model.focus {
        Pane::Parameters => params::update::moved(model, motion),
        Pane::Runs => runs::update::moved(model, motion),
        Pane::Details => details::update::moved(model, motion),
        Pane::Log => log::update::moved(model, motion),
        Pane::Output => output::update::moved(model, motion),
        Pane::Gallery => gallery::update::moved(model, motion),
        Pane::Compare => compare::update::moved(model, motion),
        Pane::Sheet => sheet::update::moved(model, motion),
        Pane::Server => server::update::moved(model, motion),
    }
}

/// Scrolls a pane, whether or not it has the focus.
pub fn wheel(pane: Pane, model: &mut Model, wheel: Wheel) {
    match pane {
        Pane::Parameters => params::update::wheel(model, wheel),
        Pane::Runs => runs::update::wheel(model, wheel),
        Pane::Details => wheel.motions().for_each(|motion| details::update::moved(model, motion)),
        Pane::Log => wheel.motions().for_each(|motion| log::update::moved(model, motion)),
        Pane::Output => wheel.motions().for_each(|motion| output::update::moved(model, motion)),
        Pane::Gallery => gallery::update::wheel(model, wheel),
        Pane::Compare => wheel.motions().take(1).for_each(|motion| compare::update::moved(model, motion)),
        Pane::Sheet => sheet::update::wheel(model, wheel),
        Pane::Server => server::update::wheel(model, wheel),
    }
}

/// Handles a click in a line of a pane. `had_focus`: a click on the selected item counts as the second one.
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
        Pane::Sheet => sheet::commands::clicked(model, at.x, at.y),
        Pane::Server => server::commands::clicked(model, line, had_focus),
        Pane::Details | Pane::Log | Pane::Output | Pane::Compare => None,
    }
}

/// The kind and current text of the focused pane's search; `None` when it has no search.
pub fn search(model: &Model) -> Option<(Asking, &str)> {
    match model.focus {
        Pane::Parameters => Some((Asking::ParamFilter, &model.params.filter)),
        Pane::Runs | Pane::Details | Pane::Output | Pane::Gallery => {
            Some((Asking::RunSearch, &model.runs.filter.search))
        }
        Pane::Log => Some((Asking::LogSearch, &model.log.search)),
        Pane::Compare | Pane::Sheet | Pane::Server => None,
    }
}

/// Undoes the innermost state of the focused pane, such as a filter; `false` when there is none.
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
            match model.compare.came_from {
                Some(pane) if !pane.is_full_screen() => model.go_to(pane),
                _ => compare::update::leave(model, effects),
            }
            true
        }
        Pane::Sheet => {
            sheet::update::leave(model);
            true
        }
        Pane::Server => {
            server::update::leave(model);
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

/// After every message: keeps selections and scroll positions within bounds, and requests missing data.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    for pane in Pane::EVERY {
        match pane {
            Pane::Parameters => {
                params::update::settle(model);
                params::editing::settle(model);
            }
            Pane::Runs => runs::update::settle(model, effects),
            Pane::Details => details::update::settle(model, effects),
            Pane::Log => log::update::settle(model, effects),
            Pane::Output => output::update::settle(model, effects),
            Pane::Gallery => gallery::update::settle(model, effects),
            Pane::Compare => compare::update::settle(model, effects),
            Pane::Sheet => sheet::update::settle(model, effects),
            Pane::Server => server::update::settle(model, effects),
        }
    }
    briefs::update::settle(model, effects);
}
