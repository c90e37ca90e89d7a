//! Exit codes of commands, and their error messages on stderr.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::domain::{Run, Status};
use crate::report::text::without_error_numbers;

/// Exit codes, on which scripts rely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success, and every announced output saved.
    Success = 0,
    /// The run failed, or an output could not be saved.
    Failed = 1,
    /// Bad usage or input; nothing was sent.
    Usage = 2,
    /// Refused or unreachable before the run began.
    Refused = 3,
    Cancelled = 4,
    /// The connection or the runner was lost, so the end is unknown.
    Lost = 5,
}

impl Exit {
    /// The exit code for a run that has ended.
    pub fn of(run: &Run) -> Self {
        let is_refused = run.error.as_ref().is_some_and(|error| error.refused);
        match run.status {
            Status::Done if run.failed_outputs.is_empty() => Self::Success,
            Status::Done => Self::Failed,
            Status::Failed if is_refused => Self::Refused,
            Status::Failed => Self::Failed,
            Status::Cancelled => Self::Cancelled,
            // One that has not ended was left to the runner, or lost sight of.
            Status::Lost
            | Status::Queued
            | Status::Uploading
            | Status::Waiting
            | Status::Running
            | Status::Downloading => Self::Lost,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// One sentence with the remedy; empty when everything was already reported.
    pub message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: without_error_numbers(&message.to_string()).into_owned() }
    }

    /// Bad usage or input.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same failure for a run that may have been sent: its end is unknown, while code 2 would
    /// say that nothing was sent.
    pub fn after_sending(self) -> Self {
        let exit = if self.exit == Exit::Usage { Exit::Lost } else { self.exit };
        Self { exit, ..self }
    }

    /// Writes the message to stderr and returns the exit code.
    pub fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            // When stderr is closed too, nobody can see the message.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("comfydeck: {}\n", self.message));
        }
        self.exit.into()
    }
}

/// Writing a result failed. A reader that closed the pipe (`| head`) has enough, which is not an error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Success, ""),
            _ => Self::new(Exit::Failed, format!("the result cannot be written: {error}")),
        }
    }
}
