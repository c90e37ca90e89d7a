//! The demo as ViewComfy's cloud API: runs independent of any connection, with events over sockets and records.
//!
//! | request | answer |
//! |---|---|
//! | `GET /socket.io/?EIO=4&transport=websocket` | a socket ([`socket`]) |
//! | `POST /api/workflow/infer` | 201; the run begins |
//! | `GET /api/workflow/infer/?prompt_ids=…` | the records of these runs |
//! | `GET /api/workflow/infer/running` | the records of runs that have not ended |
//! | `POST /api/workflow/infer/cancel` | 201; the run ends at once |
//! | `POST /api/workflow/infer/subscribe/{sid}` | 201; this socket receives events of the client's runs too |
//! | `GET /storage/…` | an output ([`storage`]) |
//!
//! Where the real service's behaviour is not known, the demo is strict: a second run with the same id is refused with
//! 409, runs of other clients are not found, a cancel that comes too late is accepted and changes nothing.

mod client_message;
mod fault;
mod play;
mod run;
mod socket;
mod storage;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use axum::extract::{ConnectInfo, Request};
use axum::http::header::{HOST, RANGE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use uuid::Uuid;

pub use fault::CloudFault;

use self::run::{Case, RunId, Runs, ServiceRun};
use self::socket::{Sockets, is_due};
use super::answer::{json_answer, refused, unauthorized};
use super::fault::Fault;
use super::idle::Cut;
use super::request::{self, Received};
use super::work::Work;
use super::{Endpoint, Seen, graph};
use crate::store;

/// Largest body of a request without files.
const MAX_JSON: usize = 64 * 1024;

/// State of the service.
#[derive(Debug, Default)]
pub(super) struct Cloud {
    runs: Runs,
    sockets: Sockets,
    busy: AtomicU32,
    unknown: AtomicU32,
    lost_replies: AtomicU32,
    lost_requests: AtomicU32,
    expired_links: AtomicU32,
    storage_cuts: AtomicU32,
    storage_reads: AtomicU32,
}

/// Whether a path belongs to the cloud API.
pub(super) fn serves(path: &str) -> bool {
    ["/api/", "/socket.io/", "/storage/"].iter().any(|root| path.starts_with(root))
}

/// Responds to a request to the cloud API.
pub(super) async fn answer(endpoint: Arc<Endpoint>, request: Request) -> Response {
    let uri = request.uri().clone();
    let path = uri.path().trim_end_matches('/');
    let is_get = request.method() == Method::GET || request.method() == Method::HEAD;
    let is_post = request.method() == Method::POST;
    if is_get && path == "/socket.io" {
        endpoint.saw(seen(&request));
        return socket::open(endpoint, request).await;
    }
    if let Some(output) = path.strip_prefix("/storage/") {
        endpoint.saw(seen(&request));
        return storage::answer(&endpoint, output, &request);
    }
    let who = owner(request.headers()).filter(|_| endpoint.options.fault != Some(Fault::Unauthorized));
    match path.strip_prefix("/api/workflow/infer") {
        Some("") if is_post => submit(&endpoint, who, request).await,
        Some("/cancel") if is_post => cancel(&endpoint, who, request).await,
        Some(rest) => {
            endpoint.saw(seen(&request));
            let Some(who) = who else { return unauthorized() };
            match rest.strip_prefix("/subscribe/") {
                Some(sid) if is_post => subscribe(&endpoint, &who, sid),
                None if is_get && rest.is_empty() => records(&endpoint, &who, &request),
                None if is_get && rest == "/running" => running(&endpoint, &who, &request),
                _ => not_found("Not Found"),
            }
        }
        None => {
            endpoint.saw(seen(&request));
            not_found("Not Found")
        }
    }
}

impl Endpoint {
    /// The address records name for their outputs, if a fault sets one.
    fn link_to(&self) -> Option<&str> {
        self.options.cloud.iter().find_map(|fault| match fault {
            CloudFault::LinkTo(address) => Some(address.as_str()),
            _ => None,
        })
    }

    fn has(&self, fault: &CloudFault) -> bool {
        self.options.cloud.contains(fault)
    }

    /// Whether a fault with a number of times happens now; counts it.
    fn is_due(&self, count: &AtomicU32, times: impl Fn(&CloudFault) -> Option<u32>) -> bool {
        self.options.cloud.iter().find_map(times).is_some_and(|times| is_due(count, times))
    }
}

fn seen(request: &Request) -> Seen {
    let headers = request.headers();
    Seen {
        method: request.method().to_string(),
        target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        has_credentials: ["client_id", "client_secret", "authorization"]
            .iter()
            .any(|name| headers.contains_key(*name)),
        range: headers.get(RANGE).and_then(|range| range.to_str().ok()).map(str::to_owned),
        ..Seen::default()
    }
}

/// The `client_id` of the request.
fn owner(headers: &HeaderMap) -> Option<String> {
    let given = |name: &str| headers.get(name)?.to_str().ok().filter(|text| !text.is_empty());
    given("client_secret").and(given("client_id")).map(str::to_owned)
}

/// This service's address as the client sees it.
fn base(headers: &HeaderMap) -> String {
    format!("http://{}", headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost"))
}

async fn submit(endpoint: &Arc<Endpoint>, who: Option<String>, request: Request) -> Response {
    let (seen, base) = (seen(&request), base(request.headers()));
    let cut = request.extensions().get::<ConnectInfo<Cut>>().map(|info| info.0.clone());
    let received = request::read(request).await;
    endpoint.saw(Seen { run: received.as_ref().ok().cloned(), ..seen });
    let Some(owner) = who else { return unauthorized() };
    if let Some(refusal) = endpoint.options.fault.as_ref().and_then(refused) {
        return refusal;
    }
    if endpoint.options.fault == Some(Fault::Silent) {
        std::future::pending::<()>().await;
    }
    let request_lost = endpoint.is_due(&endpoint.cloud.lost_requests, |fault| match fault {
        CloudFault::RequestLost { times } => Some(*times),
        _ => None,
    });
    if request_lost {
        return break_off(cut);
    }
    let (run, work) =
        match received.map_err(unreadable).and_then(|received| take(endpoint, owner, base, received)) {
            Ok(taken) => taken,
            Err((status, why)) => return json_answer(status, &why),
        };
    if !endpoint.cloud.runs.add(run.clone()) {
        return json_answer(
            StatusCode::CONFLICT,
            &json!({"detail": "There is a run of this prompt_id already"}),
        );
    }
    endpoint.cloud.runs.make_room();
    let played = tokio::spawn(play::play(endpoint.clone(), run.clone(), work));
    if endpoint.has(&CloudFault::EventsBeforeReply) {
        // An error means that the run's task has failed, which ends its events just the same.
        let _ = played.await;
        endpoint.cloud.sockets.drained(&run.sockets()).await;
    }
    let reply_lost = endpoint.is_due(&endpoint.cloud.lost_replies, |fault| match fault {
        CloudFault::ReplyLost { times } => Some(*times),
        _ => None,
    });
    if reply_lost {
        return break_off(cut);
    }
    let reply = if endpoint.has(&CloudFault::BareReply) {
        run.record(Case::Camel, &run.base, endpoint.link_to())
    } else {
        let message = "The run was taken";
        json!({"data": {"prompt_id": run.prompt_id, "message": message, "workflow": run.workflow}})
    };
    json_answer(StatusCode::CREATED, &reply)
}

/// Breaks the connection in place of a response.
fn break_off(cut: Option<Cut>) -> Response {
    if let Some(cut) = cut {
        cut.cut();
    }
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

fn unreadable(why: Value) -> (StatusCode, Value) {
    (StatusCode::UNPROCESSABLE_ENTITY, why)
}

/// Creates a run from a submission.
fn take(
    endpoint: &Endpoint,
    owner: String,
    base: String,
    mut received: Received,
) -> Result<(Arc<ServiceRun>, Work), (StatusCode, Value)> {
    let prompt_id = received.prompt_id.clone().unwrap_or_default();
    if Uuid::try_parse(&prompt_id).is_err() {
        return Err(unreadable(request::fault("prompt_id", "prompt_id must be a UUID")));
    }
    let deployment = received.deployment.clone().unwrap_or_default();
    if !deployment.starts_with("http://") && !deployment.starts_with("https://") {
        return Err(unreadable(request::fault(
            "view_comfy_api_url",
            "view_comfy_api_url must be an address",
        )));
    }
    received.logs = true;
    let plan = graph::plan(&received).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let id = RunId { prompt_id, owner, deployment, base, socket: received.socket.clone() };
    let run = Arc::new(ServiceRun::new(id, plan.workflow.clone(), store::now()));
    let options = endpoint.options.clone();
    Ok((run, Work { options, request: received, plan, number: endpoint.next_run() }))
}

fn records(endpoint: &Endpoint, who: &str, request: &Request) -> Response {
    let busy = endpoint.is_due(&endpoint.cloud.busy, |fault| match fault {
        CloudFault::RecordsBusy { times } => Some(*times),
        _ => None,
    });
    if busy {
        return json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"detail": "Try again"}));
    }
    let asked = query(request.uri()).into_iter().filter(|(name, _)| name == "prompt_ids");
    let asked: Vec<String> = asked.map(|(_, prompt_id)| prompt_id).collect();
    if asked.is_empty() {
        return json_answer(
            StatusCode::UNPROCESSABLE_ENTITY,
            &json!({"detail": [{"loc": ["query", "prompt_ids"], "msg": "Field required", "type": "missing"}]}),
        );
    }
    let unknown = endpoint.is_due(&endpoint.cloud.unknown, |fault| match fault {
        CloudFault::RecordsUnknown { times } => Some(*times),
        _ => None,
    });
    let runs = asked.iter().filter(|_| !unknown).filter_map(|prompt_id| endpoint.cloud.runs.get(prompt_id));
    list(endpoint, runs.filter(|run| run.owner == who), request)
}

