//! Small and read-only disks: real ones, in memory.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A disk that lies at a folder as long as this lives.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// A disk in memory with these options; `None`, with the reason printed, where none can be mounted.
    pub(crate) fn new(folder: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(folder).output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self(folder.to_owned())),
            Ok(done) => {
                println!("skipped: nothing can be mounted: {}", String::from_utf8_lossy(&done.stderr).trim());
                None
            }
            Err(why) => {
                println!("skipped: nothing can be mounted: {why}");
                None
            }
        }
    }
}

#[allow(dead_code, reason = "each test program uses its part")]
impl Mount {
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// Lets nothing more be written there.
    pub(crate) fn make_read_only(&self) {
        let made = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().expect("mount");
        assert!(made.success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Also while something is still open there.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
