use proptest::prelude::*;
use serde_json::json;

use super::*;

const OPEN: &str =
    r#"0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// A client whose connection has been accepted.
fn live() -> Client {
    let mut client = Client::default();
    assert_eq!(client.text(OPEN), Signal::Opened.into());
    assert_eq!(client.text(r#"40{"sid":"s-1"}"#), Signal::Connected { sid: "s-1".to_owned() }.into());
    client
}

fn event(name: &str, payload: &str) -> Signal {
    Signal::Event(Event { name: name.to_owned(), payload: payload.to_owned() })
}

/// A frame's meaning and the reply, as words.
fn words(received: &Received) -> String {
    let signal = match &received.signal {
        Signal::Ignored { why, .. } => format!("ignored: {why}"),
        Signal::Event(Event { name, payload }) => format!("event {name} {payload}"),
        Signal::Refused { message } => format!("refused: {message}"),
        Signal::Connected { sid } => format!("connected {sid}"),
        other => format!("{other:?}").to_lowercase(),
    };
    match &received.reply {
        Some(reply) => format!("{signal} → {reply}"),
        None => signal,
    }
}

#[test]
fn each_packet_to_a_live_client_is_understood() {
    let long = format!(r#"42["{}",1]"#, "n".repeat(MAX_NAME + 1));
    let table = [
        ("", "ignored: an empty frame"),
        (OPEN, "ignored: a second handshake"),
        ("1", "closed"),
        ("2", "alive → 3"),
        ("2probe", "alive → 3probe"),
        ("3", "alive"),
        ("5", "alive"),
        ("6", "alive"),
        ("7", "ignored: a frame of an unknown kind"),
        ("bAAAA", "ignored: a frame of an unknown kind"),
        ("€", "ignored: a frame of an unknown kind"),
        ("4", "ignored: a packet of an unknown kind"),
        ("4€", "ignored: a packet of an unknown kind"),
        ("47", "ignored: a packet of an unknown kind"),
        (r#"40{"sid":"s-2"}"#, "ignored: a second welcome"),
        ("41", "disconnected"),
        ("41/,", "disconnected"),
        ("41/admin,", "ignored: a packet for another namespace"),
        (r#"42["a",{"n":18446744073709551616.50}]"#, r#"event a {"n":18446744073709551616.50}"#),
        (r#"42/,["a",1]"#, "event a 1"),
        (r#"42/?token=x,["a",1]"#, "event a 1"),
        (r#"42/admin,["a",1]"#, "ignored: a packet for another namespace"),
        (r#"42["a"]"#, "event a null"),
        (r#"42["a",1,[2],{"three":3}]"#, "event a 1"),
        (r#"4217["a",1]"#, "event a 1 → 4317[]"),
        (r#"42/,17["a",1]"#, "event a 1 → 4317[]"),
        (r#"4299999999999999999999["a"]"#, "ignored: a packet whose number is too large"),
        (r#"42["a",NaN]"#, "event a null"),
        (r#"42["\ud83d",["\ud83d\ude00"]]"#, "event \u{fffd} [\"\\ud83d\\ude00\"]"),
        ("42[]", "ignored: an event without a name"),
        ("423[1,2]", "ignored: an event without a name → 433[]"),
        (&long, "ignored: an event without a name"),
        ("42", "ignored: an event that cannot be read"),
        ("42{}", "ignored: an event that cannot be read"),
        (r#"42["a""#, "ignored: an event that cannot be read"),
        (r#"42["a"] x"#, "ignored: an event that cannot be read"),
        (r#"431["a"]"#, "ignored: an acknowledgement that nobody asked for"),
        (r#"461-1["a"]"#, "ignored: an acknowledgement that nobody asked for"),
        (r#"44{"message":"No"}"#, "refused: No"),
        (r#"451-["a",{"_placeholder":true,"num":0}]"#, r#"event a {"_placeholder":true,"num":0}"#),
        (r#"452-9["a",1]"#, "event a 1 → 439[]"),
        (r#"45["a",1]"#, "ignored: a binary packet that does not count its attachments"),
        (r#"45-["a",1]"#, "ignored: a binary packet that does not count its attachments"),
        (r#"4599999999999-["a",1]"#, "ignored: a binary packet with too many attachments"),
    ];
    for (frame, expected) in table {
        assert_eq!(words(&live().text(frame)), expected, "{frame}");
    }
}

#[test]
fn the_way_in_is_guarded() {
    let refusal = |body: &str| {
        let mut client = Client::default();
        client.text(OPEN);
        words(&client.text(body))
    };
    let table = [
        (r#"44{"message":"Invalid credentials"}"#, "refused: Invalid credentials"),
        (r#"44{"message":"No","data":{"detail":"client_id"}}"#, "refused: No: client_id"),
        (r#"44"older \u001b[2Jservers""#, "refused: older servers"),
        ("44", "refused: "),
        ("44{", "refused: {"),
        ("44/admin,{}", "ignored: a packet for another namespace"),
        ("40", "ignored: a welcome without a sid, as Socket.IO 2 says it"),
        ("40{}", "ignored: a welcome without a sid"),
        (r#"40{"sid":"a\nb"}"#, "ignored: a welcome without a sid"),
        (r#"40{"sid":["a"]}"#, "ignored: a welcome without a sid"),
        (r#"40/,{"sid":"a","pid":"b"}"#, "connected a"),
        (r#"42["a",1]"#, "ignored: an event before the welcome"),
        ("2", "alive → 3"),
        ("41", "disconnected"),
    ];
    for (frame, expected) in table {
        assert_eq!(refusal(frame), expected, "{frame}");
    }
    assert_eq!(refusal(&format!(r#"40{{"sid":"{}"}}"#, "s".repeat(400))), "ignored: a welcome without a sid");
    let mut client = Client::default();
    assert_eq!(words(&client.text(r#"40{"sid":"s"}"#)), "ignored: a message before the handshake");
    assert_eq!(words(&client.text("0[")), "ignored: a handshake that cannot be read");
    assert_eq!(words(&client.text("0{}")), "opened");
    assert_eq!(words(&client.text("1")), "closed");
    assert_eq!(words(&client.text(r#"40{"sid":"s"}"#)), "ignored: a frame behind the end");
}

#[test]
fn who_connects_says_who_it_is() {
    assert_eq!(
        connect(&json!({"client_id": "a\"b", "client_secret": "c"})),
        r#"40{"client_id":"a\"b","client_secret":"c"}"#
    );
}

#[test]
fn the_server_says_how_long_it_may_be_silent() {
    let table = [
        (r#"0{"pingInterval":25000,"pingTimeout":20000}"#, 45_000),
        (r#"0{"pingInterval":300,"pingTimeout":"200"}"#, 500),
        (r#"0{"pingInterval":1000.5}"#, 21_000),
        ("0{}", 45_000),
        (r#"0{"pingInterval":0,"pingTimeout":-1}"#, 20_000),
        (r#"0{"pingInterval":0,"pingTimeout":0}"#, 500),
        (r#"0{"pingInterval":1e300,"pingTimeout":1e300}"#, 600_000),
        (r#"0{"pingInterval":null,"pingTimeout":[]}"#, 45_000),
    ];
    for (open, millis) in table {
        let mut client = Client::default();
        assert_eq!(client.text(open).signal, Signal::Opened, "{open}");
        assert_eq!(client.silence(), Duration::from_millis(millis), "{open}");
    }
}

#[test]
fn attachments_are_passed_over_and_harm_nothing_behind_them() {
    let mut client = live();
    assert!(matches!(client.binary(5).signal, Signal::Ignored { .. }));
    client.text(r#"452-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#);
    assert_eq!(client.binary(1 << 20), Signal::Alive.into());
    assert_eq!(client.text("2").reply.as_deref(), Some("3"));
    assert_eq!(client.text(r#"42["b",1]"#).signal, event("b", "1"));
    assert_eq!(client.binary(0), Signal::Alive.into());
    assert!(matches!(client.binary(5).signal, Signal::Ignored { .. }));
    client.text(r#"461-/admin,["x"]"#);
    assert_eq!(client.binary(0), Signal::Alive.into());
}

#[test]
fn what_is_ignored_is_shown_short_and_harmless() {
    let Signal::Ignored { shown, .. } = live().text(&format!("9\u{1b}]0;t\u{7}{}", "é".repeat(1_000))).signal
    else {
        panic!("known");
    };
    assert!(shown.len() <= MAX_SHOWN && shown.ends_with('…') && !shown.contains('\u{1b}'), "{shown}");
}

#[test]
fn depth_and_length_do_no_harm() {
    let deep = format!("42[\"a\",{}{}]", "[".repeat(200_000), "]".repeat(200_000));
    assert!(matches!(live().text(&deep).signal, Signal::Event(_)));
    let wide = format!("42[\"a\"{}]", ",0".repeat(500_000));
    assert_eq!(live().text(&wide).signal, event("a", "0"));
    assert!(matches!(live().text(&format!("44{}", "[".repeat(200_000))).signal, Signal::Refused { .. }));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(frames in prop::collection::vec(prop_oneof![
        ".{0,40}",
        "[0-7][0-7]?[0-9]{0,3}-?/?[a-z]{0,3},?[0-9]{0,22}[\\[\\]{}\":,a-z0-9\\\\]{0,30}",
        "4[0-6]\\[\"[a-z]\",[\\[\\]{}\":,a-z0-9\\\\]{0,10}\\]",
    ], 0..8), welcome in any::<bool>()) {
        let mut client = if welcome { live() } else { Client::default() };
        for frame in frames {
            let received = client.text(&frame);
            if let Signal::Ignored { shown, .. } = received.signal {
                prop_assert!(shown.len() <= MAX_SHOWN && shown.chars().all(|c| !c.is_control()));
            }
            if let Some(reply) = received.reply {
                prop_assert!(reply.starts_with('3') || reply.starts_with("43"));
            }
            client.binary(frame.len());
        }
    }

    #[test]
    fn a_packet_reads_as_it_was_written(
        kind in prop::sample::select(Kind::ALL.to_vec()),
        count in any::<u32>(),
        namespace in prop_oneof![Just("/".to_owned()), "/[^,?]{0,9}"],
        id in any::<Option<u64>>(),
        body in prop_oneof![Just(String::new()), "[\\[{\"].{0,20}"],
    ) {
        let attachments = if matches!(kind, Kind::BinaryEvent | Kind::BinaryAck) { count } else { 0 };
        let packet = Packet { kind, attachments, namespace: &namespace, id, body: &body };
        let text = packet.to_string();
        prop_assert_eq!(Packet::parse(text.strip_prefix('4').expect("a message")), Ok(packet));
    }

    #[test]
    fn an_event_reads_as_it_was_written(name in ".{0,40}", text in ".{0,40}", id in any::<Option<u64>>()) {
        let payload = json!({"data": text}).to_string();
        let body = format!("[{}, {payload}]", json!(name));
        let received = live().text(&Packet::new(Kind::Event, id, &body).to_string());
        prop_assert_eq!(received.signal, event(&name, &payload));
        prop_assert_eq!(received.reply, id.map(|id| format!("43{id}[]")));
    }
}
