//! Progress lines of tqdm: `label:  45%|████▌     | 9/20 [00:05<00:06,  1.70it/s]`, in a narrow terminal
//! `label:  45% 9/20 [00:05<00:06,  1.70it/s]`, and without a known total `label: 9it [00:05,  1.70it/s]`.

use crate::domain::run::Progress;

use super::ansi;

/// Longest label that is kept, in characters.
const LABEL_CHARS: usize = 60;

/// A progress line's figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Steps or bytes done. Fractions are scaled to integers, together with `max`.
    pub value: u64,
    /// Total of steps or bytes, if the line has one; never 0.
    pub max: Option<u64>,
    pub seconds_left: Option<u64>,
    /// Text before the figures, such as `Loading`.
    pub label: String,
}

impl Bar {
    /// The progress, if the total is known.
    pub fn progress(&self) -> Option<Progress> {
        let (max, label) = (self.max?, self.label.clone());
        Some(Progress { value: self.value.min(max), max, seconds_left: self.seconds_left, label })
    }

    /// Whether the bar is complete.
    pub fn is_full(&self) -> bool {
        self.max.is_some_and(|max| self.value >= max)
    }
}

/// Parses a progress line; `None` if the text is not one.
///
/// Counts may be scaled (`1.5M/3.0G`) or have fractions (`0.5/1.0`).
pub fn parse(text: &str) -> Option<Bar> {
    // A cheap test first, since nearly every line of a log is not a progress line.
    if memchr::memchr2(b'%', b'[', text.as_bytes()).is_none() || !text.contains(['|', '[']) {
        return None;
    }
    let plain;
    let text = if text.contains('\u{1b}') {
        plain = ansi::scrub_plain(text);
        plain.as_str()
    } else {
        text
    };
    bounded(text).or_else(|| endless(text))
}

/// `label:  45%|████▌     | 9/20 [00:05<00:06,  1.70it/s]`. The bar or the times may be missing, but not both, since
/// prose has percentages too.
fn bounded(text: &str) -> Option<Bar> {
    let (percent, has_bar) = match text.find("%|") {
        Some(at) => (at, true),
        None => (text.find("% ")?, false),
    };
    let before = &text[..percent];
    let digits = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    before[digits..].parse::<f32>().ok()?;
    let behind = if has_bar { text[percent + 2..].split_once('|')?.1 } else { &text[percent + 2..] };
    let (counts, times) = match behind.split_once('[') {
        Some((counts, times)) => (counts, times),
        None if has_bar => (behind, ""),
        None => return None,
    };
    let (value, max) = counts.trim().split_once('/')?;
    let (value, max) = whole(number(value)?, number(max)?);
    if max == 0 {
        return None;
    }
    let left = times.split_once('<').and_then(|(_, left)| seconds(left.split([',', ']']).next()?));
    Some(Bar { value, max: Some(max), seconds_left: left, label: label(&before[..digits]) })
}

/// A line without a total: `label: 9it [00:05,  1.70it/s]`, or `label: 9 tiles [00:05,  1.70 tiles/s]`.
fn endless(text: &str) -> Option<Bar> {
    let (counts, times) = text.trim_end().split_once(" [")?;
    let (took, speed) = times.strip_suffix(']')?.split_once(',')?;
    seconds(took).filter(|_| took.contains(':') && speed.contains('/'))?;
    let last_word = |text: &str| text.rfind(' ').map_or(0, |at| at + 1);
    let begin = last_word(counts);
    let (begin, value) = match number(&counts[begin..]) {
        Some(value) => (begin, value),
        // A unit of its own, which then stands in the speed, too.
        None => {
            let (counts, unit) = counts.rsplit_once(' ')?;
            speed.contains(&format!(" {unit}/")).then_some(())?;
            let begin = last_word(counts);
            (begin, number(&counts[begin..])?)
        }
    };
    Some(Bar { value: value as u64, max: None, seconds_left: None, label: label(&counts[..begin]) })
}

fn label(text: &str) -> String {
    let text = text.trim().trim_end_matches(':').trim();
    ansi::scrub_plain(text).chars().take(LABEL_CHARS).collect()
}

/// Two counts as integers; fractions are scaled, keeping the ratio.
fn whole(value: f64, max: f64) -> (u64, u64) {
    if value.fract() == 0.0 && max.fract() == 0.0 || max <= 0.0 || value > 1e6 {
        return (value as u64, max as u64);
    }
    ((value / max * 100.0).round() as u64, 100)
}

/// A count with a unit: `20`, `9.5`, `1.50k`, `3.0GB`, `9it`. `None` if negative or absurdly large.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = match unit.chars().next() {
        Some('k' | 'K') => 1e3,
        Some('M') => 1e6,
        Some('G') => 1e9,
        Some('T') => 1e12,
        _ => 1.0,
    };
    let scaled = number.parse::<f64>().ok()? * scale;
    (scaled.is_finite() && scaled < 1e18).then_some(scaled)
}

/// A duration in seconds: `06`, `00:06`, `1:02:03`.
fn seconds(text: &str) -> Option<u64> {
    text.trim()
        .split(':')
        .try_fold(0_u64, |sum, part| sum.checked_mul(60)?.checked_add(part.parse::<u64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(value: u64, max: u64, seconds_left: Option<u64>, label: &str) -> Option<Bar> {
        Some(Bar { value, max: Some(max), seconds_left, label: label.to_owned() })
    }

    fn endless(value: u64, label: &str) -> Option<Bar> {
        Some(Bar { value, max: None, seconds_left: None, label: label.to_owned() })
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
            ("100%|██| 21/20 [00:01<00:00]", progress(21, 20, Some(0), "")),
            (" 45% 9/20 [00:05<00:06,  1.70it/s]", progress(9, 20, Some(6), "")),
            ("Loading shards:  50% 1/2 [00:01<00:01]", progress(1, 2, Some(1), "Loading shards")),
            (" 48%|████▊     | 9.5/20.0 [00:05<00:06]", progress(48, 100, Some(6), "")),
            (" 45%|████▌     | 9.0/20.0 [00:05<00:06]", progress(9, 20, Some(6), "")),
            ("进度：45%|████▌     | 9/20 [00:05<00:06]", progress(9, 20, Some(6), "进度：")),
            (" 45%|████▌     | 9/20", progress(9, 20, None, "")),
            ("9it [00:05, 1.70it/s]", endless(9, "")),
            ("Fetching: 1.50GB [01:00:05, 150MB/s]", endless(1_500_000_000, "Fetching")),
            ("Map: 1000 examples [00:01, 500.00 examples/s]", endless(1000, "Map")),
            ("9 tiles [00:05,  1.70 tiles/s, loss=0.1]", endless(9, "")),
            ("up 45.5%|████▌     | 9/20 [00:05<00:06]", progress(9, 20, Some(6), "up")),
            ("see 2 files [00:05, and/or]", None),
            ("it was 9 [see above, and/or below]", None),
            ("took 50% 1/2 of the time", None),
            ("weights [0, 1/2]", None),
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

    #[test]
    fn more_than_all_is_all() {
        let over = parse("100%|██| 21/20 [00:01<00:00]").and_then(|bar| bar.progress());
        assert_eq!(over.map(|progress| progress.value), Some(20));
    }
}
