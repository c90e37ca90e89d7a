//! The shapes in which values are sent, all derived from flattened keys and the workflow.

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::ParamKey;
use super::param::MASK_SUFFIX;
use super::workflow::is_link;

/// How a server takes values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"6-inputs-text": "…"}`: the values that are set; the server has the workflow.
    Flat,
    /// The whole workflow with the values in it.
    Graph,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    #[error("the workflow cannot be read: {0}")]
    NoWorkflow(String),
    #[error("{0}: the workflow has no such node")]
    NoNode(ParamKey),
}

/// The workflow in API format with these values. A list is wrapped, since it would be read as a link otherwise.
///
/// A choice that has another value than in the workflow brings its own inputs: of `mode`, those called `mode.…` that are not
/// among the values are left out.
///
/// # Errors
/// When the text is not a workflow, or has no node for a value.
pub fn graph<'a>(
    workflow: &str,
    values: impl IntoIterator<Item = (&'a ParamKey, &'a Value)>,
) -> Result<Map<String, Value>, ShapeError> {
    let values: IndexMap<&ParamKey, &Value> = values.into_iter().collect();
    let text = workflow.trim_start_matches('\u{feff}');
    let mut graph: Map<String, Value> =
        serde_json::from_str(text).map_err(|why| ShapeError::NoWorkflow(why.to_string()))?;
    for (key, value) in &values {
        // Masks are uploaded as files and are not inputs.
        if key.input().ends_with(MASK_SUFFIX) {
            continue;
        }
        let node = graph.get_mut(key.node()).and_then(Value::as_object_mut);
        let node = node.ok_or_else(|| ShapeError::NoNode((*key).clone()))?;
        let inputs = node.entry("inputs").or_insert_with(|| json!({}));
        let inputs = inputs.as_object_mut().ok_or_else(|| ShapeError::NoNode((*key).clone()))?;
        if inputs.get(key.input()).is_some_and(|before| before.is_string() && before != *value) {
            let prefix = format!("{}.", key.input());
            let is_sent = |name: &str| values.contains_key(&ParamKey::new(key.node(), name));
            inputs.retain(|name, _| !name.starts_with(&prefix) || is_sent(name));
        }
        let value = match value {
            Value::Array(_) if !is_link(value) => json!({"__value__": value}),
            value => (*value).clone(),
        };
        inputs.insert(key.input().to_owned(), value);
    }
    Ok(graph)
}

/// The values by node and input, `{"6": {"text": "…"}}`; the server has the workflow.
pub fn overrides<'a>(values: impl IntoIterator<Item = (&'a ParamKey, &'a Value)>) -> Map<String, Value> {
    let mut nodes = Map::new();
    for (key, value) in values {
        let node = nodes.entry(key.node()).or_insert_with(|| json!({}));
        if let Some(inputs) = node.as_object_mut() {
            inputs.insert(key.input().to_owned(), value.clone());
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Workflow;
    use crate::domain::param::parameters;

    const WORKFLOW: &str = r#"{"2:10": {"class_type": "KSampler", "inputs": {"seed": 1, "cfg": 6.0, "model": ["4", 0]}},
        "4": {"class_type": "Loader"}}"#;

    fn key(text: &str) -> ParamKey {
        ParamKey::parse(text).expect(text)
    }

    #[test]
    fn values_stand_in_the_graph_as_they_were_typed() {
        let seed: Value = serde_json::from_str("18446744073709551615").expect("a number");
        let mask = key(&format!("4-inputs-image{MASK_SUFFIX}"));
        let values = [
            (key("2:10-inputs-seed"), seed),
            (key("4-inputs-names"), json!(["a", "b"])),
            (key("4-inputs-image"), json!("x.png")),
            (mask, Value::Null),
        ];
        let graph = graph(WORKFLOW, values.iter().map(|(key, value)| (key, value))).expect("a graph");
        assert_eq!(
            Value::Object(graph).to_string(),
            r#"{"2:10":{"class_type":"KSampler","inputs":{"seed":18446744073709551615,"cfg":6.0,"model":["4",0]}},"4":{"class_type":"Loader","inputs":{"names":{"__value__":["a","b"]},"image":"x.png"}}}"#
        );
        let overrides = overrides(values.iter().take(2).map(|(key, value)| (key, value)));
        assert_eq!(
            Value::Object(overrides).to_string(),
            r#"{"2:10":{"seed":18446744073709551615},"4":{"names":["a","b"]}}"#
        );
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let (there, gone) = (key("9-inputs-x"), json!(1));
        assert_eq!(graph(WORKFLOW, [(&there, &gone)]), Err(ShapeError::NoNode(there.clone())));
        assert!(matches!(graph("[]", []), Err(ShapeError::NoWorkflow(_))));
    }

    proptest! {
        #[test]
        fn a_graph_gives_back_the_values_that_were_put_into_it(seed in any::<u64>(), cfg in -1e6..1e6, text in ".{0,20}") {
            let values = [(key("2:10-inputs-seed"), json!(seed)), (key("2:10-inputs-cfg"), json!(cfg)), (key("4-inputs-text"), json!(text))];
            let graph = graph(WORKFLOW, values.iter().map(|(key, value)| (key, value))).expect("a graph");
            let workflow = Workflow::parse(&Value::Object(graph).to_string()).expect("a workflow");
            let found = parameters(&workflow);
            for (key, value) in &values {
                prop_assert_eq!(found.iter().find(|param| param.key == *key).map(|param| &param.default), Some(value));
            }
        }
    }
}
