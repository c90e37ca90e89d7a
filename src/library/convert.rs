//! Reads workflows in ComfyUI's UI format: files of its *Save*, and pictures and videos with the graph of its editor.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use thiserror::Error;

use crate::domain::schema::{self, Schema, SchemaError};
use crate::domain::ui_format::{self, ConvertError};
use crate::domain::workflow::WorkflowError;
use crate::domain::{ParamKey, SeedPolicy, Workflow};
use crate::wire::metadata::{self, MetadataError};

/// Most bytes of a workflow file, and of what a server says of its nodes.
const MOST_BYTES: u64 = 64 << 20;

/// Why a workflow cannot be converted, with what to do.
pub fn told(why: &ConvertError, has_schema: bool) -> String {
    let remedy = match (why, has_schema) {
        (ConvertError::Nodes(_), false) => {
            ". Pass what its server answers to /object_info (`comfydeck convert FILE --schema object_info.json`), or choose Workflow > Export (API) in ComfyUI"
        }
        (ConvertError::Nodes(_), true) => {
            ". Pass the /object_info of a server that runs this workflow, or choose Workflow > Export (API) in ComfyUI"
        }
        (
            ConvertError::NotJson(_)
            | ConvertError::NotUiFormat
            | ConvertError::Empty
            | ConvertError::TooLarge,
            _,
        ) => "",
    };
    format!("{why}{remedy}")
}

/// A workflow in API format that was made of one in UI format.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    pub workflow: Workflow,
    /// How its seeds change after a run.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    /// What could not be known, a sentence each.
    pub notes: Vec<String>,
}

/// Why a file cannot be converted.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("{path} cannot be read: {why}", path = .path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{path}: {why}", path = .path.display())]
    Metadata { path: PathBuf, why: MetadataError },
    #[error("{path} is a {kind} without the graph of ComfyUI's editor. `comfydeck import` reads the graph that an API runs", path = .path.display())]
    NoUiGraph { path: PathBuf, kind: &'static str },
    #[error("{path}: {why}", path = .path.display())]
    Schema { path: PathBuf, why: SchemaError },
}

/// Converts a workflow in UI format.
///
/// # Errors
/// Which nodes cannot be converted, and why.
pub fn convert(text: &str, schema: Option<&Schema>) -> Result<Converted, ConvertError> {
    let ui_format::Converted { graph, controls, notes } = ui_format::convert(text, schema)?;
    let policy = |(id, input, word): (String, String, &str)| {
        Some((ParamKey::new(&id, &input), SeedPolicy::from_word(word)?))
    };
    let seeds = controls.into_iter().filter_map(policy).collect();
    let text = serde_json::to_string_pretty(&graph).map_err(|why| ConvertError::NotJson(why.to_string()))?;
    let workflow =
        Workflow::parse(&text).map_err(|why: WorkflowError| ConvertError::NotJson(why.to_string()))?;
    Ok(Converted { workflow, seeds, notes })
}

/// The text in UI format in a file: its own, or the graph of the editor in a picture or a video.
///
/// # Errors
/// When the file cannot be read, or has no such graph.
pub fn ui_text(path: &Path) -> Result<String, FileError> {
    let unreadable = |why: String| FileError::Unreadable { path: path.to_owned(), why };
    let facts = std::fs::metadata(path).map_err(|why| unreadable(why.to_string()))?;
    // Opening a pipe would block, and it cannot be read at offsets.
    if !facts.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    let file = File::open(path).map_err(|why| unreadable(why.to_string()))?;
    match metadata::read(BufReader::new(file)) {
        Ok(found) => found.workflow.ok_or(FileError::NoUiGraph { path: path.to_owned(), kind: found.kind }),
        Err(MetadataError::UnknownKind) => text(path),
        Err(MetadataError::Io(why)) => Err(unreadable(why.to_string())),
        Err(why) => Err(FileError::Metadata { path: path.to_owned(), why }),
    }
}

/// What a server says of the nodes of a workflow, from a file.
///
/// # Errors
/// When the file cannot be read, or is something else.
pub fn schema(path: &Path, workflow: &str) -> Result<Schema, FileError> {
    let text = text(path)?;
    let fault = |why| FileError::Schema { path: path.to_owned(), why };
    let classes = ui_format::classes(workflow);
    let pieces = schema::pieces(&text).map_err(fault)?;
    let wanted =
        pieces.iter().filter(|(name, _)| classes.binary_search_by(|class| class.as_str().cmp(name)).is_ok());
    Ok(Schema::of(wanted.map(|(name, json)| (name.as_ref(), json.get()))))
}

fn text(path: &Path) -> Result<String, FileError> {
    let unreadable = |why: String| FileError::Unreadable { path: path.to_owned(), why };
    let file = File::open(path).map_err(|why| unreadable(why.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|why| unreadable(why.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(unreadable(format!("it is larger than {} MiB", MOST_BYTES >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
    Ok(metadata::finite(&text).0.into_owned())
}
