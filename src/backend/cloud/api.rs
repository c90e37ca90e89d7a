//! The service's addresses, and the small requests to them: records, subscribe, cancel.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode, Url};
use serde_json::json;

use crate::backend::Server;
use crate::backend::net::http::{self, Http, NoBody};
use crate::backend::net::server::{below, check_credentials, veiled};
use crate::backend::net::{http_error, redirect};
use crate::config::Credentials;
use crate::domain::run::{Protocol, RunError, VIEWCOMFY_API};
use crate::wire::cloud::Record;

use super::CloudLimits;

/// Most bytes of a response that are read.
const MAX_REPLY: usize = 64 << 20;

/// The service's API for one account.
#[derive(Clone, Debug)]
pub(super) struct Api {
    base: Url,
    credentials: Credentials,
    http: Arc<Http>,
    limits: Arc<CloudLimits>,
}

/// Why records could not be read.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    pub error: RunError,
    pub why: Why,
}

/// The kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// 404: the service has no such record.
    NotThere,
    /// The service does not accept the credentials.
    NotAllowed,
    /// The service rejects the request: one of the ids, or their number.
    NotTaken,
    /// The response is longer than the limit.
    TooLong,
    /// The service failed on the request, or its response is not valid.
    Broke,
    /// A temporary failure of network, gateway or service.
    Trouble,
}

impl Why {
    /// Whether one of several requested ids may be the cause, so that each is better requested alone.
    pub(super) fn is_about_one(self) -> bool {
        matches!(self, Self::NotThere | Self::NotTaken | Self::TooLong | Self::Broke)
    }
}

impl Api {
    /// The API that a run is sent through.
    ///
    /// # Errors
    /// When address or credentials cannot be used.
    pub(super) fn new(server: &Server, http: Arc<Http>, limits: Arc<CloudLimits>) -> Result<Self, RunError> {
        check_credentials(&server.credentials)?;
        let base = checked(server.api_url.as_deref().unwrap_or(VIEWCOMFY_API), "api_url", VIEWCOMFY_API)?;
        checked(&server.url, "url", "https://name.example.com/")?;
        Ok(Self { base, credentials: server.credentials.clone(), http, limits })
    }

