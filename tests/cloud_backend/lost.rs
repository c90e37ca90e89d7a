//! Replies that do not come, and runs that are found again.

use comfydeck::backend::Job;
use comfydeck::domain::Status;
use comfydeck::domain::run::Connection::{Live, Polling};
use serde_json::{Value, json};

use super::backend_run::{attach, submit};
use super::service::Service;
use super::support::{backend, job, server};

fn open() -> Value {
    json!({"promptId": "p", "status": "running", "completed": false})
}

fn done() -> Value {
    json!({"promptId": "p", "status": "success", "completed": true, "outputs": [{"filename": "a", "data": "YQ=="}]})
}

#[tokio::test]
async fn a_reply_that_says_nothing_is_settled_by_the_record() {
    let page = Value::String("not JSON".to_owned());
    for (status, body) in
        [(502, json!({})), (500, json!({"detail": "oops"})), (408, json!({})), (409, json!({})), (200, page)]
    {
        let mut service = Service::start().await;
        let mut run = submit(&backend(), job(server(&service.url), "p"));
        let sid = service.connected().await;
        let sent = service.submitted().await;
        sent.answer(status, &body);
        service.asked(2).await;
        service.record("p", open());
        run.until("running", |run| run.phases().contains(&Status::Running)).await;
        assert_eq!(run.links(), [Live]);
        service.emit(&sid, "infer_result_message", &done());
        let outcome = run.end().await;
        outcome.done();
        assert!(outcome.log().contains("whether the run arrived is looked up"), "{}", outcome.log());
        service.nothing_sent();
    }
}

#[tokio::test]
async fn of_a_run_without_a_record_nobody_says_that_it_was_not_paid() {
    let mut service = Service::start().await;
    let run = submit(&backend(), job(server(&service.url), "p"));
    service.submitted().await.answer(502, &json!({"detail": "bad gateway"}));
    let outcome = run.end().await;
    let error = outcome.lost();
    assert!(error.what.contains("502") && error.what.contains("no record"), "{error:?}");
    assert!(
        error.remedy.contains("it may have been paid for") && error.remedy.contains("comfydeck fetch p"),
        "{error:?}"
    );
    service.nothing_sent();
}

#[tokio::test]
async fn news_says_that_a_run_has_arrived_whatever_the_reply_says() {
    let mut service = Service::start().await;
    let mut run = submit(&backend(), job(server(&service.url), "p"));
    let sid = service.connected().await;
    let sent = service.submitted().await;
    service.emit(&sid, "infer_log_message", &json!({"prompt_id": "p", "data": "got prompt\n"}));
    run.until_log("got prompt").await;
    sent.answer(400, &json!({"detail": "odd"}));
    run.until_link(Live).await;
    service.emit(&sid, "infer_result_message", &done());
    run.end().await.done();
}

#[tokio::test]
async fn a_reply_that_never_comes_is_not_waited_for() {
    let mut service = Service::start().await;
    let mut limits = super::support::quick();
    limits.reply = std::time::Duration::from_millis(50);
    let backend = std::sync::Arc::new(comfydeck::backend::cloud::CloudBackend::with(limits));
    let mut run = submit(&backend, Job { logs: false, ..job(server(&service.url), "p") });
    let _sent = service.submitted().await;
    service.asked(3).await;
    service.record("p", open());
    run.until("running", |run| run.phases().contains(&Status::Running)).await;
    service.record("p", done());
    run.end().await.done();
    service.nothing_sent();
}

#[tokio::test]
async fn what_the_service_refuses_cost_nothing() {
    let node = json!({"error": {"type": "x", "message": "Prompt has bad outputs"}, "node_errors": {"3": {"class_type": "KSampler",
        "errors": [{"message": "Value too big", "details": "steps", "extra_info": {"input_name": "steps"}}]}}});
    let table = [
        (401, json!({"detail": "hush-hush is wrong"}), "credentials", "client_id"),
        (404, json!({}), "no endpoint", "api_url"),
        (429, json!({}), "too busy", "concurrency"),
        (422, node, "KSampler: steps: Value too big", "parameters"),
        (402, json!({"errorMsg": "No balance"}), "No balance", "balance"),
    ];
    for (status, body, what, remedy) in table {
        let mut service = Service::start().await;
        let run = submit(&backend(), job(server(&service.url), "p"));
        service.submitted().await.answer(status, &body);
        let outcome = run.end().await;
        let error = outcome.refused();
        assert!(error.what.contains(what) && error.remedy.contains(remedy), "{error:?}");
        if status == 422 {
            assert_eq!(error.param.as_ref().map(|param| param.as_str()), Some("3-inputs-steps"));
        }
        assert_eq!(service.asked_so_far(), 0);
    }
}

