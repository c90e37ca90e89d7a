//! Whether a run that is about to go would cost more than it may.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::batch::Hold;
use crate::domain::run::UnixMs;
use crate::domain::spend::cost;
use crate::domain::{Run, RunSummary};
use crate::store::{Store, StoreError};

/// Sums of costs differ by less than this for the way that they are reckoned.
const ROUNDING: f64 = 1e-9;

/// The ceiling that a run would break: with what has been paid, what is in flight will have cost at its end, as far as that
/// is known, and the run itself. A run that costs nothing breaks none.
pub(super) fn reached(
    store: &Store,
    run: &Run,
    most_a_day: Option<f64>,
    now: UnixMs,
) -> Result<Option<Hold>, StoreError> {
    let Some(rate) = run.request.cost_per_second.filter(|_| run.request.adopt.is_none()) else {
        return Ok(None);
    };
    let place = run.request.batch;
    let batch = place.map(|place| store.batch(place.batch)).transpose()?.flatten();
    let most_of_batch = batch.as_ref().and_then(|batch| batch.most_cost);
    if most_of_batch.is_none() && most_a_day.is_none() {
        return Ok(None);
    }
    let usual_ms = |hash: &str| Ok::<_, StoreError>(store.usual(hash)?.map_or(0, |usual| usual.run_ms));
    let own = cost(usual_ms(&run.request.workflow_hash)?, rate);
    let (mut of_batch, mut of_all) = (0.0, 0.0);
    for other in store.runs_in_flight()? {
        let to_come = (usual_ms(&other.workflow_hash)? - gone(&other, now)).max(0);
        let to_come = other.cost_per_second.map_or(0.0, |rate| cost(to_come, rate));
        of_all += to_come;
        if other.batch.map(|at| at.batch) == place.map(|at| at.batch) {
            of_batch += to_come;
        }
    }
    let is_over = |most: Option<f64>, sum: f64| most.is_some_and(|most| sum > most + ROUNDING);
    if is_over(most_of_batch, batch.map_or(0.0, |batch| batch.cost(now)) + of_batch + own) {
        return Ok(Some(Hold::BatchCost));
    }
    let is_over_day =
        most_a_day.is_some() && is_over(most_a_day, store.spent_since(midnight(now), now)? + of_all + own);
    Ok(is_over_day.then_some(Hold::DayCost))
}

/// How long a run in flight has been there.
fn gone(run: &RunSummary, now: UnixMs) -> i64 {
    run.started_at.map_or(0, |started| now - started)
}

/// When the day began, by the clock on the wall.
pub(super) fn midnight(now: UnixMs) -> UnixMs {
    let time = Timestamp::from_millisecond(now).unwrap_or_default().to_zoned(TimeZone::system());
    time.start_of_day().map_or(now, |start| start.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Dirs;
    use crate::domain::batch::{BatchId, Outline};
    use crate::domain::run::End;
    use crate::domain::{RunEvent, RunId, RunRequest, Status};
    use crate::store::NewBatch;

    /// Ten minutes after a midnight, so that what is started is of one day.
    fn noon() -> UnixMs {
        midnight(1_800_000_000_000) + 600_000
    }

    fn place() -> (tempfile::TempDir, Store) {
        let home = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(home.path())).expect("a store");
        (home, store)
    }

    /// A batch of four runs at 0.1 a second; the first has taken ten seconds.
    fn begun(store: &Store, most_cost: Option<f64>) -> (BatchId, Vec<RunId>) {
        let new = NewBatch { runs: 4, outline: Outline::default(), most_cost };
        let request =
            |_| Ok::<_, StoreError>(RunRequest { cost_per_second: Some(0.1), ..RunRequest::default() });
        let batch = store.queue_batch(&new, noon(), request).expect("queued");
        let ids = store.next_turns("", 9).expect("turns");
        store.take(ids[0], noon(), None).expect("taken");
        let end = End { status: Status::Done, error: None, server_seconds: None };
        store.append(ids[0], noon() + 10_000, &[RunEvent::Ended(end)]).expect("ended");
        (batch, ids)
    }

    fn asked(store: &Store, id: RunId, most_a_day: Option<f64>, at: UnixMs) -> Option<Hold> {
        let run = store.run(id).expect("read").expect("there");
        reached(store, &run, most_a_day, at).expect("asked")
    }

    #[test]
    fn a_batch_stops_before_the_run_that_would_break_its_ceiling() {
        let (_home, store) = place();
        let (_, ids) = begun(&store, Some(3.0));
        let at = noon() + 10_000;
        assert_eq!(asked(&store, ids[1], None, at), None);
        store.take(ids[1], at, None).expect("taken");
        // Paid 1, in flight 1 by the end: the third fits, and with it in flight no other does.
        assert_eq!(asked(&store, ids[2], None, at + 1), None);
        store.take(ids[2], at, None).expect("taken");
        assert_eq!(asked(&store, ids[3], None, at + 1), Some(Hold::BatchCost));
    }

    #[test]
    fn a_day_has_its_ceiling_and_the_next_one_a_new_one() {
        let (_home, store) = place();
        let (_, ids) = begun(&store, None);
        let at = noon() + 10_000;
        assert_eq!(asked(&store, ids[1], Some(2.0), at), None);
        assert_eq!(asked(&store, ids[1], Some(1.9), at), Some(Hold::DayCost));
        assert_eq!(asked(&store, ids[1], Some(1.9), at + 26 * 3_600_000), None);
        let free = store.queue(&RunRequest::default(), at).expect("queued");
        assert_eq!(asked(&store, free, Some(0.0), at), None, "what costs nothing breaks no ceiling");
    }
}
