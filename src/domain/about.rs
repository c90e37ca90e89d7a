//! What there is to know about a parameter, in a line.

use serde_json::Number;

use super::param::{ParamKind, Parameter, Range};
use super::{inputs, scalar, value};

/// Its limits, step and usual value, and its help text; may be empty.
pub fn about(parameter: &Parameter) -> String {
    let number = |number: &Option<Number>| number.as_ref().map(scalar::short);
    let Range { min, max, step, round } = &parameter.range;
    let limits = match (number(min), number(max)) {
        // A seed's are those of 64 bits.
        _ if parameter.kind == ParamKind::Seed => None,
        (Some(min), Some(max)) => Some(format!("{min} to {max}")),
        (Some(min), None) => Some(format!("at least {min}")),
        (None, Some(max)) => Some(format!("at most {max}")),
        (None, None) => None,
    };
    let step = number(step).filter(|_| limits.is_some()).map(|step| format!("steps of {step}"));
    let round = number(round).map(|round| format!("rounded to {round} in ComfyUI's editor"));
    let usual = parameter.usual.as_ref().filter(|usual| !usual.is_array() && !usual.is_object());
    let usual = usual.map(value::text).filter(|text| !text.is_empty() && text.len() <= inputs::LONG);
    let usual = usual.map(|text| format!("usually {text}"));
    let facts: Vec<String> = [limits, step, round, usual].into_iter().flatten().collect();
    let parts = [facts.join(", "), parameter.help.trim().to_owned()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Workflow;
    use crate::domain::param::parameters_by;
    use crate::domain::schema::Schema;

    #[test]
    fn it_says_what_is_known_and_no_more() {
        let nodes = r#"{"K": {"input": {"required": {
            "cfg": ["FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1, "round": 0.01, "tooltip": "How close."}],
            "seed": ["INT", {"default": 0, "min": 0, "max": 18446744073709551615}],
            "name": [["a"], {}]}}}}"#;
        let workflow =
            r#"{"3": {"class_type": "K", "inputs": {"cfg": 6, "seed": 1, "name": "a", "x": "y"}}}"#;
        let workflow = Workflow::parse(workflow).expect("a workflow");
        let found = parameters_by(&workflow, &Schema::parse(nodes).expect("a schema"));
        let told: Vec<String> = found.iter().map(about).collect();
        let cfg = "0.0 to 100.0, steps of 0.1, rounded to 0.01 in ComfyUI's editor, usually 8.0  How close.";
        assert_eq!(told, [cfg, "usually 0", "", ""]);
    }
}
