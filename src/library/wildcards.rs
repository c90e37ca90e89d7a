//! Wildcard files: the lines that `__name__` in a prompt stands for.
//!
//! Files in `./wildcards` and in `wildcards/` of the config directory: `.txt` with one alternative per line, or YAML
//! whose lists are named by their keys. `__colours/dark__` is `colours/dark.txt`, or the list at `colours:` →
//! `dark:`. A name with stars means the lines of all matches: `*` matches within one folder, `**` across folders.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use yaml_rust2::{Yaml, YamlLoader};

use crate::config::Dirs;
use crate::domain::diagnostic::nearest;
use crate::domain::prompt::Wildcards;

/// Most files visited, and deepest folder.
const MOST_FILES: usize = 20_000;
const MOST_DEPTH: usize = 16;

/// Most bytes of a wildcard file.
const MOST_BYTES: u64 = 16 << 20;

/// A person's wildcards, searched for when the first one is needed.
#[derive(Debug)]
pub struct WildcardFiles {
    folders: [PathBuf; 2],
    found: OnceCell<Result<Found, String>>,
}

/// What is there.
#[derive(Debug, Default)]
struct Found {
    /// By their names.
    sources: BTreeMap<String, Source>,
    /// Why files cannot be read in which others may be.
    unreadable: Vec<String>,
}

/// Where a wildcard's lines are.
#[derive(Debug)]
enum Source {
    Text(PathBuf),
    Lines(Vec<String>),
}

impl WildcardFiles {
    /// The folders as seen from a working directory.
    pub fn new(dirs: &Dirs, working: &Path) -> Self {
        let folders = [working.join("wildcards"), dirs.config.join("wildcards")];
        Self { folders, found: OnceCell::new() }
    }

    fn found(&self) -> Result<&Found, String> {
        let found = self.found.get_or_init(|| {
            let mut found = Found::default();
            let mut left = MOST_FILES;
            for folder in &self.folders {
                look(folder, "", MOST_DEPTH, &mut left, &mut found)?;
            }
            Ok(found)
        });
        found.as_ref().map_err(Clone::clone)
    }
}

impl Wildcards for WildcardFiles {
    fn lines(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        let found = self.found()?;
        if let Some(source) = found.sources.get(name) {
            return source.lines().map(Some);
        }
        // It may be there, or more of it.
        if let Some(why) = found.unreadable.first() {
            return Err(why.clone());
        }
        if !name.contains(['*', '?']) {
            return Ok(None);
        }
        let fitting: Vec<_> = found.sources.iter().filter(|(known, _)| fits(name, known)).collect();
        if fitting.is_empty() {
            return Ok(None);
        }
        let mut lines = Vec::new();
        for (_, source) in fitting {
            lines.extend(source.lines()?);
        }
        Ok(Some(lines))
    }

    fn nearest(&self, name: &str) -> Option<String> {
        nearest(name, self.found().ok()?.sources.keys().map(String::as_str)).map(str::to_owned)
    }
}

impl Source {
    fn lines(&self) -> Result<Vec<String>, String> {
        match self {
            Self::Lines(lines) => Ok(lines.clone()),
            Self::Text(path) => {
                let text = read(path)?;
                let lines = text.lines().map(str::trim);
                Ok(lines
                    .filter(|line| !line.is_empty() && !line.starts_with('#'))
                    .map(str::to_owned)
                    .collect())
            }
        }
    }
}

/// Adds the files of a folder; existing names win.
fn look(
    folder: &Path,
    prefix: &str,
    depth: usize,
    left: &mut usize,
    found: &mut Found,
) -> Result<(), String> {
    let unreadable = |why: std::io::Error| format!("{} cannot be read: {why}", folder.display());
    let entries = match std::fs::read_dir(folder) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(unreadable)?,
    };
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if *left == 0 {
            return Err(format!("there are more than {MOST_FILES} files below {}", folder.display()));
        }
        *left -= 1;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(stem);
            if depth > 0 && !name.starts_with('.') {
                look(&path, &format!("{prefix}{name}/"), depth - 1, left, found)?;
            }
        } else if extension == "txt" {
            found.sources.entry(format!("{prefix}{stem}")).or_insert(Source::Text(path));
        } else if matches!(extension, "yaml" | "yml") {
            match documents(&path) {
                Ok(documents) => documents
                    .iter()
                    .for_each(|document| take_in(document, prefix, MOST_DEPTH, &mut found.sources)),
                Err(why) => found.unreadable.push(why),
            }
        }
    }
    Ok(())
}

