//! Where an output may be fetched from: an address that a server names is not one that we chose, and this machine
//! sees networks that the server should not.
//!
//! Allowed are https addresses of the public Internet, and the API's own origin. Where the API itself is on this
//! machine, so are this machine's other ports, by plain http too; where it is in a private network, so is that.
//! Literal addresses are checked before a request, names when they are resolved for it: the addresses that are
//! connected to are the ones that were checked. With a proxy (`HTTPS_PROXY` and the like) it is the proxy that
//! resolves and connects, so there only literal addresses are checked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use super::proxy::{Proxies, address_of};
use super::redirect;

/// In which network an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Public,
    Loopback,
    /// A company's, a home's, a carrier's or a VPN's.
    Private,
    /// Nothing is fetched from there: link-local, multicast, reserved, the hosts' metadata services.
    Never,
}

/// Services that tell a machine in a data centre its own secrets, at addresses that look like others.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

fn place(address: IpAddr) -> Place {
    match address {
        address if METADATA.contains(&address) => Place::Never,
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => place_v6(address),
    }
}

/// By IANA's registry of special-purpose IPv4 addresses.
fn place_v4(address: Ipv4Addr) -> Place {
    match address.octets() {
        [127, ..] => Place::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Place::Private,
        [0, ..] | [169, 254, ..] | [192, 0, 0 | 2, _] | [192, 88, 99, _] => Place::Never,
        [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] | [224..=255, ..] => Place::Never,
        _ => Place::Public,
    }
}

/// By IANA's registry of special-purpose IPv6 addresses. Where an IPv4 address is inside, that one counts.
fn place_v6(address: Ipv6Addr) -> Place {
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        place(Ipv4Addr::new(a, b, c, d).into())
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Place::Loopback,
        // Mapped, and NAT64: how a network without IPv4 reaches the rest.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => inner(high, low),
        // 6to4.
        [0x2002, high, low, ..] => inner(high, low),
        [0xfc00..=0xfdff, ..] => Place::Private,
        // Teredo, benchmarks, ORCHID and other protocols' own; documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Place::Never,
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Never,
    }
}

/// Which networks a connection may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) struct Rule {
    pub(super) public: bool,
    pub(super) loopback: bool,
    pub(super) private: bool,
}

impl Rule {
    pub(super) fn allows(self, address: IpAddr) -> bool {
        match place(address) {
            Place::Public => self.public,
            Place::Loopback => self.loopback,
            Place::Private => self.private,
            Place::Never => false,
        }
    }

    /// Whether it is about networks that no proxy leads to.
    pub(in crate::backend) fn is_local(self) -> bool {
        !self.public
    }
}

/// Why an address is not connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend) struct Forbidden {
    host: String,
}

impl Forbidden {
    pub(super) fn new(host: &str) -> Self {
        Self { host: host.to_owned() }
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host } = self;
        write!(to, "its address leads to {host}, where links of this server may not lead")
    }
}

impl std::error::Error for Forbidden {}

/// Checks addresses for the runs of one API.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Guard {
    home: Url,
    loopback: bool,
    private: bool,
    /// Hosts whose addresses are not checked, because they are proxies.
    proxies: Vec<String>,
}

impl Guard {
    /// What is allowed to the server at `home`. Finds out where that is.
    pub(in crate::backend) async fn new(home: &Url, proxies: &Proxies) -> Self {
        // One that cannot be used leads nowhere.
        let is_behind_proxy = !matches!(proxies.way(home), Ok(None));
        let proxies = proxies.hosts();
        let addresses = match (address_of(home), home.host_str()) {
            (Some(address), _) => vec![address],
            (None, Some(host)) if !is_behind_proxy => match tokio::net::lookup_host((host, 0)).await {
                Ok(found) => found.map(|address| address.ip()).collect(),
                // Nobody knows where it is, so it is not near.
                Err(_) => Vec::new(),
            },
            _ => Vec::new(),
        };
        let is = |wanted| !addresses.is_empty() && addresses.iter().all(|address| place(*address) == wanted);
        Self { home: home.clone(), loopback: is(Place::Loopback), private: is(Place::Private), proxies }
    }

