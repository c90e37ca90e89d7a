//! The parameters pane: the values of the next run.

pub mod choices;
pub mod commands;
pub mod editing;
pub mod hint;
pub mod lines;
pub mod loras;
pub mod piping;
pub mod recall;
pub mod rows;
pub mod update;
pub mod view;

use piping::Pipes;
use std::collections::BTreeMap;

use indexmap::IndexSet;
use tui_textarea::TextArea;

use self::editing::past::Past;
use crate::domain::prompt::Weighing;
use crate::domain::{ParamKey, Setting};
use crate::tui::completions::Completions;

#[derive(Debug, Default)]
pub struct ParamsPane {
    pub selected: Option<ParamKey>,
    /// Lines scrolled off at the top.
    pub scroll: usize,
    /// Fuzzy filter; empty shows all.
    pub filter: String,
    /// Parameters kept at the top, in this order.
    pub pinned: IndexSet<ParamKey>,
    /// The same as it was when preset and workflow were opened, or saved.
    pub opened_pins: IndexSet<ParamKey>,
    /// Whether each row says who set its value.
    pub show_origins: bool,
    /// Whether links and inputs hidden by the form are shown.
    pub show_all: bool,
    pub editing: Option<Editing>,
    pub pipes: Pipes,
    /// State of the files that parameters refer to.
    pub files: BTreeMap<ParamKey, FileState>,
}

impl ParamsPane {
    /// Whether a person changed what is pinned, so that the preset can have it.
    pub fn has_new_pins(&self) -> bool {
        !self.pinned.iter().eq(&self.opened_pins)
    }
}

/// The state of a parameter's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Can be sent; with size and type for display.
    Good(String),
    /// Can be sent, but does not seem to be of the parameter's type.
    Doubtful(String),
    /// Missing or unreadable, so it cannot be sent.
    Bad(String),
}

/// A field being edited.
#[derive(Debug)]
pub struct Editing {
    pub key: ParamKey,
    pub text: TextArea<'static>,
    /// The text it was opened with.
    pub opened_with: String,
    /// Whether something was typed in it: leaving it sets the text, even an unchanged one.
    pub is_typed: bool,
    /// Whether Enter inserts a line.
    pub multiline: bool,
    /// Why the text is invalid.
    pub error: Option<String>,
    /// Completions of a path in a file field.
    pub completions: Completions,
    /// Undo states in the middle of a replacement, which the widget makes in two steps: line number
    /// and text of that line.
    pub halfway: Vec<(usize, String)>,
    /// Lines of a long text scrolled off at the top.
    pub scroll: usize,
    /// The column that the caret keeps to on its way up and down.
    pub goal: Option<usize>,
    /// Earlier values of the field.
    pub past: Past,
    /// The last change by the weight keys.
    pub weighing: Option<Weighing>,
}

impl Editing {
    /// The text with line breaks.
    pub fn value(&self) -> String {
        self.text.lines().join("\n")
    }

    /// Lines below the text: the error, completions, and how many more there are.
    pub fn lines_below(&self) -> usize {
        usize::from(self.error.is_some()) + self.completions.lines()
    }
}

/// A setting as shown in a field.
pub fn setting_text(setting: &Setting) -> String {
    match setting {
        Setting::Value(value) => crate::domain::value::text(value),
        Setting::File(path) => path.display().to_string(),
    }
}
