//! `comfydeck convert FILE`: writes a workflow of ComfyUI's *Save* in API format.

use std::path::PathBuf;

use super::{Exit, Failure, out};
use crate::config::files;
use crate::library::{convert, import};
use crate::wire::ansi::scrub_plain;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A workflow that ComfyUI's Save wrote, or a picture or a video with it
    pub file: PathBuf,
    /// What the server answers to /object_info: it knows the fields of nodes that are not built in
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// Write into this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// # Errors
/// When the file is no such workflow, or some of its nodes cannot be converted.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let usage = |text: String| Failure::usage(scrub_plain(&text));
    let text = convert::ui_text(&args.file).map_err(|why| usage(why.to_string()))?;
    let schema = args.schema.as_deref().map(|path| convert::schema(path, &text)).transpose();
    let schema = schema.map_err(|why| usage(why.to_string()))?;
    let shown = args.file.display();
    let converted = convert::convert(&text, schema.as_ref())
        .map_err(|why| usage(format!("{shown}: {}", convert::told(&why, schema.is_some()))))?;
    converted.notes.iter().for_each(|note| out::note(scrub_plain(&format!("{shown}: {note}"))));
    let text = import::workflow_text(&converted.workflow).map_err(Failure::usage)?;
    match &args.output {
        Some(path) => files::replace(path, text.as_bytes(), 0o666)
            .map_err(|e| Failure::new(Exit::Failed, format!("{} cannot be written: {e}", path.display())))?,
        None => out::print(&text)?,
    }
    Ok(Exit::Success)
}
