//! Times as people say them: `yesterday`, `monday`, `3d`, `2026-11`.

use std::str::FromStr;

use jiff::civil::{Date, Weekday};
use jiff::{ToSpan, Zoned};

use crate::domain::run::UnixMs;
/// A time as people say it; which one it is depends on the clock and the time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So many milliseconds ago.
    Ago(i64),
    /// So many days before today.
    DaysBack(i64),
    /// The last day of this name, or today.
    Weekday(Weekday),
    Day(Date),
}

impl When {
    /// The beginning of it, in the time zone of `now`.
    pub fn start(self, now: &Zoned) -> UnixMs {
        self.day(now).map_or_else(
            || now.timestamp().as_millisecond().saturating_sub(self.ago()),
            |day| begins(day, now),
        )
    }

    /// The end of the day that it falls on.
    pub fn end_of_day(self, now: &Zoned) -> UnixMs {
        let day = self.day(now).unwrap_or_else(|| {
            now.checked_sub(self.ago().milliseconds()).map_or_else(|_| now.date(), |then| then.date())
        });
        day.tomorrow().map_or(UnixMs::MAX, |next| begins(next, now))
    }

    fn ago(self) -> i64 {
        match self {
            Self::Ago(ms) => ms,
            Self::DaysBack(_) | Self::Weekday(_) | Self::Day(_) => 0,
        }
    }

    fn day(self, now: &Zoned) -> Option<Date> {
        let today = now.date();
        match self {
            Self::Ago(_) => None,
            Self::DaysBack(days) => Some(today.checked_sub(days.days()).unwrap_or(today)),
            Self::Weekday(day) => {
                let back = i64::from(day.until(today.weekday()));
                Some(today.checked_sub(back.days()).unwrap_or(today))
            }
            Self::Day(day) => Some(day),
        }
    }
}

fn begins(day: Date, now: &Zoned) -> UnixMs {
    day.to_zoned(now.time_zone().clone()).map_or(UnixMs::MAX, |start| start.timestamp().as_millisecond())
}

pub(super) const DAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

pub(super) fn when(text: &str) -> Result<When, String> {
    let lower = text.to_lowercase();
    match lower.as_str() {
        "today" => return Ok(When::DaysBack(0)),
        "yesterday" => return Ok(When::DaysBack(1)),
        _ => {}
    }
    if let Some((_, day)) = DAYS.iter().find(|(name, _)| lower.len() >= 3 && name.starts_with(&lower)) {
        return Ok(When::Weekday(*day));
    }
    if let Some(ms) = ago(&lower) {
        return Ok(When::Ago(ms));
    }
    let day = match lower.len() {
        4 if lower.bytes().all(|b| b.is_ascii_digit()) => format!("{lower}-01-01"),
        7 => format!("{lower}-01"),
        _ => lower,
    };
    let example = "today, yesterday, monday, 3d, 12h or 2026-11-01";
    Date::from_str(&day).map(When::Day).map_err(|_| format!("`{text}` is not a time: {example}"))
}

/// Reads a duration such as `90m`, `12h`, `30d` or `8w`, in milliseconds.
pub fn ago(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        'w' => 7 * 24 * 60,
        _ => return None,
    };
    let number: i64 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(minutes * 60_000).filter(|ms| *ms >= 0)
}
