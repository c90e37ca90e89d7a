//! What a field is called across workflows, so that the values it ever had can be found again.

use serde_json::Value;

use super::run::UnixMs;
use super::{Parameter, RunId, Workflow};

/// A value that a field had.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    pub value: Value,
    /// The newest run with it; for one that was never run, the newest there was.
    pub run: RunId,
    /// Number of runs with it; 0 for one that was typed and never run.
    pub used: u64,
    /// When the newest of them was queued.
    pub at: UnixMs,
    /// Whether an output of that run has a star.
    pub starred: bool,
}

/// The field of a parameter: what it is for, where the wiring tells (every prompt is one field), else the node's class
/// and title with the input.
pub fn name(workflow: &Workflow, parameter: &Parameter) -> String {
    if let Some(role) = parameter.role {
        return role.word().to_owned();
    }
    let key = &parameter.key;
    match workflow.nodes().get(key.node()) {
        Some(node) => format!("{} / {} / {}", node.class_type, node.name(), key.input()),
        None => key.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::param::parameters;

    #[test]
    fn a_field_is_the_same_in_another_workflow() {
        let names = |text: &str| {
            let workflow = Workflow::parse(text).expect("a workflow");
            parameters(&workflow).iter().map(|parameter| name(&workflow, parameter)).collect::<Vec<_>>()
        };
        let one = r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1, "positive": ["6", 0]}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a"}, "_meta": {"title": "Mine"}},
            "9": {"class_type": "Glow", "inputs": {"radius": 1}, "_meta": {"title": "Halo"}}}"#;
        let found = names(one);
        for name in ["prompt", "seed", "Glow / Halo / radius"] {
            assert!(found.iter().any(|field| field == name), "{name} in {found:?}");
        }
        let other = one.replace("\"6\"", "\"16\"").replace("\"9\"", "\"19\"").replace("Mine", "Theirs");
        assert_eq!(names(&other), found);
    }
}
