//! The websocket of a run, read on a thread of its own: the server sends to its clients one after the other, so a
//! client that reads slowly, because of a slow disk here, would delay all others.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Upgraded;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::backend::net::backoff::Backoff;
use crate::backend::net::redirect;
use crate::backend::net::websocket::{self, NoSocket};
use crate::domain::run::Connection;
use crate::wire::comfyui::HELLO;

use super::api::Api;
use super::inbox::Inbox;

/// Largest message in bytes.
const MAX_MESSAGE: usize = 128 << 20;
/// Timeout of a write, and of closing the websocket.
pub(super) const LEAVING: Duration = Duration::from_secs(2);

/// A thread that reads the websocket until this is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    _stop: oneshot::Sender<()>,
}

impl Listener {
    /// Listens to a prompt's messages until it is dropped, reconnecting when necessary.
    pub(super) fn start(
        api: Api,
        prompt_id: String,
        client_id: String,
        inbox: Arc<Inbox>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new().name(format!("listen {prompt_id}")).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(why) => return inbox.link(Connection::Polling, why.to_string()),
            };
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = listen(&api, &prompt_id, &client_id, &inbox) => {}
                }
            });
        })?;
        Ok(Self { _stop: stop })
    }
}

async fn listen(api: &Api, prompt_id: &str, client_id: &str, inbox: &Inbox) {
    let mut backoff = Backoff::default();
    loop {
        let (lived, why) = match open(api, client_id).await {
            Ok(mut socket) => {
                let since = Instant::now();
                let why = read(&mut socket, api, prompt_id, inbox).await;
                // The server forgets a client id when an older connection with it closes after
                // a newer one was opened.
                let _ = tokio::time::timeout(LEAVING, socket.close(None)).await;
                (since.elapsed(), why)
            }
            Err(why) => (Duration::ZERO, why),
        };
        inbox.link(Connection::Reconnecting, why);
        let pause = backoff.wait(lived, fastrand::f64()).min(api.limits().reconnect);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = inbox.renew.notified() => {}
        }
    }
}

pub(super) async fn open(api: &Api, client_id: &str) -> Result<WebSocketStream<Upgraded>, String> {
    let url = api.socket(client_id);
    let opened = websocket::open(api.http(), &url, api.credentials().iter());
    let stream = match tokio::time::timeout(api.limits().answer, opened).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(why)) => return Err(declined(api, why)),
        Err(_) => return Err(format!("{} did not answer", redirect::shown(api.base()))),
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(128 * 1024)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
    send(&mut socket, Message::text(HELLO)).await?;
    Ok(socket)
}

fn declined(api: &Api, why: NoSocket) -> String {
    let shown = redirect::shown(api.base());
    match why {
        NoSocket::Line(error) => error.what,
        NoSocket::NotOne => format!("{shown} does not speak WebSocket"),
        NoSocket::Moved(to) => {
            let to = to.map_or_else(|| "another address".to_owned(), |to| redirect::shown(&to));
            format!("{shown} redirects websockets to {to}, which is not followed")
        }
        NoSocket::Declined { status, headers, body } => {
            format!("{shown} does not open a websocket: {}", api.described(status, &headers, &body).what)
        }
    }
}

async fn send(socket: &mut WebSocketStream<Upgraded>, message: Message) -> Result<(), String> {
    match tokio::time::timeout(LEAVING, socket.send(message)).await {
        Ok(sent) => sent.map_err(|why| why.to_string()),
        Err(_) => Err("the connection does not accept data any more".to_owned()),
    }
}

/// Reads until the websocket is closed, and returns why.
async fn read(socket: &mut WebSocketStream<Upgraded>, api: &Api, prompt_id: &str, inbox: &Inbox) -> String {
    let limits = api.limits();
    let mut is_told = false;
    let mut ping = tokio::time::interval_at(Instant::now() + limits.ping, limits.ping);
    let mut last_received = Instant::now();
    loop {
        let frame = tokio::select! {
            frame = socket.next() => frame,
            _ = ping.tick() => {
                if let Err(why) = send(socket, Message::Ping(Default::default())).await {
                    return why;
                }
                continue;
            }
            () = tokio::time::sleep_until(last_received + limits.silence) => {
                return format!("nothing was received for {} seconds", limits.silence.as_secs());
            }
            () = inbox.renew.notified() => return "the connection is made anew".to_owned(),
        };
        last_received = Instant::now();
        if !std::mem::replace(&mut is_told, true) {
            inbox.link(Connection::Live, String::new());
        }
        match frame {
            Some(Ok(Message::Text(text))) => inbox.text(text.as_str(), prompt_id),
            Some(Ok(Message::Binary(bytes))) => inbox.binary(&bytes, prompt_id),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_))) => return "the server closed the connection".to_owned(),
            Some(Err(why)) => return crate::wire::ansi::scrub_plain(&why.to_string()),
            None => return "the connection is over".to_owned(),
        }
    }
}
