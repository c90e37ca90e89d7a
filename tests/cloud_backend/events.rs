//! What a sound service tells.

use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::Backend as _;
use comfydeck::backend::Job;
use comfydeck::backend::cloud::CloudBackend;
use comfydeck::domain::run::{Connection, InputFile};
use comfydeck::domain::{RunEvent, Status};
use serde_json::{Value, json};

use super::backend_run::{attach, submit};
use super::service::Service;
use super::support::{backend, job, quick, server};

const BAR: &str = " 50%|█████     | 2/4 [00:01<00:01,  1.70it/s]";

/// A result whose outputs are links; the storage host has them.
fn result(service: &Service, prompt_id: &str, names: &[&str]) -> Value {
    let outputs: Vec<_> = names
        .iter()
        .map(|name| {
            let path = format!("/{prompt_id}/{name}");
            let link = format!("{}{path}?signature=secret", service.storage);
            service.facts(|facts| facts.files.insert(path, (200, name.as_bytes().to_vec())));
            json!({"filename": name, "content_type": "image/png", "size": name.len(), "filepath": link})
        })
        .collect();
    json!({
        "prompt_id": prompt_id, "status": "success", "completed": true, "execution_time_seconds": 2.5,
        "prompt": {}, "outputs": outputs, "new": {"field": 1},
    })
}

fn camel(record: &Value) -> Value {
    let text = record.to_string();
    let names = [
        ("prompt_id", "promptId"),
        ("execution_time_seconds", "executionTimeSeconds"),
        ("content_type", "contentType"),
    ];
    let text = names.iter().fold(text, |text, (snake, camel)| text.replace(snake, camel));
    serde_json::from_str(&text).expect("JSON")
}

fn news(prompt_id: &str, data: &str) -> Value {
    json!({"prompt_id": prompt_id, "data": data})
}

#[tokio::test]
async fn events_before_the_reply_count() {
    let mut service = Service::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("in.png");
    std::fs::write(&path, "pixels").expect("written");
    let file = InputFile {
        part: "52-inputs-image-viewcomfymask".to_owned(),
        path: path.clone(),
        name: "in.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: 6,
        sha256: String::new(),
    };
    let job = Job {
        files: vec![(file, path)],
        workflow: Some("{}".to_owned()),
        ..job(server(&service.url), "run-1")
    };
    let mut run = submit(&backend(), job);
    let sid = service.connected().await;
    let sent = service.submitted().await;
    assert_eq!(sent.field("prompt_id"), "run-1");
    assert_eq!(sent.field("view_comfy_api_url"), "https://deployment.example/x?a=b&c");
    assert_eq!(sent.field("sid"), sid);
    assert_eq!(sent.field("params"), r#"{"6-inputs-text":"a cat & é","3-inputs-seed":18446744073709551615}"#);
    assert_eq!(sent.field("workflow_api"), "{}");
    assert_eq!(
        sent.files,
        [("52-inputs-image-viewcomfymask".to_owned(), "in.png".to_owned(), b"pixels".to_vec())]
    );
    service.emit(&sid, "infer_log_message", &news("run-1", "\u{1b}[32mgot prompt\u{1b}[0m\n"));
    run.until_log("got prompt").await;
    sent.take();
    run.until_link(Connection::Live).await;
    service.emit(&sid, "infer_log_message", &news("run-1", &format!("\r{BAR}")));
    service.emit(&sid, "infer_log_message", &news("another", "not mine\n"));
    service.emit(&sid, "weather", &json!({"prompt_id": "run-1", "sky": "pink"}));
    run.until_log("weather").await;
    service.emit(&sid, "infer_executed_message", &json!({"prompt_id": "run-1"}));
    run.until("downloading", |run| run.phases().contains(&Status::Downloading)).await;
    service.emit(&sid, "infer_result_message", &result(&service, "run-1", &["a.png", "b.png"]));
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.ended().server_seconds, Some(2.5));
    assert_eq!(outcome.phases(), [Status::Uploading, Status::Waiting, Status::Running, Status::Downloading]);
    let log = outcome.log();
    assert!(log.starts_with(&format!("\u{1b}[32mgot prompt\u{1b}[0m\n{BAR}\r")), "{log:?}");
    assert!(!log.contains("not mine"));
    assert!(
        outcome
            .events
            .iter()
            .any(|event| matches!(event, RunEvent::Progress(p) if (p.value, p.max) == (2, 4)))
    );
    assert_eq!(
        outcome.files(),
        [("a.png".to_owned(), b"a.png".to_vec()), ("b.png".to_owned(), b"b.png".to_vec())]
    );
    assert_eq!(outcome.warnings(), Vec::<&str>::new());
    let auths = service.facts(|facts| facts.auths.clone());
    assert_eq!(auths, [json!({"client_id": "id-of-ours", "client_secret": "hush-hush"})]);
    service.facts(|facts| {
        assert_eq!(facts.strangers, 0);
        assert_eq!(facts.fetched.len(), 2);
        for (_, headers) in &facts.fetched {
            let all = format!("{headers:?}");
            assert!(
                !all.contains("hush") && !all.contains("client_id") && !all.contains("id-of-ours"),
                "{all}"
            );
        }
    });
}

