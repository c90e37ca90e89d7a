//! Warns when a run's output is identical to an earlier run's: every run costs money.

use crate::domain::inputs::is_seed_name;
use crate::domain::run::{Output, RunRequest};
use crate::domain::{RunId, media};
use crate::store::{Store, StoreError};

/// Most parameter names listed in a warning.
const MOST_NAMES: usize = 4;

/// The warning for an output that an earlier run made too, with that run's number; `None` for a new output.
pub(super) fn warning(
    store: &Store,
    run: RunId,
    output: &Output,
) -> Result<Option<(RunId, String)>, StoreError> {
    // Texts and data are alike for good reasons; pictures, videos and sounds are not.
    if !media::is_seen_or_heard(&output.content_type, &output.path.to_string_lossy()) {
        return Ok(None);
    }
    let Some(earlier) = store.made_before(run, &output.sha256)? else { return Ok(None) };
    let (Some(now), Some(before)) = (store.run(run)?, store.run(earlier)?) else { return Ok(None) };
    // A fetch is expected to bring the same outputs.
    if now.request.adopt.is_some() {
        return Ok(None);
    }
    let why = reason(&now.request, &before.request);
    let name = output.path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Some((earlier, format!("{name} is identical to an output of run {earlier}. {why}"))))
}

fn reason(now: &RunRequest, before: &RunRequest) -> String {
    if before.is_unknown() {
        return String::new();
    }
    let differing = differing(now, before);
    if !differing.is_empty() {
        let more = differing.len().saturating_sub(MOST_NAMES);
        let mut names = differing;
        names.truncate(MOST_NAMES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return format!(
            "What was sent differs ({}{more}), but made no difference: it does not reach the output, or the server answered from its cache",
            names.join(", ")
        );
    }
    let has_seed = now.params.keys().any(|key| is_seed_name(key.input()));
    let seed = if has_seed { ", seed included" } else { "" };
    format!(
        "The same values were sent{seed}, so the server may have answered from its cache. Change the seed to get another"
    )
}

/// Names of the parameters whose values differ.
fn differing(now: &RunRequest, before: &RunRequest) -> Vec<String> {
    let mut names = Vec::new();
    if now.workflow_hash != before.workflow_hash {
        names.push("the workflow".to_owned());
    }
    let keys = now.params.keys().chain(before.params.keys().filter(|key| !now.params.contains_key(*key)));
    names.extend(
        keys.filter(|key| now.params.get(*key) != before.params.get(*key)).map(|key| key.to_string()),
    );
    let file = |request: &RunRequest, part: &str| {
        request.files.iter().find(|file| file.part == part).map(|file| file.sha256.clone())
    };
    let parts = now.files.iter().chain(before.files.iter().filter(|old| file(now, &old.part).is_none()));
    names.extend(
        parts.filter(|old| file(now, &old.part) != file(before, &old.part)).map(|old| old.part.clone()),
    );
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ParamKey;

    fn request(params: &[(&str, i64)]) -> RunRequest {
        let params =
            params.iter().map(|(key, value)| (ParamKey::parse(key).expect("a key"), (*value).into()));
        RunRequest { params: params.collect(), ..RunRequest::default() }
    }

    #[test]
    fn the_reason_names_what_differs() {
        let first = request(&[("3-inputs-seed", 1), ("3-inputs-steps", 20)]);
        let same = "The same values were sent, seed included, so the server may have answered from its cache. Change the seed to get another";
        assert_eq!(reason(&first, &first), same);
        let other = request(&[("3-inputs-seed", 1), ("3-inputs-cfg", 7)]);
        assert!(
            reason(&other, &first).starts_with("What was sent differs (3-inputs-cfg, 3-inputs-steps), but")
        );
        let other = RunRequest { workflow_hash: "w".to_owned(), ..first.clone() };
        assert!(reason(&other, &first).starts_with("What was sent differs (the workflow), but"));
        assert!(reason(&request(&[]), &request(&[])).starts_with("The same values were sent, so"));
        let unknown = RunRequest { adopt: Some("p".to_owned()), ..RunRequest::default() };
        assert_eq!(reason(&first, &unknown), "");
    }
}
