//! What servers say of their nodes, kept on disk.
//!
//! One file for each server or `object_info.json`. It begins with an index, so that the classes of a workflow are read
//! without the thousands of others:
//!
//! ```text
//! comfydeck nodes 1 <bytes of the index>\n
//! {"origin": …, "modified": …, "bytes": …, "classes": [["KSampler", <place>, <bytes>], …]}
//! the classes' JSON, at their places after the index
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::presets::OpenPreset;
use crate::config::dirs::private_dir;
use crate::config::files::NewFile;
use crate::config::{Dirs, Profile};
use crate::domain::Workflow;
use crate::domain::run::shown_url;
use crate::domain::schema::{self, LORA_LOADER, Schema, SchemaError};
use crate::domain::workflow::hex;

/// First words of a kept file.
const MARK: &str = "comfydeck nodes 1 ";
/// Most bytes of an `object_info`.
pub const MOST_BYTES: u64 = 64 << 20;
/// Most bytes of an index, and of one class.
const MOST_PART: u64 = 16 << 20;
/// Most kept files.
const MOST_FILES: usize = 16;
/// Age at which a temporary file counts as abandoned.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// Where it is said what nodes take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaOrigin {
    /// A server, by its address.
    Server(String),
    /// A file with a server's `object_info`.
    File(PathBuf),
}

/// What a server says of the nodes of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownNodes {
    pub origin: SchemaOrigin,
    pub schema: Schema,
    /// Number of node classes that the server has.
    pub classes: usize,
    /// When it was read from the server, or converted from the file.
    pub read_at: SystemTime,
}

/// Why nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error("it does not say what nodes take: {0}")]
    NoNodes(SchemaError),
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("what the nodes take cannot be kept in {path}: {why}", path = .path.display())]
    NotWritten { path: PathBuf, why: io::Error },
}

impl SchemaOrigin {
    /// Where it is said for a preset on a profile: in the preset's file, else in the profile's, else by its server.
    pub fn of(preset: Option<&OpenPreset>, profile: Option<&Profile>) -> Option<Self> {
        let file = preset.and_then(|preset| preset.schema.clone());
        let file = file.or_else(|| profile?.schema.clone()).map(Self::File);
        let server = || profile.filter(|profile| profile.protocol.caps().system);
        file.or_else(|| Some(Self::Server(server()?.called_url().to_owned())))
    }