#[tokio::test]
async fn each_shape_of_reply_and_result_is_read() {
    let data = json!({"data": {"prompt_id": "p", "message": "m", "workflow": {}}});
    let open = json!({"promptId": "p", "status": "brewing", "completed": false, "outputs": null, "createdAt": "now"});
    for reply in [data, open, json!({}), Value::Null, json!({"promptId": "p", "status": "pending"})] {
        for shape in ["snake", "camel", "null", "data"] {
            let mut service = Service::start().await;
            let run = submit(&backend(), job(server(&service.url), "p"));
            let sid = service.connected().await;
            let sent = service.submitted().await;
            sent.answer(if shape == "snake" { 200 } else { 201 }, &reply);
            let result = result(&service, "p", &["a.png"]);
            service.record("p", camel(&result));
            let message = match shape {
                "snake" => result,
                "camel" => camel(&result),
                "null" => json!({"prompt_id": "p", "data": null}),
                _ => json!({"prompt_id": "p", "data": result}),
            };
            service.emit(&sid, "infer_result_message", &message);
            let outcome = run.end().await;
            outcome.done();
            assert_eq!(outcome.names(), ["a.png"], "{reply} {shape}");
        }
    }
}

#[tokio::test]
async fn a_reply_that_is_the_whole_record_is_the_end() {
    let mut service = Service::start().await;
    let run = submit(&backend(), job(server(&service.url), "p"));
    let sent = service.submitted().await;
    let record = camel(&result(&service, "p", &["a.png"]));
    sent.answer(201, &record);
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.names(), ["a.png"]);
}

#[tokio::test]
async fn a_service_that_names_the_run_itself_is_followed() {
    let mut service = Service::start().await;
    let mut run = submit(&backend(), job(server(&service.url), "mine"));
    let sid = service.connected().await;
    let sent = service.submitted().await;
    sent.answer(201, &json!({"data": {"prompt_id": "theirs"}}));
    run.until_link(Connection::Live).await;
    run.until("its name", |run| run.events.contains(&RunEvent::Remote { prompt_id: "theirs".to_owned() }))
        .await;
    service.emit(&sid, "infer_result_message", &result(&service, "theirs", &["a.png"]));
    run.end().await.done();
}

#[tokio::test]
async fn news_that_comes_twice_or_late_does_no_harm() {
    let mut service = Service::start().await;
    let mut run = submit(&backend(), job(server(&service.url), "p"));
    let sid = service.connected().await;
    service.submitted().await.take();
    run.until_link(Connection::Live).await;
    let result = result(&service, "p", &["a.png"]);
    for (name, payload) in [
        ("infer_executed_message", json!({"prompt_id": "p"})),
        ("infer_log_message", news("p", "late\n")),
        ("infer_result_message", result.clone()),
        ("infer_executed_message", json!({"prompt_id": "p"})),
        ("infer_result_message", result),
        ("infer_log_message", news("p", "later\n")),
        ("infer_error_message", news("p", "much too late")),
    ] {
        service.emit(&sid, name, &payload);
    }
    let outcome = run.end().await;
    outcome.done();
    assert!(outcome.log().starts_with("late\n"));
    assert_eq!(outcome.names(), ["a.png"]);
}

