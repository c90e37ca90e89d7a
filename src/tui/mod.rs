//! The dashboard: model, update and view, and the one place that does IO for them.
//!
//! ```text
//! input ─► Msg ─► update ─► Effect ─► runtime ─► store, files, runner
//!                   │  ▲                 │
//!                   ▼  └───── Msg ◄──────┘
//!                 Model ─► view ─► cells ─► terminal
//! ```
//!
//! To add a pane `x`: a variant of [`pane::Pane`], its place in [`layout`], its folder in [`panes`].
//! To add a command: a row in the table of its pane, with its function; [`commands`] joins the tables.

pub mod alerts;
pub mod at_hand;
pub mod briefs;
pub mod command;
pub mod commands;
pub mod completions;
pub mod effect;
pub mod fetch;
pub mod grid;
pub mod in_doubt;
pub mod key;
pub mod layout;
pub mod model;
pub mod motion;
pub mod msg;
pub mod notice;
pub mod open;
pub mod overlay;
pub mod paged;
pub mod pane;
pub mod panes;
pub mod query;
pub mod reader;
mod runtime;
pub mod terminal;
pub use crate::report::text;
pub mod theme;
pub mod typing;
pub mod update;
pub mod view;
pub mod watching;
pub mod wrap;

pub use runtime::{Left, Options, TuiError, run};

#[cfg(test)]
mod stage;
