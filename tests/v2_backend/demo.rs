//! Against the demo, which works through a queue as ComfyUI behind the API does.

use std::time::Duration;

use comfydeck::backend::{Backend as _, BackendError, Job};
use comfydeck::demo::{self, DemoOptions};
use comfydeck::domain::run::{Connection, PreviewKind};
use comfydeck::domain::{ParamKey, RunEvent, Status};
use serde_json::json;
use tokio::net::TcpListener;

use super::backend_run::{Outcome, submit};
use super::support::{backend, job};

async fn demo(options: DemoOptions) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { demo::serve(listener, options).await });
    format!("http://{address}")
}

fn small(url: &str, prompt: &str, key: &str) -> Job {
    let values = [
        ("6", "text", json!(prompt)),
        ("5", "width", json!(64)),
        ("5", "height", json!(48)),
        ("3", "steps", json!(4)),
    ];
    let params = values.into_iter().map(|(node, input, value)| (ParamKey::new(node, input), value)).collect();
    Job {
        workflow: Some(demo::WORKFLOW.to_owned()),
        params,
        prompt_id: Some(format!("00000000-0000-4000-8000-0000000000{key}")),
        ..job(url)
    }
}

async fn run(url: &str, prompt: &str, key: &str) -> Outcome {
    submit(&backend(), small(url, prompt, key)).end().await
}

#[tokio::test]
async fn a_run_shows_its_work_and_brings_its_picture() {
    let url = demo(DemoOptions { step: Duration::from_millis(300), ..DemoOptions::quick() }).await;
    let ended = run(&url, "a heron", "01").await.is(Status::Done);
    assert_eq!(ended.files().len(), 1);
    assert!(ended.files()[0].1.starts_with(b"\x89PNG"));
    assert!(ended.previews().iter().all(|preview| preview.kind == PreviewKind::Jpeg));
    assert!(!ended.previews().is_empty() && ended.links().contains(&Connection::Live));
    // The same again costs nothing: everything is cached, and the file is the same.
    let again = run(&url, "a heron", "02").await.is(Status::Done);
    assert_eq!(again.files(), ended.files());
}

#[tokio::test]
async fn runs_wait_for_each_other_and_each_can_be_stopped() {
    let url = demo(DemoOptions { step: Duration::from_secs(3_600), ..DemoOptions::quick() }).await;
    let backend = backend();
    let mut first = submit(&backend, small(&url, "a heron", "11"));
    first.until_phase(Status::Running).await;
    let mut second = submit(&backend, small(&url, "a stork", "12"));
    second.until_event("its place", |event| matches!(event, RunEvent::Queue { before: 0 })).await;
    let server = job(&url).server;
    backend.cancel(server.clone(), small(&url, "", "11").prompt_id.expect("a name")).await.expect("asked");
    first.end().await.is(Status::Cancelled);
    second.until_phase(Status::Running).await;
    backend.cancel(server, small(&url, "", "12").prompt_id.expect("a name")).await.expect("asked");
    second.end().await.is(Status::Cancelled);
}

#[tokio::test]
async fn errors_look_like_the_real_servers() {
    let url = demo(DemoOptions::quick()).await;
    let failed = run(&url, "please fail", "21").await.is(Status::Failed);
    assert!(failed.error().what.starts_with("KSampler: out of memory"), "{:?}", failed.error());
    assert_eq!(failed.error().node.as_deref(), Some("3"));
    let mut odd = small(&url, "x", "22");
    odd.params.insert(ParamKey::new("3", "steps"), json!(0));
    let refused = submit(&backend(), odd).end().await;
    assert_eq!(refused.error().param, Some(ParamKey::new("3", "steps")), "{refused:?}");
    let crashed = run(&url, "crash", "23").await;
    assert!(matches!(crashed.end, Err(BackendError::Lost(_))), "{crashed:?}");
    let url = demo(DemoOptions { step: Duration::from_millis(30), ..DemoOptions::quick() }).await;
    let dropped = run(&url, "drop", "24").await.is(Status::Done);
    let is_deaf = |event: &RunEvent| *event == RunEvent::Connection { state: Connection::Reconnecting };
    assert!(dropped.events.iter().any(is_deaf), "{:?}", dropped.events);
}
