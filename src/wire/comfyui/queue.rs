//! The server's queue (`GET /queue`): the prompts that are running and waiting.

use crate::wire::json;

use super::id;

/// Most prompts read from one queue.
const MAX_PROMPTS: usize = 100_000;

/// Running and waiting prompts, the latter in the order in which they will run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    pub running: Vec<Queued>,
    pub waiting: Vec<Queued>,
}

/// A prompt in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    /// Priority: lower numbers run first. May be fractional or negative.
    pub number: f64,
    pub prompt_id: String,
    /// Number of nodes in its graph.
    pub nodes: usize,
    /// The client that submitted it, if it named itself.
    pub client_id: Option<String>,
}

/// A prompt's place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Running,
    Waiting {
        /// How many prompts run before it.
        before: u64,
    },
}

impl Queue {
    /// Reads the server's response; `None` if it is not a valid one.
    pub fn read(answer: &str) -> Option<Self> {
        json::lenient(answer, |answer| {
            let fields = json::Fields::of(answer, &["queue_running", "queue_pending"])?;
            let list = |name: &str| {
                let (items, _) = json::elements(fields.get(name)?, MAX_PROMPTS)?;
                Some(items.into_iter().filter_map(Queued::of).collect::<Vec<_>>())
            };
            let (running, mut waiting) = (list("queue_running")?, list("queue_pending")?);
            // The server sends its heap as it is, which is only partly sorted.
            waiting.sort_by(|a, b| a.number.total_cmp(&b.number));
            Some(Self { running, waiting })
        })
    }

    /// A prompt's place; `None` if it is not in the queue.
    pub fn place(&self, prompt_id: &str) -> Option<Place> {
        let is_it = |queued: &Queued| queued.prompt_id.eq_ignore_ascii_case(prompt_id);
        if self.running.iter().any(is_it) {
            return Some(Place::Running);
        }
        let before = self.waiting.iter().position(is_it)?;
        Some(Place::Waiting { before: (self.running.len() + before) as u64 })
    }
}

impl Queued {
    /// Reads `[number, id, graph, extra, …]`. Newer servers append elements, which are ignored.
    fn of(item: &str) -> Option<Self> {
        let (parts, _) = json::elements(item, 4)?;
        let mut parts = parts.into_iter();
        let number = parts.next().and_then(json::number).unwrap_or(f64::MAX);
        let prompt_id = parts.next().and_then(id)?;
        let nodes =
            parts.next().and_then(|graph| json::entries(graph, usize::MAX)).map_or(0, |nodes| nodes.len());
        let extra = parts.next().and_then(|extra| json::Fields::of(extra, &["client_id"]));
        let client_id = extra.and_then(|extra| extra.get("client_id").and_then(id));
        Some(Self { number, prompt_id, nodes, client_id })
    }
}
