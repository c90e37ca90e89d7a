//! Why a request got no response, in words.

use std::error::Error;
use std::io;

use reqwest::Url;

use crate::domain::run::RunError;
use crate::wire::ansi::scrub_plain;

use super::proxy::Proxy;
use super::{redirect, trust};

/// Why a request got no response.
#[derive(Debug)]
pub(in crate::backend) enum Fault {
    /// It was not sent: an address, a certificate file or a proxy that cannot be used, or a proxy that let nothing through.
    Unsent(RunError),
    Line(reqwest::Error),
}

impl Fault {
    /// Whether trying again changes nothing.
    pub(in crate::backend) fn is_final(&self) -> bool {
        match self {
            Self::Unsent(_) => true,
            Self::Line(error) => error.is_builder(),
        }
    }

    /// Whether the server cannot have received anything.
    pub(in crate::backend) fn is_before_sending(&self) -> bool {
        match self {
            Self::Unsent(_) => true,
            Self::Line(error) => error.is_connect(),
        }
    }

    /// A cause of this type.
    pub(in crate::backend) fn cause<E: Error + Clone + 'static>(&self) -> Option<E> {
        let Self::Line(error) = self else { return None };
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(found) = cause.downcast_ref::<E>() {
                return Some(found.clone());
            }
            source = cause.source();
        }
        None
    }

    /// The error of a request to this address, which went by this proxy.
    pub(in crate::backend) fn told(self, url: &Url, proxy: Option<&Proxy>) -> RunError {
        match self {
            Self::Unsent(error) => error,
            Self::Line(error) => unreachable(&error, url, proxy),
        }
    }
}

/// What is known of an error's causes.
#[derive(Debug, Default)]
pub(super) struct Causes {
    /// From the outermost to the innermost.
    pub said: String,
    refused: bool,
    timed_out: bool,
    /// Why TLS failed, and what to do.
    tls: Option<(String, &'static str)>,
}

pub(super) fn causes(error: &(dyn Error + 'static)) -> Causes {
    let mut found = Causes::default();
    let mut said: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let io = cause.downcast_ref::<io::Error>();
        found.refused |= io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused);
        found.timed_out |= io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut);
        if let Some(tls) = tls_of(cause) {
            let words = trust::words(tls);
            said.push(words.0.clone());
            found.tls = Some(words);
            break;
        }
        let text = scrub_plain(&cause.to_string());
        if said.last() != Some(&text) {
            said.push(text);
        }
        source = cause.source();
    }
    found.said = said.join(": ");
    found
}

/// The error of TLS in a cause. One of IO keeps it to itself: its source is that of what it holds.
fn tls_of<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(io) => tls_of(io.get_ref()?),
        None => cause.downcast_ref(),
    }
}

/// The error of a request that failed on its way, without the URL's query.
pub(super) fn unreachable(error: &reqwest::Error, url: &Url, proxy: Option<&Proxy>) -> RunError {
    let causes = causes(error);
    let by_proxy = proxy.and_then(|proxy| at_proxy(proxy, url, &causes));
    let (what, remedy) = by_proxy.unwrap_or_else(|| {
        let (what, remedy) = at_server(error, url, &causes);
        let remedy = match proxy {
            Some(proxy) => {
                format!("The proxy {} of {} is in between. {remedy}", proxy.shown(), proxy.variable)
            }
            None => remedy.to_owned(),
        };
        (what, remedy)
    });
    RunError { what, remedy, details: causes.said, ..RunError::default() }
}

