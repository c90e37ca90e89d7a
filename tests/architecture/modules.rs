//! The modules of the library and which of them names which, read from the code.
//!
//! Read are `use` declarations and paths within the code, through `crate`, `self`, `super`, imported names and
//! re-exports. What a module and one of its own children say of each other does not count, nor do tests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

type Path = Vec<String>;

/// What one module's code says.
#[derive(Debug, Default)]
struct Module {
    /// Names that stand for paths: imports, and the modules beneath.
    names: BTreeMap<String, Path>,
    /// Those of them that others see.
    exported: BTreeSet<String>,
    /// Paths that the code names.
    paths: BTreeSet<Path>,
}

/// Which module names which.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// From each module's path, such as `tui::view`, and its code without comments and tests.
    pub(crate) fn read(sources: &BTreeMap<String, String>) -> Self {
        let mut modules: BTreeMap<Path, Module> = BTreeMap::new();
        for (name, code) in sources {
            let path: Path = name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            modules.insert(path.clone(), read(&path, code));
        }
        for path in modules.keys().cloned().collect::<Vec<_>>() {
            if let Some((child, parent)) = path.split_last()
                && let Some(parent) = modules.get_mut(parent)
            {
                parent.names.entry(child.clone()).or_insert_with(|| path.clone());
            }
        }
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, module) in &modules {
            for path in &module.paths {
                let Some(to) = target(&modules, from, path) else { continue };
                if !from.starts_with(&to) && !to.starts_with(from) {
                    edges.entry(from.join("::")).or_default().insert(to.join("::"));
                }
            }
        }
        Self { edges }
    }

    /// The shortest way from each module that is in a cycle back to itself, one for each knot of modules.
    pub(crate) fn cycles(&self) -> Vec<Vec<String>> {
        let mut found: Vec<Vec<String>> = Vec::new();
        let mut seen = BTreeSet::new();
        for start in self.edges.keys() {
            if seen.contains(start) {
                continue;
            }
            if let Some(cycle) = self.way(start, start) {
                // Of each knot one is enough: what reaches the start and is reached by it is in the same one.
                let knot = self
                    .edges
                    .keys()
                    .filter(|other| self.way(start, other).is_some() && self.way(other, start).is_some());
                seen.extend(knot.cloned());
                found.push(cycle);
            }
        }
        found
    }

    /// The shortest way from one module to another, both named; at least one step.
    fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut ways = VecDeque::from([vec![from.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            for next in self.edges.get(way.last()?).into_iter().flatten() {
                let longer: Vec<String> = way.iter().cloned().chain([next.clone()]).collect();
                if next == to {
                    return Some(longer);
                }
                if seen.insert(next.clone()) {
                    ways.push_back(longer);
                }
            }
        }
        None
    }

    /// Modules that are named or name others.
    pub(crate) fn count(&self) -> usize {
        self.edges.len()
    }
}

/// The module that a path leads to, through re-exports.
fn target(modules: &BTreeMap<Path, Module>, from: &Path, path: &Path) -> Option<Path> {
    let mut path = path.clone();
    let mut reader = from.clone();
    // Names lead to names; a circle of them would be no Rust.
    for _ in 0..16 {
        let depth = (0..=path.len()).rev().find(|depth| modules.contains_key(&path[..*depth]))?;
        let (module, rest) = path.split_at(depth);
        let module = module.to_vec();
        let named = rest.first().and_then(|name| {
            let holder = &modules[&module];
            let is_seen = module == reader || holder.exported.contains(name);
            holder.names.get(name).filter(|_| is_seen).map(|to| (to, &rest[1..]))
        });
        match named {
            Some((to, rest)) => {
                reader = module;
                path = to.iter().chain(rest).cloned().collect();
            }
            None => return Some(module),
        }
    }
    None
}

fn read(path: &Path, code: &str) -> Module {
    let mut module = Module::default();
    let mut rest = code.to_owned();
    // `use` first: it says what the names in the code stand for.
    let mut body = String::new();
    while let Some(at) = find_use(&rest) {
        let end = rest[at..].find(';').map_or(rest.len(), |end| at + end);
        let before = &rest[..at];
        let is_exported = before.trim_end().ends_with("pub") || before.trim_end().ends_with(')');
        body.push_str(before);
        let declared = rest[at + "use ".len()..end].to_owned();
        for (name, to) in tree(&declared) {
            let Some(to) = absolute(path, &to, &module.names) else { continue };
            module.paths.insert(to.clone());
            if is_exported {
                module.exported.insert(name.clone());
            }
            module.names.insert(name, to);
        }
        rest = rest[end..].to_owned();
    }
    body.push_str(&rest);
    for words in paths_in(&body) {
        let is_rooted = ["crate", "self", "super"].contains(&words[0].as_str());
        let to = match module.names.get(&words[0]) {
            _ if is_rooted => absolute(path, &words, &module.names),
            Some(to) => Some(to.iter().chain(&words[1..]).cloned().collect()),
            // A module beneath, or something of another crate.
            None => Some(path.iter().chain(&words).cloned().collect()),
        };
        module.paths.extend(to);
    }
    module
}