    /// Where a request to an address may end up; `None` for anywhere, because it is the API itself.
    pub(in crate::backend) fn rule(&self, url: &Url) -> Result<Option<Rule>, String> {
        if url.origin() == self.home.origin() && url.origin().is_tuple() {
            return Ok(None);
        }
        let rule = match url.scheme() {
            "https" => Rule { public: true, loopback: self.loopback, private: self.private },
            "http" => Rule {
                public: false,
                loopback: self.loopback,
                private: self.private && self.home.scheme() == "http",
            },
            _ => Rule { public: false, loopback: false, private: false },
        };
        if !(rule.public || rule.loopback || rule.private) {
            return Err(format!("its address {} is not safe", redirect::shown(url)));
        }
        let host = url.host_str().unwrap_or_default();
        let is_forbidden = match address_of(url) {
            Some(address) => !rule.allows(address),
            None => self.proxies.iter().any(|proxy| proxy == host),
        };
        if is_forbidden { Err(Forbidden::new(host).to_string()) } else { Ok(Some(rule)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_in_its_network() {
        use Place::{Loopback, Never, Private, Public};
        let table = [
            (
                Public,
                "1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.0 192.167.0.1",
            ),
            (
                Public,
                "192.0.1.1 198.17.0.1 198.20.0.1 223.255.255.255 2606:4700::1111 2a00:1450:4001::1 2001:200::1",
            ),
            (Public, "::ffff:1.1.1.1 64:ff9b::1.1.1.1 2002:101:101::1"),
            (
                Loopback,
                "127.0.0.1 127.255.255.254 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 64:ff9b::7f00:1 2002:7f00:1::",
            ),
            (
                Private,
                "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 fc00::1 fd12:3456::1",
            ),
            (Private, "::ffff:10.0.0.1 ::ffff:192.168.0.1 64:ff9b::a00:1 2002:c0a8:1::1 ::ffff:100.64.0.1"),
            (
                Never,
                "0.0.0.0 0.1.2.3 169.254.169.254 169.254.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1",
            ),
            (Never, "198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255"),
            (Never, "100.100.100.200 168.63.129.16 fd00:ec2::254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe"),
            (
                Never,
                ":: ::127.0.0.1 ::ffff:0.0.0.0 fe80::1 fec0::1 ff02::1 100::1 2001::1 2001:db8::1 3fff::1",
            ),
            (Never, "64:ff9b:1::1 4000::1 5f00::1 ::ffff:0:127.0.0.1 2002:a9fe:a9fe::1"),
        ];
        for (expected, addresses) in table {
            for address in addresses.split(' ') {
                assert_eq!(place(address.parse().expect(address)), expected, "{address}");
            }
        }
    }

    #[tokio::test]
    async fn what_may_be_asked_depends_on_where_the_api_is() {
        const ANYWHERE: Option<&str> = Some("anywhere");
        const PUBLIC: Option<&str> = Some("public");
        const NEAR: Option<&str> = Some("public or near");
        const ONLY_NEAR: Option<&str> = Some("near");
        let table = [
            ("https://1.1.1.1/", "https://1.1.1.1/x", ANYWHERE),
            ("https://1.1.1.1/", "https://1.1.1.1:8443/x", PUBLIC),
            ("https://1.1.1.1/", "https://files.example/x", PUBLIC),
            ("https://1.1.1.1/", "http://files.example/x", None),
            ("https://1.1.1.1/", "http://1.1.1.1/x", None),
            ("https://1.1.1.1/", "https://10.0.0.1/x", None),
            ("https://1.1.1.1/", "https://127.0.0.1/x", None),
            ("https://1.1.1.1/", "https://[::ffff:10.0.0.1]/x", None),
            ("https://1.1.1.1/", "https://0/x", None),
            ("https://1.1.1.1/", "https://0xa9fea9fe/x", None),
            ("https://1.1.1.1/", "ftp://files.example/x", None),
            ("http://1.1.1.1/", "http://1.1.1.1/x", ANYWHERE),
            ("http://1.1.1.1/", "http://1.1.1.2/x", None),
            ("http://127.0.0.1:1/", "http://127.0.0.1:2/x", ONLY_NEAR),
            ("http://127.0.0.1:1/", "http://[::1]:2/x", ONLY_NEAR),
            ("http://127.0.0.1:1/", "http://files.example/x", ONLY_NEAR),
            ("http://127.0.0.1:1/", "https://files.example/x", NEAR),
            ("http://127.0.0.1:1/", "http://10.0.0.1/x", None),
            ("http://127.0.0.1:1/", "https://10.0.0.1/x", None),
            ("http://localhost:1/", "http://127.0.0.1:2/x", ONLY_NEAR),
            ("http://10.0.0.1/", "http://10.0.0.1/x", ANYWHERE),
            ("http://10.0.0.1/", "http://192.168.0.1/x", ONLY_NEAR),
            ("http://10.0.0.1/", "https://100.64.0.1/x", NEAR),
            ("http://10.0.0.1/", "http://127.0.0.1/x", None),
            ("http://10.0.0.1/", "http://169.254.169.254/x", None),
            ("https://10.0.0.1/", "http://10.0.0.2/x", None),
            ("https://10.0.0.1/", "https://10.0.0.2/x", NEAR),
            ("http://169.254.169.254/", "http://169.254.1.1/x", None),
        ];
        for (home, to, expected) in table {
            let guard = Guard::new(&home.parse().expect(home), &Proxies::default()).await;
            let found = guard.rule(&to.parse().expect(to)).ok().map(|rule| match rule {
                None => "anywhere",
                Some(Rule { public: true, loopback: false, private: false }) => "public",
                Some(Rule { public: true, .. }) => "public or near",
                Some(_) => "near",
            });
            assert_eq!(found, expected, "{home} names {to}");
        }
    }

    #[tokio::test]
    async fn behind_a_proxy_nothing_is_near_and_the_proxy_itself_holds_no_output() {
        let proxies = Proxies::of(|name| (name == "ALL_PROXY").then(|| "http://proxy.corp:3128".to_owned()));
        let guard = Guard::new(&"https://localhost.example/".parse().expect("a URL"), &proxies).await;
        assert_eq!((guard.loopback, guard.private), (false, false));
        let rule = |url: &str| guard.rule(&url.parse().expect(url));
        assert!(rule("https://proxy.corp/x").is_err());
        assert!(rule("https://10.0.0.1/x").is_err(), "literal addresses are checked all the same");
        assert!(rule("https://files.example/x").is_ok());
    }
}
