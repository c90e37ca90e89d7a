//! A server that does what its test says, step by step.

use std::collections::HashMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fake_server::{Asked, FakeServer, asked, cut, uploaded};

/// What the server answers to a graph.
#[derive(Clone, Debug)]
pub(super) enum OnJob {
    Take,
    Answer(u16, Value),
    /// It goes into the queue, and the connection breaks before the reply.
    TakeAndCut,
    /// The connection breaks, and nothing was taken.
    Cut,
}

/// Fields, file name and content of an uploaded file.
pub(super) type Upload = (HashMap<String, String>, String, Vec<u8>);

#[derive(Default)]
pub(super) struct Known {
    /// Replies to graphs, in turn; after the last of them graphs are taken.
    pub replies: Vec<OnJob>,
    /// Submitted bodies, with their keys.
    pub sent: Vec<(Value, String)>,
    /// Jobs by id, newest last.
    pub jobs: Vec<(String, Value)>,
    pub graphs: HashMap<String, Value>,
    /// Files by path.
    pub files: HashMap<String, Vec<u8>>,
    pub uploads: Vec<Upload>,
    /// Hashes of files that the server has.
    pub hashes: Vec<String>,
    /// Every request: method, path with query, headers.
    pub requests: Vec<Asked>,
    /// Responses to requests of this path, in place of the usual ones.
    pub odd: HashMap<String, (u16, Value)>,
    streams: Vec<mpsc::UnboundedSender<Option<Bytes>>>,
    /// Streams so far.
    pub opened: usize,
}

pub(super) type Fake = FakeServer<Known>;

impl Fake {
    pub(super) async fn start() -> Self {
        Self::serve("", |fake| Router::new().fallback(answer).with_state(fake)).await
    }

    /// Waits until a graph came and its events are read. Returns the job's id.
    pub(super) async fn begin(&self) -> String {
        self.until("a stream", |known| known.opened > 0).await;
        let id = self.known().jobs.last().expect("a job").0.clone();
        self.set(&id, json!({"status": "running"}));
        id
    }

    /// Changes fields of a job.
    pub(super) fn set(&self, id: &str, fields: Value) {
        self.change(|known| {
            let (_, job) = known.jobs.iter_mut().find(|(known, _)| known == id).expect("a job");
            for (name, value) in fields.as_object().expect("fields") {
                job[name] = value.clone();
            }
        });
    }

    /// A job is done with one file.
    pub(super) fn finish(&self, id: &str) {
        self.known().files.insert("/file/a.png".to_owned(), b"picture".to_vec());
        let output = json!({"node_id": "9", "name": "a.png", "content_type": "image/png", "size_bytes": 7,
            "url": format!("{}/file/a.png?sig=s", self.url)});
        self.set(id, json!({"status": "succeeded", "outputs": [output], "metrics": {"execution_ms": 2_500}}));
    }

    /// Says something on every stream.
    pub(super) fn say(&self, event: &str, data: &Value) {
        self.raw(&format!("event: {event}\ndata: {data}\n\n"));
    }

    pub(super) fn raw(&self, text: &str) {
        let bytes = Bytes::from(text.to_owned());
        self.known().streams.retain(|stream| stream.send(Some(bytes.clone())).is_ok());
    }

    /// Ends all streams.
    pub(super) fn cut(&self) {
        for stream in std::mem::take(&mut self.known().streams) {
            let _ = stream.send(None);
        }
    }

    /// A new job with this graph.
    pub(super) fn put(&self, graph: Value) -> String {
        let mut id = String::new();
        self.change(|known| {
            id = format!("00000000-0000-4000-8000-{:012}", known.jobs.len());
            let own = format!("/api/v2/jobs/{id}");
            let job = json!({"id": id, "status": "queued", "created_at": "2026-11-23T08:58:46Z", "outputs": [],
                "queue_position": null, "progress": null, "error": null,
                "urls": {"self": own, "events": format!("{own}/events"), "cancel": format!("{own}/cancel")}});
            known.jobs.push((id.clone(), job));
            known.graphs.insert(id.clone(), graph);
        });
        id
    }
}

fn said(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}

