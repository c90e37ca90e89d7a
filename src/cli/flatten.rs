//! `comfydeck flatten WORKFLOW`: writes a workflow as flat JSON.

use std::path::{Path, PathBuf};

use super::{Exit, Failure, out};
use crate::config::files;
use crate::domain::flatten;
use crate::library::{open, presets::WorkflowSource};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The workflow_api.json; - for standard input
    pub workflow: PathBuf,
    /// Write into this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// # Errors
/// When the file is not a workflow, or the result cannot be written.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let (opened, shown) = if args.workflow == Path::new("-") {
        let opened = open::workflow_from(std::io::stdin().lock(), "standard input");
        (opened.map_err(Failure::usage)?, "standard input".to_owned())
    } else {
        let source = WorkflowSource::File(args.workflow.clone());
        (open::workflow(&source).map_err(Failure::usage)?, source.shown())
    };
    out::warn(&opened.diagnostics);
    opened.notes().for_each(out::note);
    if let Some(why) = opened.unrunnable() {
        out::note(format!("warning: {shown}: {why}"));
    }
    let flat = flatten::flatten(&opened.workflow).map_err(|e| Failure::usage(format!("{shown}: {e}")))?;
    match &args.output {
        Some(path) => write(path, &flat)?,
        None => out::print(&flat)?,
    }
    Ok(Exit::Success)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    files::replace(path, text.as_bytes(), 0o666)
        .map_err(|e| Failure::new(Exit::Failed, format!("{} cannot be written: {e}", path.display())))
}
