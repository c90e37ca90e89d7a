//! What the history knows of earlier runs with the same key values or the same request.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};
use serde_json::Number;

use super::{Store, StoreError};
use crate::domain::{ParamKey, RunId, RunRequest, Status};

/// Newest runs searched for the last value of a seed.
const FAR_BACK: u32 = 50;

const BY_WORKFLOW: &str = "SELECT json FROM runs INDEXED BY runs_by_workflow JOIN requests ON run = id
    WHERE workflow_hash = ?1 AND preset IS ?2 ORDER BY id DESC LIMIT ?3";

const EARLIER: &str = "SELECT id FROM runs INDEXED BY runs_by_workflow
    WHERE workflow_hash = ?1 AND preset IS ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";

const BY_FINGERPRINT: &str = "SELECT id, status FROM runs INDEXED BY runs_by_fingerprint
    WHERE fingerprint = ?1 AND status NOT IN ('failed', 'cancelled') ORDER BY id DESC LIMIT 1";

impl Store {
    /// The numbers last sent for these keys by runs of this preset (`None`: runs without a
    /// preset) and this workflow hash.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn last_numbers(
        &self,
        keys: &[ParamKey],
        preset: Option<&str>,
        workflow_hash: &str,
    ) -> Result<HashMap<ParamKey, Number>, StoreError> {
        let mut found = HashMap::new();
        let mut statement = self.connection.prepare_cached(BY_WORKFLOW)?;
        let mut rows = statement.query(params![workflow_hash, preset, FAR_BACK])?;
        while found.len() < keys.len()
            && let Some(row) = rows.next()?
        {
            // A request that cannot be parsed contributes no numbers.
            let Ok(request) =
                serde_json::from_str::<RunRequest>(row.get_ref(0)?.as_str().unwrap_or_default())
            else {
                continue;
            };
            for key in keys {
                if let Some(number) = request.params.get(key).and_then(|value| value.as_number()) {
                    found.entry(key.clone()).or_insert_with(|| number.clone());
                }
            }
        }
        Ok(found)
    }

    /// The newest `most` runs before `run` of its preset and workflow, newest first.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn runs_before(&self, run: RunId, request: &RunRequest, most: u32) -> Result<Vec<RunId>, StoreError> {
        let mut statement = self.connection.prepare_cached(EARLIER)?;
        let rows = statement
            .query_map(params![request.workflow_hash, request.preset, run, most], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest run with an identical request, and its status. Failed and cancelled runs do not count.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn same_as(&self, request: &RunRequest) -> Result<Option<(RunId, Status)>, StoreError> {
        let Some(fingerprint) = request.fingerprint() else { return Ok(None) };
        let mut statement = self.connection.prepare_cached(BY_FINGERPRINT)?;
        let row = statement
            .query_row([fingerprint], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
            .optional()?;
        Ok(row.map(|(id, status)| (id, Status::from_word(&status).unwrap_or_default())))
    }
}
