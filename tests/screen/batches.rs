//! Batches on the real screen: explored, kept, and killed in the middle.

use std::collections::BTreeSet;

use comfydeck::domain::{RunId, Status};
use comfydeck::store::{RunQuery, Store};
use rustix::process::{Signal, kill_process};

use crate::{World, runner_pid};

/// Every run of the history that was sent.
fn sent(world: &World) -> BTreeSet<RunId> {
    let store = Store::open(&world.dirs()).expect("the history");
    let all = store.summaries(&RunQuery { limit: 1_000, ..RunQuery::default() }).expect("a list");
    all.iter().filter(|run| run.started_at.is_some()).map(|run| run.id).collect()
}

/// Each run was sent once at the most. One that is marked as sent may have been ended before its request left.
fn once_each(seeds: &[String], sent: &BTreeSet<RunId>) {
    let different: BTreeSet<&String> = seeds.iter().collect();
    assert_eq!(different.len(), seeds.len(), "a seed was sent twice: {seeds:?}");
    assert!(seeds.len() <= sent.len(), "{seeds:?} {sent:?}");
}

#[test]
fn sixteen_variations_one_kept_and_on_from_it_in_under_ten_keys() {
    let mut world = World::slow();
    let mut screen = world.flamingo();
    screen.send(b"E");
    screen.wait_for("Explore");
    screen.send(b"1");
    screen.send(b"6");
    screen.wait_for("16 runs: seed (16)");
    screen.send(b"\r");
    screen.wait_for("Run 16 runs: seed (16)?");
    assert_eq!(world.requests(), 0, "asked before the first is sent");
    screen.send(b"y");
    screen.wait_for("batch 1");
    screen.wait_for("1 of 16 done");
    // The first one is selected.
    screen.send(b"K");
    screen.wait_for("of batch 1 not sent");
    screen.wait_for("Parameters");
    let kept = world.run(16).expect("the first of the batch");
    assert_eq!(kept.status, Status::Done);
    screen.send(b"\x12");
    screen.wait_for("Nothing differs from run 16");
    screen.send(b"s");
    screen.wait_for("17 ");
    let on = world.wait_for_end(17);
    assert_eq!(on.status, Status::Done);
    assert_eq!(on.request.prompt, kept.request.prompt);
    assert_ne!(on.request.first_seed(), kept.request.first_seed());
    // Each run was sent once, and most of the batch never.
    let sent = sent(&world);
    once_each(&world.submitted(), &sent);
    assert!(sent.len() < 8, "{sent:?}");
    screen.send(b"q");
    assert!(screen.wait_exit().success());
}

#[test]
fn a_batch_goes_on_after_screen_and_runner_were_killed_and_nothing_is_sent_twice() {
    let mut world = World::slow();
    let mut screen = world.flamingo();
    screen.send(b"E5\r");
    screen.wait_for("Run 5 runs");
    screen.send(b"y");
    screen.wait_for("1 of 5 done");
    let runner = runner_pid(screen.process());
    kill_process(screen.process(), Signal::KILL).expect("killed");
    kill_process(runner, Signal::KILL).expect("killed");
    screen.wait_exit();
    let mut again = world.flamingo();
    again.wait_for("batch 1");
    for run in 1..=5 {
        let run = world.wait_for_end(run);
        assert!(matches!(run.status, Status::Done | Status::Lost), "{run:?}");
    }
    once_each(&world.submitted(), &sent(&world));
    let done = (1..=5).filter(|run| world.run(*run).is_some_and(|run| run.status == Status::Done)).count();
    assert!(done >= 4, "only the one that was in flight may be lost");
    again.send(b"B");
    again.wait_for("of 5 done");
    again.send(b"q");
    assert!(again.wait_exit().success());
}