#[tokio::test]
async fn a_run_that_is_open_is_found_again_and_followed() {
    let mut service = Service::start().await;
    service.record("p", open());
    service.facts(|facts| facts.subscribe = 201);
    let mut run = attach(&backend(), job(server(&service.url), "p"));
    let sid = service.connected().await;
    run.until_link(Live).await;
    run.until("running", |run| run.phases() == [Status::Running]).await;
    service.emit(&sid, "infer_log_message", &json!({"prompt_id": "p", "data": "here\n"}));
    run.until_log("here").await;
    service.emit(&sid, "infer_result_message", &done());
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.links(), [Polling, Live]);
    service.nothing_sent();
}

#[tokio::test]
async fn a_runner_that_goes_and_comes_again_misses_no_result() {
    let mut service = Service::start().await;
    let mut run = submit(&backend(), job(server(&service.url), "p"));
    service.submitted().await.take();
    run.until_link(Live).await;
    run.drop_it();
    service.record("p", done());
    let outcome = attach(&backend(), Job { logs: false, ..job(server(&service.url), "p") }).end().await;
    outcome.done();
    assert_eq!(outcome.names(), ["a"]);
    let again = Job { saved: vec!["a".to_owned()], ..job(server(&service.url), "p") };
    let outcome = attach(&backend(), again).end().await;
    outcome.done();
    assert_eq!(outcome.names(), Vec::<String>::new());
    service.nothing_sent();
}

#[tokio::test]
async fn a_run_that_nobody_knows_is_looked_for_a_while() {
    for status in [None, Some(404)] {
        let service = Service::start().await;
        service.facts(|facts| facts.records_status = status);
        let outcome = attach(&backend(), job(server(&service.url), "p")).end().await;
        let error = outcome.lost();
        assert!(
            error.what.contains("no record of p") && error.remedy.contains("comfydeck fetch p"),
            "{error:?}"
        );
        assert!(service.asked_so_far() > 2);
    }
}

#[tokio::test]
async fn what_is_said_of_a_run_that_is_not_found_again_is_so_for_where_it_was_left() {
    let mut limits = super::support::quick();
    limits.settle = std::time::Duration::from_millis(100);
    let backend = std::sync::Arc::new(comfydeck::backend::cloud::CloudBackend::with(limits.clone()));
    let table = [
        (Status::Uploading, "while it sent the run", "before you run it again: it may have been paid for"),
        (Status::Waiting, "has had no record of the run", "comfydeck fetch p"),
        (Status::Running, "has had no record of the run", "comfydeck fetch p"),
    ];
    for (status, what, remedy) in table {
        let service = Service::start().await;
        let left = Job { left_at: Some(status), logs: false, ..job(server(&service.url), "p") };
        let begun = std::time::Instant::now();
        let outcome = attach(&backend, left).end().await;
        let error = outcome.lost();
        assert!(error.what.contains(what) && error.remedy.contains(remedy), "{error:?}");
        // One that was up may be paid for, and is not given up in a hurry.
        assert_eq!(begun.elapsed() >= limits.missing, status != Status::Uploading);
        assert!(!error.remedy.contains("run again"), "nobody knows whether it was paid: {error:?}");
    }
}

#[tokio::test]
async fn a_record_that_goes_away_is_given_up_after_a_while() {
    let service = Service::start().await;
    service.record("p", open());
    let mut run = attach(&backend(), Job { logs: false, ..job(server(&service.url), "p") });
    run.until("running", |run| !run.phases().is_empty()).await;
    service.facts(|facts| facts.records.clear());
    let outcome = run.end().await;
    assert!(outcome.lost().what.contains("no record of the run for"), "{:?}", outcome.lost());
}

#[tokio::test]
async fn records_that_cannot_be_read_are_asked_for_again() {
    for (status, is_warned) in [(503, false), (401, true)] {
        let mut service = Service::start().await;
        let mut run = submit(&backend(), Job { logs: false, ..job(server(&service.url), "p") });
        service.facts(|facts| facts.records_status = Some(status));
        service.submitted().await.take();
        service.asked(4).await;
        if is_warned {
            run.until("a warning", |run| !run.warnings().is_empty()).await;
            assert!(run.warnings()[0].contains("comfydeck fetch p"), "{:?}", run.warnings());
        } else {
            run.until_log("cannot be read for now").await;
        }
        service.facts(|facts| facts.records_status = None);
        service.record("p", done());
        let outcome = run.end().await;
        outcome.done();
        assert_eq!(outcome.warnings().len(), usize::from(is_warned));
    }
}

