//! Reads a workflow from its file, in either format.

use std::io::Read;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::known::Knowledge;
use super::{OpenError, OpenWorkflow};
use crate::domain::param::seeds;
use crate::domain::workflow::WorkflowError;
use crate::domain::{ParamKey, SeedPolicy, Workflow};
use crate::library::convert::{Converted, convert};
use crate::library::presets::WorkflowSource;

/// Most bytes of a workflow file.
const MOST_BYTES: u64 = 64 << 20;

/// A workflow without a form.
pub(super) fn plain(
    source: &WorkflowSource,
    text: &str,
    known: &mut Knowledge<'_>,
) -> Result<OpenWorkflow, OpenError> {
    let parsed = parse(text, &source.shown(), known)?;
    let mut opened = undescribed(source, parsed, &source.shown(), known);
    opened.describe("", "");
    Ok(opened)
}

pub(super) fn undescribed(
    source: &WorkflowSource,
    parsed: Parsed,
    file: &str,
    known: &mut Knowledge<'_>,
) -> OpenWorkflow {
    let Parsed { workflow, seeds, converted } = parsed;
    OpenWorkflow {
        source: source.clone(),
        params: Vec::new(),
        values: IndexMap::new(),
        seeds,
        diagnostics: Vec::new(),
        left_aside: left_aside(&workflow, file),
        converted,
        others: Vec::new(),
        nodes: known.of(&workflow),
        form: None,
        workflow,
    }
}

/// A workflow that was read.
pub(super) struct Parsed {
    pub(super) workflow: Workflow,
    /// How its seeds change after a run, as ComfyUI's editor left it.
    pub(super) seeds: IndexMap<ParamKey, SeedPolicy>,
    /// As [`OpenWorkflow::converted`].
    pub(super) converted: Option<Vec<String>>,
}

/// Reads a workflow in either format.
pub(super) fn parse(text: &str, file: &str, known: &mut Knowledge<'_>) -> Result<Parsed, OpenError> {
    match Workflow::parse(text) {
        Ok(workflow) => Ok(Parsed { seeds: seeds::policies(&workflow), workflow, converted: None }),
        Err(WorkflowError::UiFormat) => {
            let converted = convert(text, known.all().as_ref());
            let Converted { workflow, seeds, notes } =
                converted.map_err(|why| OpenError::Convert { file: file.to_owned(), why })?;
            Ok(Parsed { workflow, seeds, converted: Some(notes) })
        }
        Err(why) => Err(OpenError::Workflow { file: file.to_owned(), why }),
    }
}

/// A remark on the file's keys that are not nodes.
fn left_aside(workflow: &Workflow, file: &str) -> Option<String> {
    let names = workflow.left_aside();
    let are = if names.len() == 1 { "is not a node, so it is" } else { "are not nodes, so they are" };
    (!names.is_empty()).then(|| format!("{file}: {} {are} ignored and not sent", quoted(names)))
}

/// The first few names: `a`, `b` and 5 more.
fn quoted(names: &[String]) -> String {
    const MOST: usize = 5;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Splits `FILE#TITLE`, unless there is a file with that whole name.
pub(super) fn with_title(path: &Path) -> (PathBuf, Option<String>) {
    let text = path.to_string_lossy();
    match text.rsplit_once('#') {
        Some((file, title)) if !path.exists() && Path::new(file).is_file() => {
            (PathBuf::from(file), Some(title.to_owned()))
        }
        _ => (path.to_owned(), None),
    }
}

pub(super) fn text_in(path: &Path) -> Result<String, OpenError> {
    let unreadable = |why: String| OpenError::Unreadable { path: path.to_owned(), why };
    text_of(std::fs::File::open(path).map_err(|e| unreadable(e.to_string()))?, path)
}

pub(super) fn text_of(from: impl Read, path: &Path) -> Result<String, OpenError> {
    let unreadable = |why: String| OpenError::Unreadable { path: path.to_owned(), why };
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| unreadable(e.to_string()))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(unreadable("it is too large for a workflow".to_owned()));
    }
    String::from_utf8(bytes)
        .map_err(|_| unreadable("it is not UTF-8 text, so it is not a workflow".to_owned()))
}

#[cfg(test)]
impl OpenWorkflow {
    /// A workflow without a form.
    pub fn to_test(name: &str, workflow: Workflow) -> Self {
        let source = WorkflowSource::BuiltIn(name.to_owned());
        let parsed = Parsed { seeds: seeds::policies(&workflow), workflow, converted: None };
        let mut opened = undescribed(&source, parsed, name, &mut Knowledge::default());
        opened.describe("", "");
        opened
    }
}
