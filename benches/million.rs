//! A history of a million runs, each with a prompt of its own: opened, listed, searched, and asked for earlier values.
//!
//! `cargo bench --bench million`; making the history takes minutes and 3 GB in the temporary folder.

#[path = "common/bound.rs"]
mod bound;
#[path = "common/history.rs"]
mod history;

use std::sync::LazyLock;
use std::time::Duration;

use comfydeck::config::Dirs;
use comfydeck::domain::Search;
use comfydeck::store::{OutputQuery, RunQuery, Store};
use divan::Bencher;
use serde_json::Value;
use tempfile::TempDir;

const RUNS: i64 = 1_000_000;

/// Numbers of the values of one run, as `store::recall` counts them.
const VALUES_OF_A_RUN: i64 = 4_096;

fn main() {
    if bound::is_whole() {
        hold_bounds();
    }
    divan::main();
}

/// What the documentation says of a million, three to ten times over. All have `masterpiece`: to find that none is without it
/// reads all of them.
fn hold_bounds() {
    let ms = Duration::from_millis;
    bound::hold("open a million and list the newest 100", ms(5), open_and_list_newest_100);
    let store = store();
    for (text, most) in [("flam", 20), ("otter glacier", 20), ("-flamingo", 20), ("-masterpiece", 400)] {
        let query = RunQuery::of(Search::parse(text, |_| None).expect("a search"));
        bound::hold(&format!("search `{text}`"), ms(most), || store.summaries(&query).expect("a list").len());
    }
    for (text, starred, most) in GALLERY {
        let query = output_query(text, *starred);
        bound::hold(&format!("gallery `{text}`, starred {starred}"), ms(*most), || {
            store.outputs(&query).expect("a list").len()
        });
    }
    for typed in RECALLED {
        // The first time reads what the disk has.
        store.recall("prompt", typed, 200).expect("read");
        bound::hold(&format!("recall `{typed}`"), ms(20), || {
            store.recall("prompt", typed, 200).expect("read").len()
        });
    }
}

static HISTORY: LazyLock<(TempDir, Dirs)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let dirs = Dirs::under(folder.path());
    history::fill(&dirs, RUNS);
    history::make_outputs(&dirs);
    remember_prompts(&dirs);
    (folder, dirs)
});

/// The prompts of all runs, as the store remembers them: a million values of one field.
fn remember_prompts(dirs: &Dirs) {
    let mut database = rusqlite::Connection::open(dirs.data.join("history.db")).expect("the database");
    let transaction = database.transaction().expect("a transaction");
    transaction
        .execute_batch(
            "UPDATE recall_progress SET upto = 0; INSERT OR IGNORE INTO fields VALUES (1, 'prompt');",
        )
        .expect("written");
    for number in 1..=RUNS {
        let prompt = history::request(number).prompt;
        let id = number * VALUES_OF_A_RUN;
        let one = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            transaction.prepare_cached(sql).expect("sql").execute(values).expect("written");
        };
        one(
            "INSERT INTO field_values VALUES (?1, 1, ?2, ?3, ?4, 1)",
            &[&id, &format!("{number:032x}"), &Value::from(prompt.as_str()).to_string(), &number],
        );
        one("INSERT INTO field_words (rowid, field, text) VALUES (?1, 'f1', ?2)", &[&id, &prompt]);
    }
    transaction.commit().expect("committed");
}

fn store() -> Store {
    Store::open(&HISTORY.1).expect("a store")
}

#[divan::bench]
fn open_and_list_newest_100() -> usize {
    store().summaries(&RunQuery::default()).expect("a list").len()
}

#[divan::bench]
fn list_100_from_the_middle(bencher: Bencher) {
    let store = store();
    let query = RunQuery { before: Some(RUNS / 2), ..RunQuery::default() };
    bencher.bench_local(|| store.summaries(&query).expect("a list").len());
}

#[divan::bench(args = ["flam", "otter glacier", "268261030649666", "nothing", "status:failed", "status:failed cat", "preset:nobody"])]
fn search(bencher: Bencher, text: &str) {
    let store = store();
    let query = RunQuery::of(Search::parse(text, |_| None).expect("a search"));
    bencher.bench_local(|| store.summaries(&query).expect("a list").len());
}

/// Searches of the gallery, whether only starred outputs are wanted, and the most milliseconds that they may take.
const GALLERY: &[(&str, bool, u64)] = &[
    ("", false, 20),
    ("otter glacier", false, 150),
    ("-flamingo", false, 20),
    ("-masterpiece", false, 400),
    ("", true, 20),
    ("-flamingo", true, 400),
    ("-masterpiece", true, 400),
    ("-masterp", true, 400),
];

fn output_query(text: &str, starred: bool) -> OutputQuery {
    let runs = RunQuery::of(Search::parse(text, |_| None).expect("a search"));
    OutputQuery { runs, starred, before: None }
}

#[divan::bench(args = 0..GALLERY.len())]
fn gallery(bencher: Bencher, which: usize) {
    let (text, starred, _) = GALLERY[which];
    let (store, query) = (store(), output_query(text, starred));
    bencher.bench_local(|| store.outputs(&query).expect("a list").len());
}

#[divan::bench]
fn counts_and_open_runs(bencher: Bencher) {
    let store = store();
    bencher.bench_local(|| (store.counts().expect("counted"), store.open_runs().expect("a list").len()));
}

/// As one types: nothing, a common prefix, two words, the rarest word, one that is nowhere, and a common with a rare one.
const RECALLED: &[&str] = &["", "fl", "otter glacier", "500000", "nothing", "masterpiece 77", "otter 999"];

#[divan::bench(args = RECALLED)]
fn recall(bencher: Bencher, typed: &str) {
    let store = store();
    bencher.bench_local(|| store.recall("prompt", typed, 200).expect("read").len());
}
