//! Outputs on disk: written to temporary files, synced, and renamed when complete.

mod intent;
pub mod place;
mod rescue;
mod salvage;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use crate::config::disk;
use crate::domain::OutputName;
use crate::domain::run::{Output, RunId};
use crate::domain::workflow::hex;
use crate::wire::ansi;

use super::names::{self, NameFields};

pub use intent::{Intent, Ledger};
pub use rescue::Kept;

/// Most files with the same name; more than this means that something is wrong.
const MAX_NUMBER: u32 = 100_000;

/// The folder for a run's outputs, created when the first one arrives.
#[derive(Clone, Debug, Default)]
pub struct OutputFolder {
    dir: PathBuf,
    run: RunId,
    naming: Option<Arc<Naming>>,
    /// Folders to use when this one fails.
    rescue: Arc<[PathBuf]>,
    ledger: Option<Arc<dyn Ledger>>,
}

/// How the outputs of a run are named.
#[derive(Clone, Debug)]
pub struct Naming {
    pub template: OutputName,
    /// Values of the template's fields.
    pub fields: NameFields,
}

/// Why an output could not be written, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be written: {}. {}", .path.display(), reason(.source), remedy(.source))]
pub struct OutputError {
    path: PathBuf,
    source: io::Error,
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full".to_owned(),
        io::ErrorKind::PermissionDenied => "it is not allowed".to_owned(),
        io::ErrorKind::FileTooLarge => "it is larger than files may be here".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
        io::ErrorKind::NotADirectory => "it is a file, or in one, and not a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// How to get the output again is part of the run's end: the run need not be repeated.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Free some space",
        io::ErrorKind::FileTooLarge => "Raise the limit (`ulimit -f`) or choose another output folder",
        _ => "Choose another output folder",
    }
}

impl OutputFolder {
    pub fn new(dir: impl Into<PathBuf>, run: RunId) -> Self {
        Self { dir: dir.into(), run, ..Self::default() }
    }

