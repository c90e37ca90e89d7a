//! What is open: a workflow, the preset over it, and the profile that runs go to.
//!
//! It exists once, in the model. Its parts are immutable and shared, and effects carry what they need of them: so
//! what is done is what the person saw, whatever is opened meanwhile. What becomes known of a workflow later (such as
//! a server's choices) is another workflow in the same place; the draft over it stays.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use indexmap::IndexSet;

use crate::config::Profile;
use crate::domain::{Draft, ParamKey, SeedPolicy, Setting};
use crate::library::open::OpenWorkflow;
use crate::library::presets::{OpenPreset, WorkflowSource};
use crate::library::schemas::SchemaOrigin;

/// What is open. Without a workflow there is no preset either.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Open {
    pub workflow: Option<Arc<OpenWorkflow>>,
    pub preset: Option<Arc<OpenPreset>>,
    /// The profile that runs are submitted to.
    pub profile: Option<Arc<Profile>>,
    /// The files of workflow and preset, as they were when read, or when the person was last asked about a change.
    pub files: Arc<[OpenFile]>,
}

/// A file, and what tells without reading it that it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFile {
    pub path: PathBuf,
    /// When it was written; `None` for one that is not there.
    pub modified: Option<SystemTime>,
    pub bytes: u64,
}

/// What a person had set in an earlier session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Earlier {
    pub edits: Vec<(ParamKey, Setting)>,
    pub seeds: Vec<(ParamKey, SeedPolicy)>,
    /// Whether texts are expanded.
    pub expand: Vec<(ParamKey, bool)>,
}

/// A field that was open when the program was ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenField {
    pub key: ParamKey,
    pub text: String,
    /// Whether something had been typed in it.
    pub is_typed: bool,
}

impl Open {
    /// Where it is said what the nodes of the workflow take.
    pub fn schema_origin(&self) -> Option<SchemaOrigin> {
        SchemaOrigin::of(self.preset.as_deref(), self.profile.as_deref())
    }

    /// What preset and workflow say, as a text that is another one when they are changed.
    pub fn content(&self) -> String {
        let preset = self.preset.as_ref().map(|preset| preset.content.hash.as_str()).unwrap_or_default();
        format!("{preset} {}", self.workflow_hash().unwrap_or_default())
    }

    /// The preset's file; `None` without a preset, and for one that ships with the program.
    pub fn preset_path(&self) -> Option<&Path> {
        self.preset.as_ref()?.source.path()
    }

    /// Name of the workflow for people; empty without one.
    pub fn workflow_name(&self) -> String {
        self.workflow.as_ref().map(|workflow| workflow.source.name()).unwrap_or_default()
    }

    /// The workflow's file; `None` for one that ships with the program.
    pub fn workflow_path(&self) -> Option<&Path> {
        match &self.workflow.as_ref()?.source {
            WorkflowSource::File(path) => Some(path),
            WorkflowSource::BuiltIn(_) => None,
        }
    }

    /// SHA-256 of the workflow, in hex.
    pub fn workflow_hash(&self) -> Option<&str> {
        self.workflow.as_ref().map(|workflow| workflow.workflow.hash())
    }

    /// The preset is a file of the person's own, which can be saved in place.
    pub fn has_own_preset(&self) -> bool {
        self.preset.as_ref().is_some_and(|preset| preset.source.path().is_some())
    }

    /// Whether this is the preset that is open.
    pub fn is_preset(&self, name: &str) -> bool {
        self.preset.as_ref().is_some_and(|preset| preset.name == name)
    }
}

/// What was open, with its changes, when something else was opened over it; undo brings it back.
#[derive(Clone, Debug)]
pub struct Covered {
    pub open: Open,
    pub draft: Draft,
    pub pinned: IndexSet<ParamKey>,
    pub selected: Option<ParamKey>,
    pub send_workflow: bool,
}

/// Where a person said that runs go; it counts for more than what presets say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChoice {
    pub profile: Option<String>,
    /// A bare address, which counts for more than every profile.
    pub url: Option<String>,
}

impl ProfileChoice {
    /// A profile, and no bare address.
    pub fn named(profile: String) -> Self {
        Self { profile: Some(profile), url: None }
    }
}
