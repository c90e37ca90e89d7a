//! Asks for lines that are not echoed.

use std::io::{self, BufRead};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Exit, Failure, out};
use crate::tui::terminal::ExitCause;

/// Asks for lines on stdin's terminal without echo, and restores the terminal whatever ends the program.
#[derive(Debug)]
pub struct Hidden {
    before: Termios,
}

impl Hidden {
    /// Saves the terminal's modes, and restores them when a signal ends the program.
    ///
    /// # Errors
    /// When stdin is not a terminal, or signals cannot be caught.
    pub fn new() -> Result<Self, Failure> {
        let before = tcgetattr(io::stdin()).map_err(io::Error::from)?;
        let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT])?;
        let modes = before.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            if let Some(signal) = signals.forever().next() {
                give_back(&modes);
                ExitCause::Signal(signal).exit();
            }
        })?;
        Ok(Self { before })
    }

    /// Asks for a line. Ctrl+C and Ctrl+D cancel; the terminal is restored in any case.
    ///
    /// # Errors
    /// When the person cancelled, or the terminal is gone.
    pub fn ask(&self, question: &str) -> Result<String, Failure> {
        let mut hidden = self.before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden).map_err(io::Error::from)?;
        // Printed last: what is typed after the question appears is already hidden.
        out::ask(question);
        let line = hidden_line(io::stdin().lock());
        tcsetattr(io::stdin(), OptionalActions::Now, &self.before).map_err(io::Error::from)?;
        out::note("");
        line?.ok_or_else(|| Failure::new(Exit::Cancelled, "stopped; nothing was written"))
    }
}

/// Only while in the foreground: a background process that sets terminal modes is stopped.
fn give_back(modes: &Termios) {
    if tcgetpgrp(io::stdin()).is_ok_and(|group| group == rustix::process::getpgrp()) {
        // There is nobody to report the error to.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, modes);
    }
}

/// Reads a line from a terminal in raw mode, with its own line editing; `None` when cancelled.
fn hidden_line(from: impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    for byte in from.bytes() {
        match byte? {
            b'\n' | b'\r' => return Ok(Some(String::from_utf8_lossy(&line).trim().to_owned())),
            0x03 | 0x04 => return Ok(None),
            0x08 | 0x7f => drop(line.pop()),
            0x15 => line.clear(),
            byte => line.push(byte),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_line_can_be_edited_and_cancelled() {
        let table: [(&[u8], Option<&str>); 5] = [
            (b"s3cret\r", Some("s3cret")),
            (b"sx\x7f3\x15abc\n", Some("abc")),
            (b"abc\x03", None),
            (b"\x04", None),
            (b"abc", None),
        ];
        for (typed, line) in table {
            assert_eq!(hidden_line(typed).expect("read").as_deref(), line, "{typed:?}");
        }
    }
}
