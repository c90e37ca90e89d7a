//! How a command ends: exit codes and the sentence on stderr.

use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::domain::{Run, Status};

/// The exit codes, which scripts rely on.
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
    /// Cancelled.
    Cancelled = 4,
    /// The connection or the runner went away: the end is not known.
    Lost = 5,
}

impl Exit {
    /// How a run that has ended ends the command that waited for it.
    pub fn of(run: &Run) -> Self {
        let is_refused = run.error.as_ref().is_some_and(|error| error.refused);
        match run.status {
            Status::Done if run.failed_outputs.is_empty() => Self::Success,
            Status::Done => Self::Failed,
            Status::Failed if is_refused => Self::Refused,
            Status::Failed => Self::Failed,
            Status::Cancelled => Self::Cancelled,
            _ => Self::Lost,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// One plain sentence with the remedy; empty if there is nothing left to report.
    pub message: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }

    /// Bad usage or input.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same of a run that may be on its way: then it is not known how that ends, and 2 would say that nothing was sent.
    pub fn after_sending(self) -> Self {
        let exit = if self.exit == Exit::Usage { Exit::Lost } else { self.exit };
        Self { exit, ..self }
    }

    /// Says it on stderr and gives the exit code.
    pub fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            // Nobody is left to tell when stderr is closed too.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("comfydeck: {}\n", self.message));
        }
        self.exit.into()
    }
}

/// Writing the result failed. A reader that has gone (`| head`) has had enough: that is no error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Exit::Success, ""),
            _ => Self::new(Exit::Failed, format!("the result cannot be written: {error}")),
        }
    }
}
