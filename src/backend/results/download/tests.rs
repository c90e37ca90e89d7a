//! Downloads from local servers that behave like real servers and networks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::{Barrier, Notify, mpsc};

use super::*;
use crate::backend::HttpLimits;
use crate::domain::run::{Output as Saved, OutputFailure};

/// Longer than any wait here; a test that takes so long has failed.
const LONG: Duration = Duration::from_secs(20);

const SIZE: usize = 300_000;

/// A file's content without repetitions.
fn content() -> Vec<u8> {
    (0..SIZE as u32 / 4).flat_map(u32::to_be_bytes).collect()
}

/// A request that a server received.
#[derive(Clone, Debug)]
struct Received {
    path: String,
    headers: HeaderMap,
}

impl Received {
    fn get(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

struct Server {
    home: Url,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl Server {
    /// Answers the n-th request with the function's result.
    async fn start<F>(answer: impl Fn(usize, Received) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let home = format!("http://{}/api", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (memory, answer) = (requests.clone(), Arc::new(answer));
        let app = Router::new().fallback(move |request: Request| {
            let one = Received { path: request.uri().path().to_owned(), headers: request.headers().clone() };
            let number = {
                let mut memory = memory.lock().expect("no panic");
                memory.push(one.clone());
                memory.len() - 1
            };
            answer(number, one)
        });
        tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
        Self { home: home.parse().expect("a URL"), requests }
    }

    /// As [`Self::start`], for immediate answers.
    async fn simple(answer: impl Fn(usize, &Received) -> Response + Send + Sync + 'static) -> Self {
        Self::start(move |number, request| std::future::ready(answer(number, &request))).await
    }

    fn requests(&self) -> Vec<Received> {
        self.requests.lock().expect("no panic").clone()
    }

    /// The `Range` headers requested.
    fn ranges(&self) -> Vec<Option<String>> {
        self.requests().iter().map(|request| request.get(header::RANGE).map(str::to_owned)).collect()
    }
}

/// A body that breaks off after some bytes.
fn broken(bytes: &[u8]) -> Body {
    let pieces = [Ok(Bytes::copy_from_slice(bytes)), Err(std::io::Error::other("broken"))];
    // As separate chunks, so that those before the break are sent.
    Body::from_stream(stream::unfold(pieces.into_iter(), |mut pieces| async move {
        tokio::task::yield_now().await;
        Some((pieces.next()?, pieces))
    }))
}

/// A body without a length.
fn unmeasured(bytes: &[u8]) -> Body {
    Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::copy_from_slice(bytes))]))
}

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = (StatusCode::from_u16(status).expect("a status"), body.into()).into_response();
    for (name, value) in headers {
        let name = header::HeaderName::from_bytes(name.as_bytes()).expect("a name");
        response.headers_mut().insert(name, value.parse().expect("a value"));
    }
    response
}

/// The whole content announced, but only some bytes sent.
fn half(etag: &str, bytes: usize) -> Response {
    let length = SIZE.to_string();
    let mut headers = vec![("content-length", length.as_str())];
    if !etag.is_empty() {
        headers.push(("etag", etag));
    }
    answer(200, &headers, broken(&content()[..bytes]))
}

/// The file from a correct server, with support for ranges.
fn honest(etag: &str, request: &Received) -> Response {
    let content = content();
    let is_same = request.get(header::IF_RANGE).is_none_or(|condition| condition == etag);
    let from = request
        .get(header::RANGE)
        .filter(|_| is_same)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let Some(from) = from else { return answer(200, &[("etag", etag)], content) };
    let range = format!("bytes {from}-{}/{SIZE}", SIZE - 1);
    answer(206, &[("etag", etag), ("content-range", &range)], content[from..].to_vec())
}

fn link(name: &str, address: &str) -> OutputInfo {
    OutputInfo { filename: name.to_owned(), filepath: Some(address.to_owned()), ..OutputInfo::default() }
}

struct Fetching {
    home: Url,
    saved: Vec<String>,
    silence: Duration,
    fresh: Option<Box<dyn Fresh + Send>>,
    dir: tempfile::TempDir,
}

