//! Files of values that a batch goes through.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::config::dirs::expand;
use crate::domain::batch::Files;

/// Largest size of a file of values, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// Files by their path from the working directory.
#[derive(Debug)]
pub struct DiskFiles<'a> {
    pub working: &'a Path,
}

impl Files for DiskFiles<'_> {
    fn text(&self, path: &str) -> Result<String, String> {
        read_text(&expand(path, self.working))
    }

    fn files(&self, path: &str) -> Result<Vec<PathBuf>, String> {
        let path = expand(path, self.working);
        let found = std::fs::metadata(&path).map_err(|e| format!("it cannot be read: {e}"))?;
        if found.is_file() {
            return Ok(vec![path]);
        }
        let mut files: Vec<PathBuf> = std::fs::read_dir(&path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>())
            .map_err(|e| format!("the folder cannot be read: {e}"))?;
        files.retain(|file| {
            let is_hidden = file.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            !is_hidden && file.is_file()
        });
        files.sort();
        if files.is_empty() { Err("there is no file in this folder".to_owned()) } else { Ok(files) }
    }
}

/// The text of a file of values.
///
/// # Errors
/// Why it cannot be read.
pub fn read_text(path: &Path) -> Result<String, String> {
    let file = std::fs::File::open(path).map_err(|e| format!("it cannot be read: {e}"))?;
    bounded(file)
}

/// The text of a stream of values.
///
/// # Errors
/// Why it cannot be read.
pub fn bounded(from: impl Read) -> Result<String, String> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|e| format!("it cannot be read: {e}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err("it is longer than 64 MB".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
