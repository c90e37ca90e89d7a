//! What `doctor` checks at the service: nothing that costs.

use std::time::Instant;

use crate::backend::Checked;
use crate::backend::net::redirect;
use crate::domain::run::RunError;

use super::api::{Api, Unread, Why};
use super::socket::{Socket, SocketError};

/// A prompt id that no run uses.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Asks for a run that never was, then opens the socket and leaves it.
///
/// # Errors
/// When runs would fail: credentials that are not accepted, no service at the address, no way to it.
pub(super) async fn check(api: &Api) -> Result<Vec<Checked>, RunError> {
    let began = Instant::now();
    match api.records(&[NOBODY.to_owned()]).await {
        // Some services answer so when none of the ids is known.
        Ok(_) | Err(Unread { why: Why::NotThere, .. }) => {}
        Err(unread) => return Err(unread.error),
    }
    let (service, took) = (redirect::shown(api.base()), began.elapsed().as_millis());
    let text = format!("{service} accepts the credentials ({took} ms); nothing was sent to run");
    let records = Checked { is_good: true, text };
    let began = Instant::now();
    let socket = Socket::connect(api.http(), api.base(), api.credentials(), &api.limits().socket()).await;
    let socket = match socket {
        Ok(socket) => {
            let text = format!("its live connection opens ({} ms)", began.elapsed().as_millis());
            socket.close().await;
            Checked { is_good: true, text }
        }
        Err(SocketError::Refused(error)) => return Err(error),
        Err(error) => {
            let RunError { what, remedy, .. } = error.error();
            let but = "Runs still work, without their live log";
            let text = format!("no live connection: {}. {remedy} {but}", what.trim_end_matches('.'));
            Checked { is_good: false, text }
        }
    };
    Ok(vec![records, socket])
}
