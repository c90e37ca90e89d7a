//! `comfydeck replay RUN`.

use std::path::PathBuf;

use clap_complete::ArgValueCandidates;
use serde_json::{Value, json};

use super::follow::Interrupts;
use super::open::Destination;
use super::run::warn;
use super::run_arg::RunArg;
use super::run_output::{self, OutputMode};
use super::{Exit, Failure, complete, history, out};
use crate::config::{Config, Profile};
use crate::domain::inputs::is_seed_name;
use crate::domain::run::Output;
use crate::domain::{Run, RunId, Shape};
use crate::picture::likeness;
use crate::runner;
use crate::store::{Store, StoreError};
use crate::wire::ansi::scrub_plain;

/// Which run, where, and how to report it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's number, or `last`
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    pub run: RunArg,
    /// Where to run, instead of where it ran
    #[command(flatten)]
    pub place: Destination,
    /// Print the log on stderr also where that is neither a terminal nor a file
    #[arg(short = 'v', long, conflicts_with = "detach")]
    pub logs: bool,
    /// Print the new run's number and leave; the run goes on
    #[arg(long)]
    pub detach: bool,
    /// Folder for the outputs, instead of that of the first run
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// Sends exactly what a run sent (values, seeds, files by content, its workflow where that travelled along), follows
/// it, and says whether the outputs are the same.
///
/// # Errors
/// When a file is not kept any more, or the new run does not end well.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    let first = args.run.find(&store)?;
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    warn(&config.warnings);
    let profile = place(&config, &args.place, &first)?;
    for doubt in doubts(&first, &profile) {
        out::note(format!("note: {doubt}"));
    }
    // From here on Ctrl+C is for the run.
    let interrupts = if args.detach { None } else { Some(Interrupts::take()?) };
    let id = runner::enqueue_again(&store, &dirs, first.id, &profile, args.output.as_deref())?;
    runner::ensure(&dirs)
        .map_err(|error| Failure::new(Exit::Lost, format!("run {id} is queued, but not started: {error}")))?;
    let mode = OutputMode { json: args.json, detach: args.detach, logs: args.logs };
    let exit = run_output::queued_run(&dirs, &store, id, mode, interrupts).map_err(Failure::after_sending)?;
    if !args.detach {
        compare(&store, &first, id, args.json)?;
    }
    Ok(exit)
}

/// Where to run: as the person says, else where it ran.
fn place(config: &Config, place: &Destination, first: &Run) -> Result<Profile, Failure> {
    let request = &first.request;
    let said = place.profile.as_deref();
    let (profile, url) = match request.profile.as_str() {
        "" if said.is_none() => (None, place.url.as_deref().or(Some(request.url.as_str()))),
        "" => (said, place.url.as_deref()),
        known => (said.or(Some(known)), place.url.as_deref()),
    };
    config.choose(profile, url).map_err(Failure::usage)
}

/// Why the result may be another, as far as can be known before.
fn doubts(first: &Run, profile: &Profile) -> Vec<String> {
    let request = &first.request;
    let mut doubts = Vec::new();
    if profile.url != request.url {
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
    doubts
}

/// Says of each output of the first run whether the new one made the same.
fn compare(store: &Store, first: &Run, id: RunId, as_json: bool) -> Result<(), Failure> {
    let run = store.run(id)?.ok_or(StoreError::NoSuchRun(id))?;
    let mut lines = Vec::new();
    let mut told = Vec::new();
    for (at, output) in first.outputs.iter().enumerate() {
        // By content where there is one, else the one at the same place.
        let same = run.outputs.iter().find(|new| new.sha256 == output.sha256);
        let new = same.or_else(|| run.outputs.get(at));
        let how = how(output, new);
        let name = scrub_plain(&output.name);
        lines.push(format!("{name}: {how}"));
        told.push(json!({
            "name": output.name,
            "before": output.path.to_string_lossy(),
            "now": new.map(|new| new.path.to_string_lossy()),
            "same": same.is_some(),
            "how": how,
        }));
    }
    let all_same = told.iter().all(|output| output["same"] == Value::Bool(true));
    if as_json {
        let line =
            json!({"event": "compared", "run": id, "with": first.id, "same": all_same, "outputs": told});
        out::print(&format!("{line}\n"))?;
        return Ok(());
    }
    match lines.len() {
        0 => out::note(format!("run {} has no outputs to compare with", first.id)),
        1 if all_same => out::note(format!("the same byte for byte as what run {} made", first.id)),
        count if all_same => {
            out::note(format!(
                "all {count} outputs are the same byte for byte as what run {} made",
                first.id
            ));
        }
        _ => lines.into_iter().for_each(out::note),
    }
    Ok(())
}

/// How an output of the new run stands to one of the first.
fn how(before: &Output, now: Option<&Output>) -> String {
    let Some(now) = now else { return "the new run did not make it".to_owned() };
    if now.sha256 == before.sha256 {
        return "the same byte for byte".to_owned();
    }
    match likeness::compare(&before.path, &now.path) {
        Ok(likeness) => likeness.to_string(),
        Err(why) => format!("not the same bytes; the pictures cannot be compared: {why}"),
    }
}
