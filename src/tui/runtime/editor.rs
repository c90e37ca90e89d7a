//! Editing a parameter's text with `$VISUAL` or `$EDITOR`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::domain::ParamKey;
use crate::tui::msg::Msg;
use crate::tui::notice::Tone;
use crate::tui::terminal::Session;

/// Gives the terminal to the editor with a text, and takes both back.
pub(super) fn edit(session: &mut Session, folder: &Path, key: ParamKey, text: &str, extension: &str) -> Msg {
    let edited = ScratchFile::new(folder, text, extension).and_then(|file| {
        let editor = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok());
        let editor = editor.filter(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
        // As git does: the variable may hold arguments, so a shell splits it; the path goes as an argument.
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{editor} \"$1\"")).arg("editor").arg(file.path());
        let status = session.hand_over(|| command.status())??;
        if status.success() { file.read().map(Ok) } else { Ok(Err(format!("{editor} ended with {status}"))) }
    });
    match edited {
        Ok(Ok(text)) => Msg::Edited { key, text },
        Ok(Err(why)) => Msg::Notice(Tone::Bad, format!("{why}; the text is as it was")),
        Err(error) => Msg::Notice(Tone::Bad, format!("The editor could not be used: {error}")),
    }
}

/// A file with a text in it for an editor to open, gone when dropped.
#[derive(Debug)]
struct ScratchFile {
    path: PathBuf,
}

impl ScratchFile {
    /// Writes the text into a private file of the runtime folder.
    fn new(folder: &Path, text: &str, extension: &str) -> io::Result<Self> {
        crate::config::dirs::private_dir(folder)?;
        let path = folder.join(format!("edit-{}-{:08x}.{extension}", std::process::id(), fastrand::u32(..)));
        fs::write(&path, text)?;
        Ok(Self { path })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self) -> io::Result<String> {
        let bytes = fs::read(&self.path)?;
        String::from_utf8(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{} could not be removed: {error}", self.path.display());
        }
    }
}
