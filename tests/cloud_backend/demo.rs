//! Against the demo's own service, sound and with its faults.

use std::sync::Arc;
use std::time::Duration;

use comfydeck::backend::cloud::CloudBackend;
use comfydeck::backend::{Backend as _, Job, Server};
use comfydeck::demo::{self, CloudFault, DemoOptions, Fault, Seen};
use comfydeck::domain::ParamKey;
use comfydeck::domain::run::Connection::{Live, Polling, Reconnecting};
use comfydeck::domain::{RunEvent, Status};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::backend_run::{Outcome, attach, submit};
use super::support::{backend, job, quick, server};

const P: &str = "00000000-0000-4000-8000-00000000000a";

/// Starts a demo; gives its address and what it hears.
async fn start(options: DemoOptions) -> (String, mpsc::UnboundedReceiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (seen, seen_requests) = mpsc::unbounded_channel();
    tokio::spawn(demo::serve(listener, DemoOptions { seen: Some(seen), ..options }));
    (url, seen_requests)
}

fn demo_server(url: &str) -> Server {
    Server { url: format!("{url}/demo"), ..server(url) }
}

/// A small picture in few steps.
fn small(url: &str, prompt: &str) -> Job {
    let values = [
        ("6", "text", json!(prompt)),
        ("5", "width", json!(32)),
        ("5", "height", json!(24)),
        ("3", "steps", json!(4)),
    ];
    let params = values.into_iter().map(|(node, input, value)| (ParamKey::new(node, input), value)).collect();
    Job { params, ..job(demo_server(url), P) }
}

async fn run(options: DemoOptions) -> (Outcome, Vec<Seen>) {
    let (url, mut seen_requests) = start(options).await;
    let outcome = submit(&backend(), small(&url, "a pink sea")).end().await;
    let seen = std::iter::from_fn(|| seen_requests.try_recv().ok()).collect();
    (outcome, seen)
}

fn sent(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| seen.run.is_some()).count()
}

/// Steps that take until somebody stops them.
fn endless() -> DemoOptions {
    DemoOptions { step: Duration::from_secs(3_600), ..DemoOptions::quick() }
}

#[tokio::test]
async fn every_fault_that_loses_nothing_ends_in_a_picture() {
    use CloudFault::*;
    let table: Vec<Vec<CloudFault>> = vec![
        vec![],
        vec![WantsReceipts],
        vec![BinaryEvents],
        vec![EventsBeforeReply],
        vec![EventsBeforeReply, ReplyLost { times: 1 }],
        vec![BareReply],
        vec![NullResult],
        vec![NullResult, SnakeRecords, RecordsBusy { times: 3 }],
        vec![NullResult, RecordsUnknown { times: 2 }],
        vec![Duplicated],
        vec![Reordered],
        vec![Reordered, Duplicated, BinaryEvents],
        vec![ReplyLost { times: 1 }],
        vec![ReplyLost { times: 1 }, RecordsUnknown { times: 2 }],
        vec![SocketDown { times: 1 }],
        vec![SocketDown { times: 99 }],
        vec![SocketCut { after: 3, times: 1 }],
        vec![SocketCut { after: 0, times: 99 }],
        vec![SocketCut { after: 3, times: 2 }, SubscribeRefused(401)],
        vec![LinkExpired { times: 1, status: 403 }],
        vec![LinkExpired { times: 1, status: 404 }],
        vec![StorageCut { after: 100, times: 2 }],
        vec![StorageWhole, StorageCut { after: 100, times: 1 }],
    ];
    for faults in table {
        let step = Duration::from_millis(2);
        let options = DemoOptions { cloud: faults.clone(), step, ..DemoOptions::quick() };
        let (outcome, seen) = run(options).await;
        outcome.done();
        assert_eq!(outcome.names(), ["comfydeck_00001_.png"], "{faults:?}");
        let picture = std::io::Cursor::new(outcome.files().remove(0).1);
        let reader = png::Decoder::new(picture).read_info().expect("a PNG");
        assert_eq!((reader.info().width, reader.info().height), (32, 24), "{faults:?}");
        assert_eq!(sent(&seen), 1, "{faults:?}: sent once");
        for seen in seen.iter().filter(|seen| seen.target.starts_with("/storage/")) {
            assert!(!seen.has_credentials, "{faults:?}: {seen:?}");
        }
        let at = outcome.phases();
        assert!(
            at.is_sorted() && at.starts_with(&[Status::Uploading, Status::Waiting]),
            "{faults:?}: {at:?}"
        );
    }
}

#[tokio::test]
async fn a_live_run_reports_its_progress() {
    let (outcome, _) = run(DemoOptions::quick()).await;
    outcome.done();
    assert!(
        outcome.log().contains("no model runs here") && outcome.log().contains("| 2/4 ["),
        "{}",
        outcome.log()
    );
    assert!(outcome.events.iter().any(|event| matches!(event, RunEvent::Progress(p) if p.value == 4)));
    assert_eq!(outcome.links(), [Live]);
}

#[tokio::test]
async fn an_end_without_an_event_is_read() {
    let (url, _heard) = start(DemoOptions::quick().with_cloud(CloudFault::NoEnd)).await;
    let mut limits = quick();
    limits.live = Duration::from_millis(50);
    let outcome = submit(&Arc::new(CloudBackend::with(limits)), small(&url, "a pink sea")).end().await;
    outcome.done();
}

