//! Outputs on disk: written beside their place, synced, and given their name only when they are whole.

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

/// More files of one name than anyone has: then something else is wrong.
const MAX_NUMBER: u32 = 100_000;

/// The folder into which a run's outputs go. Made when the first one comes.
#[derive(Clone, Debug, Default)]
pub struct OutputFolder {
    dir: PathBuf,
    run: RunId,
    naming: Option<Arc<Naming>>,
    /// Where goes what this folder does not take.
    rescue: Arc<[PathBuf]>,
    ledger: Option<Arc<dyn Ledger>>,
}

/// What the outputs of a run are called.
#[derive(Clone, Debug)]
pub struct Naming {
    pub template: OutputName,
    /// What its words stand for.
    pub fields: NameFields,
}

/// Why an output could not be written: what happened and what to do.
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
        io::ErrorKind::FileTooLarge => "it is larger than a file may be here".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
        _ => error.to_string(),
    }
}

/// How to have the output then is the run's end to say: it need not be run again.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Free some space",
        io::ErrorKind::FileTooLarge => "Raise the limit (`ulimit -f`) or choose another output folder",
        _ => "Choose another output folder",
    }
}

impl OutputFolder {
    /// The folder for the outputs of a run.
    pub fn new(dir: impl Into<PathBuf>, run: RunId) -> Self {
        Self { dir: dir.into(), run, ..Self::default() }
    }

    /// The same, with each output noted before it gets its name.
    pub fn noted_in(self, ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    /// The same, with names for the outputs that are not the server's.
    pub fn named(self, naming: Naming) -> Self {
        Self { naming: Some(Arc::new(naming)), ..self }
    }

    /// Begins a file. It has no name until [`OutputFile::keep`], and is gone when dropped before.
    ///
    /// # Errors
    /// When the folder or the file cannot be made, nor in a place for what the folder does not take.
    pub fn begin(&self) -> Result<OutputFile, OutputError> {
        self.begin_in(&self.dir).or_else(|error| self.begin_elsewhere(error))
    }

    fn begin_in(&self, dir: &Path) -> Result<OutputFile, OutputError> {
        fs::create_dir_all(dir).map_err(|source| OutputError { path: dir.to_owned(), source })?;
        let mut number = 0;
        loop {
            let temp = dir.join(salvage::temp_name(self.run, number));
            // Readable too: a broken output is read back to keep its raw text.
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

/// An output that is being written.
#[derive(Debug)]
pub struct OutputFile {
    folder: OutputFolder,
    /// Where it lies, which is elsewhere when the folder does not take it.
    dir: PathBuf,
    temp: PathBuf,
    file: File,
    hash: Sha256,
    size: u64,
    /// It has its name: what is called like the temporary file from now on is another's.
    named: bool,
    /// Which of the places for what the folder does not take is next.
    next_place: usize,
    /// Why it does not lie in the folder.
    moved: Option<String>,
}

impl OutputFile {
    /// Appends bytes.
    ///
    /// # Errors
    /// When no disk takes them; what came before is still there then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        while let Err(source) = self.file.write_all(bytes) {
            self.go_on_elsewhere(self.error(source))?;
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Syncs the file and gives it a name near the server's hint that no other file has.
    ///
    /// # Errors
    /// When it cannot be synced or named in any place.
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
            // A folder that cannot be made must not cost an output: then it has the server's name.
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

    /// Has it noted that the file is about to get its name. Without that a process that dies just then leaves an output
    /// that nobody knows, which is no reason to lose it now.
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

    /// Gives the file the name that the template says, if there is one.
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

    /// What was decoded as base64 text once more, in a new file of the folder.
    ///
    /// # Errors
    /// When either file cannot be read or written.
    pub fn to_base64(&mut self) -> Result<Self, OutputError> {
        let mut text = self.folder.begin()?;
        self.file.rewind().map_err(|source| self.error(source))?;
        // A multiple of three: no padding before the end.
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
            // A piece of nothing; that it stays when it cannot be removed does no harm, and there is nobody to tell.
            let _ = fs::remove_file(&self.temp);
        }
    }
}

/// Gives a temporary file a name near `name`: never over another file, whoever else writes here at the same time.
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

/// Renames a file, never over another, where the file system has no links.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
        // Neither that: take the name first, then put the file in its place.
        Err(error) if disk::is_lacking(&error) => File::create_new(to).and_then(|_| fs::rename(from, to)),
        renamed => renamed,
    }
}

/// A number behind a taken one that seems to be free. ComfyUI names every first picture alike, so thousands of a name
/// are usual: this looks at few of them.
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

/// Makes the new name itself outlive a power cut. Not every file system can: then the file is safe all the same.
fn sync_folder(dir: &Path) {
    if let Ok(folder) = File::open(dir) {
        let _ = folder.sync_all();
    }
}

/// A server's text, for people: scrubbed, of a bounded length.
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
mod tests {
    use super::*;