fn documents(path: &Path) -> Result<Vec<Yaml>, String> {
    YamlLoader::load_from_str(&read(path)?).map_err(|why| format!("{} is not YAML: {why}", path.display()))
}

/// Adds the lists of a YAML document, by their keys.
fn take_in(yaml: &Yaml, path: &str, depth: usize, found: &mut BTreeMap<String, Source>) {
    match yaml {
        Yaml::Hash(pairs) if depth > 0 => {
            for (key, value) in pairs {
                if let Some(key) = text(key) {
                    let slash = if matches!(value, Yaml::Hash(_)) { "/" } else { "" };
                    take_in(value, &format!("{path}{key}{slash}"), depth - 1, found);
                }
            }
        }
        Yaml::Array(items) => {
            let lines = items.iter().filter_map(text).collect();
            found.entry(path.to_owned()).or_insert(Source::Lines(lines));
        }
        value => {
            if let Some(line) = text(value) {
                found.entry(path.to_owned()).or_insert(Source::Lines(vec![line]));
            }
        }
    }
}

fn text(yaml: &Yaml) -> Option<String> {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

fn read(path: &Path) -> Result<String, String> {
    let failed = |why: std::io::Error| format!("{} cannot be read: {why}", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("{} is too large for a wildcard", path.display()));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8 text", path.display()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Whether a name matches a pattern: `?` is one character and `*` any number of them,
/// except `/`; `**` includes these.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Which prefixes of the name match the pattern so far.
    let mut fitting = vec![false; name.len() + 1];
    fitting[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let is_deep = pattern[at] == '*' && pattern.get(at + 1) == Some(&'*');
        let mut next = vec![false; name.len() + 1];
        for end in 0..=name.len() {
            next[end] = match pattern[at] {
                '*' => fitting[end] || (end > 0 && next[end - 1] && (is_deep || name[end - 1] != '/')),
                '?' => end > 0 && fitting[end - 1] && name[end - 1] != '/',
                c => end > 0 && fitting[end - 1] && name[end - 1] == c,
            };
        }
        fitting = next;
        at += if is_deep { 2 } else { 1 };
    }
    fitting[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_in_their_folder_and_two_do_not() {
        for (pattern, name, fit) in [
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("a/**", "a/b/c", true),
            ("**/c", "a/b/c", true),
            ("*our?", "colours", true),
            ("*", "a/b", false),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
        assert!(!fits(&"*a".repeat(200), &"a".repeat(5_000).replace("aa", "ab")));
    }

    #[test]
    fn lines_come_from_texts_and_lists_and_the_nearer_folder_wins() {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(home.path());
        let (near, far) = (home.path().join("work/wildcards"), dirs.config.join("wildcards"));
        std::fs::create_dir_all(near.join("a/b")).expect("made");
        std::fs::create_dir_all(&far).expect("made");
        std::fs::write(near.join("colour.txt"), "# dark ones\nred\r\n\n  2::green \n").expect("written");
        std::fs::write(far.join("colour.txt"), "blue\n").expect("written");
        std::fs::write(near.join("a/b/c.txt"), "deep\n").expect("written");
        std::fs::write(far.join("wear.yaml"), "wear:\n  hat: [bowler, 1]\n  coat:\n    - mac\nmood: happy\n")
            .expect("written");
        let found = WildcardFiles::new(&dirs, &home.path().join("work"));
        let lines = |name: &str| found.lines(name).expect("read").unwrap_or_default();
        assert_eq!(lines("colour"), ["red", "2::green"]);
        assert_eq!(lines("wear/hat"), ["bowler", "1"]);
        assert_eq!(lines("wear/*"), ["mac", "bowler", "1"]);
        assert_eq!(lines("**"), ["deep", "red", "2::green", "happy", "mac", "bowler", "1"]);
        assert_eq!((lines("mood"), lines("a/b/c")), (vec!["happy".to_owned()], vec!["deep".to_owned()]));
        assert_eq!((found.lines("../secret"), found.lines("none/*")), (Ok(None), Ok(None)));
        assert_eq!(found.nearest("color").as_deref(), Some("colour"));
        std::fs::write(far.join("bad.yaml"), "a: [").expect("written");
        let found = WildcardFiles::new(&dirs, home.path());
        assert_eq!(
            found.lines("colour"),
            Ok(Some(vec!["blue".to_owned()])),
            "another file is none of its business"
        );
        for may_be_there in ["hat", "*"] {
            let error = found.lines(may_be_there).expect_err("a message");
            assert!(error.contains("bad.yaml is not YAML"), "{error}");
        }
    }
}
