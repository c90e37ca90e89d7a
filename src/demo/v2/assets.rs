//! Files that are sent, known by the hash of their content, and files that are fetched.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{REMEMBERED, error};
use crate::demo::Endpoint;
use crate::demo::answer::json_answer;
use crate::demo::comfyui::files;
use crate::domain::media;

/// A file that was sent.
#[derive(Clone, Debug)]
pub(super) struct Asset {
    id: String,
    hash: String,
    /// Its name in ComfyUI's input folder.
    name: String,
    size: usize,
    content_type: String,
}

impl Asset {
    fn json(&self, base: &str, is_new: bool) -> Value {
        json!({"id": self.id, "hash": self.hash, "size_bytes": self.size, "content_type": self.content_type,
            "file_path": self.name, "url": format!("{base}/assets/{}/content", self.id), "created_new": is_new})
    }
}

/// Keeps a file.
pub(super) async fn store(endpoint: &Endpoint, request: Request, base: &str) -> Response {
    let invalid = |message| error(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", message, &Value::Null);
    let Ok(mut parts) = Multipart::from_request(request, &()).await else {
        return invalid("Expected multipart/form-data.");
    };
    let (mut content, mut path, mut expected) = (None, String::new(), String::new());
    while let Ok(Some(part)) = parts.next_field().await {
        let field = part.name().unwrap_or_default().to_owned();
        let Ok(bytes) = part.bytes().await else { return StatusCode::BAD_REQUEST.into_response() };
        match field.as_str() {
            "file" => content = Some(bytes),
            "file_path" => path = String::from_utf8_lossy(&bytes).into_owned(),
            "expected_hash" => expected = String::from_utf8_lossy(&bytes).into_owned(),
            _ => {}
        }
    }
    let Some(content) = content.filter(|_| !path.is_empty() && !path.contains("..")) else {
        return invalid("Missing 'file' or 'file_path'.");
    };
    let hash = format!("blake3:{}", blake3::hash(&content));
    if !expected.is_empty() && expected != hash {
        return error(
            StatusCode::CONFLICT,
            "hash_mismatch",
            "Client-declared hash does not match.",
            &Value::Null,
        );
    }
    if let Some(known) = by_hash(endpoint, &hash) {
        return json_answer(StatusCode::OK, &known.json(base, false));
    }
    let asset = Asset {
        id: uuid::Uuid::new_v4().to_string(),
        hash,
        size: content.len(),
        content_type: media::content_type(&path, &content).to_owned(),
        name: files::keep(&endpoint.comfyui, "", &path, content),
    };
    let mut known = endpoint.v2.known();
    known.assets.insert(asset.id.clone(), asset.clone());
    while known.assets.len() > REMEMBERED {
        known.assets.shift_remove_index(0);
    }
    json_answer(StatusCode::CREATED, &asset.json(base, true))
}

/// Refers to a file that is known.
pub(super) fn from_hash(endpoint: &Endpoint, body: &Value, base: &str) -> Response {
    match body["hash"].as_str().and_then(|hash| by_hash(endpoint, hash)) {
        Some(asset) => json_answer(StatusCode::OK, &asset.json(base, false)),
        None => error(StatusCode::NOT_FOUND, "blob_not_found", "No such blob.", &Value::Null),
    }
}

fn by_hash(endpoint: &Endpoint, hash: &str) -> Option<Asset> {
    endpoint.v2.known().assets.values().find(|asset| asset.hash == hash).cloned()
}

/// Puts the names of files in place of what refers to them; the error names what is not known.
pub(super) fn resolve(endpoint: &Arc<Endpoint>, graph: &mut Value) -> Result<(), String> {
    for node in graph.as_object_mut().into_iter().flat_map(|graph| graph.values_mut()) {
        for value in node["inputs"].as_object_mut().into_iter().flat_map(|inputs| inputs.values_mut()) {
            if value["__type"] == "core/ASSET" {
                let id = value["info"]["id"].as_str().unwrap_or("<no id>").to_owned();
                let known = endpoint.v2.known();
                *value = Value::String(known.assets.get(&id).ok_or(id)?.name.clone());
            }
        }
    }
    Ok(())
}

/// The files of a job: their ids say where they are.
pub(super) fn outputs(entry: &Value, job: &str, base: &str) -> Vec<Value> {
    let mut outputs = Vec::new();
    for (node, output) in entry["outputs"].as_object().into_iter().flatten() {
        for file in output["images"].as_array().into_iter().flatten() {
            let id = URL_SAFE_NO_PAD.encode(file.to_string());
            outputs.push(json!({
                "node_id": node, "name": file["filename"], "type": "image", "content_type": "image/png", "size_bytes": 0,
                "id": id, "hash": null, "url": format!("{base}/assets/{id}/content"), "job_id": job,
            }));
        }
    }
    outputs
}

/// Gives a file, or a part of it.
pub(super) fn content(endpoint: &Endpoint, id: &str, request: &Request) -> Response {
    let sent = endpoint
        .v2
        .known()
        .assets
        .get(id)
        .map(|asset| ("input".to_owned(), String::new(), asset.name.clone()));
    let made = || {
        let file: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
        let text = |name: &str| file[name].as_str().map(str::to_owned);
        Some((text("type")?, text("subfolder")?, text("filename")?))
    };
    let found: Option<(String, Bytes)> = sent.or_else(made).and_then(|(kind, folder, name)| {
        let content = endpoint.comfyui.file(&kind, &folder, &name)?;
        Some((name, content))
    });
    match found {
        Some((name, content)) => files::given(&name, &content, request),
        None => error(StatusCode::NOT_FOUND, "not_found", "Unknown asset id.", &Value::Null),
    }
}
