//! Against a server that another hand wrote (socketioxide), and over a line of our own where time and bytes matter.

use std::future::Future;

use axum::Router;
use serde::Deserialize;
use serde_json::json;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use socketioxide::{AckError, SocketIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use futures_util::{SinkExt as _, StreamExt as _};

use super::*;
use crate::config::{Credential, Secret};
use crate::demo::{self, CloudFault, DemoOptions};
use crate::domain::run::Form;
use crate::wire::cloud::News;

/// Longer than anything here takes; a test that comes to it has failed.
const LONG: Duration = Duration::from_secs(20);
const OPEN: &str =
    r#"0{"sid":"e","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

fn credentials(secret: &str) -> Credentials {
    let credential = |(name, secret): (&str, &str)| Credential {
        name: name.to_owned(),
        header: name.to_owned(),
        form: Form::Plain,
        secret: Secret::new(secret),
    };
    [("client_id", "id-123456"), ("client_secret", secret)].map(credential).into_iter().collect()
}

fn url(text: &str) -> Url {
    Url::parse(text).expect("a url")
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("in time")
}

async fn connect(base: &str, credentials: &Credentials) -> Result<Socket, SocketError> {
    limited(base, credentials, &SocketLimits::default()).await
}

async fn limited(
    base: &str,
    credentials: &Credentials,
    limits: &SocketLimits,
) -> Result<Socket, SocketError> {
    soon(Socket::connect(&Http::default(), &url(base), credentials, limits)).await
}

/// What someone else's server looks like.
struct Service {
    base: String,
    /// Its sides of the connections that it has let in.
    sockets: mpsc::UnboundedReceiver<SocketRef>,
}

#[derive(Deserialize)]
struct Auth {
    client_id: String,
    client_secret: String,
}

async fn service(path: &str, ping: Duration) -> Service {
    let (let_in, sockets) = mpsc::unbounded_channel();
    let (layer, io) = SocketIo::builder()
        .req_path(format!("{path}/socket.io"))
        .ping_interval(ping)
        .ping_timeout(ping)
        .build_layer();
    let guard = async |TryData(auth): TryData<Auth>| match auth {
        Ok(auth) if auth.client_id == "id-123456" && auth.client_secret == "hush-hush" => Ok(()),
        Ok(auth) => Err(format!("unknown client_secret {}", auth.client_secret)),
        Err(error) => Err(error.to_string()),
    };
    let welcome = async move |socket: SocketRef| {
        let_in.send(socket).ok();
    };
    io.ns("/", welcome.with(guard));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}{path}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().layer(layer)).await });
    Service { base, sockets }
}

async fn live() -> (Socket, SocketRef, Service) {
    let mut service = service("", Duration::from_secs(25)).await;
    let socket = connect(&service.base, &credentials("hush-hush")).await.expect("let in");
    let theirs = soon(service.sockets.recv()).await.expect("their side");
    (socket, theirs, service)
}

fn log(prompt_id: &str, text: &str) -> Message {
    let news = News::Log { text: text.to_owned() };
    Message::News(cloud::Event { prompt_id: Some(prompt_id.to_owned()), news })
}

