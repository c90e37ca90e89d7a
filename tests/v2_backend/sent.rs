//! What reaches the server, and what it refuses.

use comfydeck::backend::{Backend as _, BackendError};
use comfydeck::config::{Credential, Secret};
use comfydeck::domain::run::Form;
use comfydeck::domain::{ParamKey, RunEvent, Status};
use serde_json::{Value, json};

use super::backend_run::submit;
use super::server::{Fake, OnJob};
use super::support::{KEY, backend, job};

fn refusal(code: &str, details: &Value) -> Value {
    json!({"error": {"code": code, "message": "the server's own words", "details": details}})
}

#[tokio::test]
async fn the_graph_goes_with_its_values_under_a_key_that_is_used_once() {
    let fake = Fake::start().await;
    let mut job = job(&fake.url);
    let (name, header) = ("api_key".to_owned(), "authorization".to_owned());
    let credential = Credential { name, header, form: Form::Bearer, secret: Secret::new("hush-hush") };
    job.server.credentials = [credential].into_iter().collect();
    let run = submit(&backend(), job);
    let id = fake.begin().await;
    fake.finish(&id);
    fake.say("status", &json!({"status": "succeeded"}));
    let ended = run.end().await.is(Status::Done);
    assert_eq!(ended.files(), [("a.png".to_owned(), b"picture".to_vec())]);
    assert_eq!(ended.ended().server_seconds, Some(2.5));
    assert!(ended.events.contains(&RunEvent::Remote { prompt_id: id }));
    let known = fake.known();
    let [(body, key)] = known.sent.as_slice() else { panic!("{:?}", known.sent) };
    assert_eq!(key, KEY);
    let graph = &body["workflow"];
    assert_eq!(graph["3"]["inputs"]["seed"].to_string(), "18446744073709551615");
    assert_eq!(graph["3"]["inputs"]["model"], json!(["4", 0]));
    assert_eq!(graph["3"]["_meta"]["title"], "Sampler");
    let keys = known.requests.iter().map(|(.., headers)| headers.get("authorization").map(String::as_str));
    assert!(keys.clone().all(|key| key == Some("Bearer hush-hush")), "{:?}", keys.collect::<Vec<_>>());
}

#[tokio::test]
async fn refusals_are_told_in_plain_words() {
    let nodes = json!({"node_errors": {"3": {"class_type": "KSampler", "errors": [{"type": "value_bigger_than_max",
        "message": "Value 1000 bigger than max of 100", "details": "cfg", "extra_info": {"input_name": "cfg"}}]}}});
    let table = [
        (402, refusal("insufficient_credits", &Value::Null), "not enough credits", "Add credits"),
        (401, refusal("unauthorized", &Value::Null), "API key", "api_key"),
        (422, refusal("invalid_workflow", &nodes), "KSampler: cfg: Value 1000 bigger than max of 100", ""),
        (422, refusal("deployment_stopped", &Value::Null), "is stopped", "Start it"),
        (501, refusal("not_implemented", &Value::Null), "does not take runs", "/api/v2"),
        (404, json!("<html>"), "no endpoint at this address", "/api/v2"),
    ];
    for (status, body, what, remedy) in table {
        let fake = Fake::start().await;
        fake.known().replies = vec![OnJob::Answer(status, body)];
        let ended = submit(&backend(), job(&fake.url)).end().await;
        assert!(matches!(ended.end, Err(BackendError::Refused(_))), "{ended:?}");
        let error = ended.error();
        assert!(error.refused && error.what.contains(what) && error.remedy.contains(remedy), "{error:?}");
        if what.starts_with("KSampler") {
            assert_eq!(error.param, Some(ParamKey::new("3", "cfg")));
        }
        assert_eq!(fake.known().sent.len(), 1);
    }
}

#[tokio::test]
async fn a_busy_server_is_waited_for() {
    let fake = Fake::start().await;
    fake.known().replies = vec![
        OnJob::Answer(429, refusal("deployment_not_ready", &Value::Null)),
        OnJob::Answer(429, refusal("queue_full", &Value::Null)),
        OnJob::Answer(429, refusal("queue_full", &Value::Null)),
    ];
    let run = submit(&backend(), job(&fake.url));
    let id = fake.begin().await;
    fake.finish(&id);
    let ended = run.end().await.is(Status::Done);
    // Each reason is told once, however often it is given.
    let warnings = ended.warnings();
    assert!(
        matches!(&warnings[..], [one, other] if one.contains("still starting") && other.contains("queue is full")),
        "{warnings:?}"
    );
    let known = fake.known();
    assert!(known.sent.len() == 4 && known.jobs.len() == 1 && known.sent.iter().all(|(_, key)| key == KEY));
}

#[tokio::test]
async fn a_server_that_stays_busy_is_given_up_and_nothing_was_begun() {
    let fake = Fake::start().await;
    let busy = OnJob::Answer(429, refusal("queue_full", &Value::Null));
    fake.known().replies = vec![busy; 10_000];
    let mut limits = super::support::quick();
    limits.busy = std::time::Duration::from_millis(200);
    let backend = std::sync::Arc::new(comfydeck::backend::v2::V2Backend::with(limits));
    let ended = submit(&backend, job(&fake.url)).end().await;
    assert!(ended.refused().remedy.contains("concurrency"), "{ended:?}");
}

#[tokio::test]
async fn what_would_be_sent_is_shown_without_secrets() {
    let backend = backend();
    let outgoing = backend.outgoing(&job("http://127.0.0.1:1/base/")).expect("a request");
    assert_eq!(outgoing.url, "http://127.0.0.1:1/base/api/v2/jobs");
    assert!(outgoing.headers.iter().any(|(name, _)| name == "idempotency-key"));
    assert!(outgoing.fields[0].1.contains("18446744073709551615"));
}