fn not_found() -> Response {
    said(404, &json!({"error": {"code": "not_found", "message": "not here", "details": null}}))
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let asked = asked(&request);
    let (method, path) = (asked.0.clone(), request.uri().path().to_owned());
    let key = asked.2.get("idempotency-key").cloned().unwrap_or_default();
    fake.change(|known| known.requests.push(asked));
    let odd = fake.known().odd.get(&format!("{method} {path}")).cloned();
    if let Some((status, body)) = odd {
        return said(status, &body);
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("POST", ["api", "v2", "jobs"]) => {
            let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
            submit(&fake, serde_json::from_slice(&body).expect("JSON"), key)
        }
        ("POST", ["api", "v2", "assets"]) => upload(&fake, request).await,
        ("POST", ["api", "v2", "assets", "from-hash"]) => {
            let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            let hash = body["hash"].as_str().expect("a hash").to_owned();
            if fake.known().hashes.contains(&hash) {
                said(200, &json!({"id": format!("asset of {hash}")}))
            } else {
                not_found()
            }
        }
        ("POST", ["api", "v2", "jobs", id, "cancel"]) => match job(&fake, id) {
            Some(job) => said(200, &job),
            None => not_found(),
        },
        ("GET", ["api", "v2", "jobs"]) => {
            let jobs: Vec<Value> = fake.known().jobs.iter().rev().map(|(_, job)| job.clone()).collect();
            said(200, &json!({"jobs": jobs, "truncated": false}))
        }
        ("GET", ["api", "v2", "jobs", id]) => job(&fake, id).map_or_else(not_found, |job| said(200, &job)),
        ("GET", ["api", "v2", "jobs", id, "workflow"]) => match fake.known().graphs.get(*id) {
            Some(graph) => said(200, &json!({"workflow": graph, "format": "api"})),
            None => not_found(),
        },
        ("GET", ["api", "v2", "jobs", id, "events"]) if job(&fake, id).is_some() => stream(&fake),
        ("GET", _) => match fake.known().files.get(&path) {
            Some(content) => content.clone().into_response(),
            None => not_found(),
        },
        _ => not_found(),
    }
}

fn job(fake: &Fake, id: &str) -> Option<Value> {
    fake.known().jobs.iter().find(|(known, _)| known == id).map(|(_, job)| job.clone())
}

fn submit(fake: &Fake, body: Value, key: String) -> Response {
    let reply = {
        let mut known = fake.known();
        if known.replies.is_empty() { OnJob::Take } else { known.replies.remove(0) }
    };
    let is_new = !fake.known().sent.iter().any(|(_, known)| *known == key && !key.is_empty());
    let is_taken = fake.known().graphs.values().any(|graph| *graph == body["workflow"]);
    fake.change(|known| known.sent.push((body.clone(), key)));
    if !is_new && is_taken {
        return said(
            422,
            &json!({"error": {"code": "idempotency_key_reuse", "message": "used", "details": null}}),
        );
    }
    match reply {
        OnJob::Take => {
            let id = fake.put(body["workflow"].clone());
            said(201, &job(fake, &id).expect("a job"))
        }
        OnJob::Answer(status, body) => {
            let mut answer = said(status, &body);
            if status == 429 {
                answer.headers_mut().insert("retry-after", 0.into());
            }
            answer
        }
        OnJob::TakeAndCut => {
            fake.put(body["workflow"].clone());
            cut()
        }
        OnJob::Cut => cut(),
    }
}

async fn upload(fake: &Fake, request: Request) -> Response {
    let (fields, name, content) = uploaded(request).await;
    let id = format!("asset of {name}");
    fake.change(|known| {
        known.hashes.push(fields["expected_hash"].clone());
        known.uploads.push((fields, name, content));
    });
    said(201, &json!({"id": id, "hash": null}))
}

fn stream(fake: &Fake) -> Response {
    let (sink, frames) = mpsc::unbounded_channel::<Option<Bytes>>();
    let _ = sink.send(Some(Bytes::from_static(b": hello\n\n")));
    fake.change(|known| {
        known.streams.push(sink);
        known.opened += 1;
    });
    let body = stream::unfold(frames, async |mut frames| {
        let frame = frames.recv().await.flatten()?;
        Some((Ok::<_, std::convert::Infallible>(frame), frames))
    });
    ([("content-type", "text/event-stream")], Body::from_stream(body)).into_response()
}
