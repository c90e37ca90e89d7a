//! What runs took and cost, added up; and how long a deployment stays warm.

use std::collections::BTreeMap;

use super::run::UnixMs;
use super::spend::{COLD_START_MS, cost};

/// A run that was sent, in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    pub queued_at: UnixMs,
    pub started_at: UnixMs,
    /// When the server was first heard.
    pub began_at: Option<UnixMs>,
    /// `None` for one that is at work.
    pub ended_at: Option<UnixMs>,
    /// When its request had been sent whole.
    pub sent_at: Option<UnixMs>,
    /// When its result began to come.
    pub result_at: Option<UnixMs>,
    pub is_done: bool,
    pub has_failed: bool,
    pub cost_per_second: Option<f64>,
}

/// What the runs of a day took and cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Today {
    pub runs: usize,
    /// Milliseconds from being sent to the end, of all of them.
    pub worked_ms: i64,
    /// As far as their profiles said what a second costs.
    pub cost: Option<f64>,
    /// When the day is over.
    pub until: UnixMs,
}

impl Work {
    /// Milliseconds from being sent until the server was heard.
    fn waited(&self) -> i64 {
        self.began_at.map_or(0, |began| (began - self.started_at).max(0))
    }

    /// Whether it met a cold start.
    pub fn is_cold(&self) -> bool {
        self.waited() >= COLD_START_MS
    }
}

/// Runs added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sum {
    pub runs: usize,
    pub done: usize,
    pub failed: usize,
    /// Milliseconds from being sent to the end, of all of them.
    pub worked_ms: i64,
    /// As far as their profiles said what a second costs.
    pub cost: Option<f64>,
    waited: Vec<i64>,
    cold: Vec<i64>,
    work: Vec<i64>,
    uploads: Vec<i64>,
    downloads: Vec<i64>,
}

impl Sum {
    pub fn add(&mut self, run: &Work, now: UnixMs) {
        let ms = (run.ended_at.unwrap_or(now) - run.started_at).max(0);
        self.runs += 1;
        self.done += usize::from(run.is_done);
        self.failed += usize::from(run.has_failed);
        self.worked_ms = self.worked_ms.saturating_add(ms);
        if let Some(rate) = run.cost_per_second {
            self.cost = Some(self.cost.unwrap_or_default() + cost(ms, rate));
        }
        self.uploads.extend(run.sent_at.map(|sent| (sent - run.started_at).max(0)));
        let download = run.result_at.zip(run.ended_at).filter(|_| run.is_done);
        self.downloads.extend(download.map(|(began, ended)| (ended - began).max(0)));
        self.waited.push((run.started_at - run.queued_at).max(0));
        if run.is_cold() {
            self.cold.push(run.waited());
        }
        if run.is_done {
            let cold = if run.is_cold() { run.waited() } else { 0 };
            self.work.push((ms - cold).max(0));
        }
    }

    /// Median milliseconds in the queue.
    pub fn queue_ms(&self) -> Option<i64> {
        median(&self.waited)
    }

    /// Median milliseconds of a run that is done, without a cold start.
    pub fn run_ms(&self) -> Option<i64> {
        median(&self.work)
    }

    /// Median milliseconds in which a request was sent.
    pub fn upload_ms(&self) -> Option<i64> {
        median(&self.uploads)
    }

    /// Median milliseconds in which the result of a run came that is done.
    pub fn download_ms(&self) -> Option<i64> {
        median(&self.downloads)
    }

    /// Cold starts, and their median milliseconds.
    pub fn cold_starts(&self) -> (usize, Option<i64>) {
        (self.cold.len(), median(&self.cold))
    }
}

fn median(times: &[i64]) -> Option<i64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// Runs added up by a name: a day, a preset, a workflow.
pub type Sums = BTreeMap<String, Sum>;

/// How long a deployment stays warm after its last run, as its runs told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Warmth {
    /// The longest pause after which a run met no cold start.
    pub stays_ms: i64,
    /// The shortest pause after which one did.
    pub cold_after_ms: Option<i64>,
    /// When its last run ended; `None` while one is at work.
    pub idle_since: Option<UnixMs>,
}

