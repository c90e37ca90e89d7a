//! `comfydeck fetch PROMPT_ID`: downloads the outputs of a run that its server knows.

use std::path::{Path, PathBuf};

use clap_complete::ArgValueCandidates;

use super::complete;
use super::open::Destination;
use super::run_output::{self, OutputMode};
use super::{Exit, Failure, history, out};
use crate::backend::{self, Server};
use crate::config::{Config, Dirs, Profile};
use crate::domain::server::ServerRun;
use crate::domain::{Run, RunId, Status};
use crate::report::json;
use crate::runner;
use crate::store::{RunQuery, Store};
use crate::wire::ansi::scrub_plain;

/// Longest accepted name of a run at a server, in characters.
const LONGEST_NAME: usize = 200;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server's name of the run (its prompt id), or the number of a run in the history, or `last`
    #[arg(value_name = "PROMPT_ID", add = ArgValueCandidates::new(complete::runs), required_unless_present = "list")]
    pub name: Option<String>,
    /// List the runs that the server has, from wherever they were sent (protocol `v2`)
    #[arg(long, conflicts_with_all = ["name", "logs", "detach", "output"])]
    pub list: bool,
    /// Where the run was sent, when the history does not know it
    #[command(flatten)]
    pub place: Destination,
    /// Folder for the outputs
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub mode: OutputMode,
}

/// Finds a run at its server, follows it to its end and saves its outputs. Nothing is sent again. Ctrl+C leaves the
/// run to the background runner.
///
/// # Errors
/// Why it cannot be fetched, or how the run ended.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    let Some(name) = &args.name else { return list(&dirs, &store, &args) };
    let name = match name.trim() {
        "last" => newest(&store)?.to_string(),
        name => name.to_owned(),
    };
    let (prompt_id, known) = find(&store, &name)?;
    let id = match &known {
        Some(run) if !run.status.is_end() => run.id,
        Some(run) if args.output.is_none() && is_all_there(run) => {
            return report_existing(run, args.mode.json);
        }
        known => {
            let config = Config::load(&dirs).map_err(Failure::usage)?;
            out::warn(&config.warnings);
            let profile = profile(&config, &args.place, known.as_ref())?;
            let request = known.as_ref().map(|run| run.request.clone());
            let output_dir = args.output.as_deref();
            let output_dir = output_dir
                .or(request.as_ref().map(|request| request.output_dir.as_path()))
                .unwrap_or_else(|| profile.outputs(&dirs))
                .to_owned();
            runner::adopt(&store, &dirs, &profile, &prompt_id, request, &output_dir)?
        }
    };
    runner::ensure(&dirs)
        .map_err(|error| Failure::new(Exit::Lost, format!("run {id} is queued, but not started: {error}")))?;
    run_output::queued_run(&dirs, &store, id, args.mode, None)
}