struct Outcome {
    events: Vec<RunEvent>,
    fetched: Fetched,
    files: BTreeMap<String, Vec<u8>>,
}

impl Fetching {
    fn of(home: &Url) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self { home: home.clone(), saved: Vec::new(), silence: LONG, fresh: None, dir }
    }

    async fn run(self, list: Vec<OutputInfo>) -> Outcome {
        let limits = HttpLimits {
            fetch: self.silence,
            retries: vec![Duration::from_millis(1); 3],
            ..HttpLimits::default()
        };
        let http = Http::new(limits, crate::domain::run::Trust::default());
        let links = Links {
            http: &http,
            home: &self.home,
            credentials: None,
            folder: OutputFolder::new(self.dir.path(), 1),
            saved: &self.saved,
            fresh: self.fresh.as_deref().map(|fresh| fresh as &dyn Fresh),
            again: "run again",
        };
        let (sink, mut received) = mpsc::channel(4);
        let fetch = async {
            let mut out = Reporter::new(sink);
            fetch_all(&links, list, &mut out).await.expect("listened to")
        };
        let listen = async {
            let mut events = Vec::new();
            while let Some(event) = received.recv().await {
                events.push(event);
            }
            events
        };
        let both = async { tokio::join!(fetch, listen) };
        let (fetched, events) = tokio::time::timeout(LONG, both).await.expect("an end");
        assert!(!format!("{events:?}").contains("hush"), "{events:?}");
        Outcome { events, fetched, files: files(self.dir.path()) }
    }
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry"));
    let read = |path: &Path| std::fs::read(path).expect("read");
    entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(&entry.path()))).collect()
}

async fn fetch(server: &Server, list: Vec<OutputInfo>) -> Outcome {
    Fetching::of(&server.home).run(list).await
}

impl Outcome {
    /// Picks something from the events.
    fn all<'a, T>(&'a self, pick: impl Fn(&'a RunEvent) -> Option<T>) -> Vec<T> {
        self.events.iter().filter_map(pick).collect()
    }

    fn saved(&self) -> Vec<&Saved> {
        self.all(|event| if let RunEvent::OutputSaved(saved) = event { Some(saved) } else { None })
    }

    fn failures(&self) -> Vec<&OutputFailure> {
        self.all(|event| if let RunEvent::OutputFailed(failure) = event { Some(failure) } else { None })
    }

    fn warnings(&self) -> Vec<&str> {
        self.all(|event| if let RunEvent::Warning { text } = event { Some(text.as_str()) } else { None })
    }

    fn last_transfer(&self) -> Option<Transfer> {
        self.events.iter().rev().find_map(|e| if let RunEvent::Download(t) = e { Some(*t) } else { None })
    }

    /// Asserts that one file was saved completely.
    fn is_whole(&self) {
        assert_eq!((self.fetched, self.failures()), (Fetched { saved: 1, failed: 0 }, vec![]));
        assert!(self.files.len() == 1 && self.files["a.bin"] == content(), "{:?}", self.files.keys());
        let last = Transfer { done: SIZE as u64, total: Some(SIZE as u64) };
        assert_eq!(self.last_transfer(), Some(last), "what came twice counts once");
    }

    /// The reason why one file failed.
    fn why(&self) -> &str {
        assert_eq!(self.fetched, Fetched { saved: 0, failed: 1 }, "{:?}", self.saved());
        &self.failures()[0].why
    }
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let tag = "\"v1\"";
    let server = Server::simple(move |number, request| match number {
        0 => half(tag, 100_000),
        1 => answer(503, &[("retry-after", "0")], "busy"),
        _ => honest(tag, request),
    })
    .await;
    let outcome = fetch(&server, vec![link("a.bin", "/a?sig=hush")]).await;
    outcome.is_whole();
    let again = Some("bytes=100000-".to_owned());
    assert_eq!(server.ranges(), [None, again.clone(), again]);
    let requests = server.requests();
    assert_eq!(requests[2].get(header::IF_RANGE), Some(tag));
    for request in requests {
        assert_eq!(request.get(header::ACCEPT_ENCODING), Some("identity"));
        for name in ["authorization", "client_id", "client_secret", "cookie", "referer"] {
            assert!(!request.headers.contains_key(name), "{name}");
        }
    }
}

