//! Byte sequences of real terminals and the events they have to become.

use crossterm::event::{KeyEventKind, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;

use super::*;

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const ALT: KeyModifiers = KeyModifiers::ALT;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;

/// Decodes the bytes, with nothing following them.
fn decode(bytes: &[u8]) -> Vec<Input> {
    decode_split(bytes, &[])
}

/// The same, read in pieces that end at these places.
fn decode_split(bytes: &[u8], ends: &[usize]) -> Vec<Input> {
    let (mut decoder, mut out, now) = (Decoder::default(), Vec::new(), Instant::now());
    let mut start = 0;
    for end in ends.iter().copied().chain([bytes.len()]) {
        decoder.feed(&bytes[start..end], now, &mut out);
        start = end;
    }
    decoder.flush(now + PASTE_LIMIT, &mut out);
    assert_eq!(decoder.timeout(now), None, "nothing is left half read");
    out
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Vec<Input> {
    vec![Input::Event(Event::Key(KeyEvent::new(code, modifiers)))]
}

fn typed(text: &str) -> Vec<Input> {
    text.chars().flat_map(|c| key(KeyCode::Char(c), keys::of_char(c).modifiers)).collect()
}

fn paste(text: &str) -> Vec<Input> {
    vec![Input::Event(Event::Paste(text.to_owned()))]
}

#[test]
fn ctrl_with_a_key_of_another_script_is_the_key_in_its_place() {
    use KeyCode::*;
    for (bytes, code, modifiers) in [
        // С and Я of a Russian keyboard, Σ of a Greek one, with the number of the key on a Latin one.
        ("\x1b[1089::99;5u", Char('c'), CONTROL),
        ("\x1b[1089:1057:99;6u", Char('C'), CONTROL | SHIFT),
        ("\x1b[1103::122;3u", Char('z'), ALT),
        ("\x1b[963::115;5u", Char('s'), CONTROL),
        // Without a command it is a letter as any other.
        ("\x1b[1089::99u", Char('с'), NONE),
        // A Latin layout of another order says what stands on its keys.
        ("\x1b[97::113;5u", Char('a'), CONTROL),
    ] {
        assert_eq!(decode(bytes.as_bytes()), key(code, modifiers), "{bytes:?}");
    }
}

#[test]
fn keys_of_all_kinds_of_terminals() {
    use KeyCode::*;
    for (bytes, code, modifiers) in [
        ("a", Char('a'), NONE),
        ("A", Char('A'), SHIFT),
        ("é", Char('é'), NONE),
        ("日", Char('日'), NONE),
        ("\r", Enter, NONE),
        ("\n", Char('j'), CONTROL),
        ("\t", Tab, NONE),
        ("\x7f", Backspace, NONE),
        ("\x08", Char('h'), CONTROL),
        ("\0", Char(' '), CONTROL),
        ("\x12", Char('r'), CONTROL),
        ("\x1c", Char('\\'), CONTROL),
        ("\x1f", Char('_'), CONTROL),
        ("\x1b", Esc, NONE),
        ("\x1bx", Char('x'), ALT),
        ("\x1bX", Char('X'), ALT | SHIFT),
        ("\x1bü", Char('ü'), ALT),
        ("\x1b\r", Enter, ALT),
        ("\x1b\x7f", Backspace, ALT),
        ("\x1b\x12", Char('r'), ALT | CONTROL),
        ("\x1b[", Char('['), ALT),
        ("\x1b]", Char(']'), ALT),
        ("\x1bO", Char('O'), ALT | SHIFT),
        ("\x1b[A", Up, NONE),
        ("\x1bOA", Up, NONE),
        ("\x1b[1;5D", Left, CONTROL),
        ("\x1bO5D", Left, CONTROL),
        ("\x1b[1;2A", Up, SHIFT),
        ("\x1b[1;8B", Down, SHIFT | ALT | CONTROL),
        ("\x1b[a", Up, SHIFT),
        ("\x1bOa", Up, CONTROL),
        ("\x1b[Z", BackTab, SHIFT),
        ("\x1b[H", Home, NONE),
        ("\x1b[1~", Home, NONE),
        ("\x1bOF", End, NONE),
        ("\x1b[3~", Delete, NONE),
        ("\x1b[3;5~", Delete, CONTROL),
        ("\x1b[3$", Delete, SHIFT),
        ("\x1b[3^", Delete, CONTROL),
        ("\x1b[3@", Delete, SHIFT | CONTROL),
        ("\x1b[5~", PageUp, NONE),
        ("\x1bOP", F(1), NONE),
        ("\x1b[[C", F(3), NONE),
        ("\x1b[1;2R", F(3), SHIFT),
        ("\x1b[15~", F(5), NONE),
        ("\x1b[24;6~", F(12), SHIFT | CONTROL),
        ("\x1bOM", Enter, NONE),
        ("\x1bOk", Char('+'), NONE),
        ("\x1bOu", Char('5'), NONE),
        // xterm's modifyOtherKeys, and kitty's keyboard protocol
        ("\x1b[27;5;13~", Enter, CONTROL),
        ("\x1b[27;2;9~", BackTab, SHIFT),
        ("\x1b[27u", Esc, NONE),
        ("\x1b[105;5u", Char('i'), CONTROL),
        ("\x1b[13;2u", Enter, SHIFT),
        ("\x1b[97;3u", Char('a'), ALT),
        ("\x1b[97;4u", Char('A'), ALT | SHIFT),
        ("\x1b[97:65;6u", Char('A'), SHIFT | CONTROL),
        ("\x1b[59:58;4u", Char(':'), ALT | SHIFT),
        ("\x1b[97;69u", Char('a'), CONTROL),
        ("\x1b[57399u", Char('0'), NONE),
        ("\x1b[57376u", F(13), NONE),
        ("\x1b[1;1:1A", Up, NONE),
    ] {
        assert_eq!(decode(bytes.as_bytes()), key(code, modifiers), "{bytes:?}");
    }
}

#[test]
fn a_held_key_repeats_and_a_release_is_nothing() {
    let repeat = KeyEvent::new_with_kind(KeyCode::Up, NONE, KeyEventKind::Repeat);
    assert_eq!(decode(b"\x1b[1;1:2A"), [Input::Event(Event::Key(repeat))]);
    assert_eq!(decode(b"\x1b[1;1:3A\x1b[97;1:3u"), []);
}

#[test]
fn mouse_and_focus() {
    let mouse = |kind, column, row, modifiers| {
        vec![Input::Event(Event::Mouse(MouseEvent { kind, column, row, modifiers }))]
    };
    for (bytes, wanted) in [
        ("\x1b[I", vec![Input::Event(Event::FocusGained)]),
        ("\x1b[O", vec![Input::Event(Event::FocusLost)]),
        ("\x1b[<0;1;1M", mouse(MouseEventKind::Down(MouseButton::Left), 0, 0, NONE)),
        ("\x1b[<2;300;200m", mouse(MouseEventKind::Up(MouseButton::Right), 299, 199, NONE)),
        ("\x1b[<32;5;6M", mouse(MouseEventKind::Drag(MouseButton::Left), 4, 5, NONE)),
        ("\x1b[<35;5;6M", mouse(MouseEventKind::Moved, 4, 5, NONE)),
        ("\x1b[<64;5;6M", mouse(MouseEventKind::ScrollUp, 4, 5, NONE)),
        ("\x1b[<81;5;6M", mouse(MouseEventKind::ScrollDown, 4, 5, CONTROL)),
        ("\x1b[<0;70000;1M", vec![]),
        ("\x1b[<200;1;1M", vec![]),
        ("\x1b[M !\"", mouse(MouseEventKind::Down(MouseButton::Left), 0, 1, NONE)),
        ("\x1b[M#!\"", mouse(MouseEventKind::Up(MouseButton::Left), 0, 1, NONE)),
    ] {
        assert_eq!(decode(bytes.as_bytes()), wanted, "{bytes:?}");
    }
}

#[test]
fn answers_of_the_terminal() {
    for (bytes, wanted) in [
        ("\x1b[0n", Report::Status),
        ("\x1b[?2026;2$y", Report::Mode { mode: 2026, state: 2 }),
        ("\x1b[?62;4;22c", Report::DeviceAttributes(vec![62, 4, 22])),
        ("\x1b[?1u", Report::KittyKeyboard(1)),
        ("\x1b]11;rgb:1e1e/2e2e/ffff\x1b\\", Report::Background(Rgb(0x1e, 0x2e, 0xff))),
        ("\x1b]11;rgb:f/8/0\x07", Report::Background(Rgb(255, 136, 0))),
        ("\x1b]10;rgb:ff/ff/ff\x07", Report::Foreground(Rgb(255, 255, 255))),
        ("\x1b[6;20;10t", Report::CellSize(10, 20)),
        ("\x1b_Gi=31;OK\x1b\\", Report::Graphics(true)),
        ("\x1b_Gi=31;EINVAL:no\x1b\\", Report::Graphics(false)),
        ("\x1bP>|XTerm(390)\x1b\\", Report::Version("XTerm(390)".to_owned())),
    ] {
        assert_eq!(decode(bytes.as_bytes()), [Input::Report(wanted)], "{bytes:?}");
    }
    assert!(Rgb(30, 30, 46).is_dark() && !Rgb(253, 246, 227).is_dark());
}

#[test]
fn what_is_not_known_is_swallowed_whole() {
    for bytes in [
        "\x1b[=1;10;0c",
        "\x1b[12;40R",
        "\x1b[?997;1n",
        "\x1b[99~",
        "\x1b[1;999A",
        "\x1b[27;5;99999999999~",
        "\x1b[55296u",
        "\x1b]52;c;c2VjcmV0\x07",
        "\x1b]11;rgb:xx/yy/zz\x07",
        "\x1b]11;rgb:12345/1/1\x07",
        "\x1b_Gi=7;OK\x1b\\",
        "\x1b_Gi=31\x1b\\",
        "\x1b[4;400;800t",
        "\x1bP1+r544e=787465\x1b\\",
        "\x1b[200;1;2 q",
        "\x1b[201~",
    ] {
        assert_eq!(decode(format!("{bytes}x").as_bytes()), typed("x"), "{bytes:?}");
    }
    let long =
        format!("\x1b[{}mx\x1b]{}\x07y", "1;".repeat(LONGEST_SEQUENCE), "z".repeat(2 * LONGEST_SEQUENCE));
    assert_eq!(decode(long.as_bytes()), typed("xy"));
}

#[test]
fn what_breaks_off_does_not_take_the_next_key_with_it() {
    let up = key(KeyCode::Up, NONE);
    for bytes in
        [&b"\x1b[1;\x1b[A"[..], b"\x1bO\x1b[A", b"\x1b]11;rgb\x1b[A", b"\x1bP>|x\x1b[A", b"\xe6\x97\x1b[A"]
    {
        let got = decode(bytes);
        assert_eq!(got, up, "{:?}", bytes.escape_ascii().to_string());
    }
    assert_eq!(decode(b"\x1b[12\rx"), [key(KeyCode::Enter, NONE), typed("x")].concat());
    assert_eq!(decode(b"\x1b\x1b"), [key(KeyCode::Esc, NONE), key(KeyCode::Esc, NONE)].concat());
    assert_eq!(decode(b"\x1b\x1b[A"), [key(KeyCode::Esc, NONE), up].concat());
}

#[test]
fn bytes_that_are_not_utf8_are_dropped() {
    assert_eq!(decode(b"a\xff\xc3(\xe6\x97b\xc2\x85\xed\xa0\x80c"), typed("a(bc"));
    assert_eq!(decode(b"\xe6\x97"), []);
}

#[test]
fn a_lone_escape_becomes_a_key_when_nothing_follows_soon() {
    let (mut decoder, mut out, now) = (Decoder::default(), Vec::new(), Instant::now());
    decoder.feed(b"\x1b", now, &mut out);
    assert_eq!(decoder.timeout(now), Some(ESC_LIMIT));
    let half = now + ESC_LIMIT / 2;
    decoder.flush(half, &mut out);
    assert_eq!(out, []);
    assert_eq!(decoder.timeout(half), Some(ESC_LIMIT / 2));
    decoder.flush(now + ESC_LIMIT, &mut out);
    assert_eq!(out, key(KeyCode::Esc, NONE));
    assert_eq!(decoder.timeout(now), None);
    // After the time limit the ESC is no longer part of what follows.
    decoder.feed(b"[A", now + ESC_LIMIT, &mut out);
    assert_eq!(out[1..], typed("[A"));
}

#[test]
fn the_rest_of_a_sequence_is_waited_for_longer_but_not_for_ever() {
    let (mut decoder, mut out, now) = (Decoder::default(), Vec::new(), Instant::now());
    decoder.feed(b"\x1b[1;", now, &mut out);
    assert_eq!(decoder.timeout(now), Some(SEQUENCE_LIMIT));
    decoder.feed(b"5A", now + ESC_LIMIT, &mut out);
    assert_eq!(out, key(KeyCode::Up, CONTROL));
    decoder.feed(b"\x1b]11;", now, &mut out);
    decoder.flush(now + SEQUENCE_LIMIT, &mut out);
    decoder.feed(b"q", now + SEQUENCE_LIMIT, &mut out);
    assert_eq!(out[1..], typed("q"));
}

#[test]
fn pastes_are_text_and_never_keys() {
    for (bytes, wanted) in [
        ("\x1b[200~two\nlines\x1b[201~", "two\nlines"),
        ("\x1b[200~a\r\nb\rc\n\x1b[201~", "a\nb\nc\n"),
        ("\x1b[200~\tred: \x1b[31m\x07\x08\x00\u{9b}x\x1b[201~", "\tred: [31mx"),
        ("\x1b[200~\x1b[200~\x1b[201\x1b[201~", "[200~[201"),
        ("\x1b[200~\x1b[201~", ""),
        // The end mark never arrives.
        ("\x1b[200~unfinished", "unfinished"),
    ] {
        assert_eq!(decode(bytes.as_bytes()), paste(wanted), "{bytes:?}");
    }
    assert_eq!(decode(b"\x1b[200~a\xffb\x1b[201~q"), [paste("a\u{fffd}b"), typed("q")].concat());
}

#[test]
fn a_huge_paste_is_cut_and_says_so() {
    let text = "é".repeat(LONGEST_PASTE / 2);
    let whole = format!("\x1b[200~{text}\x1b[201~q");
    assert_eq!(decode(whole.as_bytes()), [paste(&text), typed("q")].concat());
    for more in ["e", "\x1b[201", &"x".repeat(100_000)] {
        let longer = format!("\x1b[200~x{text}{more}\x1b[201~q");
        // One byte off: the last é is cut in half, and dropped.
        let kept = format!("x{}", "é".repeat(LONGEST_PASTE / 2 - 1));
        let wanted = [paste(&kept), vec![Input::PasteCut], typed("q")].concat();
        for ends in [&[][..], &[5, LONGEST_PASTE, LONGEST_PASTE + 12]] {
            assert!(decode_split(longer.as_bytes(), ends) == wanted, "{} more", more.len());
        }
    }
}

/// Pieces of what terminals send, and rubbish.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..6),
        prop::sample::select(vec![
            &b"\x1b[1;5A"[..],
            b"\x1b[200~",
            b"\x1b[201~",
            b"\x1b]11;rgb:1/2/3\x1b\\",
            b"\x1bP>|x\x1b\\",
            b"\x1b[<0;5;5M",
            b"\x1b[M !!",
            b"\x1b[0n",
            b"\x1bOA",
            b"\x1b",
            b"\xe6\x97\xa5",
            b"\r\n",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same(bytes in streams(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.sort_unstable();
        let whole = decode(&bytes);
        prop_assert_eq!(&decode_split(&bytes, &ends), &whole);
        let each: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(&decode_split(&bytes, &each), &whole);
        for input in &whole {
            if let Input::Event(Event::Key(KeyEvent { code: KeyCode::Char(c), .. })) = input {
                prop_assert!(!c.is_control());
            }
            if let Input::Event(Event::Paste(text)) = input {
                prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            }
        }
    }
}
