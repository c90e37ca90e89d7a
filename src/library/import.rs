//! Reads the graph in a picture, a video or a workflow file.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::convert::{Converted, convert, told};
use super::schemas::{SchemaOrigin, Schemas};
use crate::domain::Workflow;
use crate::domain::ui_format::ConvertError;
use crate::domain::workflow::WorkflowError;
use crate::wire::metadata::{self, Metadata, MetadataError};

/// Most bytes of a workflow file.
const MOST_BYTES: u64 = 64 << 20;

/// A graph with its source.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    pub path: PathBuf,
    /// File format: `PNG`, or `workflow` for a graph's own file.
    pub kind: &'static str,
    pub graph: Workflow,
    /// Whether the file also has the graph of ComfyUI's editor.
    pub has_ui_graph: bool,
    /// Oddities of the file, a sentence each.
    pub notes: Vec<String>,
}

/// Why no graph could be read.
#[derive(Debug, Error)]
pub enum ImportError {
    #[error("{path} cannot be read: {why}", path = .path.display())]
    Unreadable { path: PathBuf, why: String },
    /// An unknown file format, or a damaged file.
    #[error("{path}: {why}", path = .path.display())]
    Metadata { path: PathBuf, why: MetadataError },
    #[error(
        "{path} is a {kind} without ComfyUI's graph{others}. Its server writes none (--disable-metadata), or another program saved it again. If a run here made it, `comfydeck show RUN` has its parameters", path = .path.display()
    )]
    None {
        path: PathBuf,
        kind: &'static str,
        /// ` (it has …)`, or nothing.
        others: String,
    },
    /// The file only has the editor's graph, and some of its nodes cannot be converted.
    #[error("{path} has only the graph of ComfyUI's editor: {}", told(.why, false), path = .path.display())]
    OnlyUiGraph { path: PathBuf, why: ConvertError },
    /// The file's graph is not a workflow.
    #[error("the graph in {path} cannot be used: {why}", path = .path.display())]
    Graph { path: PathBuf, why: WorkflowError },
}

/// Reads the graph of a picture, a video or a `workflow_api.json`. `known` says what nodes take, for a graph of ComfyUI's
/// editor.
///
/// # Errors
/// Why there is no usable graph, and what to do.
pub fn read(path: &Path, known: Option<(&Schemas, &SchemaOrigin)>) -> Result<Imported, ImportError> {
    let path = path.to_owned();
    let unreadable = |why: String| ImportError::Unreadable { path: path.clone(), why };
    // Opening a pipe would block, and it cannot be read at offsets.
    let facts = std::fs::metadata(&path).map_err(|e| unreadable(e.to_string()))?;
    if !facts.is_file() {
        return Err(unreadable("it is not a file".to_owned()));
    }
    let file = File::open(&path).map_err(|e| unreadable(e.to_string()))?;
    let mut file = BufReader::new(file);
    let head = file.fill_buf().map_err(|e| unreadable(e.to_string()))?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        let mut text = String::new();
        file.take(MOST_BYTES).read_to_string(&mut text).map_err(|e| unreadable(e.to_string()))?;
        let (text, count) = metadata::finite(&text);
        let (graph, of_conversion) = parse(&path, &text, known)?;
        let has_ui_graph = of_conversion.is_some();
        let notes = notes(count, None).into_iter().chain(of_conversion.into_iter().flatten()).collect();
        return Ok(Imported { path, kind: "workflow", graph, has_ui_graph, notes });
    }
    let found = match metadata::read(file) {
        Ok(found) => found,
        Err(MetadataError::Io(error)) => return Err(unreadable(error.to_string())),
        Err(why) => return Err(ImportError::Metadata { path, why }),
    };
    let Metadata { kind, prompt, workflow, others, non_finite, damage } = found;
    // Without the graph that an API runs, that of the editor is converted.
    let has_ui_graph = workflow.is_some();
    let Some(text) = prompt.or(workflow) else {
        let others = match others.is_empty() {
            true => String::new(),
            false => format!(" (it has {}, which other programs write)", others.join(", ")),
        };
        return Err(ImportError::None { path, kind, others });
    };
    let (graph, of_conversion) = parse(&path, &text, known)?;
    let notes = notes(non_finite, damage).into_iter().chain(of_conversion.into_iter().flatten()).collect();
    Ok(Imported { path, kind, graph, has_ui_graph, notes })
}

/// The graph in a text of either format; with notes when it was converted.
fn parse(
    path: &Path,
    text: &str,
    known: Option<(&Schemas, &SchemaOrigin)>,
) -> Result<(Workflow, Option<Vec<String>>), ImportError> {
    match Workflow::parse(text) {
        Ok(graph) => Ok((graph, None)),
        Err(WorkflowError::UiFormat) => {
            let (nodes, problem) = match known.map(|(schemas, origin)| (origin, schemas.all(origin))) {
                Some((origin, Err(why))) => (None, Some(format!("{}: {why}", origin.shown()))),
                Some((_, Ok(nodes))) => (nodes, None),
                None => (None, None),
            };
            let converted = convert(text, nodes.as_ref());
            let Converted { workflow, mut notes, .. } =
                converted.map_err(|why| ImportError::OnlyUiGraph { path: path.to_owned(), why })?;
            notes.insert(0, "its graph is that of ComfyUI's editor, which was converted".to_owned());
            notes.extend(problem);
            Ok((workflow, Some(notes)))
        }
        Err(why) => Err(ImportError::Graph { path: path.to_owned(), why }),
    }
}

fn notes(non_finite: usize, damage: Option<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    if non_finite > 0 {
        notes.push(format!("{non_finite} numbers in the graph are NaN or Infinity; they are read as null"));
    }
    notes.extend(damage.map(|why| format!("the file is damaged ({why}); its graph is whole")));
    notes
}

/// A graph as a workflow file's text: its own JSON, indented.
pub fn workflow_text(graph: &Workflow) -> Result<String, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_str(graph.compact())?;
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}
