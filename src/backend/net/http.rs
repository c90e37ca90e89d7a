//! The HTTP client: one policy on redirects, credentials, time and trust for every protocol.

use std::error::Error as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, LOCATION,
};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url};
use tokio::sync::watch;

use crate::config::{Credential, Credentials};
use crate::domain::run::RunError;

use super::guard::{Guard, Resolver, Rule};
use super::reach;
use super::redirect::{self, Hop, Method, RedirectError};
use super::upload::Upload;

/// Timeout for DNS, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Read timeout: the vendor's own limit for a stream. Cold starts take minutes; a dead connection is found
/// by [`KEEPALIVE`] much sooner.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(24_000);
/// Idle time before TCP keepalive probes are sent.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// Most bytes of an error's body that are read.
const MAX_REFUSAL: usize = 256 * 1024;
/// The remedy for a request that the server may have accepted.
pub(in crate::backend) const LOOK_THERE_FIRST: &str =
    "The server may go on with it, and bill it: look at the endpoint's own history before you run it again.";

/// Clients, made when they are first needed: loading the system's certificates takes its time.
#[derive(Debug, Default)]
pub(in crate::backend) struct Http {
    limits: HttpLimits,
    /// For plain HTTP to loopback: no certificates, no proxy.
    local: OnceLock<Client>,
    open: OnceLock<Client>,
    /// For addresses that a server chose.
    guarded: Mutex<Vec<(Rule, Client)>>,
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
    Line(reqwest::Error),
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
    pub(in crate::backend) fn new(limits: HttpLimits) -> Self {
        Self { limits, ..Self::default() }
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
            Err((Broken::Line(error), hop)) => {
                let is_up =
                    hop.method == Method::Get || (*sent.borrow() >= upload.total && !error.is_connect());
                let mut error = unreachable(&error, &hop.url);
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
            Broken::Line(error) => unreachable(&error, &hop.url),
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
    async fn get_again(&self, url: &Url, credentials: Option<&Credentials>) -> reqwest::Result<Response> {
        for wait in &self.limits.retries {
            match self.send(url, credentials, Body::None).await {
                Ok(response) if !matches!(response.status().as_u16(), 502..=504) => return Ok(response),
                Err(error) if error.is_builder() => return Err(error),
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
    ) -> reqwest::Result<Response> {
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
        if let Some(credentials) = credentials {
            request = with_credentials(request, credentials.iter());
        }
        request.send().await
    }

    /// The client for an address that a person chose.
    pub(in crate::backend) fn client(&self, url: &Url) -> reqwest::Result<&Client> {
        let is_local = url.scheme() == "http" && reach::is_loopback(url);
        let slot = if is_local { &self.local } else { &self.open };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let builder = builder();
        let builder = if is_local { builder.no_proxy().tls_certs_only([]) } else { builder };
        let client = builder.build()?;
        Ok(slot.get_or_init(|| client))
    }

    /// The client for an address that a server chose, when the guard allows a request to it.
    pub(in crate::backend) fn client_for(&self, url: &Url, guard: &Guard) -> Result<Client, String> {
        let client = match guard.rule(url)? {
            Some(rule) => self.guarded(rule),
            None => self.client(url).cloned(),
        };
        client.map_err(|_| format!("a request cannot be sent to {}", redirect::shown(url)))
    }

    /// A client that connects only where the rule allows.
    fn guarded(&self, rule: Rule) -> reqwest::Result<Client> {
        let mut clients = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(known, _)| *known == rule) {
            return Ok(client.clone());
        }
        let builder = builder().dns_resolver(Resolver::new(rule, |name| std::env::var(name).ok()));
        let builder = if rule.is_local() { builder.no_proxy() } else { builder };
        let client = builder.build()?;
        clients.push((rule, client.clone()));
        Ok(client)
    }
}

/// The settings that all clients share.
fn builder() -> ClientBuilder {
    // Someone else's provider is as good; an error says only that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("comfydeck/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        // A repeated POST is a second run that costs money.
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(SILENCE_TIMEOUT)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE)
        .tcp_keepalive_retries(4)
        .tcp_nodelay(true)
        // Connections are minutes apart, and one kept that long may be half dead.
        .pool_max_idle_per_host(0)
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
            NoBody::Broken(RunError { details: causes(&why).0, ..error(what) })
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

/// The innermost cause of an error, and whether the connection was refused.
fn causes(error: &reqwest::Error) -> (String, bool) {
    let mut causes = Vec::new();
    let mut refused = false;
    let mut source = error.source();
    while let Some(cause) = source {
        let io = cause.downcast_ref::<std::io::Error>();
        refused |= io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused);
        causes.push(crate::wire::ansi::scrub_plain(&cause.to_string()));
        source = cause.source();
    }
    (causes.join(": "), refused)
}

/// The error of a request that failed, without the URL's query.
pub(in crate::backend) fn unreachable(error: &reqwest::Error, url: &Url) -> RunError {
    let host = url.host_str().unwrap_or_default();
    let (said, refused) = causes(error);
    let has = |word: &str| said.to_ascii_lowercase().contains(word);
    let (what, remedy) = if has("dns error") || has("failed to lookup") {
        (format!("the host {host} cannot be found"), "Check the profile's url, and this machine's network.")
    } else if refused {
        (
            format!("nothing is listening at {}", redirect::shown(url)),
            "Check the profile's url and port, and that the endpoint is up.",
        )
    } else if has("certificate") || has("tls") || has("handshake") || has("corrupt message") {
        (
            format!("the TLS handshake with {host} failed"),
            "Check that the endpoint speaks https, and this machine's clock and certificates.",
        )
    } else if error.is_timeout() {
        (format!("{host} did not respond in time"), "Check this machine's network, then try again.")
    } else if error.is_connect() {
        (format!("no connection to {host}"), "Check this machine's network, then try again.")
    } else if error.is_builder() {
        (format!("a request cannot be sent to {}", redirect::shown(url)), "Check the profile's url.")
    } else {
        (
            format!("the connection to {host} broke before a response came"),
            "Check this machine's network, then try again.",
        )
    };
    let remedy = match reach::proxy_of(url, |name| std::env::var(name).ok()) {
        Some(proxy) => format!(
            "The proxy {} is in between: check it, HTTPS_PROXY and NO_PROXY.",
            redirect::shown(&proxy)
        ),
        None => remedy.to_owned(),
    };
    RunError { what, remedy, details: said, ..RunError::default() }
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
