//! The streaming backend against the demo endpoint, sound and with every fault, and against servers that no
//! library would let us build.

#[path = "../support/backend_run.rs"]
mod backend_run;
mod hostile;

use std::sync::Arc;

use comfydeck::backend::results::outputs::OutputFolder;
use comfydeck::backend::stream::StreamBackend;
use comfydeck::backend::{Job, Server, for_protocol};
use comfydeck::demo::{self, DemoOptions, Fault, Seen};
use comfydeck::domain::run::{InputFile, Protocol};
use comfydeck::domain::{ParamKey, RunEvent, Status};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use backend_run::{LONG, Outcome, credentials, files};

fn job(url: String, params: Value) -> Job {
    let params = params.as_object().cloned().expect("an object");
    let key = |text: &str| ParamKey::parse(text).expect("a key");
    Job {
        run: 1,
        server: Server {
            url,
            credentials: credentials([("client_id", "id-1"), ("client_secret", "hush-hush")]),
            ..Server::default()
        },
        params: params.into_iter().map(|(name, value)| (key(&name), value)).collect(),
        logs: true,
        ..Job::default()
    }
}

/// A small picture in few steps.
fn small() -> Value {
    json!({"6-inputs-text": "a pink sea", "5-inputs-width": 32, "5-inputs-height": 24, "3-inputs-steps": 4})
}

/// Starts a demo endpoint; gives its address.
async fn start(options: DemoOptions) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(demo::serve(listener, options));
    format!("http://{address}/")
}

async fn submit(job: Job) -> Outcome {
    listen_to(StreamBackend::default(), job).await
}

async fn listen_to(backend: StreamBackend, job: Job) -> Outcome {
    let outcome = backend_run::submit(&Arc::new(backend), job).end().await;
    assert!(outcome.names().iter().all(|name| !name.starts_with('.')), "no temporary file stays");
    outcome
}

async fn run(options: DemoOptions, params: Value) -> Outcome {
    let url = start(options).await;
    submit(job(url, params)).await
}

async fn faulty(fault: Fault) -> Outcome {
    run(DemoOptions::quick().with(fault), small()).await
}

const LIFE: [Status; 4] = [Status::Uploading, Status::Waiting, Status::Running, Status::Downloading];

#[tokio::test]
async fn a_run_goes_through_its_life_and_its_picture_is_on_disk() {
    let outcome = run(DemoOptions::quick(), small()).await;
    outcome.done();
    assert_eq!(outcome.phases(), LIFE);
    assert!(outcome.log().contains("\u{1b}[33m[demo] no model runs here"), "{}", outcome.log());
    assert!(outcome.log().contains("| 2/4 [") && outcome.log().contains('\r'));
    let (name, bytes) = &outcome.files()[0];
    assert_eq!(name, "comfydeck_00001_.png");
    let saved = outcome.events.iter().find_map(|event| match event {
        RunEvent::OutputSaved(output) => Some(output),
        _ => None,
    });
    let saved = saved.expect("an output");
    assert_eq!((saved.size, saved.content_type.as_str()), (bytes.len() as u64, "image/png"));
    let reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
    assert_eq!((reader.info().width, reader.info().height), (32, 24));
    let progress: Vec<_> = outcome
        .events
        .iter()
        .filter_map(|e| if let RunEvent::Progress(p) = e { Some(p) } else { None })
        .collect();
    assert_eq!(progress.last().map(|p| (p.value, p.max)), Some((4, 4)));
    assert!(outcome.events.contains(&RunEvent::Remote { prompt_id: "demo-1".to_owned() }));
}

#[tokio::test]
async fn without_logs_the_answer_is_one_result() {
    let url = start(DemoOptions::quick()).await;
    let outcome = submit(Job { logs: false, ..job(url, small()) }).await;
    outcome.done();
    assert_eq!(outcome.phases(), [Status::Uploading, Status::Waiting, Status::Downloading]);
    assert_eq!(outcome.names(), ["comfydeck_00001_.png"]);
}

