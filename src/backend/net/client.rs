//! The HTTP clients: how each address is reached, and what all of them have in common.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Url};

use crate::domain::run::{RunError, Trust};

use super::guard::{Guard, Rule};
use super::proxy::{Proxies, Proxy};
use super::redirect;
use super::resolve::{Alive, Resolver};
use super::trust;

pub(super) const USER_AGENT: &str = concat!("comfydeck/", env!("CARGO_PKG_VERSION"));
/// Timeout for DNS, TCP and TLS together.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Read timeout: the vendor's own limit for a stream. Cold starts take minutes; a dead connection is found
/// by [`KEEPALIVE`] much sooner.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(24_000);
/// Idle time before TCP keepalive probes are sent.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Clients that trust alike, made when they are first needed: loading the system's certificates takes its time.
#[derive(Debug)]
pub(in crate::backend) struct Clients {
    trust: Trust,
    proxies: Arc<Proxies>,
    alive: Alive,
    /// For plain HTTP: reads no certificates, which a machine may not have.
    plain: OnceLock<Client>,
    trusting: OnceLock<Client>,
    /// For addresses that a server chose.
    guarded: Mutex<Vec<(Rule, Client)>>,
}

impl Default for Clients {
    fn default() -> Self {
        Self::new(Trust::default())
    }
}

impl Clients {
    pub(in crate::backend) fn new(trust: Trust) -> Self {
        Self {
            trust,
            proxies: Arc::new(Proxies::of_environment()),
            alive: Alive::default(),
            plain: OnceLock::new(),
            trusting: OnceLock::new(),
            guarded: Mutex::default(),
        }
    }

    pub(in crate::backend) fn trust(&self) -> &Trust {
        &self.trust
    }

    pub(in crate::backend) fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// The proxy that a request to this address goes through.
    ///
    /// # Errors
    /// When what the environment says cannot be used.
    pub(in crate::backend) fn way(&self, url: &Url) -> Result<Option<&Proxy>, RunError> {
        self.proxies.way(url)
    }

    /// The client for an address that a person chose.
    ///
    /// # Errors
    /// When certificates or proxies cannot be used.
    pub(in crate::backend) fn client(&self, url: &Url) -> Result<&Client, RunError> {
        self.note(url)?;
        let slot = if self.has_tls(url) { &self.trusting } else { &self.plain };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = self.builder(url)?.build().map_err(|error| unusable(&error, url))?;
        Ok(slot.get_or_init(|| client))
    }

    /// The client for an address that a server chose, when the guard allows a request to it.
    ///
    /// # Errors
    /// Why none is sent.
    pub(in crate::backend) fn client_for(&self, url: &Url, guard: &Guard) -> Result<Client, String> {
        match guard.rule(url)? {
            Some(rule) => self.guarded(rule, url).map_err(|error| error.what),
            None => self.client(url).cloned().map_err(|error| error.what),
        }
    }

    /// A client that connects only where the rule allows.
    fn guarded(&self, rule: Rule, url: &Url) -> Result<Client, RunError> {
        self.note(url)?;
        let mut clients = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(known, _)| *known == rule) {
            return Ok(client.clone());
        }
        let builder = self.going(Some(rule), self.tls()?);
        let builder = if rule.is_local() { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| unusable(&error, url))?;
        clients.push((rule, client.clone()));
        Ok(client)
    }

    /// Has whoever finds hosts know at which port they are asked.
    fn note(&self, url: &Url) -> Result<(), RunError> {
        match self.way(url)? {
            // The name is looked up here with socks5://, and the proxy's in any case.
            Some(proxy) => {
                self.alive.note(url);
                self.alive.note(proxy.url());
            }
            None => self.alive.note(url),
        }
        Ok(())
    }

    /// Whether there is TLS on the way to an address.
    fn has_tls(&self, url: &Url) -> bool {
        let by_proxy = self.way(url).ok().flatten().is_some_and(|proxy| proxy.url().scheme() == "https");
        by_proxy || url.scheme() == "https"
    }

    /// A client for an address that a person chose.
    pub(super) fn builder(&self, url: &Url) -> Result<ClientBuilder, RunError> {
        let tls = if self.has_tls(url) { self.tls()? } else { trust::nobody()? };
        Ok(self.going(None, tls))
    }

    /// A client that goes as the environment says.
    fn going(&self, rule: Option<Rule>, tls: rustls::ClientConfig) -> ClientBuilder {
        let proxies = Arc::clone(&self.proxies);
        // One that cannot be used was an error before.
        let way = move |url: &Url| proxies.way(url).ok().flatten().map(|proxy| proxy.url().clone());
        shared(self.resolver(rule)).tls_backend_preconfigured(tls).proxy(reqwest::Proxy::custom(way))
    }

    /// The settings of TLS for a connection that is not the clients' own.
    pub(super) fn tls(&self) -> Result<rustls::ClientConfig, RunError> {
        trust::config(&self.trust, self.proxies.hosts())
    }

    fn resolver(&self, rule: Option<Rule>) -> Resolver {
        Resolver::new(rule, self.proxies.hosts(), self.alive.clone())
    }
}

/// The settings that all clients share.
fn shared(resolver: Resolver) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .no_proxy()
        .dns_resolver(resolver)
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

fn unusable(error: &reqwest::Error, url: &Url) -> RunError {
    RunError {
        what: format!("a request cannot be sent to {}", redirect::shown(url)),
        remedy: "Check the profile's url.".to_owned(),
        details: super::fault::causes(error).said,
        ..RunError::default()
    }
}
