//! The demo endpoint as the cloud API, as the vendor's clients would use it: text by text, without our own client.

use std::time::Duration;

use comfydeck::demo::{self, CloudFault, DemoOptions, Fault, Seen};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

/// Longer than anything here takes; a test that comes to it has failed.
const LONG: Duration = Duration::from_secs(20);

/// The deployment that runs are sent to.
const DEPLOYMENT: &str = "http://127.0.0.1/demo";

/// The service and one of its clients.
struct Api {
    base: String,
    http: Client,
    client_id: &'static str,
    seen: mpsc::UnboundedReceiver<Seen>,
}

async fn start(options: DemoOptions) -> Api {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, seen) = mpsc::unbounded_channel();
    tokio::spawn(demo::serve(listener, DemoOptions { seen: Some(tell), ..options }));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Client::builder().no_proxy().build().expect("a client");
    Api { base, http, client_id: "someone", seen }
}

/// Enough steps that a run goes on until it is stopped.
fn endless() -> DemoOptions {
    DemoOptions { step: Duration::from_secs(3_600), ..DemoOptions::quick() }
}

/// A small picture in few steps, of a prompt.
fn params(prompt: &str) -> Value {
    json!({"6-inputs-text": prompt, "3-inputs-seed": 7, "3-inputs-steps": 4, "5-inputs-width": 64, "5-inputs-height": 64})
}

fn name() -> String {
    Uuid::new_v4().to_string()
}

impl Api {
    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        request.header("client_id", self.client_id).header("client_secret", "hush")
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        let request = self.http.post(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/json").body(body.to_string());
        self.signed(request).send().await.expect("an answer")
    }

    fn form(&self, prompt_id: &str, sid: Option<&str>, prompt: &str) -> RequestBuilder {
        let form = Form::new()
            .text("prompt_id", prompt_id.to_owned())
            .text("view_comfy_api_url", DEPLOYMENT)
            .text("params", params(prompt).to_string());
        let form = match sid {
            Some(sid) => form.text("sid", sid.to_owned()),
            None => form,
        };
        self.signed(self.http.post(format!("{}/api/workflow/infer", self.base)).multipart(form))
    }

    async fn submit(&self, prompt_id: &str, sid: Option<&str>, prompt: &str) -> Value {
        let answer = self.form(prompt_id, sid, prompt).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::CREATED);
        value(answer).await
    }

    async fn records(&self, prompt_ids: &[&str]) -> Response {
        let query: Vec<String> = prompt_ids.iter().map(|id| format!("prompt_ids={id}")).collect();
        let url = format!("{}/api/workflow/infer/?{}", self.base, query.join("&"));
        self.signed(self.http.get(url)).send().await.expect("an answer")
    }

    async fn record(&self, prompt_id: &str) -> Value {
        let answer = self.records(&[prompt_id]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        value(answer).await[0].take()
    }

    /// Reads a record until it says so.
    async fn record_that(&self, prompt_id: &str, says: impl Fn(&Value) -> bool) -> Value {
        let reading = async {
            loop {
                let record = self.record(prompt_id).await;
                if says(&record) {
                    return record;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, reading).await.expect("a record that says so")
    }

    async fn socket(&self) -> Socket {
        let mut socket = self.open().await;
        let auth = json!({"client_id": self.client_id, "client_secret": "hush"});
        socket.say(&format!("40{auth}")).await;
        let answer = socket.answer().await;
        let answer: Value = serde_json::from_str(answer.strip_prefix("40").expect("let in")).expect("JSON");
        answer["sid"].as_str().expect("a sid").clone_into(&mut socket.sid);
        socket
    }

    /// A socket whose client has not said who it is.
    async fn open(&self) -> Socket {
        let address = self.base.replace("http://", "ws://");
        let (socket, _) =
            connect_async(format!("{address}/socket.io/?EIO=4&transport=websocket")).await.expect("a socket");
        let mut socket = Socket { socket, sid: String::new() };
        let open = socket.text().await;
        let open: Value =
            serde_json::from_str(open.strip_prefix('0').expect("an open packet")).expect("JSON");
        assert!(open["sid"].is_string() && open["pingInterval"].is_u64() && open["pingTimeout"].is_u64());
        socket
    }

    async fn subscribe(&self, sid: &str) -> (StatusCode, Value) {
        let answer = self.post(&format!("/api/workflow/infer/subscribe/{sid}"), json!({})).await;
        (answer.status(), value(answer).await)
    }
}

async fn value(answer: Response) -> Value {
    serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
}

struct Socket {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    sid: String,
}

impl Socket {
    async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("sent");
    }

    /// The next message; `None` when the socket broke or was closed.
    async fn next(&mut self) -> Option<Message> {
        match tokio::time::timeout(LONG, self.socket.next()).await.expect("something") {
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            Some(Ok(message)) => Some(message),
        }
    }

    async fn text(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    /// The next text that is no ping; pings are answered.
    async fn answer(&mut self) -> String {
        loop {
            match self.text().await {
                ping if ping == "2" => self.say("3").await,
                text => return text,
            }
        }
    }

    /// The next event, pings answered.
    async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            let text = match self.next().await? {
                Message::Text(text) => text.to_string(),
                other => panic!("{other:?}"),
            };
            if text == "2" {
                self.say("3").await;
                continue;
            }
            let event = text.strip_prefix("42").unwrap_or_else(|| panic!("no event: {text}"));
            let event: Value = serde_json::from_str(event).expect("JSON");
            return Some((event[0].as_str().expect("a name").to_owned(), event[1].clone()));
        }
    }

    /// Events up to and with one of this name.
    async fn until(&mut self, name: &str) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await.expect("an event");
            let is_last = event.0 == name;
            events.push(event);
            if is_last {
                return events;
            }
        }
    }

    /// Events until the socket is gone.
    async fn rest(&mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        while let Some(event) = self.event().await {
            events.push(event);
        }
        events
    }
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