#[tokio::test]
async fn files_go_up_as_they_are_and_everything_arrives() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let url = start(DemoOptions { seen: Some(seen), ..DemoOptions::quick() }).await;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("in.png");
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    std::fs::write(&path, &content).expect("written");
    let file = InputFile {
        part: "52-inputs-image".to_owned(),
        path: path.clone(),
        name: "in.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: content.len() as u64,
        sha256: String::new(),
    };
    let workflow = demo::WORKFLOW.replace("\"steps\": 20", "\"steps\": 3");
    let mut params = small();
    params.as_object_mut().expect("an object").insert("3-inputs-seed".to_owned(), json!(u64::MAX));
    let job = Job { files: vec![(file, path)], workflow: Some(workflow.clone()), ..job(url, params.clone()) };
    let outcome = submit(job).await;
    outcome.done();
    let Seen { run: Some(run), has_credentials, .. } = requests.recv().await.expect("a request") else {
        panic!("no run")
    };
    assert!(has_credentials && run.logs);
    assert_eq!(Value::Object(run.params), params);
    assert_eq!(run.workflow, serde_json::from_str(&workflow).ok());
    let expected = ("52-inputs-image".to_owned(), "in.png".to_owned(), "image/png".to_owned(), content);
    assert!(run.files == [expected], "the file arrives whole");
    let uploads: Vec<_> = outcome
        .events
        .iter()
        .filter_map(|e| if let RunEvent::Upload(t) = e { Some(t) } else { None })
        .collect();
    let last = uploads.last().expect("an upload");
    assert_eq!(Some(last.done), last.total);
}

#[tokio::test]
async fn words_in_the_prompt_make_it_misbehave() {
    let mut params = small();
    params["6-inputs-text"] = json!("please fail");
    let outcome = run(DemoOptions::quick(), params.clone()).await;
    let error = outcome.failed();
    assert!(error.what.starts_with("KSampler: out of memory"), "{error:?}");
    assert_eq!(error.node.as_deref(), Some("3"));
    params["6-inputs-text"] = json!("crash");
    let outcome = run(DemoOptions::quick(), params.clone()).await;
    assert!(outcome.lost().what.contains("connection broke"));
    params["3-inputs-steps"] = json!(0);
    let outcome = run(DemoOptions::quick(), params).await;
    assert_eq!(outcome.refused().param, Some(ParamKey::new("3", "steps")));
}

#[tokio::test]
async fn what_the_server_refuses_cost_nothing_and_has_a_remedy() {
    let table = [
        (Fault::Unauthorized, "does not accept the credentials (401", "client_id"),
        (Fault::TooManyRequests(7), "Too many runs at once", "in 7 seconds"),
        (Fault::RedirectTo(308, "https://elsewhere.example/x?token=t".to_owned()), "moved", "elsewhere"),
    ];
    for (fault, what, remedy) in table {
        let outcome = faulty(fault).await;
        let error = outcome.refused();
        assert!(error.what.contains(what) && error.remedy.contains(remedy), "{error:?}");
        assert!(!error.remedy.contains("token"));
        assert_eq!(outcome.names(), Vec::<String>::new());
    }
    let url = start(DemoOptions::quick()).await;
    let outcome =
        submit(Job { server: Server { url: url.clone(), ..Server::default() }, ..job(url.clone(), small()) })
            .await;
    assert!(outcome.refused().what.contains("401"));
    let outcome = submit(job(url, json!({}))).await;
    assert!(outcome.refused().what.contains("params may not be empty"));
}

#[tokio::test]
async fn an_address_where_nothing_answers_is_refused() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let table = [
        (format!("http://{free}/?secret=1"), "nothing is listening at http://127.0.0.1"),
        ("http://no-such-host.invalid/".to_owned(), "no-such-host.invalid"),
        ("ftp://127.0.0.1/".to_owned(), "not an address that a run can be sent to"),
        ("deck".to_owned(), "is not valid"),
    ];
    for (url, what) in table {
        let outcome = submit(job(url, small())).await;
        let error = outcome.refused();
        assert!(error.what.contains(what) && !error.what.contains("secret"), "{error:?}");
    }
    // A server that does not speak TLS.
    let url = start(DemoOptions::quick()).await.replace("http:", "https:");
    let outcome = submit(job(url, small())).await;
    assert!(outcome.refused().what.contains("TLS"), "{:?}", outcome.end);
}

