//! Sends a run, and handles the reply.

use reqwest::StatusCode;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backend::BackendError;
use crate::backend::net::http::{self, Answer, NoAnswer};
use crate::backend::net::http_error::{self, Meaning};
use crate::backend::net::upload::Upload;
use crate::domain::run::RunError;
use crate::domain::{RunEvent, Status};
use crate::wire::cloud::Record;

use super::account::SocketState;
use super::api;
use super::run::{Certainty, CloudRun, Ending};

/// The fields that this protocol sends before the values.
pub(super) fn fields<'a>(
    prompt_id: &'a str,
    url: &'a str,
    sid: Option<&'a str>,
) -> Vec<(&'static str, &'a str)> {
    let first = [("prompt_id", prompt_id), ("view_comfy_api_url", url)];
    first.into_iter().chain(sid.map(|sid| ("sid", sid))).collect()
}

/// Bytes of a reply that are read: it may be the record, and that may have everything in it.
const MAX_REPLY: usize = 64 << 20;

/// What the service says to a run.
enum Reply {
    Taken(Option<Box<Record>>),
    /// It will not have it, and nothing was paid.
    Refused(RunError),
    /// Nothing, or nothing that says so: its record tells.
    Unclear(RunError),
}

impl CloudRun {
    /// Sends the run. It is registered from here on, so events that arrive before the reply count.
    pub(super) async fn send(&mut self) -> Result<Option<Ending>, BackendError> {
        self.out.phase(Status::Uploading).await?;
        let sid = self.socket().await?;
        let fields = fields(&self.prompt_id, &self.job.server.url, sid.as_deref());
        let upload = Upload::multipart(&self.job, &fields).map_err(|what| {
            BackendError::refused(RunError {
                what,
                remedy: "Choose the file again.".to_owned(),
                ..RunError::default()
            })
        })?;
        let (sent, mut progress) = watch::channel(0);
        let api = self.api.clone();
        let post = reply(&api, &upload, &sent);
        tokio::pin!(post);
        let mut batch = Vec::new();
        // When the whole request was up, and whether the reply is overdue.
        let (mut up, mut overdue) = (None, false);
        loop {
            let (due, late) = (self.out.due(), up.map(|up: Instant| up + api.limits().reply));
            tokio::select! {
                reply = &mut post => {
                    if up.is_none() && !matches!(reply, Reply::Refused(_)) {
                        self.out.phase(Status::Waiting).await?;
                    }
                    return self.replied(reply, sid).await;
                }
                // The sender lives as long as this function.
                Ok(()) = progress.changed(), if up.is_none() => {
                    let done = *progress.borrow_and_update();
                    if self.out.sent(done, upload.total).await? {
                        up = Some(Instant::now());
                    }
                }
                count = self.registration.updates.recv_many(&mut batch, 256) => {
                    let was_missing = overdue && batch.iter().any(|update| matches!(update, super::account::RunUpdate::Record(_)));
                    if let Some(ending) = self.take(count, &mut batch).await? {
                        return Ok(Some(ending));
                    }
                    if was_missing {
                        // The run has arrived: its reply is not needed any more.
                        self.certainty = Certainty::Known;
                        return Ok(None);
                    }
                }
                () = tokio::time::sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() && !overdue => {
                    overdue = true;
                    self.registration.sent(sid.clone());
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.out.send_due().await?;
                }
            }
        }
    }

