//! Progress lines as tqdm prints them: `label:  45%|████▌     | 9/20 [00:05<00:06,  1.70it/s]`.

use crate::domain::run::Progress;

use super::ansi;

/// Longest label that is kept, in characters.
const LABEL_CHARS: usize = 60;

/// Reads a progress line; `None` when the text is none or has no known end.
///
/// The label is what stands before the percentage. Counts may be scaled (`1.5M/3.0G`).
pub fn parse(text: &str) -> Option<Progress> {
    // The cheap test first: nearly every line of a log is no progress line.
    let percent = text.find("%|")?;
    let plain;
    let (text, percent) = if text.contains('\u{1b}') {
        plain = ansi::scrub_plain(text);
        (plain.as_str(), plain.find("%|")?)
    } else {
        (text, percent)
    };
    let before = &text[..percent];
    let digits = before.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    before[digits..].parse::<u8>().ok()?;
    let after_bar = text[percent + 2..].split_once('|')?.1.trim_start();
    let (counts, times) = after_bar.split_once('[')?;
    let (value, max) = counts.trim().split_once('/')?;
    let (value, max) = (count(value)?, count(max)?);
    if max == 0 {
        return None;
    }
    let left = times.split_once('<').and_then(|(_, left)| seconds(left.split([',', ']']).next()?));
    let label = before[..digits].trim().trim_end_matches(':').trim();
    let label = ansi::scrub_plain(label).chars().take(LABEL_CHARS).collect();
    Some(Progress { value: value.min(max), max, seconds_left: left, label })
}

/// `20`, `1.50k`, `3.0GB`.
fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = match unit.chars().next() {
        Some('k' | 'K') => 1e3,
        Some('M') => 1e6,
        Some('G') => 1e9,
        Some('T') => 1e12,
        _ => return number.parse().ok(),
    };
    let scaled = number.parse::<f64>().ok()? * scale;
    // Scaled counts are rounded by whoever wrote them, and far from what a float cannot hold.
    (scaled.is_finite() && scaled < 1e18).then_some(scaled as u64)
}

/// `06`, `00:06`, `1:02:03`.
fn seconds(text: &str) -> Option<u64> {
    text.trim()
        .split(':')
        .try_fold(0_u64, |sum, part| sum.checked_mul(60)?.checked_add(part.parse::<u64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(value: u64, max: u64, seconds_left: Option<u64>, label: &str) -> Option<Progress> {
        Some(Progress { value, max, seconds_left, label: label.to_owned() })
    }

    #[test]
    fn reads_what_tqdm_prints() {
        let table = [
            (" 45%|████▌     | 9/20 [00:05<00:06,  1.70it/s]", progress(9, 20, Some(6), "")),
            ("\r 45%|####5     | 9/20 [00:05<00:06,  1.70it/s]", progress(9, 20, Some(6), "")),
            ("  0%|          | 0/20 [00:00<?, ?it/s]", progress(0, 20, None, "")),
            ("Loading: 100%|██████| 7/7 [1:00:00<00:00, 2s/it]", progress(7, 7, Some(0), "Loading")),
            ("x:  3%|▎   | 1/30 [00:10<1:02:03, 9s/it]", progress(1, 30, Some(3723), "x")),
            ("m: 50%|█ | 1.50G/3.00GB [00:10<00:10]", progress(1_500_000_000, 3_000_000_000, Some(10), "m")),
            ("\u{1b}[32m 50%|█ | 1/2 [00:01<00:01]\u{1b}[0m", progress(1, 2, Some(1), "")),
            ("100%|██| 21/20 [00:01<00:00]", progress(20, 20, Some(0), "")),
            ("9it [00:05, 1.70it/s]", None),
            ("loaded completely 9.5 GB", None),
            ("50%| not a bar", None),
            (" 0%| | 0/0 [00:00<?]", None),
            ("%|%|%|", None),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(parse(line), expected, "{line:?}");
        }
    }
}
