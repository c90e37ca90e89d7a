//! A line of text to type, and what it is for.

use std::collections::BTreeSet;

use tui_textarea::TextArea;

use crate::domain::batch::BatchId;
use crate::domain::{ParamKey, RunId, notebook};
use crate::tui::completions::Completions;

/// A line of text to type.
#[derive(Debug)]
pub struct Prompt {
    /// What the text is for.
    pub purpose: Asking,
    pub text: TextArea<'static>,
    /// Why the text was not accepted.
    pub error: Option<String>,
    /// What the text may become, where a path is asked for.
    pub completions: Completions,
    /// The filter before, restored when the prompt is cancelled.
    pub before: String,
}

/// What a prompt asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asking {
    /// The filter of the parameters, applied while it is typed.
    ParamFilter,
    /// The search of the runs, applied while it is typed.
    RunSearch,
    /// The search of the log, made while it is typed.
    LogSearch,
    /// The name for a search.
    SearchName,
    /// Name of a new preset.
    PresetName,
    /// Name of a new preset that extends the open one.
    DifferenceName,
    /// Another name of a parameter.
    Alias(ParamKey),
    /// New name of a preset.
    RenamePreset(String),
    /// The run whose seed is wanted.
    SeedOfRun,
    /// The run whose prompt is wanted.
    PromptOfRun,
    /// Tags of a run.
    Tags(RunId),
    /// The note on a run.
    Note(RunId),
    /// Tags of the runs of a batch, over these.
    BatchTags(BatchId, BTreeSet<String>),
    /// The note on the runs of a batch, in place of this one.
    BatchNote(BatchId, String),
    /// Path of a workflow.
    WorkflowPath,
    /// Path of a file with a graph in it.
    ImportPath,
}

impl Prompt {
    pub fn text(&self) -> String {
        self.text.lines().join("")
    }
}

impl Asking {
    pub fn title(&self) -> &'static str {
        match self {
            Self::ParamFilter => "Filter parameters",
            Self::RunSearch => "Search runs",
            Self::LogSearch => "Search the log",
            Self::PresetName => "Save as preset",
            Self::DifferenceName => "Save what differs as a preset that extends the open one",
            Self::Alias(_) => "Alias of the parameter",
            Self::RenamePreset(_) => "New name of the preset",
            Self::SeedOfRun => "Same seed as run",
            Self::PromptOfRun => "Prompt of run",
            Self::SearchName => "Save the search as",
            Self::Tags(_) => "Tags of the run",
            Self::Note(_) => "Note on the run",
            Self::BatchTags(..) => "Tags of all runs of the batch",
            Self::BatchNote(..) => "Note on all runs of the batch",
            Self::WorkflowPath => "Open workflow_api.json",
            Self::ImportPath => "Import the parameters of a picture, a video or a workflow",
        }
    }

    /// How it is written, where that is not obvious.
    pub fn example(&self) -> Option<&'static str> {
        match self {
            Self::Tags(_) | Self::BatchTags(..) => {
                Some("words with blanks between them, such as final hands")
            }
            Self::SearchName => Some("one word; in a search it is written @name"),
            Self::Alias(_) => Some("also for --set. Empty: as the workflow calls it"),
            Self::ParamFilter
            | Self::RunSearch
            | Self::LogSearch
            | Self::PresetName
            | Self::DifferenceName
            | Self::RenamePreset(_)
            | Self::SeedOfRun
            | Self::PromptOfRun
            | Self::Note(_)
            | Self::BatchNote(..)
            | Self::WorkflowPath
            | Self::ImportPath => None,
        }
    }

    /// Whether it is typed in the bottom line, so that the filtered list stays visible.
    pub fn is_filter(&self) -> bool {
        match self {
            Self::ParamFilter | Self::RunSearch | Self::LogSearch => true,
            Self::PresetName
            | Self::DifferenceName
            | Self::Alias(_)
            | Self::RenamePreset(_)
            | Self::SearchName
            | Self::SeedOfRun
            | Self::PromptOfRun
            | Self::Tags(_)
            | Self::BatchTags(..)
            | Self::Note(_)
            | Self::BatchNote(..)
            | Self::WorkflowPath
            | Self::ImportPath => false,
        }
    }

    /// Paths that begin with the text are shown beneath it.
    pub fn is_path(&self) -> bool {
        match self {
            Self::WorkflowPath | Self::ImportPath => true,
            Self::ParamFilter
            | Self::RunSearch
            | Self::LogSearch
            | Self::PresetName
            | Self::DifferenceName
            | Self::Alias(_)
            | Self::RenamePreset(_)
            | Self::SearchName
            | Self::SeedOfRun
            | Self::PromptOfRun
            | Self::Tags(_)
            | Self::BatchTags(..)
            | Self::Note(_)
            | Self::BatchNote(..) => false,
        }
    }

    /// Why a text is not accepted; `None` if it is.
    pub fn refuses(&self, text: &str) -> Option<&'static str> {
        match self {
            Self::PresetName | Self::DifferenceName | Self::RenamePreset(_) if text.is_empty() => {
                Some("A preset needs a name")
            }
            Self::Alias(_) if text.contains(['=', '"']) || ParamKey::parse(text).is_some() => {
                Some("An alias is a word or two, such as prompt: no =, no quotes, no key of a node")
            }
            Self::SeedOfRun | Self::PromptOfRun if text.parse::<RunId>().is_err() => {
                Some("A run is named by its number")
            }
            Self::SearchName if notebook::tag(text.strip_prefix('@').unwrap_or(text)).is_err() => {
                Some("A name is one word: letters, digits, and - _ . /")
            }
            Self::Tags(_) | Self::BatchTags(..) if notebook::tags(text).is_err() => {
                Some("A tag is a word: letters, digits, and - _ . /; several have blanks between them")
            }
            Self::ImportPath if text.is_empty() => Some("Type the path of a picture, a video or a workflow"),
            Self::ParamFilter
            | Self::RunSearch
            | Self::LogSearch
            | Self::PresetName
            | Self::DifferenceName
            | Self::Alias(_)
            | Self::RenamePreset(_)
            | Self::SearchName
            | Self::SeedOfRun
            | Self::PromptOfRun
            | Self::Tags(_)
            | Self::BatchTags(..)
            | Self::Note(_)
            | Self::BatchNote(..)
            | Self::WorkflowPath
            | Self::ImportPath => None,
        }
    }
}
