//! The terminal: what goes to it and what comes from it.
//!
//! - [`painter`]: frames to bytes, as few as it can. Pure.
//! - [`input`]: bytes to keys, pastes, mouse and answers. Pure.
//! - [`flow`]: when the next frame may go out, so that nothing queues up on a slow line. Pure.
//! - [`session`]: owns the terminal, does the IO, and gives the terminal back whole whatever happens.

pub mod flow;
pub mod input;
mod line;
pub mod painter;
mod pump;
pub mod session;
mod tty;

pub use session::{Abilities, End, Options, Session, StartError, TermEvent};
