//! The dashboard: model, update and view, and the one place that does IO for them.
//!
//! ```text
//! input ─► Msg ─► update ─► Effect ─► runtime ─► store, files, runner
//!                   │  ▲                 │
//!                   ▼  └───── Msg ◄──────┘
//!                 Model ─► view ─► cells ─► terminal
//! ```
//!
//! To add a pane `x`: a variant of [`model::Pane`], its place in [`layout`], `update/x.rs` and `view/x.rs`.
//! To add a command: an [`action::Action`], its row in [`action::BINDINGS`], its arm in [`update`](mod@update).

pub mod action;
pub mod compare;
pub mod completions;
pub mod effect;
pub mod gallery;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod model;
pub mod msg;
pub mod rows;
mod runtime;
pub mod terminal;
pub use crate::report::text;
pub mod theme;
pub mod update;
pub mod view;

pub use runtime::{Options, TuiError, run};

#[cfg(test)]
mod stage;
