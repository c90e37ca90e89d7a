//! Writing files whole or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Replaces a file's content in one step: a reader, or a power cut, meets the old text or the new one.
///
/// A symbolic link stays one, and what it points to is replaced. A file that is there keeps its
/// permissions; a new one gets `mode` (less the umask). What is no regular file (`/dev/stdout`, a pipe)
/// is written into.
///
/// # Errors
/// As the system says; the old content is then still there.
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
    let temporary = beside(&target);
    let written =
        write_new(&temporary, content, mode, kept).and_then(|()| std::fs::rename(&temporary, &target));
    if written.is_err() {
        // The first error is the one to tell; a file left behind under a hidden name harms nobody.
        let _ = std::fs::remove_file(&temporary);
        return written;
    }
    // The name is on disk when its folder is.
    target.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Where a chain of links ends, also when nothing is there yet.
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

fn beside(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

fn write_new(path: &Path, content: &[u8], mode: u32, kept: Option<Permissions>) -> io::Result<()> {
    // A file of this name can only be what a killed process of the same number left.
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    if let Some(kept) = kept {
        file.set_permissions(Permissions::from_mode(kept.mode() & 0o7777))?;
    }
    file.write_all(content)?;
    file.sync_all()
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