fn what(end: Result<Message, SocketError>) -> String {
    match end {
        Err(SocketError::Lost(error)) => {
            assert!(!error.remedy.is_empty());
            error.what
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_is_known_is_let_in_under_the_name_that_counts() {
    let (socket, theirs, _service) = live().await;
    assert_eq!(socket.sid(), theirs.id.as_str());
    assert!(!format!("{socket:?}").contains("hush-hush"));
}

#[tokio::test]
async fn a_service_may_stand_below_a_path() {
    let service = service("/deep/down", Duration::from_secs(25)).await;
    for base in [service.base.clone(), format!("{}/", service.base)] {
        connect(&base, &credentials("hush-hush")).await.expect(&base);
    }
}

#[tokio::test]
async fn rejected_credentials_are_reported_without_the_secret() {
    let service = service("", Duration::from_secs(25)).await;
    let error = connect(&service.base, &credentials("wrong-secret")).await.expect_err("refused");
    let SocketError::Refused(refusal) = &error else { panic!("{error:?}") };
    assert_eq!(refusal.what, "the service rejected the login: unknown client_secret ••••");
    assert!(refusal.remedy.contains("client_secret") && !format!("{error:?}").contains("wrong-secret"));
    let error = connect(&service.base, &Credentials::default()).await.expect_err("refused");
    assert!(matches!(error, SocketError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn events_come_in_order_whatever_comes_between_them() {
    let (mut socket, theirs, _service) = live().await;
    let send = |text: &str| {
        theirs.emit("infer_log_message", &json!({"prompt_id": "p", "data": text})).expect("sent")
    };
    send("one");
    theirs.emit("thumbnail", &json!({"prompt_id": "p", "n": 18_446_744_073_709_551_615_u64})).expect("sent");
    theirs.emit("preview", &bytes::Bytes::from(vec![7; 100_000])).expect("sent");
    send("two");
    assert_eq!(soon(socket.next()).await.expect("news"), log("p", "one"));
    let mut others = Vec::new();
    for _ in 0..2 {
        match soon(socket.next()).await.expect("news") {
            Message::News(cloud::Event { news: News::Other { name, text }, .. }) => others.push((name, text)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        others[0],
        ("thumbnail".to_owned(), r#"{"prompt_id":"p","n":18446744073709551615}"#.to_owned())
    );
    assert_eq!((others[1].0.as_str(), others[1].1.contains("_placeholder")), ("preview", true));
    assert_eq!(soon(socket.next()).await.expect("news"), log("p", "two"));
}

#[tokio::test]
async fn an_event_that_wants_an_acknowledgement_gets_one() {
    let (mut socket, theirs, _service) = live().await;
    let payload = json!({"prompt_id": "p", "data": "a"});
    let acknowledged = theirs.emit_with_ack::<_, ()>("infer_log_message", &payload).expect("sent");
    assert_eq!(soon(socket.next()).await.expect("news"), log("p", "a"));
    // The answer leaves when the socket is waited for again.
    tokio::select! {
        more = socket.next() => panic!("{more:?}"),
        // It came, and is empty, which this server has no type for.
        answer = soon(acknowledged) => assert!(matches!(answer, Err(AckError::Decode(_))), "{answer:?}"),
    }
}

#[tokio::test]
async fn a_large_message_comes_whole_and_a_monstrous_one_not_at_all() {
    let (mut socket, theirs, mut service) = live().await;
    let large = "x".repeat(20 << 20);
    let record =
        json!({"prompt_id": "p", "status": "success", "outputs": [{"filename": "a", "data": large}]});
    theirs.emit("infer_result_message", &record).expect("sent");
    let Message::News(cloud::Event { news: News::Result(Some(record)), .. }) =
        soon(socket.next()).await.expect("news")
    else {
        panic!("no record")
    };
    assert_eq!(record.outputs[0].data.as_ref().map(String::len), Some(large.len()));
    let limits = SocketLimits { message: 1 << 20, ..SocketLimits::default() };
    let mut socket = limited(&service.base, &credentials("hush-hush"), &limits).await.expect("let in");
    let theirs = soon(service.sockets.recv()).await.expect("their side");
    theirs.emit("infer_log_message", &json!({"data": large})).expect("sent");
    assert!(what(soon(socket.next()).await).contains("too large"));
}

#[tokio::test]
async fn a_service_that_puts_us_out_is_a_loss() {
    let (mut socket, theirs, _service) = live().await;
    theirs.disconnect().expect("put out");
    assert!(what(soon(socket.next()).await).ends_with("ended the live connection"));
    // Asked again, it is still over.
    assert!(!what(soon(socket.next()).await).is_empty());
}

#[tokio::test]
async fn leaving_is_sent_to_the_service() {
    let (socket, theirs, _service) = live().await;
    let (left, mut reasons) = mpsc::unbounded_channel();
    theirs.on_disconnect(async move |reason: socketioxide::socket::DisconnectReason| {
        left.send(reason).expect("received");
    });
    socket.close().await;
    let reason = soon(reasons.recv()).await.expect("a reason");
    assert_eq!(reason, socketioxide::socket::DisconnectReason::ClientNSDisconnect);
}

#[tokio::test]
async fn pings_are_answered_as_long_as_it_is_waited_for() {
    let mut service = service("", Duration::from_millis(100)).await;
    let mut socket = connect(&service.base, &credentials("hush-hush")).await.expect("let in");
    let theirs = soon(service.sockets.recv()).await.expect("their side");
    // Five times as long as the server waits for an answer.
    assert!(tokio::time::timeout(Duration::from_secs(1), socket.next()).await.is_err());
    theirs.emit("infer_log_message", &json!({"prompt_id": "p", "data": "still here"})).expect("sent");
    assert_eq!(soon(socket.next()).await.expect("news"), log("p", "still here"));
}

#[tokio::test]
async fn a_line_that_is_cut_is_a_loss() {
    let mut service = service("", Duration::from_secs(25)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let between = listener.local_addr().expect("an address");
    let there = service.base.strip_prefix("http://").expect("http").to_owned();
    let (cut, is_cut) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut ours, _) = listener.accept().await.expect("a caller");
        let mut theirs = TcpStream::connect(there).await.expect("the service");
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut ours, &mut theirs) => {}
            _ = is_cut => {}
        }
    });
    let mut socket = connect(&format!("http://{between}"), &credentials("hush-hush")).await.expect("let in");
    soon(service.sockets.recv()).await.expect("their side");
    cut.send(()).expect("cut");
    assert!(what(soon(socket.next()).await).contains("the live connection to"));
}

/// A server that gives one answer to whatever is asked; what was asked comes back.
async fn answering(answer: &'static str) -> (String, oneshot::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let (asked, question) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a request"));
        }
        stream.write_all(answer.as_bytes()).await.expect("answered");
        asked.send(String::from_utf8(head).expect("text")).expect("received");
        stream.shutdown().await.ok();
    });
    (base, question)
}

#[tokio::test]
async fn a_server_without_a_websocket_is_reported_as_such() {
    // An answer; what is said and what is to be done.
    let table = [
        ("401 Unauthorized\r\n", "it is not allowed (401)", "websockets"),
        ("403 Forbidden\r\n", "it is not allowed (403)", "websockets"),
        (
            "302 Found\r\nLocation: https://evil.io/x?token=1\r\n",
            "live connections to https://evil.io/x",
            "api_url",
        ),
        ("307 Temporary Redirect\r\n", "live connections to another address", "api_url"),
        (
            "404 Not Found\r\n",
            "does not open a live connection: there is no endpoint at this address",
            "api_url",
        ),
        (
            "503 Service Unavailable\r\nRetry-After: 30\r\n",
            "does not open a live connection",
            "in 30 seconds",
        ),
        ("200 OK\r\n", "does not open a live connection", "api_url"),
        (
            "101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n",
            "does not speak WebSocket",
            "api_url",
        ),
    ];
    for (head, what, remedy) in table {
        let answer =
            format!("HTTP/1.1 {head}Content-Length: 16\r\nConnection: close\r\n\r\n{{\"detail\": \"No\"}}");
        let (base, question) = answering(answer.leak()).await;
        let error = connect(&base, &credentials("hush-hush")).await.expect_err(head);
        assert!(matches!(error, SocketError::Unreachable(_)), "{error:?}");
        assert!(error.error().what.contains(what) && error.error().remedy.contains(remedy), "{error:?}");
        assert!(!format!("{error:?}").contains("token=1"));
        let question = soon(question).await.expect("a question");
        assert!(question.starts_with("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"), "{question}");
        let lower = question.to_ascii_lowercase();
        for never in ["hush", "id-123456", "client_id", "client_secret", "origin:", "cookie:"] {
            assert!(!lower.contains(never), "{question}");
        }
    }
}

#[tokio::test]
async fn obstacles_are_reported() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let table = [
        (format!("http://{closed}"), "nothing is listening at"),
        ("http://nowhere.invalid".to_owned(), "the host nowhere.invalid cannot be found"),
    ];
    for (base, what) in table {
        let error = connect(&base, &credentials("hush-hush")).await.expect_err(&base);
        let SocketError::Unreachable(why) = &error else { panic!("{error:?}") };
        assert!(why.what.contains(what) && why.remedy.contains("api_url"), "{why:?}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("answered");
    });
    let error = connect(&format!("https://{address}"), &credentials("hush-hush")).await.expect_err("no TLS");
    assert!(error.error().what.contains("does not speak TLS"), "{error:?}");
}

/// Both ends of a line; the other end is a websocket server that says what the test wants.
async fn line() -> (DuplexStream, WebSocketStream<DuplexStream>) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    (ours, WebSocketStream::from_raw_socket(theirs, Role::Server, None).await)
}

