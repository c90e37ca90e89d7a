//! A history entry (`GET /history/ID`): how a prompt ended and its outputs. The server adds it when the prompt ends.

use crate::domain::run::RunError;
use crate::wire::json;

use super::output::{self, Made};
use super::{MAX_ID, MAX_NODES, message};

/// Most messages read from one entry; servers send three or four.
const MAX_MESSAGES: usize = 1_000;

/// How a prompt ended, and its outputs by node.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    pub status: HistoryStatus,
    /// Outputs by output node, also those from before the prompt failed or was interrupted.
    pub outputs: Vec<(String, Made)>,
    /// How many nodes' results came from the server's cache.
    pub cached: usize,
    /// Seconds from start to end by the server's clock, without the wait in the queue.
    pub seconds: Option<f64>,
}

/// How a prompt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum HistoryStatus {
    Succeeded,
    Failed(RunError),
    /// Cancelled while it ran.
    Interrupted,
}

impl HistoryEntry {
    /// Reads the response for one prompt: `Some(None)` if the server has no entry for it, `None` if it is
    /// not a valid response.
    pub fn read(answer: &str, prompt_id: &str) -> Option<Option<Self>> {
        json::lenient(answer, |answer| {
            let entries = json::entries(answer, 2)?;
            let found = entries.into_iter().find(|(id, _)| id.eq_ignore_ascii_case(prompt_id));
            match found {
                Some((_, entry)) => Self::of(entry).map(Some),
                None => Some(None),
            }
        })
    }

    fn of(json: &str) -> Option<Self> {
        let fields = json::Fields::of(json, &["outputs", "status"])?;
        let outputs = fields.get("outputs").and_then(|outputs| json::entries(outputs, MAX_NODES));
        let outputs = outputs.unwrap_or_default().into_iter();
        let outputs = outputs
            .filter(|(node, _)| (1..=MAX_ID).contains(&node.len()))
            .map(|(node, output)| (node, output::read(output)))
            .filter(|(_, made)| !made.is_empty());
        let status =
            json::Fields::of(fields.get("status").unwrap_or("{}"), &["status_str", "completed", "messages"]);
        let status = status.unwrap_or_default();
        let messages = status.get("messages").and_then(|list| json::elements(list, MAX_MESSAGES));
        let story = Story::of(&messages.unwrap_or_default().0);
        let status = match (status.text("status_str", 64).as_deref(), story.end) {
            (Some("success"), _) => HistoryStatus::Succeeded,
            (_, Some(end)) => end,
            (None, None) if status.get("completed") == Some("true") => HistoryStatus::Succeeded,
            (_, None) => HistoryStatus::Failed(RunError {
                what: "the server says that the run did not succeed, but not why".to_owned(),
                ..RunError::default()
            }),
        };
        Some(Self { status, outputs: outputs.collect(), cached: story.cached, seconds: story.seconds })
    }
}

/// Facts from an entry's messages.
#[derive(Debug, Default)]
struct Story {
    end: Option<HistoryStatus>,
    cached: usize,
    seconds: Option<f64>,
}

impl Story {
    fn of(messages: &[&str]) -> Self {
        let mut story = Self::default();
        let mut start = None;
        for message in messages {
            let Some((parts, _)) = json::elements(message, 2) else { continue };
            let [kind, data] = parts[..] else { continue };
            let fields = json::Fields::of(data, &["timestamp", "nodes"]).unwrap_or_default();
            let at = fields.get("timestamp").and_then(json::number);
            match json::text(kind, 64).unwrap_or_default().as_str() {
                "execution_start" => start = at,
                "execution_cached" => {
                    let nodes = fields.get("nodes").and_then(|nodes| json::elements(nodes, 0));
                    story.cached = nodes.map_or(0, |(_, count)| count);
                }
                "execution_error" => story.end = Some(HistoryStatus::Failed(message::error(data))),
                "execution_interrupted" => story.end = Some(HistoryStatus::Interrupted),
                "execution_success" => story.end = Some(HistoryStatus::Succeeded),
                _ => continue,
            }
            let taken = at.zip(start).map(|(end, start)| (end - start) / 1_000.0);
            story.seconds = taken.filter(|seconds| *seconds >= 0.0);
        }
        story.seconds = story.seconds.filter(|_| story.end.is_some());
        story
    }
}
