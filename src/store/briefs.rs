//! What tells runs apart: of a few of them, each held against the one before it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError};
use crate::domain::media;
use crate::domain::{Brief, RunId, RunRequest};

const REQUEST: &str = "SELECT json, workflow_hash, preset FROM runs JOIN requests ON run = id WHERE id = ?1";

const BEFORE: &str = "SELECT id FROM runs INDEXED BY runs_by_workflow
    WHERE workflow_hash = ?1 AND preset IS ?2 AND id < ?3 ORDER BY id DESC LIMIT 1";

const NEXT: &str = "SELECT id FROM runs INDEXED BY runs_by_workflow
    WHERE workflow_hash = ?1 AND preset IS ?2 AND id > ?3 ORDER BY id LIMIT 1";

const MADE: &str = "SELECT sha256, content_type, name FROM outputs WHERE run = ?1 AND deleted_at IS NULL ORDER BY place LIMIT 4";

/// A run's request, and by what its like is found.
struct Asked {
    request: RunRequest,
    workflow_hash: String,
    preset: Option<String>,
}

impl Store {
    /// What tells each of these runs from the one of the same workflow and preset before it. The time it takes grows with
    /// the runs that are asked about, not with the history. Runs that cannot be read are left out.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn briefs(&self, ids: &[RunId]) -> Result<Vec<(RunId, Brief)>, StoreError> {
        // Of runs in a row each is the one before the next.
        let mut read = HashMap::new();
        let mut briefs = Vec::new();
        for id in ids {
            let Some(asked) = self.asked(*id, &mut read)? else { continue };
            let (hash, preset) = (asked.workflow_hash.clone(), asked.preset.clone());
            let before = self.before(*id, &hash, preset.as_deref())?;
            let earlier = match before {
                Some(before) => self.asked(before, &mut read)?.map(|_| before),
                None => None,
            };
            let Some(Some(now)) = read.get(id) else { continue };
            let mut brief = match earlier.and_then(|before| Some((before, read.get(&before)?.as_ref()?))) {
                Some((before, asked)) => Brief::of((before, &asked.request), &now.request),
                None => Brief::default(),
            };
            // What was fetched once more is meant to be the same.
            if now.request.adopt.is_none() {
                brief.same_as = self.same_picture(*id)?;
            }
            briefs.push((*id, brief));
        }
        Ok(briefs)
    }

    /// The newest earlier run that made a picture, a video or a sound of the same content as this one.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn same_picture(&self, id: RunId) -> Result<Option<RunId>, StoreError> {
        let mut statement = self.connection.prepare_cached(MADE)?;
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            let (sha256, kind, name): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if media::is_seen_or_heard(&kind, &name)
                && let Some(earlier) = self.made_before(id, &sha256)?
            {
                return Ok(Some(earlier));
            }
        }
        Ok(None)
    }

    /// The newest run of this workflow and preset.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn last_like(&self, workflow_hash: &str, preset: Option<&str>) -> Result<Option<RunId>, StoreError> {
        self.before(RunId::MAX, workflow_hash, preset)
    }

    pub(super) fn before(
        &self,
        id: RunId,
        workflow_hash: &str,
        preset: Option<&str>,
    ) -> Result<Option<RunId>, StoreError> {
        let mut statement = self.connection.prepare_cached(BEFORE)?;
        Ok(statement.query_row(params![workflow_hash, preset, id], |row| row.get(0)).optional()?)
    }

    /// The next run of this workflow and preset.
    pub(super) fn next_like(
        &self,
        id: RunId,
        workflow_hash: &str,
        preset: Option<&str>,
    ) -> Result<Option<RunId>, StoreError> {
        let mut statement = self.connection.prepare_cached(NEXT)?;
        Ok(statement.query_row(params![workflow_hash, preset, id], |row| row.get(0)).optional()?)
    }

    /// Reads a request once.
    fn asked<'a>(
        &self,
        id: RunId,
        read: &'a mut HashMap<RunId, Option<Asked>>,
    ) -> Result<Option<&'a Asked>, StoreError> {
        if let Entry::Vacant(unread) = read.entry(id) {
            let mut statement = self.connection.prepare_cached(REQUEST)?;
            let row = statement
                .query_row([id], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
                })
                .optional()?;
            let asked = row.and_then(|(json, workflow_hash, preset)| {
                // A request that cannot be read tells nothing.
                let request = serde_json::from_str(&json).ok()?;
                Some(Asked { request, workflow_hash, preset })
            });
            unread.insert(asked);
        }
        Ok(read.get(&id).and_then(Option::as_ref))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::run::{End, Output};
    use crate::domain::{ParamKey, RunEvent, Status};
    use crate::store::list::tests::assert_does_not_walk;

    fn request(preset: Option<&str>, seed: u64) -> RunRequest {
        let key = ParamKey::parse("3-inputs-seed").expect("a key");
        RunRequest {
            preset: preset.map(str::to_owned),
            workflow_hash: "w".to_owned(),
            params: [(key, json!(seed))].into_iter().collect(),
            ..RunRequest::default()
        }
    }

    fn made(store: &Store, request: &RunRequest, sha256: &str) -> RunId {
        let id = store.queue(request, 0).expect("queued");
        let output = Output {
            path: "/out.png".into(),
            name: "out.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            sha256: sha256.to_owned(),
        };
        let end = End { status: Status::Done, error: None, server_seconds: None };
        store.append(id, 1, &[RunEvent::OutputSaved(output), RunEvent::Ended(end)]).expect("told");
        id
    }

    #[test]
    fn a_run_is_held_against_its_like_and_against_who_made_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open_with(folder.path(), crate::store::schema::MIGRATIONS).expect("a store");
        let of = |preset, seed, sha| made(&store, &request(preset, seed), sha);
        let first = of(Some("cat"), 1, "a");
        let other = of(None, 2, "b");
        let third = of(Some("cat"), 3, "b");
        let briefs = store.briefs(&[third, other, first, 99]).expect("read");
        let told: Vec<_> =
            briefs.iter().map(|(id, brief)| (*id, brief.before, brief.told.len(), brief.same_as)).collect();
        assert_eq!(
            told,
            [(third, Some(first), 1, Some(other)), (other, None, 0, None), (first, None, 0, None)]
        );
        for sql in [BEFORE, NEXT, REQUEST, MADE] {
            assert_does_not_walk(&store, sql);
        }
    }
}
