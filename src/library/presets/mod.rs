//! Presets on disk: found, opened, saved, renamed and deleted.

mod open_preset;
mod source;

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::config::write::put_preset_schema;
use crate::config::{Dirs, dirs::expand, dirs::private_dir, files};
use crate::domain::diagnostic::{Diagnostic, nearest};
use crate::domain::preset::{Changes, EditError, Preset, edit};
use crate::domain::workflow::hex;

pub use open_preset::{Edits, OpenPreset, PresetContent};
use source::built_in;
pub use source::{BUILT_IN, PresetSource, WorkflowSource};

/// Most presets in a chain of `extends`.
const MOST_LAYERS: usize = 32;

/// Most bytes of a preset file.
const MOST_BYTES: u64 = 4 << 20;

/// A preset in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// File name without `.toml`.
    pub name: String,
    pub source: PresetSource,
    /// May be empty.
    pub title: String,
    /// May be empty.
    pub description: String,
    pub profile: Option<String>,
    /// Name of the parent preset.
    pub extends: Option<String>,
    /// The workflow's path, as written.
    pub workflow: Option<String>,
}

/// Why an operation on a preset failed.
#[derive(Debug, Error)]
pub enum PresetError {
    #[error("there is no preset `{name}`{near}. `comfydeck presets list` lists them")]
    NotFound {
        name: String,
        /// `. Did you mean …?`, or empty.
        near: String,
    },
    /// The name cannot be a file name.
    #[error("`{name}` cannot be a preset's name: {why}")]
    BadName { name: String, why: &'static str },
    #[error("the preset {path} exists already. Choose another name, or delete that one first", path = .0.display())]
    Exists(PathBuf),
    #[error("`{0}` is built in and cannot be changed. Save it under another name first")]
    IsBuiltIn(String),
    /// Presets extend each other in a circle.
    #[error("the presets extend each other in a circle: {0}. Remove one `extends`")]
    Ring(String),
    /// The file cannot be edited.
    #[error("{path}: {why}", path = .path.display())]
    Edit { path: PathBuf, why: EditError },
    #[error("{path} cannot be {what}: {why}", path = .path.display())]
    Io {
        path: PathBuf,
        /// Past participle for the message: `read`, `written`, …
        what: &'static str,
        why: io::Error,
    },
}

/// The places with presets, in order: `./presets`, the config directory, built-in ones.
#[derive(Clone, Debug)]
pub struct Presets {
    folders: [PathBuf; 2],
    dirs: Dirs,
}

impl Presets {
    /// The places as seen from a working directory.
    pub fn new(dirs: &Dirs, working: &Path) -> Self {
        Self { folders: [working.join("presets"), dirs.config.join("presets")], dirs: dirs.clone() }
    }

