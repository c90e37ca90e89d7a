//! The server's log: messages in, scrubbed lines and progress out.

use crate::domain::run::Progress;

use super::ansi;
use super::tqdm::{self, Bar};

/// Turns log messages into lines. The end of a line has a meaning, the same as on a terminal and in
/// the store's log files:
///
/// - `\n`: an ordinary line.
/// - `\r`: a progress line; a progress line directly after it replaces it.
/// - `\r\n`: the last state of a progress line. The `\n` may arrive later than the line.
///
/// Libraries for server-sent events write each line of a text as a `data:` line of its own, and a `\r` ends a line
/// there too: what a progress bar printed as `\r 45%|…` arrives as `\n 45%|…`. So a `\n` between two lines of the same
/// unfinished bar is read as `\r`.
#[derive(Debug, Default)]
pub struct Lines {
    /// Whether the last line ended in `\r`.
    open: bool,
    /// The last line's progress, if it is a progress line.
    bar: Option<Bar>,
}

impl Lines {
    /// Appends a message's lines to `out`; returns the newest progress in it.
    ///
    /// A message is a line, several, or a piece of a progress bar: servers forward each `write` to the terminal, with
    /// or without a line end.
    pub fn push(&mut self, message: &str, out: &mut String) -> Option<Progress> {
        let mut newest = None;
        // Number of line ends since the last text in this message.
        let mut line_ends = 0;
        let mut rest = message;
        while !rest.is_empty() {
            let end = memchr::memchr2(b'\n', b'\r', rest.as_bytes());
            let (line, mut behind) = rest.split_at(end.unwrap_or(rest.len()));
            let mut replaced = behind.starts_with('\r');
            behind = behind.strip_prefix('\r').unwrap_or(behind);
            if let Some(next) = behind.strip_prefix('\n') {
                (replaced, behind) = (false, next);
            }
            rest = behind;
            let ended = end.is_some() && !replaced;
            if line.is_empty() || only_moves_up(line) {
                line_ends += usize::from(ended);
                continue;
            }
            let bar = tqdm::parse(line);
            let ends_before = std::mem::take(&mut line_ends);
            if bar.is_none() || self.open {
                // A bar prints line ends before its first line to get to the beginning of a line.
                self.end_lines(ends_before, out);
            }
            newest = bar.as_ref().and_then(Bar::progress).or(newest);
            self.line(line, bar, replaced, ended, out);
        }
        self.end_lines(line_ends, out);
        newest
    }

    fn line(&mut self, line: &str, bar: Option<Bar>, replaced: bool, ended: bool, out: &mut String) {
        let takes_place = bar.is_some() || replaced;
        if self.open && !(takes_place && self.gives_way_to(bar.as_ref())) {
            self.close(out);
        }
        ansi::scrub_into(line, out);
        let stays = ended && bar.as_ref().is_none_or(Bar::is_full);
        out.push_str(match (takes_place, stays) {
            (true, false) => "\r",
            (true, true) => "\r\n",
            (false, _) => "\n",
        });
        self.open = takes_place && !stays;
        self.bar = bar.filter(|_| self.open);
    }

    /// Whether the next bar replaces this line. A full bar stays, unless the next one only repeats its last step.
    fn gives_way_to(&self, next: Option<&Bar>) -> bool {
        let same = |full: &Bar| {
            next.is_some_and(|next| {
                (next.value, next.max, &next.label) == (full.value, full.max, &full.label)
            })
        };
        self.bar.as_ref().is_none_or(|bar| !bar.is_full() || same(bar))
    }

    /// Writes `count` line ends that follow no text.
    fn end_lines(&mut self, count: usize, out: &mut String) {
        let mut count = count;
        if count > 0 && self.open {
            if self.bar.as_ref().is_some_and(|bar| !bar.is_full()) {
                // Only the next piece tells whether the bar goes on.
                return;
            }
            self.close(out);
            count -= 1;
        }
        out.extend(std::iter::repeat_n('\n', count));
    }

    fn close(&mut self, out: &mut String) {
        out.push('\n');
        *self = Self::default();
    }
}

