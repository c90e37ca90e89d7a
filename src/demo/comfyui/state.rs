//! What the server knows: its queue, its history, its clients, its files.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::ws::Message;
use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::demo::graph::Plan;

/// Prompts whose end is remembered.
const REMEMBERED: usize = 1_000;
/// Files that are kept.
const MAX_FILES: usize = 2_000;

/// A prompt in the queue.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Prompt {
    pub id: String,
    pub client_id: String,
    pub graph: Map<String, Value>,
    pub plan: Plan,
}

/// A client that listens.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Client {
    pub frames: mpsc::Sender<Message>,
    /// It takes previews with the node that they are of.
    pub describes: Arc<AtomicBool>,
}

/// What the server knows.
#[derive(Debug, Default)]
pub(in crate::demo) struct Comfyui {
    known: Mutex<Known>,
    /// Asks the prompt that runs to end.
    pub(in crate::demo) stop: Notify,
}

#[derive(Debug, Default)]
pub(in crate::demo) struct Known {
    numbers: i64,
    pub running: Option<(i64, Prompt)>,
    pub waiting: VecDeque<(i64, Prompt)>,
    /// Somebody works on the queue.
    pub is_worked: bool,
    history: IndexMap<String, Value>,
    pub clients: HashMap<String, Client>,
    /// Until when websockets are refused.
    pub closed_until: Option<Instant>,
    /// By kind, folder and name.
    files: IndexMap<(String, String, String), Bytes>,
    /// What nodes gave, by all that decides it.
    pub cache: HashMap<String, Value>,
    pub counter: u64,
}

impl Comfyui {
    pub(in crate::demo) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prompts that run or wait.
    pub(super) fn remaining(&self) -> usize {
        let known = self.known();
        known.waiting.len() + usize::from(known.running.is_some())
    }

    /// Puts a prompt at the end of the queue.
    pub(super) fn put(&self, prompt: Prompt) -> i64 {
        let number = {
            let mut known = self.known();
            known.numbers += 1;
            let number = known.numbers;
            known.waiting.push_back((number, prompt));
            number
        };
        self.tell_status();
        number
    }

    pub(in crate::demo) fn queue(&self) -> Value {
        let known = self.known();
        let item = |(number, prompt): &(i64, Prompt)| json!([number, prompt.id, prompt.graph, {"client_id": prompt.client_id}, []]);
        json!({
            "queue_running": known.running.iter().map(item).collect::<Vec<_>>(),
            "queue_pending": known.waiting.iter().map(item).collect::<Vec<_>>(),
        })
    }

    /// Removes waiting prompts. Their clients get no event.
    pub(in crate::demo) fn remove(&self, which: impl Fn(&Prompt) -> bool) {
        self.known().waiting.retain(|(_, prompt)| !which(prompt));
        self.tell_status();
    }

    /// Ends the prompt that runs, if it is this one.
    pub(in crate::demo) fn interrupt(&self, id: Option<&str>) {
        let known = self.known();
        if known.running.as_ref().is_some_and(|(_, prompt)| id.is_none_or(|id| id == prompt.id)) {
            self.stop.notify_one();
        }
    }

    pub(in crate::demo) fn history(&self, id: Option<&str>) -> Value {
        let known = self.known();
        match id {
            Some(id) => known.history.get(id).map_or_else(|| json!({}), |entry| json!({id: entry})),
            None => known.history.iter().map(|(id, entry)| (id.clone(), entry.clone())).collect(),
        }
    }

    pub(super) fn remember(&self, id: String, entry: Value) {
        let mut known = self.known();
        known.running = None;
        known.history.insert(id, entry);
        while known.history.len() > REMEMBERED {
            known.history.shift_remove_index(0);
        }
    }

    pub(super) fn forget(&self, body: &Value) {
        let mut known = self.known();
        if body.get("clear") == Some(&Value::Bool(true)) {
            known.history.clear();
        }
        let ids = body.get("delete").and_then(Value::as_array).into_iter().flatten();
        let ids: HashSet<&str> = ids.filter_map(Value::as_str).collect();
        known.history.retain(|id, _| !ids.contains(id.as_str()));
    }

    pub(super) fn free(&self) {
        self.known().cache.clear();
    }

    /// Restarts the server: its memory is lost, its saved files remain.
    pub(super) fn restart(&self) {
        let mut known = self.known();
        let (files, counter) = (std::mem::take(&mut known.files), known.counter);
        let files = files.into_iter().filter(|((kind, ..), _)| kind != "temp").collect();
        *known = Known { files, counter, is_worked: true, ..Known::default() };
    }

    /// A client listens, in place of an earlier one of its name. Gives what it sets once it says which previews it takes.
    pub(in crate::demo) fn join(&self, name: &str, frames: mpsc::Sender<Message>) -> Arc<AtomicBool> {
        let describes = Arc::<AtomicBool>::default();
        let client = Client { frames, describes: Arc::clone(&describes) };
        self.known().clients.insert(name.to_owned(), client);
        describes
    }

    /// Removes a client, and any other with the same id.
    pub(in crate::demo) fn leave(&self, name: &str) {
        self.known().clients.remove(name);
    }

    /// Sends the changed queue's length to all clients.
    pub(super) fn tell_status(&self) {
        let status = json!({"type": "status", "data": status(self.remaining())}).to_string();
        let clients: Vec<_> = self.known().clients.values().cloned().collect();
        for client in clients {
            // A client that is behind gets the next one.
            let _ = client.frames.try_send(Message::text(status.clone()));
        }
    }

    /// Sends a message to one client, when it listens.
    pub(super) async fn send(&self, client_id: &str, kind: &str, data: Value) {
        let client = self.known().clients.get(client_id).cloned();
        if let Some(client) = client {
            let _ = client.frames.send(Message::text(json!({"type": kind, "data": data}).to_string())).await;
        }
    }

    /// Sends a preview, in the form that the client takes.
    pub(super) async fn preview(&self, client_id: &str, prompt_id: &str, node: &str, jpeg: &[u8]) {
        let Some(client) = self.known().clients.get(client_id).cloned() else { return };
        let mut frame = Vec::with_capacity(jpeg.len() + 200);
        if client.describes.load(Ordering::Relaxed) {
            let about = json!({"node_id": node, "prompt_id": prompt_id, "display_node_id": node,
                "parent_node_id": null, "real_node_id": node, "image_type": "image/jpeg"});
            let about = about.to_string();
            frame.extend(4_u32.to_be_bytes());
            frame.extend(u32::try_from(about.len()).unwrap_or_default().to_be_bytes());
            frame.extend(about.as_bytes());
        } else {
            frame.extend([0, 0, 0, 1, 0, 0, 0, 1]);
        }
        frame.extend(jpeg);
        let _ = client.frames.send(Message::binary(frame)).await;
    }

    pub(in crate::demo) fn keep(&self, kind: &str, folder: &str, name: &str, content: Bytes) {
        let mut known = self.known();
        known.files.insert((kind.to_owned(), folder.to_owned(), name.to_owned()), content);
        while known.files.len() > MAX_FILES {
            known.files.shift_remove_index(0);
        }
    }

    pub(in crate::demo) fn file(&self, kind: &str, folder: &str, name: &str) -> Option<Bytes> {
        self.known().files.get(&(kind.to_owned(), folder.to_owned(), name.to_owned())).cloned()
    }
}

pub(super) fn status(remaining: usize) -> Value {
    json!({"status": {"exec_info": {"queue_remaining": remaining}}})
}
