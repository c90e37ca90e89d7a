//! Where a redirect leads, and what may go there.
//!
//! Deployments live on a host that answers a request older than 150 seconds with `303 See Other` to the same
//! address and a query parameter, to be fetched by GET, again and again. Redirects are followed by hand, because
//! the credentials travel in headers that no HTTP client knows to be secret.

use reqwest::{StatusCode, Url};

use crate::domain::run::RunError;

/// Redirects in a row that are followed: more than 24,000 seconds of the 150-second kind.
pub(in crate::backend) const MAX_HOPS: u32 = 160;

/// Times that a run's own request is sent on to another path of its origin.
const MAX_POSTS: u32 = 3;

/// The method of the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) enum Method {
    /// The run's POST, with its body.
    Post,
    /// A GET for the response.
    Get,
}

/// One request of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend) struct Hop {
    pub method: Method,
    pub url: Url,
    pub number: u32,
}

/// Why a redirect is not followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::backend) enum RedirectError {
    #[error("the server sent a redirect without an address")]
    Nowhere,
    #[error("the server redirected {MAX_HOPS} times in a row, at last to {0}")]
    TooMany(String),
    #[error("the server redirects from https to {0}, which is not encrypted")]
    Unsafe(String),
    /// To another origin, which gets neither the run nor the credentials.
    #[error(
        "the endpoint has moved to {0}, another server, to which neither the run nor your credentials are sent"
    )]
    Moved(String),
    /// The run itself would be sent again.
    #[error("the server redirects the run in a circle, or more than {MAX_POSTS} times, last to {0}")]
    Circle(String),
}

impl RedirectError {
    pub(in crate::backend) fn told(&self) -> RunError {
        RunError { what: self.to_string(), remedy: self.remedy(), ..RunError::default() }
    }

    fn remedy(&self) -> String {
        match self {
            Self::Moved(to) => format!("If you trust that address, make it the profile's url: {to}"),
            Self::Unsafe(_) => "Ask whoever runs the endpoint: its redirect is wrong.".to_owned(),
            Self::Nowhere | Self::TooMany(_) | Self::Circle(_) => {
                "Check the profile's url; if it is right, the endpoint is set up wrongly.".to_owned()
            }
        }
    }

    /// Whether the server said that it did nothing with the run itself.
    pub(super) fn is_untouched(&self) -> bool {
        match self {
            Self::Moved(_) | Self::Circle(_) => true,
            Self::Nowhere | Self::TooMany(_) | Self::Unsafe(_) => false,
        }
    }
}

/// The next request after a response; `None` when it is not a redirect.
///
/// 303 leads to a GET anywhere; 301 and 302 turn the run's POST into a GET at the same origin, as every client does.
/// 307 and 308 say that nothing was done here and that the same request belongs elsewhere (RFC 9110, 15.4.8; a
/// missing slash at the end of an address is answered so): followed at the same origin, to another path or query, a
/// few times. To the very same address it would be the same run once more, and elsewhere go neither run nor
/// credentials: the error then says where the endpoint is now.
pub(in crate::backend) fn next(
    hop: &Hop,
    status: StatusCode,
    location: Option<&str>,
) -> Result<Option<Hop>, RedirectError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let mut to = location.and_then(|to| hop.url.join(to).ok()).ok_or(RedirectError::Nowhere)?;
    // It never travels.
    to.set_fragment(None);
    if hop.number >= MAX_HOPS {
        return Err(RedirectError::TooMany(shown(&to)));
    }
    match (hop.url.scheme(), to.scheme()) {
        (_, "https") | ("http", "http") => {}
        _ => return Err(RedirectError::Unsafe(shown(&to))),
    }
    let is_same = hop.url.origin() == to.origin();
    let method = match status.as_u16() {
        303 => Method::Get,
        _ if hop.method == Method::Get => Method::Get,
        301 | 302 if is_same => Method::Get,
        307 | 308 if is_same && is_elsewhere(&hop.url, &to) && hop.number < MAX_POSTS => Method::Post,
        307 | 308 if is_same => return Err(RedirectError::Circle(shown(&to))),
        _ => return Err(RedirectError::Moved(shown(&to))),
    };
    Ok(Some(Hop { method, url: to, number: hop.number + 1 }))
}

