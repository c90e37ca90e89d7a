//! `comfydeck share RUN`.

use std::path::{Path, PathBuf};

use clap_complete::ArgValueCandidates;

use super::run_arg::RunArg;
use super::{Exit, Failure, complete, history, out};
use crate::config::{Config, files};
use crate::runner::share::{self, Sharing};
use crate::wire::ansi::scrub_plain;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's number, or `last`
    #[arg(value_name = "RUN", add = ArgValueCandidates::new(complete::runs))]
    pub run: RunArg,
    /// The file to write, instead of run-N.comfydeck.json; - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Writes a run into one file for another machine or service.
///
/// # Errors
/// When something of the run is not kept any more, or the file cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (dirs, store) = history::open()?;
    let config = Config::load(&dirs).map_err(Failure::usage)?;
    let run = args.run.find(&store)?;
    let Sharing { shared, secrets, paths } =
        share::share(&store, &dirs, &config, &run).map_err(Failure::usage)?;
    let text = shared.to_text().map_err(Failure::usage)?;
    for (what, places) in [
        ("secrets, or what looks like one, were left out of", secrets),
        ("only the names are left of paths of this machine in", paths),
    ] {
        if !places.is_empty() {
            out::note(format!("{what}: {}", scrub_plain(&places.join(", "))));
        }
    }
    let path = args.output.unwrap_or_else(|| PathBuf::from(format!("run-{}.comfydeck.json", run.id)));
    if path == Path::new("-") {
        out::print(&text)?;
        return Ok(Exit::Success);
    }
    if path.exists() {
        let why = format!("{} exists already. Name another file, or delete that one first", path.display());
        return Err(Failure::usage(why));
    }
    files::replace(&path, text.as_bytes(), 0o644)
        .map_err(|why| Failure::new(Exit::Failed, format!("{} cannot be written: {why}", path.display())))?;
    out::print(&format!("{}\n", path.display()))?;
    Ok(Exit::Success)
}
