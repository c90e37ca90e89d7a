//! How an address is reached: directly or by a proxy. The variables are those of curl, read the way curl reads them.
//!
//! `http_proxy` or `https_proxy` by the address's scheme, else `all_proxy`; the small letters first, then the capitals.
//! `no_proxy` lists hosts that are reached directly: names with all that ends in them (a dot before them changes nothing),
//! addresses, networks as `10.0.0.0/8`, or `*` for all. This machine itself is always reached directly.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use reqwest::Url;

use crate::domain::run::RunError;

/// The port of a proxy whose address has none, as curl has it.
const USUAL_PORT: u16 = 1080;

/// The proxies that the environment names.
#[derive(Clone, Debug, Default)]
pub(in crate::backend) struct Proxies {
    http: Option<Named>,
    https: Option<Named>,
    spared: Vec<Spared>,
}

/// What a variable says.
#[derive(Clone, Debug)]
struct Named {
    proxy: Result<Proxy, String>,
    variable: String,
}

/// A proxy, and the variable that names it.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::backend) struct Proxy {
    url: Url,
    pub variable: String,
}

/// Hosts that are reached directly.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Spared {
    All,
    /// A name, and those below it; small letters.
    Name(String),
    Network(IpNet),
}

impl Proxies {
    /// Those that this process's environment names.
    pub(in crate::backend) fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    pub(in crate::backend) fn of(env: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| Some((name.to_owned(), env(name).filter(|text| !text.trim().is_empty())?));
        // In a CGI script HTTP_PROXY is what a caller's `Proxy:` header says.
        let is_cgi = env("REQUEST_METHOD").is_some();
        let read = |small: &str| {
            let capitals = small.to_uppercase();
            let found =
                set(small).or_else(|| set(&capitals).filter(|_| !(is_cgi && small == "http_proxy")))?;
            Some(Named::read(found))
        };
        let all = read("all_proxy");
        let spared = set("no_proxy").or_else(|| set("NO_PROXY")).map(|(_, text)| text).unwrap_or_default();
        let spared = spared.split([',', ' ', '\t']).filter_map(Spared::read).collect();
        Self { http: read("http_proxy").or_else(|| all.clone()), https: read("https_proxy").or(all), spared }
    }

    /// The proxy that a request to this address goes through; `None` for none.
    ///
    /// # Errors
    /// When what the environment says cannot be used.
    pub(in crate::backend) fn way(&self, url: &Url) -> Result<Option<&Proxy>, RunError> {
        let named = match url.scheme() {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        };
        let Some(Named { proxy, variable }) = named else { return Ok(None) };
        if is_loopback(url) || self.spared.iter().any(|spared| spared.is_meant(url)) {
            return Ok(None);
        }
        proxy.as_ref().map(Some).map_err(|why| RunError {
            what: format!("the proxy in {variable} cannot be used: {why}"),
            remedy: format!("Fix {variable}, or put the host into NO_PROXY."),
            ..RunError::default()
        })
    }

    /// Hosts of all proxies.
    pub(in crate::backend) fn hosts(&self) -> Vec<String> {
        let named = [&self.http, &self.https].into_iter().flatten();
        let hosts = named.filter_map(|named| Some(named.proxy.as_ref().ok()?.url.host_str()?.to_owned()));
        hosts.collect()
    }
}

impl Named {
    fn read((variable, text): (String, String)) -> Self {
        let proxy = Proxy::read(&variable, text.trim());
        Self { proxy, variable }
    }
}

