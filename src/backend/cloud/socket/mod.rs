//! The connection on which the service sends events: Socket.IO over a websocket,
//! the codec being [`wire::socketio`](crate::wire::socketio).
//!
//! The websocket begins as a request of our own HTTP client, so proxies, certificates and redirects are treated
//! as everywhere else. The credentials are in no header and no address: they go into the one packet that asks
//! to be let in.

mod error;
mod shake;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Sink, Stream};
use reqwest::Url;
use serde_json::{Map, Value};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::backend::net::http::Http;
use crate::backend::net::redirect;
use crate::config::{Credentials, Veil};
use crate::domain::run::{Protocol, RunError};
use crate::wire::cloud;
use crate::wire::socketio::{self, Client, Received, Signal};

pub(super) use error::SocketError;
use error::{lost, unreachable};
use stream::{Counted, Io};

/// Answers that may wait to be sent; with more nothing is read until the server has taken some.
const MAX_WAITING: usize = 64;
/// Most notices of one connection that are reported, so that a server cannot fill the log.
const MAX_NOTICES: usize = 20;
/// How much longer than its silence a server is given, once.
const GRACE: Duration = Duration::from_secs(1);
/// How long to try to leave politely.
const LEAVING: Duration = Duration::from_secs(2);

/// What a connection may take.
#[derive(Clone, Debug)]
pub(super) struct SocketLimits {
    /// From the first byte until we are let in.
    pub connect: Duration,
    /// Bytes of one message.
    pub message: usize,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(30), message: 64 << 20 }
    }
}

/// What comes over a connection.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// News of a run.
    News(cloud::Event),
    /// Something that was not understood and passed over: a line for the log, scrubbed.
    Notice(String),
}

/// One connection that has been let in, until its end. Dropping it ends it too, without a word.
#[derive(Debug)]
pub(super) struct Socket {
    line: Line,
    sid: String,
    /// Its end has been told.
    over: bool,
}

impl Socket {
    /// Connects to the service at `base` and asks to be let in.
    ///
    /// # Errors
    /// [`SocketError::Refused`] where the service does not want us, [`SocketError::Unreachable`] where
    /// it cannot be asked.
    pub(super) async fn connect(
        http: &Http,
        base: &Url,
        credentials: &Credentials,
        limits: &SocketLimits,
    ) -> Result<Self, SocketError> {
        let shown = redirect::shown(base);
        let until = Instant::now() + limits.connect;
        let socket = async {
            let stream = tokio::time::timeout_at(until, shake::hands(http, base, credentials)).await;
            let stream = stream.map_err(|_| late(&shown, limits, ""))??;
            Self::over(Box::new(stream), &shown, credentials, limits, until).await
        };
        socket.await.map_err(|error: SocketError| error.veiled(&Veil::new(credentials)))
    }

    /// Asks to be let in over a websocket that is open.
    async fn over(
        stream: Box<dyn Io>,
        shown: &str,
        credentials: &Credentials,
        limits: &SocketLimits,
        until: Instant,
    ) -> Result<Self, SocketError> {
        let mut line = Line::new(stream, shown, credentials, limits).await;
        loop {
            let Ok(signal) = tokio::time::timeout_at(until, line.next()).await else {
                return Err(late(shown, limits, &line.notices.make_contiguous().join("\n")));
            };
            match signal.map_err(SocketError::before_welcome)? {
                Signal::Opened => {
                    let hello = socketio::connect(&auth(credentials));
                    line.waiting.push_back(Frame::text(hello));
                }
                Signal::Connected { sid } => return Ok(Self { line, sid, over: false }),
                Signal::Refused { message } => return Err(SocketError::refused(&message)),
                Signal::Closed | Signal::Disconnected => {
                    return Err(unreachable(format!("{shown} closed the connection before the login")));
                }
                Signal::Ignored { why, shown } => line.note(why, &shown),
                Signal::Event(_) | Signal::Alive => {}
            }
        }
    }

