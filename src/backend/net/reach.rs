//! Whether an endpoint can be reached, asked without a request: a request of any kind may wake a
//! serverless machine, which costs. So this finds the host, connects, and shakes hands, and no more.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Url;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_platform_verifier::ConfigVerifierExt;

/// A successful connection check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The address that was connected to.
    pub address: SocketAddr,
    /// The proxy's host, when there is one; whether the endpoint behind it responds is not known.
    pub proxy: Option<String>,
    /// Whether the TLS handshake succeeded; false for plain HTTP and behind a proxy.
    pub tls: bool,
    /// How long it took.
    pub took: Duration,
}

/// Why it could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// The URL is not valid.
    #[error("the address is not valid ({0}). Fix `url`")]
    Address(String),
    /// The host name could not be resolved.
    #[error("the host {host} cannot be found ({why}). Check the spelling of `url` and the network")]
    Name { host: String, why: String },
    #[error("{host} does not accept connections ({why}). Check `url`, the network and the firewall")]
    Connect { host: String, why: String },
    #[error(
        "the TLS handshake with {host} failed ({why}). Check this machine's clock and certificates, and any proxy in between"
    )]
    Tls { host: String, why: String },
}

/// Connects to an endpoint's host, through TLS for `https`, and hangs up. `env` looks up the proxy variables.
///
/// # Errors
/// The step that failed, and what to check.
pub fn reach(
    url: &str,
    limit: Duration,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Reached, Unreachable> {
    let began = Instant::now();
    let url: Url =
        url.parse().map_err(|e: <Url as std::str::FromStr>::Err| Unreachable::Address(e.to_string()))?;
    let proxy = proxy_of(&url, env);
    let target = proxy.as_ref().unwrap_or(&url);
    let host = target.host_str().ok_or_else(|| Unreachable::Address("no host".to_owned()))?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = target.port_or_known_default().unwrap_or(443);
    let addresses = (bare.as_str(), port)
        .to_socket_addrs()
        .map_err(|e| Unreachable::Name { host: bare.clone(), why: e.to_string() })?;
    let mut why = "it has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => {
                let tls = url.scheme() == "https" && proxy.is_none();
                if tls {
                    handshake(&bare, stream, limit)
                        .map_err(|e| Unreachable::Tls { host: bare.clone(), why: e.to_string() })?;
                }
                let proxy = proxy.map(|_| bare);
                return Ok(Reached { address, proxy, tls, took: began.elapsed() });
            }
            Err(e) => why = e.to_string(),
        }
    }
    Err(Unreachable::Connect { host: format!("{bare}:{port}"), why })
}

fn handshake(host: &str, stream: TcpStream, limit: Duration) -> io::Result<()> {
    // Another part of the program may have chosen the same one before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let config = ClientConfig::with_platform_verifier().map_err(io::Error::other)?;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    stream.conn.send_close_notify();
    stream.flush()
}

/// The proxy that a run to this address would take, by the usual variables; this machine needs none.
pub(in crate::backend) fn proxy_of(url: &Url, env: impl Fn(&str) -> Option<String>) -> Option<Url> {
    let host = url.host_str()?;
    let scheme = format!("{}_proxy", url.scheme());
    let set = |name: &str| env(name).or_else(|| env(&name.to_uppercase())).filter(|text| !text.is_empty());
    let spared = set("no_proxy").unwrap_or_default();
    let is_spared = spared.split(',').map(|part| part.trim().trim_start_matches('.')).any(|part| {
        part == "*" || (!part.is_empty() && (host == part || host.ends_with(&format!(".{part}"))))
    });
    if is_loopback(url) || is_spared {
        return None;
    }
    proxy_url(&set(&scheme).or_else(|| set("all_proxy"))?)
}

/// Hosts of all proxies that the usual variables name.
pub(in crate::backend) fn proxies(env: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let names = ["http_proxy", "https_proxy", "all_proxy"];
    let values = names.iter().flat_map(|name| [env(name), env(&name.to_uppercase())]).flatten();
    values.filter_map(|text| Some(proxy_url(&text)?.host_str()?.to_owned())).collect()
}

fn proxy_url(text: &str) -> Option<Url> {
    if text.contains("://") { text.parse().ok() } else { format!("http://{text}").parse().ok() }
}

/// Whether a URL's host is loopback.
pub(in crate::backend) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    fn reached(url: &str) -> Result<Reached, Unreachable> {
        reach(url, Duration::from_secs(10), |_| None)
    }

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
    fn a_server_is_reached_without_a_request() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = std::thread::spawn(move || {
            let mut heard = Vec::new();
            listener.accept().expect("a caller").0.read_to_end(&mut heard).expect("read");
            heard
        });
        let found = reached(&format!("http://{address}/x")).expect("reached");
        assert_eq!((found.address, found.tls, found.proxy), (address, false, None));
        assert_eq!(heard.join().expect("heard"), b"");
    }

    #[test]
    fn obstacles_are_reported() {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        assert!(matches!(reached(&format!("http://{closed}/")), Err(Unreachable::Connect { .. })));
        assert!(matches!(reached("http://nowhere.invalid/"), Err(Unreachable::Name { .. })));
        assert!(matches!(reached("https://"), Err(Unreachable::Address(_))));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let plain = std::thread::spawn(move || {
            let mut stream = listener.accept().expect("a caller").0;
            stream.read_exact(&mut [0; 5]).expect("a hello");
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("an answer");
        });
        assert!(matches!(reached(&format!("https://{address}/")), Err(Unreachable::Tls { .. })));
        plain.join().expect("answered");
    }

    #[test]
    fn a_proxy_is_taken_where_a_run_would_take_it() {
        let table = [
            ("https://a.example/", "https_proxy", "http://p:3128", Some("p")),
            ("https://a.example/", "HTTPS_PROXY", "p:3128", Some("p")),
            ("http://a.example/", "https_proxy", "http://p:3128", None),
            ("http://a.example/", "ALL_PROXY", "http://q", Some("q")),
            ("http://127.0.0.1:1/", "all_proxy", "http://q", None),
            ("http://127.0.0.1.example/", "all_proxy", "http://q", Some("q")),
        ];
        for (url, name, value, host) in table {
            let proxy = proxy_of(&url.parse().expect(url), |asked| (asked == name).then(|| value.to_owned()));
            assert_eq!(proxy.as_ref().and_then(Url::host_str), host, "{url} {name}={value}");
        }
        let spared = proxy_of(&"http://x.a.example/".parse().expect("a url"), |name| match name {
            "no_proxy" => Some("b.example, .a.example".to_owned()),
            "all_proxy" => Some("http://q".to_owned()),
            _ => None,
        });
        assert_eq!(spared, None);
    }
}
