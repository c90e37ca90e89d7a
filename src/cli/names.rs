//! Parameters by name, and the errors for names that mean none.

use super::Failure;
use crate::domain::Draft;
use crate::domain::diagnostic::nearest;
use crate::domain::draft::{Named, Unnamed};

/// The parameter for a name; the error lists similar or matching names.
pub(super) fn known(draft: &Draft, name: &str, workflow: &str) -> Result<Named, Failure> {
    match draft.named(name) {
        Ok(named) => Ok(named),
        Err(Unnamed::Ambiguous(candidates)) => {
            let keys = candidates.iter().map(|key| match draft.param(key) {
                Some(parameter) => format!("`{key}` ({})", parameter.group),
                None => format!("`{key}`"),
            });
            let keys = keys.collect::<Vec<_>>().join(", ");
            Err(Failure::usage(format!("`{name}` may be any of {keys} in {workflow}. Say which, by its key")))
        }
        Err(Unnamed::Unknown) => Err(Failure::usage(unknown(draft, name, workflow))),
    }
}

fn unknown(draft: &Draft, name: &str, workflow: &str) -> String {
    let editable = || draft.params().iter().filter(|parameter| parameter.is_editable());
    let keys = editable().map(|parameter| parameter.key.as_str());
    let names = draft.preset().aliases.keys().map(String::as_str).chain(draft.default_aliases()).chain(keys);
    let near = nearest(name, names).map(str::to_owned).or_else(|| {
        // People may know the input's bare name from ComfyUI.
        editable().find(|parameter| parameter.key.input() == name).map(|parameter| parameter.key.to_string())
    });
    let near = match near {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("`comfydeck flatten {workflow}` shows its keys"),
    };
    format!("there is no parameter `{name}` in {workflow}. {near}")
}