#[tokio::test]
async fn a_cancelled_or_failed_record_is_the_end() {
    let service = Service::start().await;
    service.record("p", json!({"promptId": "p", "status": "canceled", "completed": false}));
    attach(&backend(), job(server(&service.url), "p")).end().await.cancelled();
    let failed = json!({"promptId": "p", "status": "error", "completed": true, "errorData": "boom \u{1b}[31mhush-hush"});
    service.record("p", failed);
    let run = attach(&backend(), Job { logs: false, ..job(server(&service.url), "p") });
    let outcome = run.raw_end().await;
    assert!(format!("{:?}", outcome.ended()).contains("boom"), "{:?}", outcome.events);
    let odd = json!({"promptId": "p", "status": "evaporated", "completed": true, "outputs": null});
    service.record("p", odd);
    let outcome = attach(&backend(), job(server(&service.url), "p")).end().await;
    assert!(outcome.failed().what.contains("evaporated"), "{:?}", outcome.failed());
    service.record("p", json!({"promptId": "p", "status": "success", "completed": true, "outputs": []}));
    let outcome = attach(&backend(), job(server(&service.url), "p")).end().await;
    assert!(outcome.failed().what.contains("no output"), "{:?}", outcome.failed());
}

#[tokio::test]
async fn a_name_that_the_service_does_not_take_spoils_no_other_run() {
    for status in [404, 422, 500] {
        let mut service = Service::start().await;
        let backend = backend();
        let unlogged = |id| Job { logs: false, ..job(server(&service.url), id) };
        service.facts(|facts| facts.no_ids.insert("odd".to_owned(), status));
        let (good, odd) = (submit(&backend, unlogged("p")), attach(&backend, unlogged("odd")));
        service.submitted().await.take();
        let mut times = 1;
        while !service.asked(times).await.iter().any(|ids| ids.contains('&')) {
            times += 1;
        }
        service.record("p", done());
        good.end().await.done();
        // A service that broke may be whole again; what it does not take it never will.
        match status {
            500 => drop(odd.drop_it()),
            _ => {
                let outcome = odd.end().await;
                let error = outcome.lost();
                assert!(error.what.contains("odd") && error.remedy.contains("Check the id"), "{error:?}");
            }
        }
    }
}

#[tokio::test]
async fn huge_records_are_read_one_by_one_and_one_that_is_too_huge_says_so() {
    let mut limits = super::support::quick();
    limits.records = 3_000;
    let backend = std::sync::Arc::new(comfydeck::backend::cloud::CloudBackend::with(limits));
    let mut service = Service::start().await;
    let huge = |id: &str, size: usize| {
        let outputs = [json!({"filename": "a", "data": "QUFB".repeat(size / 4)})];
        json!({"promptId": id, "status": "success", "completed": true, "outputs": outputs})
    };
    let run = |id| submit(&backend, Job { logs: false, ..job(server(&service.url), id) });
    let (one, two, three) = (run("p"), run("q"), run("r"));
    let sent = [service.submitted().await, service.submitted().await, service.submitted().await];
    for (id, size) in [("p", 2_000), ("q", 2_000), ("r", 4_000)] {
        service.record(id, huge(id, size));
    }
    sent.into_iter().for_each(super::service::Submit::take);
    one.end().await.done();
    two.end().await.done();
    let outcome = three.end().await;
    assert!(outcome.lost().what.contains("longer than"), "{:?}", outcome.lost());
}

#[tokio::test]
async fn credentials_that_are_not_accepted_any_more_are_not_tried_for_ever() {
    let mut service = Service::start().await;
    let run = submit(&backend(), Job { logs: false, ..job(server(&service.url), "p") });
    service.facts(|facts| facts.records_status = Some(401));
    service.submitted().await.take();
    let outcome = run.end().await;
    let error = outcome.lost();
    assert!(error.what.contains("credentials") && error.remedy.contains("comfydeck fetch p"), "{error:?}");
    assert_eq!(outcome.warnings().len(), 1);
}