#[tokio::test]
async fn our_own_addresss_token_stays_with_the_server() {
    let server = Server::simple(|_, _| answer(200, &[], content())).await;
    let home = server.home.as_str().replace("http://", "http://me:hush@") + "?key=hush";
    for address in ["/a", "a", &format!("{}/a", server.home)] {
        let fetching = Fetching::of(&home.parse().expect("a URL"));
        fetching.run(vec![link("a.bin", address)]).await.is_whole();
    }
    for request in server.requests() {
        assert!(!format!("{request:?}").contains("hush") && !request.headers.contains_key("authorization"));
    }
}

/// A random misbehaviour of server or network, with one of two versions of the file.
fn chance(rng: &mut fastrand::Rng, request: &Received) -> Response {
    let (etag, content) = match rng.u8(..8) {
        0 => ("\"b\"", content().into_iter().rev().collect()),
        _ => ("\"a\"", content()),
    };
    let asked = request.get(header::RANGE).and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
    let asked = asked.and_then(|from| from.parse::<usize>().ok());
    let is_same = request.get(header::IF_RANGE).is_none_or(|condition| condition == etag);
    let (status, first) = match (rng.u8(..12), asked) {
        (0, _) => return answer(503, &[], "busy"),
        (1, Some(_)) => return answer(416, &[("content-range", "bytes */300000")], ""),
        // A range that was not requested.
        (2, Some(from)) => (206, from.saturating_sub(rng.usize(..5))),
        // Ignores `If-Range`.
        (3, Some(from)) => (206, from),
        (4.., Some(from)) if is_same => (206, from),
        _ => (200, 0),
    };
    let range = format!("bytes {first}-{}/{SIZE}", SIZE - 1);
    let length = (SIZE - first).to_string();
    let mut headers = vec![("etag", etag)];
    if status == 206 {
        headers.push(("content-range", &range));
    }
    let end = rng.usize(first..=SIZE);
    if rng.bool() {
        return answer(status, &headers, content[first..].to_vec());
    }
    // A break is an error even without a length.
    if rng.bool() {
        headers.push(("content-length", &length));
    }
    answer(status, &headers, broken(&content[first..end]))
}

#[tokio::test]
async fn whatever_happens_a_saved_file_is_one_version_whole() {
    let turned: Vec<u8> = content().into_iter().rev().collect();
    let mut saved = 0;
    for seed in 0..60 {
        let rng = Mutex::new(fastrand::Rng::with_seed(seed));
        let server =
            Server::simple(move |_, request| chance(&mut rng.lock().expect("no panic"), request)).await;
        let outcome = fetch(&server, vec![link("a.bin", "/a")]).await;
        assert_eq!(outcome.fetched.saved + outcome.fetched.failed, 1);
        if let Some(file) = outcome.files.get("a.bin") {
            saved += 1;
            assert!(*file == content() || *file == turned, "seed {seed}: {:?}", server.requests());
        }
        if outcome.fetched.saved == 1 {
            let whole = Transfer { done: SIZE as u64, total: Some(SIZE as u64) };
            assert_eq!(outcome.last_transfer(), Some(whole), "seed {seed}");
        }
    }
    assert!(saved > 40, "{saved}");
}

#[tokio::test]
async fn a_line_that_breaks_often_has_its_tries_again_with_what_came() {
    let server = Server::simple(|_, request| {
        let range =
            request.get(header::RANGE).and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        let from: usize = range.map_or(0, |from| from.parse().expect("a number"));
        let end = (from + 70_000).min(SIZE);
        let length = (SIZE - from).to_string();
        let range = format!("bytes {from}-{}/{SIZE}", SIZE - 1);
        let status = if from == 0 { 200 } else { 206 };
        let mut headers = vec![("content-length", length.as_str())];
        if from > 0 {
            headers.push(("content-range", &range));
        }
        let part = content()[from..end].to_vec();
        // Without a tag, only the size shows that it is the same file.
        if end < SIZE { answer(status, &headers, broken(&part)) } else { answer(status, &headers, part) }
    })
    .await;
    fetch(&server, vec![link("a.bin", "/a")]).await.is_whole();
    assert_eq!(server.requests().len(), 5, "more than there are tries without");
}

