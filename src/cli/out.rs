//! Writing results to stdout without falling over a closed pipe, as `println!` would.

use std::io::{self, Write};

/// Writes a text to stdout and flushes it.
///
/// # Errors
/// As the system says; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes a message to stderr; there is nowhere to tell that this failed.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes a question to stderr, without ending the line.
pub fn ask(question: &str) {
    let _ = write!(io::stderr(), "{question}");
}
