//! Writes files whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::disk;

/// Replaces a file's content atomically: a reader, or a power cut, finds the old content or the new.
///
/// A symlink stays one, and its target is replaced. An existing file keeps its permissions; a new one gets `mode`
/// minus the umask. Anything but a regular file (`/dev/stdout`, a pipe) is written to directly.
///
/// # Errors
/// As the system reports; the old content then still exists.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let target = target_of(&std::path::absolute(path)?)?;
    let kept = match std::fs::metadata(&target) {
        Ok(there) if !there.is_file() => {
            return OpenOptions::new().write(true).open(&target)?.write_all(content);
        }
        Ok(there) => Some(there.permissions()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut file = NewFile::in_folder(folder, mode)?;
    if let Some(kept) = kept {
        disk::if_possible(file.file.set_permissions(Permissions::from_mode(kept.mode() & 0o7777)))?;
    }
    file.write_all(content)?;
    file.sync()?;
    file.place(&target)?;
    // The new name is durable once its folder is synced.
    disk::if_possible(File::open(folder)?.sync_all())
}

/// Replaces a file that can be made again: as [`replace`], but not synced, symlinks are replaced, and only
/// the owner can read it.
///
/// # Errors
/// As the system reports; the old content then still exists.
pub fn replace_quickly(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = NewFile::in_folder(path.parent().unwrap_or(Path::new(".")), 0o600)?;
    file.write_all(content)?;
    file.place(path)
}

/// A file written under a hidden temporary name and renamed when complete. Dropped earlier, it is removed.
#[derive(Debug)]
pub struct NewFile {
    file: File,
    /// `None` once it is renamed.
    temporary: Option<PathBuf>,
}

impl NewFile {
    /// Creates the temporary file in a folder, with these permissions minus the umask.
    ///
    /// # Errors
    /// As the system reports.
    pub fn in_folder(folder: &Path, mode: u32) -> io::Result<Self> {
        let temporary = folder.join(format!(".{}-{:x}", std::process::id(), fastrand::u64(..)));
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        Ok(Self { file, temporary: Some(temporary) })
    }

    /// Syncs the content to disk.
    ///
    /// # Errors
    /// As the system reports.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Renames the file within its folder. A reader of that name finds the old file or this one.
    ///
    /// # Errors
    /// As the system reports; the temporary file is removed.
    pub fn place(mut self, path: &Path) -> io::Result<()> {
        if let Some(temporary) = &self.temporary {
            std::fs::rename(temporary, path)?;
        }
        self.temporary = None;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // The first error is reported; a leftover hidden file does no harm.
            let _ = std::fs::remove_file(temporary);
        }
    }
}

/// Where a chain of symlinks ends, whether or not there is a file.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..40 {
        match std::fs::read_link(&target) {
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    #[test]
    fn links_and_permissions_stay_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        replace(&real, b"1", 0o600).expect("written");
        assert_eq!(mode(&real), 0o600);
        std::fs::set_permissions(&real, Permissions::from_mode(0o640)).expect("changed");
        std::os::unix::fs::symlink("real", &link).expect("linked");
        replace(&link, b"2", 0o600).expect("written");
        assert_eq!(std::fs::read(&real).expect("there"), b"2");
        assert_eq!(mode(&real), 0o640);
        assert!(std::fs::symlink_metadata(&link).expect("there").is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(replace(&folder.path().join("no/file"), b"x", 0o600).is_err());
        assert!(replace(folder.path(), b"x", 0o600).is_err());
    }

    #[test]
    fn a_device_is_written_into() {
        replace(Path::new("/dev/null"), b"x", 0o600).expect("written");
        assert!(!std::fs::metadata("/dev/null").expect("there").is_file());
    }
}
