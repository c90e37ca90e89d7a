//! Terminal output of a command: lines, and below them one live line that is rewritten.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use crate::report::table::Paper;
use crate::report::text::cut;
use crate::wire::ansi;

/// Columns when the terminal's width is unknown.
const USUAL_WIDTH: usize = 80;

/// Stdout or stderr with its capabilities.
#[derive(Debug)]
pub struct Console<W> {
    to: W,
    tty: bool,
    rewrites: bool,
    colours: bool,
    live: String,
}

impl Console<io::Stderr> {
    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }
}

impl Console<io::Stdout> {
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write + IsTerminal + AsFd> Console<W> {
    fn new(to: W) -> Self {
        let tty = to.is_terminal();
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let rewrites = tty && set("TERM").is_some_and(|term| term != "dumb");
        let colours = rewrites && set("NO_COLOR").is_none();
        Self { to, tty, rewrites, colours, live: String::new() }
    }

    /// Whether it is a terminal.
    pub fn is_tty(&self) -> bool {
        self.tty
    }

    /// What is printed on it.
    pub fn paper(&self) -> Paper {
        Paper { width: self.width(), heads: self.tty, colours: self.colours }
    }

    /// Whether it is a regular file, to be read later.
    pub fn is_file(&self) -> bool {
        let kind = rustix::fs::fstat(&self.to).map(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode));
        kind == Ok(rustix::fs::FileType::RegularFile)
    }

    /// Whether colours can be shown and are wanted.
    pub fn has_colours(&self) -> bool {
        self.colours
    }

    /// Whether a line can be rewritten.
    pub fn rewrites(&self) -> bool {
        self.rewrites
    }

    /// Width in columns; unlimited when it is not a terminal.
    pub fn width(&self) -> usize {
        if !self.tty {
            return usize::MAX;
        }
        let size = rustix::termios::tcgetwinsize(&self.to).map_or(0, |size| usize::from(size.ws_col));
        if size == 0 { USUAL_WIDTH } else { size }
    }

    /// Writes whole lines above the live line, without colours where these are not supported.
    ///
    /// # Errors
    /// As the system reports.
    pub fn lines(&mut self, lines: impl Iterator<Item = impl AsRef<str>>) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            let line = line.as_ref();
            if self.colours && line.contains('\u{1b}') {
                text.push_str(line);
                text.push_str("\u{1b}[0m");
            } else {
                text.push_str(&ansi::scrub_block(line));
            }
            text.push('\n');
        }
        if text.is_empty() {
            return Ok(());
        }
        let text = if self.live.is_empty() { text } else { format!("\r\u{1b}[K{text}{}", self.live) };
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }

    /// Replaces the live line; an empty text removes it. Does nothing where lines cannot be rewritten.
    ///
    /// # Errors
    /// As the system reports.
    pub fn live(&mut self, line: &str) -> io::Result<()> {
        // The last column stays free: a cursor after it would wrap to the next line.
        let line = cut(&ansi::scrub_block(line), self.width().saturating_sub(1));
        if !self.rewrites || line == self.live {
            return Ok(());
        }
        self.live = line;
        write!(self.to, "\r{}\u{1b}[K", self.live)?;
        self.to.flush()
    }
}
