//! The server's side of Socket.IO 5 over Engine.IO 4, on websockets only.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts as _, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::client_message::{ClientMessage, read};
use super::fault::CloudFault;
use super::{json_answer, query};
use crate::demo::Endpoint;
use crate::demo::answer::NO_CREDENTIALS;
use crate::demo::fault::Fault;

/// Largest message that a client may send, in bytes; announced in the handshake.
const MAX_PAYLOAD: usize = 1_000_000;

/// How long a client may take to send its credentials.
const CONNECT: Duration = Duration::from_secs(45);

/// Most events queued for one client. If a client falls behind, its run waits until the client counts as gone.
const WAITING: usize = 64;

/// The authenticated sockets, by session id.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    known: Mutex<HashMap<String, Known>>,
    /// New sockets are refused until then.
    closed_until: Mutex<Option<Instant>>,
    downs: AtomicU32,
    refusals: AtomicU32,
    cuts: AtomicU32,
    silences: AtomicU32,
}

#[derive(Debug)]
struct Known {
    owner: String,
    events: mpsc::Sender<SocketCommand>,
}

/// A command to a socket's task.
#[derive(Debug)]
enum SocketCommand {
    /// Send an event: `["name",payload]`.
    Event(String),
    Cut,
}

impl Sockets {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this session id belongs to a socket of this client.
    pub(super) fn is_of(&self, sid: &str, owner: &str) -> bool {
        self.known().get(sid).is_some_and(|known| known.owner == owner)
    }

    /// Sends an event to those of the sockets that are connected.
    pub(super) async fn tell(&self, sids: &[String], name: &str, payload: &Value) {
        for sid in sids {
            self.pass(sid, || SocketCommand::Event(json!([name, payload]).to_string())).await;
        }
    }

    /// Waits until the queues of these sockets are empty.
    pub(super) async fn drained(&self, sids: &[String]) {
        for sid in sids {
            let events = self.known().get(sid).map(|known| known.events.clone());
            if let Some(events) = events {
                // A fully free queue is an empty one. Fails for a closed socket, which has nothing queued.
                let _ = events.reserve_many(WAITING).await;
            }
        }
    }

    pub(super) async fn cut(&self, sids: &[String]) {
        for sid in sids {
            self.pass(sid, || SocketCommand::Cut).await;
        }
    }

    async fn pass(&self, sid: &str, command: impl FnOnce() -> SocketCommand) {
        let events = self.known().get(sid).map(|known| known.events.clone());
        if let Some(events) = events {
            // Fails if the socket has closed meanwhile; its client can still read the record.
            let _ = events.send(command()).await;
        }
    }

    /// Refuses new sockets for some time.
    pub(super) fn refuse_for(&self, time: Duration) {
        *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
    }

    fn is_closed(&self) -> bool {
        let until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

/// Counts a fault that happens `times` times; whether it happens now.
pub(super) fn is_due(count: &AtomicU32, times: u32) -> bool {
    // Stops at `times`, so that the counter cannot overflow.
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < times).then(|| n + 1)).is_ok()
}

/// Responds to the request for a socket.
pub(super) async fn open(endpoint: Arc<Endpoint>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let sockets = &endpoint.cloud.sockets;
    let is_down = endpoint
        .options
        .cloud
        .iter()
        .any(|fault| matches!(fault, CloudFault::SocketDown { times } if is_due(&sockets.downs, *times)));
    if is_down || sockets.is_closed() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let given = query(&parts.uri);
    let has = |name: &str, value: &str| given.iter().any(|(n, v)| n == name && v == value);
    let refusal = |code: u32, message: &str| {
        json_answer(StatusCode::BAD_REQUEST, &json!({"code": code, "message": message}))
    };
    if !has("EIO", "4") {
        return refusal(5, "Unsupported protocol version");
    }
    if !has("transport", "websocket") {
        return refusal(0, "Transport unknown");
    }
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade.max_message_size(MAX_PAYLOAD).on_upgrade(async move |socket| {
            if let Some(mut session) = Session::begin(endpoint, socket).await {
                session.live().await;
                session.leave();
            }
        }),
        Err(why) => why.into_response(),
    }
}