/// Whether a piece only moves the cursor up, as tqdm does after the second of two simultaneous bars.
fn only_moves_up(piece: &str) -> bool {
    piece.starts_with('\u{1b}') && piece.split("\u{1b}[").all(|part| part.is_empty() || part == "A")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAR: &str = " 45%|████▌     | 9/20 [00:05<00:06,  1.70it/s]";
    const COUNT: &str = "9it [00:05,  1.70it/s]";
    const OVER: &str = "100%|██████████| 20/20 [00:11<00:00,  1.70it/s]";

    #[test]
    fn every_line_has_its_end() {
        let table: [(&[&str], String); 22] = [
            (&["got prompt"], "got prompt\n".to_owned()),
            (&["a\nb\n", "c\r\nd"], "a\nb\nc\nd\n".to_owned()),
            (&["a\n\nb", "\n", ""], "a\n\nb\n\n".to_owned()),
            (&["\u{1b}[31mred\u{1b}[0m\u{1b}[2K\n"], "\u{1b}[31mred\u{1b}[0m\n".to_owned()),
            (&[BAR], format!("{BAR}\r")),
            (&[&format!("\r{BAR}")], format!("{BAR}\r")),
            (&[&format!("{BAR}\r{OVER}\n"), "done"], format!("{BAR}\r{OVER}\r\ndone\n")),
            (&[OVER, "\n", "\n", "done"], format!("{OVER}\r\n\ndone\n")),
            (&[OVER, "\r\ndone"], format!("{OVER}\r\ndone\n")),
            // The last step and the end print the same bar twice; one is shown.
            (&[OVER, OVER, "\n"], format!("{OVER}\r{OVER}\r\n")),
            // No line end between a full bar and the next one.
            (&[OVER, BAR], format!("{OVER}\r\n{BAR}\r")),
            (&[OVER, "done"], format!("{OVER}\r\ndone\n")),
            (&[BAR, "a warning", BAR], format!("{BAR}\r\na warning\n{BAR}\r")),
            (&[&format!("{BAR}\n{BAR}\n")], format!("{BAR}\r{BAR}\r")),
            // A library turned each `\r` into `\n`.
            (&[&format!("\n{BAR}"), &format!("\n{BAR}"), "\ndone"], format!("{BAR}\r{BAR}\r\ndone\n")),
            (&[&format!("\n{BAR}\n{OVER}"), "\n", "done"], format!("{BAR}\r{OVER}\r\ndone\n")),
            (&[&format!("{OVER}\n"), &format!("\n{BAR}")], format!("{OVER}\r\n{BAR}\r")),
            (&[&format!("\n{COUNT}"), &format!("\n{COUNT}"), "done"], format!("{COUNT}\r{COUNT}\r\ndone\n")),
            // Two bars at once: the line shows the one that moved last, and a full one stays.
            (
                &[BAR, "\n", &format!("\r{COUNT}"), "\u{1b}[A", &format!("\r{BAR}")],
                format!("{BAR}\r{COUNT}\r{BAR}\r"),
            ),
            (
                &[BAR, "\n", &format!("\n{OVER}"), "\u{1b}[A", &format!("\n{BAR}")],
                format!("{BAR}\r{OVER}\r\n{BAR}\r"),
            ),
            (&["a\n\n", &format!("b\n\n{BAR}")], format!("a\n\nb\n{BAR}\r")),
            (&["spinner |\r", "spinner /\r"], "spinner |\rspinner /\r".to_owned()),
        ];
        for (messages, expected) in table {
            let (mut lines, mut out) = (Lines::default(), String::new());
            for message in messages {
                lines.push(message, &mut out);
            }
            assert_eq!(out, expected, "{messages:?}");
        }
    }

    #[test]
    fn the_newest_progress_counts() {
        let mut out = String::new();
        let newest = Lines::default().push(&format!("{BAR}\r{OVER}\nPrompt executed"), &mut out);
        assert_eq!(newest.map(|p| (p.value, p.max)), Some((20, 20)));
    }
}
