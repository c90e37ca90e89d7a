//! The terminal: output, input, flow control, pictures.
//!
//! - [`painter`]: frames to as few bytes as possible. Pure.
//! - [`input`]: bytes to keys, pastes, mouse and answers. Pure.
//! - [`flow`]: when the next frame may go out, so that nothing queues up on a slow link. Pure.
//! - `picture_layer`: draws a picture part by part, and removes it without a trace. Pure.
//! - [`palette`]: colours that can be read on the ground the terminal has. Pure.
//! - `capabilities`, `questions`: who a terminal is, what it is asked, and what follows from its answers. Pure.
//! - [`query`], [`inline_picture`]: capabilities of a terminal, and a picture in its scrollback, without a session.
//! - [`tmux`]: what only tmux's own command says and does.
//! - [`window`]: title, progress bar, bell and notifications. Pure.
//! - [`session`]: owns the terminal, does the IO, and restores the terminal whatever happens.

mod capabilities;
mod event;
pub mod flow;
pub mod inline_picture;
pub mod input;
mod io_thread;
mod options;
pub mod painter;
pub mod palette;
mod passthrough;
mod picture_layer;
pub mod picture_protocol;
pub mod query;
mod questions;
pub mod session;
mod shared;
pub mod tmux;
mod tty;
pub mod window;

pub use capabilities::Capabilities;
pub use event::{ExitCause, TermEvent};
pub use options::SessionOptions;
pub use passthrough::through_tmux;
pub use picture_layer::{Placement, put_block};
pub use picture_protocol::TerminalEnv;
pub use session::{QUIET_THREAD, Session, StartError};
