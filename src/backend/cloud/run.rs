//! One run, from its registration to its end.

use serde_json::Value;
use tokio::time::Instant;

use crate::backend::log::{LogBuffer, LogChunk};
use crate::backend::reporter::Reporter;
use crate::backend::{BackendError, EventSink, Job};
use crate::domain::run::{Connection, End, RunError};
use crate::domain::{RunEvent, Status};
use crate::wire::cloud::{News, Record, State};
use crate::wire::{ansi, errors};

use super::account::{Registration, RunUpdate};
use super::api::Api;

/// Updates that are handled at once: a thousand log lines become one event for the store.
const AT_ONCE: usize = 256;

/// How certain it is that the service has the run.
#[derive(Clone, Debug)]
pub(super) enum Certainty {
    /// The request is being sent.
    Sending,
    /// The request may have arrived; the error that left it unsure.
    Unsure(RunError),
    /// A person says that the service has it (`comfydeck fetch`).
    Claimed,
    /// The service has sent an event or a record of it.
    Known,
}

impl Certainty {
    /// The certainty for a run that is taken over, by its last status.
    pub(super) fn of_left(status: Option<Status>) -> Self {
        match status {
            None => Self::Claimed,
            Some(Status::Queued | Status::Uploading) => Self::Unsure(RunError {
                what: "the background runner went away while it sent the run".to_owned(),
                ..RunError::default()
            }),
            // The request was sent: a missing record does not mean that nothing was paid.
            Some(_) => Self::Known,
        }
    }
}

#[derive(Debug)]
pub(super) enum Ending {
    /// A record with a final state.
    Record(Box<Record>),
    /// An event that ends the run.
    End(End),
    Error(BackendError),
}

/// A run that is being followed.
pub(super) struct CloudRun {
    pub api: Api,
    pub job: Job,
    pub prompt_id: String,
    pub out: Reporter,
    pub registration: Registration,
    pub certainty: Certainty,
    /// Whether the service has sent anything about the run.
    pub is_known: bool,
    log: LogBuffer,
    unsent: LogChunk,
    /// The first error event, and the time of the last update since.
    pub failure: Option<(Value, Instant)>,
    /// Since when the record is missing.
    pub missing: Option<Instant>,
    /// Since when the record cannot be read, for any reason and for rejected credentials.
    pub unread: Option<Instant>,
    pub not_allowed: Option<Instant>,
    pub has_warned_unread: bool,
    pub has_warned_not_allowed: bool,
    pub connection: Option<Connection>,
}

impl CloudRun {
    pub(super) fn new(
        api: Api,
        job: Job,
        prompt_id: String,
        events: EventSink,
        registration: Registration,
    ) -> Self {
        Self {
            api,
            job,
            prompt_id,
            out: Reporter::new(events),
            registration,
            certainty: Certainty::Sending,
            is_known: false,
            log: LogBuffer::default(),
            unsent: LogChunk::default(),
            failure: None,
            missing: None,
            unread: None,
            not_allowed: None,
            has_warned_unread: false,
            has_warned_not_allowed: false,
            connection: None,
        }
    }

