//! The errors of runs that end without a result.

use bytes::Bytes;
use reqwest::StatusCode;

use crate::backend::BackendError;
use crate::backend::net::http::{self, Answer, HttpLimits, LOOK_THERE_FIRST};
use crate::backend::net::http_error::{self, Meaning};
use crate::backend::outcome;
use crate::domain::run::{Protocol, RunError};
use crate::wire::{ansi, errors};

/// Most bytes of an error's body that are read.
const MAX_BODY: usize = 256 * 1024;

/// The error of a stream that ended without a result.
pub(super) fn without_result(cut: Option<RunError>, said: &str) -> BackendError {
    match (cut, outcome::reported(said)) {
        (None, Some(error)) => BackendError::Failed(error),
        (cut, reported) => {
            let mut lost_error = cut.unwrap_or_else(|| RunError {
                what: "the server closed the connection before the result".to_owned(),
                ..RunError::default()
            });
            lost_error.remedy = format!("The log shows how far it got. {LOOK_THERE_FIRST}");
            if let Some(error) = reported {
                lost_error.details = format!("{}\n{}", error.what, lost_error.details);
            }
            lost(lost_error)
        }
    }
}

/// The error for an error status. After a redirect the server had accepted the run; otherwise
/// it depends on who answered.
pub(super) async fn no_success(answer: Answer, limits: &HttpLimits) -> BackendError {
    let Answer { mut response, hops } = answer;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = http::refusal_body(&mut response, limits.refusal).await;
    let error = http_error::describe(Protocol::Stream, status, &headers, &body);
    match (hops, http_error::meaning(status, &body)) {
        (0, Meaning::Refused) => BackendError::refused(error),
        (_, Meaning::Failed) => BackendError::Failed(error),
        (_, Meaning::Refused) if errors::is_of_application(&body) => BackendError::Failed(error),
        (_, Meaning::Refused | Meaning::MayHaveBegun) => {
            lost(RunError { remedy: LOOK_THERE_FIRST.to_owned(), ..error })
        }
    }
}

pub(super) fn not_understood(status: StatusCode, content_type: &str, body: &Bytes) -> BackendError {
    let said = errors::from_text(&String::from_utf8_lossy(&body[..body.len().min(MAX_BODY)]));
    let kind = if content_type.is_empty() { "something unnamed" } else { content_type };
    let what = match said.what.as_str() {
        "" => format!("the server answered {} with an empty response", status.as_u16()),
        text => format!("the server answered {} with {kind}, which is not a result: {text}", status.as_u16()),
    };
    let remedy = format!(
        "Check that the profile's url is the deployment's address and not a web page's. If it is: {}",
        LOOK_THERE_FIRST
    );
    lost(RunError { what, remedy, ..said })
}

pub(super) fn cut_off(error: &reqwest::Error) -> RunError {
    let mut details = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        details.push(ansi::scrub_plain(&cause.to_string()));
        source = cause.source();
    }
    RunError {
        what: "the connection broke before the run's end was known".to_owned(),
        remedy: LOOK_THERE_FIRST.to_owned(),
        details: details.join(": "),
        ..RunError::default()
    }
}

pub(super) fn lost(error: RunError) -> BackendError {
    BackendError::Lost(error)
}
