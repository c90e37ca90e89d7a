//! The panes, a folder each: its state in `mod.rs`, what keys and messages do to it in `update.rs`, how it is drawn in
//! `view.rs`. Here stands what is asked of every pane.

pub mod compare;
pub mod details;
pub mod gallery;
pub mod log;
pub mod output;
pub mod params;
pub mod runs;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::action::Action;
use super::effect::Effects;
use super::keymap::Keymap;
use super::model::Model;
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

/// Moves in the pane that has the focus.
pub fn moved(model: &mut Model, action: Action, effects: &mut Effects) {
    match model.focus {
        Pane::Parameters => params::update::moved(model, action, effects),
        Pane::Runs => runs::update::moved(model, action),
        Pane::Details => details::update::moved(model, action),
        Pane::Log => log::update::moved(model, action),
        Pane::Output => output::update::moved(model, action),
        Pane::Gallery => gallery::update::moved(model, action),
        Pane::Compare => compare::update::moved(model, action),
    }
}

/// After every message: selections and scrolls within bounds, and what the panes need asked for.
pub fn settle(model: &mut Model, effects: &mut Effects) {
    params::update::settle(model);
    runs::update::settle(model, effects);
    details::update::settle(model, effects);
    log::update::settle(model, effects);
    output::update::settle(model, effects);
    gallery::update::settle(model, effects);
    compare::update::settle(model, effects);
}