/// Lists the runs that the server has.
fn list(dirs: &Dirs, store: &Store, args: &Args) -> Result<Exit, Failure> {
    let config = Config::load(dirs).map_err(Failure::usage)?;
    out::warn(&config.warnings);
    let profile =
        config.choose(args.place.profile.as_deref(), args.place.url.as_deref()).map_err(Failure::usage)?;
    if !profile.protocol.caps().list {
        return Err(Failure::usage(format!(
            "servers of protocol `{}` do not list their runs; choose a profile with protocol `v2` (--profile NAME)",
            profile.protocol.word()
        )));
    }
    let server = Server::of(&profile, profile.credentials().map_err(Failure::usage)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let runs = runtime.block_on(backend::for_protocol(profile.protocol).runs(server)).map_err(|error| {
        Failure::new(Exit::Failed, format!("{}. {}", error.what.trim_end_matches('.'), error.remedy))
    })?;
    let runs: Vec<_> =
        runs.into_iter().map(|run| Ok((store.run_named(&run.name)?, run))).collect::<Result<_, Failure>>()?;
    let text: String = if args.mode.json {
        runs.iter().map(|(ours, run)| format!("{}\n", json::server_run(run, *ours))).collect()
    } else {
        runs.iter().map(|(ours, run)| listed(run, *ours)).collect()
    };
    out::print(&text)?;
    if runs.is_empty() && !args.mode.json {
        out::note("the server has no runs");
    }
    Ok(Exit::Success)
}

fn listed(run: &ServerRun, ours: Option<RunId>) -> String {
    let ServerRun { name, status, created, outputs } = run;
    let files = if *outputs == 1 { "1 file".to_owned() } else { format!("{outputs} files") };
    let ours = ours.map_or_else(|| "not in the history".to_owned(), |run| format!("run {run}"));
    let created: String = scrub_plain(created).chars().take(19).collect();
    format!("{}  {created}  {status:<9}  {files}  {ours}\n", scrub_plain(name))
}

/// The newest run that has a name at a server.
fn newest(store: &Store) -> Result<RunId, Failure> {
    let mut query = RunQuery::default();
    loop {
        let page = store.summaries(&query)?;
        if let Some(run) = page.iter().find(|run| run.prompt_id.is_some() && run.protocol.caps().attach) {
            return Ok(run.id);
        }
        query.before = page.last().map(|run| run.id);
        if query.before.is_none() {
            return Err(Failure::usage("there is no run yet that could be fetched"));
        }
    }
}

/// The run's name at the server, and the run in the history, if it is there.
fn find(store: &Store, name: &str) -> Result<(String, Option<Run>), Failure> {
    if let Some(run) = name.parse::<RunId>().ok().map(|id| store.run(id)).transpose()?.flatten() {
        let prompt_id = run.prompt_id.clone().ok_or_else(|| {
            let why = format!("run {name} has no prompt id, so it cannot be fetched");
            Failure::usage(format!("{why}: it was never sent, or its protocol gives none"))
        })?;
        if !run.status.is_end() || is_all_there(&run) {
            return Ok((prompt_id, Some(run)));
        }
        // A later fetch may have saved the outputs.
        let newest = store.run_named(&prompt_id)?.map(|id| store.run(id)).transpose()?.flatten();
        return Ok((prompt_id, newest.or(Some(run))));
    }
    let is_name =
        |name: &str| (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(|c| c.is_ascii_graphic());
    if !is_name(name) {
        let what = "a run is fetched by its prompt id, such as 7c9e6679-7425-40de-944b-e07fc1f90ae7";
        return Err(Failure::usage(what));
    }
    let known = store.run_named(name)?.map(|id| store.run(id)).transpose()?.flatten();
    Ok((name.to_owned(), known))
}

/// The profile of the run: as given, else as it was sent, else the default.
fn profile(config: &Config, place: &Destination, known: Option<&Run>) -> Result<Profile, Failure> {
    let known = known.map(|run| run.request.profile.as_str()).filter(|name| !name.is_empty());
    let profile =
        config.choose(place.profile.as_deref().or(known), place.url.as_deref()).map_err(Failure::usage)?;
    if !backend::for_protocol(profile.protocol).caps().attach {
        return Err(Failure::usage(format!(
            "{} speaks protocol \"{}\", which cannot find a run again. Name another with --profile",
            if profile.name.is_empty() { "--url".to_owned() } else { format!("profile `{}`", profile.name) },
            profile.protocol.word()
        )));
    }
    Ok(profile)
}

/// Whether all outputs of the run are on disk with their original content.
fn is_all_there(run: &Run) -> bool {
    let is_there = |path: &Path, size| std::fs::metadata(path).is_ok_and(|found| found.len() == size);
    run.status == Status::Done && run.outputs.iter().all(|output| is_there(&output.path, output.size))
}

fn report_existing(run: &Run, as_json: bool) -> Result<Exit, Failure> {
    if as_json {
        out::print(&format!("{}\n", json::finished(run)))?;
        return Ok(Exit::Success);
    }
    out::note(format!("run {} has already downloaded everything", run.id));
    let paths = run.outputs.iter().map(|output| format!("{}\n", output.path.display()));
    out::print(&paths.collect::<String>())?;
    Ok(Exit::Success)
}
