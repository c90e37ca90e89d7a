//! Sends a run's events to the store: phases in order, progress at a limited rate.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::run::{Preview, Progress, RunError, Transfer};
use crate::domain::{RunEvent, Status};

use super::{BackendError, EventSink};
use crate::backend::log::LogChunk;

/// Shortest interval between transient events of one kind; the last one is always sent.
const BEAT: Duration = Duration::from_millis(125);

/// Reports the events of one run.
#[derive(Debug)]
pub(super) struct Reporter {
    sink: EventSink,
    phase: Option<Status>,
    upload: Beat,
    download: Beat,
    progress: Beat,
    preview: Beat,
    /// The progress line to be sent next.
    pending: Option<Progress>,
    /// The preview to be sent next.
    picture: Option<Preview>,
    received: Transfer,
    unsent_download: bool,
}

impl Reporter {
    pub(super) fn new(sink: EventSink) -> Self {
        Self {
            sink,
            phase: None,
            upload: Beat::default(),
            download: Beat::default(),
            progress: Beat::default(),
            preview: Beat::default(),
            pending: None,
            picture: None,
            received: Transfer::default(),
            unsent_download: false,
        }
    }

    /// The channel, for the thread that writes outputs.
    pub(super) fn sink(&self) -> EventSink {
        self.sink.clone()
    }

    pub(super) async fn send(&self, event: RunEvent) -> Result<(), BackendError> {
        self.sink.send(event).await.map_err(|_| stopped())
    }

    /// Reports a phase, unless it or a later one was reported before.
    pub(super) async fn phase(&mut self, status: Status) -> Result<(), BackendError> {
        if self.phase >= Some(status) {
            return Ok(());
        }
        self.phase = Some(status);
        self.send(RunEvent::Phase { status }).await
    }

    pub(super) async fn upload(&mut self, transfer: Transfer, is_last: bool) -> Result<(), BackendError> {
        if self.upload.is_due() || is_last {
            self.upload.restart();
            self.send(RunEvent::Upload(transfer)).await?;
        }
        Ok(())
    }

    /// Reports how much of the request was sent; with the last byte the run begins to wait. Returns whether it was the last.
    pub(super) async fn sent(&mut self, done: u64, total: u64) -> Result<bool, BackendError> {
        let is_up = done >= total;
        self.upload(Transfer { done, total: Some(total) }, is_up).await?;
        if is_up {
            self.phase(Status::Waiting).await?;
        }
        Ok(is_up)
    }

    /// Sets the expected size of the result in bytes.
    pub(super) fn expect(&mut self, total: Option<u64>) {
        self.received.total = total;
    }

    /// Counts received bytes of the result.
    pub(super) async fn download(&mut self, more: u64) -> Result<(), BackendError> {
        self.received.done += more;
        self.unsent_download = true;
        if self.download.is_due() {
            self.send_download().await?;
        }
        Ok(())
    }

    /// Received bytes of the result.
    pub(super) fn received(&self) -> u64 {
        self.received.done
    }

    /// Sets the received bytes, which decrease when a download starts again.
    pub(super) async fn stands_at(&mut self, received: Transfer) -> Result<(), BackendError> {
        self.expect(received.total);
        self.received.done = received.done;
        self.download(0).await
    }

    /// Reports new log lines and progress.
    pub(super) async fn log(&mut self, chunk: LogChunk) -> Result<(), BackendError> {
        if !chunk.log.is_empty() {
            self.send(RunEvent::Log { text: chunk.log }).await?;
        }
        match chunk.progress {
            Some(progress) => self.progress(progress).await,
            None => Ok(()),
        }
    }

    async fn progress(&mut self, progress: Progress) -> Result<(), BackendError> {
        self.pending = Some(progress);
        if self.progress.is_due() {
            self.send_progress().await?;
        }
        Ok(())
    }

    /// Reports an intermediate picture.
    pub(super) async fn preview(&mut self, preview: Preview) -> Result<(), BackendError> {
        self.picture = Some(preview);
        if self.preview.is_due() {
            self.send_preview().await?;
        }
        Ok(())
    }

    async fn send_preview(&mut self) -> Result<(), BackendError> {
        if let Some(preview) = self.picture.take() {
            self.preview.restart();
            self.send(RunEvent::Preview(preview)).await?;
        }
        Ok(())
    }

    /// When the next delayed event is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let progress = self.pending.as_ref().and_then(|_| self.progress.next());
        let download = self.unsent_download.then(|| self.download.next()).flatten();
        let preview = self.picture.as_ref().and_then(|_| self.preview.next());
        progress.into_iter().chain(preview).chain(download).min()
    }

    /// Sends the delayed events that are due.
    pub(super) async fn send_due(&mut self) -> Result<(), BackendError> {
        if self.progress.is_due() {
            self.send_progress().await?;
        }
        if self.preview.is_due() {
            self.send_preview().await?;
        }
        if self.download.is_due() {
            self.send_download().await?;
        }
        Ok(())
    }

    /// Sends all delayed events.
    pub(super) async fn flush(&mut self) -> Result<(), BackendError> {
        self.send_progress().await?;
        self.send_preview().await?;
        self.send_download().await
    }

    async fn send_progress(&mut self) -> Result<(), BackendError> {
        if let Some(progress) = self.pending.take() {
            self.progress.restart();
            self.send(RunEvent::Progress(progress)).await?;
        }
        Ok(())
    }

    async fn send_download(&mut self) -> Result<(), BackendError> {
        if std::mem::take(&mut self.unsent_download) {
            self.download.restart();
            self.send(RunEvent::Download(self.received)).await?;
        }
        Ok(())
    }
}

/// The time of the last event of a kind.
#[derive(Debug, Default)]
struct Beat(Option<Instant>);

impl Beat {
    fn restart(&mut self) {
        self.0 = Some(Instant::now());
    }

    fn next(&self) -> Option<Instant> {
        self.0.map(|last| last + BEAT)
    }

    fn is_due(&self) -> bool {
        self.next().is_none_or(|next| Instant::now() >= next)
    }
}

/// The error when the store no longer takes events, or the thread that writes outputs has died.
pub(super) fn stopped() -> BackendError {
    BackendError::Lost(RunError {
        what: "comfydeck stopped listening before the run's end was known".to_owned(),
        remedy: "The server may go on with it, and bill it: look at the endpoint's own history before you run it again."
            .to_owned(),
        ..RunError::default()
    })
}
