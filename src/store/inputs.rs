//! Input files, kept by content, so that a run can be repeated after the file on disk has changed or gone.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Store, StoreError};
use crate::config::files::NewFile;
use crate::domain::workflow::hex;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;

/// A file whose content is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptInput {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content in hex.
    pub sha256: String,
    /// The first bytes, at most 16, by which formats tell themselves.
    pub magic: Vec<u8>,
}

impl KeptInput {
    /// Looks at a file as [`Store::keep_input`] does, without keeping its content.
    ///
    /// # Errors
    /// When the file is none (a folder, a pipe) or cannot be read.
    pub fn look(path: &Path) -> Result<Self, StoreError> {
        hashed(path, None)
    }
}

impl Store {
    /// Copies a file's content into the store, unless the same content is there already. A copy, never a
    /// link: the original may be edited in place.
    ///
    /// # Errors
    /// If it is not a regular file or cannot be read, or the copy cannot be written.
    pub fn keep_input(&self, path: &Path) -> Result<KeptInput, StoreError> {
        let found = hashed(path, None)?;
        let known = std::fs::metadata(self.input_path(&found.sha256));
        if known.is_ok_and(|known| known.len() == found.size) {
            return Ok(found);
        }
        let folder = self.data.join("inputs");
        let mut copy = NewFile::in_folder(&folder, 0o600).map_err(StoreError::writing(&folder))?;
        let kept = hashed(path, Some((&mut copy, &folder)))?;
        // The file may change while it is copied, so the copy's own hash is its name.
        let place = self.input_path(&kept.sha256);
        copy.sync().and_then(|()| copy.place(&place)).map_err(StoreError::writing(&place))?;
        Ok(kept)
    }

    /// Whether a file still has the content with this hash.
    pub fn is_same(path: &Path, sha256: &str) -> bool {
        hashed(path, None).is_ok_and(|found| found.sha256 == sha256)
    }

    /// Where the content with this hash lies.
    pub fn input_path(&self, sha256: &str) -> PathBuf {
        self.data.join("inputs").join(sha256)
    }
}

/// Reads a file to its end, and writes a copy when one is wanted.
fn hashed(path: &Path, mut copy: Option<(&mut NewFile, &Path)>) -> Result<KeptInput, StoreError> {
    // Asked before opening: opening a pipe waits for a writer.
    let is_file = std::fs::metadata(path).map_err(StoreError::reading(path))?.is_file();
    if !is_file {
        let why = io::Error::new(io::ErrorKind::InvalidInput, "it is not a file");
        return Err(StoreError::reading(path)(why));
    }
    let mut file = File::open(path).map_err(StoreError::reading(path))?;
    let mut hash = Sha256::new();
    let mut kept = KeptInput { size: 0, sha256: String::new(), magic: Vec::new() };
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(StoreError::reading(path)(error)),
        };
        let bytes = &buffer[..read];
        let missing = 16_usize.saturating_sub(kept.magic.len()).min(read);
        kept.magic.extend_from_slice(&bytes[..missing]);
        hash.update(bytes);
        kept.size += read as u64;
        if let Some((copy, to)) = &mut copy {
            copy.write_all(bytes).map_err(StoreError::writing(to))?;
        }
    }
    kept.sha256 = hex(&hash.finalize());
    Ok(kept)
}