    /// All presets by name. Among those with the same name the first place wins, as in [`Presets::open`].
    ///
    /// # Errors
    /// When a folder exists but cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, PresetError> {
        let mut found: Vec<Listed> = Vec::new();
        for (name, source) in self.places()? {
            if found.iter().any(|listed| listed.name == name) {
                continue;
            }
            // A file that disappeared, or cannot be read, is listed with its name alone.
            let text = text_of(&name, &source).unwrap_or_default();
            let (preset, _) = Preset::parse(&text, "");
            found.push(Listed {
                name,
                source,
                title: preset.title,
                description: preset.description,
                profile: preset.profile,
                extends: preset.extends.map(|extends| extends.value),
                workflow: preset.workflow,
            });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Opens a preset by name, or by path (anything with a `/` or ending in `.toml`).
    ///
    /// # Errors
    /// When there is none, it cannot be read, or presets extend each other in a circle. A missing parent
    /// preset only gives a message.
    pub fn open(&self, name: &str) -> Result<OpenPreset, PresetError> {
        let working = self.folders[0].parent().unwrap_or(Path::new("."));
        let (name, source) = self.find(name, working, &[])?;
        let mut taken: Vec<(String, PresetSource)> = vec![(name.clone(), source.clone())];
        let mut chain = Vec::new();
        let mut diagnostics = Vec::new();
        let mut texts = Sha256::new();
        let mut next = Some((name.clone(), source.clone()));
        while let Some((name, source)) = next.take() {
            let text = text_of(&name, &source)?;
            texts.update(Sha256::digest(&text));
            let file = source.shown(&name);
            let (mut preset, found) = Preset::parse(&text, &file);
            preset.name.clone_from(&name);
            diagnostics.extend(found);
            let folder = source.folder();
            if let Some(extends) = &preset.extends {
                match self.find(&extends.value, &folder, &taken) {
                    Ok(beneath) if taken.contains(&beneath) || taken.len() == MOST_LAYERS => {
                        let names = taken.iter().map(|(name, _)| name.as_str()).chain([beneath.0.as_str()]);
                        return Err(PresetError::Ring(names.collect::<Vec<_>>().join(" → ")));
                    }
                    Ok(beneath) => {
                        taken.push(beneath.clone());
                        next = Some(beneath);
                    }
                    Err(why) => diagnostics.push(Diagnostic {
                        file: file.clone(),
                        line: Some(extends.line),
                        key: "extends".to_owned(),
                        message: why.to_string(),
                        unsure: true,
                    }),
                }
            }
            chain.insert(0, (preset, folder));
        }
        let content = PresetContent {
            files: taken.iter().filter_map(|(_, source)| source.path()).map(Path::to_owned).collect(),
            hash: hex(&texts.finalize()),
        };
        Ok(OpenPreset::new(name, source, chain, content, diagnostics))
    }

    /// Path for a new preset: beside the one that it is copied from, else in the config directory.
    ///
    /// # Errors
    /// When the name cannot be a file name.
    pub fn path_for(&self, name: &str, from: Option<&PresetSource>) -> Result<PathBuf, PresetError> {
        check_name(name)?;
        let folder = match from {
            Some(PresetSource::File(path)) => path.parent().unwrap_or(Path::new(".")),
            _ => &self.folders[1],
        };
        Ok(folder.join(format!("{name}.toml")))
    }

    /// Saves edits into an open preset, changing only the edited values. A built-in preset is saved as a copy in the
    /// config directory, which takes precedence from then on.
    ///
    /// # Errors
    /// When the file is no longer TOML, or cannot be written.
    pub fn save(&self, opened: &OpenPreset, edits: &Edits) -> Result<PathBuf, PresetError> {
        match &opened.source {
            PresetSource::File(path) => {
                let text = read(path)?;
                write(path, &text, &edits.changes(&opened.source.folder()), false)?;
                Ok(path.clone())
            }
            PresetSource::BuiltIn => self.save_as(Some(opened), &opened.name, None, edits, false),
        }
    }

    /// Saves a preset with edits under a new name. A preset without a parent gets `workflow`. An existing file
    /// is only replaced with `overwrite`.
    ///
    /// # Errors
    /// When the name exists or cannot be a file name, or the file cannot be written.
    pub fn save_as(
        &self,
        from: Option<&OpenPreset>,
        name: &str,
        workflow: Option<&WorkflowSource>,
        edits: &Edits,
        overwrite: bool,
    ) -> Result<PathBuf, PresetError> {
        let path = self.path_for(name, from.map(|opened| &opened.source))?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut changes = edits.changes(&folder);
        let mut text = String::new();
        if let Some(opened) = from {
            text = text_of(&opened.name, &opened.source)?;
            opened.keep_paths(&folder, &mut changes);
        } else if let Some(workflow) = workflow {
            text = self.schema_line(&path)?;
            changes.fields.insert("workflow", Some(workflow.written(&folder)));
        }
        private_dir_if_missing(&folder)?;
        write(&path, &text, &changes, !overwrite)?;
        Ok(path)
    }

    /// Saves edits as a new preset that extends the open one, and so says only what differs from it.
    ///
    /// # Errors
    /// When the name exists or cannot be a file name, or the file cannot be written.
    pub fn save_difference(
        &self,
        from: &OpenPreset,
        name: &str,
        edits: &Edits,
    ) -> Result<PathBuf, PresetError> {
        let path = self.path_for(name, Some(&from.source))?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut changes = edits.changes(&folder);
        // By its name where that finds it, so that both can be moved together.
        let is_found = self.find(&from.name, &folder, &[]).is_ok_and(|(_, source)| source == from.source);
        let parent = match (is_found, from.source.path()) {
            (false, Some(path)) => path.display().to_string(),
            (true, _) | (false, None) => from.name.clone(),
        };
        changes.fields.insert("extends", Some(parent));
        private_dir_if_missing(&folder)?;
        write(&path, &self.schema_line(&path)?, &changes, true)?;
        Ok(path)
    }

    /// Creates a preset for a workflow from a first text.
    ///
    /// # Errors
    /// When the name exists or cannot be a file name, or the file cannot be written.
    pub fn begin(&self, name: &str, workflow: &WorkflowSource, text: &str) -> Result<PathBuf, PresetError> {
        let path = self.path_for(name, None)?;
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let mut changes = Changes::default();
        changes.fields.insert("workflow", Some(workflow.written(&folder)));
        private_dir_if_missing(&folder)?;
        write(&path, &format!("{}\n{text}", self.schema_line(&path)?), &changes, true)?;
        Ok(path)
    }

    /// First line of a new preset: editors with TOML support complete and check by this schema.
    fn schema_line(&self, path: &Path) -> Result<String, PresetError> {
        let unwritten = |why| PresetError::Io { path: path.to_owned(), what: "written", why };
        Ok(format!("#:schema {}\n", put_preset_schema(&self.dirs).map_err(unwritten)?))
    }

    /// Renames a preset within its folder.
    ///
    /// # Errors
    /// When it is built in, or the new name exists.
    pub fn rename(&self, listed: (&str, &PresetSource), name: &str) -> Result<PathBuf, PresetError> {
        let PresetSource::File(old) = listed.1 else {
            return Err(PresetError::IsBuiltIn(listed.0.to_owned()));
        };
        let new = self.path_for(name, Some(listed.1))?;
        claim(&new)?;
        std::fs::rename(old, &new).map_err(|why| {
            // Removes the empty file that reserved the name; then nothing has changed.
            let _ = std::fs::remove_file(&new);
            PresetError::Io { path: old.clone(), what: "renamed", why }
        })?;
        Ok(new)
    }

    /// Deletes a preset's file.
    ///
    /// # Errors
    /// When it is built in, or deleting fails.
    pub fn delete(&self, listed: (&str, &PresetSource)) -> Result<(), PresetError> {
        let PresetSource::File(path) = listed.1 else {
            return Err(PresetError::IsBuiltIn(listed.0.to_owned()));
        };
        std::fs::remove_file(path).map_err(|why| PresetError::Io { path: path.clone(), what: "deleted", why })
    }

    /// Every preset in order of the places, including hidden ones.
    fn places(&self) -> Result<Vec<(String, PresetSource)>, PresetError> {
        let mut found = Vec::new();
        for folder in &self.folders {
            let unreadable = |why| PresetError::Io { path: folder.clone(), what: "read", why };
            let entries = match std::fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(e) => return Err(unreadable(e)),
            };
            for entry in entries {
                let path = entry.map_err(unreadable)?.path();
                let is_toml = path.extension().is_some_and(|extension| extension == "toml") && path.is_file();
                if let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_toml) {
                    found.push((name.to_owned(), PresetSource::File(path.clone())));
                }
            }
        }
        found.extend(built_in::PRESETS.map(|(name, _)| (name.to_owned(), PresetSource::BuiltIn)));
        Ok(found)
    }

