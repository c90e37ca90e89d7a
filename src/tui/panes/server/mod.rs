//! The server pane, full screen: version, devices and memory, queue, models. Only for servers that tell of themselves.

pub mod commands;
pub mod rows;
pub mod update;
pub mod view;

use crate::domain::run::UnixMs;
use crate::domain::server::{ServerQueue, System};
use crate::tui::pane::Pane;

#[derive(Debug, Default)]
pub struct ServerPane {
    /// The server's state as last read.
    pub seen: Option<ServerState>,
    /// Why it could not be read the last time.
    pub error: Option<String>,
    /// Address of the server that `seen` is of.
    pub url: String,
    /// When it was asked last.
    pub asked_at: Option<UnixMs>,
    /// Whether an answer is under way.
    pub waiting: bool,
    /// The folder of models that is open, with its models once they are read.
    pub folder: Option<(String, Option<Vec<String>>)>,
    /// Place among the rows that can be selected.
    pub selected: usize,
    /// Lines scrolled off at the top.
    pub scroll: usize,
    /// The pane that it was opened from.
    pub came_from: Option<Pane>,
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerState {
    pub system: System,
    pub queue: ServerQueue,
    /// Names of its folders of models.
    pub folders: Vec<String>,
}
