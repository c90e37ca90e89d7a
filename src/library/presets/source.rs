//! Sources of presets and workflows, and how a preset writes their paths.

use std::path::{Path, PathBuf};

use crate::config::dirs::expand;

/// Prefix of a built-in workflow's name in a preset's `workflow`.
pub const BUILT_IN: &str = "builtin:";

/// The built-in presets and workflows.
pub(super) mod built_in {
    /// Name → text of a preset.
    pub(in crate::library::presets) const PRESETS: [(&str, &str); 2] = [
        ("flamingo", include_str!("../../../presets/flamingo.toml")),
        ("sorcerer", include_str!("../../../presets/sorcerer.toml")),
    ];
    /// File name → text of a workflow that they use.
    pub(in crate::library::presets) const WORKFLOWS: [(&str, &str); 1] =
        [("text_to_image.json", include_str!("../../../presets/text_to_image.json"))];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresetSource {
    File(PathBuf),
    BuiltIn,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkflowSource {
    File(PathBuf),
    /// Built in, under this name.
    BuiltIn(String),
}

impl PresetSource {
    /// The file's path, or the name for a built-in preset, for messages.
    pub fn shown(&self, name: &str) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::BuiltIn => format!("built-in preset {name}"),
        }
    }

    /// The file; `None` for a built-in one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::BuiltIn => None,
        }
    }

    /// The folder that its paths are relative to; for a built-in preset a name that no folder has.
    pub(super) fn folder(&self) -> PathBuf {
        match self {
            Self::File(path) => path.parent().unwrap_or(Path::new(".")).to_owned(),
            Self::BuiltIn => PathBuf::from(BUILT_IN),
        }
    }
}

impl WorkflowSource {
    /// Parses the workflow of a preset in `folder`.
    pub fn read(text: &str, folder: &Path) -> Self {
        match text.strip_prefix(BUILT_IN) {
            Some(name) => Self::BuiltIn(name.to_owned()),
            None if folder == Path::new(BUILT_IN) => Self::BuiltIn(text.to_owned()),
            None => Self::File(expand(text, folder)),
        }
    }

    /// The text of a built-in workflow.
    pub fn built_in(name: &str) -> Option<&'static str> {
        built_in::WORKFLOWS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// A short display name: the file name without extension. For `workflow_api`, ComfyUI's default,
    /// the folder's name says more.
    pub fn name(&self) -> String {
        let path = match self {
            Self::File(path) => path.as_path(),
            Self::BuiltIn(name) => Path::new(name),
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy());
        match (&*stem, folder) {
            ("workflow_api", Some(folder)) => crate::wire::ansi::scrub_plain(&folder),
            _ => crate::wire::ansi::scrub_plain(&stem),
        }
    }

    /// The path, or the built-in name, for messages.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::BuiltIn(name) => format!("{BUILT_IN}{name}"),
        }
    }

    /// The path as a preset in `folder` writes it.
    pub(super) fn written(&self, folder: &Path) -> String {
        match self {
            Self::File(path) => written(path, folder),
            Self::BuiltIn(_) => self.shown(),
        }
    }
}

/// A path as a preset in `folder` writes it: relative when it is below that folder, else absolute.
pub(super) fn written(path: &Path, folder: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (path, folder) = (absolute(path), absolute(folder));
    path.strip_prefix(&folder).unwrap_or(&path).to_string_lossy().into_owned()
}
