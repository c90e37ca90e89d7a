//! The client's side of Socket.IO 5 over Engine.IO 4, as far as one websocket and the default namespace go.
//!
//! [`Client`] takes the frames of a websocket in and says what they mean and what to answer; connection and clock
//! are the caller's. What a server sends is believed in nothing: a packet that is unknown, malformed or for
//! someone else is a [`Signal::Ignored`] for the log, and the next one is read as if it had not been. Payloads stay
//! JSON text, so that their numbers stay as they are written and a huge one takes no more memory than its bytes.
//!
//! The life of a connection:
//!
//! 1. The websocket is open; the server says `0{…}`, a handshake: [`Signal::Opened`].
//! 2. The caller sends [`connect`] with who it is. `40{"sid":…}` is [`Signal::Connected`], and this sid is the one
//!    that counts; `44{…}` is [`Signal::Refused`].
//! 3. [`Signal::Event`]s come. The server pings; silence of more than [`Client::silence`] means that it is gone.
//! 4. `41` is [`Signal::Disconnected`], `1` is [`Signal::Closed`]. To leave, send [`LEAVE`] and close the websocket.
//!
//! Protocols: <https://github.com/socketio/socket.io-protocol>, <https://github.com/socketio/engine.io-protocol>.

mod packet;

use std::time::Duration;

use serde_json::Value;

use packet::{Kind, Packet};

use super::{ansi, errors, json};

/// Says that the client leaves.
pub const LEAVE: &str = "41";

/// Longest name of an event, in bytes; an event with a longer one is ignored.
pub const MAX_NAME: usize = 256;
/// Longest sid, in bytes.
const MAX_SID: usize = 256;
/// Longest text of a ping that is sent back, in bytes.
const MAX_PROBE: usize = 64;
/// Bytes of an ignored frame that are shown.
const MAX_SHOWN: usize = 160;

/// What Engine.IO's servers take when nothing else is set.
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Bounds on what a server may ask for: less would break every connection, more would find no dead one.
const SILENCE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(600));

/// The packet that asks to be let in, with who asks. It holds secrets when that does: send it and forget it.
pub fn connect(auth: &Value) -> String {
    let body = auth.to_string();
    Packet::new(Kind::Connect, None, &body).to_string()
}

/// What a frame means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The transport is open: send [`connect`].
    Opened,
    /// The server has let us in.
    Connected {
        /// The name of this connection; it changes with every new one.
        sid: String,
    },
    /// The server has not let us in.
    Refused {
        /// Why, as plain text for a person; may be empty.
        message: String,
    },
    /// The server tells something.
    Event(Event),
    /// The server has put us out; the websocket stays open, of no use.
    Disconnected,
    /// The server closes the transport.
    Closed,
    /// A sign of life.
    Alive,
    /// Nothing that this client knows.
    Ignored {
        why: &'static str,
        /// Its beginning, as plain text for the log.
        shown: String,
    },
}

/// What the server tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name; not scrubbed, at most [`MAX_NAME`] bytes.
    pub name: String,
    /// Its first payload as JSON text; `null` when it has none. Further ones are left out. In place of binary data
    /// stands `{"_placeholder":true,"num":0}`: the data itself is thrown away.
    pub payload: String,
}

/// What a frame means, and what to send back.
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
    /// The handshake has not come.
    Opening,
    /// It has; whether we are let in is open.
    Connecting,
    Live,
    Over,
}

/// One connection. See the module's text.
#[derive(Clone, Debug)]
pub struct Client {
    state: State,
    silence: Duration,
    /// Binary frames that belong to packets that have come.
    awaited: u64,
}

impl Default for Client {
    fn default() -> Self {
        Self { state: State::Opening, silence: PING_INTERVAL + PING_TIMEOUT, awaited: 0 }
    }
}

impl Client {
    /// How long the server may be silent; who hears nothing for longer may call it dead. Until the handshake has
    /// come this is what servers usually take.
    pub fn silence(&self) -> Duration {
        self.silence
    }

    /// Takes a text frame in.
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
            // A pong, an upgrade, nothing: none of them needs doing.
            (b'3' | b'5' | b'6', _) => Signal::Alive.into(),
            (b'4', State::Opening) => ignored("a message before the handshake", frame),
            (b'4', _) => match Packet::parse(body()) {
                Ok(packet) => self.packet(&packet, frame),
                Err(why) => ignored(why, frame),
            },
            _ => ignored("a frame of an unknown kind", frame),
        }
    }

    /// Takes a binary frame in, of which only the size is of interest.
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
            // As the language has it: what is too large becomes the largest there is.
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
            // Socket.IO 2 welcomes everyone at once, and so.
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
    // Who waits for an answer gets one: it says that the packet came, no more.
    Received { signal, reply }
}

/// Why the server refuses: `{"message":…,"data":…}`, or older servers' bare text.
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
