//! The server's URLs, and the small requests to them.

use std::sync::Arc;

use reqwest::header::HeaderMap;
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
use crate::domain::server::{ServerQueue, System};
use crate::wire::comfyui::{
    HistoryEntry, ServerFile, read_names, read_nodes, read_queue, read_system, stored_name,
};

use super::ComfyuiLimits;

/// Most bytes read of a large response. Queue and history contain whole graphs, some with pictures in them.
const MAX_ANSWER: usize = 256 << 20;
/// Most bytes read of the description of all nodes.
const MAX_NODES: usize = 64 << 20;
/// Most bytes read of a small response.
const MAX_SHORT: usize = 16 << 20;

/// A server's URL and credentials.
#[derive(Clone, Debug)]
pub(super) struct Api {
    base: Url,
    credentials: Credentials,
    http: Arc<Http>,
    limits: Arc<ComfyuiLimits>,
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
    /// There is no ComfyUI at this address, or its version does not know this request.
    NotThere,
    /// A temporary failure of network, proxy or server.
    Trouble,
}

impl Api {
    /// # Errors
    /// When address or credentials cannot be used.
    pub(super) fn new(
        server: &Server,
        http: Arc<Http>,
        limits: Arc<ComfyuiLimits>,
    ) -> Result<Self, RunError> {
        let base = base(server, "http://localhost:8188")?;
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

    pub(super) fn limits(&self) -> &ComfyuiLimits {
        &self.limits
    }

    /// The websocket's URL for a client id.
    pub(super) fn socket(&self, client_id: &str) -> Url {
        let mut url = self.at(&["ws"]);
        url.query_pairs_mut().append_pair("clientId", client_id);
        url
    }

    /// The URL of a file.
    pub(super) fn view(&self, file: &ServerFile) -> Url {
        let mut url = self.at(&["api", "view"]);
        let fields = [("filename", &file.filename), ("subfolder", &file.subfolder), ("type", &file.kind)];
        url.query_pairs_mut().extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
        url
    }

    /// The URL that graphs are sent to.
    pub(super) fn prompt_url(&self) -> Url {
        self.at(&["api", "prompt"])
    }

    /// Sends a graph. Not retried.
    pub(super) async fn prompt(&self, graph: &Upload, sent: &watch::Sender<u64>) -> Result<Answer, NoAnswer> {
        self.http.post(&self.prompt_url(), &self.credentials, graph, sent).await
    }

    /// Uploads a file. Returns the name under which inputs refer to it.
    pub(super) async fn store(
        &self,
        what: &str,
        file: &Upload,
        sent: &watch::Sender<u64>,
    ) -> Result<String, RunError> {
        let url = self.at(&["api", "upload", what]);
        let answer = self.http.post(&url, &self.credentials, file, sent).await;
        let Answer { mut response, .. } = answer.map_err(|no| no.error)?;
        if !response.status().is_success() {
            return Err(self.refused(&mut response).await.error);
        }
        let body = self.body(&mut response, MAX_SHORT).await.map_err(|unread| unread.error)?;
        stored_name(&body).ok_or_else(|| self.no_comfyui("its response to a file").error)
    }

    /// The history entry of a prompt; `None` while it has not ended.
    pub(super) async fn history(&self, prompt_id: &str) -> Result<Option<HistoryEntry>, Unread> {
        let answer = self.asked(&["api", "history", prompt_id], None, MAX_ANSWER).await?;
        HistoryEntry::read(&answer, prompt_id).ok_or_else(|| self.no_comfyui("its history"))
    }

    pub(super) async fn queue(&self) -> Result<ServerQueue, Unread> {
        let answer = self.asked(&["api", "queue"], None, MAX_ANSWER).await?;
        read_queue(&answer).ok_or_else(|| self.no_comfyui("its queue"))
    }

    /// Removes a waiting prompt from the queue. The response does not say whether it was there.
    pub(super) async fn delete(&self, prompt_id: &str) -> Result<(), Unread> {
        let body = json!({"delete": [prompt_id]}).to_string();
        self.asked(&["api", "queue"], Some(&body), MAX_SHORT).await.map(drop)
    }

    /// Interrupts a prompt if it is running. The response does not say whether it was.
    pub(super) async fn interrupt(&self, prompt_id: &str) -> Result<(), Unread> {
        let body = json!({"prompt_id": prompt_id}).to_string();
        self.asked(&["api", "interrupt"], Some(&body), MAX_SHORT).await.map(drop)
    }

    /// Removes all waiting prompts from the queue.
    pub(super) async fn clear_queue(&self) -> Result<(), Unread> {
        self.asked(&["api", "queue"], Some(r#"{"clear":true}"#), MAX_SHORT).await.map(drop)
    }

    /// Unloads the models, and clears the cache of node results.
    pub(super) async fn free(&self) -> Result<(), Unread> {
        let body = r#"{"unload_models":true,"free_memory":true}"#;
        self.asked(&["api", "free"], Some(body), MAX_SHORT).await.map(drop)
    }

    /// The inputs of the server's nodes as JSON text, which is megabytes long.
    pub(super) async fn object_info(&self) -> Result<String, Unread> {
        let answer = self.asked(&["api", "object_info"], None, MAX_NODES).await?;
        read_nodes(answer).ok_or_else(|| self.no_comfyui("its list of nodes"))
    }

    pub(super) async fn system(&self) -> Result<System, Unread> {
        let answer = self.asked(&["api", "system_stats"], None, MAX_SHORT).await?;
        read_system(&answer).ok_or_else(|| self.no_comfyui("its system information"))
    }

    /// The model folders, or the models in one folder.
    pub(super) async fn models(&self, folder: Option<&str>) -> Result<Vec<String>, Unread> {
        let path: Vec<&str> = ["api", "models"].into_iter().chain(folder).collect();
        let answer = self.asked(&path, None, MAX_SHORT).await?;
        read_names(&answer).ok_or_else(|| self.no_comfyui("its models"))
    }

    /// The body of a response with a success status.
    async fn asked(&self, path: &[&str], json: Option<&str>, max: usize) -> Result<String, Unread> {
        let url = self.at(path);
        let ask = self.http.ask(&url, &self.credentials, json);
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
        if !response.status().is_success() {
            return Err(self.refused(&mut response).await);
        }
        self.body(&mut response, max).await
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
        let why = match status.as_u16() {
            401 | 403 | 407 => Why::NotAllowed,
            404 | 405 | 410 => Why::NotThere,
            _ => Why::Trouble,
        };
        Unread { error: self.described(status, &headers, &body), why }
    }

    /// The error of a failed response, without our own secrets, which some servers repeat.
    pub(super) fn described(&self, status: StatusCode, headers: &HeaderMap, body: &str) -> RunError {
        let mut error = http_error::describe(Protocol::Comfyui, status, headers, body);
        match status.as_u16() {
            404 | 405 | 410 => {
                error.remedy =
                    "Check the profile's url: it is the address at which ComfyUI opens in a browser."
                        .to_owned();
            }
            502..=504 => error.remedy = "Check that ComfyUI runs behind this address.".to_owned(),
            _ => {}
        }
        self.veiled(error)
    }

    pub(super) fn veiled(&self, error: RunError) -> RunError {
        veiled(error, &self.credentials)
    }

    fn trouble(&self, what: String) -> Unread {
        let remedy = "Check that ComfyUI runs there, and this machine's network.".to_owned();
        Unread { error: RunError { what, remedy, ..RunError::default() }, why: Why::Trouble }
    }

    /// The error for a response that is not ComfyUI's.
    fn no_comfyui(&self, what: &str) -> Unread {
        let shown = redirect::shown(&self.base);
        self.trouble(format!("{shown} answers, but not as ComfyUI does ({what} is not valid)"))
    }

    fn at(&self, segments: &[&str]) -> Url {
        below(&self.base, segments)
    }
}
