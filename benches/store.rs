//! What the store costs: a long history opened, listed and searched; a log written, counted and read.
//!
//! `cargo bench --bench store`

#[path = "common/history.rs"]
mod history;

use std::sync::LazyLock;

use comfydeck::config::Dirs;
use comfydeck::domain::batch::{BatchId, Outline};
use comfydeck::domain::run::Progress;
use comfydeck::domain::{About, Remark, RunEvent, Search, Status};
use comfydeck::store::{LogReader, NewBatch, RunQuery, Store, StoreError};
use divan::Bencher;
use tempfile::TempDir;

const RUNS: i64 = 100_000;
const LINES: usize = 100_000;
const MANY_LINES: usize = 10_000_000;

fn main() {
    divan::main();
}

struct Place {
    _folder: TempDir,
    dirs: Dirs,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let dirs = Dirs::under(folder.path());
    Place { _folder: folder, dirs }
}

static HISTORY: LazyLock<Place> = LazyLock::new(|| {
    let place = place();
    history::fill(&place.dirs, RUNS);
    place
});

fn history() -> Store {
    Store::open(&HISTORY.dirs).expect("a store")
}

#[divan::bench]
fn open_and_list_newest_100_of_100_000() -> usize {
    history().summaries(&RunQuery::default()).expect("a list").len()
}

#[divan::bench]
fn list_100_from_the_middle(bencher: Bencher) {
    let store = history();
    let query = RunQuery { before: Some(RUNS / 2), ..RunQuery::default() };
    bencher.bench_local(|| store.summaries(&query).expect("a list").len());
}

#[divan::bench(args = ["flam", "otter glacier", "268261030649666", "nothing", "status:failed", "status:failed cat", "preset:nobody"])]
fn search_100_000(bencher: Bencher, text: &str) {
    let store = history();
    let query = RunQuery::of(Search::parse(text, |_| None).expect(text));
    bencher.bench_local(|| store.summaries(&query).expect("a list").len());
}

const MANY_RUNS: i64 = 1_000_000;

/// A million runs, of which a few are tagged, starred, rejected or failed.
static MILLION: LazyLock<Place> = LazyLock::new(|| {
    let place = place();
    history::fill(&place.dirs, MANY_RUNS);
    let store = Store::open(&place.dirs).expect("a store");
    let remarks = (1..MANY_RUNS).step_by(50_000).map(|run| Remark::Tags(run, ["final".to_owned()].into()));
    store.note(&remarks.collect::<Vec<_>>(), 1).expect("noted");
    let rejected = (1..MANY_RUNS).step_by(1_000).map(|run| Remark::Reject(About::Run(run), true));
    store.note(&rejected.collect::<Vec<_>>(), 1).expect("noted");
    place
});

/// What is typed into the search of the runs, with a million of them.
#[divan::bench(args = [
    "", "flam", "\"red hat\"", "seed:268261030649666", "flamingo preset:cat", "preset:cat -dancing", "-flamingo",
    "-masterpiece", "status:failed,lost", "status:done flamingo otter", "tag:final", "tag:final flamingo", "is:starred",
    "is:rejected", "after:yesterday", "before:1970-02-01", "on:1970-06-01 otter", "run:7,999999", "workflow:nothing batch:7",
])]
fn search_1_000_000(bencher: Bencher, text: &str) {
    let store = Store::open(&MILLION.dirs).expect("a store");
    let search = Search::parse(text, |_| None).expect(text);
    let unfolded = Some(std::collections::BTreeSet::new());
    let query = RunQuery { unfolded, hides_rejected: true, ..RunQuery::of(search) };
    bencher.bench_local(|| store.summaries(&query).expect("a list").len());
}

/// What the details ask of a run in a long history, and what completes a search.
#[divan::bench]
fn lineage_and_search_words_of_1_000_000(bencher: Bencher) {
    let store = Store::open(&MILLION.dirs).expect("a store");
    bencher.bench_local(|| {
        let lineage = store.lineage(MANY_RUNS / 2).expect("read").children.len();
        (lineage, store.tags().expect("read").len(), store.presets_of_runs().expect("read").len())
    });
}

#[divan::bench]
fn counts_and_open_runs_of_100_000(bencher: Bencher) {
    let store = history();
    bencher.bench_local(|| (store.counts().expect("counted"), store.open_runs().expect("a list").len()));
}

#[divan::bench]
fn write_progress_of_one_run(bencher: Bencher) {
    let place = place();
    let store = Store::open(&place.dirs).expect("a store");
    let id = store.queue(&history::request(1), 1).expect("queued");
    let mut value = 0;
    bencher.bench_local(|| {
        value += 1;
        let progress = RunEvent::Progress(Progress { value, max: u64::MAX, ..Progress::default() });
        store.append(id, 2, &[progress]).expect("written")
    });
}

