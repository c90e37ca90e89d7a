//! The terminal: what goes to it and what comes from it.
//!
//! - [`painter`]: frames to bytes, as few as it can. Pure.
//! - [`input`]: bytes to keys, pastes, mouse and answers. Pure.
//! - [`flow`]: when the next frame may go out, so that nothing queues up on a slow line. Pure.
//! - `easel`: a picture part by part, and none of it left behind. Pure.
//! - [`ask`], [`plain`]: a terminal without a screen of ours: what it can do, and a picture among its lines.
//! - [`session`]: owns the terminal, does the IO, and gives the terminal back whole whatever happens.

pub mod ask;
mod easel;
pub mod flow;
pub mod input;
mod kinds;
mod line;
pub mod painter;
pub mod plain;
mod pump;
pub mod session;
mod tty;

pub use easel::Placement;
pub use kinds::{Surroundings, best};
pub use session::{Abilities, End, Options, QUIET_THREAD, Session, StartError, TermEvent};
