use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::run::PreviewKind;
use crate::domain::server::{Device, Memory, QueuePlace};

fn said(text: &str) -> (Option<String>, Step) {
    let message = Message::read(text);
    (message.prompt_id, message.step)
}

fn other(kind: &str) -> Step {
    Step::Other { kind: kind.to_owned() }
}

fn file(filename: &str, subfolder: &str, kind: &str) -> ServerFile {
    ServerFile { filename: filename.to_owned(), subfolder: subfolder.to_owned(), kind: kind.to_owned() }
}

#[test]
fn each_message_is_understood() {
    let executing = |node: &str| Step::Executing { node: node.to_owned() };
    let progress =
        |node: Option<&str>, value, max| Step::Progress { node: node.map(str::to_owned), value, max };
    let table = [
        (
            r#"{"type":"status","data":{"status":{"exec_info":{"queue_remaining":3}},"sid":"s"}}"#,
            Step::Status { remaining: Some(3) },
        ),
        (r#"{"type":"status","data":{"status":null}}"#, Step::Status { remaining: None }),
        (r#"{"type":"feature_flags","data":{"max_upload_size":1}}"#, Step::Features),
        (r#"{"type":"execution_start","data":{"prompt_id":"p","timestamp":1}}"#, Step::Start),
        (
            r#"{"type":"execution_cached","data":{"nodes":["1",2,null,"2:10"],"prompt_id":"p"}}"#,
            Step::Cached { nodes: ["1", "2", "2:10"].map(str::to_owned).to_vec() },
        ),
        (r#"{"type":"executing","data":{"node":"4","display_node":"4","prompt_id":"p"}}"#, executing("4")),
        (
            r#"{"type":"executing","data":{"node":"4.0.0.3","display_node":"4","prompt_id":"p"}}"#,
            executing("4"),
        ),
        (r#"{"type":"executing","data":{"node":"2:10","prompt_id":"p"}}"#, executing("2:10")),
        (r#"{"type":"executing","data":{"node":"1"}}"#, executing("1")),
        (r#"{"type":"executing","data":{"node":null,"prompt_id":"p"}}"#, Step::Over),
        (
            r#"{"type":"progress","data":{"value":0.5,"max":0.5,"prompt_id":"p","node":"3"}}"#,
            progress(Some("3"), 0.5, 0.5),
        ),
        (
            r#"{"type":"progress","data":{"value":0,"max":20,"prompt_id":"p","node":null}}"#,
            progress(None, 0.0, 20.0),
        ),
        (r#"{"type":"progress","data":{"value":NaN,"max":20,"prompt_id":"p"}}"#, other("progress")),
        (r#"{"type":"progress","data":{"value":-1,"max":20,"prompt_id":"p"}}"#, other("progress")),
        (
            r#"{"type":"progress_state","data":{"prompt_id":"p","nodes":{"3":{"value":1.0,"max":20,"state":"running",
                "node_id":"3","display_node_id":"3"},"4.0.0.3":{"value":1,"max":1,"state":"finished","node_id":"4.0.0.3",
                "display_node_id":"4"},"9":{"state":"error"},"10":7}}}"#,
            Step::Nodes(vec![
                NodeState { node: "3".to_owned(), value: 1.0, max: 20.0, is_finished: false },
                NodeState { node: "4".to_owned(), value: 1.0, max: 1.0, is_finished: true },
                NodeState { node: "9".to_owned(), value: 0.0, max: 0.0, is_finished: false },
            ]),
        ),
        (
            r#"{"type":"executed","data":{"node":"2","display_node":"2","output":null,"prompt_id":"p"}}"#,
            Step::Executed { node: "2".to_owned(), made: Made::default() },
        ),
        (r#"{"type":"execution_success","data":{"prompt_id":"p"}}"#, Step::Success),
        (r#"{"type":"execution_interrupted","data":{"prompt_id":"p","node_id":"3"}}"#, Step::Interrupted),
        (r#"{"type":"crystools.monitor","data":{"cpu":1}}"#, other("crystools.monitor")),
        (r#"{"type":"logs","data":"text"}"#, other("logs")),
        (r#"{"type":"executing","data":[1]}"#, Step::Over),
        (r#"{"type":7}"#, other("7")),
        ("[]", other("")),
        ("{", other("")),
        ("", other("")),
    ];
    for (text, step) in table {
        let (prompt_id, said) = said(text);
        assert_eq!(said, step, "{text}");
        assert_eq!(prompt_id.as_deref(), text.contains(r#""prompt_id":"p""#).then_some("p"), "{text}");
    }
}

#[test]
fn an_error_leads_to_its_node_without_its_tensors() {
    let text = json!({"type": "execution_error", "data": {"prompt_id": "p", "node_id": "4.0.0.3", "node_type": "KSampler",
        "executed": [], "exception_message": "Allocation on device \n\nThis error means you ran out of memory.\n",
        "exception_type": "torch.OutOfMemoryError", "traceback": ["  File \"a.py\", line 3\n"],
        "current_inputs": {"x": ["tensor(…)".repeat(10_000)]}, "current_outputs": []}});
    let (prompt_id, Step::Failed(error)) = said(&text.to_string()) else { panic!("an error") };
    assert_eq!(prompt_id.as_deref(), Some("p"));
    assert_eq!(error.node.as_deref(), Some("4"));
    assert!(error.what.starts_with("KSampler: Allocation on device"), "{}", error.what);
    assert!(
        error.details.contains("torch.OutOfMemoryError") && error.details.contains("a.py"),
        "{}",
        error.details
    );
    assert!(!error.details.contains("tensor"));
    let (_, Step::Failed(error)) = said(r#"{"type":"execution_error","data":7}"#) else { panic!("an error") };
    assert!(!error.what.is_empty());
}

#[test]
fn outputs_of_all_kinds_are_found() {
    let table = [
        (
            json!({"images": [{"filename": "a.png", "subfolder": "x", "type": "output"}]}),
            vec![file("a.png", "x", "output")],
            vec![],
        ),
        (
            json!({"images": [{"filename": "a.mp4", "subfolder": "", "type": "output"}], "animated": [true]}),
            vec![file("a.mp4", "", "output")],
            vec![],
        ),
        (
            json!({"gifs": [{"filename": "a.gif", "fullpath": "/x"}], "audio": [{"filename": "b.flac", "type": "temp"}]}),
            vec![file("a.gif", "", ""), file("b.flac", "", "temp")],
            vec![],
        ),
        (json!({"video": {"filename": "one.webm"}}), vec![file("one.webm", "", "")], vec![]),
        (json!({"text": ["a\nb", "", "c"], "count": [42, true]}), vec![], vec!["a\nb", "c", "42", "true"]),
        (json!({"text": "bare", "result": [null, [1], {"a": 1}, {"filename": ""}]}), vec![], vec!["bare"]),
        (json!({"ui": {}}), vec![], vec![]),
        (json!([1]), vec![], vec![]),
        (Value::Null, vec![], vec![]),
    ];
    for (output, files, texts) in table {
        let text = json!({"type": "executed", "data": {"node": "2", "output": output, "prompt_id": "p"}})
            .to_string();
        let (_, Step::Executed { made, .. }) = said(&text) else { panic!("{text}") };
        assert_eq!(
            (made.files, made.texts),
            (files, texts.into_iter().map(str::to_owned).collect()),
            "{text}"
        );
    }
}

fn frame(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A preview frame that names its node, as [`super::HELLO`] asks for.
fn described(about: &str, picture: &[u8]) -> Vec<u8> {
    let length = u32::try_from(about.len()).expect("short").to_be_bytes();
    frame(&[&4_u32.to_be_bytes(), &length, about.as_bytes(), picture])
}

#[test]
fn each_binary_frame_is_understood() {
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0";
    let about = r#"{"node_id":"4.0.1","prompt_id":"p","display_node_id":"4","image_type":"image/png"}"#;
    let plain = |kind, bytes| Frame::Preview { of: None, kind, bytes };
    let table = [
        (frame(&[&[0, 0, 0, 1, 0, 0, 0, 1], JPEG]), plain(PreviewKind::Jpeg, JPEG)),
        (frame(&[&[0, 0, 0, 1, 0, 0, 0, 2], b"\x89PNG"]), plain(PreviewKind::Png, b"\x89PNG")),
        (
            described(about, b"\x89PNG"),
            Frame::Preview {
                of: Some(("p".to_owned(), "4".to_owned())),
                kind: PreviewKind::Png,
                bytes: b"\x89PNG",
            },
        ),
        (described("{}", JPEG), plain(PreviewKind::Jpeg, JPEG)),
        (
            frame(&[&[0, 0, 0, 3, 0, 0, 0, 1], b"2working"]),
            Frame::Text { node: "2".to_owned(), text: "working".to_owned() },
        ),
        (frame(&[&[0, 0, 0, 3, 0, 0, 0, 0], b"x"]), Frame::Other),
        (frame(&[&[0, 0, 0, 3, 255, 255, 255, 255], b"x"]), Frame::Other),
        (frame(&[&[0, 0, 0, 4, 255, 255, 255, 255], b"x"]), Frame::Other),
        (frame(&[&[0, 0, 0, 4, 0, 0, 0, 9], b"{}"]), Frame::Other),
        (described(about, b""), Frame::Other),
        (described("nonsense", JPEG), Frame::Other),
        (frame(&[&[0, 0, 0, 1, 0, 0, 0, 1]]), Frame::Other),
        (frame(&[&[0, 0, 0, 2, 0, 0, 0, 1], JPEG]), Frame::Other),
        (vec![0, 0, 1], Frame::Other),
        (vec![], Frame::Other),
    ];
    for (bytes, expected) in table {
        assert_eq!(Frame::read(&bytes), expected, "{bytes:?}");
    }
}

/// A history answer with these outputs, status word and messages.
fn answer(outputs: &Value, status: &str, messages: &Value) -> String {
    let status = json!({"status_str": status, "completed": status == "success", "messages": messages});
    json!({"p": {"prompt": [1, "p", {"1": {}}, {}, ["2"]], "outputs": outputs, "status": status, "meta": {}}})
        .to_string()
}

#[test]
fn a_history_entry_says_how_it_ended() {
    let start = json!(["execution_start", {"prompt_id": "p", "timestamp": 1_000}]);
    let cached = json!(["execution_cached", {"nodes": ["1", "3"], "timestamp": 1_000}]);
    let failed = json!(["execution_error", {"node_id": "3", "node_type": "A", "exception_message": "boom", "timestamp": 3_500}]);
    let stopped = json!(["execution_interrupted", {"node_id": "3", "timestamp": 2_000}]);
    let done = json!(["execution_success", {"timestamp": 61_000}]);
    let image =
        json!({"2": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}, "5": {"ui": []}});
    let read = |text: &str| HistoryEntry::read(text, "P").expect("an answer").expect("an entry");

    let entry = read(&answer(&image, "success", &json!([start, cached, done])));
    assert_eq!((entry.status, entry.cached, entry.seconds), (HistoryStatus::Succeeded, 2, Some(60.0)));
    assert_eq!(
        entry.outputs,
        [("2".to_owned(), Made { files: vec![file("a.png", "", "output")], texts: vec![] })]
    );

    // The server's status word for an interrupted run is `error`, too.
    let entry = read(&answer(&json!({}), "error", &json!([start, stopped])));
    assert_eq!((entry.status, entry.seconds), (HistoryStatus::Interrupted, Some(1.0)));

    let entry = read(&answer(&image, "error", &json!([start, failed])));
    let HistoryStatus::Failed(error) = entry.status else { panic!("failed") };
    assert_eq!((error.what.as_str(), error.node.as_deref(), entry.outputs.len()), ("A: boom", Some("3"), 1));

    let entry = read(&answer(&json!({}), "error", &json!([])));
    assert!(matches!(entry.status, HistoryStatus::Failed(error) if !error.what.is_empty()));
    let nan = answer(&image, "success", &json!([start, done])).replace("61000", "NaN");
    assert_eq!(read(&nan).seconds, None);

    assert_eq!(HistoryEntry::read("{}", "p"), Some(None));
    assert_eq!(HistoryEntry::read(r#"{"other": {}}"#, "p"), Some(None));
    assert!(HistoryEntry::read(r#"{"p": {}}"#, "p").is_some());
    for text in ["", "[]", "<html>", r#"{"p": 1}"#] {
        assert_eq!(HistoryEntry::read(text, "p"), None, "{text}");
    }
}

#[test]
fn the_queue_is_in_the_order_in_which_it_runs() {
    let item = |number: f64, id: &str| json!([number, id, {"1": {}, "2": {}}, {"client_id": "c"}, ["2"], {"secret": 1}]);
    let answer = json!({"queue_running": [item(49.0, "r")],
        "queue_pending": [item(-53.0, "front"), item(0.5, "early"), item(52.0, "late"), item(51.0, "then"), [1], "x"]});
    let queue = read_queue(&answer.to_string()).expect("a queue");
    let ids: Vec<_> = queue.waiting.iter().map(|queued| queued.prompt_id.as_str()).collect();
    assert_eq!(ids, ["front", "early", "then", "late"]);
    assert_eq!((queue.running[0].nodes, queue.running[0].client_id.as_deref()), (2, Some("c")));
    assert_eq!(queue.place("R"), Some(QueuePlace::Running));
    assert_eq!(queue.place("then"), Some(QueuePlace::Waiting { before: 3 }));
    assert_eq!(queue.place("gone"), None);
    for text in ["", "{}", r#"{"queue_running": [], "queue_pending": 1}"#] {
        assert_eq!(read_queue(text), None, "{text}");
    }
}

#[test]
fn replies_are_read() {
    let reply = PromptReply::read(r#"{"prompt_id": "p", "number": -1, "node_errors": {}}"#).expect("a reply");
    assert_eq!((reply.prompt_id.as_deref(), reply.left_out), (Some("p"), None));
    let faulty = r#"{"prompt_id": "p", "number": 1, "node_errors": {"3": {"errors": [{"message": "Value 0 smaller than min of 1",
        "details": "width", "extra_info": {"input_name": "width"}}], "class_type": "EmptyImage"}}}"#;
    let left_out = PromptReply::read(faulty).and_then(|reply| reply.left_out).expect("left out");
    assert_eq!(left_out.node.as_deref(), Some("3"));
    for text in ["", "{}", "null", "[]", r#"{"detail": "x"}"#] {
        assert_eq!(PromptReply::read(text), None, "{text}");
    }
    let table = [
        (r#"{"name": "x (1).png", "subfolder": "", "type": "input"}"#, Some("x (1).png")),
        (r#"{"name": "x.png", "subfolder": "a/b/", "type": "input"}"#, Some("a/b/x.png")),
        (r#"{"name": "x.png", "subfolder": "a", "type": "temp"}"#, Some("a/x.png [temp]")),
        (r#"{"name": "x.png"}"#, Some("x.png")),
        (r#"{"name": ""}"#, None),
        ("[]", None),
    ];
    for (text, name) in table {
        assert_eq!(stored_name(text).as_deref(), name, "{text}");
    }
}

#[test]
fn a_server_reports_its_version_and_devices() {
    let text = r#"{"system": {"os": "posix", "ram_total": 24e9, "ram_free": 20e9, "comfyui_version": "0.3.64\u001b[2J",
        "python_version": "3.11", "pytorch_version": "2.8.0", "argv": []},
        "devices": [{"name": "cpu", "type": "cpu", "index": null, "vram_total": 2, "vram_free": 1}, {"type": "cuda"}, 3]}"#;
    let system = read_system(text).expect("a system");
    assert_eq!(
        (system.version.as_str(), system.ram),
        ("0.3.64", Some(Memory { free: 20_000_000_000, total: 24_000_000_000 }))
    );
    let device = |name: &str, vram| Device { name: name.to_owned(), vram };
    assert_eq!(system.devices, [device("cpu", Some(Memory { free: 1, total: 2 })), device("cuda", None)]);
    assert_eq!(read_system(r#"{"devices": []}"#), None);
    assert_eq!(read_names(r#"["a", "b\u001b[0m", null]"#), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(read_names("{}"), None);
    let nodes = r#"{"K": {"input": {"required": {"x": ["FLOAT", {"max": 1}]}}}}"#;
    assert_eq!(read_nodes(nodes.to_owned()).as_deref(), Some(nodes));
    // Python writes what JSON does not have.
    assert_eq!(read_nodes(nodes.replace('1', "Infinity")), Some(nodes.replace('1', "null")));
    assert_eq!(read_nodes("{}".to_owned()), None);
}

/// JSON of any shape whose fields have the names that are read.
fn hostile() -> impl Strategy<Value = Value> {
    let names = [
        "type",
        "data",
        "prompt_id",
        "node",
        "nodes",
        "value",
        "max",
        "status",
        "output",
        "images",
        "filename",
        "messages",
        "outputs",
        "queue_running",
        "queue_pending",
        "p",
        "node_errors",
        "errors",
        "system",
        "devices",
    ];
    let words = [
        "executing",
        "progress_state",
        "executed",
        "execution_error",
        "status",
        "p",
        "success",
        "execution_start",
        "\u{1b}[2J",
        "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(words.to_vec()).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(names.to_vec()), inner), 0..6).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_a_server_says_panics(value in hostile(), cut in any::<prop::sample::Index>()) {
        let text = value.to_string();
        let at = cut.index(text.len() + 1);
        for text in [text.as_str(), text.get(..at).unwrap_or_default()] {
            let _ = (Message::read(text), HistoryEntry::read(text, "p"), read_queue(text), PromptReply::read(text));
            let _ = (stored_name(text), read_system(text), read_names(text));
        }
    }

    #[test]
    fn any_binary_frame_is_read(bytes in prop::collection::vec(prop_oneof![0_u8..6, any::<u8>()], 0..64)) {
        if let Frame::Preview { bytes: picture, .. } = Frame::read(&bytes) {
            prop_assert!(!picture.is_empty() && bytes.ends_with(picture));
        }
    }

    #[test]
    fn a_described_preview_comes_back_whole(node in "[a-z0-9.:]{1,40}", prompt in "[a-f0-9-]{1,36}", picture in prop::collection::vec(any::<u8>(), 1..200)) {
        let about = json!({"node_id": node, "prompt_id": prompt, "image_type": "image/jpeg"}).to_string();
        let bytes = described(&about, &picture);
        let of = Some((prompt, node));
        prop_assert_eq!(Frame::read(&bytes), Frame::Preview { of, kind: PreviewKind::Jpeg, bytes: &picture });
        for cut in 0..bytes.len() - picture.len() {
            prop_assert_eq!(Frame::read(&bytes[..cut]), Frame::Other);
        }
    }
}
