//! Outputs on a real file system: listed by page, starred, deleted, migrated from an older history.

use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::config::Dirs;
use crate::domain::run::End;
use crate::domain::{About, Notes, ParamKey, Remark, RunEvent, RunId, RunRequest, Search, Status};
use crate::store::list::tests::{all_searches, assert_does_not_walk};
use crate::store::schema::MIGRATIONS;

struct Place {
    folder: tempfile::TempDir,
    store: Store,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&Dirs::under(folder.path())).expect("a store");
    Place { folder, store }
}

impl Place {
    /// A run with outputs on disk, each with its own name as content.
    fn run(&self, prompt: &str, preset: Option<&str>, status: Status, made: usize) -> RunId {
        let request = RunRequest {
            prompt: prompt.to_owned(),
            preset: preset.map(str::to_owned),
            params: [(ParamKey::new("3", "seed"), Value::from(u64::MAX))].into_iter().collect(),
            ..RunRequest::default()
        };
        let id = self.store.queue(&request, 1).expect("queued");
        for at in 0..made {
            let saved = RunEvent::OutputSaved(self.file(&format!("{id}-{at}.png")));
            self.store.append(id, 2, &[saved]).expect("written");
        }
        let end = End { status, error: None, server_seconds: None };
        self.store.append(id, 1_000 + id, &[RunEvent::Ended(end)]).expect("written");
        id
    }

