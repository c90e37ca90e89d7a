//! How runs look while they work, and how they end.

use comfydeck::backend::{Backend as _, BackendError};
use comfydeck::domain::run::{Connection, PreviewKind};
use comfydeck::domain::{RunEvent, Status};
use serde_json::json;

use super::backend_run::{Watched, submit};
use super::server::Fake;
use super::support::{KEY, backend, job};

/// A run whose sampler is at work, and its id.
async fn at_work(fake: &Fake) -> (Watched, String) {
    let mut run = submit(&backend(), job(&fake.url));
    let id = fake.begin().await;
    fake.say("status", &json!({"status": "running"}));
    run.until_phase(Status::Running).await;
    (run, id)
}

#[tokio::test]
async fn progress_and_previews_arrive_while_it_works() {
    let fake = Fake::start().await;
    let (mut run, id) = at_work(&fake).await;
    let step = |step: u32| json!({"value": 0.5, "nodes_done": 0, "nodes_total": 1, "current_node": "3", "step": step, "steps": 20});
    fake.say("progress", &step(10));
    let event = run.until_event("progress", |event| matches!(event, RunEvent::Progress(_))).await;
    let RunEvent::Progress(progress) = event else { panic!("progress") };
    assert_eq!((progress.value, progress.max, progress.label.as_str()), (10, 20, "Sampler (3)"));
    fake.say("preview", &json!({"node_id": "3", "content_type": "image/jpeg", "data_base64": "AQID"}));
    let event = run.until_event("a preview", |event| matches!(event, RunEvent::Preview(_))).await;
    let RunEvent::Preview(preview) = event else { panic!("a preview") };
    assert_eq!((preview.kind, preview.bytes.as_slice()), (PreviewKind::Jpeg, [1, 2, 3].as_slice()));
    fake.say("progress", &json!({"value": 0.9, "nodes_done": 3, "nodes_total": 4, "current_node": "9"}));
    run.until_log("Sampler (3)  ").await;
    fake.raw("event: brand_new\ndata: {}\n\nevent: progress\ndata: broken\n\n: keepalive\n\n");
    fake.finish(&id);
    fake.say("status", &json!({"status": "succeeded"}));
    let ended = run.end().await.is(Status::Done);
    assert!(ended.links().contains(&Connection::Live));
}

#[tokio::test]
async fn its_place_in_the_queue_is_told() {
    let fake = Fake::start().await;
    let mut run = submit(&backend(), job(&fake.url));
    fake.until("a job", |known| !known.jobs.is_empty()).await;
    let id = fake.known().jobs[0].0.clone();
    fake.set(&id, json!({"queue_position": 3}));
    run.until_event("its place", |event| matches!(event, RunEvent::Queue { before: 2 })).await;
    fake.set(&id, json!({"queue_position": null}));
    fake.finish(&id);
    run.end().await.is(Status::Done);
}

#[tokio::test]
async fn an_error_leads_to_its_node_and_keeps_what_was_made_before() {
    let fake = Fake::start().await;
    let (run, id) = at_work(&fake).await;
    fake.finish(&id);
    let error = json!({"code": "node_execution_error", "message": "Allocation on device: out of memory\n", "node_id": "3",
        "class_type": "KSampler", "traceback": "  File \"x.py\"\n"});
    fake.set(&id, json!({"status": "failed", "error": error, "logs": {"text": "loading the model\nboom\n", "truncated": false}}));
    fake.say("status", &json!({"status": "failed"}));
    let ended = run.end().await.is(Status::Failed);
    let error = ended.error();
    assert!(error.what.starts_with("KSampler: Allocation on device"), "{error:?}");
    assert_eq!(error.node.as_deref(), Some("3"));
    assert!(error.remedy.contains("smaller") && error.details.contains("x.py"), "{error:?}");
    assert_eq!(ended.files().len(), 1);
    assert!(ended.log().contains("loading the model"), "{}", ended.log());
}

