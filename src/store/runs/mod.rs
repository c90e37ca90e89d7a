//! Runs: queued, taken by the runner, updated by events, read back.

mod rows;

use rusqlite::{OptionalExtension, params};

use self::rows::{cache, catch_up, events_after, index, insert, load};
use super::{Store, StoreError, costs, lineage, notes, outputs};
use crate::domain::batch::Hold;
use crate::domain::run::{End, UnixMs};
use crate::domain::{Notes, Run, RunEvent, RunId, RunRequest, Status};

pub(super) use rows::index_again;

/// A run with its events folded in up to `seq`.
#[derive(Debug)]
pub(super) struct Folded {
    run: Run,
    /// Sequence number of the last folded event; 0: none.
    seq: i64,
}

/// Where a run stands in the queue and in the list.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Queued {
    /// `None` for the last turn there is.
    pub(super) turn: Option<i64>,
    /// Behind the row of its batch.
    pub(super) folded: bool,
    /// Why it is not sent yet.
    pub(super) held: Option<Hold>,
}

/// An event with its sequence number and time.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Sequence number among the events of its run, from 1.
    pub seq: i64,
    pub at: UnixMs,
    pub event: RunEvent,
}

/// Result of asking to cancel a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAnswer {
    /// It was still queued, and is cancelled now.
    Cancelled,
    /// It is in flight; the runner will end it.
    Asked,
    /// It had already ended with this status.
    Ended(Status),
}

impl Store {
    /// Adds a run to the end of the queue. A fetch is not queued while another open run fetches the same remote run:
    /// that run's number is returned then.
    ///
    /// # Errors
    /// When the history cannot be written; the run is not queued then.
    pub fn queue(&self, request: &RunRequest, now: UnixMs) -> Result<RunId, StoreError> {
        let json = serde_json::to_string(request)?;
        let transaction = self.writing()?;
        if let Some(prompt_id) = &request.adopt
            && let Some(id) = self.open_run_named(prompt_id, &request.profile)?
        {
            return Ok(id);
        }
        let id = self.insert(request.clone(), &json, now, Queued::default())?;
        transaction.commit()?;
        self.changed();
        Ok(id)
    }

    /// Adds a run that has ended elsewhere, with its events, in one step: it is never queued.
    ///
    /// # Errors
    /// When the history cannot be written; nothing of it is there then.
    pub fn take_in(
        &self,
        request: &RunRequest,
        now: UnixMs,
        events: &[RunEvent],
    ) -> Result<RunId, StoreError> {
        let json = serde_json::to_string(request)?;
        let transaction = self.writing()?;
        let id = self.insert(request.clone(), &json, now, Queued::default())?;
        let mut folded = self.folded(id)?;
        self.fold(&mut folded, now, events)?;
        transaction.commit()?;
        self.changed();
        Ok(id)
    }

    /// Takes a queued run in order to send it: its status becomes uploading, and `prompt_id` its name at the
    /// server where we choose that name. A fetch has nothing to upload and becomes waiting. `None` when the
    /// run is no longer queued.
    ///
    /// Status and name are synced to disk when this returns, so that a run is never sent twice and can be
    /// found again, whatever happens next.
    ///
    /// When the history cannot be written; then the run must not be sent.
    pub fn take(&self, id: RunId, now: UnixMs, prompt_id: Option<&str>) -> Result<Option<Run>, StoreError> {
        self.durably(|| {
            let transaction = self.writing()?;
            let mut folded = self.folded(id)?;
            if folded.run.status != Status::Queued {
                return Ok(None);
            }
            let name = prompt_id.map(|prompt_id| RunEvent::Remote { prompt_id: prompt_id.to_owned() });
            let is_there = folded.run.request.adopt.is_some();
            let status = if is_there { Status::Waiting } else { Status::Uploading };
            let events = name.into_iter().chain([RunEvent::Phase { status }]);
            self.fold(&mut folded, now, &events.collect::<Vec<_>>())?;
            transaction.commit()?;
            self.changed();
            let run = folded.run.clone();
            self.open_runs.borrow_mut().insert(id, folded);
            Ok(Some(run))
        })
    }

