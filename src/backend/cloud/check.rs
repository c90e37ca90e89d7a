//! What `doctor` asks of the service: nothing that costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::Server;
use crate::backend::net::http::Http;
use crate::domain::run::RunError;

use super::CloudLimits;
use super::api::{Api, Unread, Why};
use super::socket::{Socket, SocketError};

/// A prompt id that no run has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// What was found at the service.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// How long the socket took to let us in, or why there is none: then runs go on without their log.
    pub socket: Result<Duration, RunError>,
    /// How long the service took to say that it has no record of a run that never was.
    pub records: Duration,
}

/// Opens the socket, leaves it, and asks for a run that never was.
///
/// # Errors
/// When runs would fail: credentials that are not accepted, no service at the address, no way to it.
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