/// Where the next `use` declaration begins.
fn find_use(code: &str) -> Option<usize> {
    code.match_indices("use ").map(|(at, _)| at).find(|at| {
        let line = code[..*at].rsplit('\n').next().unwrap_or_default().trim();
        line.is_empty()
            || (line.starts_with("pub") && !line.contains(' '))
            || (line.starts_with("pub(") && line.ends_with(')'))
    })
}

/// A path from the root of the crate; `None` for one of another crate.
fn absolute(module: &Path, words: &[String], names: &BTreeMap<String, Path>) -> Option<Path> {
    let first = words.first()?;
    if let Some(to) = names.get(first) {
        return Some(to.iter().chain(&words[1..]).cloned().collect());
    }
    let mut base: Path = match first.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.clone(),
        _ => return None,
    };
    let mut words = words.iter().peekable();
    while let Some(word) = words.next_if(|word| ["crate", "self", "super"].contains(&word.as_str())) {
        if word == "super" {
            base.pop();
        }
    }
    base.extend(words.cloned());
    Some(base)
}

/// The names that a `use` declaration makes, and what they stand for.
fn tree(text: &str) -> Vec<(String, Path)> {
    let text = text.trim();
    let Some(open) = text.find('{') else {
        let (text, alias) = match text.split_once(" as ") {
            Some((path, alias)) => (path, Some(alias.trim().to_owned())),
            None => (text, None),
        };
        let words: Path = text.split("::").map(|word| word.trim().to_owned()).collect();
        let words: Path = words.into_iter().filter(|word| word != "*").collect();
        let name = alias.or_else(|| words.last().cloned()).unwrap_or_default();
        return vec![(name, words)];
    };
    let close = text.rfind('}').unwrap_or(text.len());
    let before: Path =
        text[..open].split("::").map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let mut found = Vec::new();
    for part in top_level(&text[open + 1..close]) {
        for (name, words) in tree(&part) {
            let is_self = words == ["self"];
            let path: Path = if is_self { before.clone() } else { [before.clone(), words].concat() };
            let name = if is_self { before.last().cloned().unwrap_or_default() } else { name };
            found.push((name, path));
        }
    }
    found
}

/// A list parted at its commas, but for those within braces.
fn top_level(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            ',' if depth == 0 => parts.push(String::new()),
            c => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                parts.last_mut().expect("there is one").push(c);
            }
        }
    }
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

/// Paths of at least two words within code.
fn paths_in(code: &str) -> Vec<Path> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("::") {
        let start = rest[..at].rfind(|c| !is_word(c)).map_or(0, |before| before + 1);
        let end = rest[at..].find(|c| !is_word(c) && c != ':').map_or(rest.len(), |end| at + end);
        let words: Path =
            rest[start..end].split("::").filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if start < at && words.len() > 1 {
            found.push(words);
        }
        rest = &rest[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(sources: &[(&str, &str)]) -> Graph {
        Graph::read(&sources.iter().map(|(name, code)| ((*name).to_owned(), (*code).to_owned())).collect())
    }

    #[test]
    fn a_cycle_is_found_through_every_way_to_name_a_module() {
        for back in [
            "use crate::a::x;",
            "use super::a;",
            "pub use crate::{c, a::{self, x as y}};",
            "fn f() { crate::a::x() }",
            "use super::c::again; fn f() { again::x() }",
            "use super::c as other; fn f() { other::again::x() }",
        ] {
            let found = graph(&[
                ("", "mod a; mod b; mod c;"),
                ("a", "use super::b::f; pub fn x() {}"),
                ("b", back),
                ("c", "pub use crate::a as again;"),
            ]);
            assert_eq!(found.cycles().len(), 1, "{back}: {found:?}");
        }
    }

    #[test]
    fn children_and_one_way_streets_are_no_cycles() {
        let found = graph(&[
            ("a", "mod child; use child::f; use super::b;"),
            ("a::child", "use super::g; fn f() { super::g() }"),
            ("b", "use std::fmt; fn f() { String::new() }"),
        ]);
        assert_eq!(found.cycles(), Vec::<Vec<String>>::new(), "{found:?}");
    }

    #[test]
    fn the_path_of_a_cycle_is_named() {
        let found = graph(&[("a", "use crate::b;"), ("b", "use crate::c;"), ("c", "use crate::a;")]);
        assert_eq!(found.cycles(), [["a", "b", "c", "a"]]);
    }
}
