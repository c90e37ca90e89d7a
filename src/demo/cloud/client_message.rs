//! Messages from a client of Socket.IO 5 over Engine.IO 4.

/// A message from the client.
#[derive(Debug, PartialEq)]
pub(super) enum ClientMessage<'a> {
    Ping(&'a str),
    Pong,
    Close,
    Connect { space: &'a str, auth: &'a str },
    Leave,
    Event { receipt: Option<u64> },
    Receipt(u64),
    Nothing,
}

/// Reads a text message; `None` if it violates the protocols.
pub(super) fn read(text: &str) -> Option<ClientMessage<'_>> {
    let rest = text.get(1..)?;
    match text.as_bytes().first()? {
        b'1' => Some(ClientMessage::Close),
        b'2' => Some(ClientMessage::Ping(rest)),
        b'3' => Some(ClientMessage::Pong),
        b'4' => packet(rest),
        b'5' | b'6' => Some(ClientMessage::Nothing),
        _ => None,
    }
}

/// Reads a Socket.IO packet: type, namespace followed by a comma, acknowledgement id, data.
fn packet(text: &str) -> Option<ClientMessage<'_>> {
    let rest = text.get(1..)?;
    let (space, rest) =
        if rest.starts_with('/') { rest.split_once(',').unwrap_or((rest, "")) } else { ("/", rest) };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (receipt, data) = rest.split_at(digits);
    let receipt: Option<u64> = receipt.parse().ok();
    match text.as_bytes().first()? {
        b'0' => Some(ClientMessage::Connect { space, auth: data }),
        b'1' => Some(ClientMessage::Leave),
        b'2' if data.starts_with('[') => Some(ClientMessage::Event { receipt }),
        b'3' => receipt.map(ClientMessage::Receipt),
        // Connect errors and binary packets, which clients don't send to this server.
        b'4'..=b'6' => Some(ClientMessage::Nothing),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_say_is_read() {
        let connect = ClientMessage::Connect { space: "/", auth: r#"{"client_id":"a"}"# };
        assert_eq!(read(r#"40{"client_id":"a"}"#), Some(connect));
        assert_eq!(read("40"), Some(ClientMessage::Connect { space: "/", auth: "" }));
        assert_eq!(read("40/admin,{}"), Some(ClientMessage::Connect { space: "/admin", auth: "{}" }));
        assert_eq!(read("40/admin"), Some(ClientMessage::Connect { space: "/admin", auth: "" }));
        assert_eq!(read("41"), Some(ClientMessage::Leave));
        assert_eq!(read(r#"42["a",1]"#), Some(ClientMessage::Event { receipt: None }));
        assert_eq!(read(r#"4217["a"]"#), Some(ClientMessage::Event { receipt: Some(17) }));
        assert_eq!(read("4317[]"), Some(ClientMessage::Receipt(17)));
        assert_eq!(read(r#"451-["a",{"_placeholder":true,"num":0}]"#), Some(ClientMessage::Nothing));
        assert_eq!(
            (read("1"), read("2probe"), read("3")),
            (Some(ClientMessage::Close), Some(ClientMessage::Ping("probe")), Some(ClientMessage::Pong))
        );
        for nonsense in ["", "x", "4", "49", "42", "43[]", "é"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
