use std::collections::BTreeSet;

use serde_json::Value;

use super::turns::{ENDPOINTS, TURNS};
use super::*;
use crate::domain::Search;
use crate::domain::batch::BatchPlace;
use crate::domain::batch::{AxisOutline, Combine};
use crate::domain::run::{End, RunError};
use crate::domain::{ParamKey, RunEvent};
use crate::store::costs::SPENT;
use crate::store::schema::MIGRATIONS;
use crate::store::{RunQuery, now};

fn parse(typed: &str) -> RunQuery {
    RunQuery::of(Search::parse(typed, |_| None).expect(typed))
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_with(folder.path(), MIGRATIONS).expect("a store");
    (folder, store)
}

/// A second costs 0.1.
fn request(url: &str, cfg: usize) -> RunRequest {
    let key = ParamKey::new("3", "cfg");
    let params = [(key, Value::from(cfg))].into_iter().collect();
    RunRequest {
        url: url.to_owned(),
        params,
        concurrency: 1,
        cost_per_second: Some(0.1),
        ..RunRequest::default()
    }
}

fn outline(runs: usize) -> Outline {
    let values = (0..runs).map(|cfg| cfg.to_string()).collect();
    let axis = AxisOutline { key: ParamKey::new("3", "cfg"), name: "cfg".to_owned(), values };
    Outline { axes: vec![axis], combine: Combine::Grid }
}

fn queue(store: &Store, url: &str, runs: usize) -> BatchId {
    let new = NewBatch { runs, outline: outline(runs), most_cost: None };
    store.queue_batch(&new, 1_000, |place| Ok::<_, StoreError>(request(url, place))).expect("queued")
}

fn ended(status: Status) -> RunEvent {
    RunEvent::Ended(End { status, error: None, server_seconds: None })
}

fn turns(store: &Store, url: &str) -> Vec<RunId> {
    store.next_turns(url, 100).expect("turns")
}

fn of(store: &Store, batch: BatchId) -> Vec<RunSummary> {
    store.batch_runs(batch, 0, 100).expect("runs")
}

fn ids(store: &Store, batch: BatchId) -> Vec<RunId> {
    of(store, batch).iter().map(|run| run.id).collect()
}

fn batch(store: &Store, id: BatchId) -> Batch {
    store.batch(id).expect("read").expect("there")
}

#[test]
fn the_runs_of_a_batch_stand_in_its_places_and_the_first_is_the_newest() {
    let (_folder, store) = store();
    let id = queue(&store, "http://a", 3);
    let runs = of(&store, id);
    let places: Vec<_> = runs.iter().map(|run| run.batch.expect("of a batch")).collect();
    assert_eq!(places, [0, 1, 2].map(|place| BatchPlace { batch: id, place }));
    assert_eq!(ids(&store, id), [3, 2, 1]);
    assert_eq!(turns(&store, "http://a"), [3, 2, 1]);
    let cfg = |run: RunId| store.run(run).expect("read").expect("there").request.params[0].to_string();
    assert_eq!([3, 2, 1].map(cfg), ["0", "1", "2"]);
    assert_eq!(store.batch_runs(id, 1, 1).expect("a page")[0].id, 2);
    let kept = batch(&store, id);
    assert_eq!((kept.counts, kept.held, kept.queued_at), (vec![(Status::Queued, 3)], None, 1_000));
    assert_eq!(store.outline(id).expect("read"), Some(outline(3)));
    assert_eq!(store.run(runs[1].id).expect("read").expect("there").request.batch, Some(places[1]));
    assert_eq!((store.batch(id + 1).expect("read"), store.outline(id + 1).expect("read")), (None, None));
    assert_eq!(store.last_batch().expect("read"), Some(id));
}

#[test]
fn a_batch_is_queued_whole_or_not_at_all() {
    let (_folder, store) = store();
    let new = NewBatch { runs: 3, outline: outline(3), most_cost: None };
    let queued = store.queue_batch(&new, 1_000, |place| match place {
        0 => Err(StoreError::Locked),
        _ => Ok(request("http://a", place)),
    });
    assert!(matches!(queued, Err(StoreError::Locked)));
    assert_eq!(store.summaries(&RunQuery::default()).expect("a list"), []);
    assert_eq!(store.last_batch().expect("read"), None);
}

