//! The rows of a run: its request, its events, and what is derived from them to be listed and found.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use super::{Folded, Queued, StoredEvent};
use crate::domain::batch::Hold;
use crate::domain::{Notes, Run, RunId, RunRequest, RunSummary};
use crate::store::live::Live;
use crate::store::search::spread;
use crate::store::{StoreError, notes};

pub(super) fn insert(
    connection: &Connection,
    run: &Run,
    request: &str,
    queued: Queued,
) -> Result<RunId, StoreError> {
    let summary = RunSummary::from(run);
    let sql = "INSERT INTO runs
        (status, profile, preset, workflow_name, workflow_hash, prompt, queued_at, phase_at, protocol, fingerprint,
        endpoint, cost_per_second, batch, batch_place, folded, held, turn)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,
        COALESCE(?17, 1 + COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'runs'), 0)))";
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
        run.request.url,
        summary.cost_per_second,
        summary.batch.map(|batch| batch.batch),
        summary.batch.map(|batch| i64::try_from(batch.place).unwrap_or(i64::MAX)),
        queued.folded,
        queued.held.map(Hold::word),
        queued.turn,
    ])?;
    let id = connection.last_insert_rowid();
    let sql = "INSERT INTO requests (run, json) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![id, request])?;
    Ok(id)
}

/// Writes the columns derived from the events.
pub(super) fn cache(connection: &Connection, run: &Run) -> Result<(), StoreError> {
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
        outputs = ?7, error = ?8, live = ?9, prompt_id = ?10, began_at = ?11, sent_at = ?12, result_at = ?13 WHERE id = ?1";
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
        run.began_at(),
        run.sent_at(),
        run.result_at(),
    ])?;
    Ok(())
}

/// Inserts or replaces a run in the full-text index.
pub(super) fn index(connection: &Connection, run: &Run, notes: &Notes) -> Result<(), StoreError> {
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
    words.push_str(&format!("{} {}\n", notes.hashtags(), notes.text));
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

/// Rebuilds a run's entry in the full-text index from its rows, for example after something was noted.
pub(in crate::store) fn index_again(connection: &Connection, id: RunId) -> Result<(), StoreError> {
    let notes = notes::notes(connection, id)?;
    load(connection, id)?.map_or(Ok(()), |folded| index(connection, &folded.run, &notes))
}

pub(super) fn load(connection: &Connection, id: RunId) -> Result<Option<Folded>, StoreError> {
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

/// Folds in events that other processes have written.
pub(super) fn catch_up(connection: &Connection, folded: &mut Folded) -> Result<(), StoreError> {
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

pub(super) fn events_after(
    connection: &Connection,
    id: RunId,
    seq: i64,
) -> Result<Vec<StoredEvent>, StoreError> {
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
