//! Reads what people noted of a run; `notebook` writes it.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use super::StoreError;
use crate::domain::{Notes, RunId};

/// What people noted of a run.
pub(super) fn notes(connection: &Connection, run: RunId) -> Result<Notes, StoreError> {
    let sql =
        "SELECT rejected_at IS NOT NULL, (SELECT text FROM notes WHERE run = id) FROM runs WHERE id = ?1";
    let row = connection
        .prepare_cached(sql)?
        .query_row([run], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?;
    let Some((rejected, text)) = row else { return Ok(Notes::default()) };
    Ok(Notes { tags: tags(connection, run)?, text: text.unwrap_or_default(), rejected })
}

pub(super) fn tags(connection: &Connection, run: RunId) -> Result<BTreeSet<String>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT tag FROM tags WHERE run = ?1")?;
    Ok(statement.query_map([run], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
