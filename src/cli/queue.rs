//! `comfydeck queue`: what waits, in which order, and what is held.

use clap::Subcommand;
use clap_complete::ArgValueCandidates;

use super::complete;
use super::console::Console;
use super::run_arg::RunArg;
use super::{Exit, Failure, history, out};
use crate::config::{Config, Dirs};
use crate::domain::batch::Hold;
use crate::domain::search::{Fact, When, ago};
use crate::domain::spend::queue_left;
use crate::domain::{RunId, Search, Status};
use crate::report::batch as report;
use crate::report::text::duration;
use crate::report::{human, json};
use crate::runner;
use crate::store::{RunQuery, Store, now};

/// What to do with the queue.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send these runs before all others that wait, also when they are held
    First(Which),
    /// Send a run before the one in front of it
    Earlier(Which),
    /// Send a run after the one behind it
    Later(Which),
    /// Hold these runs, or all that waits; those in flight go on
    Hold(Chosen),
    /// Let these runs go on, or all that a person holds
    Resume(Chosen),
    /// Cancel all that waits; asked first. Those in flight go on
    Cancel {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Queue runs that failed again, each exactly as it was; asked first. Spends money
    Retry {
        /// Runs that were queued no longer ago than this
        #[arg(long, value_name = "AGE", default_value = "1d", value_parser = age)]
        since: i64,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The run's number
    #[arg(value_name = "RUN", required = true, add = ArgValueCandidates::new(complete::runs))]
    runs: Vec<RunArg>,
}

#[derive(Debug, clap::Args)]
struct Chosen {
    /// The run's number; all without one
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    runs: Vec<RunArg>,
}

fn age(text: &str) -> Result<i64, String> {
    ago(text).ok_or_else(|| "an age is a number with m, h, d or w: 90m, 12h, 1d".to_owned())
}

/// Does it.
///
/// # Errors
/// When a run does not wait, nobody agrees, or the history cannot be used.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    match args.command {
        None => show(&dirs, &store, args.json)?,
        Some(Command::First(which)) => {
            // The one that is named first goes first.
            each(&store, which.runs.iter().rev(), |run| Ok(store.run_first(run)?))?;
            runner::ensure(&dirs)?;
        }
        Some(Command::Earlier(which)) => moved(&store, &which, true)?,
        Some(Command::Later(which)) => moved(&store, &which, false)?,
        Some(Command::Hold(which)) if which.runs.is_empty() => {
            let held = store.hold_queue(true)?;
            out::note(format!("{} held; those in flight go on", report::runs(held)));
        }
        Some(Command::Hold(which)) => each(&store, which.runs.iter(), |run| Ok(store.hold_run(run, true)?))?,
        Some(Command::Resume(which)) if which.runs.is_empty() => {
            let resumed = runner::resume_queue(&store, &dirs)?;
            out::note(format!("{} may go on", report::runs(resumed)));
        }
        Some(Command::Resume(which)) => {
            each(&store, which.runs.iter(), |run| Ok(store.hold_run(run, false)?))?;
            runner::ensure(&dirs)?;
        }
        Some(Command::Cancel { yes }) => cancel(&store, &dirs, yes)?,
        Some(Command::Retry { since, yes }) => retry(&store, &dirs, since, yes)?,
    }
    Ok(Exit::Success)
}

/// Does something to each run, which must be queued.
fn each<'a>(
    store: &Store,
    runs: impl Iterator<Item = &'a RunArg>,
    change: impl Fn(RunId) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    for run in runs {
        let run = run.find(store)?;
        if run.status != Status::Queued {
            return Err(Failure::usage(format!("run {} is not queued: {}", run.id, run.status.word())));
        }
        change(run.id)?;
    }
    Ok(())
}

