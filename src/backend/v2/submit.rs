//! Sends a run: its files first, then the graph, then handles the reply.
//!
//! The server chooses a job's id, so a run has two names of ours before: an idempotency key, with which the server takes
//! a request only once, and the same key as a mark in the graph, by which the job is found when the reply is lost. Both
//! are on disk before the request is sent.

use reqwest::StatusCode;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::backend::BackendError;
use crate::backend::net::http::{self, Answer, NoAnswer};
use crate::backend::net::upload::Upload;
use crate::domain::run::{RunError, Transfer};
use crate::domain::{RunEvent, Status};
use crate::wire::v2::{JobRecord, Refusal};

use super::api::{Api, wait};
use super::look::{Settled, unsettled};
use super::mark::marked;
use super::run::V2Run;

/// Most bytes read of a reply, which may contain lists of choices.
const MAX_REPLY: usize = 16 << 20;

/// The header that makes the server take a request only once.
pub(super) const KEY: &str = "Idempotency-Key";

/// The server's reply to a graph.
enum Reply {
    Taken(Box<JobRecord>),
    /// The graph was rejected, and nothing ran.
    Refused(RunError),
    /// The server asks to send it again later: nothing ran.
    Busy {
        error: RunError,
        wait: Option<std::time::Duration>,
    },
    /// No reply, or an unclear one.
    Unclear(RunError),
}

impl V2Run {
    /// Sends the run.
    pub(super) async fn send(&mut self) -> Result<(), BackendError> {
        self.out.phase(Status::Uploading).await?;
        let values = self.send_files().await?;
        let graph = self.job.graph(Some(&values)).map_err(BackendError::refused)?;
        let body = json!({"workflow": marked(graph, &self.name)}).to_string();
        let began = Instant::now();
        let mut is_repeated = false;
        loop {
            let upload = Upload::json(body.clone()).with_header(KEY, &self.name);
            match self.post(&upload).await? {
                Reply::Taken(record) => {
                    self.out.phase(Status::Waiting).await?;
                    self.named(&record).await?;
                    return self.flush_log().await;
                }
                Reply::Refused(error) => return Err(BackendError::refused(error)),
                Reply::Busy { error, wait } => self.wait_for_server(began, error, wait).await?,
                Reply::Unclear(doubt) => {
                    self.out.phase(Status::Waiting).await?;
                    match self.settle(doubt.clone()).await? {
                        None => return self.flush_log().await,
                        // The key makes the server take the run once, however often it is sent.
                        Some(Settled::NoList) if !std::mem::replace(&mut is_repeated, true) => {
                            self.note(
                                "sent once more under the same key, with which the server takes it only once",
                            );
                            tokio::time::sleep(self.api.limits().soon).await;
                        }
                        Some(settled) => return Err(BackendError::Lost(unsettled(doubt, &settled))),
                    }
                }
            }
        }
    }

