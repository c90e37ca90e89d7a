//! What becomes of a run whose record is missing or cannot be read.

use std::time::Duration;

use tokio::time::Instant;

use super::api::{self, Unread, Why};
use super::run::{Certainty, CloudRun, Ending};
use crate::backend::BackendError;
use crate::domain::RunEvent;
use crate::domain::run::{Connection, RunError};
use crate::wire::errors;

/// Factor by which a missing record is tolerated longer while live events would report the end.
const LIVE_PATIENCE: u32 = 12;

impl CloudRun {
    pub(super) fn no_record(&mut self) -> Option<Ending> {
        self.is_readable();
        let missing = self.missing.get_or_insert_with(Instant::now).elapsed();
        let limits = self.api.limits();
        // A service that sends events by itself may have none to send yet, or write records
        // at the end only.
        let is_live = self.connection == Some(Connection::Live);
        let patience = if is_live { LIVE_PATIENCE * limits.missing } else { limits.missing };
        let error = match &self.certainty {
            Certainty::Sending => return None,
            Certainty::Unsure(_) | Certainty::Claimed if missing < limits.settle => return None,
            Certainty::Known if missing < patience => return self.given_up(limits.settle),
            Certainty::Unsure(why) => RunError {
                what: format!(
                    "{}; the service has no record of the run, so whether it began is not known",
                    why.what.trim_end_matches('.')
                ),
                remedy: format!(
                    "`comfydeck fetch {}` looks for it once more, and downloads what it made. Look on the service's website, too, before you run it again: it may have been paid for.",
                    self.prompt_id
                ),
                ..why.clone()
            },
            Certainty::Claimed => RunError {
                what: format!("the service has no record of {}", self.prompt_id),
                remedy: format!(
                    "Check the id, and that the profile is that of the account that sent it; `comfydeck fetch {}` checks once more.",
                    self.prompt_id
                ),
                ..RunError::default()
            },
            Certainty::Known => self.remedied(RunError {
                what: format!("the service has had no record of the run for {}", api::seconds(missing)),
                ..RunError::default()
            }),
        };
        Some(Ending::Error(BackendError::Lost(error)))
    }

    /// The end of a run after an error event that nothing has followed for long enough.
    pub(super) fn given_up(&self, patience: Duration) -> Option<Ending> {
        let (value, last) = self.failure.as_ref()?;
        if last.elapsed() < patience {
            return None;
        }
        let mut error = errors::from_value(value);
        if error.what.is_empty() {
            error.what = "the service reported an error without a message".to_owned();
        }
        Some(Ending::Error(BackendError::Failed(self.remedied(error))))
    }

    /// Adds how to fetch a result that may exist anyway.
    pub(super) fn remedied(&self, error: RunError) -> RunError {
        let remedy = format!(
            "{} `comfydeck fetch {}` downloads its outputs if it made any.",
            error.remedy, self.prompt_id
        );
        RunError { remedy: remedy.trim().to_owned(), ..error }
    }

    pub(super) async fn unread(&mut self, unread: Unread) -> Result<Option<Ending>, BackendError> {
        let since = *self.unread.get_or_insert_with(Instant::now);
        let not_allowed = match unread.why {
            Why::NotAllowed => self.not_allowed.get_or_insert_with(Instant::now).elapsed(),
            _ => Duration::ZERO,
        };
        if unread.why != Why::NotAllowed {
            self.not_allowed = None;
        }
        let is_live = self.connection == Some(Connection::Live);
        let ending = match (unread.why, &self.certainty) {
            (_, Certainty::Sending) => None,
            (Why::TooLong, _) => Some(RunError {
                what: format!("the service's record of the run cannot be read: {}", unread.error.what),
                remedy: "Download its outputs from the service's website.".to_owned(),
                ..RunError::default()
            }),
            // They are those the run began with, so the requests would fail for ever.
            (Why::NotAllowed, _) if !is_live && not_allowed >= self.api.limits().missing => Some(RunError {
                what: format!(
                    "the run's record could not be read for {}: {}",
                    api::seconds(not_allowed),
                    unread.error.what
                ),
                remedy: format!(
                    "Fix the profile's credentials, then `comfydeck fetch {}` downloads the run's outputs.",
                    self.prompt_id
                ),
                ..unread.error
            }),
            // It is not certain yet that there is such a run.
            (Why::NotTaken, Certainty::Claimed) if since.elapsed() >= self.api.limits().settle => {
                Some(RunError {
                    what: format!(
                        "the service does not accept {} as a run's id: {}",
                        self.prompt_id, unread.error.what
                    ),
                    remedy: "Check the id.".to_owned(),
                    ..unread.error
                })
            }
            _ => {
                self.unread_still(&unread, since).await?;
                None
            }
        };
        Ok(ending.map(|error| Ending::Error(BackendError::Lost(error))))
    }

    /// Writes into the run's log that its record cannot be read, once that has lasted.
    async fn unread_still(&mut self, unread: &Unread, since: Instant) -> Result<(), BackendError> {
        let what = &unread.error.what;
        if unread.why == Why::NotAllowed && !self.has_warned_not_allowed {
            self.has_warned_not_allowed = true;
            let text = format!(
                "The run's record cannot be read: {what}. It is retried for some minutes with the credentials that the run began with. If they have changed, fix the profile, then `comfydeck fetch {}` downloads the outputs",
                self.prompt_id
            );
            self.out.send(RunEvent::Warning { text }).await?;
        } else if since.elapsed() >= self.api.limits().unreadable && !self.has_warned_unread {
            self.has_warned_unread = true;
            self.note(&format!("the run's record cannot be read for now ({what}); it is retried"));
        }
        Ok(())
    }

    pub(super) fn is_readable(&mut self) {
        (self.unread, self.not_allowed) = (None, None);
        if std::mem::take(&mut self.has_warned_unread) {
            self.note("the run's record can be read again");
        }
    }
}
