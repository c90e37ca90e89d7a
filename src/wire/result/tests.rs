use proptest::prelude::*;

use super::decoder::MAX_FIELD;
use super::*;

/// Decodes a result: each output as `name type size data`, bad data and broken JSON as words.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, PromptResult, bool) {
    let mut seen = Vec::new();
    let mut data = Vec::new();
    let mut raw: Option<Vec<u8>> = None;
    let mut sink = |piece: ResultPart<'_>| match piece {
        ResultPart::OutputBegins => data.clear(),
        ResultPart::Data(bytes) => data.extend_from_slice(bytes),
        ResultPart::BadData(why) => {
            seen.push(format!("bad: {why}"));
            raw = Some(Vec::new());
        }
        ResultPart::Broken(why) => {
            seen.push(format!("broken: {why}"));
            raw = Some(Vec::new());
        }
        ResultPart::Raw(bytes) => raw.as_mut().expect("a fault comes first").extend_from_slice(bytes),
        ResultPart::OutputCut(info) => {
            raw = None;
            seen.push(format!("cut {} {}", info.filename, String::from_utf8_lossy(&data)));
        }
        ResultPart::OutputEnds(info) => {
            let shown = match raw.take() {
                Some(raw) => format!("raw {}", String::from_utf8_lossy(&raw)),
                None if info.has_data => String::from_utf8_lossy(&data).into_owned(),
                None => format!("{:?}", info.filepath),
            };
            seen.push(format!("{} {} {:?} {shown}", info.filename, info.content_type, info.size));
        }
    };
    let mut decoder = Decoder::default();
    for piece in pieces {
        decoder.feed(piece, &mut sink);
    }
    decoder.finish(&mut sink);
    let whole = decoder.is_whole();
    (seen, decoder.into_result(), whole)
}