    /// The id of the socket for the run's events; `None` when there is no socket, or none is wanted.
    async fn socket(&mut self) -> Result<Option<String>, BackendError> {
        if !self.job.logs {
            return Ok(None);
        }
        let limits = self.api.limits();
        let tries = limits.socket_tries;
        let is_settled = |state: &SocketState| match state {
            SocketState::Connecting { failed, .. } => *failed >= tries,
            SocketState::Open { .. } | SocketState::Refused(_) => true,
        };
        let mut state = self.registration.socket_state.clone();
        // When it is too slow or broken, the run is sent without it.
        let _ = tokio::time::timeout(limits.socket_wait, state.wait_for(is_settled)).await;
        let state = self.registration.socket_state.borrow().clone();
        let why = match state {
            SocketState::Open { sid } => return Ok(Some(sid)),
            SocketState::Refused(error) => return Err(BackendError::refused(error)),
            SocketState::Connecting { why, .. } => why,
        };
        let why = why.map(|why| format!(": {}", why.what.trim_end_matches('.'))).unwrap_or_default();
        let text = format!(
            "There is no live connection to the service{why}. The run is sent anyway, without its live log; how it ends is read from its record"
        );
        self.out.send(RunEvent::Warning { text }).await?;
        Ok(None)
    }

    async fn replied(&mut self, reply: Reply, sid: Option<String>) -> Result<Option<Ending>, BackendError> {
        match reply {
            Reply::Refused(error) if !self.is_known => return Err(BackendError::refused(error)),
            Reply::Taken(record) => {
                self.certainty = Certainty::Known;
                self.registration.sent(sid);
                let Some(record) = record else { return Ok(None) };
                if let Some(id) = record
                    .result
                    .prompt_id
                    .clone()
                    .filter(|id| !api::is_of(&record, &self.prompt_id) && !id.is_empty())
                {
                    // The service chose another prompt id: only that one finds the run again.
                    self.registration.rename(&id);
                    self.out.send(RunEvent::Remote { prompt_id: id.clone() }).await?;
                    self.prompt_id = id;
                }
                return self.record(record).await;
            }
            Reply::Unclear(_) | Reply::Refused(_) if self.is_known => {
                // Whatever the reply says: the service has told of the run.
                self.certainty = Certainty::Known;
                self.registration.sent(sid);
                self.registration.hurry();
            }
            Reply::Unclear(error) | Reply::Refused(error) => {
                let what = error.what.trim_end_matches('.').to_owned();
                self.certainty = Certainty::Unsure(error);
                let text = format!("{what}; whether the run arrived is looked up in the service's records");
                self.note(&text);
                self.out.send(RunEvent::Warning { text }).await?;
                self.registration.sent(sid);
                self.registration.hurry();
            }
        }
        Ok(None)
    }
}

/// Sends the request and reads the reply.
async fn reply(api: &api::Api, upload: &Upload, sent: &watch::Sender<u64>) -> Reply {
    let answer = api.http().post(&api.infer(), api.credentials(), upload, sent).await;
    let Answer { mut response, hops } = match answer {
        Ok(answer) => answer,
        Err(NoAnswer { error, sent: true }) => return Reply::Unclear(api::about_api(error)),
        Err(NoAnswer { error, sent: false }) => return Reply::Refused(api::about_api(error)),
    };
    let status = response.status();
    if status.is_success() {
        return match http::whole_body(&mut response, MAX_REPLY, api.limits().answer).await {
            Ok(body) => read(status, &body),
            // The status says that it was taken.
            Err(_) => Reply::Taken(None),
        };
    }
    let headers = response.headers().clone();
    let body = http::refusal_body(&mut response, api.http().limits().refusal).await;
    let error = api.described(status, &headers, &body);
    match http_error::meaning(status, &body) {
        Meaning::Refused if hops == 0 => Reply::Refused(error),
        // Its record tells.
        Meaning::Refused | Meaning::Failed | Meaning::MayHaveBegun => Reply::Unclear(error),
    }
}

fn read(status: StatusCode, body: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || text == "null" {
        return Reply::Taken(None);
    }
    match Record::read(text) {
        Some(record) => Reply::Taken(Some(Box::new(record))),
        // Most likely a proxy's page.
        None => Reply::Unclear(RunError {
            what: format!("the response ({}) is not from the service", status.as_u16()),
            remedy: "Check the profile's api_url, and any proxy in between.".to_owned(),
            details: crate::wire::errors::from_text(text).what,
            ..RunError::default()
        }),
    }
}