fn log(events: &[(String, Value)]) -> String {
    let log = events.iter().filter(|(name, _)| name == "infer_log_message");
    log.map(|(_, payload)| payload["data"].as_str().expect("text")).collect()
}

#[tokio::test]
async fn a_run_sends_events_from_begin_to_end() {
    let mut api = start(DemoOptions::quick()).await;
    let mut socket = api.socket().await;
    let prompt_id = name();
    let reply = api.submit(&prompt_id, Some(&socket.sid.clone()), "a flamingo").await;
    assert_eq!(reply["data"]["prompt_id"], prompt_id.as_str());
    assert_eq!(reply["data"]["workflow"]["6"]["inputs"]["text"], "a flamingo");
    let events = socket.until("infer_result_message").await;
    assert!(events.iter().all(|(_, payload)| payload["prompt_id"] == prompt_id.as_str()));
    let (ends, logs): (Vec<&str>, Vec<&str>) =
        names(&events).into_iter().partition(|name| *name != "infer_log_message");
    assert_eq!(ends, ["infer_executed_message", "infer_result_message"]);
    assert!(logs.len() > 8);
    let log = log(&events);
    assert!(
        log.contains("Requested to load") && log.contains("\r100%|") && log.contains("Prompt executed"),
        "{log}"
    );
    let result = &events.last().expect("an event").1;
    assert_eq!((&result["status"], &result["completed"]), (&json!("success"), &json!(true)));
    assert!(result["execution_time_seconds"].is_f64());
    let record = api.record(&prompt_id).await;
    assert_eq!((&record["promptId"], &record["status"]), (&json!(prompt_id), &json!("success")));
    let output = &record["outputs"][0];
    assert_eq!(output["contentType"], "image/png");
    let png = api.http.get(output["filepath"].as_str().expect("a link")).send().await.expect("an answer");
    let png = png.bytes().await.expect("bytes");
    assert!(png.starts_with(b"\x89PNG"));
    assert_eq!(output["size"], png.len());
    let mut seen = Vec::new();
    while let Ok(request) = api.seen.try_recv() {
        seen.push(request);
    }
    let storage: Vec<&Seen> = seen.iter().filter(|seen| seen.target.starts_with("/storage/")).collect();
    assert!(storage.len() == 1 && !storage[0].has_credentials, "{storage:?}");
    let run = seen.iter().find_map(|seen| seen.run.as_ref()).expect("a run");
    assert_eq!(run.deployment.as_deref(), Some(DEPLOYMENT));
}