impl Proxy {
    fn read(variable: &str, text: &str) -> Result<Self, String> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        // The text may hold a password: it is not repeated.
        let mut url = Url::parse(&whole).map_err(|why| format!("its address is not valid ({why})"))?;
        match url.scheme() {
            "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h" => {}
            other => {
                return Err(format!(
                    "{other}:// is not a kind of proxy; there are http, https, socks5 and socks5h"
                ));
            }
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("its address names no host".to_owned());
        }
        // The usual port of its scheme is left out of a URL, so it cannot be told from none: look at the text.
        let is_bare = !has_port(&whole);
        if is_bare && url.scheme() != "https" {
            let _ = url.set_port(Some(USUAL_PORT));
        }
        Ok(Self { url, variable: variable.to_owned() })
    }

    pub(in crate::backend) fn url(&self) -> &Url {
        &self.url
    }

    /// Its address without user and password.
    pub(super) fn bare(&self) -> Url {
        let mut url = self.url.clone();
        // Neither fails for an address with a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }

    /// `Proxy-Authorization` for its user and password.
    pub(super) fn basic(&self) -> Option<String> {
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let who =
            format!("{}:{}", plain(self.url.username()), plain(self.url.password().unwrap_or_default()));
        self.has_password().then(|| format!("Basic {}", BASE64_STANDARD.encode(who)))
    }

    pub(in crate::backend) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Host and port, for people.
    pub(in crate::backend) fn shown(&self) -> String {
        let port = self.url.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{}{port}", self.url.scheme(), self.host())
    }

    pub(in crate::backend) fn is_socks(&self) -> bool {
        self.url.scheme().starts_with("socks")
    }

    pub(in crate::backend) fn has_password(&self) -> bool {
        !self.url.username().is_empty() || self.url.password().is_some()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} of {}", self.shown(), self.variable)
    }
}

/// Whether a proxy's address names a port.
fn has_port(text: &str) -> bool {
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    behind.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty())
}

impl Spared {
    fn read(part: &str) -> Option<Self> {
        let part = part.trim();
        if part == "*" {
            return Some(Self::All);
        }
        let bare = part.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self::Network(address.into()));
        }
        if let Ok(network) = part.parse::<IpNet>() {
            return Some(Self::Network(network));
        }
        let name = part.trim_start_matches("*.").trim_start_matches('.').trim_end_matches('.');
        (!name.is_empty()).then(|| Self::Name(name.to_lowercase()))
    }

    fn is_meant(&self, url: &Url) -> bool {
        match (self, address_of(url)) {
            (Self::All, _) => true,
            (Self::Network(network), Some(address)) => network.contains(&address),
            (Self::Name(name), None) => {
                let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
                host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Network(_), None) | (Self::Name(_), Some(_)) => false,
        }
    }
}

