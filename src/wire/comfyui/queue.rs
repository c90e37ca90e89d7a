//! The server's queue (`GET /queue`): the prompts that are running and waiting.

use crate::domain::server::{QueuedPrompt, ServerQueue};
use crate::wire::json;

use super::id;

/// Most prompts read from one queue.
const MAX_PROMPTS: usize = 100_000;

/// Reads the server's response; `None` if it is not a valid one.
pub fn read_queue(answer: &str) -> Option<ServerQueue> {
    json::lenient(answer, |answer| {
        let fields = json::Fields::of(answer, &["queue_running", "queue_pending"])?;
        let list = |name: &str| {
            let (items, _) = json::elements(fields.get(name)?, MAX_PROMPTS)?;
            Some(items.into_iter().filter_map(queued).collect::<Vec<_>>())
        };
        let (running, mut waiting) = (list("queue_running")?, list("queue_pending")?);
        // The server sends its heap as it is, which is only partly sorted.
        waiting.sort_by(|a, b| a.number.total_cmp(&b.number));
        Some(ServerQueue { running, waiting })
    })
}

/// Reads `[number, id, graph, extra, …]`. Newer servers append elements, which are ignored.
fn queued(item: &str) -> Option<QueuedPrompt> {
    let (parts, _) = json::elements(item, 4)?;
    let mut parts = parts.into_iter();
    let number = parts.next().and_then(json::number).unwrap_or(f64::MAX);
    let prompt_id = parts.next().and_then(id)?;
    let nodes =
        parts.next().and_then(|graph| json::entries(graph, usize::MAX)).map_or(0, |nodes| nodes.len());
    let extra = parts.next().and_then(|extra| json::Fields::of(extra, &["client_id"]));
    let client_id = extra.and_then(|extra| extra.get("client_id").and_then(id));
    Some(QueuedPrompt { number, prompt_id, nodes, client_id })
}