#[tokio::test]
async fn only_who_says_who_they_are_gets_in() {
    let api = start(DemoOptions::quick()).await;
    let mut socket = api.open().await;
    for bad in ["40", "40{}", r#"40{"client_id":"","client_secret":"x"}"#, r#"40{"client_id":"x"}"#] {
        socket.say(bad).await;
        let answer = socket.text().await;
        let why: Value = serde_json::from_str(answer.strip_prefix("44").expect("refused")).expect("JSON");
        assert!(why["message"].is_string(), "{bad}");
    }
    socket.say("40/admin,{}").await;
    assert!(socket.text().await.starts_with("44/admin,{"));
    let unsigned = [
        api.http.get(format!("{}/api/workflow/infer/?prompt_ids=x", api.base)),
        api.http.post(format!("{}/api/workflow/infer/cancel", api.base)).body("{}"),
        api.http.post(format!("{}/api/workflow/infer/subscribe/x", api.base)),
        api.http
            .post(format!("{}/api/workflow/infer", api.base))
            .multipart(Form::new().text("params", "{\"a\":1}")),
    ];
    for request in unsigned {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{}", answer.url());
    }
    for wrong in ["?EIO=3&transport=websocket", "?EIO=4&transport=polling", "?EIO=4&transport=websocket"] {
        let answer = api.http.get(format!("{}/socket.io/{wrong}", api.base)).send().await.expect("an answer");
        assert!(answer.status().is_client_error(), "{wrong}: no upgrade was asked for");
    }
}