/// Queues a batch of several steps, and does something when the request of a place is made.
fn queue_large(
    store: &Store,
    mut at: impl FnMut(usize) -> Result<(), StoreError>,
) -> Result<BatchId, StoreError> {
    let runs = 3 * WRITTEN_AT_ONCE;
    let new = NewBatch { runs, outline: outline(runs), most_cost: None };
    store.queue_batch(&new, now(), |place| {
        at(place)?;
        Ok(request("http://a", place))
    })
}

fn is_empty(store: &Store) -> bool {
    let left = "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM requests) + (SELECT count(*) FROM batches)";
    let left: i64 = store.connection.query_row(left, [], |row| row.get(0)).expect("counted");
    left == 0
}

#[test]
fn a_large_batch_goes_in_steps_between_which_others_write_and_none_is_sent_before_the_last_is_there() {
    let (folder, store) = store();
    let other = Store::open_with(folder.path(), MIGRATIONS).expect("a store");
    let mut between = Vec::new();
    let id = queue_large(&store, |place| {
        if place == WRITTEN_AT_ONCE {
            between.push(other.queue(&request("http://b", 1), 1)?);
            assert_eq!(other.endpoints_with_turns()?, ["http://b"], "nothing of the batch has a turn");
            assert_eq!(other.resume_batch(1)?, 0);
            assert!(!other.run_first(1)?);
            assert_eq!(other.remove_interrupted(now())?, 0, "it is at work");
            assert_eq!(other.counts()?.held, WRITTEN_AT_ONCE);
        }
        Ok(())
    });
    let id = id.expect("queued");
    assert_eq!(between.len(), 1);
    let kept = batch(&store, id);
    assert_eq!((kept.counts, kept.held), (vec![(Status::Queued, 3 * WRITTEN_AT_ONCE)], None));
    let first = store.next_turns("http://a", 2).expect("turns");
    let places: Vec<_> = of(&store, id).iter().take(2).map(|run| run.id).collect();
    assert_eq!(first, places);
}

#[test]
fn of_a_batch_that_fails_half_way_nothing_is_left() {
    let (_folder, store) = store();
    let failed = queue_large(&store, |place| if place == 3 { Err(StoreError::Locked) } else { Ok(()) });
    assert!(matches!(failed, Err(StoreError::Locked)), "{failed:?}");
    assert!(is_empty(&store));
}

#[test]
fn what_a_killed_process_left_of_a_batch_is_removed_by_the_next_and_never_sent() {
    let (folder, store) = store();
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        queue_large(&store, |place| if place == 3 { panic!("killed") } else { Ok(()) })
    }));
    assert!(killed.is_err());
    let next = Store::open_with(folder.path(), MIGRATIONS).expect("a store");
    assert!(!next.has_work().expect("read"));
    assert_eq!(next.remove_interrupted(now()).expect("removed"), 1, "nobody is at work on it");
    assert!(is_empty(&next));
}

#[test]
fn whoever_stopped_for_too_long_while_queueing_sends_nothing() {
    let (folder, store) = store();
    let other = Store::open_with(folder.path(), MIGRATIONS).expect("a store");
    let queued = queue_large(&store, |place| {
        if place == 0 {
            assert_eq!(other.remove_interrupted(now() + 61_000)?, 1);
        }
        Ok(())
    });
    assert!(matches!(queued, Err(StoreError::Interrupted(_))), "{queued:?}");
    assert!(is_empty(&store));
}

