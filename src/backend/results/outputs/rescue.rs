//! A second place for outputs whose own does not take them: a paid result is never thrown away for a folder.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::{OutputError, OutputFile, OutputFolder, reason};
use crate::config::dirs::private_dir;
use crate::domain::RunEvent;
use crate::domain::run::Output;

/// An output that has its name.
#[derive(Debug)]
pub struct Kept {
    pub output: Output,
    /// Why it lies elsewhere than it should, and where.
    remark: Option<String>,
}

impl Kept {
    /// What there is to tell of an output that is whole.
    pub fn events(self) -> impl Iterator<Item = RunEvent> {
        let remark = self.remark.map(|text| RunEvent::Warning { text });
        remark.into_iter().chain([RunEvent::OutputSaved(self.output)])
    }
}

impl OutputFolder {
    /// The same, with places for what it does not take, the first that does is used.
    pub fn rescued_in(self, places: Vec<PathBuf>) -> Self {
        Self { rescue: places.into(), ..self }
    }

    /// Begins a file in the first place that takes one, after the folder did not.
    pub(super) fn begin_elsewhere(&self, error: OutputError) -> Result<OutputFile, OutputError> {
        for (number, place) in self.rescue.iter().enumerate() {
            match open(self, place) {
                Ok(mut file) => {
                    (file.next_place, file.moved) = (number + 1, Some(error.to_string()));
                    return Ok(file);
                }
                Err(why) => tracing::warn!(run = self.run, "no second place: {why}"),
            }
        }
        Err(error)
    }
}

fn open(folder: &OutputFolder, place: &Path) -> Result<OutputFile, OutputError> {
    private_dir(place).map_err(|source| OutputError { path: place.to_owned(), source })?;
    folder.begin_in(place)
}

impl OutputFile {
    /// Goes on in the next place that takes what has come so far.
    ///
    /// # Errors
    /// With the error that brought it here, when none does; what came stays as it is then.
    pub(super) fn go_on_elsewhere(&mut self, error: OutputError) -> Result<(), OutputError> {
        while let Some(place) = self.folder.rescue.get(self.next_place).cloned() {
            self.next_place += 1;
            match self.copy_to(&place) {
                Ok(()) => {
                    self.moved.get_or_insert_with(|| error.to_string());
                    return Ok(());
                }
                Err(why) => tracing::warn!(run = self.folder.run, "no second place: {why}"),
            }
        }
        // Half of a write may have got there.
        let _ = self.file.set_len(self.size).and_then(|()| self.file.seek(SeekFrom::End(0)));
        Err(error)
    }

    fn copy_to(&mut self, place: &Path) -> Result<(), OutputError> {
        let mut other = open(&self.folder, place)?;
        let fault = |source: io::Error| OutputError { path: place.to_owned(), source };
        self.file.rewind().map_err(fault)?;
        let copied = io::copy(&mut (&self.file).take(self.size), &mut other.file).map_err(fault)?;
        if copied != self.size {
            return Err(fault(io::ErrorKind::UnexpectedEof.into()));
        }
        std::mem::swap(&mut self.file, &mut other.file);
        std::mem::swap(&mut self.temp, &mut other.temp);
        std::mem::swap(&mut self.dir, &mut other.dir);
        // The first copy goes, and with it the room that it took.
        Ok(())
    }

    /// A whole file that no place gives a name: it stays where it is.
    pub(super) fn leave(mut self, mut error: OutputError) -> OutputError {
        if self.size > 0 && fs::symlink_metadata(&self.temp).is_ok() {
            self.named = true;
            error.source = io::Error::other(format!(
                "{}; what came is left in {}",
                reason(&error.source),
                self.temp.display()
            ));
        }
        error
    }

    pub(super) fn kept(&self, output: Output) -> Kept {
        let remark = self.moved.as_ref().map(|why| {
            let why = why.trim_end_matches('.');
            format!(
                "{why}. {} is kept in {}; move it to where you want it",
                output.name,
                output.path.display()
            )
        });
        Kept { output, remark }
    }
}
