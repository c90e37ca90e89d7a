//! A second folder for outputs whose own folder fails: paid results are not lost for lack of a folder.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::{OutputError, OutputFile, OutputFolder, reason};
use crate::config::dirs::private_dir;
use crate::domain::RunEvent;
use crate::domain::run::Output;

/// An output under its final name.
#[derive(Debug)]
pub struct Kept {
    pub output: Output,
    /// Why it is in another folder, and in which.
    remark: Option<String>,
}

impl Kept {
    /// The events that report it.
    pub fn events(self) -> impl Iterator<Item = RunEvent> {
        let remark = self.remark.map(|text| RunEvent::Warning { text });
        remark.into_iter().chain([RunEvent::OutputSaved(self.output)])
    }
}

impl OutputFolder {
    /// Adds rescue folders, tried in order.
    pub fn rescued_in(self, places: Vec<PathBuf>) -> Self {
        Self { rescue: places.into(), ..self }
    }

    /// Creates a file in the first rescue folder that works.
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
    /// Moves the file so far to the next folder that works.
    ///
    /// # Errors
    /// The error that made this necessary, when none works; the file so far is kept.
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
        // Part of a failed write may be in the file.
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
        // The first copy is removed, which frees its space.
        Ok(())
    }

    /// Leaves a complete file that cannot be renamed anywhere where it is.
    pub(super) fn leave(mut self, mut error: OutputError) -> OutputError {
        if self.size > 0 && fs::symlink_metadata(&self.temp).is_ok() {
            self.named = true;
            error.source = io::Error::other(format!(
                "{}; what was received is left in {}",
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