#[test]
fn what_is_left_of_secrets_can_be_changed_and_the_values_stay_as_they_were_written() {
    let (_folder, store) = store();
    let new = NewBatch { runs: 2, outline: outline(2), most_cost: None };
    let precise: Value = serde_json::from_str("7.50").expect("a number");
    let id = store.queue_batch(&new, 1_000, |place| {
        let mut request = request("http://a", place);
        request.params.insert(ParamKey::new("3", "denoise"), precise.clone());
        request.handover = Some("old".to_owned());
        Ok::<_, StoreError>(request)
    });
    let id = id.expect("queued");
    let stored = |run: RunId| store.run(run).expect("read").expect("there").request;
    let runs = ids(&store, id);
    store.take(runs[0], 2_000, None).expect("taken");
    store.hand_over(id, Some("new")).expect("changed");
    assert_eq!(stored(runs[0]).handover.as_deref(), Some("old"), "it is on its way");
    let waiting = stored(runs[1]);
    assert_eq!(waiting.handover.as_deref(), Some("new"));
    assert_eq!(waiting.params[&ParamKey::new("3", "denoise")].to_string(), "7.50");
    store.hand_over(id, None).expect("changed");
    assert_eq!(stored(runs[1]).handover, None);
}

#[test]
fn each_endpoint_has_turns_of_its_own_and_the_first_one_can_be_chosen() {
    let (_folder, store) = store();
    let (a, b) = (queue(&store, "http://a", 3), queue(&store, "http://b", 1));
    assert_eq!(store.endpoints_with_turns().expect("endpoints"), ["http://a", "http://b"]);
    assert_eq!((turns(&store, "http://a"), turns(&store, "http://b")), (ids(&store, a), ids(&store, b)));
    let [first, second, last] = ids(&store, a)[..] else { panic!("not three") };
    assert!(store.run_first(last).expect("moved"));
    assert_eq!(turns(&store, "http://a"), [last, first, second]);
    store.take(last, 2_000, None).expect("taken");
    assert_eq!(turns(&store, "http://a"), [first, second]);
    assert!(!store.run_first(last).expect("asked"), "it is not queued any more");
    let single = store.queue(&request("http://a", 9), 1_000).expect("queued");
    assert_eq!(turns(&store, "http://a"), [first, second, single]);
}

#[test]
fn what_is_held_has_no_turn_until_it_is_resumed() {
    let (_folder, store) = store();
    let id = queue(&store, "http://a", 4);
    let [first, second, third, last] = ids(&store, id)[..] else { panic!("not four") };
    store.take(first, 2_000, None).expect("taken");
    assert_eq!(store.hold_batch(id, Hold::Asked).expect("held"), 3);
    assert_eq!(store.endpoints_with_turns().expect("endpoints"), Vec::<String>::new());
    assert!(store.has_work().expect("asked"), "one is in flight");
    store.append(first, 3_000, &[ended(Status::Done)]).expect("ended");
    assert!(!store.has_work().expect("asked"), "a runner has nothing to do with what is held");
    assert!(store.is_batch_open(id).expect("asked"));
    let counts = store.counts().expect("counted");
    assert_eq!((counts.queued, counts.held, counts.in_flight), (0, 3, 0));
    let held: Vec<_> = of(&store, id).iter().map(|run| run.held).collect();
    assert_eq!(held, [None, Some(Hold::Asked), Some(Hold::Asked), Some(Hold::Asked)]);
    assert_eq!(batch(&store, id).held, Some((Hold::Asked, 3)));
    // One of them alone goes, and the order of the others stays as it was.
    assert!(store.run_first(last).expect("moved"));
    assert_eq!(turns(&store, "http://a"), [last]);
    assert_eq!(store.resume_batch(id).expect("resumed"), 2);
    assert_eq!(turns(&store, "http://a"), [last, second, third]);
}

#[test]
fn a_hold_for_money_stops_all_that_costs_and_nothing_else() {
    let (_folder, store) = store();
    let id = queue(&store, "http://a", 2);
    let free =
        store.queue(&RunRequest { cost_per_second: None, ..request("http://a", 9) }, 1).expect("queued");
    assert_eq!(store.hold_costly(Hold::DayCost).expect("held"), 2);
    assert_eq!(turns(&store, "http://a"), [free]);
    assert_eq!(batch(&store, id).held, Some((Hold::DayCost, 2)));
}