    /// Handles updates until the run has ended.
    pub(super) async fn follow(&mut self) -> Result<Ending, BackendError> {
        let mut batch = Vec::new();
        loop {
            let due = self.out.due();
            tokio::select! {
                count = self.registration.updates.recv_many(&mut batch, AT_ONCE) => {
                    if let Some(ending) = self.take(count, &mut batch).await? {
                        return Ok(ending);
                    }
                }
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.out.send_due().await?;
                }
            }
        }
    }

    /// Handles a batch of updates. Returns the run's end, when it was among them.
    pub(super) async fn take(
        &mut self,
        count: usize,
        batch: &mut Vec<RunUpdate>,
    ) -> Result<Option<Ending>, BackendError> {
        if count == 0 {
            return Ok(Some(Ending::Error(BackendError::Lost(
                self.remedied(RunError {
                    what: "comfydeck's own connection to the service failed, which is a bug in comfydeck"
                        .to_owned(),
                    ..RunError::default()
                }),
            ))));
        }
        let mut ending = None;
        for update in batch.drain(..) {
            let ended = match update {
                RunUpdate::News(news) => self.news(news).await?,
                RunUpdate::Record(record) => self.record(record).await?,
                RunUpdate::NoRecord => self.no_record(),
                RunUpdate::Unread(unread) => self.unread(unread).await?,
                RunUpdate::Connection(connection, why) => {
                    self.turn(connection, why).await?;
                    None
                }
                RunUpdate::Missed(count) => {
                    self.note(&format!(
                        "{count} messages are missing here, since the log could not be written as fast"
                    ));
                    None
                }
            };
            // Log lines may follow the end.
            ending = ending.or(ended);
        }
        let chunk = std::mem::take(&mut self.unsent);
        self.out.log(chunk).await?;
        Ok(ending)
    }

    async fn news(&mut self, news: News) -> Result<Option<Ending>, BackendError> {
        self.is_known();
        if let Some((_, last)) = &mut self.failure {
            *last = Instant::now();
        }
        match news {
            News::Log { text } => self.log.log(&text, &mut self.unsent),
            News::Other { name, text } => self.log.other(&name, &text, &mut self.unsent),
            News::Error { value } => {
                let error = errors::from_value(&value);
                let text = [error.what.as_str(), error.details.as_str()].join("\n");
                self.log.log(text.trim(), &mut self.unsent);
                if self.failure.is_none() {
                    self.failure = Some((value, Instant::now()));
                    // The record may have better words, or say otherwise.
                    self.registration.hurry();
                }
            }
            News::Executed => {
                self.out.phase(Status::Downloading).await?;
                // Its result comes next; if that is lost, the record has it.
                self.registration.hurry();
                return Ok(None);
            }
            News::Result(Some(record)) if record.state().is_end() => return Ok(Some(Ending::Record(record))),
            News::Result(_) => {
                self.out.phase(Status::Downloading).await?;
                self.registration.hurry();
                return Ok(None);
            }
            News::Cancelled { value } => return Ok(Some(Ending::End(cancelled(&value)))),
        }
        self.out.phase(Status::Running).await?;
        Ok(None)
    }

    pub(super) async fn record(&mut self, record: Box<Record>) -> Result<Option<Ending>, BackendError> {
        let before = match self.certainty {
            Certainty::Claimed => Some(Status::Running),
            Certainty::Unsure(_) => Some(Status::Waiting),
            Certainty::Sending | Certainty::Known => None,
        };
        self.is_known();
        self.is_readable();
        if record.state().is_end() {
            return Ok(Some(Ending::Record(record)));
        }
        let status = if is_working(&record) { Some(Status::Running) } else { before };
        if let Some(status) = status {
            self.out.phase(status).await?;
        }
        Ok(self.given_up(self.api.limits().failing))
    }

    pub(super) fn is_known(&mut self) {
        (self.is_known, self.missing) = (true, None);
        if !matches!(self.certainty, Certainty::Sending) {
            self.certainty = Certainty::Known;
        }
    }

    /// Reports a change in how updates reach the run.
    async fn turn(&mut self, connection: Connection, why: Option<String>) -> Result<(), BackendError> {
        let before = self.connection.replace(connection);
        let why = why.map(|why| format!(" ({})", why.trim_end_matches('.'))).unwrap_or_default();
        match (before, connection) {
            (_, Connection::Reconnecting) => self.note(&format!(
                "the connection to the service broke here{why}; lines may be missing until it is back"
            )),
            (Some(Connection::Reconnecting), Connection::Live) => {
                self.note("the connection to the service is back")
            }
            (Some(Connection::Polling), Connection::Live) => {
                self.note("the live log begins here; lines before this one may be missing")
            }
            (Some(Connection::Reconnecting | Connection::Live), Connection::Polling) => {
                self.note(&format!("the live log ends here{why}; how the run ends is read from its record"))
            }
            _ => {}
        }
        let chunk = std::mem::take(&mut self.unsent);
        self.out.log(chunk).await?;
        self.out.send(RunEvent::Connection { state: connection }).await
    }

    /// A line of our own in the run's log.
    pub(super) fn note(&mut self, text: &str) {
        self.log.other("comfydeck", text, &mut self.unsent);
    }

    /// The text of an error event, when no better one is known.
    pub(super) fn failure(&self) -> String {
        match &self.failure {
            None | Some((Value::Null, _)) => String::new(),
            Some((Value::String(text), _)) => text.clone(),
            Some((value, _)) => value.to_string(),
        }
    }
}

/// The end of a cancelled run.
pub(super) fn cancelled(value: &Value) -> End {
    let said = errors::from_value(value).what;
    let said: String = ansi::scrub_plain(&said).chars().take(200).collect();
    let what = "The service confirmed that the run was stopped".to_owned();
    let what = if said.is_empty() { what } else { format!("{what}: {said}") };
    End {
        status: Status::Cancelled,
        error: Some(RunError { what, ..RunError::default() }),
        server_seconds: None,
    }
}

/// Whether a record without an end says that execution has begun.
fn is_working(record: &Record) -> bool {
    let word = record.result.status.as_deref().unwrap_or_default().to_ascii_lowercase();
    let word: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
    record.state() == State::Open
        && matches!(word.as_str(), "running" | "inprogress" | "processing" | "executing" | "executed")
}
