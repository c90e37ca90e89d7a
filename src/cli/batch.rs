//! `comfydeck batch`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;

use super::batch_args::amount;
use super::console::Console;
use super::run_arg::RunArg;
use super::{Exit, Failure, history, out};
use crate::config::{Config, files};
use crate::domain::Status;
use crate::domain::batch::table::Table;
use crate::domain::batch::{Batch, BatchId, Hold};
use crate::picture::read::Watch;
use crate::report::batch as report;
use crate::report::sheet;
use crate::report::table::Tone;
use crate::report::text::cut;
use crate::store::{Store, StoreError, now};
use crate::{picture, runner};

/// Time limit for drawing a sheet.
const SHEET_TIME: Duration = Duration::from_secs(600);

/// What to do with a batch.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how far a batch is, and its runs
    Show {
        #[command(flatten)]
        which: Which,
        /// Print JSON: the batch, then one object for each run
        #[arg(long)]
        json: bool,
    },
    /// Send no more of its runs until it is resumed; those in flight go on
    Hold(Which),
    /// Go on with what is held
    Resume {
        #[command(flatten)]
        which: Which,
        /// What the batch may cost from now on
        #[arg(long, value_name = "AMOUNT", value_parser = amount)]
        max_cost: Option<f64>,
    },
    /// Cancel what has not ended
    Cancel(Which),
    /// Queue the failed runs again, each exactly as it was. Spends money
    Retry(Which),
    /// Save what the runs made as one picture, with the axes written in it, or as a table
    Sheet {
        #[command(flatten)]
        which: Which,
        /// A .png, .html or .md file
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Send these runs before all others that wait, also when they are held
    First {
        /// The run's number, as `batch show` lists them
        #[arg(value_name = "RUN", required = true)]
        runs: Vec<RunArg>,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The batch's number, or `last`
    #[arg(value_name = "BATCH", value_parser = number)]
    batch: Number,
}

#[derive(Clone, Copy, Debug)]
enum Number {
    Last,
    Of(BatchId),
}

fn number(text: &str) -> Result<Number, String> {
    match text {
        "last" => Ok(Number::Last),
        text => match text.parse() {
            Ok(id) if id > 0 => Ok(Number::Of(id)),
            _ => Err("a batch is named by its number, or by `last`".to_owned()),
        },
    }
}

impl Which {
    fn find(&self, store: &Store) -> Result<Batch, Failure> {
        let id = match self.batch {
            Number::Of(id) => id,
            Number::Last => store.last_batch()?.ok_or_else(|| Failure::usage("there are no batches yet"))?,
        };
        Ok(store.batch(id)?.ok_or(StoreError::NoSuchBatch(id))?)
    }
}

/// Does it.
///
/// # Errors
/// When there is no such batch or nothing to do, or the history cannot be used.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    match args.command {
        Command::Show { which, json } => show(&store, &which.find(&store)?, json)?,
        Command::Hold(which) => {
            let id = which.find(&store)?.id;
            let held = store.hold_batch(id, Hold::Asked)?;
            if held == 0 {
                return Err(Failure::usage(format!("batch {id} has no run that waits and is not held")));
            }
            out::note(format!("batch {id}: {} held; those in flight go on", report::runs(held)));
        }
        Command::Resume { which, max_cost } => {
            let batch = which.find(&store)?;
            if max_cost.is_some() {
                store.set_most_cost(batch.id, max_cost)?;
            }
            let resumed = runner::resume_batch(&store, &dirs, batch.id)?;
            if resumed == 0 {
                return Err(Failure::usage(format!("nothing of batch {} is held", batch.id)));
            }
            out::note(format!("batch {}: {} may go on", batch.id, report::runs(resumed)));
        }
        Command::Cancel(which) => {
            let id = which.find(&store)?.id;
            let rest = runner::cancel_batch(&store, &dirs, id)?;
            out::note(match (rest.unsent.len(), rest.asked) {
                (0, 0) => return Err(Failure::usage(format!("every run of batch {id} has ended already"))),
                (unsent, 0) => format!("batch {id}: {} not sent", report::runs(unsent)),
                (unsent, asked) => {
                    format!(
                        "batch {id}: {} not sent, {asked} in flight being cancelled",
                        report::runs(unsent)
                    )
                }
            });
        }
        Command::Retry(which) => {
            let batch = which.find(&store)?;
            let config = Config::load(&dirs).map_err(Failure::usage)?;
            let profile = runner::profile_of_batch(&store, &config, batch.id)?;
            let retried = runner::retry_batch(&store, &dirs, batch.id, &profile)?;
            if retried == 0 {
                let lost = batch.count(|status| status == Status::Lost);
                let lost = if lost > 0 {
                    format!(
                        "; of {lost} lost ones it is not known whether they ran, so they are not sent again"
                    )
                } else {
                    String::new()
                };
                return Err(Failure::usage(format!("no run of batch {} has failed{lost}", batch.id)));
            }
            runner::ensure(&dirs)?;
            out::note(format!("batch {}: {} queued again", batch.id, report::runs(retried)));
        }
        Command::Sheet { which, output } => save(&store.sheet(which.find(&store)?.id)?, &output)?,
        Command::First { runs } => {
            // The one that is named first goes first.
            for run in runs.iter().rev() {
                let run = run.find(&store)?;
                if !store.run_first(run.id)? {
                    return Err(Failure::usage(format!(
                        "run {} is not queued: {}",
                        run.id,
                        run.status.word()
                    )));
                }
            }
            runner::ensure(&dirs)?;
        }
    }
    Ok(Exit::Success)
}

