//! The demo endpoint as ComfyUI's own server: a queue that works one prompt after the other, a websocket for each client,
//! previews while it works, a history and the files.
//!
//! | request | answer |
//! |---|---|
//! | `GET /ws?clientId=…` | a websocket ([`socket`]) |
//! | `POST /api/prompt` | the prompt's name and place, or what is wrong with its nodes |
//! | `GET`, `POST /api/queue` | what runs and waits; takes prompts out |
//! | `POST /api/interrupt` | ends the prompt that runs |
//! | `GET /api/history/{id}` | how a prompt ended, and what it made |
//! | `POST /api/upload/image`, `/mask` | keeps a file |
//! | `GET /api/view` | a file |
//! | `GET /api/system_stats`, `/api/features`, `/api/models` | what the server is and has |
//! | `GET /api/object_info` | what its nodes take |
//!
//! Node results are kept from one prompt to the next, as the real one does: what did not change is not done again.

pub(super) mod files;
mod nodes;
mod play;
mod socket;
mod state;

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use super::answer::{json_answer, refused};
use super::request::Received;
use super::{Endpoint, MAX_REQUEST, Seen, graph};

pub(super) use state::Comfyui;
use state::Prompt;

/// Whether a path is this server's.
pub(super) fn serves(path: &str) -> bool {
    const ROUTES: [&str; 11] = [
        "prompt",
        "queue",
        "interrupt",
        "history",
        "upload",
        "view",
        "system_stats",
        "features",
        "models",
        "free",
        "object_info",
    ];
    let route = path.strip_prefix("/api/").map(|rest| rest.split('/').next().unwrap_or_default());
    path == "/ws" || path == "/api/ws" || route.is_some_and(|route| ROUTES.contains(&route))
}

pub(super) async fn answer(endpoint: Arc<Endpoint>, request: Request) -> Response {
    let uri = request.uri().clone();
    let path = uri.path().strip_prefix("/api").unwrap_or(uri.path()).trim_matches('/').to_owned();
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let seen = Seen {
        method: request.method().to_string(),
        target: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        has_credentials: request.headers().contains_key("authorization"),
        ..Seen::default()
    };
    if let Some(refusal) = endpoint.options.fault.as_ref().and_then(refused) {
        endpoint.saw(seen);
        return refusal;
    }
    let (route, rest) = path.split_once('/').unwrap_or((path.as_str(), ""));
    if route == "upload" && !is_get {
        endpoint.saw(seen);
        return files::store(&endpoint, request, rest == "mask").await;
    }
    if route == "ws" {
        endpoint.saw(seen);
        return socket::open(endpoint, request).await;
    }
    if route == "view" && is_get {
        endpoint.saw(seen);
        return files::view(&endpoint, &request);
    }
    if is_get {
        endpoint.saw(seen);
        return tell(&endpoint, route, rest);
    }
    let Ok(body) = to_bytes(request.into_body(), MAX_REQUEST).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    endpoint.saw(Seen { json: Some(body.clone()), ..seen });
    change(&endpoint, route, &body)
}

/// What the server says of itself and its prompts.
fn tell(endpoint: &Endpoint, route: &str, rest: &str) -> Response {
    let server = &endpoint.comfyui;
    let found = match (route, rest) {
        ("prompt", "") => json!({"exec_info": {"queue_remaining": server.remaining()}}),
        ("queue", "") => server.queue(),
        ("history", "") => server.history(None),
        ("history", id) => server.history(Some(id)),
        ("system_stats", "") => system(),
        ("features", "") => json!({"supports_preview_metadata": true, "max_upload_size": 104_857_600}),
        ("models", "") => json!(["checkpoints", "loras"]),
        ("models", "checkpoints") => json!(nodes::CHECKPOINTS),
        ("models", "loras") => json!(nodes::LORAS),
        ("object_info", "") => nodes::object_info(None),
        ("object_info", class) => nodes::object_info(Some(class)),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    json_answer(StatusCode::OK, &found)
}

fn system() -> Value {
    const GIB: u64 = 1 << 30;
    json!({
        "system": {"os": "posix", "ram_total": 64 * GIB, "ram_free": 41 * GIB, "comfyui_version": "demo",
            "python_version": "none", "pytorch_version": "none", "embedded_python": false, "argv": []},
        "devices": [{"name": "no device: the pictures are computed", "type": "cpu", "index": null,
            "vram_total": 24 * GIB, "vram_free": 15 * GIB, "torch_vram_total": 0, "torch_vram_free": 0}],
    })
}

fn change(endpoint: &Arc<Endpoint>, route: &str, body: &Value) -> Response {
    let server = &endpoint.comfyui;
    match route {
        "prompt" => return submit(endpoint, body),
        "queue" if body.get("clear") == Some(&Value::Bool(true)) => server.remove(|_| true),
        "queue" => {
            let ids = body.get("delete").and_then(Value::as_array).cloned().unwrap_or_default();
            server.remove(|prompt| ids.iter().any(|id| id.as_str() == Some(prompt.id.as_str())));
        }
        "interrupt" => server.interrupt(body.get("prompt_id").and_then(Value::as_str)),
        "history" => server.forget(body),
        "free" => server.free(),
        _ => return StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
    StatusCode::OK.into_response()
}

fn submit(endpoint: &Arc<Endpoint>, body: &Value) -> Response {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let id = text("prompt_id").unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let graph = body.get("prompt").and_then(Value::as_object);
    match put(endpoint, graph, id.clone(), text("client_id").unwrap_or_default()) {
        Ok(number) => {
            json_answer(StatusCode::OK, &json!({"prompt_id": id, "number": number, "node_errors": {}}))
        }
        Err(refusal) => json_answer(StatusCode::BAD_REQUEST, &refusal),
    }
}

/// Puts a graph into the queue; the error is the body of the refusal.
pub(super) fn put(
    endpoint: &Arc<Endpoint>,
    graph: Option<&Map<String, Value>>,
    id: String,
    client_id: String,
) -> Result<i64, Value> {
    let refused = |kind: &str, message: &str, details: &str| {
        let error = json!({"type": kind, "message": message, "details": details, "extra_info": {}});
        Err(json!({"error": error, "node_errors": {}}))
    };
    let Some(graph) = graph else {
        return refused("no_prompt", "No prompt provided", "No prompt provided");
    };
    if let Some((id, _)) = graph.iter().find(|(_, node)| node.get("class_type").is_none()) {
        let message = "Cannot execute because a node is missing the class_type property.";
        return refused("invalid_prompt", message, &format!("Node ID '#{id}'"));
    }
    if !graph.values().any(|node| node["class_type"] == "SaveImage") {
        return refused("prompt_no_outputs", "Prompt has no outputs", "");
    }
    let workflow = Some(Value::Object(graph.clone()));
    let plan = graph::plan(&Received { workflow, ..Received::default() })?;
    let number = endpoint.comfyui.put(Prompt { id, client_id, graph: graph.clone(), plan });
    play::begin(endpoint);
    Ok(number)
}
