//! Against the demo, which works through a queue as the real one does.

use std::time::Duration;

use comfydeck::backend::Backend as _;
use comfydeck::demo::{self, DemoOptions};
use comfydeck::domain::run::{Connection, PreviewKind};
use comfydeck::domain::schema::{Schema, Takes};
use comfydeck::domain::{ParamKey, RunEvent, Status, Workflow};
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

fn small(url: &str, prompt: &str, id: &str) -> comfydeck::backend::Job {
    let values = [
        ("6", "text", json!(prompt)),
        ("5", "width", json!(64)),
        ("5", "height", json!(48)),
        ("3", "steps", json!(4)),
    ];
    let mut job = job(url);
    job.workflow = Some(demo::WORKFLOW.to_owned());
    job.params = values.into_iter().map(|(node, input, value)| (ParamKey::new(node, input), value)).collect();
    job.prompt_id = Some(format!("00000000-0000-4000-8000-0000000000{id}"));
    job
}

async fn run(url: &str, prompt: &str, id: &str) -> Outcome {
    submit(&backend(), small(url, prompt, id)).end().await
}

#[tokio::test]
async fn a_run_shows_its_work_and_brings_its_picture() {
    let url = demo(DemoOptions { step: Duration::from_millis(60), ..DemoOptions::quick() }).await;
    let ended = run(&url, "a heron", "01").await.is(Status::Done);
    assert_eq!(ended.files().len(), 1);
    assert!(ended.files()[0].1.starts_with(b"\x89PNG"));
    let previews = ended.previews();
    assert!(!previews.is_empty());
    for preview in previews {
        assert_eq!(preview.kind, PreviewKind::Jpeg);
        let picture = image::load_from_memory(&preview.bytes).expect("a picture");
        assert_eq!(picture.width(), 512, "as large as the real one's");
    }
    assert!(
        ended.events.iter().any(|event| matches!(event, RunEvent::Progress(progress) if progress.max == 4))
    );
    assert!(ended.log().contains("Sampler (3)"), "{}", ended.log());

    // The same again is there already; another seed is not.
    let again = run(&url, "a heron", "02").await.is(Status::Done);
    assert_eq!(again.files(), ended.files());
    assert!(again.log().contains("7 of 7 nodes are cached"), "{}", again.log());
    let other = run(&url, "an egret", "03").await.is(Status::Done);
    assert!(other.log().contains("3 of 7 nodes are cached"), "{}", other.log());
}

#[tokio::test]
async fn runs_wait_for_each_other_and_each_can_be_stopped() {
    let url = demo(DemoOptions { step: Duration::from_secs(3_600), ..DemoOptions::quick() }).await;
    let backend = backend();
    let mut first = submit(&backend, small(&url, "a heron", "11"));
    first.until_phase(Status::Running).await;
    let mut second = submit(&backend, small(&url, "a stork", "12"));
    second.until_event("its place", |event| matches!(event, RunEvent::Queue { before: 1 })).await;
    let server = job(&url).server;
    backend.cancel(server.clone(), small(&url, "", "12").prompt_id.expect("a name")).await.expect("asked");
    second.end().await.is(Status::Cancelled);
    backend.cancel(server, small(&url, "", "11").prompt_id.expect("a name")).await.expect("asked");
    first.end().await.is(Status::Cancelled);
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
    assert!(crashed.error().what.contains("restarted"), "{crashed:?}");
    let url = demo(DemoOptions { step: Duration::from_millis(30), ..DemoOptions::quick() }).await;
    let dropped = run(&url, "drop", "24").await.is(Status::Done);
    let is_deaf = |event: &RunEvent| *event == RunEvent::Connection { state: Connection::Reconnecting };
    assert!(dropped.events.iter().any(is_deaf));
}

#[tokio::test]
async fn what_its_nodes_take_is_read() {
    let url = demo(DemoOptions::quick()).await;
    let text = backend().schema(job(&url).server).await.expect("a description");
    let schema = Schema::parse(&text).expect("a schema");
    let workflow = Workflow::parse(demo::WORKFLOW).expect("a workflow");
    for node in workflow.nodes().values() {
        assert!(schema.class(&node.class_type).is_some(), "{}", node.class_type);
    }
    let sampler = schema.input("KSampler", "sampler_name", None).expect("an input");
    assert!(matches!(&sampler.takes, Takes::Choice(choices) if choices.len() > 30));
}