/// The address that a URL names by number.
pub(in crate::backend) fn address_of(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether a URL leads to this machine.
pub(in crate::backend) fn is_loopback(url: &Url) -> bool {
    match address_of(url) {
        Some(address) => address.is_loopback(),
        None => is_localhost(url.host_str().unwrap_or_default()),
    }
}

/// Whether a name is one of this machine, whatever a server of names says (RFC 6761, 6.3).
pub(super) fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(url: &str, env: &[(&str, &str)]) -> Result<Option<String>, String> {
        let set =
            |asked: &str| env.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned());
        let found = Proxies::of(set);
        let way = found.way(&url.parse().expect(url)).map_err(|error| error.what)?;
        Ok(way.map(|proxy| proxy.url().to_string()))
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        let table = [
            ("http://localhost:1/", true),
            ("http://LOCALHOST./", true),
            ("http://a.localhost/", true),
            ("http://127.0.0.1:1/", true),
            ("http://127.9.9.9:1/", true),
            ("http://[::1]:1/", true),
            ("http://127.0.0.1.evil.io/", false),
            ("http://notlocalhost/", false),
            ("http://example.com/", false),
        ];
        for (url, expected) in table {
            assert_eq!(is_loopback(&Url::parse(url).expect(url)), expected, "{url}");
        }
    }

    #[test]
    fn the_variable_is_the_one_that_curl_takes() {
        let (http, https) = ("http://a.example/", "https://a.example/");
        type Row = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>);
        let table: [Row; 17] = [
            (https, &[("https_proxy", "http://p:3128")], Some("http://p:3128/")),
            (https, &[("HTTPS_PROXY", "p:3128")], Some("http://p:3128/")),
            (https, &[("https_proxy", "small"), ("HTTPS_PROXY", "large")], Some("http://small:1080/")),
            (https, &[("https_proxy", ""), ("HTTPS_PROXY", "large:1")], Some("http://large:1/")),
            (https, &[("http_proxy", "p:1")], None),
            (http, &[("https_proxy", "p:1")], None),
            (http, &[("ALL_PROXY", "http://q:80")], Some("http://q/")),
            (http, &[("http_proxy", "p:1"), ("all_proxy", "q:1")], Some("http://p:1/")),
            (http, &[("HTTP_PROXY", "p:1")], Some("http://p:1/")),
            (http, &[("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")], None),
            (https, &[("all_proxy", "socks5h://s")], Some("socks5h://s:1080")),
            (https, &[("all_proxy", "socks5://u:p%40w@s:9050")], Some("socks5://u:p%40w@s:9050")),
            (https, &[("all_proxy", "https://s")], Some("https://s/")),
            (https, &[("all_proxy", "http://[fd00::1]:3128")], Some("http://[fd00::1]:3128/")),
            (https, &[("all_proxy", "http://[fd00::1]")], Some("http://[fd00::1]:1080/")),
            ("http://127.0.0.1:1/", &[("all_proxy", "http://q")], None),
            ("http://127.0.0.1.example/", &[("all_proxy", "http://q:1")], Some("http://q:1/")),
        ];
        for (url, env, expected) in table {
            assert_eq!(way(url, env), Ok(expected.map(str::to_owned)), "{url} {env:?}");
        }
    }

    #[test]
    fn hosts_that_need_no_proxy_are_named_as_curl_reads_it() {
        let spared = [
            ("http://a.example/", "*"),
            ("http://a.example/", "a.example"),
            ("http://a.example/", "example"),
            ("http://a.example/", ".example"),
            ("http://a.example/", "b, A.Example ,c"),
            ("http://a.example/", "b a.example c"),
            ("http://a.example./", "a.example"),
            ("http://a.example/", "a.example."),
            ("http://x.y.corp/", ".y.corp"),
            ("http://x.y.corp/", "*.y.corp"),
            ("http://10.1.2.3/", "10.0.0.0/8"),
            ("http://10.1.2.3/", "10.1.2.3"),
            ("http://10.1.2.3/", "10.1.2.3/32"),
            ("http://[fd12::7]/", "fd00::/8"),
            ("http://[fd12::7]/", "[fd12::7]"),
            ("http://[fd12::7]/", "FD12:0::7"),
        ];
        let asked = [
            ("http://a.example/", ""),
            ("http://a.example/", "b.example"),
            ("http://a.example/", ".a.example.io"),
            ("http://nota.example/", "a.example"),
            ("http://10.1.2.3/", "11.0.0.0/8"),
            ("http://10.1.2.3/", "1.2.3"),
            ("http://10.1.2.3.example/", "10.0.0.0/8"),
            ("http://[fe12::7]/", "fd00::/8"),
            ("http://a.example/", "0.0.0.0/0"),
        ];
        for (name, is_spared) in [("no_proxy", true), ("NO_PROXY", true), ("no_proxy", false)] {
            let table = if is_spared { spared.as_slice() } else { asked.as_slice() };
            for (url, list) in table {
                let env = [("all_proxy", "q:1"), (name, list)];
                assert_eq!(way(url, &env).map(|way| way.is_none()), Ok(is_spared), "{url} {list}");
            }
        }
    }

    #[test]
    fn what_is_no_proxy_is_an_error_and_never_no_proxy() {
        for bad in ["ftp://p:1", "socks6://p", "http://", "http://p:99999", "socks5://"] {
            let told = way("http://a.example/", &[("ALL_PROXY", bad)]).expect_err(bad);
            assert!(told.contains("ALL_PROXY"), "{told}");
        }
        let told = way("http://a.example/", &[("ALL_PROXY", "ftp://me:s3cret@p:x")]).expect_err("no URL");
        assert!(!told.contains("s3cret"), "{told}");
        let proxies = Proxies::of(|name| (name == "all_proxy").then(|| "http://me:s3cret@p:1".to_owned()));
        assert!(!format!("{proxies:?}").contains("s3cret"));
        assert_eq!(way("http://a.example/", &[("ALL_PROXY", "ftp://p"), ("NO_PROXY", "example")]), Ok(None));
    }
}