#[test]
fn cancelling_a_batch_ends_what_is_queued_and_asks_for_the_end_of_the_rest() {
    let (_folder, store) = store();
    let id = queue(&store, "http://a", 4);
    let runs = turns(&store, "http://a");
    store.take(runs[0], 2_000, None).expect("taken");
    store.append(runs[0], 5_000, &[ended(Status::Done)]).expect("ended");
    store.take(runs[1], 5_000, None).expect("taken");
    store.hold_batch(id, Hold::Asked).expect("held");
    let rest = store.cancel_batch(id, 6_000).expect("cancelled");
    assert_eq!(rest, CancelledRest { unsent: vec![runs[3], runs[2]], asked: 1 });
    let kept = batch(&store, id);
    let count = |wanted| kept.count(|status| status == wanted);
    assert_eq!((count(Status::Done), count(Status::Cancelled), kept.runs()), (1, 2, 4));
    assert_eq!((kept.held, kept.worked_ms), (None, 3_000));
    // Paid 0.3; the one in flight has cost 0.2 after two seconds.
    let cents = |amount: f64| (amount * 100.0).round();
    assert_eq!((cents(kept.spent), cents(kept.cost(7_000))), (30.0, 50.0));
    let asked = store.runs_in_flight().expect("runs");
    assert_eq!(asked.iter().map(|run| (run.id, run.cancel_asked)).collect::<Vec<_>>(), [(runs[1], true)]);
}

#[test]
fn of_a_place_that_was_retried_the_newest_run_counts_and_both_were_paid() {
    let (_folder, store) = store();
    let id = queue(&store, "http://a", 2);
    let runs = turns(&store, "http://a");
    for (run, status) in [(runs[0], Status::Failed), (runs[1], Status::Lost)] {
        store.take(run, 2_000, None).expect("taken");
        store.append(run, 3_000, &[ended(status)]).expect("ended");
    }
    let retry = || store.retry_failed(id, 4_000, |run| Ok::<_, StoreError>(run.request)).expect("queued");
    assert_eq!(retry(), 1, "what became of a lost one is not known: it is not sent again");
    assert_eq!(retry(), 0);
    let again = turns(&store, "http://a")[0];
    assert_eq!(ids(&store, id), [again, runs[1]]);
    assert_eq!(store.run(again).expect("read").expect("there").request.params[0].to_string(), "0");
    store.take(again, 5_000, None).expect("taken");
    store.append(again, 6_000, &[ended(Status::Done)]).expect("ended");
    let kept = batch(&store, id);
    assert_eq!((kept.counts, kept.worked_ms), (vec![(Status::Done, 1), (Status::Lost, 1)], 3_000));
    assert!((kept.spent - 0.3).abs() < 1e-9);
}

#[test]
fn a_refused_run_costs_nothing() {
    let (_folder, store) = store();
    let id = queue(&store, "http://a", 1);
    let run = turns(&store, "http://a")[0];
    store.take(run, 2_000, None).expect("taken");
    let error = Some(RunError { refused: true, ..RunError::default() });
    let end = RunEvent::Ended(End { status: Status::Failed, error, server_seconds: None });
    store.append(run, 9_000, &[end]).expect("ended");
    assert_eq!((batch(&store, id).spent, store.spent_since(0, 9_000).expect("read")), (0.0, 0.0));
}

#[test]
fn a_batch_is_one_row_of_the_list_until_it_is_folded_out() {
    let (_folder, store) = store();
    let before = store.queue(&request("http://a", 9), 1_000).expect("queued");
    let id = queue(&store, "http://a", 3);
    let after = store.queue(&request("http://a", 9), 1_000).expect("queued");
    let runs = ids(&store, id);
    let list = |query: RunQuery| -> Vec<RunId> {
        store.summaries(&query).expect("a list").iter().map(|run| run.id).collect()
    };
    let folding = |unfolded: &[BatchId]| RunQuery {
        unfolded: Some(unfolded.iter().copied().collect::<BTreeSet<_>>()),
        ..RunQuery::default()
    };
    assert_eq!(list(folding(&[])), [after, runs[0], before]);
    assert_eq!(list(folding(&[id])), [after, runs[0], runs[1], runs[2], before]);
    assert_eq!(list(RunQuery { limit: 2, before: Some(runs[0]), ..folding(&[id]) }), [runs[1], runs[2]]);
    // Whoever searches finds each run.
    assert_eq!(list(RunQuery { unfolded: Some(BTreeSet::new()), ..parse("status:queued") }).len(), 5);
    assert_eq!(list(parse(&format!("batch:{id}"))), runs);
    assert_eq!(list(RunQuery::default()).len(), 5);
}

