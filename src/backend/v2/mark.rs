//! A run's mark in its graph, by which its job is found when the server's reply was lost.

use serde_json::{Map, Value, json};

/// The key of the mark, beside a node's title.
const MARK: &str = "comfydeck_run";

/// The graph with the run's key in it: beside the title of its first node, where no server reads.
pub(super) fn marked(mut graph: Map<String, Value>, key: &str) -> Map<String, Value> {
    if let Some(node) = graph.values_mut().find_map(Value::as_object_mut) {
        let meta = node.entry("_meta").or_insert_with(|| json!({}));
        if let Some(meta) = meta.as_object_mut() {
            meta.insert(MARK.to_owned(), Value::String(key.to_owned()));
        }
    }
    graph
}

/// Whether a graph has this mark.
pub(super) fn is_marked(graph: &str, key: &str) -> bool {
    let Ok(graph) = serde_json::from_str::<Map<String, Value>>(graph) else { return false };
    graph.values().any(|node| node["_meta"][MARK].as_str() == Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_found_by_its_mark_and_nothing_else_changes() {
        let graph =
            json!({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}, "4": {"_meta": {"title": "x"}}});
        let graph = graph.as_object().cloned().expect("a graph");
        let mut marked = marked(graph.clone(), "key");
        let text = Value::Object(marked.clone()).to_string();
        assert!(is_marked(&text, "key") && !is_marked(&text, "other") && !is_marked("[]", "key"));
        marked["3"].as_object_mut().expect("a node").remove("_meta");
        assert_eq!(marked, graph);
    }
}