    /// Waits until a busy server may be asked again.
    async fn wait_for_server(
        &mut self,
        began: Instant,
        error: RunError,
        wait: Option<std::time::Duration>,
    ) -> Result<(), BackendError> {
        let limits = self.api.limits();
        let (usual, longest) = limits.busy_pause;
        let pause = wait.unwrap_or(usual).min(longest);
        if began.elapsed() + pause > limits.busy {
            return Err(BackendError::refused(error));
        }
        let what = error.what.trim_end_matches('.').to_owned();
        // Once is enough: it may say the same for minutes.
        if self.busy_with.as_ref() != Some(&what) {
            let minutes = limits.busy.as_secs().div_ceil(60);
            let text = format!("{what}; the run is sent again and again, for {minutes} minutes at most");
            self.out.send(RunEvent::Warning { text }).await?;
            self.busy_with = Some(what);
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    async fn post(&mut self, upload: &Upload) -> Result<Reply, BackendError> {
        let (sent, mut progress) = watch::channel(0);
        let api = self.api.clone();
        let post = reply(&api, upload, &sent);
        tokio::pin!(post);
        // When the whole request was sent.
        let mut up: Option<Instant> = None;
        loop {
            let (due, late) = (self.out.due(), up.map(|up| up + api.limits().answer));
            tokio::select! {
                said = &mut post => return Ok(said),
                // The sender lives as long as this function.
                Ok(()) = progress.changed(), if up.is_none() => {
                    let done = *progress.borrow_and_update();
                    let is_up = done >= upload.total;
                    self.out.upload(Transfer { done, total: Some(upload.total) }, is_up).await?;
                    up = is_up.then(Instant::now);
                }
                () = tokio::time::sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                    let what = "the server did not answer in time".to_owned();
                    return Ok(Reply::Unclear(RunError { what, ..RunError::default() }));
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.out.send_due().await?;
                }
            }
        }
    }

    /// Finds a run again that was sent, or that the person says exists.
    pub(super) async fn find_again(&mut self) -> Result<(), BackendError> {
        // Whether it can have another name at the server than the one that is stored.
        let is_ours = self.job.left_at.is_some();
        loop {
            match self.api.job(&self.name).await {
                Ok(Some(record)) => {
                    self.named(&record).await?;
                    if !is_ours {
                        self.keep_graph().await;
                    }
                    return Ok(());
                }
                Ok(None) => break,
                Err(unread) => {
                    if let Some(super::run::Ending::Error(error)) = self.unread(unread).await? {
                        return Err(error);
                    }
                    tokio::time::sleep_until(self.next_look).await;
                }
            }
        }
        if !is_ours {
            return Err(BackendError::Lost(RunError {
                what: format!("the server has no run {}", self.name),
                remedy: "`comfydeck fetch --list` shows the runs that it has. A server forgets them after some time, one of your own when it is restarted."
                    .to_owned(),
                ..RunError::default()
            }));
        }
        let what = "the background runner went away before the server named the run".to_owned();
        let doubt = RunError { what, ..RunError::default() };
        match self.settle(doubt.clone()).await? {
            None => Ok(()),
            Some(settled) => Err(BackendError::Lost(unsettled(doubt, &settled))),
        }
    }

    /// Stores the graph of a run that was sent from elsewhere.
    async fn keep_graph(&mut self) {
        let Some(id) = &self.id else { return };
        match self.api.graph(id).await {
            Ok(Some(prompt)) => {
                let result = crate::domain::run::ServerResult { prompt, ..Default::default() };
                // Nobody listens any more only when the run is over.
                let _ = self.out.send(RunEvent::Result(result)).await;
            }
            Ok(None) => {}
            Err(unread) => tracing::warn!("the graph that ran is not kept: {}", unread.error.what),
        }
    }
}

/// Sends the graph and reads the reply.
async fn reply(api: &Api, graph: &Upload, sent: &watch::Sender<u64>) -> Reply {
    let Answer { mut response, hops } = match api.submit(graph, sent).await {
        Ok(answer) => answer,
        Err(NoAnswer { error, sent: true }) => return Reply::Unclear(api.veiled(error)),
        Err(NoAnswer { error, sent: false }) => return Reply::Refused(api.veiled(error)),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    if status.is_success() {
        let body = http::whole_body(&mut response, MAX_REPLY, api.limits().answer).await;
        let text = body.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default();
        return match JobRecord::read(&text) {
            Some(record) => Reply::Taken(Box::new(record)),
            None => Reply::Unclear(RunError {
                what: format!("the reply ({}) is not one of Comfy API v2", status.as_u16()),
                remedy: "Check the profile's url, and any proxy in between.".to_owned(),
                details: crate::wire::errors::from_text(&text).what,
                ..RunError::default()
            }),
        };
    }
    let body = http::refusal_body(&mut response, api.http().limits().refusal).await;
    let error = api.described(status, &headers, &body);
    let refusal = Refusal::read(&body);
    let is_clear = hops == 0 && status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT;
    match refusal {
        // The key is only taken by a request that reached the server.
        Some(refusal) if refusal.code == "idempotency_key_reuse" => {
            Reply::Unclear(RunError { what: "the server had received the run before".to_owned(), ..error })
        }
        Some(refusal) if is_clear && refusal.is_busy() => Reply::Busy { error, wait: wait(&headers) },
        // A proxy that timed out may have passed the request on.
        _ if is_clear => Reply::Refused(error),
        // What a server does not do at all it has not begun.
        _ if hops == 0 && status == StatusCode::NOT_IMPLEMENTED => Reply::Refused(RunError {
            what: format!("the server does not take runs (501): {}", error.what),
            remedy: "Check the profile's url: it is the address before /api/v2. An older version of the server may lack it.".to_owned(),
            ..error
        }),
        _ => Reply::Unclear(error),
    }
}
