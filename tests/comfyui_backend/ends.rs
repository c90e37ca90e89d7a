//! How runs end, whatever gets lost on the way.

use std::sync::Arc;

use comfydeck::backend::{Backend as _, BackendError};
use comfydeck::domain::Status;
use serde_json::{Value, json};

use super::backend_run::{Watched, attach, submit};
use super::server::Fake;
use super::support::{PROMPT, backend, job};

fn image() -> Value {
    json!({"9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}})
}

fn with_file(fake: &Fake) {
    fake.known().files.insert("filename=a.png&type=output".to_owned(), b"a".to_vec());
}

/// A run whose first node is at work.
async fn at_work(fake: &Fake) -> Watched {
    with_file(fake);
    let mut run = submit(&backend(), job(&fake.url));
    fake.begin().await;
    fake.say("execution_start", json!({"prompt_id": PROMPT}));
    fake.say("executing", json!({"node": "4", "display_node": "4", "prompt_id": PROMPT}));
    run.until_phase(Status::Running).await;
    run
}

#[tokio::test]
async fn an_end_while_nobody_listened_is_read_from_the_history() {
    let fake = Fake::start().await;
    let run = at_work(&fake).await;
    fake.known().closed = true;
    fake.cut();
    fake.finish(
        "success",
        &json!([["execution_start", {"timestamp": 1_000}], ["execution_success", {"timestamp": 3_500}]]),
        &image(),
    );
    let ended = run.end().await.is(Status::Done);
    assert_eq!(ended.files(), [("a.png".to_owned(), b"a".to_vec())]);
    assert_eq!(ended.ended().server_seconds, Some(2.5));
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_under_the_same_name() {
    let fake = Fake::start().await;
    let run = at_work(&fake).await;
    fake.cut();
    fake.until("a second connection", |known| known.connections == 2).await;
    fake.say("progress", json!({"value": 3, "max": 20, "node": "3", "prompt_id": PROMPT}));
    fake.finish("success", &json!([["execution_success", {}]]), &image());
    fake.say("executing", json!({"node": null, "prompt_id": PROMPT}));
    run.end().await.is(Status::Done);
    let known = fake.known();
    let sockets = known.requests.iter().filter(|(_, target, _)| target.starts_with("/ws"));
    assert!(sockets.clone().count() >= 2 && sockets.clone().all(|(_, target, _)| target.ends_with(PROMPT)));
    assert_eq!(known.prompts.len(), 1);
}

#[tokio::test]
async fn an_error_leads_to_its_node_and_keeps_what_was_made_before() {
    let fake = Fake::start().await;
    let run = at_work(&fake).await;
    let error = json!({"prompt_id": PROMPT, "node_id": "3", "node_type": "KSampler", "exception_message": "Allocation on device\n",
        "exception_type": "torch.OutOfMemoryError", "traceback": ["  File \"x.py\"\n"], "current_inputs": {"x": ["tensor"]}});
    fake.finish("error", &json!([["execution_error", error]]), &image());
    fake.say("execution_error", error);
    fake.say("executing", json!({"node": null, "prompt_id": PROMPT}));
    let ended = run.end().await.is(Status::Failed);
    let error = ended.error();
    assert_eq!((error.what.as_str(), error.node.as_deref()), ("KSampler: Allocation on device", Some("3")));
    assert!(error.remedy.contains("smaller") && error.details.contains("x.py"), "{error:?}");
    assert_eq!(ended.files().len(), 1);
}

#[tokio::test]
async fn a_run_that_is_interrupted_is_cancelled() {
    let fake = Fake::start().await;
    let backend = backend();
    with_file(&fake);
    let mut run = submit(&backend, job(&fake.url));
    fake.begin().await;
    run.until_phase(Status::Running).await;
    backend.cancel(job(&fake.url).server, PROMPT.to_owned()).await.expect("asked");
    assert_eq!(fake.known().asked, [("/api/interrupt".to_owned(), json!({"prompt_id": PROMPT}))]);
    fake.finish("error", &json!([["execution_interrupted", {"node_id": "3"}]]), &json!({}));
    run.end().await.is(Status::Cancelled);
}

#[tokio::test]
async fn a_run_that_waits_is_taken_out_of_the_queue() {
    for by_us in [true, false] {
        let fake = Fake::start().await;
        let backend = backend();
        let mut run = submit(&backend, job(&fake.url));
        run.until_phase(Status::Waiting).await;
        fake.until("a prompt", |known| !known.waiting.is_empty()).await;
        run.until_event("its place", |event| matches!(event, comfydeck::domain::RunEvent::Queue { .. }))
            .await;
        if by_us {
            backend.cancel(job(&fake.url).server, PROMPT.to_owned()).await.expect("asked");
            assert_eq!(fake.known().asked[0], ("/api/queue".to_owned(), json!({"delete": [PROMPT]})));
        } else {
            fake.known().waiting.clear();
        }
        let ended = run.end().await.is(Status::Cancelled);
        assert_eq!(ended.error().what.starts_with("Somebody"), !by_us, "{:?}", ended.error());
    }
}

#[tokio::test]
async fn a_server_that_was_restarted_loses_the_run_and_not_its_files() {
    let fake = Fake::start().await;
    let mut run = at_work(&fake).await;
    fake.say("executed", json!({"node": "9", "output": image()["9"], "prompt_id": PROMPT}));
    fake.say(
        "progress_state",
        json!({"prompt_id": PROMPT, "nodes": {"3": {"value": 1, "max": 2, "state": "running"}}}),
    );
    run.until_event("progress", |event| matches!(event, comfydeck::domain::RunEvent::Progress(_))).await;
    fake.known().running.clear();
    fake.cut();
    let ended = run.end().await;
    assert!(matches!(ended.end, Err(BackendError::Lost(_))), "{ended:?}");
    assert!(ended.error().what.contains("restarted"), "{:?}", ended.error());
    assert_eq!(ended.files(), [("a.png".to_owned(), b"a".to_vec())]);
    assert_eq!(fake.known().prompts.len(), 1);
}

#[tokio::test]
async fn a_run_is_found_again_wherever_it_is() {
    let again = |fake: &Fake, left_at| {
        let mut job = job(&fake.url);
        job.left_at = left_at;
        attach(&backend(), job)
    };
    // It has ended, runs, or waits.
    let fake = Fake::start().await;
    with_file(&fake);
    fake.known().running = vec![PROMPT.to_owned()];
    fake.finish("success", &json!([["execution_success", {}]]), &image());
    again(&fake, Some(Status::Running)).end().await.is(Status::Done);
    again(&fake, None).end().await.is(Status::Done);

    let fake = Fake::start().await;
    with_file(&fake);
    fake.known().waiting = vec![PROMPT.to_owned()];
    let mut run = again(&fake, Some(Status::Waiting));
    run.until_event("its place", |event| matches!(event, comfydeck::domain::RunEvent::Queue { before: 0 }))
        .await;
    fake.begin().await;
    run.until_phase(Status::Running).await;
    fake.finish("success", &json!([["execution_success", {}]]), &image());
    run.end().await.is(Status::Done);
    assert!(fake.known().prompts.is_empty(), "nothing is sent");

    // It is nowhere.
    for (left_at, what) in [
        (None, "has no run"),
        (Some(Status::Running), "does not know this run any more"),
        (Some(Status::Uploading), "whether it began is not known"),
    ] {
        let ended = again(&Fake::start().await, left_at).end().await;
        assert!(matches!(ended.end, Err(BackendError::Lost(_))), "{left_at:?} {ended:?}");
        assert!(ended.error().what.contains(what), "{left_at:?} {:?}", ended.error());
    }
}

#[tokio::test]
async fn what_is_on_disk_is_not_fetched_again() {
    let fake = Fake::start().await;
    fake.known().running = vec![PROMPT.to_owned()];
    fake.finish("success", &json!([["execution_success", {}]]), &image());
    let mut job = job(&fake.url);
    job.saved = vec!["a.png".to_owned()];
    let ended = attach(&backend(), job).end().await.is(Status::Done);
    assert!(ended.files().is_empty());
}

#[tokio::test]
async fn an_address_without_comfyui_is_reported() {
    let backend = Arc::clone(&backend());
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let ended = submit(&backend, job(&format!("http://{free}"))).end().await;
    assert!(matches!(ended.end, Err(BackendError::Refused(_))), "{ended:?}");
    assert!(ended.error().what.contains("nothing is listening"), "{:?}", ended.error());
    let fake = Fake::below("/right").await;
    let ended = submit(&backend, job(&fake.url.replace("right", "wrong"))).end().await;
    assert!(ended.error().remedy.contains("url") && ended.error().refused, "{:?}", ended.error());
}
