//! How servers are reached: the HTTP client, redirects, proxies, trust, and which addresses a link may lead to.

pub(super) mod guard;
pub(super) mod http;
pub mod reach;
pub(super) mod redirect;
pub(super) mod refusal;
pub(super) mod upload;
