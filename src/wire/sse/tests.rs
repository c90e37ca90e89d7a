use proptest::prelude::*;

use super::*;

const NAMES: Names = Names { streamed: "prompt_result", text: &["log_message", "error"] };

/// Decodes the pieces; an event is written `name|data`, the streamed one `>data<`.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let mut streamed: Option<Vec<u8>> = None;
    let mut sink = |signal: Signal<'_>| match signal {
        Signal::Event { name, data, cut } => {
            let data = String::from_utf8_lossy(data);
            let cut = if cut == 0 { String::new() } else { format!("…{cut}") };
            seen.push(format!("{name}|{data}{cut}"));
        }
        Signal::Begin => assert!(streamed.replace(Vec::new()).is_none(), "begun twice"),
        Signal::Data(data) => streamed.as_mut().expect("begun").extend_from_slice(data),
        Signal::End => {
            let data = streamed.take().expect("begun");
            seen.push(format!(">{}<", String::from_utf8_lossy(&data)));
        }
    };
    let mut decoder = Decoder::new(NAMES);
    for piece in pieces {
        decoder.feed(piece, &mut sink);
    }
    decoder.finish(&mut sink);
    seen
}

/// A stream and its events.
const TABLE: &[(&str, &[&str])] = &[
    ("", &[]),
    ("data: a\n\n", &["|a"]),
    ("\u{feff}data: a\n\n", &["|a"]),
    ("event: x\ndata: a\n\n", &["x|a"]),
    ("event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n", &["x|a", "|b"]),
    ("event: x\rdata: a\r\rdata: b\r\r", &["x|a", "|b"]),
    ("data:a\ndata:  b\ndata\n\n", &["|a\n b\n"]),
    ("data: a\rdata: b\r\n\r\n", &["|a\nb"]),
    (": comment\nid: 1\nretry: 5\ndata: a\n\n", &["|a"]),
    ("event: x\n\ndata: a\n\n", &["|a"]),
    ("data\n\ndata:\n\n", &["|", "|"]),
    ("data: a\nevent: x\nevent: y\n\n", &["y|a"]),
    ("event: x\ndata: a: b:c\n\n", &["x|a: b:c"]),
    // An unknown field in an event that is not text.
    ("event: x\ndata: a\nfoo: b\nevents\n\n", &["x|a"]),
    // The last event lacks its blank line, or even its line end.
    ("event: x\ndata: a\n", &["x|a"]),
    ("event: x\ndata: a", &["x|a"]),
    ("event: x\ndata", &["x|"]),
    ("event: x\n", &[]),
    // The streamed event.
    ("event: prompt_result\ndata: {\"a\":1}\n\n", &[">{\"a\":1}<"]),
    ("event:prompt_result\ndata:{\ndata: }\n\nevent: x\ndata: a\n\n", &[">{\n}<", "x|a"]),
    ("data: {}\nevent: prompt_result\n\n", &[">{}<"]),
    ("data: {\nevent: prompt_result\ndata: }\n\n", &[">{\n}<"]),
    ("event: prompt_result\ndata: {}\nevent: x\n\n", &[">{}<"]),
    ("event: prompt_result\ndata: {", &[">{<"]),
    ("event: prompt_result\r\n\r\n", &[]),
    // A progress bar's CR in a log line.
    (
        "event: log_message\ndata: \r 45%|█ | 9/20 [00:05<00:06]\n\n",
        &["log_message|\r 45%|█ | 9/20 [00:05<00:06]"],
    ),
    ("event: log_message\ndata: a\rb\rdata: c\n\n", &["log_message|a\rb\nc"]),
    ("event: log_message\ndata: a\r\n\n", &["log_message|a"]),
    ("event: log_message\ndata: a\nTraceback: b\nc\n\n", &["log_message|a\nTraceback: b\nc"]),
    ("event: log_message\ndata: a\r\rb\n\n", &["log_message|a", "log_message|b"]),
    (
        "event: log_message\ndata: a\n\nb: c\n\nevent: x\ndata: d\n\n",
        &["log_message|a", "log_message|b: c", "x|d"],
    ),
    ("event: x\ndata: a\n\nstray\n\n", &["x|a"]),
];

#[test]
fn reads_every_form_of_a_stream() {
    for (stream, expected) in TABLE {
        assert_eq!(decode([stream.as_bytes()]), *expected, "{stream:?}");
    }
}

#[test]
fn every_split_reads_the_same() {
    for (stream, expected) in TABLE {
        let bytes = stream.as_bytes();
        assert_eq!(decode(bytes.chunks(1)), *expected, "{stream:?} byte by byte");
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(decode([a, b]), *expected, "{stream:?} at {at}");
        }
    }
}

#[test]
fn a_huge_event_is_cut_and_counted() {
    let stream = format!("event: log_message\ndata: {}\n\ndata: b\n\n", "x".repeat(MAX_EVENT + 10));
    let seen = decode([stream.as_bytes()]);
    assert!(seen[0].ends_with("x…10"));
    assert_eq!(seen[1], "|b");
}

#[test]
fn a_huge_name_and_a_huge_unknown_line_hold_no_memory() {
    let stream = format!("event: {}\n{}\ndata: a\n\n", "n".repeat(100_000), "y".repeat(100_000));
    let mut decoder = Decoder::new(NAMES);
    let mut longest = 0;
    decoder.feed(stream.as_bytes(), &mut |signal| {
        if let Signal::Event { name, .. } = signal {
            longest = name.len();
        }
    });
    assert_eq!(longest, MAX_NAME);
    assert!(decoder.name.capacity() < 4_096 && decoder.head.capacity() < 64);
}

proptest! {
    #[test]
    fn any_bytes_in_any_split_read_the_same(
        stream in prop::collection::vec(
            prop::sample::select(vec![
                "data", "event", ":", " ", "\n", "\r", "\r\n", "prompt_result", "log_message", "x", "\u{feff}", "id",
            ]),
            0..40,
        ),
        cuts in prop::collection::vec(0_usize..200, 0..6),
    ) {
        let stream = stream.concat();
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(decode(pieces), decode([bytes]));
    }
}