#[tokio::test]
async fn a_server_that_gives_no_parts_is_asked_for_the_whole() {
    type Answer = fn(&Received) -> Response;
    let wrong: [(&str, Answer); 7] = [
        ("ignores the range", |_| answer(200, &[], content())),
        ("another part", |_| answer(206, &[("content-range", "bytes 5-299999/300000")], vec![1; 299_995])),
        ("no part at all", |_| answer(206, &[], content())),
        ("another size", |_| {
            answer(206, &[("content-range", "bytes 100000-199999/200000")], vec![1; 100_000])
        }),
        ("another version", |_| {
            answer(
                206,
                &[("etag", "\"b\""), ("content-range", "bytes 100000-299999/300000")],
                vec![1; 200_000],
            )
        }),
        ("refuses", |_| answer(416, &[], "")),
        ("says it is shorter", |_| answer(416, &[("content-range", "bytes */50000")], "")),
    ];
    for (what, second) in wrong {
        let server = Server::simple(move |number, request| match number {
            0 => half("\"a\"", 100_000),
            1 => second(request),
            _ => answer(200, &[], content()),
        })
        .await;
        fetch(&server, vec![link("a.bin", "/a")]).await.is_whole();
        assert_eq!(server.ranges()[1].as_deref(), Some("bytes=100000-"), "{what}");
        assert!(server.ranges().get(2).is_none_or(Option::is_none), "{what}: {:?}", server.ranges());
    }
}

#[tokio::test]
async fn parts_of_files_that_may_differ_are_not_joined() {
    // Neither tag nor length.
    let server = Server::simple(|number, request| match number {
        0 => answer(200, &[], broken(&content()[..100_000])),
        _ => honest("\"a\"", request),
    })
    .await;
    fetch(&server, vec![link("a.bin", "/a")]).await.is_whole();
    assert_eq!(server.ranges(), [None, None]);
    // A weak tag may stand for other bytes; the date is reliable.
    let date = "Mon, 05 Jan 2026 10:00:00 GMT";
    let server = Server::simple(move |number, request| match number {
        0 => {
            let headers = [("etag", "W/\"a\""), ("last-modified", date), ("content-length", "300000")];
            answer(200, &headers, broken(&content()[..100_000]))
        }
        _ => honest(date, request),
    })
    .await;
    fetch(&server, vec![link("a.bin", "/a")]).await.is_whole();
    assert_eq!(server.requests()[1].get(header::IF_RANGE), Some(date));
}

#[tokio::test]
async fn sizes_are_checked() {
    let announced = |size: u64| OutputInfo { size: Some(size), ..link("a.bin", "/a") };
    // Its server knows the size better than the API: the file is complete, and a warning is given.
    let server = Server::simple(|_, _| answer(200, &[], content())).await;
    for size in [1, 400_000] {
        let outcome = fetch(&server, vec![announced(size)]).await;
        outcome.is_whole();
        assert_eq!(outcome.warnings(), [format!("a.bin: {size} bytes were announced, 300000 came")]);
    }
    assert_eq!(fetch(&server, vec![announced(0)]).await.warnings(), Vec::<&str>::new());
    assert_eq!(server.requests().len(), 3, "none was asked for twice");
    // Without a length, an end before the announced size may be a cut: the rest is requested.
    let server = Server::simple(|number, request| match number {
        0 => answer(200, &[("etag", "\"a\"")], unmeasured(&content()[..100_000])),
        _ => honest("\"a\"", request),
    })
    .await;
    let outcome = fetch(&server, vec![announced(SIZE as u64)]).await;
    outcome.is_whole();
    assert_eq!((server.ranges().len(), outcome.warnings()), (2, vec![]));
    let server = Server::simple(|_, _| answer(200, &[], unmeasured(&content()))).await;
    let outcome = fetch(&server, vec![announced(1)]).await;
    outcome.is_whole();
    assert!(
        !outcome
            .events
            .iter()
            .any(|e| matches!(e, RunEvent::Download(t) if t.total < Some(t.done) && t.total.is_some()))
    );
    // There is no rest, or it ends at the same place again.
    let beyond: fn() -> Response = || answer(416, &[("content-range", "bytes */300000")], "");
    let again: fn() -> Response = || answer(200, &[], unmeasured(&content()));
    for rest in [beyond, again] {
        let server = Server::simple(move |number, _| match number {
            0 => again(),
            _ => rest(),
        })
        .await;
        let outcome = fetch(&server, vec![announced(400_000)]).await;
        outcome.is_whole();
        assert_eq!((server.ranges().len(), outcome.warnings().len()), (2, 1));
    }
}

