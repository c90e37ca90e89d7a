//! Whether an endpoint can be reached, asked without a request: a request of any kind may wake a serverless machine,
//! which costs. So the client of every run connects, by the same proxies and with the same trust, and hangs up instead
//! of asking.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use reqwest::Url;
use tower_layer::Layer;
use tower_service::Service;

use crate::domain::run::{RunError, Trust};

use super::client::Clients;
use super::fault::Fault;
use super::redirect;

/// A successful connection check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The endpoint's address, for people.
    pub shown: String,
    pub proxy: Option<String>,
    /// Whether what was connected to is only the proxy: it takes plain http as requests, and is asked for none.
    pub proxy_only: bool,
    /// Whether there was a TLS handshake with the endpoint.
    pub tls: bool,
    /// How long it took.
    pub took: Duration,
}

/// Connects to an endpoint's host, through TLS for `https`, and hangs up.
///
/// # Errors
/// What went wrong, and what to check.
pub async fn reach(url: &str, trust: &Trust, limit: Duration) -> Result<Reached, RunError> {
    let began = Instant::now();
    let url: Url = url.parse().map_err(|why: <Url as std::str::FromStr>::Err| RunError {
        what: format!("the address is not valid ({why})"),
        remedy: "Fix `url`.".to_owned(),
        ..RunError::default()
    })?;
    let clients = Clients::new(trust.clone());
    let proxy = clients.way(&url)?;
    // Notes the port, too.
    clients.client(&url)?;
    let client = clients.builder(&url)?.connect_timeout(limit).connector_layer(HangUp).build();
    let error = match client {
        Ok(client) => client.get(url.clone()).send().await.err(),
        Err(error) => Some(error),
    };
    // A request without an error cannot be, for there is no connection for one.
    if let Some(fault) = error.map(Fault::Line).filter(|fault| fault.cause::<HungUp>().is_none()) {
        return Err(fault.told(&url, proxy));
    }
    let is_tls = url.scheme() == "https";
    Ok(Reached {
        shown: redirect::shown(&url),
        proxy_only: proxy.is_some_and(|proxy| !proxy.is_socks() && !is_tls),
        proxy: proxy.map(super::proxy::Proxy::shown),
        tls: is_tls,
        took: began.elapsed(),
    })
}

/// Ends every connection when it is there.
#[derive(Clone, Copy, Debug)]
struct HangUp;

/// There was a connection.
#[derive(Clone, Copy, Debug)]
struct HungUp;

impl fmt::Display for HungUp {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("connected, and left")
    }
}

impl Error for HungUp {}

impl<S> Layer<S> for HangUp {
    type Service = HangingUp<S>;

    fn layer(&self, connector: S) -> HangingUp<S> {
        HangingUp(connector)
    }
}

#[derive(Clone, Debug)]
struct HangingUp<S>(S);

impl<S, R> Service<R> for HangingUp<S>
where
    S: Service<R, Error = Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    S::Response: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            drop(connecting.await?);
            Err(HungUp.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    async fn reached(url: &str) -> Result<Reached, String> {
        reach(url, &Trust::default(), Duration::from_secs(10)).await.map_err(|error| error.what)
    }

    #[tokio::test]
    async fn a_server_is_reached_without_a_request() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = std::thread::spawn(move || {
            let mut heard = Vec::new();
            listener.accept().expect("a caller").0.read_to_end(&mut heard).expect("read");
            heard
        });
        let found = reached(&format!("http://{address}/x?token=1")).await.expect("reached");
        assert_eq!((found.shown, found.tls, found.proxy), (format!("http://{address}/x"), false, None));
        assert_eq!(heard.join().expect("heard"), b"");
    }

    #[tokio::test]
    async fn obstacles_are_reported() {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let told = |url: String| async move { reached(&url).await.expect_err(&url) };
        assert!(told(format!("http://{closed}/")).await.contains("nothing is listening"));
        assert!(told("http://nowhere.invalid/".to_owned()).await.contains("nowhere.invalid cannot be found"));
        assert!(told("https://".to_owned()).await.contains("not valid"));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let plain = std::thread::spawn(move || {
            let mut stream = listener.accept().expect("a caller").0;
            stream.read_exact(&mut [0; 5]).expect("a hello");
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("an answer");
        });
        assert!(told(format!("https://{address}/")).await.contains("does not speak TLS"));
        plain.join().expect("answered");
    }
}
