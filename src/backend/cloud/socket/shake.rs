//! The request that becomes a websocket (RFC 6455, 4.1).

use reqwest::header::{
    CONNECTION, HeaderMap, LOCATION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use reqwest::{Response, StatusCode, Upgraded, Url};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::backend::net::http::{self, Http};
use crate::backend::net::{http_error, redirect};
use crate::domain::run::RunError;
use crate::wire::errors;

use super::super::api::about_api;
use super::error::{SocketError, unreachable};

/// Where Socket.IO answers below a base address.
fn address(base: &Url) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["socket.io", ""]);
    }
    url.set_query(Some("EIO=4&transport=websocket"));
    url.set_fragment(None);
    url
}

/// Opens a websocket below a base address. No credentials are sent, and no redirect is followed.
pub(super) async fn hands(http: &Http, base: &Url) -> Result<Upgraded, SocketError> {
    let url = address(base);
    let fault = |error: &reqwest::Error| SocketError::Unreachable(about_api(http::unreachable(error, base)));
    let key = generate_key();
    let client = http.client(&url).map_err(|error| fault(&error))?;
    let request = client
        .get(url)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    let response = request.send().await.map_err(|error| fault(&error))?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(declined(response, base, http).await);
    }
    let headers = response.headers();
    let is_upgrade = has_token(headers, UPGRADE.as_str(), "websocket");
    let is_ours =
        headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|accept| accept == &derive_accept_key(key.as_bytes()));
    if !is_upgrade || !is_ours {
        let what = format!("{} speaks something else than websockets", redirect::shown(base));
        return Err(unreachable(what));
    }
    response.upgrade().await.map_err(|error| fault(&error))
}

/// Whether a header's list holds a word.
fn has_token(headers: &HeaderMap, name: &str, word: &str) -> bool {
    let lists = headers.get_all(name).into_iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|token| token.trim().eq_ignore_ascii_case(word))
}

/// The server answered, but with no websocket: in words.
async fn declined(mut response: Response, base: &Url, http: &Http) -> SocketError {
    let (status, headers) = (response.status(), response.headers().clone());
    if status.is_redirection() {
        let to = headers.get(LOCATION).and_then(|to| to.to_str().ok()).and_then(|to| base.join(to).ok());
        let to = to.map_or_else(|| "another address".to_owned(), |to| redirect::shown(&to));
        let remedy = "The live connection follows no redirects. If you trust that address, make it the profile's api_url.";
        return SocketError::Unreachable(RunError {
            what: format!("{} sends live connections on to {to}", redirect::shown(base)),
            remedy: remedy.to_owned(),
            ..RunError::default()
        });
    }
    let body = http::refusal_body(&mut response, http.limits().refusal).await;
    // No credentials go with this request, so that it is not allowed is not about them: somebody who stands between
    // lets no websocket through, and runs may go on without.
    let said = match status.as_u16() {
        401 | 403 | 407 => RunError {
            what: format!("it is not allowed ({})", status.as_u16()),
            remedy: "Ask whoever runs the proxy or firewall before the service to let websockets through."
                .to_owned(),
            details: errors::from_body(&body).what,
            ..RunError::default()
        },
        _ => http_error::describe(status, &headers, &body),
    };
    let what = format!("{} opens no live connection: {}", redirect::shown(base), said.what);
    SocketError::Unreachable(about_api(RunError { what, ..said }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_below_the_base() {
        let table = [
            ("https://api.example.com", "https://api.example.com/socket.io/?EIO=4&transport=websocket"),
            (
                "https://api.example.com:8443/",
                "https://api.example.com:8443/socket.io/?EIO=4&transport=websocket",
            ),
            ("http://h/a/b", "http://h/a/b/socket.io/?EIO=4&transport=websocket"),
            ("http://h/a/b/?x=1#y", "http://h/a/b/socket.io/?EIO=4&transport=websocket"),
        ];
        for (base, expected) in table {
            assert_eq!(address(&Url::parse(base).expect(base)).as_str(), expected, "{base}");
        }
    }
}
