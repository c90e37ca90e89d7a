//! How long runs take and what they cost, before they are sent and while they work.

use std::collections::BTreeMap;

use super::run::UnixMs;

/// A run that waits for longer than this before its server begins has met a cold start, in milliseconds.
pub const COLD_START_MS: i64 = 10_000;

/// What a time costs at a price a second.
pub fn cost(ms: i64, per_second: f64) -> f64 {
    ms.max(0) as f64 / 1_000.0 * per_second
}

/// When one of a workflow's last runs started, began to work and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    pub started_at: UnixMs,
    /// Runs of earlier versions do not have it.
    pub began_at: Option<UnixMs>,
    pub ended_at: UnixMs,
}

/// How long a workflow's runs usually take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usual {
    /// From the start to the end without a cold start, in milliseconds.
    pub run_ms: i64,
    /// How long a cold start takes, in milliseconds; `None` when none was seen.
    pub cold_start_ms: Option<i64>,
}

impl Usual {
    /// The medians of some runs; `None` without a run.
    pub fn of(runs: &[Took]) -> Option<Self> {
        // A clock that was set back makes a run end before it began.
        let wait = |run: &Took| run.began_at.map_or(0, |began| (began - run.started_at).max(0));
        let is_cold = |run: &&Took| wait(run) >= COLD_START_MS;
        let work = |run: &Took| {
            let cold_start = if is_cold(&run) { wait(run) } else { 0 };
            (run.ended_at - run.started_at - cold_start).max(0)
        };
        let run_ms = median(runs.iter().map(work).collect())?;
        Some(Self { run_ms, cold_start_ms: median(runs.iter().filter(is_cold).map(wait).collect()) })
    }
}

fn median(mut times: Vec<i64>) -> Option<i64> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// What several runs of a workflow will take and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Forecast {
    pub runs: usize,
    /// From the first start to the last end without a cold start, in milliseconds; `None` when no run of the workflow has
    /// ended yet.
    pub ms: Option<i64>,
    /// What the runs cost without a cold start; `None` when time or price are not known.
    pub cost: Option<f64>,
    /// Milliseconds that a cold start adds, where one was seen, and what these cost.
    pub cold_start: Option<(i64, Option<f64>)>,
}

impl Forecast {
    /// `at_once`: how many go at the same time; at least 1.
    pub fn new(runs: usize, usual: Option<Usual>, at_once: u32, per_second: Option<f64>) -> Self {
        let count = i64::try_from(runs).unwrap_or(i64::MAX);
        let rounds = count.div_euclid(i64::from(at_once.max(1)))
            + i64::from(count.rem_euclid(i64::from(at_once.max(1))) > 0);
        let price = |ms: i64| per_second.map(|rate| cost(ms, rate));
        Self {
            runs,
            ms: usual.map(|usual| usual.run_ms.saturating_mul(rounds)),
            cost: usual.and_then(|usual| price(usual.run_ms.saturating_mul(count))),
            cold_start: usual.and_then(|usual| usual.cold_start_ms).map(|ms| (ms, price(ms))),
        }
    }
}

/// Runs of one profile and workflow that have not ended; held ones do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    pub queued: usize,
    pub in_flight: usize,
    /// Times at which those in flight were sent, added up.
    pub started_sum: i64,
}

/// How long the whole queue takes from now, in milliseconds: profiles work beside each other, each so many runs at once.
/// `None` where nothing waits or works, or a workflow has not been done yet.
pub fn queue_left<'a>(
    loads: impl Iterator<Item = (&'a str, &'a str, Load)>,
    usual: impl Fn(&str) -> Option<Usual>,
    at_once: impl Fn(&str) -> u32,
    now: UnixMs,
) -> Option<i64> {
    let mut by_profile: BTreeMap<&str, i64> = BTreeMap::new();
    for (profile, workflow, load) in loads {
        let run_ms = usual(workflow)?.run_ms;
        let count = |runs: usize| i64::try_from(runs).unwrap_or(i64::MAX);
        let gone = now.saturating_mul(count(load.in_flight)).saturating_sub(load.started_sum);
        let in_flight = run_ms.saturating_mul(count(load.in_flight)).saturating_sub(gone).max(0);
        let all = run_ms.saturating_mul(count(load.queued)).saturating_add(in_flight);
        let left = by_profile.entry(profile).or_default();
        *left = left.saturating_add(all);
    }
    by_profile.into_iter().map(|(profile, ms)| ms / i64::from(at_once(profile).max(1))).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(wait: Option<i64>, all: i64) -> Took {
        Took { started_at: 1_000, began_at: wait.map(|wait| 1_000 + wait), ended_at: 1_000 + all }
    }

    #[test]
    fn a_cold_start_is_told_apart_from_the_work() {
        let runs = [
            took(Some(60_000), 72_000),
            took(Some(1_000), 12_000),
            took(Some(900), 10_000),
            took(None, 11_000),
            took(Some(90_000), 103_000),
        ];
        let usual = Usual::of(&runs);
        assert_eq!(usual, Some(Usual { run_ms: 12_000, cold_start_ms: Some(90_000) }));
        assert_eq!(Usual::of(&[]), None);
        assert_eq!(Usual::of(&[took(None, -5)]), Some(Usual { run_ms: 0, cold_start_ms: None }));
    }

    #[test]
    fn the_whole_queue_takes_as_long_as_its_slowest_profile() {
        let usual = |workflow: &str| {
            let run_ms = match workflow {
                "quick" => 10_000,
                "slow" => 60_000,
                _ => return None,
            };
            Some(Usual { run_ms, cold_start_ms: None })
        };
        let at_once = |profile: &str| if profile == "two" { 2 } else { 1 };
        let load = |queued, in_flight, started_sum| Load { queued, in_flight, started_sum };
        let left = |loads: &[(&'static str, &'static str, Load)]| {
            queue_left(loads.iter().copied(), usual, at_once, 100_000)
        };
        assert_eq!(left(&[("one", "quick", load(3, 1, 96_000))]), Some(36_000));
        assert_eq!(left(&[("two", "quick", load(4, 0, 0)), ("two", "slow", load(1, 0, 0))]), Some(50_000));
        assert_eq!(left(&[("one", "quick", load(1, 0, 0)), ("two", "slow", load(1, 0, 0))]), Some(30_000));
        // Longer at work than usual: nothing more is known than that it is not over.
        assert_eq!(left(&[("one", "quick", load(0, 1, 50_000))]), Some(0));
        assert_eq!(left(&[("one", "unknown", load(1, 0, 0))]), None);
        assert_eq!(left(&[]), None);
    }

    #[test]
    fn a_forecast_goes_by_how_many_go_at_once_and_costs_by_all() {
        let usual = Some(Usual { run_ms: 10_000, cold_start_ms: Some(60_000) });
        let forecast = Forecast::new(5, usual, 2, Some(0.01));
        assert_eq!((forecast.ms, forecast.cost), (Some(30_000), Some(0.5)));
        assert_eq!(forecast.cold_start, Some((60_000, Some(0.6))));
        let blind = Forecast::new(5, None, 2, Some(0.01));
        assert_eq!((blind.ms, blind.cost, blind.cold_start), (None, None, None));
        assert_eq!(Forecast::new(5, usual, 1, None).cost, None);
    }
}
