//! Workflows in UI format, each beside what ComfyUI's own editor (with ComfyUI 0.3.64) made of it for its server:
//! `graphToPrompt` after `loadGraphData`, in a browser.
//!
//! | pairs | frontend |
//! |---|---|
//! | `group_*` | 1.15.13, before fields had slots |
//! | `promoted_*` | 1.58.1 |
//! | `group_slots_*` and the others | 1.27.10 |

use std::collections::BTreeMap;
use std::path::Path;

use comfydeck::domain::Workflow;
use comfydeck::domain::schema::Schema;
use comfydeck::domain::ui_format::convert;
use serde_json::{Value, json};

const OBJECT_INFO: &str = include_str!("ui_format/object_info.json");

/// The pairs by name.
fn pairs() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui_format");
    let files = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let pairs = files.map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, serde_json::from_str(&std::fs::read_to_string(&path).expect("read")).expect("JSON"))
    });
    pairs.filter(|(name, _)| name != "object_info").collect()
}

fn converted(ui: &Value, schema: Option<&Schema>) -> Value {
    let converted = convert(&ui.to_string(), schema).expect("converted");
    let text = Value::Object(converted.graph.clone()).to_string();
    assert!(Workflow::parse(&text).is_ok(), "{text}");
    Value::Object(converted.graph)
}

/// Numbers as the editor writes them: `1` for `1.0`.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0 && float.abs() < 1e15 { json!(float as i64) } else { json!(float) }
        }
        Value::Array(list) => list.iter().map(plain).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        other => other.clone(),
    }
}

/// What differs, a line each.
fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let (ours, theirs) = (plain(ours), plain(theirs));
    let mut found = Vec::new();
    // Where a server gives no title, the editor has one of its own in some languages.
    let untitled = |node: &Value| {
        node["_meta"]["title"]
            .as_str()
            .is_some_and(|title| title.replace(' ', "") == node["class_type"].as_str().unwrap_or_default())
    };
    let ids = |graph: &Value| graph.as_object().expect("a graph").keys().cloned().collect::<Vec<_>>();
    for id in ids(&ours).iter().filter(|id| theirs.get(*id).is_none()) {
        found.push(format!("{id} is ours alone"));
    }
    for id in ids(&theirs) {
        for part in ["class_type", "_meta", "inputs"] {
            let is_title = part == "_meta" && untitled(&ours[&id]) && untitled(&theirs[&id]);
            if ours[&id][part] != theirs[&id][part] && !is_title {
                found.push(format!("{id} {part}: {} instead of {}", ours[&id][part], theirs[&id][part]));
            }
        }
    }
    found
}

#[test]
fn workflows_become_what_the_editor_makes_of_them() {
    let schema = Schema::parse(OBJECT_INFO).expect("a schema");
    let mut found = Vec::new();
    let pairs = pairs();
    assert!(pairs.len() >= 47, "{:?}", pairs.keys());
    for (name, pair) in pairs {
        for (how, schema) in
            [("with a schema", Some(&schema)), ("with what is known of built-in nodes", None)]
        {
            // Only a server knows the values of fields that were not saved.
            if name == "fewer_values" && schema.is_none() {
                let notes = convert(&pair["ui"].to_string(), None).expect("converted").notes;
                assert!(notes[0].contains("cfg of node 5 (KSampler)"), "{notes:?}");
                continue;
            }
            let lines = differences(&converted(&pair["ui"], schema), &pair["api"]);
            found.extend(lines.into_iter().map(|line| format!("{name}, {how}: {line}")));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