fn running(endpoint: &Endpoint, who: &str, request: &Request) -> Response {
    list(endpoint, endpoint.cloud.runs.open(who).into_iter(), request)
}

fn list(endpoint: &Endpoint, runs: impl Iterator<Item = Arc<ServiceRun>>, request: &Request) -> Response {
    let case = if endpoint.has(&CloudFault::SnakeRecords) { Case::Snake } else { Case::Camel };
    let base = base(request.headers());
    let records: Vec<Value> = runs.map(|run| run.record(case, &base, endpoint.link_to())).collect();
    json_answer(StatusCode::OK, &json!(records))
}

async fn cancel(endpoint: &Endpoint, who: Option<String>, request: Request) -> Response {
    let seen = seen(&request);
    let body = axum::body::to_bytes(request.into_body(), MAX_JSON).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    endpoint.saw(Seen { json: Some(body.clone()), ..seen });
    let Some(who) = who else { return unauthorized() };
    let given = |prompt_id: &str, deployment: &str| {
        Some((body[prompt_id].as_str()?.to_owned(), body[deployment].as_str()?.to_owned()))
    };
    let snake =
        given("prompt_id", "view_comfy_api_url").filter(|_| !endpoint.has(&CloudFault::CancelCamelCase));
    let camel = given("promptId", "viewComfyApiUrl").filter(|_| !endpoint.has(&CloudFault::CancelSnakeCase));
    let Some((prompt_id, deployment)) = snake.or(camel) else {
        let why = request::fault("prompt_id", "prompt_id and view_comfy_api_url are needed");
        return json_answer(StatusCode::UNPROCESSABLE_ENTITY, &why);
    };
    let run = endpoint.cloud.runs.get(&prompt_id);
    let Some(run) = run.filter(|run| run.owner == who && run.deployment == deployment) else {
        return not_found("This deployment has no such run");
    };
    if !endpoint.has(&CloudFault::CancelIgnored) {
        run.cancel();
    }
    json_answer(StatusCode::CREATED, &json!({"data": {"prompt_id": prompt_id}}))
}

fn subscribe(endpoint: &Endpoint, who: &str, sid: &str) -> Response {
    let refused = endpoint.options.cloud.iter().find_map(|fault| match fault {
        CloudFault::SubscribeRefused(status) => StatusCode::from_u16(*status).ok(),
        _ => None,
    });
    if let Some(status) = refused {
        return json_answer(status, &json!({"detail": "Subscribing is for signed-in people"}));
    }
    if !endpoint.cloud.sockets.is_of(sid, who) {
        return not_found("There is no such socket");
    }
    let runs = endpoint.cloud.runs.open(who);
    let attached: Vec<&str> =
        runs.iter().filter(|run| run.attach(sid)).map(|run| run.prompt_id.as_str()).collect();
    json_answer(StatusCode::CREATED, &json!({"data": {"prompt_ids": attached}}))
}

fn not_found(why: &str) -> Response {
    json_answer(StatusCode::NOT_FOUND, &json!({"detail": why}))
}

/// Decoded names and values of a query string.
fn query(uri: &Uri) -> Vec<(String, String)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}
