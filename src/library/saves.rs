//! Notices when files are saved: a burst of saves is one, and files of the same content are none.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};

use crate::domain::workflow::hex;

/// How often the files are to be looked at: some file systems report no changes, and editors save in many ways.
pub const LOOK: Duration = Duration::from_millis(250);
/// Saves with less time than this between them are one.
const BURST: Duration = Duration::from_millis(750);

/// A file's identity on the disk; `None` while it is not there.
type Stamp = Option<(SystemTime, u64, u64)>;

/// Files, and what was seen of them last.
#[derive(Debug)]
pub struct Saves {
    /// Stamp and hash of each; the hash is that of what counts as known.
    files: BTreeMap<PathBuf, Seen>,
    /// When a file was saved that has not been told of yet.
    since: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Seen {
    stamp: Stamp,
    content: Option<String>,
}

impl Seen {
    fn now(path: &Path) -> Self {
        Self { stamp: stamp(path), content: content(path) }
    }
}

impl Saves {
    /// What the files are now counts as known.
    pub fn new(files: &[PathBuf]) -> Self {
        let files = files.iter().map(|path| (path.clone(), Seen::now(path)));
        Self { files: files.collect(), since: None }
    }

    /// Looks at these from now on. What is known of those among them stays so.
    pub fn watch(&mut self, files: &[PathBuf]) {
        let seen = |path: &PathBuf| self.files.get(path).cloned().unwrap_or_else(|| Seen::now(path));
        self.files = files.iter().map(|path| (path.clone(), seen(path))).collect();
    }

    /// The files whose content is another one since it was told of, once all are there and none was saved for a moment. No
    /// file otherwise.
    pub fn look(&mut self, now: Instant) -> Vec<PathBuf> {
        let mut all_there = true;
        for (path, seen) in &mut self.files {
            let stamp = stamp(path);
            all_there &= stamp.is_some();
            if stamp != seen.stamp {
                seen.stamp = stamp;
                self.since = Some(now);
            }
        }
        let is_quiet = self.since.is_some_and(|since| now.saturating_duration_since(since) >= BURST);
        if !is_quiet || !all_there {
            return Vec::new();
        }
        self.since = None;
        let mut saved = Vec::new();
        for (path, seen) in &mut self.files {
            let content = content(path);
            if content != seen.content {
                seen.content = content;
                saved.push(path.clone());
            }
        }
        saved
    }
}

fn stamp(path: &Path) -> Stamp {
    let stamp = |found: Metadata| Some((found.modified().ok()?, found.len(), found.ino()));
    std::fs::metadata(path).ok().and_then(stamp)
}

/// The hash of a file; `None` for one that cannot be read.
fn content(path: &Path) -> Option<String> {
    std::fs::read(path).ok().map(|bytes| hex(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_one_and_the_same_content_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let [a, b, c] = ["a", "b", "c"].map(|name| folder.path().join(name));
        let write = |path: &Path, text: &str| {
            // As editors do: another file takes its place.
            let new = folder.path().join("new");
            std::fs::write(&new, text).expect("written");
            std::fs::rename(&new, path).expect("renamed");
        };
        write(&a, "1");
        write(&b, "1");
        let began = Instant::now();
        let at = |ms: u64| began + Duration::from_millis(ms);
        let mut saves = Saves::new(&[a.clone(), b.clone()]);
        assert_eq!(saves.look(at(0)), [] as [PathBuf; 0]);
        write(&a, "2");
        assert_eq!(saves.look(at(100)), [] as [PathBuf; 0], "it may go on");
        write(&b, "2");
        assert_eq!(saves.look(at(700)), [] as [PathBuf; 0]);
        assert_eq!(saves.look(at(1_400)), [] as [PathBuf; 0]);
        assert_eq!(saves.look(at(1_450)), [a.clone(), b.clone()]);
        assert_eq!(saves.look(at(9_000)), [] as [PathBuf; 0]);
        write(&a, "2");
        assert_eq!(saves.look(at(9_100)), [] as [PathBuf; 0]);
        assert_eq!(saves.look(at(9_900)), [] as [PathBuf; 0], "the same content");
        // One that is away for a moment is waited for; one that is watched from now on is as it is.
        std::fs::remove_file(&a).expect("removed");
        write(&c, "1");
        assert_eq!(saves.look(at(10_000)), [] as [PathBuf; 0]);
        saves.watch(&[a.clone(), c.clone()]);
        assert_eq!(saves.look(at(20_000)), [] as [PathBuf; 0]);
        write(&a, "3");
        assert_eq!(saves.look(at(20_100)), [] as [PathBuf; 0]);
        assert_eq!(saves.look(at(21_000)), [a]);
    }
}