#[tokio::test]
async fn two_runs_share_a_socket_without_mixing() {
    let mut service = Service::start().await;
    let backend = backend();
    let mut runs = Vec::new();
    for id in ["p", "q"] {
        runs.push(submit(&backend, job(server(&service.url), id)));
    }
    let sid = service.connected().await;
    for _ in 0..2 {
        let sent = service.submitted().await;
        assert_eq!(sent.field("sid"), sid);
        sent.take();
    }
    for (run, id) in runs.iter_mut().zip(["p", "q"]) {
        run.until_link(Connection::Live).await;
        service.emit(&sid, "infer_log_message", &news(id, &format!("log of {id}\n")));
        run.until_log(&format!("log of {id}")).await;
    }
    for (run, id) in runs.into_iter().zip(["p", "q"]) {
        service.emit(&sid, "infer_result_message", &result(&service, id, &[&format!("{id}.png")]));
        let outcome = run.end().await;
        outcome.done();
        assert_eq!(outcome.log(), format!("log of {id}\n"));
        assert_eq!(outcome.names(), [format!("{id}.png")]);
    }
    assert_eq!(service.facts(|facts| facts.auths.len()), 1, "one socket");
}

#[tokio::test]
async fn a_run_that_is_written_too_slowly_holds_up_nobody_and_loses_no_end() {
    let mut service = Service::start().await;
    let mut limits = quick();
    limits.patience = Duration::from_millis(50);
    let backend = Arc::new(CloudBackend::with(limits));
    let mut slow = submit(&backend, job(server(&service.url), "p"));
    let mut other = submit(&backend, job(server(&service.url), "q"));
    let sid = service.connected().await;
    for _ in 0..2 {
        service.submitted().await.take();
    }
    slow.until_link(Connection::Live).await;
    other.until_link(Connection::Live).await;
    // Nobody takes the slow one's events from here on; whatever the channels between hold, this is more. Kilobytes each,
    // so that the server has to wait too.
    let line = format!("{}\n", "x".repeat(4_000));
    for n in 0..4_000 {
        service.emit_in_time(&sid, "infer_log_message", &news("p", &line)).await;
        if n % 1_000 == 0 {
            service.emit_in_time(&sid, "infer_log_message", &news("q", &format!("still here {n}\n"))).await;
        }
    }
    service.emit_in_time(&sid, "infer_result_message", &result(&service, "p", &["p.png"])).await;
    service.record("p", camel(&result(&service, "p", &["p.png"])));
    other.until_log("still here 3000").await;
    service.emit_in_time(&sid, "infer_result_message", &result(&service, "q", &["q.png"])).await;
    other.end().await.done();
    let slow = slow.end().await;
    slow.done();
    assert!(slow.log().contains("messages are missing here"), "the log says so");
    assert_eq!(service.facts(|facts| facts.auths.len()), 1, "the connection held");
}

#[tokio::test]
async fn an_error_is_confirmed_by_the_record() {
    let mut service = Service::start().await;
    let fault = json!({"exception_message": "out of memory", "node_type": "KSampler", "node_id": "3"});
    let failed = json!({"promptId": "p", "status": "error", "completed": false, "errorData": {"errorMsg": "No GPU", "errorDetails": null}});
    let open = json!({"promptId": "p", "status": "running", "completed": false});
    let done = result(&service, "p", &["a.png"]);
    // What the record says, and what becomes of the run.
    for (record, expected) in [
        (Some(failed), "No GPU"),
        (Some(open), "KSampler: out of memory"),
        (None, "KSampler: out of memory"),
        (Some(done), ""),
    ] {
        let mut run = submit(&backend(), job(server(&service.url), "p"));
        let sid = service.connected().await;
        service.submitted().await.take();
        run.until_link(Connection::Live).await;
        service.facts(|facts| facts.records.clear());
        if let Some(record) = record {
            service.record("p", record);
        }
        service.emit(&sid, "infer_error_message", &json!({"prompt_id": "p", "data": fault}));
        let outcome = run.end().await;
        assert!(outcome.log().contains("KSampler: out of memory"), "{}", outcome.log());
        match expected {
            "" => outcome.done(),
            text => assert!(outcome.failed().what.contains(text), "{:?}", outcome.failed()),
        }
    }
}

