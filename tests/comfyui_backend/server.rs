//! A server that does what its test says, step by step.

use std::collections::HashMap;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fake_server::{Asked, FakeServer, asked, cut, uploaded};

/// What the server answers to a graph.
#[derive(Clone, Debug, Default)]
pub(super) enum OnPrompt {
    /// It goes into the queue.
    #[default]
    Take,
    Answer(u16, String),
    /// It goes into the queue, and the connection breaks before the reply.
    TakeAndCut,
    /// The connection breaks, and nothing was taken.
    Cut,
}

/// Route, fields, file name and content of an uploaded file.
pub(crate) type Upload = (String, HashMap<String, String>, String, Vec<u8>);

#[derive(Default)]
pub(super) struct Known {
    pub on_prompt: OnPrompt,
    /// Graphs that came, with all that came along.
    pub prompts: Vec<Value>,
    pub waiting: Vec<String>,
    pub running: Vec<String>,
    pub history: HashMap<String, Value>,
    pub files: HashMap<String, Vec<u8>>,
    /// Where a file is said to be, instead of here.
    pub view_elsewhere: Option<String>,
    /// Uploads: route, fields, file name, content.
    pub uploads: Vec<Upload>,
    /// Every request: method, path with query, headers.
    pub requests: Vec<Asked>,
    /// Bodies of interrupts and of what was done to the queue.
    pub asked: Vec<(String, Value)>,
    sockets: Vec<mpsc::UnboundedSender<Option<Message>>>,
    /// Frames that left, and connections so far.
    pub sent: usize,
    pub connections: usize,
    /// First frames of clients.
    pub hellos: Vec<String>,
    pub closed: bool,
}

pub(super) type Fake = FakeServer<Known>;

impl Fake {
    pub(super) async fn start() -> Self {
        Self::below("").await
    }

    /// Behind a path, as a reverse proxy puts it there.
    pub(super) async fn below(prefix: &str) -> Self {
        let prefix = prefix.to_owned();
        Self::serve(&prefix.clone(), |fake| Router::new().fallback(answer).with_state((fake, prefix))).await
    }

    /// Waits until a graph came, and puts it to work.
    pub(super) async fn begin(&self) -> Value {
        self.until("a prompt", |known| !known.waiting.is_empty()).await;
        let mut known = self.known();
        let id = known.waiting.remove(0);
        known.running = vec![id];
        known.prompts.last().cloned().unwrap_or_default()
    }

    /// The prompt that runs is over.
    pub(super) fn finish(&self, status: &str, messages: &Value, outputs: &Value) {
        let mut known = self.known();
        for id in std::mem::take(&mut known.running) {
            let status =
                json!({"status_str": status, "completed": status == "success", "messages": messages});
            known.history.insert(id, json!({"prompt": [], "outputs": outputs, "status": status}));
        }
    }

    /// Says something to every client.
    pub(super) fn say(&self, kind: &str, data: Value) {
        self.send(Message::text(json!({"type": kind, "data": data}).to_string()));
    }

    pub(super) fn send(&self, frame: Message) {
        self.known().sockets.retain(|socket| socket.send(Some(frame.clone())).is_ok());
    }

    /// Breaks all websockets.
    pub(super) fn cut(&self) {
        for socket in std::mem::take(&mut self.known().sockets) {
            let _ = socket.send(None);
        }
    }
}