    /// Adds events to a run, all or none of them. Returns the status after them.
    ///
    /// Transient events replace what is shown of the run; [`RunEvent::Log`] belongs in the log file and is ignored,
    /// as is everything after the end. A remote name is synced to disk when this returns.
    ///
    /// # Errors
    /// When there is no such run, or the history cannot be written.
    pub fn append(&self, id: RunId, now: UnixMs, events: &[RunEvent]) -> Result<Status, StoreError> {
        let write = || {
            let transaction = self.writing()?;
            let mut folded = self.folded(id)?;
            self.fold(&mut folded, now, events)?;
            transaction.commit()?;
            self.changed();
            let status = folded.run.status;
            if !status.is_end() {
                self.open_runs.borrow_mut().insert(id, folded);
            }
            Ok(status)
        };
        if events.iter().any(|event| matches!(event, RunEvent::Remote { .. })) {
            self.durably(write)
        } else {
            write()
        }
    }

    /// Asks to cancel a run. A queued run ends at once; one in flight is ended by the runner.
    ///
    /// # Errors
    /// When there is no such run, or the history cannot be written.
    pub fn ask_cancel(&self, id: RunId, now: UnixMs) -> Result<CancelAnswer, StoreError> {
        let transaction = self.writing()?;
        let answer = self.end_or_ask(id, now)?;
        transaction.commit()?;
        self.changed();
        Ok(answer)
    }

    /// Ends a queued run, and asks for the end of one in flight, inside a transaction.
    pub(super) fn end_or_ask(&self, id: RunId, now: UnixMs) -> Result<CancelAnswer, StoreError> {
        let mut folded = self.folded(id)?;
        let (events, answer) = match folded.run.status {
            status if status.is_end() => return Ok(CancelAnswer::Ended(status)),
            Status::Queued => {
                let end = End { status: Status::Cancelled, error: None, server_seconds: None };
                (vec![RunEvent::CancelAsked, RunEvent::Ended(end)], CancelAnswer::Cancelled)
            }
            _ if folded.run.cancel_asked => return Ok(CancelAnswer::Asked),
            _ => (vec![RunEvent::CancelAsked], CancelAnswer::Asked),
        };
        self.fold(&mut folded, now, &events)?;
        Ok(answer)
    }

    /// Marks a cancelled run that is still in flight as no longer waited for, so that the runner ends it here.
    /// Returns whether it was such a run.
    ///
    /// # Errors
    /// When there is no such run, or the history cannot be written.
    pub fn let_go(&self, id: RunId, now: UnixMs) -> Result<bool, StoreError> {
        let transaction = self.writing()?;
        let mut folded = self.folded(id)?;
        if !folded.run.status.is_in_flight() || !folded.run.cancel_asked {
            return Ok(false);
        }
        self.fold(&mut folded, now, &[RunEvent::LetGo])?;
        transaction.commit()?;
        self.changed();
        Ok(true)
    }

