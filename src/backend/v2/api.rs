//! The server's addresses, and the small requests to them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde_json::json;
use tokio::sync::watch;

use crate::backend::Server;
use crate::backend::net::http::{self, Answer, Http, NoAnswer, NoBody};
use crate::backend::net::server::{base, below, veiled};
use crate::backend::net::upload::Upload;
use crate::backend::net::{http_error, redirect};
use crate::config::Credentials;
use crate::domain::run::{Protocol, RunError};
use crate::wire::v2::{JobRecord, Refusal, asset_id, read_graph, read_jobs};

use super::V2Limits;

/// Most bytes read of a response: a graph may have pictures in it.
const MAX_GRAPH: usize = 64 << 20;
const MAX_ANSWER: usize = 16 << 20;

/// Jobs asked for in one list; servers allow 100.
const JOBS: &str = "100";

/// A server's URL and credentials.
#[derive(Clone, Debug)]
pub(super) struct Api {
    base: Url,
    credentials: Credentials,
    http: Arc<Http>,
    limits: Arc<V2Limits>,
}

/// Why a request failed.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    pub error: RunError,
    pub why: Why,
}

/// The kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    NotAllowed,
    /// The server has no such thing: a job, a file.
    NotThere,
    /// The server does not serve this request at all.
    NotServed,
    /// The server asks to wait.
    Busy(Option<Duration>),
    /// A temporary failure of network, proxy or server.
    Trouble,
}

impl Api {
    /// # Errors
    /// When address or credentials cannot be used.
    pub(super) fn new(server: &Server, http: Arc<Http>, limits: Arc<V2Limits>) -> Result<Self, RunError> {
        let base = base(server, "https://cloud.comfy.org")?;
        Ok(Self { base, credentials: server.credentials.clone(), http, limits })
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    pub(super) fn limits(&self) -> &V2Limits {
        &self.limits
    }

    /// The URL that graphs are sent to.
    pub(super) fn jobs_url(&self) -> Url {
        self.at(&["jobs"])
    }

    /// Sends a graph. Not retried.
    pub(super) async fn submit(&self, graph: &Upload, sent: &watch::Sender<u64>) -> Result<Answer, NoAnswer> {
        self.http.post(&self.jobs_url(), &self.credentials, graph, sent).await
    }

    /// A job; `None` when the server has none of this id.
    pub(super) async fn job(&self, id: &str) -> Result<Option<JobRecord>, Unread> {
        let read = |answer: &str| JobRecord::read(answer);
        match self.read(&self.at(&["jobs", id]), None, MAX_ANSWER, read).await {
            Ok(job) => Ok(Some(job)),
            Err(Unread { why: Why::NotThere, .. }) => Ok(None),
            Err(unread) => Err(unread),
        }
    }

    /// The newest jobs, newest first.
    pub(super) async fn jobs(&self) -> Result<Vec<JobRecord>, Unread> {
        let mut url = self.jobs_url();
        url.query_pairs_mut().append_pair("limit", JOBS);
        self.read(&url, None, MAX_GRAPH, read_jobs).await
    }

    /// The graph that a job ran; `None` when the server does not have it.
    pub(super) async fn graph(&self, id: &str) -> Result<Option<String>, Unread> {
        match self.asked(&self.at(&["jobs", id, "workflow"]), None).await {
            Ok(mut response) => Ok(read_graph(&self.body(&mut response, MAX_GRAPH).await?)),
            Err(Unread { why: Why::NotThere | Why::NotServed, .. }) => Ok(None),
            Err(unread) => Err(unread),
        }
    }

    /// Asks to cancel a job. The response does not say whether it will be.
    pub(super) async fn cancel(&self, id: &str, link: Option<&str>) -> Result<(), Unread> {
        let url = link.and_then(|link| self.ours(link)).unwrap_or_else(|| self.at(&["jobs", id, "cancel"]));
        self.asked(&url, Some("{}")).await.map(drop)
    }

    /// Opens the stream of a job's events.
    pub(super) async fn events(&self, id: &str, link: Option<&str>) -> Result<Response, Unread> {
        let url = link.and_then(|link| self.ours(link)).unwrap_or_else(|| self.at(&["jobs", id, "events"]));
        self.asked(&url, None).await
    }

    /// Refers to a file by its hash, when the server already has its content. Returns its id.
    pub(super) async fn known_asset(&self, hash: &str, name: &str) -> Result<Option<String>, Unread> {
        let body = json!({"hash": hash, "file_path": name}).to_string();
        match self.read(&self.at(&["assets", "from-hash"]), Some(&body), MAX_ANSWER, asset_id).await {
            Ok(id) => Ok(Some(id)),
            Err(Unread { why: Why::NotThere | Why::NotServed, .. }) => Ok(None),
            Err(unread) => Err(unread),
        }
    }

    /// Uploads a file. Returns its id.
    pub(super) async fn store(&self, file: &Upload, sent: &watch::Sender<u64>) -> Result<String, RunError> {
        let answer = self.http.post(&self.at(&["assets"]), &self.credentials, file, sent).await;
        let Answer { mut response, .. } = answer.map_err(|no| no.error)?;
        if !response.status().is_success() {
            return Err(self.refused(&mut response).await.error);
        }
        let body = self.body(&mut response, MAX_ANSWER).await.map_err(|unread| unread.error)?;
        asset_id(&body).ok_or_else(|| self.not_v2("its response to a file").error)
    }

    /// Reads a response with a success status; one that cannot be read is not the server's.
    async fn read<T>(
        &self,
        url: &Url,
        json: Option<&str>,
        max: usize,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Unread> {
        let mut response = self.asked(url, json).await?;
        let body = self.body(&mut response, max).await?;
        read(&body).ok_or_else(|| self.not_v2("its response"))
    }

    /// A response with a success status.
    async fn asked(&self, url: &Url, json: Option<&str>) -> Result<Response, Unread> {
        let ask = self.http.ask(url, &self.credentials, json);
        let mut response = match tokio::time::timeout(self.limits.answer, ask).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Unread { error, why: Why::Trouble }),
            Err(_) => {
                return Err(self.trouble(format!(
                    "{} did not answer within {} seconds",
                    redirect::shown(&self.base),
                    self.limits.answer.as_secs()
                )));
            }
        };
        if response.status().is_success() { Ok(response) } else { Err(self.refused(&mut response).await) }
    }

