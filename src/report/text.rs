//! Short forms of durations, ages, sizes and counts, and text cut to a width.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A duration as a clock shows it: `0:41`, `12:05`, `1:02:03`.
pub fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A duration, with tenths of a second below ten seconds: `1.4s`, `0:41`.
pub fn took(ms: i64) -> String {
    if ms < 10_000 { format!("{}.{}s", ms / 1_000, ms % 1_000 / 100) } else { duration(ms) }
}

/// An age in one unit: `now`, `5m`, `3h`, `2d`, `6w`, `1y`.
pub fn age(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    match minutes {
        0 => "now".to_owned(),
        1..60 => format!("{minutes}m"),
        60..1_440 => format!("{}h", minutes / 60),
        1_440..20_160 => format!("{}d", minutes / 1_440),
        20_160..525_600 => format!("{}w", minutes / 10_080),
        _ => format!("{}y", minutes / 525_600),
    }
}

/// How long ago, in a sentence: `just now`, `3d ago`.
pub fn ago(ms: i64) -> String {
    match age(ms).as_str() {
        "now" => "just now".to_owned(),
        age => format!("{age} ago"),
    }
}

/// Bytes in decimal units, as file managers show them: `512 B`, `1.4 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1_000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1_000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with thousands separators: `2,113`.
pub fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text cut to a width in columns, with `…` if something is cut off. Line breaks show as `⏎`.
pub fn cut(text: &str, width: usize) -> String {
    let fits = text.len() <= width.saturating_mul(4) && text.width() <= width && !text.contains('\n');
    if fits {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let grapheme = if grapheme == "\n" || grapheme == "\r\n" { "⏎" } else { grapheme };
        let columns = grapheme.width();
        if used + columns > width {
            // Removes graphemes until there is room for the `…`.
            while used + 1 > width {
                let Some((at, last)) = kept.grapheme_indices(true).next_back() else { break };
                used -= last.width();
                kept.truncate(at);
            }
            if width > 0 {
                kept.push('…');
            }
            return kept;
        }
        kept.push_str(grapheme);
        used += columns;
    }
    kept
}

/// The text cut at its beginning to a width in columns, with `…` if something is cut off: paths and names of one series
/// differ at their end.
pub fn cut_start(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut rest = text.graphemes(true);
    while !rest.as_str().is_empty() && rest.as_str().width() >= width {
        rest.next();
    }
    if width == 0 { String::new() } else { format!("…{}", rest.as_str()) }
}

/// A message without the numbers that the standard library adds to what the system reports: `No such file or directory`
/// and not `No such file or directory (os error 2)`.
pub fn without_error_numbers(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = " (os error ";
    let Some((before, rest)) = text.split_once(BEGIN) else { return text.into() };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match rest[digits..].strip_prefix(')') {
        Some(after) if digits > 0 => format!("{before}{}", without_error_numbers(after)).into(),
        _ => format!("{before}{BEGIN}{}", without_error_numbers(rest)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_reports_is_told_without_its_number() {
        let gone = std::io::Error::from_raw_os_error(2).to_string();
        assert!(gone.contains("(os error 2)"), "{gone}");
        for (text, told) in [
            (
                format!("a.json cannot be read: {gone}. Twice: {gone}"),
                "a.json cannot be read: No such file or directory. Twice: No such file or directory",
            ),
            ("a folder (os error) and (os error x)".to_owned(), "a folder (os error) and (os error x)"),
            ("a (os error 12".to_owned(), "a (os error 12"),
        ] {
            assert_eq!(without_error_numbers(&text), told);
        }
    }

    #[test]
    fn times_and_sizes_in_few_columns() {
        for (ms, clock, exact, old) in [
            (0, "0:00", "0.0s", "now"),
            (1_450, "0:01", "1.4s", "now"),
            (41_000, "0:41", "0:41", "now"),
            (725_000, "12:05", "12:05", "12m"),
            (3_723_000, "1:02:03", "1:02:03", "1h"),
            (180_000_000, "50:00:00", "50:00:00", "2d"),
        ] {
            assert_eq!((duration(ms), took(ms), age(ms)), (clock.into(), exact.into(), old.into()));
        }
        for (count, text) in [(999, "999 B"), (1_000, "1.0 kB"), (1_449_000, "1.4 MB"), (999_999, "1.0 MB")] {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(
            (thousands(999), thousands(1_000), thousands(12_345_678)),
            ("999".into(), "1,000".into(), "12,345,678".into())
        );
    }

    #[test]
    fn a_path_keeps_its_end() {
        for (text, width, expected) in [
            ("/home/ada/a.png", 15, "/home/ada/a.png"),
            ("/home/ada/a.png", 8, "…a/a.png"),
            ("猫と犬", 4, "…犬"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ] {
            assert_eq!(cut_start(text, width), expected, "{text}");
        }
    }

    #[test]
    fn text_is_cut_at_graphemes() {
        for (text, width, expected) in [
            ("flamingo", 8, "flamingo"),
            ("flamingo", 5, "flam…"),
            ("猫と犬", 5, "猫と…"),
            ("猫と犬", 4, "猫…"),
            ("a\nb", 5, "a⏎b"),
            ("👩‍🚀👩‍🚀👩‍🚀", 4, "👩‍🚀…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(text, width), expected, "{text}");
        }
    }
}
