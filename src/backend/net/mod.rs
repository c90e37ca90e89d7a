//! How servers are reached: the HTTP client, redirects, proxies, trust, and which addresses a link may lead to.

pub(super) mod backoff;
pub(super) mod client;
pub(super) mod fault;
pub(super) mod guard;
pub(super) mod http;
pub(super) mod http_error;
pub(super) mod proxy;
pub mod reach;
pub(super) mod redirect;
mod resolve;
pub(super) mod server;
mod trust;
pub(super) mod unread;
pub(super) mod upload;
pub(super) mod websocket;
