//! Whatever is lost on the way, a run is sent once, and what it made is brought home.

use comfydeck::backend::{Backend as _, BackendError, Job};
use comfydeck::domain::run::Connection;
use comfydeck::domain::{RunEvent, Status};
use serde_json::{Value, json};

use super::backend_run::{attach, submit};
use super::server::{Fake, OnJob};
use super::support::{KEY, backend, job};

/// A graph with a run's mark, as a server has it.
fn marked(key: &str) -> Value {
    json!({"3": {"class_type": "KSampler", "inputs": {}, "_meta": {"title": "Sampler", "comfydeck_run": key}}})
}

#[tokio::test]
async fn a_reply_that_is_lost_is_looked_up_and_nothing_is_sent_twice() {
    let upstream =
        json!({"error": {"code": "upstream_unreachable", "message": "no ComfyUI", "details": null}});
    for reply in [OnJob::TakeAndCut, OnJob::Answer(503, upstream), OnJob::Answer(502, json!("<html>"))] {
        let fake = Fake::start().await;
        fake.put(marked("another run"));
        fake.known().replies = vec![reply.clone()];
        let run = submit(&backend(), job(&fake.url));
        fake.until("a graph", |known| !known.sent.is_empty()).await;
        if !matches!(reply, OnJob::TakeAndCut) {
            let graph = fake.known().sent[0].0["workflow"].clone();
            fake.put(graph);
        }
        let id = fake.known().jobs.last().expect("a job").0.clone();
        fake.finish(&id);
        let ended = run.end().await.is(Status::Done);
        assert!(ended.warnings().iter().any(|text| text.contains("looked up")), "{:?}", ended.warnings());
        assert!(ended.events.contains(&RunEvent::Remote { prompt_id: id }));
        assert_eq!(fake.known().sent.len(), 1);
    }
}

#[tokio::test]
async fn a_run_that_may_not_have_arrived_is_never_sent_again_on_a_guess() {
    let fake = Fake::start().await;
    fake.put(marked("another run"));
    fake.known().replies = vec![OnJob::Cut];
    let ended = submit(&backend(), job(&fake.url)).end().await;
    assert!(matches!(ended.end, Err(BackendError::Lost(_))), "{ended:?}");
    let error = ended.lost();
    assert!(error.what.contains("whether the run began is not known"), "{error:?}");
    assert!(error.remedy.contains("fetch --list"), "{error:?}");
    let known = fake.known();
    assert_eq!(known.sent.len(), 1);
    let graphs = known.requests.iter().filter(|(_, path, _)| path.ends_with("/workflow"));
    assert_eq!(graphs.count(), 1, "a graph never changes, so it is read once");
}

#[tokio::test]
async fn without_a_list_of_jobs_the_key_decides() {
    // It had not arrived: the second request begins it.
    let fake = Fake::start().await;
    fake.known().odd.insert("GET /api/v2/jobs".to_owned(), (405, json!("")));
    fake.known().replies = vec![OnJob::Cut];
    let run = submit(&backend(), job(&fake.url));
    let id = fake.begin().await;
    fake.finish(&id);
    run.end().await.is(Status::Done);
    assert!(fake.known().sent.len() == 2 && fake.known().sent.iter().all(|(_, key)| key == KEY));
    assert_eq!(fake.known().jobs.len(), 1);

    // It had: the second is refused.
    let fake = Fake::start().await;
    fake.known().odd.insert("GET /api/v2/jobs".to_owned(), (405, json!("")));
    fake.known().replies = vec![OnJob::TakeAndCut];
    let ended = submit(&backend(), job(&fake.url)).end().await;
    assert!(ended.lost().what.contains("had received the run before"), "{ended:?}");
    assert_eq!(fake.known().jobs.len(), 1);
}

#[tokio::test]
async fn a_run_is_found_again_wherever_it_is() {
    let again = |fake: &Fake, name: &str, left_at| {
        attach(&backend(), Job { prompt_id: Some(name.to_owned()), left_at, ..job(&fake.url) })
    };
    // By the server's id.
    let fake = Fake::start().await;
    let id = fake.put(marked(KEY));
    let mut run = again(&fake, &id, Some(Status::Running));
    run.until_link(Connection::Live).await;
    fake.finish(&id);
    run.end().await.is(Status::Done);
    // By the key, when the runner died before the reply.
    let ended = again(&fake, KEY, Some(Status::Uploading)).end().await.is(Status::Done);
    assert!(ended.events.contains(&RunEvent::Remote { prompt_id: id.clone() }));
    // Sent from elsewhere: its graph is kept, too.
    let ended = again(&fake, &id, None).end().await.is(Status::Done);
    let is_graph =
        |event: &RunEvent| matches!(event, RunEvent::Result(result) if result.prompt.contains("KSampler"));
    assert!(ended.events.iter().any(is_graph), "{:?}", ended.events);
    assert!(fake.known().sent.is_empty(), "nothing is sent");
    // It is nowhere.
    for (left_at, what) in [
        (None, "has no run"),
        (Some(Status::Running), "not known"),
        (Some(Status::Uploading), "whether the run began is not known"),
    ] {
        let ended = again(&Fake::start().await, KEY, left_at).end().await;
        assert!(ended.lost().what.contains(what), "{left_at:?} {:?}", ended.error());
    }
}