#[tokio::test]
async fn what_never_gets_whole_fails_with_what_came() {
    let server = Server::simple(|_, _| half("\"a\"", 30_000)).await;
    let outcome = fetch(&server, vec![link("a.bin", "/a?sig=hush")]).await;
    assert!(outcome.why().contains("broke before it was complete") && outcome.why().contains("run again"));
    assert!(outcome.files["a.bin.part"] == content()[..30_000], "{:?}", outcome.files.keys());
    assert_eq!(
        outcome.failures()[0].kept.as_ref().and_then(|path| path.file_name()),
        Some("a.bin.part".as_ref())
    );
    assert_eq!(server.requests().len(), 4, "the first, and one behind each wait");
    // Silence counts as a break.
    let server = Server::start(|number, _| async move {
        match number {
            0 => std::future::pending().await,
            _ => answer(200, &[], content()),
        }
    })
    .await;
    let silence = Duration::from_millis(200);
    let fetching = Fetching { silence, ..Fetching::of(&server.home) };
    fetching.run(vec![link("a.bin", "/a")]).await.is_whole();
    let server = Server::simple(|_, _| answer(200, &[("content-encoding", "gzip")], "x")).await;
    assert!(fetch(&server, vec![link("a", "/a")]).await.why().contains("compressed form"));
    assert_eq!(server.requests().len(), 1);
}