#[tokio::test]
async fn the_socket_pings_acknowledges_and_says_good_bye() {
    let moment = Duration::from_millis(30);
    let options = DemoOptions { ping_interval: moment, ping_timeout: LONG, ..DemoOptions::quick() };
    let api = start(options.clone()).await;
    let mut socket = api.socket().await;
    for _ in 0..3 {
        assert_eq!(socket.text().await, "2");
        socket.say("3").await;
    }
    socket.say(r#"4212["hello",{}]"#).await;
    assert_eq!(socket.answer().await, "4312[]");
    socket.say("41").await;
    socket.say("1").await;
    assert_eq!(socket.rest().await, []);
    // One that does not answer counts as gone.
    let api = start(DemoOptions { ping_timeout: moment, ..options }).await;
    let mut socket = api.open().await;
    assert_eq!(socket.text().await, "2");
    let mut left = Vec::new();
    while let Some(message) = socket.next().await {
        left.push(message);
    }
    assert!(left.iter().all(|message| *message == Message::text("2")), "{left:?}");
}

#[tokio::test]
async fn a_cancel_of_either_shape_stops_a_run() {
    for snake in [true, false] {
        let api = start(endless()).await;
        let mut socket = api.socket().await;
        let prompt_id = name();
        api.submit(&prompt_id, Some(&socket.sid.clone()), "a flamingo").await;
        let names = if snake { ["prompt_id", "view_comfy_api_url"] } else { ["promptId", "viewComfyApiUrl"] };
        let body = |id: &str, url: &str| json!({names[0]: id, names[1]: url});
        let elsewhere = api.post("/api/workflow/infer/cancel", body(&prompt_id, "http://elsewhere")).await;
        assert_eq!(elsewhere.status(), StatusCode::NOT_FOUND);
        api.record_that(&prompt_id, |record| record["status"] == "running").await;
        let answer = api.post("/api/workflow/infer/cancel", body(&prompt_id, DEPLOYMENT)).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        socket.until("infer_canceled_message").await;
        let record = api.record(&prompt_id).await;
        assert_eq!((&record["status"], &record["completed"]), (&json!("canceled"), &json!(false)));
        let unreadable = api.post("/api/workflow/infer/cancel", json!({"id": prompt_id})).await;
        assert_eq!(unreadable.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn a_cold_start_can_be_cancelled() {
    let api = start(DemoOptions { cold_start: Duration::from_secs(3_600), ..DemoOptions::quick() }).await;
    let prompt_id = name();
    api.submit(&prompt_id, None, "a flamingo").await;
    assert_eq!(api.record(&prompt_id).await["status"], "queued");
    let body = json!({"prompt_id": prompt_id, "view_comfy_api_url": DEPLOYMENT});
    api.post("/api/workflow/infer/cancel", body).await;
    api.record_that(&prompt_id, |record| record["status"] == "canceled").await;
}

#[tokio::test]
async fn a_new_socket_continues_where_a_broken_one_ended() {
    // All that comes before the first step.
    let api = start(endless().with_cloud(CloudFault::SocketCut { after: 5, times: 1 })).await;
    let mut first = api.socket().await;
    let prompt_id = name();
    api.submit(&prompt_id, Some(&first.sid.clone()), "a flamingo").await;
    let events = first.rest().await;
    assert!(events.len() == 5 && log(&events).contains("Requested to load"), "{events:?}");
    assert_eq!(api.record(&prompt_id).await["status"], "running", "it goes on");
    assert_eq!(api.subscribe("nobody").await.0, StatusCode::NOT_FOUND);
    let mut second = api.socket().await;
    let (status, answer) = api.subscribe(&second.sid).await;
    assert_eq!((status, &answer["data"]["prompt_ids"]), (StatusCode::CREATED, &json!([prompt_id])));
    let body = json!({"prompt_id": prompt_id, "view_comfy_api_url": DEPLOYMENT});
    api.post("/api/workflow/infer/cancel", body).await;
    assert_eq!(
        names(&second.until("infer_canceled_message").await).len(),
        1,
        "what went by is not told again"
    );
}

#[tokio::test]
async fn only_ones_own_runs_can_be_watched_read_and_cancelled() {
    let mut api = start(endless()).await;
    let socket = api.socket().await;
    let (announced, scheduled) = (name(), name());
    api.submit(&announced, Some(&socket.sid), "a flamingo").await;
    api.submit(&scheduled, None, "a flamingo").await;
    let second = api.socket().await;
    let (_, answer) = api.subscribe(&second.sid).await;
    assert_eq!(answer["data"]["prompt_ids"], json!([announced]), "nobody wanted to hear of the other");
    api.client_id = "somebody else";
    assert_eq!(api.subscribe(&second.sid).await.0, StatusCode::NOT_FOUND);
    assert_eq!(value(api.records(&[&announced, &scheduled]).await).await, json!([]));
    let body = json!({"prompt_id": announced, "view_comfy_api_url": DEPLOYMENT});
    assert_eq!(api.post("/api/workflow/infer/cancel", body).await.status(), StatusCode::NOT_FOUND);
    let third = api.socket().await;
    assert_eq!(api.subscribe(&third.sid).await.1["data"]["prompt_ids"], json!([]));
    api.client_id = "someone";
    let ids = value(api.records(&[&scheduled, "unknown", &announced]).await).await;
    let ids: Vec<&Value> = ids.as_array().expect("a list").iter().map(|record| &record["promptId"]).collect();
    assert_eq!(ids, [&json!(scheduled), &json!(announced)]);
    let running = api.signed(api.http.get(format!("{}/api/workflow/infer/running", api.base)));
    let running = value(running.send().await.expect("an answer")).await;
    assert_eq!(running.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_run_that_is_only_scheduled_is_read_later_and_never_made_twice() {
    let mut api = start(DemoOptions::quick()).await;
    let prompt_id = name();
    let requests = [api.form(&prompt_id, None, "a flamingo"), api.form(&prompt_id, None, "a cat")];
    let mut statuses = Vec::new();
    for request in requests {
        statuses.push(request.send().await.expect("an answer").status());
    }
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT]);
    let record = api.record_that(&prompt_id, |record| record["completed"] == true).await;
    assert_eq!(record["prompt"]["6"]["inputs"]["text"], "a flamingo");
    let first = api.seen.recv().await.and_then(|seen| seen.run).expect("a run");
    assert_eq!((first.prompt_id, first.socket), (Some(prompt_id), None));
}

#[tokio::test]
async fn files_and_another_workflow_arrive() {
    let mut api = start(DemoOptions::quick()).await;
    let workflow = json!({"52": {"class_type": "LoadImage", "inputs": {"image": "old.png"}}});
    let part = Part::bytes(b"png".to_vec()).file_name("new.png").mime_str("image/png").expect("a type");
    let prompt_id = name();
    let form = Form::new()
        .text("prompt_id", prompt_id.clone())
        .text("view_comfy_api_url", DEPLOYMENT)
        .text("params", "{}")
        .text("workflow_api", workflow.to_string())
        .part("52-inputs-image", part);
    let request = api.http.post(format!("{}/api/workflow/infer/", api.base)).multipart(form);
    let reply = value(api.signed(request).send().await.expect("an answer")).await;
    assert_eq!(reply["data"]["workflow"]["52"]["inputs"]["image"], "new.png");
    let run = api.seen.recv().await.and_then(|seen| seen.run).expect("a run");
    let file = ("52-inputs-image".to_owned(), "new.png".to_owned(), "image/png".to_owned(), b"png".to_vec());
    assert_eq!(run.files, [file]);
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let api = start(DemoOptions::quick()).await;
    let send = async |prompt_id: &str, url: &str, params: &str| {
        let pairs = [("prompt_id", prompt_id), ("view_comfy_api_url", url), ("params", params)];
        let form = pairs.into_iter().fold(Form::new(), |form, (k, v)| form.text(k, v.to_owned()));
        let request = api.http.post(format!("{}/api/workflow/infer", api.base)).multipart(form);
        api.signed(request).send().await.expect("an answer").status()
    };
    let good = name();
    let unreadable = StatusCode::UNPROCESSABLE_ENTITY;
    assert_eq!(send("x", DEPLOYMENT, r#"{"3-inputs-seed":1}"#).await, unreadable);
    assert_eq!(send(&good, "", r#"{"3-inputs-seed":1}"#).await, unreadable);
    assert_eq!(send(&good, DEPLOYMENT, "{}").await, unreadable);
    assert_eq!(send(&good, DEPLOYMENT, r#"{"3-inputs-steps":0}"#).await, StatusCode::BAD_REQUEST);
    assert_eq!(value(api.records(&[&good]).await).await, json!([]), "nothing was run");
}

#[tokio::test]
async fn words_in_the_prompt_make_it_misbehave() {
    let api = start(DemoOptions::quick()).await;
    let mut socket = api.socket().await;
    let failed = name();
    api.submit(&failed, Some(&socket.sid.clone()), "please fail").await;
    let events = socket.until("infer_error_message").await;
    assert_eq!(events.last().expect("an event").1["data"]["node_type"], "KSampler");
    let record = api.record(&failed).await;
    assert_eq!((&record["status"], &record["completed"]), (&json!("error"), &json!(false)));
    assert_eq!(record["errorData"]["exception_type"], "OutOfMemoryError");

    let dropped = name();
    api.submit(&dropped, Some(&socket.sid.clone()), "drop").await;
    let events = socket.rest().await;
    assert!(!names(&events).contains(&"infer_result_message"));
    api.record_that(&dropped, |record| record["status"] == "success").await;

    let mut socket = api.socket().await;
    let crashed = name();
    api.submit(&crashed, Some(&socket.sid.clone()), "crash").await;
    socket.rest().await;
    let record = api.record_that(&crashed, |record| record["status"] == "error").await;
    assert!(record["errorData"]["message"].is_string());
}

#[tokio::test]
async fn after_drop_nobody_gets_in_for_some_time() {
    let api = start(DemoOptions { outage: LONG, ..DemoOptions::quick() }).await;
    let mut socket = api.socket().await;
    api.submit(&name(), Some(&socket.sid.clone()), "drop").await;
    socket.rest().await;
    let url = format!("{}/socket.io/?EIO=4&transport=websocket", api.base.replace("http", "ws"));
    assert!(connect_async(url).await.is_err());
}

/// A run's output of a known pattern, as (its record's link, its bytes).
async fn stored(api: &Api, size: usize) -> (String, Vec<u8>) {
    let prompt_id = name();
    api.submit(&prompt_id, None, "a flamingo").await;
    let record = api.record_that(&prompt_id, |record| record["completed"] == true).await;
    let link = record["outputs"][0]["filepath"].as_str().expect("a link").to_owned();
    (link, demo::pattern().into_iter().cycle().take(size).collect())
}

const SIZE: usize = 200_000;

fn large() -> DemoOptions {
    DemoOptions::quick().with(Fault::OutputBytes(SIZE as u64))
}

#[tokio::test]
async fn an_output_can_be_had_whole_or_in_part() {
    let api = start(large()).await;
    let (link, bytes) = stored(&api, SIZE).await;
    let whole = api.http.get(&link).send().await.expect("an answer");
    assert_eq!((whole.status(), whole.content_length()), (StatusCode::OK, Some(SIZE as u64)));
    let etag = whole.headers()[ETAG].clone();
    assert!(whole.bytes().await.expect("bytes") == bytes);
    let rest = api.http.get(&link).header(RANGE, "bytes=150000-").header(IF_RANGE, &etag);
    let rest = rest.send().await.expect("an answer");
    assert_eq!(rest.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(rest.headers()[CONTENT_RANGE], "bytes 150000-199999/200000");
    assert!(rest.bytes().await.expect("bytes") == bytes[150_000..]);
    let other = api.http.get(&link).header(RANGE, "bytes=150000-").header(IF_RANGE, "\"old\"");
    assert_eq!(other.send().await.expect("an answer").status(), StatusCode::OK);
    let behind = api.http.get(&link).header(RANGE, "bytes=200000-").send().await.expect("an answer");
    assert_eq!(behind.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(behind.headers()[CONTENT_RANGE], "bytes */200000");
    let head = api.http.head(&link).send().await.expect("an answer");
    assert_eq!(head.headers()["content-length"], "200000");
    let bare = link.split('?').next().expect("a link");
    assert_eq!(api.http.get(bare).send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn storage_breaks_its_protocol_on_request() {
    let api = start(large().with_cloud(CloudFault::StorageCut { after: 60_000, times: 1 })).await;
    let (link, bytes) = stored(&api, SIZE).await;
    let mut broken = api.http.get(&link).send().await.expect("an answer");
    let mut got = Vec::new();
    let error = loop {
        match broken.chunk().await {
            Ok(Some(piece)) => got.extend(piece),
            Ok(None) => panic!("whole"),
            Err(error) => break error,
        }
    };
    assert!(got == bytes[..60_000], "{} bytes, then {error}", got.len());
    let rest = api.http.get(&link).header(RANGE, "bytes=60000-").send().await.expect("an answer");
    assert!(rest.bytes().await.expect("the rest") == bytes[60_000..]);

    let api = start(large().with_cloud(CloudFault::StorageWhole)).await;
    let (link, _) = stored(&api, SIZE).await;
    let whole = api.http.get(&link).header(RANGE, "bytes=6-").send().await.expect("an answer");
    assert_eq!((whole.status(), whole.content_length()), (StatusCode::OK, Some(SIZE as u64)));

    let api = start(large().with_cloud(CloudFault::StorageChanges)).await;
    let (link, _) = stored(&api, SIZE).await;
    let etag = async || api.http.get(&link).send().await.expect("an answer").headers()[ETAG].clone();
    assert_ne!(etag().await, etag().await);

    for status in [403, 404] {
        let api = start(large().with_cloud(CloudFault::LinkExpired { times: 1, status })).await;
        let (old, _) = stored(&api, SIZE).await;
        let prompt_id = old.split('/').nth(4).expect("a name");
        let older = api.record(prompt_id).await["outputs"][0]["filepath"].take();
        for link in [&old, older.as_str().expect("a link"), &old] {
            assert_eq!(api.http.get(link).send().await.expect("an answer").status().as_u16(), status);
        }
        let fresh = api.record(prompt_id).await["outputs"][0]["filepath"].take();
        let fresh = api.http.get(fresh.as_str().expect("a link")).send().await.expect("an answer");
        assert_eq!(fresh.status(), StatusCode::OK);
    }

    let api = start(large().with_cloud(CloudFault::LinkTo("http://10.0.0.1/x".to_owned()))).await;
    assert_eq!(stored(&api, SIZE).await.0, "http://10.0.0.1/x");
}

#[tokio::test]
async fn replies_break_their_protocol_on_request() {
    let api = start(DemoOptions::quick().with_cloud(CloudFault::ReplyLost { times: 1 })).await;
    let prompt_id = name();
    let lost = api.form(&prompt_id, None, "a flamingo").send().await;
    assert!(lost.expect_err("no reply").status().is_none());
    api.record_that(&prompt_id, |record| record["completed"] == true).await;

    let api = start(DemoOptions::quick().with_cloud(CloudFault::RequestLost { times: 1 })).await;
    let prompt_id = name();
    api.form(&prompt_id, None, "a flamingo").send().await.expect_err("no reply");
    assert_eq!(value(api.records(&[&prompt_id]).await).await, json!([]));
    api.submit(&prompt_id, None, "a flamingo").await;

    let api = start(DemoOptions::quick().with_cloud(CloudFault::BareReply)).await;
    let prompt_id = name();
    assert_eq!(api.submit(&prompt_id, None, "a flamingo").await["promptId"], prompt_id.as_str());

    let api = start(DemoOptions::quick().with_cloud(CloudFault::RecordsBusy { times: 2 })).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(api.records(&["x"]).await.status().as_u16());
    }
    assert_eq!(statuses, [503, 503, 200]);

    let api = start(endless().with_cloud(CloudFault::RecordsUnknown { times: 1 })).await;
    api.submit(&prompt_id, None, "a flamingo").await;
    assert_eq!(value(api.records(&[&prompt_id]).await).await, json!([]));
    assert_eq!(api.record(&prompt_id).await["promptId"], prompt_id.as_str());

    let api = start(endless().with_cloud(CloudFault::SnakeRecords)).await;
    api.submit(&prompt_id, None, "a flamingo").await;
    assert_eq!(api.record(&prompt_id).await["prompt_id"], prompt_id.as_str());

    for (fault, good) in
        [(CloudFault::CancelCamelCase, "promptId"), (CloudFault::CancelSnakeCase, "prompt_id")]
    {
        let api = start(endless().with_cloud(fault)).await;
        api.submit(&prompt_id, None, "a flamingo").await;
        for [id, url] in [["prompt_id", "view_comfy_api_url"], ["promptId", "viewComfyApiUrl"]] {
            let answer =
                api.post("/api/workflow/infer/cancel", json!({id: prompt_id, url: DEPLOYMENT})).await;
            assert_eq!(answer.status().as_u16(), if id == good { 201 } else { 422 });
        }
    }

    let options = DemoOptions { step: Duration::from_millis(1), ..DemoOptions::quick() };
    let api = start(options.with_cloud(CloudFault::CancelIgnored)).await;
    api.submit(&prompt_id, None, "a flamingo").await;
    let body = json!({"prompt_id": prompt_id, "view_comfy_api_url": DEPLOYMENT});
    assert_eq!(api.post("/api/workflow/infer/cancel", body).await.status(), StatusCode::CREATED);
    api.record_that(&prompt_id, |record| record["status"] == "success").await;

    let api = start(DemoOptions::quick().with_cloud(CloudFault::SubscribeRefused(403))).await;
    assert_eq!(api.subscribe("x").await.0, StatusCode::FORBIDDEN);
    for (fault, status) in
        [(Fault::Unauthorized, 401), (Fault::TooManyRequests(3), 429), (Fault::BadGateway, 502)]
    {
        let api = start(DemoOptions::quick().with(fault)).await;
        assert_eq!(api.form(&name(), None, "a").send().await.expect("an answer").status().as_u16(), status);
    }
}

/// Plays one run with a fault and answers with all events up to one of this name.
async fn events_with(fault: CloudFault, last: &str) -> (Api, Vec<(String, Value)>) {
    let api = start(DemoOptions::quick().with_cloud(fault)).await;
    let mut socket = api.socket().await;
    api.submit(&name(), Some(&socket.sid.clone()), "a flamingo").await;
    let events = socket.until(last).await;
    (api, events)
}

#[tokio::test]
async fn events_break_their_protocol_on_request() {
    let (result, executed) = ("infer_result_message", "infer_executed_message");
    let (_, events) = events_with(CloudFault::NullResult, result).await;
    assert_eq!(events.last().expect("an event").1, Value::Null);

    let (_, events) = events_with(CloudFault::Duplicated, executed).await;
    let logs = &events[..events.len() - 1];
    assert!(logs.chunks(2).all(|pair| pair[0] == pair[1]), "{events:?}");

    let api = start(DemoOptions::quick().with_cloud(CloudFault::Reordered)).await;
    let mut socket = api.socket().await;
    api.submit(&name(), Some(&socket.sid.clone()), "a flamingo").await;
    let events = socket.until(executed).await;
    let text = log(&events);
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part} in {text}"));
    assert!(place("no model runs here") < place("run 1 received"), "{text}");
    assert_eq!(events[events.len() - 2].0, result, "ahead of what was still to come");

    let api = start(DemoOptions::quick().with_cloud(CloudFault::NoEnd)).await;
    let mut socket = api.socket().await;
    let prompt_id = name();
    api.submit(&prompt_id, Some(&socket.sid.clone()), "a flamingo").await;
    socket.until(executed).await;
    api.record_that(&prompt_id, |record| record["status"] == "success").await;
    socket.say("1").await;
    assert_eq!(socket.rest().await, []);

    // All events are there before the reply.
    let api = start(DemoOptions::quick().with_cloud(CloudFault::EventsBeforeReply)).await;
    let mut socket = api.socket().await;
    let sid = socket.sid.clone();
    let submit = async {
        api.submit(&prompt_id, Some(&sid), "a flamingo").await;
        api.record(&prompt_id).await["status"].take()
    };
    let (status, events) = tokio::join!(submit, socket.until(result));
    assert_eq!(status, "success");
    assert!(events.len() > 5);
}

#[tokio::test]
async fn sockets_break_their_protocol_on_request() {
    let api = start(DemoOptions::quick().with_cloud(CloudFault::SocketDown { times: 1 })).await;
    let url = format!("{}/socket.io/?EIO=4&transport=websocket", api.base.replace("http", "ws"));
    assert!(connect_async(&url).await.is_err());
    api.socket().await;

    let api = start(DemoOptions::quick().with_cloud(CloudFault::ConnectRefused { times: 1 })).await;
    let mut socket = api.open().await;
    let auth = r#"40{"client_id":"a","client_secret":"b"}"#;
    socket.say(auth).await;
    assert!(socket.text().await.starts_with("44{"));
    socket.say(auth).await;
    assert!(socket.text().await.starts_with("40{"));

    let api = start(DemoOptions::quick().with_cloud(CloudFault::SocketCut { after: 0, times: 1 })).await;
    let mut socket = api.socket().await;
    api.submit(&name(), Some(&socket.sid.clone()), "a flamingo").await;
    assert_eq!(socket.rest().await, []);

    // It stays open, and the run does not wait for it.
    let moment = Duration::from_millis(1);
    let options = DemoOptions { ping_interval: moment, ping_timeout: moment, ..DemoOptions::quick() };
    let api = start(options.with_cloud(CloudFault::SocketSilent { after: 0, times: 1 })).await;
    let mut socket = api.socket().await;
    let prompt_id = name();
    api.submit(&prompt_id, Some(&socket.sid.clone()), "a flamingo").await;
    api.record_that(&prompt_id, |record| record["status"] == "success").await;
    socket.say("1").await;
    assert_eq!(socket.next().await, None, "nothing was said before");

    let api = start(DemoOptions::quick().with_cloud(CloudFault::WantsReceipts)).await;
    let mut socket = api.socket().await;
    api.submit(&name(), Some(&socket.sid.clone()), "a flamingo").await;
    for receipt in 1..=3 {
        let event = socket.text().await;
        assert!(event.starts_with(&format!("42{receipt}[\"infer_log_message\"")), "{event}");
        socket.say(&format!("43{receipt}[]")).await;
    }

    let api = start(DemoOptions::quick().with_cloud(CloudFault::BinaryEvents)).await;
    let mut socket = api.socket().await;
    api.submit(&name(), Some(&socket.sid.clone()), "a flamingo").await;
    assert!(socket.text().await.starts_with("451-["));
    assert!(matches!(socket.next().await, Some(Message::Binary(_))));
    assert!(socket.text().await.starts_with("42["));
}
