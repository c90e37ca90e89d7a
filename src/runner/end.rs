//! How a run ends when its backend did not end it: status and message.

use crate::backend::BackendError;
use crate::domain::Status;
use crate::domain::run::{End, RunError};

/// Why the runner ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Cancelled,
    /// The person does not want to wait for the server's confirmation of a cancel.
    LetGo,
    /// The runner got SIGTERM or SIGINT.
    RunnerStopped,
}

const LOOK_THERE_FIRST: &str =
    "Look at the endpoint's own history before you run it again: it may have finished, and been paid for";

/// The end of a run that was stopped while it had this status.
pub(super) fn stopped(stop: Stop, status: Status) -> End {
    match stop {
        Stop::RunnerStopped => lost(format!(
            "The background runner was stopped while this run was {}, so its outcome is not known",
            status.word()
        )),
        Stop::LetGo => lost(
            "The server was asked to stop this run and did not confirm it; comfydeck no longer waits for it"
                .to_owned(),
        ),
        Stop::Cancelled => {
            let what = match status {
                Status::Uploading => {
                    "Cancelled before the whole request was sent: the server has most likely not started it"
                }
                _ => {
                    "Cancelled by closing the connection. This endpoint cannot stop a run, so the server may finish it and bill it"
                }
            };
            let error = RunError { what: what.to_owned(), ..RunError::default() };
            End { status: Status::Cancelled, error: Some(error), server_seconds: None }
        }
    }
}

/// The end of a run in flight whose runner died.
pub(super) fn orphaned(status: Status) -> End {
    lost(format!(
        "The background runner died (killed, crashed or shut down) while this run was {}, so its outcome is not known",
        status.word()
    ))
}

/// The end of a run whose server cannot be asked about it.
pub(super) fn out_of_reach(why: &RunError, prompt_id: &str) -> End {
    let error = RunError {
        what: format!(
            "This run went on after the background runner died, but its state cannot be read: {}",
            why.what
        ),
        remedy: format!("Fix that, then `comfydeck fetch {prompt_id}` downloads its outputs"),
        ..RunError::default()
    };
    End { status: Status::Lost, error: Some(error), server_seconds: None }
}

/// The end for a backend's error.
pub(super) fn of_error(error: BackendError) -> End {
    let (status, error) = match error {
        BackendError::Refused(error) => (Status::Failed, RunError { refused: true, ..error }),
        BackendError::Failed(error) => (Status::Failed, error),
        BackendError::Lost(error) => (Status::Lost, error),
    };
    End { status, error: Some(error), server_seconds: None }
}

/// The end of a run whose backend returned without an end event.
pub(super) fn without_end() -> End {
    lost("The connection ended before the run's outcome was known".to_owned())
}

/// The end of a run whose task panicked.
pub(super) fn panicked() -> End {
    let error = RunError {
        what: "comfydeck crashed on the server's data, which is a bug in comfydeck".to_owned(),
        remedy:
            "Please report it with runner.log from the state folder. The server may have finished the run"
                .to_owned(),
        ..RunError::default()
    };
    End { status: Status::Failed, error: Some(error), server_seconds: None }
}

/// The end of a run that failed before it was sent.
pub(super) fn unsent(error: RunError) -> End {
    End { status: Status::Failed, error: Some(RunError { refused: true, ..error }), server_seconds: None }
}

fn lost(what: String) -> End {
    let error = RunError { what, remedy: LOOK_THERE_FIRST.to_owned(), ..RunError::default() };
    End { status: Status::Lost, error: Some(error), server_seconds: None }
}
