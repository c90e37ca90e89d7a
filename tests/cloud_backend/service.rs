//! A service whose Socket.IO another hand than ours wrote (socketioxide), driven step by step by a test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Multipart, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};

use super::LONG;

/// A run that was sent, and waits for its reply.
pub(super) struct Submit {
    pub fields: HashMap<String, String>,
    pub files: Vec<(String, String, Vec<u8>)>,
    answer: oneshot::Sender<(u16, String)>,
}

impl Submit {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or_else(|| panic!("no {name}: {:?}", self.fields), String::as_str)
    }

    pub(super) fn answer(self, status: u16, body: &Value) {
        self.answer.send((status, body.to_string())).expect("somebody who waits");
    }

    /// As the service does it.
    pub(super) fn take(self) {
        let body =
            json!({"data": {"prompt_id": self.field("prompt_id"), "message": "queued", "workflow": {}}});
        self.answer(201, &body);
    }
}

/// What the service knows and what it does.
#[derive(Default)]
pub(super) struct Facts {
    /// By prompt id.
    pub records: HashMap<String, Value>,
    /// No prompt ids in the service's eyes: records are answered so when one of these is asked for.
    pub no_ids: HashMap<String, u16>,
    /// How records are answered, when not as they should be.
    pub records_status: Option<u16>,
    /// How a cancel is answered: the first shape, the second.
    pub cancels: [u16; 2],
    pub subscribe: u16,
    /// The socket says so to whoever comes.
    pub refuse: Option<&'static str>,
    /// Bodies of cancels.
    pub cancelled: Vec<Value>,
    pub subscribed: Vec<String>,
    /// Who asked for a socket.
    pub auths: Vec<Value>,
    /// Files of the storage host by path, and how it is answered.
    pub files: HashMap<String, (u16, Vec<u8>)>,
    /// Headers of requests to the storage host.
    pub fetched: Vec<(String, HeaderMap)>,
    /// Requests without the credentials.
    pub strangers: usize,
    sockets: Vec<SocketRef>,
}

type Shared = Arc<Inner>;

struct Inner {
    facts: Mutex<Facts>,
    /// Queries for records.
    asked: watch::Sender<Vec<String>>,
    submits: mpsc::UnboundedSender<Submit>,
    sids: mpsc::UnboundedSender<String>,
}

pub(super) struct Service {
    pub url: String,
    /// Where outputs lie: another origin.
    pub storage: String,
    inner: Shared,
    submits: mpsc::UnboundedReceiver<Submit>,
    sids: mpsc::UnboundedReceiver<String>,
}

impl Service {
    pub(super) async fn start() -> Self {
        Self::with_socket(true).await
    }

    /// With a socket, or as one behind a proxy that lets none through.
    pub(super) async fn with_socket(has_socket: bool) -> Self {
        let (submits, submitted) = mpsc::unbounded_channel();
        let (sids, connected) = mpsc::unbounded_channel();
        let facts = Facts { cancels: [201, 201], subscribe: 404, ..Facts::default() };
        let asked = watch::channel(Vec::new()).0;
        let inner = Arc::new(Inner { facts: Mutex::new(facts), asked, submits, sids });
        let router = Router::new()
            .route("/api/workflow/infer", post(submit))
            .route("/api/workflow/infer/", get(records))
            .route("/api/workflow/infer/cancel", post(cancel))
            .route("/api/workflow/infer/subscribe/{sid}", post(subscribe))
            .with_state(Arc::clone(&inner));
        let router = if has_socket { router.layer(socket(&inner)) } else { router };
        let url = serve(router).await;
        let storage = serve(Router::new().fallback(get(file)).with_state(Arc::clone(&inner))).await;
        Self { url, storage, inner, submits: submitted, sids: connected }
    }