impl Warmth {
    /// What the runs of one deployment tell, in the order in which they were sent; `None` where no pause told anything, or no
    /// run ever met a cold start there.
    pub fn of(runs: &[Work]) -> Option<Self> {
        let mut found = Self::default();
        let mut last_end: Option<UnixMs> = None;
        let mut seen_cold = false;
        for run in runs {
            if let Some(end) = last_end {
                let pause = run.started_at - end;
                // Only a run that was sent to an idle deployment tells something.
                if pause > 0 && run.began_at.is_some() {
                    if run.is_cold() {
                        found.cold_after_ms =
                            Some(found.cold_after_ms.map_or(pause, |least| least.min(pause)));
                    } else {
                        found.stays_ms = found.stays_ms.max(pause);
                    }
                }
            }
            seen_cold |= run.is_cold();
            last_end = match (last_end, run.ended_at) {
                (_, None) => Some(UnixMs::MAX),
                (Some(last), Some(end)) => Some(last.max(end)),
                (None, Some(end)) => Some(end),
            };
        }
        found.idle_since = last_end.filter(|end| *end != UnixMs::MAX);
        // A cold start after a shorter pause than one without: the shorter one is what can be counted on.
        if let Some(cold) = found.cold_after_ms {
            found.stays_ms = found.stays_ms.min(cold);
        }
        (seen_cold && found.stays_ms > 0).then_some(found)
    }

    /// Until when it is warm, as far as was learned; `None` while a run is at work.
    pub fn until(&self) -> Option<UnixMs> {
        Some(self.idle_since?.saturating_add(self.stays_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sent at a second, heard after so many, ended after so many.
    fn work(at: i64, wait: i64, all: i64) -> Work {
        Work {
            queued_at: at * 1_000 - 500,
            started_at: at * 1_000,
            began_at: Some((at + wait) * 1_000),
            ended_at: Some((at + all) * 1_000),
            is_done: true,
            cost_per_second: Some(0.1),
            ..Work::default()
        }
    }

    #[test]
    fn a_sum_has_medians_with_cold_starts_apart() {
        let mut sum = Sum::default();
        for run in [work(0, 60, 72), work(100, 1, 11), work(200, 1, 13)] {
            sum.add(&run, 0);
        }
        let failed = Work { is_done: false, has_failed: true, cost_per_second: None, ..work(300, 0, 2) };
        sum.add(&failed, 0);
        assert_eq!((sum.runs, sum.done, sum.failed), (4, 3, 1));
        assert_eq!((sum.worked_ms, sum.run_ms(), sum.queue_ms()), (98_000, Some(12_000), Some(500)));
        assert_eq!(sum.cold_starts(), (1, Some(60_000)));
        assert_eq!((sum.upload_ms(), sum.download_ms()), (None, None), "nobody noted them");
        for (sent, result) in [(2, 8), (1, 7), (9, 6)] {
            let of = |at: i64| Some(at * 1_000);
            sum.add(&Work { sent_at: of(400 + sent), result_at: of(400 + result), ..work(400, 3, 10) }, 0);
        }
        assert_eq!((sum.upload_ms(), sum.download_ms()), (Some(2_000), Some(3_000)));
        let mut sum = Sum::default();
        for run in [work(0, 60, 72), work(100, 1, 11), work(200, 1, 13), failed.clone()] {
            sum.add(&run, 0);
        }
        assert!((sum.cost.unwrap_or_default() - 9.6).abs() < 1e-9);
        assert_eq!(Sum::default().run_ms(), None);
    }

    #[test]
    fn pauses_tell_how_long_a_deployment_stays_warm() {
        // Cold, warm after 100 s, cold after 600 s, warm after 200 s.
        let runs = [work(0, 60, 70), work(170, 1, 10), work(780, 60, 70), work(1_050, 1, 10)];
        let warmth = Warmth::of(&runs).expect("learned");
        assert_eq!((warmth.stays_ms, warmth.cold_after_ms), (200_000, Some(600_000)));
        assert_eq!(warmth.until(), Some((1_060 + 200) * 1_000));
        // At work, so warm now.
        let at_work = Work { ended_at: None, ..work(1_100, 1, 0) };
        let all: Vec<Work> = runs.iter().cloned().chain([at_work]).collect();
        assert_eq!(Warmth::of(&all).and_then(|warmth| warmth.until()), None);
        // Always warm: no deployment that goes cold. One run: nothing is known.
        assert_eq!(Warmth::of(&[work(0, 1, 10), work(100, 1, 10)]), None);
        assert_eq!(Warmth::of(&runs[..1]), None);
        // Two at once tell nothing of pauses.
        assert_eq!(Warmth::of(&[work(0, 60, 100), work(10, 1, 20)]), None);
    }
}
