//! What runs took and cost, over many of them.

use jiff::tz::TimeZone;
use rusqlite::{Row, params};

use super::{Store, StoreError};
use crate::domain::Status;
use crate::domain::run::UnixMs;
use crate::domain::stats::{Sum, Sums, Today, Warmth, Work};

/// Runs of a deployment that tell how long it stays warm.
const LEARNED_FROM: i64 = 200;

const SENT: &str = "SELECT queued_at, started_at, began_at, ended_at, status, cost_per_second,
    sent_at, result_at, coalesce(preset, ''), workflow_name, profile, batch
    FROM runs INDEXED BY runs_started WHERE started_at IS NOT NULL AND started_at >= ?1 ORDER BY started_at";

const OF_ENDPOINT: &str = "SELECT queued_at, started_at, began_at, ended_at, status, cost_per_second, sent_at, result_at
    FROM runs INDEXED BY runs_sent WHERE started_at IS NOT NULL AND endpoint = ?1 ORDER BY started_at DESC LIMIT ?2";

const OF_TODAY: &str = "SELECT count(*), coalesce(sum(max(0, ended_at - started_at)), 0),
    sum(max(0, ended_at - started_at) * cost_per_second) / 1000.0
    FROM runs INDEXED BY runs_started WHERE started_at IS NOT NULL AND started_at >= ?1 AND ended_at IS NOT NULL";

/// What runs are added up by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    #[default]
    Day,
    Preset,
    Workflow,
    Profile,
    Batch,
}

impl By {
    pub const ALL: [Self; 5] = [Self::Day, Self::Preset, Self::Workflow, Self::Profile, Self::Batch];

    pub fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Preset => "preset",
            Self::Workflow => "workflow",
            Self::Profile => "profile",
            Self::Batch => "batch",
        }
    }
}

impl Store {
    /// Runs that were sent since a time, added up by something, and all of them. Takes time proportional to these runs.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn stats(&self, since: UnixMs, by: By, now: UnixMs) -> Result<(Sums, Sum), StoreError> {
        let zone = TimeZone::system();
        let (mut sums, mut all) = (Sums::new(), Sum::default());
        let mut statement = self.connection.prepare_cached(SENT)?;
        let mut rows = statement.query([since])?;
        while let Some(row) = rows.next()? {
            let run = work(row)?;
            let name = match by {
                By::Day => day(run.started_at, &zone),
                By::Preset => row.get(8)?,
                By::Workflow => row.get(9)?,
                By::Profile => row.get(10)?,
                By::Batch => {
                    row.get::<_, Option<i64>>(11)?.map_or_else(String::new, |batch| format!("batch {batch}"))
                }
            };
            sums.entry(name).or_default().add(&run, now);
            all.add(&run, now);
        }
        Ok((sums, all))
    }

    /// What the runs took and cost that were sent since midnight and have ended.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn today(&self, now: UnixMs) -> Result<Today, StoreError> {
        let (since, until) = day_of(now, &TimeZone::system()).unwrap_or((now, now));
        let mut statement = self.connection.prepare_cached(OF_TODAY)?;
        let today = statement.query_row([since], |row| {
            let runs = usize::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
            Ok(Today { runs, worked_ms: row.get(1)?, cost: row.get(2)?, until })
        });
        Ok(today?)
    }

    /// How long a deployment stays warm, as its last runs told.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn warmth(&self, endpoint: &str) -> Result<Option<Warmth>, StoreError> {
        let mut statement = self.connection.prepare_cached(OF_ENDPOINT)?;
        let mut rows = statement.query(params![endpoint, LEARNED_FROM])?;
        let mut runs = Vec::new();
        while let Some(row) = rows.next()? {
            runs.push(work(row)?);
        }
        runs.reverse();
        Ok(Warmth::of(&runs))
    }
}

fn work(row: &Row<'_>) -> Result<Work, StoreError> {
    let status: String = row.get(4)?;
    Ok(Work {
        queued_at: row.get(0)?,
        started_at: row.get(1)?,
        began_at: row.get(2)?,
        ended_at: row.get(3)?,
        is_done: status == Status::Done.word(),
        has_failed: status == Status::Failed.word() || status == Status::Lost.word(),
        cost_per_second: row.get(5)?,
        sent_at: row.get(6)?,
        result_at: row.get(7)?,
    })
}

/// When the day of a time began, and when it ends.
fn day_of(at: UnixMs, zone: &TimeZone) -> Option<(UnixMs, UnixMs)> {
    let day = jiff::Timestamp::from_millisecond(at).ok()?.to_zoned(zone.clone()).start_of_day().ok()?;
    let next = day.tomorrow().ok()?.start_of_day().ok()?;
    Some((day.timestamp().as_millisecond(), next.timestamp().as_millisecond()))
}

/// The day of a time in a time zone: `2026-11-27`.
fn day(at: UnixMs, zone: &TimeZone) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map(|time| time.to_zoned(zone.clone()).strftime("%F").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Dirs;
    use crate::domain::run::End;
    use crate::domain::{RunEvent, RunRequest};
    use crate::store::list::tests::assert_does_not_walk;

    #[test]
    fn runs_are_added_up_by_what_is_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let run = |preset: &str, at: i64, cold: i64, all: i64, status| {
            let request = RunRequest {
                url: "https://a.example".to_owned(),
                preset: Some(preset.to_owned()),
                cost_per_second: Some(0.5),
                ..RunRequest::default()
            };
            let id = store.queue(&request, at).expect("queued");
            store.append(id, at, &[RunEvent::Phase { status: Status::Waiting }]).expect("sent");
            store.append(id, at + cold, &[RunEvent::Phase { status: Status::Running }]).expect("heard");
            let end = End { status, error: None, server_seconds: None };
            store.append(id, at + all, &[RunEvent::Ended(end)]).expect("ended");
        };
        let hour = 3_600_000;
        run("cat", 48 * hour, 60_000, 70_000, Status::Done);
        run("cat", 48 * hour + 170_000, 1_000, 11_000, Status::Done);
        run("dog", 100 * hour, 60_000, 62_000, Status::Failed);
        let (sums, all) = store.stats(0, By::Preset, 0).expect("read");
        let told: Vec<_> = sums.iter().map(|(name, sum)| (name.as_str(), sum.runs, sum.failed)).collect();
        assert_eq!(told, [("cat", 2, 0), ("dog", 1, 1)]);
        assert_eq!((all.runs, all.worked_ms, all.cost), (3, 143_000, Some(71.5)));
        assert_eq!(store.stats(50 * hour, By::Day, 0).expect("read").1.runs, 1);
        assert_eq!(store.stats(0, By::Day, 0).expect("read").0.len(), 2);
        // Of the day of the last one.
        let today = store.today(100 * hour + 70_000).expect("read");
        assert_eq!((today.runs, today.worked_ms, today.cost), (1, 62_000, Some(31.0)));
        assert!(today.until > 100 * hour && today.until <= 125 * hour, "{today:?}");
        assert_eq!(store.today(200 * hour).expect("read").runs, 0);
        let warmth = store.warmth("https://a.example").expect("read").expect("learned");
        assert_eq!(warmth.stays_ms, 100_000);
        assert_eq!(store.warmth("https://b.example").expect("read"), None);
        for sql in [SENT, OF_ENDPOINT, OF_TODAY] {
            assert_does_not_walk(&store, sql);
        }
    }
}