    /// The connection's name, by which a submission tells where its news shall go. It ends with the connection.
    pub(super) fn sid(&self) -> &str {
        &self.sid
    }

    /// What comes next. Answers pings and acknowledgements by itself, so it must be waited for all the time; it can be
    /// dropped and called again without losing anything.
    ///
    /// # Errors
    /// The connection is over: [`SocketError::Lost`], or [`SocketError::Refused`] where the service says so.
    pub(super) async fn next(&mut self) -> Result<Message, SocketError> {
        loop {
            if let Some(notice) = self.line.notices.pop_front() {
                return Ok(Message::Notice(notice));
            }
            if self.over {
                return Err(lost(format!("the live connection to {} is over", self.line.shown)));
            }
            let signal = self.line.next().await;
            self.over =
                matches!(signal, Err(_) | Ok(Signal::Refused { .. } | Signal::Disconnected | Signal::Closed));
            let shown = &self.line.shown;
            match signal? {
                Signal::Event(event) => {
                    return Ok(Message::News(cloud::Event::read(&event.name, &event.payload)));
                }
                Signal::Ignored { why, shown } => self.line.note(why, &shown),
                Signal::Refused { message } => {
                    return Err(SocketError::refused(&message).veiled(&self.line.veil));
                }
                Signal::Disconnected => return Err(lost(format!("{shown} ended the live connection"))),
                Signal::Closed => return Err(lost(format!("{shown} closed the live connection"))),
                Signal::Opened | Signal::Connected { .. } | Signal::Alive => {}
            }
        }
    }

    /// Leaves, politely when that is quick.
    pub(super) async fn close(mut self) {
        self.line.waiting.extend([Frame::text(socketio::LEAVE), Frame::Close(None)]);
        let sent = std::future::poll_fn(|cx| self.line.poll_send(cx));
        // Nobody minds when it does not come through.
        let _ = tokio::time::timeout(LEAVING, sent).await;
    }
}

/// The service took too long. `notices` may say what it did instead.
fn late(shown: &str, SocketLimits { connect, .. }: &SocketLimits, notices: &str) -> SocketError {
    let what = format!("{shown} did not accept the login within {} seconds", connect.as_secs_f64().ceil());
    match unreachable(what) {
        SocketError::Unreachable(error) => {
            SocketError::Unreachable(RunError { details: notices.to_owned(), ..error })
        }
        other => other,
    }
}

