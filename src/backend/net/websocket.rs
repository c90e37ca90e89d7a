//! The request that becomes a websocket (RFC 6455, 4.1). It is one of our own HTTP client, so proxies, certificates and
//! timeouts are those of every request.

use reqwest::header::{
    CONNECTION, HeaderMap, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{StatusCode, Upgraded, Url};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::config::Credential;
use crate::domain::run::RunError;

use super::http::{self, Http};

/// Why a request did not become a websocket.
#[derive(Debug)]
pub(in crate::backend) enum NoSocket {
    /// There is no way to the server.
    Line(RunError),
    /// The server sends it on, to where when that can be read: it is not followed.
    Moved(Option<Url>),
    /// The server answered with something else.
    Declined { status: StatusCode, headers: HeaderMap, body: String },
    /// The server says that it is one, and it is none.
    NotOne,
}

/// Opens a websocket. Only these credentials go along; no redirect is followed, and no `Origin` is told.
pub(in crate::backend) async fn open<'a>(
    http: &Http,
    url: &Url,
    credentials: impl IntoIterator<Item = &'a Credential>,
) -> Result<Upgraded, NoSocket> {
    let fault = |error: &reqwest::Error| NoSocket::Line(http::unreachable(error, url));
    let key = generate_key();
    let client = http.client(url).map_err(|error| fault(&error))?;
    let request = client
        .get(url.clone())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    let request = http::with_credentials(request, credentials);
    let mut response = request.send().await.map_err(|error| fault(&error))?;
    let (status, headers) = (response.status(), response.headers().clone());
    if status.is_redirection() {
        let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| url.join(to).ok());
        return Err(NoSocket::Moved(to));
    }
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let body = http::refusal_body(&mut response, http.limits().refusal).await;
        return Err(NoSocket::Declined { status, headers, body });
    }
    let is_upgrade = has_token(&headers, UPGRADE.as_str(), "websocket");
    let is_ours =
        headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|accept| accept == &derive_accept_key(key.as_bytes()));
    if !is_upgrade || !is_ours {
        return Err(NoSocket::NotOne);
    }
    response.upgrade().await.map_err(|error| fault(&error))
}

/// Whether a comma-separated header contains a word.
fn has_token(headers: &HeaderMap, name: &str, word: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
}
