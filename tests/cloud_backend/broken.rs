//! Sockets that break, never come, or do not let us in.

use std::time::Duration;

use comfydeck::backend::cloud::CloudBackend;
use comfydeck::backend::{Backend as _, Job};
use comfydeck::domain::run::Connection::{Live, Polling, Reconnecting};
use serde_json::json;
use std::sync::Arc;

use super::backend_run::{Watched, submit};
use super::service::Service;
use super::support::{backend, job, quick, server};

/// A run that is told of, and the sid of its socket.
async fn live(service: &mut Service) -> (Watched, String) {
    let mut run = submit(&backend(), job(server(&service.url), "p"));
    let sid = service.connected().await;
    service.submitted().await.take();
    run.until_link(Live).await;
    service.record("p", json!({"promptId": "p", "status": "running", "completed": false}));
    (run, sid)
}

fn done() -> serde_json::Value {
    json!({"promptId": "p", "status": "success", "completed": true, "outputs": [{"filename": "a", "data": "YQ=="}]})
}

#[tokio::test]
async fn a_lost_socket_comes_back_and_the_log_says_where_lines_may_be_missing() {
    let mut service = Service::start().await;
    service.facts(|facts| facts.subscribe = 201);
    let (mut run, sid) = live(&mut service).await;
    service.emit(&sid, "infer_log_message", &json!({"prompt_id": "p", "data": "before\n"}));
    run.until_log("before").await;
    service.hang_up(&sid);
    let new = service.connected().await;
    assert_ne!(new, sid);
    run.until("live again", |run| run.links() == [Live, Reconnecting, Live]).await;
    assert_eq!(service.facts(|facts| facts.subscribed.clone()), std::slice::from_ref(&new));
    service.emit(&new, "infer_log_message", &json!({"prompt_id": "p", "data": "behind\n"}));
    run.until_log("behind").await;
    let log = run.log();
    let places = ["before\n", "comfydeck: the connection to the service broke here", "is back\n", "behind\n"];
    let found: Vec<_> = places.iter().map(|text| log.find(text)).collect();
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{log}");
    service.emit(&new, "infer_result_message", &done());
    let outcome = run.end().await;
    outcome.done();
    service.nothing_sent();
}

#[tokio::test]
async fn without_a_subscription_the_end_is_read_from_the_record() {
    let mut service = Service::start().await;
    let (mut run, sid) = live(&mut service).await;
    service.hang_up(&sid);
    service.connected().await;
    run.until("polling", |run| run.links() == [Live, Reconnecting, Polling]).await;
    assert!(run.log().contains("how the run ends is read from its record"), "{}", run.log());
    let asked = service.asked_so_far();
    service.asked(asked + 3).await;
    service.record("p", done());
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.names(), ["a"]);
}

#[tokio::test]
async fn an_unasked_repetition_of_events_counts() {
    let mut service = Service::start().await;
    let (mut run, sid) = live(&mut service).await;
    service.hang_up(&sid);
    let new = service.connected().await;
    run.until_link(Polling).await;
    service.emit(&new, "infer_log_message", &json!({"prompt_id": "p", "data": "hello again\n"}));
    run.until_link(Live).await;
    run.until_log("hello again").await;
    service.emit(&new, "infer_result_message", &done());
    run.end().await.done();
}

#[tokio::test]
async fn the_end_is_found_while_the_socket_is_away() {
    let mut service = Service::start().await;
    let (mut run, sid) = live(&mut service).await;
    service.facts(|facts| facts.refuse = Some("closed for today"));
    service.hang_up(&sid);
    run.until_link(Polling).await;
    assert!(run.log().contains("closed for today"), "{}", run.log());
    service.record("p", done());
    run.end().await.done();
}

#[tokio::test]
async fn a_live_run_without_an_end_event_is_read() {
    let mut service = Service::start().await;
    let mut limits = quick();
    limits.live = Duration::from_millis(100);
    let mut run = submit(&Arc::new(CloudBackend::with(limits)), job(server(&service.url), "p"));
    service.submitted().await.take();
    run.until_link(Live).await;
    service.record("p", done());
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.links(), [Live]);
}

