//! `comfydeck run [PRESET]`: queues a run and follows it to its end.

mod args;
mod prepared;

use std::path::{Path, PathBuf};

pub use args::Args;
use prepared::{Prepared, prepare};

use super::follow::Interrupts;
use super::run_output;
use super::run_watch::{self, Watching};
use super::{Exit, Failure, out, run_batch};
use crate::config::Dirs;
use crate::domain::batch::{self, Plan};
use crate::domain::draft::Unnamed;
use crate::domain::{Doubt, Draft, ParamKey, Parameter, RunId, Setting, Shape, value};
use crate::library::presets::WorkflowSource;
use crate::library::wildcards::WildcardFiles;
use crate::report::{human, json};
use crate::runner::{self, IfSame, NewRun};
use crate::store::Store;

/// Queues a run and follows it to its end.
///
/// # Errors
/// Why the run was not queued, or how it ended.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let dirs = super::dirs()?;
    let working = std::env::current_dir()
        .map_err(|e| Failure::usage(format!("the working directory cannot be read: {e}")))?;
    let mut prepared = prepare(&args, &dirs, &working)?;
    let store = Store::open(&dirs)?;
    if args.watch {
        return run_watch::main(&store, &watching(&args, &prepared, &working));
    }
    prepared.go_on(&store)?;
    let wildcards = WildcardFiles::new(&dirs, &working);
    let caps = prepared.profile.protocol.caps();
    let mut submission = prepared.draft.submission(caps.needs_a_value).map_err(Failure::usage)?;
    let goes_along = args.sends_workflow() || caps.shape == Shape::Graph;
    refuse_unfilled(&prepared.draft.unfilled(&submission, goes_along), args.lenient)?;
    let plan = || args.batch.plan(&prepared.draft, &prepared.opening.workflow.source.shown(), &working);
    let plan = args.batch.is_given().then(plan).transpose()?;
    let doubts = |draft: &Draft| match &plan {
        Some(plan) => batch_doubts(draft, plan, caps.needs_a_value, goes_along),
        None => {
            let doubts = draft.doubts(&submission, goes_along);
            doubts.into_iter().map(|(parameter, doubt)| (parameter.key.clone(), doubt)).collect()
        }
    };
    if !doubts(&prepared.draft).is_empty() {
        prepared.ask_server_again(&dirs);
    }
    refuse_doubtful(&doubts(&prepared.draft), args.lenient || args.dry_run)?;
    if !args.no_expand {
        submission.expand(fastrand::u64(..), &wildcards).map_err(Failure::usage)?;
    }
    let prompt = prepared.draft.prompt();
    let workflow_name = prepared.opening.workflow.source.name();
    let new = NewRun {
        profile: &prepared.profile,
        workflow: &prepared.opening.workflow.workflow,
        workflow_name: &workflow_name,
        preset: prepared.opening.preset.as_ref().map(|preset| preset.name.as_str()),
        submission: &submission,
        prompt: &prompt,
        send_workflow: args.sends_workflow(),
        logs: !args.no_logs,
        output_dir: args.output.as_deref().unwrap_or_else(|| prepared.profile.outputs(&dirs)),
        if_same: if args.unless_same { IfSame::Refuse } else { IfSame::Warn },
    };
    let manner = args.mode;
    if let Some(plan) = plan {
        let order = run_batch::Order {
            new,
            draft: &prepared.draft,
            plan,
            wildcards: (!args.no_expand).then_some(&wildcards),
            most_cost: args.batch.max_cost,
            yes: args.batch.yes,
            dry_run: args.dry_run,
        };
        return run_batch::main(&dirs, &store, order, manner);
    }
    if args.dry_run {
        return dry_run(&new, args.mode.json);
    }
    // From here on Ctrl+C cancels the run.
    let interrupts = if args.mode.detach { None } else { Some(Interrupts::take()?) };
    let id = submit(&dirs, &store, &new)?;
    run_output::queued_run(&dirs, &store, id, manner, interrupts).map_err(Failure::after_sending)
}

