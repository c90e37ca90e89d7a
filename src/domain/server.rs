//! What a server reports about itself, apart from runs.

/// A server's version, memory and devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct System {
    pub version: String,
    pub python: String,
    pub pytorch: String,
    pub ram: Option<Memory>,
    pub devices: Vec<Device>,
}

/// A compute device of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    pub name: String,
    pub vram: Option<Memory>,
}

/// A device's memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    pub free: u64,
    pub total: u64,
}

/// Running and waiting prompts, in execution order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerQueue {
    pub running: Vec<QueuedPrompt>,
    pub waiting: Vec<QueuedPrompt>,
}

/// A prompt in a server's queue, of any client.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedPrompt {
    /// Priority: lower ones run first; may be fractional or negative.
    pub number: f64,
    pub prompt_id: String,
    /// Number of nodes in its graph.
    pub nodes: usize,
    /// Its client, if it said so.
    pub client_id: Option<String>,
}

/// A run that a server has, from wherever it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerRun {
    /// The server's name of it, not scrubbed.
    pub name: String,
    /// How it stands, in a word.
    pub status: String,
    /// When it was created, as the server writes it; not scrubbed.
    pub created: String,
    /// Number of its outputs so far.
    pub outputs: usize,
}

/// A change at a server besides runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tend {
    /// Removes all waiting prompts from the queue, including other people's.
    ClearQueue,
    /// Unloads the models, and clears the cache of node results.
    FreeMemory,
    /// Removes a waiting prompt from the queue, by its id; one that runs goes on.
    Remove(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueuePlace {
    Running,
    Waiting {
        /// Number of prompts that run before it.
        before: u64,
    },
}

impl ServerQueue {
    /// A prompt's place in the queue; `None` when it is not there.
    pub fn place(&self, prompt_id: &str) -> Option<QueuePlace> {
        let is_it = |queued: &QueuedPrompt| queued.prompt_id.eq_ignore_ascii_case(prompt_id);
        if self.running.iter().any(is_it) {
            return Some(QueuePlace::Running);
        }
        let before = self.waiting.iter().position(is_it)?;
        Some(QueuePlace::Waiting { before: (self.running.len() + before) as u64 })
    }
}
