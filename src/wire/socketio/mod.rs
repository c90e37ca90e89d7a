//! A Socket.IO 5 client over Engine.IO 4, limited to one websocket and the default namespace.
//!
//! [`Client`] reads the frames of a websocket and returns their meaning and the reply to send; the connection and the
//! clock are the caller's. A packet that is unknown, malformed or of another namespace is a [`Signal::Ignored`] for
//! the log and changes nothing. Payloads stay JSON text, so that numbers keep their digits and a huge payload takes no
//! more memory than its bytes.
//!
//! The life of a connection:
//!
//! 1. The websocket is open; the server sends its handshake, `0{…}`: [`Signal::Opened`].
//! 2. The caller sends [`connect`] with its credentials. `40{"sid":…}` is [`Signal::Connected`] (use this sid, not the
//!    handshake's); `44{…}` is [`Signal::Refused`].
//! 3. [`Signal::Event`]s arrive. The server pings; after [`Client::silence`] without a frame the connection is dead.
//! 4. `41` is [`Signal::Disconnected`], `1` is [`Signal::Closed`]. To leave, send [`LEAVE`] and close the websocket.
//!
//! Protocols: <https://github.com/socketio/socket.io-protocol>, <https://github.com/socketio/engine.io-protocol>.

mod packet;

use std::time::Duration;

use serde_json::Value;

use packet::{Kind, Packet};

use super::{ansi, errors, json};

/// The packet that disconnects the client.
pub const LEAVE: &str = "41";

/// Longest name of an event, in bytes; an event with a longer one is ignored.
pub const MAX_NAME: usize = 256;
/// Longest sid, in bytes.
const MAX_SID: usize = 256;
/// Longest text of a ping that is echoed, in bytes.
const MAX_PROBE: usize = 64;
/// Most bytes of an ignored frame that are shown in the log.
const MAX_SHOWN: usize = 160;

/// Engine.IO's defaults, for a handshake that leaves them out.
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Bounds of [`Client::silence`], whatever the server asks for: below, every connection would break; above, a dead one
/// would never be noticed.
const SILENCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(600));

/// The packet that connects with these credentials. Do not log it.
pub fn connect(auth: &Value) -> String {
    let body = auth.to_string();
    Packet::new(Kind::Connect, None, &body).to_string()
}

/// The meaning of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The transport is open: send [`connect`] next.
    Opened,
    /// The server accepted the connection.
    Connected {
        /// The session id of this connection; every connection has a new one.
        sid: String,
    },
    /// The server refused the connection.
    Refused {
        /// The server's reason, as plain text; may be empty.
        message: String,
    },
    /// The server sent an event.
    Event(Event),
    /// The server disconnected the client. The websocket is still open, but useless.
    Disconnected,
    /// The server closes the transport.
    Closed,
    /// A ping or another frame without content.
    Alive,
    /// Unknown, malformed, or of another namespace.
    Ignored {
        why: &'static str,
        /// The frame's beginning, as plain text for the log.
        shown: String,
    },
}

/// An event from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The event's name; not scrubbed, at most [`MAX_NAME`] bytes.
    pub name: String,
    /// The first argument as JSON text, `null` without one; further ones are dropped. Binary data is dropped too, its
    /// place in the JSON is `{"_placeholder":true,"num":0}`.
    pub payload: String,
}

/// The meaning of a frame, and the reply to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub signal: Signal,
    /// A text frame to send.
    pub reply: Option<String>,
}