#[tokio::test]
async fn a_connection_that_breaks_is_lost_and_nothing_is_sent_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        let mut requests = 0;
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            requests += 1;
            let mut request = Vec::new();
            while !request.windows(7).any(|part| part == b"params=") {
                let mut part = [0; 4096];
                let length = stream.read(&mut part).await.expect("read");
                request.extend_from_slice(&part[..length]);
            }
            if requests == 2 {
                let answer = b"HTTP/1.1 201 Created\r\nContent-Type: text/event-stream\r\n\r\nevent: log_message\ndata: half";
                stream.write_all(answer).await.expect("written");
                return requests;
            }
        }
    });
    assert!(submit(job(url.clone(), small())).await.lost().what.contains("broke before a response"));
    let outcome = submit(job(url, small())).await;
    assert!(outcome.lost().what.contains("closed the connection before the result"));
    assert_eq!(outcome.log(), "half\n");
    assert_eq!(server.await.expect("no panic"), 2);
}

#[tokio::test]
async fn a_stream_that_is_cut_is_lost_with_all_that_came() {
    let outcome = faulty(Fault::CutInLog).await;
    assert!(outcome.lost().what.contains("connection broke"));
    assert!(outcome.log().contains("loaded completely"));
    for fault in [Fault::CutInData, Fault::EndInData] {
        let outcome = faulty(fault).await;
        outcome.lost();
        let failures = outcome.failures();
        assert_eq!(failures[0].name, "comfydeck_00001_.png");
        let kept = std::fs::read(failures[0].kept.as_ref().expect("kept")).expect("read");
        assert!(kept.starts_with(b"\x89PNG"));
    }
    assert!(faulty(Fault::NoResult).await.lost().what.contains("before the result"));
}

#[tokio::test]
async fn a_whole_result_is_the_end_though_the_answer_has_none() {
    for logs in [true, false] {
        let url = start(DemoOptions::quick().with(Fault::OpenEnd)).await;
        let submitted = submit(Job { logs, ..job(url, small()) });
        let outcome = tokio::time::timeout(LONG, submitted).await.expect("an end");
        outcome.done();
        assert_eq!(outcome.names(), ["comfydeck_00001_.png"]);
    }
}

#[tokio::test]
async fn other_forms_of_a_good_answer_are_good() {
    for fault in
        [Fault::NoBlankLine, Fault::JsonForStream, Fault::Unlabelled, Fault::OtherForm, Fault::ErrorInPassing]
    {
        let outcome = faulty(fault.clone()).await;
        outcome.done();
        assert_eq!(outcome.names(), ["comfydeck_00001_.png"], "{fault:?}");
    }
    let outcome = faulty(Fault::OddResult).await;
    outcome.done();
    let named = |name: &str, bytes: &[u8]| (name.to_owned(), bytes.to_vec());
    assert_eq!(outcome.files(), [named("odd.txt", b"hello?\xff"), named("output.txt", b"hello")]);
}

#[tokio::test]
async fn a_run_that_failed_says_why() {
    let table = [
        (Fault::ErrorThenEnd, "the model file is damaged"),
        (Fault::FailedResult, "VAEDecode: bad latent"),
        (Fault::EmptyResult, "made no output"),
    ];
    for (fault, what) in table {
        let outcome = faulty(fault).await;
        let error = outcome.failed();
        assert!(error.what.contains(what) && !error.remedy.is_empty(), "{error:?}");
    }
    let table = [
        (Fault::BadGateway, "the server failed (502 Bad Gateway)"),
        (Fault::EmptyBody, "answered 201 with an empty response"),
        (Fault::WebPage, "answered 201 with text/html, which is not a result: Welcome"),
    ];
    for (fault, what) in table {
        let outcome = faulty(fault).await;
        let error = outcome.lost();
        assert!(error.what.contains(what) && error.remedy.contains("before you run it again"), "{error:?}");
    }
}

#[tokio::test]
async fn a_damaged_output_fails_alone() {
    let outcome = faulty(Fault::BadBase64).await;
    assert!(outcome.failed().what.contains("1 of 2 outputs"));
    assert_eq!(outcome.names(), ["bad.png.base64", "good.txt"]);
    assert_eq!(outcome.files()[0].1, b"aGVsbG8gd29y*GQh");
    let outcome = faulty(Fault::BrokenJson).await;
    assert!(outcome.failed().what.contains("not valid JSON"));
    assert_eq!(outcome.names(), ["good.txt", "result-rest.txt"]);
}