    /// For people.
    pub fn shown(&self) -> String {
        match self {
            Self::Server(url) => shown_url(url).to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The first part of a kept file.
#[derive(Debug, Serialize, Deserialize)]
struct Index {
    /// The whole address or path, since names of kept files are hashes.
    origin: String,
    /// Of the file it was made from, in nanoseconds since 1970.
    modified: Option<u64>,
    bytes: Option<u64>,
    /// Name, place after the index, and number of bytes of each class.
    classes: Vec<(String, u64, u64)>,
}

/// The folder of kept files.
#[derive(Clone, Debug)]
pub struct Schemas {
    folder: PathBuf,
    /// Files that are not kept yet are converted when they are needed.
    converts: bool,
}

/// Classes as they are kept.
struct Kept {
    /// Name and JSON of those that are wanted.
    texts: Vec<(String, String)>,
    /// How many there are in all.
    classes: usize,
    read_at: SystemTime,
}

impl Kept {
    fn schema(&self) -> Schema {
        Schema::of(self.texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }
}

impl Schemas {
    pub fn new(dirs: &Dirs) -> Self {
        Self { folder: dirs.cache.join("nodes"), converts: false }
    }

    /// Takes the time to convert a file when it is needed: some 15 ms for a megabyte.
    pub fn converting(self) -> Self {
        Self { converts: true, ..self }
    }

    /// What is known of the nodes of a workflow.
    ///
    /// # Errors
    /// When a file cannot be converted.
    pub fn known(
        &self,
        origin: &SchemaOrigin,
        workflow: &Workflow,
    ) -> Result<Option<Arc<KnownNodes>>, KeepError> {
        let found = self.find(origin, workflow);
        match origin {
            SchemaOrigin::File(path) if found.is_none() && self.converts => {
                self.keep_file(path)?;
                Ok(self.find(origin, workflow))
            }
            SchemaOrigin::File(_) | SchemaOrigin::Server(_) => Ok(found),
        }
    }

    /// As [`Schemas::known`], of all nodes: a workflow in UI format names its nodes only when they are known.
    ///
    /// # Errors
    /// When a file cannot be converted.
    pub fn all(&self, origin: &SchemaOrigin) -> Result<Option<Schema>, KeepError> {
        let kept = || self.pieces(origin, |_| true).map(|kept| kept.schema());
        match (kept(), origin) {
            (None, SchemaOrigin::File(path)) if self.converts => {
                self.keep_file(path)?;
                Ok(kept())
            }
            (found, SchemaOrigin::File(_) | SchemaOrigin::Server(_)) => Ok(found),
        }
    }

    /// What is kept of the nodes of a workflow; `None` when nothing is, or the file that it was made from has changed.
    pub fn find(&self, origin: &SchemaOrigin, workflow: &Workflow) -> Option<Arc<KnownNodes>> {
        let mut wanted: Vec<&str> = workflow.nodes().values().map(|node| node.class_type.as_str()).collect();
        wanted.push(LORA_LOADER);
        wanted.sort_unstable();
        wanted.dedup();
        let kept = self.pieces(origin, |name| wanted.binary_search(&name).is_ok())?;
        Some(Arc::new(KnownNodes {
            origin: origin.clone(),
            schema: kept.schema(),
            classes: kept.classes,
            read_at: kept.read_at,
        }))
    }

    fn pieces(&self, origin: &SchemaOrigin, is_wanted: impl Fn(&str) -> bool) -> Option<Kept> {
        let file = File::open(self.path(origin)).ok()?;
        let (index, body) = read_index(&file)?;
        let is_fresh = match origin {
            SchemaOrigin::Server(_) => true,
            SchemaOrigin::File(path) => stamp(path)
                .is_some_and(|(modified, bytes)| (index.modified, index.bytes) == (modified, Some(bytes))),
        };
        if index.origin != written(origin) || !is_fresh {
            return None;
        }
        let classes = index.classes.len();
        let wanted = index.classes.into_iter().filter(|(name, ..)| is_wanted(name));
        let texts = wanted
            .filter_map(|(name, place, bytes)| Some((name, piece(&file, body + place, bytes)?)))
            .collect();
        Some(Kept { texts, classes, read_at: file.metadata().ok()?.modified().ok()? })
    }

    /// Keeps an `object_info`, in place of what was kept before. Returns the number of its node classes.
    ///
    /// # Errors
    /// When the text is something else, or cannot be written.
    pub fn keep(&self, origin: &SchemaOrigin, text: &str) -> Result<usize, KeepError> {
        let pieces = schema::pieces(text).map_err(KeepError::NoNodes)?;
        let stamp = match origin {
            SchemaOrigin::Server(_) => None,
            SchemaOrigin::File(path) => stamp(path),
        };
        let mut place = 0;
        let mut classes = Vec::with_capacity(pieces.len());
        for (name, json) in &pieces {
            let bytes = json.get().len() as u64;
            classes.push((name.to_string(), place, bytes));
            place += bytes;
        }
        let (modified, bytes) = (stamp.and_then(|(modified, _)| modified), stamp.map(|(_, bytes)| bytes));
        let index = Index { origin: written(origin), modified, bytes, classes };
        let path = self.path(origin);
        let write = || {
            let index = serde_json::to_vec(&index)?;
            private_dir(&self.folder)?;
            let mut file = NewFile::in_folder(&self.folder, 0o600)?;
            writeln!(file, "{MARK}{}", index.len())?;
            file.write_all(&index)?;
            for (_, json) in &pieces {
                file.write_all(json.get().as_bytes())?;
            }
            file.place(&path)
        };
        write().map_err(|why| KeepError::NotWritten { path: path.clone(), why })?;
        self.make_room();
        Ok(pieces.len())
    }

    /// Reads an `object_info.json` and keeps it.
    ///
    /// # Errors
    /// When the file cannot be read, is something else, or cannot be kept.
    pub fn keep_file(&self, path: &Path) -> Result<usize, KeepError> {
        let file = File::open(path).map_err(|why| KeepError::Unreadable(why.to_string()))?;
        let mut text = String::new();
        file.take(MOST_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(|why| KeepError::Unreadable(why.to_string()))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(KeepError::Unreadable("it is larger than 64 MiB".to_owned()));
        }
        self.keep(&SchemaOrigin::File(path.to_owned()), &text)
    }

    fn path(&self, origin: &SchemaOrigin) -> PathBuf {
        self.folder.join(hex(&Sha256::digest(written(origin))[..16]))
    }

    /// Removes the oldest files where there are too many.
    fn make_room(&self) {
        let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort_unstable();
        let is_hidden =
            |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let (unfinished, kept): (Vec<_>, Vec<_>) = files.into_iter().partition(|(_, path)| is_hidden(path));
        let old = unfinished.into_iter().filter(|(at, _)| at.elapsed().is_ok_and(|since| since > ABANDONED));
        let surplus = kept.len().saturating_sub(MOST_FILES);
        for (_, path) in old.chain(kept.into_iter().take(surplus)) {
            // Another dashboard may have removed it just now.
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!("{} could not be removed: {error}", path.display());
            }
        }
    }
}

fn written(origin: &SchemaOrigin) -> String {
    match origin {
        SchemaOrigin::Server(url) => format!("server {url}"),
        SchemaOrigin::File(path) => format!("file {}", path.display()),
    }
}

/// Time (in nanoseconds since 1970) and size of a file.
fn stamp(path: &Path) -> Option<(Option<u64>, u64)> {
    let found = fs::metadata(path).ok()?;
    let since = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Some((since.and_then(|since| u64::try_from(since.as_nanos()).ok()), found.len()))
}

/// The index of a kept file, and where the classes begin; `None` for a damaged one.
fn read_index(file: &File) -> Option<(Index, u64)> {
    let mut first = [0; 64];
    let read = file.read_at(&mut first, 0).ok()?;
    let line = std::str::from_utf8(&first[..read]).unwrap_or_else(|why| {
        // The line is ASCII; what comes after it may be cut within a character.
        std::str::from_utf8(&first[..why.valid_up_to()]).unwrap_or_default()
    });
    let (line, _) = line.split_once('\n')?;
    let bytes: u64 = line.strip_prefix(MARK)?.parse().ok()?;
    let begin = line.len() as u64 + 1;
    Some((serde_json::from_str(&piece(file, begin, bytes)?).ok()?, begin + bytes))
}

fn piece(file: &File, place: u64, bytes: u64) -> Option<String> {
    let mut text = vec![0; usize::try_from(bytes).ok().filter(|_| bytes <= MOST_PART)?];
    file.read_exact_at(&mut text, place).ok()?;
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = r#"{"KSampler": {"input": {"required": {"steps": ["INT", {"max": 7}]}}},
        "Größe": {"input": {"required": {"x": [["猫"]]}}},
        "LoraLoader": {"input": {"required": {"lora_name": [["a.safetensors"]]}}}}"#;

    fn workflow(class: &str) -> Workflow {
        Workflow::parse(&format!(r#"{{"3": {{"class_type": "{class}", "inputs": {{"x": 1}}}}}}"#))
            .expect("a workflow")
    }

    fn server(at: usize) -> SchemaOrigin {
        SchemaOrigin::Server(format!("http://localhost:{at}"))
    }

    #[test]
    fn only_the_classes_of_a_workflow_are_read() {
        let root = tempfile::tempdir().expect("a folder");
        let schemas = Schemas::new(&Dirs::under(root.path()));
        assert!(schemas.find(&server(1), &workflow("KSampler")).is_none());
        schemas.keep(&server(1), NODES).expect("kept");
        let known = schemas.find(&server(1), &workflow("Größe")).expect("found");
        assert_eq!((known.classes, known.schema.len()), (3, 2));
        assert!(known.schema.class("Größe").is_some() && known.schema.loras().is_some());
        assert_eq!(schemas.find(&server(1), &workflow("Unknown")).map(|known| known.schema.len()), Some(1));
        assert!(schemas.find(&server(2), &workflow("KSampler")).is_none());
        assert_eq!(schemas.all(&server(1)).expect("read").map(|all| all.len()), Some(3));
    }

    #[test]
    fn a_damaged_or_foreign_file_counts_as_none() {
        let root = tempfile::tempdir().expect("a folder");
        let schemas = Schemas::new(&Dirs::under(root.path()));
        schemas.keep(&server(1), NODES).expect("kept");
        let path = schemas.path(&server(1));
        let whole = fs::read(&path).expect("there");
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).expect("cut");
            // What is left of it is true.
            if let Some(known) = schemas.find(&server(1), &workflow("KSampler")) {
                assert!(known.schema.len() <= 2 && known.classes == 3);
            }
        }
        for text in [
            "comfydeck nodes 1 99999999999999999999\n{}",
            "comfydeck nodes 1 4000000000\n{}",
            "\u{ff}",
            "comfydeck nodes 2 2\n{}",
        ] {
            fs::write(&path, text).expect("written");
            assert!(schemas.find(&server(1), &workflow("KSampler")).is_none(), "{text}");
        }
        assert!(matches!(schemas.keep(&server(1), "[]"), Err(KeepError::NoNodes(_))));
    }

    #[test]
    fn a_file_is_read_again_when_it_has_changed() {
        let root = tempfile::tempdir().expect("a folder");
        let schemas = Schemas::new(&Dirs::under(root.path()));
        let path = root.path().join("object_info.json");
        let origin = SchemaOrigin::File(path.clone());
        assert!(matches!(schemas.keep_file(&path), Err(KeepError::Unreadable(_))));
        fs::write(&path, NODES).expect("written");
        schemas.keep_file(&path).expect("kept");
        assert!(schemas.find(&origin, &workflow("KSampler")).is_some());
        fs::write(&path, NODES.replace("KSampler", "Sampler")).expect("written");
        assert!(schemas.find(&origin, &workflow("KSampler")).is_none());
    }

    #[test]
    fn the_folder_stays_small() {
        let root = tempfile::tempdir().expect("a folder");
        let schemas = Schemas::new(&Dirs::under(root.path()));
        for at in 0..MOST_FILES + 3 {
            schemas.keep(&server(at), NODES).expect("kept");
        }
        assert_eq!(fs::read_dir(&schemas.folder).expect("there").count(), MOST_FILES);
    }
}
