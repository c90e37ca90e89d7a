use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::run::UnixMs;

/// A time in UTC in `strftime` format; empty for a time outside the calendar, which only occurs in a damaged history.
pub fn utc(at: UnixMs, format: &str) -> String {
    Timestamp::from_millisecond(at)
        .map(|time| time.to_zoned(TimeZone::UTC).strftime(format).to_string())
        .unwrap_or_default()
}
