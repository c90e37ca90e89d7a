//! What tells runs apart, in words.

use crate::domain::Brief;
use crate::domain::compare::What;
use crate::report::brief;
pub use crate::report::brief::whole_change;
use crate::tui::model::Model;

/// What differs from the run before, a few words each, in the names that the open workflow gives. Empty for the first
/// run of its kind, and as long as nothing is known.
pub fn told(model: &Model, brief: &Brief) -> Vec<String> {
    brief::told(brief, |what| name(model, what))
}

/// What people call a thing that differs.
pub fn name(model: &Model, what: &What) -> String {
    match what {
        What::Param(key) => match model.draft.param(key) {
            Some(param) => model.draft.name(param).to_owned(),
            None => key.input().to_owned(),
        },
        What::Workflow => "workflow".to_owned(),
        What::Preset => "preset".to_owned(),
        What::Profile => "profile".to_owned(),
    }
}