    fn written(folder: &OutputFolder, bytes: &[u8]) -> OutputFile {
        let mut file = folder.begin().expect("a file");
        file.write(bytes).expect("written");
        file
    }

    pub(in crate::backend) fn names_in(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).expect("a folder");
        let mut names: Vec<_> =
            entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_whole_and_no_file_is_lost() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = OutputFolder::new(dir.path().join("made/for it"), 7);
        let first = written(&folder, b"hello").keep("../a.png", "image/png").expect("kept").output;
        let second = written(&folder, b"other").keep("a.png", "image/png").expect("kept").output;
        assert_eq!(first.size, 5);
        assert_eq!(first.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(first.path, dir.path().join("made/for it/a.png"));
        assert_eq!(fs::read(&first.path).expect("read"), b"hello");
        assert_eq!(fs::read(&second.path).expect("read"), b"other");
        assert_eq!(names_in(&dir.path().join("made/for it")), ["a-2.png", "a.png"]);
    }

    #[test]
    fn a_template_puts_outputs_into_folders_of_its_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let template = OutputName::parse("{preset}/{run}-{name}").expect("a template");
        let fields = NameFields { preset: "../cat".to_owned(), run: "7".to_owned(), ..NameFields::default() };
        let folder = OutputFolder::new(dir.path(), 7).named(Naming { template, fields });
        let first = written(&folder, b"1").keep("../a.png", "").expect("kept").output;
        let second = written(&folder, b"2").keep("a.png", "").expect("kept").output;
        assert_eq!(first.path, dir.path().join("_cat/7-a.png"));
        assert_eq!(second.path, dir.path().join("_cat/7-a-2.png"));
        assert_eq!((first.name.as_str(), fs::read(&second.path).expect("read")), ("../a.png", b"2".to_vec()));
        assert_eq!(names_in(dir.path()), ["_cat"]);
        // Where the folder should be lies a file.
        fs::remove_dir_all(dir.path().join("_cat")).expect("removed");
        fs::write(dir.path().join("_cat"), "").expect("written");
        let third = written(&folder, b"3").keep("a.png", "").expect("kept all the same").output;
        assert_eq!(third.path, dir.path().join("a.png"));
    }

    #[test]
    fn what_is_not_kept_is_gone() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = OutputFolder::new(dir.path(), 7);
        let file = written(&folder, b"half");
        assert_eq!(names_in(dir.path()).len(), 1);
        drop(file);
        assert_eq!(names_in(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn many_writers_of_one_name_never_clobber() {
        let dir = tempfile::tempdir().expect("a folder");
        let writers: Vec<_> = (0..8)
            .map(|run| {
                let folder = OutputFolder::new(dir.path(), run % 2);
                std::thread::spawn(move || {
                    for n in 0..10 {
                        written(&folder, format!("{run} {n}").as_bytes()).keep("a.png", "").expect("kept");
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().expect("no panic");
        }
        let names = names_in(dir.path());
        let mut contents: Vec<_> =
            names.iter().map(|name| fs::read(dir.path().join(name)).expect("read")).collect();
        contents.sort();
        contents.dedup();
        assert_eq!((names.len(), contents.len()), (80, 80));
    }

    #[test]
    fn a_free_number_is_found_with_few_looks() {
        for (last, hole) in [(1, 0), (2, 0), (3_000, 0), (3_000, 2_500), (99_999, 0)] {
            let mut looks = 0;
            let free = free_behind(1, |number| {
                looks += 1;
                number <= last && number != hole
            });
            assert!(free == last + 1 || free == hole, "{free} of {last}");
            assert!(looks < 40, "{looks} looks at {last}");
        }
        assert!(free_behind(1, |_| true) > MAX_NUMBER);
    }

    #[test]
    fn what_was_decoded_becomes_text_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = OutputFolder::new(dir.path(), 7);
        let bytes: Vec<u8> = (0..100_001_u32).map(|n| n.to_le_bytes()[0]).collect();
        let text = written(&folder, &bytes).to_base64().expect("turned");
        let kept = text.keep("a.png.base64", "").expect("kept").output;
        let text = fs::read(kept.path).expect("read");
        assert_eq!(base64::prelude::BASE64_STANDARD.decode(text).expect("base64"), bytes);
    }

    #[test]
    fn a_folder_that_cannot_be_created_is_reported_with_the_remedy() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("file"), b"").expect("written");
        let error = OutputFolder::new(dir.path().join("file/under"), 1).begin().expect_err("no folder");
        assert!(error.to_string().contains("Choose another output folder"), "{error}");
    }
}
