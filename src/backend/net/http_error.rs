//! The error of a response with an error status: what happened, why, what to do.

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::domain::run::{Protocol, RunError};
use crate::wire::{ansi, errors};

/// What an error status means for a run that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) enum Meaning {
    /// It has not begun.
    Refused,
    /// The application reports that it failed.
    Failed,
    /// A proxy answered, or it is unclear who did: the run may have begun.
    MayHaveBegun,
}

/// What an error status means for the run that it answers.
///
/// Some statuses say of themselves that the request went no further, whoever gives them. Of the others only the
/// application can say so, and it speaks in shapes of its own; a gateway that lost patience (502, 504, 524), a page,
/// a text or nothing at all says nothing of the run.
pub(in crate::backend) fn meaning(status: StatusCode, body: &str) -> Meaning {
    let is_own = errors::is_of_application(body);
    match status.as_u16() {
        401..=406 | 410 | 411 | 413..=417 | 421 | 426 | 428 | 429 | 431 | 451 => Meaning::Refused,
        400 | 422 | 503 if is_own => Meaning::Refused,
        500 | 501 | 505..=511 if is_own => Meaning::Failed,
        _ => Meaning::MayHaveBegun,
    }
}

/// The error from a status, its headers and its body.
pub(in crate::backend) fn describe(
    protocol: Protocol,
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
) -> RunError {
    let said = errors::from_body(body);
    let name = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    let lead = match status.as_u16() {
        401 | 403 => format!("the server does not accept the credentials ({name})"),
        404 | 405 | 410 => format!("there is no endpoint at this address ({name})"),
        413 => format!("the request is too large for the server ({name})"),
        429 => format!("the server is too busy ({name})"),
        400..=499 => format!("the server refused the request ({name})"),
        500..=599 => format!("the server failed ({name})"),
        _ => format!("the server did not send a valid response ({name})"),
    };
    let is_echo = said.what.is_empty() || name.eq_ignore_ascii_case(&said.what);
    let what = if is_echo { lead } else { format!("{lead}: {}", said.what) };
    let remedy =
        if said.remedy.is_empty() { remedy(protocol, status, &retry_after(headers)) } else { said.remedy };
    RunError { what, remedy, ..said }
}

fn remedy(protocol: Protocol, status: StatusCode, wait: &str) -> String {
    match status.as_u16() {
        401 | 403 => {
            let keys: Vec<_> = protocol.credentials().iter().map(|asked| asked.key).collect();
            let keys = keys.join(if protocol.needs_all_credentials() { " and " } else { " or " });
            format!("Check {keys} of the profile.")
        }
        404 | 405 | 410 => "Check the profile's url: it must be the deployment's whole address.".to_owned(),
        413 => "Send smaller files.".to_owned(),
        429 => format!("Run again {wait}, or lower the profile's concurrency."),
        400 | 422 => "Check the parameters that you changed.".to_owned(),
        503 => format!("Try again {wait}."),
        500..=599 => "Look at the deployment's own log for what went wrong.".to_owned(),
        _ => "Check the profile's url.".to_owned(),
    }
}

/// The server's `Retry-After`, as text.
fn retry_after(headers: &HeaderMap) -> String {
    let said = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::trim);
    match said {
        Some(text) => match text.parse::<u32>() {
            Ok(1) => "in 1 second".to_owned(),
            Ok(seconds) if seconds < 120 => format!("in {seconds} seconds"),
            Ok(seconds) => format!("in {} minutes", seconds.div_ceil(60)),
            Err(_) => format!("after {}", ansi::scrub_plain(text).chars().take(40).collect::<String>()),
        },
        None => "in a while".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_says_what_to_do() {
        let table = [
            (
                401,
                "",
                r#"{"detail": "No"}"#,
                "the server does not accept the credentials (401 Unauthorized): No",
                "client_id",
            ),
            (404, "", "", "there is no endpoint at this address (404 Not Found)", "url"),
            (429, "30", "", "the server is too busy (429 Too Many Requests)", "in 30 seconds"),
            (429, "600", "", "the server is too busy (429 Too Many Requests)", "in 10 minutes"),
            (
                503,
                "Fri, 31 Dec 1999",
                "",
                "the server failed (503 Service Unavailable)",
                "after Fri, 31 Dec 1999",
            ),
            (503, "", "", "the server failed (503 Service Unavailable)", "in a while"),
            (
                502,
                "",
                "<html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1>",
                "the server failed (502 Bad Gateway)",
                "log",
            ),
            (
                400,
                "",
                r#"{"errorMsg": "Insufficient balance"}"#,
                "the server refused the request (400 Bad Request): Insufficient balance",
                "account",
            ),
        ];
        for (status, wait, body, what, remedy) in table {
            let mut headers = HeaderMap::new();
            if !wait.is_empty() {
                headers.insert(RETRY_AFTER, wait.parse().expect("a header"));
            }
            let error =
                describe(Protocol::Stream, StatusCode::from_u16(status).expect("a status"), &headers, body);
            assert_eq!(error.what, what);
            assert!(error.remedy.contains(remedy), "{status}: {}", error.remedy);
        }
    }
}
