//! Times as people and other programs write them.

use super::run::UnixMs;

/// Year, month, day, hour, minute and second of a time, in UTC.
pub fn utc_parts(at: UnixMs) -> [i64; 6] {
    let (days, seconds) = (at.div_euclid(86_400_000), at.div_euclid(1_000).rem_euclid(86_400));
    // Days to a date in the proleptic Gregorian calendar, years that begin in March.
    let era_days = days + 719_468;
    let (era, day) = (era_days.div_euclid(146_097), era_days.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    [year, month, day_of_month, seconds / 3_600, seconds / 60 % 60, seconds % 60]
}