async fn over(stream: DuplexStream) -> Result<Socket, SocketError> {
    let limits = SocketLimits::default();
    let until = Instant::now() + limits.connect;
    let credentials = credentials("hush-hush");
    Socket::over(Box::new(stream), "http://x", &credentials, &limits, until).await
}

async fn say(server: &mut WebSocketStream<DuplexStream>, text: impl Into<String>) {
    server.send(Frame::text(text.into())).await.expect("said");
}

async fn hear(server: &mut WebSocketStream<DuplexStream>) -> String {
    server.next().await.expect("a frame").expect("a good one").into_text().expect("text").to_string()
}

/// A connection over a line, let in.
async fn welcomed() -> (Socket, WebSocketStream<DuplexStream>) {
    let (ours, mut server) = line().await;
    let let_in = async {
        say(&mut server, OPEN).await;
        assert_eq!(hear(&mut server).await, r#"40{"client_id":"id-123456","client_secret":"hush-hush"}"#);
        say(&mut server, r#"40{"sid":"s"}"#).await;
    };
    let (socket, ()) = tokio::join!(over(ours), let_in);
    (socket.expect("let in"), server)
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_found_out_by_time_alone() {
    let (mut socket, mut server) = welcomed().await;
    let began = Instant::now();
    assert_eq!(what(socket.next().await), "nothing was received from http://x for 45 seconds");
    assert_eq!(began.elapsed().as_secs(), 46);
    // A word every 40 seconds keeps it alive.
    let (mut socket, mut talking) = welcomed().await;
    let began = Instant::now();
    let talk = async {
        for frame in [Frame::text("2"), Frame::Ping("x".into()), Frame::text("6"), Frame::text("junk")] {
            tokio::time::sleep(Duration::from_secs(40)).await;
            talking.send(frame).await.expect("said");
        }
        // So does a message that takes its time.
        let stream = talking.get_mut();
        stream.write_all(b"\x81\x04").await.expect("sent");
        for byte in b"42[]" {
            tokio::time::sleep(Duration::from_secs(40)).await;
            stream.write_all(&[*byte]).await.expect("sent");
        }
        // The line stays open, and silent.
        std::future::pending::<()>().await;
    };
    let listen = async {
        for _ in 0..2 {
            assert!(matches!(socket.next().await, Ok(Message::Notice(_))));
        }
        assert_eq!(began.elapsed().as_secs(), 320);
        what(socket.next().await)
    };
    tokio::select! {
        () = talk => {}
        end = listen => assert!(end.starts_with("nothing was received"), "{end}"),
    }
    assert_eq!(began.elapsed().as_secs(), 320 + 46);
    server.close(None).await.ok();
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_late_finds_what_came_meanwhile() {
    let (mut socket, mut server) = welcomed().await;
    assert!(tokio::time::timeout(Duration::from_secs(1), socket.next()).await.is_err());
    tokio::time::sleep(Duration::from_secs(600)).await;
    say(&mut server, r#"42["infer_log_message",{"prompt_id":"p","data":"a"}]"#).await;
    assert_eq!(socket.next().await.expect("news"), log("p", "a"));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_wait_loses_nothing() {
    let (mut socket, mut server) = welcomed().await;
    let count = 200;
    let talk = async {
        for n in 0..count {
            say(&mut server, format!(r#"42{n}["infer_log_message",{{"prompt_id":"p","data":"{n}"}}]"#)).await;
            assert_eq!(hear(&mut server).await, format!("43{n}[]"));
        }
    };
    let listen = async {
        let (mut seen, mut drops) = (Vec::new(), 0);
        while seen.len() < count {
            // Polled once, and dropped.
            tokio::select! {
                biased;
                message = socket.next() => seen.push(message.expect("news")),
                () = tokio::task::yield_now() => drops += 1,
            }
        }
        (seen, drops, socket)
    };
    let hold = async {
        let (seen, drops, mut socket) = listen.await;
        assert!(drops > 0, "no wait was dropped");
        let expected: Vec<_> = (0..count).map(|n| log("p", &n.to_string())).collect();
        assert_eq!(seen, expected);
        // The last acknowledgement leaves with the next wait.
        socket.next().await
    };
    tokio::select! {
        () = talk => {}
        more = hold => panic!("{more:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_messages_are_reported_a_few_times() {
    let (mut socket, mut server) = welcomed().await;
    let talk = async {
        for _ in 0..100 {
            say(&mut server, "9 hush-hush \u{1b}[2J").await;
        }
        say(&mut server, r#"42["infer_log_message",{"prompt_id":"p","data":"a"}]"#).await;
    };
    let listen = async {
        let mut notices = Vec::new();
        loop {
            match socket.next().await.expect("more") {
                Message::Notice(notice) => notices.push(notice),
                message => break (notices, message),
            }
        }
    };
    let ((), (notices, message)) = tokio::join!(talk, listen);
    assert_eq!(message, log("p", "a"));
    assert_eq!(notices[0], "http://x sent a frame of an unknown kind: 9 •••• ");
    assert_eq!(notices.len(), MAX_NOTICES + 1);
    assert!(notices[MAX_NOTICES].contains("no longer reported"));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_let_us_in_is_given_up() {
    // What it sends, and the expected error; `None` closes the connection.
    let table: [(&[&str], Option<&str>, &str, &str); 6] = [
        (&[], Some(""), "did not accept the login within 30 seconds", ""),
        (&[OPEN, "40"], Some(""), "did not accept the login within 30 seconds", "as Socket.IO 2 says it: 40"),
        (&[OPEN, "2", r#"42["a"]"#], None, "the live connection to http://x", ""),
        (&[OPEN, "41"], Some(""), "closed the connection before the login", ""),
        (&["1"], Some(""), "closed the connection before the login", ""),
        (&[OPEN, r#"44{"message":"No hush-hush"}"#], Some(""), "rejected the login: No hush-hush", ""),
    ];
    for (frames, stays, what, details) in table {
        let (ours, mut server) = line().await;
        let talk = async {
            for frame in frames {
                say(&mut server, *frame).await;
            }
            if stays.is_some() {
                std::future::pending::<()>().await;
            }
            drop(server);
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            socket = over(ours) => socket.expect_err("not let in"),
            () = talk => unreachable!("it never ends"),
        };
        assert!(!matches!(error, SocketError::Lost(_)), "{error:?}");
        assert!(error.error().what.contains(what) && error.error().details.contains(details), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_closing_server_says_why() {
    let table = [
        (Frame::text("1"), "http://x closed the live connection"),
        (Frame::text("41"), "http://x ended the live connection"),
        (Frame::Close(None), "http://x closed the live connection"),
        (
            Frame::Close(Some(tokio_tungstenite::tungstenite::protocol::CloseFrame {
                code: 1012.into(),
                reason: "restart \u{1b}[2Jof hush-hush".into(),
            })),
            "http://x closed the live connection (1012 restart of ••••)",
        ),
    ];
    for (frame, expected) in table {
        let (mut socket, mut server) = welcomed().await;
        server.send(frame).await.expect("said");
        assert_eq!(what(socket.next().await), expected);
    }
    let (mut socket, mut server) = welcomed().await;
    server.get_mut().write_all(b"no websocket frame").await.expect("said");
    assert_eq!(what(socket.next().await), "http://x sent something that is not a websocket message");
    let (mut socket, mut server) = welcomed().await;
    say(&mut server, r#"44{"message":"expired"}"#).await;
    assert!(matches!(socket.next().await, Err(SocketError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_answers_is_not_listened_to_without_end() {
    let (mut socket, mut server) = welcomed().await;
    let mut sent = 0;
    let talk = async {
        loop {
            say(&mut server, format!(r#"42{sent}["infer_log_message",{{"prompt_id":"p"}}]"#)).await;
            sent += 1;
        }
    };
    let listen = async {
        loop {
            if let Err(error) = socket.next().await {
                break (error, socket);
            }
        }
    };
    let (error, socket) = tokio::select! {
        () = talk => unreachable!("it never ends"),
        end = listen => end,
    };
    assert!(matches!(error, SocketError::Lost(_)), "{error:?}");
    assert!(socket.line.waiting.len() <= MAX_WAITING + 1, "{}", socket.line.waiting.len());
}

/// The demo's cloud API, which has a codec of its own.
async fn demo(options: DemoOptions) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(demo::serve(listener, options));
    base
}

/// Sends a small run whose news come to this socket.
async fn submit(base: &str, prompt_id: &str, sid: &str) {
    let params =
        json!({"3-inputs-seed": 7, "3-inputs-steps": 4, "5-inputs-width": 64, "5-inputs-height": 64});
    let form = reqwest::multipart::Form::new()
        .text("prompt_id", prompt_id.to_owned())
        .text("view_comfy_api_url", "http://127.0.0.1/demo")
        .text("params", params.to_string())
        .text("sid", sid.to_owned());
    let http = Http::default();
    let url = url(&format!("{base}/api/workflow/infer"));
    let request = http.client(&url).expect("a client").post(url.clone()).multipart(form);
    let request = request.header("client_id", "id-123456").header("client_secret", "hush-hush");
    let answer = soon(request.send()).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 201);
}

#[tokio::test]
async fn a_whole_run_arrives_with_receipts_and_binary_events() {
    let faulty =
        DemoOptions::quick().with_cloud(CloudFault::WantsReceipts).with_cloud(CloudFault::BinaryEvents);
    for options in [DemoOptions::quick(), faulty] {
        let base = demo(options).await;
        let mut socket = connect(&base, &credentials("hush-hush")).await.expect("let in");
        let prompt_id = "0d1b4d8a-0000-4000-8000-000000000001";
        submit(&base, prompt_id, socket.sid()).await;
        let (mut log, mut executed) = (String::new(), 0);
        let record = loop {
            let message = soon(socket.next()).await.expect("news");
            let Message::News(cloud::Event { prompt_id: of, news }) = message else { panic!("{message:?}") };
            assert!(
                of.as_deref() == Some(prompt_id) || matches!(news, News::Other { .. }),
                "{of:?} {news:?}"
            );
            match news {
                News::Log { text } => log.push_str(&text),
                News::Executed => executed += 1,
                News::Other { .. } => {}
                News::Result(record) => break record.expect("a record"),
                other => panic!("{other:?}"),
            }
        };
        assert!(log.contains("4/4") && executed == 1, "{log}");
        assert_eq!((record.state(), record.outputs.len()), (cloud::State::Succeeded, 1));
        assert!(record.outputs[0].info.filepath.is_some() && record.outputs[0].info.size.is_some());
        socket.close().await;
    }
}

#[tokio::test]
async fn trouble_with_the_demo_is_of_the_right_kind() {
    let with = |fault| DemoOptions::quick().with_cloud(fault);
    let base = demo(with(CloudFault::ConnectRefused { times: 1 })).await;
    let error = connect(&base, &credentials("hush-hush")).await.expect_err("refused");
    assert!(matches!(error, SocketError::Refused(_)), "{error:?}");
    let base = demo(with(CloudFault::SocketDown { times: 1 })).await;
    let error = connect(&base, &credentials("hush-hush")).await.expect_err("down");
    assert!(matches!(&error, SocketError::Unreachable(why) if why.what.contains("503")), "{error:?}");
    connect(&base, &credentials("hush-hush")).await.expect("let in the second time");
    let ping = Duration::from_millis(250);
    let silent = DemoOptions {
        ping_interval: ping,
        ping_timeout: ping,
        ..with(CloudFault::SocketSilent { after: 2, times: 1 })
    };
    for (options, expected) in
        [(with(CloudFault::SocketCut { after: 2, times: 1 }), "was cut"), (silent, "nothing was received")]
    {
        let base = demo(options).await;
        let mut socket = connect(&base, &credentials("hush-hush")).await.expect("let in");
        submit(&base, "0d1b4d8a-0000-4000-8000-000000000001", socket.sid()).await;
        for _ in 0..2 {
            assert!(matches!(soon(socket.next()).await, Ok(Message::News(_))));
        }
        let what = what(soon(socket.next()).await);
        assert!(what.contains(expected), "{what}");
    }
}
