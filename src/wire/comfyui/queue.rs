//! The queue: what runs and what waits.

use crate::wire::json;

use super::id;

/// Prompts of a queue that are read.
const MAX_PROMPTS: usize = 100_000;

/// What runs and what waits, in the order in which it will run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Queue {
    pub running: Vec<Queued>,
    pub waiting: Vec<Queued>,
}

/// A prompt in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Queued {
    /// Lower ones run first; not always whole, nor above zero.
    pub number: f64,
    pub prompt_id: String,
    /// Nodes of its graph.
    pub nodes: usize,
    /// Who sent it, when they said so.
    pub client_id: Option<String>,
}

/// Where a prompt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Running,
    Waiting {
        /// Prompts that run before it.
        before: u64,
    },
}

impl Queue {
    /// Reads the server's answer; `None` when that is none.
    pub fn read(answer: &str) -> Option<Self> {
        json::lenient(answer, |answer| {
            let fields = json::Fields::of(answer, &["queue_running", "queue_pending"])?;
            let list = |name: &str| {
                let (items, _) = json::elements(fields.get(name)?, MAX_PROMPTS)?;
                Some(items.into_iter().filter_map(Queued::of).collect::<Vec<_>>())
            };
            let (running, mut waiting) = (list("queue_running")?, list("queue_pending")?);
            // It comes as a heap.
            waiting.sort_by(|a, b| a.number.total_cmp(&b.number));
            Some(Self { running, waiting })
        })
    }

    /// Where a prompt stands; `None` when it is not in the queue.
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
    /// Position decides; newer servers have more behind.
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
