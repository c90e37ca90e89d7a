//! Opens a workflow with its form, under a preset, on a profile.

mod file;
mod forms;
mod known;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;
use thiserror::Error;

use self::file::{plain, text_in, text_of, with_title};
use self::forms::{add_form, from_form};
use self::known::Knowledge;
use super::convert::told;
use super::presets::{OpenPreset, PresetError, Presets, WorkflowSource};
use super::schemas::{KnownNodes, SchemaOrigin, Schemas};
use crate::config::{Config, ConfigError, Profile};
use crate::domain::diagnostic::Diagnostic;
use crate::domain::draft::Layer;
use crate::domain::form::{self, Form, FormError};
use crate::domain::schema::Schema;
use crate::domain::ui_format::ConvertError;
use crate::domain::workflow::WorkflowError;
use crate::domain::{ParamKey, Parameter, SeedPolicy, Workflow, param};

/// What to open; everything is optional.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenRequest<'a> {
    /// A preset's name or path.
    pub preset: Option<&'a str>,
    /// A workflow file that takes precedence over the preset's.
    pub workflow: Option<&'a Path>,
    /// A profile that takes precedence over the preset's.
    pub profile: Option<&'a str>,
    /// A bare address that takes precedence over any profile.
    pub url: Option<&'a str>,
}

/// Everything needed to edit and run.
#[derive(Debug)]
pub struct Opening {
    pub workflow: OpenWorkflow,
    /// The settings of preset and form.
    pub layer: Layer,
    pub preset: Option<OpenPreset>,
    /// Where to run, or why that is unknown; editing works without.
    pub profile: Result<Profile, ConfigError>,
    /// Problems in every file that was read, except `config.toml`.
    pub diagnostics: Vec<Diagnostic>,
}

impl Opening {
    /// Problems of the preset that prevent sending.
    pub fn unsure(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|found| found.unsure)
    }
}

/// A parsed workflow file.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenWorkflow {
    pub source: WorkflowSource,
    /// Its parameters, arranged by its form if it has one.
    pub params: Vec<Parameter>,
    pub workflow: Workflow,
    /// Values of its form that differ from the workflow's.
    pub values: IndexMap<ParamKey, Value>,
    /// Seed policies from the workflow's file and its form.
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    /// Problems of the form.
    pub diagnostics: Vec<Diagnostic>,
    /// Parts of the file that do not belong to the workflow, in a sentence.
    pub left_aside: Option<String>,
    /// What could not be known when it was converted from UI format, a sentence each; `None` when it is in API format.
    pub converted: Option<Vec<String>>,
    /// Names, to be used as `FILE#NAME`, of the workflows in a file with several when none was chosen;
    /// the first one is open.
    pub others: Vec<String>,
    /// What a server says of its nodes; without it, the facts about built-in nodes serve.
    pub nodes: Option<Arc<KnownNodes>>,
    form: Option<Arc<OpenForm>>,
}

/// The form that arranges a workflow's parameters.
#[derive(Debug, PartialEq)]
struct OpenForm {
    form: Form,
    /// It stands beside the workflow, not around it.
    is_beside: bool,
}

impl OpenWorkflow {
    /// The same workflow with what is known of its nodes now.
    pub fn knowing(&self, nodes: Option<Arc<KnownNodes>>) -> Self {
        let mut known = Self { nodes, ..self.clone() };
        // The form's problems were reported when it was read.
        let _ = known.describe("", "");
        known
    }

    /// Describes the parameters by what is known of the nodes, and arranges them by the form. Returns problems of the
    /// form, of which `text` is the file `file`.
    fn describe(&mut self, text: &str, file: &str) -> Vec<Diagnostic> {
        let nothing = Schema::default();
        let schema = self.nodes.as_ref().map_or(&nothing, |nodes| &nodes.schema);
        let mut params = param::parameters_by(&self.workflow, schema);
        let form = self.form.clone();
        if form.as_ref().is_none_or(|form| form.is_beside) && !form::shape_by_titles(&mut params) {
            param::arrange(&mut params);
        }
        self.params = params;
        let Some(form) = form else { return Vec::new() };
        let shaped = form::shape(&form.form, std::mem::take(&mut self.params), text, file);
        self.params = shaped.params;
        self.values = shaped.values;
        self.seeds.extend(shaped.seeds);
        shaped.found
    }

    /// The settings of a preset and of the form, and messages about settings of the preset that do not fit.
    pub fn under(&self, preset: Option<&OpenPreset>) -> (Layer, Vec<Diagnostic>) {
        let (mut layer, found) = preset.map(|preset| preset.layer(&self.params)).unwrap_or_default();
        layer.put_form(&self.values, &self.seeds);
        (layer, found)
    }

    /// Why no server can run it, in a sentence; `None` when nothing is known to be wrong.
    pub fn unrunnable(&self) -> Option<String> {
        let nodes: Vec<String> = self.workflow.incomplete().iter().map(ToString::to_string).collect();
        let has = if nodes.len() == 1 { "has" } else { "have" };
        (!nodes.is_empty()).then(|| {
            format!(
                "{} {has} no class_type, so the workflow can be looked at but not run. Export it again with \"Export (API)\" in ComfyUI",
                nodes.join(", ")
            )
        })
    }