fn save(table: &Table, path: &Path) -> Result<(), Failure> {
    let folder = std::path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_owned()));
    let folder = folder.unwrap_or_default();
    let content = match path.extension().and_then(|extension| extension.to_str()) {
        Some("png") => picture::sheet::png(table, &Watch::new(SHEET_TIME)).map_err(Failure::usage)?,
        Some("html" | "htm") => sheet::html(table, &folder).into_bytes(),
        Some("md") => sheet::markdown(table, &folder).into_bytes(),
        _ => return Err(Failure::usage("the name of the sheet should end in .png, .html or .md")),
    };
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::Failed, format!("{} cannot be written: {why}", path.display()))
    };
    files::replace(path, &content, 0o644).map_err(|why| failed(&why))?;
    out::print(&format!("{}\n", path.display()))?;
    Ok(())
}

fn show(store: &Store, batch: &Batch, json: bool) -> Result<(), Failure> {
    let outline = store.outline(batch.id)?.unwrap_or_default();
    let runs = store.batch_runs(batch.id, 0, usize::MAX)?;
    if json {
        let mut state = report::json_state("batch", batch, now());
        state["axes"] = serde_json::json!(outline.axes);
        state["combine"] = serde_json::json!(outline.combine);
        let lines = runs.iter().map(|run| {
            let mut line = crate::report::json::summary(run);
            if let Some(line) = line.as_object_mut() {
                line.extend(report::json_place(run, &outline));
            }
            line.to_string()
        });
        let lines: Vec<String> = std::iter::once(state.to_string()).chain(lines).collect();
        out::print(&format!("{}\n", lines.join("\n")))?;
        return Ok(());
    }
    let paper = Console::stdout().paper();
    let head = format!("batch {}  {}  {}", batch.id, report::axes(&outline), report::state(batch, now()));
    let head = paper.ink(Tone::Strong, &cut(&head, paper.width));
    out::print(&format!("{head}\n{}", report::table_of_runs(&runs, &outline, paper)))?;
    if let Some(remedy) = batch.held.and_then(|(hold, _)| hold.remedy(batch.id)) {
        out::note(remedy);
    }
    Ok(())
}
