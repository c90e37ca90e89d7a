use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::run::UnixMs;

/// A time in a zone in `strftime` format; empty for a time outside the calendar, as [`utc`] says.
pub fn at(at: UnixMs, zone: &TimeZone, format: &str) -> String {
    Timestamp::from_millisecond(at)
        .map(|time| time.to_zoned(zone.clone()).strftime(format).to_string())
        .unwrap_or_default()
}

/// A time in UTC in `strftime` format; empty for a time outside the calendar, which only occurs in a damaged history.
pub fn utc(at: UnixMs, format: &str) -> String {
    self::at(at, &TimeZone::UTC, format)
}
