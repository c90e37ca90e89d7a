//! Messages about a run that it has not taken yet. The websocket's thread never waits for the run, so everything is
//! bounded: only the newest of what replaces each other is kept, and the history has the rest.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;
use tokio::sync::Notify;

use crate::domain::run::{Connection, PreviewKind};
use crate::wire::comfyui::{Frame, Message, NodeState, Step};

/// Most steps that wait to be taken.
const MAX_STEPS: usize = 20_000;
/// Most nodes with progress.
const MAX_NODES: usize = 1_000;
/// Largest preview kept, in bytes.
const MAX_PREVIEW: usize = 8 << 20;
/// Most bytes of results received over the websocket that wait to be written.
const MAX_RESULTS: usize = 512 << 20;

#[derive(Debug, Default)]
pub(super) struct Received {
    /// Events of the run, in order.
    pub steps: VecDeque<Step>,
    /// The newest state of all nodes.
    pub nodes: Option<Vec<NodeState>>,
    /// The newest progress of each node since then.
    pub progress: IndexMap<String, (f64, f64)>,
    pub preview: Option<Picture>,
    /// Pictures that are outputs.
    pub results: Vec<Picture>,
    /// Whether the server's queue has changed.
    pub queue_changed: bool,
    /// The connection's new state, with the reason for a problem.
    pub link: Option<(Connection, String)>,
    /// Number of messages dropped because a limit was reached.
    pub missed: usize,
    /// Whether there was any message about this run.
    pub any: bool,
    /// The node that began last.
    current: Option<String>,
    room: usize,
}

/// A picture sent by a node.
#[derive(Debug, PartialEq)]
pub(super) struct Picture {
    pub node: String,
    pub kind: PreviewKind,
    pub bytes: Vec<u8>,
}

/// The queue between the websocket's thread and the run.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    received: Mutex<Received>,
    wake: Notify,
    /// Asks the thread to replace the websocket.
    pub renew: Notify,
    /// Nodes whose pictures are outputs.
    senders: Vec<String>,
}

impl Inbox {
    /// An inbox for a run in which these nodes send their outputs over the websocket.
    pub(super) fn new(senders: Vec<String>) -> Self {
        Self { senders, ..Self::default() }
    }

    /// Whether any node sends its outputs over the websocket.
    pub(super) fn expect_results(&self) -> bool {
        !self.senders.is_empty()
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for messages, and takes all of them.
    pub(super) async fn take(&self) -> Received {
        self.wake.notified().await;
        let mut received = self.received();
        let current = received.current.clone();
        std::mem::replace(&mut *received, Received { current, ..Received::default() })
    }

    /// Reports a changed connection.
    pub(super) fn link(&self, state: Connection, why: String) {
        self.received().link = Some((state, why));
        self.wake.notify_one();
    }

    /// Takes in a text frame.
    pub(super) fn text(&self, frame: &str, prompt_id: &str) {
        let Message { prompt_id: of, step } = Message::read(frame);
        let is_ours = of.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(prompt_id));
        let mut received = self.received();
        match step {
            Step::Status { .. } => received.queue_changed = true,
            // After a reconnect the server sends the node at work without the prompt's id.
            Step::Executing { ref node } if of.is_none() => received.current = Some(node.clone()),
            _ if !is_ours => return,
            Step::Nodes(nodes) => {
                received.any = true;
                received.progress.clear();
                received.nodes = Some(nodes);
            }
            Step::Progress { node, value, max } => {
                received.any = true;
                let node = node.or_else(|| received.current.clone()).unwrap_or_default();
                if received.progress.len() < MAX_NODES || received.progress.contains_key(&node) {
                    received.progress.insert(node, (value, max));
                }
            }
            Step::Features | Step::Other { .. } => return,
            step => {
                received.any = true;
                if let Step::Executing { node } = &step {
                    received.current = Some(node.clone());
                }
                if received.steps.len() < MAX_STEPS || is_end(&step) {
                    received.steps.push_back(step)
                } else {
                    received.missed += 1
                }
            }
        }
        drop(received);
        self.wake.notify_one();
    }

