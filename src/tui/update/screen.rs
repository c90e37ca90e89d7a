//! Commands of the screen itself: where the keys go, what is seen of the panes, leaving.

use crate::tui::command::{Command, Scope, at};
use crate::tui::effect::{Effect, Effects, ScreenEffect};
use crate::tui::layout;
use crate::tui::model::Model;
use crate::tui::motion::Motion;
use crate::tui::overlay::{Asking, Overlay};
use crate::tui::pane::Pane;
use crate::tui::panes;
use crate::tui::panes::runs;
use crate::tui::typing::line_editor;

const LOG: Scope = Scope::Pane(Pane::Log);
const GALLERY: Scope = Scope::Pane(Pane::Gallery);
const COMPARE: Scope = Scope::Pane(Pane::Compare);
const SHEET: Scope = Scope::Pane(Pane::Sheet);

pub const COMMANDS: &[Command] = &[
    Command {
        places: &[at(Scope::Everywhere, 0)],
        keys: &["ctrl+z"],
        short: "suspend",
        long: "Go to the shell; `fg` comes back",
        unseen: true,
        ..Command::new("suspend", |_, _, effects| effects.push(Effect::Screen(ScreenEffect::Suspend)))
    },
    Command {
        places: &[at(Scope::Everywhere, 0)],
        keys: &["ctrl+l"],
        short: "redraw",
        long: "Redraw the whole screen",
        unseen: true,
        ..Command::new("redraw", |_, _, effects| effects.push(Effect::Screen(ScreenEffect::Redraw)))
    },
    Command {
        places: &[at(Scope::Panes, 90)],
        keys: &["?", "f1"],
        short: "help",
        long: "Show every key, searchable",
        ..Command::new("help", |model, _, _| {
            model.overlay = Some(Overlay::Help { filter: line_editor(""), scroll: 0 });
        })
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["!"],
        short: "messages",
        long: "Show the messages of this session, whole",
        ..Command::new("messages", |model, _, _| model.overlay = Some(Overlay::Messages { scroll: 0 }))
    },
    Command {
        places: &[at(Scope::Panes, 20)],
        keys: &["q", "ctrl+c"],
        short: "quit",
        long: "Quit. Runs go on, edits are kept",
        unseen: true,
        ..Command::new("quit", |_, _, effects| effects.push(Effect::Screen(ScreenEffect::Quit)))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["D"],
        short: "demo",
        long: "Leave for the demo: nothing in it leaves this machine",
        when: |model| if model.demo { Err("This is the demo already") } else { Ok(()) },
        ..Command::new("demo", |_, _, effects| effects.push(Effect::Screen(ScreenEffect::Demo)))
    },
    Command {
        places: &[at(Scope::Panes, 30)],
        keys: &["tab"],
        short: "next pane",
        long: "Go to the next pane",
        ..Command::new("next-pane", |model, _, _| focus_by(model, 1))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["shift+tab"],
        short: "previous pane",
        long: "Go to the previous pane",
        ..Command::new("previous-pane", |model, _, _| focus_by(model, Pane::TABS.len() - 1))
    },
    Command {
        places: &[at(Scope::Panes, 25)],
        keys: &["z"],
        short: "zoom",
        long: "Zoom this pane to the whole screen, or back",
        ..Command::new("zoom", |model, _, _| model.zoomed = !model.zoomed)
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["<"],
        short: "narrower",
        long: "Move the border between the columns to the left",
        ..Command::new("grow-left", |model, _, _| grow(model, -5))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &[">"],
        short: "wider",
        long: "Move the border between the columns to the right",
        ..Command::new("grow-right", |model, _, _| grow(model, 5))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["{"],
        short: "more log",
        long: "Move the rule between parameters and log up",
        ..Command::new("grow-log", |model, _, _| grow_log(model, 5))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["}"],
        short: "less log",
        long: "Move the rule between parameters and log down",
        ..Command::new("shrink-log", |model, _, _| grow_log(model, -5))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["k", "up"],
        short: "up",
        long: "Up one line",
        ..Command::new("up", |model, _, _| panes::moved(model, Motion::Up))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["j", "down"],
        short: "down",
        long: "Down one line",
        ..Command::new("down", |model, _, _| panes::moved(model, Motion::Down))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["pageup", "ctrl+b"],
        short: "page up",
        long: "Up one page",
        ..Command::new("page-up", |model, _, _| panes::moved(model, Motion::PageUp))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["pagedown", "ctrl+f"],
        short: "page down",
        long: "Down one page",
        ..Command::new("page-down", |model, _, _| panes::moved(model, Motion::PageDown))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["g", "home"],
        short: "top",
        long: "Go to the beginning",
        ..Command::new("top", |model, _, _| panes::moved(model, Motion::Top))
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["G", "end"],
        short: "end",
        long: "Go to the end",
        ..Command::new("bottom", |model, _, _| panes::moved(model, Motion::Bottom))
    },
    Command {
        places: &[
            at(LOG, 0).named("log-left"),
            at(GALLERY, 0).named("gallery-left").keys(&["left"]),
            at(COMPARE, 0).named("compare-left").keys(&["left"]),
            at(SHEET, 0).named("sheet-left"),
        ],
        keys: &["left", "h"],
        short: "left",
        long: "To the left",
        ..Command::new("left", |model, _, _| panes::moved(model, Motion::Left))
    },
    Command {
        places: &[
            at(LOG, 0).named("log-right"),
            at(GALLERY, 0).named("gallery-right").keys(&["right"]),
            at(COMPARE, 0).named("compare-right").keys(&["right"]),
            at(SHEET, 0).named("sheet-right"),
        ],
        keys: &["right", "l"],
        short: "right",
        long: "To the right",
        ..Command::new("right", |model, _, _| panes::moved(model, Motion::Right))
    },
    Command {
        places: &[at(Scope::Panes, 60)],
        keys: &["/"],
        short: "find",
        long: "Filter the parameters, search the runs, search the log",
        when: |model| panes::search(model).map(drop).ok_or("There is nothing to search here"),
        ..Command::new("find", |model, _, effects| match panes::search(model) {
            Some((Asking::RunSearch, _)) => runs::search::open(model, effects),
            search => model.overlay = search.map(|(purpose, text)| Overlay::prompt(purpose, text)),
        })
    },
    Command {
        places: &[at(Scope::Panes, 0)],
        keys: &["esc"],
        short: "back",
        long: "Clear the filter, the search or the zoom",
        ..Command::new("back", |model, _, effects| back(model, effects))
    },
];

fn focus_by(model: &mut Model, steps: usize) {
    let at = Pane::TABS.iter().position(|pane| *pane == model.focus).unwrap_or(0);
    model.go_to(Pane::TABS[(at + steps) % Pane::TABS.len()]);
}

fn grow(model: &mut Model, percent: i16) {
    let now = if model.split == 0 { layout::DEFAULT_SPLIT } else { model.split };
    model.split = now.saturating_add_signed(percent).clamp(25, 75);
}

fn grow_log(model: &mut Model, percent: i16) {
    let now = if model.log_split == 0 { layout::LOG_SPLIT } else { model.log_split };
    model.log_split = now.saturating_add_signed(-percent).clamp(20, 85);
}

/// Takes the nearest thing back: what the pane has to take back, else the zoom, else the focus.
fn back(model: &mut Model, effects: &mut Effects) {
    if panes::back(model, effects) {
        return;
    }
    if model.zoomed {
        model.zoomed = false;
    } else {
        model.go_to(Pane::Parameters);
    }
}
