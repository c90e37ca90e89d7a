//! Servers that break HTTP itself, or stop talking at the worst moment.

use std::path::PathBuf;
use std::time::Duration;

use comfydeck::backend::results::outputs::OutputFolder;
use comfydeck::backend::stream::StreamBackend;
use comfydeck::backend::{Backend as _, BackendError, HttpLimits, Job};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{Outcome, job, listen_to, small};

/// What a server does behind the bytes of its answer.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Close,
    /// Says nothing more and keeps the line open.
    Hang,
    /// Breaks the connection.
    Reset,
}

/// A server that answers the n-th request with the n-th text, the last one again and again.
struct Server {
    url: String,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start(answers: Vec<(Vec<u8>, Then)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (tell, requests) = mpsc::unbounded_channel();
        let own_url = url.clone();
        tokio::spawn(async move {
            let mut held = Vec::new();
            for number in 0.. {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let request = read(&mut stream).await;
                // The test may be over.
                let _ = tell.send(request);
                let (text, then) = &answers[number.min(answers.len() - 1)];
                let text = String::from_utf8_lossy(text).replace("{url}", &own_url);
                let text = if text.contains('\u{fffd}') { answers[number].0.clone() } else { text.into() };
                // One that the client has heard enough of is closed under our hands.
                let _ = stream.write_all(&text).await;
                match then {
                    Then::Close => {}
                    Then::Hang => held.push(stream),
                    Then::Reset => stream.set_zero_linger().expect("set"),
                }
            }
        });
        Self { url, requests }
    }

    /// The first lines of the requests up to now.
    fn requests(&mut self) -> Vec<String> {
        let first = |request: String| request.lines().next().unwrap_or_default().to_owned();
        std::iter::from_fn(|| self.requests.try_recv().ok()).map(first).collect()
    }
}

/// A request, whole.
async fn read(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().expect("a number")) {
                return text.into_owned();
            }
        }
        let mut part = [0; 16 * 1024];
        match stream.read(&mut part).await.expect("read") {
            0 => return String::from_utf8_lossy(&request).into_owned(),
            length => request.extend_from_slice(&part[..length]),
        }
    }
}

/// Waits for nothing for long.
async fn submit(job: Job) -> Outcome {
    let limits = HttpLimits {
        refusal: Duration::from_millis(50),
        fetch: Duration::from_millis(50),
        retries: vec![Duration::from_millis(1); 3],
    };
    listen_to(StreamBackend::with(limits), job).await
}

/// One run against one server; what came of it, and what the server heard.
async fn against(path: &str, answers: &[(&str, Then)]) -> (Outcome, Vec<String>) {
    let answers = answers.iter().map(|(text, then)| (text.as_bytes().to_vec(), *then)).collect();
    let mut server = Server::start(answers).await;
    let outcome = submit(job(format!("{}{path}", server.url), small())).await;
    (outcome, server.requests())
}

const STREAM: &str = "HTTP/1.1 201 Created\r\nContent-Type: text/event-stream\r\n\r\n";
const JSON: &str = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n";
const RESULT: &str =
    r#"{"status":"success","completed":true,"outputs":[{"filename":"a.txt","data":"aGVsbG8="}]}"#;

fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test]
async fn a_run_is_posted_once_whatever_the_server_says() {
    let good = format!("{STREAM}event: prompt_result\ndata: {RESULT}\n\n");
    for status in [307, 308] {
        for to in ["{url}/?token=t", "?token=t"] {
            let again = redirect(status, to);
            let (outcome, requests) =
                against("/?token=t", &[(&again, Then::Close), (&good, Then::Close)]).await;
            let error = outcome.refused();
            assert!(
                error.what.contains("in a circle") && error.what.contains("http://127.0.0.1:"),
                "{error:?}"
            );
            assert!(!format!("{error:?}").contains("token"), "{error:?}");
            assert_eq!(requests, ["POST /?token=t HTTP/1.1"], "{status} {to}");
        }
        // The same path with another query is another address.
        let on = redirect(status, "/?session=1");
        let (outcome, requests) = against("/", &[(&on, Then::Close), (&good, Then::Close)]).await;
        outcome.done();
        assert_eq!(requests, ["POST / HTTP/1.1", "POST /?session=1 HTTP/1.1"], "{status}");
        let (outcome, requests) =
            against("/", &[(&redirect(status, "http://localhost:9/x"), Then::Close)]).await;
        assert!(outcome.refused().what.contains("http://localhost:9/x, another server"));
        assert_eq!(requests, ["POST / HTTP/1.1"], "{status}");
    }
    // What belongs to another path of the same origin was not done here, and is sent on.
    let (outcome, requests) =
        against("/", &[(&redirect(307, "/there"), Then::Close), (&good, Then::Close)]).await;
    outcome.done();
    assert_eq!(requests, ["POST / HTTP/1.1", "POST /there HTTP/1.1"]);
    for status in [408, 425, 429, 500, 502, 503, 504] {
        let busy = format!("HTTP/1.1 {status} X\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n");
        let (outcome, requests) = against("/", &[(&busy, Then::Close), (&good, Then::Close)]).await;
        assert!(outcome.end.is_err());
        assert_eq!(requests.len(), 1, "{status}: {requests:?}");
    }
    for answer in ["", "HTTP/1.1 201", "HTTP/1.1 201 Created\r\nContent-", "nonsense\r\n\r\n"] {
        for then in [Then::Close, Then::Reset] {
            let (outcome, requests) = against("/", &[(answer, then), (&good, Then::Close)]).await;
            assert!(outcome.lost().remedy.contains("before you run it again"), "{:?}", outcome.end);
            assert_eq!(requests.len(), 1, "{answer:?}: {requests:?}");
        }
    }
}