#[test]
fn what_was_spent_counts_from_a_time_on_with_what_is_in_flight() {
    let (_folder, store) = store();
    queue(&store, "http://a", 3);
    let runs = turns(&store, "http://a");
    store.take(runs[0], 1_000, None).expect("taken");
    store.append(runs[0], 11_000, &[ended(Status::Done)]).expect("ended");
    store.take(runs[1], 20_000, None).expect("taken");
    let spent = |since, now| (store.spent_since(since, now).expect("read") * 1_000.0).round() / 1_000.0;
    assert_eq!((spent(0, 20_000), spent(0, 25_000), spent(2_000, 25_000)), (1.0, 1.5, 0.5));
}

#[test]
fn turns_are_found_without_a_walk_through_the_history() {
    let (_folder, store) = store();
    for sql in [ENDPOINTS, TURNS, COUNTS, OPEN, SPENT, &places_sql()] {
        let mut plan = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(sql);
        let unset = rusqlite::params_from_iter(vec![None::<i64>; plan.parameter_count()]);
        let steps = plan.query_map(unset, |row| row.get::<_, String>(3)).expect("a plan");
        for step in steps.map(|step| step.expect("a step")) {
            let is_small = step.contains("runs_turns") || [OPEN, ENDPOINTS].contains(&sql);
            assert!(
                is_small || !step.starts_with("SCAN runs") && !step.contains("TEMP B-TREE"),
                "{step}: {sql}"
            );
        }
    }
}

#[test]
fn the_queue_is_reordered_held_and_cancelled_and_endpoints_do_not_mix() {
    let (_folder, store) = store();
    let queue = |url: &str| store.queue(&request(url, 1), 1).expect("queued");
    let (one, other, two, three) = (queue("a"), queue("b"), queue("a"), queue("a"));
    assert!(store.move_in_queue(three, true).expect("moved"));
    assert_eq!(turns(&store, "a"), [one, three, two]);
    assert!(store.move_in_queue(one, false).expect("moved"));
    assert_eq!((turns(&store, "a"), turns(&store, "b")), (vec![three, one, two], vec![other]));
    assert!(!store.move_in_queue(three, true).expect("read"), "it is the first");
    assert!(!store.move_in_queue(other, false).expect("read"), "it is alone at its endpoint");
    assert!(store.hold_run(one, true).expect("held") && !store.hold_run(one, true).expect("held"));
    assert_eq!(turns(&store, "a"), [three, two]);
    assert!(!store.move_in_queue(one, true).expect("read"), "it has no turn");
    assert!(store.hold_run(one, false).expect("resumed"));
    assert_eq!(turns(&store, "a"), [three, one, two]);
    assert_eq!(store.hold_queue(true).expect("held"), 4);
    assert!(store.endpoints_with_turns().expect("read").is_empty());
    store.hold_costly(Hold::DayCost).expect("nothing is left to hold");
    assert_eq!(store.hold_queue(false).expect("resumed"), 4);
    store.take(three, 5, None).expect("taken");
    let queued: Vec<RunId> = store.queued_runs().expect("read").iter().map(|run| run.id).collect();
    assert_eq!(queued, [other, one, two]);
    assert_eq!(store.cancel_queue(6).expect("cancelled").len(), 3);
    assert!(store.queued_runs().expect("read").is_empty());
    assert_eq!(store.runs_in_flight().expect("read")[0].id, three, "what was sent goes on");
}
