//! The outcome of a run, from its result or the lack of one.

use crate::domain::RunEvent;
use crate::domain::Status;
use crate::domain::run::{End, RunError, ServerResult};
use crate::wire::result::PromptResult;
use crate::wire::{ansi, errors};

/// Most characters of an error quoted in a warning.
const MAX_REMARK: usize = 500;

/// Most characters of a status that is quoted.
const MAX_STATUS: usize = 80;

/// Everything known at the end of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome<'a> {
    /// The result without its files.
    pub result: &'a PromptResult,
    pub saved: usize,
    /// Outputs that could not be saved.
    pub failed: usize,
    /// Why the result was damaged.
    pub broken: Option<&'a str>,
    /// Error texts from the log, in any format.
    pub errors: &'a str,
    /// The remedy for outputs that could not be saved, such as `run again`.
    pub again: &'a str,
}

impl Outcome<'_> {
    /// A warning for a run that reported an error but ended well.
    pub(super) fn remark(&self) -> Option<String> {
        let said = if self.error().is_none() {
            errors::from_body(self.errors.trim_end()).what
        } else {
            String::new()
        };
        let said: String = said.chars().take(MAX_REMARK).collect();
        (!said.is_empty()).then(|| format!("The server reported an error and then a good result: {said}"))
    }

    /// The end of the run.
    pub(super) fn end(&self) -> End {
        let error = self.error();
        let status = if error.is_some() { Status::Failed } else { Status::Done };
        End { status, error, server_seconds: self.result.execution_time_seconds }
    }

    /// Why the run failed; `None` when it succeeded.
    fn error(&self) -> Option<RunError> {
        let Self { result, saved, failed, .. } = *self;
        if let Some(why) = self.broken {
            let what = format!("{why}: {saved} outputs before the error were saved");
            let remedy = "Run again; if it persists, tell whoever runs the endpoint.".to_owned();
            return Some(RunError { what, remedy, ..RunError::default() });
        }
        if !succeeded(result, saved) {
            return Some(self.failure());
        }
        let (what, remedy) = match (saved, failed) {
            (0, 0) => (
                "the run succeeded, but made no output".to_owned(),
                "Check that the workflow ends in a node that saves, such as SaveImage.".to_owned(),
            ),
            (_, 0) => return None,
            _ => (
                format!("{failed} of {} outputs could not be saved", saved + failed),
                format!("The outputs say why; fix that, then {}.", self.again),
            ),
        };
        Some(RunError { what, remedy, ..RunError::default() })
    }

    /// The error of a result that says that the run failed.
    fn failure(&self) -> RunError {
        let sources = [self.result.error_data.clone(), Some(self.result.other.clone().into())];
        let from_result = sources.into_iter().flatten().map(|value| errors::from_value(&value));
        let mut error = from_result
            .chain([errors::from_body(self.errors.trim_end())])
            .find(|error| !error.what.is_empty())
            .unwrap_or_default();
        if error.what.is_empty() {
            let status = self.result.status.as_deref().unwrap_or_default();
            let status = ansi::scrub_plain(status).chars().take(MAX_STATUS).collect::<String>();
            error.what = format!("the server says that the run did not succeed (status `{status}`)");
        }
        with_remedy(error)
    }
}

/// The server's description of the whole run, to be stored; `None` when it is empty.
pub(super) fn result_event(result: &PromptResult) -> Option<RunEvent> {
    let PromptResult { status, completed, prompt, .. } = result;
    if status.is_none() && completed.is_none() && prompt.is_none() {
        return None;
    }
    let status = status.as_deref().map(|status| ansi::scrub_plain(status).chars().take(MAX_STATUS).collect());
    let prompt = prompt.clone().unwrap_or_default();
    Some(RunEvent::Result(ServerResult { status, completed: *completed, prompt, prompt_sha256: None }))
}