/// Whether another path or query is meant.
fn is_elsewhere(from: &Url, to: &Url) -> bool {
    (from.path(), from.query()) != (to.path(), to.query())
}

/// A URL without its user, password and query, which may be secret.
pub(in crate::backend) fn shown(url: &Url) -> String {
    match url.origin() {
        origin if origin.is_tuple() => format!("{}{}", origin.ascii_serialization(), url.path()),
        _ => format!("{}:{}", url.scheme(), url.path()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(
        method: Method,
        from: &str,
        status: u16,
        to: &str,
    ) -> Result<Option<(Method, String)>, RedirectError> {
        let hop = Hop { method, url: Url::parse(from).expect(from), number: 0 };
        let status = StatusCode::from_u16(status).expect("a status");
        next(&hop, status, Some(to)).map(|hop| hop.map(|hop| (hop.method, hop.url.to_string())))
    }

    #[test]
    fn each_redirect_goes_where_it_may() {
        use Method::{Get, Post};
        let moved = |to: &str| Err(RedirectError::Moved(to.to_owned()));
        let table = [
            (Post, 201, "/b", Ok(None)),
            (Post, 303, "/a?call=1", Ok(Some((Get, "https://x.io/a?call=1")))),
            (Get, 303, "?call=2", Ok(Some((Get, "https://x.io/a?call=2")))),
            (Post, 307, "/a/", Ok(Some((Post, "https://x.io/a/")))),
            (Post, 308, "/b", Ok(Some((Post, "https://x.io/b")))),
            (Post, 307, "/a?token=1", Ok(Some((Post, "https://x.io/a?token=1")))),
            (Post, 308, "/a#here", Err(RedirectError::Circle("https://x.io/a".to_owned()))),
            (Post, 307, "http://x.io/b", Err(RedirectError::Unsafe("http://x.io/b".to_owned()))),
            (Post, 302, "/b", Ok(Some((Get, "https://x.io/b")))),
            (Get, 308, "/b", Ok(Some((Get, "https://x.io/b")))),
            (Post, 303, "https://store.io/r?sig=1", Ok(Some((Get, "https://store.io/r?sig=1")))),
            (Post, 308, "https://evil.io/a?token=1", moved("https://evil.io/a")),
            (Post, 301, "https://x.io:8443/a", moved("https://x.io:8443/a")),
            (Get, 303, "http://x.io/a", Err(RedirectError::Unsafe("http://x.io/a".to_owned()))),
            (Get, 303, "file:///etc/passwd", Err(RedirectError::Unsafe("file:/etc/passwd".to_owned()))),
            (Get, 303, "https://", Err(RedirectError::Nowhere)),
        ];
        for (method, status, to, expected) in table {
            let expected = expected.map(|hop| hop.map(|(method, url): (_, &str)| (method, url.to_owned())));
            assert_eq!(follow(method, "https://x.io/a", status, to), expected, "{method:?} {status} {to}");
        }
        assert_eq!(
            follow(Get, "http://x.io/a", 303, "https://x.io/a"),
            Ok(Some((Get, "https://x.io/a".to_owned())))
        );
    }

    #[test]
    fn a_chain_has_an_end() {
        let hop = Hop { method: Method::Get, url: Url::parse("http://x/").expect("a url"), number: MAX_HOPS };
        assert_eq!(
            next(&hop, StatusCode::SEE_OTHER, Some("/")),
            Err(RedirectError::TooMany("http://x/".to_owned()))
        );
        let mut hop = Hop { method: Method::Post, url: hop.url, number: 0 };
        let posts = std::iter::from_fn(|| {
            let to = format!("/{}", hop.number + 1);
            hop = next(&hop, StatusCode::TEMPORARY_REDIRECT, Some(&to)).ok()??;
            Some(hop.method)
        });
        assert_eq!(posts.take(10).collect::<Vec<_>>(), [Method::Post; MAX_POSTS as usize]);
    }
}
