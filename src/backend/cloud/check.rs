//! What `doctor` checks at the service: nothing that costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::Server;
use crate::backend::net::http::Http;
use crate::domain::run::RunError;

use super::CloudLimits;
use super::api::{Api, Unread, Why};
use super::socket::{Socket, SocketError};

/// A prompt id that no run uses.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// The result of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// Time that the login over the socket took, or why it failed: runs then work without a live log.
    pub socket: Result<Duration, RunError>,
    /// Time that the request for an unknown record took.
    pub records: Duration,
}

/// Logs in over the socket, disconnects, and requests the record of an unknown run.
///
/// # Errors
/// When runs would fail: rejected credentials, no service at the address, no network.
pub async fn check(server: &Server, limits: CloudLimits) -> Result<Checked, RunError> {
    let http = Arc::new(Http::new(limits.http.clone()));
    let api = Api::new(server, http, Arc::new(limits))?;
    let began = Instant::now();
    match api.records(&[NOBODY.to_owned()]).await {
        // Some services answer so when none of the ids is known.
        Ok(_) | Err(Unread { why: Why::NotThere, .. }) => {}
        Err(unread) => return Err(unread.error),
    }
    let records = began.elapsed();
    let began = Instant::now();
    let socket = Socket::connect(api.http(), api.base(), api.credentials(), &api.limits().socket()).await;
    let socket = match socket {
        Ok(socket) => {
            let took = began.elapsed();
            socket.close().await;
            Ok(took)
        }
        Err(SocketError::Refused(error)) => return Err(error),
        Err(error) => Err(error.error().clone()),
    };
    Ok(Checked { socket, records })
}