#[divan::bench]
fn queue_and_take_durably(bencher: Bencher) {
    let place = place();
    let store = Store::open(&place.dirs).expect("a store");
    let request = history::request(1);
    bencher.bench_local(|| {
        let id = store.queue(&request, 1).expect("queued");
        assert_eq!(store.take(id, 2, None).expect("taken").map(|run| run.status), Some(Status::Uploading));
    });
}

const BATCH: usize = 10_000;

fn queue_batch(store: &Store) -> BatchId {
    let new = NewBatch { runs: BATCH, outline: Outline::default(), most_cost: None };
    let request = |place: usize| Ok::<_, StoreError>(history::request(i64::try_from(place).unwrap_or(0)));
    store.queue_batch(&new, 1, request).expect("queued")
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn queue_a_batch_of_10_000(bencher: Bencher) {
    bencher.with_inputs(place).bench_values(|place| {
        let store = Store::open(&place.dirs).expect("a store");
        queue_batch(&store);
        place
    });
}

/// What a runner asks each time that something has changed, with 10,000 runs waiting.
#[divan::bench]
fn whose_turn_it_is_of_10_000(bencher: Bencher) {
    let place = place();
    let store = Store::open(&place.dirs).expect("a store");
    queue_batch(&store);
    bencher.bench_local(|| {
        let endpoints = store.endpoints_with_turns().expect("endpoints");
        let turns: Vec<_> =
            endpoints.iter().map(|url| store.next_turns(url, 2).expect("turns").len()).collect();
        (turns, store.runs_in_flight().expect("runs").len())
    });
}

/// What a screen asks each time that something has changed: the rows, the batch and what is seen of its sheet.
#[divan::bench]
fn list_and_show_a_batch_of_10_000(bencher: Bencher) {
    let place = place();
    let store = Store::open(&place.dirs).expect("a store");
    let batch = queue_batch(&store);
    let rows = RunQuery { unfolded: Some(std::collections::BTreeSet::new()), ..RunQuery::default() };
    bencher.bench_local(|| {
        let rows = store.summaries(&rows).expect("a list").len();
        let runs = store.batch_runs(batch, BATCH / 2, 60).expect("runs").len();
        (rows, runs, store.batch(batch).expect("read").map(|batch| batch.runs()))
    });
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn cancel_a_batch_of_10_000(bencher: Bencher) {
    let queued = || {
        let place = place();
        let store = Store::open(&place.dirs).expect("a store");
        let batch = queue_batch(&store);
        (place, store, batch)
    };
    bencher.with_inputs(queued).bench_values(|(place, store, batch)| {
        store.cancel_batch(batch, 2).expect("cancelled");
        (place, store)
    });
}

fn write_log(store: &Store, run: i64, lines: usize) {
    let mut log = store.log_writer(run).expect("a log");
    for line in 0..lines {
        log.append(&format!("\x1b[32m[INFO]\x1b[0m node {line}: loaded completely 9.5 GB in 0.4 s\n"))
            .expect("written");
    }
    log.flush().expect("written");
}

#[divan::bench]
fn write_and_count_100_000_log_lines(bencher: Bencher) {
    let place = place();
    let store = Store::open(&place.dirs).expect("a store");
    let mut run = 0;
    bencher.bench_local(|| {
        run += 1;
        write_log(&store, run, LINES);
        let mut log = store.log(run);
        log.refresh().expect("read");
        assert_eq!(log.line_count(), LINES);
    });
}

static HUGE_LOG: LazyLock<Place> = LazyLock::new(|| {
    let place = place();
    write_log(&Store::open(&place.dirs).expect("a store"), 1, MANY_LINES);
    place
});

fn huge_log() -> LogReader {
    let mut log = Store::open(&HUGE_LOG.dirs).expect("a store").log(1);
    log.refresh().expect("read");
    log
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn count_10_000_000_log_lines() -> usize {
    huge_log().line_count()
}

#[divan::bench]
fn show_40_lines_from_the_middle_of_10_000_000(bencher: Bencher) {
    let log = huge_log();
    bencher.bench_local(|| log.lines(MANY_LINES / 2..MANY_LINES / 2 + 40).expect("read").len());
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn search_10_000_000_lines_in_vain(bencher: Bencher) {
    let log = huge_log();
    bencher.bench_local(|| log.find("out of memory", 0..MANY_LINES).expect("read"));
}