/// Whether the result says that the run succeeded; not for an unknown status. Ignores colours
/// and padding of the word.
fn succeeded(result: &PromptResult, saved: usize) -> bool {
    let word = ansi::scrub_plain(result.status.as_deref().unwrap_or_default()).trim().to_lowercase();
    match word.as_str() {
        "success" | "completed" => result.completed != Some(false),
        "" => result.completed == Some(true) || (result.completed.is_none() && saved > 0),
        _ => false,
    }
}

/// The error in a text of any format; `None` for an empty text.
pub(super) fn reported(said: &str) -> Option<RunError> {
    let error = errors::from_body(said.trim_end());
    (!error.what.is_empty()).then(|| with_remedy(error))
}

/// The error of a node, with what to do about it.
pub(super) fn of_node(error: RunError) -> RunError {
    if !error.remedy.is_empty() {
        return error;
    }
    let text = format!("{} {}", error.what, error.details).to_ascii_lowercase();
    let remedy = if text.contains("outofmemory") || text.contains("out of memory") {
        "Choose a smaller size or batch, or free the server's memory, and run again."
    } else {
        "Change what it names, and run again."
    };
    RunError { remedy: remedy.to_owned(), ..error }
}

fn with_remedy(mut error: RunError) -> RunError {
    if error.remedy.is_empty() {
        error.remedy = "Look at the end of the log, change what it names, and run again.".to_owned();
    }
    error
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_has_ended_well_when_the_server_says_so_and_all_is_saved() {
        let status = |status: &str, completed| PromptResult {
            status: (!status.is_empty()).then(|| status.to_owned()),
            completed,
            ..PromptResult::default()
        };
        let table = [
            ("success", None, 1, 0, ""),
            ("success", Some(true), 1, 0, ""),
            ("completed", Some(true), 2, 0, ""),
            ("\u{1b}[32mSuccess\u{1b}[0m\n", Some(true), 1, 0, ""),
            ("COMPLETED ", None, 1, 0, ""),
            ("", Some(true), 1, 0, ""),
            ("", None, 1, 0, ""),
            ("success", Some(false), 1, 0, "did not succeed (status `success`)"),
            ("", Some(false), 1, 0, "did not succeed"),
            ("", None, 0, 1, "did not succeed"),
            ("error", Some(true), 1, 0, "did not succeed (status `error`)"),
            ("brand\u{1b}[2Jnew", Some(true), 1, 0, "did not succeed (status `brandnew`)"),
            ("success", Some(true), 0, 0, "made no output"),
            ("success", Some(true), 2, 1, "1 of 3 outputs could not be saved"),
            ("success", Some(true), 0, 1, "1 of 1 outputs could not be saved"),
        ];
        for (word, completed, saved, failed, what) in table {
            let result = status(word, completed);
            let outcome =
                Outcome { result: &result, saved, failed, broken: None, errors: "", again: "fetch it" };
            let end = outcome.end();
            let error = end.error.unwrap_or_default();
            assert_eq!(end.status == Status::Done, what.is_empty(), "{word} {completed:?} {saved} {failed}");
            assert!(error.what.contains(what) && error.remedy.is_empty() == what.is_empty(), "{error:?}");
            assert_eq!(error.remedy.contains("then fetch it."), failed > 0 && what.contains("saved"));
        }
    }

    #[test]
    fn the_best_reason_is_given() {
        let result = PromptResult {
            status: Some("error".to_owned()),
            error_data: Some(json!({"errorMsg": "the model is gone"})),
            execution_time_seconds: Some(1.5),
            ..PromptResult::default()
        };
        let outcome =
            Outcome { result: &result, saved: 0, failed: 0, broken: None, errors: "from the log", again: "" };
        let end = outcome.end();
        assert_eq!((end.status, end.server_seconds), (Status::Failed, Some(1.5)));
        assert_eq!(end.error.map(|error| error.what).as_deref(), Some("the model is gone"));
        let result = PromptResult { error_data: None, ..result.clone() };
        let end = Outcome { result: &result, ..outcome }.end();
        assert_eq!(end.error.map(|error| error.what).as_deref(), Some("from the log"));
        assert_eq!(reported(" \n"), None);
        assert!(reported("boom").is_some_and(|error| error.what == "boom" && !error.remedy.is_empty()));
    }
}
