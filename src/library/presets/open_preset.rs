//! An open preset, and the edits to save into it.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::source::{PresetSource, WorkflowSource, written};
use crate::config::dirs::expand;
use crate::domain::diagnostic::Diagnostic;
use crate::domain::draft::Layer;
use crate::domain::preset::{Changes, Preset, settle};
use crate::domain::{ParamKey, Parameter, SeedPolicy, Setting};

/// A preset with those that it extends.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenPreset {
    pub name: String,
    pub source: PresetSource,
    /// Its own title, else a parent's; may be empty.
    pub title: String,
    /// May be empty.
    pub description: String,
    /// Its own profile, else a parent's.
    pub profile: Option<String>,
    /// Its own workflow, else a parent's.
    pub workflow: Option<WorkflowSource>,
    /// Its own file with a server's `object_info`, else a parent's.
    pub schema: Option<PathBuf>,
    /// Problems found in the files before a workflow is known.
    pub diagnostics: Vec<Diagnostic>,
    pub content: PresetContent,
    /// From the root ancestor to the preset itself, each with the folder its paths are relative to.
    chain: Vec<(Preset, PathBuf)>,
}

/// The files of a preset and a hash of their texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresetContent {
    /// Its file and its ancestors'; built-in ones have none.
    pub files: Vec<PathBuf>,
    /// SHA-256 in hex over the texts of all of them.
    pub hash: String,
}

impl OpenPreset {
    pub(super) fn new(
        name: String,
        source: PresetSource,
        chain: Vec<(Preset, PathBuf)>,
        content: PresetContent,
        diagnostics: Vec<Diagnostic>,
    ) -> Self {
        let top_down = || chain.iter().rev();
        let text = |of: fn(&Preset) -> &String| {
            top_down()
                .map(|(preset, _)| of(preset))
                .find(|text| !text.is_empty())
                .cloned()
                .unwrap_or_default()
        };
        let workflow = top_down().find_map(|(preset, folder)| {
            preset.workflow.as_deref().map(|workflow| WorkflowSource::read(workflow, folder))
        });
        Self {
            title: text(|preset| &preset.title),
            description: text(|preset| &preset.description),
            profile: top_down().find_map(|(preset, _)| preset.profile.clone()),
            workflow,
            schema: top_down().find_map(|(preset, folder)| Some(expand(preset.schema.as_deref()?, folder))),
            name,
            source,
            diagnostics,
            content,
            chain,
        }
    }

    /// The settings for a workflow's parameters, and what does not fit.
    pub fn layer(&self, params: &[Parameter]) -> (Layer, Vec<Diagnostic>) {
        let presets: Vec<Preset> = self.chain.iter().map(|(preset, _)| preset.clone()).collect();
        let folder = |preset: &Preset| self.chain.iter().find(|(known, _)| known.file == preset.file);
        let (mut layer, found) = settle(&presets, params, |preset, path| {
            expand(path, folder(preset).map_or(Path::new(""), |(_, folder)| folder))
        });
        layer.name.clone_from(&self.name);
        (layer, found)
    }

    /// Rewrites relative paths for a copy in another folder.
    pub(super) fn keep_paths(&self, folder: &Path, changes: &mut Changes) {
        let Some((top, own)) = self.chain.last() else { return };
        if own == folder && self.source != PresetSource::BuiltIn {
            return;
        }
        if let Some(workflow) = &top.workflow {
            let workflow = WorkflowSource::read(workflow, own).written(folder);
            changes.fields.insert("workflow", Some(workflow));
        }
        if let Some(schema) = &top.schema {
            changes.fields.insert("schema", Some(written(&expand(schema, own), folder)));
        }
        if let Some(extends) = top.extends.as_ref().filter(|extends| extends.value.contains('/')) {
            changes.fields.insert("extends", Some(written(&expand(&extends.value, own), folder)));
        }
        for (key, path) in &top.files {
            if let Some(key) = ParamKey::parse(key) {
                let path = written(&expand(&path.value, own), folder);
                if !changes.params.contains_key(&key) {
                    changes.files.entry(key).or_insert(path);
                }
            }
        }
    }
}

/// What a person changed over a preset, to be saved in one.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    pub settings: IndexMap<ParamKey, Setting>,
    pub seeds: IndexMap<ParamKey, SeedPolicy>,
    /// Aliases by what they name; empty ones are removed.
    pub aliases: IndexMap<ParamKey, String>,
    /// Whether texts are expanded, where that changed.
    pub expand: IndexMap<ParamKey, bool>,
    /// What is kept at the top, where that changed.
    pub pins: Option<Vec<ParamKey>>,
}

impl Edits {
    /// The edits as changes of a preset's text in `folder`, with relative paths for files below it.
    pub(super) fn changes(&self, folder: &Path) -> Changes {
        let mut changes = Changes {
            seeds: self.seeds.clone(),
            aliases: self.aliases.clone(),
            expand: self.expand.clone(),
            pins: self.pins.clone(),
            ..Changes::default()
        };
        for (key, setting) in &self.settings {
            match setting {
                Setting::Value(value) => drop(changes.params.insert(key.clone(), value.clone())),
                Setting::File(path) => drop(changes.files.insert(key.clone(), written(path, folder))),
            }
        }
        changes
    }
}

#[cfg(test)]
impl OpenPreset {
    /// A preset that sets nothing.
    pub fn to_test(name: &str) -> Self {
        let source = PresetSource::File(format!("{name}.toml").into());
        Self::new(name.to_owned(), source, Vec::new(), PresetContent::default(), Vec::new())
    }
}
