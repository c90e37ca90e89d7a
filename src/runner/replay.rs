//! Sending what a run sent once more: what cannot be the same, told before, and whether it came out the same, after.

use std::path::PathBuf;

use crate::config::{Config, ConfigError, Profile};
use crate::domain::inputs::is_seed_name;
use crate::domain::run::Output;
use crate::domain::{Origin, Run, RunId, Said, Shape};
use crate::picture::likeness;
use crate::store::Store;

/// Where a run is sent again: as `named` or `url` say, else where it ran.
///
/// # Errors
/// When there is no such profile any more.
pub fn place_of(
    config: &Config,
    first: &Run,
    named: Option<&str>,
    url: Option<&str>,
) -> Result<Profile, ConfigError> {
    let request = &first.request;
    match request.profile.as_str() {
        // It was shared from elsewhere.
        "" if request.url.is_empty() => config.choose(named, url),
        "" if named.is_none() => config.choose(None, url.or(Some(request.url.as_str()))),
        "" => config.choose(named, url),
        known => config.choose(named.or(Some(known)), url),
    }
}

/// Why the result may be another, as far as can be known before.
pub fn doubts(store: &Store, first: &Run, profile: &Profile) -> Vec<String> {
    let request = &first.request;
    let mut doubts = Vec::new();
    if request.url.is_empty() {
        doubts.push(format!(
            "run {} ran elsewhere, on a server that may have other models and versions",
            first.id
        ));
    } else if profile.url != request.url {
        doubts.push(format!("run {} ran at another address, {}", first.id, request.shown_url()));
    }
    if !request.send_workflow && profile.protocol.caps().shape == Shape::Flat {
        doubts.push(
            "the workflow that runs is the deployment's own, which may have changed since; --send-workflow with `run` would send yours"
                .to_owned(),
        );
    }
    let open = request
        .params
        .iter()
        .filter(|(key, value)| is_seed_name(key.input()) && value.as_i64().is_some_and(|seed| seed < 0));
    for (key, value) in open {
        doubts.push(format!("{key} = {value} is a new seed each time"));
    }
    for file in request.files.iter().filter(|file| !store.input_path(&file.sha256).is_file()) {
        doubts.push(format!("the content of {} is not in the history any more", file.name));
    }
    doubts
}

/// An output of the first run, and what the new one made in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    pub name: String,
    pub before: PathBuf,
    pub now: Option<PathBuf>,
    /// Byte for byte.
    pub same: bool,
    /// How one stands to the other, for people.
    pub how: String,
}

/// Holds what a run made against what the new one made. Decodes pictures that are not the same bytes.
pub fn compare(first: &Run, run: &Run) -> Vec<Compared> {
    let compared = first.outputs.iter().enumerate().map(|(at, output)| {
        // By content where there is one, else the one at the same place.
        let same = run.outputs.iter().find(|new| new.sha256 == output.sha256);
        let new = same.or_else(|| run.outputs.get(at));
        Compared {
            name: output.name.clone(),
            before: output.path.clone(),
            now: new.map(|new| new.path.clone()),
            same: same.is_some(),
            how: how(output, new),
        }
    });
    compared.collect()
}

/// Whether everything came out the same, in a sentence; else how far not, a line an output.
pub fn verdict(first: &Run, compared: &[Compared]) -> Vec<String> {
    let all_same = compared.iter().all(|output| output.same);
    match compared.len() {
        0 => vec![format!("run {} has no outputs to compare with", first.id)],
        1 if all_same => vec![format!("the same byte for byte as what run {} made", first.id)],
        count if all_same => {
            vec![format!("all {count} outputs are the same byte for byte as what run {} made", first.id)]
        }
        _ => compared.iter().map(|output| format!("{}: {}", output.name, output.how)).collect(),
    }
}

/// The run that a run repeats.
pub fn repeats(run: &Run) -> Option<RunId> {
    run.request.origins.values().find_map(|origin| match origin {
        Origin::Person { how: Said::Repeat(first) } => Some(*first),
        _ => None,
    })
}

/// How an output of the new run stands to one of the first.
fn how(before: &Output, now: Option<&Output>) -> String {
    let Some(now) = now else { return "the new run did not make it".to_owned() };
    if now.sha256 == before.sha256 {
        return "the same byte for byte".to_owned();
    }
    if !before.path.exists() {
        return "not the same bytes; the first one is not on this machine".to_owned();
    }
    match likeness::compare(&before.path, &now.path) {
        Ok(likeness) => likeness.to_string(),
        Err(why) => format!("not the same bytes; the pictures cannot be compared: {why}"),
    }
}
