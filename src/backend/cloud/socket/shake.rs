//! The websocket that Socket.IO goes over.

use reqwest::{Upgraded, Url};

use crate::backend::net::http::Http;
use crate::backend::net::websocket::{self, NoSocket};
use crate::backend::net::{http_error, redirect};
use crate::config::Credentials;
use crate::domain::run::{Protocol, RunError};
use crate::wire::errors;

use super::super::api::about_api;
use super::error::{SocketError, unreachable};

/// The URL of Socket.IO below a base URL.
fn address(base: &Url) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["socket.io", ""]);
    }
    url.set_query(Some("EIO=4&transport=websocket"));
    url.set_fragment(None);
    url
}

/// Opens a websocket below a base address. Only a person's own headers go along: the credentials proper go into the
/// packet that asks to be let in.
pub(super) async fn hands(
    http: &Http,
    base: &Url,
    credentials: &Credentials,
) -> Result<Upgraded, SocketError> {
    let own = credentials.iter().filter(|credential| credential.is_own());
    let opened = websocket::open(http, &address(base), own).await;
    opened.map_err(|why| declined(why, base))
}

/// There is no websocket: in words.
fn declined(why: NoSocket, base: &Url) -> SocketError {
    let shown = redirect::shown(base);
    let (status, headers, body) = match why {
        NoSocket::Line(error) => return SocketError::Unreachable(about_api(error)),
        NoSocket::NotOne => return unreachable(format!("{shown} does not speak WebSocket")),
        NoSocket::Moved(to) => {
            let to = to.map_or_else(|| "another address".to_owned(), |to| redirect::shown(&to));
            let remedy = "The live connection follows no redirects. If you trust that address, make it the profile's api_url.";
            return SocketError::Unreachable(RunError {
                what: format!("{shown} redirects live connections to {to}"),
                remedy: remedy.to_owned(),
                ..RunError::default()
            });
        }
        NoSocket::Declined { status, headers, body } => (status, headers, body),
    };
    // The credentials do not go with this request, so that it is not allowed is not about them: somebody who stands
    // between lets no websocket through, and runs may go on without.
    let said = match status.as_u16() {
        401 | 403 | 407 => RunError {
            what: format!("it is not allowed ({})", status.as_u16()),
            remedy:
                "Ask whoever runs the proxy or firewall in front of the service to let websockets through."
                    .to_owned(),
            details: errors::from_body(&body).what,
            ..RunError::default()
        },
        _ => http_error::describe(Protocol::Cloud, status, &headers, &body),
    };
    let what = format!("{shown} does not open a live connection: {}", said.what);
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
