//! Batches in the queue: in order, held, with other limits, and killed at any moment.

use std::collections::BTreeSet;

use comfydeck::domain::batch::{BatchId, Hold, Outline};
use comfydeck::domain::run::Protocol;
use comfydeck::domain::{RunId, RunRequest, Status};
use comfydeck::store::{NewBatch, StoreError};

use crate::place::Place;

/// A batch whose credentials were handed over. Its runs, in order.
fn queue(place: &Place, url: &str, runs: usize, protocol: Protocol) -> (BatchId, Vec<RunId>) {
    let new = NewBatch { runs, outline: Outline::default(), most_cost: None };
    let request = |_| {
        Ok::<_, StoreError>(RunRequest {
            url: url.to_owned(),
            protocol,
            handover: Some("token".to_owned()),
            output_dir: place.home.path().join("out"),
            concurrency: 2,
            ..RunRequest::default()
        })
    };
    let batch = place.store.queue_batch(&new, 1, request).expect("queued");
    let all = place.store.batch_runs(batch, 0, runs).expect("runs");
    (batch, all.iter().map(|run| run.id).collect())
}

/// Numbers of the runs that were sent, in order.
fn sent(place: &Place, url: &str) -> Vec<RunId> {
    let lines = place.sent();
    lines.iter().filter_map(|line| line.strip_suffix(url)?.trim().parse().ok()).collect()
}

#[test]
fn a_batch_goes_in_the_order_of_its_places_and_its_secrets_stay_to_its_end() {
    let place = Place::new();
    let (_, runs) = queue(&place, "fake:done", 5, Protocol::Stream);
    place.serve().join().expect("no panic").expect("served");
    assert_eq!(sent(&place, "fake:done"), runs);
    let released: Vec<String> =
        place.sent().into_iter().filter(|line| line.starts_with("released")).collect();
    assert_eq!(released, ["released token"]);
    assert_eq!(place.sent().last().map(String::as_str), Some("released token"));
}

#[test]
fn how_many_go_at_once_can_be_changed_while_a_batch_works() {
    let place = Place::new();
    let (_, runs) = queue(&place, "fake:gate", 4, Protocol::Stream);
    let runner = place.serve();
    place.waits(runs[1]);
    assert_eq!(place.run(runs[2]).status, Status::Queued);
    std::fs::write(place.dirs.state.join("concurrency"), "3").expect("written");
    place.waits(runs[2]);
    assert_eq!(place.run(runs[3]).status, Status::Queued);
    place.script.gate.add_permits(4);
    runner.join().expect("no panic").expect("served");
    let most: Vec<usize> = place.script.busy.lock().expect("whole").values().map(|(_, most)| *most).collect();
    assert_eq!(most, [3]);
}

#[test]
fn what_is_held_is_not_sent_and_no_runner_stays_for_it() {
    let place = Place::new();
    let (batch, runs) = queue(&place, "fake:gate", 4, Protocol::Stream);
    let runner = place.serve();
    place.waits(runs[1]);
    assert_eq!(place.store.hold_batch(batch, Hold::Asked).expect("held"), 2);
    place.script.gate.add_permits(2);
    runner.join().expect("no panic").expect("served");
    assert_eq!(sent(&place, "fake:gate"), runs[..2]);
    assert!(!place.sent().contains(&"released token".to_owned()), "they are still needed");
    assert!(!place.dirs.state.join("swept").exists());
    // One of them alone, then the rest.
    assert!(place.store.run_first(runs[3]).expect("moved"));
    place.script.gate.add_permits(2);
    place.serve().join().expect("no panic").expect("served");
    assert_eq!(sent(&place, "fake:gate"), [runs[0], runs[1], runs[3]]);
    place.store.resume_batch(batch).expect("resumed");
    place.serve().join().expect("no panic").expect("served");
    assert_eq!(sent(&place, "fake:gate"), [runs[0], runs[1], runs[3], runs[2]]);
    assert!(place.sent().contains(&"released token".to_owned()));
}

#[test]
fn no_run_of_a_batch_is_sent_twice_whenever_its_runner_is_killed() {
    for (protocol, lost) in [(Protocol::Stream, true), (Protocol::Cloud, false)] {
        let place = Place::new();
        let (batch, runs) = queue(&place, "fake:done", 30, protocol);
        for at in [0, 1, 4, 9, 10, 17, 25] {
            place.ensure();
            // It may be anywhere by now: about to be sent, sent, or at its end.
            place.wait(runs[at], |run| run.status != Status::Queued);
            if place.store.has_work().expect("asked") {
                // The runner may have ended by itself.
                let _ = rustix::process::kill_process(place.pid(), rustix::process::Signal::KILL);
            }
            place.gone();
        }
        place.ensure();
        for run in &runs {
            place.ends(*run);
        }
        place.gone();
        let sent = sent(&place, "fake:done");
        let once: BTreeSet<RunId> = sent.iter().copied().collect();
        assert_eq!(once.len(), sent.len(), "sent twice: {sent:?}");
        let kept = place.store.batch(batch).expect("read").expect("there");
        let count = |wanted| kept.count(|status| status == wanted);
        assert_eq!(count(Status::Done) + count(Status::Lost), 30);
        // A server that knows runs by name is asked for them; of any other it is not known whether they began.
        assert!(lost || count(Status::Lost) == 0, "{kept:?}");
        assert!(count(Status::Lost) <= 14, "{kept:?}");
    }
}

#[test]
fn a_batch_whose_credentials_are_gone_is_held_and_goes_on_with_new_ones() {
    let place = Place::new();
    let (batch, runs) = queue(&place, "fake:done", 2, Protocol::Stream);
    place.store.hand_over(batch, Some("gone")).expect("changed");
    place.serve().join().expect("no panic").expect("served");
    assert_eq!(sent(&place, "fake:done"), Vec::<RunId>::new());
    let held = place.store.batch(batch).expect("read").expect("there").held;
    assert_eq!(held, Some((Hold::Secrets, 2)));
    place.store.hand_over(batch, Some("token")).expect("changed");
    assert_eq!(place.store.resume_batch(batch).expect("resumed"), 2);
    place.serve().join().expect("no panic").expect("served");
    assert_eq!(sent(&place, "fake:done"), runs);
}
