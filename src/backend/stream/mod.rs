//! ViewComfy's streaming endpoint: one POST, answered by server-sent events (or by one JSON object).
//!
//! `log_message` events are log; `error` events are log too, and the reason when no result comes;
//! `prompt_result` is the end; any other event becomes a log line with its name. There is no prompt id before
//! the result, so a run that loses its connection cannot be found again. A complete result ends the run, whether
//! or not the server closes its response.

mod events;
mod failures;

use bytes::Bytes;
use reqwest::{Response, Url};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::run::{Protocol, RunError};
use crate::domain::{RunEvent, Status};
use crate::wire::ansi;
use crate::wire::errors;

use crate::backend::net::http::{self, Answer, Http, HttpLimits, HttpPool, LOOK_THERE_FIRST, NoAnswer};
use crate::backend::net::redirect;
use crate::backend::net::server::check_credentials;
use crate::backend::net::upload::Upload;
use crate::backend::outcome::{self, Outcome};
use crate::backend::reporter::Reporter;
use crate::backend::results::collect::Collected;
use crate::backend::results::download::{self, Fetched, Links};
use crate::backend::results::writer::Writer;
use crate::backend::{Backend, BackendError, BoxFuture, Caps, EventSink, Job, Outgoing};
use events::{ChunkEvents, EventReader};
use failures::{cut_off, lost, no_success, not_understood, without_result};

/// The remedy for outputs that could not be saved: the server does not keep them.
const AGAIN: &str = "run again";

/// The backend for streaming endpoints.
#[derive(Debug, Default)]
pub struct StreamBackend {
    http: HttpPool,
}

impl StreamBackend {
    /// A backend with other limits, for tests.
    pub fn with(limits: HttpLimits) -> Self {
        Self { http: HttpPool::new(limits) }
    }
}

impl Backend for StreamBackend {
    fn caps(&self) -> Caps {
        Protocol::Stream.caps()
    }

    fn outgoing(&self, job: &Job) -> Result<Outgoing, BackendError> {
        let url = checked_url(job)?;
        Upload::shown(job, url.as_str(), &first_fields(job), false)
            .map_err(|what| BackendError::refused(RunError { what, ..RunError::default() }))
    }

    fn submit(&self, job: Job, events: EventSink) -> BoxFuture<'_, Result<(), BackendError>> {
        Box::pin(async move {
            let http = self.http.of(&job.server.trust);
            let run = StreamRun { http: &http, out: Reporter::new(events), job };
            run.drive().await
        })
    }
}

/// The fields that this protocol sends before the values.
fn first_fields(job: &Job) -> [(&'static str, &'static str); 1] {
    [("logs", if job.logs { "true" } else { "false" })]
}

/// Checks the endpoint's address and the credentials.
fn checked_url(job: &Job) -> Result<Url, BackendError> {
    let fault = |what: String, remedy: &str| {
        BackendError::refused(RunError { what, remedy: remedy.to_owned(), ..RunError::default() })
    };
    check_credentials(&job.server.credentials).map_err(BackendError::refused)?;
    let remedy = "Put the deployment's whole address into the profile, such as https://name.example.com/.";
    match Url::parse(&job.server.url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        Ok(url) => Err(fault(
            format!("`{}` is not an address that a run can be sent to", redirect::shown(&url)),
            remedy,
        )),
        Err(why) => Err(fault(format!("the endpoint's address is not valid: {why}"), remedy)),
    }
}

/// The format of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyFormat {
    Events,
    Json,
}

struct StreamRun<'a> {
    http: &'a Http,
    out: Reporter,
    job: Job,
}

