//! The runner's own log file, of bounded size.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;

use super::RunnerError;

/// Size in bytes at which the file is renamed to `runner.log.old`, replacing the one before.
const MOST: u64 = 1_000_000;

/// Sends the runner's log messages and panics to `runner.log`.
pub(super) fn begin(state: &Path) -> Result<(), RunnerError> {
    let path = state.join("runner.log");
    let journal = Journal::open(path.clone()).map_err(|why| RunnerError::File { path, why })?;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::INFO)
        .with_ansi(false)
        .with_target(false)
        .with_writer(Mutex::new(journal))
        .finish();
    // Fails only where the runner shares a process whose log is set up already.
    let _ = tracing::subscriber::set_global_default(subscriber);
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    Ok(())
}

/// A log file that starts anew when it is full.
struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Journal {
    fn open(path: PathBuf) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = File::options().append(true).create(true).mode(0o600).open(&path)?;
        let length = file.metadata()?.len();
        Ok(Self { path, file, length })
    }
}

impl Write for Journal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.length >= MOST {
            std::fs::rename(&self.path, self.path.with_extension("log.old"))?;
            *self = Self::open(self.path.clone())?;
        }
        let written = self.file.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_stays_bounded_and_the_newest_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("runner.log");
        let mut journal = Journal::open(path.clone()).expect("a journal");
        let line = [b'x'; 1_000];
        for _ in 0..3_500 {
            journal.write_all(&line).expect("written");
        }
        journal.write_all(b"the end").expect("written");
        let length = |name: &str| std::fs::metadata(folder.path().join(name)).expect(name).len();
        assert!(length("runner.log") <= MOST && length("runner.log.old") <= MOST + 1_000);
        assert!(std::fs::read(path).expect("read").ends_with(b"the end"));
    }
}