    /// Remarks about its file that are not errors: ignored parts, other workflows.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.left_aside.clone().into_iter().chain(self.notes_on_conversion()).chain(self.note_on_others())
    }

    /// That it was converted, and what could not be known.
    fn notes_on_conversion(&self) -> impl Iterator<Item = String> {
        let file = self.source.shown();
        let first = self.converted.iter().map(|_| "converted from ComfyUI's UI format".to_owned());
        let notes = first.chain(self.converted.iter().flatten().cloned());
        notes.map(move |note| format!("{file}: {note}"))
    }

    /// A remark that the file has further workflows.
    fn note_on_others(&self) -> Option<String> {
        let file = self.source.shown();
        let names = self.others.iter().map(|name| format!("{file}#{name}")).collect::<Vec<_>>().join(", ");
        let count = self.others.len();
        (count > 0)
            .then(|| format!("{file} holds {count} workflows; the first is open. Each has a name: {names}"))
    }
}

/// Why nothing could be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Neither an argument, a preset nor a profile names a workflow.
    #[error("no workflow is given. Name a preset, pass --workflow FILE, or set `workflow` in the profile")]
    NoWorkflow,
    #[error(transparent)]
    Preset(#[from] PresetError),
    #[error("{path} cannot be read: {why}", path = .path.display())]
    Unreadable { path: PathBuf, why: String },
    /// The file is not a workflow.
    #[error("{file}: {why}")]
    Workflow {
        file: String,
        /// What it is instead.
        why: WorkflowError,
    },
    /// The file is in UI format, and some of its nodes cannot be converted.
    #[error("{file}: {}", told(.why, false))]
    Convert { file: String, why: ConvertError },
    /// The file looks like a form but is not a valid one.
    #[error("{file}: {why}")]
    Form { file: String, why: FormError },
    /// The form has no workflow embedded.
    #[error("{0} is a form without a workflow in it. Put the workflow_api.json beside it and open that")]
    FormWithoutWorkflow(String),
    /// The form has no workflow with this title.
    #[error("{file} has no workflow titled `{title}`. It has: {titles}")]
    NoSuchTitle { file: String, title: String, titles: String },
    /// The preset names a built-in workflow that does not exist.
    #[error("there is no built-in workflow `{0}`")]
    NotBuiltIn(String),
}

/// Opens a workflow: from the argument, else from the preset, else from the profile. The profile comes from the
/// argument, else from the preset, else from the config's default.
///
/// # Errors
/// When there is no workflow, or the preset or workflow cannot be read.
pub fn open(
    config: &Config,
    presets: &Presets,
    schemas: &Schemas,
    target: &OpenRequest<'_>,
) -> Result<Opening, OpenError> {
    let preset = target.preset.map(|name| presets.open(name)).transpose()?;
    let of_preset = preset.as_ref().and_then(|preset| preset.profile.as_deref());
    let profile = config.choose(target.profile.or(of_preset), target.url);
    let source = target
        .workflow
        .map(|path| WorkflowSource::File(path.to_owned()))
        .or_else(|| preset.as_ref().and_then(|preset| preset.workflow.clone()))
        .or_else(|| Some(WorkflowSource::File(profile.as_ref().ok()?.workflow.clone()?)))
        .ok_or(OpenError::NoWorkflow)?;
    let origin = SchemaOrigin::of(preset.as_ref(), profile.as_ref().ok());
    let mut knowledge = Knowledge { from: origin.as_ref().map(|origin| (schemas, origin)), problem: None };
    let workflow = read(&source, &mut knowledge)?;
    // A problem with a form does not prevent sending: the workflow's value is used.
    let of_form = workflow.diagnostics.iter().cloned();
    let mut diagnostics: Vec<_> = of_form.map(|found| Diagnostic { unsure: false, ..found }).collect();
    diagnostics.extend(knowledge.problem);
    let (layer, found) = workflow.under(preset.as_ref());
    diagnostics.extend(preset.iter().flat_map(|preset| preset.diagnostics.iter().cloned()).chain(found));
    Ok(Opening { workflow, layer, preset, profile, diagnostics })
}

/// Reads a workflow with its form: a `view_comfy.json` beside it, or the file itself when it is one. `FILE#TITLE`
/// chooses among the workflows of a form.
///
/// # Errors
/// When the file cannot be read or is not a workflow.
pub fn workflow(source: &WorkflowSource) -> Result<OpenWorkflow, OpenError> {
    read(source, &mut Knowledge::default())
}

fn read(source: &WorkflowSource, known: &mut Knowledge<'_>) -> Result<OpenWorkflow, OpenError> {
    let path = match source {
        WorkflowSource::BuiltIn(name) => {
            let text = WorkflowSource::built_in(name).ok_or_else(|| OpenError::NotBuiltIn(name.clone()))?;
            return plain(source, text, known);
        }
        WorkflowSource::File(path) => path,
    };
    let (path, title) = with_title(path);
    let text = text_in(&path)?;
    if form::is_form(&text) {
        return from_form(source, &path, &text, title.as_deref(), known);
    }
    let mut opened = plain(source, &text, known)?;
    let beside = path.with_file_name("view_comfy.json");
    if beside.is_file() {
        add_form(&mut opened, &beside);
    }
    Ok(opened)
}

/// Reads a workflow from another source, such as standard input, with `name` for messages.
///
/// # Errors
/// As for [`workflow`].
pub fn workflow_from(from: impl Read, name: &str) -> Result<OpenWorkflow, OpenError> {
    let path = PathBuf::from(name);
    let text = text_of(from, &path)?;
    let source = WorkflowSource::File(path.clone());
    match form::is_form(&text) {
        true => from_form(&source, &path, &text, None, &mut Knowledge::default()),
        false => plain(&source, &text, &mut Knowledge::default()),
    }
}