    /// Adds a ledger that records each output before it is renamed.
    pub fn noted_in(self, ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    /// Adds a name template.
    pub fn named(self, naming: Naming) -> Self {
        Self { naming: Some(Arc::new(naming)), ..self }
    }

    /// Creates a temporary file. It is renamed by [`OutputFile::keep`], and removed when dropped before that.
    ///
    /// # Errors
    /// When the file can be created neither in the folder nor in a rescue folder.
    pub fn begin(&self) -> Result<OutputFile, OutputError> {
        self.begin_in(&self.dir).or_else(|error| self.begin_elsewhere(error))
    }

    fn begin_in(&self, dir: &Path) -> Result<OutputFile, OutputError> {
        fs::create_dir_all(dir).map_err(|source| OutputError { path: dir.to_owned(), source })?;
        let mut number = 0;
        loop {
            let temp = dir.join(salvage::temp_name(self.run, number));
            // Readable too: the data of a broken output is read back to keep its raw text.
            match OpenOptions::new().read(true).write(true).create_new(true).open(&temp) {
                Ok(file) if salvage::is_taken(&file) => number += 1,
                Ok(file) => {
                    return Ok(OutputFile {
                        folder: self.clone(),
                        dir: dir.to_owned(),
                        temp,
                        file,
                        hash: Sha256::new(),
                        size: 0,
                        named: false,
                        next_place: 0,
                        moved: None,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_NUMBER => {
                    number += 1
                }
                Err(source) => return Err(OutputError { path: temp, source }),
            }
        }
    }
}

/// An output being written.
#[derive(Debug)]
pub struct OutputFile {
    folder: OutputFolder,
    /// Its folder: the run's, or a rescue folder.
    dir: PathBuf,
    temp: PathBuf,
    file: File,
    hash: Sha256,
    size: u64,
    /// Whether it was renamed; a file with the temporary name then belongs to somebody else.
    named: bool,
    /// Index of the next rescue folder.
    next_place: usize,
    /// Why it is not in the run's folder.
    moved: Option<String>,
}

impl OutputFile {
    /// Appends bytes.
    ///
    /// # Errors
    /// When no folder takes them; what was written before is kept.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        while let Err(source) = self.file.write_all(bytes) {
            self.go_on_elsewhere(self.error(source))?;
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Syncs the file and gives it an unused name similar to the server's.
    ///
    /// # Errors
    /// When that fails in every folder.
    pub fn keep(mut self, hint: &str, content_type: &str) -> Result<Kept, OutputError> {
        loop {
            let error = match self.keep_here(hint, content_type) {
                Ok(output) => return Ok(self.kept(output)),
                Err(error) => error,
            };
            if let Err(error) = self.go_on_elsewhere(error) {
                return Err(self.leave(error));
            }
        }
    }

    fn keep_here(&mut self, hint: &str, content_type: &str) -> Result<Output, OutputError> {
        disk::if_possible(self.file.sync_all()).map_err(|source| self.error(source))?;
        let name = names::safe_name(hint, content_type);
        let mut output = Output {
            path: self.dir.join(&name),
            name: bounded(hint),
            content_type: bounded(content_type),
            size: self.size,
            sha256: hex(&self.hash.clone().finalize()),
        };
        output.path = match self.named_path(hint, content_type, &output) {
            Some(Ok(path)) => path,
            // A template's folder that cannot be created must not cost an output: it gets the server's name instead.
            Some(Err(_)) | None => {
                self.intend(&output);
                name_it(&self.dir, &self.temp, &name)?
            }
        };
        self.named = true;
        if let Some(dir) = output.path.parent() {
            sync_folder(dir);
        }
        Ok(output)
    }

    /// Records that the file is about to be renamed. When recording fails, only a crash at this very moment would
    /// leave an unknown output, which is no reason to lose it now.
    fn intend(&self, output: &Output) {
        let Some(ledger) = &self.folder.ledger else { return };
        let noted = self.file.metadata().and_then(|there| {
            let intent = Intent {
                temp: self.temp.clone(),
                device: there.dev(),
                inode: there.ino(),
                output: output.clone(),
            };
            ledger.intend(self.folder.run, &intent)
        });
        if let Err(error) = noted {
            tracing::warn!(run = self.folder.run, "{} is not noted before it is named: {error}", output.name);
        }
    }

    /// Renames the file as the template says, if there is one.
    fn named_path(
        &self,
        hint: &str,
        content_type: &str,
        output: &Output,
    ) -> Option<Result<PathBuf, OutputError>> {
        let Naming { template, fields } = self.folder.naming.as_deref()?;
        let (folders, name) = names::templated(template, fields, hint, content_type);
        let dir = self.dir.join(folders);
        let made = fs::create_dir_all(&dir).map_err(|source| OutputError { path: dir.clone(), source });
        Some(made.and_then(|()| {
            self.intend(&Output { path: dir.join(&name), ..output.clone() });
            name_it(&dir, &self.temp, &name)
        }))
    }

    /// Encodes the decoded data as base64 text again, in a new file.
    ///
    /// # Errors
    /// When either file cannot be read or written.
    pub fn to_base64(&mut self) -> Result<Self, OutputError> {
        let mut text = self.folder.begin()?;
        self.file.rewind().map_err(|source| self.error(source))?;
        // A multiple of three, so that there is no padding before the end.
        let mut block = vec![0; 48 * 1024];
        loop {
            let length = read_full(&mut self.file, &mut block).map_err(|source| self.error(source))?;
            let encoded = base64::prelude::BASE64_STANDARD.encode(&block[..length]);
            text.write(encoded.as_bytes())?;
            if length < block.len() {
                return Ok(text);
            }
        }
    }

    fn error(&self, source: io::Error) -> OutputError {
        OutputError { path: self.temp.clone(), source }
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.named {
            // An incomplete file; failing to remove it does no harm.
            let _ = fs::remove_file(&self.temp);
        }
    }
}

/// Gives a temporary file a name similar to `name`, without ever replacing another file, whoever
/// else writes to this folder.
pub(crate) fn name_it(dir: &Path, temp: &Path, name: &str) -> Result<PathBuf, OutputError> {
    let is_taken = |n: u32| dir.join(names::numbered(name, n)).symlink_metadata().is_ok();
    let mut number = 1;
    while number <= MAX_NUMBER {
        let path = dir.join(names::numbered(name, number));
        let named = match fs::hard_link(temp, &path) {
            Ok(()) => fs::remove_file(temp),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Err(_) => rename_to_new(temp, &path),
        };
        match named {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number = free_behind(number, is_taken);
            }
            Err(source) => return Err(OutputError { path, source }),
        }
    }
    Err(OutputError { path: temp.to_owned(), source: io::ErrorKind::AlreadyExists.into() })
}

/// Renames a file without replacing another, where the file system has no hard links.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
        // Nor that: reserve the name first, then replace the reserved file.
        Err(error) if disk::is_lacking(&error) => File::create_new(to).and_then(|_| fs::rename(from, to)),
        renamed => renamed,
    }
}

/// A number after a taken one that seems to be free. ComfyUI gives every first picture the same name, so thousands of
/// the same name are common: this checks only few of them.
fn free_behind(mut taken: u32, mut is_taken: impl FnMut(u32) -> bool) -> u32 {
    let mut step = 1;
    while taken + step <= MAX_NUMBER && is_taken(taken + step) {
        taken += step;
        step *= 2;
    }
    let mut free = taken + step;
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        if is_taken(middle) {
            taken = middle;
        } else {
            free = middle;
        }
    }
    free
}

/// Syncs the folder, so that the new name survives a power cut. Not every file system can; the
/// file's content is safe anyway.
fn sync_folder(dir: &Path) {
    if let Ok(folder) = File::open(dir) {
        let _ = folder.sync_all();
    }
}

/// A server's text for display: scrubbed and shortened.
pub(in crate::backend) fn bounded(text: &str) -> String {
    ansi::scrub_plain(text).chars().take(256).collect()
}

fn read_full(file: &mut File, block: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < block.len() {
        match file.read(&mut block[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests;
