//! Opens a text in `$EDITOR`; unchanged parts come back byte for byte.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::config::dirs::private_dir;
use crate::domain::ParamKey;
use crate::tui::msg::Msg;
use crate::tui::notice::Tone;
use crate::tui::terminal::Session;

/// Opens a text in the editor, which has the terminal meanwhile; returns what was saved.
pub(super) fn edit(session: &mut Session, folder: &Path, key: ParamKey, text: &str, extension: &str) -> Msg {
    let edited = ScratchFile::new(folder, text, extension).and_then(|file| {
        let program = command(|name| std::env::var_os(name));
        // As git does: the variable may hold arguments, so a shell splits it; the path is passed as an argument.
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{program} \"$1\"")).arg("editor").arg(file.path());
        let status = session.hand_over(|| command.status())??;
        if status.success() {
            file.edited().map(Ok)
        } else {
            Ok(Err(format!("{program} ended with {status}")))
        }
    });
    match edited {
        Ok(Ok(Edited::Text(text))) => Msg::Edited { key, text },
        Ok(Ok(Edited::NotText(path))) => {
            let what = "What the editor saved is not UTF-8 text, so the value is unchanged. The file is kept";
            Msg::Notice(Tone::Bad, format!("{what}: {}", path.display()))
        }
        Ok(Err(why)) => Msg::Notice(Tone::Bad, format!("{why}; the text is unchanged")),
        Err(error) => Msg::Notice(Tone::Bad, format!("The editor could not be used: {error}")),
    }
}

/// The editor that a person wants; a variable with an empty response wants none.
fn command(env: impl Fn(&str) -> Option<OsString>) -> String {
    let wanted = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| env(name)?.into_string().ok());
    let mut wanted = wanted.filter(|editor| !editor.trim().is_empty());
    wanted.next().unwrap_or_else(|| "vi".to_owned())
}

/// What an editor made of a text.
#[derive(Debug, PartialEq, Eq)]
enum Edited {
    Text(String),
    /// It is not UTF-8 text. The file stays.
    NotText(PathBuf),
}

/// A temporary file for the editor, removed when dropped.
#[derive(Debug)]
struct ScratchFile {
    path: PathBuf,
    text: String,
    kept: bool,
}

impl ScratchFile {
    /// Writes the text into a private file of the runtime folder.
    fn new(folder: &Path, text: &str, extension: &str) -> io::Result<Self> {
        private_dir(folder)?;
        let path = folder.join(format!("edit-{}-{:08x}.{extension}", std::process::id(), fastrand::u32(..)));
        fs::write(&path, text)?;
        Ok(Self { path, text: text.to_owned(), kept: false })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// The file's content. Editors add a final line end that the person did not type.
    fn edited(mut self) -> io::Result<Edited> {
        let Ok(mut text) = String::from_utf8(fs::read(&self.path)?) else {
            self.kept = true;
            return Ok(Edited::NotText(self.path.clone()));
        };
        if text != self.text && !self.text.ends_with('\n') && text.ends_with('\n') {
            text.pop();
            // In the file's own kind, if it has one.
            if self.text.contains("\r\n") && text.ends_with('\r') && !self.text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(Edited::Text(text))
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{} could not be removed: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_with_nothing_in_it_is_no_editor() {
        for (visual, editor, wanted) in [
            (Some("hx"), Some("nano"), "hx"),
            (Some(""), Some("nano -w"), "nano -w"),
            (Some("  "), None, "vi"),
            (None, None, "vi"),
        ] {
            let env = |name: &str| if name == "VISUAL" { visual } else { editor }.map(OsString::from);
            assert_eq!(command(env), wanted);
        }
    }

    fn edited(before: &str, after: &[u8]) -> Edited {
        let folder = tempfile::tempdir().expect("a folder");
        let file = ScratchFile::new(folder.path(), before, "txt").expect("written");
        fs::write(file.path(), after).expect("written");
        let edited = file.edited().expect("read");
        if let Edited::NotText(path) = &edited {
            assert_eq!(fs::read(path).expect("still there"), after);
        } else {
            assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        }
        edited
    }

    #[test]
    fn what_is_left_alone_comes_back_byte_for_byte() {
        for text in ["", "a", "a\n", "a\n\n", "a\r\nb", "a\r\nb\r\n", "a\r", "\u{feff}a\n", "\n"] {
            assert_eq!(edited(text, text.as_bytes()), Edited::Text(text.to_owned()));
        }
        // The editor's own end of the last line goes, and nothing else.
        for (before, after, text) in [
            ("a", "a\n", "a"),
            ("a", "b\n", "b"),
            ("a\n", "b\n", "b\n"),
            ("a\n", "b", "b"),
            ("a", "b\n\n", "b\n"),
            ("a\r\nb", "a\r\nc\r\n", "a\r\nc"),
            ("\u{feff}a", "\u{feff}b\n", "\u{feff}b"),
        ] {
            assert_eq!(
                edited(before, after.as_bytes()),
                Edited::Text(text.to_owned()),
                "{before:?} {after:?}"
            );
        }
    }

    #[test]
    fn text_in_another_encoding_is_kept() {
        assert!(matches!(edited("a", b"caf\xe9\n"), Edited::NotText(_)));
    }
}