#[tokio::test]
async fn a_stream_that_breaks_is_opened_again_and_the_record_decides() {
    let fake = Fake::start().await;
    let mut run = submit(&backend(), job(&fake.url));
    let id = fake.begin().await;
    run.until_link(Connection::Live).await;
    fake.cut();
    run.until_link(Connection::Reconnecting).await;
    fake.until("a second stream", |known| known.opened == 2).await;
    run.until_link(Connection::Live).await;
    // It ends while nobody listens.
    let path = format!("GET /api/v2/jobs/{id}/events");
    let busy = json!({"error": {"code": "too_many_streams", "message": "no", "details": null}});
    fake.known().odd.insert(path, (429, busy));
    fake.cut();
    run.until_link(Connection::Reconnecting).await;
    fake.finish(&id);
    run.end().await.is(Status::Done);
    assert_eq!(fake.known().sent.len(), 1);
}

#[tokio::test]
async fn a_stream_that_misses_the_end_costs_no_time() {
    let fake = Fake::start().await;
    let mut limits = super::support::quick();
    limits.look.1 = super::LONG;
    let backend = std::sync::Arc::new(comfydeck::backend::v2::V2Backend::with(limits));
    let mut run = submit(&backend, job(&fake.url));
    let id = fake.begin().await;
    run.until_link(Connection::Live).await;
    fake.say("progress", &json!({"value": 1.0, "nodes_done": 3, "nodes_total": 4, "current_node": "9"}));
    run.until_event("progress", |event| matches!(event, RunEvent::Progress(_))).await;
    fake.finish(&id);
    run.end().await.is(Status::Done);
    assert_eq!(fake.known().opened, 1, "it stays open");
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_is_asked_again() {
    let fake = Fake::start().await;
    let mut run = submit(&backend(), job(&fake.url));
    let id = fake.begin().await;
    let path = format!("GET /api/v2/jobs/{id}");
    fake.known().odd.insert(path.clone(), (503, json!("")));
    fake.cut();
    run.until("a warning", |run| run.warnings().iter().any(|text| text.contains("retried"))).await;
    fake.known().odd.remove(&path);
    fake.finish(&id);
    run.end().await.is(Status::Done);

    let fake = Fake::start().await;
    let run = submit(&backend(), job(&fake.url));
    let id = fake.begin().await;
    fake.known().odd.insert(format!("GET /api/v2/jobs/{id}"), (401, json!("")));
    fake.cut();
    let ended = run.end().await;
    assert!(ended.lost().remedy.contains(&id), "{ended:?}");
}

#[tokio::test]
async fn a_cancel_before_the_reply_finds_its_run() {
    let fake = Fake::start().await;
    let id = fake.put(marked(KEY));
    backend().cancel(job(&fake.url).server, KEY.to_owned()).await.expect("asked");
    let asked = format!("/api/v2/jobs/{id}/cancel");
    assert!(fake.known().requests.iter().any(|(method, path, _)| method == "POST" && *path == asked));
}

#[tokio::test]
async fn the_servers_runs_are_listed() {
    let fake = Fake::start().await;
    let first = fake.put(json!({}));
    fake.finish(&first);
    let second = fake.put(json!({}));
    let runs = backend().runs(job(&fake.url).server).await.expect("a list");
    let runs: Vec<_> = runs.iter().map(|run| (run.name.as_str(), run.status.as_str(), run.outputs)).collect();
    assert_eq!(runs, [(second.as_str(), "queued", 0), (first.as_str(), "done", 1)]);
}

#[tokio::test]
async fn doctor_checks_without_a_run() {
    let fake = Fake::start().await;
    let checked = backend().check(job(&fake.url).server).await.expect("good");
    assert!(checked.iter().all(|checked| checked.is_good), "{checked:?}");
    assert!(fake.known().sent.is_empty());
    fake.known().odd.insert("GET /api/v2/jobs".to_owned(), (404, json!("")));
    let checked = backend().check(job(&fake.url).server).await.expect("good");
    assert!(checked[1].text.contains("lists no jobs"), "{checked:?}");
    let nobody = "GET /api/v2/jobs/00000000-0000-4000-8000-000000000000";
    for (status, what) in [(401, "API key"), (404, "no endpoint")] {
        let code = if status == 401 {
            json!({"error": {"code": "unauthorized", "message": "no"}})
        } else {
            json!("")
        };
        fake.known().odd.insert(nobody.to_owned(), (status, code));
        let error = backend().check(job(&fake.url).server).await.expect_err("bad");
        assert!(error.what.contains(what), "{error:?}");
    }
}