    async fn body(&self, response: &mut Response, max: usize) -> Result<String, Unread> {
        let body = http::whole_body(response, max, self.limits.answer).await;
        let body = body.map_err(|broken| {
            let (NoBody::TooLong(error) | NoBody::Broken(error)) = broken;
            Unread { error, why: Why::Trouble }
        })?;
        Ok(String::from_utf8(body).unwrap_or_else(|why| String::from_utf8_lossy(why.as_bytes()).into_owned()))
    }

    async fn refused(&self, response: &mut Response) -> Unread {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::refusal_body(response, self.http.limits().refusal).await;
        let why = match (status.as_u16(), Refusal::read(&body)) {
            (401 | 403 | 407, _) => Why::NotAllowed,
            (404 | 410, Some(_)) => Why::NotThere,
            (404 | 405 | 410 | 501, _) => Why::NotServed,
            (429, _) => Why::Busy(wait(&headers)),
            _ => Why::Trouble,
        };
        Unread { error: self.described(status, &headers, &body), why }
    }

    /// The error of a failed response, without our own secrets, which some servers repeat.
    pub(super) fn described(&self, status: StatusCode, headers: &HeaderMap, body: &str) -> RunError {
        let mut error = http_error::describe(Protocol::V2, status, headers, body);
        if matches!(status.as_u16(), 404 | 405 | 410) {
            error.remedy = "Check the profile's url: it is the address before /api/v2.".to_owned();
        }
        if let Some(Refusal { error: said, .. }) = Refusal::read(body) {
            let remedy = if said.remedy.is_empty() { error.remedy } else { said.remedy };
            error = RunError { remedy, ..said };
        }
        veiled(error, &self.credentials)
    }

    pub(super) fn veiled(&self, error: RunError) -> RunError {
        veiled(error, &self.credentials)
    }

    fn trouble(&self, what: String) -> Unread {
        let remedy = "Check the profile's url, and this machine's network.".to_owned();
        Unread { error: RunError { what, remedy, ..RunError::default() }, why: Why::Trouble }
    }

    /// The error for a response that is not in the contract's shape.
    pub(super) fn not_v2(&self, what: &str) -> Unread {
        let shown = redirect::shown(&self.base);
        self.trouble(format!("{shown} answers, but not as Comfy API v2 says ({what} is not valid)"))
    }

    /// A link from the server that may get our credentials: at its own address. A server behind a proxy that speaks
    /// TLS for it writes `http` and its own port into its links, so the scheme and the port are those of the profile.
    pub(super) fn ours(&self, link: &str) -> Option<Url> {
        let mut url = self.base.join(link).ok()?;
        if url.origin() == self.base.origin() {
            return Some(url);
        }
        let is_same_host = matches!(url.scheme(), "http" | "https") && url.host() == self.base.host();
        if !is_same_host || !url.path().contains("/api/v2/") {
            return None;
        }
        url.set_scheme(self.base.scheme()).ok()?;
        url.set_port(self.base.port()).ok()?;
        Some(url)
    }

    fn at(&self, segments: &[&str]) -> Url {
        below(&below(&self.base, &["api", "v2"]), segments)
    }
}

/// The pause that a busy server asks for.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u32>().ok()?;
    Some(Duration::from_secs(seconds.into()))
}