/// A result, its outputs, and whether it is complete.
const TABLE: &[(&str, &[&str], bool)] = &[
    ("{}", &[], true),
    (" {\"outputs\": null, \"x\": [1, {\"y\": \"}\\\"\"}]} ", &[], true),
    ("{\"outputs\": []}", &[], true),
    ("{\"outputs\": {\"a\": 1}}", &[], true),
    (
        r#"{"outputs":[{"filename":"a.png","content_type":"image/png","size":5,"data":"aGVsbG8="}]}"#,
        &["a.png image/png Some(5) hello"],
        true,
    ),
    (
        r#"{"outputs":[{"data":"aGVs\nbG8","size":"5","x":{"data":"no"},"filename":"\u00e4\"\\.png"}, null]}"#,
        &["ä\"\\.png  Some(5) hello"],
        true,
    ),
    (r#"{"outputs":[{"data":"\/\/\/\/","filename":null}]}"#, &["  None \u{fffd}\u{fffd}\u{fffd}"], true),
    (
        r#"{"outputs":[{"filename":"a","data":"","filepath":"https://x/a"},{"data":null}]}"#,
        &["a  None Some(\"https://x/a\")", "  None None"],
        true,
    ),
    (
        r#"{"outputs":[{"filename":"a","data":"!!!!"},{"filename":"b","data":"YQ=="}]}"#,
        &["bad: its data is not base64", "a  None raw !!!!", "b  None a"],
        true,
    ),
    (
        r#"{"outputs":[{"filename":"a","data":"aGVs\"bG8="}]}"#,
        &["bad: its data is not base64", "a  None raw aGVs\"bG8="],
        true,
    ),
    (
        r#"{"outputs":[{"data":7,"filename":"a"},"b",{"data":"YQ==","data":"Yg=="}]}"#,
        &[
            "bad: its data is not text",
            "a  None raw ",
            "bad: it is not an object",
            "  None raw ",
            "bad: it has data twice",
            "  None raw ",
        ],
        true,
    ),
    (
        r#"{"outputs":[{"filename":"a","data":"YQ=="},{"filename":"b" "data":"YQ=="}]}"#,
        &["a  None a", "cut b ", "broken: the result is not valid JSON"],
        false,
    ),
    (r#"{"outputs":[{"filename":"a","data":"YQ=="},{"filename":"b","da"#, &["a  None a", "cut b "], false),
    (r#"{"outputs":[{"filename":"b","data":"aGVsbG8"#, &["cut b hello"], false),
    ("null", &["broken: the result is not a JSON object"], false),
    ("<html>", &["broken: the result is not a JSON object"], false),
    ("{\"status\": nope}", &["broken: the result is not valid JSON"], false),
    ("", &[], false),
];

#[test]
fn outputs_stream_out_of_every_form_of_a_result() {
    for (text, expected, whole) in TABLE {
        let (seen, _, is_whole) = decode([text.as_bytes()]);
        assert_eq!(
            (seen.as_slice(), is_whole),
            (&*expected.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(), *whole),
            "{text}"
        );
    }
}

#[test]
fn every_split_reads_the_same() {
    for (text, ..) in TABLE {
        let bytes = text.as_bytes();
        let expected = decode([bytes]);
        assert_eq!(decode(bytes.chunks(1)), expected, "{text} byte by byte");
        for at in 0..=bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(decode([a, b]), expected, "{text} at {at}");
        }
    }
}

#[test]
fn small_fields_are_collected() {
    let text = r#"{"prompt_id":"p-1","status":"error","completed":false,"execution_time_seconds":2.5,
        "prompt":{"6":{"inputs":{"text":"}]\""}}},"error_data":{"node":"3"},"errorMsg":"no"}"#;
    let (_, result, whole) = decode([text.as_bytes()]);
    assert!(whole);
    assert_eq!(result.prompt_id.as_deref(), Some("p-1"));
    assert_eq!(result.status.as_deref(), Some("error"));
    assert_eq!((result.completed, result.execution_time_seconds), (Some(false), Some(2.5)));
    assert_eq!(result.error_data, Some(serde_json::json!({"node": "3"})));
    assert_eq!(serde_json::Value::Object(result.other), serde_json::json!({"errorMsg": "no"}));
    let (_, result, _) =
        decode([br#"{"promptId":"q","executionTimeSeconds":NaN,"completed":true}"#.as_slice()]);
    assert_eq!((result.prompt_id.as_deref(), result.execution_time_seconds), (Some("q"), None));
    assert_eq!(result.completed, Some(true));
}

#[test]
fn a_huge_field_holds_no_memory() {
    let mut decoder = Decoder::default();
    decoder.feed(br#"{"prompt_id":"p","prompt":{"text":""#, &mut |_| {});
    let part = "x".repeat(1 << 20);
    for _ in 0..8 {
        decoder.feed(part.as_bytes(), &mut |_| {});
    }
    decoder.feed(br#""},"error_data":""#, &mut |_| {});
    for _ in 0..8 {
        decoder.feed(part.as_bytes(), &mut |_| {});
    }
    assert!(decoder.small.capacity() <= 2 * MAX_FIELD);
    decoder.feed(br#"","completed":true}"#, &mut |_| {});
    assert!(decoder.is_whole());
    assert_eq!(decoder.into_result().completed, Some(true));
}

proptest! {
    #[test]
    fn any_files_survive_any_split(
        files in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..3_000), ".{0,20}", any::<bool>()), 0..4),
        size in 1_usize..5_000,
    ) {
        use ::base64::prelude::*;
        let outputs: Vec<String> = files
            .iter()
            .map(|(bytes, name, data_first)| {
                let data = format!("\"data\": \"{}\"", BASE64_STANDARD.encode(bytes));
                let name = format!("\"filename\": {}", serde_json::to_string(name).expect("JSON"));
                if *data_first { format!("{{{data}, {name}}}") } else { format!("{{{name}, {data}}}") }
            })
            .collect();
        let text = format!("{{\"outputs\": [{}]}}", outputs.join(", "));
        let (mut got, mut data) = (Vec::new(), Vec::new());
        let mut decoder = Decoder::default();
        for piece in text.as_bytes().chunks(size) {
            decoder.feed(piece, &mut |piece| match piece {
                ResultPart::Data(bytes) => data.extend_from_slice(bytes),
                ResultPart::OutputEnds(info) => got.push((std::mem::take(&mut data), info.filename)),
                ResultPart::OutputBegins => {}
                other => panic!("{other:?}"),
            });
        }
        let sent: Vec<_> = files.into_iter().map(|(bytes, name, _)| (bytes, name)).collect();
        prop_assert_eq!(got, sent);
        prop_assert!(decoder.is_whole());
    }

    #[test]
    fn any_text_in_any_split_reads_the_same(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"outputs\"", "\"data\"", "\"", "\\", "aGVs", "null", "1", "-", " ", "!",
            ]),
            0..30,
        ),
        size in 1_usize..9,
    ) {
        let text = format!("{{\"outputs\":[{{{}", tokens.concat());
        prop_assert_eq!(decode(text.as_bytes().chunks(size)), decode([text.as_bytes()]));
    }
}