    /// Takes in a binary frame.
    pub(super) fn binary(&self, frame: &[u8], prompt_id: &str) {
        let mut received = self.received();
        match Frame::read(frame) {
            Frame::Preview { of, kind, bytes } => {
                let node = match of {
                    Some((of, node)) if of.eq_ignore_ascii_case(prompt_id) => node,
                    Some(_) => return,
                    // Before our own run begins, a picture without a name is another run's.
                    None => match received.current.clone() {
                        Some(node) => node,
                        None => return,
                    },
                };
                received.any = true;
                let picture = || Picture { node: node.clone(), kind, bytes: bytes.to_vec() };
                if self.senders.contains(&node) {
                    if received.room + bytes.len() > MAX_RESULTS {
                        received.missed += 1;
                    } else {
                        received.room += bytes.len();
                        received.results.push(picture());
                    }
                } else if bytes.len() <= MAX_PREVIEW {
                    received.preview = Some(picture());
                }
            }
            // Text shown by a node at work is also in its progress, or in its output at the end.
            Frame::Text { .. } | Frame::Other => return,
        }
        drop(received);
        self.wake.notify_one();
    }
}

/// Whether an event says that the run is over; these are never dropped.
fn is_end(step: &Step) -> bool {
    match step {
        Step::Over | Step::Success | Step::Failed(_) | Step::Interrupted => true,
        Step::Status { .. }
        | Step::Features
        | Step::Start
        | Step::Cached { .. }
        | Step::Executing { .. }
        | Step::Progress { .. }
        | Step::Nodes(_)
        | Step::Executed { .. }
        | Step::Other { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(node: &str, prompt: &str, picture: &[u8]) -> Vec<u8> {
        let about = format!(r#"{{"node_id":"{node}","prompt_id":"{prompt}","image_type":"image/jpeg"}}"#);
        let length = u32::try_from(about.len()).expect("short").to_be_bytes();
        [&[0, 0, 0, 4][..], &length, about.as_bytes(), picture].concat()
    }

    #[tokio::test]
    async fn only_the_newest_of_what_changes_is_kept_and_nothing_of_others() {
        let inbox = Inbox::new(vec!["7".to_owned()]);
        for value in 1..=1_000 {
            let progress = format!(
                r#"{{"type":"progress","data":{{"value":{value},"max":1000,"prompt_id":"p","node":"3"}}}}"#
            );
            inbox.text(&progress, "p");
            inbox.binary(&preview("3", "p", &[value as u8]), "p");
            inbox.text(&progress.replace("\"p\"", "\"other\""), "p");
            inbox.binary(&preview("3", "other", b"x"), "p");
        }
        inbox.binary(&preview("7", "p", b"result"), "p");
        let received = inbox.take().await;
        assert_eq!(received.progress.get("3"), Some(&(1_000.0, 1_000.0)));
        let picture = |node: &str, bytes: &[u8]| Picture {
            node: node.to_owned(),
            kind: PreviewKind::Jpeg,
            bytes: bytes.to_vec(),
        };
        assert_eq!(received.preview, Some(picture("3", &[232])));
        assert_eq!(received.results, [picture("7", b"result")]);
        assert!(received.steps.is_empty());
    }

    #[tokio::test]
    async fn the_inbox_is_bounded_and_never_drops_an_end() {
        let inbox = Inbox::default();
        for _ in 0..MAX_STEPS + 5 {
            inbox.text(r#"{"type":"executing","data":{"node":"1","prompt_id":"p"}}"#, "p");
        }
        inbox.text(r#"{"type":"executing","data":{"node":null,"prompt_id":"P"}}"#, "p");
        let received = inbox.take().await;
        assert_eq!((received.steps.len(), received.missed), (MAX_STEPS + 1, 5));
        assert_eq!(received.steps.back(), Some(&Step::Over));
    }

    #[tokio::test]
    async fn a_preview_without_a_name_belongs_to_the_node_at_work() {
        let inbox = Inbox::default();
        let plain = [&[0, 0, 0, 1, 0, 0, 0, 2][..], b"png"].concat();
        inbox.binary(&plain, "p");
        inbox.text(r#"{"type":"executing","data":{"node":"9"}}"#, "p");
        inbox.binary(&plain, "p");
        let received = inbox.take().await;
        let expected = Picture { node: "9".to_owned(), kind: PreviewKind::Png, bytes: b"png".to_vec() };
        assert_eq!(received.preview, Some(expected));
    }
}
