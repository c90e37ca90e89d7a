//! Holds the directions of `docs/architecture.md`: a layer uses only what stands below it.

mod modules;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use modules::Graph;

/// The layers, lowest first. `cli` comes last: it opens the screen when nothing else was asked for.
const LAYERS: [&str; 12] = [
    "domain", "wire", "report", "picture", "config", "library", "backend", "store", "runner", "demo", "tui",
    "cli",
];

/// Where something may not be named, whatever the layers allow.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    (
        "src/domain",
        &["std::fs", "std::net", "std::process", "SystemTime::now", "tokio::", "rusqlite", "reqwest"],
    ),
    ("src/wire", &["std::fs", "std::net", "std::process", "tokio::", "reqwest"]),
    ("src/report", &["std::fs", "tokio::", "crate::store", "println!"]),
    ("src/tui/view", &PURE),
    ("src/tui/panes", &PURE),
    ("src/tui/overlay", &PURE),
    ("src/tui/update", &PURE),
];

/// What neither updates nor views may name: both are functions of the model and a message.
const PURE: [&str; 6] =
    ["std::fs", "tokio::", "crate::store", "crate::backend", "crate::runner", "SystemTime"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 50, "the sources were not found");
    found
}

/// The file's code without its tests and comments: tests may look at what they like.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source file");
    let before_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs" || name == "stage.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn a_layer_uses_only_what_stands_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for path in all_sources().into_iter().filter(|path| !is_test(path)) {
        let inner = path.strip_prefix(&root).expect("a file under src");
        let first = inner.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        let layer = first.strip_suffix(".rs").unwrap_or(&first);
        let Some(height) = LAYERS.iter().position(|known| *known == layer) else {
            assert!(["lib", "main"].contains(&layer), "`{layer}` has no place among the layers");
            continue;
        };
        let code = code(&path);
        for above in &LAYERS[height + 1..] {
            if code.contains(&format!("crate::{above}")) {
                wrong.push(format!("{} uses {above}", inner.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn pure_parts_stay_pure() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for path in all_sources().into_iter().filter(|path| !is_test(path)) {
        let inner = path.strip_prefix(root).expect("a file of the project");
        for (place, names) in FORBIDDEN.iter().filter(|(place, _)| inner.starts_with(place)) {
            let code = code(&path);
            wrong.extend(
                names
                    .iter()
                    .filter(|name| code.contains(**name))
                    .map(|name| format!("{}: {name} in {place}", inner.display())),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_pane_is_a_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tui/panes");
    let folders = fs::read_dir(&root).expect("the panes").map(|entry| entry.expect("an entry").path());
    let folders: Vec<PathBuf> = folders.filter(|path| path.is_dir()).collect();
    assert!(folders.len() >= 7, "{folders:?}");
    for folder in folders {
        for part in ["mod.rs", "update.rs", "view.rs"] {
            assert!(folder.join(part).is_file(), "{}", folder.join(part).display());
        }
    }
}

/// The module that a file under `src` holds.
fn module(inner: &Path) -> String {
    let parts = inner.with_extension("");
    let parts: Vec<_> = parts.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let parts: Vec<_> = parts.into_iter().filter(|part| !["mod", "lib"].contains(&part.as_str())).collect();
    parts.join("::")
}

#[test]
fn no_module_imports_itself_by_a_detour() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources: BTreeMap<String, String> = all_sources()
        .iter()
        .filter(|path| !is_test(path) && !path.ends_with("src/main.rs"))
        .map(|path| (module(path.strip_prefix(&root).expect("a file under src")), code(path)))
        .collect();
    let graph = Graph::read(&sources);
    assert!(graph.count() > 50, "the modules were not read: {graph:?}");
    let cycles: Vec<String> = graph.cycles().iter().map(|cycle| cycle.join(" → ")).collect();
    assert!(cycles.is_empty(), "modules import each other in a circle:\n{}", cycles.join("\n"));
}
