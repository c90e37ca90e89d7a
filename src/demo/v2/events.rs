//! The events of a job, made of what ComfyUI sends to its clients: first how the job stands, then at most two of progress
//! and two previews a second, and the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::Message;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{error, job, not_found};
use crate::demo::Endpoint;

/// Shortest interval of progress, and of previews.
const INTERVAL: Duration = Duration::from_millis(500);
/// Frames that wait for one client.
const WAITING: usize = 64;

/// Answers the request for a job's events.
pub(super) fn open(endpoint: &Arc<Endpoint>, id: &str, base: &str) -> Response {
    if endpoint.comfyui.known().closed_until.is_some_and(|until| Instant::now() < until) {
        return error(
            StatusCode::SERVICE_UNAVAILABLE,
            "upstream_unreachable",
            "Could not reach ComfyUI.",
            &Value::Null,
        );
    }
    if job(endpoint, id, base).is_none() {
        return not_found(id);
    }
    let (sink, frames) = mpsc::channel::<Bytes>(WAITING);
    let teller = Teller { endpoint: Arc::clone(endpoint), id: id.to_owned(), base: base.to_owned(), sink };
    tokio::spawn(teller.tell());
    let body = stream::unfold(frames, async |mut frames| {
        let frame = frames.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(frame), frames))
    });
    let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    (head, Body::from_stream(body)).into_response()
}

struct Teller {
    endpoint: Arc<Endpoint>,
    id: String,
    base: String,
    sink: mpsc::Sender<Bytes>,
}

impl Teller {
    async fn tell(self) {
        let (frames, mut waiting) = mpsc::channel(WAITING);
        let server = &self.endpoint.comfyui;
        server.join(&self.id, frames).store(true, Ordering::Relaxed);
        if self.stands(true).await {
            return server.leave(&self.id);
        }
        let (mut last_progress, mut last_preview) = (None, None);
        loop {
            let is_due = |last: Option<Instant>| last.is_none_or(|last| last.elapsed() >= INTERVAL);
            // The end can come before the client was known to the server.
            let message = match tokio::time::timeout(INTERVAL, waiting.recv()).await {
                Ok(Some(message)) => message,
                // The word `drop`: the connection breaks.
                Ok(None) => return,
                Err(_) if self.stands(false).await => break,
                Err(_) => continue,
            };
            let is_sent = match message {
                Message::Text(text) => {
                    let said: Value = serde_json::from_str(&text).unwrap_or_default();
                    match said["type"].as_str().unwrap_or_default() {
                        "progress" | "progress_state" if is_due(last_progress) => {
                            last_progress = Some(Instant::now());
                            self.event("progress", &progress(&said)).await
                        }
                        "executing" if said["data"]["node"].is_null() && self.stands(false).await => break,
                        _ => true,
                    }
                }
                Message::Binary(frame) if is_due(last_preview) => {
                    last_preview = Some(Instant::now());
                    match preview(&frame) {
                        Some(preview) => self.event("preview", &preview).await,
                        None => true,
                    }
                }
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Close(_) => true,
            };
            if !is_sent {
                break;
            }
        }
        server.leave(&self.id);
    }

    /// Tells how the job stands when that is its end, or in any case. Returns whether it has ended.
    async fn stands(&self, in_any_case: bool) -> bool {
        let Some(job) = job(&self.endpoint, &self.id, &self.base) else { return true };
        let is_end = !matches!(job["status"].as_str(), Some("queued" | "running"));
        if is_end || in_any_case {
            for output in job["outputs"].as_array().into_iter().flatten() {
                self.event("output", output).await;
            }
            let mut status = json!({"status": job["status"]});
            if !job["queue_position"].is_null() {
                status["queue_position"] = job["queue_position"].clone();
            }
            self.event("status", &status).await;
            if !job["progress"].is_null() {
                self.event("progress", &job["progress"]).await;
            }
        }
        is_end
    }

    async fn event(&self, name: &str, data: &Value) -> bool {
        self.sink.send(format!("event: {name}\ndata: {data}\n\n").into()).await.is_ok()
    }
}

/// How far a job is, of one node or of all.
fn progress(said: &Value) -> Value {
    let data = &said["data"];
    if said["type"] == "progress" {
        let (value, max) = (data["value"].as_f64().unwrap_or_default(), data["max"].as_f64().unwrap_or(1.0));
        return json!({"value": value / max.max(1.0), "nodes_done": 0, "nodes_total": 0,
            "current_node": data["node"], "step": value as u64, "steps": max as u64});
    }
    let nodes = data["nodes"].as_object().cloned().unwrap_or_default();
    let done = nodes.values().filter(|node| node["state"] == "finished").count();
    let current = nodes.iter().find(|(_, node)| node["state"] == "running");
    let number = |name: &str| current.and_then(|(_, node)| node[name].as_f64()).map(|number| number as u64);
    json!({"value": done as f64 / nodes.len().max(1) as f64, "nodes_done": done, "nodes_total": nodes.len(),
        "current_node": current.map(|(id, _)| id), "step": number("value"), "steps": number("max")})
}

/// A preview, from a frame that names its node.
fn preview(frame: &[u8]) -> Option<Value> {
    let length = u32::from_be_bytes(frame.get(4..8)?.try_into().ok()?) as usize;
    let about: Value = serde_json::from_slice(frame.get(8..8 + length)?).ok()?;
    let picture = STANDARD.encode(frame.get(8 + length..)?);
    Some(json!({"node_id": about["node_id"], "content_type": about["image_type"], "data_base64": picture}))
}
