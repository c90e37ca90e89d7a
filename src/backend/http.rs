//! The HTTP client: one policy on redirects, credentials, time and trust for every protocol.

use std::error::Error as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
};
use reqwest::{Client, ClientBuilder, Response, Url};
use tokio::sync::watch;

use crate::config::{Credentials, Secret};
use crate::domain::run::RunError;

use super::guard::{Resolver, Rule};
use super::reach;
use super::redirect::{self, Hop, Method, RedirectError};
use super::upload::Upload;

/// To find a host and shake hands with it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest silence: the vendor's own limit for a stream. Cold starts take minutes; a dead line is found by
/// [`KEEPALIVE`] much sooner.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(24_000);
/// How long a silent line is trusted before the system asks whether anyone is there.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// What to do about a request that the server may have taken.
pub(super) const LOOK_THERE_FIRST: &str =
    "The server may go on with it, and bill it: look at the endpoint's own history before you run it again.";

/// Clients, made when they are first needed: loading the system's certificates takes its time.
#[derive(Debug, Default)]
pub(super) struct Http {
    limits: Limits,
    /// For plain HTTP to this machine: no certificates, no proxy.
    local: OnceLock<Client>,
    open: OnceLock<Client>,
    /// For addresses that a server chose.
    guarded: Mutex<Vec<(Rule, Client)>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    pub error: RunError,
    /// The server may have the whole request.
    pub sent: bool,
}

/// An answer that is no redirect.
#[derive(Debug)]
pub(super) struct Answer {
    pub response: Response,
    /// Redirects to the answer before it. With any, the server had taken the run.
    pub hops: u32,
}

/// How long to wait for what is not the run itself.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For the text of a refusal, whose status says the most already.
    pub refusal: Duration,
    /// Silence while an output is fetched from an address.
    pub fetch: Duration,
    /// Waits before a GET is tried again that found a broken line or a gateway in trouble. A GET only asks; a
    /// POST is never tried again. A download that got further meanwhile begins with the first wait again.
    pub retries: Vec<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            refusal: Duration::from_secs(10),
            fetch: Duration::from_secs(120),
            retries: [1, 2, 4, 8, 15, 30].map(Duration::from_secs).to_vec(),
        }
    }
}

impl Http {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends a run and follows redirects. `sent` hears how many bytes of the body have left.
    pub(super) async fn post(
        &self,
        url: &Url,
        credentials: &Credentials,
        upload: &Upload,
        sent: &watch::Sender<u64>,
    ) -> Result<Answer, NoAnswer> {
        let home = url.origin();
        let mut hop = Hop { method: Method::Post, url: url.clone(), number: 0 };
        loop {
            let credentials = (hop.url.origin() == home).then_some(credentials);
            let response = match hop.method {
                Method::Post => self.send(&hop.url, credentials, Some((upload, sent))).await,
                Method::Get => self.get_again(&hop.url, credentials).await,
            };
            let response = response.map_err(|error| {
                let is_up =
                    hop.method == Method::Get || (*sent.borrow() >= upload.total && !error.is_connect());
                let mut error = unreachable(&error, &hop.url);
                if is_up {
                    error.remedy = LOOK_THERE_FIRST.to_owned();
                }
                NoAnswer { error, sent: is_up }
            })?;
            let location = response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            match redirect::next(&hop, response.status(), location) {
                Ok(None) => {
                    let hops = if hop.method == Method::Get { hop.number } else { 0 };
                    return Ok(Answer { response, hops });
                }
                Ok(Some(next)) => hop = next,
                Err(error) => {
                    let sent = hop.method == Method::Get || !matches!(error, RedirectError::Moved(_));
                    let error =
                        RunError { what: error.to_string(), remedy: error.remedy(), ..RunError::default() };
                    return Err(NoAnswer { error, sent });
                }
            }
        }
    }

    /// A GET that is tried again when the line or a gateway fails.
    async fn get_again(&self, url: &Url, credentials: Option<&Credentials>) -> reqwest::Result<Response> {
        for wait in &self.limits.retries {
            match self.send(url, credentials, None).await {
                Ok(response) if !matches!(response.status().as_u16(), 502..=504) => return Ok(response),
                Err(error) if error.is_builder() => return Err(error),
                Ok(_) | Err(_) => tokio::time::sleep(*wait).await,
            }
        }
        self.send(url, credentials, None).await
    }

    async fn send(
        &self,
        url: &Url,
        credentials: Option<&Credentials>,
        upload: Option<(&Upload, &watch::Sender<u64>)>,
    ) -> reqwest::Result<Response> {
        let client = self.client(url)?;
        let mut request = match upload {
            None => client.get(url.clone()),
            Some((upload, sent)) => client
                .post(url.clone())
                .header(CONTENT_TYPE, &upload.content_type)
                .header(CONTENT_LENGTH, upload.total)
                .body(upload.body(sent)),
        };
        request = request
            .header(ACCEPT, "text/event-stream, application/json;q=0.9, */*;q=0.1")
            .header(ACCEPT_ENCODING, "identity");
        if let Some(Credentials { client_id, client_secret }) = credentials {
            for (name, secret) in [("client_id", client_id), ("client_secret", client_secret)] {
                if let Some(value) = secret.as_ref().and_then(header) {
                    request = request.header(name, value);
                }
            }
        }
        request.send().await
    }