/// The files that a run is made of, as far as they are files of this machine.
fn watching(args: &Args, prepared: &Prepared, working: &Path) -> Watching {
    let mut files: Vec<PathBuf> =
        prepared.opening.preset.iter().flat_map(|preset| preset.content.files.iter().cloned()).collect();
    if let WorkflowSource::File(path) = &prepared.opening.workflow.source {
        files.push(path.clone());
    }
    let is_known = |name: &str| prepared.draft.named(name) != Err(Unnamed::Unknown);
    let texts = args.set.iter().filter_map(|pair| {
        let (_, text) = pair.split(is_known).ok()?;
        let path = text.strip_prefix('@').filter(|path| !path.starts_with('@') && *path != "-")?;
        Some(crate::config::dirs::expand(path, working))
    });
    files.extend(texts);
    let uploads =
        prepared.draft.params().iter().filter_map(|parameter| match prepared.draft.setting(&parameter.key) {
            Some(Setting::File(path)) => Some(path),
            Some(Setting::Value(_)) | None => None,
        });
    files.extend(uploads);
    files.sort();
    files.dedup();
    Watching {
        files,
        most_runs: args.watch_runs,
        most_cost: args.batch.max_cost,
        cost_per_second: prepared.profile.cost_per_second,
        yes: args.batch.yes,
    }
}

/// Refuses to send placeholders, unless `lenient`.
fn refuse_unfilled(unfilled: &[&Parameter], lenient: bool) -> Result<(), Failure> {
    if unfilled.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = unfilled
        .iter()
        .map(|parameter| format!("`{}` = {}", parameter.key, value::text(&parameter.default)))
        .collect();
    let are = if names.len() == 1 { "one value is" } else { "some values are" };
    let told = format!("{are} still to be filled in: {}", names.join(", "));
    if lenient {
        out::note(format!("warning: {told}. Sent as written"));
        return Ok(());
    }
    Err(Failure::usage(format!(
        "nothing was sent: {told}. Set them with --set KEY=VALUE, or send them as written with --lenient"
    )))
}

fn batch_doubts(draft: &Draft, plan: &Plan, needs_a_value: bool, goes_along: bool) -> Vec<(ParamKey, Doubt)> {
    let doubts = batch::doubts::doubts(draft, plan, needs_a_value, goes_along);
    doubts.into_iter().map(|found| (found.key, found.doubt)).collect()
}

/// Refuses to send what the server does not take, unless `lenient`.
fn refuse_doubtful(doubts: &[(ParamKey, Doubt)], lenient: bool) -> Result<(), Failure> {
    /// Most values that are named.
    const MOST: usize = 10;
    if doubts.is_empty() {
        return Ok(());
    }
    let told = |(key, doubt): &(ParamKey, Doubt)| {
        let near = doubt.nearest.as_ref().map(|near| format!(" (nearest: {})", value::text(near)));
        format!("`{key}`: {}{}", doubt.why, near.unwrap_or_default())
    };
    let mut told: Vec<String> = doubts.iter().take(MOST).map(told).collect();
    if doubts.len() > MOST {
        told.push(format!("{} more", doubts.len() - MOST));
    }
    let told = format!("the server does not take {}", told.join("; "));
    if lenient {
        out::note(format!("warning: {told}"));
        return Ok(());
    }
    Err(Failure::usage(format!(
        "nothing was sent: {told}. Set other values with --set KEY=VALUE, or send these with --lenient"
    )))
}

/// Shows what a run would send, without sending it.
fn dry_run(new: &NewRun<'_>, as_json: bool) -> Result<Exit, Failure> {
    let outgoing = runner::outgoing(new)?;
    let output_dir = runner::absolute(new.output_dir)?;
    if as_json {
        out::print(&format!("{}\n", json::outgoing(&outgoing, &output_dir, new.submission)))?;
        return Ok(Exit::Success);
    }
    out::print(&human::outgoing(&outgoing))?;
    for (key, value, rule) in new.submission.by_program() {
        out::note(human::by_program(key.as_str(), value, rule));
    }
    for (key, template) in new.submission.templates.iter().flat_map(|templates| &templates.texts) {
        out::note(human::expanded(key, template));
    }
    out::note(format!("outputs would go to {}", output_dir.display()));
    out::note("nothing was sent");
    Ok(Exit::Success)
}

fn submit(dirs: &Dirs, store: &Store, new: &NewRun<'_>) -> Result<RunId, Failure> {
    let id = runner::enqueue(store, dirs, new)?;
    runner::ensure(dirs)
        .map_err(|error| Failure::new(Exit::Lost, format!("run {id} is queued, but not started: {error}")))?;
    Ok(id)
}
