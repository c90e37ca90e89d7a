//! Every value that a field ever had, across workflows.
//!
//! Beside the runs stands one row for each value of each field, numbered so that the newest use has the highest number:
//! both "newest first" and a search by words read only what they return.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::search::{fts_query, spread};
use super::{Store, StoreError};
use crate::domain::field::{self, Recalled};
use crate::domain::workflow::hex;
use crate::domain::{Origin, ParamKey, RunId, RunRequest, Workflow, param, value};

/// Fields by the keys of one workflow.
pub(super) type FieldNames = Arc<HashMap<ParamKey, String>>;

/// Values of one run that can be numbered.
const MOST_OF_A_RUN: i64 = 4_096;
/// Longest value kept, in bytes of JSON.
const LONGEST: usize = 256 << 10;
/// Runs of earlier versions that are taken in with one question.
const TAKEN_IN: u32 = 500;

impl Store {
    /// Values of a field, the newest use first, at most `most`. `typed` narrows them to those with its words.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn recall(&self, field: &str, typed: &str, most: u32) -> Result<Vec<Recalled>, StoreError> {
        self.take_older_in()?;
        let id = "SELECT id FROM fields WHERE name = ?1";
        let Some(id) = self.connection.query_row(id, [field], |row| row.get::<_, i64>(0)).optional()? else {
            return Ok(Vec::new());
        };
        let words = fts_query(typed);
        let rows = match &words {
            Some(_) => {
                "SELECT field_values.id FROM field_words JOIN field_values ON field_values.id = field_words.rowid
                 WHERE field_words MATCH ?1 ORDER BY field_words.rowid DESC LIMIT ?2"
            }
            None => "SELECT id FROM field_values WHERE field = ?1 ORDER BY id DESC LIMIT ?2",
        };
        let sql = format!(
            "SELECT value, field_values.run, used, queued_at, EXISTS (
                SELECT 1 FROM outputs INDEXED BY outputs_starred
                WHERE outputs.run = field_values.run AND starred_at IS NOT NULL AND deleted_at IS NULL)
             FROM field_values LEFT JOIN runs ON runs.id = field_values.run
             WHERE field_values.id IN ({rows}) ORDER BY field_values.id DESC"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let read = |row: &rusqlite::Row<'_>| {
            let value = serde_json::from_str(row.get_ref(0)?.as_str().unwrap_or_default());
            Ok(Recalled {
                value: value.unwrap_or_default(),
                run: row.get(1)?,
                used: row.get::<_, i64>(2)?.unsigned_abs(),
                at: row.get::<_, Option<i64>>(3)?.unwrap_or_default(),
                starred: row.get(4)?,
            })
        };
        let found = match words {
            Some(words) => statement
                .query_map(params![format!("field : f{id} AND text : ({words})"), most], read)?
                .collect(),
            None => statement.query_map(params![id, most], read)?.collect::<Result<Vec<_>, _>>(),
        };
        Ok(found?)
    }

    /// Takes the values of a run in, inside the transaction that queues it.
    pub(super) fn remember_values(&self, run: RunId, request: &RunRequest) -> Result<(), StoreError> {
        let Some(names) = self.field_names(&request.workflow_hash)? else { return Ok(()) };
        let said = request.params.iter().filter(|(key, _)| {
            // What the program set was nobody's choice.
            !matches!(request.origins.get(*key), Some(Origin::Program { .. }))
        });
        for (place, (key, sent)) in (0..MOST_OF_A_RUN).zip(said) {
            let Some(field) = names.get(key) else { continue };
            let template = request.templates.as_ref().and_then(|templates| templates.texts.get(key));
            let written = template.map(|template| Value::from(template.as_str()));
            remember(
                &self.connection,
                run * MOST_OF_A_RUN + place,
                run,
                field,
                written.as_ref().unwrap_or(sent),
            )?;
        }
        Ok(())
    }

    /// Keeps values of fields, by their names, that were typed and never run. Those that are known already stay as they are.
    ///
    /// # Errors
    /// When the history cannot be written.
    pub fn remember_typed(&self, values: &[(String, Value)]) -> Result<(), StoreError> {
        if self.read_only {
            return Ok(());
        }
        let transaction = self.writing()?;
        let last = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'runs'), 0)";
        let last: RunId = transaction.query_row(last, [], |row| row.get(0))?;
        for (field, value) in values {
            // Behind the values of the last run, before those of the next.
            let newest = "SELECT coalesce(max(id), 0) FROM field_values";
            let newest: i64 = transaction.prepare_cached(newest)?.query_row([], |row| row.get(0))?;
            let id = newest.max(last * MOST_OF_A_RUN + MOST_OF_A_RUN / 2) + 1;
            if id < (last + 1) * MOST_OF_A_RUN && !is_known(&transaction, field, value)? {
                remember(&transaction, id, last, field, value)?;
                let sql = "UPDATE field_values SET used = 0 WHERE id = ?1";
                transaction.prepare_cached(sql)?.execute([id])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// What the keys of a workflow are called as fields; `None` where the workflow is not kept, or no workflow.
    fn field_names(&self, workflow_hash: &str) -> Result<Option<FieldNames>, StoreError> {
        if let Some((hash, names)) = &*self.field_names.borrow()
            && hash == workflow_hash
        {
            return Ok(Some(Arc::clone(names)));
        }
        let text = self.workflow(workflow_hash)?;
        let Some(workflow) = text.and_then(|text| Workflow::parse(&text).ok()) else { return Ok(None) };
        let parameters = param::parameters(&workflow);
        let names = parameters.iter().map(|known| (known.key.clone(), field::name(&workflow, known)));
        let names: FieldNames = Arc::new(names.collect());
        *self.field_names.borrow_mut() = Some((workflow_hash.to_owned(), Arc::clone(&names)));
        Ok(Some(names))
    }

    /// Runs of earlier versions are taken in from the newest to the oldest, some with each question.
    fn take_older_in(&self) -> Result<(), StoreError> {
        if self.read_only {
            return Ok(());
        }
        let upto = "SELECT upto FROM recall_progress";
        let upto: RunId = self.connection.prepare_cached(upto)?.query_row([], |row| row.get(0))?;
        if upto <= 1 {
            return Ok(());
        }
        let transaction = self.writing()?;
        let older = {
            let sql = "SELECT run, json FROM requests WHERE run < ?1 ORDER BY run DESC LIMIT ?2";
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement
                .query_map(params![upto, TAKEN_IN], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
            rows.collect::<Result<Vec<(RunId, String)>, _>>()?
        };
        for (run, json) in &older {
            // One that cannot be read has no values to recall.
            if let Ok(request) = serde_json::from_str(json) {
                self.remember_values(*run, &request)?;
            }
        }
        let next = older.last().map_or(1, |(run, _)| *run);
        self.connection.execute("UPDATE recall_progress SET upto = ?1", [next])?;
        transaction.commit()?;
        Ok(())
    }
}

fn is_known(connection: &Connection, field: &str, value: &Value) -> Result<bool, StoreError> {
    let sql =
        "SELECT 1 FROM field_values WHERE field = (SELECT id FROM fields WHERE name = ?1) AND hash = ?2";
    Ok(connection.prepare_cached(sql)?.exists(params![field, hash(value)])?)
}

fn hash(value: &Value) -> String {
    hex(&Sha256::digest(value.to_string())[..16])
}

/// Counts a use of a value. A newer use gives it a higher number.
fn remember(
    connection: &Connection,
    id: i64,
    run: RunId,
    field: &str,
    value: &Value,
) -> Result<(), StoreError> {
    let json = value.to_string();
    if json.len() > LONGEST {
        return Ok(());
    }
    let hash = hash(value);
    connection.prepare_cached("INSERT OR IGNORE INTO fields (name) VALUES (?1)")?.execute([field])?;
    let mut field_id = connection.prepare_cached("SELECT id FROM fields WHERE name = ?1")?;
    let field: i64 = field_id.query_row([field], |row| row.get(0))?;
    let known = "SELECT id, run, used FROM field_values WHERE field = ?1 AND hash = ?2";
    let known: Option<(i64, RunId, i64)> = connection
        .prepare_cached(known)?
        .query_row(params![field, hash], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if let Some((old, at, used)) = known {
        if at >= run {
            let sql = "UPDATE field_values SET used = used + 1 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute([old])?;
            return Ok(());
        }
        let sql = "UPDATE field_values SET id = ?2, run = ?3, used = ?4 WHERE id = ?1";
        connection.prepare_cached(sql)?.execute(params![old, id, run, used + 1])?;
        connection.prepare_cached("DELETE FROM field_words WHERE rowid = ?1")?.execute([old])?;
    } else {
        let sql =
            "INSERT INTO field_values (id, field, hash, value, run, used) VALUES (?1, ?2, ?3, ?4, ?5, 1)";
        connection.prepare_cached(sql)?.execute(params![id, field, hash, json, run])?;
    }
    let words = value::text(value);
    connection
        .prepare_cached("INSERT INTO field_words (rowid, field, text) VALUES (?1, ?2, ?3)")?
        .execute(params![id, format!("f{field}"), spread(&words)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Dirs;

    const WORKFLOW: &str = r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["6", 0]}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a"}}}"#;

    fn request(workflow: &Workflow, prompt: &str, seed: u64) -> RunRequest {
        let key = |text: &str| ParamKey::parse(text).expect("a key");
        RunRequest {
            workflow_hash: workflow.hash().to_owned(),
            params: [(key("6-inputs-text"), json!(prompt)), (key("3-inputs-seed"), json!(seed))].into(),
            ..RunRequest::default()
        }
    }

    fn texts(store: &Store, field: &str, typed: &str) -> Vec<String> {
        let found = store.recall(field, typed, 100).expect("read");
        found
            .iter()
            .map(|found| format!("{} {}×{}", value::text(&found.value), found.run, found.used))
            .collect()
    }

    #[test]
    fn the_newest_use_comes_first_and_words_narrow() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
        // The prompt of another workflow is the same field.
        let other = Workflow::parse(&WORKFLOW.replace("\"6\"", "\"8\"")).expect("a workflow");
        store.add_workflow(&workflow).expect("kept");
        store.add_workflow(&other).expect("kept");
        for (prompt, seed) in [("a red cat", 1), ("a blue dog", 2), ("a red cat", 3), ("猫と犬", 3)] {
            store.queue(&request(&workflow, prompt, seed), 5).expect("queued");
        }
        let mut elsewhere = request(&other, "", 9);
        elsewhere.params.insert(ParamKey::parse("8-inputs-text").expect("a key"), json!("a red fox"));
        store.queue(&elsewhere, 5).expect("queued");
        let all = ["a red fox 5×1", "猫と犬 4×1", "a red cat 3×2", "a blue dog 2×1"];
        assert_eq!(texts(&store, "prompt", ""), all);
        assert_eq!(texts(&store, "prompt", "red"), ["a red fox 5×1", "a red cat 3×2"]);
        assert_eq!(texts(&store, "prompt", "do"), ["a blue dog 2×1"]);
        assert_eq!(texts(&store, "prompt", "犬"), ["猫と犬 4×1"]);
        assert_eq!(texts(&store, "seed", ""), ["9 5×1", "3 4×2", "2 2×1", "1 1×1"]);
        assert!(texts(&store, "steps", "").is_empty());
    }

    #[test]
    fn what_was_typed_and_never_run_is_found_too_and_counts_once_it_was_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let typed = |text: &str| ("prompt".to_owned(), json!(text));
        store.remember_typed(&[typed("before any run")]).expect("kept");
        let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
        store.add_workflow(&workflow).expect("kept");
        store.queue(&request(&workflow, "a red cat", 1), 5).expect("queued");
        store.remember_typed(&[typed("a red dog"), typed("a red cat")]).expect("kept");
        let all = ["a red dog 1×0", "a red cat 1×1", "before any run 0×0"];
        assert_eq!(texts(&store, "prompt", ""), all);
        assert_eq!(texts(&store, "prompt", "dog"), ["a red dog 1×0"]);
        store.queue(&request(&workflow, "a red dog", 2), 6).expect("queued");
        assert_eq!(texts(&store, "prompt", "")[0], "a red dog 2×1");
        for number in 0..5_000 {
            store.remember_typed(&[typed(&format!("text {number}"))]).expect("kept, or left out");
        }
        store
            .queue(&request(&workflow, "the next run", 3), 7)
            .expect("queued: numbers do not run into each other");
        assert_eq!(texts(&store, "prompt", "")[0], "the next run 3×1");
    }

    #[test]
    fn what_the_program_set_is_nobodys_choice() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
        store.add_workflow(&workflow).expect("kept");
        let mut by_program = request(&workflow, "a cat", 7);
        let seed = ParamKey::parse("3-inputs-seed").expect("a key");
        by_program.origins.insert(seed, Origin::Program { how: crate::domain::Rule::NewSeed });
        store.queue(&by_program, 5).expect("queued");
        assert!(texts(&store, "seed", "").is_empty());
    }

    #[test]
    fn runs_of_earlier_versions_are_taken_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let workflow = Workflow::parse(WORKFLOW).expect("a workflow");
        store.add_workflow(&workflow).expect("kept");
        for number in 0..3 {
            store.queue(&request(&workflow, &format!("cat {}", number % 2), number), 5).expect("queued");
        }
        store
            .connection
            .execute_batch(
                "DELETE FROM field_values; DELETE FROM field_words; DELETE FROM fields;
                 UPDATE recall_progress SET upto = 4;",
            )
            .expect("as an earlier version left it");
        assert_eq!(texts(&store, "prompt", ""), ["cat 0 3×2", "cat 1 2×1"]);
        assert_eq!(texts(&store, "prompt", ""), ["cat 0 3×2", "cat 1 2×1"], "and only once");
    }
}
