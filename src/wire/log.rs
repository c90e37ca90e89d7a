//! The server's log: messages in, scrubbed lines out, progress bars told apart.

use crate::domain::run::Progress;

use super::{ansi, tqdm};

/// Turns log messages into lines. What ends a line says what becomes of it:
///
/// - `\n`: it stays.
/// - `\r`: it is a progress line, and a progress line right behind it takes its place.
/// - `\r\n`: it is a progress line that took the place of the one before and stays. The `\n` may come later
///   than the line.
///
/// So a terminal shows such a text as it is meant. The store's log reader reads the same.
#[derive(Debug, Default)]
pub struct Lines {
    /// The last line ended in `\r`.
    open: bool,
    /// What it told, when it was the last line of a progress bar: no other bar takes its place.
    full: Option<Progress>,
}

impl Lines {
    /// Appends a message's lines to `out`; gives the newest progress that it tells.
    ///
    /// A message is a line, several, or a piece of a progress bar: servers send what a `write` to the
    /// terminal sent, with or without its line end.
    pub fn push(&mut self, message: &str, out: &mut String) -> Option<Progress> {
        let mut newest = None;
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
            if line.is_empty() && replaced {
                continue;
            }
            if line.is_empty() && self.open {
                // The line end of the progress line before.
                self.close(out);
                continue;
            }
            let progress = tqdm::parse(line);
            let ended = end.is_some() && !replaced;
            self.line(line, progress.as_ref(), replaced, ended, out);
            newest = progress.or(newest);
        }
        newest
    }

    fn line(
        &mut self,
        line: &str,
        progress: Option<&Progress>,
        replaced: bool,
        ended: bool,
        out: &mut String,
    ) {
        let takes_place = progress.is_some() || replaced;
        let same = |full: &Progress| {
            progress.is_some_and(|p| (p.value, p.max, &p.label) == (full.value, full.max, &full.label))
        };
        if self.open && !(takes_place && self.full.as_ref().is_none_or(same)) {
            self.close(out);
        }
        ansi::scrub_into(line, out);
        out.push_str(match (takes_place, ended) {
            (true, false) => "\r",
            (true, true) => "\r\n",
            (false, _) => "\n",
        });
        self.open = takes_place && !ended;
        self.full = progress.filter(|p| self.open && p.value == p.max).cloned();
    }

    fn close(&mut self, out: &mut String) {
        out.push('\n');
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAR: &str = " 45%|████▌     | 9/20 [00:05<00:06,  1.70it/s]";
    const OVER: &str = "100%|██████████| 20/20 [00:11<00:00,  1.70it/s]";

    #[test]
    fn every_line_has_its_end() {
        let table: [(&[&str], String); 15] = [
            (&["got prompt"], "got prompt\n".to_owned()),
            (&["a\nb\n", "c\r\nd"], "a\nb\nc\nd\n".to_owned()),
            (&["a\n\nb", "\n", ""], "a\n\nb\n\n".to_owned()),
            (&["\u{1b}[31mred\u{1b}[0m\u{1b}[2K\n"], "\u{1b}[31mred\u{1b}[0m\n".to_owned()),
            (&[BAR], format!("{BAR}\r")),
            (&[&format!("\r{BAR}")], format!("{BAR}\r")),
            (&[&format!("{BAR}\r{OVER}\n"), "done"], format!("{BAR}\r{OVER}\r\ndone\n")),
            (&[OVER, "\n", "\n", "done"], format!("{OVER}\r\n\ndone\n")),
            (&[OVER, "\r\ndone"], format!("{OVER}\r\ndone\n")),
            // Its last step and its end: the bar is printed twice, and is one.
            (&[OVER, OVER, "\n"], format!("{OVER}\r{OVER}\r\n")),
            // What no line end parted from the next.
            (&[OVER, BAR], format!("{OVER}\r\n{BAR}\r")),
            (&[OVER, "done"], format!("{OVER}\r\ndone\n")),
            (&[BAR, "a warning", BAR], format!("{BAR}\r\na warning\n{BAR}\r")),
            (&[&format!("{BAR}\n{BAR}\n")], format!("{BAR}\r\n{BAR}\r\n")),
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
