//! The account's socket: opened when a run needs it, opened again when it breaks, subscribed to earlier runs.

use std::time::Duration;

use tokio::time::Instant;

use super::{Account, Done, Entry, SocketState};
use crate::backend::cloud::api::Unread;
use crate::backend::cloud::socket::{Socket, SocketError};
use crate::domain::run::Connection;

impl Account {
    pub(super) fn sid(&self) -> Option<String> {
        self.socket.as_ref().map(|socket| socket.sid().to_owned())
    }

    pub(super) fn connect_when_due(&mut self) {
        let is_due = self.connect_at <= Instant::now();
        if self.socket.is_some() || self.is_connecting || !is_due || !self.is_wanted() {
            return;
        }
        self.is_connecting = true;
        let api = self.api.clone();
        self.work.push(Box::pin(async move {
            let limits = api.limits().socket();
            let socket = Socket::connect(api.http(), api.base(), api.credentials(), &limits).await;
            Done::Connected(Box::new(socket))
        }));
    }

    pub(super) fn connected(&mut self, socket: Socket) {
        tracing::info!("the socket is open");
        self.connected_at = Instant::now();
        self.socket_state.send_replace(SocketState::Open { sid: socket.sid().to_owned() });
        self.socket = Some(socket);
        // Events sent while the socket was closed are only in the records.
        let now = Instant::now();
        self.runs.iter_mut().filter(|run| run.sent).for_each(|run| run.due = now);
        self.subscribe();
    }

    pub(super) fn not_connected(&mut self, failure: &SocketError) {
        let error = failure.error();
        tracing::warn!("no socket: {}", error.what);
        self.connect_later(Duration::ZERO);
        let refused = matches!(failure, SocketError::Refused(_));
        self.socket_state.send_modify(|state| {
            let failed = if let SocketState::Connecting { failed, .. } = state { *failed } else { 0 };
            *state = if refused {
                SocketState::Refused(error.clone())
            } else {
                SocketState::Connecting { failed: failed + 1, why: Some(error.clone()) }
            };
        });
        if refused {
            // It may change its mind, but that is nothing to wait for by the minute.
            self.turn_all(Connection::Polling, Some(&error.what), |_| true);
        }
    }

    pub(super) fn connect_later(&mut self, lived: Duration) {
        let pause = self.backoff.wait(lived, fastrand::f64());
        self.connect_at = Instant::now() + pause.min(self.api.limits().reconnect);
    }

    pub(super) fn lost(&mut self, failure: &SocketError) {
        let error = failure.error();
        tracing::warn!("the socket broke: {}", error.what);
        self.socket = None;
        self.connect_later(self.connected_at.elapsed());
        self.socket_state.send_replace(SocketState::Connecting { failed: 0, why: Some(error.clone()) });
        self.turn_all(Connection::Reconnecting, Some(&error.what), |_| true);
    }

    /// Subscribes the present socket to runs that were sent with an earlier one.
    pub(super) fn subscribe(&mut self) {
        let Some(sid) = self.sid() else { return };
        let is_lonely = |run: &Entry| run.logs && run.sent && run.sid.as_ref() != Some(&sid);
        if !self.runs.iter().any(is_lonely) {
            return;
        }
        let api = self.api.clone();
        self.work.push(Box::pin(async move {
            let result = api.subscribe(&sid).await;
            Done::Subscribed { sid, result }
        }));
    }

    pub(super) fn subscribed(&mut self, sid: &str, result: Result<(), Unread>) {
        if self.sid().as_deref() != Some(sid) {
            return;
        }
        match result {
            Ok(()) => {
                for run in self.runs.iter_mut().filter(|run| run.logs && run.sent) {
                    run.sid = Some(sid.to_owned());
                }
                self.turn_all(Connection::Live, None, |_| true);
            }
            Err(unread) => {
                tracing::info!("no news of runs that were sent before: {}", unread.error.what);
                self.turn_all(Connection::Polling, None, |run| run.sid.as_deref() != Some(sid));
            }
        }
    }
}
