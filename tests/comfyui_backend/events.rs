//! What comes over the websocket, good and bad.

use axum::extract::ws::Message;
use comfydeck::domain::run::Progress;
use comfydeck::domain::{RunEvent, Status};
use serde_json::{Value, json};

use super::LONG;
use super::backend_run::{Watched, submit};
use super::server::Fake;
use super::support::{PROMPT, backend, job};

fn preview(node: &str, prompt: &str, picture: &[u8]) -> Message {
    let about = json!({"node_id": node, "prompt_id": prompt, "image_type": "image/jpeg"}).to_string();
    let length = u32::try_from(about.len()).expect("short").to_be_bytes();
    Message::binary([&[0, 0, 0, 4][..], &length, about.as_bytes(), picture].concat())
}

fn done(fake: &Fake, outputs: &Value) {
    fake.finish("success", &json!([["execution_success", {}]]), outputs);
    fake.say("executing", json!({"node": null, "prompt_id": PROMPT}));
}

async fn at_work(fake: &Fake) -> Watched {
    let mut run = submit(&backend(), job(&fake.url));
    fake.begin().await;
    fake.say("execution_start", json!({"prompt_id": PROMPT}));
    run.until_phase(Status::Running).await;
    run
}

fn text() -> Value {
    json!({"9": {"text": ["made of words"]}})
}

#[tokio::test]
async fn progress_previews_and_cached_nodes_are_reported() {
    let fake = Fake::start().await;
    let mut run = at_work(&fake).await;
    fake.say("execution_cached", json!({"nodes": ["4"], "prompt_id": PROMPT}));
    fake.say("executing", json!({"node": "3", "display_node": "3", "prompt_id": PROMPT}));
    let state = json!({"3": {"value": 9, "max": 20, "state": "running"}, "4.0.1": {"value": 1, "max": 2, "state": "running", "display_node_id": "4"}});
    fake.say("progress_state", json!({"nodes": state, "prompt_id": PROMPT}));
    let is_told = |event: &RunEvent| matches!(event, RunEvent::Progress(Progress { value: 9, max: 20, .. }));
    let RunEvent::Progress(progress) = run.until_event("progress", is_told).await else { panic!("progress") };
    assert_eq!(progress.label, "Sampler (3), Loader (4) 1/2");
    fake.send(preview("3", "somebody-else", b"not ours"));
    fake.send(preview("3", PROMPT, b"a picture"));
    run.until_event("a preview", |event| matches!(event, RunEvent::Preview(_))).await;
    done(&fake, &text());
    let ended = run.end().await.is(Status::Done);
    assert_eq!(ended.previews().iter().map(|p| p.bytes.as_slice()).collect::<Vec<_>>(), [b"a picture"]);
    assert!(ended.log().contains("1 of 4 nodes are cached: Loader (4)"), "{}", ended.log());
    assert_eq!(ended.files(), [("text_9.txt".to_owned(), b"made of words".to_vec())]);
}

#[tokio::test]
async fn whatever_a_server_says_the_run_comes_to_its_end() {
    let fake = Fake::start().await;
    let run = at_work(&fake).await;
    for frame in [
        "",
        "null",
        "[]",
        "{",
        "7",
        r#"{"type":"executing","data":[[[[]]]]}"#,
        r#"{"type":"progress","data":{"value":NaN,"max":-1}}"#,
        r#"{"type":"\u001b]0;x\u0007","data":{"prompt_id":"\ud800"}}"#,
        r#"{"type":"execution_error","data":{"prompt_id":"other"}}"#,
    ] {
        fake.send(Message::text(frame));
    }
    for frame in [&[][..], &[0, 0, 0], &[0, 0, 0, 4, 255, 255, 255, 255], &[0, 0, 0, 9, 1], &[255; 64]] {
        fake.send(Message::binary(frame.to_vec()));
    }
    // Somebody else's run ends, and one that says an end and goes on.
    fake.say("executing", json!({"node": null, "prompt_id": "other"}));
    fake.say(
        "execution_error",
        json!({"prompt_id": PROMPT, "node_id": "3", "exception_message": "Execution Blocked: \u{1b}[2J"}),
    );
    for value in 0..20_000 {
        fake.say("progress", json!({"value": value, "max": 20_000, "node": "3", "prompt_id": PROMPT}));
    }
    fake.say("executed", json!({"node": "9", "output": {"images": [{"filename": "../../etc/passwd", "type": "output"}]}, "prompt_id": PROMPT}));
    fake.known().files.insert("filename=..%2F..%2Fetc%2Fpasswd&type=output".to_owned(), b"x".to_vec());
    let hostile = json!({"9": {"images": [{"filename": "../../etc/passwd", "subfolder": "", "type": "output"}, {"filename": "gone.png", "type": "temp"}, 7, null]}});
    done(&fake, &hostile);
    let ended = run.end().await.is(Status::Failed);
    assert!(ended.error().what.contains("1 of 3 outputs could not be saved"), "{:?}", ended.error());
    assert!(ended.error().remedy.contains("fetch"), "{:?}", ended.error());
    assert!(ended.files().len() == 2 && !ended.files()[0].0.contains(['/', '\u{1b}']), "{:?}", ended.files());
    assert!(!ended.log().contains('\u{1b}'), "{}", ended.log());
}

#[tokio::test]
async fn a_slow_disk_here_holds_up_nobody_there() {
    let fake = Fake::start().await;
    let run = at_work(&fake).await;
    let before = fake.known().sent;
    // As many bytes as no buffer on the way holds, while nobody takes events.
    let picture = vec![7; 90_000];
    for _ in 0..1_500 {
        fake.send(preview("3", PROMPT, &picture));
    }
    let all =
        tokio::time::timeout(LONG, fake.until("all frames", |known| known.sent >= before + 1_500)).await;
    assert!(all.is_ok(), "the server could not send");
    done(&fake, &text());
    let ended = run.end().await.is(Status::Done);
    assert!(ended.previews().len() < 200, "only the newest counts: {}", ended.previews().len());
}

#[tokio::test]
async fn pictures_that_are_results_are_saved_from_the_websocket() {
    let fake = Fake::start().await;
    let mut job = job(&fake.url);
    job.workflow = job.workflow.map(|workflow| workflow.replace("SaveImage", "SaveImageWebsocket"));
    let mut run = submit(&backend(), job);
    fake.begin().await;
    fake.say("execution_start", json!({"prompt_id": PROMPT}));
    run.until_phase(Status::Running).await;
    fake.send(preview("9", PROMPT, b"result one"));
    fake.send(preview("9", PROMPT, b"result two"));
    done(&fake, &json!({}));
    let ended = run.end().await.is(Status::Done);
    let files = ended.files();
    let contents: Vec<&[u8]> = files.iter().map(|(_, content)| content.as_slice()).collect();
    assert_eq!(contents, [b"result one", b"result two"]);
}

#[tokio::test]
async fn without_a_websocket_the_run_goes_on() {
    let fake = Fake::start().await;
    fake.known().closed = true;
    let run = submit(&backend(), job(&fake.url));
    fake.begin().await;
    done(&fake, &text());
    let ended = run.end().await.is(Status::Done);
    assert!(ended.log().contains("no live connection"), "{}", ended.log());
}