#[tokio::test]
async fn a_run_that_is_cancelled_ends_when_the_record_says_so() {
    let fake = Fake::start().await;
    let backend = backend();
    let mut run = submit(&backend, job(&fake.url));
    let id = fake.begin().await;
    run.until_phase(Status::Running).await;
    // By the key, which is all that the runner knows.
    backend.cancel(job(&fake.url).server, KEY.to_owned()).await.expect("asked");
    let asked = format!("/api/v2/jobs/{id}/cancel");
    assert!(fake.known().requests.iter().any(|(method, path, _)| method == "POST" && *path == asked));
    fake.say("status", &json!({"status": "canceling"}));
    fake.set(&id, json!({"status": "canceled"}));
    fake.say("status", &json!({"status": "canceled"}));
    run.end().await.is(Status::Cancelled);
    backend.cancel(job(&fake.url).server, "no run of ours".to_owned()).await.expect("nothing to stop");
}

#[tokio::test]
async fn a_server_without_streams_is_polled() {
    for (status, body) in [
        (501, json!({"error": {"code": "not_implemented", "message": "no", "details": null}})),
        (404, json!("")),
    ] {
        let fake = Fake::start().await;
        let path = "GET /api/v2/jobs/00000000-0000-4000-8000-000000000000/events";
        fake.known().odd.insert(path.to_owned(), (status, body));
        let mut run = submit(&backend(), job(&fake.url));
        run.until_link(Connection::Polling).await;
        let id = fake.known().jobs[0].0.clone();
        let progress = json!({"value": 0.25, "nodes_done": 1, "nodes_total": 4, "current_node": "3"});
        fake.set(&id, json!({"status": "running", "progress": progress}));
        run.until_event("progress", |event| matches!(event, RunEvent::Progress(_))).await;
        fake.finish(&id);
        run.end().await.is(Status::Done);
    }
}

#[tokio::test]
async fn links_with_credentials_stay_with_the_server() {
    let fake = Fake::start().await;
    let other = Fake::start().await;
    let mut job = job(&fake.url);
    job.server.credentials = super::backend_run::credentials([("authorization", "hush-hush")]);
    let run = submit(&backend(), job);
    fake.until("a job", |known| !known.jobs.is_empty()).await;
    let id = fake.begin().await;
    fake.finish(&id);
    other.known().files.insert("/file/b.png".to_owned(), b"elsewhere".to_vec());
    let outputs = json!([
        {"name": "b.png", "url": format!("{}/file/b.png", other.url)},
        {"name": "a.png", "url": "/file/a.png"},
    ]);
    fake.set(&id, json!({"outputs": outputs}));
    let ended = run.end().await.is(Status::Done);
    assert_eq!(ended.names(), ["a.png", "b.png"]);
    assert!(other.known().requests.iter().all(|(.., headers)| !headers.contains_key("authorization")));
    let own = |path: &str| fake.known().requests.iter().filter(|(_, known, _)| known == path).count();
    assert_eq!(own("/file/a.png"), 1);
}

#[tokio::test]
async fn a_server_that_lost_the_run_is_not_the_end_of_its_files() {
    let fake = Fake::start().await;
    let (mut run, id) = at_work(&fake).await;
    fake.known().files.insert("/file/a.png".to_owned(), b"picture".to_vec());
    fake.say("output", &json!({"name": "a.png", "url": format!("{}/file/a.png", fake.url)}));
    run.until_log("a.png is ready").await;
    fake.set(&id, json!({"status": "expired"}));
    fake.cut();
    let ended = run.end().await;
    assert!(matches!(ended.end, Err(BackendError::Lost(_))), "{ended:?}");
    assert!(ended.error().what.contains("restarted"), "{:?}", ended.error());
    assert_eq!(ended.files(), [("a.png".to_owned(), b"picture".to_vec())]);
    assert_eq!(fake.known().sent.len(), 1);
}