impl StreamRun<'_> {
    async fn drive(mut self) -> Result<(), BackendError> {
        let url = checked_url(&self.job)?;
        self.out.phase(Status::Uploading).await?;
        let upload = Upload::form(&self.job, &first_fields(&self.job)).map_err(|what| {
            BackendError::refused(RunError {
                what,
                remedy: "Choose the file again.".to_owned(),
                ..RunError::default()
            })
        })?;
        let answer = self.send(&url, &upload).await?;
        let status = answer.response.status();
        if !status.is_success() {
            return Err(no_success(answer, self.http.limits()).await);
        }
        let mut response = answer.response;
        if let Some(packed) = http::packed(&response) {
            return Err(lost(RunError {
                what: format!("the server sent a compressed response that was not asked for ({packed})"),
                remedy: format!(
                    "Ask whoever runs the endpoint, or the proxy in front of it, to leave responses uncompressed. {LOOK_THERE_FIRST}"
                ),
                ..RunError::default()
            }));
        }
        let content_type = http::content_type(response.headers());
        let mut first = Bytes::new();
        let form = match format_of(&content_type) {
            Some(form) => form,
            None => {
                first = first_chunk(&mut response).await;
                sniff(&first).ok_or_else(|| not_understood(status, &content_type, &first))?
            }
        };
        match form {
            BodyFormat::Events => self.events(response, first).await,
            BodyFormat::Json => self.json(response, first).await,
        }
    }

    /// Sends the request and reports its progress, until the response begins.
    async fn send(&mut self, url: &Url, upload: &Upload) -> Result<Answer, BackendError> {
        let (sent, mut progress) = watch::channel(0);
        let post = self.http.post(url, &self.job.server.credentials, upload, &sent);
        tokio::pin!(post);
        let mut waiting = false;
        loop {
            tokio::select! {
                answer = &mut post => {
                    if !waiting && answer.is_ok() {
                        self.out.phase(Status::Waiting).await?;
                    }
                    return answer.map_err(|NoAnswer { error, sent }| if sent { lost(error) } else { BackendError::refused(error) });
                }
                // The sender lives as long as this function.
                Ok(()) = progress.changed(), if !waiting => {
                    let done = *progress.borrow_and_update();
                    waiting = self.out.sent(done, upload.total).await?;
                }
            }
        }
    }

    /// Reads a response that is a stream of events.
    async fn events(mut self, mut response: Response, first: Bytes) -> Result<(), BackendError> {
        let mut reader = EventReader::new();
        let mut writer: Option<Writer> = None;
        let mut next = Some(first).filter(|first| !first.is_empty());
        let mut cut = None;
        let mut over = false;
        while !over {
            let received = match next.take() {
                Some(chunk) => reader.read(&chunk),
                None => match self.next_chunk(&mut response, writer.as_ref()).await? {
                    Ok(Some(chunk)) => reader.read(&chunk),
                    end => {
                        cut = end.err();
                        over = true;
                        reader.finish()
                    }
                },
            };
            over |= received.over;
            self.report_progress(received, &mut writer).await?;
        }
        self.out.flush().await?;
        match writer {
            Some(writer) => {
                let collected = writer.finish().await?;
                self.conclude(collected, cut, reader.errors()).await
            }
            None => Err(without_result(cut, reader.errors())),
        }
    }

    /// Reports what a chunk contained.
    async fn report_progress(
        &mut self,
        received: ChunkEvents,
        writer: &mut Option<Writer>,
    ) -> Result<(), BackendError> {
        if received.any {
            self.out.phase(Status::Running).await?;
        }
        self.out.log(received.log).await?;
        if received.began {
            self.out.phase(Status::Downloading).await?;
        }
        for data in received.data {
            let length = data.len() as u64;
            let writer = match &mut *writer {
                Some(writer) => writer,
                none => none.insert(self.writer()),
            };
            writer.write(data).await?;
            self.out.download(length).await?;
        }
        Ok(())
    }

    /// Reads a response that is the result itself, as JSON.
    async fn json(mut self, mut response: Response, first: Bytes) -> Result<(), BackendError> {
        self.out.expect(response.content_length());
        let writer = self.writer();
        let mut next = Some(first).filter(|first| !first.is_empty());
        let cut = loop {
            let chunk = match next.take() {
                Some(chunk) => chunk,
                None => match self.next_chunk(&mut response, Some(&writer)).await? {
                    Ok(Some(chunk)) => chunk,
                    end => break end.err(),
                },
            };
            self.out.phase(Status::Downloading).await?;
            let length = chunk.len() as u64;
            writer.write(chunk).await?;
            self.out.download(length).await?;
        };
        self.out.flush().await?;
        let collected = writer.finish().await?;
        self.conclude(collected, cut, "").await
    }

    /// The next chunk of the response; `None` when it, or the writer's result, has ended.
    /// Sends delayed progress meanwhile.
    async fn next_chunk(
        &mut self,
        response: &mut Response,
        writer: Option<&Writer>,
    ) -> Result<Result<Option<Bytes>, RunError>, BackendError> {
        let is_over = async {
            match writer {
                Some(writer) => writer.is_over().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(is_over);
        loop {
            let due = self.out.due();
            tokio::select! {
                chunk = response.chunk() => return Ok(chunk.map_err(|error| cut_off(&error))),
                () = &mut is_over => return Ok(Ok(None)),
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.out.send_due().await?;
                }
            }
        }
    }

    fn writer(&self) -> Writer {
        Writer::start(self.job.outputs.clone(), self.out.sink())
    }

    /// Reports the run's end from a result, complete or not.
    async fn conclude(
        mut self,
        mut collected: Collected,
        cut: Option<RunError>,
        said: &str,
    ) -> Result<(), BackendError> {
        if let Some(prompt_id) = &collected.result.prompt_id {
            let prompt_id = ansi::scrub_plain(prompt_id).chars().take(200).collect();
            self.out.send(RunEvent::Remote { prompt_id }).await?;
        }
        if collected.whole && said.trim().is_empty() && collected.result.says_nothing() {
            let what = "the response is JSON, but not the result of a run".to_owned();
            let details = Value::from(collected.result.other).to_string();
            let details = errors::from_text(&details).what;
            return Err(lost(RunError {
                what,
                details,
                remedy: LOOK_THERE_FIRST.to_owned(),
                ..RunError::default()
            }));
        }
        if let Some(event) = outcome::result_event(&collected.result) {
            self.out.send(event).await?;
        }
        self.fetch_links(&mut collected).await?;
        if !collected.whole && collected.broken.is_none() {
            let cut = cut.unwrap_or_else(|| RunError {
                what: "the server closed the connection in the middle of the result".to_owned(),
                ..RunError::default()
            });
            let saved = match collected.saved {
                0 => "None of its outputs was saved.".to_owned(),
                1 => "1 of its outputs was saved.".to_owned(),
                several => format!("{several} of its outputs were saved."),
            };
            let remedy = format!("{saved} Run again; the server does not keep results.");
            return Err(lost(RunError { remedy, ..cut }));
        }
        let outcome = Outcome {
            result: &collected.result,
            saved: collected.saved,
            failed: collected.failed,
            broken: collected.broken,
            errors: said,
            again: AGAIN,
        };
        if let Some(text) = outcome.remark() {
            self.out.send(RunEvent::Warning { text }).await?;
        }
        self.out.send(RunEvent::Ended(outcome.end())).await
    }

    async fn fetch_links(&mut self, collected: &mut Collected) -> Result<(), BackendError> {
        let list = std::mem::take(&mut collected.links);
        let home = checked_url(&self.job)?;
        let folder = self.job.outputs.clone();
        let links = Links {
            http: self.http,
            home: &home,
            credentials: None,
            folder,
            saved: &[],
            fresh: None,
            again: AGAIN,
        };
        let Fetched { saved, failed } = download::fetch_all(&links, list, &mut self.out).await?;
        collected.saved += saved;
        collected.failed += failed;
        Ok(())
    }
}

fn format_of(content_type: &str) -> Option<BodyFormat> {
    let lower = content_type.to_ascii_lowercase();
    if lower.contains("text/event-stream") {
        Some(BodyFormat::Events)
    } else {
        lower.contains("json").then_some(BodyFormat::Json)
    }
}

/// The first chunk of a response without a content type; empty when there is none.
async fn first_chunk(response: &mut Response) -> Bytes {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if chunk.trim_ascii().is_empty() => {}
            Ok(Some(chunk)) => return chunk,
            Ok(None) | Err(_) => return Bytes::new(),
        }
    }
}

/// The format of a response by its first bytes.
fn sniff(first: &[u8]) -> Option<BodyFormat> {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    if text.starts_with(b"{") {
        return Some(BodyFormat::Json);
    }
    [b"event:".as_slice(), b"data:", b":", b"id:", b"retry:"]
        .iter()
        .any(|field| text.starts_with(field))
        .then_some(BodyFormat::Events)
}
