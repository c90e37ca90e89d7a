//! The parameters: what will be sent.

pub mod commands;
pub mod editing;
pub mod rows;
pub mod update;
pub mod view;

use std::collections::BTreeMap;

use indexmap::IndexSet;
use tui_textarea::TextArea;

use crate::domain::prompt::Weighing;
use crate::domain::{ParamKey, Setting};
use crate::tui::completions::Completions;

#[derive(Debug, Default)]
pub struct ParamsPane {
    /// The row that keys go to.
    pub selected: Option<ParamKey>,
    /// Lines scrolled off at the top.
    pub scroll: usize,
    /// Fuzzy filter; empty shows all.
    pub filter: String,
    /// Kept on top, in this order.
    pub pinned: IndexSet<ParamKey>,
    /// Links and what the form hides are shown.
    pub show_all: bool,
    /// The field being edited.
    pub editing: Option<Editing>,
    /// What is known of files that parameters name.
    pub files: BTreeMap<ParamKey, FileState>,
}

/// What is known of a file that a parameter names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is there; size and kind in words.
    Good(String),
    /// It is there, and seems to be something else than the parameter wants; it is sent all the same.
    Doubtful(String),
    /// It cannot be sent: it is not there, or cannot be read.
    Bad(String),
}

/// A field being edited.
#[derive(Debug)]
pub struct Editing {
    pub key: ParamKey,
    pub text: TextArea<'static>,
    /// Enter makes a new line.
    pub multiline: bool,
    /// Why the text cannot be kept as it is.
    pub error: Option<String>,
    /// Paths that the text of a file field may become.
    pub completions: Completions,
    /// Places where the text is between the two steps that the widget makes of one change: line number and line.
    pub halfway: Vec<(usize, String)>,
    /// What the weight keys did last.
    pub weighing: Option<Weighing>,
}

impl Editing {
    /// The text as one string.
    pub fn value(&self) -> String {
        self.text.lines().join("\n")
    }

    /// Lines beneath the text: the error, completions, and how many more there are.
    pub fn lines_below(&self) -> usize {
        usize::from(self.error.is_some()) + self.completions.lines()
    }
}

/// The setting as a field shows it.
pub fn setting_text(setting: &Setting) -> String {
    match setting {
        Setting::Value(value) => crate::domain::value::text(value),
        Setting::File(path) => path.display().to_string(),
    }
}
