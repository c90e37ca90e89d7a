//! Times as people and other programs write them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::run::UnixMs;

/// A time in UTC, by a format of `strftime`; empty for one beyond the calendar, which only a damaged history holds.
pub fn utc(at: UnixMs, format: &str) -> String {
    Timestamp::from_millisecond(at)
        .map(|time| time.to_zoned(TimeZone::UTC).strftime(format).to_string())
        .unwrap_or_default()
}
