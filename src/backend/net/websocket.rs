//! The request that becomes a websocket (RFC 6455, 4.1). It is one of our own HTTP client, so proxies, certificates and
//! timeouts are those of every request. Only to plain `http` behind an HTTP proxy it goes through a tunnel: a request that
//! is passed on there loses its `Upgrade`.

use std::error::Error;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use reqwest::header::{
    CONNECTION, HOST, HeaderMap, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE, USER_AGENT,
};
use reqwest::{RequestBuilder, Response, StatusCode, Upgraded, Url};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tower_service::Service as _;

use crate::config::Credential;
use crate::domain::run::RunError;

use super::client::{self, CONNECT_TIMEOUT};
use super::fault::{self, Fault};
use super::http::{self, Http};
use super::proxy::Proxy;

/// Why a request did not become a websocket.
#[derive(Debug)]
pub(in crate::backend) enum NoSocket {
    /// There is no way to the server.
    Line(RunError),
    /// The server sends it on, to where when that can be read: it is not followed.
    Moved(Option<Url>),
    /// The server answered with something else.
    Declined { status: StatusCode, headers: HeaderMap, body: String },
    /// The server claims to open a websocket, but its response is not valid.
    NotOne,
}

/// Opens a websocket. Sends only these credentials and no `Origin`, and follows no redirects.
pub(in crate::backend) async fn open<'a>(
    http: &Http,
    url: &Url,
    credentials: impl IntoIterator<Item = &'a Credential>,
) -> Result<Upgraded, NoSocket> {
    let no_line = |fault: Fault| NoSocket::Line(http.told(fault, url));
    let key = generate_key();
    let client = http.client(url).map_err(no_line)?;
    let request = client
        .get(url.clone())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    let request = http::with_credentials(request, credentials);
    let mut response = match http.proxy(url).filter(|proxy| url.scheme() == "http" && !proxy.is_socks()) {
        Some(proxy) => {
            let tunnelled = tokio::time::timeout(CONNECT_TIMEOUT, tunnelled(http, proxy, url, request)).await;
            let response = tunnelled.unwrap_or_else(|_| Err("no answer in time".into()));
            response.map_err(|why| NoSocket::Line(fault::in_tunnel(why.as_ref(), url, proxy)))?
        }
        None => http.got(url, request).await.map_err(no_line)?,
    };
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
    response.upgrade().await.map_err(|error| no_line(Fault::Line(error)))
}

/// Sends a request through a tunnel that an HTTP proxy makes, as a websocket asks for (RFC 6455, 4.1).
async fn tunnelled(
    http: &Http,
    proxy: &Proxy,
    url: &Url,
    request: RequestBuilder,
) -> Result<Response, Box<dyn Error + Send + Sync>> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    let connector = HttpsConnector::from((connector, http.clients().tls().map_err(|error| error.what)?));
    let mut tunnel = Tunnel::new(proxy.bare().as_str().parse::<Uri>()?, connector);
    if let Some(who) = proxy.basic() {
        tunnel = tunnel.with_auth(HeaderValue::from_str(&who)?);
    }
    let line = tunnel.call(url.as_str().parse::<Uri>()?).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(line).await?;
    tokio::spawn(connection.with_upgrades());
    let mut request = request.build()?;
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    request.headers_mut().insert(HOST, HeaderValue::from_str(&host)?);
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(client::USER_AGENT));
    let mut request: hyper::Request<reqwest::Body> = request.try_into()?;
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    *request.uri_mut() = format!("{}{query}", url.path()).parse()?;
    Ok(Response::from(sender.send_request(request).await?.map(reqwest::Body::wrap)))
}

/// Whether a comma-separated header contains a word.
fn has_token(headers: &HeaderMap, name: &str, word: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
}
