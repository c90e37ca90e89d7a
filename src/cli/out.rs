//! Writes results to stdout without the panic of `println!` on a closed pipe.

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use super::Failure;
use crate::domain::Diagnostic;
use crate::report::text::without_error_numbers;

/// Writes a text to stdout and flushes it.
///
/// # Errors
/// As the system reports; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Writes a message to stderr; errors are ignored, since there is no other place to report them.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{}", without_error_numbers(&text.to_string()));
}

/// Writes warnings to stderr, one a line.
pub fn warn(found: &[Diagnostic]) {
    for diagnostic in found {
        note(format!("warning: {diagnostic}"));
    }
}

/// Writes a question to stderr, without a line end.
pub fn ask(question: &str) {
    let _ = write!(io::stderr(), "{question}");
}

/// Asks a person, who has to type `yes`.
///
/// # Errors
/// When nobody is there to be asked.
pub fn is_agreed(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("this is not a terminal, so nobody can confirm. Pass --yes"));
    }
    ask(&format!("{question} (yes/no) [no]: "));
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
