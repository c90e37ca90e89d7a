//! Passes a result's bytes from the network to the thread that decodes and writes them.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::collect::{Collected, Collector};
use super::outputs::OutputFolder;
use crate::backend::reporter::stopped;
use crate::backend::{BackendError, EventSink};

/// Chunks of the result that wait for the disk; each is at most some hundred kilobytes.
const WAITING_CHUNKS: usize = 8;

/// Longest wait for the end of the response after the end of the result. Some servers never close the response.
const GRACE: Duration = Duration::from_secs(1);

/// The thread that writes a result's outputs to disk.
pub(in crate::backend) struct Writer {
    chunks: mpsc::Sender<Chunk>,
    /// When the result was complete.
    whole: watch::Receiver<Option<Instant>>,
    thread: JoinHandle<Option<Collected>>,
}

enum Chunk {
    Bytes(Bytes),
    /// Completes the file. A channel that closes without it means that the run was dropped, and the file is removed.
    End,
}

impl Writer {
    pub(in crate::backend) fn start(folder: OutputFolder, out: EventSink) -> Self {
        let (chunks, mut waiting) = mpsc::channel(WAITING_CHUNKS);
        let (mark_whole, whole) = watch::channel(None);
        let thread = tokio::task::spawn_blocking(move || {
            let mut collector = Collector::new(folder);
            let mut events = Vec::new();
            while let Chunk::Bytes(bytes) = waiting.blocking_recv()? {
                collector.feed(&bytes, &mut events);
                mark_whole.send_if_modified(|at| {
                    let is_new = at.is_none() && collector.is_whole();
                    if is_new {
                        *at = Some(Instant::now());
                    }
                    is_new
                });
                for event in events.drain(..) {
                    out.blocking_send(event).ok()?;
                }
            }
            let collected = collector.finish(&mut events);
            for event in events {
                out.blocking_send(event).ok()?;
            }
            Some(collected)
        });
        Self { chunks, whole, thread }
    }

    /// Waits until the result has been complete for a moment: nothing after it matters.
    pub(in crate::backend) async fn is_over(&self) {
        let mut whole = self.whole.clone();
        let at = whole.wait_for(Option::is_some).await.ok().and_then(|at| *at);
        match at {
            Some(at) => tokio::time::sleep_until(at + GRACE).await,
            // The thread panicked; the next write reports that.
            None => std::future::pending().await,
        }
    }

    /// Queues bytes of the result; waits while the queue is full.
    pub(in crate::backend) async fn write(&self, bytes: Bytes) -> Result<(), BackendError> {
        self.chunks.send(Chunk::Bytes(bytes)).await.map_err(|_| stopped())
    }

    /// Ends the result, complete or not, and returns what was read.
    pub(in crate::backend) async fn finish(self) -> Result<Collected, BackendError> {
        self.chunks.send(Chunk::End).await.map_err(|_| stopped())?;
        self.thread.await.ok().flatten().ok_or_else(stopped)
    }
}
