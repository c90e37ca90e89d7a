//! Overlays: dialogs over the panes, which take the keys.

pub mod differences;
pub mod explore;
pub mod help;
pub mod hints;
pub mod import;
pub mod keys;
pub mod messages;
mod parts;
pub mod picker;
pub mod view;

use tui_textarea::TextArea;

use self::differences::Differences;
use self::explore::Explore;
use super::completions::Completions;
use super::typing::line_editor;
use crate::domain::batch::{BatchId, Plan};
use crate::domain::server::Tend;
use crate::domain::{Fit, OutputId, ParamKey, RunId, Setting, notebook};
use crate::library::import::Imported;
use crate::tui::effect::{BatchOrder, NewRun};
use crate::tui::open::Earlier;

/// An overlay; there is at most one at a time.
#[derive(Debug)]
pub enum Overlay {
    Help {
        filter: TextArea<'static>,
        /// Lines scrolled off at the top.
        scroll: usize,
    },
    /// The messages of this session, the newest first.
    Messages {
        /// Lines scrolled off at the top.
        scroll: usize,
    },
    /// A list to choose from.
    Picker(Picker),
    /// A line of text to type.
    Prompt(Prompt),
    Confirm(Confirm),
    /// A graph from a file, and which of its values fit.
    Import(Box<Import>),
    /// What differs between the draft and what was run, or between two runs.
    Differences(Box<Differences>),
    /// Several runs, put together.
    Explore(Box<Explore>),
}

/// A graph from a file, compared with the draft.
#[derive(Debug)]
pub struct Import {
    /// The graph and its file.
    pub imported: Imported,
    /// Which of its values fit the draft.
    pub fit: Fit,
    /// Lines scrolled off at the top.
    pub scroll: usize,
}

/// A list to choose from, narrowed by typing.
#[derive(Debug)]
pub struct Picker {
    /// What the list is for.
    pub purpose: Choosing,
    pub items: Vec<PickerItem>,
    pub filter: TextArea<'static>,
    /// Place among the items that pass the filter; `None` where Enter is to do nothing.
    pub selected: Option<usize>,
    /// Whether the items have been requested and not arrived yet.
    pub loading: bool,
}

/// What a picker chooses.
#[derive(Clone, Debug, PartialEq)]
pub enum Choosing {
    Command,
    Preset,
    Profile,
    /// A value of a choice parameter.
    Value(ParamKey),
    /// A value that a field had in an earlier run.
    Recall(ParamKey),
    /// Which runs are shown, by their status.
    Status,
    /// A saved search.
    Search,
    /// A run that this one came from, or that came of it.
    Kin(RunId),
    /// One of a run's outputs, by its path.
    Output(OutputUse),
    /// One of the workflows of a file that holds several.
    Workflow,
    /// The parameter that takes a file.
    InputFor(std::path::PathBuf),
    /// What a run is copied as.
    CopyAs(RunId),
    /// The command that a text is piped through.
    Pipe(ParamKey),
}

impl Choosing {
    pub fn title(&self) -> &'static str {
        match self {
            Self::Command => "Commands",
            Self::Preset => "Presets",
            Self::Profile => "Profiles",
            Self::Value(_) => "Choose",
            Self::Recall(_) => "Earlier values",
            Self::Status => "Show runs that are",
            Self::Search => "Saved searches",
            Self::Kin(_) => "Lineage: which run came from which",
            Self::Output(_) => "Outputs",
            Self::Workflow => "Workflows of this file",
            Self::InputFor(_) => "Which parameter takes the file?",
            Self::CopyAs(_) => "Copy the run as",
            Self::Pipe(_) => "Pipe the text through",
        }
    }

    /// Columns of the list, if there is room.
    pub fn width(&self) -> u16 {
        match self {
            Self::Value(_) | Self::Status | Self::Pipe(_) => 44,
            Self::Command
            | Self::Preset
            | Self::Profile
            | Self::Workflow
            | Self::Output(_)
            | Self::Recall(_)
            | Self::Search
            | Self::Kin(_)
            | Self::InputFor(_)
            | Self::CopyAs(_) => 84,
        }
    }
}

/// The use of a chosen output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputUse {
    /// To be the file of a parameter.
    Input,
    /// For the parameters that made it.
    Parameters,
    View,
    Path,
    /// To copy the `scp` command that downloads it.
    Scp,
}