async fn answer(State((fake, prefix)): State<(Fake, String)>, request: Request) -> Response {
    let asked = asked(&request);
    let method = asked.0.clone();
    fake.change(|known| known.requests.push(asked));
    let Some(path) = request.uri().path().strip_prefix(prefix.as_str()).map(str::to_owned) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match (method.as_str(), path.as_str()) {
        ("GET", "/ws") => socket(fake, request).await,
        ("GET", "/api/queue") => {
            let known = fake.known();
            let item = |id: &String| json!([1, id, {}, {}, []]);
            let list = |ids: &[String]| ids.iter().map(item).collect::<Vec<_>>();
            let queue = json!({"queue_running": list(&known.running), "queue_pending": list(&known.waiting)});
            queue.to_string().into_response()
        }
        ("GET", "/api/view") if fake.known().view_elsewhere.is_some() => {
            let to = fake.known().view_elsewhere.clone().unwrap_or_default();
            (StatusCode::FOUND, [("location", to)]).into_response()
        }
        ("GET", "/api/view") => {
            let query = request.uri().query().unwrap_or_default().to_owned();
            match fake.known().files.get(&query) {
                Some(content) => content.clone().into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
            }
        }
        ("GET", path) => match path.strip_prefix("/api/history/") {
            Some(id) => {
                let known = fake.known();
                let entry = known.history.get(id);
                entry.map_or_else(|| json!({}), |entry| json!({id: entry})).to_string().into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        },
        ("POST", path) if path.starts_with("/api/upload/") => upload(&fake, path.to_owned(), request).await,
        ("POST", path) => {
            let body = to_bytes(request.into_body(), usize::MAX).await.expect("a body");
            let body: Value = serde_json::from_slice(&body).expect("JSON");
            if path == "/api/prompt" { prompt(&fake, body).await } else { change(&fake, path, body) }
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn prompt(fake: &Fake, body: Value) -> Response {
    let id = body["prompt_id"].as_str().unwrap_or_default().to_owned();
    let on_prompt = fake.known().on_prompt.clone();
    fake.change(|known| {
        known.prompts.push(body);
        if matches!(on_prompt, OnPrompt::Take | OnPrompt::TakeAndCut) {
            known.waiting.push(id.clone());
        }
    });
    match on_prompt {
        OnPrompt::Take => {
            json!({"prompt_id": id, "number": 1, "node_errors": {}}).to_string().into_response()
        }
        OnPrompt::Answer(status, body) => {
            (StatusCode::from_u16(status).expect("a status"), body).into_response()
        }
        // What breaks inside of an answer breaks the connection.
        OnPrompt::TakeAndCut | OnPrompt::Cut => cut(),
    }
}

fn change(fake: &Fake, path: &str, body: Value) -> Response {
    fake.change(|known| {
        for id in body["delete"].as_array().into_iter().flatten() {
            known.waiting.retain(|waiting| Some(waiting.as_str()) != id.as_str());
        }
        known.asked.push((path.to_owned(), body));
    });
    if path == "/api/queue" {
        fake.say("status", json!({"status": {"exec_info": {"queue_remaining": 0}}}));
    }
    StatusCode::OK.into_response()
}

async fn upload(fake: &Fake, path: String, request: Request) -> Response {
    let (fields, name, content) = uploaded(request).await;
    // As when another file of the name is there.
    let stored = name.replace('.', " (1).");
    fake.change(|known| known.uploads.push((path, fields, name, content)));
    json!({"name": stored, "subfolder": "", "type": "input"}).to_string().into_response()
}

async fn socket(fake: Fake, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    if fake.known().closed {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await.expect("an upgrade");
    upgrade.on_upgrade(async move |mut socket| {
        let status =
            json!({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "x"}});
        let _ = socket.send(Message::text(status.to_string())).await;
        let Some(Ok(Message::Text(hello))) = socket.recv().await else { return };
        let (frames, mut waiting) = mpsc::unbounded_channel();
        fake.change(|known| {
            known.hellos.push(hello.to_string());
            known.sockets.push(frames);
            known.connections += 1;
        });
        loop {
            tokio::select! {
                frame = waiting.recv() => {
                    let Some(Some(frame)) = frame else { return };
                    if socket.send(frame).await.is_err() {
                        return;
                    }
                    fake.change(|known| known.sent += 1);
                }
                message = socket.recv() => if !matches!(message, Some(Ok(_))) { return },
            }
        }
    })
}
