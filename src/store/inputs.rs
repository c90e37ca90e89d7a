//! Input files, kept by content hash, so that a run can be repeated after the file on disk changed or is gone.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Store, StoreError};
use crate::config::files::NewFile;
use crate::domain::workflow::hex;

/// Bytes copied at once.
const CHUNK: usize = 256 * 1024;

/// A file's size, hash and first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptInput {
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the content in hex.
    pub sha256: String,
    /// The first 16 bytes at most, from which the file type is recognised.
    pub magic: Vec<u8>,
}

impl KeptInput {
    /// As [`Store::keep_input`], but without copying the content.
    ///
    /// # Errors
    /// When the path is not a regular file (a folder, a pipe) or cannot be read.
    pub fn look(path: &Path) -> Result<Self, StoreError> {
        hashed(path, None)
    }
}

impl Store {
    /// Copies a file's content into the store, unless it is there already. Never a hard link: the original
    /// may be edited in place.
    ///
    /// # Errors
    /// When the path is not a regular file or cannot be read, or the copy cannot be written.
    pub fn keep_input(&self, path: &Path) -> Result<KeptInput, StoreError> {
        let found = hashed(path, None)?;
        let known = std::fs::metadata(self.input_path(&found.sha256));
        if known.is_ok_and(|known| known.len() == found.size) {
            return Ok(found);
        }
        let folder = self.data.join("inputs");
        let mut copy = NewFile::in_folder(&folder, 0o600).map_err(StoreError::writing(&folder))?;
        let kept = hashed(path, Some((&mut copy, &folder)))?;
        // Named by the hash of the copy, since the original may change while it is copied.
        let place = self.input_path(&kept.sha256);
        copy.sync().and_then(|()| copy.place(&place)).map_err(StoreError::writing(&place))?;
        Ok(kept)
    }

    /// Keeps a content that is in memory, unless it is there already.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_content(&self, content: &[u8]) -> Result<KeptInput, StoreError> {
        let magic = content[..content.len().min(16)].to_vec();
        let kept = KeptInput { size: content.len() as u64, sha256: hex(&Sha256::digest(content)), magic };
        let (folder, place) = (self.data.join("inputs"), self.input_path(&kept.sha256));
        if !std::fs::metadata(&place).is_ok_and(|known| known.len() == kept.size) {
            let mut copy = NewFile::in_folder(&folder, 0o600).map_err(StoreError::writing(&folder))?;
            copy.write_all(content)
                .and_then(|()| copy.sync())
                .and_then(|()| copy.place(&place))
                .map_err(StoreError::writing(&place))?;
        }
        Ok(kept)
    }

    /// Whether the file's content still has this hash.
    pub fn is_same(path: &Path, sha256: &str) -> bool {
        hashed(path, None).is_ok_and(|found| found.sha256 == sha256)
    }

    /// Path of the kept content with this hash, whether or not it exists.
    pub fn input_path(&self, sha256: &str) -> PathBuf {
        self.data.join("inputs").join(sha256)
    }
}

/// Hashes a file, and copies it when `copy` names a target.
fn hashed(path: &Path, mut copy: Option<(&mut NewFile, &Path)>) -> Result<KeptInput, StoreError> {
    // Checked before opening: opening a pipe would block until somebody writes to it.
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
