//! The HTTP client: one policy on redirects, credentials, time and trust for every protocol.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION,
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use tokio::sync::watch;

use crate::config::{Credential, Credentials};
use crate::domain::run::{RunError, Trust};

use super::client::Clients;
use super::fault::{self, Fault};
use super::guard::Guard;
use super::proxy::Proxy;
use super::redirect::{self, Hop, Method, RedirectError};
use super::upload::Upload;

/// Most bytes of an error's body that are read.
const MAX_REFUSAL: usize = 256 * 1024;
/// The remedy for a request that the server may have accepted.
pub(in crate::backend) const LOOK_THERE_FIRST: &str =
    "The server may go on with it, and bill it: look at the endpoint's own history before you run it again.";

/// The requests of all that trust alike.
#[derive(Debug, Default)]
pub(in crate::backend) struct Http {
    limits: HttpLimits,
    clients: Clients,
}

/// The requests of a backend, by whom a profile trusts.
#[derive(Debug, Default)]
pub(in crate::backend) struct HttpPool {
    limits: HttpLimits,
    known: Mutex<Vec<Arc<Http>>>,
}

impl HttpPool {
    pub(in crate::backend) fn new(limits: HttpLimits) -> Self {
        Self { limits, known: Mutex::default() }
    }

    /// The requests of those who trust so.
    pub(in crate::backend) fn of(&self, trust: &Trust) -> Arc<Http> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(http) = known.iter().find(|http| http.clients.trust() == trust) {
            return Arc::clone(http);
        }
        let http = Arc::new(Http::new(self.limits.clone(), trust.clone()));
        known.push(Arc::clone(&http));
        http
    }
}

/// Why there is no response.
#[derive(Debug)]
pub(in crate::backend) struct NoAnswer {
    pub error: RunError,
    /// Whether the server may have received the whole request.
    pub sent: bool,
}

/// The kind of a request.
#[derive(Clone, Copy, Debug)]
enum Body<'a> {
    None,
    Json(&'a str),
    /// A run's POST, and a channel for the number of bytes sent.
    Upload(&'a Upload, &'a watch::Sender<u64>),
}

/// Why a chain of requests ended without a response.
#[derive(Debug)]
enum Broken {
    Line(Fault),
    Redirect(RedirectError),
}

/// A response that is not a redirect.
#[derive(Debug)]
pub(in crate::backend) struct Answer {
    pub response: Response,
    /// Redirects before it. With any, the server had accepted the run.
    pub hops: u32,
}

/// Timeouts and retries of everything but the run's own request.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// Timeout for the body of an error response, whose status says the most already.
    pub refusal: Duration,
    /// Longest silence while an output is downloaded.
    pub fetch: Duration,
    /// Pauses between retries of a GET that failed on the network or with 502–504. A GET has no side effects; a
    /// POST is never retried. A download that made progress starts again with the first pause.
    pub retries: Vec<Duration>,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            refusal: Duration::from_secs(10),
            fetch: Duration::from_secs(120),
            retries: [1, 2, 4, 8, 15, 30].map(Duration::from_secs).to_vec(),
        }
    }
}

impl Http {
    pub(in crate::backend) fn new(limits: HttpLimits, trust: Trust) -> Self {
        Self { limits, clients: Clients::new(trust) }
    }

    pub(in crate::backend) fn limits(&self) -> &HttpLimits {
        &self.limits
    }

    /// Sends a run's POST and follows redirects. `sent` receives the number of body bytes sent.
    pub(in crate::backend) async fn post(
        &self,
        url: &Url,
        credentials: &Credentials,
        upload: &Upload,
        sent: &watch::Sender<u64>,
    ) -> Result<Answer, NoAnswer> {
        let body = Body::Upload(upload, sent);
        match self.follow(url, credentials, body).await {
            Ok((response, hop)) => {
                let hops = if hop.method == Method::Get { hop.number } else { 0 };
                Ok(Answer { response, hops })
            }
            Err((Broken::Line(fault), hop)) => {
                let is_up = hop.method == Method::Get
                    || (*sent.borrow() >= upload.total && !fault.is_before_sending());
                let mut error = self.told(fault, &hop.url);
                if is_up {
                    error.remedy = LOOK_THERE_FIRST.to_owned();
                }
                Err(NoAnswer { error, sent: is_up })
            }
            Err((Broken::Redirect(error), hop)) => {
                let sent = hop.method == Method::Get || !error.is_untouched();
                Err(NoAnswer { error: error.told(), sent })
            }
        }
    }

