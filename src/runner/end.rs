//! How runs end that no backend brought to an end, in words.

use crate::backend::BackendError;
use crate::domain::Status;
use crate::domain::run::{End, RunError};

/// Why a run is ended from this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Cancelled,
    /// A person who asked waits no longer for the server.
    LetGo,
    /// The runner was told to end.
    RunnerStopped,
}

const LOOK_THERE_FIRST: &str =
    "Look at the endpoint's own history before you run it again: it may have finished, and been paid for";

/// The end of a run that was stopped while it stood at `status`.
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

/// The end of a run that a runner left in flight which is not there any more.
pub(super) fn orphaned(status: Status) -> End {
    lost(format!(
        "The background runner died (killed, crashed or shut down) while this run was {}, so its outcome is not known",
        status.word()
    ))
}

/// The end of a run that its server knows by name, and that cannot be asked for.
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

/// The end that a backend told by an error.
pub(super) fn of_error(error: BackendError) -> End {
    let (status, error) = match error {
        BackendError::Refused(error) => (Status::Failed, RunError { refused: true, ..error }),
        BackendError::Failed(error) => (Status::Failed, error),
        BackendError::Lost(error) => (Status::Lost, error),
    };
    End { status, error: Some(error), server_seconds: None }
}

/// The end of a run whose backend came back without telling one.
pub(super) fn untold() -> End {
    lost("The connection ended before the run's outcome was known".to_owned())
}

/// The end of a run on which comfydeck itself broke.
pub(super) fn broken() -> End {
    let error = RunError {
        what: "comfydeck failed on what the server sent, which is a bug in comfydeck".to_owned(),
        remedy:
            "Please report it with runner.log from the state folder. The server may have finished the run"
                .to_owned(),
        ..RunError::default()
    };
    End { status: Status::Failed, error: Some(error), server_seconds: None }
}

/// The end of a run that could not even be sent.
pub(super) fn unsent(error: RunError) -> End {
    End { status: Status::Failed, error: Some(RunError { refused: true, ..error }), server_seconds: None }
}

fn lost(what: String) -> End {
    let error = RunError { what, remedy: LOOK_THERE_FIRST.to_owned(), ..RunError::default() };
    End { status: Status::Lost, error: Some(error), server_seconds: None }
}
