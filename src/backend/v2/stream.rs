//! The stream of a job's events, read by a task of its own: a server in front of ComfyUI passes on what the websocket
//! brings, so a client that reads slowly, because of a slow disk here, would delay others. What does not fit into the
//! channel is dropped: the record has it, or the next event replaces it.

use std::time::Duration;

use reqwest::Response;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::backend::net::backoff::Backoff;
use crate::domain::run::Connection;
use crate::wire::ansi;
use crate::wire::sse::{Decoder, Names, Signal};
use crate::wire::v2::JobEvent;

use super::api::{Api, Unread, Why};

/// Events that wait to be taken. Servers send some four a second.
const WAITING: usize = 256;

const NAMES: Names = Names { streamed: "", text: &[] };

/// Something that the stream brought.
#[derive(Debug)]
pub(super) enum Heard {
    Event(JobEvent),
    /// The connection's new state, with the reason for a problem.
    Link(Connection, String),
}

/// A stream that is read until this is dropped.
#[derive(Debug)]
pub(super) struct Stream {
    heard: mpsc::Receiver<Heard>,
    task: AbortHandle,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stream {
    /// Reads a job's events, reconnecting when necessary. `link` is the server's link to them.
    pub(super) fn open(api: Api, id: String, link: Option<String>) -> Self {
        let (sink, heard) = mpsc::channel(WAITING);
        let task = tokio::spawn(async move { listen(&api, &id, link.as_deref(), &sink).await });
        Self { heard, task: task.abort_handle() }
    }

    /// The next thing that it brings. Never returns when nothing comes any more.
    pub(super) async fn next(&mut self) -> Heard {
        match self.heard.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }
}

/// Why a stream was left.
enum Left {
    /// It has told the end.
    Over,
    Broken(String),
}

async fn listen(api: &Api, id: &str, link: Option<&str>, sink: &mpsc::Sender<Heard>) {
    let mut backoff = Backoff::default();
    loop {
        let (lived, why, least) = match api.events(id, link).await {
            Ok(response) => {
                let since = Instant::now();
                match read(response, api.limits().silence, sink).await {
                    Left::Over => return,
                    Left::Broken(why) => (since.elapsed(), why, None),
                }
            }
            Err(Unread { error, why: Why::NotServed | Why::NotThere }) => {
                return drop(sink.send(Heard::Link(Connection::Polling, error.what)).await);
            }
            Err(Unread { error, why: Why::Busy(wait) }) => (Duration::ZERO, error.what, wait),
            Err(Unread { error, why: Why::NotAllowed | Why::Trouble }) => (Duration::ZERO, error.what, None),
        };
        if sink.send(Heard::Link(Connection::Reconnecting, why)).await.is_err() {
            return;
        }
        let pause = backoff.wait(lived, fastrand::f64()).min(api.limits().reconnect);
        tokio::time::sleep(pause.max(least.unwrap_or_default())).await;
    }
}

/// Reads until the stream ends.
async fn read(mut response: Response, silence: Duration, sink: &mpsc::Sender<Heard>) -> Left {
    let mut decoder = Decoder::new(NAMES);
    let mut is_told = false;
    let mut is_over = false;
    loop {
        let chunk = match tokio::time::timeout(silence, response.chunk()).await {
            Err(_) => return Left::Broken(format!("nothing was received for {} seconds", silence.as_secs())),
            Ok(Err(why)) => return Left::Broken(ansi::scrub_plain(&why.to_string())),
            Ok(Ok(None)) if is_over => return Left::Over,
            Ok(Ok(None)) => return Left::Broken("the server closed the stream".to_owned()),
            Ok(Ok(Some(chunk))) => chunk,
        };
        if !std::mem::replace(&mut is_told, true)
            && sink.send(Heard::Link(Connection::Live, String::new())).await.is_err()
        {
            return Left::Over;
        }
        decoder.feed(&chunk, &mut |signal| {
            let Signal::Event { name, data, .. } = signal else { return };
            let event = JobEvent::read(name, &String::from_utf8_lossy(data));
            is_over |= matches!(event, JobEvent::Status { state, .. } if state.is_end());
            // See the module's documentation.
            let _ = sink.try_send(Heard::Event(event));
        });
    }
}