/// One row of a picker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PickerItem {
    /// What choosing it gives: a preset's name, an action's name, a value as JSON.
    pub id: String,
    pub label: String,
    /// More about it, quieter.
    pub detail: String,
    /// To the right: a key, a place.
    pub note: String,
    /// The run that it is of.
    pub run: Option<RunId>,
    /// Other names that it is found by.
    pub names: Vec<&'static str>,
    /// A command that works somewhere else: where.
    pub elsewhere: Option<&'static str>,
    /// A command that spends money at once.
    pub spends: bool,
    /// Why it cannot be chosen now.
    pub disabled: Option<&'static str>,
    /// Whether it is the open or current one.
    pub is_open: bool,
    /// It ships with the program and cannot be changed.
    pub is_built_in: bool,
    /// Presets that extend it.
    pub extended_by: Vec<String>,
}

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
            Self::RenamePreset(_) => "New name of the preset",
            Self::SeedOfRun => "Same seed as run",
            Self::PromptOfRun => "Prompt of run",
            Self::SearchName => "Save the search as",
            Self::Tags(_) => "Tags of the run",
            Self::Note(_) => "Note on the run",
            Self::WorkflowPath => "Open workflow_api.json",
            Self::ImportPath => "Import the parameters of a picture, a video or a workflow",
        }
    }

    /// Whether it is typed in the bottom line, so that the filtered list stays visible.
    pub fn is_filter(&self) -> bool {
        match self {
            Self::ParamFilter | Self::RunSearch | Self::LogSearch => true,
            Self::PresetName
            | Self::RenamePreset(_)
            | Self::SearchName
            | Self::SeedOfRun
            | Self::PromptOfRun
            | Self::Tags(_)
            | Self::Note(_)
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
            | Self::RenamePreset(_)
            | Self::SearchName
            | Self::SeedOfRun
            | Self::PromptOfRun
            | Self::Tags(_)
            | Self::Note(_) => false,
        }
    }

    /// Why a text is not accepted; `None` if it is.
    pub fn refuses(&self, text: &str) -> Option<&'static str> {
        match self {
            Self::PresetName | Self::RenamePreset(_) if text.is_empty() => Some("A preset needs a name"),
            Self::SeedOfRun | Self::PromptOfRun if text.parse::<RunId>().is_err() => {
                Some("A run is named by its number")
            }
            Self::SearchName if notebook::tag(text.strip_prefix('@').unwrap_or(text)).is_err() => {
                Some("A name is one word: letters, digits, and - _ . /")
            }
            Self::Tags(_) if notebook::tags(text).is_err() => {
                Some("A tag is a word: letters, digits, and - _ . /; several have blanks between them")
            }
            Self::ImportPath if text.is_empty() => Some("Type the path of a picture, a video or a workflow"),
            Self::ParamFilter
            | Self::RunSearch
            | Self::LogSearch
            | Self::PresetName
            | Self::RenamePreset(_)
            | Self::SearchName
            | Self::SeedOfRun
            | Self::PromptOfRun
            | Self::Tags(_)
            | Self::Note(_)
            | Self::WorkflowPath
            | Self::ImportPath => None,
        }
    }
}

/// A question with yes and no.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    /// The question, one sentence.
    pub question: String,
    /// The consequence, if it is not obvious.
    pub consequence: String,
    /// Label of the confirming key.
    pub yes: &'static str,
    /// What happens on yes.
    pub then: Confirmed,
}

