//! Finds hosts, and puts an address first that answers.
//!
//! The HTTP client tries addresses of both families beside each other, but those of one family one after the other, and a
//! dead one costs it half of the time that it has. So where a host has several of one family they are tried here, each
//! a moment after the one before, and the first that takes a connection goes first (RFC 8305).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;

use super::guard::{Forbidden, Rule};
use super::proxy::is_localhost;

/// How long an address has before the next one is tried, too.
const STAGGER: Duration = Duration::from_millis(250);
/// How long all of them have.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an address goes first for having answered.
const KNOWN: Duration = Duration::from_secs(60);

/// Finds hosts for a client.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    /// Which of a host's addresses may be connected to; all without one.
    rule: Option<Rule>,
    /// Hosts of proxies, which are where a person put them.
    proxies: Vec<String>,
    alive: Alive,
}

/// What is known of hosts: the port that they are asked at, and the address that answered last.
#[derive(Clone, Debug, Default)]
pub(super) struct Alive(Arc<Mutex<HashMap<String, Host>>>);

#[derive(Clone, Copy, Debug)]
struct Host {
    port: u16,
    answered: Option<(SocketAddr, Instant)>,
}

impl Alive {
    /// Notes at which port a host is asked: whoever looks for it is told only its name.
    pub(super) fn note(&self, url: &Url) {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Servers choose some of the names.
        if known.len() > 1_000 {
            known.clear();
        }
        let host = known.entry(host.to_owned()).or_insert(Host { port, answered: None });
        if host.port != port {
            *host = Host { port, answered: None };
        }
    }

    fn of(&self, host: &str) -> Option<Host> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied()
    }

    fn answered(&self, host: &str, address: SocketAddr) {
        if let Some(host) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(host) {
            host.answered = Some((address, Instant::now()));
        }
    }

    /// The addresses, one that answers first.
    async fn first(&self, host: &str, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let Some(known) = self.of(host) else { return found };
        let Some(family) = found.first().map(SocketAddr::is_ipv4) else { return found };
        if found.iter().filter(|address| address.is_ipv4() == family).count() < 2 {
            return found;
        }
        let live = match known.answered {
            Some((address, at)) if at.elapsed() < KNOWN => Some(address),
            _ => {
                let at_port = |address: &SocketAddr| SocketAddr::new(address.ip(), known.port);
                first_to_answer(found.iter().map(at_port).collect()).await
            }
        };
        if let Some(live) = live
            && let Some(place) = found.iter().position(|address| address.ip() == live.ip())
        {
            self.answered(host, live);
            found[..=place].rotate_right(1);
        }
        found
    }
}

/// The first of these that takes a connection, each tried a moment after the one before, or at once when that failed.
async fn first_to_answer(addresses: Vec<SocketAddr>) -> Option<SocketAddr> {
    let race = async {
        let mut waiting = addresses.into_iter();
        let mut trying = FuturesUnordered::new();
        let try_out = |address: SocketAddr| async move { TcpStream::connect(address).await.map(|_| address) };
        trying.push(try_out(waiting.next()?));
        loop {
            tokio::select! {
                Some(tried) = trying.next() => {
                    if let Ok(address) = tried {
                        return Some(address);
                    }
                    match waiting.next() {
                        Some(next) => trying.push(try_out(next)),
                        None if trying.is_empty() => return None,
                        None => {}
                    }
                }
                () = tokio::time::sleep(STAGGER), if waiting.len() > 0 => {
                    trying.extend(waiting.next().map(try_out));
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, race).await.ok().flatten()
}

impl Resolver {
    pub(super) fn new(rule: Option<Rule>, proxies: Vec<String>, alive: Alive) -> Self {
        Self { rule, proxies, alive }
    }

    /// Those of a host's addresses that may be connected to.
    fn pass(
        &self,
        host: &str,
        found: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Forbidden> {
        let Some(rule) = self.rule else { return Ok(found.collect()) };
        let is_proxy = !rule.is_local() && self.proxies.iter().any(|proxy| proxy == host);
        let passed: Vec<_> = found.filter(|address| is_proxy || rule.allows(address.ip())).collect();
        if passed.is_empty() { Err(Forbidden::new(host)) } else { Ok(passed) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = if is_localhost(name.as_str()) { loopback(found.ok()) } else { found?.collect() };
            let passed = this.pass(name.as_str(), found.into_iter())?;
            let passed = this.alive.first(name.as_str(), passed).await;
            Ok(Box::new(passed.into_iter()) as Addrs)
        })
    }
}

/// Both addresses of this machine, those that the system gives first: many know only one by the name, and a server may
/// listen at the other.
fn loopback(found: Option<impl Iterator<Item = SocketAddr>>) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = found.into_iter().flatten().collect();
    let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    for ip in both {
        if !all.iter().any(|address| address.ip() == ip) {
            all.push(SocketAddr::new(ip, 0));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_name_leads_only_to_those_of_its_addresses_that_are_allowed() {
        let proxies = vec!["proxy.corp".to_owned()];
        let of = |rule| Resolver::new(Some(rule), proxies.clone(), Alive::default());
        let resolver = of(Rule { public: true, loopback: false, private: false });
        let pass = |resolver: &Resolver, host: &str, found: &[&str]| {
            let found = found.iter().map(|address| SocketAddr::new(address.parse().expect("an address"), 0));
            let passed = resolver.pass(host, found)?;
            Ok::<_, Forbidden>(passed.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>())
        };
        let forbidden = |host: &str| Err(Forbidden::new(host));
        assert_eq!(pass(&resolver, "x.io", &["10.0.0.1", "1.1.1.1", "::1"]), Ok(vec!["1.1.1.1".to_owned()]));
        assert_eq!(pass(&resolver, "x.io", &["127.0.0.1", "169.254.169.254"]), forbidden("x.io"));
        assert_eq!(pass(&resolver, "proxy.corp", &["10.0.0.1"]), Ok(vec!["10.0.0.1".to_owned()]));
        let near = of(Rule { public: false, loopback: true, private: false });
        assert_eq!(pass(&near, "x.io", &["1.1.1.1"]), forbidden("x.io"));
        assert_eq!(pass(&near, "proxy.corp", &["10.0.0.1"]), forbidden("proxy.corp"));
    }

    #[tokio::test]
    async fn an_address_that_answers_goes_before_one_that_does_not() {
        // Nothing listens at the first address, and something at the second, at the same port.
        let (dead, live) = (Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3));
        let listener = TcpListener::bind((live, 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let alive = Alive::default();
        let of = |addresses: [Ipv4Addr; 2]| addresses.map(|ip| SocketAddr::new(ip.into(), 0)).to_vec();
        assert_eq!(alive.first("gpu.example", of([dead, live])).await, of([dead, live]), "no port, no try");
        alive.note(&format!("http://gpu.example:{port}/").parse().expect("a URL"));
        assert_eq!(alive.first("gpu.example", of([dead, live])).await, of([live, dead]));
        assert_eq!(alive.first("gpu.example", of([live, dead])).await, of([live, dead]));
        drop(listener);
        assert_eq!(alive.first("gpu.example", of([dead, live])).await, of([live, dead]), "known");
        alive.note(&format!("http://gone.example:{port}/").parse().expect("a URL"));
        assert_eq!(alive.first("gone.example", of([dead, live])).await, of([dead, live]), "none answers");
    }
}
