//! Asks the server for a run's record, or, when its reply was lost, for the run itself.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::BackendError;
use crate::backend::net::unread::{Patience, Then};
use crate::domain::RunEvent;
use crate::domain::run::{Connection, RunError};
use crate::wire::v2::JobRecord;

use super::api::{Api, Unread, Why};
use super::mark::is_marked;
use super::run::{Ending, V2Run};

/// Whether a run that may have arrived did.
#[derive(Debug)]
pub(super) enum Settled {
    Found(Box<JobRecord>),
    /// The server's list does not have it.
    NotThere,
    /// The server lists no jobs.
    NoList,
    /// It cannot be asked.
    Unread(Unread),
}

/// Looks for the job whose graph has this mark. `seen` are jobs that were looked at before: a graph never changes.
pub(super) async fn find(api: &Api, mark: &str, seen: &mut HashSet<String>) -> Settled {
    let jobs = match api.jobs().await {
        Ok(jobs) => jobs,
        Err(Unread { why: Why::NotServed | Why::NotThere, .. }) => return Settled::NoList,
        Err(unread) => return Settled::Unread(unread),
    };
    for job in jobs {
        if seen.contains(&job.id) {
            continue;
        }
        match api.graph(&job.id).await {
            Ok(Some(graph)) if is_marked(&graph, mark) => return Settled::Found(Box::new(job)),
            Ok(_) => drop(seen.insert(job.id)),
            Err(unread) => return Settled::Unread(unread),
        }
    }
    Settled::NotThere
}

impl V2Run {
    /// Reads the run's record.
    pub(super) async fn look(&mut self) -> Result<Option<Ending>, BackendError> {
        let limits = self.api.limits().clone();
        let (first, longest) = limits.look;
        let is_live = self.link == Some(Connection::Live);
        self.next_look = Instant::now() + (self.last_received.elapsed() / 2).clamp(first, longest);
        let id = self.id.clone().unwrap_or_else(|| self.name.clone());
        match self.api.job(&id).await {
            Ok(Some(record)) => {
                self.is_readable();
                self.missing = None;
                self.named(&record).await?;
                if record.state.is_end() {
                    return Ok(Some(Ending::Record(Box::new(record))));
                }
                self.state(record.state, record.place).await?;
                // The stream has the newer one.
                if let Some(progress) = record.progress.as_ref().filter(|_| !is_live) {
                    self.progress(progress).await?;
                    self.flush_log().await?;
                }
                Ok(None)
            }
            Ok(None) => {
                self.is_readable();
                Ok(self.nowhere())
            }
            Err(unread) => self.unread(unread).await,
        }
    }

    /// Handles a run that the server does not have.
    fn nowhere(&mut self) -> Option<Ending> {
        let missing = self.missing.get_or_insert_with(Instant::now).elapsed();
        self.next_look = Instant::now() + self.api.limits().soon;
        if missing < 2 * self.api.limits().soon {
            return None;
        }
        Some(Ending::Error(BackendError::Lost(forgotten())))
    }

    /// Finds out whether a run arrived whose reply was lost: `doubt` says what speaks against it. `None` when it is
    /// found and followed from now on.
    pub(super) async fn settle(&mut self, doubt: RunError) -> Result<Option<Settled>, BackendError> {
        let mut seen = HashSet::new();
        let mut since = None;
        let reason = doubt.what.trim_end_matches('.').to_owned();
        let text = format!("{reason}; whether the run arrived is looked up in the server's list of jobs");
        self.note(&text);
        self.flush_log().await?;
        self.out.send(RunEvent::Warning { text }).await?;
        loop {
            match find(&self.api, &self.name, &mut seen).await {
                Settled::Found(record) => {
                    self.note("the run has arrived");
                    self.named(&record).await?;
                    return Ok(None);
                }
                Settled::NoList => return Ok(Some(Settled::NoList)),
                Settled::NotThere => {
                    self.is_readable();
                    let since = *since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.api.limits().settle {
                        return Ok(Some(Settled::NotThere));
                    }
                    self.next_look = Instant::now() + self.api.limits().soon * 2;
                }
                Settled::Unread(unread) => {
                    if let Some(Ending::Error(error)) = self.unread(unread).await? {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep_until(self.next_look).await;
        }
    }

    pub(super) async fn unread(&mut self, unread: Unread) -> Result<Option<Ending>, BackendError> {
        let Unread { error, why } = unread;
        let limits = self.api.limits();
        let patience = Patience {
            pause: (limits.soon, limits.reconnect),
            not_allowed: limits.not_allowed,
            unreadable: limits.unreadable,
        };
        let asked_for = match why {
            Why::Busy(wait) => wait.unwrap_or_default().min(limits.busy_pause.1),
            Why::NotAllowed | Why::NotThere | Why::NotServed | Why::Trouble => Duration::ZERO,
        };
        let again = self.again();
        match self.unread.failed(error, why == Why::NotAllowed, patience, &again) {
            Then::GiveUp(error) => return Ok(Some(Ending::Error(BackendError::Lost(error)))),
            Then::AskAgain(pause, warning) => {
                self.next_look = Instant::now() + pause.max(asked_for);
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

    /// The command that downloads its outputs once more.
    pub(super) fn again(&self) -> String {
        format!("`comfydeck fetch {}`", self.id.as_deref().unwrap_or(&self.name))
    }
}

/// The error of a run that its server had and has no longer.
pub(super) fn forgotten() -> RunError {
    RunError {
        what: "the server does not know this run any more: it was restarted, or has deleted it".to_owned(),
        remedy: "On a server of your own, files that the run had saved are in ComfyUI's output folder: look there before you run it again."
            .to_owned(),
        ..RunError::default()
    }
}

/// The error of a run of which it is not known whether it arrived.
pub(super) fn unsettled(doubt: RunError, settled: &Settled) -> RunError {
    let why = match settled {
        Settled::NoList => "the server lists no jobs",
        Settled::NotThere | Settled::Found(_) | Settled::Unread(_) => {
            "the server's list of jobs does not have it"
        }
    };
    RunError {
        what: format!(
            "{}; {why}, so whether the run began is not known",
            doubt.what.trim_end_matches('.')
        ),
        remedy: "`comfydeck fetch --list` shows the server's jobs, and ComfyUI's own queue and output folder tell, too: look there before you run it again."
            .to_owned(),
        ..doubt
    }
}
