//! Folders and files of comfydeck, by the XDG base directories.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::disk;

/// The folders of comfydeck, each created when something is first written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// Folder of `config.toml` and `presets/`.
    pub config: PathBuf,
    /// History, logs and kept input files.
    pub data: PathBuf,
    pub state: PathBuf,
    /// Default folder for outputs.
    pub outputs: PathBuf,
    /// Files that can be made again at any time: thumbnails.
    pub cache: PathBuf,
    /// Credentials handed over to the runner. Below `data`, so that everybody with the same history has the same
    /// runner, whatever their environment; not in `XDG_RUNTIME_DIR`, which is deleted with the login session
    /// that a run must outlive.
    pub runtime: PathBuf,
}

/// Why no folders could be determined.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DirsError {
    /// Neither `HOME` nor `COMFYDECK_HOME` is set.
    #[error("HOME is not set, so there is no place for files. Set HOME, or COMFYDECK_HOME to a folder")]
    NoHome,
    /// `COMFYDECK_HOME` is relative and the working directory is gone.
    #[error("COMFYDECK_HOME is a relative path and the working directory cannot be read: {0}")]
    NoWorkingDirectory(String),
}

impl Dirs {
    /// The folders by the environment: all under `COMFYDECK_HOME` if that is set, else the XDG base directories with
    /// their defaults below `HOME`. Relative XDG paths are ignored, as XDG requires.
    ///
    /// # Errors
    /// When no variable is set.
    pub fn from_env() -> Result<Self, DirsError> {
        Self::from_lookup(|name| std::env::var_os(name))
    }

    /// All folders below one, for `COMFYDECK_HOME`, the demo and tests.
    pub fn under(root: &Path) -> Self {
        Self {
            config: root.join("config"),
            data: root.join("data"),
            state: root.join("state"),
            outputs: root.join("outputs"),
            cache: root.join("cache"),
            runtime: root.join("data/run"),
        }
    }

    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    fn from_lookup(env: impl Fn(&str) -> Option<OsString>) -> Result<Self, DirsError> {
        let set = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(root) = set("COMFYDECK_HOME") {
            let root = std::path::absolute(root).map_err(|e| DirsError::NoWorkingDirectory(e.to_string()))?;
            return Ok(Self::under(&root));
        }
        let base = |name: &str, default: &str| {
            let xdg = set(name).filter(|path| path.is_absolute());
            let base = xdg.or_else(|| set("HOME").map(|home| home.join(default)));
            base.map(|base| base.join("comfydeck")).ok_or(DirsError::NoHome)
        };
        let data = base("XDG_DATA_HOME", ".local/share")?;
        let outputs = set("HOME").map_or_else(|| data.join("outputs"), |home| home.join("comfydeck"));
        Ok(Self {
            config: base("XDG_CONFIG_HOME", ".config")?,
            runtime: data.join("run"),
            data,
            outputs,
            state: base("XDG_STATE_HOME", ".local/state")?,
            cache: base("XDG_CACHE_HOME", ".cache")?,
        })
    }
}

/// Creates a folder that only its owner can enter (0700), with its parents. Removes others' permissions from an
/// existing one, where the file system has permissions.
///
/// # Errors
/// When the folder cannot be created.
pub fn private_dir(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let there = std::fs::metadata(path)?;
    if there.permissions().mode() & 0o077 != 0 {
        let closed = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700));
        // Permissions of another user's folder are not ours to change.
        let is_ours = there.uid() == rustix::process::geteuid().as_raw();
        if is_ours { disk::if_possible(closed)? } else { closed? }
    }
    Ok(())
}

/// Resolves a path as people write it: `~` is the home directory, a relative path starts at `base`.
pub fn expand(path: &str, base: &Path) -> PathBuf {
    expand_with(path, base, std::env::var_os("HOME"))
}

fn expand_with(path: &str, base: &Path, home: Option<OsString>) -> PathBuf {
    let below_home = match path.strip_prefix('~') {
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    };
    match (below_home, home.filter(|home| !home.is_empty())) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => base.join(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(set: &[(&str, &str)]) -> Result<Dirs, DirsError> {
        Dirs::from_lookup(|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn one_folder_for_all_goes_before_xdg() {
        let found = dirs(&[("COMFYDECK_HOME", "/d"), ("HOME", "/h"), ("XDG_DATA_HOME", "/x")]);
        assert_eq!(found, Ok(Dirs::under(Path::new("/d"))));
    }

    #[test]
    fn xdg_goes_before_home_and_relative_paths_are_ignored() {
        let found =
            dirs(&[("HOME", "/h"), ("XDG_DATA_HOME", "/x"), ("XDG_CONFIG_HOME", "rel")]).expect("dirs");
        assert_eq!(found.data, Path::new("/x/comfydeck"));
        assert_eq!(found.config, Path::new("/h/.config/comfydeck"));
        assert_eq!(found.runtime, Path::new("/x/comfydeck/run"));
        assert_eq!(found.cache, Path::new("/h/.cache/comfydeck"));
        assert_eq!(found.outputs, Path::new("/h/comfydeck"));
    }

    #[test]
    fn without_home_there_are_no_folders() {
        assert_eq!(dirs(&[]), Err(DirsError::NoHome));
        assert_eq!(dirs(&[("HOME", "")]), Err(DirsError::NoHome));
    }

    #[test]
    fn a_private_folder_is_closed_to_others() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("a/b");
        private_dir(&path).expect("made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("opened");
        private_dir(&path).expect("closed");
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_tilde_is_home_and_the_rest_starts_at_the_base() {
        let table = [
            ("~/in.png", "/h/in.png"),
            ("~", "/h"),
            ("in/a.png", "/b/in/a.png"),
            ("/a.png", "/a.png"),
            ("~other/a", "/b/~other/a"),
        ];
        for (path, full) in table {
            assert_eq!(expand_with(path, Path::new("/b"), Some("/h".into())), Path::new(full), "{path}");
        }
    }
}
