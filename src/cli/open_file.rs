//! `comfydeck open FILE`.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use super::{Exit, Failure, history, out};
use crate::runner::share;
use crate::wire::share::{MOST_BYTES, Shared};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file that `comfydeck share` wrote
    pub file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Takes a shared run into the history. Nothing is sent.
///
/// # Errors
/// When the file is no shared run, or the history cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let shown = args.file.display().to_string();
    let mut bytes = Vec::new();
    File::open(&args.file)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|why| Failure::usage(format!("{shown} cannot be read: {why}")))?;
    let (shared, workflow) = Shared::read(&bytes).map_err(|why| Failure::usage(format!("{shown}: {why}")))?;
    let (dirs, store) = history::open()?;
    let (inputs, outputs) = (shared.files.len(), shared.outputs.len());
    let run = share::take_in(&store, &dirs, shared, &workflow).map_err(Failure::usage)?;
    if args.json {
        let line = serde_json::json!({"event": "taken_in", "run": run, "files": inputs, "outputs": outputs});
        out::print(&format!("{line}\n"))?;
        return Ok(Exit::Success);
    }
    out::note(format!(
        "run {run} is in your history. `comfydeck replay {run}` sends it, with its workflow, and compares what comes of it; `comfydeck show {run} --as workflow` prints the workflow with its values"
    ));
    out::print(&format!("{run}\n"))?;
    Ok(Exit::Success)
}
