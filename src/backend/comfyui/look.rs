//! Asks the server for a run's state: its history, which is short until the run ends, and its queue.

use std::sync::PoisonError;

use tokio::time::Instant;

use super::api::{Unread, Why};
use super::run::{Certainty, ComfyuiRun, Ending};
use crate::backend::BackendError;
use crate::backend::net::unread::{Patience, Then};
use crate::domain::run::{Connection, RunError};
use crate::domain::server::QueuePlace;
use crate::domain::{RunEvent, Status};

impl ComfyuiRun {
    /// Reads the run's history, which is small until the run ends, then the queue if that can add anything.
    pub(super) async fn look(&mut self) -> Result<Option<Ending>, BackendError> {
        let (limits, now) = (self.api.limits().clone(), Instant::now());
        let is_due = self.queue_due.take().is_some();
        let (first, longest) = limits.look;
        self.next_look = now + (self.last_received.elapsed() / 10).clamp(first, longest);
        match self.api.history(&self.prompt_id).await {
            Ok(Some(entry)) => return Ok(Some(Ending::HistoryEntry(Box::new(entry)))),
            Ok(None) => {}
            Err(unread) => return self.unread(unread).await,
        }
        // While events arrive, the queue, with everyone's graphs in it, adds nothing.
        let is_heard = self.link == Some(Connection::Live) && self.last_received.elapsed() < 2 * first;
        if self.began && is_heard && !is_due {
            self.is_readable();
            return Ok(None);
        }
        match self.api.queue().await {
            Ok(queue) => {
                self.is_readable();
                self.placed(queue.place(&self.prompt_id)).await
            }
            Err(unread) => self.unread(unread).await,
        }
    }

    async fn placed(&mut self, place: Option<QueuePlace>) -> Result<Option<Ending>, BackendError> {
        match place {
            Some(QueuePlace::Running) => {
                self.is_known();
                self.begin().await?;
                // The server can lose the connection's client id when the reconnect was too fast; then
                // no events arrive any more.
                if self.reconnects > 0 && self.last_received.elapsed() > self.api.limits().silence {
                    self.last_received = Instant::now();
                    self.inbox.renew.notify_one();
                }
                Ok(None)
            }
            Some(QueuePlace::Waiting { before }) => {
                self.is_known();
                self.out.phase(Status::Waiting).await?;
                if self.place.replace(before) != Some(before) {
                    self.out.send(RunEvent::Queue { before }).await?;
                }
                Ok(None)
            }
            None => Ok(self.nowhere()),
        }
    }

    /// Handles a run that is neither in the queue nor in the history.
    fn nowhere(&mut self) -> Option<Ending> {
        let limits = self.api.limits();
        let missing = self.missing.get_or_insert_with(Instant::now).elapsed();
        self.next_look = Instant::now() + limits.soon;
        // A run may move from one to the other between the two requests.
        let patience = match &self.certainty {
            Certainty::Sending | Certainty::Unsure(_) => limits.settle,
            Certainty::Said | Certainty::Known => 2 * limits.soon,
        };
        if missing < patience {
            return None;
        }
        let error = match &self.certainty {
            Certainty::Known if !self.began && self.is_asked_to_stop() => {
                return Some(Ending::Removed { by_us: true });
            }
            // It was waiting, and the server was not restarted since.
            Certainty::Known if !self.began && self.place.is_some() && self.reconnects == 0 => {
                return Some(Ending::Removed { by_us: false });
            }
            Certainty::Known => RunError {
                what: "the server does not know this run any more: it was restarted, or somebody cleared its history".to_owned(),
                remedy: "Files that the run had saved are in the server's output folder: look there before you run it again."
                    .to_owned(),
                ..RunError::default()
            },
            Certainty::Said => RunError {
                what: format!("the server has no run {}", self.prompt_id),
                remedy: "Check the id, and that the profile is the server it ran on. A server forgets its runs when it is restarted."
                    .to_owned(),
                ..RunError::default()
            },
            Certainty::Sending | Certainty::Unsure(_) => {
                let why = match &self.certainty {
                    Certainty::Unsure(why) => why.clone(),
                    _ => RunError::default(),
                };
                RunError {
                    what: format!(
                        "{}; the server has the run in neither its queue nor its history, so whether it began is not known",
                        why.what.trim_end_matches('.')
                    ),
                    remedy: format!(
                        "`comfydeck fetch {}` looks for it once more. The server's own log and output folder tell, too, before you run it again.",
                        self.prompt_id
                    ),
                    ..why
                }
            }
        };
        Some(Ending::Error(BackendError::Lost(error)))
    }

    async fn unread(&mut self, unread: Unread) -> Result<Option<Ending>, BackendError> {
        let Unread { error, why } = unread;
        let limits = self.api.limits();
        let patience = Patience {
            pause: (limits.soon, limits.reconnect),
            not_allowed: limits.not_allowed,
            unreadable: limits.unreadable,
        };
        let again = format!("`comfydeck fetch {}`", self.prompt_id);
        match self.unread.failed(error, why == Why::NotAllowed, patience, &again) {
            Then::GiveUp(error) => return Ok(Some(Ending::Error(BackendError::Lost(error)))),
            Then::AskAgain(pause, warning) => {
                self.next_look = Instant::now() + pause;
                if let Some(text) = warning {
                    self.out.send(RunEvent::Warning { text }).await?;
                }
            }
        }
        Ok(None)
    }

    fn is_readable(&mut self) {
        if self.unread.is_over() {
            self.note("the server can be asked again");
        }
    }

    fn is_asked_to_stop(&self) -> bool {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).contains(&self.prompt_id)
    }
}
