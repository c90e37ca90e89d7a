//! The terminal: what goes to it and what comes from it.
//!
//! - [`painter`]: frames to bytes, as few as it can. Pure.
//! - [`input`]: bytes to keys, pastes, mouse and answers. Pure.
//! - [`flow`]: when the next frame may go out, so that nothing queues up on a slow link. Pure.
//! - `picture_layer`: a picture part by part, and none of it left behind. Pure.
//! - [`query`], [`inline_picture`]: a terminal without a screen of ours: what it can do, and a picture among its lines.
//! - [`session`]: owns the terminal, does the IO, and gives the terminal back whole whatever happens.

mod event;
pub mod flow;
pub mod inline_picture;
pub mod input;
mod io_thread;
mod options;
pub mod painter;
mod picture_layer;
pub mod picture_protocol;
pub mod query;
pub mod session;
mod shared;
mod tty;

pub use event::{ExitCause, TermEvent};
pub use options::SessionOptions;
pub use picture_layer::Placement;
pub use picture_protocol::TerminalEnv;
pub use session::{QUIET_THREAD, Session, StartError};
pub use shared::Capabilities;
