//! The websocket of a client.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::state;
use crate::demo::Endpoint;

/// Frames that wait for one client. Behind them everything waits, as it does with the real one.
const WAITING: usize = 64;

/// Answers the request for a websocket.
pub(super) async fn open(endpoint: Arc<Endpoint>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if endpoint.comfyui.known().closed_until.is_some_and(|until| Instant::now() < until) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let name =
        form_urlencoded::parse(query).find(|(name, _)| name == "clientId").map(|(_, id)| id.into_owned());
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| Uuid::new_v4().simple().to_string());
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.on_upgrade(async move |socket| live(&endpoint, &name, socket).await),
        Err(why) => why.into_response(),
    }
}

async fn live(endpoint: &Endpoint, name: &str, mut socket: WebSocket) {
    let (frames, mut waiting) = mpsc::channel(WAITING);
    let server = &endpoint.comfyui;
    let describes = server.join(name, frames);
    let mut status = state::status(server.remaining());
    status["sid"] = json!(name);
    let mut hello = vec![json!({"type": "status", "data": status})];
    let at_work = server.known().running.as_ref().map(|(_, prompt)| prompt.client_id == name);
    if at_work == Some(true) {
        // Without the prompt's name, as the real one says it.
        hello.push(json!({"type": "executing", "data": {"node": "3"}}));
    }
    for frame in hello {
        if socket.send(Message::text(frame.to_string())).await.is_err() {
            return server.leave(name);
        }
    }
    let mut is_first = true;
    loop {
        tokio::select! {
            frame = waiting.recv() => match frame {
                Some(frame) => if socket.send(frame).await.is_err() { break },
                // A newer one of the name, or the server is gone.
                None => break,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let said: Value = serde_json::from_str(&text).unwrap_or_default();
                    if std::mem::take(&mut is_first) && said["type"] == "feature_flags" {
                        let is_wanted = said["data"]["supports_preview_metadata"] == true;
                        describes.store(is_wanted, Ordering::Relaxed);
                        let flags = json!({"supports_preview_metadata": true, "max_upload_size": 104_857_600});
                        let answer = json!({"type": "feature_flags", "data": flags}).to_string();
                        if socket.send(Message::text(answer)).await.is_err() { break }
                    }
                }
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
        }
    }
    server.leave(name);
}
