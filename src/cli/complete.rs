//! Shell completion: presets, profiles, runs and keys as they are now.
//!
//! Errors give no candidates: there is no place to report them.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::{ArgMatches, CommandFactory};
use clap_complete::CompletionCandidate;

use super::Cli;
use crate::config::{Config, Dirs};
use crate::domain::{Draft, ParamKind, Parameter, value};
use crate::library::open::{self, OpenRequest};
use crate::library::presets::Presets;
use crate::library::schemas::Schemas;
use crate::report::text::cut;
use crate::store::{RunQuery, Store};
use crate::wire::ansi::scrub_plain;

/// Most runs offered, newest first.
const MOST_RUNS: u32 = 50;

/// Columns for the description of a candidate.
const HELP: usize = 60;

fn candidate(name: impl Into<String>, help: &str) -> CompletionCandidate {
    let help = cut(&scrub_plain(help).replace('\n', " "), HELP);
    let candidate = CompletionCandidate::new(scrub_plain(&name.into()));
    if help.is_empty() { candidate } else { candidate.help(Some(help.into())) }
}

/// All presets that can be opened.
pub fn presets() -> Vec<CompletionCandidate> {
    let listed = known_presets().and_then(|presets| presets.list().ok());
    listed.into_iter().flatten().map(|listed| candidate(listed.name, &listed.title)).collect()
}

/// Presets with a file of their own, which can be renamed and deleted.
pub fn own_presets() -> Vec<CompletionCandidate> {
    let listed = known_presets().and_then(|presets| presets.list().ok());
    let own = listed.into_iter().flatten().filter(|listed| listed.source.path().is_some());
    own.map(|listed| candidate(listed.name, &listed.title)).collect()
}

/// Profiles in `config.toml`.
pub fn profiles() -> Vec<CompletionCandidate> {
    let config = Dirs::from_env().ok().and_then(|dirs| Config::load(&dirs).ok());
    let profiles = config.map(|config| config.profiles).unwrap_or_default();
    profiles.into_values().map(|profile| candidate(profile.name, profile.protocol.word())).collect()
}

/// Runs by number, and `last`.
pub fn runs() -> Vec<CompletionCandidate> {
    let Some(dirs) = Dirs::from_env().ok().filter(|dirs| dirs.data.is_dir()) else { return Vec::new() };
    let query = RunQuery { limit: MOST_RUNS, ..RunQuery::default() };
    let runs = Store::open(&dirs).and_then(|store| store.summaries(&query)).unwrap_or_default();
    let newest = runs.first().map(|_| candidate("last", "the newest run"));
    let runs = runs
        .iter()
        .map(|run| candidate(run.id.to_string(), &format!("{} {}", run.status.word(), run.prompt)));
    newest.into_iter().chain(runs).collect()
}

/// Keys and aliases of the workflow on the command line; after `=` the parameter's known values.
pub fn settings(typed: &OsStr) -> Vec<CompletionCandidate> {
    offered(typed, |parameter| !matches!(parameter.kind, ParamKind::Link))
}

/// Keys and aliases that take a file.
pub fn files(typed: &OsStr) -> Vec<CompletionCandidate> {
    offered(typed, |parameter| matches!(parameter.kind, ParamKind::File(_)))
}

fn offered(typed: &OsStr, fits: impl Fn(&Parameter) -> bool) -> Vec<CompletionCandidate> {
    let (Some(typed), Some(draft)) = (typed.to_str(), draft()) else { return Vec::new() };
    if let Some((name, begun)) = typed.split_once('=') {
        let parameter = draft.named(name).ok().and_then(|named| draft.param(named.keys.first()?));
        let values = parameter.map(values).unwrap_or_default();
        let fitting = values.into_iter().filter(|value| value.starts_with(begun));
        return fitting.map(|value| CompletionCandidate::new(format!("{name}={value}"))).collect();
    }
    let aliases =
        draft.preset().aliases.iter().filter_map(|(name, key)| Some((name.clone(), draft.param(key)?)));
    let keys = draft.params().iter().map(|parameter| (parameter.key.to_string(), parameter));
    let names = aliases.chain(keys).filter(|(name, parameter)| name.starts_with(typed) && fits(parameter));
    names.map(|(name, parameter)| candidate(format!("{name}="), &parameter.label)).collect()
}

/// A parameter's known values.
fn values(parameter: &Parameter) -> Vec<String> {
    match parameter.kind {
        ParamKind::Boolean => vec!["true".to_owned(), "false".to_owned()],
        ParamKind::Choice | ParamKind::Several => {
            parameter.choices.iter().map(|choice| value::text(&choice.value)).collect()
        }
        _ => Vec::new(),
    }
}

/// The draft that the command line opens.
fn draft() -> Option<Draft> {
    // In `comfydeck -- comfydeck run flamingo --set pr` the words after `--` were typed.
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(words).ok()?;
    let (_, matches) = matches.subcommand()?;
    let text = |name: &str| get::<String>(matches, name);
    let (preset, profile, url) = (text("name").or_else(|| text("preset")), text("profile"), text("url"));
    let workflow =
        get::<PathBuf>(matches, "override_workflow").or_else(|| get::<PathBuf>(matches, "workflow"));
    let dirs = Dirs::from_env().ok()?;
    let config = Config::load(&dirs).ok()?;
    let target = OpenRequest {
        preset: preset.as_deref(),
        workflow: workflow.as_deref(),
        profile: profile.as_deref(),
        url: url.as_deref(),
    };
    let opening = open::open(&config, &known_presets()?, &Schemas::new(&dirs), &target).ok()?;
    Some(Draft::new(opening.workflow.params, opening.layer))
}

fn get<T: Clone + Send + Sync + 'static>(matches: &ArgMatches, name: &str) -> Option<T> {
    matches.try_get_one::<T>(name).ok().flatten().cloned()
}

fn known_presets() -> Option<Presets> {
    Some(Presets::new(&Dirs::from_env().ok()?, &std::env::current_dir().ok()?))
}
