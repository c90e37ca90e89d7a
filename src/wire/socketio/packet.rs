//! One packet of Socket.IO 5: `<kind>[<attachments>-][<namespace>,][<id>][<JSON>]`.

use std::fmt;

/// Packet types of Socket.IO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
    BinaryEvent,
    BinaryAck,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::Connect,
        Self::Disconnect,
        Self::Event,
        Self::Ack,
        Self::ConnectError,
        Self::BinaryEvent,
        Self::BinaryAck,
    ];

    fn of(digit: u8) -> Option<Self> {
        Self::ALL.get(usize::from(digit.checked_sub(b'0')?)).copied()
    }

    fn has_attachments(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// A packet, its JSON not yet read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub kind: Kind,
    /// Number of binary frames that follow it.
    pub attachments: u32,
    /// The namespace; `/` if the packet names none.
    pub namespace: &'a str,
    /// Id of the acknowledgement it asks for or is.
    pub id: Option<u64>,
    /// JSON text; may be empty.
    pub body: &'a str,
}

impl<'a> Packet<'a> {
    /// A packet of the default namespace.
    pub(super) fn new(kind: Kind, id: Option<u64>, body: &'a str) -> Self {
        Self { kind, attachments: 0, namespace: "/", id, body }
    }

    /// Parses a packet without its leading Engine.IO digit.
    pub(super) fn parse(text: &'a str) -> Result<Self, &'static str> {
        let kind = text.bytes().next().and_then(Kind::of).ok_or("a packet of an unknown kind")?;
        let mut rest = &text[1..];
        let mut attachments = 0;
        if kind.has_attachments() {
            let (count, behind) = number(rest);
            rest = behind.strip_prefix('-').ok_or("a binary packet that does not count its attachments")?;
            let count = count.ok_or("a binary packet that does not count its attachments")?;
            attachments = u32::try_from(count).map_err(|_| "a binary packet with too many attachments")?;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
            // A query may follow the namespace.
            namespace = namespace.split('?').next().unwrap_or(namespace);
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, body) = number(rest);
        if digits > 0 && id.is_none() {
            return Err("a packet whose number is too large");
        }
        Ok(Self { kind, attachments, namespace, id, body })
    }
}

/// Splits a number off the beginning of a text.
fn number(text: &str) -> (Option<u64>, &str) {
    let (digits, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    (digits.parse().ok(), rest)
}

/// The packet as it is sent, with Engine.IO's digit for a message in front.
impl fmt::Display for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = Kind::ALL.iter().position(|kind| *kind == self.kind).unwrap_or_default();
        write!(f, "4{digit}")?;
        if self.kind.has_attachments() {
            write!(f, "{}-", self.attachments)?;
        }
        if self.namespace != "/" {
            write!(f, "{},", self.namespace)?;
        }
        if let Some(id) = self.id {
            write!(f, "{id}")?;
        }
        f.write_str(self.body)
    }
}