/// What a run is held for after an answer.
#[derive(Debug, PartialEq)]
enum Held {
    Refused,
    Failed,
    MayHaveBegun,
}

#[tokio::test]
async fn only_the_application_itself_says_that_a_run_has_not_begun() {
    use Held::{Failed, MayHaveBegun, Refused};
    const OWN: &str = r#"{"detail": "No"}"#;
    const PAGE: &str = "<html><title>Sorry</title></html>";
    const GATEWAY: &str = r#"{"message": "Endpoint request timed out"}"#;
    let table = [
        (524, "<html><title>524: A timeout occurred</title></html>", MayHaveBegun),
        (502, PAGE, MayHaveBegun),
        (504, GATEWAY, MayHaveBegun),
        (504, OWN, MayHaveBegun),
        (503, "", MayHaveBegun),
        (503, OWN, Refused),
        (500, "Internal Server Error", MayHaveBegun),
        (500, r#"{"errorMsg": "KSampler: out of memory"}"#, Failed),
        (520, PAGE, MayHaveBegun),
        (408, "", MayHaveBegun),
        (409, OWN, MayHaveBegun),
        (499, PAGE, MayHaveBegun),
        (422, OWN, Refused),
        (422, PAGE, MayHaveBegun),
        (400, PAGE, MayHaveBegun),
        (400, OWN, Refused),
        // Whoever says these has passed nothing on.
        (401, PAGE, Refused),
        (404, PAGE, Refused),
        (413, PAGE, Refused),
        (429, PAGE, Refused),
        // Neither a result nor an error of the application.
        (200, GATEWAY, MayHaveBegun),
        (200, PAGE, MayHaveBegun),
    ];
    for (status, body, expected) in table {
        let kind = if body.starts_with('{') { "application/json" } else { "text/html" };
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}");
        let (outcome, requests) = against("/", &[(&answer, Then::Close)]).await;
        let (held, error) = match &outcome.end {
            Err(BackendError::Refused(error)) => (Refused, error),
            Err(BackendError::Failed(error)) => (Failed, error),
            Err(BackendError::Lost(error)) => (MayHaveBegun, error),
            Ok(()) => panic!("{status} {body}: {:?}", outcome.ended()),
        };
        assert_eq!(held, expected, "{status} {body}: {error:?}");
        let is_told_to_look = error.remedy.contains("before you run it again");
        assert_eq!(is_told_to_look, expected == MayHaveBegun, "{status} {body}: {}", error.remedy);
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn a_gateway_in_trouble_behind_a_redirect_does_not_end_the_run() {
    let good = format!("{STREAM}event: prompt_result\ndata: {RESULT}\n\n");
    let trouble = "HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n";
    let there = redirect(303, "/wait");
    let steps =
        [(there.as_str(), Then::Close), (trouble, Then::Close), ("", Then::Reset), (&good, Then::Close)];
    let (outcome, requests) = against("/", &steps).await;
    outcome.done();
    assert_eq!(
        requests,
        ["POST / HTTP/1.1", "GET /wait HTTP/1.1", "GET /wait HTTP/1.1", "GET /wait HTTP/1.1"]
    );
    let (outcome, requests) = against("/", &[(&there, Then::Close), (trouble, Then::Close)]).await;
    assert!(outcome.lost().remedy.contains("before you run it again"), "the run may have ended well");
    assert_eq!(requests.iter().filter(|line| line.starts_with("POST")).count(), 1);
}

#[tokio::test]
async fn a_refusal_whose_text_never_ends_is_a_refusal() {
    for head in ["Content-Length: 100\r\n\r\n{", "Content-Type: text/html\r\n\r\n<h1>", "\r\n"] {
        let (outcome, _) = against("/", &[(&format!("HTTP/1.1 401 X\r\n{head}"), Then::Hang)]).await;
        assert!(outcome.refused().what.contains("credentials (401"));
    }
}

#[tokio::test]
async fn a_whole_result_is_the_end_though_the_line_stays_open() {
    for (head, tail) in [(JSON, ""), (JSON, "  \n"), (STREAM, ""), (STREAM, "\n")] {
        let data = if head == STREAM { "event: prompt_result\ndata: " } else { "" };
        let (outcome, _) = against("/", &[(&format!("{head}{data}{RESULT}{tail}"), Then::Hang)]).await;
        outcome.done();
        assert_eq!(outcome.files(), [("a.txt".to_owned(), b"hello".to_vec())]);
    }
}

#[tokio::test]
async fn odd_lengths_lose_nothing_that_came() {
    let more = RESULT.len() + 10;
    let long = JSON.replace("\r\n\r\n", &format!("\r\nContent-Length: {more}\r\n\r\n"));
    let old = JSON.replace("1.1", "1.0");
    for answer in [format!("{long}{RESULT}"), format!("{old}{RESULT}")] {
        let (outcome, _) = against("/", &[(&answer, Then::Close)]).await;
        outcome.done();
    }
    let two = RESULT.replace("]}", r#",{"filename":"b.txt","data":"aGVsbG8="}]}"#);
    let short = JSON.replace("\r\n\r\n", &format!("\r\nContent-Length: {}\r\n\r\n", two.len() - 8));
    let (outcome, _) = against("/", &[(&format!("{short}{two}"), Then::Close)]).await;
    assert!(outcome.lost().remedy.contains("1 of its outputs was saved"));
    assert_eq!(outcome.names(), ["a.txt", "b.txt.part"]);
}

#[tokio::test]
async fn an_answer_that_is_packed_unasked_says_so() {
    let mut server = Server::start(vec![(
        format!("{}\x1f", STREAM.replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n")).into_bytes(),
        Then::Close,
    )])
    .await;
    let outcome = submit(job(server.url.clone(), small())).await;
    assert!(outcome.lost().what.contains("(gzip)"), "{:?}", outcome.end);
    let request = server.requests.recv().await.expect("a request");
    assert!(request.contains("accept-encoding: identity"), "{request}");
}

#[tokio::test]
async fn an_output_at_an_address_that_hangs_fails_alone() {
    let links = RESULT.replace(
        "]}",
        r#",{"filename":"b.txt","filepath":"/b"},{"filename":"c","filepath":"file:///etc/passwd"}]}"#,
    );
    let file = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    let answers = [(format!("{JSON}{links}"), Then::Close), (file.to_owned(), Then::Hang)];
    let answers: Vec<_> = answers.iter().map(|(text, then)| (text.as_str(), *then)).collect();
    let (outcome, _) = against("/", &answers).await;
    assert!(outcome.failed().what.contains("2 of 3"), "{:?}", outcome.end);
    // As each ends: what is not tried is told first.
    assert!(outcome.failures()[0].why.contains("file:/etc/passwd is not safe"));
    assert!(outcome.failures()[1].why.contains("no data came"), "{:?}", outcome.failures());
    assert_eq!(outcome.files()[1], ("b.txt.part".to_owned(), b"half".to_vec()), "what came is kept");
    assert_eq!(outcome.names(), ["a.txt", "b.txt.part"]);
}

#[tokio::test]
async fn an_output_folder_that_goes_away_costs_what_cannot_be_saved() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let dir = tempfile::tempdir().expect("a folder");
    let out = dir.path().join("out");
    let gone = out.clone();
    let server = async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read(&mut stream).await;
        // Decoded in blocks: a short text would wait for more before the folder is made.
        let long = "aGVs".repeat(64 * 1024);
        let first = format!(r#"{JSON}{{"status":"success","outputs":[{{"filename":"a.txt","data":"{long}"#);
        stream.write_all(first.as_bytes()).await.expect("written");
        // Its file too: one that is made while the folder goes would keep it.
        while !std::fs::read_dir(&gone).is_ok_and(|mut files| files.next().is_some()) {
            tokio::task::yield_now().await;
        }
        std::fs::remove_dir_all(&gone).expect("removed");
        let rest = r#"bG8="},{"filename":"b.txt","data":"aGVsbG8="}]}"#;
        stream.write_all(rest.as_bytes()).await.expect("written");
    };
    tokio::spawn(tokio::time::timeout(Duration::from_secs(20), server));
    let (sink, mut events) = mpsc::channel(64);
    let job = Job { outputs: OutputFolder::new(&out, 1), ..job(url, small()) };
    let backend = StreamBackend::default();
    let (end, ()) = tokio::join!(backend.submit(job, sink), async { while events.recv().await.is_some() {} });
    assert!(end.is_ok(), "{end:?}");
    let names: Vec<PathBuf> =
        std::fs::read_dir(&out).expect("made again").map(|e| e.expect("one").path()).collect();
    assert_eq!(names, [out.join("b.txt")]);
}