/// The error of a tunnel that did not come about, or of a request through it.
pub(super) fn in_tunnel(error: &(dyn Error + 'static), url: &Url, proxy: &Proxy) -> RunError {
    let mut causes = causes(error);
    causes.said = [scrub_plain(&error.to_string()), std::mem::take(&mut causes.said)].join(": ");
    let (what, remedy) = at_proxy(proxy, url, &causes).unwrap_or_else(|| {
        let host = url.host_str().unwrap_or_default();
        let what = format!("the connection to {host} through the proxy {} broke", proxy.shown());
        (what, "Check this machine's network, then try again.".to_owned())
    });
    RunError { what, remedy, details: causes.said, ..RunError::default() }
}

/// What went wrong between here and the server.
fn at_server(error: &reqwest::Error, url: &Url, causes: &Causes) -> (String, &'static str) {
    let host = url.host_str().unwrap_or_default();
    let network = "Check this machine's network, then try again.";
    if let Some((why, remedy)) = &causes.tls {
        (format!("no TLS connection to {host}: {why}"), remedy)
    } else if is_unknown(&causes.said) {
        (format!("the host {host} cannot be found"), "Check the profile's url, and this machine's network.")
    } else if causes.refused {
        let shown = redirect::shown(url);
        let remedy = "Check the profile's url and port, and that the endpoint is up.";
        (format!("nothing is listening at {shown}"), remedy)
    } else if error.is_timeout() || causes.timed_out {
        (format!("{host} did not respond in time"), network)
    } else if url.scheme() == "https" && error.is_connect() && causes.said.contains("eof") {
        let remedy = "Check that the profile's url and port are those of an https server.";
        (format!("no TLS connection to {host}: it hung up"), remedy)
    } else if error.is_connect() {
        (format!("no connection to {host}"), network)
    } else if error.is_builder() {
        (format!("a request cannot be sent to {}", redirect::shown(url)), "Check the profile's url.")
    } else {
        (format!("the connection to {host} broke before a response came"), network)
    }
}

fn is_unknown(said: &str) -> bool {
    said.contains("dns error") || said.contains("failed to lookup")
}

/// What the proxy did, as far as the HTTP client tells; `None` when it is not about the proxy.
fn at_proxy(proxy: &Proxy, url: &Url, causes: &Causes) -> Option<(String, String)> {
    let (shown, variable) = (proxy.shown(), &proxy.variable);
    let said = causes.said.as_str();
    let has = |words: &str| said.contains(words);
    let host = url.host_str().unwrap_or_default();
    let check = format!("Check {variable}, or put the host into NO_PROXY if it needs no proxy.");
    if has("proxy authorization required") {
        return Some(denied(proxy));
    }
    if has("user/pass authentication") || has("credentials not accepted") || has("authentication incorrectly")
    {
        return Some(denied(proxy));
    }
    if has("tunnel error: unsuccessful") || has("unexpected end of file") || has("headers too long") {
        let what = format!("the proxy {shown} makes no connection to {host}");
        let remedy = format!(
            "It may not reach the host, or not let this port through. {check} The proxy's own log tells more."
        );
        return Some((what, remedy));
    }
    if has("SOCKS error: ")
        && !has("underlying connection")
        && !has("io error")
        && !has("resolving for socks")
    {
        let why = said.rsplit("SOCKS error: ").next().unwrap_or_default();
        let what = format!("the proxy {shown} makes no connection to {host}: {why}");
        return Some((what, check));
    }
    // Of a connection that did not come about it is the first leg, unless it leads through the proxy already.
    let is_first_leg = has("underlying connection")
        || (!proxy.is_socks() && url.scheme() == "http")
        || (is_unknown(said) && !has("resolving for socks"));
    if !is_first_leg {
        return None;
    }
    let why = match &causes.tls {
        Some((why, _)) => format!("no TLS connection to the proxy {shown}: {why}"),
        None if is_unknown(said) => format!("the proxy's host {} cannot be found", proxy.host()),
        None if causes.refused => format!("nothing is listening at the proxy {shown}"),
        None if has("underlying connection") => format!("no connection to the proxy {shown}"),
        None => return None,
    };
    Some((why, check))
}

/// The proxy wants to know who asks, and is not content.
pub(super) fn denied(proxy: &Proxy) -> (String, String) {
    let (shown, variable) = (proxy.shown(), &proxy.variable);
    let status = if proxy.is_socks() { "" } else { " (407)" };
    if proxy.has_password() {
        (
            format!("the proxy {shown} does not accept the user and password of {variable}{status}"),
            format!("Fix them in {variable}. Letters such as @ : / % are written %40 %3A %2F %25 there."),
        )
    } else {
        (
            format!("the proxy {shown} wants a user and password{status}"),
            format!("Put them into {variable}: {}://USER:PASSWORD@HOST:PORT.", proxy.url().scheme()),
        )
    }
}
