//! The built-in demo endpoint: a small server on loopback that speaks the streaming protocol, under `/api/workflow/`,
//! `/socket.io/` and `/storage/` the cloud API ([`cloud`]), under `/api/` and `/ws` as ComfyUI itself does ([`comfyui`]),
//! and under `/api/v2/` Comfy API v2 in front of that ([`v2`]), all for real.
//!
//! It checks credentials (any that are not empty), reads forms and multipart, starts cold, logs as ComfyUI does with
//! progress bars, and answers with PNGs that hold the workflow. No model runs: the picture is computed from prompt,
//! seed, size and steps, the same for the same values.
//!
//! Words in the prompt make runs misbehave, to show what that looks like:
//!
//! | word | what happens |
//! |---|---|
//! | `fail` | the sampler runs out of memory half way: an `error` event, then the end |
//! | `crash` | the connection breaks half way; in the cloud the run is lost with it, and ComfyUI is restarted |
//! | `drop` | in the cloud, with ComfyUI and over v2: the socket breaks half way, nobody gets in for some seconds, and the run goes on |
//! | `slow` | every step takes five times as long |
//!
//! [`Fault`] makes it break the protocol in every way that a server or a network can, for tests, and
//! [`CloudFault`] the cloud API.

mod answer;
mod cloud;
mod comfyui;
mod fault;
mod graph;
mod idle;
mod paint;
pub mod process;
mod request;
mod script;
mod v2;
mod work;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub use cloud::CloudFault;
pub use fault::{Fault, PATTERN, pattern};
pub use request::Received;

use idle::{Connections, Counted, Cut};

/// The workflow deployed on the demo endpoint, as JSON.
pub const WORKFLOW: &str = include_str!("../../presets/text_to_image.json");

/// Largest body of a request, in bytes.
const MAX_REQUEST: usize = 1024 * 1024 * 1024;

/// How the endpoint behaves.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Delay before the first response, as of a server that starts cold.
    pub cold_start: Duration,
    /// After how long without a new run it is cold again; `None` for never.
    pub cold_after: Option<Duration>,
    /// Time to load the model, in each run.
    pub load: Duration,
    /// Time for each step of the sampler.
    pub step: Duration,
    /// Interval of the cloud API's pings on a socket.
    pub ping_interval: Duration,
    /// How long a client may take to answer a ping.
    pub ping_timeout: Duration,
    /// How long sockets are refused after the word `drop`.
    pub outage: Duration,
    /// A fault of the streaming protocol.
    pub fault: Option<Fault>,
    /// Faults of the cloud API.
    pub cloud: Vec<CloudFault>,
    /// Gets every request before its response is sent.
    pub seen: Option<mpsc::UnboundedSender<Seen>>,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            cold_start: Duration::from_secs(4),
            cold_after: None,
            load: Duration::from_millis(600),
            step: Duration::from_millis(140),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            outage: Duration::from_secs(4),
            fault: None,
            cloud: Vec::new(),
            seen: None,
        }
    }
}

impl DemoOptions {
    /// Without delays, for tests.
    pub fn quick() -> Self {
        let none = Duration::ZERO;
        Self { cold_start: none, load: none, step: none, outage: none, ..Self::default() }
    }

    #[must_use]
    pub fn with(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// Adds a fault of the cloud API.
    #[must_use]
    pub fn with_cloud(mut self, fault: CloudFault) -> Self {
        self.cloud.push(fault);
        self
    }
}

/// A request that the demo received.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// HTTP method in capitals.
    pub method: String,
    pub target: String,
    /// Whether it has a header `client_id`, `client_secret` or `authorization`.
    pub has_credentials: bool,
    /// `Range` header of a download.
    pub range: Option<String>,
    /// The JSON body, if it is a cancel.
    pub json: Option<serde_json::Value>,
    /// The submitted run, if it is a submission.
    pub run: Option<Received>,
}

/// State of the endpoint.
struct Endpoint {
    options: DemoOptions,
    /// When the last run came.
    woken: Mutex<Option<Instant>>,
    runs: AtomicU64,
    cloud: cloud::Cloud,
    comfyui: comfyui::Comfyui,
    v2: v2::V2,
    /// Who needs the endpoint.
    connections: Connections,
    /// Runs whose response follows after redirects, by number.
    redirected: Mutex<HashMap<u64, Received>>,
}

impl Endpoint {
    fn new(options: DemoOptions, connections: Connections) -> Self {
        Self {
            options,
            woken: Mutex::default(),
            runs: AtomicU64::new(0),
            cloud: cloud::Cloud::default(),
            comfyui: comfyui::Comfyui::default(),
            v2: v2::V2::default(),
            connections,
            redirected: Mutex::default(),
        }
    }

    fn next_run(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn redirected(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Received>> {
        self.redirected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delays the first run, and the first one after a long pause, by the cold start.
    async fn wake(&self) {
        let before = self.woken.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now());
        let is_long = |pause| self.options.cold_after.is_some_and(|after| pause > after);
        if before.is_none_or(|before| is_long(before.elapsed())) {
            tokio::time::sleep(self.options.cold_start).await;
        }
    }
}

/// Serves the cloud API at its paths, and the streaming protocol at any other, until the future is dropped.
///
/// # Errors
/// If the listener cannot be used.
pub async fn serve(listener: TcpListener, options: DemoOptions) -> std::io::Result<()> {
    serve_counted(listener, Connections::default(), options).await
}

async fn serve_counted(
    listener: TcpListener,
    connections: Connections,
    options: DemoOptions,
) -> std::io::Result<()> {
    let listener = Counted::new(listener, connections.clone());
    let endpoint = Arc::new(Endpoint::new(options, connections));
    let router =
        Router::new().fallback(handle).layer(DefaultBodyLimit::max(MAX_REQUEST)).with_state(endpoint);
    axum::serve(listener, router.into_make_service_with_connect_info::<Cut>()).await
}

async fn handle(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    if v2::serves(request.uri().path()) {
        return v2::answer(endpoint, request).await;
    }
    if comfyui::serves(request.uri().path()) {
        return comfyui::answer(endpoint, request).await;
    }
    if cloud::serves(request.uri().path()) {
        return cloud::answer(endpoint, request).await;
    }
    answer::answer(endpoint, request).await
}