#[tokio::test]
async fn a_socket_that_falls_silent_is_made_anew() {
    let options = DemoOptions {
        ping_interval: Duration::from_millis(200),
        ping_timeout: Duration::from_millis(200),
        ..endless()
    };
    let fault = CloudFault::SocketSilent { after: 1, times: 1 };
    let (url, _heard) = start(options.with_cloud(fault)).await;
    let backend = backend();
    let mut run = submit(&backend, small(&url, "a pink sea"));
    run.until("live again", |run| run.links() == [Live, Reconnecting, Live]).await;
    assert!(run.log().contains("nothing was received"), "{}", run.log());
    backend.cancel(demo_server(&url), P.to_owned()).await.expect("taken");
    run.end().await.cancelled();
}

#[tokio::test]
async fn a_request_that_never_arrived_is_not_sent_again() {
    let (outcome, seen) = run(DemoOptions::quick().with_cloud(CloudFault::RequestLost { times: 1 })).await;
    let error = outcome.lost();
    assert!(error.remedy.contains("it may have been paid for"), "{error:?}");
    assert_eq!(sent(&seen), 1);
}

#[tokio::test]
async fn what_fails_at_the_service_fails_with_its_words() {
    let (url, _heard) = start(DemoOptions::quick()).await;
    let outcome = submit(&backend(), small(&url, "please fail")).end().await;
    let error = outcome.failed();
    assert!(error.what.starts_with("KSampler: out of memory"), "{error:?}");
    assert_eq!(error.node.as_deref(), Some("3"));
    let crashed = Job { prompt_id: Some(P.replace("0a", "0b")), ..small(&url, "crash") };
    let outcome = submit(&backend(), crashed).end().await;
    assert!(outcome.failed().what.contains("worker was lost"), "{:?}", outcome.failed());
    let mut wrong = small(&url, "x");
    wrong.params.insert(ParamKey::new("3", "steps"), json!(0));
    wrong.prompt_id = Some(P.replace("0a", "0c"));
    let outcome = submit(&backend(), wrong).end().await;
    assert_eq!(outcome.refused().param, Some(ParamKey::new("3", "steps")));
    let (outcome, _) = run(DemoOptions::quick().with(Fault::EmptyResult)).await;
    assert!(outcome.failed().what.contains("no output"));
    let (outcome, _) = run(DemoOptions::quick().with(Fault::FailedResult)).await;
    assert!(!outcome.failed().what.is_empty());
}

#[tokio::test]
async fn refused_sockets_and_credentials_send_nothing() {
    let (outcome, seen) =
        run(DemoOptions::quick().with_cloud(CloudFault::ConnectRefused { times: 99 })).await;
    assert!(outcome.refused().what.contains("rejected the login"), "{:?}", outcome.refused());
    assert_eq!(sent(&seen), 0);
}

#[tokio::test]
async fn a_cancel_ends_the_run_whichever_shape_is_known() {
    for fault in [CloudFault::CancelCamelCase, CloudFault::CancelSnakeCase] {
        let (url, _heard) = start(endless().with_cloud(fault)).await;
        let backend = backend();
        let mut run = submit(&backend, small(&url, "a pink sea"));
        run.until_link(Live).await;
        backend.cancel(demo_server(&url), P.to_owned()).await.expect("taken");
        run.end().await.cancelled();
    }
}

#[tokio::test]
async fn a_run_is_taken_over_where_another_left_it() {
    let options = DemoOptions { step: Duration::from_millis(50), ..DemoOptions::quick() };
    let (url, mut seen_requests) = start(options).await;
    let mut first = submit(&backend(), small(&url, "a pink sea"));
    first.until_link(Live).await;
    first.drop_it();
    let outcome = attach(&backend(), small(&url, "")).end().await;
    outcome.done();
    assert_eq!(outcome.names(), ["comfydeck_00001_.png"]);
    let seen: Vec<_> = std::iter::from_fn(|| seen_requests.try_recv().ok()).collect();
    assert_eq!(sent(&seen), 1);
}

#[tokio::test]
async fn hostile_names_stay_in_the_folder_and_large_outputs_arrive() {
    let (outcome, _) = run(DemoOptions::quick().with(Fault::Hostile)).await;
    outcome.done();
    assert!(outcome.names().iter().all(|name| !name.starts_with('.')), "{:?}", outcome.names());
    let (outcome, _) = run(DemoOptions::quick().with(Fault::OutputBytes(30_000_000))).await;
    outcome.done();
    assert_eq!(outcome.files()[0].1.len(), 30_000_000);
}

#[tokio::test]
async fn a_service_behind_a_long_silence_is_polled_and_sent_to_once() {
    let cold = Duration::from_millis(300);
    let (url, mut seen_requests) = start(DemoOptions { cold_start: cold, ..DemoOptions::quick() }).await;
    let outcome = submit(&backend(), Job { logs: false, ..small(&url, "a pink sea") }).end().await;
    outcome.done();
    assert_eq!(outcome.links(), [Polling]);
    let seen: Vec<_> = std::iter::from_fn(|| seen_requests.try_recv().ok()).collect();
    assert_eq!(sent(&seen), 1);
    assert!(seen.iter().all(|seen| !seen.target.contains("socket.io")));
    let run = seen.into_iter().find_map(|seen| seen.run).expect("a run");
    assert_eq!(run.params["5-inputs-width"], Value::from(32));
}
