//! Overlays: dialogs over the panes, which take the keys.

mod confirm;
pub mod differences;
pub mod expansions;
pub mod explore;
pub mod help;
pub mod hints;
pub mod import;
pub mod keys;
pub mod lay;
pub mod messages;
mod parts;
pub mod picker;
mod prompt;
pub mod view;

use tui_textarea::TextArea;

pub use confirm::{Confirm, Confirmed};
pub use prompt::{Asking, Prompt};

use self::differences::Differences;
use self::expansions::Expansions;
use self::explore::Explore;
use self::lay::Lay;
use super::completions::Completions;
use super::typing::line_editor;
use crate::domain::{Fit, ParamKey, RunId};
use crate::library::import::Imported;

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
    /// What another preset sets otherwise, to choose from.
    Lay(Box<Lay>),
    /// What a text can become.
    Expansions(Box<Expansions>),
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
    /// Ids of the items that are marked, in the order in which they were.
    pub marked: Vec<String>,
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
    /// The values of a parameter that takes a list of choices.
    Several(ParamKey),
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
            Self::Value(_) | Self::Several(_) => "Choose",
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
            Self::Value(_) | Self::Several(_) | Self::Status | Self::Pipe(_) => 44,
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
    /// The run that it is of, or that a command is to be about.
    pub run: Option<RunId>,
    /// A command that can be about any run: `prompt of run 12`.
    pub takes_run: bool,
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

impl Overlay {
    /// A list to choose from.
    pub fn picker(purpose: Choosing, items: Vec<PickerItem>) -> Self {
        let selected = Some(0).filter(|_| purpose != Choosing::Command);
        let marked = Vec::new();
        Self::Picker(Picker { purpose, items, filter: line_editor(""), marked, selected, loading: false })
    }

    /// The text that is typed in it.
    pub fn text(&self) -> Option<&TextArea<'static>> {
        match self {
            Self::Help { filter, .. } => Some(filter),
            Self::Picker(picker) => Some(&picker.filter),
            Self::Prompt(prompt) => Some(&prompt.text),
            Self::Explore(explore) => explore.text(),
            Self::Messages { .. }
            | Self::Confirm(_)
            | Self::Import(_)
            | Self::Differences(_)
            | Self::Lay(_)
            | Self::Expansions(_) => None,
        }
    }

    pub fn text_mut(&mut self) -> Option<&mut TextArea<'static>> {
        match self {
            Self::Help { filter, .. } => Some(filter),
            Self::Picker(picker) => Some(&mut picker.filter),
            Self::Prompt(prompt) => Some(&mut prompt.text),
            Self::Explore(explore) => explore.text_mut(),
            Self::Messages { .. }
            | Self::Confirm(_)
            | Self::Import(_)
            | Self::Differences(_)
            | Self::Lay(_)
            | Self::Expansions(_) => None,
        }
    }

    /// A list that has been asked for and is not here yet.
    pub fn loading(purpose: Choosing) -> Self {
        Self::Picker(Picker {
            purpose,
            items: Vec::new(),
            filter: line_editor(""),
            marked: Vec::new(),
            selected: Some(0),
            loading: true,
        })
    }

    /// A line of text to type, which begins with a text.
    pub fn prompt(purpose: Asking, text: &str) -> Self {
        let mut line = line_editor(text);
        // A name is replaced by what is typed, and kept by who moves in it.
        let is_name = matches!(purpose, Asking::PresetName | Asking::Alias(_));
        if is_name && !text.is_empty() {
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
