//! Undo and redo: every change of the draft is a step that can be taken back.

use indexmap::IndexMap;

use super::{Draft, Edit};
use crate::domain::{ParamKey, SeedPolicy};

/// A change of one layer, with the values before and after.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Edit { key: ParamKey, before: Option<Edit>, after: Option<Edit> },
    Policy { key: ParamKey, before: Option<SeedPolicy>, after: Option<SeedPolicy> },
    Name { key: ParamKey, before: Option<String>, after: Option<String> },
    Expand { key: ParamKey, before: Option<bool>, after: Option<bool> },
}

impl Change {
    pub(super) fn key(&self) -> &ParamKey {
        match self {
            Self::Edit { key, .. }
            | Self::Policy { key, .. }
            | Self::Name { key, .. }
            | Self::Expand { key, .. } => key,
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

impl Draft {
    /// Undoes a step. Returns the first key it touched, so that it can be shown; `None` when
    /// there is nothing to undo.
    pub fn undo(&mut self) -> Option<ParamKey> {
        let step = self.steps.undo.pop()?;
        let shown = step.first().map(|change| change.key().clone());
        for change in step.iter().rev() {
            self.put(change, false);
        }
        self.settle();
        self.steps.redo.push(step);
        shown
    }

    /// Redoes the step undone last.
    pub fn redo(&mut self) -> Option<ParamKey> {
        let step = self.steps.redo.pop()?;
        let shown = step.first().map(|change| change.key().clone());
        for change in &step {
            self.put(change, true);
        }
        self.settle();
        self.steps.undo.push(step);
        shown
    }

    /// Makes what was done so far the beginning: undo leads back no further.
    pub fn forget_steps(&mut self) {
        self.steps.clear();
    }

    /// Steps that can be undone.
    pub fn steps(&self) -> usize {
        self.steps.undo.len()
    }

    pub fn can_undo(&self) -> bool {
        !self.steps.undo.is_empty()
    }

    pub fn can_redo(&self) -> bool {
        !self.steps.redo.is_empty()
    }

    pub(super) fn perform(&mut self, step: Vec<Change>) {
        if step.is_empty() {
            return;
        }
        for change in &step {
            self.put(change, true);
        }
        self.settle();
        self.steps.done(step);
    }

    fn put(&mut self, change: &Change, forward: bool) {
        match change {
            Change::Edit { key, before, after } => {
                put(&mut self.edits, key, if forward { after } else { before });
            }
            Change::Policy { key, before, after } => {
                put(&mut self.policies, key, if forward { after } else { before });
            }
            Change::Name { key, before, after } => {
                put(&mut self.names, key, if forward { after } else { before });
            }
            Change::Expand { key, before, after } => {
                put(&mut self.expand, key, if forward { after } else { before });
            }
        }
    }
}

pub(super) fn put<T: Clone>(layer: &mut IndexMap<ParamKey, T>, key: &ParamKey, value: &Option<T>) {
    match value {
        Some(value) => {
            layer.insert(key.clone(), value.clone());
        }
        None => {
            layer.shift_remove(key);
        }
    }
}