struct Session {
    endpoint: Arc<Endpoint>,
    socket: WebSocket,
    /// Schedule of pings.
    pings: Interval,
    /// Deadline for the answer to the last ping.
    pong_by: Option<Instant>,
    /// Deadline for the client's credentials.
    connect_by: Option<Instant>,
    space: Option<Space>,
    /// Id of the last acknowledgement asked for, and whether it is outstanding.
    receipt: u64,
    awaits_receipt: bool,
    /// Number of events sent.
    sent: u32,
    /// The socket breaks or goes silent after this many events.
    cut_after: Option<u32>,
    silent_after: Option<u32>,
}

/// The namespace of an authenticated client.
struct Space {
    sid: String,
    events: mpsc::Receiver<SocketCommand>,
}

/// The session is over.
struct Over;

impl Session {
    async fn begin(endpoint: Arc<Endpoint>, socket: WebSocket) -> Option<Self> {
        let (sockets, options) = (&endpoint.cloud.sockets, &endpoint.options);
        let cut_after = options.cloud.iter().find_map(|fault| match fault {
            CloudFault::SocketCut { after, times } if is_due(&sockets.cuts, *times) => Some(*after),
            _ => None,
        });
        let silent_after = options.cloud.iter().find_map(|fault| match fault {
            CloudFault::SocketSilent { after, times } if is_due(&sockets.silences, *times) => Some(*after),
            _ => None,
        });
        let (every, patience) = (options.ping_interval, options.ping_timeout);
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut session = Self {
            socket,
            pings,
            pong_by: None,
            connect_by: Some(Instant::now() + CONNECT),
            space: None,
            receipt: 0,
            awaits_receipt: false,
            sent: 0,
            cut_after,
            silent_after,
            endpoint,
        };
        let open = json!({
            "sid": random_sid(),
            "upgrades": [],
            "pingInterval": every.as_millis() as u64,
            "pingTimeout": patience.as_millis() as u64,
            "maxPayload": MAX_PAYLOAD,
        });
        session.say(format!("0{open}")).await.ok()?;
        Some(session)
    }