    /// Sends a small request once and follows redirects: a GET, or with JSON a POST.
    pub(in crate::backend) async fn ask(
        &self,
        url: &Url,
        credentials: &Credentials,
        json: Option<&str>,
    ) -> Result<Response, RunError> {
        let asked = self.follow(url, credentials, json.map_or(Body::None, Body::Json)).await;
        asked.map(|(response, _)| response).map_err(|(broken, hop)| match broken {
            Broken::Line(fault) => self.told(fault, &hop.url),
            Broken::Redirect(error) => error.told(),
        })
    }

    /// Sends a request and follows redirects; credentials stay at its origin. Gives the last hop too.
    async fn follow(
        &self,
        url: &Url,
        credentials: &Credentials,
        body: Body<'_>,
    ) -> Result<(Response, Hop), (Broken, Hop)> {
        let home = url.origin();
        let method = if matches!(body, Body::None) { Method::Get } else { Method::Post };
        let mut hop = Hop { method, url: url.clone(), number: 0 };
        loop {
            let credentials = (hop.url.origin() == home).then_some(credentials);
            let response = match (hop.method, body) {
                // The answer to a run that is on its way: worth some patience.
                (Method::Get, Body::Upload(..)) => self.get_again(&hop.url, credentials).await,
                (Method::Get, _) => self.send(&hop.url, credentials, Body::None).await,
                (Method::Post, body) => self.send(&hop.url, credentials, body).await,
            };
            let response = match response {
                Ok(response) => response,
                Err(error) => return Err((Broken::Line(error), hop)),
            };
            let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            match redirect::next(&hop, response.status(), location) {
                Ok(None) => return Ok((response, hop)),
                Ok(Some(next)) => hop = next,
                Err(error) => return Err((Broken::Redirect(error), hop)),
            }
        }
    }

    /// Sends a GET, with retries when the network or a gateway fails.
    async fn get_again(&self, url: &Url, credentials: Option<&Credentials>) -> Result<Response, Fault> {
        for wait in &self.limits.retries {
            match self.send(url, credentials, Body::None).await {
                Ok(response) if !matches!(response.status().as_u16(), 502..=504) => return Ok(response),
                Err(fault) if fault.is_final() => return Err(fault),
                Ok(_) | Err(_) => tokio::time::sleep(*wait).await,
            }
        }
        self.send(url, credentials, Body::None).await
    }

    async fn send(
        &self,
        url: &Url,
        credentials: Option<&Credentials>,
        body: Body<'_>,
    ) -> Result<Response, Fault> {
        let client = self.client(url)?;
        let mut request = match body {
            Body::None => client.get(url.clone()),
            Body::Json(text) => {
                client.post(url.clone()).header(CONTENT_TYPE, "application/json").body(text.to_owned())
            }
            Body::Upload(upload, sent) => client
                .post(url.clone())
                .header(CONTENT_TYPE, &upload.content_type)
                .header(CONTENT_LENGTH, upload.total)
                .body(upload.body(sent)),
        };
        request = request
            .header(ACCEPT, "text/event-stream, application/json;q=0.9, */*;q=0.1")
            .header(ACCEPT_ENCODING, "identity");
        if let Body::Upload(Upload { header: Some((name, value)), .. }, _) = body {
            request = request.header(*name, value);
        }
        if let Some(credentials) = credentials {
            request = with_credentials(request, credentials.iter());
        }
        self.got(url, request).await
    }

    /// Sends a request to this address, by way of the proxy that the environment names.
    pub(in crate::backend) async fn got(
        &self,
        url: &Url,
        request: RequestBuilder,
    ) -> Result<Response, Fault> {
        let response = request.send().await.map_err(Fault::Line)?;
        match self.proxy(url) {
            // Only a proxy gives this answer, and it passes nothing on.
            Some(proxy) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                let (what, remedy) = fault::denied(proxy);
                Err(Fault::Unsent(RunError { what, remedy, ..RunError::default() }))
            }
            _ => Ok(response),
        }
    }

    /// The proxy that requests to an address go through.
    pub(in crate::backend) fn proxy(&self, url: &Url) -> Option<&Proxy> {
        self.clients.way(url).ok().flatten()
    }

    /// The error of a request that got no response.
    pub(in crate::backend) fn told(&self, fault: Fault, url: &Url) -> RunError {
        fault.told(url, self.proxy(url))
    }

    pub(in crate::backend) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// The client for an address that a person chose.
    pub(in crate::backend) fn client(&self, url: &Url) -> Result<&Client, Fault> {
        self.clients.client(url).map_err(Fault::Unsent)
    }

    /// The client for an address that a server chose, when the guard allows a request to it.
    pub(in crate::backend) fn client_for(&self, url: &Url, guard: &Guard) -> Result<Client, String> {
        self.clients.client_for(url, guard)
    }
}

