//! Responses of the demo's streaming endpoint: checks first, then the run as a stream or as one result.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::fault::Fault;
use super::request::{self, Received};
use super::script::{Script, WAITING};
use super::work::Work;
use super::{Endpoint, Seen, graph};

/// The error for a client without credentials, in every protocol.
pub(super) const NO_CREDENTIALS: &str =
    "client_id and client_secret are needed; this demo takes any that are not empty";

pub(super) async fn answer(endpoint: Arc<Endpoint>, request: Request) -> Response {
    let method = request.method().clone();
    let uri = request.uri().clone();
    let has_credentials = is_known(request.headers());
    let seen = Seen {
        method: method.to_string(),
        target: uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        has_credentials: ["client_id", "client_secret"]
            .iter()
            .any(|name| request.headers().contains_key(*name)),
        ..Seen::default()
    };
    if method != Method::POST {
        endpoint.saw(seen);
        if let Some(name) = uri.path().strip_prefix("/output/") {
            return output(name);
        }
        return match redirected(uri.query().unwrap_or_default()) {
            Some(_) if !has_credentials => unauthorized(),
            Some((number, hop)) => follow(&endpoint, number, hop).await,
            None => (StatusCode::OK, "This is comfydeck's demo endpoint. Runs are sent here by POST.\n")
                .into_response(),
        };
    }
    let run = request::read(request).await;
    endpoint.saw(Seen { run: run.as_ref().ok().cloned(), ..seen });
    if !has_credentials || endpoint.options.fault == Some(Fault::Unauthorized) {
        return unauthorized();
    }
    match run {
        Ok(run) => begin(&endpoint, run).await,
        Err(why) => json_answer(StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

impl Endpoint {
    pub(super) fn saw(&self, seen: Seen) {
        if let Some(listener) = &self.options.seen {
            // Fails if the receiver is gone; then nobody wants the request.
            let _ = listener.send(seen);
        }
    }
}

/// Whether the request has credentials. The demo accepts any that are not empty.
fn is_known(headers: &HeaderMap) -> bool {
    ["client_id", "client_secret"]
        .iter()
        .all(|name| headers.get(*name).is_some_and(|value| !value.is_empty()))
}

/// The response of a fault that comes before a run begins, in either protocol.
pub(super) fn refused(fault: &Fault) -> Option<Response> {
    Some(match fault {
        Fault::BadGateway => {
            let page = "<html><head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1>nginx</body></html>";
            (StatusCode::BAD_GATEWAY, [(CONTENT_TYPE, "text/html")], page).into_response()
        }
        Fault::TooManyRequests(seconds) => {
            let mut answer =
                json_answer(StatusCode::TOO_MANY_REQUESTS, &json!({"detail": "Too many runs at once"}));
            answer.headers_mut().insert(RETRY_AFTER, (*seconds).into());
            answer
        }
        Fault::WebPage => {
            let page = "<html><title>Welcome</title><p>Sign in</p></html>";
            (StatusCode::CREATED, [(CONTENT_TYPE, "text/html")], page).into_response()
        }
        Fault::EmptyBody => StatusCode::CREATED.into_response(),
        Fault::RedirectTo(status, to) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::SEE_OTHER);
            (status, [(LOCATION, to.clone())]).into_response()
        }
        _ => return None,
    })
}

/// Responds to a run, or breaks the protocol before the run begins.
async fn begin(endpoint: &Arc<Endpoint>, run: Received) -> Response {
    if let Some(refusal) = endpoint.options.fault.as_ref().and_then(refused) {
        return refusal;
    }
    match &endpoint.options.fault {
        Some(Fault::Redirects(_)) => {
            let number = endpoint.next_run();
            endpoint.redirected().insert(number, run);
            return see_other(number, 1);
        }
        Some(Fault::Silent) => std::future::pending().await,
        _ => {}
    }
    let number = endpoint.next_run();
    play(endpoint, run, number).await
}

/// Plays a run; the response is its stream or its result.
async fn play(endpoint: &Arc<Endpoint>, mut run: Received, number: u64) -> Response {
    let plan = match graph::plan(&run) {
        Ok(plan) => plan,
        Err(why) => return json_answer(StatusCode::BAD_REQUEST, &why),
    };
    endpoint.wake().await;
    let fault = endpoint.options.fault.clone();
    run.logs &= fault != Some(Fault::JsonForStream);
    let kind = if run.logs { "text/event-stream; charset=utf-8" } else { "application/json" };
    let (sender, chunks) = mpsc::channel(WAITING);
    let work = Work { options: endpoint.options.clone(), request: run, plan, number };
    tokio::spawn(Script { work, body: sender }.play());
    let body = body(chunks);
    match fault {
        Some(Fault::Unlabelled) => (StatusCode::OK, body).into_response(),
        _ => (StatusCode::CREATED, [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-cache")], body).into_response(),
    }
}

fn body(pieces: mpsc::Receiver<io::Result<Bytes>>) -> Body {
    Body::from_stream(stream::unfold(pieces, async |mut pieces| {
        pieces.recv().await.map(|piece| (piece, pieces))
    }))
}

/// The next response in a chain of redirects.
async fn follow(endpoint: &Arc<Endpoint>, number: u64, hop: u32) -> Response {
    let hops = match endpoint.options.fault {
        Some(Fault::Redirects(hops)) => hops,
        _ => 0,
    };
    if hop < hops {
        return see_other(number, hop + 1);
    }
    let run = endpoint.redirected().remove(&number);
    match run {
        Some(run) => play(endpoint, run, number).await,
        None => json_answer(StatusCode::NOT_FOUND, &json!({"detail": "No such run"})),
    }
}

fn see_other(number: u64, hop: u32) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, format!("?demo_run={number}&hop={hop}"))]).into_response()
}

/// Number of the run and of the redirect in an address that [`see_other`] made.
fn redirected(query: &str) -> Option<(u64, u32)> {
    let value = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    Some((value("demo_run")?.parse().ok()?, value("hop")?.parse().ok()?))
}

fn output(name: &str) -> Response {
    match name {
        "one.txt" => {
            (StatusCode::OK, [(CONTENT_TYPE, "text/plain")], "hello from an address").into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(super) fn unauthorized() -> Response {
    json_answer(StatusCode::UNAUTHORIZED, &json!({"detail": NO_CREDENTIALS}))
}

pub(super) fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