#[tokio::test]
async fn outputs_inside_of_a_record_are_written_too() {
    let service = Service::start().await;
    let mut record = camel(&result(&service, "p", &["link.png"]));
    let outputs = record["outputs"].as_array_mut().expect("a list");
    outputs.push(json!({"filename": "data.txt", "contentType": "text/plain", "size": 5, "data": "aGVsbG8="}));
    outputs.push(
        json!({"filename": "both.txt", "size": 2, "data": "aGk=", "filepath": "https://nowhere.invalid/x"}),
    );
    outputs.push(json!({"filename": "bad.txt", "data": "%%\""}));
    outputs.push(json!({"filename": "gone.png", "filepath": format!("{}/gone", service.storage)}));
    outputs.push(json!({"filename": "here.png", "data": "aGk="}));
    outputs.push(json!(null));
    service.record("p", record);
    let job = Job { saved: vec!["here.png".to_owned()], ..job(server(&service.url), "p") };
    let outcome = attach(&backend(), job).end().await;
    let error = outcome.failed();
    assert!(error.what.contains("2 of 6 outputs could not be saved"), "{error:?}");
    assert!(error.remedy.contains("comfydeck fetch p"), "{error:?}");
    assert_eq!(outcome.names(), ["bad.txt.base64", "both.txt", "data.txt", "link.png"]);
    assert_eq!(outcome.files()[2].1, b"hello");
    let failures = outcome.failures();
    assert_eq!(
        failures.iter().map(|failure| failure.name.as_str()).collect::<Vec<_>>(),
        ["bad.txt", "gone.png"]
    );
    assert!(failures[1].why.contains("comfydeck fetch p"), "{failures:?}");
}

#[tokio::test]
async fn a_stale_link_is_made_new_by_the_record() {
    let service = Service::start().await;
    let stale = result(&service, "p", &["a.png", "a.png"]);
    service.record("p", camel(&stale));
    service.facts(|facts| facts.files.clear());
    let run = attach(&backend(), job(server(&service.url), "p"));
    service.asked(1).await;
    // From now on the record has links that hold.
    let text = stale.to_string().replace("/p/a.png", "/p/new.png");
    service.record("p", serde_json::from_str(&text).expect("JSON"));
    service.facts(|facts| facts.files.insert("/p/new.png".to_owned(), (200, b"new".to_vec())));
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.names(), ["a-2.png", "a.png"]);
}

#[tokio::test]
async fn what_is_scheduled_only_needs_no_socket() {
    let mut service = Service::start().await;
    let mut run = submit(&backend(), Job { logs: false, ..job(server(&service.url), "p") });
    let sent = service.submitted().await;
    assert!(!sent.fields.contains_key("sid"));
    service.record("p", json!({"promptId": "p", "status": "pending", "completed": false}));
    sent.take();
    service.asked(3).await;
    run.until_link(Connection::Polling).await;
    assert_eq!(run.phases(), [Status::Uploading, Status::Waiting]);
    service.record("p", json!({"promptId": "p", "status": "running", "completed": false}));
    run.until("running", |run| run.phases().contains(&Status::Running)).await;
    service.record("p", camel(&result(&service, "p", &["a.png"])));
    run.end().await.done();
    assert_eq!(service.facts(|facts| facts.auths.len()), 0, "no socket");
}

#[tokio::test]
async fn runs_that_are_asked_for_are_asked_for_together() {
    let mut service = Service::start().await;
    let backend = backend();
    let runs: Vec<_> = ["p", "q"]
        .iter()
        .map(|id| submit(&backend, Job { logs: false, ..job(server(&service.url), id) }))
        .collect();
    for _ in 0..2 {
        service.submitted().await.take();
    }
    let is_both = |asked: &Vec<String>| asked.iter().any(|ids| ids == "p&q" || ids == "q&p");
    let mut times = 1;
    while !is_both(&service.asked(times).await) {
        times += 1;
    }
    for (run, id) in runs.into_iter().zip(["p", "q"]) {
        service.record(id, camel(&result(&service, id, &["a.png"])));
        run.end().await.done();
    }
}

#[tokio::test]
async fn a_cancel_is_asked_for_in_both_shapes_and_confirmed_by_event_or_record() {
    // How each shape is answered, and whether the event or the record confirms.
    for (answers, by_event) in
        [([201, 500], true), ([422, 200], true), ([400, 204], false), ([200, 500], false)]
    {
        let mut service = Service::start().await;
        service.facts(|facts| facts.cancels = answers);
        let backend = backend();
        let mut run = submit(&backend, job(server(&service.url), "p"));
        let sid = service.connected().await;
        service.submitted().await.take();
        run.until_link(Connection::Live).await;
        backend.cancel(server(&service.url), "p".to_owned()).await.expect("taken");
        let bodies = service.facts(|facts| facts.cancelled.clone());
        let deployment = "https://deployment.example/x?a=b&c";
        let snake = json!({"prompt_id": "p", "view_comfy_api_url": deployment});
        let camel = json!({"promptId": "p", "viewComfyApiUrl": deployment});
        let expected = if answers[0] < 300 { vec![snake] } else { vec![snake, camel] };
        assert_eq!(bodies, expected);
        if by_event {
            service.emit(&sid, "infer_canceled_message", &json!({"prompt_id": "p"}));
        } else {
            // No event comes, and the next look at a live run would be in a minute.
            service.record("p", json!({"promptId": "p", "status": "canceled", "completed": true}));
        }
        run.end().await.cancelled();
    }
}