/// The beginning of an error response's body. A body that cannot be read in time does not matter: the
/// status says the most.
pub(in crate::backend) async fn refusal_body(response: &mut Response, limit: Duration) -> String {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_REFUSAL {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(limit, read).await;
    body.truncate(MAX_REFUSAL);
    String::from_utf8_lossy(&body).into_owned()
}

/// Why the body of a response was not read.
#[derive(Debug)]
pub(in crate::backend) enum NoBody {
    /// It is longer than the limit.
    TooLong(RunError),
    /// It is incomplete, or compressed though that was not requested.
    Broken(RunError),
}

/// The body of a small response of at most `max` bytes, with `silence` as the longest pause between two chunks.
pub(in crate::backend) async fn whole_body(
    response: &mut Response,
    max: usize,
    silence: Duration,
) -> Result<Vec<u8>, NoBody> {
    let error = |what: String| RunError {
        what,
        remedy: "Check this machine's network, then try again.".to_owned(),
        ..RunError::default()
    };
    let fault = |what: String| NoBody::Broken(error(what));
    if let Some(packed) = packed(response) {
        return Err(fault(format!(
            "the server sent a compressed response that was not asked for ({packed})"
        )));
    }
    let mut body = Vec::new();
    loop {
        let chunk = tokio::time::timeout(silence, response.chunk()).await.map_err(|_| {
            fault(format!("the rest of the response did not come for {} seconds", silence.as_secs()))
        })?;
        let chunk = chunk.map_err(|why| {
            let what = "the connection broke in the middle of the response".to_owned();
            NoBody::Broken(RunError { details: fault::causes(&why).said, ..error(what) })
        })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > max {
            let what = format!("the response is longer than {} MiB", max >> 20);
            return Err(NoBody::TooLong(RunError { what, ..RunError::default() }));
        }
        body.extend_from_slice(&chunk);
    }
}

/// The content encoding of a response, though none was requested.
pub(in crate::backend) fn packed(response: &Response) -> Option<String> {
    let packed = response.headers().get(CONTENT_ENCODING)?.to_str().unwrap_or("a way of its own");
    let packed: String = crate::wire::ansi::scrub_plain(packed.trim()).chars().take(40).collect();
    (!packed.is_empty() && !packed.eq_ignore_ascii_case("identity")).then_some(packed)
}

/// The MIME type of a response, scrubbed; empty when there is none.
pub(in crate::backend) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    crate::wire::ansi::scrub_plain(value.unwrap_or_default()).chars().take(100).collect()
}

/// A credential as a header that is never printed; `None` when no header can hold it.
fn header(credential: &Credential) -> Option<(HeaderName, HeaderValue)> {
    let name = credential.header.parse().ok()?;
    let mut value = HeaderValue::from_str(credential.value().expose()).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// A request with these credentials as its headers. Only for the server that they are meant for.
pub(in crate::backend) fn with_credentials<'a>(
    request: RequestBuilder,
    credentials: impl IntoIterator<Item = &'a Credential>,
) -> RequestBuilder {
    let headers = credentials.into_iter().filter_map(header);
    headers.fold(request, |request, (name, value)| request.header(name, value))
}

/// The name of a credential that a header may not contain, if any.
pub(in crate::backend) fn unsendable(credentials: &Credentials) -> Option<&str> {
    let bad = credentials.iter().find(|credential| header(credential).is_none());
    bad.map(|credential| credential.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::domain::run::Form;

    #[test]
    fn a_secret_that_no_header_holds_is_named() {
        let of = |secret: &str| {
            let (name, header) = ("client_secret".to_owned(), "client_secret".to_owned());
            let secret = Secret::new(secret);
            Credentials::from_iter([Credential { name, header, form: Form::Plain, secret }])
        };
        let good = of("a");
        assert_eq!(unsendable(&good), None);
        assert_eq!(unsendable(&of("a\nb")), Some("client_secret"));
        assert!(!format!("{:?}", of("hush").iter().map(header).collect::<Vec<_>>()).contains("hush"));
    }
}
