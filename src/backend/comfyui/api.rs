//! The server's addresses, and the small requests to them.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode, Url};
use serde_json::json;
use tokio::sync::watch;

use crate::backend::Server;
use crate::backend::net::http::{self, Answer, Http, NoAnswer, NoBody};
use crate::backend::net::upload::Upload;
use crate::backend::net::{http_error, redirect};
use crate::config::{Credentials, Veil};
use crate::domain::run::{Protocol, RunError};
use crate::domain::server::{ServerQueue, System};
use crate::wire::comfyui::{HistoryEntry, ServerFile, read_names, read_queue, read_system, stored_name};

use super::ComfyuiLimits;

/// Bytes of an answer that are read. Queue and history hold whole graphs, some with pictures in them.
const MAX_ANSWER: usize = 256 << 20;
/// Bytes of an answer that says little.
const MAX_SHORT: usize = 16 << 20;

/// The way to a server.
#[derive(Clone, Debug)]
pub(super) struct Api {
    base: Url,
    credentials: Credentials,
    http: Arc<Http>,
    limits: Arc<ComfyuiLimits>,
}

/// Why a question was not answered.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    pub error: RunError,
    pub why: Why,
}

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    NotAllowed,
    /// There is no ComfyUI at this address, or none that knows this question.
    NotThere,
    /// Line, server or somebody between: it may pass.
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
        if let Some(name) = http::unsendable(&server.credentials) {
            return Err(RunError {
                what: format!("{name} holds a character that no HTTP header can carry"),
                remedy: "Copy it again, without a line end or other control character.".to_owned(),
                ..RunError::default()
            });
        }
        let remedy = "Put the server's address into the profile's url, such as http://localhost:8188.";
        let fault = |what: String| RunError { what, remedy: remedy.to_owned(), ..RunError::default() };
        let mut base = Url::parse(&server.url)
            .map_err(|why| fault(format!("the address in url cannot be read: {why}")))?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(fault(format!("`{}` is not the address of a server", redirect::shown(&base))));
        }
        base.set_query(None);
        base.set_fragment(None);
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

    /// The websocket of a client.
    pub(super) fn socket(&self, client_id: &str) -> Url {
        let mut url = self.at(&["ws"]);
        url.query_pairs_mut().append_pair("clientId", client_id);
        url
    }

    /// Where a file lies.
    pub(super) fn view(&self, file: &ServerFile) -> Url {
        let mut url = self.at(&["api", "view"]);
        let fields = [("filename", &file.filename), ("subfolder", &file.subfolder), ("type", &file.kind)];
        url.query_pairs_mut().extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
        url
    }

    /// Where graphs are sent.
    pub(super) fn prompt_url(&self) -> Url {
        self.at(&["api", "prompt"])
    }

    /// Sends a graph. Never sent twice.
    pub(super) async fn prompt(&self, graph: &Upload, sent: &watch::Sender<u64>) -> Result<Answer, NoAnswer> {
        self.http.post(&self.prompt_url(), &self.credentials, graph, sent).await
    }

    /// Sends a file, and gives the name by which inputs take it.
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
        stored_name(&body).ok_or_else(|| self.no_comfyui("the answer to a file").error)
    }

    /// The history entry of a prompt; none while it has not ended.
    pub(super) async fn history(&self, prompt_id: &str) -> Result<Option<HistoryEntry>, Unread> {
        let answer = self.asked(&["api", "history", prompt_id], None, MAX_ANSWER).await?;
        HistoryEntry::read(&answer, prompt_id).ok_or_else(|| self.no_comfyui("its history"))
    }

    pub(super) async fn queue(&self) -> Result<ServerQueue, Unread> {
        let answer = self.asked(&["api", "queue"], None, MAX_ANSWER).await?;
        read_queue(&answer).ok_or_else(|| self.no_comfyui("its queue"))
    }

    /// Takes a prompt out of the queue that waits there. The server does not say whether it did.
    pub(super) async fn delete(&self, prompt_id: &str) -> Result<(), Unread> {
        let body = json!({"delete": [prompt_id]}).to_string();
        self.asked(&["api", "queue"], Some(&body), MAX_SHORT).await.map(drop)
    }

    /// Stops a prompt if it is the one that runs. The server does not say whether it is.
    pub(super) async fn interrupt(&self, prompt_id: &str) -> Result<(), Unread> {
        let body = json!({"prompt_id": prompt_id}).to_string();
        self.asked(&["api", "interrupt"], Some(&body), MAX_SHORT).await.map(drop)
    }

    /// Takes everything out of the queue that waits there.
    pub(super) async fn clear_queue(&self) -> Result<(), Unread> {
        self.asked(&["api", "queue"], Some(r#"{"clear":true}"#), MAX_SHORT).await.map(drop)
    }

    /// Unloads the models, and forgets what nodes gave.
    pub(super) async fn free(&self) -> Result<(), Unread> {
        let body = r#"{"unload_models":true,"free_memory":true}"#;
        self.asked(&["api", "free"], Some(body), MAX_SHORT).await.map(drop)
    }

    /// What the server's nodes take, as JSON text: megabytes.
    pub(super) async fn object_info(&self) -> Result<String, Unread> {
        self.asked(&["api", "object_info"], None, MAX_ANSWER).await
    }

    pub(super) async fn system(&self) -> Result<System, Unread> {
        let answer = self.asked(&["api", "system_stats"], None, MAX_SHORT).await?;
        read_system(&answer).ok_or_else(|| self.no_comfyui("what it says of itself"))
    }

    /// Folders of models, or with a folder the models in it.
    pub(super) async fn models(&self, folder: Option<&str>) -> Result<Vec<String>, Unread> {
        let path: Vec<&str> = ["api", "models"].into_iter().chain(folder).collect();
        let answer = self.asked(&path, None, MAX_SHORT).await?;
        read_names(&answer).ok_or_else(|| self.no_comfyui("its models"))
    }

    /// An answer's text, when its status is a good one.
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

    /// What a refusal says, without our own secrets, which some servers tell back.
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

    pub(super) fn veiled(&self, mut error: RunError) -> RunError {
        let veil = Veil::new(&self.credentials);
        [&mut error.what, &mut error.remedy, &mut error.details].into_iter().for_each(|text| veil.hide(text));
        error
    }

    fn trouble(&self, what: String) -> Unread {
        let remedy = "Check that ComfyUI runs there, and this machine's network.".to_owned();
        Unread { error: RunError { what, remedy, ..RunError::default() }, why: Why::Trouble }
    }

    /// Something else than a ComfyUI answered.
    fn no_comfyui(&self, what: &str) -> Unread {
        let shown = redirect::shown(&self.base);
        self.trouble(format!("{shown} answers, but not as ComfyUI does ({what} is not valid)"))
    }

    /// An address of the server; each segment is what it is, whatever stands in it.
    fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }
}