/// Returns these addresses one after the other.
struct Addresses(Mutex<Vec<&'static str>>);

impl Fresh for Addresses {
    fn fresh<'a>(&'a self, position: usize, stale: &'a OutputInfo) -> BoxFuture<'a, Option<OutputInfo>> {
        assert_eq!((position, stale.filename.as_str()), (0, "a.bin"));
        let next = self.0.lock().expect("no panic").pop();
        Box::pin(async move { next.map(|address| link("a.bin", address)) })
    }
}

#[tokio::test]
async fn a_link_that_ran_out_is_asked_for_anew() {
    let fresh = |addresses: &[&'static str]| -> Option<Box<dyn Fresh + Send>> {
        Some(Box::new(Addresses(Mutex::new(addresses.iter().rev().copied().collect()))))
    };
    for status in [400, 401, 403, 404, 410] {
        let server = Server::simple(move |_, request| match request.path.as_str() {
            "/new" => honest("\"a\"", request),
            _ => answer(status, &[], "expired"),
        })
        .await;
        let fetching = Fetching { fresh: fresh(&["/new?sig=hush"]), ..Fetching::of(&server.home) };
        fetching.run(vec![link("a.bin", "/old?sig=hush")]).await.is_whole();
        let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(paths, ["/old", "/new"]);
        let outcome = fetch(&server, vec![link("a.bin", "/old?sig=hush")]).await;
        assert!(outcome.why().contains(&format!("({status} ")) && outcome.why().contains("run again"));
    }
    // In the middle: the new link continues the same file, and starts again for another.
    for (tag, second) in [("\"a\"", 206), ("\"b\"", 200)] {
        let server = Server::simple(move |number, request| match (number, request.path.as_str()) {
            (0, _) => half("\"a\"", 100_000),
            (_, "/new") => honest(tag, request),
            _ => answer(403, &[], ""),
        })
        .await;
        let fetching = Fetching { fresh: fresh(&["/new"]), ..Fetching::of(&server.home) };
        fetching.run(vec![link("a.bin", "/old")]).await.is_whole();
        assert_eq!(server.ranges()[2].as_deref(), Some("bytes=100000-"), "{second}");
    }
    // Links that expire at once are not renewed for ever.
    let server = Server::simple(|_, _| answer(403, &[], "")).await;
    let fetching = Fetching { fresh: fresh(&["/b"; 50]), ..Fetching::of(&server.home) };
    assert!(fetching.run(vec![link("a.bin", "/a")]).await.why().contains("403 Forbidden"));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn redirects_are_followed_only_where_an_address_may_lead() {
    let server = Server::simple(|_, request| match request.path.as_str() {
        "/there" => answer(302, &[("location", "/a")], ""),
        "/elsewhere" => answer(302, &[("location", "http://169.254.169.254/latest?sig=hush")], ""),
        "/file" => answer(302, &[("location", "file:///etc/passwd")], ""),
        "/name" => answer(307, &[("location", "http://host.invalid/a?sig=hush")], ""),
        _ => answer(200, &[], content()),
    })
    .await;
    fetch(&server, vec![link("a.bin", "/there")]).await.is_whole();
    for (address, why) in [
        ("/elsewhere", "169.254.169.254, where links"),
        ("/file", "redirects from https to file:/etc/passwd"),
        ("/name", "host.invalid"),
        ("http://10.0.0.1/?sig=hush", "10.0.0.1, where links"),
        ("http://[::ffff:10.0.0.1]/?sig=hush", "where links of this server may not lead"),
        ("http://8.8.8.8/?sig=hush", "8.8.8.8, where links"),
        ("gopher://x/?sig=hush", "gopher"),
        ("https://[::1/?sig=hush", "cannot be read"),
        ("", "neither its data nor its address"),
    ] {
        let outcome = fetch(&server, vec![link("a.bin", address)]).await;
        assert!(outcome.why().contains(why), "{address}: {}", outcome.why());
    }
}

#[tokio::test]
async fn a_public_api_leads_nobody_into_this_machine() {
    let server = Server::simple(|_, _| answer(200, &[], content())).await;
    let port = server.home.port().expect("a port");
    let home: Url = "https://192.0.34.166/api".parse().expect("a URL");
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        for scheme in ["http", "https"] {
            let outcome = Fetching::of(&home)
                .run(vec![link("a", &format!("{scheme}://{host}:{port}/?sig=hush"))])
                .await;
            let why = outcome.why();
            assert!(
                why.contains("where links of this server may not lead") || why.contains("is not safe"),
                "{scheme} {host}: {why}"
            );
        }
    }
    assert_eq!(server.requests().len(), 0);
    // A local server may be on another port than a local API.
    let home: Url = "http://127.0.0.1:9/api".parse().expect("a URL");
    let outcome = Fetching::of(&home).run(vec![link("a.bin", &format!("http://localhost:{port}/"))]).await;
    outcome.is_whole();
}

#[tokio::test]
async fn three_come_at_a_time_and_all_are_counted_together() {
    let (together, now, most) =
        (Arc::new(Barrier::new(3)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let server = Server::start(move |_, _| {
        let (together, now, most) = (together.clone(), now.clone(), most.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Only passed by three together.
            together.wait().await;
            // Client and server take turns on one thread, so a fourth would have come by now.
            for _ in 0..1_000 {
                tokio::task::yield_now().await;
            }
            now.fetch_sub(1, Ordering::SeqCst);
            answer(200, &[], content())
        }
    })
    .await;
    let list =
        (0..9).map(|n| OutputInfo { size: Some(SIZE as u64), ..link(&format!("{n}.bin"), &format!("/{n}")) });
    let outcome = fetch(&server, list.collect()).await;
    assert_eq!(outcome.fetched, Fetched { saved: 9, failed: 0 });
    assert_eq!(seen.load(Ordering::SeqCst), 3);
    let all = 9 * SIZE as u64;
    assert_eq!(outcome.last_transfer(), Some(Transfer { done: all, total: Some(all) }));
    for event in &outcome.events {
        assert!(!matches!(event, RunEvent::Download(transfer) if transfer.total != Some(all)), "{event:?}");
    }
}

#[tokio::test]
async fn outputs_of_one_name_are_numbered_as_they_were_announced() {
    let other_is_whole = Arc::new(Notify::new());
    let server = Server::start(move |_, request| {
        let other_is_whole = other_is_whole.clone();
        async move {
            if request.path == "/other" {
                other_is_whole.notify_one();
            } else if request.path == "/first" {
                other_is_whole.notified().await;
            }
            answer(200, &[("content-type", "image/png")], request.path)
        }
    })
    .await;
    let list =
        vec![link("a.png", "/first"), link("a", "/second"), link("A.png", "/third"), link("b", "/other")];
    let outcome = fetch(&server, list).await;
    let named =
        |(name, bytes): (&String, &Vec<u8>)| (name.clone(), String::from_utf8_lossy(bytes).into_owned());
    let files: Vec<_> = outcome.files.iter().map(named).collect();
    let expected = [("A.png", "/third"), ("a-2.png", "/second"), ("a.png", "/first"), ("b.png", "/other")];
    assert_eq!(files, expected.map(|(name, path)| (name.to_owned(), path.to_owned())));
}

#[tokio::test]
async fn what_is_on_disk_already_is_passed_over() {
    let server = Server::simple(|_, request| answer(200, &[], request.path.clone())).await;
    let list: Vec<_> = ["/1", "/2", "/3"].map(|address| link("a.png", address)).into();
    let list = list.into_iter().chain([link("b.png", "/4"), link("", "/x/c%20d.png?sig=hush")]).collect();
    let saved = ["a.png", "a.png", "c d.png", "gone.png"].map(str::to_owned).to_vec();
    let outcome = Fetching { saved, ..Fetching::of(&server.home) }.run(list).await;
    let paths: Vec<_> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths.len(), 2);
    assert!(paths.contains(&"/3".to_owned()) && paths.contains(&"/4".to_owned()), "{paths:?}");
    assert_eq!(outcome.fetched, Fetched { saved: 5, failed: 0 });
    let outcome =
        Fetching { saved: vec!["a".into()], ..Fetching::of(&server.home) }.run(vec![link("a", "/")]).await;
    assert_eq!((outcome.fetched, outcome.events), (Fetched { saved: 1, failed: 0 }, vec![]));
}

#[tokio::test]
async fn a_link_without_a_name_has_the_one_of_its_address() {
    let server = Server::simple(|_, _| answer(200, &[("content-type", "image/png")], "x")).await;
    for (address, name) in [
        ("/out/cat%20and%20dog.png?sig=hush", "cat and dog.png"),
        ("/out/plus+plus", "plus+plus.png"),
        ("/out/..%2f..%2fetc%2fpasswd", "passwd.png"),
        ("/out/%ff%00x", "\u{fffd}x.png"),
        ("/out/folder/", "folder.png"),
        ("/", "output.png"),
    ] {
        let outcome = fetch(&server, vec![link("", address)]).await;
        assert_eq!(outcome.files.keys().collect::<Vec<_>>(), [name]);
        assert_eq!(outcome.saved()[0].content_type, "image/png");
    }
}

#[tokio::test]
async fn a_download_that_is_dropped_leaves_no_file() {
    let server = Server::simple(|_, _| {
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![7; 64 * 1024])));
        answer(200, &[], Body::from_stream(endless))
    })
    .await;
    let dir = tempfile::tempdir().expect("a folder");
    let (path, home) = (dir.path().to_owned(), server.home.clone());
    let (sink, mut received) = mpsc::channel(4);
    let task = tokio::spawn(async move {
        let http = Http::default();
        let folder = OutputFolder::new(path, 1);
        let links = Links {
            http: &http,
            home: &home,
            credentials: None,
            folder,
            saved: &[],
            fresh: None,
            again: "run again",
        };
        let list = ["/1", "/2", "/3", "/4"].map(|address| link("a", address)).into();
        fetch_all(&links, list, &mut Reporter::new(sink)).await.map(drop)
    });
    let listen = async {
        while let Some(event) = received.recv().await {
            if matches!(event, RunEvent::Download(transfer) if transfer.done > 3_000_000) {
                assert!(!files(dir.path()).is_empty());
                task.abort();
            }
        }
    };
    // The writers hold the last senders: when the channel closes, their files are removed.
    tokio::time::timeout(LONG, listen).await.expect("an end");
    assert_eq!(files(dir.path()).len(), 0);
}