    pub(super) fn facts<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        change(&mut self.inner.facts.lock().expect("whole"))
    }

    /// The next run that is sent.
    pub(super) async fn submitted(&mut self) -> Submit {
        tokio::time::timeout(LONG, self.submits.recv()).await.expect("a run in time").expect("a run")
    }

    /// Nobody has sent anything more.
    pub(super) fn nothing_sent(&mut self) {
        assert!(self.submits.try_recv().is_err(), "something was sent");
    }

    /// The next socket that is let in.
    pub(super) async fn connected(&mut self) -> String {
        tokio::time::timeout(LONG, self.sids.recv()).await.expect("a socket in time").expect("a socket")
    }

    pub(super) fn emit(&self, sid: &str, event: &str, payload: &Value) {
        self.socket(sid).emit(event, payload).expect("emitted");
    }

    /// As [`Self::emit`], where the client may be so slow that the server's own queue is full.
    pub(super) async fn emit_in_time(&self, sid: &str, event: &str, payload: &Value) {
        let socket = self.socket(sid);
        let emitted = async {
            while socket.emit(event, payload).is_err() {
                assert!(socket.connected(), "the socket broke");
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, emitted).await.expect("room in time");
    }

    /// Puts a client out.
    pub(super) fn hang_up(&self, sid: &str) {
        self.socket(sid).disconnect().expect("hung up");
    }

    pub(super) fn is_connected(&self, sid: &str) -> bool {
        self.socket(sid).connected()
    }

    fn socket(&self, sid: &str) -> SocketRef {
        self.facts(|facts| {
            facts.sockets.iter().find(|socket| socket.id.to_string() == sid).expect(sid).clone()
        })
    }

    pub(super) fn record(&self, prompt_id: &str, record: Value) {
        self.facts(|facts| facts.records.insert(prompt_id.to_owned(), record));
    }

    /// Waits until records were asked for so often.
    pub(super) async fn asked(&self, times: usize) -> Vec<String> {
        let mut asked = self.inner.asked.subscribe();
        let found = tokio::time::timeout(LONG, asked.wait_for(|asked| asked.len() >= times)).await;
        found.expect("asked in time").expect("asked").clone()
    }

    pub(super) fn asked_so_far(&self) -> usize {
        self.inner.asked.borrow().len()
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn socket(inner: &Shared) -> socketioxide::layer::SocketIoLayer {
    let (layer, io) = SocketIo::new_layer();
    let (checked, welcomed) = (Arc::clone(inner), Arc::clone(inner));
    let check = move |_: SocketRef, TryData(auth): TryData<Value>| {
        let inner = Arc::clone(&checked);
        async move {
            let mut facts = inner.facts.lock().expect("whole");
            facts.auths.push(auth.unwrap_or_default());
            facts.refuse.map_or(Ok(()), Err)
        }
    };
    let welcome = move |socket: SocketRef| {
        let inner = Arc::clone(&welcomed);
        async move {
            let sid = socket.id.to_string();
            inner.facts.lock().expect("whole").sockets.push(socket);
            inner.sids.send(sid).expect("a test");
        }
    };
    io.ns("/", welcome.with(check));
    layer
}

fn is_known(inner: &Inner, headers: &HeaderMap) -> bool {
    let given = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = (given("client_id"), given("client_secret")) == (Some("id-of-ours"), Some("hush-hush"));
    inner.facts.lock().expect("whole").strangers += usize::from(!is_known);
    is_known
}

fn answer(status: u16, body: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/json")], body.to_owned()).into_response()
}

async fn submit(State(inner): State<Shared>, headers: HeaderMap, mut form: Multipart) -> Response {
    if !is_known(&inner, &headers) {
        return answer(401, r#"{"detail": "who are you?"}"#);
    }
    let (mut fields, mut files) = (HashMap::new(), Vec::new());
    while let Some(field) = form.next_field().await.expect("a part") {
        let name = field.name().expect("a name").to_owned();
        match field.file_name().map(str::to_owned) {
            Some(file) => files.push((name, file, field.bytes().await.expect("a file").to_vec())),
            None => {
                fields.insert(name, field.text().await.expect("a text"));
            }
        }
    }
    let (answered, reply) = oneshot::channel();
    inner.submits.send(Submit { fields, files, answer: answered }).unwrap_or_else(|_| panic!("no test"));
    match reply.await {
        Ok((status, body)) => answer(status, &body),
        // The test has gone on without one.
        Err(_) => std::future::pending().await,
    }
}

async fn records(State(inner): State<Shared>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let is_known = is_known(&inner, &headers);
    let query = query.unwrap_or_default();
    let ids: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, id)| {
            assert_eq!(name, "prompt_ids");
            id.into_owned()
        })
        .collect();
    let (status, found) = {
        let facts = inner.facts.lock().expect("whole");
        let found: Vec<Value> = ids.iter().filter_map(|id| facts.records.get(id).cloned()).collect();
        let status = ids.iter().find_map(|id| facts.no_ids.get(id).copied()).or(facts.records_status);
        (if is_known { status } else { Some(401) }, found)
    };
    inner.asked.send_modify(|asked| asked.push(ids.join("&")));
    match status {
        Some(status) => answer(status, r#"{"detail": "not now: hush-hush"}"#),
        None => answer(200, &Value::Array(found).to_string()),
    }
}

async fn cancel(State(inner): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let is_known = is_known(&inner, &headers);
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let mut facts = inner.facts.lock().expect("whole");
    let status = facts.cancels[usize::from(body.get("promptId").is_some())];
    facts.cancelled.push(body);
    answer(if is_known { status } else { 401 }, r#"{"detail": [{"loc": ["body"], "msg": "not like this"}]}"#)
}

async fn subscribe(State(inner): State<Shared>, headers: HeaderMap, Path(sid): Path<String>) -> Response {
    let is_known = is_known(&inner, &headers);
    let mut facts = inner.facts.lock().expect("whole");
    facts.subscribed.push(sid);
    answer(if is_known { facts.subscribe } else { 401 }, "{}")
}

async fn file(State(inner): State<Shared>, headers: HeaderMap, uri: Uri) -> Response {
    let mut facts = inner.facts.lock().expect("whole");
    facts.fetched.push((uri.path().to_owned(), headers));
    match facts.files.get(uri.path()) {
        Some((status, bytes)) => {
            (StatusCode::from_u16(*status).expect("a status"), bytes.clone()).into_response()
        }
        None => answer(404, "{}"),
    }
}