    /// Finds a preset by name or path. A preset that extends its own name means the one it hides, so
    /// those already `taken` are skipped.
    fn find(
        &self,
        name: &str,
        folder: &Path,
        taken: &[(String, PresetSource)],
    ) -> Result<(String, PresetSource), PresetError> {
        if name.contains('/') || name.ends_with(".toml") {
            let path = expand(name, folder);
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            if !path.is_file() {
                let why = io::Error::from(io::ErrorKind::NotFound);
                return Err(PresetError::Io { path, what: "read", why });
            }
            return Ok((stem.unwrap_or_default(), PresetSource::File(path)));
        }
        let places = self.places()?;
        let named: Vec<_> = places.iter().filter(|(known, _)| known == name).collect();
        let own_name = taken.last().is_some_and(|(own, _)| own == name);
        let hidden = named.iter().find(|place| !(own_name && taken.contains(place)));
        hidden.or(named.first()).map(|place| (*place).clone()).ok_or_else(|| {
            let near = nearest(name, places.iter().map(|(name, _)| name.as_str()));
            let near = near.map_or_else(String::new, |near| format!(". Did you mean `{near}`?"));
            PresetError::NotFound { name: name.to_owned(), near }
        })
    }
}

/// Checks that a name can be a preset's.
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), PresetError> {
    let why = if name.is_empty() {
        "it is empty"
    } else if name.len() > 100 {
        "it is longer than 100 bytes"
    } else if name.starts_with('.') || name.starts_with('-') {
        "it begins with a dot or a dash"
    } else if name.contains(['/', '\\', ':']) || name.chars().any(char::is_control) {
        "it contains a slash, a colon or a control character"
    } else if name.trim() != name {
        "it begins or ends with a space"
    } else if name.ends_with(".toml") {
        "leave out .toml, it is added"
    } else {
        return Ok(());
    };
    Err(PresetError::BadName { name: name.to_owned(), why })
}

