//! Tests whether a folder can take outputs before a run is sent: by writing to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::reason;
use crate::config::disk;

/// Bytes written for the test.
const TRIED: usize = 4096;

/// Why a folder cannot take the outputs.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("outputs cannot be written to {}: {}", .dir.display(), reason(.source))]
    Refused { dir: PathBuf, source: io::Error },
    #[error(
        "{} has room for {} bytes, and earlier runs of this workflow made up to {wanted}",
        .dir.display(), .free
    )]
    Small {
        dir: PathBuf,
        free: u64,
        /// Bytes of earlier runs' outputs.
        wanted: u64,
    },
    #[error(
        "a file may be {limit} bytes long here (`ulimit -f`), and earlier runs of this workflow made one of {largest}"
    )]
    Limited {
        limit: u64,
        /// Bytes of the largest output.
        largest: u64,
    },
}

impl Unusable {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Refused { .. } => {
                "Choose another folder: `output_dir` in config.toml, or -o DIR on the command line"
            }
            Self::Small { .. } => {
                "Free some space, or choose another folder: `output_dir` in config.toml, or -o DIR on the command line"
            }
            Self::Limited { .. } => "Raise the limit, then run again",
        }
    }
}

/// Bytes of earlier runs' outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// All outputs of one run.
    pub all: u64,
    pub largest: u64,
}

/// Creates a file in a folder, writes to it, and removes it again together with folders created for it. Returns the
/// free bytes, where the system says.
///
/// # Errors
/// When the folder cannot be written or has too little room.
pub fn try_out(dir: &Path, expected: Expected) -> Result<Option<u64>, Unusable> {
    // As usual, an empty path is the working directory.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let missing: Vec<&Path> = dir.ancestors().take_while(|folder| !folder.exists()).collect();
    let tried = match fs::metadata(dir) {
        Ok(found) if !found.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
        _ => fs::create_dir_all(dir).and_then(|()| try_file(dir)),
    };
    let free = disk::free(dir);
    // A folder that another run has used meanwhile stays.
    for folder in missing {
        let _ = fs::remove_dir(folder);
    }
    tried.map_err(|source| Unusable::Refused { dir: dir.to_owned(), source })?;
    match getrlimit(Resource::Fsize).current {
        Some(limit) if limit < expected.largest => {
            return Err(Unusable::Limited { limit, largest: expected.largest });
        }
        _ => {}
    }
    match free {
        Some(free) if free < expected.all => {
            Err(Unusable::Small { dir: dir.to_owned(), free, wanted: expected.all })
        }
        free => Ok(free),
    }
}

/// A file without a name leaves nothing behind in any case.
#[cfg(target_os = "linux")]
fn nameless(dir: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flag = rustix::fs::OFlags::TMPFILE.bits().cast_signed();
    OpenOptions::new().write(true).custom_flags(flag).open(dir)
}

#[cfg(not(target_os = "linux"))]
fn nameless(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

fn try_file(dir: &Path) -> io::Result<()> {
    match nameless(dir) {
        Ok(mut file) => return write(&mut file),
        // Systems that do not know such files answer with EISDIR.
        Err(error) if disk::is_lacking(&error) || error.kind() == io::ErrorKind::IsADirectory => {}
        Err(error) => return Err(error),
    }
    let path = dir.join(format!(".comfydeck-test-{}-{:x}", std::process::id(), fastrand::u32(..)));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let written = write(&mut file);
    drop(file);
    let removed = fs::remove_file(&path);
    written.and(removed)
}

/// Quotas and network disks only report a lack of space on sync.
fn write(file: &mut File) -> io::Result<()> {
    file.write_all(&[0; TRIED])?;
    disk::if_possible(file.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_tried_and_left_as_it_was() {
        let dir = tempfile::tempdir().expect("a folder");
        let new = dir.path().join("made/for it");
        assert!(try_out(&new, Expected::default()).expect("usable").is_some());
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
        fs::write(dir.path().join("file"), b"").expect("written");
        for no_folder in [dir.path().join("file/under"), dir.path().join("file")] {
            let refused = try_out(&no_folder, Expected::default()).expect_err("no folder").to_string();
            let told = format!(
                "outputs cannot be written to {}: it is a file, or in one, and not a folder",
                no_folder.display()
            );
            assert_eq!(refused, told);
        }
        let huge = Expected { all: u64::MAX, largest: 1 };
        assert!(matches!(try_out(dir.path(), huge), Err(Unusable::Small { wanted: u64::MAX, .. })));
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 1);
    }
}
