//! The demo endpoint as Comfy API v2, in front of the demo's ComfyUI as `comfy-api-proxy` is in front of a real one.
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v2/jobs` | the job, or what is wrong with its graph; each `Idempotency-Key` is taken once |
//! | `GET /api/v2/jobs`, `/jobs/{id}`, `/jobs/{id}/workflow` | jobs, newest first; one job; its graph |
//! | `GET /api/v2/jobs/{id}/events` | its events ([`events`]) |
//! | `POST /api/v2/jobs/{id}/cancel` | the job |
//! | `POST /api/v2/assets`, `/assets/from-hash` | keeps a file; refers to one that is known |
//! | `GET /api/v2/assets/{id}/content` | a file, or a part of it |

mod assets;
mod events;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::answer::{json_answer, refused};
use super::{Endpoint, MAX_REQUEST, Seen, comfyui};

/// Jobs and files that are remembered.
const REMEMBERED: usize = 1_000;

/// What is known besides ComfyUI's own queue and history.
#[derive(Debug, Default)]
pub(super) struct V2 {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    jobs: IndexMap<String, Job>,
    keys: HashSet<String>,
    /// Files by id.
    assets: IndexMap<String, assets::Asset>,
}

#[derive(Clone, Debug)]
struct Job {
    graph: Value,
    created: String,
}

impl V2 {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a path is this API's.
pub(super) fn serves(path: &str) -> bool {
    path.starts_with("/api/v2/")
}

pub(super) async fn answer(endpoint: Arc<Endpoint>, request: Request) -> Response {
    let uri = request.uri().clone();
    let path = uri.path().trim_start_matches("/api/v2/").trim_matches('/').to_owned();
    let parts: Vec<&str> = path.split('/').collect();
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
    let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let base = format!("http://{host}/api/v2");
    if !is_get && parts == ["assets"] {
        endpoint.saw(seen);
        return assets::store(&endpoint, request, &base).await;
    }
    if is_get {
        endpoint.saw(seen);
        return match parts.as_slice() {
            ["health"] => json_answer(StatusCode::OK, &json!({"status": "healthy"})),
            ["jobs"] => list(&endpoint, uri.query().unwrap_or_default(), &base),
            ["jobs", id] => tell(&endpoint, id, &base),
            ["jobs", id, "workflow"] => match endpoint.v2.known().jobs.get(*id) {
                Some(job) => json_answer(StatusCode::OK, &json!({"workflow": job.graph, "format": "api"})),
                None => not_found(id),
            },
            ["jobs", id, "events"] => events::open(&endpoint, id, &base),
            ["assets", id, "content"] => assets::content(&endpoint, id, &request),
            _ => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let headers = request.headers().clone();
    let Ok(body) = to_bytes(request.into_body(), MAX_REQUEST).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    endpoint.saw(Seen { json: Some(body.clone()), ..seen });
    match parts.as_slice() {
        ["jobs"] => submit(&endpoint, &headers, &body, &base),
        ["jobs", id, "cancel"] => {
            endpoint.comfyui.remove(|prompt| prompt.id == *id);
            endpoint.comfyui.interrupt(Some(id));
            tell(&endpoint, id, &base)
        }
        ["assets", "from-hash"] => assets::from_hash(&endpoint, &body, &base),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An error in the API's own shape.
fn error(status: StatusCode, code: &str, message: &str, details: &Value) -> Response {
    json_answer(status, &json!({"error": {"code": code, "message": message, "details": details}}))
}

fn not_found(id: &str) -> Response {
    error(StatusCode::NOT_FOUND, "not_found", &format!("No job {id}."), &Value::Null)
}

fn submit(endpoint: &Arc<Endpoint>, headers: &HeaderMap, body: &Value, base: &str) -> Response {
    let refused =
        |code, message, details: &Value| error(StatusCode::UNPROCESSABLE_ENTITY, code, message, details);
    let Some(mut graph) = body.get("workflow").filter(|graph| graph.is_object()).cloned() else {
        return refused("invalid_workflow", "Missing 'workflow' (API-format graph).", &Value::Null);
    };
    if graph["nodes"].is_array() {
        let message = "This is a UI-export graph. Export the workflow in API format instead.";
        return refused("workflow_format_ui", message, &Value::Null);
    }
    if let Err(missing) = assets::resolve(endpoint, &mut graph) {
        return refused(
            "missing_asset",
            &format!("Unresolvable core/ASSET reference(s): {missing}"),
            &Value::Null,
        );
    }
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    if key.as_ref().is_some_and(|key| endpoint.v2.known().keys.contains(key)) {
        return refused("idempotency_key_reuse", "This Idempotency-Key has already been used.", &Value::Null);
    }
    let id = uuid::Uuid::new_v4().to_string();
    if let Err(refusal) = comfyui::put(endpoint, graph.as_object(), id.clone(), id.clone()) {
        let message = refusal["error"]["message"].as_str().unwrap_or("Workflow rejected.");
        return refused("invalid_workflow", message, &json!({"node_errors": refusal["node_errors"]}));
    }
    let created = jiff::Timestamp::now().to_string();
    {
        let mut known = endpoint.v2.known();
        known.keys.extend(key);
        known.jobs.insert(id.clone(), Job { graph, created });
        while known.jobs.len() > REMEMBERED {
            known.jobs.shift_remove_index(0);
        }
    }
    json_answer(StatusCode::CREATED, &job(endpoint, &id, base).unwrap_or_default())
}

fn tell(endpoint: &Endpoint, id: &str, base: &str) -> Response {
    match job(endpoint, id, base) {
        Some(job) => json_answer(StatusCode::OK, &job),
        None => not_found(id),
    }
}

fn list(endpoint: &Endpoint, query: &str, base: &str) -> Response {
    let limit = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "limit");
    let limit = limit.and_then(|(_, limit)| limit.parse().ok()).unwrap_or(50);
    let ids: Vec<String> = endpoint.v2.known().jobs.keys().rev().take(limit).cloned().collect();
    let jobs: Vec<Value> = ids.iter().filter_map(|id| job(endpoint, id, base)).collect();
    json_answer(StatusCode::OK, &json!({"jobs": jobs, "truncated": false}))
}

/// A job, as ComfyUI's queue and history have it: expired when they have lost it.
fn job(endpoint: &Endpoint, id: &str, base: &str) -> Option<Value> {
    let created = endpoint.v2.known().jobs.get(id)?.created.clone();
    let history = endpoint.comfyui.history(Some(id));
    let entry = &history[id];
    let (mut place, mut progress, mut outputs, mut failure) =
        (Value::Null, Value::Null, Vec::new(), Value::Null);
    let status = if entry.is_object() {
        outputs = assets::outputs(entry, id, base);
        let messages = entry["status"]["messages"].as_array().cloned().unwrap_or_default();
        let said = |kind: &str| messages.iter().find(|message| message[0] == kind).map(|message| &message[1]);
        match (entry["status"]["status_str"] == "success", said("execution_interrupted")) {
            (true, _) => "succeeded",
            (false, Some(_)) => "canceled",
            (false, None) => {
                let said = said("execution_error").cloned().unwrap_or_default();
                failure = json!({"code": "node_execution_error", "message": said["exception_message"],
                    "node_id": said["node_id"], "class_type": said["node_type"], "traceback": null});
                "failed"
            }
        }
    } else {
        let known = endpoint.comfyui.known();
        if known.running.as_ref().is_some_and(|(_, prompt)| prompt.id == id) {
            progress = json!({"value": 0.0, "nodes_done": 0, "nodes_total": 0});
            "running"
        } else if let Some(before) = known.waiting.iter().position(|(_, prompt)| prompt.id == id) {
            place = json!(before + 1);
            "queued"
        } else {
            "expired"
        }
    };
    let own = format!("{base}/jobs/{id}");
    Some(json!({
        "id": id, "status": status, "created_at": created, "started_at": null, "completed_at": null, "expires_at": created,
        "queue_position": place, "progress": progress, "outputs": outputs, "error": failure, "outputs_reused": false,
        "urls": {"self": own, "events": format!("{own}/events"), "cancel": format!("{own}/cancel")},
    }))
}