#[tokio::test]
async fn hostile_text_is_harmless() {
    let outcome = faulty(Fault::Hostile).await;
    outcome.done();
    assert!(outcome.log().contains("ab\u{1b}[1;32mc\u{1b}[0md\n"), "{}", outcome.log());
    assert_eq!(outcome.names(), ["_CON.png", "passwd.txt", "rf.png"]);
    let outcome = faulty(Fault::HugeLine(3 << 20)).await;
    outcome.done();
    assert!(outcome.log().len() < 100_000 && outcome.log().contains("xxx…\n"));
}

#[tokio::test]
async fn outputs_that_lie_at_an_address_are_fetched_without_credentials() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let options = DemoOptions { seen: Some(seen), ..DemoOptions::quick().with(Fault::Links) };
    let outcome = run(options, small()).await;
    assert!(outcome.failed().what.contains("1 of 2"));
    assert_eq!(outcome.files(), [("one.txt".to_owned(), b"hello from an address".to_vec())]);
    assert!(outcome.failures()[0].why.contains("404"));
    while let Ok(request) = requests.try_recv() {
        assert_eq!(request.has_credentials, request.method == "POST", "{request:?}");
    }
}

#[tokio::test]
async fn redirects_are_followed_and_credentials_stay_with_the_server() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let options = DemoOptions { seen: Some(seen), ..DemoOptions::quick().with(Fault::Redirects(45)) };
    let outcome = run(options, small()).await;
    outcome.done();
    let mut chain = Vec::new();
    while let Ok(request) = requests.try_recv() {
        chain.push(request);
    }
    assert_eq!(chain.len(), 46);
    assert!(chain.iter().all(|request| request.has_credentials));
    assert_eq!(chain.iter().filter(|request| request.method == "POST").count(), 1);
    for status in [303, 307, 301] {
        let (seen, mut requests) = mpsc::unbounded_channel();
        let elsewhere = start(DemoOptions { seen: Some(seen), ..DemoOptions::quick() }).await;
        let outcome = faulty(Fault::RedirectTo(status, elsewhere)).await;
        assert!(outcome.end.is_err());
        while let Ok(request) = requests.try_recv() {
            assert_eq!(
                (request.method.as_str(), request.has_credentials, &request.run),
                ("GET", false, &None)
            );
        }
    }
}

#[tokio::test]
async fn a_large_output_arrives_whole() {
    let size = 5 * demo::PATTERN + 1_001;
    let outcome = faulty(Fault::OutputBytes(size as u64)).await;
    outcome.done();
    let expected: Vec<u8> = demo::pattern().into_iter().cycle().take(size).collect();
    assert!(outcome.files() == [("large.bin".to_owned(), expected)]);
    let last = outcome
        .events
        .iter()
        .rev()
        .find_map(|e| if let RunEvent::Download(t) = e { Some(t.done) } else { None });
    assert!(last > Some(size as u64 * 4 / 3));
}

#[tokio::test]
async fn many_log_lines_arrive_in_few_events() {
    let outcome = faulty(Fault::LogLines(10_000)).await;
    outcome.done();
    let log = outcome.log();
    assert_eq!(log.matches(": the quick brown fox").count(), 10_000);
    let events = outcome.events.iter().filter(|event| matches!(event, RunEvent::Log { .. })).count();
    assert!(events < 1_000, "{events}");
}

#[tokio::test]
async fn dropping_a_run_closes_its_connection_and_leaves_no_file() {
    let url = start(DemoOptions::quick().with(Fault::OutputBytes(u64::MAX))).await;
    let dir = tempfile::tempdir().expect("a folder");
    let job = Job { outputs: OutputFolder::new(dir.path(), 1), ..job(url, small()) };
    let (sink, mut events) = mpsc::channel(16);
    let submitted = tokio::spawn(async move { for_protocol(Protocol::Stream).submit(job, sink).await });
    while let Some(event) = events.recv().await {
        if matches!(event, RunEvent::Download(transfer) if transfer.done > 10_000_000) {
            submitted.abort();
        }
    }
    assert!(submitted.await.expect_err("dropped").is_cancelled());
    // The writing thread holds the last sender: its end ends the loop above, after its file is gone.
    assert_eq!(files(dir.path()), []);
}
