//! What a server says of itself, apart from runs.

/// A server: its version, memory and devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    pub version: String,
    pub python: String,
    pub pytorch: String,
    pub ram: Option<Memory>,
    pub devices: Vec<Device>,
}

/// A device that a server computes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    pub vram: Option<Memory>,
}

/// Bytes of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub free: u64,
    pub total: u64,
}

/// What runs and what waits, in the order in which it will run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerQueue {
    pub running: Vec<QueuedPrompt>,
    pub waiting: Vec<QueuedPrompt>,
}

/// A prompt in a server's queue, ours or another's.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedPrompt {
    /// Lower ones run first; not always whole, nor above zero.
    pub number: f64,
    pub prompt_id: String,
    /// Nodes of its graph.
    pub nodes: usize,
    /// Who sent it, when they said so.
    pub client_id: Option<String>,
}

/// Where a prompt stands in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Running,
    Waiting {
        /// Prompts that run before it.
        before: u64,
    },
}

impl ServerQueue {
    /// Where a prompt stands; `None` when it is not in the queue.
    pub fn place(&self, prompt_id: &str) -> Option<Place> {
        let is_it = |queued: &QueuedPrompt| queued.prompt_id.eq_ignore_ascii_case(prompt_id);
        if self.running.iter().any(is_it) {
            return Some(Place::Running);
        }
        let before = self.waiting.iter().position(is_it)?;
        Some(Place::Waiting { before: (self.running.len() + before) as u64 })
    }
}
