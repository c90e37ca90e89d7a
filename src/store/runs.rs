//! Runs: queued, taken, told by their events, read back.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::live::Live;
use super::search::spread;
use super::{Store, StoreError, outputs};
use crate::domain::run::{End, UnixMs};
use crate::domain::{Run, RunEvent, RunId, RunRequest, RunSummary, Status};

/// A run as its stored events up to one have made it.
#[derive(Debug)]
pub(super) struct Folded {
    run: Run,
    /// Sequence number of the last event in it; 0 for none.
    seq: i64,
}

/// An event of a run in the history.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Its place among the events of its run, from 1.
    pub seq: i64,
    pub at: UnixMs,
    pub event: RunEvent,
}

/// What became of a wish to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAnswer {
    /// It was still queued and has ended now.
    Cancelled,
    /// It is in flight: the runner will end it.
    Asked,
    /// It had ended before, so.
    Ended(Status),
}

impl Store {
    /// Puts a run at the end of the queue. One that is only to be fetched is not queued while another brings the same
    /// one home: then this is that one's number.
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
        let run = Run::queued(0, request.clone(), now);
        let id = insert(&self.connection, &run, &json)?;
        index(&self.connection, &Run { id, ..run })?;
        transaction.commit()?;
        self.changed();
        Ok(id)
    }

    /// Takes a queued run to send it: it is uploading from now on, under the name `prompt_id` at the server where that
    /// is for us to choose. One that is only to be fetched has nothing to upload: it is waiting. `None` when it is not
    /// queued any more.
    ///
    /// Mark and name are on the disk when this returns, so that a run is never sent twice and is found again, whatever
    /// happens next.
    ///
    /// # Errors
    /// When the history cannot be written; the run must not be sent then.
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

    /// Adds what happened to a run, all of it or nothing. Returns where the run stands then.
    ///
    /// Transient events only replace what is shown of the run; [`RunEvent::Log`] belongs into the log file
    /// and is passed over; after the end nothing is added any more. A remote name is on the disk when
    /// this returns.
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

    /// Asks for the end of a run. A queued one ends at once; for one in flight the runner sees to it.
    ///
    /// # Errors
    /// When there is no such run, or the history cannot be written.
    pub fn ask_cancel(&self, id: RunId, now: UnixMs) -> Result<CancelAnswer, StoreError> {
        let transaction = self.writing()?;
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
        transaction.commit()?;
        self.changed();
        Ok(answer)
    }

    /// Says of a run in flight, whose end was asked for, that nobody waits for it any longer: the runner ends it here.
    /// Whether it is such a run.
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

    /// Ends a run that cannot be read ([`StoreError::DamagedRun`]), so that it is not open for ever: one that was
    /// queued has failed, one in flight is lost.
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

    /// A run with everything known about it, or `None` when there is no such run.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn run(&self, id: RunId) -> Result<Option<Run>, StoreError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let folded = load(&snapshot, id)?;
        Ok(folded.map(|folded| folded.run))
    }

    /// The newest run that its server knows by this name.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn run_named(&self, prompt_id: &str) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT id FROM runs WHERE prompt_id = ?1 ORDER BY id DESC LIMIT 1";
        Ok(self.connection.prepare_cached(sql)?.query_row([prompt_id], |row| row.get(0)).optional()?)
    }

    /// The newest run before `before` that its server knows by this name.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn run_named_before(&self, prompt_id: &str, before: RunId) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT id FROM runs WHERE prompt_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![prompt_id, before], |row| row.get(0)).optional()?)
    }

    /// A run that is open, and known by this name at the server of this profile, or soon to be.
    fn open_run_named(&self, prompt_id: &str, profile: &str) -> Result<Option<RunId>, StoreError> {
        let sql = "SELECT id FROM runs INDEXED BY runs_open JOIN requests ON run = id
            WHERE ended_at IS NULL AND profile = ?2
            AND COALESCE(prompt_id, json_extract(json, '$.adopt')) = ?1 COLLATE NOCASE ORDER BY id LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row([prompt_id, profile], |row| row.get(0)).optional()?)
    }

    /// The events of a run behind the one numbered `seq`, in order. Transient ones are not kept.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn events_after(&self, id: RunId, seq: i64) -> Result<Vec<StoredEvent>, StoreError> {
        events_after(&self.connection, id, seq)
    }

    /// The run with every event up to now, inside a transaction; the copy kept from the last time is brought
    /// up to date rather than read anew.
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

    /// Applies events to a run, and writes them and the caches.
    fn fold(&self, folded: &mut Folded, at: UnixMs, events: &[RunEvent]) -> Result<(), StoreError> {
        let had_error = folded.run.error.is_some();
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
        if folded.run.error.is_some() && !had_error {
            index(&self.connection, &folded.run)?;
        }
        Ok(())
    }

    /// Does something whose commit waits until it is on the disk.
    fn durably<T>(&self, write: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        let written = write();
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        written
    }
}