impl From<Signal> for Received {
    fn from(signal: Signal) -> Self {
        Self { signal, reply: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The handshake has not arrived yet.
    Opening,
    /// The handshake has arrived; the server has not accepted the connection yet.
    Connecting,
    Live,
    Over,
}

/// State of one connection; see the module's documentation.
#[derive(Clone, Debug)]
pub struct Client {
    state: State,
    silence: Duration,
    /// Binary frames still to come that belong to earlier packets.
    awaited: u64,
}

impl Default for Client {
    fn default() -> Self {
        Self { state: State::Opening, silence: PING_INTERVAL + PING_TIMEOUT, awaited: 0 }
    }
}

impl Client {
    /// How long the server may send nothing before the connection counts as dead: the handshake's ping interval and
    /// timeout, and the defaults before the handshake.
    pub fn silence(&self) -> Duration {
        self.silence
    }

    /// Reads a text frame.
    pub fn text(&mut self, frame: &str) -> Received {
        let Some(kind) = frame.bytes().next() else { return ignored("an empty frame", frame) };
        let body = || frame.get(1..).unwrap_or_default();
        match (kind, self.state) {
            (_, State::Over) => ignored("a frame behind the end", frame),
            (b'0', State::Opening) => self.open(body(), frame),
            (b'0', _) => ignored("a second handshake", frame),
            (b'1', _) => {
                self.state = State::Over;
                Signal::Closed.into()
            }
            (b'2', _) => {
                let probe = Some(body()).filter(|text| text.len() <= MAX_PROBE).unwrap_or_default();
                Received { signal: Signal::Alive, reply: Some(format!("3{probe}")) }
            }
            // Pong, upgrade and noop need no reaction.
            (b'3' | b'5' | b'6', _) => Signal::Alive.into(),
            (b'4', State::Opening) => ignored("a message before the handshake", frame),
            (b'4', _) => match Packet::parse(body()) {
                Ok(packet) => self.packet(&packet, frame),
                Err(why) => ignored(why, frame),
            },
            _ => ignored("a frame of an unknown kind", frame),
        }
    }

    /// Counts a binary frame, of which only the size matters.
    pub fn binary(&mut self, size: usize) -> Received {
        match self.awaited.checked_sub(1) {
            Some(left) => {
                self.awaited = left;
                Signal::Alive.into()
            }
            None => ignored("binary data that belongs to nothing", &format!("{size} bytes")),
        }
    }

    fn open(&mut self, body: &str, frame: &str) -> Received {
        let names = ["ping_interval", "ping_timeout"];
        let Some(fields) = json::Fields::of(body, &names) else {
            return ignored("a handshake that cannot be read", frame);
        };
        let millis = |name: &str, usual: Duration| {
            let number = fields.get(name).and_then(json::number).filter(|n| *n >= 0.0);
            // `as` saturates, so that an absurd number becomes the longest duration.
            number.map_or(usual, |n| Duration::from_millis(n as u64))
        };
        let silence =
            millis("ping_interval", PING_INTERVAL).saturating_add(millis("ping_timeout", PING_TIMEOUT));
        self.silence = silence.clamp(SILENCE.0, SILENCE.1);
        self.state = State::Connecting;
        Signal::Opened.into()
    }

    fn packet(&mut self, packet: &Packet<'_>, frame: &str) -> Received {
        self.awaited = self.awaited.saturating_add(u64::from(packet.attachments));
        if packet.namespace != "/" {
            return ignored("a packet for another namespace", frame);
        }
        match (packet.kind, self.state) {
            (Kind::Connect, State::Connecting) => self.connected(packet.body, frame),
            (Kind::Connect, _) => ignored("a second welcome", frame),
            (Kind::ConnectError, _) => {
                self.state = State::Over;
                Signal::Refused { message: reason(packet.body) }.into()
            }
            (Kind::Disconnect, _) => {
                self.state = State::Over;
                Signal::Disconnected.into()
            }
            (Kind::Event | Kind::BinaryEvent, State::Live) => event(packet, frame),
            (Kind::Event | Kind::BinaryEvent, _) => ignored("an event before the welcome", frame),
            (Kind::Ack | Kind::BinaryAck, _) => ignored("an acknowledgement that nobody asked for", frame),
        }
    }

    fn connected(&mut self, body: &str, frame: &str) -> Received {
        let sid = json::Fields::of(body, &["sid"]).and_then(|fields| fields.text("sid", 2 * MAX_SID));
        let is_good =
            |sid: &String| (1..=MAX_SID).contains(&sid.len()) && sid.bytes().all(|b| b.is_ascii_graphic());
        match sid.filter(is_good) {
            Some(sid) => {
                self.state = State::Live;
                Signal::Connected { sid }.into()
            }
            // Socket.IO 2 sends a bare `40` to everyone without being asked.
            None if body.is_empty() => ignored("a welcome without a sid, as Socket.IO 2 says it", frame),
            None => ignored("a welcome without a sid", frame),
        }
    }
}

fn event(packet: &Packet<'_>, frame: &str) -> Received {
    let reply = packet.id.map(|id| Packet::new(Kind::Ack, Some(id), "[]").to_string());
    let read = |body: &str| {
        let (parts, _) = json::elements(body, 2)?;
        let mut parts = parts.into_iter();
        let name = parts.next().filter(|name| name.starts_with('"'));
        let name = name.and_then(|name| json::text(name, 2 * MAX_NAME)).filter(|name| name.len() <= MAX_NAME);
        Some(name.map(|name| Event { name, payload: parts.next().unwrap_or("null").to_owned() }))
    };
    let signal = match json::lenient(packet.body, read) {
        Some(Some(event)) => Signal::Event(event),
        Some(None) => ignored("an event without a name", frame).signal,
        None => ignored("an event that cannot be read", frame).signal,
    };
    // A packet with an id asks for an acknowledgement, which only confirms that it arrived.
    Received { signal, reply }
}

/// The server's reason for a refusal: `{"message":…,"data":…}`, or a bare string from older servers.
fn reason(body: &str) -> String {
    const LIMIT: usize = 64 * 1024;
    let said = errors::from_value(&json::value(body, LIMIT)).what;
    let data = json::Fields::of(body, &["data"]).and_then(|fields| fields.value("data", LIMIT));
    let more = data.map(|data| errors::from_value(&data).what).filter(|more| !more.is_empty());
    match more {
        Some(more) if said.is_empty() => more,
        Some(more) if more != said => format!("{said}: {more}"),
        _ => said,
    }
}

fn ignored(why: &'static str, frame: &str) -> Received {
    let mut shown = frame.to_owned();
    json::cut(&mut shown, MAX_SHOWN);
    Signal::Ignored { why, shown: ansi::scrub_plain(&shown) }.into()
}

#[cfg(test)]
mod tests;