    /// Serves the socket until one side ends it.
    async fn live(&mut self) {
        loop {
            let is_silent = self.silent_after.is_some_and(|after| self.sent >= after);
            let deadline = self.pong_by.into_iter().chain(self.connect_by).min();
            let space = &mut self.space;
            let awaits = self.awaits_receipt;
            let went = tokio::select! {
                message = self.socket.recv() => self.take(message).await,
                event = async { match space {
                    Some(space) if !awaits => space.events.recv().await,
                    _ => std::future::pending().await,
                } } => match event {
                    _ if is_silent => Ok(()),
                    Some(SocketCommand::Event(event)) => self.tell(event).await,
                    Some(SocketCommand::Cut) | None => Err(Over),
                },
                _ = self.pings.tick(), if !is_silent => {
                    let patience = self.endpoint.options.ping_timeout;
                    self.pong_by.get_or_insert_with(|| Instant::now() + patience);
                    self.say("2".to_owned()).await
                }
                () = async { match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                } }, if !is_silent => Err(Over),
            };
            if went.is_err() {
                return;
            }
        }
    }

    async fn take(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Over> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            // Attachments are ignored; axum answers the websocket's own pings.
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Over),
        };
        match read(&text) {
            Some(ClientMessage::Nothing) => Ok(()),
            Some(ClientMessage::Ping(what)) => self.say(format!("3{what}")).await,
            Some(ClientMessage::Pong) => {
                self.pong_by = None;
                Ok(())
            }
            Some(ClientMessage::Connect { space, auth }) => self.connect(space, auth).await,
            Some(ClientMessage::Leave) => {
                self.leave();
                Ok(())
            }
            Some(ClientMessage::Event { receipt: Some(receipt) }) => self.say(format!("43{receipt}[]")).await,
            // This server does not handle any client event.
            Some(ClientMessage::Event { receipt: None }) => Ok(()),
            Some(ClientMessage::Receipt(receipt)) => {
                self.awaits_receipt &= receipt != self.receipt;
                Ok(())
            }
            Some(ClientMessage::Close) => self.close().await,
            None => self.close().await,
        }
    }

    async fn connect(&mut self, space: &str, auth: &str) -> Result<(), Over> {
        if space != "/" {
            return self.say(format!("44{space},{}", json!({"message": "Invalid namespace"}))).await;
        }
        let (sockets, options) = (&self.endpoint.cloud.sockets, &self.endpoint.options);
        let auth: Value = serde_json::from_str(auth).unwrap_or_default();
        let given = |name: &str| auth[name].as_str().filter(|text| !text.is_empty());
        let is_refused = options.fault == Some(Fault::Unauthorized)
            || options.cloud.iter().any(|fault| {
                matches!(fault, CloudFault::ConnectRefused { times } if is_due(&sockets.refusals, *times))
            });
        let owner = match (given("client_id"), given("client_secret")) {
            (Some(owner), Some(_)) if !is_refused => owner.to_owned(),
            _ => return self.say(format!("44{}", json!({"message": NO_CREDENTIALS}))).await,
        };
        self.leave();
        let (sid, (tell, events)) = (random_sid(), mpsc::channel(WAITING));
        self.endpoint.cloud.sockets.known().insert(sid.clone(), Known { owner, events: tell });
        self.connect_by = None;
        let answer = format!("40{}", json!({"sid": sid}));
        self.space = Some(Space { sid, events });
        self.say(answer).await
    }

    async fn tell(&mut self, event: String) -> Result<(), Over> {
        if self.cut_after == Some(self.sent) {
            return Err(Over);
        }
        let has = |fault: CloudFault| self.endpoint.options.cloud.contains(&fault);
        let (binary, receipts) = (has(CloudFault::BinaryEvents), has(CloudFault::WantsReceipts));
        if binary {
            self.say(r#"451-["preview",{"_placeholder":true,"num":0}]"#.to_owned()).await?;
            self.send(Message::Binary(b"\x89PNG".as_slice().into())).await?;
        }
        self.sent += 1;
        if receipts {
            self.receipt += 1;
            self.awaits_receipt = true;
            self.say(format!("42{}{event}", self.receipt)).await?;
        } else {
            self.say(format!("42{event}")).await?;
        }
        if self.cut_after == Some(self.sent) { Err(Over) } else { Ok(()) }
    }

    /// Ends the client's Socket.IO session and its subscriptions.
    fn leave(&mut self) {
        if let Some(space) = self.space.take() {
            self.endpoint.cloud.sockets.known().remove(&space.sid);
        }
        self.awaits_receipt = false;
    }

    async fn close(&mut self) -> Result<(), Over> {
        let frame = CloseFrame { code: 1000, reason: "".into() };
        let _ = self.send(Message::Close(Some(frame))).await;
        Err(Over)
    }

    async fn say(&mut self, text: String) -> Result<(), Over> {
        self.send(Message::Text(text.into())).await
    }

    /// Sends a message. A client that does not read it in time counts as gone.
    async fn send(&mut self, message: Message) -> Result<(), Over> {
        let options = &self.endpoint.options;
        let patience = options.ping_interval + options.ping_timeout;
        match timeout(patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }
}

/// A session id that cannot be guessed.
fn random_sid() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_due_so_many_times() {
        let count = AtomicU32::new(0);
        assert_eq!([(); 3].map(|()| is_due(&count, 2)), [true, true, false]);
    }
}