/// What a yes does.
#[derive(Clone, Debug, PartialEq)]
pub enum Confirmed {
    /// Do a command that spends money and was chosen in the palette, by its name.
    Command(&'static str),
    Cancel(RunId),
    /// Submit a run again.
    Repeat(RunId),
    /// Stop waiting for a run.
    LetGo(RunId),
    DeletePreset(String),
    /// Load a preset over edits.
    LoadPreset(String),
    /// Open a workflow over edits.
    OpenWorkflow(std::path::PathBuf),
    /// Save over a preset that exists.
    OverwritePreset(String),
    ResetAll,
    /// Load a run's parameters over edits.
    LoadRun(RunId),
    /// Open a graph as a workflow over edits.
    OpenGraph(Box<Imported>),
    /// Remove an output's file.
    DeleteOutput(OutputId),
    /// Upload a file for a parameter that holds its path as a text.
    Upload(ParamKey, std::path::PathBuf),
    /// Take what a command made of a text.
    TakePiped(ParamKey, String),
    /// Ask whether to queue several runs that send placeholders.
    ExploreUnfilled(Box<Plan>),
    /// Queue several runs.
    RunBatch(Box<BatchOrder>),
    /// Cancel what of a batch has not ended.
    CancelBatch(BatchId),
    /// Queue the failed runs of a batch again.
    RetryBatch(BatchId),
    /// Cancel all that waits.
    CancelQueue,
    /// Queue these runs again.
    RetryRuns(Vec<RunId>),
    /// Queue a run that differs in nothing from one that is done.
    RunSame(Box<NewRun>),
    /// The same with another seed.
    RunWithNewSeed(Box<NewRun>),
    /// Run with what is left of a preset that is not understood whole.
    RunUnsure,
    /// Run although placeholders would be sent.
    RunUnfilled,
    /// Run although the server does not take some values; with the nearest that it takes, if all have one.
    RunDoubtful(Option<Vec<(ParamKey, Setting)>>),
    /// Run with the nearest values that the server takes.
    RunNearest(Vec<(ParamKey, Setting)>),
    /// Change something at the server.
    Tend(Tend),
    /// Put edits back that were made on another content.
    KeepEarlier(Box<Earlier>),
    /// Read files again that changed on disk; the order was not queued.
    Reload(Option<Box<NewRun>>),
    /// Run with what is shown, though its files have changed.
    RunAsShown(Box<NewRun>),
}

impl Confirmed {
    /// A third way beside yes and no: its key, what it is called, and what happens.
    pub fn third(&self) -> Option<(char, &'static str, Self)> {
        match self {
            Self::RunSame(order) => Some(('s', "new seed", Self::RunWithNewSeed(order.clone()))),
            Self::RunDoubtful(Some(nearest)) => {
                Some(('t', "take the nearest", Self::RunNearest(nearest.clone())))
            }
            Self::Reload(Some(order)) => Some(('r', "run what is shown", Self::RunAsShown(order.clone()))),
            Self::Command(_)
            | Self::Upload(..)
            | Self::Cancel(_)
            | Self::Repeat(_)
            | Self::LetGo(_)
            | Self::DeletePreset(_)
            | Self::LoadPreset(_)
            | Self::OpenWorkflow(_)
            | Self::OverwritePreset(_)
            | Self::ResetAll
            | Self::LoadRun(_)
            | Self::OpenGraph(_)
            | Self::DeleteOutput(_)
            | Self::RunWithNewSeed(_)
            | Self::RunUnsure
            | Self::RunUnfilled
            | Self::ExploreUnfilled(_)
            | Self::TakePiped(..)
            | Self::RunDoubtful(None)
            | Self::RunNearest(_)
            | Self::Tend(_)
            | Self::RunBatch(_)
            | Self::CancelBatch(_)
            | Self::RetryBatch(_)
            | Self::CancelQueue
            | Self::RetryRuns(_)
            | Self::KeepEarlier(_)
            | Self::Reload(None)
            | Self::RunAsShown(_) => None,
        }
    }

    /// What the no key is called.
    pub fn no(&self) -> &'static str {
        if matches!(self, Self::KeepEarlier(_)) { "start clean" } else { "leave it" }
    }
}

impl Overlay {
    /// A list to choose from.
    pub fn picker(purpose: Choosing, items: Vec<PickerItem>) -> Self {
        let selected = Some(0).filter(|_| purpose != Choosing::Command);
        Self::Picker(Picker { purpose, items, filter: line_editor(""), selected, loading: false })
    }

    /// The text that is typed in it.
    /// The text that is typed in it.
    pub fn text(&self) -> Option<&TextArea<'static>> {
        match self {
            Self::Help { filter, .. } => Some(filter),
            Self::Picker(picker) => Some(&picker.filter),
            Self::Prompt(prompt) => Some(&prompt.text),
            Self::Explore(explore) => explore.text(),
            Self::Messages { .. } | Self::Confirm(_) | Self::Import(_) | Self::Differences(_) => None,
        }
    }

    pub fn text_mut(&mut self) -> Option<&mut TextArea<'static>> {
        match self {
            Self::Help { filter, .. } => Some(filter),
            Self::Picker(picker) => Some(&mut picker.filter),
            Self::Prompt(prompt) => Some(&mut prompt.text),
            Self::Explore(explore) => explore.text_mut(),
            Self::Messages { .. } | Self::Confirm(_) | Self::Import(_) | Self::Differences(_) => None,
        }
    }

    /// A list that has been asked for and is not here yet.
    pub fn loading(purpose: Choosing) -> Self {
        Self::Picker(Picker {
            purpose,
            items: Vec::new(),
            filter: line_editor(""),
            selected: Some(0),
            loading: true,
        })
    }

    /// A line of text to type, which begins with a text.
    pub fn prompt(purpose: Asking, text: &str) -> Self {
        let mut line = line_editor(text);
        // A name is replaced by what is typed, and kept by who moves in it.
        if purpose == Asking::PresetName && !text.is_empty() {
            line.select_all();
        }
        Self::Prompt(Prompt {
            purpose,
            text: line,
            error: None,
            completions: Completions::default(),
            before: text.to_owned(),
        })
    }
}