    fn file(&self, name: &str) -> Output {
        use sha2::Digest;
        let path = self.folder.path().join(name);
        std::fs::write(&path, name).expect("written");
        Output {
            path,
            name: name.to_owned(),
            content_type: "image/png".to_owned(),
            size: name.len() as u64,
            sha256: crate::domain::workflow::hex(&sha2::Sha256::digest(name)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn star(&self, output: OutputId, star: bool, at: i64) -> Result<Vec<Remark>, StoreError> {
        self.store.note(&[Remark::Star(About::Output(output), star)], at)
    }

    fn ids(&self, query: &OutputQuery) -> Vec<(RunId, u32)> {
        let cards = self.store.outputs(query).expect("a page");
        cards.iter().map(|card| (card.id.run, card.id.place)).collect()
    }
}

fn id(run: RunId, place: u32) -> OutputId {
    OutputId { run, place }
}

fn query(typed: &str, limit: u32) -> OutputQuery {
    OutputQuery {
        runs: RunQuery { limit, ..RunQuery::of(Search::parse(typed, |_| None).expect(typed)) },
        ..OutputQuery::default()
    }
}

#[test]
fn the_newest_come_first_page_by_page_with_their_captions() {
    let place = place();
    place.run("a cat", None, Status::Done, 3);
    place.run("nothing", None, Status::Failed, 0);
    place.run("a flamingo", Some("pink"), Status::Done, 2);
    let all = [(3, 1), (3, 0), (1, 2), (1, 1), (1, 0)];
    assert_eq!(place.ids(&query("", 100)), all);
    for limit in 1..=5 {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = place.ids(&OutputQuery { before, ..query("", limit) });
            assert!(page.len() <= limit as usize);
            before = page.last().map(|(run, place)| id(*run, *place));
            seen.extend(page);
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, all, "by {limit}");
    }
    let card = place.store.outputs(&query("", 1)).expect("a page").remove(0);
    let expected = OutputCard {
        id: id(3, 1),
        output: place.file("3-1.png"),
        starred: false,
        rejected: false,
        notes: Notes::default(),
        seed: Some("18446744073709551615".to_owned()),
        preset: Some("pink".to_owned()),
        prompt: "a flamingo".to_owned(),
        at: 1_003,
    };
    assert_eq!(card, expected);
}

#[test]
fn the_filters_are_those_of_the_list_of_runs() {
    let place = place();
    place.run("a cat", Some("animals"), Status::Done, 1);
    place.run("a cat", Some("animals"), Status::Lost, 1);
    place.run("a cat in a tower", None, Status::Done, 1);
    place.run("a flamingo", Some("animals"), Status::Done, 1);
    for run in 1..=3 {
        place.star(id(run, 0), true, 1).expect("starred");
    }
    for (typed, all, starred) in [
        ("", &[4, 3, 2, 1][..], &[3, 2, 1][..]),
        ("cat", &[3, 2, 1], &[3, 2, 1]),
        ("tow", &[3], &[3]),
        ("status:done", &[4, 3, 1], &[3, 1]),
        ("preset:animals", &[4, 2, 1], &[2, 1]),
        ("status:done preset:animals cat", &[1], &[1]),
        ("status:failed", &[], &[]),
    ] {
        for (starred, runs) in [(false, all), (true, starred)] {
            let runs: Vec<_> = runs.iter().map(|run| (*run, 0)).collect();
            assert_eq!(place.ids(&OutputQuery { starred, ..query(typed, 100) }), runs, "{typed} {starred}");
            let before = Some(id(2, 0));
            let older: Vec<_> = runs.into_iter().filter(|(run, _)| *run < 2).collect();
            assert_eq!(place.ids(&OutputQuery { starred, before, ..query(typed, 100) }), older, "{typed}");
        }
    }
}

#[test]
fn a_page_is_filled_past_runs_of_which_everything_was_deleted() {
    let place = place();
    place.run("kept", None, Status::Done, 1);
    for _ in 0..5 {
        let run = place.run("deleted", None, Status::Done, 1);
        place.store.delete_output(id(run, 0), 5).expect("deleted");
    }
    assert_eq!(place.ids(&query("", 2)), [(1, 0)]);
}

#[test]
fn a_star_is_given_and_taken() {
    let place = place();
    place.run("a cat", None, Status::Done, 2);
    let starred = || place.ids(&OutputQuery { starred: true, ..query("", 100) });
    let mark = place.store.change_mark().expect("a mark");
    place.star(id(1, 1), true, 1).expect("starred");
    assert_ne!(place.store.change_mark().expect("a mark"), mark, "others are told");
    place.star(id(1, 1), true, 2).expect("starred again");
    assert_eq!(starred(), [(1, 1)]);
    assert!(place.store.outputs(&query("", 1)).expect("a page")[0].starred);
    place.star(id(1, 1), false, 3).expect("taken");
    assert_eq!(starred(), []);
    for unknown in [id(1, 2), id(2, 0)] {
        let result = place.star(unknown, true, 1);
        assert!(matches!(result, Err(StoreError::NoSuchOutput(id)) if id == unknown), "{result:?}");
    }
}

#[test]
fn what_is_deleted_is_removed_and_remembered() {
    let place = place();
    place.run("a cat", None, Status::Done, 3);
    place.star(id(1, 0), true, 1).expect("starred");
    assert_eq!(place.store.delete_output(id(1, 0), 5).expect("deleted"), Deleted::Removed);
    assert!(!place.path("1-0.png").exists());
    std::fs::remove_file(place.path("1-1.png")).expect("removed by somebody else");
    assert_eq!(place.store.delete_output(id(1, 1), 5).expect("deleted"), Deleted::WasGone);
    assert_eq!(place.ids(&query("", 100)), [(1, 2)]);
    assert_eq!(place.ids(&OutputQuery { starred: true, ..query("", 100) }), []);
    let again = place.store.delete_output(id(1, 0), 6);
    assert!(matches!(again, Err(StoreError::NoSuchOutput(_))), "{again:?}");
    // The run's own record still lists it.
    let run = place.store.run(1).expect("read").expect("there");
    assert_eq!((run.status, run.outputs.len()), (Status::Done, 3));
}

#[test]
fn only_what_the_run_made_is_removed() {
    let place = place();
    place.run("a cat", None, Status::Done, 3);
    let (changed, linked, folder) = (place.path("1-0.png"), place.path("1-1.png"), place.path("1-2.png"));
    std::fs::write(&changed, "painted over").expect("written");
    // A symlink to a file with the same content.
    let aside = place.path("aside.png");
    std::fs::rename(&linked, &aside).expect("moved");
    std::os::unix::fs::symlink(&aside, &linked).expect("linked");
    std::fs::remove_file(&folder).and_then(|()| std::fs::create_dir(&folder)).expect("a folder");
    for at in 0..3 {
        let refused = place.store.delete_output(id(1, at), 5);
        assert!(matches!(refused, Err(StoreError::NotTheOutput { .. })), "{refused:?}");
    }
    assert!(changed.exists() && linked.exists() && aside.exists() && folder.exists());
    assert_eq!(place.ids(&query("", 100)).len(), 3, "nothing is forgotten");
}

#[test]
fn a_history_that_cannot_be_written_keeps_the_file() {
    let place = place();
    place.run("a cat", None, Status::Done, 1);
    place.store.connection.busy_timeout(std::time::Duration::from_millis(20)).expect("set");
    let path = place.folder.path().join("data/history.db");
    let holder = Connection::open(path).expect("a connection");
    holder.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let refused = place.store.delete_output(id(1, 0), 5);
    assert!(matches!(refused, Err(StoreError::Locked)), "{refused:?}");
    assert!(place.path("1-0.png").exists());
    holder.execute_batch("ROLLBACK").expect("free");
    place.store.delete_output(id(1, 0), 5).expect("deleted");
}

#[test]
fn outputs_of_an_older_history_are_taken_over() {
    let before = MIGRATIONS.iter().position(|step| step.contains("CREATE TABLE outputs")).expect("the step");
    let folder = tempfile::tempdir().expect("a folder");
    // Written with today's schema, then changed back to the older one.
    let place = place();
    place.run("a cat", None, Status::Done, 2);
    let expected = place.store.outputs(&query("", 100)).expect("a page");
    let old = Store::open_with(folder.path(), &MIGRATIONS[..before]).expect("an older history");
    old.connection
        .execute("ATTACH ?1 AS new", [place.folder.path().join("data/history.db").to_string_lossy()])
        .expect("attached");
    for table in ["runs", "requests", "events"] {
        let columns: Vec<String> = old
            .connection
            .prepare(&format!("SELECT name FROM main.pragma_table_info('{table}')"))
            .and_then(|mut names| names.query_map([], |row| row.get(0))?.collect())
            .expect("columns");
        let columns = columns.join(", ");
        let sql = format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}");
        old.connection.execute(&sql, []).expect("copied");
    }
    drop(old);
    let store = Store::open_with(folder.path(), MIGRATIONS).expect("brought up to date");
    assert_eq!(store.outputs(&query("", 100)).expect("a page"), expected);
}

#[test]
fn no_query_walks_the_whole_history() {
    let place = place();
    assert_does_not_walk(&place.store, &of_run_sql());
    for search in all_searches() {
        let query = RunQuery { hides_rejected: true, ..RunQuery::of(search) };
        let sql = place.store.starred_statement(&query, id(RunId::MAX, 0)).expect("a statement").sql;
        let statement = place.store.connection.prepare(&sql).expect(&sql);
        assert_eq!(
            statement.column_name(statement.column_count() - OUTPUT_COLUMNS).expect("a column"),
            "place"
        );
        // The star index only contains starred outputs.
        let mut plan = place.store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(&sql);
        let unset = vec![None::<i64>; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(unset), |row| row.get::<_, String>(3));
        let steps: Vec<String> = steps.expect("a plan").map(|step| step.expect("a step")).collect();
        assert!(steps[0].contains("INDEX outputs_starred"), "{steps:?}");
        assert_does_not_walk(&place.store, &sql);
    }
}

#[test]
fn a_sidecar_is_deleted_with_its_output() {
    let place = place();
    place.run("a cat", None, Status::Done, 2);
    let sidecar = |at: usize| {
        let sha256 = place.store.run(1).expect("read").expect("there").outputs[at].sha256.clone();
        serde_json::json!({"made_by": "comfydeck 1", "output": {"sha256": sha256}}).to_string()
    };
    std::fs::write(place.path("1-0.png.json"), sidecar(0)).expect("written");
    // Sidecars of another output, and of another run.
    std::fs::write(place.path("1-1.png.json"), sidecar(0)).expect("written");
    for at in 0..2 {
        place.store.delete_output(id(1, at), 5).expect("deleted");
    }
    assert!(!place.path("1-0.png.json").exists());
    assert!(place.path("1-1.png.json").exists());
}

#[test]
fn a_word_that_nearly_all_have_is_looked_up_for_each_of_a_few_stars() {
    let place = place();
    let made: Vec<RunId> = (0..4)
        .map(|at| {
            let prompt = if at == 2 { "a plain cat" } else { "a masterpiece" };
            place.run(prompt, None, Status::Done, 1)
        })
        .collect();
    for run in &made {
        place.star(id(*run, 0), true, 5).expect("starred");
    }
    let starred = OutputQuery { starred: true, ..query("-masterpiece", 10) };
    assert_eq!(place.ids(&starred), [(made[2], 0)]);
    let sql = place.store.starred_statement(&starred.runs, id(RunId::MAX, 0)).expect("a statement").sql;
    assert!(sql.contains("NOT EXISTS") && !sql.contains("NOT IN"), "not the whole history of it: {sql}");
}
