//! Cleans up unfinished files that a killed runner left in an output folder: some contain data
//! that a person paid for.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{OutputFolder, name_it};
use crate::config::disk;
use crate::domain::RunEvent;
use crate::domain::run::RunId;

/// Name of a file being written.
pub(super) fn temp_name(run: RunId, number: u32) -> String {
    format!(".comfydeck-{run}-{number}.part")
}

/// Whether a file with this name is, or was, being written by any run.
pub(super) fn is_any_temp_name(name: &str) -> bool {
    name.starts_with(".comfydeck-") && name.ends_with(".part")
}

fn is_temp_name(name: &str, run: RunId) -> bool {
    let number = name.strip_prefix(&format!(".comfydeck-{run}-")).and_then(|rest| rest.strip_suffix(".part"));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Locks a new temporary file for its writer. Returns whether a concurrent cleanup was faster and removed it.
///
/// Another data folder may have a run of the same number with the same output folder: the lock, held while the file
/// is open, shows which files are still being written.
pub(super) fn is_taken(file: &File) -> bool {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => true,
        // Without locks on this file system nobody cleans up either.
        Ok(()) | Err(TryLockError::Error(_)) => file.metadata().is_ok_and(|now| now.nlink() == 0),
    }
}

impl OutputFolder {
    /// Cleans up after the run's killed runner: renames files with content, and removes the others. Returns warnings
    /// about what was done and what failed.
    pub fn salvage(&self) -> Vec<RunEvent> {
        let mut left = match left_in(&self.dir, self.run) {
            Ok(left) => left,
            Err(error) => {
                let dir = self.dir.display();
                let text = format!("whether unfinished outputs lie in {dir} cannot be seen: {error}");
                return vec![RunEvent::Warning { text }];
            }
        };
        left.extend(self.left_elsewhere());
        let warnings = left.iter().filter_map(|temp| match self.salvage_file(temp) {
            Ok(warning) => warning,
            Err(why) => Some(format!("an unfinished output is left as {}: {why}", temp.display())),
        });
        warnings.map(|text| RunEvent::Warning { text }).collect()
    }

    /// Cleans up as [`OutputFolder::salvage`] does, but for outputs that will be downloaded
    /// again: removes all unfinished files.
    pub fn clear(&self) {
        // Failing to remove an unfinished file does no harm.
        let left = left_in(&self.dir, self.run).unwrap_or_default();
        for temp in left.into_iter().chain(self.left_elsewhere()) {
            let is_free =
                File::open(&temp).is_ok_and(|file| !matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
            if is_free && let Err(error) = fs::remove_file(&temp) {
                tracing::warn!(run = self.run, "{} stays: {error}", temp.display());
            }
        }
    }

    /// Unfinished files in the rescue folders.
    fn left_elsewhere(&self) -> Vec<PathBuf> {
        self.rescue.iter().flat_map(|place| left_in(place, self.run).unwrap_or_default()).collect()
    }

    fn salvage_file(&self, temp: &Path) -> Result<Option<String>, String> {
        let text = |error: io::Error| error.to_string();
        let file = File::options().read(true).write(true).open(temp).map_err(text)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            // Without locks on this file system: this folder's runner is gone, and other folders' runs of
            // the same number are rare.
            Err(TryLockError::Error(error)) => disk::if_possible(Err(error)).map_err(text)?,
        }
        let found = file.metadata().map_err(text)?;
        // A second hard link means that it was complete and just renamed.
        if found.len() == 0 || found.nlink() > 1 {
            return fs::remove_file(temp).map(|()| None).map_err(text);
        }
        let dir = temp.parent().unwrap_or(&self.dir);
        let path = name_it(dir, temp, &format!("run-{}-unfinished.part", self.run));
        let path = path.map_err(|error| error.to_string())?;
        Ok(Some(format!(
            "an output was being written when the background runner died; the {} bytes received are kept in {}",
            found.len(),
            path.display()
        )))
    }
}

/// A run's unfinished files in a folder.
fn left_in(dir: &Path, run: RunId) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        // The folder was never created.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let is_left = |entry: &fs::DirEntry| {
        let is_ours = entry.file_name().to_str().is_some_and(|name| is_temp_name(name, run));
        is_ours && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    let mut left: Vec<_> = entries.flatten().filter(is_left).map(|entry| entry.path()).collect();
    left.sort();
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::super::tests::names_in;
    use super::*;

    #[test]
    fn files_with_bytes_are_kept_and_empty_ones_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
        write(".comfydeck-7-0.part", "half");
        write(".comfydeck-7-1.part", "");
        write(".comfydeck-7-2.part", "more");
        write("whole.png", "whole");
        fs::hard_link(dir.path().join("whole.png"), dir.path().join(".comfydeck-7-3.part")).expect("linked");
        std::os::unix::fs::symlink("whole.png", dir.path().join(".comfydeck-7-4.part")).expect("linked");
        let others = [".comfydeck-70-0.part", ".comfydeck-7-x.part", "run-7-unfinished.part"];
        others.iter().for_each(|name| write(name, "another's"));
        // Run 7 of another data folder.
        let written = OutputFolder::new(dir.path(), 7).begin().expect("a file");
        let warnings = OutputFolder::new(dir.path(), 7).salvage();
        let kept = |name: &str| {
            let path = dir.path().join(name);
            let text = format!(
                "an output was being written when the background runner died; the 4 bytes received are kept in {}",
                path.display()
            );
            RunEvent::Warning { text }
        };
        assert_eq!(warnings, [kept("run-7-unfinished-2.part"), kept("run-7-unfinished-3.part")]);
        assert_eq!(fs::read(dir.path().join("run-7-unfinished-3.part")).expect("read"), b"more");
        written.keep("a.png", "").expect("kept all the same");
        let left = [
            ".comfydeck-7-4.part",
            ".comfydeck-7-x.part",
            ".comfydeck-70-0.part",
            "a.png",
            "run-7-unfinished-2.part",
            "run-7-unfinished-3.part",
            "run-7-unfinished.part",
            "whole.png",
        ];
        assert_eq!(names_in(dir.path()), left);
        assert_eq!(OutputFolder::new(dir.path().join("never made"), 7).salvage(), []);
    }
}