/// Who asks, as the packet has it.
fn auth(credentials: &Credentials) -> Value {
    let fields = Protocol::Cloud.credentials().iter().filter_map(|asked| {
        let secret = credentials.get(asked.key)?.expose().to_owned();
        Some((asked.key.to_owned(), Value::String(secret)))
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

/// A websocket with the codec and the clock. All that is half done is in here, never in a future.
struct Line {
    frames: WebSocketStream<Counted>,
    client: Client,
    waiting: VecDeque<Frame>,
    /// Something was given to the websocket and may not be on its way.
    unsent: bool,
    /// When the server has been silent for too long.
    deadline: Pin<Box<Sleep>>,
    /// Bytes that had come when the deadline was set.
    counted: u64,
    /// The deadline has passed once: the caller may have been elsewhere, and the bytes be waiting.
    overdue: bool,
    /// The other side's address, for people.
    shown: String,
    veil: Veil,
    notices: VecDeque<String>,
    noted: usize,
}

impl std::fmt::Debug for Line {
    /// Without the frames: they may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line")
            .field("shown", &self.shown)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Line {
    async fn new(stream: Box<dyn Io>, shown: &str, credentials: &Credentials, limits: &SocketLimits) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(16 * 1024)
            .write_buffer_size(0)
            .max_write_buffer_size(1 << 20)
            // Most servers send a message as one frame, however long.
            .max_message_size(Some(limits.message))
            .max_frame_size(Some(limits.message));
        let frames = WebSocketStream::from_raw_socket(Counted::new(stream), Role::Client, Some(config)).await;
        let client = Client::default();
        Self {
            frames,
            deadline: Box::pin(tokio::time::sleep(client.silence())),
            client,
            waiting: VecDeque::new(),
            unsent: false,
            counted: 0,
            overdue: false,
            shown: shown.to_owned(),
            veil: Veil::new(credentials),
            notices: VecDeque::new(),
            noted: 0,
        }
    }

    /// What the next frame means. Can be dropped at any time.
    async fn next(&mut self) -> Result<Signal, SocketError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Signal, SocketError>> {
        loop {
            let sent = self.poll_send(cx);
            if let Poll::Ready(Err(error)) = sent {
                return Poll::Ready(Err(error));
            }
            if sent.is_pending() && self.waiting.len() > MAX_WAITING {
                return self.poll_deadline(cx).map(Err);
            }
            let frame = match Pin::new(&mut self.frames).poll_next(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => return self.poll_deadline(cx).map(Err),
            };
            let received = match frame {
                Some(Ok(Frame::Text(text))) => self.client.text(text.as_str()),
                Some(Ok(Frame::Binary(bytes))) => self.client.binary(bytes.len()),
                // The websocket answers its own pings; we have to send the answers on.
                Some(Ok(Frame::Ping(_))) => {
                    self.unsent = true;
                    continue;
                }
                Some(Ok(Frame::Pong(_) | Frame::Frame(_))) => continue,
                Some(Ok(Frame::Close(why))) => {
                    return Poll::Ready(Err(error::closed(&self.shown, why, &self.veil)));
                }
                Some(Err(error)) => return Poll::Ready(Err(error::broken(&self.shown, &error))),
                None => {
                    return Poll::Ready(Err(lost(format!("the live connection to {} is over", self.shown))));
                }
            };
            let Received { signal, reply } = received;
            self.waiting.extend(reply.map(Frame::text));
            return Poll::Ready(Ok(signal));
        }
    }

    /// Sends what waits, as far as it goes.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let shown = &self.shown;
        let broken = |error| error::broken(shown, &error);
        let mut frames = Pin::new(&mut self.frames);
        while !self.waiting.is_empty() {
            std::task::ready!(frames.as_mut().poll_ready(cx)).map_err(broken)?;
            if let Some(frame) = self.waiting.pop_front() {
                self.unsent = true;
                frames.as_mut().start_send(frame).map_err(broken)?;
            }
        }
        if self.unsent {
            std::task::ready!(frames.poll_flush(cx)).map_err(broken)?;
            self.unsent = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing more has come for now. Ready when nothing has come for too long.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<SocketError> {
        let (silence, counted) = (self.client.silence(), self.frames.get_ref().count());
        // A message that takes longer than the deadline to come is a sign of life all the same.
        if counted != self.counted {
            (self.counted, self.overdue) = (counted, false);
            self.deadline.as_mut().reset(Instant::now() + silence);
        }
        std::task::ready!(self.deadline.as_mut().poll(cx));
        if !std::mem::replace(&mut self.overdue, true) {
            self.deadline.as_mut().reset(Instant::now() + GRACE);
            std::task::ready!(self.deadline.as_mut().poll(cx));
        }
        let seconds = silence.as_secs_f64().ceil();
        Poll::Ready(lost(format!("nothing was received from {} for {seconds} seconds", self.shown)))
    }

    fn note(&mut self, why: &str, shown: &str) {
        self.noted += 1;
        let notice = match self.noted {
            ..=MAX_NOTICES => {
                let mut notice = format!("{} sent {why}: {shown}", self.shown);
                self.veil.hide(&mut notice);
                notice
            }
            n if n == MAX_NOTICES + 1 => {
                format!("{} sends more of these, which are no longer reported", self.shown)
            }
            _ => return,
        };
        self.notices.push_back(notice);
    }
}
