use proptest::prelude::*;
use serde_json::json;

use super::*;

fn words(event: &Event) -> String {
    let id = event.prompt_id.as_deref().unwrap_or("-");
    let news = match &event.news {
        News::Log { text } => format!("log {text:?}"),
        News::Error { value } => format!("error {value}"),
        News::Executed => "executed".to_owned(),
        News::Result(None) => "result unknown".to_owned(),
        News::Result(Some(record)) => format!("result {:?} {}", record.state(), record.outputs.len()),
        News::Cancelled { value } => format!("cancelled {value}"),
        News::Other { name, text } => format!("other {name} {text:?}"),
    };
    format!("{id}: {news}")
}

#[test]
fn every_event_is_read_in_every_shape() {
    let table = [
        ("infer_log_message", r#"{"prompt_id":"p","data":"a\u001b[31mb\r"}"#, r#"p: log "a\u{1b}[31mb\r""#),
        ("infer_log_message", r#"{"promptId":"p","data":{"n":1.50}}"#, r#"p: log "{\"n\":1.50}""#),
        ("infer_log_message", r#"{"prompt_id":"p","data":17}"#, r#"p: log "17""#),
        ("infer_log_message", r#"{"prompt_id":"p","data":null}"#, r#"p: log """#),
        ("infer_log_message", r#"{"prompt_id":"p","message":"a","x":[]}"#, r#"p: log "a""#),
        ("infer_log_message", r#"{"data":"cut \ud83d"}"#, "-: log \"cut \u{fffd}\""),
        ("infer_log_message", r#""bare""#, r#"-: log "bare""#),
        ("infer_log_message", r#""{\"prompt_id\":\"p\",\"data\":\"packed\"}""#, r#"p: log "packed""#),
        ("infer_log_message", "null", r#"-: log """#),
        ("infer_log_message", "{broken", r#"-: log "{broken""#),
        (
            "infer_error_message",
            r#"{"prompt_id":"p","data":{"errorMsg":"No"}}"#,
            r#"p: error {"errorMsg":"No"}"#,
        ),
        ("infer_error_message", r#"{"prompt_id":"p","data":"No"}"#, r#"p: error "No""#),
        (
            "infer_error_message",
            r#"{"promptId":"p","errorMsg":"No","data":null}"#,
            r#"p: error {"errorMsg":"No"}"#,
        ),
        (
            "infer_error_message",
            r#"{"data":{"prompt_id":"p","detail":"No"}}"#,
            r#"p: error {"prompt_id":"p","detail":"No"}"#,
        ),
        ("infer_error_message", "null", "-: error null"),
        ("infer_executed_message", r#"{"prompt_id":"p","status":"executed"}"#, "p: executed"),
        ("infer_executed_message", r#""p-1""#, "p-1: executed"),
        ("infer_executed_message", "null", "-: executed"),
        (
            "infer_result_message",
            r#"{"prompt_id":"p","status":"success","completed":true,"outputs":[{"filepath":"https://x/a"}]}"#,
            "p: result Succeeded 1",
        ),
        (
            "infer_result_message",
            r#"{"promptId":"p","data":{"status":"error","outputs":null}}"#,
            "p: result Failed 0",
        ),
        ("infer_result_message", r#"{"data":{"promptId":"p","completed":true}}"#, "p: result Succeeded 0"),
        ("infer_result_message", r#"{"prompt_id":"p","data":null}"#, "p: result unknown"),
        ("infer_result_message", r#"{"prompt_id":"p"}"#, "p: result unknown"),
        ("infer_result_message", "null", "-: result unknown"),
        ("infer_result_message", "[]", "-: result unknown"),
        ("infer_canceled_message", r#"{"prompt_id":"p"}"#, "p: cancelled null"),
        ("infer_cancelled_message", r#"{"prompt_id":"p","by":"x"}"#, r#"p: cancelled {"by":"x"}"#),
        ("infer_canceled_message", r#""p-1""#, r#"p-1: cancelled "p-1""#),
        ("infer_canceled_message", r#""not an id""#, r#"-: cancelled "not an id""#),
        (
            "queue_message",
            r#"{"prompt_id":"p","place":3}"#,
            r#"p: other queue_message "{\"prompt_id\":\"p\",\"place\":3}""#,
        ),
        ("a\u{1b}]0;t\u{7}b", "null", r#"-: other ab """#),
    ];
    for (name, payload, expected) in table {
        assert_eq!(words(&Event::read(name, payload)), expected, "{name} {payload}");
    }
}

#[test]
fn what_an_event_says_is_bounded() {
    let long = "é".repeat(1_200_000);
    let payload = json!({"prompt_id": "p".repeat(500), "data": long}).to_string();
    for name in ["infer_log_message", "infer_error_message", "infer_canceled_message", &long] {
        let event = Event::read(name, &payload);
        let length = match event.news {
            News::Log { text } => text.len(),
            News::Error { value } | News::Cancelled { value } => value.as_str().expect("text").len(),
            News::Other { name, text } => name.len() + text.len(),
            other => panic!("{other:?}"),
        };
        assert!(length <= MAX_LOG, "{length}");
        assert!(event.prompt_id.is_none_or(|id| id.len() <= MAX_ID));
    }
}

#[test]
fn a_record_is_read_in_every_shape() {
    let snake = r#"{"prompt_id":"p","status":"success","completed":true,"execution_time_seconds":2.5,"prompt":{"3":{}},
        "outputs":[{"filename":"a.png","content_type":"image/png","size":7,"filepath":"https://x/a?sig=1"},
                   {"filename":"b","size":"8","data":"YQ==","filepath":""},null,17]}"#;
    let camel = r#"{"_id":"1","promptId":"p","status":"success","completed":"true","executionTimeSeconds":"2.5","errorData":null,
        "outputs":[{"filename":"a.png","contentType":"image/png","size":7.0,"filepath":"https://x/a?sig=1"},
                   {"filename":"b","contentType":null,"size":8,"data":"YQ=="},null,17],"createdAt":"2026","workflow":{"data":[]}}"#;
    let wrapped = format!(r#"{{"data":{camel}}}"#);
    for text in [snake, camel, &wrapped] {
        let record = Record::read(text).expect(text);
        assert_eq!(record.result.prompt_id.as_deref(), Some("p"));
        assert_eq!(record.result.status.as_deref(), Some("success"));
        assert_eq!((record.result.completed, record.result.execution_time_seconds), (Some(true), Some(2.5)));
        assert_eq!((record.state(), record.result.outputs), (State::Succeeded, 3));
        let [a, b, odd] = record.outputs.as_slice() else { panic!("{record:?}") };
        assert_eq!((a.info.filename.as_str(), a.info.content_type.as_str()), ("a.png", "image/png"));
        assert_eq!(
            (a.info.size, a.info.filepath.as_deref(), &a.data),
            (Some(7), Some("https://x/a?sig=1"), &None)
        );
        assert_eq!(
            (b.info.size, b.info.filepath.as_deref(), b.data.as_deref()),
            (Some(8), None, Some("YQ=="))
        );
        assert!(b.info.has_data && !a.info.has_data);
        assert_eq!(odd, &RecordOutput::default());
    }
    let reply = Record::read(r#"{"data":{"prompt_id":"p","message":"Scheduled\u001b[2J","workflow":{}}}"#)
        .expect("a reply");
    assert_eq!((reply.result.prompt_id.as_deref(), reply.message.as_str()), (Some("p"), "Scheduled"));
    assert!(reply.is_empty() && reply.state() == State::Open);
    for text in ["null", "[]", "\"p\"", "<html>", ""] {
        assert_eq!(Record::read(text), None, "{text}");
    }
}

#[test]
fn a_list_of_records_is_read_in_every_shape() {
    let ids = |text: &str| {
        let records = Record::list(text)?;
        let id = |record: Record| record.result.prompt_id.unwrap_or_else(|| "-".to_owned());
        Some(records.into_iter().map(id).collect::<Vec<_>>().join(" "))
    };
    let table = [
        (r#"[{"promptId":"a","completed":true},{"prompt_id":"b"}]"#, Some("a b")),
        (r#"{"data":[{"promptId":"a"}]}"#, Some("a")),
        (r#"{"status":"success","data":{"data":[{"promptId":"a","outputs":[]}]}}"#, Some("a")),
        (r#"{"promptId":"a","completed":false}"#, Some("a")),
        (r#"{"data":{"promptId":"a"}}"#, Some("a")),
        (r#"[null, 1, {"status":"error","executionTimeSeconds":NaN}]"#, Some("-")),
        (" [] ", Some("")),
        ("null", Some("")),
        ("{}", None),
        (r#"{"data":null}"#, None),
        (r#"{"statusCode":200}"#, None),
        ("nothing", None),
        ("<html>", None),
        ("[", None),
        ("", None),
    ];
    for (text, expected) in table {
        assert_eq!(ids(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn the_state_follows_from_words_and_completion() {
    use State::{Cancelled, Failed, Open, Succeeded};
    // Status, and the state where `completed` is true, false and absent.
    let table = [
        ("success", [Succeeded, Failed, Succeeded]),
        ("Completed", [Succeeded, Failed, Succeeded]),
        ("error", [Failed; 3]),
        ("FAILED", [Failed; 3]),
        ("canceled", [Cancelled; 3]),
        ("cancelled", [Cancelled; 3]),
        ("cancelling", [Open; 3]),
        ("pending", [Open; 3]),
        ("IN_PROGRESS", [Open; 3]),
        ("in-progress", [Open; 3]),
        ("running", [Open; 3]),
        ("processing", [Open; 3]),
        ("teleported", [Failed, Open, Open]),
        ("", [Succeeded, Open, Open]),
    ];
    for (status, states) in table {
        for (completed, state) in [Some(true), Some(false), None].into_iter().zip(states) {
            let text = json!({"status": status, "completed": completed}).to_string();
            assert_eq!(Record::read(&text).expect("a record").state(), state, "{text}");
        }
    }
}

#[test]
fn a_hostile_record_stays_small() {
    let text = json!({
        "prompt_id": "p\u{1b}[31m", "status": "s\u{202e}".repeat(100_000), "message": "m".repeat(100_000),
        "error_data": {"x": "y".repeat(1_000_000)},
        "outputs": [{"filename": "f".repeat(100_000), "filepath": "h".repeat(100_000), "size": -1}, {"size": 1e300}],
    });
    let record = Record::read(&text.to_string()).expect("a record");
    assert_eq!(record.result.prompt_id, None);
    assert!(record.result.status.is_some_and(|s| s.len() <= 1024 && !s.contains('\u{202e}')));
    assert!(record.message.len() <= 1024);
    assert!(record.result.error_data.is_some_and(|v| v.to_string().len() < 300_000));
    assert!(record.outputs[0].info.filename.len() <= 4096);
    assert_eq!((record.outputs[0].info.filepath.as_deref(), record.outputs[0].info.size), (None, None));
    let many = format!(r#"{{"outputs":[{}{{}}]}}"#, "{},".repeat(150_000));
    let record = Record::read(&many).expect("a record");
    assert_eq!((record.outputs.len(), record.result.outputs), (100_000, 150_001));
}

proptest! {
    #[test]
    fn nothing_panics(
        name in prop_oneof!["infer_(log|error|executed|result|canceled)_message", ".{0,9}"],
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"prompt_id\"", "\"promptId\"", "\"data\"", "\"outputs\"", "\"status\"", "\"", "\\ud83d", "NaN",
            "1", "é", "null", "true",
        ]), 0..24),
        wrap in any::<bool>(),
    ) {
        let text = tokens.concat();
        let text = if wrap { format!("{{\"prompt_id\":\"p\",\"data\":{text}}}") } else { text };
        let _ = Event::read(&name, &text);
        let records = Record::list(&text).unwrap_or_default().into_iter().chain(Record::read(&text));
        for record in records {
            let _ = record.state();
        }
    }

    #[test]
    fn a_record_reads_as_it_was_written(
        id in "[!-~]{1,40}",
        status in proptest::option::of("[a-z]{1,9}"),
        completed in any::<Option<bool>>(),
        seconds in proptest::option::of(0.0_f64..1e6),
        outputs in prop::collection::vec((".{0,20}", 0_u64..1 << 50, "https://[a-z]{1,20}"), 0..4),
        camel in any::<bool>(),
    ) {
        let name = |snake: &'static str, camel_case: &'static str| if camel { camel_case } else { snake };
        let list: Vec<Value> = outputs
            .iter()
            .map(|(file, size, url)| json!({
                "filename": file, name("content_type", "contentType"): "image/png", "size": size, "filepath": url,
            }))
            .collect();
        let text = json!([{
            name("prompt_id", "promptId"): id, "status": status, "completed": completed,
            name("execution_time_seconds", "executionTimeSeconds"): seconds, "outputs": list,
        }]);
        let records = Record::list(&text.to_string()).expect("a list");
        let record = &records[0];
        prop_assert_eq!(record.result.prompt_id.as_deref(), Some(id.as_str()));
        prop_assert_eq!(&record.result.status, &status);
        prop_assert_eq!((record.result.completed, record.result.execution_time_seconds), (completed, seconds));
        let read = record.outputs.iter().map(|RecordOutput { info, .. }| {
            (info.filename.clone(), info.size.unwrap_or_default(), info.filepath.clone().unwrap_or_default())
        });
        prop_assert_eq!(read.collect::<Vec<_>>(), outputs);
    }
}
