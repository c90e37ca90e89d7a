//! Why a connection failed or ended.

use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::config::Veil;
use crate::domain::run::RunError;
use crate::wire::ansi;

/// The remedy for an unreachable service.
const LOOK: &str = "Check the profile's api_url and this machine's network.";
/// Most characters of a server's reason that are shown.
const MAX_REASON: usize = 120;

/// Why a connection failed or ended.
#[derive(Debug, thiserror::Error)]
pub(in crate::backend) enum SocketError {
    /// The service rejected the login: retrying changes nothing.
    #[error("{}", .0.what)]
    Refused(RunError),
    /// Connecting failed: no network, a service that is down, or something else at that address.
    #[error("{}", .0.what)]
    Unreachable(RunError),
    /// An open connection ended.
    #[error("{}", .0.what)]
    Lost(RunError),
}

impl SocketError {
    /// The error to show.
    pub(in crate::backend) fn error(&self) -> &RunError {
        let (Self::Refused(error) | Self::Unreachable(error) | Self::Lost(error)) = self;
        error
    }

    /// Removes our own secrets, which some servers echo.
    pub(super) fn veiled(mut self, veil: &Veil) -> Self {
        let (Self::Refused(error) | Self::Unreachable(error) | Self::Lost(error)) = &mut self;
        for text in [&mut error.what, &mut error.remedy, &mut error.details] {
            veil.hide(text);
        }
        self
    }

    /// Why connecting failed.
    pub(super) fn before_welcome(self) -> Self {
        match self {
            Self::Lost(error) => Self::Unreachable(RunError {
                what: format!("{}, before the login was answered", error.what),
                remedy: LOOK.to_owned(),
                ..error
            }),
            other => other,
        }
    }

    /// The error of a rejected login.
    pub(super) fn refused(message: &str) -> Self {
        let what = "the service rejected the login".to_owned();
        Self::Refused(RunError {
            what: if message.is_empty() { what } else { format!("{what}: {message}") },
            remedy: "Check client_id and client_secret of the profile.".to_owned(),
            ..RunError::default()
        })
    }
}

/// The error of a failed connection attempt.
pub(super) fn unreachable(what: String) -> SocketError {
    SocketError::Unreachable(RunError { what, remedy: LOOK.to_owned(), ..RunError::default() })
}

/// The error of a connection that ended.
pub(super) fn lost(what: String) -> SocketError {
    let remedy = "Runs go on meanwhile, and their outputs can be fetched. If it persists, check this machine's network.";
    SocketError::Lost(RunError { what, remedy: remedy.to_owned(), ..RunError::default() })
}

/// The error of a websocket that the server closed.
pub(super) fn closed(shown: &str, why: Option<CloseFrame>, veil: &Veil) -> SocketError {
    let mut reason = why.map_or_else(String::new, |CloseFrame { code, reason }| {
        format!(" ({} {})", u16::from(code), ansi::scrub_plain(&reason)).replace(" )", ")")
    });
    veil.hide(&mut reason);
    lost(format!("{shown} closed the live connection{reason}"))
}

pub(super) fn broken(shown: &str, error: &tungstenite::Error) -> SocketError {
    use tungstenite::Error;
    use tungstenite::error::ProtocolError::{
        ReceivedAfterClosing, ResetWithoutClosingHandshake, SendAfterClosing,
    };
    let what = match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ReceivedAfterClosing | SendAfterClosing) => {
            format!("the live connection to {shown} is over")
        }
        Error::Protocol(ResetWithoutClosingHandshake) => format!("the live connection to {shown} was cut"),
        Error::Capacity(_) => format!("{shown} sent a message that is too large"),
        Error::Protocol(_) | Error::Utf8(_) => {
            format!("{shown} sent something that is not a websocket message")
        }
        _ => format!("the live connection to {shown} was cut"),
    };
    let details = ansi::scrub_plain(&error.to_string()).chars().take(MAX_REASON).collect();
    match lost(what) {
        SocketError::Lost(error) => SocketError::Lost(RunError { details, ..error }),
        other => other,
    }
}