    /// The client for an address that a person chose.
    pub(super) fn client(&self, url: &Url) -> reqwest::Result<&Client> {
        let is_local = url.scheme() == "http" && is_loopback(url);
        let slot = if is_local { &self.local } else { &self.open };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let builder = builder();
        let builder = if is_local { builder.no_proxy().tls_certs_only([]) } else { builder };
        let client = builder.build()?;
        Ok(slot.get_or_init(|| client))
    }

    /// A client for addresses that a server chose, which connects only where the rule allows.
    pub(super) fn guarded(&self, rule: Rule) -> reqwest::Result<Client> {
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

/// What all clients have in common.
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

/// In which way an answer is packed, though that was not asked for.
pub(super) fn packed(response: &Response) -> Option<String> {
    let packed = response.headers().get(CONTENT_ENCODING)?.to_str().unwrap_or("a way of its own");
    let packed: String = crate::wire::ansi::scrub_plain(packed.trim()).chars().take(40).collect();
    (!packed.is_empty() && !packed.eq_ignore_ascii_case("identity")).then_some(packed)
}

/// The MIME type of an answer, for people; empty when it says none.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    crate::wire::ansi::scrub_plain(value.unwrap_or_default()).chars().take(100).collect()
}

/// A secret as a header's value that is never printed; `None` when no header can hold it.
fn header(secret: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Which credential no header can hold, if any.
pub(super) fn unsendable(credentials: &Credentials) -> Option<&'static str> {
    let named = [("client_id", &credentials.client_id), ("client_secret", &credentials.client_secret)];
    let bad = named.into_iter().find(|(_, secret)| secret.as_ref().is_some_and(|s| header(s).is_none()));
    bad.map(|(name, _)| name)
}

/// Whether an address is on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What kept a request from being answered, in words, without the address's query.
pub(super) fn unreachable(error: &reqwest::Error, url: &Url) -> RunError {
    let host = url.host_str().unwrap_or_default();
    let mut causes = Vec::new();
    let mut refused = false;
    let mut source = error.source();
    while let Some(cause) = source {
        let io = cause.downcast_ref::<std::io::Error>();
        refused |= io.is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused);
        causes.push(crate::wire::ansi::scrub_plain(&cause.to_string()));
        source = cause.source();
    }
    let said = causes.join(": ");
    let has = |word: &str| said.to_ascii_lowercase().contains(word);
    let (what, remedy) = if has("dns error") || has("failed to lookup") {
        (format!("the host {host} is not known"), "Check the profile's url, and this machine's network.")
    } else if refused {
        (
            format!("nothing answers at {}", redirect::shown(url)),
            "Check the profile's url and port, and that the endpoint is up.",
        )
    } else if has("certificate") || has("tls") || has("handshake") || has("corrupt message") {
        (
            format!("no safe connection to {host}"),
            "Check that the url is https where the endpoint is, and this machine's clock and certificates.",
        )
    } else if error.is_timeout() {
        (format!("{host} did not answer in time"), "Check this machine's network, then try again.")
    } else if error.is_connect() {
        (format!("no connection to {host}"), "Check this machine's network, then try again.")
    } else if error.is_builder() {
        (format!("no request can be made to {}", redirect::shown(url)), "Check the profile's url.")
    } else {
        (
            format!("the connection to {host} broke before an answer came"),
            "Check this machine's network, then try again.",
        )
    };
    let remedy = match reach::proxy_of(url, |name| std::env::var(name).ok()) {
        Some(proxy) => format!(
            "A proxy stands between, {}: look at it, and at HTTPS_PROXY and NO_PROXY.",
            redirect::shown(&proxy)
        ),
        None => remedy.to_owned(),
    };
    RunError { what, remedy, details: said, ..RunError::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        let table = [
            ("http://localhost:1/", true),
            ("http://127.0.0.1:1/", true),
            ("http://[::1]:1/", true),
            ("http://127.0.0.1.evil.io/", false),
            ("http://example.com/", false),
        ];
        for (url, expected) in table {
            assert_eq!(is_loopback(&Url::parse(url).expect(url)), expected, "{url}");
        }
    }

    #[test]
    fn a_secret_that_no_header_holds_is_named() {
        let good = Credentials { client_id: Some(Secret::new("a")), client_secret: None };
        assert_eq!(unsendable(&good), None);
        let bad = Credentials { client_secret: Some(Secret::new("a\nb")), ..good };
        assert_eq!(unsendable(&bad), Some("client_secret"));
        assert!(!format!("{:?}", header(&Secret::new("hush"))).contains("hush"));
    }
}