fn text_of(name: &str, source: &PresetSource) -> Result<String, PresetError> {
    match source {
        PresetSource::File(path) => read(path),
        PresetSource::BuiltIn => {
            let text = built_in::PRESETS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
            text.map(str::to_owned)
                .ok_or_else(|| PresetError::NotFound { name: name.to_owned(), near: String::new() })
        }
    }
}

fn read(path: &Path) -> Result<String, PresetError> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
    let error = match read {
        Ok(size) if size as u64 <= MOST_BYTES => return Ok(text),
        Ok(_) => io::Error::other("it is too large for a preset"),
        Err(e) => e,
    };
    Err(PresetError::Io { path: path.to_owned(), what: "read", why: error })
}

fn write(path: &Path, text: &str, changes: &Changes, is_new: bool) -> Result<(), PresetError> {
    let text = edit(text, changes).map_err(|why| PresetError::Edit { path: path.to_owned(), why })?;
    if is_new {
        claim(path)?;
    }
    files::replace(path, text.as_bytes(), 0o644).map_err(|why| {
        if is_new {
            // The file is empty, and would appear in the list as a preset.
            let _ = std::fs::remove_file(path);
        }
        PresetError::Io { path: path.to_owned(), what: "written", why }
    })
}

/// Reserves a name with an empty file, so that another process's file of that name is not overwritten.
fn claim(path: &Path) -> Result<(), PresetError> {
    match std::fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(_) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Err(PresetError::Exists(path.to_owned())),
        Err(why) => Err(PresetError::Io { path: path.to_owned(), what: "written", why }),
    }
}

fn private_dir_if_missing(folder: &Path) -> Result<(), PresetError> {
    if folder.is_dir() {
        return Ok(());
    }
    private_dir(folder).map_err(|why| PresetError::Io { path: folder.to_owned(), what: "made", why })
}