fn insert(connection: &Connection, run: &Run, request: &str) -> Result<RunId, StoreError> {
    let summary = RunSummary::from(run);
    let sql = "INSERT INTO runs
        (status, profile, preset, workflow_name, workflow_hash, prompt, queued_at, phase_at, protocol, fingerprint)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.prepare_cached(sql)?.execute(params![
        summary.status.word(),
        summary.profile,
        summary.preset,
        summary.workflow_name,
        summary.workflow_hash,
        summary.prompt,
        summary.queued_at,
        summary.phase_at,
        summary.protocol.word(),
        run.request.fingerprint(),
    ])?;
    let id = connection.last_insert_rowid();
    let sql = "INSERT INTO requests (run, json) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![id, request])?;
    Ok(id)
}

/// Writes the columns that follow from the events.
fn cache(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    let summary = RunSummary::from(run);
    let live = Live {
        upload: run.upload,
        progress: run.progress.clone(),
        queue: run.queue,
        download: run.download,
        preview: run.preview.clone(),
        connection: run.connection,
    };
    let sql = "UPDATE runs SET status = ?2, cancel_asked = ?3, started_at = ?4, phase_at = ?5, ended_at = ?6,
        outputs = ?7, error = ?8, live = ?9, prompt_id = ?10 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        run.id,
        summary.status.word(),
        summary.cancel_asked,
        summary.started_at,
        summary.phase_at,
        summary.ended_at,
        i64::try_from(summary.outputs).unwrap_or(i64::MAX),
        summary.error,
        serde_json::to_string(&live)?,
        summary.prompt_id,
    ])?;
    Ok(())
}

/// Puts a run into the full-text index, in place of what was there.
fn index(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    let request = &run.request;
    let mut words = String::new();
    for (key, value) in &request.params {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        words.push_str(&format!("{key} {value}\n"));
    }
    for file in &request.files {
        words.push_str(&format!("{} {}\n", file.part, file.name));
    }
    let error = run.error.as_ref().map_or(String::new(), |error| {
        format!("{} {} {}", error.what, error.details, error.node.as_deref().unwrap_or_default())
    });
    connection.prepare_cached("DELETE FROM runs_fts WHERE rowid = ?1")?.execute([run.id])?;
    let sql = "INSERT INTO runs_fts (rowid, prompt, preset, workflow, params, error)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        run.id,
        spread(&request.prompt),
        request.preset.as_deref().map(spread),
        spread(&request.workflow_name),
        spread(&words),
        spread(&error)
    ])?;
    Ok(())
}

/// Puts a run into the full-text index by what its rows say.
pub(super) fn index_again(connection: &Connection, id: RunId) -> Result<(), StoreError> {
    load(connection, id)?.map_or(Ok(()), |folded| index(connection, &folded.run))
}

fn load(connection: &Connection, id: RunId) -> Result<Option<Folded>, StoreError> {
    let sql = "SELECT queued_at, json FROM runs JOIN requests ON run = id WHERE id = ?1";
    let row = connection
        .prepare_cached(sql)?
        .query_row([id], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .optional()?;
    let Some((queued_at, request)) = row else {
        return Ok(None);
    };
    let request: RunRequest = serde_json::from_str(&request).map_err(damaged(id))?;
    let mut folded = Folded { run: Run::queued(id, request, queued_at), seq: 0 };
    catch_up(connection, &mut folded)?;
    Ok(Some(folded))
}

fn damaged(run: RunId) -> impl Fn(serde_json::Error) -> StoreError {
    move |error| StoreError::DamagedRun { run, why: error.to_string() }
}

/// Takes in what other processes have written.
fn catch_up(connection: &Connection, folded: &mut Folded) -> Result<(), StoreError> {
    let sql = "SELECT live FROM runs WHERE id = ?1";
    let live: String = connection.prepare_cached(sql)?.query_row([folded.run.id], |row| row.get(0))?;
    let live = Live::read(&live);
    folded.run.upload = live.upload;
    folded.run.progress = live.progress;
    folded.run.queue = live.queue;
    folded.run.download = live.download;
    folded.run.preview = live.preview;
    folded.run.connection = live.connection;
    for StoredEvent { seq, at, event } in events_after(connection, folded.run.id, folded.seq)? {
        folded.run.apply(&event, at);
        folded.seq = seq;
    }
    Ok(())
}

fn events_after(connection: &Connection, id: RunId, seq: i64) -> Result<Vec<StoredEvent>, StoreError> {
    let sql = "SELECT seq, at, json FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([id, seq])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        let event = serde_json::from_str(&row.get::<_, String>(2)?).map_err(damaged(id))?;
        events.push(StoredEvent { seq: row.get(0)?, at: row.get(1)?, event });
    }
    Ok(events)
}