    /// The service's base URL.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(super) fn http(&self) -> &Http {
        &self.http
    }

    pub(super) fn limits(&self) -> &CloudLimits {
        &self.limits
    }

    /// Whether both are the same service, credentials and trust, so that one request can read both.
    pub(super) fn is_same_account(&self, other: &Self) -> bool {
        self.base == other.base
            && self.credentials == other.credentials
            && self.http.clients().trust() == other.http.clients().trust()
    }

    /// The URL that runs are sent to.
    pub(super) fn infer(&self) -> Url {
        self.at(&["api", "workflow", "infer"])
    }

    /// The records of these runs, as far as the service has them. One attempt.
    pub(super) async fn records(&self, prompt_ids: &[String]) -> Result<Vec<Record>, Unread> {
        let mut url = self.at(&["api", "workflow", "infer", ""]);
        url.query_pairs_mut().extend_pairs(prompt_ids.iter().map(|id| ("prompt_ids", id)));
        let body = self.asked(&url, None, self.limits.records).await?;
        let list = Record::list(&String::from_utf8_lossy(&body));
        list.ok_or_else(|| Unread {
            why: Why::Broke,
            ..Unread::trouble("the service's response is not a list of records".to_owned())
        })
    }

    /// The record of one run; `None` when the service has none. Retried on temporary failures.
    pub(super) async fn record(&self, prompt_id: &str) -> Result<Option<Record>, Unread> {
        let ids = [prompt_id.to_owned()];
        let mut waits = self.http.limits().retries.iter();
        let records = loop {
            match (self.records(&ids).await, waits.next()) {
                (Err(Unread { why: Why::Trouble | Why::Broke, .. }), Some(wait)) => {
                    tokio::time::sleep(*wait).await;
                }
                (Err(Unread { why: Why::NotThere, .. }), _) => return Ok(None),
                (records, _) => break records?,
            }
        };
        Ok(of(prompt_id, &records))
    }

    /// Subscribes this socket to the events of running prompts. Few services support it.
    pub(super) async fn subscribe(&self, sid: &str) -> Result<(), Unread> {
        let url = self.at(&["api", "workflow", "infer", "subscribe", sid]);
        self.asked(&url, Some("{}"), MAX_REPLY).await.map(drop)
    }

    /// Asks the service to stop a run, with the field names of the vendor's Python client, and those of the other
    /// client when these are rejected.
    pub(super) async fn cancel(&self, deployment: &str, prompt_id: &str) -> Result<(), Unread> {
        let shapes = [
            json!({"prompt_id": prompt_id, "view_comfy_api_url": deployment}),
            json!({"promptId": prompt_id, "viewComfyApiUrl": deployment}),
        ];
        let url = self.at(&["api", "workflow", "infer", "cancel"]);
        let mut first = None;
        for shape in shapes {
            let mut response = self.ask(&url, Some(&shape.to_string())).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            let unread = self.refused(&mut response).await;
            if !matches!(status.as_u16(), 400 | 422) {
                return Err(first.unwrap_or(unread));
            }
            first = first.or(Some(unread));
        }
        Err(first.unwrap_or_else(|| Unread::trouble(String::new())))
    }

    /// The body of a response with a success status.
    async fn asked(&self, url: &Url, json: Option<&str>, max: usize) -> Result<Vec<u8>, Unread> {
        let mut response = self.ask(url, json).await?;
        if !response.status().is_success() {
            return Err(self.refused(&mut response).await);
        }
        let body = http::whole_body(&mut response, max, self.limits.answer).await;
        body.map_err(|broken| match broken {
            NoBody::TooLong(error) => Unread { error, why: Why::TooLong },
            NoBody::Broken(error) => Unread { error, why: Why::Trouble },
        })
    }

    async fn ask(&self, url: &Url, json: Option<&str>) -> Result<Response, Unread> {
        let asked =
            tokio::time::timeout(self.limits.answer, self.http.ask(url, &self.credentials, json)).await;
        match asked {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(Unread { error: about_api(error), why: Why::Trouble }),
            Err(_) => Err(Unread::trouble(format!(
                "{} did not answer within {} seconds",
                redirect::shown(&self.base),
                self.limits.answer.as_secs()
            ))),
        }
    }

    async fn refused(&self, response: &mut Response) -> Unread {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http::refusal_body(response, self.http.limits().refusal).await;
        let mut error = self.described(status, &headers, &body);
        let why = match status.as_u16() {
            401 | 403 => Why::NotAllowed,
            404 | 405 | 410 => Why::NotThere,
            400 | 413 | 414 | 422 | 431 => Why::NotTaken,
            500 => Why::Broke,
            _ => Why::Trouble,
        };
        // A refused run would be sent again; a question is asked again by itself.
        if !matches!(why, Why::NotAllowed | Why::NotThere) {
            error.remedy = "If it persists, check the service's status.".to_owned();
        }
        Unread { error, why }
    }

    /// The error of a failed response, without our own secrets, which some services echo.
    pub(super) fn described(&self, status: StatusCode, headers: &HeaderMap, body: &str) -> RunError {
        let mut error = http_error::describe(Protocol::Cloud, status, headers, body);
        if matches!(status.as_u16(), 404 | 405 | 410) {
            error.remedy = "Check the profile's url (the deployment) and api_url (the service).".to_owned();
        }
        veiled(error, &self.credentials)
    }

    fn at(&self, segments: &[&str]) -> Url {
        below(&self.base, segments)
    }
}

impl Unread {
    fn trouble(what: String) -> Self {
        let remedy = "Check this machine's network; if it persists, check the service's status.".to_owned();
        Self { error: RunError { what, remedy, ..RunError::default() }, why: Why::Trouble }
    }
}

/// The record of this run; also a sole record without a prompt id, when only this run was asked for.
fn of(prompt_id: &str, records: &[Record]) -> Option<Record> {
    let named = records.iter().find(|record| is_of(record, prompt_id));
    named.or_else(|| nameless(records, 1)).cloned()
}

pub(super) fn is_of(record: &Record, prompt_id: &str) -> bool {
    record.result.prompt_id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(prompt_id))
}

/// The sole record, when it has no prompt id and only one was requested.
pub(super) fn nameless(records: &[Record], asked: usize) -> Option<&Record> {
    match records {
        [record] if asked == 1 && record.result.prompt_id.is_none() => Some(record),
        _ => None,
    }
}

/// Words an error for the API: its address is the profile's `api_url`, not `url`.
pub(super) fn about_api(error: RunError) -> RunError {
    let remedy = error.remedy.replace("the profile's url", "the profile's api_url");
    let remedy = remedy.replace("the endpoint", "the service");
    RunError { remedy, ..error }
}

fn checked(text: &str, name: &str, example: &str) -> Result<Url, RunError> {
    let fault = |what: String| RunError {
        what,
        remedy: format!("Put the whole address into the profile's {name}, such as {example}."),
        ..RunError::default()
    };
    match Url::parse(text) {
        Ok(mut url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            if name == "api_url" {
                url.set_query(None);
                url.set_fragment(None);
            }
            Ok(url)
        }
        Ok(url) => {
            Err(fault(format!("`{}` is not an address that a run can be sent to", redirect::shown(&url))))
        }
        Err(why) => Err(fault(format!("{name} is not a valid address: {why}"))),
    }
}

/// The kind as text, for the log.
pub(super) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        1 => "1 second".to_owned(),
        seconds if seconds < 120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds / 60),
    }
}
