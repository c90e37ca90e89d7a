//! What a person sees on a terminal: lines, and at the bottom one line that is written over and over.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use crate::report::text::cut;
use crate::wire::ansi;

/// Columns where the terminal does not tell.
const USUAL_WIDTH: usize = 80;

/// Stdout or stderr, and what it can do.
#[derive(Debug)]
pub struct Console<W> {
    to: W,
    tty: bool,
    rewrites: bool,
    colours: bool,
    live: String,
}

impl Console<io::Stderr> {
    /// A console on standard error.
    pub fn stderr() -> Self {
        Self::new(io::stderr())
    }
}

impl Console<io::Stdout> {
    /// A console on standard output.
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

    /// Whether a person is looking.
    pub fn is_tty(&self) -> bool {
        self.tty
    }

    /// Whether what is written is kept in a file, to be read later.
    pub fn is_file(&self) -> bool {
        let kind = rustix::fs::fstat(&self.to).map(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode));
        kind == Ok(rustix::fs::FileType::RegularFile)
    }

    /// Whether a line can be written over.
    pub fn rewrites(&self) -> bool {
        self.rewrites
    }

    /// Width in columns; unlimited if the output is not a terminal.
    pub fn width(&self) -> usize {
        if !self.tty {
            return usize::MAX;
        }
        let size = rustix::termios::tcgetwinsize(&self.to).map_or(0, |size| usize::from(size.ws_col));
        if size == 0 { USUAL_WIDTH } else { size }
    }

    /// Writes whole lines above the live one; colours go where they cannot be shown.
    ///
    /// # Errors
    /// As the system says.
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

    /// Replaces the live line; an empty one takes it away. Nothing where lines cannot be written over.
    ///
    /// # Errors
    /// As the system says.
    pub fn live(&mut self, line: &str) -> io::Result<()> {
        // The last column stays free: a cursor behind it would begin the next line.
        let line = cut(&ansi::scrub_block(line), self.width().saturating_sub(1));
        if !self.rewrites || line == self.live {
            return Ok(());
        }
        self.live = line;
        write!(self.to, "\r{}\u{1b}[K", self.live)?;
        self.to.flush()
    }
}
