use super::Edit;
use crate::domain::{ParamKey, SeedPolicy};

/// A change of one layer, with the values before and after.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Edit { key: ParamKey, before: Option<Edit>, after: Option<Edit> },
    Policy { key: ParamKey, before: Option<SeedPolicy>, after: Option<SeedPolicy> },
    Name { key: ParamKey, before: Option<String>, after: Option<String> },
}

impl Change {
    pub(super) fn key(&self) -> &ParamKey {
        match self {
            Self::Edit { key, .. } | Self::Policy { key, .. } | Self::Name { key, .. } => key,
        }
    }
}

/// Most steps kept for undo.
const MOST: usize = 1_000;

/// Undo and redo stacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Steps {
    pub(super) undo: Vec<Vec<Change>>,
    pub(super) redo: Vec<Vec<Change>>,
}

impl Steps {
    /// Adds a step and clears the redo stack.
    pub(super) fn done(&mut self, step: Vec<Change>) {
        self.redo.clear();
        self.undo.push(step);
        if self.undo.len() > MOST {
            self.undo.remove(0);
        }
    }

    pub(super) fn clear(&mut self) {
        self.undo.clear();
        self.redo.clear();
    }

    /// Every change in both stacks.
    pub(super) fn changes(&mut self) -> impl Iterator<Item = &mut Change> {
        self.undo.iter_mut().chain(&mut self.redo).flatten()
    }
}