#[tokio::test]
async fn a_cancel_that_the_service_does_not_take_says_so() {
    let service = Service::start().await;
    for (answers, what) in
        [([404, 201], "404"), ([422, 422], "not like this"), ([503, 201], "503"), ([401, 201], "credentials")]
    {
        service.facts(|facts| facts.cancels = answers);
        let error = backend().cancel(server(&service.url), "p".to_owned()).await.expect_err("not taken");
        assert!(error.what.contains(what) && !error.remedy.is_empty(), "{error:?}");
        // That would be paid for.
        assert!(!error.remedy.contains("Run again"), "{error:?}");
    }
}

#[tokio::test]
async fn a_cancelled_run_that_was_done_is_done() {
    let mut service = Service::start().await;
    let backend = backend();
    let mut run = submit(&backend, job(server(&service.url), "p"));
    service.submitted().await.take();
    run.until_link(Connection::Live).await;
    service.record("p", camel(&result(&service, "p", &["a.png"])));
    backend.cancel(server(&service.url), "p".to_owned()).await.expect("taken");
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.names(), ["a.png"]);
}

#[tokio::test]
async fn a_service_that_does_not_confirm_a_cancel_is_asked_on() {
    let mut service = Service::start().await;
    let backend = backend();
    let mut run = submit(&backend, job(server(&service.url), "p"));
    let sid = service.connected().await;
    service.submitted().await.take();
    run.until_link(Connection::Live).await;
    service.record("p", json!({"promptId": "p", "status": "running", "completed": false}));
    backend.cancel(server(&service.url), "p".to_owned()).await.expect("taken");
    service.asked(5).await;
    service.emit(&sid, "infer_log_message", &news("p", "still here\n"));
    run.until_log("still here").await;
    assert!(Arc::strong_count(&backend) > 1, "it is followed");
    service.record("p", json!({"promptId": "p", "status": "cancelled"}));
    run.end().await.cancelled();
}

/// With the usual pace, a minute apart, of a run that is told of: only asking at once ends these in time.
fn unhurried() -> Arc<CloudBackend> {
    let mut limits = quick();
    limits.live = Duration::from_secs(3_600);
    Arc::new(CloudBackend::with(limits))
}

#[tokio::test]
async fn a_run_that_is_executed_without_a_result_is_asked_for_at_once() {
    let mut service = Service::start().await;
    let mut run = submit(&unhurried(), job(server(&service.url), "p"));
    let sid = service.connected().await;
    service.submitted().await.take();
    run.until_link(Connection::Live).await;
    service.record("p", result(&service, "p", &["a.png"]));
    service.emit(&sid, "infer_executed_message", &json!({"prompt_id": "p"}));
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.names(), ["a.png"]);
}

#[tokio::test]
async fn a_result_that_does_not_say_of_which_run_it_is_ends_none() {
    let mut service = Service::start().await;
    let mut run = submit(&unhurried(), job(server(&service.url), "p"));
    let sid = service.connected().await;
    service.submitted().await.take();
    run.until_link(Connection::Live).await;
    // Of a run that another folder or machine of the account has sent.
    let mut another = result(&service, "another", &["b.png"]);
    another["prompt_id"] = Value::Null;
    let before = service.asked_so_far();
    service.emit(&sid, "infer_result_message", &another);
    service.asked(before + 2).await;
    service.record("p", result(&service, "p", &["a.png"]));
    let outcome = run.end().await;
    outcome.done();
    assert_eq!(outcome.names(), ["a.png"]);
}

#[tokio::test]
async fn an_error_before_a_good_result_is_a_warning() {
    let mut service = Service::start().await;
    let mut run = submit(&backend(), job(server(&service.url), "p"));
    let sid = service.connected().await;
    service.submitted().await.take();
    run.until_link(Connection::Live).await;
    service.emit(&sid, "infer_error_message", &news("p", "a node was skipped"));
    run.until_log("a node was skipped").await;
    service.emit(&sid, "infer_result_message", &result(&service, "p", &["a.png"]));
    let outcome = run.end().await;
    outcome.done();
    let message = "The server reported an error and then a good result: a node was skipped";
    assert_eq!(outcome.warnings(), [message]);
}