    /// Ends a run that cannot be read ([`StoreError::DamagedRun`]), so that it does not stay open for ever: as failed
    /// when it was queued, as lost when it was in flight.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn give_up(&self, id: RunId, now: UnixMs) -> Result<(), StoreError> {
        let sql = "UPDATE runs SET ended_at = ?2, phase_at = ?2, error = 'the history cannot be read here',
            status = CASE status WHEN 'queued' THEN 'failed' ELSE 'lost' END
            WHERE id = ?1 AND ended_at IS NULL";
        self.connection.prepare_cached(sql)?.execute(params![id, now])?;
        self.changed();
        Ok(())
    }

    /// A run with its request, events folded, or `None` when there is no such run.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let folded = load(&snapshot, id)?;
        Ok(folded.map(|folded| folded.run))
    }

    /// The same, inside a transaction.
    pub(super) fn run_within(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        Ok(load(&self.connection, id)?.map(|folded| folded.run))
    }

    /// The newest run with this name at its server.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn run_named(&self, prompt_id: &str) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT id FROM runs WHERE prompt_id = ?1 ORDER BY id DESC LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.query_row([prompt_id], |row| row.get(0)).optional()?)
    }

    /// The newest run before `before` with this name at its server.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn run_named_before(&self, prompt_id: &str, before: RunId) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT id FROM runs WHERE prompt_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![prompt_id, before], |row| row.get(0)).optional()?)
    }

    /// An open run that has, or will fetch, this name at the server of this profile.
    fn open_run_named(&self, prompt_id: &str, profile: &str) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT id FROM runs INDEXED BY runs_open JOIN requests ON run = id
            WHERE ended_at IS NULL AND profile = ?2
            AND COALESCE(prompt_id, json_extract(json, '$.adopt')) = ?1 COLLATE NOCASE ORDER BY id LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([prompt_id, profile], |row| row.get(0)).optional()?)
    }

    /// A run's events after sequence number `seq`, in order. Transient events are not stored.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn events_after(&self, id: RunId, seq: i64) -> Result<Vec<StoredEvent>, StoreError> {
        events_after(&self.connection, id, seq)
    }

    /// A run with all events up to now; must be called in a transaction. Updates the cached copy instead
    /// of reading all events again.
    fn folded(&self, id: RunId) -> Result<Folded, StoreError> {
        let kept = self.open_runs.borrow_mut().remove(&id);
        match kept {
            Some(mut folded) => {
                catch_up(&self.connection, &mut folded)?;
                Ok(folded)
            }
            None => load(&self.connection, id)?.ok_or(StoreError::NoSuchRun(id)),
        }
    }

    /// Applies events to a run, and writes both events and cached columns.
    fn fold(&self, folded: &mut Folded, at: UnixMs, events: &[RunEvent]) -> Result<(), StoreError> {
        let (had_error, had_ended) = (folded.run.error.is_some(), folded.run.status.is_end());
        for event in events {
            let run = &mut folded.run;
            let says_nothing = match event {
                RunEvent::Log { .. } => true,
                RunEvent::Phase { status } => *status == run.status,
                _ => false,
            };
            if says_nothing || run.status.is_end() {
                continue;
            }
            run.apply(event, at);
            if !event.is_transient() {
                folded.seq += 1;
                let sql = "INSERT INTO events (run, seq, at, json) VALUES (?1, ?2, ?3, ?4)";
                let json = serde_json::to_string(event)?;
                self.connection.prepare_cached(sql)?.execute(params![run.id, folded.seq, at, json])?;
            }
            if matches!(event, RunEvent::OutputSaved(_)) {
                outputs::add_last(&self.connection, run)?;
            }
        }
        cache(&self.connection, &folded.run)?;
        if folded.run.status.is_end() && !had_ended {
            costs::add_ended(&self.connection, &folded.run)?;
        }
        if folded.run.error.is_some() && !had_error {
            let notes = notes::notes(&self.connection, folded.run.id)?;
            index(&self.connection, &folded.run, &notes)?;
        }
        Ok(())
    }

    /// Queues a run, inside a transaction.
    pub(super) fn insert(
        &self,
        request: RunRequest,
        json: &str,
        now: UnixMs,
        queued: Queued,
    ) -> Result<RunId, StoreError> {
        let run = Run::queued(0, request, now);
        let run = Run { id: insert(&self.connection, &run, json, queued)?, ..run };
        index(&self.connection, &run, &Notes::default())?;
        self.remember_values(run.id, &run.request)?;
        lineage::remember(&self.connection, run.id, &run.request)?;
        Ok(run.id)
    }

    /// Runs `write` such that its commit is synced to disk.
    fn durably<T>(&self, write: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let written = write();
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        written
    }
}