fn moved(store: &Store, which: &Which, earlier: bool) -> Result<(), Failure> {
    each(store, which.runs.iter(), |run| match store.move_in_queue(run, earlier)? {
        true => Ok(true),
        false => {
            let end = if earlier { "the first" } else { "the last" };
            Err(Failure::usage(format!("run {run} is {end} of its endpoint already, or held")))
        }
    })
}

fn cancel(store: &Store, dirs: &Dirs, yes: bool) -> Result<(), Failure> {
    let waiting = store.queued_runs()?.len();
    if waiting == 0 {
        out::note("nothing waits");
        return Ok(());
    }
    let question =
        format!("Cancel {} that wait? They have not been sent, so they cost nothing.", report::runs(waiting));
    if !yes && !out::is_agreed(&question)? {
        return Err(Failure::new(Exit::Cancelled, "nothing was cancelled"));
    }
    let cancelled = runner::cancel_queue(store, dirs)?;
    out::note(format!("{} not sent", report::runs(cancelled)));
    Ok(())
}

fn retry(store: &Store, dirs: &Dirs, since: i64, yes: bool) -> Result<(), Failure> {
    let search = Search::default().and(Fact::Status(vec![Status::Failed])).and(Fact::After(When::Ago(since)));
    let mut failed =
        store.summaries(&RunQuery { hides_rejected: true, limit: 1_000, ..RunQuery::of(search) })?;
    failed.reverse();
    if failed.is_empty() {
        out::note("no run has failed since then");
        return Ok(());
    }
    let numbers: Vec<String> = failed.iter().take(12).map(|run| run.id.to_string()).collect();
    let more = if failed.len() > 12 { ", …" } else { "" };
    let question = format!(
        "Run {} again, exactly as they were: {}{more}?",
        report::runs(failed.len()),
        numbers.join(", ")
    );
    if !yes && !out::is_agreed(&question)? {
        return Err(Failure::new(Exit::Cancelled, "nothing was sent"));
    }
    let config = Config::load(dirs).map_err(Failure::usage)?;
    for run in &failed {
        let profile = config.profile(&run.profile).map_err(Failure::usage)?;
        runner::enqueue_again(store, dirs, run.id, &profile, None)?;
    }
    runner::ensure(dirs)?;
    out::note(format!("{} queued again", report::runs(failed.len())));
    Ok(())
}

/// How long the whole queue takes, where that is known.
fn left(dirs: &Dirs, store: &Store) -> Result<Option<i64>, Failure> {
    let config = Config::load(dirs).unwrap_or_default();
    let at_once = |profile: &str| config.profiles.get(profile).map_or(1, |profile| profile.concurrency);
    let counts = store.counts()?;
    let loads =
        counts.loads.iter().map(|((profile, workflow), load)| (profile.as_str(), workflow.as_str(), *load));
    Ok(queue_left(loads, |workflow| store.usual(workflow).ok().flatten(), at_once, now()))
}

fn show(dirs: &Dirs, store: &Store, is_json: bool) -> Result<(), Failure> {
    let mut runs = store.runs_in_flight()?;
    runs.extend(store.queued_runs()?);
    if is_json {
        let lines: String = runs.iter().map(|run| format!("{}\n", json::summary(run))).collect();
        out::print(&lines)?;
    } else if runs.is_empty() {
        out::note("nothing is under way");
    } else {
        let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
        let briefs = store.briefs(&ids)?.into_iter().collect();
        out::print(&human::list(&runs, &briefs, &history::moment(), Console::stdout().paper()))?;
        if let Some(ms) = left(dirs, store)? {
            out::note(format!("about {} left", duration(ms)));
        }
        for hold in Hold::ALL {
            let held = runs.iter().filter(|run| run.held == Some(hold)).count();
            if held > 0 {
                let remedy = hold.remedy_of_runs().map(|remedy| format!(". {remedy}")).unwrap_or_default();
                out::note(format!("{} {}{remedy}", report::runs(held), hold.why()));
            }
        }
    }
    Ok(())
}