#[tokio::test]
async fn without_any_socket_a_run_is_sent_all_the_same() {
    let mut service = Service::with_socket(false).await;
    let mut run = submit(&backend(), job(server(&service.url), "p"));
    let sent = service.submitted().await;
    assert!(!sent.fields.contains_key("sid"));
    sent.take();
    run.until_link(Polling).await;
    let warnings = run.warnings();
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("no live connection") && warnings[0].contains("404"), "{warnings:?}");
    service.record("p", done());
    run.end().await.done();
}

#[tokio::test]
async fn a_socket_that_refuses_the_credentials_refuses_the_run() {
    let mut service = Service::start().await;
    service.facts(|facts| facts.refuse = Some("unknown client id-of-ours"));
    let backend = backend();
    let outcome = submit(&backend, job(server(&service.url), "p")).end().await;
    let error = outcome.refused();
    assert!(error.what.contains("unknown client ••••"), "{error:?}");
    service.nothing_sent();
    // What was refused once is asked for again.
    service.facts(|facts| facts.refuse = None);
    let run = submit(&backend, job(server(&service.url), "q"));
    service.submitted().await.answer(201, &done());
    run.end().await.done();
}

#[tokio::test]
async fn an_account_ends_with_its_last_run_and_begins_again() {
    let mut service = Service::start().await;
    let backend = backend();
    for id in ["p", "q"] {
        let run = submit(&backend, job(server(&service.url), id));
        let sid = service.connected().await;
        service.submitted().await.answer(201, &done());
        run.end().await.done();
        // The socket is left politely, a moment later.
        let is_gone = async {
            while service.is_connected(&sid) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(super::LONG, is_gone).await.expect("it leaves");
    }
}

#[tokio::test]
async fn a_check_costs_nothing_and_finds_what_is_wrong() {
    let mut service = Service::start().await;
    let checked = backend().check(server(&service.url)).await.expect("all is well");
    assert!(checked.iter().all(|checked| checked.is_good), "{checked:?}");
    service.facts(|facts| facts.refuse = Some("no"));
    let error = backend().check(server(&service.url)).await.expect_err("refused");
    assert!(error.what.contains("rejected the login"), "{error:?}");
    service.facts(|facts| facts.records_status = Some(401));
    let error = backend().check(server(&service.url)).await.expect_err("refused");
    assert!(error.what.contains("401") && error.what.contains("••••"), "{error:?}");
    service.nothing_sent();
    let blind = Service::with_socket(false).await;
    let checked = backend().check(server(&blind.url)).await.expect("runs go, without logs");
    assert!(checked.iter().any(|checked| !checked.is_good && checked.text.contains("404")), "{checked:?}");
    let error = backend().check(server("http://127.0.0.1:1")).await.expect_err("nobody");
    assert!(error.what.contains("nothing is listening"), "{error:?}");
}

#[tokio::test]
async fn an_address_or_a_name_that_is_none_is_refused() {
    let service = Service::start().await;
    let with = |change: fn(&mut Job)| {
        let mut job = job(server(&service.url), "p");
        change(&mut job);
        job
    };
    let table: [(Job, &str); 4] = [
        (with(|job| job.server.api_url = Some("deck".to_owned())), "api_url"),
        (with(|job| job.server.url = "ftp://x/?token=t".to_owned()), "ftp://x/"),
        (with(|job| job.prompt_id = None), "prompt id"),
        (
            with(|job| job.server.api_url = Some("http://127.0.0.1:1".to_owned())),
            "nothing is listening at http://127.0.0.1:1",
        ),
    ];
    for (job, what) in table {
        let outcome = submit(&backend(), Job { logs: false, ..job }).end().await;
        assert!(!what.contains("nothing is listening") || outcome.refused().remedy.contains("api_url"));
        let Err(error) = &outcome.end else { panic!("{:?}", outcome.events) };
        assert!(error.to_string().contains(what), "{error:?}");
    }
}
